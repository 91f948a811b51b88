"""A worker notes what its bench reads and sets, tells it on the wire, and to the command line."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from funcnodes.cli.app import execute
from funcnodes.history import HistoryReader
from funcnodes.workers import schema
from funcnodes.workers.worker import Worker
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from ..waiting import until
from .conftest import Desk

BENCH = """
[devices.smu]
driver = "keithley.smu2400"
address = "{address}"
[history]
every_s = 1
least_s = 0
[history.deadband]
"smu.voltage" = "1 mV"
"smu.nothing" = 3
[[alarm]]
source = "smu.nplc"
high = 5
every_s = 0.02
"""


async def test_a_worker_keeps_the_past_of_its_bench(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """By change and deadband, what is set by hand and what a watcher sees; then until it ended."""
    config = str(workspace.config_dir)

    def told(*arguments: str) -> str:
        capsys.readouterr()
        assert execute(["--dir", config, "history", *arguments]) == 0
        return capsys.readouterr().out

    assert told("list").startswith("There is no history yet")
    with SimulatedBench.start("demo", seed=1) as simulated:
        workspace.bench_path.write_text(BENCH.format(address=simulated.resources["smu"]))
        worker = Worker(workspace)
        desk = Desk(worker)
        working = asyncio.create_task(worker.run())
        await until(lambda: worker.bench and worker.bench.devices["smu"].state == "idle")
        assert worker.bench is not None
        smu = worker.bench.devices["smu"]
        for value in (0.5, 0.5004, 2.0):
            await smu.member_set("voltage", value)
        reader = HistoryReader(workspace.history_path)
        await until(lambda: reader.path.exists() and "smu.voltage" in _values(reader))
        await until(lambda: _values(reader)["smu.voltage"] == 2.0)

        view = await past(desk, "voltage")
        assert (view.unit, view.kind, view.value[-1]) == ("V", "number", 2.0)
        assert 0.5 in view.value
        assert (await past(desk, "output")).value == [0.0]
        assert (await past(desk, "nplc")).t  # which the alarm watches
        assert (await past(desk, "no such")).t == []
        assert any("smu.nothing means nothing" in line.text for line in worker.logbook.lines)

        assert [each["name"] for each in json.loads(told("list", "--json"))] == [*_values(reader)]
        assert "smu.voltage" in told("list", "--worker", workspace.record.name)
        worker.end()
        await working
    assert reader.find("smu.voltage").quality == "missing"
    assert "  2 V\n" in told("show", "smu.voltage")
    assert json.loads(told("show", "smu.voltage", "--json"))["values"][0]["origin"] == "simulated"
    assert "smu.voltage since" in told("plot", "smu.voltage", "--since", "1h")
    assert json.loads(told("plot", "smu.voltage", "--json"))["points"]
    out = tmp_path / "v.csv"
    told("export", "smu.voltage", "--out", str(out))
    assert out.read_text().startswith("# funcnodes history: smu.voltage\n# unit: V\n")
    assert "# simulated: yes\n" in out.read_text()
    told("show", "smu.voltage", "--every", "1s", "--csv")


def _values(reader: HistoryReader) -> dict[str, Any]:
    return {each.name: each.value for each in reader.known()}


async def past(desk: Desk, member: str) -> schema.HistoryView:
    asked = schema.GetHistory(device="smu", member=member)
    return msgspec.convert(await desk.ask(asked), schema.HistoryView)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "smu.x"], "There is no history of 'smu.x'"),
        (["show", "smu.x", "--since", "yesterday"], "--since takes how long ago"),
        (["show", "smu.x", "--since", "1h", "--until", "2h"], "--until is to be later"),
        (["list", "--worker", "nobody"], "There is no worker 'nobody'"),
        (["export", "smu.x", "--csv", "--json"], "CSV or JSON, not both"),
    ],
)
def test_bad_questions_about_the_past_are_answered_in_a_sentence(
    config_dir: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert execute(["history", *arguments]) != 0
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
