"""A curve drawn in characters: braille dots, two across and four down in each, or plain stars."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence, Set

from funcnodes.core import units

_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800


def text_plot(
    xs: Sequence[float | None],
    ys: Sequence[float | None],
    *,
    x_unit: str = "",
    y_unit: str = "",
    title: str = "",
    width: int = 72,
    height: int = 14,
    braille: bool = True,
) -> list[str]:
    """The points as lines of text, with the limits at the axes; [] where there are none.

    Args:
        xs: Abscissae; a point with None or a number that is not finite is left out.
        ys: Ordinates.
        width: Columns in all, at least 30.
        height: Lines of the drawing, without axes.
    """
    points = [
        (x, y)
        for x, y in zip(xs, ys, strict=True)
        if x is not None and y is not None and math.isfinite(x) and math.isfinite(y)
    ]
    if not points:
        return []
    low_x, high_x = _span([x for x, _ in points])
    low_y, high_y = _span([y for _, y in points])
    top, bottom = (units.text(y, y_unit, digits=3) for y in (high_y, low_y))
    left, right = (units.text(x, x_unit, digits=3) for x in (low_x, high_x))
    margin = max(len(top), len(bottom)) + 1
    columns = max(width, 30) - margin - 1
    across, down = (2, 4) if braille else (1, 1)
    dots = {
        (_step(-y, -high_y, -low_y, height * down), _step(x, low_x, high_x, columns * across))
        for x, y in points
    }
    vertical, corner, horizontal = ("│", "└", "─") if braille else ("|", "+", "-")
    lines = [" " * (margin + 1) + title] if title else []
    for row, drawn in enumerate(_rows(dots, columns, height, braille=braille)):
        label = top if row == 0 else bottom if row == height - 1 else ""
        lines.append(f"{label:>{margin - 1}} {vertical}{drawn}".rstrip())
    lines.append(" " * margin + corner + horizontal * columns)
    lines.append(" " * (margin + 1) + left + right.rjust(columns - len(left)))
    return lines


def _rows(dots: Set[tuple[int, int]], columns: int, height: int, *, braille: bool) -> Iterator[str]:
    """The dots, given as (line, column) from the upper left, gathered into characters."""
    if not braille:
        for row in range(height):
            yield "".join("*" if (row, column) in dots else " " for column in range(columns))
        return
    cells: Counter[tuple[int, int]] = Counter()
    for down, across in dots:
        cells[down // 4, across // 2] += _BITS[down % 4][across % 2]
    for row in range(height):
        found = (cells[row, column] for column in range(columns))
        yield "".join(chr(_BLANK + bits) if bits else " " for bits in found)


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest; never the same, so that a flat line is drawn in the middle."""
    low, high = min(values), max(values)
    if low == high:
        half = abs(low) / 2 or 0.5
        return low - half, high + half
    return low, high


def _step(value: float, low: float, high: float, steps: int) -> int:
    return min(int((value - low) / (high - low) * steps), steps - 1)
