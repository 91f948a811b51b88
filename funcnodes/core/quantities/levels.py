"""Levels: how much something is, told by the logarithm of its ratio to a reference.

10 dBm is ten decibels above a milliwatt. Powers take ten times the decimal logarithm, amplitudes
twenty times; voltages and currents count by their rms values. A bandwidth may follow: "dBm/Hz".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from funcnodes.errors import UnitError

_POWER, _AMPLITUDE = 10.0, 20.0
_REFERENCES: Mapping[str, tuple[str, float]] = {
    "dBm": ("mW", _POWER), "dBmW": ("mW", _POWER), "decibelmilliwatt": ("mW", _POWER),
    "dBW": ("W", _POWER), "decibelwatt": ("W", _POWER),
    "dBµW": ("µW", _POWER), "dBuW": ("µW", _POWER), "decibelmicrowatt": ("µW", _POWER),
    "dBV": ("Vrms", _AMPLITUDE), "dBmV": ("mVrms", _AMPLITUDE),
    "dBµV": ("µVrms", _AMPLITUDE), "dBuV": ("µVrms", _AMPLITUDE),
    "dBµA": ("µArms", _AMPLITUDE), "dBuA": ("µArms", _AMPLITUDE),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Level:
    """A unit of levels.

    Attributes:
        reference: The unit of which zero is one, e.g. "mW".
        factor: 10 of powers, 20 of amplitudes.
    """

    reference: str
    factor: float


@cache
def level(unit: str) -> Level | None:
    """What a unit such as "dBm" counts; None where it is no level."""
    symbol, per, bandwidth = unit.replace("\u03bc", "µ").partition("/")
    found = _REFERENCES.get(symbol.strip())
    return Level(f"{found[0]}{per}{bandwidth}", found[1]) if found is not None else None


@dataclass(frozen=True, slots=True)
class FromLevel:
    """`target = scale * 10 ** (source / factor)`, e.g. from dBm to mW."""

    factor: float
    scale: float
    text: str

    def __call__(self, value: Any) -> Any:
        try:
            return 10.0 ** (value / self.factor) * self.scale
        except OverflowError:
            return math.inf


@dataclass(frozen=True, slots=True)
class ToLevel:
    """`target = factor * log10(source * scale)`, e.g. from mW to dBm; nothing is −∞."""

    factor: float
    scale: float
    text: str

    def __call__(self, value: Any) -> Any:
        if hasattr(value, "dtype"):
            return self._of_array(value)
        if value < 0:
            raise self._below()
        return self.factor * math.log10(value * self.scale) if value else -math.inf

    def _of_array(self, values: Any) -> Any:
        import numpy as np

        if (values < 0).any():
            raise self._below()
        with np.errstate(divide="ignore"):
            return self.factor * np.log10(values * self.scale)

    def _below(self) -> UnitError:
        return UnitError(f"What is below zero has no level ({self.text}).")
