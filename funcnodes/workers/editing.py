"""Edits of a nodespace, each a command with an inverse, so that every edit can be undone.

Guarantees that undo and redo never act on a device: wires come back without triggering, and a
value that could reach an effect is restored as text, marked not applied. While a run is on, the
structure is locked (A2); moving, naming and pinning go on. Nodes are named by id, never held, so
that an edit can be undone after the node it speaks of was removed and brought back.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4

from funcnodes.core import (
    Node,
    NodeInput,
    NodeOutput,
    NodeSpace,
    NoValue,
    Place,
    PlaceholderNode,
)
from funcnodes.core.naming import joined
from funcnodes.core.nodes.form import dump_node
from funcnodes.core.position import position
from funcnodes.core.running.topology import downstream
from funcnodes.core.subgraphs.passages import Passage, check_crossing
from funcnodes.errors import GraphError, RefusedError, ValueRefusedError
from funcnodes.runs import XYPlot
from funcnodes.workers.scopes import Edge, around, space_at

UNDO_DEPTH = 500
COALESCE_S = 1.0


class Edit(Protocol):
    """One edit that has been made, or is about to be."""

    @property
    def label(self) -> str:
        """What a person calls it, as in "Undo: move Sweep"."""

    @property
    def structural(self) -> bool:
        """Whether it is refused while a run is on."""

    @property
    def touches(self) -> frozenset[str]:
        """Ids of the nodes that look different after it, or after taking it back."""

    def apply(self, space: NodeSpace) -> None:
        """Make it, for the first time or again."""

    def revert(self, space: NodeSpace) -> None:
        """Take it back."""

    def absorb(self, later: Any) -> bool:
        """Take a later edit of the same thing in. Returns whether that was possible."""


@dataclass(slots=True)
class AddNodes:
    """Nodes in their saved form, with the wires among them."""

    label: str
    nodes: list[dict[str, Any]]
    edges: list[Edge] = field(default_factory=list)
    structural: bool = True

    @property
    def touches(self) -> frozenset[str]:
        return frozenset(node["id"] for node in self.nodes) | _ends(self.edges)

    def apply(self, space: NodeSpace) -> None:
        _restore(space, self.nodes, self.edges)

    def revert(self, space: NodeSpace) -> None:
        self.nodes = [dump_node(space.get_node_by_id(node["id"])) for node in self.nodes]
        for node in self.nodes:
            space.remove_node_by_id(node["id"])

    def absorb(self, later: Any) -> bool:
        return False


@dataclass(slots=True)
class RemoveNodes:
    """Nodes and further wires taken away; kept in their saved form."""

    label: str
    ids: list[str]
    edges: list[Edge]
    structural: bool = True
    _nodes: list[dict[str, Any]] = field(default_factory=list)
    _edges: list[Edge] = field(default_factory=list)

    @property
    def touches(self) -> frozenset[str]:
        return frozenset(self.ids) | _ends(self._edges)

    def apply(self, space: NodeSpace) -> None:
        nodes = [space.get_node_by_id(uuid) for uuid in self.ids]
        gone = set(self.ids)
        touched = [e for e in space.edges if e[0] in gone or e[2] in gone or e in self.edges]
        self._nodes, self._edges = [dump_node(node) for node in nodes], touched
        for edge in touched:
            disconnect(space, edge)
        for uuid in self.ids:
            space.remove_node_by_id(uuid)

    def revert(self, space: NodeSpace) -> None:
        _restore(space, self._nodes, self._edges)

    def absorb(self, later: Any) -> bool:
        return False


@dataclass(slots=True)
class MoveNodes:
    """Nodes put elsewhere on the canvas."""

    label: str
    places: dict[str, list[float]]
    structural: bool = False
    at: float = field(default_factory=time.monotonic)
    _before: dict[str, list[float] | None] = field(default_factory=dict)

    @property
    def touches(self) -> frozenset[str]:
        return frozenset(self.places)

    def apply(self, space: NodeSpace) -> None:
        nodes = {uuid: space.get_node_by_id(uuid) for uuid in self.places}
        for uuid, node in nodes.items():
            self._before.setdefault(uuid, node.properties.get("pos"))
            node.properties["pos"] = self.places[uuid]

    def revert(self, space: NodeSpace) -> None:
        for uuid, place in self._before.items():
            _set_property(space.get_node_by_id(uuid), "pos", place)

    def absorb(self, later: Any) -> bool:
        same = isinstance(later, MoveNodes) and later.places.keys() == self.places.keys()
        if not same or later.at - self.at > COALESCE_S:
            return False
        self.places, self.at = later.places, later.at
        return True


@dataclass(slots=True)
class Connect:
    """A wire; what the input had before is kept."""

    label: str
    edge: Edge
    structural: bool = True
    grown: str = ""
    """Id of the input that was made for it, where the wire was dropped on "+"."""
    _first: bool = True
    _replaced: list[Edge] = field(default_factory=list)
    _held: "Held | None" = None

    @property
    def touches(self) -> frozenset[str]:
        return _ends([self.edge, *self._replaced])

    def apply(self, space: NodeSpace) -> None:
        source, output, target, _ = self.edge
        out = _output(space, source, output)
        if self.edge[3] == "+" or self.grown:
            self._grow(space, out, target)
        inp = _input(space, target, self.edge[3])
        if out in inp.sources:
            raise RefusedError("These two ports are wired already.")
        try:
            out.check_edge(inp)
            check_crossing(out, inp)
        except GraphError:
            if self.grown:
                inp.node.remove_input(self.grown)
            raise
        if not self.grown and not inp.allow_multiple:
            self._replaced = [(s.node.uuid, s.id, target, inp.id) for s in inp.sources]
        self._held = Held.of(inp) if not inp.sources else None
        if self._first:
            self._first = False
            out.connect(inp, replace=True)
        else:
            connect_silently(space, self.edge)

    def revert(self, space: NodeSpace) -> None:
        disconnect(space, self.edge)
        target = space.get_node_by_id(self.edge[2])
        if self.grown:
            target.remove_input(self.grown)
            return
        for edge in self._replaced:
            connect_silently(space, edge)
        if self._held is not None and not self._replaced:
            self._held.put_back(_input(space, self.edge[2], self.edge[3]))

    def absorb(self, later: Any) -> bool:
        return False

    def _grow(self, space: NodeSpace, out: NodeOutput, target: str) -> None:
        node = space.get_node_by_id(target)
        if node is out.node:
            raise RefusedError(f"{node.name} cannot be wired to itself.")
        if out.type.kind == "trigger":
            raise RefusedError(f"{out.node.name}.{out.name} tells an order, not a value.")
        self.grown = node.grow_input(out).id
        self.edge = (*self.edge[:3], self.grown)


@dataclass(slots=True)
class Disconnect:
    """A wire taken away."""

    label: str
    edge: Edge
    structural: bool = True

    @property
    def touches(self) -> frozenset[str]:
        return _ends([self.edge])

    def apply(self, space: NodeSpace) -> None:
        if self.edge not in space.edges:
            raise GraphError("This wire is not there any more.")
        disconnect(space, self.edge)

    def revert(self, space: NodeSpace) -> None:
        connect_silently(space, self.edge)

    def absorb(self, later: Any) -> bool:
        return False


@dataclass(slots=True)
class SetValue:
    """An input's value. Acts the first time only; undo and redo restore."""

    label: str
    node: str
    port: str
    value: Any
    """None unsets."""
    structural: bool = False
    at: float = field(default_factory=time.monotonic)
    _first: bool = True
    _before: "Held | None" = None
    _after: "Held | None" = None

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.node})

    def apply(self, space: NodeSpace) -> None:
        port = _input(space, self.node, self.port)
        if not self._first and self._after is not None:
            self._after.put_back(port)
            return
        self._first = False
        self._before = Held.of(port)
        if port.is_connected():
            raise RefusedError(f"{port.node.name}: {port.name} gets its value by a wire.")
        if self.value is None and not port.type.optional:
            _check_frozen(port)
            port.unset()
        else:
            port.set_value(self.value)
        self._after = Held.of(port)

    def revert(self, space: NodeSpace) -> None:
        if self._before is not None:
            self._before.put_back(_input(space, self.node, self.port))

    def absorb(self, later: Any) -> bool:
        same = isinstance(later, SetValue) and (later.node, later.port) == (self.node, self.port)
        if not same or later.at - self.at > COALESCE_S:
            return False
        self.value, self.at, self._after = later.value, later.at, later._after
        return True


