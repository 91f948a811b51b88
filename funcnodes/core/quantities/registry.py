"""The units that are known: pint's, and where pint would mix what must be kept apart, our own.

Pint counts as equal whatever has the same dimension, and gives many things none: turns and
radians, counts, bits, decibels, rms and peak-to-peak volts. Each of these has a dimension of its
own here, so that it converts within its kind and nowhere else. Pint is loaded on first use.
"""

import re
import threading
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from funcnodes.errors import UnitError

_OWN = """
radian = [angle] = rad
turn = 2 * pi * radian = _ = revolution = cycle = circle = rev
count = [count]
bit = [information]
becquerel = [decays_per_time] = Bq
sievert = [dose_equivalent] = Sv
decibel = [level] = dB
neper = 8.685889638065037 * decibel = Np
decade = [frequency_ratio]
octave = 0.3010299956639812 * decade = oct
delta_kelvin = kelvin = ΔK

volt_rms = [voltage_rms] = Vrms
volt_peak = [voltage_peak] = Vpk
volt_peak_to_peak = [voltage_peak_to_peak] = Vpp
ampere_rms = [current_rms] = Arms
ampere_peak = [current_peak] = Apk
ampere_peak_to_peak = [current_peak_to_peak] = App
volt_ampere = [apparent_power] = VA
volt_ampere_reactive = [reactive_power] = var
ampere_hour = ampere * hour = Ah

torr = atmosphere / 760 = Torr
bar_absolute = 1e5 * pascal = bara
psi_absolute = pound_force_per_square_inch = psia
pascal_gauge = [gauge_pressure] = Pag
bar_gauge = 1e5 * pascal_gauge = barg
psi_gauge = 6894.757293168361 * pascal_gauge = psig

standard_cubic_centimeter_per_minute = [standard_flow] = sccm = SCCM
standard_cubic_centimeter_per_second = 60 * standard_cubic_centimeter_per_minute = sccs
standard_liter_per_minute = 1000 * standard_cubic_centimeter_per_minute = slm = SLM = slpm = SLPM

gauss = 1e-4 * tesla = G
oersted = 1000 / (4 * pi) * ampere / meter = Oe
ohm = volt / ampere = Ω = Ohm
part_per_billion = 1e-9 = ppb
percent_relative_humidity = [relative_humidity]
"""

_SPELLINGS = (
    (re.compile(r"%\s*r\.?\s*h\.?", re.IGNORECASE), "percent_relative_humidity"),
    (re.compile(r"\s*\((?:g|gauge)\)"), "g"),
    (re.compile(r"\s*\((?:a|abs|absolute)\)"), ""),
    (re.compile(r"Δ(?=°|\u2103)"), "delta_"),
    (re.compile(r"°C|\u2103"), "degC"),
    (re.compile("°F"), "degF"),
    (re.compile("[\u03a9\u2126]"), "ohm"),
    (re.compile("%"), "percent"),
)

_LEVELS = {"decibelwatt", "decibelmilliwatt", "decibelmicrowatt"}
_RATES = {"[angle]": "turn", "[count]": "count", "": ""}
"""What may be counted per second and called a frequency, and the unit it is counted in."""

_loading = threading.Lock()
_FIELDS = (
    {"[current]": 1, "[length]": -1},  # A/m, Oe
    {"[mass]": 1, "[time]": -2, "[current]": -1},  # T, G
)
_WAVEFORM = "what one is in the other depends on the waveform"
_PHASE = "what one is in the other depends on the phase"
_KINDS = {
    "[voltage_rms]": ("volt", _WAVEFORM),
    "[voltage_peak]": ("volt", _WAVEFORM),
    "[voltage_peak_to_peak]": ("volt", _WAVEFORM),
    "[current_rms]": ("ampere", _WAVEFORM),
    "[current_peak]": ("ampere", _WAVEFORM),
    "[current_peak_to_peak]": ("ampere", _WAVEFORM),
    "[apparent_power]": ("watt", _PHASE),
    "[reactive_power]": ("watt", _PHASE),
    "[gauge_pressure]": ("pascal", "gauge pressure counts from the pressure around"),
    "[standard_flow]": ("meter**3 / second", "standard flow counts gas at standard conditions"),
    "[relative_humidity]": ("percent", "relative humidity is a share of what the air can hold"),
    "[level]": ("percent", "decibels may compare powers or amplitudes"),
    "[decays_per_time]": ("hertz", "not every decay is counted"),
    "[dose_equivalent]": ("gray", "what one is in the other depends on the radiation"),
}
"""Kinds of our own: what they are easily taken for, and why they are not converted into it."""


