"""Rows that are points of a grid, found by their numbers alone: for runs that do not say so.

Two columns span a grid where their values meet nearly everywhere: all but the last line of it. A
point that was measured again counts as it was last.
"""

from dataclasses import dataclass
from typing import Any

_DIGITS = 9
"""Values that agree to so many digits of their span are one place."""


@dataclass(frozen=True, slots=True)
class Surface:
    """A grid of two columns.

    Attributes:
        across, up: The places along the column that changes faster, and along the other, ascending.
        is_swapped: Whether the first of the two given is the one that goes up.
        rows: The number of the row at each place, up by across; -1 where there is none.
    """

    across: Any
    up: Any
    is_swapped: bool
    rows: Any


def surface_of(one: Any, other: Any) -> Surface | None:
    """The grid that two columns of numbers span, or None where they span none."""
    import numpy as np

    known = np.flatnonzero(np.isfinite(one) & np.isfinite(other))
    if len(known) < 3:
        return None
    (values, places), (others, other_places) = _places(one[known]), _places(other[known])
    lengths = len(values), len(others)
    cells = places * lengths[1] + other_places
    fewest = min((lengths[0] - 1) * lengths[1], lengths[0] * (lengths[1] - 1))
    if min(lengths) < 2 or len(np.unique(cells)) <= fewest:
        return None
    is_swapped = _changes(places) < _changes(other_places)
    if not is_swapped:
        values, others, places, other_places = others, values, other_places, places
    rows = np.full((len(values), len(others)), -1, dtype=np.int64)
    rows[places, other_places] = known  # of one cell's rows the last counts
    return Surface(across=others, up=values, is_swapped=bool(is_swapped), rows=rows)


def _places(values: Any) -> tuple[Any, Any]:
    """The different values, ascending, and which of them each is."""
    import numpy as np

    low, high = values.min(), values.max()
    step = max(high - low, abs(high) * 1e-15) * 10.0**-_DIGITS or 1.0
    _, firsts, places = np.unique(
        np.round((values - low) / step), return_index=True, return_inverse=True
    )
    return values[firsts], places


def _changes(places: Any) -> int:
    return int((places[1:] != places[:-1]).sum())
