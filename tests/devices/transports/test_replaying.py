"""A recording answers as the instruments did: in order, to the byte, or by what is asked."""

import time
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, strategies as st

from funcnodes.devices.addresses import parse
from funcnodes.devices.bench import Bench
from funcnodes.devices.bench.recorder import TrafficRecorder, recorded_bench, replayed
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.messages.recorded import DeviceHead, Recorded, RecordedDevice, exchange_line
from funcnodes.devices.messages.traffic import Direction, Exchange
from funcnodes.devices.transports.replaying import InOrder, Matching, Replaying
from funcnodes.errors import (
    AddressError,
    DeviceClosed,
    DeviceTimeout,
    RecordingError,
    ReplayMismatch,
)


def tape(kind: type[InOrder] | type[Matching], *entries: tuple[Direction, bytes]) -> Replaying:
    """A channel to what was recorded; one second from entry to entry."""
    exchanges = tuple(Exchange(float(n), *entry) for n, entry in enumerate(entries))
    device = RecordedDevice(DeviceHead(name="smu"), exchanges)
    return Replaying("replay:x", kind(device, "x.jsonl"))


async def ask(wire: Replaying, query: bytes) -> bytes:
    await wire.write(query)
    return await wire.read_until(b"\n")


# ── in order ──────────────────────────────────────────────────────────────────────────────


async def test_the_same_words_get_the_same_answers() -> None:
    wire = tape(InOrder, ("open", b""), ("out", b"A?\n"), ("in", b"1\n"), ("note", b"hm"),
                ("drop", b"late\n"), ("out", b"A?\n"), ("in", b"2\n"), ("close", b""))  # fmt: skip
    await wire.open()
    assert [await ask(wire, b"A?\n"), await ask(wire, b"A?\n")] == [b"1\n", b"2\n"]
    await wire.close()
    with pytest.raises(ReplayMismatch, match="expected nothing more, got the channel opened once"):
        await wire.open()


async def test_a_difference_says_what_was_expected_what_came_and_where() -> None:
    wire = tape(InOrder, ("out", b"*IDN?\n"), ("in", b"A,B\n"), ("out", b":SOUR:VOLT 0.02\n"))
    await wire.open()
    await ask(wire, b"*IDN?\n")
    with pytest.raises(ReplayMismatch) as error:
        await wire.write(b":SOUR:VOLT 0.03\n")
    at = time.strftime("%H:%M:%S", time.localtime(2)) + ".000"
    assert error.value.message == (
        "smu: the replay expected ':SOUR:VOLT 0.02', got ':SOUR:VOLT 0.03' at exchange 2 "
        f"({at}) of x.jsonl."
    )
    assert error.value.context["exchange"] == 2
    for again in (wire.write(b":SOUR:VOLT 0.02\n"), wire.open()):
        with pytest.raises(ReplayMismatch, match="exchange 2"):
            await again


@pytest.mark.parametrize(
    ("entries", "said", "why"),
    [
        ([("out", b"A\n")], [b"A\n", b"B\n"], "expected nothing more, got 'B'"),
        ([("out", b"A\n"), ("in", b"1\n")], [b"A\n", b"B\n"], "expected '1' to be read, got 'B'"),
        ([("out", b"A\n"), ("out", b"B\n")], [b"A\n", None], "expected 'B', got a wait for a"),
        ([("out", b"A\r\n")], [b"A\n"], r"expected 'A\\r\\n', got 'A\\n'"),
    ],
)
async def test_each_kind_of_difference_is_named(
    entries: list[tuple[Direction, bytes]], said: list[bytes | None], why: str
) -> None:
    wire = tape(InOrder, ("open", b""), *entries)
    await wire.open()
    for text in said[:-1]:
        await wire.write(text or b"")
    with pytest.raises(ReplayMismatch, match=why):
        await (wire.write(said[-1]) if said[-1] else wire.read_until(b"\n"))


