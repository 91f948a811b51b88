"""What is written before a run goes on, on simulated instruments over real sockets.

What instruments really stand at is read from the simulator, not from the devices.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes.core import NodeSpace
from funcnodes.devices.bench import Bench
from funcnodes.errors import DeviceError, RefusedError
from funcnodes.runs import Run, Runner, RunStore, basis
from funcnodes.runs.continuing import Continuing, look_back
from funcnodes.runs.local import library
from funcnodes_simulators import SimulatedBench

from ..waiting import patience

EXAMPLES = Path(funcnodes.__file__).parent / "examples"
LIMITS = "[devices.smu.limits]\nvoltage = [-20, 20]"


@pytest.fixture
def simulated() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=5) as bench:
        yield bench


class Place:
    """The diode example, opened anew on the same instruments as often as it is asked for."""

    def __init__(self, simulated: SimulatedBench, folder: Path) -> None:
        self._simulated, self._folder = simulated, folder
        self.file = folder / "own.toml"
        devices = {"smu": "keithley.smu2400", "tc": "lakeshore.model335"}
        self.file.write_text('name = "own"\n' + "".join(
            f'[devices.{name}]\ndriver = "{driver}"\naddress = "{simulated.resources[name]}"\n'
            for name, driver in devices.items()
        ) + f"{LIMITS}\n")  # fmt: skip
        self._closing: list[Callable[[], Any]] = []

    async def open(self, change: Callable[[dict[str, Any]], None] = lambda _: None) -> Runner:
        """A runner of the example, the one before being closed."""
        await self.close()
        bench = Bench.load(self.file, lock_dir=self._folder / "locks")
        await bench.open()
        await bench.first_contact(bench.devices)
        space = NodeSpace(library(), arming="disarmed")
        space.services.provide(Bench, bench)
        data = json.loads((EXAMPLES / "diode_iv.json").read_text())
        change(data)
        space.deserialize(data)
        runner = Runner(space, RunStore(self._folder / "runs"), nodespace="diode_iv")
        self._closing = [runner.aclose, space.aclose, bench.close]
        return runner

    async def close(self) -> None:
        for close in self._closing:
            await close()
        self._closing = []


@pytest.fixture
async def place(simulated: SimulatedBench, tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(simulated, tmp_path)
    yield place
    await place.close()


def bench_of(runner: Runner) -> Bench:
    bench = runner.space.services.get(Bench)
    assert bench is not None
    return bench


def smu(runner: Runner) -> Any:
    return bench_of(runner).device("smu")


async def ended(run: Run) -> str:
    return await asyncio.wait_for(run.wait(), patience())


async def after_rows(runner: Runner, rows: int, act: Callable[[Run], None]) -> Run:
    """A run, under way, with which something is done once so many rows are in."""
    run = await runner.start()
    forget = runner.on_rows(lambda _t, _a, stop: act(run) if stop == rows else None)
    await ended(run)
    forget()
    return run


def shown(plan: Continuing) -> list[str]:
    return [write.text for write in plan.writes]


def by_hand(data: dict[str, Any]) -> None:
    """The example without the nodes that set compliance and output before the sweep."""
    gone = ("compliance", "output")
    data["nodes"] = [node for node in data["nodes"] if node["id"] not in gone]
    data["edges"] = [edge for edge in data["edges"] if edge[0] not in gone]


async def test_settings_of_that_moment_are_shown_then_written_outputs_last(
    place: Place, simulated: SimulatedBench
) -> None:
    """What was set by hand before the run is brought back; what the graph sets is left to it."""
    runner = await place.open(by_hand)
    for member, value in (("nplc", 0.1), ("compliance", 0.005), ("output", True)):
        await smu(runner).member_set(member, value)
    run = await after_rows(runner, 4, Run.stop)
    assert (run.state, simulated.state()["smu"]["output"]) == ("stopped", False)
    runner = await place.open(by_hand)
    for member, value in (("nplc", 1.0), ("compliance", 0.001)):
        await smu(runner).member_set(member, value)
    plan = await look_back(runner, "latest")
    assert shown(plan) == [
        "smu.nplc: 0.1 (now 1)",
        "smu.compliance: 5 mA (now 1 mA)",
        "smu.output: on (now off)",
    ]
    assert plan.again == ("Set voltage: smu.voltage = what Sweep gives",)
    assert plan.lines()[0].endswith("goes on at point 5 of 51.")
    run = await runner.start(going_on=plan)
    assert await ended(run) == "complete", run.message
    assert smu(runner).newest("nplc").value == 0.1
    assert simulated.state()["smu"]["output"] is False
    whole = runner.store.find(run.id).whole()
    assert whole.count() == 51
    kinds = [event.kind for event in runner.store.find(run.id).events()]
    assert "restored" in kinds
    assert smu(runner).newest("compliance").value == 0.005


async def test_nothing_has_to_be_written_where_all_stands_as_it_did(place: Place) -> None:
    runner = await place.open()
    await after_rows(runner, 2, lambda run: run.abort())
    plan = await look_back(runner, "latest")
    assert plan.writes == ()
    assert [line.partition(":")[0] for line in plan.again] == [
        "Set compliance", "Switch output on", "Set voltage",
    ]  # fmt: skip
    assert plan.token == (await look_back(runner, "latest")).token


async def test_what_is_relative_stays_relative_to_where_it_began(place: Place) -> None:
    """And is put back there in the end, though the instrument was parked meanwhile."""

    def relative(data: dict[str, Any]) -> None:
        by_hand(data)
        sweep = next(node for node in data["nodes"] if node["id"] == "sweep")
        for port, value in (("relative", True), ("points", 4), ("stop", 300.0)):
            sweep["io"][port] = {"is_input": True, "value": value}

    runner = await place.open(relative)
    await smu(runner).member_set("voltage", 0.2)
    await smu(runner).member_set("output", True)
    await after_rows(runner, 2, Run.stop)
    run = await runner.start(going_on=await look_back(runner, "latest"))
    assert await ended(run) == "complete", run.message
    found = runner.store.find(run.id).to_numpy()
    assert found["setpoint"].tolist() == pytest.approx([200, 300, 400, 500])
    assert found["run number"].tolist() == [1, 1, 2, 2]


async def test_an_emergency_stop_is_reset_before_a_run_goes_on(
    place: Place, simulated: SimulatedBench
) -> None:
    """S4: what stopped the run holds until somebody resets it; then it goes on at its point."""
    runner = await place.open()
    bench = bench_of(runner)
    pressed: list[asyncio.Task[Any]] = []
    run = await after_rows(
        runner, 3, lambda _: pressed.append(asyncio.ensure_future(bench.estop("test", by="ada")))
    )
    await asyncio.gather(*pressed)
    assert run.state == "aborted"
    with pytest.raises(RefusedError, match="Stopped by ada"):
        await look_back(runner, "latest")
    bench.latch.reset(by="ada", confirmed=list(bench.devices))
    plan = await look_back(runner, "latest")
    assert 3 <= plan.first < 20
    run = await runner.start(going_on=plan)
    assert await ended(run) == "complete", run.message
    assert runner.store.find(run.id).whole().count() == 51


async def test_an_abort_while_settings_are_restored_ends_the_run_at_once(
    place: Place, simulated: SimulatedBench
) -> None:
    runner = await place.open(by_hand)
    await smu(runner).member_set("nplc", 0.1)
    await smu(runner).member_set("output", True)
    await after_rows(runner, 1, Run.stop)
    await smu(runner).member_set("nplc", 1.0)
    run = await runner.start(going_on=await look_back(runner, "latest"))
    run.abort()
    assert await ended(run) == "aborted"
    assert run.rows == 0
    plan = await look_back(runner, "latest")  # it goes on with what the run before left
    assert (plan.first, shown(plan)[:1]) == (2, ["smu.nplc: 0.1 (now 1)"])


async def test_settings_that_cannot_be_brought_back_end_the_run_before_its_first_point(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = await place.open(by_hand)
    await smu(runner).member_set("nplc", 0.1)
    await smu(runner).member_set("output", True)
    await after_rows(runner, 1, Run.stop)
    await smu(runner).member_set("nplc", 1.0)
    plan = await look_back(runner, "latest")

    async def refuse(*_: Any) -> None:
        raise DeviceError("smu: it does not like that.")

    with monkeypatch.context() as patched:
        patched.setattr(smu(runner), "member_set", refuse)
        run = await runner.start(going_on=plan)
        assert await ended(run) == "failed"
    assert run.message == "Settings could not be brought back: smu: it does not like that."
    assert (run.rows, (await look_back(runner, "latest")).first) == (0, 2)


async def test_what_stands_in_the_way_is_said_before_anything_moves(
    place: Place, simulated: SimulatedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bench that lacks the device, narrower limits, an edited driver, another bench."""
    runner = await place.open()
    await after_rows(runner, 2, Run.stop)
    text = place.file.read_text()
    before = len(simulated.commands("smu"))

    async def refusal(bench: str) -> str:
        place.file.write_text(bench)
        opened = await place.open()
        with pytest.raises(RefusedError) as error:
            await look_back(opened, "latest")
        return error.value.message

    assert (
        "The limits of smu.voltage have become narrower: −20 to 20 then, −20 to 5 now."
        in await refusal(text.replace("[-20, 20]", "[-20, 5]"))
    )
    lacking = text.partition("[devices.tc]")[0].replace("devices.smu", "devices.other")
    assert "The bench has no device 'smu'" in await refusal(lacking)
    assert "asks that every run is approved" in await refusal(f"{text}\n[approval]\n")
    monkeypatch.setattr(basis, "_code", lambda _: "edited")
    monkeypatch.setattr(basis, "_codes", {})
    assert "The driver keithley.smu2400 of smu was edited since the run." in await refusal(text)
    written = [c for c in simulated.commands("smu")[before:] if "?" not in c and "FORM" not in c]
    assert [c for c in written if "SOUR" in c or "OUTP" in c] == []


