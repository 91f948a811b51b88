"""Frames that make the points of a run."""

from funcnodes.runs.scans.repeat import Repeat
from funcnodes.runs.scans.scan import MAX_POINTS, MAX_RETRIES, OnFailure, Scan
from funcnodes.runs.scans.settle import Settle
from funcnodes.runs.scans.stepped import SteppedScan
from funcnodes.runs.scans.sweeps import ListSweep, LogarithmicSweep, Sweep

__all__ = [
    "MAX_POINTS", "MAX_RETRIES", "ListSweep", "LogarithmicSweep", "OnFailure", "Repeat", "Scan",
    "Settle", "SteppedScan", "Sweep",
]  # fmt: skip