async def test_an_empty_recording_answers_to_nothing() -> None:
    with pytest.raises(ReplayMismatch, match="got the channel opened once more in an empty"):
        await tape(InOrder).open()


async def test_silence_then_is_silence_now() -> None:
    wire = tape(InOrder, ("out", b"A?\n"), ("silence", b""), ("out", b"A?\n"), ("in", b"1\n"))
    await wire.open()
    with pytest.raises(TimeoutError):
        await ask(wire, b"A?\n")
    assert await ask(wire, b"A?\n") == b"1\n"


async def test_a_channel_that_was_lost_is_lost_again() -> None:
    wire = tape(
        InOrder, ("open", b""), ("out", b"A?\n"), ("close", b"the cable was pulled"),
        ("open", b""), ("out", b"A?\n"), ("in", b"1\n"),
    )  # fmt: skip
    await wire.open()
    with pytest.raises(DeviceClosed, match="cable"):
        await ask(wire, b"A?\n")
    assert not wire.is_open
    await wire.open()
    assert await ask(wire, b"A?\n") == b"1\n"


async def test_blocks_and_pieces_come_in_the_same_cuts() -> None:
    wire = tape(InOrder, ("out", b"D?\n"), ("in", b"#15"), ("in", b"a\nb\x00c"), ("in", b"\n"))
    await wire.open()
    await wire.write(b"D?\n")
    assert await wire.read_exactly(3) == b"#15"
    assert await wire.read_exactly(5) == b"a\nb\x00c"
    assert await wire.read_until(b"\n") == b"\n"


async def test_replies_may_take_as_long_as_they_did() -> None:
    entries = (Exchange(0.0, "out", b"A?\n"), Exchange(0.1, "in", b"1\n", 60.0))
    device = RecordedDevice(DeviceHead(name="smu"), entries)
    for timed in (True, False):
        wire = Replaying("replay:x", InOrder(device, "x"), timed=timed)
        await wire.open()
        began = time.monotonic()
        await ask(wire, b"A?\n")
        assert (time.monotonic() - began > 0.055) == timed


async def test_polls_and_requests_for_service_come_again() -> None:
    entries: tuple[tuple[Direction, bytes], ...] = (
        ("open", b""), ("srq", b""), ("out", b"GO\n"), ("poll", b"0"), ("srq", b""),
        ("poll", b"32"), ("out", b"A?\n"), ("in", b"1\n"),
    )  # fmt: skip
    for kind in (InOrder, Matching):
        wire = tape(kind, *entries)
        assert wire.has_service_request
        await wire.open()
        await wire.write(b"GO\n")
        assert await wire.status_byte() == 0
        await wire.service_request()
        assert await wire.status_byte() == 32
        assert await ask(wire, b"A?\n") == b"1\n"
    wire = tape(InOrder, ("out", b"*STB?\n"), ("in", b"0\n"))
    await wire.open()
    assert (wire.has_service_request, await wire.status_byte()) == (False, None)


# ── matching ──────────────────────────────────────────────────────────────────────────────

STATES: tuple[tuple[Direction, bytes], ...] = (
    ("out", b"V?\n"), ("in", b"0\n"), ("out", b"V 1\n"), ("out", b"V?\n"), ("in", b"1\n"),
    ("out", b"I?\n"), ("in", b"10\n"), ("out", b"I?\n"), ("in", b"11\n"), ("out", b"V 2\n"),
    ("out", b"V?\n"), ("in", b"2\n"), ("out", b"S?\n"), ("silence", b""),
)  # fmt: skip


async def test_queries_are_answered_by_the_state_that_commands_led_to() -> None:
    wire = tape(Matching, *STATES)
    await wire.open()
    assert await ask(wire, b"V?\n") == b"0\n"
    await wire.write(b"V 2\n")
    assert await ask(wire, b"V?\n") == b"2\n"
    await wire.write(b"V 1\n")
    assert await ask(wire, b"I?\n") == b"10\n"
    assert await ask(wire, b"V?\n") == b"1\n"
    assert [await ask(wire, b"I?\n") for _ in range(2)] == [b"11\n", b"11\n"]
    with pytest.raises(TimeoutError):
        await ask(wire, b"S?\n")


