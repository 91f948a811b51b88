"""Edits that bring nodes, copies of them among others, and take them away."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from funcnodes.core import NodeSpace, Place
from funcnodes.core.nodes.form import dump_node
from funcnodes.core.nodes.loading import loading
from funcnodes.workers.edits.canvas import place_of
from funcnodes.workers.edits.edges import connect_silently, disconnect_silently, ends_of
from funcnodes.workers.edits.frames import check_frame, check_holdable
from funcnodes.workers.edits.labels import count_of, free_name, named, unused_name
from funcnodes.workers.edits.scopes import Edge


@dataclass(slots=True)
class AddNodesEdit:
    """Nodes in their saved form, with the wires among them."""

    label: str
    nodes: list[dict[str, Any]]
    edges: list[Edge] = field(default_factory=list)
    structural: bool = True

    @property
    def touches(self) -> frozenset[str]:
        return frozenset(node["id"] for node in self.nodes) | ends_of(self.edges)

    def apply(self, space: NodeSpace) -> None:
        _restore(space, self.nodes, self.edges)

    def revert(self, space: NodeSpace) -> None:
        self.nodes = [dump_node(space.get_node_by_id(node["id"])) for node in self.nodes]
        for node in self.nodes:
            space.remove_node_by_id(node["id"])

    def absorb(self, later: Any) -> bool:
        return False


@dataclass(slots=True)
class RemoveNodesEdit:
    """Nodes and further wires taken away; kept in their saved form."""

    label: str
    ids: list[str]
    edges: list[Edge]
    structural: bool = True
    _nodes: list[dict[str, Any]] = field(default_factory=list)
    _edges: list[Edge] = field(default_factory=list)

    @property
    def touches(self) -> frozenset[str]:
        return frozenset(self.ids) | ends_of(self._edges)

    def apply(self, space: NodeSpace) -> None:
        nodes = [space.get_node_by_id(uuid) for uuid in self.ids]
        wires = dict.fromkeys(edge for node in nodes for edge in space.edges_of(node))
        wires.update(dict.fromkeys(filter(space.has_edge, self.edges)))
        touched = list(wires)
        self._nodes, self._edges = [dump_node(node) for node in nodes], touched
        for edge in touched:
            disconnect_silently(space, edge)
        for uuid in self.ids:
            space.remove_node_by_id(uuid)

    def revert(self, space: NodeSpace) -> None:
        _restore(space, self._nodes, self._edges)

    def absorb(self, later: Any) -> bool:
        return False


def add_node(
    space: NodeSpace, node_id: str, *, name: str | None, extra: dict[str, Any],
    x: float, y: float, place: Place | None = None,
) -> AddNodesEdit:  # fmt: skip
    """A new node of a class, on the canvas and in a frame; its id is in `nodes[0]["id"]`."""
    draft = NodeSpace(space.lib, arming="disarmed")
    draft.services = space.services
    node = draft.add_node_by_id(node_id, name=name, extra=extra)
    node.name = unused_name(space, node.name)
    node.properties["pos"] = [x, y]
    saved = dump_node(node)
    draft.remove_node_instance(node)
    if place is not None:
        check_holdable(node)
        check_frame(space, place)
        saved = {**saved, "frame": place.dump()}
    return AddNodesEdit(f"add {node.name}", [saved])


def duplicate(space: NodeSpace, ids: list[str], *, dx: float, dy: float) -> AddNodesEdit:
    """Copies of nodes and of the wires among them, in the order of `ids`.

    A copy is held where its original is; by the copy of the frame, where that is copied too.
    """
    fresh = {uuid: uuid4().hex for uuid in ids}
    nodes = []
    taken = {node.name for node in space.nodes}
    for uuid in ids:
        data = dict(dump_node(space.get_node_by_id(uuid)))
        x, y = place_of(space.get_node_by_id(uuid))
        data["id"] = fresh[uuid]
        data["name"] = free_name(str(data["name"]), taken)
        taken.add(data["name"])
        data["properties"] = {**data.get("properties", {}), "pos": [x + dx, y + dy]}
        place = space.get_node_by_id(uuid).place
        if place is not None and place.frame in fresh:
            data["frame"] = Place(fresh[place.frame], place.section).dump()
        nodes.append(data)
    edges = [
        (fresh[s], out, fresh[t], inp)
        for uuid in fresh
        for s, out, t, inp in space.edges_of(space.get_node_by_id(uuid))
        if s == uuid and t in fresh
    ]
    return AddNodesEdit(f"duplicate {count_of(len(ids))}", nodes, edges)


def remove_nodes(space: NodeSpace, ids: list[str], edges: list[Edge]) -> RemoveNodesEdit:
    """Nodes with all their wires, and further wires."""
    unique = list(dict.fromkeys(ids))
    what = named(space, unique) if unique else "a wire"
    return RemoveNodesEdit(f"remove {what}", unique, edges)


def _restore(space: NodeSpace, nodes: Iterable[dict[str, Any]], edges: Iterable[Edge]) -> None:
    with loading():
        for node in nodes:
            space.add_saved_node(node)
        for edge in edges:
            connect_silently(space, edge)
