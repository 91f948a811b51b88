"""How a reply is read where it is not just a plain value: the words `parse=` and `missing=`.

    volts = measurement(float, "MEAS?", unit="V", parse=r"V=(.*)", missing={"OVLD": "overrange"})

`missing` names the words and numbers that mean "no number": each becomes NaN with its quality
(D3). `parse` says what of the text is the value. A unit behind a number is taken where it is the
declared one; a number in any other unit is a ReplyError and never data. What is none of all that
is a ReplyError too, as everywhere (see `replies`).
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from funcnodes.core import foreign, units
from funcnodes.core.values import QUALITIES, Quality
from funcnodes.devices.messages import replies
from funcnodes.errors import ReplyError, UnitError

Parse = str | re.Pattern[str] | Callable[[str], Any] | Mapping[str, Any]
"""A pattern with one group, a function of the text, or a table of all texts that may come."""

Missing = Mapping[str, str] | Mapping[float, str] | Mapping[int, str] | Mapping[str | float, str]
"""Words and numbers that mean "no number", and the quality that says why there is none."""

_AMOUNT = re.compile(  # a number, all of it, and something behind it
    r"((?>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?))\s*([^\d\s.+-].*)", re.ASCII
)
_TEMPERATURES = {
    "c": "°C", "degc": "°C", "deg c": "°C", "celsius": "°C", "f": "°F", "degf": "°F",
    "deg f": "°F", "fahrenheit": "°F", "k": "K", "kelvin": "K",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReplyReader:
    """Reads a member's replies.

    Attributes:
        type: bool, int, float or str.
        unit: Unit of a number, or "".
        pattern: What the whole text must be like; its group is the value.
        function: Makes the value of the text.
        table: Every text that may come, in lower case, and its value.
        words: Texts that mean "no number", in lower case.
        numbers: Numbers that mean "no number".
    """

    type: type[Any]
    unit: str = ""
    pattern: re.Pattern[str] | None = None
    function: Callable[[str], Any] | None = None
    table: Mapping[str, Any] | None = None
    words: Mapping[str, Quality] = field(default_factory=dict)
    numbers: Mapping[float, Quality] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether nothing is said of how a text is read."""
        return self.pattern is None and self.function is None and self.table is None

    def read(self, text: str) -> tuple[Any, Quality]:
        """The value of a reply, NaN with a quality where it has none.

        Raises:
            ReplyError: It is none of this type, or in another unit.
        """
        text = text.strip()
        quality = self._missing_word(text)
        if quality is None and self.pattern is not None:
            text = self.extract(text)
            quality = self._missing_word(text)
        if quality is not None:
            return math.nan, quality
        if self.table is not None:
            return self._looked_up(text), "ok"
        if self.function is not None:
            return self._computed(text)
        return self._read_plainly(text)

    def extract(self, text: str) -> str:
        """The part of a text that is the value.

        Raises:
            ReplyError: It is not like the pattern.
        """
        if self.pattern is None:
            return text
        match = self.pattern.fullmatch(text.strip())
        if match is None:
            raise ReplyError(f"{replies.shown(text)} is not like {self.pattern.pattern!r}.")
        return (match[1] or "").strip()

    def describe(self) -> dict[str, Any]:
        """`parse` and `missing`, ready for JSON; nothing where replies are plain."""
        found: dict[str, Any] = {}
        if self.pattern is not None:
            found["parse"] = self.pattern.pattern
        elif self.function is not None:
            found["parse"] = getattr(self.function, "__name__", "a function")
        elif self.table is not None:
            found["parse"] = {text: _json(value) for text, value in self.table.items()}
        missing = {**self.words, **{f"{number:.9g}": q for number, q in self.numbers.items()}}
        return found | ({"missing": missing} if missing else {})

    def sentence(self) -> str:
        """What means "no number", for people; "" where nothing does."""
        missing = self.describe().get("missing", {})
        said = ", ".join(f"`{word.upper()}` ({quality})" for word, quality in missing.items())
        return f"No number: {said}." if said else ""

    def _missing_word(self, text: str) -> Quality | None:
        if not self.words:
            return None
        word = _run(_bare(text))
        return self.words.get(word)

    def _looked_up(self, text: str) -> Any:
        assert self.table is not None
        word = _bare(text)
        if word not in self.table:
            raise ReplyError(f"{replies.shown(text)} is none of {', '.join(self.table)}.")
        return self.table[word]

    def _computed(self, text: str) -> tuple[Any, Quality]:
        assert self.function is not None
        try:
            value = self.function(text)
            number = float(value) if self.type in (int, float) else math.nan
        except ReplyError:
            raise
        except BaseException as error:  # somebody else's function: anything can happen
            raise ReplyError(
                f"{replies.shown(text)} cannot be read: {foreign.words(error)}."
            ) from error
        if self.type in (int, float):
            return self._judged(number)
        if not isinstance(value, self.type):
            raise ReplyError(f"{replies.shown(text)} was read as {value!r}.")
        return value, "ok"

    def _read_plainly(self, text: str) -> tuple[Any, Quality]:
        if self.type is bool:
            return replies.boolean(text), "ok"
        if self.type not in (int, float):
            return replies.word(text), "ok"
        number, quality = self._amount(text)
        if quality != "ok":
            return number, quality
        found, quality = self._judged(number)
        if self.type is int and quality == "ok" and not isinstance(found, int):
            raise ReplyError(f"{replies.shown(text)} is not a whole number.")
        return found, quality

    def _judged(self, number: float) -> tuple[Any, Quality]:
        """A number in the member's type, or NaN where it means that there is none."""
        for each, quality in self.numbers.items():
            if math.isclose(number, each, rel_tol=1e-9, abs_tol=0.0):
                return math.nan, quality
        if math.isnan(number):
            return math.nan, "missing"
        if self.type is int and math.isfinite(number) and number == int(number):
            return int(number), "ok"
        return number, "ok"

    def _amount(self, text: str) -> tuple[float, Quality]:
        """A number, behind which the declared unit may stand; ReplyError where another does."""
        try:
            return replies.number(text)
        except ReplyError:
            match = _AMOUNT.fullmatch(text) if self.unit else None
            if match is None:
                raise
            given = match[2].strip()
            if not _is_same(given, self.unit):
                if _is_unit(given):
                    raise ReplyError(f"{replies.shown(text)} is not in {self.unit}.") from None
                raise
        return replies.number(match[1])