async def test_what_was_never_said_is_named_with_what_is_nearest() -> None:
    wire = tape(Matching, *STATES)
    await wire.open()
    with pytest.raises(ReplayMismatch, match=r"expected 'V 1', got 'V 1\.5' at exchange 2"):
        await wire.write(b"V 1.5\n")
    wire = tape(Matching, *STATES)
    await wire.open()
    await wire.write(b"V 1\n")
    with pytest.raises(ReplayMismatch, match="got one after 'V 1'"):
        await wire.read_until(b"\n")


WORDS = st.sampled_from([b"A?\n", b"B?\n", b"C 1\n", b"C 2\n", b"D?\n"])
REPLIES = st.lists(st.binary(max_size=4).map(lambda data: data.replace(b"\n", b"") + b"\n"))


@given(session=st.lists(st.tuples(WORDS, REPLIES), max_size=12))
async def test_any_session_is_answered_again_in_order(
    session: list[tuple[bytes, list[bytes]]],
) -> None:
    """Whatever was read, in as many pieces, and nothing is left."""
    entries: list[tuple[Direction, bytes]] = [("open", b"")]
    for word, replies in session:
        entries += [("out", word), *(("in", reply) for reply in replies)]
    wire = tape(InOrder, *entries)
    await wire.open()
    for word, replies in session:
        await wire.write(word)
        assert [await wire.read_until(b"\n") for _ in replies] == replies
    with pytest.raises(ReplayMismatch, match="expected nothing more"):
        await wire.write(b"E?\n")


@given(session=st.lists(st.tuples(WORDS, REPLIES), max_size=12), said=st.lists(WORDS, max_size=20))
async def test_matching_answers_with_what_was_recorded_for_it_or_says_so(
    session: list[tuple[bytes, list[bytes]]], said: list[bytes]
) -> None:
    """Never another query's reply, never a wait without end."""
    entries: list[tuple[Direction, bytes]] = []
    known: dict[bytes, set[bytes]] = {}
    for word, replies in session:
        entries += [("out", word), *(("in", reply) for reply in replies)]
        known.setdefault(word, set()).add(b"".join(replies))
    wire = tape(Matching, *entries)
    await wire.open()
    for word in said:
        if word not in known:
            with pytest.raises(ReplayMismatch, match="got"):
                await wire.write(word)
            return
        await wire.write(word)
        if any(known[word]):
            first = await wire.read_until(b"\n")
            assert any(reply.startswith(first) for reply in known[word])
        wire.discard_input()


# ── whole benches ─────────────────────────────────────────────────────────────────────────


@pytest_asyncio.fixture
async def session(simulator: Any, tmp_path: Path) -> tuple[Path, list[Any]]:
    """Both simulated instruments, on a socket and on a terminal, set and read: file, readings."""
    file = tmp_path / "session.jsonl"
    config = BenchConfig(
        "lab",
        devices={
            "smu": DeviceConfig("smu", "keithley.smu2400", simulator.resources["smu"]),
            "tc": DeviceConfig("tc", "lakeshore.model335", simulator.resources["tc"]),
        },
    )
    bench = Bench(config)
    with TrafficRecorder(file, bench):
        async with bench:
            readings = await act(bench)
    return file, readings


async def act(bench: Bench) -> list[Any]:
    smu, tc = bench.device("smu"), bench.device("tc")
    await smu.member_set("compliance", 0.01)
    await smu.member_set("output", True)
    await smu.member_set("voltage", 0.3)
    readings: list[Any] = [(await smu.member_read("reading"))["i"].value for _ in range(3)]
    readings.append((await tc.member_get("a.kelvin")).value)
    await smu.member_set("output", False)
    return readings


