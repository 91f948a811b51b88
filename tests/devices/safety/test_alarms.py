"""Alarms: EPICS's severities, hysteresis and acknowledgement, and what the bench makes of them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from funcnodes.core import clock
from funcnodes.devices import Bench, Sample
from funcnodes.devices.benchfile.rules import AlarmConfig, Severity
from funcnodes.devices.declarations import drivers
from funcnodes.devices.safety.alarms import HISTORY, Alarm, AlarmEvent, build_alarm
from funcnodes.devices.safety.sources import Observation
from funcnodes.errors import BenchError

from ...waiting import until

KINDS = {"smu": drivers.find("keithley.smu2400"), "tc": drivers.find("lakeshore.model335")}
LIMITS = {"lolo": 1.0, "low": 2.0, "high": 8.0, "hihi": 9.0}
DEVICES = """
[devices.smu]
driver = "keithley.smu2400"
address = "sim:smu"
[devices.tc]
driver = "lakeshore.model335"
address = "sim:tc"
timeout_s = 0.3
"""


class Fed:
    """An alarm, and a clock that only its test moves."""

    def __init__(self, source: str = "tc.a.kelvin", **options: Any) -> None:
        options = {"limits": LIMITS, **options} if source == "tc.a.kelvin" else options
        self.alarm: Alarm = build_alarm(AlarmConfig(name="a", source=source, **options), KINDS)
        self.now = 0.0

    def feed(self, value: Any, *, after_s: float = 1.0, **lost: Any) -> list[str]:
        """The kinds of event that a value brings."""
        self.now += after_s
        sample = None if value is None else Sample(value, "K")
        observation = Observation(self.alarm.source, sample, **lost)
        events = self.alarm.note(observation, mono=self.now, wall=1e9 + self.now)
        return [event.kind for event in events]

    @property
    def stands(self) -> tuple[str, str]:
        return self.alarm.severity.name, self.alarm.status


@pytest.mark.parametrize(
    ("value", "severity", "status"),
    [
        (5.0, "NO_ALARM", "NO_ALARM"), (8.0, "MINOR", "HIGH"), (9.0, "MAJOR", "HIHI"),
        (2.0, "MINOR", "LOW"), (1.0, "MAJOR", "LOLO"), (float("nan"), "INVALID", "READ"),
        (None, "INVALID", "COMM"),
    ],
)  # fmt: skip
def test_each_limit_has_its_severity(value: float | None, severity: str, status: str) -> None:
    fed = Fed()
    fed.feed(value, why="no reply")
    assert fed.stands == (severity, status)


def test_an_alarm_falls_only_once_the_limit_is_left_by_the_hysteresis() -> None:
    fed = Fed(hysteresis="500 mK")
    assert fed.feed(8.1) == ["raised"]
    assert fed.feed(7.6) == []
    assert fed.feed(9.2) == ["changed"]
    assert fed.feed(8.7) == []
    assert fed.feed(8.4) == ["changed"]
    assert fed.stands == ("MINOR", "HIGH")
    assert fed.feed(7.4) == ["cleared"]
    assert fed.feed(7.6) == []


def test_it_is_raised_once_it_has_lasted_and_falls_at_once() -> None:
    fed = Fed(delay_s=2.0)
    assert fed.feed(8.5) == []
    assert fed.feed(5.0) == []
    assert fed.feed(8.5) == []
    assert fed.feed(9.5) == []
    assert fed.feed(9.5) == ["raised"]
    assert fed.stands == ("MAJOR", "HIHI")
    assert fed.feed(5.0) == ["cleared"]


def test_states_of_switches_and_words_have_severities() -> None:
    switch = Fed("smu.output", states={"on": Severity.MINOR})
    assert switch.feed(True) == ["raised"]
    assert switch.stands == ("MINOR", "STATE")
    assert switch.alarm.message == "smu.output is on."
    words = Fed("tc.loop1.heater_range", states={"High": Severity.MAJOR}, message="Mind it.")
    words.feed("high")
    assert words.alarm.message == "tc.loop1.heater_range is high. Mind it."
    assert words.feed("off") == ["cleared"]


def test_what_cannot_be_asked_now_is_no_alarm() -> None:
    fed = Fed()
    assert fed.feed(None, rests=True) == []


def test_a_transient_alarm_waits_to_be_acknowledged_if_it_latches() -> None:
    """EPICS: ACKT YES keeps ACKS, NO lets it fall with SEVR."""
    for latch, left in ((True, "MAJOR"), (False, "NO_ALARM")):
        fed = Fed(latch=latch)
        fed.feed(9.5)
        fed.feed(8.5)
        fed.feed(5.0)
        assert fed.stands == ("NO_ALARM", "NO_ALARM")
        assert fed.alarm.unacknowledged.name == left


def test_what_grew_worse_meanwhile_is_not_acknowledged_by_who_saw_the_lesser() -> None:
    fed = Fed()
    fed.feed(8.5)
    fed.feed(9.5)
    assert fed.alarm.acknowledge("anna", Severity.MINOR) is None
    assert fed.alarm.unacknowledged is Severity.MAJOR
    event = fed.alarm.acknowledge("anna", Severity.MAJOR)
    assert event is not None
    assert (event.kind, event.by) == ("acknowledged", "anna")
    assert fed.alarm.acknowledge("anna") is None
    fed.feed(8.5)  # another alarm than the one that was seen
    assert fed.alarm.unacknowledged is Severity.MINOR


def test_a_disabled_alarm_is_not_judged() -> None:
    fed = Fed(enabled=False)
    assert fed.feed(9.5) == []
    fed.alarm.enable(True, "anna")
    assert fed.feed(9.5) == ["raised"]
    fed.alarm.enable(False, "anna")
    assert fed.stands == ("NO_ALARM", "NO_ALARM")
    assert not fed.alarm.unacknowledged


VALUES = st.one_of(st.none(), st.floats(0, 10), st.just(float("nan")))
ACTS = st.one_of(
    VALUES.map(lambda v: ("feed", v)), st.sampled_from(Severity).map(lambda s: ("ack", s))
)


@given(st.lists(ACTS, max_size=40), st.floats(0, 2), st.booleans())
def test_an_alarm_never_forgets_and_never_flutters(
    acts: list[tuple[str, Any]], hysteresis: float, latch: bool
) -> None:
    fed = Fed(hysteresis=hysteresis, latch=latch)
    worst = 0
    for act, what in acts:
        before, owed = fed.stands, fed.alarm.unacknowledged
        if act == "ack":
            done = fed.alarm.acknowledge("x", what or None)
            assert (done is not None) == (owed > 0 and (what or 3) >= owed)
            worst = 0 if done else worst
            continue
        kinds = fed.feed(what, why="no reply")
        assert len(kinds) == (fed.stands != before)
        worst = max(worst, fed.alarm.severity) if kinds else worst
        if latch:
            assert fed.alarm.unacknowledged == worst
        elif kinds:
            assert fed.alarm.unacknowledged == fed.alarm.severity
        if what is not None and what == what and 2 + hysteresis < what < 8 - hysteresis:
            assert fed.stands == ("NO_ALARM", "NO_ALARM")
        if what is not None and what >= 9:
            assert fed.stands == ("MAJOR", "HIHI")


# ── in a bench file ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("low = 1", r"\[\[alarm\]\] 1 source: it is missing"),
        ("source = 'tc.a.kelvin'\nhigh = '3 V'", r"1 high: tc.a.kelvin: Volts do not fit"),
        ("source = 'tc.a.kelvin'\nhigh = true", r"1 high: a number, or text such as"),
        ("source = 'tc.a.kelvin'\nhigh = 1\nlow = 2", r"1 low: it lies above high"),
        ("source = 'vac'", r"1 source: there is no device 'vac'; there is smu, tc"),
        ("source = 'tc.x'", r"1 source: 'tc.x': tc has nothing to read named 'x'"),
        ("source = 'smu.output'\nhigh = 1", r"1 high: smu.output is no number"),
        ("source = 'tc.a.kelvin'\nstates = {on='major'}", r"states: tc.a.kelvin is a number"),
        ("source = 'smu.output'\nstates = {hot='major'}", r"states: smu.output is on or off"),
        ("source = 'smu.output'\nstates = {on='bad'}", r"1 states\] on: no_alarm, minor|on: no_al"),
        ("source = 'tc.a.kelvin'\nhysteresis = '1 V'", r"hysteresis: tc.a.kelvin: Volts"),
        ("source = 'tc.a.kelvin'\nhysteresis = -1", r"hysteresis: it is below zero"),
        ("source = 'tc.a.kelvin'\nhihgh = 1", r"hihgh: there is no such key, did you mean 'high'"),
    ],
)
def test_a_mistake_is_named_by_file_table_and_key(tmp_path: Path, table: str, message: str) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f"{DEVICES}[[alarm]]\n{table}\n")
    with pytest.raises(BenchError, match=message):
        Bench.load(path)


def test_a_hysteresis_in_another_unit_is_a_difference() -> None:
    fed = Fed(hysteresis="2 °C", limits={"high": 300.0})
    fed.feed(301.0)
    assert fed.feed(298.5) == []
    assert fed.feed(297.5) == ["cleared"]


# ── on the bench ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def bench_of(simulator: Any, tmp_path: Path) -> Callable[..., Bench]:
    """A bench with these alarms, not opened yet."""

    def made(*tables: str) -> Bench:
        path = tmp_path / "bench.toml"
        path.write_text(DEVICES + "".join(f"[[alarm]]\nevery_s=0.02\n{t}\n" for t in tables))
        return Bench.load(path, simulator.resources)

    return made


async def test_an_alarm_is_raised_acknowledged_and_over_on_a_real_line(
    bench_of: Callable[..., Bench],
) -> None:
    table = "name='integration'\nsource='smu.nplc'\nhigh=5\nhihi=8\nmessage='Slow.'"
    async with bench_of(table) as bench:
        told: list[AlarmEvent] = []
        bench.alarms.on_alarm(lambda event, state: told.append(event))
        await bench.devices["smu"].member_set("nplc", 9)
        await until(lambda: told)
        assert told[0].text == "MAJOR: integration: smu.nplc is 9, at or above 8. Slow."
        assert abs(told[0].t - clock.now()) < 5
        assert abs(told[0].mono - clock.monotonic()) < 5
        assert bench.alarms.worst is Severity.MAJOR
        await bench.devices["smu"].member_set("nplc", 1)
        await until(lambda: len(told) == 2)
        assert bench.alarms.states()[0].unacknowledged == "MAJOR"
        assert bench.alarms.acknowledge("integration", by="anna")
        assert not bench.alarms.acknowledge("integration", by="anna")
        assert bench.alarms.states()[0].unacknowledged == "NO_ALARM"
        assert [event.kind for event in bench.alarms.history] == [
            "raised",
            "cleared",
            "acknowledged",
        ]
        with pytest.raises(BenchError, match="no alarm 'x'; it has integration"):
            bench.alarms.acknowledge("x", by="anna")


async def test_a_device_that_is_out_of_reach_is_invalid(
    simulator: Any, bench_of: Callable[..., Bench]
) -> None:
    async with bench_of("source='tc'", "source='tc.a.kelvin'\nhigh=500") as bench:
        await asyncio.sleep(0.05)
        assert not bench.alarms.history
        simulator.fault("tc", "mute")
        await until(lambda: [a.status for a in bench.alarms.states()] == ["COMM", "COMM"])
        reached, kelvin = bench.alarms.states()
        assert (reached.severity, kelvin.severity) == ("INVALID", "INVALID")
        assert reached.message.startswith("tc is not reached: ")
        assert "no reply to" in reached.message
        simulator.ask("clear")
        await until(lambda: [a.status for a in bench.alarms.states()] == ["NO_ALARM"] * 2)


async def test_a_shelved_alarm_is_not_counted_until_its_time_is_over(
    bench_of: Callable[..., Bench],
) -> None:
    async with bench_of("source='smu.output'\nstates={off='major'}") as bench:
        await until(lambda: bench.alarms.worst is Severity.MAJOR)
        bench.alarms.shelve("smu.output", 0.2, by="anna")
        assert bench.alarms.worst is Severity.NO_ALARM
        left = bench.alarms.states()[0].shelved_s
        assert left is not None
        assert 0 < left <= 0.2
        await until(lambda: bench.alarms.worst is Severity.MAJOR)
        kinds = [event.kind for event in bench.alarms.history]
        assert kinds == ["raised", "shelved", "unshelved"]
        with pytest.raises(BenchError, match="only for up to a week"):
            bench.alarms.shelve("smu.output", 1e9, by="anna")


async def test_a_listener_that_raises_stops_nobody(
    bench_of: Callable[..., Bench], caplog: pytest.LogCaptureFixture
) -> None:
    async with bench_of("source='smu.output'\nstates={off='major'}") as bench:

        def broken(event: AlarmEvent, state: object) -> None:
            raise ZeroDivisionError

        told: list[str] = []
        bench.alarms.on_alarm(broken)
        bench.alarms.on_alarm(lambda event, state: told.append(event.kind))
        await until(lambda: told)
        assert "A listener to alarms failed" in caplog.text


async def test_history_is_bounded_and_many_watch_one_question(
    simulator: Any, bench_of: Callable[..., Bench]
) -> None:
    tables = [f"name='{n}'\nsource='smu.nplc'\nhigh=5\nevery_s=0.5" for n in range(20)]
    async with bench_of(*(t.replace("every_s=0.5", "") for t in tables)) as bench:
        await until(lambda: bench.devices["smu"].newest("nplc"))
        before = simulator.now()
        await asyncio.sleep(0.3)
        asked = simulator.commands("smu", before).count(":SENS:CURR:NPLC?")
        assert 3 <= asked <= 16
        for _ in range(HISTORY):
            bench.alarms.enable("1", False, by="x")
            bench.alarms.enable("1", True, by="x")
        assert len(bench.alarms.history) == HISTORY
