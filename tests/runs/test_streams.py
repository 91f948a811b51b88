"""Streams beside a scan: what monitors see, in rows with a clock of their own."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from funcnodes.cli.app import app
from funcnodes.core import NodeSpace
from funcnodes.devices.bench import Bench
from funcnodes.errors import RunError
from funcnodes.runs import Runner, RunReader, RunStore
from funcnodes.runs.continuing import look_back
from funcnodes.runs.export import csv_text
from funcnodes.runs.exporting import export_runs
from funcnodes.runs.importing import import_csv
from funcnodes.runs.local import library
from funcnodes_simulators import SimulatedBench

from ..waiting import patience, until
from .test_bench_runs import EXAMPLES


@pytest.fixture(scope="module")
def simulated() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=5) as bench:
        yield bench


@pytest.fixture
async def diode(simulated: SimulatedBench, tmp_path: Path) -> AsyncIterator[Runner]:
    """The diode example on an open bench, with a monitor that is recorded too."""
    async with Bench.builtin("demo", simulated.resources, lock_dir=tmp_path / "locks") as bench:
        space = NodeSpace(library(), arming="disarmed")
        space.services.provide(Bench, bench)
        space.deserialize(json.loads((EXAMPLES / "diode_iv.json").read_text()))
        runner = Runner(space, RunStore(tmp_path / "runs"), nodespace="diode_iv")
        yield runner
        await runner.aclose()
        await space.aclose()


def monitored(space: NodeSpace, period: float = 0.02) -> Any:
    """A monitor of the sample's temperature, wired to the recorder."""
    monitor = space.add_node_by_id("device.monitor", name="Oven")
    monitor.restore_extra({"device": "tc", "member": "a.kelvin", "ports": []})
    monitor.rebuild()
    monitor.inputs["period"].set_value(period)
    recorder = next(node for node in space.nodes if node.node_id == "recorder")
    monitor.outputs["value"].connect(recorder.grow_input(monitor.outputs["value"]))
    return monitor


async def test_a_monitor_beside_a_scan_is_a_stream_with_its_own_clock(
    diode: Runner, tmp_path: Path
) -> None:
    """R1: what comes from outside the scan is no part of its rows, but a stream with its time."""
    space = diode.space
    monitored(space)
    plot = next(node for node in space.nodes if node.node_id == "plot.xy")
    assert plot.choice().y == ("I",)
    recorder = next(node for node in space.nodes if node.node_id == "recorder")
    name = recorder.columns()[-1].name
    plot.choose("", [name])
    assert (plot.choice().x, plot.choice().y) == ("t", (name,))
    sweep = space.get_node_by_id("sweep")
    sweep.inputs["points"].set_value(8)
    run = await diode.start()
    reader = RunReader(run.path)
    stream = list(run.tables.values())[1]
    assert plot.choice().recorder == stream.spec.recorder
    await until(lambda: len(stream) > 2)  # … while it is going on, another process reads it
    program = (
        "import sys, pathlib; from funcnodes.runs import RunReader\n"
        "run = RunReader(pathlib.Path(sys.argv[1]))\n"
        "k = run.recorder('Oven')\n"
        "print(run.head.state, len(run.to_numpy('Oven')['t']), run.specs[k].kind)"
    )
    await until(lambda: reader.count(1) > 2)
    reading = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(run.path), stdout=asyncio.subprocess.PIPE
    )
    said = (await asyncio.wait_for(reading.communicate(), patience()))[0].decode().split()
    assert int(said[1]) > 2
    assert said[2] == "monitor"
    assert await asyncio.wait_for(run.wait(), patience()) == "complete", run.message

    assert recorder.table.spec == reader.specs[0], "its output has the points"
    assert reader.head.streams == ("Oven",)
    primary, oven = reader.specs
    assert [axis.length for axis in primary.axes] == [8]
    assert name not in [column.name for column in primary.columns]
    assert [(c.name, c.unit) for c in oven.columns] == [("t", "s"), (name, "K")]
    assert (oven.columns[1].device, oven.columns[1].member) == ("tc", "a.kelvin")
    assert {c.source for c in primary.columns} >= {"smu.reading"}
    rows = reader.to_numpy("Oven")
    assert rows["t"].tolist() == pytest.approx(rows["elapsed"].tolist(), abs=1e-6)
    assert (np.diff(rows["t"]) > 0).all()
    assert (rows[name] > 250).all()
    assert len(reader.to_numpy()["row"]) == 8
    assert reader.verify() == "intact"

    export_runs([reader], tmp_path / "x.h5", "hdf5")
    export_runs([reader], tmp_path / "x.nxs", "nexus")
    export_runs([reader], tmp_path / "x.nc", "netcdf", recorder="Oven")
    with h5py.File(tmp_path / "x.h5") as file:
        assert [len(file[each.name]["row"]) for each in reader.specs] == [8, len(rows["t"])]
    with h5py.File(tmp_path / "x.nxs") as file:
        groups = [
            key for key in file["entry"] if file["entry"][key].attrs.get("NX_class") == "NXdata"
        ]
        assert len(groups) == 2
    with h5py.File(tmp_path / "x.nc") as file:
        assert file[name].shape == rows[name].shape
    text = csv_text(reader, recorder="Oven")
    assert "# stream: Oven" in text
    assert "# rows by: the monitor's own clock" in text
    (tmp_path / "oven.csv").write_text(text)
    import_csv(RunStore(tmp_path / "in"), tmp_path / "oven.csv")
    back = RunStore(tmp_path / "in").find("latest")
    assert back.specs[0].columns[1].source == "tc.a.kelvin"
    assert back.head.streams == ("Oven",)
    assert back.column(name).tolist() == rows[name].tolist()

    shown = CliRunner().invoke(app, ["runs", "show", str(run.path)])
    assert "stream Oven" in shown.output, shown.output
    assert "axis setpoint: linear, 8 points" in shown.output


