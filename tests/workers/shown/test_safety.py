"""What a worker tells by itself of its bench's safety, and what it shows of the wires."""

import asyncio
import json
from collections.abc import AsyncIterator

import msgspec
import pytest

from funcnodes.runs import RunReader
from funcnodes.workers import schema
from funcnodes.workers.worker import Worker
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from ...waiting import patience
from ..conftest import ADA, Desk

EVE = schema.Actor(id="e", name="Eve", role="viewer")
RULES = """
name = "bench"
[devices.smu]
driver = "keithley.smu2400"
simulated = false
address = "{smu}"
[devices.tc]
driver = "lakeshore.model335"
simulated = false
address = "{tc}"
[[alarm]]
name = "slow"
source = "smu.nplc"
high = 5
every_s = 0.02
[[interlock]]
name = "too slow"
when = "smu.nplc > 5"
then = "refuse"
writes = ["smu.output"]
latching = true
every_s = 0.02
"""


async def at_work(workspace: Workspace, bench: str) -> AsyncIterator[Desk]:
    with SimulatedBench.start("demo", seed=1) as simulated:
        workspace.bench_path.write_text(bench.format(**simulated.resources))
        worker = Worker(workspace)
        desk = Desk(worker)
        working = asyncio.create_task(worker.run())
        async with asyncio.timeout(patience()):
            while worker.bench is None or any(
                each.state != "idle" for each in worker.bench.devices.values()
            ):
                await asyncio.sleep(0.01)
        yield desk
        worker.end()
        await working


@pytest.fixture
async def bench(workspace: Workspace) -> AsyncIterator[Desk]:
    """A desk at a worker whose devices count as real."""
    async for desk in at_work(workspace, RULES):
        yield desk


def alarms(desk: Desk) -> list[schema.AlarmView]:
    return [event.watch.alarms[0] for event in desk.events(schema.WatchPut)]


async def test_alarms_and_interlocks_are_told_without_being_asked_for(bench: Desk) -> None:
    assert bench.worker.bench is not None
    smu = bench.worker.bench.devices["smu"]
    await smu.member_set("nplc", 6)
    told = await bench.until(
        lambda: next((e.watch for e in bench.events(schema.WatchPut) if e.watch.interlocks[0].holds
                      and e.watch.alarms[0].severity == "MINOR"), None)
    )  # fmt: skip
    alarm, interlock = told.alarms[0], told.interlocks[0]
    assert (alarm.device, alarm.value, alarm.unacknowledged) == ("smu", 6.0, "MINOR")
    assert alarm.read_t is not None
    assert (interlock.tripped, interlock.latching, interlock.devices) == (True, True, ["smu"])

    await bench.ask(schema.AlarmAcknowledge(name="slow", severity="MINOR"))
    assert alarms(bench)[-1].unacknowledged == "NO_ALARM"
    await bench.ask(schema.AlarmShelve(name="slow", seconds=60))
    assert alarms(bench)[-1].shelved_until is not None

    await smu.member_set("nplc", 1)
    await bench.until(lambda: alarms(bench)[-1].severity == "NO_ALARM")
    bench.worker.safety.touch()  # what was read since the last patch
    told = bench.events(schema.WatchPut)[-1].watch
    assert bench.worker.snapshot().watch == told


async def test_what_is_as_it_was_is_told_to_nobody(bench: Desk) -> None:
    """A bench is read many times a second; only a difference is an event."""
    assert bench.worker.bench is not None
    await bench.until(lambda: bench.worker.bench.interlocks.states()[0].why == "smu.nplc is 1")
    bench.worker.safety.touch()
    bench.worker.publisher.flush()  # what became different until now
    before = len(bench.sent)
    for _ in range(20):
        bench.worker.safety.touch()
        bench.worker.publisher.flush()
    told = [e for m in bench.sent[before:] if isinstance(m, schema.Patch) for e in m.events]
    assert not [e for e in told if isinstance(e, schema.WatchPut | schema.SafetyPut)]


