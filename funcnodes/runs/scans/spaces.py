"""What an optimiser may choose from, and what it is to reach: parameters, goals, constraints.

Written as text, one in a line or divided by ";":

    power: 1 to 10 W step 0.5        yield: maximum              temperature <= 80 degC
    gas: Ar | N2 | He                cost: minimum weight 0.5    clean
    delay: 10 ms to 2 s              ph: target 7

A constraint without a comparison is one that has to be on.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from funcnodes.core import units
from funcnodes.errors import UnitError, ValueRefusedError

Wanted = Literal["minimum", "maximum", "target"]
Value = float | str
MOST_PARAMETERS = 12
MOST_GOALS = 6
MOST_CHOICES = 50
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Factor:
    """What is chosen for each point.

    Attributes:
        step: Between its values, from `low` on; 0 for any number.
        choices: All of its values, where it is no range.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    step: float = 0.0
    unit: str = ""
    choices: tuple[Value, ...] = ()

    @property
    def count(self) -> int:
        """How many values it has; 0 for a range without steps."""
        if self.choices:
            return len(self.choices)
        return (
            math.floor((self.high - self.low) / self.step * (1 + 1e-12) + 1e-9) + 1
            if (self.step)
            else 0
        )

    @property
    def is_number(self) -> bool:
        return all(isinstance(choice, float) for choice in self.choices)

    def at(self, part: float) -> Value:
        """The value so far through it, from 0 to 1; the nearest that it has."""
        if self.count:
            return self.nth(min(int(part * self.count), self.count - 1))
        return min(max(self.low + (self.high - self.low) * part, self.low), self.high)

    def nth(self, index: int) -> Value:
        """One of its values, where it does not have any number."""
        if self.choices:
            return self.choices[index]
        return min(round(self.low + index * self.step, 12), self.high)

    def index(self, value: Value) -> int:
        """The opposite of `nth`."""
        if self.choices:
            return self.choices.index(value)
        return round((float(value) - self.low) / self.step)

    def ends(self) -> tuple[float, float] | None:
        """Lowest and highest number, None where it is of words."""
        if not self.choices:
            return self.low, self.high
        numbers = [choice for choice in self.choices if isinstance(choice, float)]
        return (min(numbers), max(numbers)) if len(numbers) == len(self.choices) else None


@dataclass(frozen=True, slots=True)
class Aim:
    """One goal: what a result is to be, and how much that counts beside the others."""

    name: str
    wanted: Wanted
    target: float = 0.0
    weight: float = 1.0

    def cost(self, value: float) -> float:
        """The smaller, the better."""
        if self.wanted == "target":
            return abs(value - self.target)
        return value if self.wanted == "minimum" else -value


@dataclass(frozen=True, slots=True)
class Constraint:
    """What has to hold of a point, for it to count.

    Attributes:
        sign: +1 where a number may be `limit` at most, −1 at least; 0 where it is a switch.
    """

    name: str
    sign: int = 0
    limit: float = 0.0
    unit: str = ""

    def excess(self, value: Any) -> float:
        """How far it is broken: at most 0 where it holds."""
        if not self.sign:
            return 0.0 if value is True else 1.0
        return self.sign * (float(value) - self.limit)


def parameters(text: str) -> tuple[Factor, ...]:
    """Raises ValueRefusedError where it is no list of parameters."""
    return _each("parameters", text, _parameter, MOST_PARAMETERS)


def aims(text: str) -> tuple[Aim, ...]:
    """Raises ValueRefusedError where it is no list of goals."""
    return _each("goals", text, _aim, MOST_GOALS)


def constraints(text: str) -> tuple[Constraint, ...]:
    """Raises ValueRefusedError where it is no list of constraints; there may be none."""
    return _each("constraints", text, _constraint, MOST_GOALS) if text.strip() else ()


# ── reading ───────────────────────────────────────────────────────────────────────────────


