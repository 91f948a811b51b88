"""Units: what a number on a port means, and how one unit becomes another.

Conversion between units of one kind is affine (°C to K adds), or logarithmic where one of them
counts decibels above something; computed once per pair and kept. What only looks alike is refused
with the reason: a temperature and a difference of two, rms and peak to peak, gauge and absolute
pressure. Knowledge of units is pint's, loaded on first use (about 0.3 s): call `preload` off the
loop.
"""

import math
import re
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from funcnodes.core.quantities import registry as known
from funcnodes.core.quantities.levels import FromLevel, Level, ToLevel, level
from funcnodes.errors import UnitError

_NAMES = {
    "V": "volts", "A": "amperes", "Ω": "ohms", "ohm": "ohms", "W": "watts", "s": "seconds",
    "K": "kelvins", "°C": "degrees Celsius", "Hz": "hertz", "m": "metres", "T": "teslas",
    "G": "gauss", "Oe": "oersteds", "Vrms": "volts rms", "Vpp": "volts peak to peak",
    "dB": "decibels", "Δ°C": "differences of degrees Celsius", "ΔK": "differences of kelvins",
    "Pa": "pascals",
}  # fmt: skip
_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
_SCALABLE = {
    "V", "A", "Ω", "ohm", "W", "s", "Hz", "F", "H", "T", "J", "N", "Pa", "m", "g", "C",
    "Vrms", "Vpp", "Vpk",
}  # fmt: skip
_QUANTITY = re.compile(r"\s*([-+−]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+−]?\d+)?)\s*(\S.*)?$", re.DOTALL)


class Conversion(Protocol):
    """How a number, or an array of numbers, in one unit becomes one in another.

    Calling it raises UnitError for a number that has no like in the other unit.
    """

    @property
    def text(self) -> str:
        """How a wire says it: "×0.001", "dBm → mW"."""

    def __call__(self, value: Any) -> Any: ...


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
def conversion(source: str, target: str) -> Conversion:
    """The conversion from one unit to another; `IDENTITY` where they are the same.

    Raises:
        UnitError: A unit is unknown, or the two do not measure the same.
    """
    if source == target:
        return IDENTITY
    here, there = level(source), level(target)
    if here is None and there is None:
        return _affine(source, target)
    note = f"{source} → {target}"
    try:
        if here is None or there is None:
            return _from_or_to(here, there, source, target, note)
        scale = _factor(here.reference, there.reference)
    except UnitError as error:
        check(source)
        check(target)
        raise _misfit(source, target, "a level has a reference of its own") from error
    if here.factor != there.factor:
        raise _misfit(source, target)
    return Affine(1.0, _clean(here.factor * math.log10(scale)))


def affine(source: str, target: str) -> Affine:
    """The conversion from one unit to another, where that is a straight line.

    Raises:
        UnitError: A unit is unknown, the two do not measure the same, or it is no straight line.
    """
    found = conversion(source, target)
    if not isinstance(found, Affine):
        raise UnitError(f"From {source} to {target} is no straight line.")
    return found


def parse(text: str, unit: str = "") -> float:
    """Read "0.8 V", "800mV" or "5" as a number in `unit`; a bare number is in `unit` already.

    Raises:
        UnitError: It is no finite number, or its unit is of another dimension.
    """
    number, given = split(text, unit)
    if not given or given == unit:
        return number
    if not unit:
        raise UnitError(f"{text.strip()!r} has a unit, but a plain number is asked for.")
    convert = conversion(given, unit)
    return _clean(convert(number)) if convert is not IDENTITY else number


def split(text: str, unit: str = "") -> tuple[float, str]:
    """Number and unit as they are written: "0.8 V" is 0.8 and "V", "5" is 5 and "".

    Args:
        unit: What is asked for, for the sentence where it is none.

    Raises:
        UnitError: It is no finite number.
    """
    match = _QUANTITY.match(text)
    if match is None:
        raise UnitError(f"{text.strip()!r} is not a number{f' of {unit}' if unit else ''}.")
    number = float(match[1].replace("−", "-"))
    if not math.isfinite(number):
        raise UnitError(f"{text.strip()!r} is too large for a number.")
    return number, (match[2] or "").strip()


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
    found = level(unit)
    if unit:
        known.linear(found.reference if found is not None else unit)


def quantity(magnitude: Any, unit: str) -> Any:
    """A quantity of pint, in the registry that all of funcnodes shares.

    Raises:
        UnitError: The unit is unknown.
    """
    return known.registry().Quantity(magnitude, known.unit(unit))


def quantity_of(magnitude: Any, powers: dict[str, float]) -> Any:
    """A quantity from the powers of its units, e.g. `{"volt": 1, "meter": -1}`.

    Raises:
        UnitError: A unit is unknown.
    """
    from pint.util import UnitsContainer

    for unit in powers:
        known.unit(unit)
    return known.registry().Quantity(magnitude, UnitsContainer(powers))


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
    convert = conversion(given, unit) if given else IDENTITY
    return value.magnitude if convert == IDENTITY else _cleaned(convert(value.magnitude))


def preload() -> None:
    """Load the unit registry now, so that the first conversion does not pause the loop."""
    known.registry()


def _affine(source: str, target: str) -> Affine:
    here, there = known.linear(source), known.linear(target)
    if here.dimensionality == there.dimensionality:
        if known.is_temperature(here) and known.is_difference(here) != known.is_difference(there):
            raise _misfit(source, target, "a difference of temperatures is no temperature")
        return _straight(here, there)
    counts_here, counts_there = known.counted(here), known.counted(there)
    if counts_here is None or counts_there is None or (counts_here and counts_there):
        raise _misfit(source, target, known.why_not(here, there))
    return _straight(here / _per(counts_here), there / _per(counts_there))  # 60 rpm are 1 Hz


def _straight(here: Any, there: Any) -> Affine:
    quantity = known.registry().Quantity
    zero, one = (float(quantity(n, here).to(there).magnitude) for n in (0.0, 1.0))
    return Affine(_clean(one - zero), _clean(zero))


def _per(counted: str) -> Any:
    return known.unit(counted) if counted else known.registry().dimensionless


def _from_or_to(
    here: Level | None, there: Level | None, source: str, target: str, note: str
) -> Conversion:
    if here is not None:
        return FromLevel(here.factor, _factor(here.reference, target), note)
    assert there is not None
    return ToLevel(there.factor, _factor(source, there.reference), note)


def _factor(source: str, target: str) -> float:
    return _affine(source, target).factor


def _misfit(source: str, target: str, why: str = "") -> UnitError:
    reason = f": {why}" if why else ""
    return UnitError(f"{_capital(name(source))} do not fit into {name(target)}{reason}.")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:] if words in _NAMES.values() else words


def _cleaned(number: Any) -> Any:
    return _clean(number) if isinstance(number, float) else number


def _clean(number: float) -> float:
    """Drop the last bits of noise that conversion adds (800.0000000000001)."""
    return float(f"{number:.15g}")