@dataclass(slots=True)
class Change:
    """One attribute of a node or port: name, policy, a flag, the columns of a plot."""

    label: str
    node: str
    get: Callable[[Node], Any]
    put: Callable[[Node, Any], None]
    value: Any
    structural: bool = False
    _before: Any = None

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.node})

    def apply(self, space: NodeSpace) -> None:
        node = space.get_node_by_id(self.node)
        self._before = self.get(node)
        self.put(node, self.value)

    def revert(self, space: NodeSpace) -> None:
        self.put(space.get_node_by_id(self.node), self._before)

    def absorb(self, later: Any) -> bool:
        return False


@dataclass(slots=True)
class PutIn:
    """Nodes put into a section of a frame, or out of the one that they are in."""

    label: str
    ids: list[str]
    place: Place | None
    structural: bool = True
    _before: dict[str, Place | None] = field(default_factory=dict)

    @property
    def touches(self) -> frozenset[str]:
        frames = [place.frame for place in (self.place, *self._before.values()) if place]
        return frozenset(self.ids) | frozenset(frames)

    def apply(self, space: NodeSpace) -> None:
        nodes = [space.get_node_by_id(uuid) for uuid in self.ids]
        self._before = {node.uuid: node.place for node in nodes}
        done: list[Node] = []
        try:
            for node in nodes:
                space.put_in(node, self.place)
                done.append(node)
        except GraphError:
            for node in done:
                space.places.put(node, self._before[node.uuid])
            raise

    def revert(self, space: NodeSpace) -> None:
        for uuid, place in self._before.items():
            space.places.put(space.get_node_by_id(uuid), place)

    def absorb(self, later: Any) -> bool:
        return False


