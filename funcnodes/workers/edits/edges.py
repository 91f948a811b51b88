"""Edits of edges. A new wire triggers; one that comes back by undo or redo does not."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from funcnodes.core import NodeInput, NodeOutput, NodeSpace
from funcnodes.core.subgraphs.passages import InputPassage, check_crossing
from funcnodes.errors import GraphError, RefusedError
from funcnodes.runs import Recorder
from funcnodes.workers.edits.ports import input_at, output_at, source_at
from funcnodes.workers.edits.scopes import Edge
from funcnodes.workers.edits.values import Held


@dataclass(slots=True)
class ConnectEdit:
    """A wire; what the input had before is kept."""

    label: str
    edge: Edge
    structural: bool = True
    grown: str = ""
    """Id of the input that was made for it, where the wire was dropped on "+"."""
    _first: bool = True
    _replaced: list[Edge] = field(default_factory=list)
    _held: Held | None = None
    _name: str = ""
    """What a column was called before: it takes the name of what feeds it."""

    @property
    def touches(self) -> frozenset[str]:
        return ends_of([self.edge, *self._replaced])

    def apply(self, space: NodeSpace) -> None:
        source, output, target, _ = self.edge
        out = output_at(space, source, output)
        if self.edge[3] == "+" or self.grown:
            self._grow(space, out, target)
        inp = input_at(space, target, self.edge[3])
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
        self._name = inp.name
        if self._first:
            self._first = False
            out.connect(inp, replace=True)
        else:
            connect_silently(space, self.edge)

    def revert(self, space: NodeSpace) -> None:
        disconnect_silently(space, self.edge)
        target = space.get_node_by_id(self.edge[2])
        if self.grown:
            target.remove_input(self.grown)
            return
        for edge in self._replaced:
            connect_silently(space, edge)
        if isinstance(target, Recorder):
            target.rename_column(target.get_input(self.edge[3]), self._name)
        if self._held is not None and not self._replaced:
            self._held.put_back(input_at(space, self.edge[2], self.edge[3]))

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
class DisconnectEdit:
    """A wire taken away."""

    label: str
    edge: Edge
    structural: bool = True

    @property
    def touches(self) -> frozenset[str]:
        return ends_of([self.edge])

    def apply(self, space: NodeSpace) -> None:
        if not space.has_edge(self.edge):
            raise GraphError("This wire is not there any more.")
        disconnect_silently(space, self.edge)

    def revert(self, space: NodeSpace) -> None:
        connect_silently(space, self.edge)

    def absorb(self, later: Any) -> bool:
        return False


def connect(space: NodeSpace, edge: Edge) -> ConnectEdit:
    """A wire; the input "+" makes a new one where the node grows."""
    source, target = space.get_node_by_id(edge[0]), space.get_node_by_id(edge[2])
    return ConnectEdit(f"wire {source.name} to {target.name}", edge)


def disconnect(space: NodeSpace, edge: Edge) -> DisconnectEdit:
    """A wire taken away."""
    source, target = space.get_node_by_id(edge[0]), space.get_node_by_id(edge[2])
    return DisconnectEdit(f"unwire {source.name} and {target.name}", edge)


def connect_silently(space: NodeSpace, edge: Edge) -> None:
    """Make a wire; the input takes the present value, but its node does not run."""
    source, output, target, inp = edge
    start, port = source_at(space, source, output), input_at(space, target, inp)
    orders = _orders_of(start) if port.type.kind != "trigger" else []
    for order in orders:
        _take_up(start, order)
    _lay(start, port)
    for order in orders:
        _lay(start, order)


def disconnect_silently(space: NodeSpace, edge: Edge) -> None:
    """Take a wire away."""
    source, output, target, inp = edge
    _take_up(source_at(space, source, output), input_at(space, target, inp))


def _lay(start: NodeOutput | NodeInput, port: NodeInput) -> None:
    triggers = port.does_trigger
    port.does_trigger = False
    lay = start.forward if isinstance(start, NodeInput) else start.connect
    try:
        lay(port, replace=not port.allow_multiple)
    finally:
        port.does_trigger = triggers


def _take_up(start: NodeOutput | NodeInput, port: NodeInput) -> None:
    if isinstance(start, NodeInput):
        start.unforward(port)
    else:
        start.disconnect(port)


def _orders_of(start: NodeOutput | NodeInput) -> list[NodeInput]:
    """The ▶ inputs that alone made a port of the subgraph one of order, which carries no value."""
    if isinstance(start, NodeInput) or not isinstance(start.node, InputPassage):
        return []
    return list(start.targets) if start.type.kind == "trigger" else []


def ends_of(edges: Iterable[Edge]) -> frozenset[str]:
    return frozenset(end for edge in edges for end in (edge[0], edge[2]))
