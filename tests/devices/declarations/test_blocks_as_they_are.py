"""Blocks and values as instruments send them, off a real socket: IEEE 488.2, 8.7.9 and 8.7.10."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from typing import Any

import pytest

from funcnodes.devices import ScpiDevice, block, control, driver, measurement, preamble, record
from funcnodes.devices.device.device import Device
from funcnodes.devices.link import block_reading
from funcnodes.devices.nodes.ports import output_plans
from funcnodes.errors import ReplyError
from funcnodes.testing.benches import bench_of

from ...waiting import until


class Mode(Enum):
    """Of the input."""

    VOLTS = "VOLT"
    OHMS = "RES"


@driver("acme.scope", title="Scope", errors="", manual="m")
class Scope(ScpiDevice):
    """Sends what the test says."""

    curve = block("CURVE?", limit=2000)
    bare = block("BARE?", limit=2000, is_bare=True)
    text = block("TEXT?", dtype="ascii", limit=2000)
    described = block("DATA?", preamble=preamble("PRE?", "points"), points="points", limit=64)
    both = block("BOTH?", parts=("left", "right"), unit="V", limit=2000)
    volts = control(float, ":SOUR:VOLT?", ":SOUR:VOLT {v:g}", unit="V")
    scale = measurement(float, "CHAN{ch}:SCAL?", unit="V")
    count = measurement(int, "COUN?")
    is_on = measurement(bool, ":OUTP?")
    label = measurement(str, ":SYST:LAB?")
    mode = measurement(Mode, ":FUNC?")
    pair = record("READ?", v=(float, "V"), i=(float, "A"))


@asynccontextmanager
async def scope(**replies: bytes) -> AsyncIterator[Device]:
    """A scope on a socket; replies by what of the query is a name ("CURVE")."""
    known = {b"*IDN?": b"ACME,SCOPE,7,1\n", b"END?": b"ok\n", b":SOUR:VOLT?": b"0\n"}
    known |= {f"{name}?".encode(): reply for name, reply in replies.items()}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            while line := await reader.readline():
                writer.write(known.get(line.strip(), b""))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with bench_of({"it": (Scope, f"127.0.0.1:{port}")}) as bench:
        device = bench.device("it")
        await until(lambda: device.is_online)
        yield device
        assert await device.query("END?") == "ok"  # nothing is left of any reply
    server.close()


def instrument(device: Device) -> Any:
    return device.acting(Scope)


NINE = b"#9000000300" + bytes(range(250)) + b"\n" * 50


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("header", [b"", b"CURVE ", b":CURV ", b"CURVE  "])
async def test_a_block_of_nine_digits_is_read_with_and_without_terminator_and_header(
    end: bytes, header: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_reading, "END_S", 0.1)
    async with scope(CURVE=header + NINE + end) as it:
        values = (await instrument(it).curve.get()).tolist()
        assert values == [float(each) for each in NINE[11:]]


async def test_a_block_declared_bare_is_not_waited_behind() -> None:
    async with scope(BARE=b"#13abc") as it:
        assert (await instrument(it).bare.get()).tolist() == [97.0, 98.0, 99.0]


@pytest.mark.parametrize("data", [b"\x01\x02", b"\n\n\x00\n", b"#15"])
async def test_a_block_of_no_length_ends_at_the_terminator_behind_which_nothing_comes(
    data: bytes,
) -> None:
    async with scope(CURVE=b"#0" + data + b"\n") as it:
        assert (await instrument(it).curve.get()).tolist() == [float(each) for each in data]


@pytest.mark.parametrize(
    "reply",
    [b"1.5,-2e3,3\n", b"#2101.5,-2e3,3\n", b"#2101.5,-2e3,3", b"#01.5,-2e3,3\n",
     b"TEXT 1.5,-2e3,3\r\n", b":TEXT #2101.5,-2e3,3\n"],
)  # fmt: skip
async def test_numbers_as_text_are_read_in_a_block_or_by_themselves(
    reply: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_reading, "END_S", 0.1)
    async with scope(TEXT=reply) as it:
        assert (await instrument(it).text.get()).tolist() == [1.5, -2000.0, 3.0]


async def test_numbers_that_are_none_are_missing_in_text_too() -> None:
    async with scope(TEXT=b"NAN\n") as it:
        with pytest.raises(ReplyError, match="'NAN' is not a number"):
            await instrument(it).text.get()
        await until(lambda: it.is_online)


@pytest.mark.parametrize("between", [b",", b";", b";:RIGHT ", b""])
async def test_several_blocks_of_one_reply_are_several_ports(between: bytes) -> None:
    async with scope(BOTH=b"#12ab" + between + b"#3003,\n#\n") as it:
        found = await it.member_read("both")
        assert {name: each.value.tolist() for name, each in found.items()} == {
            "left": [97.0, 98.0], "right": [44.0, 10.0, 35.0],
        }  # fmt: skip
    assert [(each.id, each.unit) for each in output_plans(Scope.both)] == [
        ("left", "V"), ("right", "V"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"#12ab\n", "came where block 2 of 2 belongs"),
        (b"#12ab,1.5\n", "came where a block begins"),
        (b"#0ab\n", "A block without a length came"),
        (b"#12ab,#12cd,#12ef\n", "More came behind a block"),
    ],
)
async def test_another_count_of_blocks_is_refused(reply: bytes, why: str) -> None:
    async with scope(BOTH=reply) as it:
        with pytest.raises(ReplyError, match=why):
            await instrument(it).both.get()
        await until(lambda: it.is_online)


def test_parts_are_binary_blocks_that_do_not_bear_the_axis_s_name() -> None:
    for wrong in ({"parts": ("x", "y")}, {"parts": ("a", "b"), "dtype": "ascii"}):
        with pytest.raises(TypeError, match="parts are binary blocks"):
            block("Q?", **wrong)  # type: ignore[arg-type]  # that is what is tested


# ── headers in front of values ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "reply", "member", "value"),
    [
        (":SOUR:VOLT", b":SOUR:VOLT 1.5\n", "volts", 1.5),
        (":SOUR:VOLT", b":SOURCE:VOLTAGE 1.5\n", "volts", 1.5),
        (":SOUR:VOLT", b"VOLT 1.5 V\n", "volts", 1.5),
        (":SOUR:VOLT", b"1.5\n", "volts", 1.5),
        ("CHAN{ch}:SCAL", b"CHAN1:SCALE 1.0E0\n", "scale", 1.0),
        ("COUN", b"COUNT 12\n", "count", 12),
        (":OUTP", b":OUTPUT ON\n", "is_on", True),
        (":FUNC", b":FUNC RES\n", "mode", Mode.OHMS),
        (":FUNC", b"RES\n", "mode", Mode.OHMS),
        (":SYST:LAB", b":SYST:LABEL the lab\n", "label", "the lab"),
        (":SYST:LAB", b"LABEL the lab\n", "label", "LABEL the lab"),
    ],
)
def test_the_header_of_its_query_in_front_of_a_value_is_dropped(
    query: str, reply: bytes, member: str, value: Any
) -> None:
    declared = getattr(Scope, member)
    assert declared.query == f"{query}?"
    assert declared.parse(reply.decode().strip())[0] == value


@pytest.mark.parametrize(
    "reply", [":CURR 1.5", ":SOUR2:VOLT 1.5", "VOLT2 1.5", ":VOLT", "VOLT 1 2"]
)
def test_another_header_is_no_value(reply: str) -> None:
    with pytest.raises(ReplyError):
        Scope.volts.parse(reply)


async def test_records_and_preambles_may_have_a_header_too() -> None:
    async with scope(READ=b"READ 1.5,0.2\n", PRE=b":PRE 2,x\n", DATA=b":DATA #12ab\n") as it:
        assert dict(await instrument(it).pair.get()) == {"v": 1.5, "i": 0.2}
        assert (await instrument(it).described.get()).tolist() == [97.0, 98.0]