@dataclass(slots=True)
class Inside:
    """An edit of what is inside a subgraph, found by name so that it can be taken out and back."""

    scope: str
    edit: Edit

    @property
    def label(self) -> str:
        return self.edit.label

    @property
    def structural(self) -> bool:
        return self.edit.structural

    @property
    def touches(self) -> frozenset[str]:
        """The subgraphs around it too: their ports follow what is inside."""
        own = {joined(self.scope, uuid) for uuid in self.edit.touches}
        return frozenset({*own, *around(self.scope)})

    def apply(self, space: NodeSpace) -> None:
        self.edit.apply(space_at(space, self.scope))

    def revert(self, space: NodeSpace) -> None:
        self.edit.revert(space_at(space, self.scope))

    def absorb(self, later: Any) -> bool:
        same = isinstance(later, Inside) and later.scope == self.scope
        return same and self.edit.absorb(later.edit)


@dataclass(slots=True)
class Several:
    """Edits made as one: all of them, or none."""

    label: str
    edits: list[Edit]

    @property
    def structural(self) -> bool:
        return any(edit.structural for edit in self.edits)

    @property
    def touches(self) -> frozenset[str]:
        return frozenset().union(*(edit.touches for edit in self.edits))

    def apply(self, space: NodeSpace) -> None:
        done: list[Edit] = []
        try:
            for edit in self.edits:
                edit.apply(space)
                done.append(edit)
        except Exception:
            for edit in reversed(done):
                edit.revert(space)
            raise

    def revert(self, space: NodeSpace) -> None:
        for edit in reversed(self.edits):
            edit.revert(space)

    def absorb(self, later: Any) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Held:
    """What an unconnected input held: a value that was set, or its default."""

    value: Any
    was_set: bool

    @classmethod
    def of(cls, port: NodeInput) -> "Held":
        was_set = port.value is not port.default and port.value is not NoValue
        return cls(port.value, was_set)

    def put_back(self, port: NodeInput) -> None:
        """Restore it; nothing that follows from it may reach a device."""
        _check_frozen(port)
        if not self.was_set:
            port.unset()
        elif reaches_effect(port.node):
            port.restore(self.value)
        else:
            port.set_value(self.value)


