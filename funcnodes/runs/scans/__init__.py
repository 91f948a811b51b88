"""Frames that make the points of a run."""

from funcnodes.runs.scans.axes import ScanInUnits
from funcnodes.runs.scans.fly import FlyScan
from funcnodes.runs.scans.optimise import Optimise
from funcnodes.runs.scans.optimisers import GoalOptimiser, Optimiser, PointResult
from funcnodes.runs.scans.repeat import Repeat
from funcnodes.runs.scans.scan import MAX_POINTS, MAX_RETRIES, OnFailure, Scan
from funcnodes.runs.scans.searches import (
    AdaptiveSweep,
    AdaptiveSweep2D,
    FindOptimum,
    FindOptimum2D,
    FindOptimum3D,
    Search,
)
from funcnodes.runs.scans.settle import Settle
from funcnodes.runs.scans.stepped import SteppedScan
from funcnodes.runs.scans.sweeps import ListSweep, LogarithmicSweep, Sweep

__all__ = [
    "MAX_POINTS", "MAX_RETRIES", "AdaptiveSweep", "AdaptiveSweep2D", "FindOptimum", "FindOptimum2D",
    "FindOptimum3D", "FlyScan", "GoalOptimiser", "ListSweep", "LogarithmicSweep", "OnFailure",
    "Optimise", "Optimiser", "PointResult", "Repeat", "Scan", "ScanInUnits", "Search", "Settle",
    "SteppedScan", "Sweep",
]  # fmt: skip
