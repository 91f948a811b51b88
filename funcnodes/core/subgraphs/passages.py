"""The ports of a subgraph: each is a passage, a node of the inner nodespace and a port outside.

So ports are connected, renamed, saved and undone as nodes are. A value that reaches the one side
goes on at the other in the same wave; nothing runs at a border.
"""

from collections.abc import Iterable
from typing import Any

from funcnodes.core.nodes.inputs import NodeInput
from funcnodes.core.nodes.node import Node
from funcnodes.core.nodes.outputs import NodeOutput
from funcnodes.core.nodes.port import Port
from funcnodes.core.running.waves import Wave
from funcnodes.core.subgraphs.reconnection import hold, take_value
from funcnodes.core.types import PortType
from funcnodes.core.values import NoValue, Quality


class Border(Node):
    """A node around a nodespace of its own."""

    def expose(self, node: Node) -> None:
        """Called when `node` is new inside: a passage gives it a port."""
        raise NotImplementedError

    def conceal(self, node: Node) -> None:
        """Called when `node` has gone from inside."""
        raise NotImplementedError

    def entered_by(self, wave: Wave) -> None:
        """A wave has gone in through one of its inputs."""
        raise NotImplementedError


# ── the ports, as seen from inside ────────────────────────────────────────────────────────


class Passage(Node):
    """A port of the subgraph around it; its id is the port's, its name too."""

    linked = True

    @property
    def owner(self) -> "Border | None":
        """The node around the nodespace that it is in."""
        owner = getattr(self.nodespace, "owner", None)
        return owner if isinstance(owner, Border) else None


class InputPassage(Passage):
    """An input of the subgraph: what arrives there outside goes on here."""

    node_id = "subgraph.input"
    node_name = "Input"
    description = __doc__ or ""
    icon = "input"

    out = NodeOutput(type=Any, description="What the input of the subgraph is given.")

    @property
    def port(self) -> "OuterInput | None":
        """Its other side."""
        found = self.owner.inputs.get(self.uuid) if self.owner is not None else None
        return found if isinstance(found, OuterInput) else None

    def func(self) -> None:
        """Pass on again what the input has."""
        port = self.port
        if port is not None and port.value is not NoValue:
            self.out.set(port.value, quality=port.quality)

    def edges_changed(self) -> None:
        super().edges_changed()
        if self.port is not None:
            self.port.fit_inside()

    def links_in(self) -> Iterable[Node]:
        outside = () if self.port is None else (o.passage or o.node for o in self.port.sources)
        return [*super().links_in(), *outside]


class InnerSide(NodeInput):
    """The inner side of an output: nothing runs here, the value goes on outside."""

    def receive(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        take_value(self, value, wave, quality)
        port = self.node.port if isinstance(self.node, OutputPassage) else None
        if port is not None:
            port.emit(value, wave, quality)

    def follow(self) -> None:
        port = self.node.port if isinstance(self.node, OutputPassage) else None
        for inp in port.targets if port is not None else ():
            inp.follow()


class OutputPassage(Passage):
    """An output of the subgraph: what arrives here goes on outside."""

    node_id = "subgraph.output"
    node_name = "Output"
    description = __doc__ or ""
    icon = "output"

    value = InnerSide(
        type=Any, required=False, description="What the output of the subgraph gives."
    )

    @property
    def port(self) -> "OuterOutput | None":
        """Its other side."""
        found = self.owner.outputs.get(self.uuid) if self.owner is not None else None
        return found if isinstance(found, OuterOutput) else None

    def func(self, **_: Any) -> None:
        """Nothing: values pass through the ports."""

    def edges_changed(self) -> None:
        super().edges_changed()
        if self.port is not None:
            sources = self.inputs["value"].sources
            self.port.type = sources[0].type if sources else PortType.of(Any)
            for inp in self.port.targets:
                self.port.refit(inp)

    def renamed(self) -> None:
        self.inputs["value"].follow()

    def links_out(self) -> Iterable[Node]:
        return () if self.port is None else (i.passage or i.node for i in self.port.targets)


# ── the ports, as seen from outside ───────────────────────────────────────────────────────


class OuterInput(NodeInput):
    """An input of a subgraph: type, limits and default are those of the inputs behind it."""

    passage: InputPassage

    def __init__(self, passage: InputPassage) -> None:
        super().__init__(passage.uuid, Any, required=False)
        self.passage = passage

    @property
    def name(self) -> str:
        return self.passage.name

    @name.setter
    def name(self, name: str) -> None:
        self.passage.name = name

    @property
    def takes_as_is(self) -> bool:  # type: ignore[override]  # others know it beforehand
        return bool(self.inner) and all(inp.takes_as_is for inp in self.inner)

    def type_for(self, source: Port) -> PortType:
        return self.inner[0].type_for(source) if self.takes_as_is else self.type

    def follow(self) -> None:
        for inp in self.inner:
            inp.follow()
        self.fit_inside()

    @property
    def inner(self) -> list[NodeInput]:
        """The inputs behind it."""
        return list(self.passage.out.targets)

    def receive(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        take_value(self, value, wave, quality)
        owner = self.node
        if self.triggers and not owner.blocked and isinstance(owner, Border):
            self.passage.out.emit(value, wave, quality)
            owner.entered_by(wave)
        else:
            hold(self.passage.out, value, wave, quality)

    def restore(self, value: Any) -> None:
        super().restore(value)
        for inp, convert in self.passage.out._edges:
            inp.restore(value if convert is None else convert(value))

    def unset(self) -> None:
        super().unset()
        self.passage.out.unset()
        for inp in self.inner:
            inp.unset()

    def fit_inside(self) -> None:
        """Become like the inputs behind it; called when edges inside come and go."""
        inner, owner = self.inner, self.node
        first = next((inp for inp in inner if inp.type.kind != "trigger"), None)
        first = first or next(iter(inner), None)  # ▶ takes anything, so it says little
        kind = first.type if first is not None else PortType.of(Any)
        if kind != self.passage.out.type:
            self.type = self.passage.out.type = kind
            out = self.passage.out
            out._edges = [(inp, out.check_edge(inp)) for inp in inner]
            for source in self.sources:
                source.refit(self)
        if first is not None:
            self.value_options = dict(first.value_options)
            self.description = first.description
            self.set_default(first.default)
        self.required = any(inp.required for inp in inner)
        owner.ports_changed()


class OuterOutput(NodeOutput):
    """An output of a subgraph."""

    passage: OutputPassage

    def __init__(self, passage: OutputPassage) -> None:
        super().__init__(passage.uuid, Any)
        self.passage = passage

    @property
    def name(self) -> str:
        return self.passage.name

    @name.setter
    def name(self, name: str) -> None:
        self.passage.name = name


def check_crossing(output: NodeOutput, inp: NodeInput) -> None:
    """Whether edges across a border would go on to fit if these two were connected.

    Raises:
        PortMismatchError: One outside would not.
    """
    into, out_of = inp.node, output.node
    if isinstance(into, OutputPassage) and into.port is not None:
        for target in into.port.targets:
            output.check_edge(target)
            check_crossing(output, target)
    if isinstance(out_of, InputPassage) and out_of.port is not None and not out_of.port.inner:
        for source in out_of.port.sources:
            source.check_edge(inp)
            check_crossing(source, inp)
