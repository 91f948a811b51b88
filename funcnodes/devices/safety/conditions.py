"""Conditions on what a bench measures, as text: `tc.a.kelvin > "320 K" and smu.output for 2 s`.

    condition   either [ "for" number unit ]
    either      both { "or" both }
    both        one { "and" one }
    one         "not" one | "(" either ")" | source [ sign value ]
    sign        > >= < <= == !=
    value       "text" | number [ unit ] | word

A source is a full name such as tc.a.kelvin; alone it must be on or off. The text is data: nothing
of it is executed. Names, units and types are checked against the drivers' declarations. A
condition is true, false or not known (`None`), which spreads as in Kleene's logic: a clause that is
not known matters only where the rest leaves the answer open.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from funcnodes.core import units
from funcnodes.devices.safety.sources import Observation, WatchedSource
from funcnodes.errors import BenchError, UnitError

LONGEST = 500
DEEPEST = 20
LONGEST_S = 86_400.0
Seen = Mapping[str, Observation]
Lookup = Callable[[str], WatchedSource]
_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
_WORDS = {"and", "or", "not", "for"}
_TOKEN = re.compile(
    r"""\s*(?:(?P<sign>>=|<=|==|!=|>|<)
        |(?P<bracket>[()])
        |"(?P<text>[^"]*)"
        |(?P<number>[-+−]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
        |(?P<name>[A-Za-z_°Ωµ%][A-Za-z0-9_.°Ωµ%/*^]*)
        |(?P<end>\Z))""",
    re.VERBOSE,
)


# ── what a condition is made of ───────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Relation:
    """A source against a value of its own type and unit."""

    source: WatchedSource
    sign: str
    value: Any

    def holds(self, seen: Seen) -> bool | None:
        observation = seen.get(self.source.name)
        value = observation.value if observation is not None else None
        return None if value is None else _SIGNS[self.sign](value, self.value)

    def sources(self) -> Iterator[WatchedSource]:
        yield self.source

    def __str__(self) -> str:
        return f"{self.source.name} {self.sign} {self.source.shown(self.value)}"


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    clause: "Clause"

    def holds(self, seen: Seen) -> bool | None:
        held = self.clause.holds(seen)
        return None if held is None else not held

    def sources(self) -> Iterator[WatchedSource]:
        return self.clause.sources()

    def __str__(self) -> str:
        return f"not {self.clause}"


@dataclass(frozen=True, slots=True)
class Joined:
    """Clauses joined by "and" or by "or"."""

    word: str
    clauses: tuple["Clause", ...]

    def holds(self, seen: Seen) -> bool | None:
        deciding = self.word == "or"
        held = [clause.holds(seen) for clause in self.clauses]
        if deciding in held:
            return deciding
        return None if None in held else not deciding

    def sources(self) -> Iterator[WatchedSource]:
        for clause in self.clauses:
            yield from clause.sources()

    def __str__(self) -> str:
        return "(" + f" {self.word} ".join(str(clause) for clause in self.clauses) + ")"


Clause = Relation | Not | Joined


@dataclass(frozen=True, slots=True)
class Condition:
    """A whole condition.

    Attributes:
        text: As it was written.
        for_s: How long it must hold without a break, in seconds.
    """

    text: str
    clause: Clause
    for_s: float = 0.0

    def holds(self, seen: Seen) -> bool | None:
        """Whether it is true now; None where that is not known. `for_s` is the caller's."""
        return self.clause.holds(seen)

    @property
    def sources(self) -> dict[str, WatchedSource]:
        """What it looks at, by name."""
        return {source.name: source for source in self.clause.sources()}


def parse_condition(text: str, lookup: Lookup) -> Condition:
    """Read a condition.

    Args:
        lookup: Finds a source by its full name; raises BenchError where there is none.

    Raises:
        BenchError: It is no condition, or names what there is not; says at which character.
    """
    if len(text) > LONGEST:
        raise BenchError(f"a condition has at most {LONGEST} characters, this one {len(text)}.")
    parser = _Parser(text, lookup)
    clause = parser.either(0)
    for_s = parser.duration()
    if parser.kind != "end":
        parser.expected("'and', 'or', 'for' or the end")
    return Condition(text, clause, for_s)


class _Parser:
    """Goes through the text once; `kind` and `word` are of the token it stands at."""

    def __init__(self, text: str, lookup: Lookup) -> None:
        self._text = text
        self._lookup = lookup
        self._next = 0
        self._step()

    def either(self, depth: int) -> Clause:
        return self._joined("or", lambda: self._joined("and", lambda: self._one(depth)))

    def duration(self) -> float:
        if not self._takes("for"):
            return 0.0
        at = self._at
        value = self._value()
        try:
            seconds = units.parse(value, "s")
        except UnitError as error:
            raise self._wrong(error.message, at) from error
        if not 0 <= seconds <= LONGEST_S:
            raise self._wrong(f"{value} is no time from 0 to {LONGEST_S:g} s", at)
        return seconds

    def expected(self, what: str) -> NoReturn:
        found = f"not {self.word!r}" if self.kind != "end" else "but it ends there"
        raise self._wrong(f"{what} is expected, {found}", self._at)

    def _joined(self, word: str, inner: Callable[[], Clause]) -> Clause:
        clauses = [inner()]
        while self._takes(word):
            clauses.append(inner())
        return clauses[0] if len(clauses) == 1 else Joined(word, tuple(clauses))

    def _one(self, depth: int) -> Clause:
        if depth > DEEPEST:
            raise self._wrong(f"it is nested more than {DEEPEST} deep", self._at)
        if self._takes("not"):
            return Not(self._one(depth + 1))
        if self.kind == "bracket" and self.word == "(":
            self._step()
            clause = self.either(depth + 1)
            if (self.kind, self.word) != ("bracket", ")"):
                self.expected("')'")
            self._step()
            return clause
        return self._comparison()

    def _comparison(self) -> Clause:
        if self.kind != "name" or self.word in _WORDS:
            self.expected("a source such as tc.a.kelvin")
        at = self._at
        source = self._found(self.word, at)
        self._step()
        if self.kind != "sign":
            if source.type is not bool:
                self.expected(f"a comparison of {source.name}")
            return Relation(source, "==", True)
        sign, sign_at = self.word, self._at
        if sign not in ("==", "!=") and not source.is_number:
            raise self._wrong(f"{source.name} is no number, so only == and != fit", sign_at)
        self._step()
        at = self._at
        try:
            return Relation(source, sign, source.value(self._value()))
        except BenchError as error:
            raise self._wrong(error.message, at) from error

    def _found(self, name: str, at: int) -> WatchedSource:
        try:
            return self._lookup(name)
        except BenchError as error:
            raise self._wrong(error.message, at) from error

    def _value(self) -> str:
        """A value as text, with the unit that may follow a number."""
        word = self.word
        if self.kind == "number":
            self._step()
            if self.kind == "name" and self.word not in _WORDS:
                word = f"{word} {self.word}"
                self._step()
            return word
        if self.kind != "text" and (self.kind != "name" or word in _WORDS):
            self.expected("a value")
        self._step()
        return word

    def _takes(self, word: str) -> bool:
        is_there = self.kind == "name" and self.word == word
        if is_there:
            self._step()
        return is_there

    def _step(self) -> None:
        match = _TOKEN.match(self._text, self._next)
        if match is None or match.lastgroup is None:
            start = len(self._text) - len(self._text[self._next :].lstrip())
            raise self._wrong(f"{self._text[start]!r} means nothing there", start)
        self.kind, self.word = match.lastgroup, match[match.lastgroup]
        self._at = match.start(match.lastgroup) - (self.kind == "text")  # at the quote
        self._next = match.end()

    def _wrong(self, why: str, at: int) -> BenchError:
        return BenchError(f"character {at + 1}: {why.rstrip('.')}.")
