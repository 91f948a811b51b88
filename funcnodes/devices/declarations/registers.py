"""Declaring instruments that speak Modbus: a member is a register, or several in a row.

    @modbus_driver("acme.oven", title="ACME oven")
    class Oven(ModbusDevice):
        setpoint = register(float, "holding:40", dtype="int16", scale=0.1, unit="degC",
                            limits=Range(0, 300), park=20.0)
        temperature = reading(float, "input:0", dtype="float32", unit="degC")
        heater = register(bool, "coil:3", safe=False)

Addresses count from 0, as they stand on the line: what a manual calls 40041 is "holding:40". The
registers become a `Control` or a `Measurement` like any other, so that limits, latch, ramps,
emergency bytes and polling are the same. What goes over the line is `transports.modbus`'s.
"""

import math
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from funcnodes.core.types import Range
from funcnodes.core.values import Quality
from funcnodes.devices.addresses.forms import SerialOptions
from funcnodes.devices.declarations.drivers import Idn, Instrument, driver
from funcnodes.devices.declarations.members import Requires
from funcnodes.devices.declarations.words import UNSET, Control, Depending, Measurement
from funcnodes.devices.messages import replies
from funcnodes.errors import InstrumentError, LimitError, ReplyError

T = TypeVar("T")
D = TypeVar("D", bound="type[ModbusDevice]")
Dtype = Literal[
    "bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"
]
WordOrder = Literal["big", "little"]

_FORMATS: Mapping[Dtype, str] = {
    "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "uint64": ">Q",
    "float32": ">f", "float64": ">d",
}  # fmt: skip
_BIT_TABLES = ("coil", "discrete")
_WRITABLE = ("coil", "holding")
_AT = re.compile(r"(holding|input|coil|discrete):(\d{1,5})", re.ASCII)


class ModbusDevice(Instrument):
    """An instrument whose members are registers."""


@dataclass(frozen=True, slots=True)
class Registers:
    """How a value lies in registers.

    Attributes:
        table: "holding", "input", "coil" or "discrete".
        address: Of the first register, from 0.
        dtype: What the registers hold together.
        words: Which of several registers comes first, the one with the high bits ("big") or the
            one with the low bits. Bytes within a register are big-endian always.
        scale: Value per count.
        offset: Value at count 0.
        missing: Count that means "no number" (D3), or None.
        bit: Which bit of the registers it is, from 0; None for all of them.
        is_multiple: Whether one register, too, is written by function 16.
    """

    table: str
    address: int
    dtype: Dtype
    words: WordOrder = "big"
    scale: float = 1.0
    offset: float = 0.0
    missing: int | None = None
    bit: int | None = None
    is_multiple: bool = False

    def __post_init__(self) -> None:
        """Raises TypeError where no registers lie like that."""
        if (self.dtype == "bool") != (self.table in _BIT_TABLES or self.bit is not None):
            raise TypeError(f"{self.table}:{self.address} cannot be {self.dtype}.")
        if self.address + self.count > 65536:
            raise TypeError(f"{self.table}:{self.address} lies beyond the last register, 65535.")
        if self.bit is not None and not (0 <= self.bit < 16 and self.table not in _BIT_TABLES):
            raise TypeError(f"{self.table}:{self.address} has no bit {self.bit}.")

    @property
    def count(self) -> int:
        """How many there are."""
        return 1 if self.dtype == "bool" else struct.calcsize(_FORMATS[self.dtype]) // 2

    @property
    def query(self) -> str:
        several = f",{self.count}" if self.count > 1 else ""
        return f"{self.table}:{self.address}{several}?"

    @property
    def command(self) -> str:
        table = "holdings" if self.is_multiple and self.table == "holding" else self.table
        return f"{table}:{self.address} {{v}}"

    def decode(self, text: str) -> tuple[float, Quality]:
        """Read the reply to `query`.

        Raises:
            InstrumentError: The unit answered by an exception.
            ReplyError: It is no such reply.
        """
        _check_answered(text, f"{self.table}:{self.address}")
        words = text.split(" ")
        pattern = r"[01]" if self.table in _BIT_TABLES else r"[0-9a-f]{4}"
        if len(words) != self.count or not all(re.fullmatch(pattern, word) for word in words):
            raise ReplyError(f"{replies.shown(text)} is not {self.count} of {self.table}.")
        if self.dtype == "bool":
            word = int(words[0], 16)
            return (float(word if self.bit is None else word >> self.bit & 1), "ok")
        ordered = words if self.words == "big" else words[::-1]
        (count,) = struct.unpack(_FORMATS[self.dtype], bytes.fromhex("".join(ordered)))
        if count == self.missing or (isinstance(count, float) and math.isnan(count)):
            return math.nan, "missing"
        if isinstance(count, float) and math.isinf(count):
            return math.nan, "overrange"
        if self.scale == 1.0 and self.offset == 0.0:
            return count, "ok"
        return float(f"{count * self.scale + self.offset:.15g}"), "ok"

    def encode(self, value: float) -> str:
        """The registers as text.

        Raises:
            ValueError: They cannot hold the value.
        """
        if self.dtype == "bool":
            return str(int(bool(value)))
        count: float = value
        if (self.scale, self.offset) != (1.0, 0.0):
            count = (value - self.offset) / self.scale
        if not self.dtype.startswith("float"):
            count = round(count)
        try:
            data = struct.pack(_FORMATS[self.dtype], count).hex()
        except (struct.error, OverflowError):
            raise ValueError(f"{self.dtype} cannot hold {count:g}") from None
        words = [data[at : at + 4] for at in range(0, len(data), 4)]
        return " ".join(words if self.words == "big" else words[::-1])


