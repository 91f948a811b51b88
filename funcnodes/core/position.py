"""Where a node is drawn: its position on the canvas, kept among its properties as `pos`.

Nothing the engine heeds; a frame's hold on a node is its `place`.
"""

from collections.abc import Mapping
from typing import Any

POSITION = "pos"
_FAR = 1e9  # beyond that nobody finds it again


def position(properties: Mapping[str, Any]) -> tuple[float, float] | None:
    """x and y; None where that was never said, or is no position."""
    return as_position(properties.get(POSITION))


def as_position(found: Any) -> tuple[float, float] | None:
    """x and y of two numbers; None of anything else."""
    if not isinstance(found, list | tuple) or len(found) != 2:
        return None
    x, y = found
    if not (_is_coordinate(x) and _is_coordinate(y)):
        return None
    return float(x), float(y)


def _is_coordinate(number: Any) -> bool:
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return is_number and abs(number) < _FAR
