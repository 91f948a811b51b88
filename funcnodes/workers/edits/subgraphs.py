"""Edits that make subgraphs, change their ports, and take them apart; each with its inverse.

As every edit they run nothing: making, promoting and their inverses keep every value where it is.
What is taken back by its saved form (dissolving, updating) has its set values again; results come
with the next execution. Groups that a person has made are put back as they were.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from funcnodes.core import Node, NodeInput, NodeSpace, SubgraphNode, dissolve, make_subgraph
from funcnodes.core.naming import split
from funcnodes.core.nodes import Port
from funcnodes.core.nodes.form import dump_node
from funcnodes.core.subgraphs.passages import InputPassage, Passage
from funcnodes.errors import GraphError
from funcnodes.workers.edits.attributes import ChangeEdit
from funcnodes.workers.edits.canvas import place_of
from funcnodes.workers.edits.edges import connect_silently
from funcnodes.workers.edits.edit import Edit, SeveralEdits, inside
from funcnodes.workers.edits.labels import named, unused_name
from funcnodes.workers.edits.nodes import remove_nodes
from funcnodes.workers.edits.scopes import Edge, space_at
from funcnodes.workers.edits.values import Held

BESIDE = 280.0  # canvas px from the nodes inside to the ports beside them
APART = 96.0  # from one port to the next


@dataclass(slots=True)
class MakeSubgraphEdit:
    """Nodes put into a subgraph in their place."""

    label: str
    ids: list[str]
    name: str
    uuid: str = field(default_factory=lambda: uuid4().hex)
    structural: bool = True
    _groups: dict[str, Any] = field(default_factory=dict)

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.uuid})

    def apply(self, space: NodeSpace) -> None:
        nodes = [space.get_node_by_id(uuid) for uuid in self.ids]
        self._groups = space.groups.serialize()
        made = make_subgraph(space, nodes, name=self.name, uuid=self.uuid)
        _place_gates(made)

    def revert(self, space: NodeSpace) -> None:
        dissolve(space, subgraph_at(space, self.uuid))
        space.groups.deserialize(self._groups)

    def absorb(self, later: Any) -> bool:
        return False


@dataclass(slots=True)
class DissolveEdit:
    """What is inside a subgraph put in its place; `inside` has the ids that it has then."""

    label: str
    uuid: str
    inside: list[str] = field(default_factory=list)
    structural: bool = True
    _before: "_Before | None" = None
    _new_ids: dict[str, str] = field(default_factory=dict)

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.uuid, *self.inside})

    def apply(self, space: NodeSpace) -> None:
        self._before = _Before.of(space, self.uuid)
        nodes = dissolve(space, subgraph_at(space, self.uuid), new_ids=self._new_ids)
        self.inside = [node.uuid for node in nodes]

    def revert(self, space: NodeSpace) -> None:
        for uuid in self.inside:
            space.remove_node_by_id(uuid)
        if self._before is not None:
            self._before.restore(space)

    def absorb(self, later: Any) -> bool:
        return False


@dataclass(slots=True)
class PromoteEdit:
    """A port of an inner node made one of the subgraph; `gate` is its id there."""

    label: str
    subgraph: str
    node: str
    port: str
    name: str
    gate: str = ""
    structural: bool = True

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.subgraph})

    def apply(self, space: NodeSpace) -> None:
        subgraph = subgraph_at(space, self.subgraph)
        inner = subgraph.inner.get_node_by_id(self.node)
        port = subgraph.promote(inner.get_input_or_output(self.port), name=self.name)
        self.gate = port.id
        _place_gates(subgraph)

    def revert(self, space: NodeSpace) -> None:
        subgraph = subgraph_at(space, self.subgraph)
        subgraph.demote(_outer_port(subgraph, self.gate))

    def absorb(self, later: Any) -> bool:
        return False


@dataclass(slots=True)
class DemoteEdit:
    """A port of a subgraph taken away, and its wires outside and inside."""

    label: str
    subgraph: str
    port: str
    structural: bool = True
    _gate: dict[str, Any] = field(default_factory=dict)
    _inner: list[Edge] = field(default_factory=list)
    _outer: list[Edge] = field(default_factory=list)
    _held: Held | None = None

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.subgraph})

    def apply(self, space: NodeSpace) -> None:
        subgraph = subgraph_at(space, self.subgraph)
        port = _outer_port(subgraph, self.port)
        gate = subgraph.inner.get_node_by_id(self.port)
        self._gate = dump_node(gate)
        self._inner = _edges_at(subgraph.inner, self.port)
        here = self.subgraph, self.port
        self._outer = [edge for edge in space.edges if here in (edge[:2], edge[2:])]
        is_free = isinstance(port, NodeInput) and not port.sources
        self._held = Held.of(port) if is_free and isinstance(port, NodeInput) else None
        subgraph.demote(port)

    def revert(self, space: NodeSpace) -> None:
        subgraph = subgraph_at(space, self.subgraph)
        subgraph.inner.add_saved_node(self._gate)
        for edge in self._inner:
            connect_silently(subgraph.inner, edge)
        for edge in self._outer:
            connect_silently(space, edge)
        if self._held is not None and self._held.was_set:
            subgraph.get_input(self.port).restore(self._held.value)

    def absorb(self, later: Any) -> bool:
        return False


@dataclass(slots=True)
class UpdateSubgraphEdit:
    """A subgraph that has become what its file is now."""

    label: str
    uuid: str
    graph: Mapping[str, Any]
    structural: bool = True
    _before: "_Before | None" = None

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.uuid})

    def apply(self, space: NodeSpace) -> None:
        subgraph = subgraph_at(space, self.uuid)
        self._before = _Before.of(space, self.uuid)
        subgraph.replace_inner(self.graph)
        subgraph.origin = subgraph.version

    def revert(self, space: NodeSpace) -> None:
        if self._before is not None:
            space.remove_node_by_id(self.uuid)
            self._before.restore(space)

    def absorb(self, later: Any) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class _Before:
    """One node with its wires, and the groups, as they were."""

    node: dict[str, Any]
    edges: list[Edge]
    groups: dict[str, Any]

    @classmethod
    def of(cls, space: NodeSpace, uuid: str) -> "_Before":
        node = dump_node(space.get_node_by_id(uuid))
        return cls(node, _edges_at(space, uuid), space.groups.serialize())

    def restore(self, space: NodeSpace) -> None:
        space.add_saved_node(self.node)
        for edge in self.edges:
            connect_silently(space, edge)
        space.groups.deserialize(self.groups)


# ── edits by what a person asks for ───────────────────────────────────────────────────────


def into_subgraph(space: NodeSpace, ids: list[str], name: str) -> MakeSubgraphEdit:
    """A subgraph of nodes; ports of a subgraph that is open stay where they are."""
    nodes = [space.get_node_by_id(uuid) for uuid in dict.fromkeys(ids)]
    chosen = [node.uuid for node in nodes if not isinstance(node, Passage)]
    wanted = " ".join(name.split())[:200] or SubgraphNode.node_name
    what = named(space, chosen) if chosen else "nothing"
    return MakeSubgraphEdit(f"make a subgraph of {what}", chosen, unused_name(space, wanted))


def take_apart(space: NodeSpace, uuid: str) -> DissolveEdit:
    """What is inside a subgraph in its place."""
    return DissolveEdit(f"dissolve {subgraph_at(space, uuid).name}", uuid)


def promote(space: NodeSpace, subgraph: str, node: str, port: str, name: str) -> PromoteEdit:
    """A port of an inner node as one of the subgraph."""
    found = subgraph_at(space, subgraph).inner.get_node_by_id(node).get_input_or_output(port)
    if isinstance(found.node, Passage):
        raise GraphError(f"{found.node.name} is a port of the subgraph already.")
    wanted = " ".join(name.split())[:200]
    return PromoteEdit(f"promote {found.node.name}.{found.name}", subgraph, node, port, wanted)


def demote(space: NodeSpace, subgraph: str, port: str) -> DemoteEdit:
    """One port less."""
    found = subgraph_at(space, subgraph)
    return DemoteEdit(f"remove the port {_outer_port(found, port).name}", subgraph, port)


def update_subgraph(space: NodeSpace, uuid: str) -> UpdateSubgraphEdit:
    """What the file of a subgraph is now.

    Raises:
        GraphError: It has no file, or the library does not list it.
    """
    subgraph = subgraph_at(space, uuid)
    if not subgraph.file:
        raise GraphError(f"{subgraph.name} was made from no file, so there is nothing newer.")
    found = space.lib.find_subgraph(subgraph.file)
    if found is None:
        raise GraphError(f"{subgraph.name}: there is no file {subgraph.file!r} in the library.")
    return UpdateSubgraphEdit(f"update {subgraph.name}", uuid, found["graph"])


def saved_as(space: NodeSpace, uuid: str, file: str, version: str) -> ChangeEdit:
    """A subgraph counts as made from that version of that file."""

    def get(node: Node) -> tuple[str, str]:
        found = as_subgraph(node)
        return found.file, found.origin

    def put(node: Node, value: tuple[str, str]) -> None:
        found = as_subgraph(node)
        found.file, found.origin = value

    name = subgraph_at(space, uuid).name
    return ChangeEdit(f"save {name} as a file", uuid, get, put, (file, version))


def remove(root: NodeSpace, scope: str, space: NodeSpace, ids: list[str],
           edges: list[Edge]) -> Edit:  # fmt: skip
    """Nodes and wires in a scope taken away; of a subgraph's ports also the wires outside."""
    gates = [uuid for uuid in dict.fromkeys(ids) if isinstance(space.get_node_by_id(uuid), Passage)]
    rest = remove_nodes(space, [uuid for uuid in ids if uuid not in gates], edges)
    if not gates:
        return inside(scope, rest)
    outer, subgraph = split(scope)
    around = space_at(root, outer)
    ports = [inside(outer, demote(around, subgraph, gate)) for gate in gates]
    if not rest.ids and not rest.edges:
        return ports[0] if len(ports) == 1 else SeveralEdits("remove ports", ports)
    return SeveralEdits(f"remove {named(space, ids)}",
                           [inside(scope, rest), *ports])  # fmt: skip


