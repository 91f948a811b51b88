"""Interlocks: fail-safe as a machine, and on the simulated bench by the same path as E-STOP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from funcnodes.devices import Bench, Latch, Sample
from funcnodes.devices.benchfile.rules import InterlockConfig
from funcnodes.devices.declarations import drivers
from funcnodes.devices.safety.conditions import parse_condition
from funcnodes.devices.safety.interlocks import FIRST_S, Interlock, InterlockState
from funcnodes.devices.safety.sources import Observation, find_source
from funcnodes.errors import BenchError, RefusedError

from ...waiting import until

KINDS = {"tc": drivers.find("lakeshore.model335")}
KELVIN = find_source(KINDS, "tc.a.kelvin")
DEVICES = """
[devices.smu]
driver = "keithley.smu2400"
address = "sim:smu"
[devices.tc]
driver = "lakeshore.model335"
address = "sim:tc"
"""
OVER = 'when = "smu.nplc > 5"\nevery_s = 0.02\n'
Benches = Callable[..., AbstractAsyncContextManager[Bench]]


# ── as a machine ──────────────────────────────────────────────────────────────────────────


def machine(when: str = "tc.a.kelvin > 300 K", **options: Any) -> Interlock:
    config = InterlockConfig(**{"name": "hot", "when": when, "then": "estop", **options})
    return Interlock(config, parse_condition(when, lambda n: find_source(KINDS, n)), ["tc"])


def read(kelvin: float | None, *, rests: bool = False) -> Observation:
    if kelvin is None:
        return Observation(KELVIN, None, "no reply", rests)
    return Observation(KELVIN, Sample(kelvin, "K"))


def test_it_trips_once_the_condition_has_lasted_without_a_break() -> None:
    interlock = machine("tc.a.kelvin > 300 K for 2 s", latching=True)
    assert not interlock.note(read(301), 0)
    assert not interlock.note(read(299), 1.5)
    assert not interlock.note(read(301), 2)
    assert not interlock.note(read(301), 3.9)
    assert interlock.note(read(301), 4)
    assert interlock.why == "tc.a.kelvin is 301 K"
    assert not interlock.note(read(305), 5)  # once, not again
    interlock.note(read(290), 6)
    assert interlock.tripped
    assert not interlock.holds


def test_a_lost_source_counts_as_tripped_after_its_grace() -> None:
    interlock = machine(grace_s=3.0)
    interlock.note(read(200), 0)
    assert not interlock.note(read(None), 1)
    assert not interlock.note(read(None), 3.9)
    assert interlock.note(read(None), 4)
    assert interlock.why == "tc.a.kelvin is not known: no reply"


def test_no_number_is_a_lost_source_too() -> None:
    """D3."""
    interlock = machine()
    interlock.note(read(200), 0)
    assert interlock.note(Observation(KELVIN, Sample(float("nan"), "K", "overrange")), 1)
    assert interlock.why == "tc.a.kelvin is no number (overrange)"


def test_a_source_that_was_never_reached_is_given_time_to_connect() -> None:
    interlock = machine()
    assert not interlock.note(read(None), 0)
    assert not interlock.note(read(None), FIRST_S - 0.1)
    assert interlock.note(read(None), FIRST_S)


def test_a_reply_that_is_missing_does_not_begin_the_count_anew() -> None:
    interlock = machine("tc.a.kelvin > 300 K for 2 s", on_lost="ignore")
    interlock.note(read(301), 0)
    assert not interlock.note(read(None), 1)
    assert interlock.note(read(301), 2)


def test_a_source_of_which_nothing_is_heard_is_lost() -> None:
    """Five readings left out, and twice the time that a reading may take: 1 s and 4 s."""
    interlock = machine()
    interlock.note(read(200), 0)
    assert not interlock.look(4.9)
    assert interlock.look(5.1)
    assert interlock.why == "tc.a.kelvin is not known: nothing was heard of it for 5 s"


def test_what_cannot_be_asked_now_trips_nothing() -> None:
    """A reading while the output is off is refused, not lost."""
    interlock = machine()
    interlock.note(read(200), 0)
    assert not interlock.note(read(None, rests=True), 1)
    assert not interlock.holds


@given(st.lists(st.tuples(st.floats(0.01, 1.0), st.sampled_from([290.0, 310.0, None]))))
def test_it_is_tripped_exactly_when_a_plain_model_says_so(
    steps: list[tuple[float, float | None]],
) -> None:
    """For 1 s above 300 K, or lost for 0.5 s; each reading stands until the next."""
    interlock, now = machine("tc.a.kelvin > 300 K for 1 s", grace_s=0.5, latching=True), 0.0
    interlock.note(read(290), now)
    hot_since = lost_since = None
    expected = False
    for wait, kelvin in steps:
        now += wait
        interlock.note(read(kelvin), now)
        if kelvin is None:
            lost_since = now if lost_since is None else lost_since
            expected = expected or now >= lost_since + 0.5
        else:
            lost_since = None
            hot_since = None if kelvin < 300 else now if hot_since is None else hot_since
        expected = expected or (hot_since is not None and now - hot_since >= 1.0)
        assert interlock.tripped == expected


# ── in a bench file ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("when = 'tc.a.kelvin > 1'", r"\[\[interlock\]\] 1 name: it is missing"),
        ("name = 'x'", r"\[\[interlock\]\] 1 when: it is missing"),
        ("name='x'\nwhen='tc.a.kelvin > 1 V'", r"1 when: character 15: .*Volts do not fit"),
        ("name='x'\nwhen='vac.mbar > 1'", r"1 when: character 1: .*no device 'vac'"),
        ("name='x'\nwhen='smu.output'\nthen='off'", "then: estop, park, hold or refuse is"),
        ("name='x'\nwhen='smu.output'\ndevices=['hv']", r"1 devices: there is no device 'hv'"),
        ("name='x'\nwhen='smu.output'\nwrites=['smu.output']", "writes: it belongs to then"),
        (
            "name='x'\nwhen='smu.output'\nthen='refuse'\nwrites=['smu.reading']",
            r"1 writes: 'smu.reading': smu has nothing to write named 'reading'",
        ),
        ("name='x'\nwhen='smu.output'\nlatching=false", "latching: .*every stop latches"),
        ("name='x'\nwhen='smu.output'\ngrace_s='1 V'", "grace_s: Volts do not fit"),
        ("name='x'\nwhen='smu.output'\nevery_s=0", "every_s: seconds from 0.01 to 60"),
        ("name='x'\nwhne='smu.output'", "whne: there is no such key, did you mean 'when'"),
        (
            "name='x'\nwhen='smu.output'\n[[interlock]]\nname='x'\nwhen='smu.output'",
            r"\[\[interlock\]\] 2 name: \[\[interlock\]\] 1 has the name 'x' already",
        ),
    ],
)
def test_a_mistake_is_named_by_file_table_and_key(tmp_path: Path, table: str, message: str) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f"{DEVICES}[[interlock]]\n{table}\n")
    with pytest.raises(BenchError, match=message) as caught:
        Bench.load(path)
    assert str(path) in str(caught.value)


# ── on the bench ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def benches(simulator: Any, tmp_path: Path) -> Benches:
    """Opens a bench with these interlocks."""

    @asynccontextmanager
    async def opened(*tables: str, devices: str = DEVICES) -> AsyncIterator[Bench]:
        path = tmp_path / "bench.toml"
        path.write_text(devices + "".join(f"[[interlock]]\n{table}\n" for table in tables))
        latch = Latch(tmp_path / "latch.json")
        async with Bench.load(path, simulator.resources, latch=latch) as bench:
            yield bench

    return opened


async def test_a_trip_takes_the_path_of_an_e_stop_and_is_named_as_its_cause(
    simulator: Any, benches: Benches, tmp_path: Path
) -> None:
    """S4: latched, on disk, writes refused; not to be reset while the cause goes on."""
    async with benches(f"name = 'too hot'\n{OVER}") as bench:
        told: list[InterlockState] = []
        bench.interlocks.on_change(told.append)
        smu = bench.devices["smu"]
        await smu.member_set("output", True)
        await smu.member_set("nplc", 6)
        await asyncio.to_thread(simulator.wait, "smu", "output", False)
        await until(lambda: smu.state == "stopped")
        state = bench.latch.state
        assert (state.by, state.cause) == (
            "interlock 'too hot'", "smu.nplc is 6",
        )  # fmt: skip
        await until(lambda: Latch(tmp_path / "latch.json").state.by == "interlock 'too hot'")
        with pytest.raises(RefusedError, match=r"stopped by interlock 'too hot' \(smu.nplc"):
            await smu.member_set("output", True)
        with pytest.raises(RefusedError, match=r"'too hot' still holds: smu.nplc is 6"):
            bench.latch.reset(by="anna")
        simulator.ask("power_cycle", device="smu")
        await until(lambda: not next(iter(bench.interlocks)).holds)
        assert [state.tripped for state in told] == [True]
        bench.latch.reset(by="anna", confirmed=bench.latch.unconfirmed())
        assert [state.tripped for state in told] == [True, False]
        await smu.member_set("output", True)
        assert not bench.latch.latched


async def test_a_trip_may_park_some_devices_and_leave_the_others_on(
    simulator: Any, benches: Benches
) -> None:
    async with benches(f"name = 'hot'\n{OVER}then = 'park'\ndevices = ['smu']") as bench:
        smu, tc = bench.devices["smu"], bench.devices["tc"]
        await smu.member_set("output", True)
        await smu.member_set("voltage", 0.4)
        await tc.member_set("loop1.heater_range", "low")
        began = simulator.now()
        await smu.member_set("nplc", 6)
        await until(lambda: [a.state for a in bench.latch.state.acks] == ["off"])
        assert [c for c in simulator.commands("smu", began) if not c.endswith("?")] == [
            ":SENS:CURR:NPLC 6", ":SOUR:VOLT 0.15", ":SOUR:VOLT 0", ":OUTP 0",
        ]  # fmt: skip
        assert tc.output_on is True


@pytest.mark.parametrize(("named", "is_on"), [("", True), ("devices = ['smu', 'tc']", False)])
async def test_what_an_e_stop_holds_is_stopped_only_by_an_interlock_that_names_it(
    benches: Benches, named: str, is_on: bool
) -> None:
    """S1: a magnet is never dropped by default."""
    devices = DEVICES + "on_estop = 'hold'\n"
    async with benches(f"name = 'hot'\n{OVER}{named}", devices=devices) as bench:
        smu, tc = bench.devices["smu"], bench.devices["tc"]
        await tc.member_set("loop1.heater_range", "low")
        await smu.member_set("nplc", 6)
        await until(lambda: smu.state == "stopped" and not bench.latch.unconfirmed())
        assert (await tc.member_get("loop1.heater_range")).value == ("low" if is_on else "off")


async def test_a_source_that_stops_answering_stops_the_bench(
    simulator: Any, benches: Benches
) -> None:
    devices = DEVICES + "timeout_s = 0.2\n"
    async with benches("name = 'hot'\nwhen = 'tc.a.kelvin > 400'", devices=devices) as bench:
        await bench.devices["smu"].member_set("output", True)
        await until(lambda: bench.interlocks.states()[0].why.endswith(" K"))
        simulator.fault("tc", "mute")
        await asyncio.to_thread(simulator.wait, "smu", "output", False)
        assert "tc.a.kelvin is not known: tc" in bench.latch.state.cause


async def test_a_bench_whose_reading_stands_still_stops(simulator: Any, benches: Benches) -> None:
    """Whatever became of the readings: no news is no good news."""
    async with benches(f"name = 'hot'\n{OVER}devices = ['tc']") as bench:
        await until(lambda: bench.interlocks.states()[0].why.endswith("is 1"))
        await bench.watching.stop()
        await until(lambda: bench.latch.latched)
        assert "nothing was heard of it for 4.1 s" in bench.latch.state.cause


async def test_writes_are_refused_while_it_holds_but_never_what_makes_safe(
    simulator: Any, benches: Benches
) -> None:
    """Output only while the door is closed: here the heater's range stands for the door."""
    door = (
        "name = 'door'\nwhen = 'tc.loop1.heater_range != off'\nthen = 'refuse'\n"
        "writes = ['smu.output']\nevery_s = 0.02"
    )
    async with benches(door) as bench:
        smu, tc = bench.devices["smu"], bench.devices["tc"]
        await until(lambda: not bench.interlocks.refusal("smu", "output"))
        await smu.member_set("output", True)
        await tc.member_set("loop1.heater_range", "low")
        await until(lambda: bench.interlocks.states()[0].tripped)
        before = simulator.now()
        with pytest.raises(RefusedError, match=r"smu: output was not written: interlock 'door'"):
            await smu.member_set("output", True)
        with pytest.raises(RefusedError, match=r"tc\.loop1\.heater_range is low"):
            await smu.instrument.output.set(True)  # type: ignore[attr-defined]
        await smu.member_set("voltage", 0.1)
        assert ":OUTP 1" not in simulator.commands("smu", before)
        await smu.member_set("output", False)
        assert simulator.state("smu")["output"] is False
        assert not bench.latch.latched
        await tc.member_set("loop1.heater_range", "off")
        await until(lambda: not bench.interlocks.states()[0].tripped)
        await smu.member_set("output", True)


