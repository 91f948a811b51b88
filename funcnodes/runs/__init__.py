"""Runs: scans, run control, the recorder, one file per run, and what leaves and enters it.

Sits on `core` and `devices`; workers and the command line sit on it.
"""

from funcnodes.core import Shelf
from funcnodes.runs.control import Runner, active_run
from funcnodes.runs.pausing import Checkpoint, PauseWhile
from funcnodes.runs.people import Approve, Ask, Tell
from funcnodes.runs.plot import HeatMap, PlotChoice, XYPlot
from funcnodes.runs.prompts import Prompts
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
from funcnodes.runs.scans import (
    AdaptiveSweep,
    AdaptiveSweep2D,
    FindOptimum,
    FindOptimum2D,
    FindOptimum3D,
    FlyScan,
    ListSweep,
    LogarithmicSweep,
    Optimise,
    Optimiser,
    Repeat,
    Scan,
    Search,
    Settle,
    Sweep,
)
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
        AdaptiveSweep,
        AdaptiveSweep2D,
        FindOptimum,
        FindOptimum2D,
        FindOptimum3D,
        Optimise,
        Repeat,
        FlyScan,
        Settle,
        WaitUntil,
        Checkpoint,
        PauseWhile,
        Average,
        Recorder,
        XYPlot,
        HeatMap,
        Ask,
        Approve,
        Tell,
        StepFrame,
        ForEachDevice,
        CheckBetween,
        CheckAtLeast,
        CheckAtMost,
        CheckEquals,
        CheckMask,
    ],
    name="Scans",
    description="Points, waiting, asking people, recording, plotting and tests with verdicts.",
)

__all__ = [
    "ENDED", "NODE_SHELF", "AdaptiveSweep", "AdaptiveSweep2D", "Approve", "Ask", "Average",
    "Checkpoint", "Column", "FindOptimum", "FindOptimum2D", "FindOptimum3D", "FlyScan", "HeatMap",
    "ListSweep", "LogarithmicSweep", "Optimise", "Optimiser", "PauseWhile", "PlotChoice", "Prompts",
    "Recorder", "Repeat", "RowPage", "Run", "RunHead", "RunReader", "RunState", "RunStore",
    "RunWriter", "Runner", "Scan", "Search", "Settle", "StorageError", "Sweep", "Table",
    "TableSpec", "Tell", "WaitUntil", "XYPlot", "active_run",
]  # fmt: skip
