"""The Modbus server: frames byte by byte, exceptions, and a client that knows nothing of it."""

import asyncio
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

from funcnodes_simulators import BenchError, MemoryBench, SimulatedBench
from funcnodes_simulators.bench.layout import load_layout
from funcnodes_simulators.generic.modbus import ModbusServer, read_registers
from funcnodes_simulators.generic.modbus_frames import Frame, RtuBuffer, TcpBuffer, crc16, rtu, tcp
from funcnodes_simulators.physics import ManualClock
from funcnodes_simulators.scpi import Overrun

REGISTERS = [
    {"name": "temperature", "kind": "input", "address": 0, "type": "float32", "default": 25.5},
    {"name": "count", "kind": "input", "address": 2, "default": 7},
    {"name": "setpoint", "kind": "holding", "address": 10, "type": "int16", "default": -20},
    {"name": "serial", "kind": "holding", "address": 11, "type": "uint32", "default": 70000},
    {"name": "heater", "kind": "coil", "address": 3},
    {"name": "fan", "kind": "coil", "address": 4, "default": True},
    {"name": "door", "kind": "discrete", "address": 9, "default": True},
]
FILE = """
registers = [
    { name = "temperature", kind = "input", type = "float32", default = 25.5 },
    { name = "setpoint", address = 10, type = "int16", default = 20 },
    { name = "heater", kind = "coil", address = 3 },
]
"""


def server(**options: Any) -> ModbusServer:
    return ModbusServer(read_registers(REGISTERS, Path()), **options)


def ask(instrument: ModbusServer, data: bytes) -> list[bytes]:
    """Hand bytes over and return what comes back."""
    replies = []
    for message in instrument.input_buffer().feed(data):
        assert isinstance(message, str)
        execution = instrument.execute(message)
        try:
            while True:
                next(execution)
        except StopIteration as end:
            replies += [end.value] if end.value is not None else []
    return replies


def request(*pdu: int, unit: int = 1) -> bytes:
    return rtu(Frame(unit, bytes(pdu)))


def test_the_checksum_is_that_of_the_specification() -> None:
    assert crc16(bytes([0x02, 0x07])) == bytes([0x41, 0x12])  # serial line, appendix B
    assert request(3, 0, 0, 0, 1) == bytes.fromhex("010300000001840a")


@pytest.mark.parametrize(
    ("pdu", "answer"),
    [
        ((4, 0, 0, 0, 2), bytes([4, 4]) + struct.pack(">f", 25.5)),
        ((4, 0, 2, 0, 1), bytes([4, 2, 0, 7])),
        ((3, 0, 10, 0, 3), bytes([3, 6]) + struct.pack(">hI", -20, 70000)),
        ((1, 0, 3, 0, 2), bytes([1, 1, 0b10])),
        ((2, 0, 9, 0, 1), bytes([2, 1, 1])),
        ((6, 0, 10, 0, 5), bytes([6, 0, 10, 0, 5])),
        ((5, 0, 3, 0xFF, 0), bytes([5, 0, 3, 0xFF, 0])),
        ((15, 0, 3, 0, 2, 1, 0b01), bytes([15, 0, 3, 0, 2])),
        ((16, 0, 11, 0, 2, 4, 0, 1, 2, 3), bytes([16, 0, 11, 0, 2])),
        ((4, 0, 3, 0, 1), bytes([0x84, 2])),
        ((3, 0, 9, 0, 2), bytes([0x83, 2])),
        ((3, 0, 10, 0, 0), bytes([0x83, 3])),
        ((3, 0, 10, 0, 126), bytes([0x83, 3])),
        ((5, 0, 3, 0, 1), bytes([0x85, 3])),
        ((6, 0, 2, 0, 1), bytes([0x86, 2])),
        ((16, 0, 11, 0, 2, 2, 0, 1), bytes([0x90, 3])),
        ((7,), bytes([0x87, 1])),
    ],
)
def test_requests_are_answered_as_the_specification_says(pdu: tuple, answer: bytes) -> None:
    assert ask(server(), request(*pdu)) == [rtu(Frame(1, answer))]


def test_what_was_written_is_read_and_lost_with_the_power() -> None:
    oven = server()
    ask(oven, request(6, 0, 10, 0xFF, 0xFE) + request(15, 0, 3, 0, 2, 1, 0b01))
    ask(oven, request(16, 0, 11, 0, 2, 4, 0, 0, 0, 9))
    assert oven.state() == {
        "model": "modbus", "unit": 1, "temperature": 25.5, "count": 7, "setpoint": -2,
        "serial": 9, "heater": True, "fan": False, "door": True,
    }  # fmt: skip
    oven.power_cycle()
    assert (oven.state()["setpoint"], oven.state()["fan"]) == (-20, True)


def test_damage_and_other_units_get_no_answer_and_everybody_obeys() -> None:
    oven = server(unit=5)
    assert ask(oven, request(3, 0, 10, 0, 1)) == []
    damaged = bytearray(request(3, 0, 10, 0, 1, unit=5))
    damaged[3] ^= 1
    assert ask(oven, bytes(damaged)) == []
    assert ask(oven, request(6, 0, 10, 0, 3, unit=0)) == []
    assert oven.state()["setpoint"] == 3


