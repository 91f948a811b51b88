"""What a worker does for its finished runs: finds them by words, and empties their bin in time."""

import msgspec
import pytest

from funcnodes.runs import RunStore
from funcnodes.runs.samples import SampleEntry, SampleList
from funcnodes.workers import schema
from funcnodes.workers.workspace import Workspace

from ..runs.recorded import diode
from ..waiting import until
from .conftest import Desk


@pytest.fixture
def deleted(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """A store with a run, and one that has lain in the bin for too long."""
    monkeypatch.setenv("FUNCNODES_BIN_DAYS", "0")
    for _ in range(2):
        diode(workspace.runs_dir)
    store = RunStore(workspace.runs_dir)
    store.delete("1")
    return store


async def test_a_worker_finds_its_runs_and_empties_its_bin(deleted: RunStore, desk: Desk) -> None:
    """Tags and serial numbers are words, too."""
    deleted.find("2").annotate("tag", "for the paper")

    async def found(words: str) -> list[int]:
        runs = await desk.ask(schema.ListRuns(search=words))
        return [run.number for run in msgspec.convert(runs, list[schema.RunView])]

    assert await found("paper 1234567") == [2]
    assert await found("papers") == []
    assert await found(" ") == [2]
    await until(lambda: not deleted.bin.paths())
    await until(lambda: any("out of the bin" in line.text for line in desk.worker.logbook.lines))


async def test_a_worker_asks_before_a_run_and_offers_its_samples(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    monkeypatch.setenv("FUNCNODES_BEFORE_RUN", "project,sample")
    SampleList(workspace.samples_path).put([SampleEntry(id="W7", name="Wafer")])
    await desk.ask(schema.NewSpace(name="x"))
    asked = msgspec.convert(await desk.ask(schema.GetBeforeRun()), schema.BeforeRunView)
    assert (asked.required, asked.listed, asked.count) == (["sample", "project"], False, 1)
    assert (asked.samples[0].id, asked.samples[0].name) == ("W7", "Wafer")
    problem = await desk.refused(schema.RunStart(sample="W7"))
    assert problem.detail == "Before a run it is asked for project."