async def test_what_was_never_read_refuses_too(gadget: Any, benches: Benches) -> None:
    """A door whose switch is not there counts as open from the first moment."""
    await gadget.stop()
    devices = DEVICES + f"[devices.plc]\ndriver='scpi'\naddress='{gadget.address}'\n"
    door = "name = 'door'\nwhen = 'plc.status_byte == 0'\nthen = 'refuse'\nwrites=['smu.output']"
    async with benches(door, devices=devices) as bench:
        with pytest.raises(RefusedError, match=r"'door' has not read plc\.status_byte yet"):
            await bench.devices["smu"].member_set("output", True)


async def test_an_open_bench_has_asked_its_interlocks(benches: Benches) -> None:
    door = "name = 'door'\nwhen = 'tc.loop1.heater_range != off'\nthen = 'refuse'\nevery_s = 60"
    async with benches(door) as bench:
        assert bench.interlocks.refusal("smu", "output") == ""
        assert not bench.interlocks.states()[0].holds


async def test_a_write_that_waited_for_its_turn_is_refused_if_the_door_opened_meanwhile(
    simulator: Any, benches: Benches
) -> None:
    door = "name = 'door'\nwhen = 'tc.loop1.heater_range != off'\nthen = 'refuse'\nevery_s = 0.02"
    async with benches(door) as bench:
        smu, tc = bench.devices["smu"], bench.devices["tc"]
        await until(lambda: not bench.interlocks.refusal("smu", "output"))
        simulator.fault("smu", "delay", seconds=0.3, match=":SOUR:VOLT?")
        slow = asyncio.create_task(smu.query(":SOUR:VOLT?"))
        await asyncio.sleep(0)
        writing = asyncio.create_task(smu.member_set("output", True))
        await tc.member_set("loop1.heater_range", "low")
        await until(lambda: bench.interlocks.states()[0].tripped)
        assert not slow.done()
        with pytest.raises(RefusedError, match="output was not written"):
            await writing
        await slow
        assert simulator.state("smu")["output"] is False


