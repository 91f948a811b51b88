"""Ports: what inputs and outputs share, a value and what is said of it.

Class attributes of a node are templates; each instance has copies.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from funcnodes.core import codec
from funcnodes.core.events import Emitter, Listener
from funcnodes.core.nodes.provenance import Origin, Provenance
from funcnodes.core.running.waves import Wave
from funcnodes.core.types import PortType, Range
from funcnodes.core.values import NoValue, Quality
from funcnodes.errors import GraphError, SavedGraphError, ValueRefusedError

if TYPE_CHECKING:
    from funcnodes.core.nodes.inputs import NodeInput
    from funcnodes.core.nodes.node import Node

TRIGGER_IN, TRIGGER_OUT = "_triggerinput", "_triggeroutput"  # ids of ▶, which every node has
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
    takes_as_is = False  # as an input: values stay in the unit and type of what they come from
    passage: "Node | None" = None  # who is reached through it, if not `node` (see topology)
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
        """False on a template, and on a port by itself."""
        node = getattr(self, "node", None)
        return node is not None and not node.is_nobody

    def stand_alone(self) -> None:
        """See to it that a port without a node can be used by itself."""
        if not hasattr(self, "node"):
            from funcnodes.core.nodes.alone import Nobody

            self.node = Nobody()

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
        if self._value is NoValue:
            return None
        return Provenance.of(self.full_id, self.wave, self.quality, self._origins())

    def _origins(self) -> Iterator[Origin]:
        """What its value was made of."""
        raise NotImplementedError

    @property
    def _where(self) -> str:
        return f"{self.node.name}.{self.id}" if self.has_node else self.id

    @property
    def value(self) -> Any:
        """What was set or has come; `NoValue` where nothing has."""
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self.set_value(value)

    def set_value(self, value: Any, does_trigger: bool | None = None) -> None:
        """Set it from outside.

        Args:
            value: What is set.
            does_trigger: Whether a node is to run for it; as the port says if not given.
        """
        raise NotImplementedError

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

    def once_error(self, listener: Listener) -> None:
        """Call it for the next error only."""
        self.once("error", listener)

    def off_error(self, listener: Listener | None = None) -> None:
        """Call it for errors no more; without `listener` none."""
        self.off("error", listener)

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
        return {"node": self.has_node, "value": self._value is not NoValue}

    def status(self) -> dict[str, Any]:
        """Whether it has a value, a node and an edge; of a stream also `waiting`, `dropped`."""
        return {
            "has_value": self._value is not NoValue,
            "has_node": self.has_node,
            "ready": self.ready(),
            "connected": self.is_connected(),
        }

    def serialize(self) -> dict[str, Any]:
        """Identity, type and value, ready for JSON; a value that cannot be saved is left out."""
        kind = _type_form(self.type)
        data: dict[str, Any] = {"id": self.id, "is_input": self.is_input, "type": kind}
        if self.name != self.id:
            data["name"] = self.name
        if self._value is not NoValue:
            put_value(data, "value", self._value)
        return data

    def full_serialize(self) -> dict[str, Any]:
        """Everything there is to know of it, ready for JSON."""
        return {
            **self.serialize(),
            "full_id": self.full_id,
            "name": self.name,
            "description": self.description,
            "unit": self.unit,
            "connected": self.is_connected(),
            "node": self.node.uuid if self.has_node else None,
            "hidden": self.hidden,
            "value_options": dict(self.value_options),
            "render_options": dict(self.render_options),
        }

    def serialize_class(self) -> dict[str, Any]:
        """What an instance does not change, ready for JSON."""
        return {
            "uuid": self.id,
            "name": self.name,
            "type": _type_form(self.type),
            "description": self.description or None,
        }

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
        """Edges that check limits are to check the new ones."""

    def joined(self) -> None:
        """It has just become a port of its node."""

    def left(self) -> None:
        """It is a port of its node no more."""

    def copy_for(self, node: "Node") -> Self:
        """A fresh port of the same kind for an instance."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.id, copy._value, copy.quality, copy.wave = self.id, NoValue, "ok", None
        copy.value_options = dict(self.value_options)
        if self.render_options:
            copy.render_options = dict(self.render_options)
        if self._events is not None:
            copy._events = self._events.copy()
        copy.node = node
        return copy


NodeIO = Port  # the name under which older programs know it


def check_value_options(options: Mapping[str, Any], where: str) -> None:
    """Raise ValueRefusedError where `min` and `max` are no range."""
    bounds = {key: options.get(key) for key in ("min", "max", "step")}
    for key, bound in bounds.items():
        if isinstance(bound, bool) or not isinstance(bound, int | float | None):
            raise ValueRefusedError(f"{where}: {key} is {bound!r}, not a number.")
    low, high = bounds["min"], bounds["max"]
    if low is not None and high is not None and low > high:
        raise ValueRefusedError(f"{where}: min {low:.9g} is above max {high:.9g}.")


def put_value(data: dict[str, Any], key: str, value: Any) -> None:
    """Add a value to a description; of one that cannot be saved the name of its type."""
    try:
        data[key] = codec.to_json(value)
    except SavedGraphError:
        data[key + "_type"] = type(value).__name__


def _type_form(found: PortType) -> Any:
    """A type by its name, or, where it has options, `{"type": "enum", "values", "keys", …}`."""
    if not found.options:
        return found.name
    return {
        "type": "enum",
        "values": [option.value if _is_member(option) else option for option in found.options],
        "keys": [option.name if _is_member(option) else str(option) for option in found.options],
        "nullable": found.optional,
    }


def _is_member(option: Any) -> bool:
    return isinstance(option, enum.Enum)


def told_apart(
    owner: str, inherited: Mapping[str, "Port"], own: Sequence["Port"]
) -> dict[str, "Port"]:
    """A class's own ports by id; an output named like an input gets `_` after its id.

    Args:
        owner: What the class is called.
        inherited: Ports that it has from elsewhere, by id.

    Raises:
        GraphError: An input is named like an output that it has from elsewhere.
    """
    inputs = {port.id for port in (*inherited.values(), *own) if port.is_input}
    taken = inputs | {port.id for port in own}
    for port in own:
        before = inherited.get(port.id)
        if port.is_input and before is not None and not before.is_input:
            raise GraphError(
                f"{owner} has an output {port.id!r} already, and cannot have such an input."
            )
        if not port.is_input and port.id in inputs:
            port.name = port.name
            while port.id in taken:
                port.id += "_"
            taken.add(port.id)
    return {port.id: port for port in own}