async def test_what_a_scan_that_is_over_has_set_is_set_again(
    place: Place, simulated: SimulatedBench
) -> None:
    """A second scan measures at the voltage that the first one has left."""

    def two_scans(data: dict[str, Any]) -> None:
        by_hand(data)
        nodes = {node["id"]: node for node in data["nodes"]}
        nodes["sweep"]["io"] |= {"points": {"is_input": True, "value": 3}}
        count = {"is_input": True, "value": 5}
        data["nodes"] += [
            {"id": "repeat", "node_id": "repeat", "name": "Watch",
             "io": {"count": count, "every": {"is_input": True, "value": 0.01}}},
            {**nodes["read"], "id": "read2", "name": "Read again"},
            {"id": "rec2", "node_id": "recorder", "name": "Second", "io": {},
             "columns": [{"id": "v", "name": "V", "kind": "quantity", "unit": "V"}]},
        ]  # fmt: skip
        data["edges"] += [
            ["sweep", "_triggeroutput", "repeat", "_triggerinput"],
            ["repeat", "point", "read2", "_triggerinput"],
            ["read2", "v", "rec2", "v"],
        ]

    runner = await place.open(two_scans)
    await smu(runner).member_set("compliance", 0.02)
    await smu(runner).member_set("output", True)
    run = await runner.start()
    forget = runner.on_rows(
        lambda t, _a, stop: run.stop() if t.spec.name == "Second" and stop == 2 else None
    )
    await ended(run)
    forget()
    plan = await look_back(runner, "latest")
    assert (plan.first, plan.total) == (6, 8)
    assert shown(plan) == ["smu.voltage: 700 mV (now 0 V)", "smu.output: on (now off)"]
    run = await runner.start(going_on=plan)
    assert await ended(run) == "complete", run.message
    volts = runner.store.find(run.id).to_numpy("Second")["V"]
    assert volts == pytest.approx([0.7] * 5, abs=1e-3)
    assert simulated.state()["smu"]["output"] is False


