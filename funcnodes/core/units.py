"""Units: what a number on a port means, and how one unit becomes another.

Conversion between units of one dimension is affine (°C to K adds), computed once per pair and
kept. Knowledge of units is pint's, loaded on first use (about 0.3 s): call `preload` off the loop.
"""

import math
import re
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

from funcnodes.errors import UnitError

_SPELLINGS = {
    "°C": "degC", "\u2103": "degC", "°F": "degF", "\u03a9": "ohm", "\u2126": "ohm", "%": "percent",
}  # fmt: skip
_NAMES = {
    "V": "volts", "A": "amperes", "Ω": "ohms", "ohm": "ohms", "W": "watts", "s": "seconds",
    "K": "kelvins", "°C": "degrees Celsius", "Hz": "hertz", "m": "metres", "T": "teslas",
}  # fmt: skip
_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
_SCALABLE = {"V", "A", "Ω", "ohm", "W", "s", "Hz", "F", "H", "T", "J", "N", "Pa", "m", "g", "C"}
_QUANTITY = re.compile(r"\s*([-+−]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+−]?\d+)?)\s*(\S.*)?$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Affine:
    """`target = source * factor + offset`."""

    factor: float
    offset: float = 0.0

    def __call__(self, value: Any) -> Any:
        return value * self.factor + self.offset

    @property
    def text(self) -> str:
        """How an edge says it: "×0.001", "+ 273.15"."""
        parts = [f"×{self.factor:.6g}"] if self.factor != 1 else []
        if self.offset:
            parts.append(f"{'+' if self.offset > 0 else '−'} {abs(self.offset):.6g}")
        return " ".join(parts)


IDENTITY = Affine(1.0)


@cache
def affine(source: str, target: str) -> Affine:
    """The conversion from one unit to another.

    Raises:
        UnitError: A unit is unknown, or the dimensions differ.
    """
    if source == target:
        return IDENTITY
    here, there = _unit(source), _unit(target)
    if here.dimensionality != there.dimensionality:
        raise UnitError(f"{_capital(name(source))} do not fit into {name(target)}.")
    registry = _registry()
    zero, one = (float(registry.Quantity(n, here).to(there).magnitude) for n in (0.0, 1.0))
    return Affine(_clean(one - zero), _clean(zero))


def parse(text: str, unit: str = "") -> float:
    """Read "0.8 V", "800mV" or "5" as a number in `unit`; a bare number is in `unit` already.

    Raises:
        UnitError: It is no finite number, or its unit is of another dimension.
    """
    match = _QUANTITY.match(text)
    if match is None:
        raise UnitError(f"{text.strip()!r} is not a number{f' of {unit}' if unit else ''}.")
    number = float(match[1].replace("−", "-"))
    if not math.isfinite(number):
        raise UnitError(f"{text.strip()!r} is too large for a number.")
    given = (match[2] or "").strip()
    if not given or given == unit:
        return number
    if not unit:
        raise UnitError(f"{text.strip()!r} has a unit, but a plain number is asked for.")
    conversion = affine(given, unit)
    return _clean(conversion(number)) if conversion is not IDENTITY else number


def text(value: float, unit: str = "", *, digits: int = 4) -> str:
    """Write a number for people: "2.230 mA", "−0.5 V", "24.9 °C"."""
    if not math.isfinite(value):
        return "—" if math.isnan(value) else f"{'−' if value < 0 else ''}∞ {unit}".strip()
    prefix = ""
    if unit in _SCALABLE and value:
        exponent = max(-15, min(12, 3 * math.floor(math.log10(abs(value)) / 3 + 1e-12)))
        value, prefix = value / 10.0**exponent, _PREFIXES[exponent]
    number = f"{value:.{digits}g}".replace("-", "−")
    return f"{number} {prefix}{unit}".strip()


def name(unit: str) -> str:
    """A unit in words where it has some, e.g. "volts", "millivolts" stays "mV"."""
    return _NAMES.get(unit, unit or "plain numbers")


def check(unit: str) -> None:
    """Raise UnitError where `unit` is not known."""
    if unit:
        _unit(unit)


def quantity(magnitude: Any, unit: str) -> Any:
    """A quantity of pint, in the registry that all of funcnodes shares.

    Raises:
        UnitError: The unit is unknown.
    """
    return _registry().Quantity(magnitude, _unit(unit))


def quantity_of(magnitude: Any, powers: dict[str, float]) -> Any:
    """A quantity from the powers of its units, e.g. `{"volt": 1, "meter": -1}`.

    Raises:
        UnitError: A unit is unknown.
    """
    from pint.util import UnitsContainer

    for unit in powers:
        _unit(unit)
    return _registry().Quantity(magnitude, UnitsContainer(powers))


def is_quantity(value: Any) -> bool:
    """Whether it is a number with a unit of its own (of pint, whose registry does not matter)."""
    pint = sys.modules.get("pint")
    return pint is not None and isinstance(value, pint.Quantity)


def magnitude_in(value: Any, unit: str) -> Any:
    """The number that a quantity is in `unit`; "" asks for a plain number.

    Raises:
        UnitError: The dimensions differ, or a unit is unknown.
    """
    given = str(value.units) if value.unit_items() else ""
    if given and not unit:
        raise UnitError(f"{value} has a unit, but a plain number is asked for.")
    conversion = affine(given, unit) if given else IDENTITY
    return value.magnitude if conversion == IDENTITY else _cleaned(conversion(value.magnitude))


def preload() -> None:
    """Load the unit registry now, so that the first conversion does not pause the loop."""
    _registry()


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:] if words in _NAMES.values() else words


def _cleaned(number: Any) -> Any:
    return _clean(number) if isinstance(number, float) else number


def _clean(number: float) -> float:
    """Drop the last bits of noise that conversion adds (800.0000000000001)."""
    return float(f"{number:.15g}")


@cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True, cache_folder=None)


@cache
def _unit(unit: str) -> Any:
    spelled = unit
    for symbol, word in _SPELLINGS.items():
        spelled = spelled.replace(symbol, word)
    try:
        return _registry().Unit(spelled)
    except Exception as error:  # pint raises many kinds, all meaning the same here
        raise UnitError(f"{unit!r} is not a known unit.") from error
