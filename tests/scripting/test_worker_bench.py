"""A worker's bench from a script: the worker owns it, and is told when the script goes."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes import open_bench
from funcnodes.errors import BenchError, LimitError, RefusedError, RunError, WorkerError
from funcnodes.scripting import WorkerBench
from funcnodes.settings import Settings
from funcnodes.workers import schema
from funcnodes.workers.worker import Worker
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from ..waiting import patience, until

ADA = schema.Actor(id="a", name="Ada", role="operator")
EVE = schema.Actor(id="e", name="Eve", role="viewer")
BENCH = """
name = "demo"
[devices.smu]
driver = "keithley.smu2400"
address = "{smu}"
[devices.smu.limits]
voltage = [-20, 20]
[devices.tc]
driver = "lakeshore.model335"
address = "{tc}"
"""


@pytest.fixture(scope="module")
def instruments() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=5) as bench:
        yield bench


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FUNCNODES_CONFIG_DIR", str(tmp_path / "config"))
    return Settings(tmp_path / "config")


@pytest.fixture
async def worker(
    settings: Settings, instruments: SimulatedBench, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Worker]:
    """A worker with its door open, on simulated instruments over sockets."""
    workspace = Workspace.create(settings, "Furnace")
    workspace.bench_path.write_text(BENCH.format(**instruments.resources))
    worker = Worker(workspace)
    for act in ("start", "stop", "plan"):  # its process takes a second, and has no part in this
        monkeypatch.setattr(worker.guard, act, lambda *_: None)
    with workspace.claimed(worker.session):
        running = asyncio.create_task(worker.run())
        await worker.ready.wait()
        await until(lambda: worker.bench is not None and worker.bench.devices["smu"].is_online)
        yield worker
        worker.end()
        await asyncio.wait_for(running, patience())


@pytest.fixture
async def bench(worker: Worker, settings: Settings) -> AsyncIterator[WorkerBench]:
    async with open_bench("worker:Furnace", settings=settings, operator="Bob") as opened:
        yield opened


def output(instruments: SimulatedBench) -> bool:
    return bool(instruments.state()["smu"]["output"])


async def test_members_are_those_of_the_worker_with_its_limits(
    bench: WorkerBench, worker: Worker, instruments: SimulatedBench
) -> None:
    volts = await bench.smu.voltage.set("500 mV")
    assert (volts, volts.unit, volts.quality) == (0.5, "V", "ok")
    assert instruments.state()["smu"]["source_v"] == 0.5
    assert bench.smu.voltage.limits == (-20, 20)
    await bench.smu.output.set(True)
    reading = await bench.smu.reading.get()
    assert (reading["i"].unit, set(reading)) == ("A", {"v", "i", "status"})
    assert (await bench["tc"].a.kelvin.get()).unit == "K"
    assert await bench.smu.query("*IDN?")
    with pytest.raises(LimitError, match="20"):
        await bench.smu.voltage.set(21)
    with pytest.raises(BenchError, match="is no command"):
        await bench.smu.voltage()
    with pytest.raises(AttributeError, match="no device 'dmm'; it has smu, tc"):
        _ = bench.dmm
    assert "voltage" in dir(bench.smu)
    assert "worker 'Furnace'" in repr(bench)
    assert bench.smu.__class__.__name__ == "ScriptDevice"
    people = [(each.name, each.holder) for each in worker.controls.people()]
    assert people == [("Bob's script", True)], "pages see who has the controls"


async def test_a_run_of_a_script_is_a_run_of_the_worker(
    bench: WorkerBench, worker: Worker, instruments: SimulatedBench
) -> None:
    """R5, S1: its number, its file, its rows, its parking are as of any other."""
    await bench.smu.output.set(True)
    async with bench.run("I-V") as run:
        assert (worker.run_view().state, worker.run_view().nodespace) == ("running", "I-V")
        async for volts in run.sweep("0 mV", "400 mV", points=5):
            await bench.smu.voltage.set(volts)
            run.record(volts=volts, **await bench.smu.reading.get())
        run.log("half way")
    assert (run.state, run.rows, run.parked) == ("complete", 5, {"smu": "parked"})
    assert output(instruments) is False
    reader = worker.runs.find("latest")
    assert (reader.head.state, reader.head.rows, reader.head.operator) == ("complete", 5, "Bob")
    assert reader.head.number == run.number
    page = reader.rows()
    assert [c.unit for c in page.table.columns[:2]] == ["mV", "V"]
    assert list(page.values[0]) == [0, 100, 200, 300, 400]
    assert worker.run_view().rows == 5
    assert any(line.text == "half way" for line in worker.logbook.lines)


async def test_pages_hold_and_end_the_run_of_a_script(bench: WorkerBench, worker: Worker) -> None:
    worker.controls.set_people([ADA])
    seen: list[float] = []
    async with bench.run("held") as run:
        async for value in run.values("0:9:1"):
            seen.append(value)
            run.record(value=value)
            if value == 1:
                worker.scripts.run.pause()
                asyncio.get_running_loop().call_later(0.05, worker.scripts.run.resume)
            if value == 3:
                await run.stop("enough")
    assert (run.state, seen) == ("stopped", [0, 1, 2, 3])
    with pytest.raises(RefusedError, match="Bob's script holds the controls"):
        await worker.carry_out(ADA, schema.RunStart())
    await worker.carry_out(ADA, schema.TakeControls())
    with pytest.raises(RefusedError, match="Ada holds the controls of this bench"):
        await bench.smu.voltage.set(1)


async def test_an_aborted_script_is_parked_at_once_and_told_why(
    bench: WorkerBench, worker: Worker, instruments: SimulatedBench
) -> None:
    worker.controls.set_people([ADA])

    async def measure() -> None:
        async with bench.run("long") as run:
            await bench.smu.output.set(True)
            async for value in run.repeat(100):
                run.record(value=value)
                if run.rows == 3:
                    await worker.carry_out(ADA, schema.TakeControls())
                    await worker.carry_out(ADA, schema.RunAbort())
                    await until(lambda: worker.scripts.run is None)
                    assert output(instruments) is False

    with pytest.raises(RunError, match=r"The run of this script is over|Aborted by Ada"):
        await measure()
    assert worker.runs.find("latest").head.state == "aborted"
    assert worker.runs.find("latest").head.message == "Aborted by Ada."


async def test_an_estop_of_anybody_ends_it(bench: WorkerBench, worker: Worker) -> None:
    async def measure() -> None:
        async with bench.run("stopped") as run:
            async for value in run.repeat(100):
                run.record(value=value)
                if run.rows == 2:
                    await worker.estop("smoke", "Eve")

    with pytest.raises(RefusedError, match="Stopped by Eve"):
        await measure()
    assert worker.runs.find("latest").head.state == "aborted"
    with pytest.raises(RefusedError):
        await bench.smu.output.set(True)


async def test_whoever_cannot_have_it_is_told_why(worker: Worker, settings: Settings) -> None:
    """Away, in use by a person, in use by another script, unknown."""
    async with open_bench("worker:Furnace", settings=settings, operator="Bob"):
        with pytest.raises(RefusedError, match="Bob's script has this bench already"):
            async with open_bench("worker:Furnace", settings=settings):
                pass
    worker.controls.set_people([ADA])
    worker.controls.take(ADA)
    with pytest.raises(RefusedError, match="Ada holds the controls of this bench"):
        async with open_bench("worker:Furnace", settings=settings):
            pass
    with pytest.raises(WorkerError, match="There is no worker 'Kiln'"):
        async with open_bench("worker:Kiln", settings=settings):
            pass
    Workspace.create(settings, "Kiln")
    with pytest.raises(WorkerError, match="Worker 'Kiln' is not running"):
        async with open_bench("worker:Kiln", settings=settings):
            pass


async def test_what_a_block_wrote_to_is_parked_at_its_end(
    worker: Worker, settings: Settings, instruments: SimulatedBench
) -> None:
    for park in (False, True):
        async with open_bench("worker:Furnace", settings=settings, park=park) as bench:
            await bench.smu.output.set(True)
        assert output(instruments) is not park
        assert worker.controls.holder is None
        assert not worker.scripts.is_open


async def test_the_end_of_the_worker_is_an_error_with_a_sentence(
    settings: Settings, instruments: SimulatedBench, worker: Worker
) -> None:
    async def measure() -> None:
        async with open_bench("worker:Furnace", settings=settings) as bench:
            await bench.smu.output.set(True)
            async with bench.run("cut short") as run:
                async for value in run.repeat(1000, every_s=0.01):
                    run.record(value=value)
                    worker.end()

    said = r"The connection to worker 'Furnace' is lost|The worker ended"  # whichever comes first
    with pytest.raises((WorkerError, RunError), match=said):
        await measure()
    await until(lambda: not output(instruments))


SCRIPT = """
    from funcnodes import open_bench

    with open_bench("worker:Furnace") as bench:
        bench.smu.output.set(True)
        with bench.run("long") as run:
            for value in run.repeat(100000, every_s=0.01):
                run.record(value=value)
                print("point", flush=True)
