"""Registers as members, over TCP and RTU, answered by pymodbus's own server."""

import asyncio
import contextlib
import math
import os
import time
import tty
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, strategies as st
from pymodbus.constants import ExcCodes
from pymodbus.pdu.device import ModbusDeviceIdentification
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from funcnodes.core.types import Range
from funcnodes.devices import discovery
from funcnodes.devices.addresses import parse
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.declarations import drivers
from funcnodes.devices.declarations.drivers import Idn
from funcnodes.devices.declarations.registers import (
    ModbusDevice,
    Registers,
    modbus_driver,
    reading,
    register,
)
from funcnodes.devices.device import Device
from funcnodes.devices.estop.emergency import strike
from funcnodes.devices.transports.modbus import Request
from funcnodes.errors import (
    DeviceTimeout,
    InstrumentError,
    LimitError,
    RefusedError,
    ReplyError,
    ValueRefusedError,
)

from ...waiting import patience, until

Limit = Callable[[float], float]


@modbus_driver("test.oven", title="Oven", match=Idn("ACME", "OVEN"))
class Oven(ModbusDevice):
    """Every kind of register."""

    setpoint = register(
        float, "holding:40", dtype="int16", scale=0.1, unit="degC", limits=Range(0, 300), park=20.0
    )
    gain = register(float, "holding:50", words="little", is_setting=True)
    speed = register(int, "holding:60", is_multiple=True)
    mode = register(str, "holding:61", choices={"off": 0, "heat": 1, "cool": 7})
    heater = register(bool, "coil:3", safe=False)
    power = register(float, "holding:70", unit="W", safe=0.0, rate=1000.0)
    temperature = reading(float, "input:0", unit="degC")
    count = reading(int, "input:10", dtype="uint32")
    sensor = reading(float, "input:20", dtype="int16", scale=0.1, missing=-32768)
    door = reading(bool, "discrete:1")
    alarm = reading(bool, "input:30", bit=4)
    nowhere = reading(int, "input:9000")


@dataclass
class Plant:
    """A server with two ovens, units 1 and 2, on a wire that a test can disturb.

    Attributes:
        late: Seconds by which the next answers are late; None loses one; empty is undisturbed.
        instead: Bytes that come instead of the next answers.
        refusals: What the next requests for a register are answered with.
        requests: (function, address, count) of each request.
    """

    wire: str
    place: str = ""
    late: deque[float | None] = field(default_factory=deque)
    instead: deque[bytes] = field(default_factory=deque)
    refusals: deque[ExcCodes] = field(default_factory=deque)
    connections: int = 0
    requests: list[tuple[int, int, int, int]] = field(default_factory=list)
    values: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    _free_at: dict[int, float] = field(default_factory=dict)  # a unit on a line answers in order

    def address(self, unit: int) -> str:
        if self.wire == "tcp":
            return f"modbus:{self.place}/{unit}"
        return f"modbus-rtu:{self.place}/{unit}?baud=115200&parity=none"

    def answered(self, data: bytes, write: Callable[[bytes], object]) -> None:
        """Pass an answer on to the client, disturbed as planned."""
        if self.instead:
            data = self.instead.popleft()
        delay = self.late.popleft() if self.late else 0.0
        if delay is None:
            return
        loop, unit = asyncio.get_running_loop(), data[0]
        at = loop.time() + delay
        if self.wire == "rtu":
            at = self._free_at[unit] = max(at, self._free_at.get(unit, 0.0))
        if at > loop.time():
            loop.call_at(at, write, data)
        else:
            write(data)

    def device(self, unit: int) -> SimDevice:
        async def action(
            function: int, start: int, address: int, count: int, current: list[int], new: Any
        ) -> ExcCodes | None:
            self.requests.append((unit, function, address, count))
            if self.refusals:
                return self.refusals.popleft()
            if new is not None:
                self.values[unit, address] = [int(each) for each in new]
            return None

        coils = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
        inputs = [SimData(0, values=[False, True] + [False] * 14, datatype=DataType.BITS)]
        holding = [SimData(0, count=100, values=0, datatype=DataType.REGISTERS)]
        words = [0x41BC, 0x0000, *[0] * 8, 0x0001, 0x0002, *[0] * 8, 0x8000, *[0] * 9, 0x0010]
        words[1] = unit
        read_only = [SimData(0, values=words, datatype=DataType.REGISTERS)]
        return SimDevice(unit, (coils, inputs, holding, read_only), action=action)


