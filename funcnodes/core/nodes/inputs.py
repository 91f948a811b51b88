"""Inputs: where values enter a node, are checked where they come from outside, and trigger it.

A value that an execution sets travels without checks (the edge was checked when it was made); a
value from outside enters by `set_value`, is checked, and opens a wave. An input may hand every
value on to inputs of other nodes, in the same wave: then it is a source as an output is.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

from funcnodes.core.nodes import edges
from funcnodes.core.nodes.edges import Start, check_unlocked, fit
from funcnodes.core.nodes.port import Listeners, Port, put_value
from funcnodes.core.nodes.provenance import Origin
from funcnodes.core.nodes.refused import OlderEdge
from funcnodes.core.quality import is_nan
from funcnodes.core.running.surface import REFUSED, Convert, converted, push
from funcnodes.core.running.waves import Wave
from funcnodes.core.types import PortType, check_range
from funcnodes.core.values import NoValue, Quality
from funcnodes.errors import (
    MultipleConnectionsError,
    NodeConnectionError,
    RefusedError,
    ValueRefusedError,
)

if TYPE_CHECKING:
    from funcnodes.core.nodes.node import Node
    from funcnodes.core.nodes.outputs import NodeOutput


class NodeInput(Port):
    """Takes a value, and triggers its node.

    Attributes:
        required: Whether the node cannot run without a value.
        does_trigger: Whether a new value asks the node to run.
        live: May be changed while a run is on (A2).
        applied: False while the value was only restored as text, and nothing acted on it; of a
            node that acts on the world, until it has done so with this very value (A1a).
        triggers: What `does_trigger` comes to once order edges are considered (T7).
        straight: The engine that may queue its node at once, where it is the only parameter of a
            plain node; else None (see `Engine._pass_on`).
    """

    __slots__ = ("applied", "required", "sources", "straight", "triggers")

    is_input = True
    unread: Any = None  # the saved form of a value whose type is not known here
    refused: tuple[OlderEdge, ...] = ()  # edges of an older file that cannot be made here
    unchecked: tuple[OlderEdge, ...] = ()  # edges of an older file that may be, unchecked

    def __init__(
        self,
        id: str = "",
        type: Any = Any,
        name: str | None = None,
        description: str = "",
        default: Any = NoValue,
        required: bool = True,
        *,
        does_trigger: bool = True,
        allow_multiple: bool = False,
        unit: str = "",
        hidden: bool = False,
        live: bool = False,
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
        self._default = self._named(default)
        self.required = required
        self._does_trigger = does_trigger
        self.allow_multiple = allow_multiple
        self.live = live
        self.applied = True
        self.triggers = does_trigger
        self.straight: object = None
        self.sources: list[NodeOutput] = []
        self._value = self._default

    def copy_for(self, node: "Node") -> Self:
        copy = super().copy_for(node)
        copy._value = self._default
        copy.sources = []
        copy.applied, copy.required, copy.triggers = True, self.required, self.triggers
        copy.straight = None
        return copy

    @property
    def receives_plainly(self) -> bool:
        """Whether a value that comes is only taken: not forwarded, queued or looked at."""
        return type(self).receive is NodeInput.receive and "receive" not in self.__dict__

    @property
    def does_trigger(self) -> bool:
        return self._does_trigger

    @does_trigger.setter
    def does_trigger(self, triggers: bool) -> None:
        if hasattr(self, "node"):
            self.node.check_unlocked()
        self._does_trigger = self.triggers = triggers
        if hasattr(self, "node"):
            self.node.edges_changed()

    @property
    def source(self) -> "NodeOutput | None":
        """The output it is connected to, if any."""
        return self.sources[0] if self.sources else None

    @property
    def connections(self) -> "list[NodeOutput]":
        return list(self.sources)

    def is_connected(self) -> bool:
        return bool(self.sources)

    def ready(self) -> bool:
        """Whether it has a value, or needs none."""
        return self.has_node and (self._value is not NoValue or not self.required)

    def ready_state(self) -> dict[str, bool]:
        return {"node": self.has_node, "value": self._value is not NoValue or not self.required}

    def status(self) -> dict[str, Any]:
        return {"required": self.required, **super().status()}

    def full_serialize(self) -> dict[str, Any]:
        data = super().full_serialize()
        data |= {"does_trigger": self.does_trigger, "required": self.required}
        if self.default is not NoValue:
            put_value(data, "default", self.default)
        return data

    def _origins(self) -> Iterator[Origin]:
        for source in self.sources:
            if source.wave is not None and source.wave is self.wave:
                yield Origin(self.id, self._value, source.wave.id, source.full_id)

    @property
    def lacks_edges(self) -> bool:
        """Whether edges were refused to it, and nobody has set or connected it since."""
        return (
            bool(self.refused)
            and not self.sources
            and self.wave is None
            and self._value is self._default
        )

    def why_unchecked(self, source: Start) -> str | None:
        """Why an edge from `source` would not fit, where it is let through unchecked."""
        if not self.unchecked:
            return None
        for edge in self.unchecked:
            if (edge.node, edge.output) == (source.node.uuid, source.id):
                return edge.why
        return None

    def refuse(self, edge: OlderEdge) -> None:
        """An edge of a file cannot be made: keep it aside, and forget what came by it."""
        self.refused = (*self.refused, edge)
        self.unread = None
        if not self.sources:
            self.unset()

    def type_for(self, source: Port) -> PortType:
        """The type in which it takes what `source` gives; its own, unless it takes it as it is.

        Raises:
            PortMismatchError: It takes nothing of that kind.
        """
        return self.type

    def follow(self) -> None:
        """What feeds it, or what that is called, has changed."""

    @property
    def default(self) -> Any:
        """The value while nothing is set or connected; `NoValue` where there is none.

        Setting it changes the value too, while that is the default; nothing runs.

        Raises:
            ValueRefusedError: It could not be set as a value.
            RefusedError: It would change the value while a run is on (A2).
        """
        return self._default

    @default.setter
    def default(self, default: Any) -> None:
        if default is not NoValue and default is not None:
            default = self.check(default)
        self._check_not_frozen()
        self.set_default(default)
        if hasattr(self, "node"):
            self.node.note_port(self)

    def set_default(self, default: Any) -> None:
        """Change the default without a look at it; the value too, while it is the default."""
        default = self._named(default)
        if self._value is self._default and not self.sources:
            self._value = default
        self._default = default

    def _named(self, default: Any) -> Any:
        """A default that names a member of an enumeration, as that member."""
        options = self.type.options
        if isinstance(default, str) and any(isinstance(option, Enum) for option in options):
            with suppress(ValueRefusedError):
                return self.type.accept(default)
        return default

    def set_value(
        self, value: Any, does_trigger: bool | None = None, *, wave: Wave | None = None
    ) -> None:
        """Set the value from outside: checked, and a wave of its own unless one is given (T3).

        From another thread than the engine's, the value is set at the loop's next turn (T12).

        Raises:
            ValueRefusedError: Wrong type, outside the limits, or none of the options.
            RefusedError: A run is on, and this input is not marked live (A2).
        """
        self.stand_alone()
        if value is not NoValue:
            value = self.check(value)
        self._check_not_frozen()
        engine = self.node.engine
        is_here = engine.elsewhere() is None
        if is_here or not engine.post(self._stimulate, value, does_trigger, wave):
            self._stimulate(value, does_trigger, wave)

    def _check_not_frozen(self) -> None:
        space = self.node.nodespace if hasattr(self, "node") else None
        if space is not None and space.locked and not self.live:
            raise RefusedError(
                f"{self.node.name}: {self.name} cannot be changed while a run is on.",
                hint="Mark the input live, or stop the run.",
                node=self.node.uuid, port=self.id,
            )  # fmt: skip

    def restore(self, value: Any) -> None:
        """Put a value back as text: nothing runs, and it counts as not applied."""
        self._value, self.wave, self.quality, self.applied = value, None, "ok", False
        self.node.note_port(self)

    def unset(self) -> None:
        """Go back to the default, without triggering."""
        todo = [self]
        while todo:
            inp = todo.pop()
            if inp is self or type(inp).unset is NodeInput.unset:
                inp.reset()
                todo += reversed(inp.forwards_to)
            else:
                inp.unset()

    def reset(self) -> None:
        """Go back to the default, here only."""
        self._value, self.wave, self.quality, self.applied = self._default, None, "ok", True
        self.node.note_port(self)

    def check(self, value: Any) -> Any:
        """The value as this port's type, or a sentence why not.

        Raises:
            ValueRefusedError: Names the port, the value and what is allowed.
        """
        try:
            value = self.type.accept(value)
        except ValueRefusedError as error:
            raise self.refusal(error.message) from error
        self.check_limits(value)
        if "step" in self.value_options:
            self._check_step(value)
        return value

    def check_limits(self, value: Any) -> None:
        """Raise ValueRefusedError where the value is outside the limits or options."""
        own = self.type.limits
        if not self.value_options and own.low is None and own.high is None:
            return
        try:
            check_range(value, self.limits, self.unit)
        except ValueRefusedError as error:
            raise self.refusal(error.message) from error
        options = self.value_options.get("options")
        if options and value not in self.options:
            raise self.refusal(f"{value!r} is not one of {', '.join(map(str, self.options))}.")

    def _check_step(self, value: Any) -> None:
        """Of values set from outside only: what is computed and comes by an edge need not fit."""
        step = self.value_options["step"]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not step or not is_number or not math.isfinite(value):
            return
        start = self.limits.low or 0
        steps = (value - start) / step
        if abs(steps - round(steps)) > 1e-6 * max(1.0, abs(steps)):
            shown = [f"{n:.9g} {self.unit}".replace("-", "−").strip() for n in (value, start, step)]
            raise self.refusal(
                f"{shown[0]} is not {shown[1]} and a whole number of steps of {shown[2]}."
            )

    def connect(self, other: "NodeOutput", replace: bool = False) -> list[str]:
        """Connect it to an output; see `NodeOutput.connect`. To another input: `forward`."""
        if other.is_input:
            raise NodeConnectionError(f"{self._where} and {other._where} are both inputs.")
        return other.connect(self, replace)

    def disconnect(self, other: "NodeOutput | None" = None) -> None:
        """Take away one edge, or all; without any the default returns, and nothing triggers."""
        if self.node.engine.carry(lambda: self.disconnect(other)):
            return
        for source in [other] if other is not None else list(self.sources):
            if source.is_input:
                cast(NodeInput, source).unforward(self)
            else:
                source.disconnect(self)

    c, d = connect, disconnect

    def __lt__(self, other: Any) -> Any:
        """`inp < out` connects; `inp < 3` sets."""
        if isinstance(other, Port):
            return self.connect(other)  # type: ignore[arg-type]  # connect refuses two inputs
        self.set_value(other)
        return self

    def receive(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        """Take a value that belongs to `wave`, without checks of type."""
        self._value = value
        self.wave = wave
        self.quality = quality
        node = self.node
        self.applied = not node.effect
        if node.changes is not None:
            node.changes.note_port(self)
        if self.triggers:
            node.request(wave)

    def _stimulate(self, value: Any, does_trigger: bool | None, wave: Wave | None) -> None:
        stimulus = wave or self.node.open_wave(self)
        quality: Quality = "missing" if is_nan(value) else "ok"
        if does_trigger is None or does_trigger is self.triggers:
            self.receive(value, stimulus, quality)
        else:
            before, self.triggers = self.triggers, does_trigger
            try:
                self.receive(value, stimulus, quality)
            finally:
                self.triggers = before
        if wave is None:
            stimulus.close()

    def _options_changed(self) -> None:
        for source in self.sources:
            source.refit(self)

    def refusal(self, why: str) -> ValueRefusedError:
        """The error that a value cannot be set, and why."""
        if not self.has_node:
            return ValueRefusedError(f"{self.name} cannot be set: {why}", port=self.id)
        return ValueRefusedError(
            f"{self.node.name}: {self.name} cannot be set: {why}",
            node=self.node.uuid, port=self.id,
        )  # fmt: skip

    # ── forwarding ────────────────────────────────────────────────────────────────────────

    @property
    def targets(self) -> "Iterator[NodeInput]":
        """The inputs it is forwarded to."""
        return (inp for inp, _ in self.__dict__.get("_forwards", ()))

    @property
    def has_targets(self) -> bool:
        return "_forwards" in self.__dict__

    @property
    def forwards_to(self) -> "list[NodeInput]":
        """The inputs that get every value this one gets."""
        return list(self.targets)

    def forward(
        self, other: "NodeInput", replace: bool = False, *, quietly: bool = False
    ) -> list[str]:
        """Hand every value on to an input of another node, in the same wave.

        Args:
            other: The input.
            replace: Take away an edge that it has.
            quietly: It gets the present value as text: nothing runs (A1).

        Returns:
            `[source node, input, target node, input]`.

        Raises:
            RefusedError: A run is on (A2).
            MultipleConnectionsError: The other has an edge, and `replace` is false.
            SameNodeConnectionError: Both belong to one node.
            PortMismatchError: Type or dimension does not fit.
            NodeConnectionError: The other leads back here, or is no input.
        """
        if not isinstance(other, NodeInput):
            raise NodeConnectionError(f"{self._where} can only be forwarded to an input.")
        self.stand_alone()
        other.stand_alone()
        edge = [self.node.uuid, self.id, other.node.uuid, other.id]
        again = partial(self.forward, other, replace, quietly=quietly)
        if self.node.engine.carry(again) or other in self.forwards_to:
            return edge
        check_unlocked(self, other)
        convert = fit(self, other)
        if _forwards_reach(other, self):
            raise NodeConnectionError(f"{other._where} is already forwarded to {self._where}.")
        other.make_room(replace)
        self.__dict__.setdefault("_forwards", []).append((other, convert))
        other.sources.append(cast("NodeOutput", self))  # it does all that is asked of a source
        self.__dict__["receive"] = self._receive_and_forward  # only inputs that forward pay
        edges.made(self, other)
        self._forward_present(other, convert, quietly)
        return edge

    def unforward(self, other: "NodeInput | None" = None) -> None:
        """Hand no more values on, to one input or to any; what loses its last edge is unset."""
        if self.node.engine.carry(lambda: self.unforward(other)):
            return
        for inp in [other] if other is not None else self.forwards_to:
            if inp not in self.forwards_to:
                continue
            check_unlocked(self, inp)
            left = [edge for edge in self.__dict__["_forwards"] if edge[0] is not inp]
            self.__dict__["_forwards"] = left
            if not left:
                del self.__dict__["_forwards"], self.__dict__["receive"]
            edges.gone(self, inp)

    def make_room(self, replace: bool) -> None:
        """See to it that one more edge may come; raises MultipleConnectionsError."""
        if self.sources and not self.allow_multiple:
            if not replace:
                raise MultipleConnectionsError(f"{self._where} already has a wire.")
            self.disconnect()

    def refit(self, other: "NodeInput") -> None:
        """Look anew at what forwarding to `other` converts and checks."""
        forwards = self.__dict__.get("_forwards", [])
        self.__dict__["_forwards"] = [
            (inp, fit(self, inp) if inp is other else convert) for inp, convert in forwards
        ]

    def _receive_and_forward(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        """`receive`, here and along all that it is forwarded to, however far that is."""
        todo: list[tuple[NodeInput, Convert | None, Any]] = [(self, None, value)]
        while todo:
            inp, convert, given = todo.pop()
            taken = converted(inp, convert, given, wave)
            forwards = inp.__dict__.get("_forwards")
            if taken is REFUSED:
                continue
            if forwards is None:
                inp.receive(taken, wave, quality)
            else:
                type(inp).receive(inp, taken, wave, quality)
                todo += [(further, change, taken) for further, change in reversed(forwards)]

    def _forward_present(self, other: "NodeInput", convert: Convert | None, quietly: bool) -> None:
        if self._value is NoValue or other.carries == "stream":
            return
        if quietly or not self.applied:  # text that nothing acted on stays that
            other.restore(self._value if convert is None else convert(self._value))
            other.quality = self.quality
            return
        stimulus = self.node.open_wave(f"wire to {other._where}")
        push(other, convert, self._value, stimulus, self.quality)
        stimulus.close()


def _forwards_reach(start: NodeInput, goal: NodeInput) -> bool:
    """Whether `start` is forwarded to `goal`; looked for from both ends, as one is often near."""
    ahead, behind = [start], [goal]
    while ahead and behind:
        if ahead[-1] is goal or behind[-1] is start:
            return True
        ahead += ahead.pop().forwards_to
        behind += [cast(NodeInput, port) for port in behind.pop().sources if port.is_input]
    return False
