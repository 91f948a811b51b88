"""Finished runs with given rows, as the formats they leave in are tested with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from funcnodes.runs import RunReader, RunStore
from funcnodes.runs.records import Cell, Column, DeviceSnapshot, Event, TableSpec

STARTED = 1_700_000_000.0


def recorded(
    folder: Path,
    columns: tuple[Column, ...],
    rows: Sequence[Sequence[Cell]],
    *,
    snapshots: Sequence[DeviceSnapshot] = (),
    events: Sequence[Event] = (),
    **about: Any,
) -> RunReader:
    """A finished run with these rows, one per second."""
    spec = TableSpec(recorder="rec", name="Recorder", columns=columns)
    writer = RunStore(folder).create(graph={}, specs=[spec], **about)
    for n, cells in enumerate(rows):
        mono = writer.head.started_mono + n
        writer.append(0, cells, wall=STARTED + n, mono=mono)
    for snapshot in snapshots:
        writer.snapshot(snapshot)
    for event in events:
        writer.event(event)
    head = msgspec.structs.replace(writer.head, state="complete", ended=STARTED + len(rows))
    writer.close(head).result()
    return RunReader(writer.path)


def diode(folder: Path) -> RunReader:
    """A run with columns of every form, by two instruments."""
    columns = (
        Column(name="V", unit="V", kind="quantity"),
        Column(name="I", unit="A", kind="quantity"),
        Column(name="count", kind="number"),
        Column(name="range", kind="text"),
        Column(name="on", kind="bool"),
        Column(name="trace", unit="V", kind="array"),
        Column(name="mixed"),
    )
    rows = [
        [Cell(0.1), Cell(1e-9), Cell(3), Cell("=low"), Cell(True), Cell(np.arange(3.0)), Cell(1)],
        [Cell(0.2), Cell(float("nan"), "overrange"), Cell(4), Cell("'=high, \n2"), Cell(False),
         Cell(np.arange(3.0) / 7), Cell([1, "a"])],
        [Cell(1 / 3), Cell(None, "missing"), Cell(2**60), Cell("µ"), Cell(True),
         Cell(np.array([1e300, -0.0, 5e-324])), Cell(None, "missing")],
    ]  # fmt: skip
    return recorded(
        folder, columns, rows, snapshots=instruments(), title="Diode I-V", nodespace="diode_iv",
        operator="ada", bench="demo", simulated="1 of 2", versions={"funcnodes": "0.3.0"},
        sample="D-17", project="diodes", notes="Contact 3 is loose.",
    )  # fmt: skip


def instruments() -> list[DeviceSnapshot]:
    """Two devices before a run, one of them simulated."""
    smu = {
        "driver": "keithley.2400",
        "address": "TCPIP0::10.0.0.5::5025::SOCKET",
        "identity": "KEITHLEY INSTRUMENTS INC.,MODEL 2400,1234567,C30",
        "serial": "1234567",
        "simulated": False,
        "replayed": False,
        "state": "idle",
        "parameters": {"voltage": {"value": 0.5, "unit": "V", "quality": "ok"}},
    }
    dmm = {"identity": "Keysight Technologies,34461A,MY5,A.02.17", "simulated": True}
    return [
        DeviceSnapshot(moment="before", device="smu", wall=STARTED, parameters=smu),
        DeviceSnapshot(moment="before", device="dmm", wall=STARTED, parameters=dmm),
    ]
