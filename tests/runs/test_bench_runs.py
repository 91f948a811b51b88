"""Runs on a bench: the real devices layer and drivers, on simulated instruments over real sockets.

What the outputs really do is read from the simulator, not from the devices.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes.core import Frame, NodeSpace, make_subgraph
from funcnodes.devices.bench import Bench
from funcnodes.errors import RefusedError, RunError
from funcnodes.runs import Run, Runner, RunStore
from funcnodes.runs.local import library
from funcnodes_simulators import SimulatedBench

from ..waiting import patience, until

Limit = Callable[[float], float]

EXAMPLES = Path(funcnodes.__file__).parent / "examples"


@pytest.fixture
def simulated() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=5) as bench:
        yield bench


class Station:
    """The diode example on an open bench."""

    def __init__(self, space: NodeSpace, bench: Bench, runner: Runner) -> None:
        self.space, self.bench, self.runner = space, bench, runner

    async def started(self, **values: Any) -> Run:
        """A run of the sweep with these values, under way: at least one row is in."""
        sweep = self.space.get_node_by_id("sweep")
        for port, value in values.items():
            sweep.inputs[port].set_value(value)
        first = asyncio.Event()
        self.runner.on_rows(lambda *_: first.set())
        run = await self.runner.start()
        await asyncio.wait_for(first.wait(), patience())
        return run


@pytest.fixture
async def station(simulated: SimulatedBench, tmp_path: Path) -> AsyncIterator[Station]:
    async with Bench.builtin("demo", simulated.resources, lock_dir=tmp_path / "locks") as bench:
        space = NodeSpace(library(), arming="disarmed")
        space.services.provide(Bench, bench)
        space.deserialize(json.loads((EXAMPLES / "diode_iv.json").read_text()))
        runner = Runner(space, RunStore(tmp_path / "runs"), nodespace="diode_iv")
        yield Station(space, bench, runner)
        await runner.aclose()
        await space.aclose()


async def ended(run: Run) -> str:
    return await asyncio.wait_for(run.wait(), patience())


async def test_a_complete_run_leaves_the_output_off(
    station: Station, simulated: SimulatedBench
) -> None:
    """S1: at the end what the run wrote to is parked, and nothing else."""
    run = await station.started(points=5)
    assert simulated.state()["smu"]["output"] is True
    assert await ended(run) == "complete"
    assert simulated.state()["smu"]["output"] is False
    assert simulated.state()["smu"]["source_v"] == 0
    assert run.parked == {"smu": "parked"}
    written = [c for c in simulated.commands("tc") if "SETP " in c or "RANGE " in c]
    assert written == [], "the temperature controller was not written to"


async def test_the_file_tells_devices_before_and_after_and_that_they_were_simulated(
    station: Station,
) -> None:
    """D7."""
    run = await station.started(points=2)
    await ended(run)
    reader = station.runner.store.find("latest")
    head = reader.head
    assert (head.bench, head.simulated, head.state) == ("demo", "all", "complete")
    moments = {(s.device, s.moment) for s in reader.snapshots()}
    assert moments == {(d, m) for d in ("smu", "tc") for m in ("before", "after")}
    assert reader.graph() == station.space.serialize()


async def test_set_point_and_reading_are_different_columns(station: Station) -> None:
    """R2: in mV what was asked for, in V what was measured."""
    run = await station.started(points=3, stop="300 mV")
    await ended(run)
    page = station.runner.store.find("latest").rows()
    assert [c.label for c in page.table.columns] == ["setpoint (mV)", "V (V)", "I (A)"]
    assert list(page.values[0]) == [0.0, 150.0, 300.0]
    assert list(page.values[1]) == pytest.approx([0.0, 0.15, 0.3], abs=1e-3)


async def test_stop_parks(station: Station, simulated: SimulatedBench) -> None:
    run = await station.started(points=1000)
    run.stop()
    assert await ended(run) == "stopped"
    assert simulated.state()["smu"]["output"] is False


async def test_pause_holds_the_output_on_and_abort_writes_safe_bytes_within_100_ms(
    station: Station, simulated: SimulatedBench, limit: Limit
) -> None:
    run = await station.started(points=1000)
    run.pause()
    assert simulated.state()["smu"]["output"] is True
    began = time.monotonic()
    run.abort()
    assert await ended(run) == "aborted"
    assert simulated.state()["smu"]["output"] is False
    assert first_safe_write(simulated, began) - began < limit(0.1)


async def test_abort_during_a_query_that_hangs_is_as_quick(
    station: Station, simulated: SimulatedBench, limit: Limit
) -> None:
    """Abort while a command is in flight: the link is poisoned, reopened, and parked over."""
    run = await station.started(points=1000)
    simulated.fault("smu", "mute", match=":READ")
    while not any(command.startswith(":READ") for command in simulated.commands("smu")[-1:]):
        await asyncio.sleep(0)
    began = time.monotonic()
    run.abort("it hangs")
    assert await ended(run) == "aborted"
    assert simulated.state()["smu"]["output"] is False
    assert first_safe_write(simulated, began) - began < limit(0.1)


def first_safe_write(simulated: SimulatedBench, since: float) -> float:
    """When the instrument first heard, after `since`, what brings it down."""
    heard = simulated.request("commands", device="smu")["commands"]
    return min(t for t, text in heard if t > since and text in (":SOUR:VOLT 0", ":OUTP 0"))


async def test_a_link_that_breaks_again_and_again_fails_the_run_by_name_and_parks(
    station: Station, simulated: SimulatedBench
) -> None:
    run = await station.started(points=1000)
    simulated.fault("smu", "close", match=":READ", count=50)
    assert await ended(run) == "failed"
    assert "Stopped at point" in run.message
    assert "smu" in run.message
    assert simulated.state()["smu"]["output"] is False
    assert run.rows >= 1
    assert station.runner.store.find("latest").head.rows == run.rows


async def test_an_e_stop_during_a_run_aborts_it_and_writes_nothing_afterwards(
    station: Station, simulated: SimulatedBench
) -> None:
    """S1, S3, S4: emergency bytes are the last thing the instrument is told by the run."""
    run = await station.started(points=1000)
    acks = await station.bench.estop("smoke", "ada")
    assert [ack.state for ack in acks if ack.device == "smu"] == ["off"]
    assert await ended(run) == "aborted"
    assert "ada" in run.message
    assert "smoke" in run.message
    assert simulated.state()["smu"]["output"] is False
    commands = simulated.commands("smu")
    last_off = max(n for n, text in enumerate(commands) if "OUTP OFF" in text)
    after = [text for text in commands[last_off + 1 :] if "?" not in text and "FORM" not in text]
    assert after == []
    assert run.parked == {}
    assert station.space.arming == "disarmed"


async def test_a_device_that_is_offline_stops_the_run_before_it_begins(
    station: Station, simulated: SimulatedBench
) -> None:
    """D6: it runs only on a bench that has its devices."""
    await station.bench.devices["smu"].disconnect()
    (problem,) = station.runner.check()
    assert "smu" in problem
    with pytest.raises(RunError, match="smu"):
        await station.runner.start()
    assert station.space.arming == "disarmed"


async def test_a_bench_without_the_device_opens_the_graph_but_does_not_run_it(
    station: Station, tmp_path: Path
) -> None:
    """D6: the sentence names device and bench."""
    station.space.get_node_by_id("read").device = "dmm"  # type: ignore[attr-defined]
    problems = station.runner.check()
    assert any("dmm" in text and "demo" in text for text in problems)


async def test_nothing_hinders_a_run_of_an_example_on_its_bench(station: Station) -> None:
    for path in sorted(EXAMPLES.glob("*.json")):
        data = json.loads(path.read_text())
        if data["requires"]["bench"] != "demo":
            continue
        space = NodeSpace(library())
        space.services.provide(Bench, station.bench)
        space.deserialize(data)
        assert Runner(space, station.runner.store).check() == [], path.name


def test_examples_of_the_checkout_are_those_that_are_shipped() -> None:
    """A wheel has none of the checkout's top-level folders, so both exist."""
    checkout = Path(__file__).parents[2] / "examples"
    shipped = {path.name: path.read_bytes() for path in EXAMPLES.glob("*.json")}
    assert {path.name: path.read_bytes() for path in checkout.glob("*.json")} == shipped
    assert "diode_iv.json" in shipped


