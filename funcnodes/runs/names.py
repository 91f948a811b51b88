"""Names that differ, whatever they were asked to be."""

import itertools
from collections.abc import Iterable


def unique(name: str, taken: Iterable[str]) -> str:
    """`name`, or the first of "name_2", "name_3" … that is free; case does not tell them apart."""
    used = {each.lower() for each in taken}
    numbered = (name if n == 1 else f"{name}_{n}" for n in itertools.count(1))
    return next(candidate for candidate in numbered if candidate.lower() not in used)
