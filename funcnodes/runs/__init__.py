"""Runs: scans, run control, the recorder, one file per run, and what leaves and enters it.

Sits on `core` and `devices`; workers and the command line sit on it.
"""

from funcnodes.core import Shelf
from funcnodes.runs.control import Runner, active_run
from funcnodes.runs.plot import PlotChoice, XYPlot
from funcnodes.runs.reader import RunReader
from funcnodes.runs.readings import Average, WaitUntil
from funcnodes.runs.recorder import Recorder
from funcnodes.runs.records import (
    ENDED,
    Column,
    RowPage,
    RunHead,
    RunState,
    StorageError,
    TableSpec,
)
from funcnodes.runs.run import Run
from funcnodes.runs.scans import ListSweep, LogarithmicSweep, Repeat, Scan, Settle, Sweep
from funcnodes.runs.sequences import (
    CheckAtLeast,
    CheckAtMost,
    CheckBetween,
    CheckEquals,
    CheckMask,
    ForEachDevice,
    StepFrame,
)
from funcnodes.runs.store import RunStore
from funcnodes.runs.table import Table
from funcnodes.runs.writer import RunWriter

NODE_SHELF = Shelf(
    [
        Sweep,
        LogarithmicSweep,
        ListSweep,
        Repeat,
        Settle,
        WaitUntil,
        Average,
        Recorder,
        XYPlot,
        StepFrame,
        ForEachDevice,
        CheckBetween,
        CheckAtLeast,
        CheckAtMost,
        CheckEquals,
        CheckMask,
    ],
    name="Scans",
    description="Points, waiting, recording, plotting and tests with verdicts.",
)

__all__ = [
    "ENDED", "NODE_SHELF", "Average", "Column", "ListSweep", "LogarithmicSweep", "PlotChoice",
    "Recorder", "Repeat", "RowPage", "Run", "RunHead", "RunReader", "RunState", "RunStore",
    "RunWriter", "Runner", "Scan", "Settle", "StorageError", "Sweep", "Table", "TableSpec",
    "WaitUntil", "XYPlot", "active_run",
]  # fmt: skip