def reader(
    type: type[Any], unit: str = "", *, parse: Parse | None = None, missing: Missing | None = None
) -> ReplyReader:
    """How replies with a value of `type` are read.

    Raises:
        TypeError: A pattern without one group, a quality that is none, or a type that has no
            number to be missing.
    """
    words, numbers = _missing(missing or {})
    if missing and type not in (int, float):
        raise TypeError(f"Only a number can be missing, and {type.__name__} is none.")
    if isinstance(parse, str | re.Pattern):
        pattern = re.compile(parse)
        if pattern.groups != 1:
            raise TypeError(f"The pattern {pattern.pattern!r} is to have one group, the value.")
        return ReplyReader(type, unit, pattern=pattern, words=words, numbers=numbers)
    if isinstance(parse, Mapping):
        table = {_bare(text): value for text, value in parse.items()}
        return ReplyReader(type, unit, table=table, words=words, numbers=numbers)
    return ReplyReader(type, unit, function=parse, words=words, numbers=numbers)


def check_qualities(qualities: Iterable[str]) -> None:
    """Raise TypeError where one is no quality of a number that is missing."""
    unknown = set(qualities) - (set(QUALITIES) - {"ok"})
    if unknown:
        known = ", ".join(QUALITIES[1:])
        raise TypeError(f"{unknown.pop()!r} is no quality that says why; only {known} are.")


def _missing(given: Missing) -> tuple[dict[str, Quality], dict[float, Quality]]:
    check_qualities(given.values())
    words: dict[str, Quality] = {}
    numbers: dict[float, Quality] = {}
    for key, quality in given.items():
        known: Quality = quality  # type: ignore[assignment]  # looked at just now
        if isinstance(key, str):
            words[_run(_bare(key))] = known
        else:
            numbers[float(key)] = known
    return words, numbers


def _bare(text: str) -> str:
    """Without quotes, in lower case."""
    text = text.strip()
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return (text[1:-1] if is_quoted else text).strip().casefold()


def _run(word: str) -> str:
    """ "****" stands for as many stars as an instrument has room for."""
    is_run = len(word) > 1 and len(set(word)) == 1 and not word.isalnum()
    return word[0] * 2 if is_run else word


@lru_cache(maxsize=256)
def _is_same(given: str, declared: str) -> bool:
    """Whether the unit behind a number is the one that is declared, as instruments spell it."""
    if given == declared:
        return True
    given = _TEMPERATURES.get(given.lower(), given)
    declared = _TEMPERATURES.get(declared.lower(), declared)
    if given.casefold() == declared.casefold():
        return given[0] == declared[0] or given[0] not in "mM"  # MV may be milli or mega
    if {given, declared} & set(_TEMPERATURES.values()):
        return False
    try:
        return units.conversion(given, declared) == units.IDENTITY
    except UnitError:
        return False


@lru_cache(maxsize=256)
def _is_unit(given: str) -> bool:
    """Whether what stands behind a number may be its unit."""
    if given.lower() in _TEMPERATURES:
        return True
    try:
        units.check(given)
    except UnitError:
        return False
    return True


def _json(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)
