"""How things of a script look in a notebook: HTML and SVG, plain where there is nothing to draw.

Text of instruments and files is shown as text, never as markup.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Protocol

from funcnodes.core import units
from funcnodes.runs.table import Table
from funcnodes.scripting.measured import measured
from funcnodes.scripting.reach import DeviceReach

WIDTH, HEIGHT, EDGE = 480, 240, 44
SHOWN_ROWS = 8
MOST_POINTS = 2_000
_COLOURS = {
    "idle": "#2e7d32", "busy": "#1565c0", "offline": "#9e9e9e", "fault": "#c62828",
    "complete": "#2e7d32",
    "running": "#1565c0", "paused": "#ef6c00", "failed": "#c62828", "aborted": "#c62828",
}  # fmt: skip
_CELL = "padding:2px 8px;text-align:left"


class ShownRun(Protocol):
    """What is shown of a run."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> Any: ...
    @property
    def message(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def table(self) -> Table | None: ...


def bench_html(title: str, devices: Iterable[DeviceReach]) -> str:
    """A bench: its devices with what they are and how they fare."""
    rows = [
        (_dot(each.state) + escape(each.state), f"<b>{escape(each.name)}</b>", escape(each.model))
        for each in devices
    ]
    return f"<b>{escape(title)}</b>{_table(('', 'device', 'model'), rows)}"


def device_html(device: DeviceReach) -> str:
    """A device: its members with what they read last, and their limits."""
    rows = []
    for path in device.paths():
        newest, limits, unit = device.newest(path), device.limits(path), device.unit(path)
        last = repr(measured(newest, unit)) if newest is not None else ""
        span = limits.text(unit) if limits is not None else ""
        rows.append((escape(path), escape(device.title(path)), escape(last), escape(span)))
    head = f"{_dot(device.state)}<b>{escape(device.name)}</b> {escape(device.model)}, "
    return f"{head}{escape(device.state)}{_table(('member', '', 'last', 'limits'), rows)}"


def table_html(table: Table | None) -> str:
    """The newest rows of a table."""
    if table is None or not len(table):
        return "<i>No rows yet.</i>"
    start = max(len(table) - SHOWN_ROWS, 0)
    page = table.page(start)
    heads = [column.label for column in table.columns]
    rows = [
        (str(start + n), *(escape(_cell(value)) for value in row))
        for n, row in enumerate(zip(*page.values, strict=True))
    ]
    more = f"<i>{len(table)} rows, the last {len(rows)}:</i>" if start else ""
    return f"{more}{_table(('', *map(escape, heads)), rows)}"


def run_html(run: ShownRun, x: str = "", y: Sequence[str] = ()) -> str:
    """A run: how it stands, its curve, its newest rows."""
    head = f"{_dot(str(run.state))}<b>{escape(run.name)}</b>: {run.state}, {run.rows} rows"
    why = f" <i>{escape(run.message)}</i>" if run.message else ""
    curve = curve_svg(run.table, x, y) if run.table is not None else ""
    return f"<div>{head}{why}</div>{curve}{table_html(run.table)}"


def curve_svg(table: Table, x: str = "", y: Sequence[str] = ()) -> str:
    """Columns against another; by default the last number against the first. "" for nothing."""
    names = [c.name for c in table.columns if c.kind in ("number", "quantity")]
    if len(names) < 2 or len(table) < 2:
        return ""
    across = x if x in names else names[0]
    up = [name for name in y if name in names] or [names[-1] if names[-1] != across else names[0]]
    columns = {c.name: n for n, c in enumerate(table.columns)}
    values, step = table.page().values, max(len(table) // MOST_POINTS, 1)
    xs = values[columns[across]][::step]
    curves = [values[columns[name]][::step] for name in up]
    drawn = [point for curve in curves for point in zip(xs, curve, strict=True) if _is(*point)]
    if len(drawn) < 2:
        return ""
    box = _Box([p[0] for p in drawn], [p[1] for p in drawn])
    lines = [box.line(xs, curve, n) for n, curve in enumerate(curves)]
    labels = {c.name: c.label for c in table.columns}
    return box.drawing(lines, labels[across], ", ".join(labels[name] for name in up))


class _Box:
    """Where numbers are on a drawing."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        self.x, self.y = (min(xs), max(xs)), (min(ys), max(ys))

    def place(self, x: float, y: float) -> str:
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        left = EDGE + across * (WIDTH - EDGE - 8)
        return f"{left:.1f},{8 + (1 - up) * (HEIGHT - EDGE - 8):.1f}"

    def line(self, xs: Sequence[Any], ys: Sequence[Any], n: int) -> str:
        points = " ".join(self.place(*p) for p in zip(xs, ys, strict=True) if _is(*p))
        colour = ("#1565c0", "#c62828", "#2e7d32", "#6a1b9a")[n % 4]
        return f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>'

    def drawing(self, lines: Sequence[str], across: str, up: str) -> str:
        """With the ends of both axes, and what they are."""
        style = 'font-family="sans-serif" font-size="10" fill="currentColor"'
        bottom, right = HEIGHT - EDGE, WIDTH - 8
        texts = [
            (EDGE, bottom + 14, "start", units.text(self.x[0], digits=3)),
            (right, bottom + 14, "end", units.text(self.x[1], digits=3)),
            ((EDGE + right) // 2, bottom + 28, "middle", across),
            (EDGE - 4, bottom, "end", units.text(self.y[0], digits=3)),
            (EDGE - 4, 16, "end", units.text(self.y[1], digits=3)),
            (EDGE + 4, 16, "start", up),
        ]
        shown = "".join(
            f'<text x="{left}" y="{top}" text-anchor="{anchor}" {style}>{escape(text)}</text>'
            for left, top, anchor, text in texts
        )
        frame = (
            f'<path d="M{EDGE} 8V{bottom}H{right}" fill="none" stroke="currentColor" '
            'stroke-opacity="0.5"/>'
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
            f'viewBox="0 0 {WIDTH} {HEIGHT}">{frame}{"".join(lines)}{shown}</svg>'
        )


def _is(*numbers: Any) -> bool:
    return all(isinstance(each, int | float) and math.isfinite(each) for each in numbers)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)[:80]


def _dot(state: str) -> str:
    return f'<span style="color:{_COLOURS.get(state, "#757575")}">●</span> '


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th style="{_CELL}">{each}</th>' for each in heads)
    lines = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{each}</td>' for each in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
