"""Parameter types of SCPI: numbers with units, booleans, words, strings, and lists of them.

Each type turns the text of one argument into a value or raises the `ScpiError` that an instrument
would queue (SCPI-99 volume 1, chapter 7; IEEE 488.2, 7.7).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from funcnodes_simulators.scpi.errors import ScpiError
from funcnodes_simulators.scpi.headers import short_and_long

INFINITY = 9.9e37
NOT_A_NUMBER = 9.91e37

_MULTIPLIERS = {
    "": 1.0, "EX": 1e18, "PE": 1e15, "T": 1e12, "G": 1e9, "MA": 1e6, "K": 1e3,
    "M": 1e-3, "U": 1e-6, "N": 1e-9, "P": 1e-12, "F": 1e-15, "A": 1e-18,
}  # fmt: skip
# IEEE 488.2, 7.7.3.4: before HZ and OHM a lone M means mega.
_MEGA_UNITS = ("HZ", "OHM")
_DECIMAL = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:\s*E\s*([+-]?\d+))?\s*([A-Z]*)", re.I)
_RADIX = {"#H": 16, "#Q": 8, "#B": 2}
_LONGEST_MANTISSA = 255
_LARGEST_EXPONENT = 32000


class Parameter(Protocol):
    """Turns the text of one argument into a value."""

    def parse(self, text: str) -> object:
        """Return the value, or raise the `ScpiError` for what is wrong with the text."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal number between two limits, with an optional unit.

    Attributes:
        low: Least value, also what `MIN` means.
        high: Greatest value, also what `MAX` means.
        default: What `DEF` means.
        unit: The unit that may follow, with or without a multiplier; none when empty.
    """

    low: float
    high: float
    default: float = 0.0
    unit: str = ""

    def parse(self, text: str) -> float:
        value = self.keyword(text)
        if value is None:
            value = parse_number(text, self.unit)
        if not self.low <= value <= self.high:
            raise ScpiError(-222)
        return value

    def keyword(self, text: str) -> float | None:
        """Return what `MIN`, `MAX`, `DEF`, `INF` or `NINF` stands for; None for other text."""
        if not text[0].isalpha():
            return None
        words = {
            "MIN": self.low, "MINIMUM": self.low, "MAX": self.high, "MAXIMUM": self.high,
            "DEF": self.default, "DEFAULT": self.default,
            "INF": INFINITY, "INFINITY": INFINITY, "NINF": -INFINITY, "NINFINITY": -INFINITY,
        }  # fmt: skip
        if text.upper() not in words:
            raise ScpiError(-148 if text.isalnum() else -104)
        return words[text.upper()]


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number between two limits; fractions are rounded, as IEEE 488.2 asks."""

    low: int
    high: int
    default: int = 0

    def parse(self, text: str) -> int:
        return round(Number(self.low - 0.5, self.high + 0.49, self.default).parse(text))


@dataclass(frozen=True, slots=True)
class Boolean:
    """`ON`, `OFF`, or a number that is rounded; everything but 0 is on."""

    def parse(self, text: str) -> bool:
        word = text.upper()
        if word in ("ON", "OFF"):
            return word == "ON"
        if text[0].isalpha():
            raise ScpiError(-224)
        return abs(parse_number(text, "")) >= 0.5


class Choice:
    """One word out of several, in its short or its long form; the value is the short form."""

    def __init__(self, *words: str) -> None:
        self._forms: dict[str, str] = {}
        for word in words:
            short, long = short_and_long(word)
            self._forms[short] = self._forms[long] = short

    def parse(self, text: str) -> str:
        word = self._forms.get(text.upper())
        if word is not None:
            return word
        if text[0] in "'\"":
            raise ScpiError(-158)
        raise ScpiError(-224 if text[0].isalpha() else -104)


