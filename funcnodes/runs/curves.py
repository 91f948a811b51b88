"""Curves as SVG, to stand in a page as they are: light, with axes, nothing from outside."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from funcnodes.core import units

WIDTH, HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 16, 14, 46
_TICKS = 6

Numbers = Sequence[float | None]


def curve_svg(
    x: Numbers, y: Numbers, *, x_title: str, y_title: str, x_unit: str, y_unit: str
) -> str:
    """One curve; a gap where a number is missing. "" where there is nothing to draw."""
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if a is not None and b is not None]
    pairs = [pair for pair in pairs if all(map(math.isfinite, pair))]
    if not pairs:
        return ""
    across = _Axis([a for a, _ in pairs], _LEFT, WIDTH - _RIGHT)
    up = _Axis([b for _, b in pairs], HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="curve">',
        f"<title>{escape(f'{y_title} against {x_title}')}</title>",
        *_grid(across, up, x_unit, y_unit),
        *_lines(x, y, across, up),
        f'<text x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT - 8}" class="middle">'
        f"{escape(x_title)}</text>",
        f'<text transform="translate(14 {(HEIGHT - _BOTTOM + _TOP) / 2}) rotate(-90)" '
        f'class="middle">{escape(y_title)}</text>',
        "</svg>",
    ]
    return "".join(parts)


class _Axis:
    """From numbers to places on the paper."""

    def __init__(self, numbers: list[float], start: float, stop: float) -> None:
        low, high = min(numbers), max(numbers)
        if high - low <= 1e-12 * max(abs(low), abs(high)):
            margin = abs(low) * 0.05 or 1.0
            low, high = low - margin, high + margin
        self.low, self.high = low, high
        self.start, self.stop = start, stop

    def at(self, number: float) -> float:
        part = (number - self.low) / (self.high - self.low)
        return round(self.start + (self.stop - self.start) * part, 2)

    def ticks(self) -> Iterator[float]:
        raw = (self.high - self.low) / _TICKS
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(n * power for n in (1, 2, 2.5, 5, 10) if n * power >= raw * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        for n in range(first, math.floor(self.high / step + 1e-9) + 1):
            yield n * step


def _grid(across: _Axis, up: _Axis, x_unit: str, y_unit: str) -> Iterator[str]:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    for tick in across.ticks():
        place, text = across.at(tick), escape(units.text(tick, x_unit))
        yield f'<line x1="{place}" y1="{_TOP}" x2="{place}" y2="{bottom}" class="grid"/>'
        yield f'<text x="{place}" y="{bottom + 16}" class="middle">{text}</text>'
    for tick in up.ticks():
        place, text = up.at(tick), escape(units.text(tick, y_unit))
        yield f'<line x1="{_LEFT}" y1="{place}" x2="{right}" y2="{place}" class="grid"/>'
        yield f'<text x="{_LEFT - 6}" y="{place + 4}" class="end">{text}</text>'


def _lines(x: Numbers, y: Numbers, across: _Axis, up: _Axis) -> Iterator[str]:
    """A line per stretch without a gap; a stretch of one point is a dot."""
    stretch: list[tuple[float, float]] = []
    for a, b in [*zip(x, y, strict=True), (None, None)]:
        if a is not None and b is not None and math.isfinite(a) and math.isfinite(b):
            stretch.append((across.at(a), up.at(b)))
            continue
        if len(stretch) == 1:
            yield f'<circle cx="{stretch[0][0]}" cy="{stretch[0][1]}" r="2.5" class="dot"/>'
        elif stretch:
            points = " ".join(f"{px},{py}" for px, py in stretch)
            yield f'<polyline points="{points}" class="line"/>'
        stretch = []