class Editor:
    """The edits of one nodespace, in order.

    Attributes:
        rev: Counts every edit, undo and redo.
    """

    def __init__(self, space: NodeSpace, *, edited: Callable[[], None] = lambda: None) -> None:
        self.space = space
        self.rev = 0
        self._edited = edited
        self._done: list[Edit] = []
        self._undone: list[Edit] = []

    @property
    def undo_label(self) -> str:
        return self._done[-1].label if self._done else ""

    @property
    def redo_label(self) -> str:
        return self._undone[-1].label if self._undone else ""

    def make(self, edit: Edit) -> None:
        """Make an edit.

        Raises:
            RefusedError: It would change the structure and a run is on, or it is not possible.
            GraphError: What it names is not there, does not fit, or is refused.
        """
        self._check_lock(edit)
        edit.apply(self.space)
        self._undone.clear()
        if not (self._done and self._done[-1].absorb(edit)):
            self._done.append(edit)
            del self._done[:-UNDO_DEPTH]
        self._bump()

    def undo(self) -> Edit:
        """Take the last edit back. Returns it.

        Raises:
            RefusedError: There is none, or a run is on and it would change the structure.
        """
        if not self._done:
            raise RefusedError("There is nothing to undo.")
        edit = self._done[-1]
        self._check_lock(edit)
        edit.revert(self.space)
        self._undone.append(self._done.pop())
        self._bump()
        return edit

    def redo(self) -> Edit:
        """Make the last edit that was taken back again. Returns it.

        Raises:
            RefusedError: There is none, or a run is on and it would change the structure.
        """
        if not self._undone:
            raise RefusedError("There is nothing to redo.")
        edit = self._undone[-1]
        self._check_lock(edit)
        edit.apply(self.space)
        self._done.append(self._undone.pop())
        self._bump()
        return edit

    def _check_lock(self, edit: Edit) -> None:
        if edit.structural:
            self.space.check_unlocked()

    def _bump(self) -> None:
        self.rev += 1
        self._edited()


# ── edits by what a person asks for ───────────────────────────────────────────────────────


def add_node(
    space: NodeSpace, node_id: str, *, name: str | None, extra: dict[str, Any],
    x: float, y: float, place: Place | None = None,
) -> AddNodes:  # fmt: skip
    """A new node of a class, on the canvas and in a frame; its id is in `nodes[0]["id"]`."""
    draft = NodeSpace(space.lib, arming="disarmed")
    draft.services = space.services
    node = draft.add_node_by_id(node_id, name=name, extra=extra)
    node.name = unused_name(space, node.name)
    node.properties["pos"] = [x, y]
    saved = dump_node(node)
    draft.remove_node_instance(node)
    if place is not None:
        _check_holdable(node)
        _check_frame(space, place)
        saved = {**saved, "frame": place.dump()}
    return AddNodes(f"add {node.name}", [saved])


def inside(scope: str, edit: Edit) -> Edit:
    """The edit, to be made in a scope."""
    return Inside(scope, edit) if scope else edit


def put_in(space: NodeSpace, ids: list[str], place: Place | None) -> PutIn:
    """Nodes into a section of a frame; None takes them out of the frame that they are in."""
    unique = list(dict.fromkeys(ids))
    if not unique:
        raise ValueRefusedError("No node was named that a frame could hold.")
    for node in map(space.get_node_by_id, unique):
        _check_holdable(node)
    what = named(space, unique)
    if place is None:
        return PutIn(f"take {what} out", unique, None)
    frame = space.get_node_by_id(place.frame)
    return PutIn(f"put {what} into {frame.name}", unique, place)


def duplicate(space: NodeSpace, ids: list[str], *, dx: float, dy: float) -> AddNodes:
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
        data["name"] = _free_name(str(data["name"]), taken)
        taken.add(data["name"])
        data["properties"] = {**data.get("properties", {}), "pos": [x + dx, y + dy]}
        place = space.get_node_by_id(uuid).place
        if place is not None and place.frame in fresh:
            data["frame"] = Place(fresh[place.frame], place.section).dump()
        nodes.append(data)
    edges = [
        (fresh[s], out, fresh[t], inp)
        for s, out, t, inp in space.edges
        if s in fresh and t in fresh
    ]
    return AddNodes(f"duplicate {_count(len(ids))}", nodes, edges)


def remove_nodes(space: NodeSpace, ids: list[str], edges: list[Edge]) -> RemoveNodes:
    """Nodes with all their wires, and further wires."""
    unique = list(dict.fromkeys(ids))
    what = named(space, unique) if unique else "a wire"
    return RemoveNodes(f"remove {what}", unique, edges)