@contextlib.asynccontextmanager
async def served(wire: str) -> AsyncIterator[Plant]:
    plant = Plant(wire)
    devices = [plant.device(1), plant.device(2)]
    names = {"VendorName": "ACME", "ProductCode": "OVEN", "MajorMinorRevision": "1.0"}
    who = ModbusDeviceIdentification(info_name=names)
    if wire == "tcp":
        tcp = ModbusTcpServer(devices, address=("127.0.0.1", 0), identity=who)
        await tcp.serve_forever(background=True)
        assert tcp.transport is not None
        upstream = tcp.transport.sockets[0].getsockname()[1]
        tasks: set[asyncio.Task[None]] = set()

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            plant.connections += 1
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            answers, requests = await asyncio.open_connection("127.0.0.1", upstream)

            async def back() -> None:
                while data := await answers.read(4096):
                    plant.answered(data, lambda d: writer.is_closing() or writer.write(d))

            backward = asyncio.create_task(back())
            try:
                while data := await reader.read(4096):
                    requests.write(data)
            finally:
                backward.cancel()
                requests.close()
                writer.close()

        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        plant.place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield plant
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await tcp.shutdown()
        await asyncio.sleep(0)
        return
    (near, near_slave), (far, far_slave) = os.openpty(), os.openpty()
    tty.setraw(near_slave)
    tty.setraw(far_slave)
    rtu = ModbusSerialServer(devices, port=os.ttyname(far_slave), identity=who)
    await rtu.serve_forever(background=True)
    loop = asyncio.get_running_loop()
    loop.add_reader(near, lambda: os.write(far, os.read(near, 4096)))
    loop.add_reader(
        far, lambda: plant.answered(os.read(far, 4096), lambda data: os.write(near, data))
    )
    plant.place = os.ttyname(near_slave)
    yield plant
    loop.remove_reader(near)
    loop.remove_reader(far)
    await rtu.shutdown()
    await asyncio.sleep(0)
    for each in (near, near_slave, far, far_slave):
        os.close(each)


@pytest_asyncio.fixture(params=["tcp", "rtu"])
async def plant(request: pytest.FixtureRequest) -> AsyncIterator[Plant]:
    async with served(request.param) as plant:
        yield plant


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with drivers.lent(Oven):
        yield


@pytest_asyncio.fixture
async def bench(plant: Plant) -> AsyncIterator[Bench]:
    devices = {
        f"oven{unit}": DeviceConfig(
            f"oven{unit}", "test.oven", plant.address(unit), limits={"setpoint": (10, 200)}
        )
        for unit in (1, 2)
    }
    async with Bench(BenchConfig("plant", devices=devices)) as bench:
        assert [device.message for device in bench.devices.values()] == ["", ""]
        for device in bench.devices.values():
            await device.member_set("setpoint", 20.0)  # within, or no heater would go on (D10)
        plant.requests.clear()
        yield bench


@pytest.fixture
def oven(bench: Bench) -> Device:
    return bench.devices["oven1"]


async def temperature(device: Device) -> float:
    value: float = (await device.member_get("temperature")).value
    return value


async def test_every_kind_of_register_is_read(oven: Device) -> None:
    assert oven.identity.maker == "ACME"
    assert await temperature(oven) == pytest.approx(23.5, abs=1e-4)
    assert (await oven.member_get("count")).value == 0x10002
    assert (await oven.member_get("door")).value is True
    assert (await oven.member_get("alarm")).value is True
    sensor = await oven.member_get("sensor")
    assert math.isnan(sensor.value)
    assert sensor.quality == "missing"


async def test_every_kind_of_register_is_written_and_read_back(plant: Plant, oven: Device) -> None:
    for member, value in (
        ("setpoint", 123.4), ("gain", 1.5), ("speed", 65535), ("mode", "cool"), ("heater", True),
    ):  # fmt: skip
        await oven.member_set(member, value)
        assert (await oven.member_get(member)).value == value
    assert plant.values[1, 40] == [1234]
    assert plant.values[1, 50] == [0x0000, 0x3FC0]  # low word first
    assert plant.values[1, 3] == [1]
    assert (1, 16, 60, 1) in plant.requests  # function 16 although it is one register
    assert (1, 6, 61, 1) in plant.requests