def _each(what: str, text: str, read: Callable[[str], T], most: int) -> tuple[T, ...]:
    lines = [line.strip() for line in re.split(r"[;\n]", text) if line.strip()]
    if not 1 <= len(lines) <= most:
        raise ValueRefusedError(f"{what}: there are to be 1 to {most}, not {len(lines)}.")
    found = tuple(read(line) for line in lines)
    names = [each.name for each in found]  # type: ignore[attr-defined]  # all three have one
    for name in names:
        if names.count(name) > 1:
            raise ValueRefusedError(f"{what}: {name} is there more than once.")
    return found


_NAME = r"([^\W\d]\w*)"
_RANGE = re.compile(r"(.+?)\s+to\s+(.+?)(?:\s+step\s+(.+))?")
_AIM = re.compile(
    _NAME + r"\s*:\s*(minimum|maximum|target\s+(\S+))(?:\s+weight\s+(\S+))?", re.IGNORECASE
)
_CONSTRAINT = re.compile(_NAME + r"(?:\s*(<=|>=|≤|≥|<|>)\s*(.+))?")


def _parameter(line: str) -> Factor:
    name, colon, rest = (part.strip() for part in line.partition(":"))
    if not colon or not re.fullmatch(_NAME, name):
        raise ValueRefusedError(f'{line!r} is no parameter: write "power: 1 to 10 W".')
    if "|" in rest:
        words = [word.strip() for word in rest.split("|")]
        if "" in words or len(set(words)) < len(words) or len(words) > MOST_CHOICES:
            raise ValueRefusedError(f"{name}: {rest!r} are no different choices.")
        numbers = [_float(word) for word in words]
        plain = [number for number in numbers if number is not None]
        return Factor(name, choices=tuple(plain if len(plain) == len(words) else words))
    found = _RANGE.fullmatch(rest)
    if found is None:
        raise ValueRefusedError(f'{name}: {rest!r} is no range and no choice, e.g. "1 to 10 W".')
    low, high, step = found.groups()
    try:
        unit = units.split(high)[1] or units.split(low)[1]
        ends = [units.parse(each, unit) for each in (low, high, step or "0")]
    except (UnitError, ValueRefusedError) as error:
        raise ValueRefusedError(f"{name}: {error.message}") from error
    if not all(map(math.isfinite, ends)) or ends[0] >= ends[1] or ends[2] < 0:
        raise ValueRefusedError(f"{name}: {rest!r} is no range from a lower to a higher number.")
    return Factor(name, ends[0], ends[1], ends[2], unit)


def _aim(line: str) -> Aim:
    found = _AIM.fullmatch(line)
    if found is None:
        raise ValueRefusedError(
            f'{line!r} is no goal: write "yield: maximum", "cost: minimum weight 0.5" or '
            '"ph: target 7".'
        )
    name, wanted, target, weight = found.groups()
    numbers = [_float(target or "0"), _float(weight or "1")]
    if numbers[0] is None or numbers[1] is None or numbers[1] <= 0:
        raise ValueRefusedError(f"{name}: {target or weight!r} is to be a number, above 0.")
    kind: Any = wanted.split()[0].lower()
    return Aim(name, kind, numbers[0], numbers[1])


def _constraint(line: str) -> Constraint:
    found = _CONSTRAINT.fullmatch(line)
    if found is None:
        raise ValueRefusedError(f'{line!r} is no constraint: write "temperature <= 80 degC".')
    name, sign, limit = found.groups()
    if sign is None:
        return Constraint(name)
    try:
        number, unit = units.split(limit)
    except (UnitError, ValueRefusedError) as error:
        raise ValueRefusedError(f"{name}: {error.message}") from error
    return Constraint(name, 1 if sign in "<=≤" and sign[0] != ">" else -1, number, unit)


def _float(word: str) -> float | None:
    try:
        number = float(word.replace("−", "-"))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def listed(values: Sequence[str]) -> str:
    """Names in a sentence."""
    return ", ".join(values)
