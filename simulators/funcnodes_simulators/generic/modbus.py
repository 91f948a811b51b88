"""A Modbus server that a list of registers describes: over RTU on a terminal, over TCP on a port.

In the bench file, or in a file that `registers` names (TOML or JSON):

    [device.oven]
    model = "modbus"
    serve = "pty"
    unit = 1                                # whom it answers as; 1 if left out
    framing = "rtu"                         # or "tcp"; what its line asks for if left out
    registers = [
        { name = "temperature", kind = "input", address = 0, type = "float32", default = 25.0 },
        { name = "setpoint", kind = "holding", address = 0, type = "int16", default = 20 },
        { name = "heater", kind = "coil", address = 3 },
        { name = "door", kind = "discrete", address = 3, default = true },
    ]

Values of two words have the high one first. What it does not have is answered with the exception
that the specification asks for, a damaged request and one for another unit with nothing. Source:
MODBUS Application Protocol Specification V1.1b3, chapters 6 and 7.
"""

import json
import struct
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from funcnodes_simulators.documents import (
    is_number,
    list_of,
    number_at,
    only_keys,
    table_of,
    text_at,
)
from funcnodes_simulators.generic.modbus_frames import (
    Frame,
    RtuBuffer,
    TcpBuffer,
    parse_rtu,
    parse_tcp,
    rtu,
    tcp,
)
from funcnodes_simulators.instruments.contract import InputBuffer
from funcnodes_simulators.instruments.models import Model, Setting, Setup
from funcnodes_simulators.instruments.quiet import Quiet
from funcnodes_simulators.scpi import Execution

