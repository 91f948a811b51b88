"""What is looked at: curves of arrays, pictures, and values.

These nodes make a small, bounded form of what they are given, fit to be sent and drawn; drawing
is the page's. A curve of a million samples keeps its highest and lowest points.
"""

from itertools import pairwise
from typing import Any, Literal

from funcnodes.basic_nodes import png
from funcnodes.basic_nodes.arraylike import UNSET, Array, one_dimensional, same_length, to_array
from funcnodes.basic_nodes.define import basic_node, describe
from funcnodes.basic_nodes.strip import NODES as STRIP
from funcnodes.core import Node, NodeInput, NodeOutput, Shelf
from funcnodes.core.types import Image
from funcnodes.errors import ExecutionError

MOST_POINTS = 2_000
MOST_CURVES = 16
MOST_PIXELS = 2_048  # along an edge

_COLOURS = {  # evenly spaced, from the lowest number to the highest
    "grey": ((0, 0, 0), (255, 255, 255)),
    "viridis": ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)),
    "heat": ((0, 0, 0), (160, 0, 0), (255, 110, 0), (255, 220, 60), (255, 255, 255)),
    "blue to red": ((33, 102, 172), (247, 247, 247), (178, 24, 43)),
}


class ArrayPlot(Node):
    """Draws an array as a curve, or the rows of a matrix as several, over x where it is given.

    `figure` is what is drawn, as a dictionary: at most 2,000 points of each curve, the extreme
    ones among them.
    """

    node_id = "plot.array"
    node_name = "Array plot"
    description = __doc__
    icon = "plot"
    words = ("plot", "curve", "chart", "graph", "waveform", "spectrum", "draw")
    default_policy = "settled"
    body = "curve"

    y = NodeInput(type=Array, description="The curve, or one per row.")
    x = NodeInput(type=Array, required=False, description="Its axis; sample numbers without one.")
    style = NodeInput(
        type=Literal["line", "points", "line and points"], default="line", hidden=True,
        description="How the curve is drawn.",
    )  # fmt: skip
    title = NodeInput(type=str, default="", hidden=True, description="Written above it.")
    x_label = NodeInput(type=str, default="", hidden=True, description="Written at the x axis.")
    y_label = NodeInput(type=str, default="", hidden=True, description="Written at the y axis.")
    figure = NodeOutput(type=dict, description="What is drawn.")

    def func(self, y: Any, x: Any = UNSET, **look: Any) -> None:
        self.figure.set(
            {
                "curves": curves(y, x),
                "style": look["style"],
                "title": look["title"],
                "x_label": look["x_label"] or self._unit("x"),
                "y_label": look["y_label"] or self._unit("y"),
            }
        )

    def _unit(self, port: str) -> str:
        return next((source.unit for source in self.inputs[port].sources), "")


class ShowImage(Node):
    """Makes a picture of a matrix of numbers, or takes one of colours (RGB) as it is.

    Numbers go from `low` to `high` through the colours; without limits, from the least number
    to the greatest. NaN is transparent. Large pictures are thinned to 2,048 pixels along an edge.
    """

    node_id = "image.show"
    node_name = "Image"
    description = __doc__
    icon = "eye"
    words = ("picture", "camera", "heatmap", "map", "matrix", "png")
    default_policy = "settled"
    body = "image"

    input = NodeInput(type=Any, description="A matrix, an array of RGB values, or a PNG's bytes.")
    colours = NodeInput(
        type=Literal["viridis", "grey", "heat", "blue to red"], default="viridis",
        description="From the lowest number to the highest.",
    )  # fmt: skip
    low = NodeInput(
        type=float | None, default=None, required=False, hidden=True,
        description="The number of the first colour.",
    )  # fmt: skip
    high = NodeInput(
        type=float | None, default=None, required=False, hidden=True,
        description="The number of the last colour.",
    )  # fmt: skip
    image = NodeOutput(type=Image, description="The picture as a PNG's bytes.")
    width = NodeOutput(type=int, description="Pixels from left to right.", hidden=True)
    height = NodeOutput(type=int, description="Pixels from top to bottom.", hidden=True)

    def func(self, input: Any, colours: str, low: Any, high: Any) -> dict[str, Any]:
        data = picture(input, colours, low, high)
        width, height = png.size(data) or (0, 0)
        return {"image": data, "width": width, "height": height}


@basic_node("display.show", hands_on=True, name="Show", icon="eye",
            words=("value", "print", "debug", "text"),
            outputs=[{"id": "text"}], body="text")  # fmt: skip
def show_node(value: Any) -> str:
    """A value written out, at most 10,000 characters of it."""
    shown = value if isinstance(value, str) else str(value)
    return shown if len(shown) <= 10_000 else f"{shown[:9_999]}…"