_POWER = r"(?:\*\*|\^)"
_ENDLESS = re.compile(rf"\d\s*{_POWER}|{_POWER}[\s(+-]*\d{{3,}}|.{{201}}", re.DOTALL)
"""A number to a power, a power of three digits, or too much text: pint works all of it out."""
_POWER_OF_ALL = re.compile(rf"\)\s*{_POWER}")


def registry() -> Any:
    """Pint's registry with our own units; takes 0.3 s at the first call. For any thread."""
    with _loading:  # two registries would not know each other's units
        return _registry()


@cache
def _registry() -> Any:
    import pint

    found: Any = pint.UnitRegistry(
        None, autoconvert_offset_to_baseunit=True, cache_folder=None, on_redefinition="ignore"
    )
    found.load_definitions(str(files("pint") / "default_en.txt"))
    found.load_definitions([line for line in _OWN.splitlines() if line])
    return found


@cache
def unit(text: str) -> Any:
    """A unit as pint has it.

    Raises:
        UnitError: It is not known, or powers in it would take for ever to work out.
    """
    if _ENDLESS.search(text) or len(_POWER_OF_ALL.findall(text)) > 1:
        raise UnitError(f"{text[:60]!r} is not a known unit.")
    spelled = text
    for pattern, word in _SPELLINGS:
        spelled = pattern.sub(word, spelled)
    try:
        found = registry().Unit(spelled)
        dict(found.dimensionality)  # a name may hide what has no definition
    except Exception as error:  # pint raises many kinds, all meaning the same here
        raise UnitError(f"{text!r} is not a known unit.") from error
    return found


def linear(text: str) -> Any:
    """A unit that counts how much something is: no level (see `levels`).

    Raises:
        UnitError: It is not known, or one of pint's levels, of which "dBu" means several things.
    """
    found = unit(text)
    if _LEVELS & {*unit_names(found)}:
        raise UnitError(f"{text!r} is not a known unit of levels.")
    return found


def is_temperature(found: Any) -> bool:
    """Whether it is a temperature or a difference of two, by itself and not per anything."""
    return dict(found.dimensionality) == {"[temperature]": 1}


def is_difference(found: Any) -> bool:
    """Whether a unit of temperature is one of differences."""
    return any("delta_" in name for name in unit_names(found))


def unit_names(found: Any) -> Iterator[str]:
    """The names that a unit is made of, without their powers."""
    return (name for name, _ in registry().Quantity(1, found).unit_items())


def counted(found: Any) -> str | None:
    """What a frequency counts per second: "turn", "count", or "" of hertz; None if it is none."""
    dimensions = dict(found.dimensionality)
    if dimensions.pop("[time]", 0) != -1 or any(power != 1 for power in dimensions.values()):
        return None
    return _RATES.get("".join(dimensions))


def why_not(here: Any, there: Any) -> str:
    """Why two units that are easily taken for each other are not converted, or ""."""
    pair = [dict(each.dimensionality) for each in (here, there)]
    if pair[0] != pair[1] and all(each in _FIELDS for each in pair):
        return "flux density follows from the field only where the material is known"
    (like_here, why_here), (like_there, why_there) = _likeness(here), _likeness(there)
    return (why_here or why_there) if like_here == like_there else ""


def _likeness(found: Any) -> tuple[dict[str, Any], str]:
    """The dimension that a unit is easily taken to have, and why it has not; else its own."""
    dimensions = dict(found.dimensionality)
    (kind, power), *others = dimensions.items() or [("", 0)]
    if others or power != 1 or kind not in _KINDS:
        return dimensions, ""
    like, why = _KINDS[kind]
    return dict(registry().Unit(like).dimensionality), why
