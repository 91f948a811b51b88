"""Ports: where values enter and leave a node, and the wires between them.

Class attributes of a node are templates; each instance has copies. A value that an execution
sets travels through `emit` and `receive` without checks (the wire was checked when it was made);
a value from outside enters by `set_value`, is checked, and opens a wave.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

from funcnodes.core import topology
from funcnodes.core.types import PortType, Range, conversion
from funcnodes.core.values import NoValue, Quality
from funcnodes.core.waves import Wave
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
    from funcnodes.core.node import Node

Convert = Callable[[Any], Any]


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
        uuid: str | None = None,
    ) -> None:
        self.id = uuid or id
        self._name = name
        self.type = PortType.of(type, unit=unit)
        self.description = description
        self.hidden = hidden
        self.pinned = False
        self.value_options: dict[str, Any] = dict(value_options or {})
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

    @property
    def unit(self) -> str:
        return self.type.unit

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

    def copy_for(self, node: "Node") -> Self:
        """A fresh port of the same kind for an instance."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.id, copy._value, copy.quality, copy.wave = self.id, self._value, self.quality, None
        copy.value_options = dict(self.value_options)
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
    """

    __slots__ = ("applied", "required", "sources", "triggers")

    is_input = True
    unread: Any = None  # the saved form of a value whose type is not known here

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
        uuid: str | None = None,
    ) -> None:
        super().__init__(
            id, type, name, description,
            unit=unit, hidden=hidden, value_options=value_options, uuid=uuid,
        )  # fmt: skip
        self.default = default
        self.required = required
        self._does_trigger = does_trigger
        self.allow_multiple = allow_multiple
        self.live = live
        self.applied = True
        self.triggers = does_trigger
        self.sources: list[NodeOutput] = []
        self._value = default

    def copy_for(self, node: "Node") -> Self:
        copy = super().copy_for(node)
        copy.sources = []
        copy.applied, copy.required, copy.triggers = True, self.required, self.triggers
        return copy

    @property
    def value(self) -> Any:
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self.set_value(value)

    @property
    def does_trigger(self) -> bool:
        return self._does_trigger

    @does_trigger.setter
    def does_trigger(self, triggers: bool) -> None:
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
        return self._value is not NoValue or not self.required

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
        return value

    def check_limits(self, value: Any) -> None:
        """Raise ValueRefusedError where the value is outside the limits or options."""
        own = self.type.limits
        if not self.value_options and own.low is None and own.high is None:
            return
        if isinstance(value, int | float) and not isinstance(value, bool):
            limits = self.limits
            if (limits.low is not None or limits.high is not None) and not limits.holds(value):
                shown = f"{value:.9g} {self.unit}".replace("-", "−").strip()
                raise self._refused(f"{shown} is outside {limits.text(self.unit)}.")
        options = self.value_options.get("options")
        if options and value not in self.options:
            raise self._refused(f"{value!r} is not one of {', '.join(map(str, self.options))}.")

    def connect(self, other: "NodeOutput", replace: bool = False) -> list[str]:
        """Wire it to an output; see `NodeOutput.connect`."""
        if not isinstance(other, NodeOutput):
            raise NodeConnectionError(f"{self._where} and {other._where} are both inputs.")
        return other.connect(self, replace)

    def disconnect(self, other: "NodeOutput | None" = None) -> None:
        """Take away one wire, or all; without any the default returns, and nothing triggers."""
        for source in [other] if other is not None else list(self.sources):
            source.disconnect(self)

    c, d = connect, disconnect

    def __lt__(self, other: Any) -> Any:
        """`inp < out` connects; `inp < 3` sets."""
        if isinstance(other, Port):
            return self.connect(other)  # type: ignore[arg-type]  # connect refuses two inputs
        self.set_value(other)
        return self

    def receive(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        """Take a value that belongs to `wave`; the fast path, without checks of type."""
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
        stimulus = wave or self.node.open_wave(f"{self.node.name}.{self.id}")
        before = self.triggers
        if does_trigger is not None:
            self.triggers = does_trigger
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


class NodeOutput(Port):
    """Gives a value, and pushes it to every connected input."""

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
        uuid: str | None = None,
    ) -> None:
        super().__init__(
            id, type, name, description,
            unit=unit, hidden=hidden, value_options=value_options, uuid=uuid,
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
        stimulus = self.node.open_wave(f"{self.node.name}.{self.id}")
        self.emit(value, stimulus, quality)
        stimulus.close()

    def emit(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        """Set the value within `wave` and push it; the fast path."""
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
                self._push_converted(inp, convert, value, wave, quality)

    def unset(self) -> None:
        """Forget the value."""
        self._value, self.wave, self.quality = NoValue, None, "ok"
        self.node.note_port(self)

    def connect(self, other: NodeInput, replace: bool = False) -> list[str]:
        """Wire it to an input; an existing wire between the two is left as it is.

        The present value, if any, is pushed at once.

        Returns:
            `[source node, output, target node, input]`.

        Raises:
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
        convert = self.check_wire(other)
        if other.sources and not other.allow_multiple:
            if not replace:
                raise MultipleConnectionsError(f"{other._where} already has a wire.")
            other.disconnect()
        self._wires.append((other, convert))
        other.sources.append(self)
        self._wired(other)
        if self._value is not NoValue:
            self._push_present(other, convert)
        return edge

    def check_wire(self, other: NodeInput) -> Convert | None:
        """Whether a wire would fit, and how it converts; raises as `connect` does."""
        if other.node is self.node:
            raise SameNodeConnectionError(f"{self.node.name} cannot be wired to itself.")
        try:
            convert = conversion(self.type, other.type)
        except PortMismatchError as error:
            raise PortMismatchError(
                f"{self._where} cannot be wired to {other._where}: {error.message}",
                source=self.full_id, target=other.full_id,
            ) from error  # fmt: skip
        return _checked(other, convert) if _is_limited(other) else convert

    def wire_note(self, other: NodeInput) -> str:
        """What the wire does to a value, e.g. "×0.001", or ""."""
        found = conversion(self.type, other.type)
        return str(getattr(found, "text", ""))

    def disconnect(self, other: NodeInput | None = None) -> None:
        """Take away one wire, or all."""
        for inp in [other] if other is not None else list(self.targets):
            if self not in inp.sources:
                continue
            self._wires = [wire for wire in self._wires if wire[0] is not inp]
            inp.sources.remove(self)
            self._wired(inp)
            if not inp.sources:
                inp.unset()

    c, d = connect, disconnect

    def __gt__(self, other: NodeInput) -> list[str]:
        return self.connect(other)

    def _wired(self, inp: NodeInput) -> None:
        topology.rewired()
        self.node.rewired()
        inp.node.rewired()

    def _push_present(self, inp: NodeInput, convert: Convert | None) -> None:
        stimulus = self.node.open_wave(f"wire to {inp.node.name}.{inp.id}")
        if convert is None:
            inp.receive(self._value, stimulus, self.quality)
        else:
            self._push_converted(inp, convert, self._value, stimulus, self.quality)
        stimulus.close()

    def _push_converted(
        self, inp: NodeInput, convert: Convert, value: Any, wave: Wave, quality: Quality
    ) -> None:
        try:
            converted = convert(value)
        except GraphError as error:
            inp.node.fail_in(wave, error)
            return
        except (TypeError, ValueError) as error:
            inp.node.fail_in(wave, inp._refused(f"{value!r} cannot be converted ({error})."))
            return
        inp.receive(converted, wave, quality)

    @property
    def _where(self) -> str:
        return f"{self.node.name}.{self.id}"


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