async def test_the_plan_is_there_before_anything_is_armed_and_follows_the_devices(
    bench: Desk,
) -> None:
    """S1; what cannot be reached is said, in words."""
    plan = bench.worker.snapshot().safety
    assert [each.cause for each in plan.causes] == [
        "on_estop", "at_end", "on_worker_death", "on_operator_lost",
    ]  # fmt: skip
    first = plan.causes[0].steps[0]
    assert (first.device, first.words, first.within_s) == ("smu", "output off", 0.1)
    assert plan.asks == ["smu", "tc"]
    assert [(each.name, each.asks) for each in plan.warnings] == [("tc", True)]
    assert plan.unreachable == []

    await bench.ask(schema.DeviceDisconnect(name="tc"))
    await bench.until(
        lambda: (
            [e.safety.unreachable for e in bench.events(schema.SafetyPut)][-1:]
            == [["tc: disconnected"]]
        )
    )


async def test_a_simulated_bench_asks_for_nothing(workspace: Workspace) -> None:
    """The first minute is not held up, though the plan is there."""
    simulated = RULES.replace("simulated = false", "simulated = true")
    async for desk in at_work(workspace, simulated):
        plan = desk.worker.snapshot().safety
        assert plan.asks == []
        assert [each.asks for each in plan.warnings] == [False]
        assert len(plan.causes[0].steps) == 2


async def test_accepted_warnings_are_kept_with_the_run_and_in_the_log(bench: Desk) -> None:
    """S5: which there were, which of them were accepted, and by whom."""
    warning = bench.worker.snapshot().safety.warnings[0].text
    await bench.ask(schema.OpenExample(name=bench.worker.snapshot().examples[0].name))
    run = await bench.ask(schema.RunStart(accepted=[warning, "The moon is full."]))
    await bench.until(
        lambda: any(e.run.state == "complete" for e in bench.events(schema.RunPut) if e.run)
    )
    reader: RunReader = bench.worker.runs.find(run)
    kept = [event.data for event in reader.events() if event.kind == "safety warnings"]
    assert kept == [{"warnings": [warning], "accepted": [warning], "by": ADA.name}]
    await bench.ask(schema.SetLive(live=True, accepted=[warning]))
    assert f"Ada accepted: {warning}" in [line.text for line in bench.worker.logbook.lines]


async def page(desk: Desk, **wanted: object) -> schema.TrafficPage:
    found = await desk.ask(schema.GetTraffic(**wanted), EVE)  # type: ignore[arg-type]  # as given
    return msgspec.convert(found, schema.TrafficPage)


async def test_every_byte_since_the_last_page_is_shown_once(bench: Desk) -> None:
    assert bench.worker.bench is not None
    first = await page(bench)
    smu = bench.worker.bench.devices["smu"]
    await smu.member_read("voltage")
    second = await page(bench, since=first.counts)
    said = [(each.direction, each.data) for each in second.entries if each.device == "smu"]
    out = said.index(("out", b":SOUR:VOLT?\n"))
    assert said[out + 1][0] == "in"
    numbers = [e.number for p in (first, second) for e in p.entries if e.device == "smu"]
    assert numbers == list(range(numbers[0], second.counts["smu"]))
    answer = next(e for e in second.entries if e.direction == "in")
    assert answer.latency_ms is not None
    assert answer.size == len(answer.data)
    few = await page(bench, since=first.counts, limit=1)
    assert len([e for e in few.entries if e.device == "smu"]) == 1
    assert few.missed >= 1


async def test_traffic_becomes_a_replay_file_of_the_chosen_devices(bench: Desk) -> None:
    result = await bench.ask(schema.ExportTraffic(devices=["smu"]), EVE)
    lines = [json.loads(line) for line in result["data"].splitlines()]
    assert result["name"] == "bench-traffic.jsonl"
    assert lines[0]["line"] == "recording"
    assert {each.get("device") for each in lines[2:]} == {"smu"}
    assert any(each.get("text") == "*IDN?\n" for each in lines)
    unknown = await bench.refused(schema.ExportTraffic(devices=["psu"]), EVE)
    assert "no device 'psu'" in unknown.detail


async def test_without_a_bench_there_is_no_traffic_and_no_plan(desk: Desk) -> None:
    assert await page(desk) == schema.TrafficPage()
    assert desk.worker.snapshot().safety == schema.SafetyView()
    problem = await desk.refused(schema.ExportTraffic())
    assert "has no bench, so no traffic" in problem.detail
