"""What the body of a node's card shows: a curve, a picture, a table, text or JSON.

A node class says by `body` what it shows; shown is the value of its first output, or of its first
input where it has no output. Bodies are made when a browser asks for one, and are bounded: they
cost nothing while nobody looks, and little while somebody does.
"""

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any, get_args

from funcnodes.core import Node, NoValue, Quality, previews
from funcnodes.core.nodes import Port
from funcnodes.errors import RefusedError
from funcnodes.workers import schema

ROWS = 100
COLUMNS = 16
CURVES = 16
POINTS = 4_000
TEXT = 10_000
CELL = 60
ITEMS = 200
DEPTH = 8
IMAGE_BYTES = 8 * 2**20

_KINDS = frozenset(get_args(schema.BodyKind))
_STYLES = get_args(schema.CurveStyle)


def kind_of(node: Node) -> schema.BodyKind:
    """What the node's card shows, "" for nothing that a card can show."""
    kind: Any = getattr(node, "body", "")
    return kind if kind in _KINDS else ""


def body_of(node: Node) -> schema.BodyView:
    """The body of the node's card as it is now.

    Raises:
        RefusedError: Its card shows nothing, or a picture that is too large.
    """
    kind = kind_of(node)
    if kind in ("", "plot", "map"):
        raise RefusedError(f"{node.name} shows nothing.")
    value = _shown_value(node)
    if value is NoValue or value is None:
        return schema.BodyView()
    match kind:
        case "curve":
            return schema.BodyView(figure=_figure(value))
        case "image":
            return schema.BodyView(image=_image(node, value))
        case "table":
            return schema.BodyView(table=_table(value))
        case "json":
            return schema.BodyView(text=_cut(_json(value)))
        case _:
            return schema.BodyView(text=_cut(value if isinstance(value, str) else _plain(value)))


def _shown_value(node: Node) -> Any:
    ports: list[Port] = [*node.outputs.values(), *node.inputs.values()]
    shown: Any = next((port for port in ports if port.type.kind != "trigger"), None)
    return NoValue if shown is None else shown.value


def _cut(text: str) -> str:
    return text if len(text) <= TEXT else f"{text[: TEXT - 1]}…"


def _plain(value: Any) -> str:
    shown = previews.preview(value, TEXT)
    return shown if isinstance(shown, str) else str(shown)


# ── curves ────────────────────────────────────────────────────────────────────────────────


def _figure(value: Any) -> schema.Figure:
    """Of what `plot.array` gives, or of a bare list or array of numbers."""
    if not isinstance(value, Mapping):
        value = {"curves": [{"y": value}]}
    given = value.get("curves")
    curves = given if isinstance(given, list | tuple) else []
    style = value.get("style")
    return schema.Figure(
        curves=[_curve(each) for each in curves[:CURVES] if isinstance(each, Mapping)],
        style=style if style in _STYLES else "line",
        title=_label(value, "title"),
        x_label=_label(value, "x_label"),
        y_label=_label(value, "y_label"),
    )


def _label(figure: Mapping[str, Any], key: str) -> str:
    return str(figure.get(key) or "")[:200]


def _curve(curve: Mapping[str, Any]) -> schema.Curve:
    y = _numbers(curve.get("y"))
    x = _numbers(curve.get("x", range(len(y))))
    return schema.Curve(x=x, y=y[: len(x)])


def _numbers(values: Any) -> list[float | None]:
    try:
        return [_number(each) for each in islice(iter(values), POINTS)]
    except TypeError:
        return []


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


# ── pictures ──────────────────────────────────────────────────────────────────────────────


def _image(node: Node, value: Any) -> bytes | None:
    """Only a PNG is handed on: nothing that a browser could take for a page."""
    if not isinstance(value, bytes | bytearray | memoryview):
        return None
    data = bytes(value)
    if len(data) > IMAGE_BYTES:
        raise RefusedError(
            f"The picture of {node.name} has {len(data) / 2**20:.1f} MB; "
            f"a card shows {IMAGE_BYTES // 2**20} MB."
        )
    return data if data.startswith(b"\x89PNG\r\n\x1a\n") else None


# ── tables ────────────────────────────────────────────────────────────────────────────────


def _table(value: Any) -> schema.TableBody:
    """Of columns by name, of rows as dictionaries or lists, or of the rows of a recorder."""
    columns, rows, total = _columns_and_rows(value)
    shown = [[_cell(each) for each in islice(row, COLUMNS)] for row in rows]
    return schema.TableBody(columns=columns[:COLUMNS], rows=shown, total=total)


def _columns_and_rows(value: Any) -> tuple[list[str], list[list[Any]], int]:
    page = getattr(value, "page", None)
    if callable(page):
        total = len(value)
        read = page(max(0, total - ROWS), ROWS)
        names = [column.name for column in read.table.columns]
        marked = [
            [_marked(*cell) for cell in zip(values, quality, strict=True)]
            for values, quality in zip(read.values, read.quality, strict=True)
        ]
        return names, [list(row) for row in zip(*marked, strict=True)], total
    if isinstance(value, Mapping):
        lists = [_listed(column) for column in value.values()]
        total = max((len(each) for each in lists), default=0)
        rows = [[each[n] if n < len(each) else None for each in lists]
                for n in range(min(total, ROWS))]  # fmt: skip
        return [str(name) for name in value], rows, total
    listed = _listed(value)
    head = listed[:ROWS]
    if len(head) and all(isinstance(row, Mapping) for row in head):
        names = list(dict.fromkeys(str(name) for row in head for name in row))
        return names, [[row.get(name) for name in names] for row in head], len(listed)
    table = [_listed(row) for row in head]
    width = max((len(row) for row in table), default=0)
    return [str(n) for n in range(width)], table, len(listed)


def _marked(value: Any, quality: Quality) -> Any:
    """A cell, with its quality behind it where that is not ok."""
    if quality == "ok" or value is None:
        return value
    if isinstance(value, float):
        return f"({quality})" if math.isnan(value) else f"{value:.9g} ({quality})"
    return f"{value} ({quality})"


def _listed(value: Any) -> Any:
    """A column or a row, as something with a length and positions."""
    return value if isinstance(value, list | tuple) or _has_axis(value) else [value]


def _has_axis(value: Any) -> bool:
    return bool(getattr(value, "shape", ()))


def _cell(value: Any) -> schema.CellValue:
    is_scalar = hasattr(value, "item") and not _has_axis(value)  # of numpy
    return previews.preview(value.item() if is_scalar else value, CELL)


# ── JSON ──────────────────────────────────────────────────────────────────────────────────


def _json(value: Any) -> str:
    """Written out with indents; whatever JSON has no word for is described."""
    import json

    return json.dumps(_bounded(value, DEPTH), indent=2, ensure_ascii=False)


def _bounded(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping) and depth:
        found = {str(key): _bounded(item, depth - 1) for key, item in islice(value.items(), ITEMS)}
        return found if len(value) <= ITEMS else {**found, "…": f"{len(value) - ITEMS} more"}
    if isinstance(value, list | tuple) and depth:
        items = [_bounded(item, depth - 1) for item in islice(value, ITEMS)]
        return items if len(value) <= ITEMS else [*items, f"… {len(value) - ITEMS} more"]
    if depth and _has_axis(value) and getattr(value, "size", TEXT + 1) <= TEXT:
        return _bounded(value.tolist(), depth)
    return previews.preview(value, TEXT)
