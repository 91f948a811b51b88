"""Ports: where values enter and leave a node, and the wires between them.

Class attributes of a node are templates; each instance has copies. A value that an execution
sets travels without checks (the wire was checked when it was made); a value from outside enters by
`set_value`, is checked, and opens a wave.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from funcnodes.core.events import Emitter, Listener
from funcnodes.core.nodes import describe
from funcnodes.core.nodes.provenance import Provenance, provenance
from funcnodes.core.running import topology
from funcnodes.core.running.waves import Wave
from funcnodes.core.types import PortType, Range, check_range, conversion
from funcnodes.core.values import NoValue, Quality
from funcnodes.errors import (
    GraphError,
    MultipleConnectionsError,
    NodeConnectionError,
    PortMismatchError,
    RefusedError,
    SameNodeConnectionError,
    ValueRefusedError,
)

if TYPE_CHECKING:
    from funcnodes.core.nodes.node import Node
    from funcnodes.core.nodes.older import RefusedWire
    from funcnodes.core.running.engine import Engine

Convert = Callable[[Any], Any]
Listeners = Mapping[str, Listener | Iterable[Listener]]


class Port:
    """What inputs and outputs share.

    Attributes:
        id: Name within the node, as saved.
        node: The node it belongs to; unset on a template.
        type: What it carries.
        wave: The wave in which its value was set; None if it was restored or never set.
        quality: How far the value can be trusted.
    """

    __slots__ = ("__dict__", "_value", "id", "node", "quality", "wave")  # what every value touches

    is_input = False
    carries: Literal["value", "stream"] = "value"  # the latest wins, or nothing is lost (T5)
    gate: "Node | None" = None  # who is reached through it, if not `node` (see topology)
    node: "Node"

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
        self.id = uuid or id
        self._name = name
        self.type = PortType.of(type, unit=unit)
        self.description = description
        self.hidden = hidden
        self.pinned = False
        self.value_options: dict[str, Any] = dict(value_options or {})
        self.render_options: dict[str, Any] = dict(render_options or {})
        self._events: Emitter | None = None
        self.listen(on or {})
        self.quality: Quality = "ok"
        self.wave: Wave | None = None
        self._value: Any = NoValue

    def __set_name__(self, owner: type, name: str) -> None:
        self.id = self.id or name

    def __get__(self, instance: "Node | None", owner: type) -> Self:
        if instance is None:
            return self
        found = (instance.inputs if self.is_input else instance.outputs)[self.id]
        assert isinstance(found, type(self))
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.full_id} {self._value!r}>"

    @property
    def uuid(self) -> str:
        """The same as `id`."""
        return self.id

    @property
    def name(self) -> str:
        """What a person reads; falls back to `id`."""
        return self._name or self.id

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def unit(self) -> str:
        return self.type.unit

    @property
    def has_node(self) -> bool:
        """False on a template."""
        return hasattr(self, "node")

    @property
    def full_id(self) -> str:
        """`<node>__<port>`, unique within a nodespace."""
        node = getattr(self, "node", None)
        return f"{node.uuid if node is not None else ''}__{self.id}"

    @property
    def limits(self) -> Range:
        """The range that is enforced: of `value_options` where given, else of the type."""
        options, own = self.value_options, self.type.limits
        return Range(options.get("min", own.low), options.get("max", own.high))

    @property
    def options(self) -> tuple[Any, ...]:
        """The only values allowed, or ()."""
        given = self.value_options.get("options")
        if isinstance(given, dict):
            given = list(given.values())
        return tuple(given) if given else self.type.options

    @property
    def provenance(self) -> Provenance | None:
        """Which wave its value belongs to, and what it was made of; None while it has none."""
        return provenance(self)

    # ── what it tells ─────────────────────────────────────────────────────────────────────

    def on(self, event: str, listener: Listener) -> None:
        """Call `listener(src=…, event=…, **data)` whenever `event` happens; "*" is any."""
        if self._events is None:
            self._events = Emitter()
        self._events.on(event, listener)
        self._listeners_changed()

    def listen(self, listeners: Listeners) -> None:
        """`on` for several events, each with one listener or more."""
        for event, given in listeners.items():
            for listener in [given] if callable(given) else given:
                self.on(event, listener)

    def off(self, event: str, listener: Listener | None = None) -> None:
        """Call it no more."""
        if self._events is not None:
            self._events.off(event, listener)
            if self._events.listeners is None:
                self._events = None
            self._listeners_changed()

    def once(self, event: str, listener: Listener) -> None:
        """Call it at the next time only."""

        def first(**data: Any) -> None:
            self.off(event, first)
            listener(**data)

        self.on(event, first)

    def on_error(self, listener: Listener) -> None:
        """Call it for every error."""
        self.on("error", listener)

    @property
    def is_heard(self) -> bool:
        """Whether somebody listens to this very port."""
        return self._events is not None

    def tell(self, event: str, **data: Any) -> None:
        """Tell the listeners of the port, then those of its node, as `io`."""
        if self._events is not None:
            self._events.emit(event, src=self, **data)
        if self.has_node and self.node.listeners is not None:
            self.node.emit(event, io=self, **data)

    def _listeners_changed(self) -> None:
        if self.has_node:
            self.node.listeners_changed()

    # ── what it says of itself ────────────────────────────────────────────────────────────

    @property
    def targets(self) -> "Iterator[NodeInput]":
        """The inputs that get every value of it."""
        raise NotImplementedError

    @property
    def has_targets(self) -> bool:
        """Whether any input gets every value of it."""
        raise NotImplementedError

    def is_connected(self) -> bool:
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether it belongs to a node and has a value, or needs none."""
        return self.has_node

    def ready_state(self) -> dict[str, bool]:
        """What it has of what it needs: `node`, `value`."""
        return describe.port_ready_state(self)

    def status(self) -> dict[str, Any]:
        """Whether it has a value, a node and a wire; of a stream also `waiting` and `dropped`."""
        return describe.port_status(self)

    def serialize(self) -> dict[str, Any]:
        """Identity, type and value, ready for JSON."""
        return describe.port_serialize(self)

    def full_serialize(self) -> dict[str, Any]:
        """Everything there is to know of it, ready for JSON."""
        return describe.port_full_serialize(self)

    def serialize_class(self) -> dict[str, Any]:
        """What an instance does not change, ready for JSON."""
        return describe.port_class(self)

    def update_value_options(self, **options: Any) -> dict[str, Any]:
        """Change some of `min max step options`; None takes one away. The value stays as it is.

        Returns:
            All that hold now.

        Raises:
            ValueRefusedError: `min` is above `max`, or one of them is no number.
        """
        fresh = {k: v for k, v in {**self.value_options, **options}.items() if v is not None}
        check_value_options(fresh, f"{self.full_id or self.id}")
        self.value_options = fresh
        self._options_changed()
        self.tell("after_update_value_options", result=dict(fresh))
        return dict(fresh)

    def _options_changed(self) -> None:
        """Wires that check limits are to check the new ones."""

    def copy_for(self, node: "Node") -> Self:
        """A fresh port of the same kind for an instance."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.id, copy._value, copy.quality, copy.wave = self.id, self._value, self.quality, None
        copy.value_options = dict(self.value_options)
        if self.render_options:
            copy.render_options = dict(self.render_options)
        if self._events is not None:
            copy._events = self._events.copy()
        copy.node = node
        return copy


class NodeInput(Port):
    """Takes a value, and triggers its node.

    Attributes:
        default: The value while nothing is set or connected.
        required: Whether the node cannot run without a value.
        does_trigger: Whether a new value asks the node to run.
        live: May be changed while a run is on (A2).
        applied: False while the value was only restored as text, and nothing acted on it.
        triggers: What `does_trigger` comes to once order wires are considered (T7).
        straight: The engine that may queue its node at once, where it is the only parameter of a
            plain node; else None.
    """

    __slots__ = ("applied", "required", "sources", "straight", "triggers")

    is_input = True
    unread: Any = None  # the saved form of a value whose type is not known here
    refused: "tuple[RefusedWire, ...]" = ()  # wires of an older file that do not fit here

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
        self.default = default
        self.required = required
        self._does_trigger = does_trigger
        self.allow_multiple = allow_multiple
        self.live = live
        self.applied = True
        self.triggers = does_trigger
        self.straight: Engine | None = None
        self.sources: list[NodeOutput] = []
        self._value = default

    def copy_for(self, node: "Node") -> Self:
        copy = super().copy_for(node)
        copy.sources = []
        copy.applied, copy.required, copy.triggers = True, self.required, self.triggers
        copy.straight = None
        return copy

    @property
    def value(self) -> Any:
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self.set_value(value)

    @property
    def receives_plainly(self) -> bool:
        """Whether a value that comes is only taken: not forwarded, queued or looked at."""
        return type(self).receive is NodeInput.receive and "receive" not in self.__dict__

    @property
    def does_trigger(self) -> bool:
        return self._does_trigger

    @does_trigger.setter
    def does_trigger(self, triggers: bool) -> None:
        if self.has_node:
            self.node.check_unlocked()
        self._does_trigger = self.triggers = triggers
        if hasattr(self, "node"):
            self.node.rewired()

    @property
    def source(self) -> "NodeOutput | None":
        """The output it is wired to, if any."""
        return self.sources[0] if self.sources else None

    @property
    def connections(self) -> "list[NodeOutput]":
        return list(self.sources)

    def is_connected(self) -> bool:
        return bool(self.sources)

    def ready(self) -> bool:
        """Whether it has a value, or needs none."""
        return self.has_node and (self._value is not NoValue or not self.required)

    @property
    def lacks_wires(self) -> bool:
        """Whether wires were refused to it, and nobody has set or wired it since."""
        return (
            bool(self.refused)
            and not self.sources
            and self.wave is None
            and self._value is self.default
        )

    def refuse(self, wire: "RefusedWire") -> None:
        """A wire of a file cannot be made: keep it aside, and forget what came by it."""
        self.refused = (*self.refused, wire)
        self.unread = None
        if not self.sources:
            self.unset()

    def set_default(self, default: Any) -> None:
        """Change the default; the value too, while it is the default."""
        if self._value is self.default and not self.sources:
            self._value = default
        self.default = default

    def set_value(
        self, value: Any, does_trigger: bool | None = None, *, wave: Wave | None = None
    ) -> None:
        """Set the value from outside: checked, and a wave of its own unless one is given (T3).

        From another thread than the engine's, the value is set at the loop's next turn (T12).

        Raises:
            ValueRefusedError: Wrong type, outside the limits, or none of the options.
            RefusedError: A run is on, and this input is not marked live (A2).
        """
        if value is not NoValue:
            value = self.check(value)
        space = self.node.nodespace
        if space is not None and space.locked and not self.live:
            raise RefusedError(
                f"{self.node.name}: {self.name} cannot be changed while a run is on.",
                hint="Mark the input live, or stop the run.",
                node=self.node.uuid, port=self.id,
            )  # fmt: skip
        loop = self.node.engine.elsewhere()
        if loop is not None:
            loop.call_soon_threadsafe(self._stimulate, value, does_trigger, wave)
        else:
            self._stimulate(value, does_trigger, wave)

    def restore(self, value: Any) -> None:
        """Put a value back as text: nothing runs, and it counts as not applied."""
        self._value, self.wave, self.quality, self.applied = value, None, "ok", False
        self.node.note_port(self)

    def unset(self) -> None:
        """Go back to the default, without triggering."""
        self.reset()
        for inp in self.forwards_to:
            inp.unset()

    def reset(self) -> None:
        """Go back to the default, here only."""
        self._value, self.wave, self.quality, self.applied = self.default, None, "ok", True
        self.node.note_port(self)

    def check(self, value: Any) -> Any:
        """The value as this port's type, or a sentence why not.

        Raises:
            ValueRefusedError: Names the port, the value and what is allowed.
        """
        try:
            value = self.type.accept(value)
        except ValueRefusedError as error:
            raise self._refused(error.message) from error
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
            raise self._refused(error.message) from error
        options = self.value_options.get("options")
        if options and value not in self.options:
            raise self._refused(f"{value!r} is not one of {', '.join(map(str, self.options))}.")

    def _check_step(self, value: Any) -> None:
        """Of values set from outside only: what is computed and comes by a wire need not fit."""
        step = self.value_options["step"]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not step or not is_number or not math.isfinite(value):
            return
        start = self.limits.low or 0
        steps = (value - start) / step
        if abs(steps - round(steps)) > 1e-6 * max(1.0, abs(steps)):
            shown = [f"{n:.9g} {self.unit}".replace("-", "−").strip() for n in (value, start, step)]
            raise self._refused(
                f"{shown[0]} is not {shown[1]} and a whole number of steps of {shown[2]}."
            )

    def connect(self, other: "NodeOutput", replace: bool = False) -> list[str]:
        """Wire it to an output; see `NodeOutput.connect`. To another input: `forward`."""
        if not isinstance(other, NodeOutput):
            raise NodeConnectionError(f"{self._where} and {other._where} are both inputs.")
        return other.connect(self, replace)

    def disconnect(self, other: "NodeOutput | None" = None) -> None:
        """Take away one wire, or all; without any the default returns, and nothing triggers."""
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
        self.applied = True
        node = self.node
        if node.changes is not None:
            node.changes.note_port(self)
        if self.triggers:
            node.request(wave)

    def _stimulate(self, value: Any, does_trigger: bool | None, wave: Wave | None) -> None:
        stimulus = wave or self.node.open_wave(self)
        if does_trigger is None or does_trigger is self.triggers:
            self.receive(value, stimulus)
        else:
            before, self.triggers = self.triggers, does_trigger
            try:
                self.receive(value, stimulus)
            finally:
                self.triggers = before
        self.applied = not self.triggers or not self.node.blocked
        if wave is None:
            stimulus.close()

    @property
    def _where(self) -> str:
        return f"{self.node.name}.{self.id}"

    def _refused(self, why: str) -> ValueRefusedError:
        return ValueRefusedError(
            f"{self.node.name}: {self.name} cannot be set: {why}",
            node=self.node.uuid, port=self.id,
        )  # fmt: skip

    def _options_changed(self) -> None:
        for source in self.sources:
            source.refit(self)

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
            replace: Take away a wire that it has.
            quietly: It gets the present value as text: nothing runs (A1).

        Returns:
            `[source node, input, target node, input]`.

        Raises:
            RefusedError: A run is on (A2).
            MultipleConnectionsError: The other has a wire, and `replace` is false.
            SameNodeConnectionError: Both belong to one node.
            PortMismatchError: Type or dimension does not fit.
            NodeConnectionError: The other leads back here, or is no input.
        """
        if not isinstance(other, NodeInput):
            raise NodeConnectionError(f"{self._where} can only be forwarded to an input.")
        edge = [self.node.uuid, self.id, other.node.uuid, other.id]
        if other in self.forwards_to:
            return edge
        _check_unlocked(self, other)
        convert = fit(self, other)
        if _forwards_reach(other, self):
            raise NodeConnectionError(f"{other._where} is already forwarded to {self._where}.")
        other.make_room(replace)
        self.__dict__.setdefault("_forwards", []).append((other, convert))
        other.sources.append(cast(NodeOutput, self))  # it does all that is asked of a source
        self.__dict__["receive"] = self._receive_and_forward  # only inputs that forward pay
        wired(self, other)
        self._forward_present(other, convert, quietly)
        return edge

    def unforward(self, other: "NodeInput | None" = None) -> None:
        """Hand no more values on, to one input or to any; what loses its last wire is unset."""
        for inp in [other] if other is not None else self.forwards_to:
            if inp not in self.forwards_to:
                continue
            _check_unlocked(self, inp)
            left = [wire for wire in self.__dict__["_forwards"] if wire[0] is not inp]
            self.__dict__["_forwards"] = left
            if not left:
                del self.__dict__["_forwards"], self.__dict__["receive"]
            unwired(self, inp)

    def make_room(self, replace: bool) -> None:
        """See to it that one more wire may come; raises MultipleConnectionsError."""
        if self.sources and not self.allow_multiple:
            if not replace:
                raise MultipleConnectionsError(f"{self._where} already has a wire.")
            self.disconnect()

    def refit(self, other: "NodeInput") -> None:
        """Look anew at what forwarding to `other` converts and checks."""
        wires = self.__dict__.get("_forwards", [])
        self.__dict__["_forwards"] = [
            (inp, fit(self, inp) if inp is other else convert) for inp, convert in wires
        ]

    def _receive_and_forward(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        type(self).receive(self, value, wave, quality)
        for inp, convert in self.__dict__.get("_forwards", ()):
            push(inp, convert, value, wave, quality)

    def _forward_present(self, other: "NodeInput", convert: Convert | None, quietly: bool) -> None:
        if self._value is NoValue or other.carries == "stream":
            return
        if quietly or not self.applied:  # text that nothing acted on stays that
            other.restore(self._value if convert is None else convert(self._value))
            return
        stimulus = self.node.open_wave(f"wire to {other._where}")
        push(other, convert, self._value, stimulus, self.quality)
        stimulus.close()


class NodeOutput(Port):
    """Gives a value, and pushes it to every connected input."""

    allow_multiple = True

    __slots__ = ("_wires",)

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
        self._wires: list[tuple[NodeInput, Convert | None]] = []

    def copy_for(self, node: "Node") -> Self:
        copy = super().copy_for(node)
        copy._wires = []
        return copy

    @property
    def value(self) -> Any:
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self.set(value)

    @property
    def targets(self) -> Iterator[NodeInput]:
        """The inputs it is wired to."""
        return (inp for inp, _ in self._wires)

    @property
    def has_targets(self) -> bool:
        return bool(self._wires)

    @property
    def connections(self) -> list[NodeInput]:
        return list(self.targets)

    def is_connected(self) -> bool:
        return bool(self._wires)

    def set(self, value: Any, *, wave: Wave | None = None, quality: Quality = "ok") -> None:
        """Set the value and push it.

        Args:
            value: Anything.
            wave: The wave it belongs to; else the node's present execution's, else a new one.
            quality: How far it can be trusted.
        """
        wave = wave or self.node.wave
        if wave is not None and not wave.settled:
            self.emit(value, wave, quality)
            return
        stimulus = self.node.open_wave(self)
        self.emit(value, stimulus, quality)
        stimulus.close()

    def emit(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        """Set the value within `wave` and push it."""
        self._value = value
        self.wave = wave
        self.quality = quality
        changes = self.node.changes
        if changes is not None:
            changes.note_port(self)
        for inp, convert in self._wires:
            if convert is None:
                inp.receive(value, wave, quality)
            else:
                push(inp, convert, value, wave, quality)

    def place(self, value: Any, wave: Wave) -> None:
        """Set the value within `wave` and have it wait at the inputs: nothing is triggered."""
        triggering = [inp for inp in self.targets if inp.triggers]
        for inp in triggering:
            inp.triggers = False
        try:
            self.emit(value, wave)
        finally:
            for inp in triggering:
                inp.triggers = True

    def unset(self) -> None:
        """Forget the value."""
        self._value, self.wave, self.quality = NoValue, None, "ok"
        self.node.note_port(self)

    def connect(self, other: NodeInput, replace: bool = False) -> list[str]:
        """Wire it to an input; an existing wire between the two is left as it is.

        The present value, if any, is pushed at once, but not to a stream, which gets what comes.

        Returns:
            `[source node, output, target node, input]`.

        Raises:
            RefusedError: A run is on (A2).
            MultipleConnectionsError: The input has another wire, and `replace` is false.
            SameNodeConnectionError: Both belong to one node.
            PortMismatchError: Type or dimension does not fit.
            NodeConnectionError: Both are outputs.
        """
        if not isinstance(other, NodeInput):
            raise NodeConnectionError(f"{self._where} and {other._where} are both outputs.")
        edge = [self.node.uuid, self.id, other.node.uuid, other.id]
        if self in other.sources:
            return edge
        _check_unlocked(self, other)
        convert = self.check_wire(other)
        other.make_room(replace)
        self._wires.append((other, convert))
        other.sources.append(self)
        wired(self, other)
        if self._value is not NoValue and other.carries == "value":
            self._push_present(other, convert)
        return edge

    def check_wire(self, other: NodeInput) -> Convert | None:
        """Whether a wire would fit, and how it converts; raises as `connect` does."""
        return fit(self, other)

    def refit(self, other: NodeInput) -> None:
        """Look anew at what the wire to `other` converts and checks."""
        self._wires = [
            (inp, fit(self, inp) if inp is other else convert) for inp, convert in self._wires
        ]

    def wire_note(self, other: NodeInput) -> str:
        """What the wire does to a value, e.g. "×0.001", or ""."""
        found = conversion(self.type, other.type)
        return str(getattr(found, "text", ""))

    def disconnect(self, other: NodeInput | None = None) -> None:
        """Take away one wire, or all."""
        for inp in [other] if other is not None else list(self.targets):
            if self not in inp.sources:
                continue
            _check_unlocked(self, inp)
            self._wires = [wire for wire in self._wires if wire[0] is not inp]
            unwired(self, inp)

    c, d = connect, disconnect

    def __gt__(self, other: NodeInput) -> list[str]:
        return self.connect(other)

    def _push_present(self, inp: NodeInput, convert: Convert | None) -> None:
        stimulus = self.node.open_wave(f"wire to {inp.node.name}.{inp.id}")
        push(inp, convert, self._value, stimulus, self.quality)
        stimulus.close()

    @property
    def _where(self) -> str:
        return f"{self.node.name}.{self.id}"


NodeIO = Port  # the name under which older programs know it


# ── wires, whatever they start from ───────────────────────────────────────────────────────


def fit(source: Port, target: NodeInput) -> Convert | None:
    """Whether a wire would fit, and how it converts and checks.

    Raises:
        SameNodeConnectionError: Both belong to one node.
        PortMismatchError: Type or dimension does not fit.
    """
    if target.node is source.node:
        raise SameNodeConnectionError(f"{source.node.name} cannot be wired to itself.")
    try:
        convert = conversion(source.type, target.type)
    except PortMismatchError as error:
        here, there = f"{source.node.name}.{source.id}", f"{target.node.name}.{target.id}"
        raise PortMismatchError(
            f"{here} cannot be wired to {there}: {error.message}",
            source=source.full_id, target=target.full_id,
        ) from error  # fmt: skip
    return _checked(target, convert) if _is_limited(target) else convert


def push(inp: NodeInput, convert: Convert | None, value: Any, wave: Wave, quality: Quality) -> None:
    """Hand a value to an input; one that cannot be converted counts as its node's failure."""
    if convert is not None:
        try:
            value = convert(value)
        except GraphError as error:
            inp.node.fail_in(wave, error)
            return
        except (TypeError, ValueError) as error:
            inp.node.fail_in(wave, inp._refused(f"{value!r} cannot be converted ({error})."))
            return
    inp.receive(value, wave, quality)


def wired(source: Port, target: NodeInput) -> None:
    """A wire was made."""
    _rewired(source, target)
    source.tell("connect", other=target)
    target.tell("connect", other=source)


def unwired(source: Port, target: NodeInput) -> None:
    """A wire was taken away; an input without any goes back to its default (no triggering)."""
    target.sources.remove(cast(NodeOutput, source))
    _rewired(source, target)
    if not target.sources:
        target.unset()
    source.tell("disconnect", other=target)
    target.tell("disconnect", other=source)


def check_value_options(options: Mapping[str, Any], where: str) -> None:
    """Raise ValueRefusedError where `min` and `max` are no range."""
    bounds = {key: options.get(key) for key in ("min", "max", "step")}
    for key, bound in bounds.items():
        if isinstance(bound, bool) or not isinstance(bound, int | float | None):
            raise ValueRefusedError(f"{where}: {key} is {bound!r}, not a number.")
    low, high = bounds["min"], bounds["max"]
    if low is not None and high is not None and low > high:
        raise ValueRefusedError(f"{where}: min {low:.9g} is above max {high:.9g}.")


def _check_unlocked(source: Port, target: NodeInput) -> None:
    """Raise RefusedError where a run holds one of the two ends as it is (A2)."""
    source.node.check_unlocked()
    target.node.check_unlocked()


def _rewired(source: Port, target: NodeInput) -> None:
    topology.rewired()
    source.node.rewired()
    target.node.rewired()


def _forwards_reach(start: NodeInput, goal: NodeInput) -> bool:
    reached = [start]
    while reached:
        inp = reached.pop()
        if inp is goal:
            return True
        reached.extend(inp.forwards_to)
    return False


def _is_limited(inp: NodeInput) -> bool:
    limits = inp.limits
    return limits.low is not None or limits.high is not None or bool(inp.options)


def _checked(inp: NodeInput, convert: Convert | None) -> Convert:
    """Conversion, then the limits of an input that has some."""

    def convert_and_check(value: Any) -> Any:
        if convert is not None:
            value = convert(value)
        inp.check_limits(value)
        return value

    return convert_and_check