def _check_answered(text: str, where: str) -> None:
    """Raise what an exception response means."""
    if text.startswith("!"):
        code, _, why = text[1:].partition(" ")
        number = int(code) if code.lstrip("-").isdecimal() else 0
        raise InstrumentError(f"{where}: {why}", code=number, hint=_HINTS.get(number, ""))


_HINTS = {
    1: "Is it the right table (holding, input, coil, discrete)?",
    2: "Registers count from 0 here: what a manual calls 40041 is holding:40.",
    3: "Does the register take this value, and as many registers at once?",
    5: "Read it again in a moment.",
    6: "Try again in a moment.",
}


@dataclass(slots=True, kw_only=True)
class RegisterControl(Control[T]):
    """A control in holding registers or a coil."""

    registers: Registers

    def parse(self, text: str) -> tuple[T, Quality]:
        return _parsed(self, self.registers, text)

    def accept(self, value: Any, *, who: str, limits: Range | None) -> T:
        """See `Control.accept`; a number that the registers cannot hold is refused, too.

        Raises:
            LimitError: It is outside `limits`, or more than the registers hold.
            ValueRefusedError: No such value.
        """
        accepted = Control.accept(self, value, who=who, limits=limits)
        try:
            self.spelled(accepted)
        except ValueError as error:
            raise LimitError(
                f"{who}: {self.title.lower()} cannot be set to {self.text(accepted)}: {error}.",
                device=who,
                value=accepted,
            ) from error
        return accepted

    def same(self, wanted: Any, found: Any, reply: str = "") -> bool:
        if self.choices is not None:
            return Control.same(self, wanted, found, reply)
        try:
            return bool(self.spelled(wanted) == self.spelled(found))
        except (KeyError, TypeError, ValueError):
            return False

    def spelled(self, value: T) -> Any:
        number: Any = self.choices[value] if self.choices is not None else value
        return self.registers.encode(float(number))


@dataclass(slots=True, kw_only=True)
class RegisterReading(Measurement[T]):
    """A measurement in registers, coils or discrete inputs."""

    registers: Registers

    def parse(self, text: str) -> tuple[T, Quality]:
        return _parsed(self, self.registers, text)


def _parsed(member: Any, registers: Registers, text: str) -> tuple[Any, Quality]:
    number, quality = registers.decode(text)
    if quality != "ok":
        return number, quality
    if member.choices is not None:
        return member._choice(f"{number:g}"), quality
    return member.type(number), quality


