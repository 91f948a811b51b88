"""Parameter types of SCPI: numbers with units, booleans, words, strings, channels and lists.

Each type turns the text of one argument into a value or raises the `ScpiError` that an instrument
would queue (SCPI-99 volume 1, chapters 7 and 8; IEEE 488.2, 7.7). Blocks are `blocks`'.
"""

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
_DECIMAL = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))(?:\s*E\s*([+-]?\d+))?\s*([A-Z%][A-Z0-9%/.-]*)?", re.I | re.A
)
_RADIX = {"#H": 16, "#Q": 8, "#B": 2}
_UNMULTIPLIED = ("DB", "%", "PCT")
_CHANNEL = re.compile(r"\s*\d{1,9}(?:\s*!\s*\d{1,9})*\s*", re.A)
_LONGEST_MANTISSA = 255
_LONGEST_SUFFIX = 12
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
        unit: The unit that may follow, with or without a multiplier; none when empty. Units that
            begin with DB and the percent sign take no multiplier.
        other_units: More units, each with what turns a number in it into one in `unit`.
        step: How far `UP` and `DOWN` go.
        present: The value that they start from; without it there is no `UP` and no `DOWN`.
    """

    low: float
    high: float
    default: float = 0.0
    unit: str = ""
    other_units: Mapping[str, Callable[[float], float]] = field(default_factory=dict)
    step: float = 1.0
    present: Callable[[], float] | None = None

    def parse(self, text: str) -> float:
        value = self.keyword(text)
        if value is None:
            value = parse_number(text, self.unit, self.other_units)
        if not self.low <= value <= self.high:
            raise ScpiError(-222)
        return value

    def keyword(self, text: str) -> float | None:
        """Return what `MIN`, `MAX`, `DEF`, `UP`, `INF` and so on stand for; None for other text."""
        if not text[0].isalpha():
            return None
        words = {
            "MIN": self.low, "MINIMUM": self.low, "MAX": self.high, "MAXIMUM": self.high,
            "DEF": self.default, "DEFAULT": self.default,
            "INF": INFINITY, "INFINITY": INFINITY, "NINF": -INFINITY, "NINFINITY": -INFINITY,
            "NAN": NOT_A_NUMBER,
        }  # fmt: skip
        if self.present is not None:
            words |= {"UP": self.present() + self.step, "DOWN": self.present() - self.step}
        if text.upper() not in words:
            raise ScpiError(-148 if text.isalnum() else -104)
        return words[text.upper()]


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number between two limits; fractions are rounded, as IEEE 488.2 asks.

    Attributes:
        low: Least value, also what `MIN` means.
        high: Greatest value, also what `MAX` means.
        default: What `DEF` means.
        present: What `UP` and `DOWN` start from; without it there is neither.
    """

    low: int
    high: int
    default: int = 0
    present: Callable[[], float] | None = None

    def parse(self, text: str) -> int:
        number = Number(self.low, self.high, self.default, present=self.present)
        value = number.keyword(text)
        if value is None:
            value = parse_number(text, "")
        if not self.low - 0.5 <= value < self.high + 0.5:
            raise ScpiError(-222)
        return max(self.low, math.floor(value + 0.5))


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


@dataclass(frozen=True, slots=True)
class ChannelList:
    """Channels or switch points in the order they are given: `(@1:3,5)`, `(@1!2:2!4)`.

    The value is a tuple of numbers, or of tuples where `!` makes several dimensions (SCPI-99
    volume 1, 8.3.2). A range of several dimensions runs through the last one fastest.

    Attributes:
        low: The least channel of each dimension.
        high: The greatest.
        most: How many channels a list may name.
    """

    low: tuple[int, ...] = (1,)
    high: tuple[int, ...] = (1,)
    most: int = 1000

    def parse(self, text: str) -> tuple[int, ...] | tuple[tuple[int, ...], ...]:
        inner = text.strip()
        if not inner.startswith("("):
            raise ScpiError(-104)
        if not (inner.startswith("(@") and inner.endswith(")")):
            raise ScpiError(-171)
        points: list[tuple[int, ...]] = []
        for entry in inner[2:-1].split(",") if inner[2:-1].strip() else []:
            points += self._span(entry)
            if len(points) > self.most:
                raise ScpiError(-223)
        if len(self.low) > 1:
            return tuple(points)
        return tuple(point[0] for point in points)

    def _span(self, entry: str) -> list[tuple[int, ...]]:
        ends = [self._point(end) for end in entry.split(":")]
        if len(ends) > 2:
            raise ScpiError(-171)
        axes = [_steps(first, last) for first, last in zip(ends[0], ends[-1], strict=True)]
        if math.prod(len(axis) for axis in axes) > self.most:
            raise ScpiError(-223)
        return list(itertools.product(*axes))

    def _point(self, text: str) -> tuple[int, ...]:
        match = _CHANNEL.fullmatch(text)
        if match is None:
            raise ScpiError(-171)
        point = tuple(int(part) for part in text.split("!"))
        if len(point) != len(self.low):
            raise ScpiError(-171)
        if not all(a <= n <= b for a, n, b in zip(self.low, point, self.high, strict=True)):
            raise ScpiError(-222)
        return point


def _steps(first: int, last: int) -> range:
    """Return the numbers from one to another, both included, in either direction."""
    return range(first, last + 1) if first <= last else range(first, last - 1, -1)


def parse_number(
    text: str, unit: str, other_units: Mapping[str, Callable[[float], float]] | None = None
) -> float:
    """Read a decimal or non-decimal number with an optional unit.

    Args:
        text: What was sent, e.g. `1.5 mV`, `+2e-3`, `#HFF`.
        unit: The unit that is allowed, e.g. `V`; empty when there is none.
        other_units: Further units, each with what turns a number in it into one in `unit`.

    Raises:
        ScpiError: -104, -121, -123, -124, -131, -134 or -138, as the text deserves.
    """
    if text[:2].upper() in _RADIX:
        return _parse_radix(text)
    if text[0] in "'\"(#":
        raise ScpiError(-104)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ScpiError(-121)
    mantissa, exponent, suffix = match[1], match[2] or "0", (match[3] or "").upper()
    if len(mantissa) > _LONGEST_MANTISSA:
        raise ScpiError(-124)
    if len(exponent) > 6 or abs(int(exponent)) > _LARGEST_EXPONENT:
        raise ScpiError(-123)
    if len(suffix) > _LONGEST_SUFFIX:
        raise ScpiError(-134)
    number = float(f"{mantissa}e{exponent}")
    others = {name.upper(): convert for name, convert in (other_units or {}).items()}
    fitting = max((u for u in (unit.upper(), *others) if suffix.endswith(u)), key=len, default="")
    if fitting in others:
        return others[fitting](number * _multiplier(suffix, fitting))
    return number * _multiplier(suffix, unit.upper())


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
    if prefix and unit.startswith(_UNMULTIPLIED):
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