def move_nodes(space: NodeSpace, ids: list[str], x: list[float], y: list[float]) -> MoveNodes:
    """Nodes to places, one for each id."""
    if not len(ids) == len(x) == len(y):
        raise ValueRefusedError("A place needs x and y for every node that is moved.")
    places = {uuid: [a, b] for uuid, a, b in zip(ids, x, y, strict=True)}
    return MoveNodes(f"move {named(space, list(places))}", places)


def rename(space: NodeSpace, uuid: str, name: str) -> Change:
    """Another name for a node; "" goes back to its class's."""
    name = " ".join(name.split())[:200]
    if not name.isprintable():
        raise ValueRefusedError("A name has printable characters only.")
    old = space.get_node_by_id(uuid).name
    return Change(f"rename {old}", uuid, lambda node: node.name, _put_name, name)


def set_policy(space: NodeSpace, uuid: str, policy: str) -> Change:
    """When a node executes: `each`, `settled` or `zip`."""
    label = f"set the policy of {space.get_node_by_id(uuid).name}"
    return Change(label, uuid, lambda node: node.policy, _put_policy, policy, structural=True)


def set_flags(space: NodeSpace, uuid: str, port_id: str, **flags: bool | None) -> Change:
    """Pin, hide or mark a port live; None leaves a flag as it is."""
    given = {name: value for name, value in flags.items() if value is not None}
    port = space.get_node_by_id(uuid).get_input_or_output(port_id)
    if not given:
        raise ValueRefusedError("Nothing was asked to be changed.")
    if "live" in given and not isinstance(port, NodeInput):
        raise ValueRefusedError(f"{port.name} is an output; only inputs can be live.")

    def get(node: Node) -> dict[str, bool]:
        own = node.get_input_or_output(port_id)
        return {name: getattr(own, name) for name in given}

    def put(node: Node, values: dict[str, bool]) -> None:
        own = node.get_input_or_output(port_id)
        for name, value in values.items():
            setattr(own, name, value)

    what = next(iter(given))
    label = f"{_FLAG_WORDS[what, given[what]]} {port.node.name}.{port.name}"
    return Change(label, uuid, get, put, given, structural="live" in given)


_FLAG_WORDS = {
    ("pinned", True): "pin",
    ("pinned", False): "unpin",
    ("hidden", True): "hide",
    ("hidden", False): "show",
    ("live", True): "make live",
    ("live", False): "freeze",
}


def set_plot(space: NodeSpace, uuid: str, x: str, y: list[str]) -> Change:
    """Which columns a plot draws; "" and [] go back to the defaults."""
    plot = _as_plot(space.get_node_by_id(uuid))

    def put(node: Node, columns: tuple[str, tuple[str, ...]]) -> None:
        _as_plot(node).choose(columns[0], list(columns[1]))

    def get(node: Node) -> tuple[str, tuple[str, ...]]:
        return _as_plot(node).x, tuple(_as_plot(node).y)

    return Change(f"choose columns of {plot.name}", uuid, get, put, (x, tuple(y)))


def _as_plot(node: Node) -> XYPlot:
    if not isinstance(node, XYPlot):
        raise ValueRefusedError(f"{node.name} is no plot.")
    return node


def connect(space: NodeSpace, edge: Edge) -> Connect:
    """A wire; the input "+" makes a new one where the node grows."""
    source, target = space.get_node_by_id(edge[0]), space.get_node_by_id(edge[2])
    return Connect(f"wire {source.name} to {target.name}", edge)


def disconnect_edge(space: NodeSpace, edge: Edge) -> Disconnect:
    """A wire taken away."""
    source, target = space.get_node_by_id(edge[0]), space.get_node_by_id(edge[2])
    return Disconnect(f"unwire {source.name} and {target.name}", edge)


def set_value(space: NodeSpace, uuid: str, port_id: str, value: Any) -> SetValue:
    """An input's value; None unsets."""
    port = space.get_node_by_id(uuid).get_input(port_id)
    return SetValue(f"set {port.node.name}.{port.name}", uuid, port_id, value)


def place_of(node: Node) -> tuple[float, float]:
    """Where a node is on the canvas; (0, 0) where that was never said."""
    return position(node.properties) or (0.0, 0.0)