def test_cards_of_an_example_do_not_overlap() -> None:
    """A card is about 210 by 220 pixels, a plot 380 by 340."""
    for path in EXAMPLES.glob("*.json"):
        boxes = []
        for node in json.loads(path.read_text())["nodes"]:
            wide, high = (380, 340) if node["node_id"] == "plot.xy" else (210, 220)
            x, y = node["properties"]["pos"]
            boxes.append((node["id"], x, y, x + wide, y + high))
        for n, (one, left, top, right, bottom) in enumerate(boxes):
            for other, x0, y0, x1, y1 in boxes[n + 1 :]:
                apart = right < x0 or x1 < left or bottom < y0 or y1 < top
                assert apart, f"{path.name}: {one} overlaps {other}"


async def test_a_measurement_does_the_same_as_a_subgraph(
    station: Station, simulated: SimulatedBench
) -> None:
    """Device nodes inside count for checks, rows and parking as they did outside."""
    space = station.space
    chosen = [node for node in space.nodes if node.node_id.startswith("device.")]
    group = make_subgraph(space, chosen, name="diode")
    data = space.serialize()
    space.deserialize(json.loads(json.dumps(data)))
    assert space.serialize() == data
    run = await station.started(points=3, stop="300 mV")
    assert simulated.state()["smu"]["output"] is True
    assert (await ended(run), run.message) == ("complete", "")
    assert run.parked == {"smu": "parked"}
    page = station.runner.store.find("latest").rows()
    assert list(page.values[0]) == [0.0, 150.0, 300.0]
    assert list(page.values[1]) == pytest.approx([0.0, 0.15, 0.3], abs=1e-3)
    assert not any(node.node_id.startswith("device.") for node in space.nodes)
    assert {n.node_id for n in space.walk()} >= {n.node_id for n in chosen}
    assert space.get_node_by_id(group.uuid).name == "diode"


