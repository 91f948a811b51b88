"""Tables of any kind, as hypothesis draws them, and what makes two cells the same."""

import itertools
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from funcnodes.runs import RunReader
from funcnodes.runs.records import EMPTY, QUALITIES, Cell, Column

from .recorded import recorded

Rows = Sequence[Sequence[Cell]]
_EMPTY = st.sampled_from([Cell(None, "missing"), Cell(None, "stale")])
_DOUBTED = st.sampled_from([word for word in QUALITIES if word not in EMPTY])
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_FLOAT = st.floats(allow_nan=False, allow_infinity=True)
_KINDS = {
    "quantity": _FLOAT,
    "number": st.integers(-(2**62), 2**62),
    "text": _TEXT,
    "bool": st.booleans(),
    "array": st.lists(st.floats(width=64, allow_nan=False), min_size=3, max_size=3).map(np.array),
    "any": st.one_of(_FLOAT, _TEXT, st.lists(st.integers(-9, 9), max_size=3)),
}


@st.composite
def tables(draw: st.DrawFn, *, mixed: bool = True) -> tuple[tuple[Column, ...], Rows]:
    """Up to four columns of any kind, and up to five rows with gaps and doubtful values.

    Args:
        mixed: Off leaves out columns whose cells are of several kinds.
    """
    known = sorted(_KINDS if mixed else _KINDS.keys() - {"any"})
    kinds = draw(st.lists(st.sampled_from(known), min_size=1, max_size=4))
    names = (f"{letter}{kind}" for letter, kind in zip("abcd", kinds, strict=False))
    columns = tuple(
        Column(name=name, kind=kind, unit="V" if kind == "quantity" else "")
        for name, kind in zip(names, kinds, strict=False)
    )
    cells = [_cells(kind) for kind in kinds]
    return columns, draw(st.lists(st.tuples(*cells), max_size=5))


def _cells(kind: str) -> st.SearchStrategy[Cell]:
    nan = _DOUBTED.map(lambda word: Cell(math.nan, word))
    filled = st.builds(Cell, _KINDS[kind], _DOUBTED)
    return st.one_of(filled, _EMPTY, nan) if kind == "quantity" else st.one_of(filled, _EMPTY)


@contextmanager
def kept(table: tuple[tuple[Column, ...], Rows]) -> Iterator[tuple[RunReader, Path]]:
    """A run of the table, and a folder for what is made of it."""
    with tempfile.TemporaryDirectory() as folder:
        yield recorded(Path(folder, "runs"), *table), Path(folder)


def same(one: Any, other: Any) -> bool:
    """Whether two cells are the same: NaN is itself, an array is its numbers."""
    one, other = (each.tolist() if hasattr(each, "tolist") else each for each in (one, other))
    if isinstance(one, list) and isinstance(other, list):
        pairs = itertools.zip_longest(one, other, fillvalue="nothing")
        return all(same(*pair) for pair in pairs)
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    return bool(one == other)


def all_same(ones: Any, others: Any) -> bool:
    """The same of two columns."""
    return same(list(ones), list(others))