def register(
    type: type[T],
    at: str,
    *,
    dtype: Dtype | None = None,
    words: WordOrder = "big",
    scale: float = 1.0,
    offset: float = 0.0,
    missing: int | None = None,
    is_multiple: bool = False,
    unit: str = "",
    limits: Range | Depending | None = None,
    choices: Mapping[T, int] | None = None,
    rate: float | None = None,
    safe: T | Any = UNSET,
    park: T | Any = UNSET,
    is_setting: bool = False,
    title: str = "",
    doc: str = "",
    source: str = "",
    timeout_s: float | None = None,
    requires: Requires | None = None,
    poll: float | None = None,
    deadband: float = 0.0,
    valid_s: float | None = None,
) -> RegisterControl[T]:
    """Declare something in holding registers or a coil; see `Registers` and `Control`.

    Args:
        type: bool, int, float, or str with `choices`.
        at: "holding:40" or "coil:3", counted from 0.
        dtype: By default bool, uint16 for whole numbers and float32 for others.
        choices: Values and the numbers that stand for them, where only these exist.

    Raises:
        TypeError: No registers lie like that.
    """
    table, address = _place(at)
    if table not in _WRITABLE:
        raise TypeError(f"{at} cannot be written; declare a reading.")
    registers = Registers(
        table, address, dtype or _usual(type, table), words, scale, offset, missing,
        is_multiple=is_multiple,
    )  # fmt: skip
    return RegisterControl(
        type=type, query=registers.query, command=registers.command, registers=registers,
        unit=unit, limits=limits, choices=_as_words(choices), rate=rate, safe=safe, park=park,
        is_setting=is_setting, title=title, doc=doc, source=source, timeout_s=timeout_s,
        requires=requires or {},
        poll=poll, deadband=deadband, valid_s=valid_s,
    )  # fmt: skip


def reading(
    type: type[T],
    at: str,
    *,
    dtype: Dtype | None = None,
    words: WordOrder = "big",
    scale: float = 1.0,
    offset: float = 0.0,
    missing: int | None = None,
    bit: int | None = None,
    unit: str = "",
    choices: Mapping[T, int] | None = None,
    title: str = "",
    doc: str = "",
    source: str = "",
    timeout_s: float | None = None,
    requires: Requires | None = None,
    needs: str = "",
    poll: float | None = None,
    deadband: float = 0.0,
    valid_s: float | None = None,
) -> RegisterReading[T]:
    """Declare something that is only read, in any table; see `register`.

    Args:
        bit: Which bit of one register it is, from 0.
    """
    table, address = _place(at)
    kind = dtype or ("bool" if bit is not None else _usual(type, table))
    registers = Registers(table, address, kind, words, scale, offset, missing, bit)
    return RegisterReading(
        type=type, query=registers.query, registers=registers, unit=unit,
        choices=_as_words(choices), title=title, doc=doc, source=source, timeout_s=timeout_s,
        requires=requires or {},
        needs=needs, poll=poll, deadband=deadband, valid_s=valid_s,
    )  # fmt: skip


def _place(at: str) -> tuple[str, int]:
    found = _AT.fullmatch(at)
    if found is None:
        raise TypeError(f"{at!r} is no register, such as holding:40 or coil:3.")
    return found[1], int(found[2])


def _usual(type: type[Any], table: str) -> Dtype:
    if table in _BIT_TABLES:
        return "bool"
    return "float32" if type is float else "uint16"


def _as_words(choices: Mapping[T, int] | None) -> Mapping[T, str] | None:
    return None if choices is None else {each: str(number) for each, number in choices.items()}


def modbus_driver(
    name: str,
    *,
    title: str,
    match: Idn | None = None,
    timeout_s: float = 1.0,
    gap_s: float = 0.0,
    serial: SerialOptions | None = None,
    late_s: float | None = None,
    safe_state: str = "",
    manual: str = "",
) -> Callable[[D], D]:
    """Make a class of registers a driver; see `drivers.driver`.

    Args:
        late_s: How late an answer may come at most; counts on a serial line for a unit that does
            not echo a number (function 8).
        match: Whom it is for, where the unit identifies itself (function 43/14); it is then asked
            for at every connection.
    """
    return driver(
        name, title=title, match=match, identify="identify?" if match is not None else "",
        errors="errors?", timeout_s=timeout_s, gap_s=gap_s, serial=serial, safe_state=safe_state,
        manual=manual, late_s=late_s,
    )  # fmt: skip