def subgraph_at(space: NodeSpace, uuid: str) -> SubgraphNode:
    """The subgraph of that id; raises GraphError where it is none."""
    return as_subgraph(space.get_node_by_id(uuid))


def as_subgraph(node: Node) -> SubgraphNode:
    """The node as a subgraph; raises GraphError where it is none."""
    if not isinstance(node, SubgraphNode):
        raise GraphError(f"{node.name} is no subgraph.", node=node.uuid)
    return node


def _outer_port(subgraph: SubgraphNode, port_id: str) -> Port:
    found = subgraph.inputs.get(port_id) or subgraph.outputs.get(port_id)
    if found is None:
        raise GraphError(f"{subgraph.name} has no port {port_id!r}.", node=subgraph.uuid)
    return found


def _edges_at(space: NodeSpace, uuid: str) -> list[Edge]:
    return [edge for edge in space.edges if uuid in (edge[0], edge[2])]


def _place_gates(subgraph: SubgraphNode) -> None:
    """Put ports that are nowhere yet left and right of what is inside."""
    gates = [node for node in subgraph.inner.nodes if isinstance(node, Passage)]
    inside = [place_of(node) for node in subgraph.inner.nodes if not isinstance(node, Passage)]
    left, right = (min(inside)[0], max(inside)[0]) if inside else (0.0, 0.0)
    top = min((y for _, y in inside), default=0.0)
    taken = {place_of(gate) for gate in gates if "pos" in gate.properties}
    for gate in gates:
        if "pos" in gate.properties:
            continue
        x, y = (left - BESIDE, top) if isinstance(gate, InputPassage) else (right + BESIDE, top)
        while (x, y) in taken:
            y += APART
        taken.add((x, y))
        gate.properties["pos"] = [x, y]