@pytest.mark.parametrize("match", [False, True])
async def test_a_bench_on_a_recording_gives_the_same_readings(
    session: tuple[Path, list[Any]], match: bool
) -> None:
    """D7: and says that it is replayed, and that what was recorded was simulated."""
    recorded = Recorded.load(session[0])
    bench = Bench(replayed(recorded_bench(recorded), recorded, match=match))
    async with bench:
        assert await act(bench) == session[1]
        smu = bench.device("smu")
        assert (smu.replayed, smu.simulated, smu.snapshot()["replayed"]) == (True, True, True)
        assert smu.target() is None, "no other process is to look for it"
    assert bench.replayed == bench.simulated == (2, 2)


async def test_a_bench_that_is_told_something_else_says_what(
    session: tuple[Path, list[Any]],
) -> None:
    recorded = Recorded.load(session[0])
    async with Bench(replayed(recorded_bench(recorded), recorded)) as bench:
        smu = bench.device("smu")
        with pytest.raises(ReplayMismatch) as error:
            await smu.member_set("compliance", 0.02)
        assert "expected ':SENS:CURR:PROT 0.01', got ':SENS:CURR:PROT 0.02'" in error.value.message
        assert (error.value.device, error.value.command) == ("smu", ":SENS:CURR:PROT 0.02")
        parked = await bench.park(["smu"])
        assert "by hand" not in parked[0].message, "there is nothing to switch off"


async def test_a_time_out_is_replayed_as_one(gadget: Any, tmp_path: Path) -> None:
    gadget.replies["*STB?"] = None
    file = tmp_path / "silent.jsonl"
    config = DeviceConfig("one", "scpi", gadget.address, timeout_s=0.1)
    bench = Bench(BenchConfig("lab", devices={"one": config}))
    with TrafficRecorder(file, bench):
        async with bench:
            with pytest.raises(DeviceTimeout):
                await bench.device("one").member_get("status_byte")
            gadget.replies["*STB?"] = "4"
            assert (await bench.device("one").member_get("status_byte")).value == 4
    recorded = Recorded.load(file)
    async with Bench(replayed(recorded_bench(recorded), recorded)) as again:
        one = again.device("one")
        with pytest.raises(DeviceTimeout, match=r"no reply to '\*STB\?' in"):
            await one.member_get("status_byte")
        assert (await one.member_get("status_byte")).value == 4


def test_addresses_name_file_device_and_way(tmp_path: Path) -> None:
    address = parse("replay:/data/my%20file.jsonl?match&timed#smu")
    assert (address.kind, address.path) == ("replay", "/data/my file.jsonl")
    for text, why in {
        "replay:": "at character 8 a file should stand",
        "replay:x?fast#smu": "at character 10 match, timed or match&timed should stand",
    }.items():
        with pytest.raises(AddressError, match=why):
            parse(text)


async def test_what_cannot_be_replayed_is_said_by_the_device(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_bytes(
        b'{"line":"recording","format":1}\n' + exchange_line("smu", Exchange(1, "out", b"A"))
    )
    for address, why in {
        "replay:/nowhere.jsonl#smu": "cannot be read",
        f"replay:{file}#dmm": "holds no device 'dmm'; it has smu",
    }.items():
        bench = Bench(BenchConfig("lab", devices={"d": DeviceConfig("d", "scpi", address)}))
        async with bench:
            assert bench.device("d").state == "offline"
            assert why in bench.device("d").message
    config = BenchConfig("lab", devices={"dmm": DeviceConfig("dmm", "scpi", "tcp:127.0.0.1:1")})
    with pytest.raises(RecordingError, match="holds no device 'dmm'"):
        replayed(config, Recorded.load(file))
    odd = DeviceConfig("d", "acme.x", f"replay:{file}")
    assert (
        "no driver 'acme.x'" in Bench(BenchConfig("lab", devices={"d": odd})).device("d").unusable
    )