@basic_node("display.table", hands_on=True, name="Show table", icon="table",
            words=("rows", "columns", "grid"),
            outputs=[{"id": "out"}], body="table")  # fmt: skip
def show_table_node(table: Any) -> Any:
    """Columns by name, rows as dictionaries or lists, or a matrix, laid out; passed on as it is."""
    return table


@basic_node("display.json", hands_on=True, name="Show JSON", icon="file",
            words=("value", "dictionary", "tree"),
            outputs=[{"id": "out"}], body="json")  # fmt: skip
def show_json_node(value: Any) -> Any:
    """A value with all that is in it, written as JSON; passed on as it is."""
    return value


def curves(y: Any, x: Any = UNSET) -> list[dict[str, list[float]]]:
    """The points of each curve, thinned out: `[{"x": [...], "y": [...]}, ...]`.

    Raises:
        ExecutionError: More than two axes, more than 16 curves, or lengths that differ.
    """
    import numpy as np

    rows = np.atleast_2d(to_array("y", y))
    if rows.ndim != 2:
        raise ExecutionError(f"y is to have one axis or two, not {rows.ndim}.", port="y")
    if len(rows) > MOST_CURVES:
        raise ExecutionError(f"y has {len(rows)} rows; {MOST_CURVES} curves can be drawn.")
    axis = np.arange(rows.shape[1], dtype=float) if x is UNSET else one_dimensional("x", x)
    same_length("x", axis, "each curve of y", rows[0])
    found = []
    for row in rows:
        kept = _extremes(one_dimensional("y", row, least=0))
        found.append({"x": axis[kept].tolist(), "y": row[kept].tolist()})
    return found


def _extremes(y: Array) -> Array:
    """Positions of at most MOST_POINTS samples: the lowest and the highest of each stretch."""
    import numpy as np

    if len(y) <= MOST_POINTS:
        return np.arange(len(y))
    stretches = MOST_POINTS // 2
    edges = np.linspace(0, len(y), stretches + 1).astype(int)
    low, high = np.where(np.isnan(y), np.inf, y), np.where(np.isnan(y), -np.inf, y)
    pairs = [
        (start + int(low[start:end].argmin()), start + int(high[start:end].argmax()))
        for start, end in pairwise(edges)
    ]
    return np.unique(np.array(pairs))


def picture(value: Any, colours: str, low: float | None, high: float | None) -> bytes:
    """A PNG of a matrix, of an array (height, width, 3 or 4) of colours, or of a PNG's bytes.

    Raises:
        ExecutionError: It is none of these.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        if png.size(bytes(value)) is None:
            raise ExecutionError("input holds bytes that are no PNG.", port="input")
        return bytes(value)
    array = to_array("input", value)
    if array.dtype.kind == "c" or array.ndim not in (2, 3) or not array.size:
        raise ExecutionError(
            f"input is to be a matrix or an array of colours, not {describe(array)}.", port="input"
        )
    array = array[:: -(-array.shape[0] // MOST_PIXELS), :: -(-array.shape[1] // MOST_PIXELS)]
    return png.encode(_painted(array, colours, low, high) if array.ndim == 2 else _as_is(array))


def _as_is(array: Array) -> Array:
    import numpy as np

    if array.shape[2] not in (1, 3, 4):
        raise ExecutionError(f"input has {array.shape[2]} colours per pixel, not 1, 3 or 4.")
    largest = 1.0 if np.nanmax(array, initial=0.0) <= 1.0 else 255.0
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.clip(array / largest, 0, 1) * 255).round().astype(np.uint8)


def _painted(array: Array, colours: str, low: float | None, high: float | None) -> Array:
    import numpy as np

    finite = array[np.isfinite(array)]
    bottom = low if low is not None else float(finite.min()) if finite.size else 0.0
    top = high if high is not None else float(finite.max()) if finite.size else 1.0
    if low is not None and high is not None and low >= high:
        raise ExecutionError(f"low is to be less than high, but {low:g} is not less than {high:g}.")
    span = top - bottom if top > bottom else 1.0
    with np.errstate(over="ignore"):
        place = np.clip((np.nan_to_num(array, nan=bottom) - bottom) / span, 0, 1)
    anchors = np.array(_COLOURS[colours], dtype=float)
    steps = np.linspace(0, 1, len(anchors))
    painted = np.empty((*array.shape, 4), dtype=np.uint8)
    for channel in range(3):
        painted[..., channel] = np.interp(place, steps, anchors[:, channel]).round()
    painted[..., 3] = np.where(np.isnan(array), 0, 255)
    return painted


NODE_SHELF = Shelf(
    [ArrayPlot, ShowImage, *STRIP, show_node, show_table_node, show_json_node],
    name="Display",
    description="Curves, pictures and values to look at.",
)