async def test_limits_and_what_the_registers_hold_are_checked_before_the_wire(
    plant: Plant, oven: Device
) -> None:
    with pytest.raises(LimitError, match="outside 10 to 200 degC"):
        await oven.member_set("setpoint", 250.0)
    with pytest.raises(LimitError, match="uint16 cannot hold 70000"):
        await oven.member_set("speed", 70000)
    with pytest.raises(ValueRefusedError, match="'hot' is none of off, heat, cool"):
        await oven.member_set("mode", "hot")
    assert plant.requests == []


async def test_an_exception_names_device_and_register_and_leaves_the_link_up(
    plant: Plant, oven: Device
) -> None:
    with pytest.raises(InstrumentError, match=r"oven1 .*'input:9000\?' .*no such register") as bad:
        await oven.member_get("nowhere")
    assert (bad.value.code, bad.value.device) == (2, "oven1")
    assert "count from 0" in bad.value.hint
    assert oven.is_online
    plant.refusals.append(ExcCodes.DEVICE_BUSY)
    with pytest.raises(InstrumentError, match=r"'holdings:60 0005' .*the unit is busy") as busy:
        await oven.member_set("speed", 5)
    assert busy.value.code == 6
    assert oven.is_online
    assert await temperature(oven) == pytest.approx(23.5, abs=1e-4)


async def test_a_register_that_is_refused_at_connecting_is_named(
    plant: Plant, oven: Device
) -> None:
    await oven.disconnect()
    plant.refusals.append(ExcCodes.ILLEGAL_ADDRESS)
    with pytest.raises(InstrumentError, match=r"no such register \(during 'holding:40\?'\)") as bad:
        await oven.connect()
    assert (bad.value.code, bad.value.command) == (2, "holding:40?")
    await until(lambda: oven.is_online)
    assert await temperature(oven) == pytest.approx(23.5, abs=1e-4)


async def test_a_gateway_without_an_answer_is_a_timeout_of_that_unit(
    plant: Plant, oven: Device
) -> None:
    plant.refusals.append(ExcCodes.GATEWAY_NO_RESPONSE)
    with pytest.raises(DeviceTimeout, match=r"oven1 .*the gateway got no answer from unit 1"):
        await oven.member_get("temperature")
    await until(lambda: oven.is_online)


async def test_a_lost_answer_is_a_timeout_and_the_next_answers_are_right(
    plant: Plant, bench: Bench
) -> None:
    one, two = bench.devices.values()
    plant.late.append(None)
    with pytest.raises(DeviceTimeout, match=r"no reply to 'input:0,2\?' in 0.2 s"):
        await link_of(one).query("input:0,2?", timeout_s=0.2)
    assert await link_of(two).query("input:0,2?") == "41bc 0002"
    await until(lambda: one.is_online)
    connections = plant.connections
    for _ in range(3):
        assert await link_of(one).query("input:0,2?") == "41bc 0001"
    assert plant.connections == connections


def link_of(device: Device) -> Any:
    assert device.link is not None
    return device.link


async def test_a_late_answer_is_nobodys(plant: Plant, bench: Bench) -> None:
    """One that has the very form of the answer that is waited for then."""
    one, two = bench.devices.values()
    plant.late.append(0.3)
    with pytest.raises(DeviceTimeout):
        await link_of(one).query("holding:40?", timeout_s=0.1)
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        assert await link_of(two).query("input:0,2?", idempotent=True) == "41bc 0002"
        assert await link_of(one).query("input:1?", idempotent=True) == "0001"


async def test_a_cancelled_request_ends_at_once_and_the_next_answer_is_right(
    plant: Plant, oven: Device, limit: Limit
) -> None:
    plant.late.append(0.2)
    asking = asyncio.create_task(link_of(oven).query("holding:40?"))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert time.monotonic() - began < limit(0.005)
    assert await link_of(oven).query("input:1?") == "0001"