async def test_what_a_frame_enters_and_ends_with_is_done_again(
    place: Place, simulated: SimulatedBench
) -> None:
    """A scan as a frame: compliance and output in `enter`, the output off in `finally`."""

    def framed(data: dict[str, Any]) -> None:
        sections = {"compliance": "enter", "output": "enter", "set_voltage": "body"}
        for node in data["nodes"]:
            if node["id"] in sections:
                node["frame"] = {"id": "sweep", "section": sections[node["id"]]}
        off = {**next(node for node in data["nodes"] if node["id"] == "output"), "id": "off"}
        off |= {"name": "Switch output off", "frame": {"id": "sweep", "section": "finally"},
                "io": {"value": {"is_input": True, "value": False}}}  # fmt: skip
        data["nodes"].append(off)
        data["edges"] = [edge for edge in data["edges"] if edge[:2] != ["output", "_triggeroutput"]]

    runner = await place.open(framed)
    run = await after_rows(runner, 3, Run.stop)
    assert run.state == "stopped", run.message
    assert simulated.state()["smu"]["output"] is False
    plan = await look_back(runner, "latest")
    assert (plan.first, plan.writes) == (4, ())
    assert "Switch output on: smu.output = on" in plan.again
    assert not any("off" in line for line in plan.again)
    run = await runner.start(going_on=plan)
    assert await ended(run) == "complete", run.message
    assert runner.store.find(run.id).whole().count() == 51
    assert simulated.state()["smu"]["output"] is False
