"""Test sequences: steps, what they check, and the devices under test that they are done with."""

from funcnodes.runs.sequences.devices import ForEachDevice
from funcnodes.runs.sequences.judging import (
    CheckAtLeast,
    CheckAtMost,
    CheckBetween,
    CheckEquals,
    CheckNode,
)
from funcnodes.runs.sequences.mask import CheckMask
from funcnodes.runs.sequences.step import StepFrame

__all__ = [
    "CheckAtLeast", "CheckAtMost", "CheckBetween", "CheckEquals", "CheckMask", "CheckNode",
    "ForEachDevice", "StepFrame",
]  # fmt: skip