"""


async def test_a_script_that_is_killed_is_parked_by_the_worker(
    worker: Worker, settings: Settings, instruments: SimulatedBench, tmp_path: Path
) -> None:
    """The kernel of a notebook that is started anew, say."""
    script = tmp_path / "measure.py"
    script.write_text(textwrap.dedent(SCRIPT))
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=subprocess.PIPE,
        env=os.environ | {"FUNCNODES_CONFIG_DIR": str(settings.config_dir)},
    )  # fmt: skip
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), patience()) == b"point\n"
    assert output(instruments) is True
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await until(lambda: not worker.scripts.is_open)
    assert output(instruments) is False
    head = worker.runs.find("latest").head
    assert head.state == "aborted"
    assert "was lost" in head.message
    assert worker.controls.holder is None


async def test_the_guides_code_for_a_worker_does_what_the_guide_says(
    worker: Worker, settings: Settings
) -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "scripts.md"
    block = re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)[-1]
    code = compile(block, guide.name, "exec")
    names = {"__name__": "guide", "open_bench": open_bench}
    await asyncio.to_thread(exec, code, names)
    head = worker.runs.find("latest").head
    assert (head.title, head.operator, head.rows) == ("by way of the worker", "Ada", 3)


# ── by hand, without a script ─────────────────────────────────────────────────────────────


async def test_members_are_read_and_set_by_one_command_of_the_wire(
    worker: Worker, instruments: SimulatedBench
) -> None:
    """A1, A2: roles, controls, limits and the log are those of everything else."""
    worker.controls.set_people([ADA, EVE])
    set_it = schema.MemberSet(name="smu", member="voltage", value="250 mV")
    found: Any = await worker.carry_out(ADA, set_it)
    assert (found.values["value"].value, found.values["value"].unit) == (0.25, "V")
    assert (found.min, found.max) == (-20, 20)
    assert 0 <= found.values["value"].age_s < patience()
    assert worker.controls.holder is not None
    assert any("Ada set smu.voltage to 250 mV." in each.text for each in worker.logbook.lines)
    await worker.carry_out(ADA, schema.MemberSet(name="smu", member="output", value=True))
    read: Any = await worker.carry_out(ADA, schema.MemberRead(name="smu", member="reading"))
    assert set(read.values) == {"v", "i", "status"}
    with pytest.raises(LimitError):
        await worker.carry_out(ADA, schema.MemberSet(name="smu", member="voltage", value=21.0))
    with pytest.raises(RefusedError, match="may only watch"):
        await worker.carry_out(EVE, schema.MemberSet(name="smu", member="voltage", value=1.0))
    await worker.add_space("Empty", {"format": 3, "nodes": [], "edges": []})
    with pytest.raises(RefusedError, match="Effects are off"):
        await worker.carry_out(ADA, schema.MemberSet(name="smu", member="voltage", value=1.0))
    parked = await worker.carry_out(ADA, schema.DevicePark(names=["smu"]))
    assert parked == {"smu": "parked"}
    assert instruments.state()["smu"]["source_v"] == 0