async def test_an_aborted_frame_writes_its_finally_before_devices_are_parked(
    station: Station, simulated: SimulatedBench
) -> None:
    space = station.space
    sweep = space.get_node_by_id("sweep")
    assert isinstance(sweep, Frame)
    off = space.add_node_by_id(
        "device.set", "off", "Back to 50 mV", extra={"device": "smu", "member": "voltage"}
    )
    sweep.hold(off, section="finally")
    off.inputs["value"].set_value(0.05)
    run = await station.started(points=1000)
    run.abort()
    assert await ended(run) == "aborted"
    writes = [c for c in simulated.commands("smu") if ":SOUR:VOLT " in c]
    assert any(float(c.split()[-1]) == 0.05 for c in writes)
    assert simulated.state()["smu"]["output"] is False
    assert simulated.state()["smu"]["source_v"] == 0


async def test_halt_switches_off_at_once_leaves_finally_out_and_latches_nothing(
    station: Station, simulated: SimulatedBench
) -> None:
    """S1: what the run wrote to gets what the bench asks for at an E-STOP, whatever hangs."""
    space = station.space
    sweep = space.get_node_by_id("sweep")
    assert isinstance(sweep, Frame)
    off = space.add_node_by_id(
        "device.set", "off", "Back to 50 mV", extra={"device": "smu", "member": "voltage"}
    )
    sweep.hold(off, section="finally")
    off.inputs["value"].set_value(0.05)
    run = await station.started(points=1000)
    simulated.fault("smu", "mute", match=":READ")
    while not any(command.startswith(":READ") for command in simulated.commands("smu")[-1:]):
        await asyncio.sleep(0)
    began = len(simulated.commands("smu"))
    run.halt("it smells")
    run.halt("it smells")
    assert await ended(run) == "aborted"
    assert (run.message, run.parked) == ("it smells", {"smu": "off"})
    assert simulated.state()["smu"]["output"] is False
    since = simulated.commands("smu")[began:]
    assert not any(":SOUR:VOLT 0.05" in command for command in since)
    assert off.runs == 0
    assert not station.bench.latch.latched
    assert space.arming == "disarmed"
    log = [entry.text for entry in station.runner.store.find("latest").log()]
    assert any(text.startswith("Halted: smu") for text in log)


async def test_halt_cuts_an_orderly_way_down_short(
    station: Station, simulated: SimulatedBench
) -> None:
    """A ramp of seconds ends with the emergency bytes of that moment."""
    run = await station.started(points=100, start="6 V", stop="6 V")
    run.stop()

    def last_v() -> float:
        sets = [c for c in simulated.commands("smu") if c.startswith(":SOUR:VOLT ")]
        return float(sets[-1].split()[-1])

    await until(lambda: 0 < last_v() < 5.9)
    run.halt()
    assert await ended(run) == "aborted"
    assert run.parked == {"smu": "off"}
    assert simulated.state()["smu"]["output"] is False


async def test_after_an_e_stop_finally_begins_and_is_refused_what_it_would_write(
    station: Station, simulated: SimulatedBench
) -> None:
    """S4 goes before the rule that finally always runs."""
    space = station.space
    sweep = space.get_node_by_id("sweep")
    assert isinstance(sweep, Frame)
    off = space.add_node_by_id(
        "device.set", "off", "Back to 50 mV", extra={"device": "smu", "member": "voltage"}
    )
    sweep.hold(off, section="finally")
    off.inputs["value"].set_value(0.05)
    run = await station.started(points=1000)
    await station.bench.estop("smoke", "ada")
    assert await ended(run) == "aborted"
    assert isinstance(off.error, RefusedError)
    writes = [c for c in simulated.commands("smu") if ":SOUR:VOLT " in c]
    assert not any(float(c.split()[-1]) == 0.05 for c in writes)
    assert simulated.state()["smu"]["output"] is False


async def test_a_power_cycle_of_the_source_stops_the_run_and_says_what_was_lost(
    station: Station, simulated: SimulatedBench
) -> None:
    """D8, on the wire of a 2400: compliance and output are those of power-on afterwards."""
    run = await station.started(points=1000, on_failure="retry")
    simulated.power_cycle("smu")
    assert await ended(run) == "failed"
    assert run.message.startswith("smu lost its settings: ")
    assert "compliance was 20 mA, is 105 µA" in run.message
    assert simulated.state()["smu"]["output"] is False
    page = station.runner.store.find("latest").rows()
    assert len(page) < 1000
    assert station.runner.check() == [station.bench.device("smu").changed]
