"""What a run's file promises when things go wrong, and what a check must not overlook."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from funcnodes.core import Node, NodeInput, Wave
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig
from funcnodes.runs import RunStore
from funcnodes.runs.records import Cell, Column, LogEntry, StorageError, TableSpec

SPEC = TableSpec(recorder="r", name="R", columns=(Column(name="x", kind="number"),))


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


# ── the file ──────────────────────────────────────────────────────────────────────────────


def test_what_is_acknowledged_is_synced_before_it_is_said_to_be(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R4: WAL with synchronous=FULL (2) syncs at each commit; NORMAL only at checkpoints."""
    found: list[tuple[str, int]] = []

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql == "COMMIT":
                ask = super().execute
                found.append(
                    (ask("PRAGMA journal_mode").fetchone()[0],
                     ask("PRAGMA synchronous").fetchone()[0])
                )  # fmt: skip
            return super().execute(sql, *parameters)

    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *path, **named: connect(*path, **named, factory=Connection)
    )
    writer = store.create(graph={}, specs=[SPEC])
    writer.append(0, [Cell(1.0)], wall=0.0, mono=0.0)
    writer.flush().result()
    writer.close(writer.head).result()
    assert len(found) >= 3, "the tables, the row, the last head"
    assert set(found) == {("wal", 2)}


def test_a_run_whose_rows_cannot_be_written_any_more_still_says_how_it_ended(
    store: RunStore,
) -> None:
    """What was begun is rolled back, so that its last words find the file as it was."""
    writer = store.create(graph={}, specs=[SPEC])
    writer.append(0, [Cell(1.0)], wall=0.0, mono=0.0)
    writer.flush().result()
    writer.append(0, [Cell(2.0)], wall=0.0, mono=0.0)
    writer.log(LogEntry(wall=0.0, level="info", source="run", text="goes with the row"))
    writer._execute("INSERT INTO nowhere VALUES (1)", ())
    with pytest.raises(StorageError, match="no such table: nowhere"):
        writer.flush().result()
    assert writer.committed(0) == 1
    ended = msgspec.structs.replace(writer.head, state="failed", message="the disk", ended=1.0)
    with pytest.raises(StorageError):
        writer.close(ended).result()
    run = store.find("latest")
    assert (run.head.state, run.head.message, run.head.rows) == ("failed", "the disk", 1)
    assert list(run.rows().values[0]) == [1.0]
    assert run.log() == []
    assert not list(store.folder.glob("*-wal")), "folded into one file"


def test_two_processes_never_give_one_number_twice(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look before either has written, unless the one waits for the other (R5)."""
    both = threading.Barrier(2)
    paths = RunStore.paths

    def slowly(self: RunStore) -> list[Path]:
        with suppress(threading.BrokenBarrierError):  # nobody else looks meanwhile
            both.wait(0.3)
        return paths(self)

    monkeypatch.setattr(RunStore, "paths", slowly)
    with ThreadPoolExecutor(2) as threads:
        numbers = list(threads.map(lambda _: store._next_number(), range(2)))
    assert sorted(numbers) == [1, 2]


# ── rows ──────────────────────────────────────────────────────────────────────────────────


async def test_a_point_has_one_row_however_often_it_is_recorded(lab: Any) -> None:
    """T11: a scan keeps a point that failed; one that was recorded already is not doubled."""
    sweep = lab.add("sweep", points=2)
    recorder = lab.record(sweep.value)
    record = type(recorder).record
    waves: list[Wave] = []

    def twice(self: Any, wave: Wave) -> Any:
        waves.append(wave)
        first = record(self, wave)
        assert record(self, wave) is None
        return first

    type(recorder).record = twice
    try:
        run = await lab.run()
    finally:
        type(recorder).record = record
    assert len(waves) >= 2
    assert run.rows == 2
    assert lab.columns(run)["value"] == [0.0, 1.0]


# ── checks ────────────────────────────────────────────────────────────────────────────────


class Write(Node):
    """Stands for a write to a device in checks of the graph; never executed."""

    node_id = "test.kept.write"
    effect = True
    default_policy = "settled"
    shows_order = True
    value = NodeInput(type=float, default=0.0)
    device = "smu"


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_what_comes_after_a_frame_comes_after_what_it_holds(
    lab: Any, names: tuple[str, str]
) -> None:
    """T7, whatever the nodes are called."""
    inner, outer = lab.add("sweep", "Inner"), lab.add("sweep", "Outer")
    inside, after = (lab.add(Write, name) for name in names)
    outer.hold(inner)
    inner.hold(inside)
    outer.hold(after)
    assert any("no order between them" in problem for problem in lab.runner.check())
    lab.order(inner, after)
    assert lab.runner.check() == []


@dataclass
class Device:
    """As far as a check looks at one."""

    state: str
    message: str = ""
    address: str = "sim:smu"

    def unmet(self, *_: Any, **__: Any) -> list[str]:
        return []


@pytest.mark.parametrize(
    ("device", "problem"),
    [
        (Device("offline", "sim:smu: connection refused."),
         "smu (sim:smu) is offline: connection refused."),
        (Device("fault", "no reply to ':OUTP?' in 2.0 s."),
         "smu (sim:smu) is fault: no reply to ':OUTP?' in 2.0 s."),
        (Device("idle"), ""), (Device("busy"), ""),
    ],
)  # fmt: skip
def test_a_device_that_cannot_be_used_keeps_a_run_from_starting(
    lab: Any, device: Device, problem: str
) -> None:
    sweep, write = lab.add("sweep"), lab.add(Write, "Set")
    sweep.value.connect(write.value)

    bench = Bench(BenchConfig("b"))
    bench.devices["smu"] = device  # type: ignore[assignment]  # it stands for one
    lab.space.services.provide(Bench, bench)
    assert lab.runner.check() == ([problem] if problem else [])