def unused_name(space: NodeSpace, wanted: str) -> str:
    """`wanted`, with the first number that makes it the only one in `space`."""
    return _free_name(wanted, {node.name for node in space.nodes})


def named(space: NodeSpace, ids: list[str]) -> str:
    """What nodes are called in a label: one by its name, several by their number."""
    return space.get_node_by_id(ids[0]).name if len(ids) == 1 else _count(len(ids))


def reaches_effect(node: Node) -> bool:
    """Whether setting something on `node` now could act on the world, from inside it too."""
    space = node.nodespace
    if space is None or space.arming == "disarmed":
        return False
    first = [node, *node.inner_nodes()]
    return any(each.effect for start in first for each in (start, *downstream(start)))


# ── wires without consequences ────────────────────────────────────────────────────────────


def connect_silently(space: NodeSpace, edge: Edge) -> None:
    """Make a wire; the input takes the present value, but its node does not run."""
    source, output, target, inp = edge
    port = _input(space, target, inp)
    triggers = port.does_trigger
    port.does_trigger = False
    start = _source(space, source, output)
    lay = start.forward if isinstance(start, NodeInput) else start.connect
    try:
        lay(port, replace=not port.allow_multiple)
    finally:
        port.does_trigger = triggers


def disconnect(space: NodeSpace, edge: Edge) -> None:
    """Take a wire away."""
    source, output, target, inp = edge
    start, end = _source(space, source, output), _input(space, target, inp)
    if isinstance(start, NodeInput):
        start.unforward(end)
    else:
        start.disconnect(end)


def _restore(space: NodeSpace, nodes: Iterable[dict[str, Any]], edges: Iterable[Edge]) -> None:
    for node in nodes:
        space.add_saved_node(node)
    for edge in edges:
        connect_silently(space, edge)


def _ends(edges: Iterable[Edge]) -> frozenset[str]:
    return frozenset(end for edge in edges for end in (edge[0], edge[2]))


def _input(space: NodeSpace, uuid: str, port_id: str) -> NodeInput:
    node = space.get_node_by_id(uuid)
    if isinstance(node, PlaceholderNode):
        return node.input_for(port_id)
    return node.get_input(port_id)


def _source(space: NodeSpace, uuid: str, port_id: str) -> NodeOutput | NodeInput:
    """Where a wire begins: at an output, or at an input that is forwarded."""
    node = space.get_node_by_id(uuid)
    is_forwarded = port_id in node.inputs and port_id not in node.outputs
    return node.inputs[port_id] if is_forwarded else _output(space, uuid, port_id)


def _output(space: NodeSpace, uuid: str, port_id: str) -> NodeOutput:
    node = space.get_node_by_id(uuid)
    if isinstance(node, PlaceholderNode):
        return node.output_for(port_id)
    return node.get_output(port_id)


def _check_holdable(node: Node) -> None:
    if isinstance(node, Passage):
        raise RefusedError(f"{node.name} is a port of the subgraph: no frame holds it.")


def _check_frame(space: NodeSpace, place: Place) -> None:
    frame = space.get_node_by_id(place.frame)
    if not frame.is_frame:
        raise GraphError(f"{frame.name} is no frame: it holds no nodes.", node=place.frame)


def _check_frozen(port: NodeInput) -> None:
    space = port.node.nodespace
    if space is not None and space.locked and not port.live:
        raise RefusedError(
            f"{port.node.name}: {port.name} cannot be changed while a run is on.",
            hint="Mark the input live, or stop the run.",
        )


def _put_name(node: Node, name: str) -> None:
    node.name = name


def _put_policy(node: Node, policy: Any) -> None:
    node.policy = policy


def _set_property(node: Node, key: str, value: Any) -> None:
    if value is None:
        node.properties.pop(key, None)
    else:
        node.properties[key] = value


def _free_name(wanted: str, taken: set[str]) -> str:
    """`wanted`, or the first of "wanted 2", "wanted 3" … that is free."""
    base, _, number = wanted.rpartition(" ")
    stem = base if base and number.isdecimal() else wanted
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{stem} {count}"
    return name


def _count(number: int) -> str:
    return "1 node" if number == 1 else f"{number} nodes"
