"""Previews: bounded in size and in work, and never in the way."""

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from funcnodes.core import NoValue, codec, previews, units
from funcnodes.core.previews import preview

Limit = Callable[[float], float]


class Colour(enum.Enum):
    RED = 1


@dataclass
class Peak:
    at: float


class Loud:
    """Must not be asked."""

    def __repr__(self) -> str:
        raise AssertionError("nobody may call this")

    __str__ = __repr__


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None), (NoValue, None), (True, True), (3, 3), (2.5, 2.5), (float("nan"), "nan"),
        ("text", "text"), (2**64, str(2**64)), (10**5000, "a whole number of 16610 bits"),
        (Colour.RED, "RED"), ([1, "a", None], "[1, 'a', None]"), ((1, 2), "(1, 2)"),
        ({"a": [1, 2]}, "{'a': [1, 2]}"), (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, … 92 more]"),
        (b"abc", "3 bytes"), (np.zeros((2, 3)), "2×3 float64: 0, 0, 0, 0, 0, 0"),
        (np.arange(100), "100 int64: 0, 1, 2, 3, 4, 5, 6, 7, …"), (np.float32(1.5), "1.5"),
        (Peak(1.0), "<Peak>"), (Loud(), "<Loud>"), ([[[[[1]]]]], "[[[[…1…]]]]"),
        (codec.Unknown("object", "a.B", None), "<a.B, not known here>"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_value_is_shown_in_a_few_words(value: Any, shown: Any) -> None:
    assert preview(value) == shown
    assert type(preview(value)) is type(shown)


def test_a_quantity_is_shown_with_its_unit() -> None:
    assert preview(units.quantity(3, "mV")) == "3 millivolt"


anything = st.recursive(
    st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(object),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=30,
)


@given(anything, st.integers(1, 300))
def test_a_preview_never_exceeds_its_limit(value: Any, limit: int) -> None:
    assert len(str(preview(value, limit))) <= max(limit, 4)  # "None"


def test_a_large_value_takes_no_time(limit: Limit) -> None:
    nested: Any = list(range(1_000_000))
    for _ in range(20):
        nested = [nested] * 1000
    began = time.perf_counter()
    assert len(str(preview(nested))) <= 200
    assert len(str(preview("x" * 50_000_000))) == 200
    assert time.perf_counter() - began < limit(0.5)


def test_a_preview_of_somebody_elses_that_fails_names_the_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(previews, "_by_class", {})
    previews.add_preview(Peak, lambda peak: f"peak at {peak.at:g}")
    previews.add_preview(Loud, repr)
    assert preview([Peak(1.5), Loud()]) == "[peak at 1.5, <Loud>]"
