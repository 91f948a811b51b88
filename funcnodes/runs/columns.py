"""Columns of a recorder: each is named and typed after what feeds it, wherever the wire comes from.

A port whose own name says nothing ("value") goes by the name that somebody gave its node. A name
that is taken is qualified by the device or the node, and only then numbered. A column changes with
its wire and with the names at the other end of it, but never while it is being recorded.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from funcnodes.core import Node, NodeInput, NodeOutput, PortType
from funcnodes.core.nodes import Port
from funcnodes.core.nodes.loading import is_loading
from funcnodes.core.subgraphs.passages import InputPassage, OuterInput, OuterOutput
from funcnodes.errors import PortMismatchError
from funcnodes.runs.names import unique

if TYPE_CHECKING:
    from funcnodes.runs.recorder import Recorder

SAY_NOTHING = frozenset({"value", "out", "output", "result", "data", "do", "done", "input"})
"""Names of ports that tell nobody what they carry."""


class ColumnInput(NodeInput):
    """One column: takes whatever carries a value, as that is.

    A name that a program or a file gave it stays until another wire ends there.
    """

    takes_as_is = True

    def __init__(self, id: str, kind: PortType, name: str) -> None:
        super().__init__(id, kind, name, "A column of the rows.", required=False)
        self._basis: tuple[str, ...] = ()  # node and port that feed it, and what they are called
        self._derived = name  # what it would be called after them

    def type_for(self, source: Port) -> PortType:
        if source.type.kind == "trigger":
            raise PortMismatchError("▶ carries no value that could be recorded.")
        return column_type(_carried(source))

    def follow(self) -> None:
        recorder: Recorder = self.node  # type: ignore[assignment]  # only recorders have columns
        if not self.sources or recorder.is_recording or self.sources[0].type.kind == "trigger":
            return
        source = self.sources[0]
        kind = self.type_for(source)
        if kind != self.type:
            self.type = kind
            recorder.note_port(self)
        key = (source.node.uuid, source.id)
        basis = (*key, said(source), qualifier(origin_of(source).node))
        if basis == self._basis:
            return
        keeps = self._basis[:2] in ((), key) and self._derived != self.name
        others = [port.name for port in recorder.inputs.values() if port is not self]
        self._basis, self._derived = basis, name_for(source, others)
        if not keeps and not is_loading():
            recorder.rename_column(self, self._derived)

    def dump(self) -> dict[str, Any]:
        """Its saved form, ready for JSON."""
        return {"id": self.id, "name": self.name, "kind": self.type.kind, "unit": self.unit}


def column_type(source: PortType) -> PortType:
    """The type of a source without its limits: what was measured is recorded."""
    return PortType(source.kind, source.name, source.unit)


def name_for(source: NodeOutput, taken: Iterable[str]) -> str:
    """What a column fed by `source` is called beside those that have the names `taken`."""
    used = {name.lower() for name in taken}
    wanted, prefix = said(source), qualifier(origin_of(source).node)
    qualified = f"{prefix} {wanted}" if prefix and wanted != prefix else wanted
    free = (name for name in (wanted, qualified) if name.lower() not in used)
    return next(free, unique(qualified, used))


def said(source: NodeOutput) -> str:
    """What a source is called: its own name where that says something, else its node's."""
    origin = origin_of(source)
    of_node = [origin.node.name] if _is_named(origin.node) else []
    of_gate = [source.node.name] if isinstance(source.node, InputPassage) else []
    names = [source.name, origin.name, *of_node, *of_gate]
    return next((name for name in names if name.lower() not in SAY_NOTHING), origin.name)


def qualifier(node: Node) -> str:
    """What tells a node from others: its device and channel, or the name that somebody gave it."""
    device, member = getattr(node, "device", ""), getattr(node, "member", "")
    if device:
        return " ".join([device, *str(member).split(".")[:-1]])
    return node.name if _is_named(node) else ""


def _is_named(node: Node) -> bool:
    """Whether it has a name besides that of its kind."""
    return node.name not in ("", node.node_name)


def origin_of(source: NodeOutput) -> NodeOutput:
    """The output that a value comes from, through the borders of subgraphs."""
    while True:
        if isinstance(source, OuterOutput):
            behind = source.passage.inputs["value"].sources
        elif isinstance(source.node, InputPassage) and source.node.port is not None:
            behind = source.node.port.sources
        else:
            return source
        if not behind:
            return source
        source = behind[0]


def _carried(source: Port) -> PortType:
    """The type of the values that a wire from `source` brings, through borders that convert not."""
    gate = source.node
    if isinstance(gate, InputPassage) and isinstance(gate.port, OuterInput) and gate.port.sources:
        return gate.port.type_for(gate.port.sources[0])
    return source.type
