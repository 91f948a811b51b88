"""Where a node is drawn, as everybody reads it."""

from typing import Any

import pytest

from funcnodes.core.position import position


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([1, 2.5], (1.0, 2.5)),
        ((3, 4), (3.0, 4.0)),
        (None, None),
        ([1], None),
        ([1, "2"], None),
        ([True, 0], None),
        ([float("nan"), 0], None),
        ([1e12, 0], None),
    ],
)
def test_a_position_is_two_numbers_that_can_be_found_again(found: Any, expected: Any) -> None:
    assert position({"pos": found}) == expected


def test_a_node_that_was_never_drawn_has_none() -> None:
    assert position({}) is None
