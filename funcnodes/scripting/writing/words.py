"""Names and values as they stand in Python."""

import builtins
import keyword
import math
import re
from collections.abc import Mapping
from typing import Any

from funcnodes.core import units
from funcnodes.errors import UnitError

TAKEN = frozenset({
    *dir(builtins), "Path", "answers", "asyncio", "bench", "function", "itertools", "marked",
    "measure", "open_bench", "row", "run", "sys",
})  # fmt: skip
_NO_LETTER = re.compile(r"\W+")


class Names:
    """Gives each thing a name that nothing else has."""

    def __init__(self) -> None:
        self._taken = set(TAKEN)

    def new(self, wanted: str) -> str:
        """A name like the one that is wanted: "Read V, I" is `read_v_i`."""
        name = _NO_LETTER.sub("_", wanted.strip().lower()).strip("_")
        if not name or not name[0].isalpha() or not name.isidentifier():
            name = f"x_{name}" if f"x_{name}".isidentifier() else "x"
        if keyword.iskeyword(name):
            name += "_"
        found, number = name, 1
        while found in self._taken:
            number += 1
            found = f"{name}_{number}"
        self._taken.add(found)
        return found


def quoted(text: str) -> str:
    """A text with the quotes that the rest of the script has."""
    plain = repr(text)
    if plain.startswith("'") and '"' not in text:
        return f'"{plain[1:-1]}"'.replace("\\'", "'")
    return plain


def literal(value: Any) -> str | None:
    """A value as it is written; None where it cannot be."""
    if isinstance(value, str):
        return quoted(str(value)) if type(value) is str else None
    if value is None or isinstance(value, bool):
        return repr(value)
    if type(value) in (int, float):
        return number(value)
    if type(value) in (list, tuple):
        parts = [literal(each) for each in value]
        return None if None in parts else f"[{', '.join(map(str, parts))}]"
    if type(value) is dict:
        pairs = [(literal(key), literal(each)) for key, each in value.items()]
        if any(None in pair for pair in pairs):
            return None
        return "{" + ", ".join(f"{key}: {each}" for key, each in pairs) + "}"
    return None


def number(value: float) -> str:
    """A number, as short as it can be."""
    if not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    return repr(value)


def amount(value: float, unit: str) -> str:
    """A number in its unit as a person writes it, `"20 mA"`, where that is exactly the same."""
    if not unit:
        return number(value)
    for text in (units.text(value, unit, digits=6).replace("−", "-"), in_unit(value, unit)):
        try:
            if units.parse(text, unit) == value:
                return quoted(text)
        except UnitError:
            continue
    return number(value)


def in_unit(value: float, unit: str) -> str:
    """A number in exactly this unit: "700 mV"."""
    short = f"{value:g}"
    return f"{short if float(short) == value else repr(float(value))} {unit}".strip()


def arguments(named: Mapping[str, str]) -> str:
    """Named arguments of a call; names that Python has no way to write go by a dictionary."""
    plain = [f"{name}={value}" for name, value in named.items() if is_name(name)]
    other = {name: value for name, value in named.items() if not is_name(name)}
    if other:
        pairs = ", ".join(f"{quoted(name)}: {value}" for name, value in other.items())
        plain.append(f"**{{{pairs}}}")
    return ", ".join(plain)


def mapping(named: Mapping[str, str]) -> str:
    """Named values for a call: as arguments, or, where a name is none, as a dictionary."""
    if all(map(is_name, named)):
        return arguments(named)
    return "{" + ", ".join(f"{quoted(name)}: {value}" for name, value in named.items()) + "}"


def is_name(text: str) -> bool:
    """Whether it can be the name of an argument."""
    return text.isidentifier() and not keyword.iskeyword(text)
