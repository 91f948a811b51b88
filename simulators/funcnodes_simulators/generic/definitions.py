"""One device of a pyvisa-sim definition file, complete: dialogues, properties, channels, errors.

`definition_files` reads and checks them, `scripted` brings one to life.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from funcnodes_simulators.generic.templates import Template, Value

LINE_FEED = (b"\n", b"\n")

_BYTES = re.compile(r"(BYTES\([^)]+\))")
_WHOLE_BYTES = re.compile(r"BYTES\((.*)\)", re.S)


@dataclass(frozen=True, slots=True)
class RandomReply:
    """`count` numbers between two limits, each written as the template says."""

    template: Template
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class BadReply:
    """A reply whose RANDOM directive makes no sense; pyvisa-sim too finds out when it is asked."""

    text: str


Reply = bytes | RandomReply | BadReply | None


@dataclass(frozen=True, slots=True)
class Specs:
    """What values a property takes."""

    kind: type[int] | type[float] | type[str]
    low: Value | None = None
    high: Value | None = None
    valid: frozenset[Value] = frozenset()

    def value(self, text: Value) -> Value:
        """Turn a text, or a number that was read from one, into a value.

        Raises:
            ValueError: It is none, or it is not allowed.
        """
        try:
            value: Value = self.kind(text)
        except OverflowError as error:
            raise ValueError(str(error)) from None
        if self.low is not None and value < self.low:  # type: ignore[operator]  # of one type
            raise ValueError(f"{value} is less than {self.low}")
        if self.high is not None and value > self.high:  # type: ignore[operator]  # of one type
            raise ValueError(f"{value} is more than {self.high}")
        if self.valid and value not in self.valid:
            raise ValueError(f"{value} is not one of the valid values")
        return value


@dataclass(frozen=True, slots=True)
class Getter:
    query: str
    reply: Template | RandomReply | BadReply


@dataclass(frozen=True, slots=True)
class Setter:
    """How a property is set: the form of the command, and its replies.

    A command without a field for a value is done and changes nothing.
    """

    command: Template
    reply: bytes | None
    refusal: bytes | None


@dataclass(frozen=True, slots=True)
class Property:
    """A value that a device remembers."""

    name: str
    default: Value
    getter: Getter | None
    setter: Setter | None
    specs: Specs | None

    def value(self, given: Value) -> Value:
        """Check a value; raises ValueError where it is refused."""
        return given if self.specs is None else self.specs.value(given)


@dataclass(frozen=True, slots=True)
class Component:
    """What a device or each of its channels answers: queries are text as they stand in the file."""

    dialogues: Mapping[str, Reply]
    properties: Mapping[str, Property]


@dataclass(frozen=True, slots=True)
class Channels:
    """Several channels that answer alike.

    Attributes:
        ids: Their names.
        is_inline: Each message names its channel; otherwise the property `selected_channel` does.
    """

    component: Component
    ids: tuple[str, ...]
    is_inline: bool


@dataclass(frozen=True, slots=True)
class ErrorRegister:
    query: bytes
    bits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ErrorMessages:
    query: bytes
    default: bytes
    texts: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Definition:
    """One device of a file, complete.

    Attributes:
        terminators: What ends a query and a response, by interface type and resource class.
        responses: What an error of a kind is answered with, if anything.
    """

    name: str
    component: Component
    channels: tuple[Channels, ...]
    delimiter: bytes
    terminators: Mapping[str, tuple[bytes, bytes]]
    responses: Mapping[str, bytes | None]
    registers: tuple[ErrorRegister, ...] = ()
    queues: tuple[ErrorMessages, ...] = ()

    def terminators_for(self, *kinds: str) -> tuple[bytes, bytes]:
        """Return what ends a query and a response on the first kind of resource that is known."""
        known = (self.terminators[kind] for kind in kinds if kind in self.terminators)
        return next(known, LINE_FEED)


@dataclass(frozen=True, slots=True)
class Resource:
    """An address of a file and the device that answers there."""

    name: str
    device: str
    definition: Definition

    @property
    def kind(self) -> str:
        """Its interface type and resource class: `TCPIP SOCKET`."""
        parts = self.name.upper().split("::")
        interface = re.match(r"[A-Z]*", parts[0])
        last = parts[-1] if parts[-1] in ("INSTR", "SOCKET", "RAW") else "INSTR"
        return f"{interface[0] if interface else ''} {last}"


def as_bytes(text: str) -> bytes:
    """Turn a text of a file into bytes: `BYTES(...)` byte by byte, the rest as UTF-8."""
    text = text.replace("\\r", "\r").replace("\\n", "\n")
    out = b""
    for part in _BYTES.split(text):
        match = _WHOLE_BYTES.fullmatch(part)
        if match is None:
            out += part.encode("utf-8", "surrogatepass")
        else:
            out += match[1].encode("latin-1", "replace")
    return out