async def test_garbage_is_an_error_and_the_next_answer_is_right(plant: Plant, oven: Device) -> None:
    plant.instead.append(b"\x01\x04\x04\xff\xff\xff\xff\xff\xff garbage")
    with pytest.raises(ReplyError, match="oven1"):
        await link_of(oven).query("input:0,2?")
    assert await link_of(oven).query("input:0,2?") == "41bc 0001"


async def test_a_ramp_of_registers_goes_in_steps(plant: Plant, oven: Device) -> None:
    await oven.member_set("power", 100.0)
    steps = [each for each in plant.requests if each[:3] == (1, 16, 70)]
    assert len(steps) == 2
    assert (await oven.member_get("power")).value == 100.0


async def test_an_emergency_stop_writes_the_safe_registers_of_every_unit(
    plant: Plant, bench: Bench
) -> None:
    """S3, with the latch refusing writes afterwards."""
    for device in bench.devices.values():
        await device.member_set("heater", True)
    acks = await bench.estop("test", "me")
    assert {ack.state for ack in acks} == {"off"}
    assert plant.values[1, 3] == plant.values[2, 3] == [0]
    assert plant.values[2, 70] == [0, 0]
    with pytest.raises(RefusedError):
        await bench.devices["oven1"].member_set("heater", True)


async def test_another_process_writes_the_safe_registers(plant: Plant, bench: Bench) -> None:
    for device in bench.devices.values():
        await device.member_set("heater", True)
    targets = bench.emergency.targets()
    await bench.close()
    for target in targets:
        struck = await asyncio.to_thread(strike, target)
        assert struck.message == ""
    async with asyncio.timeout(patience()):
        while plant.values.get((2, 70)) != [0, 0]:
            await asyncio.sleep(0.01)
    assert plant.values[1, 3] == plant.values[2, 3] == [0]


async def test_a_unit_says_who_it_is_and_any_register_can_be_asked_for(plant: Plant) -> None:
    found = await discovery.identify(parse(plant.address(2)), timeout_s=1.0)
    assert (found.identity.maker, found.identity.model, found.driver) == ("ACME", "OVEN", "")
    config = DeviceConfig("any", "auto", plant.address(2))
    async with Bench(BenchConfig("plant", devices={"any": config})) as bench:
        assert await bench.devices["any"].query("input:0,2?") == "41bc 0002"


async def test_what_is_no_request_is_refused_in_words(oven: Device) -> None:
    assert (await link_of(oven).query("speed?")).startswith("!-1 'speed?' is no Modbus request")
    with pytest.raises(InstrumentError, match="cannot be written"):
        await link_of(oven).write("input:0 0001")


# ── without a wire ────────────────────────────────────────────────────────────────────────


@given(st.text(max_size=30) | st.from_regex(r"(holdings?|coil|input):\d{1,6}(,\d+)?(\?| .*)"))
def test_any_text_is_a_request_or_no_request(text: str) -> None:
    with contextlib.suppress(ValueError):
        request = Request.read(text)
        assert request.pdu().encode()


DTYPES = ["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]


@given(st.sampled_from(DTYPES), st.sampled_from(["big", "little"]), st.floats() | st.integers())
def test_what_registers_can_hold_comes_back_as_it_was(dtype: Any, words: Any, value: float) -> None:
    registers = Registers("holding", 0, dtype, words)
    try:
        text = registers.encode(value)
    except (ValueError, OverflowError):
        return
    found, quality = registers.decode(text)
    assert found == pytest.approx(value, rel=1e-6, abs=0.5) or quality != "ok"


@given(st.text(max_size=24))
def test_any_reply_is_a_value_or_a_typed_error(text: str) -> None:
    with contextlib.suppress(ReplyError, InstrumentError):
        Registers("holding", 0, "float32").decode(text)


@pytest.mark.parametrize(
    ("at", "options"),
    [
        ("holding", {}), ("holding:70000", {}), ("input:1", {}), ("coil:1", {"dtype": "int16"}),
        ("holding:1", {"dtype": "bool"}), ("holding:65535", {"dtype": "float32"}),
    ],
)  # fmt: skip
def test_registers_that_cannot_be_are_refused_where_they_are_declared(
    at: str, options: Any
) -> None:
    with pytest.raises(TypeError):
        register(float, at, **options)