KINDS = ("coil", "discrete", "input", "holding")
BITS = ("coil", "discrete")
FORMATS = {"uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "float32": ">f"}
READS = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
WRITES_ONE = {5: "coil", 6: "holding"}
WRITES_MANY = {15: "coil", 16: "holding"}
MOST_READ = {"coil": 2000, "discrete": 2000, "input": 125, "holding": 125}
MOST_WRITTEN = {"coil": 1968, "holding": 123}
ON, OFF = 0xFF00, 0x0000
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
RESPONSE_TIME_S = 0.002
MOST_BYTES = 1 << 20
EVERYBODY = 0


class ModbusError(Exception):
    """A request that is answered with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Register:
    """A value of the server, in one or two words, or one bit."""

    name: str
    kind: str
    address: int
    type: str
    default: float | bool

    @property
    def words(self) -> int:
        return 1 if self.kind in BITS else struct.calcsize(FORMATS[self.type]) // 2

    def encoded(self) -> list[int]:
        """Return its default as words, or as one bit."""
        if self.kind in BITS:
            return [int(self.default)]
        form = FORMATS[self.type]
        value = self.default if form == ">f" else int(self.default)
        return list(struct.unpack(f">{self.words}H", struct.pack(form, value)))

    def decoded(self, words: list[int]) -> float | bool:
        """Turn its words, or its bit, into a value."""
        if self.kind in BITS:
            return bool(words[0])
        value: float = struct.unpack(FORMATS[self.type], struct.pack(f">{self.words}H", *words))[0]
        return value


class ModbusServer(Quiet):
    """The server: hand it frames by `execute`."""

    terminator = b""
    input_limit_bytes = 300

    def __init__(
        self, registers: tuple[Register, ...], *, unit: int = 1, framing: str = "rtu"
    ) -> None:
        self._registers = registers
        self._unit = unit
        self._is_tcp = framing == "tcp"
        self._functions: dict[int, Callable[[int, bytes], bytes]] = {
            **dict.fromkeys(READS, self._read),
            **dict.fromkeys(WRITES_ONE, self._write_one),
            **dict.fromkeys(WRITES_MANY, self._write_many),
        }
        self.power_cycle()

    def input_buffer(self) -> InputBuffer:
        return TcpBuffer() if self._is_tcp else RtuBuffer()

    def execute(self, message: str) -> Execution:
        yield RESPONSE_TIME_S
        data = message.encode("latin-1")
        frame = parse_tcp(data) if self._is_tcp else parse_rtu(data)
        if frame.unit not in (self._unit, EVERYBODY):
            return None
        answer = Frame(frame.unit, self._answer(frame.pdu), frame.transaction)
        if frame.unit == EVERYBODY and not self._is_tcp:
            return None
        return tcp(answer) if self._is_tcp else rtu(answer)

    def power_cycle(self) -> None:
        self._words: dict[str, dict[int, int]] = {kind: {} for kind in KINDS}
        for register in self._registers:
            for offset, word in enumerate(register.encoded()):
                self._words[register.kind][register.address + offset] = word

    def state(self) -> dict[str, object]:
        values = {register.name: self._value(register) for register in self._registers}
        return {"model": "modbus", "unit": self._unit, **values}

    def _value(self, register: Register) -> float | bool:
        words = self._words[register.kind]
        return register.decoded([words[register.address + n] for n in range(register.words)])

    def _answer(self, pdu: bytes) -> bytes:
        function = pdu[0]
        try:
            if function not in self._functions:
                raise ModbusError(ILLEGAL_FUNCTION)
            if len(pdu) < 5:
                raise ModbusError(ILLEGAL_VALUE)
            return bytes([function]) + self._functions[function](function, pdu[1:])
        except ModbusError as error:
            return bytes([function | 0x80, error.code])

    def _read(self, function: int, data: bytes) -> bytes:
        kind = READS[function]
        address, count = struct.unpack(">HH", data[:4])
        if not 1 <= count <= MOST_READ[kind]:
            raise ModbusError(ILLEGAL_VALUE)
        words = [self._words[kind][each] for each in self._span(kind, address, count)]
        if kind in BITS:
            packed = sum(bit << n for n, bit in enumerate(words)).to_bytes(-(-count // 8), "little")
        else:
            packed = struct.pack(f">{count}H", *words)
        return bytes([len(packed)]) + packed

    def _write_one(self, function: int, data: bytes) -> bytes:
        kind = WRITES_ONE[function]
        address, word = struct.unpack(">HH", data[:4])
        if kind == "coil" and word not in (ON, OFF):
            raise ModbusError(ILLEGAL_VALUE)
        self._span(kind, address, 1)
        self._words[kind][address] = int(word == ON) if kind == "coil" else word
        return data[:4]

    def _write_many(self, function: int, data: bytes) -> bytes:
        kind = WRITES_MANY[function]
        address, count = struct.unpack(">HH", data[:4])
        packed = data[5:]
        size = -(-count // 8) if kind == "coil" else 2 * count
        if not 1 <= count <= MOST_WRITTEN[kind] or len(packed) != size or data[4] != size:
            raise ModbusError(ILLEGAL_VALUE)
        span = self._span(kind, address, count)
        if kind == "coil":
            bits = int.from_bytes(packed, "little")
            words = [bits >> n & 1 for n in range(count)]
        else:
            words = list(struct.unpack(f">{count}H", packed))
        self._words[kind].update(zip(span, words, strict=True))
        return data[:4]

    def _span(self, kind: str, address: int, count: int) -> range:
        span = range(address, address + count)
        if not all(each in self._words[kind] for each in span):
            raise ModbusError(ILLEGAL_ADDRESS)
        return span


def read_registers(value: object, folder: Path) -> tuple[Register, ...]:
    """Read a list of registers, or the file that holds one.

    Raises:
        ValueError: It is wrong; the end of a sentence that begins with the key.
    """
    try:
        listed = list_of(_listed(value, folder), "it")
        registers = tuple(_register(each, f"number {n}") for n, each in enumerate(listed, 1))
        _check_places(registers)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is wrong: {' '.join(str(error).split())}") from None
    return registers


def _listed(value: object, folder: Path) -> object:
    if not isinstance(value, str) or "\0" in value:
        return value
    path = folder / value
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"{path.name} has more than {MOST_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path.name}: cannot be read: {error.strerror}") from None
    document = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    return table_of(document, path.name).get("registers", [])


def _register(value: object, where: str) -> Register:
    table = table_of(value, where)
    only_keys(table, {"name", "kind", "address", "type", "default"}, where)
    name, kind = text_at(table, "name", where), text_at(table, "kind", where, "holding")
    if kind not in KINDS:
        raise ValueError(f"{where}.kind is {kind!r}; it must be {', '.join(KINDS)}")
    form = text_at(table, "type", where, "uint16")
    if form not in FORMATS or (kind in BITS and "type" in table):
        raise ValueError(f"{where}.type is {form!r}; a register has {', '.join(FORMATS)}")
    address = number_at(table, "address", where, default=0, low=0, high=0xFFFF)
    default = table.get("default", kind not in BITS and 0)
    register = Register(name, kind, int(address), form, default)
    if (kind in BITS) is not isinstance(default, bool) or not (
        isinstance(default, bool) or is_number(default)
    ):
        raise ValueError(f"{where}.default is {default!r:.100}, not of the kind {kind}")
    try:
        register.encoded()
    except struct.error as error:
        raise ValueError(f"{where}.default is {default!r}: {error}") from None
    return register


def _check_places(registers: tuple[Register, ...]) -> None:
    if not registers:
        raise ValueError("there is no register")
    taken: dict[tuple[str, int], str] = {}
    names: set[str] = set()
    for register in registers:
        if register.name in names:
            raise ValueError(f"two registers are called {register.name!r}")
        names.add(register.name)
        for offset in range(register.words):
            place = (register.kind, register.address + offset)
            if place in taken:
                raise ValueError(f"{register.name} stands where {taken[place]} does")
            taken[place] = register.name


def _unit(value: object, _: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 247:
        raise ValueError(f"is {value!r}, not a unit from 1 to 247")
    return value


def _framing(value: object, _: Path) -> str:
    if value not in ("rtu", "tcp"):
        raise ValueError(f"is {value!r}, neither rtu nor tcp")
    return str(value)


def _build(setup: Setup) -> ModbusServer:
    settings: Mapping[str, object] = setup.settings
    usual = "rtu" if setup.serve == "pty" else "tcp"
    return ModbusServer(
        setup.settings["registers"],
        unit=setup.settings["unit"],
        framing=str(settings["framing"] or usual),
    )


MODEL = Model(
    _build,
    settings=(
        Setting("registers", read_registers, is_required=True),
        Setting("unit", _unit, 1),
        Setting("framing", _framing),
    ),
)