class QuotedChoice:
    """One word out of several inside quotes, as a list of functions is written.

    Nodes after a colon may follow: `'VOLT:DC'` and `"VOLTage"` are the same function.
    """

    def __init__(self, *words: str) -> None:
        self._choice = Choice(*words)

    def parse(self, text: str) -> str:
        word, _, kind = String().parse(text).strip().partition(":")
        if not word or kind.upper() not in ("", "DC"):
            raise ScpiError(-224)
        return self._choice.parse(word)


@dataclass(frozen=True, slots=True)
class String:
    """Text in single or double quotes; a doubled quote stands for itself."""

    def parse(self, text: str) -> str:
        quote = text[0]
        if quote not in "'\"":
            raise ScpiError(-104)
        if len(text) < 2 or text[-1] != quote:
            raise ScpiError(-151)
        inner = text[1:-1].replace(quote * 2, "")
        if quote in inner:
            raise ScpiError(-151)
        return text[1:-1].replace(quote * 2, quote)


@dataclass(frozen=True, slots=True)
class Optional:
    """A last parameter that may be left out; the handler then sees None."""

    item: Parameter

    def parse(self, text: str) -> object:
        return self.item.parse(text)


@dataclass(frozen=True, slots=True)
class ListOf:
    """One or more values of one type, which take all arguments that are left."""

    item: Parameter

    def parse(self, text: str) -> object:
        return self.item.parse(text)


def parse_number(text: str, unit: str) -> float:
    """Read a decimal or non-decimal number with an optional unit.

    Args:
        text: What stands on the wire, e.g. `1.5 mV`, `+2e-3`, `#HFF`.
        unit: The unit that is allowed, e.g. `V`; empty when there is none.

    Raises:
        ScpiError: -104, -121, -123, -124, -131 or -138, as the text deserves.
    """
    if text[:2].upper() in _RADIX:
        return _parse_radix(text)
    if text[0] in "'\"(#":
        raise ScpiError(-104)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ScpiError(-121)
    mantissa, exponent, suffix = match[1], match[2] or "0", match[3].upper()
    if len(mantissa) > _LONGEST_MANTISSA:
        raise ScpiError(-124)
    if len(exponent) > 6 or abs(int(exponent)) > _LARGEST_EXPONENT:
        raise ScpiError(-123)
    return float(f"{mantissa}e{exponent}") * _multiplier(suffix, unit.upper())


def _parse_radix(text: str) -> float:
    try:
        value = int(text[2:34], _RADIX[text[:2].upper()])
    except ValueError:
        raise ScpiError(-121) from None
    if len(text) > 34 or value < 0:
        raise ScpiError(-124)
    return float(value)


def _multiplier(suffix: str, unit: str) -> float:
    if not suffix:
        return 1.0
    if not unit:
        raise ScpiError(-138)
    prefix = suffix.removesuffix(unit)
    if not suffix.endswith(unit) or prefix not in _MULTIPLIERS:
        raise ScpiError(-131)
    if prefix == "M" and unit in _MEGA_UNITS:
        return 1e6
    return _MULTIPLIERS[prefix]


def bind(parameters: Sequence[Parameter], arguments: Sequence[str]) -> list[object]:
    """Match arguments to a command's parameters.

    Raises:
        ScpiError: -108 for one too many, -109 for one too few, or what a value deserves.
    """
    if parameters and isinstance(parameters[-1], ListOf):
        parameters = [*parameters[:-1], *_repeat(parameters, arguments)]
    required = sum(not isinstance(parameter, Optional) for parameter in parameters)
    if len(arguments) > len(parameters):
        raise ScpiError(-108)
    if len(arguments) < required:
        raise ScpiError(-109)
    return [p.parse(text) for p, text in zip(parameters, arguments, strict=False)]


def _repeat(parameters: Sequence[Parameter], arguments: Sequence[str]) -> list[Parameter]:
    return [parameters[-1]] * max(1, len(arguments) - len(parameters) + 1)