@given(noise=st.binary(max_size=12), cut=st.integers(0, 40), frames=st.integers(1, 3))
def test_a_buffer_finds_requests_in_whatever_pieces(noise: bytes, cut: int, frames: int) -> None:
    data = noise + request(3, 0, 10, 0, 1) * frames
    whole, pieces = RtuBuffer(), RtuBuffer()
    found = [*pieces.feed(data[:cut]), *pieces.feed(data[cut:])]
    assert found == whole.feed(data)
    assert len(whole.partial) <= 256


@given(data=st.binary(max_size=300))
@pytest.mark.parametrize("framing", ["rtu", "tcp"])
def test_no_bytes_crash_it(data: bytes, framing: str) -> None:
    oven = server(framing=framing)
    for message in oven.input_buffer().feed(data):
        if isinstance(message, str):
            list(oven.execute(message))


def test_over_tcp_the_head_is_repeated() -> None:
    oven = server(framing="tcp")
    asked = tcp(Frame(1, bytes([4, 0, 2, 0, 1]), transaction=0x1234))
    assert asked == bytes.fromhex("12340000000601" + "0400020001")
    assert ask(oven, asked) == [bytes.fromhex("12340000000501" + "04020007")]
    (broken,) = TcpBuffer().feed(b"GET / HTTP/1.1\r\n")
    assert isinstance(broken, Overrun)


def bench_file(tmp_path: Path, keys: str) -> str:
    (tmp_path / "oven.toml").write_text(FILE)
    path = tmp_path / "bench.toml"
    path.write_text(f'[device.oven]\nmodel = "modbus"\nregisters = "oven.toml"\n{keys}\n')
    return str(path)


@pytest.mark.parametrize("serve", ["tcp", "pty"])
async def test_a_client_of_another_house_reads_and_writes(tmp_path, serve: str) -> None:
    bench = await asyncio.to_thread(
        SimulatedBench.start, bench_file(tmp_path, f'serve = "{serve}"\nunit = 7')
    )
    resource = bench.resources["oven"]
    if serve == "tcp":
        client: Any = AsyncModbusTcpClient("127.0.0.1", port=int(resource.split("::")[2]))
    else:
        path = resource.removeprefix("ASRL").removesuffix("::INSTR")
        client = AsyncModbusSerialClient(path, baudrate=19200)
    try:
        assert await client.connect()
        read = await client.read_input_registers(0, count=2, device_id=7)
        assert struct.unpack(">f", struct.pack(">HH", *read.registers)) == (25.5,)
        await client.write_register(10, 65, device_id=7)
        assert (await client.read_holding_registers(10, device_id=7)).registers == [65]
        assert (await client.read_holding_registers(99, device_id=7)).exception_code == 2
        assert bench.state()["oven"]["setpoint"] == 65
    finally:
        client.close()
        await asyncio.to_thread(bench.close)


def test_a_repeater_says_a_frame_twice(tmp_path, clock: ManualClock) -> None:
    path = bench_file(tmp_path, 'serve = "pty"\n[[fault]]\nkind = "double"\nseconds = 0.004')
    port = MemoryBench(path, clock=clock).ports["oven"]
    port.open()
    port.write(request(4, 0, 0, 0, 2))
    answer = rtu(Frame(1, bytes([4, 4]) + struct.pack(">f", 25.5)))
    clock.advance(0.003)
    assert port.read() == answer
    clock.advance(0.004)
    assert port.read() == answer
    port.write(request(4, 0, 0, 0, 2))
    clock.advance(1)
    assert port.read() == answer


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("registers = []", "registers is wrong: there is no register"),
        ('registers = "nope.toml"', "nope.toml: cannot be read"),
        ('registers = [{name = "a", kind = "word"}]', "number 1.kind is 'word'"),
        ('registers = [{name = "a", type = "int64"}]', "number 1.type is 'int64'"),
        ('registers = [{name = "a", kind = "coil", type = "int16"}]', "number 1.type"),
        ('registers = [{name = "a", default = true}]', "default is True, not of the kind"),
        ('registers = [{name = "a", kind = "coil", default = 1}]', "default is 1, not of the"),
        ('registers = [{name = "a", default = 70000}]', "number 1.default is 70000"),
        ('registers = [{name = "a", address = 70000}]', "number 1.address is 70000"),
        ('registers = [{name = "a", size = 1}]', "has no place for 'size'"),
        ('registers = [{name = "a"}, {name = "a", address = 1}]', "two registers are called 'a'"),
        (
            'registers = [{name = "a", type = "int32"}, {name = "b", address = 1}]',
            "b stands where a does",
        ),
        ('registers = [{name = "a"}]\nunit = 0', "unit is 0, not a unit from 1 to 247"),
        ('registers = [{name = "a"}]\nframing = "ascii"', "framing is 'ascii', neither rtu nor"),
    ],
)
def test_what_is_wrong_with_registers_is_one_sentence(tmp_path, keys: str, complaint: str) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f'[device.oven]\nmodel = "modbus"\nserve = "pty"\n{keys}\n')
    with pytest.raises(BenchError) as caught:
        load_layout(str(path))
    assert complaint in str(caught.value)
