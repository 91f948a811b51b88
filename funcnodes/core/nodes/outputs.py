"""Outputs: where values leave a node, and go to every input that is connected."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from funcnodes.core.nodes import edges
from funcnodes.core.nodes.edges import check_unlocked, fit
from funcnodes.core.nodes.inputs import NodeInput
from funcnodes.core.nodes.port import Listeners, Port
from funcnodes.core.nodes.provenance import Origin
from funcnodes.core.running.surface import Convert, push
from funcnodes.core.running.waves import Wave
from funcnodes.core.types import conversion
from funcnodes.core.values import NoValue, Quality, shared
from funcnodes.errors import NodeConnectionError

if TYPE_CHECKING:
    from funcnodes.core.nodes.node import Node


class NodeOutput(Port):
    """Gives a value, and pushes it to every connected input.

    Attributes:
        shares: Whether its values may be arrays, which others are to look at only.
    """

    allow_multiple = True

    __slots__ = ("_edges", "shares")

    def __init__(
        self,
        id: str = "",
        type: Any = Any,
        name: str | None = None,
        description: str = "",
        *,
        unit: str = "",
        hidden: bool = False,
        value_options: dict[str, Any] | None = None,
        render_options: Mapping[str, Any] | None = None,
        on: Listeners | None = None,
        uuid: str | None = None,
    ) -> None:
        super().__init__(
            id, type, name, description,
            unit=unit, hidden=hidden, value_options=value_options,
            render_options=render_options, on=on, uuid=uuid,
        )  # fmt: skip
        self._edges: list[tuple[NodeInput, Convert | None]] = []
        self.shares = True

    def copy_for(self, node: "Node") -> Self:
        copy = super().copy_for(node)
        copy._edges, copy.shares = [], True
        return copy

    @property
    def targets(self) -> Iterator[NodeInput]:
        """The inputs it is connected to."""
        return (inp for inp, _ in self._edges)

    @property
    def has_targets(self) -> bool:
        return bool(self._edges)

    @property
    def connections(self) -> list[NodeInput]:
        return list(self.targets)

    def is_connected(self) -> bool:
        return bool(self._edges)

    def set_value(self, value: Any, does_trigger: bool | None = None) -> None:
        """`set` by the name that inputs have; with `does_trigger=False` nothing is triggered."""
        if does_trigger is not False:
            self.set(value)
            return
        self.stand_alone()
        stimulus = self.node.open_wave(self)
        self.place(value, stimulus, self.node.quality_taken)
        stimulus.close()

    def set(self, value: Any, *, wave: Wave | None = None, quality: Quality | None = None) -> None:
        """Set the value and push it; from another thread, at the loop's next turn (T12).

        Args:
            value: Anything.
            wave: The wave it belongs to; else the node's present execution's, else a new one.
            quality: How far it can be trusted; else as far as what the present execution took.
        """
        self.stand_alone()
        if self.node.engine.post(lambda: self.set(value, wave=wave, quality=quality)):
            return
        if quality is None:
            quality = self.node.quality_taken
        wave = wave or self.node.wave
        if wave is not None and not wave.settled:
            self.emit(value, wave, quality)
            return
        stimulus = self.node.open_wave(self)
        self.emit(value, stimulus, quality)
        stimulus.close()

    def emit(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        """Set the value within `wave` and push it; NaN is `missing` at best (R2)."""
        if quality == "ok" and value.__class__ is float and value != value:
            quality = "missing"
        self._value = value
        self.wave = wave
        self.quality = quality
        changes = self.node.changes
        if changes is not None:
            changes.note_port(self)
        if self.shares:
            value = shared(value)
        for inp, convert in self._edges:
            if convert is None:
                inp.receive(value, wave, quality)
            else:
                push(inp, convert, value, wave, quality)

    def place(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        """Set the value within `wave` and have it wait at the inputs: nothing is triggered."""
        triggering = [inp for inp in self.targets if inp.triggers]
        for inp in triggering:
            inp.triggers = False
        try:
            self.emit(value, wave, quality)
        finally:
            for inp in triggering:
                inp.triggers = True

    def unset(self) -> None:
        """Forget the value."""
        self._value, self.wave, self.quality = NoValue, None, "ok"
        self.node.note_port(self)

    def connect(self, other: NodeInput, replace: bool = False) -> list[str]:
        """Connect it to an input; an existing edge between the two is left as it is.

        The present value, if any, is pushed at once, but not to a stream, which gets what comes.

        Returns:
            `[source node, output, target node, input]`.

        Raises:
            RefusedError: A run is on (A2).
            MultipleConnectionsError: The input has another edge, and `replace` is false.
            SameNodeConnectionError: Both belong to one node.
            PortMismatchError: Type or dimension does not fit.
            NodeConnectionError: Both are outputs.
        """
        if not isinstance(other, NodeInput):
            raise NodeConnectionError(f"{self._where} and {other._where} are both outputs.")
        self.stand_alone()
        other.stand_alone()
        edge = [self.node.uuid, self.id, other.node.uuid, other.id]
        if self.node.engine.carry(lambda: self.connect(other, replace)) or self in other.sources:
            return edge
        check_unlocked(self, other)
        convert = self.check_edge(other)
        other.make_room(replace)
        self._edges.append((other, convert))
        other.sources.append(self)
        edges.made(self, other)
        if self._value is not NoValue and other.carries == "value":
            self._push_present(other, convert)
        return edge

    def check_edge(self, other: NodeInput) -> Convert | None:
        """Whether an edge would fit, and how it converts; raises as `connect` does."""
        return fit(self, other)

    def refit(self, other: NodeInput) -> None:
        """Look anew at what the edge to `other` converts and checks."""
        self._edges = [
            (inp, fit(self, inp) if inp is other else convert) for inp, convert in self._edges
        ]

    def edge_note(self, other: NodeInput) -> str:
        """What the edge does to a value, e.g. "×0.001", that it is not checked, or ""."""
        why = other.why_unchecked(self)
        if why is not None:
            return f"not checked: {why}"
        found = conversion(self.type, other.type_for(self))
        return str(getattr(found, "text", ""))

    def disconnect(self, other: NodeInput | None = None) -> None:
        """Take away one edge, or all."""
        if self.node.engine.carry(lambda: self.disconnect(other)):
            return
        for inp in [other] if other is not None else list(self.targets):
            if self not in inp.sources:
                continue
            check_unlocked(self, inp)
            self._edges = [edge for edge in self._edges if edge[0] is not inp]
            edges.gone(self, inp)

    c, d = connect, disconnect

    def _origins(self) -> Iterator[Origin]:
        node = self.node
        made = node.made_from(self.wave)
        if made is None:
            return
        args, waves = made
        for n, (port_id, wave) in enumerate(zip(node._names, waves, strict=False)):
            value = args.get(port_id, NoValue) if isinstance(args, dict) else args[n]
            inp = node.inputs.get(port_id)
            source = inp.sources[0].full_id if inp is not None and inp.sources else ""
            yield Origin(port_id, value, wave.id if wave is not None else None, source)

    def __gt__(self, other: NodeInput) -> list[str]:
        return self.connect(other)

    def _push_present(self, inp: NodeInput, convert: Convert | None) -> None:
        stimulus = self.node.open_wave(f"wire to {inp.node.name}.{inp.id}")
        push(inp, convert, shared(self._value), stimulus, self.quality)
        stimulus.close()