async def test_a_refusal_that_latches_is_reset_by_hand_once_the_condition_is_gone(
    simulator: Any, benches: Benches
) -> None:
    table = f"name = 'hot'\n{OVER}then = 'refuse'\nwrites = ['smu.voltage']\nlatching = true"
    async with benches(table) as bench:
        smu = bench.devices["smu"]
        await smu.member_set("nplc", 6)
        await until(lambda: bench.interlocks.states()[0].tripped)
        with pytest.raises(RefusedError, match=r"'hot' was not reset: smu.nplc is 6"):
            bench.interlocks.reset("hot", by="anna")
        await smu.member_set("nplc", 1)
        await until(lambda: not bench.interlocks.states()[0].holds)
        with pytest.raises(RefusedError, match="was not written"):
            await smu.member_set("voltage", 0.1)
        bench.interlocks.reset("hot", by="anna")
        await smu.member_set("voltage", 0.1)
        with pytest.raises(BenchError, match="no interlock 'cold'; it has hot"):
            bench.interlocks.reset("cold", by="anna")


async def test_a_dead_man_stops_only_a_bench_that_asked_for_it(
    simulator: Any, tmp_path: Path
) -> None:
    """S1: on_operator_lost holds by default; S2: nobody there trips nothing."""
    path = tmp_path / "bench.toml"
    path.write_text(DEVICES)
    async with Bench.load(path, simulator.resources) as bench:
        bench.operator_here(False, "anna")
        assert bench._stopping._absent is None
    path.write_text("on_operator_lost = 'estop'\noperator_lost_s = 0.2\n" + DEVICES)
    async with Bench.load(path, simulator.resources) as bench:
        await bench.devices["smu"].member_set("output", True)
        bench.operator_here(False, "anna")
        bench.operator_here(True, "anna")
        bench.operator_here(False, "anna")
        await asyncio.to_thread(simulator.wait, "smu", "output", False)
        assert bench.latch.state.by == "the dead-man"
        assert bench.latch.state.cause == "anna has been away for 0.2 s"
        await until(lambda: not bench.latch.unconfirmed())