async def test_a_stream_goes_on_with_the_run_that_goes_on(diode: Runner) -> None:
    """R1: its time counts from the beginning of the first run; every point is in its own cell."""
    monitored(diode.space)
    diode.space.get_node_by_id("sweep").inputs["points"].set_value(6)
    run = await diode.start()
    forget = diode.on_rows(
        lambda table, _, stop: run.stop() if table.spec.kind == "scan" and stop >= 3 else None
    )
    assert await asyncio.wait_for(run.wait(), patience()) == "stopped"
    forget()
    run = await diode.start(going_on=await look_back(diode, "1"))
    assert await asyncio.wait_for(run.wait(), patience()) == "complete", run.message
    reader = RunReader(run.path)
    oven = reader.to_numpy("Oven")
    assert set(oven["run number"].tolist()) == {1, 2}
    assert oven["t"].tolist() == pytest.approx(oven["elapsed"].tolist(), abs=1e-6)
    assert (np.diff(oven["t"]) > 0).all()
    assert reader.column("t", "Oven").tolist() == oven["t"].tolist()
    cells = reader.to_xarray()
    assert cells["row"].values.tolist() == list(range(6))
    assert cells["run number"].values.tolist() == [1] * 3 + [2] * 3
    assert list(reader.whole().documents())[-1][0] == "stop"


async def test_a_recorder_of_monitors_only_shows_their_stream(diode: Runner) -> None:
    space = diode.space
    recorder = next(node for node in space.nodes if node.node_id == "recorder")
    for port in list(recorder.inputs.values()):
        if port.is_connected() and port.type.kind != "trigger":
            port.disconnect()
    monitored(space)
    sweep = space.get_node_by_id("sweep")
    sweep.inputs["points"].set_value(3)
    run = await diode.start()
    assert recorder.table.spec.stream == "Oven"
    await asyncio.wait_for(run.wait(), patience())
    assert recorder.table.spec.kind == "monitor"
    assert [spec.kind for spec in RunReader(run.path).specs] == ["monitor"]
    sweep.hold(recorder)
    with pytest.raises(RunError, match=r"would not hear of Oven: .* Give it one of its own"):
        await diode.start()
