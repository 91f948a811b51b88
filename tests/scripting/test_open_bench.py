"""Benches and runs in plain Python, on simulated instruments over real sockets."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes import open_bench
from funcnodes.errors import (
    BenchError,
    FuncnodesError,
    LimitError,
    RefusedError,
    RunError,
    UnitError,
    ValueRefusedError,
)
from funcnodes.scripting import Measured, ScriptBench, function, live, picture
from funcnodes.settings import Settings
from funcnodes_simulators import SimulatedBench

from ..waiting import eventually, patience


@pytest.fixture
def simulated() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=5) as bench:
        yield bench


@pytest.fixture
def bench_file(simulated: SimulatedBench, tmp_path: Path) -> Path:
    """A bench whose instruments outlive whoever opens it."""
    path = tmp_path / "bench.toml"
    path.write_text(
        f"""name = "demo"
        [devices.smu]
        driver = "keithley.smu2400"
        address = "{simulated.resources["smu"]}"
        limits.voltage = [-20, 20]
        [devices.tc]
        driver = "lakeshore.model335"
        address = "{simulated.resources["tc"]}"
        """
    )
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "config")


@pytest.fixture
async def bench(bench_file: Path, settings: Settings) -> AsyncIterator[ScriptBench]:
    async with open_bench(bench_file, settings=settings) as opened:
        yield opened


# ── members ───────────────────────────────────────────────────────────────────────────────


async def test_members_are_attributes_with_units_and_limits(
    bench: ScriptBench, simulated: SimulatedBench
) -> None:
    volts = await bench.smu.voltage.set("500 mV")
    assert (volts, volts.unit, volts.quality) == (0.5, "V", "ok")
    assert simulated.state()["smu"]["source_v"] == 0.5
    assert bench.smu.voltage.limits == (-20, 20)
    reading = await bench["tc"].a.kelvin.get()
    assert isinstance(reading, Measured)
    assert reading.unit == "K"
    assert repr(Measured(0.0021, "A", "compliance")) == "2.1 mA (compliance)"
    assert type(reading + 1) is float
    with pytest.raises(LimitError, match="20"):
        await bench.smu.voltage.set(21)
    assert "voltage" in dir(bench.smu)
    assert "kelvin" in dir(bench.tc.a)
    assert "keithley" in repr(bench).lower() or "2400" in repr(bench)


async def test_what_is_not_there_is_said_with_what_there_is(bench: ScriptBench) -> None:
    with pytest.raises(AttributeError, match="no device 'dmm'; it has smu, tc"):
        _ = bench.dmm
    with pytest.raises(AttributeError, match=r"smu has no 'volts'; it has .*voltage"):
        _ = bench.smu.volts
    with pytest.raises(BenchError, match="is no command"):
        await bench.smu.voltage()
    with pytest.raises(BenchError, match=r"There is no bench file .*nowhere\.toml"):
        async with open_bench("nowhere.toml"):
            pass


# ── runs ──────────────────────────────────────────────────────────────────────────────────


async def curve(bench: ScriptBench, points: int = 5) -> Any:
    await bench.smu.compliance.set("10 mA")
    await bench.smu.output.set(True)
    async with bench.run("I-V", operator="Ada") as run:
        async for volts in run.sweep("0 mV", "400 mV", points=points):
            await bench.smu.voltage.set(f"{float(volts)} mV")
            run.record(volts=volts, **await bench.smu.reading.get())
    return run


async def test_a_run_is_kept_like_any_other_and_parks_what_it_wrote_to(
    bench: ScriptBench, simulated: SimulatedBench
) -> None:
    """S1, R5, D7."""
    run = await curve(bench)
    assert (run.state, run.rows) == ("complete", 5)
    assert run.parked == {"smu": "parked"}
    assert simulated.state()["smu"]["output"] is False
    reader = bench.store.find("latest")
    head = reader.head
    assert (head.state, head.rows, head.title, head.operator) == ("complete", 5, "I-V", "Ada")
    page = reader.rows()
    units = {column.name: column.unit for column in page.table.columns}
    assert (units["volts"], units["i"]) == ("mV", "A")
    assert list(page.values[0]) == [0, 100, 200, 300, 400]
    assert {snapshot.moment for snapshot in reader.snapshots()} == {"before", "after"}


async def test_a_value_that_is_not_ok_is_recorded_as_such(bench: ScriptBench) -> None:
    await bench.smu.compliance.set("1 uA")
    await bench.smu.output.set(True)
    async with bench.run("clamped") as run:
        await bench.smu.voltage.set(0.8)
        reading = await bench.smu.reading.get()
        assert reading["i"].quality == "compliance"
        run.record(i=reading["i"])
    assert list(bench.store.find("latest").rows().quality[0]) == ["compliance"]


async def test_rows_keep_the_columns_and_units_of_the_first(bench: ScriptBench) -> None:
    async with bench.run("rows") as run:
        run.record(v=Measured(1.0, "V"), n=1, text="a", fine=True)
        run.record(v=Measured(500.0, "mV"))
        with pytest.raises(RunError, match="The first row of 'rows' had no 'i'"):
            run.record(i=1.0)
        with pytest.raises(UnitError, match="v is recorded in V; s does not fit"):
            run.record(v=Measured(1.0, "s"))
        with pytest.raises(RunError, match="There is nothing to record"):
            run.record()
    page = bench.store.find("latest").rows()
    assert list(page.values[0]) == [1.0, 0.5]
    assert run.to_numpy()["v"].tolist() == [1.0, 0.5]
    assert run.to_pandas().attrs["units"]["v"] == "V"
    assert run.to_xarray()["v"].values.tolist() == [1.0, 0.5]
    with pytest.raises(RunError, match="no recorder 'none'"):
        run.to_pandas("none")
    assert [list(marks) for marks in page.quality[1:]] == [["ok", "missing"]] * 3


async def test_a_run_that_is_over_takes_no_row_and_makes_no_point(bench: ScriptBench) -> None:
    async with bench.run("done") as run:
        rows = run.recorder("Beside", v="V")
        run.record(v=1.0)
    for late in (lambda: run.record(v=2.0), lambda: rows.record(v=2.0)):
        with pytest.raises(RunError, match="The run 'done' is over: begin another one"):
            late()
    with pytest.raises(RunError, match="is over"):
        _ = [volts async for volts in run.sweep("0 V", "1 V", points=2)]
    assert (run.rows, bench.store.find("latest").verify()) == (1, "intact")


async def test_an_end_of_a_sweep_is_a_number_that_can_be_set(bench: ScriptBench) -> None:
    async with bench.run("nowhere") as run:
        for end in (float("nan"), float("inf")):
            for sweep in (run.sweep, run.logarithmic):
                with pytest.raises(ValueRefusedError, match="has to be a finite number"):
                    sweep(1.0, end, points=3)


async def test_a_script_that_fails_leaves_its_rows_and_a_safe_bench(
    bench: ScriptBench, simulated: SimulatedBench
) -> None:
    async def measure() -> None:
        async with bench.run("broken") as run:
            await bench.smu.output.set(True)
            run.record(v=0.2)
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        await measure()
    head = bench.store.find("latest").head
    assert (head.state, head.rows, head.message) == ("failed", 1, "division by zero")
    assert simulated.state()["smu"]["output"] is False


async def test_stop_ends_after_the_point_under_way_and_pause_holds(bench: ScriptBench) -> None:
    seen: list[float] = []
    async with bench.run("held") as run:
        async for value in run.values("0:9:1"):
            seen.append(value)
            run.record(value=value)
            if value == 1:
                run.pause()
                asyncio.get_running_loop().call_later(0.05, run.resume)
            if value == 3:
                run.stop("enough")
    assert (run.state, seen) == ("stopped", [0, 1, 2, 3])
    assert bench.store.find("latest").head.message == "enough"


async def test_a_cancelled_script_is_aborted_and_parked_to_the_end(
    bench: ScriptBench, simulated: SimulatedBench
) -> None:
    reached = asyncio.Event()

    async def endless() -> None:
        async with bench.run("endless"):
            await bench.smu.output.set(True)
            reached.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(endless())
    await asyncio.wait_for(reached.wait(), patience())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.store.find("latest").head.state == "aborted"
    assert simulated.state()["smu"]["output"] is False


async def test_an_estop_ends_it_and_nothing_is_written_afterwards(
    bench: ScriptBench, simulated: SimulatedBench
) -> None:
    """S4: until it is reset."""

    async def measure() -> None:
        await bench.smu.output.set(True)
        async with bench.run("stopped") as run:
            async for value in run.repeat(1000):
                run.record(value=value)
                if run.rows == 3:
                    await bench.estop("smoke")

    with pytest.raises(RefusedError, match="Stopped by"):
        await measure()
    assert simulated.state()["smu"]["output"] is False
    assert bench.store.find("latest").head.state == "aborted"
    with pytest.raises(RefusedError):
        async with bench.run("again"):
            pass


# ── without await, from threads, in processes ─────────────────────────────────────────────


def test_the_same_words_block_without_a_loop(bench_file: Path, settings: Settings) -> None:
    with open_bench(bench_file, settings=settings) as bench:
        bench.smu.compliance.set("10 mA")
        with bench.run("I-V") as run:
            for volts in run.sweep("0 V", "0.2 V", points=3):
                bench.smu.voltage.set(volts)
                run.record(volts=volts)
        assert (run.state, run.rows) == ("complete", 3)
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(bench.tc.a.kelvin.get()))
        thread.start()
        thread.join()
        assert found[0].unit == "K"
        with pytest.raises(LimitError):
            bench.smu.voltage.set("30 V")


def test_the_simulated_bench_is_there_by_name(settings: Settings) -> None:
    with open_bench("demo", settings=settings) as bench:
        assert list(bench.bench.devices) == ["smu", "tc"]
        assert bench.bench.simulated == (2, 2)


def test_what_a_block_wrote_to_is_parked_at_its_end_unless_it_is_to_stay(
    simulated: SimulatedBench, bench_file: Path, settings: Settings
) -> None:
    for park in (True, False):
        with open_bench(bench_file, settings=settings, park=park) as bench:
            bench.smu.output.set(True)
        assert simulated.state()["smu"]["output"] is not park


SCRIPT = """
    import asyncio, sys
    from funcnodes import open_bench

    async def main():
        async with open_bench(sys.argv[1]) as bench:
            await bench.smu.output.set(True)
            async with bench.run("long") as run:
                async for value in run.repeat(100000, every_s=0.01):
                    run.record(value=value)
                    print("point", flush=True)

    asyncio.run(main())
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_however_a_script_ends_the_output_goes_off(
    simulated: SimulatedBench, bench_file: Path, settings: Settings, tmp_path: Path, how: int
) -> None:
    """Ctrl-C parks; kill -9 is the guardian's."""
    script = tmp_path / "measure.py"
    script.write_text(textwrap.dedent(SCRIPT))
    process = subprocess.Popen(
        [sys.executable, str(script), str(bench_file)],
        env=os.environ | {"FUNCNODES_CONFIG_DIR": str(settings.config_dir)},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "point\n"
    assert simulated.state()["smu"]["output"] is True
    process.send_signal(how)
    process.communicate(timeout=patience())
    eventually(lambda: simulated.state()["smu"]["output"] is False)


def test_the_guides_code_does_what_the_guide_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "scripts.md"
    monkeypatch.setenv("FUNCNODES_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, Any] = {"__name__": "guide"}
    for block in blocks[:-1]:  # the last one needs a worker: see test_worker_bench
        exec(compile(block, guide.name, "exec"), names)


async def test_a_bench_is_open_from_cell_to_cell_until_it_is_closed(
    bench_file: Path, settings: Settings, simulated: SimulatedBench
) -> None:
    """As in a notebook; once for each call, and nothing blocks in a running loop."""
    opening = open_bench(bench_file, settings=settings)
    bench = await opening
    await bench.smu.output.set(True)
    with pytest.raises(BenchError, match="This bench is open already"):
        await opening
    with pytest.raises(RuntimeError, match="write 'async with open_bench"), opening:
        pass
    assert "smu" in bench._repr_html_()
    assert "compliance" in bench.smu._repr_html_()
    await bench.close()
    await bench.close()
    assert simulated.state()["smu"]["output"] is False


def test_at_a_prompt_a_bench_stays_open_and_what_blocks_says_so_in_a_loop(
    bench_file: Path, settings: Settings, simulated: SimulatedBench
) -> None:
    bench = open_bench(bench_file, settings=settings).open()
    bench.smu.output.set(True)

    async def in_a_loop() -> None:
        bench.smu.voltage.get()

    with pytest.raises(RuntimeError, match="'await' before each call"):
        asyncio.run(in_a_loop())
    assert "voltage" in dir(bench.smu)
    bench.close()
    assert simulated.state()["smu"]["output"] is False
    with pytest.raises(RuntimeError, match="This bench is closed"):
        bench.smu.voltage.get()


async def test_a_frame_that_is_left_is_left_at_once(bench: ScriptBench) -> None:
    """By `break`, by an error, by a stop: what comes then is outside of it."""
    async with bench.run("left") as run:
        average = run.node("average", source="tc.a.kelvin", readings=2)
        async for value in run.frame("sweep", points=5):
            run.record(value=value)
            if value >= 0.5:
                break
        one, other = await asyncio.gather(average(), average())
        assert one["mean"].unit == "K"
        assert (one["counted"], other["counted"]) == (2, 2)
        seen: list[float] = []
        async for value in run.frame("sweep", "Again", points=3, on_failure="retry", retries=1):
            async with run.point() as row:
                seen.append(value)
                row["value"] = value
                if len(seen) == 2:
                    raise ValueError("no reading")
        assert seen == [0, 0.5, 0.5, 1], "the second point was tried again"
        step = run.step("Step", retries=1)
        async for _ in step:
            async with run.point():
                check = run.node("check.between", "U", low=0.0, high=1.0)
                assert (await check(value=2.0))["verdict"] == "fail"
        assert step["verdict"] == "fail"
    assert (run.state, run.rows) == ("complete", 6)
    assert list(bench.store.find("latest").rows().values[0]) == [0, 0.25, 0.5, 0, 0.5, 1]


async def test_what_a_node_or_frame_is_not_is_said(bench: ScriptBench) -> None:
    with pytest.raises(RunError, match="has not begun"):
        bench.run("not yet").node("average")
    async with bench.run("wrong") as run:
        with pytest.raises(FuncnodesError, match="no node of type 'nope'"):
            run.node("nope")
        with pytest.raises(FuncnodesError, match="has no input 'sorce'; it has source, readings"):
            run.node("average", sorce="x")
        with pytest.raises(RunError, match=r"makes no points: use run\.node"):
            run.frame("average")
        with pytest.raises(RunError, match="does not choose its points by what they give"):
            run.frame("sweep").tell(3)
        with pytest.raises(RunError, match="is at no point now"):
            run.optimum(0, 1).tell(3)
        with pytest.raises(FuncnodesError, match="there is no terminal to ask on"):
            await run.node("ask", "Mass", text="How heavy?", unit="g")()
    async with bench.run("asked", answers={"mass": "2 g"}) as run:
        answer = await run.node("ask", "Mass", text="How heavy?", unit="g")()
    assert (answer["answer"], answer["answer"].unit) == (2, "g")
    with pytest.raises(FuncnodesError, match=r"is no plain function: use run\.node"):
        function("average")
    add = function("add_node")
    assert add(Measured(1, "V", "overrange"), 2).quality == "overrange"
    with pytest.raises(TypeError, match="needs b"):
        add(1)


async def test_an_open_bench_of_another_process_or_block_is_said_to_be_taken(
    bench: ScriptBench, bench_file: Path, settings: Settings
) -> None:
    async with open_bench(bench_file, settings=settings) as second:
        assert second.smu.device.state == "offline"
        assert second.smu.device.message, "who has it"


async def test_what_is_shown_of_a_run_is_text_and_never_markup(bench: ScriptBench) -> None:
    async with bench.run("<script>") as run:
        curve = live(run)
        for volts in (0.1, 0.2):
            run.record(volts=Measured(volts, "V"), what="<b>", i=Measured(volts / 10, "A"))
    html = run._repr_html_()
    assert "<script>" not in html
    assert "&lt;b&gt;" in html
    assert "<polyline" in html
    assert html.count("<tr>") == 3
    assert (curve.drawn, curve._repr_html_()) == (0, html), "there is no notebook here"
    drawing = picture(Path(funcnodes.__file__).parent / "examples" / "diode_iv.json")
    assert repr(drawing) == "<graph 'Measure a diode I-V curve': 8 nodes, 9 wires>"
    assert drawing._repr_svg_().count("<rect") == 8


async def test_two_loops_at_once_do_not_meet(settings: Settings, tmp_path: Path) -> None:
    """Each has its bench, its points and its nodes, whichever was there first."""

    async def measure(where: Settings) -> list[float]:
        async with open_bench(None, settings=where) as bench, bench.run("points") as run:
            twice = run.node("math.expression", expression="2 * a")
            async for value in run.sweep("0 V", "1 V", points=3):
                run.record(value=value, twice=await twice(a=value))
        return list(bench.store.find("latest").rows().values[1])

    elsewhere = asyncio.to_thread(lambda: asyncio.run(measure(Settings(tmp_path / "other"))))
    assert await asyncio.gather(measure(settings), elsewhere) == [[0, 1, 2], [0, 1, 2]]


async def test_a_bench_has_one_run_at_a_time(bench: ScriptBench) -> None:
    """Else the end of one would park what the other has written to."""
    async with bench.run("outer") as outer:
        await bench.smu.output.set(True)
        with pytest.raises(RefusedError, match="'inner' cannot begin: 'outer' is on, and a bench"):
            async with bench.run("inner"):
                pytest.fail("it began")
        assert await bench.smu.output.get() == 1
        outer.record(v=1.0)
    async with bench.run("next") as run:
        run.record(v=1.0)
    assert (outer.state, run.state) == ("complete", "complete")
