"""Curves and pictures: bounded, and true to what they show."""

import io
import math
import struct
import zlib
from typing import Any

import numpy as np
import pytest

from funcnodes.basic_nodes import NODE_SHELF, png
from funcnodes.basic_nodes.display import MOST_POINTS, curves, picture
from funcnodes.basic_nodes.strip import MOST_KEPT, Recent
from funcnodes.core import clock
from funcnodes.errors import ExecutionError, NodeTriggerError


def pixels(data: bytes) -> Any:
    """A PNG read by the book: checksums, one IDAT, filter 0."""
    assert data[:8] == png.SIGNATURE
    stream, chunks = io.BytesIO(data[8:]), {}
    while head := stream.read(8):
        length, kind = struct.unpack(">I4s", head)
        content = stream.read(length)
        assert struct.unpack(">I", stream.read(4))[0] == zlib.crc32(kind + content)
        chunks[kind] = content
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, rest) == (8, [0, 0, 0])
    channels = {0: 1, 2: 3, 6: 4}[colour]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(height, width, channels)


async def test_a_plot_gives_its_figure_with_the_units_of_its_wires(graph: Any) -> None:
    spectrum, plot = graph.add("signal.fft", y=[1, -1, 1, -1]), graph.add("plot.array")
    spectrum.outputs["frequency"].connect(plot.x)
    spectrum.outputs["amplitude"].connect(plot.y)
    await spectrum
    figure = plot.figure.value
    assert figure["curves"] == [{"x": [0, 0.25, 0.5], "y": pytest.approx([0, 0, 1])}]
    assert figure["x_label"] == "Hz"
    plot.inputs["x_label"].set_value("frequency (Hz)")
    await plot
    assert plot.figure.value["x_label"] == "frequency (Hz)"


def test_the_rows_of_a_matrix_are_curves() -> None:
    found = curves([[1, 2], [3, 4]], [10, 20])
    assert found == [{"x": [10, 20], "y": [1, 2]}, {"x": [10, 20], "y": [3, 4]}]


def test_a_long_curve_keeps_its_extremes() -> None:
    y = np.sin(np.linspace(0, 20, 1_000_000))
    y[123_456], y[654_321], y[777_777] = 9, -9, np.nan
    (found,) = curves(y)
    assert len(found["x"]) <= MOST_POINTS
    assert found["x"] == sorted(found["x"])
    assert max(found["y"]) == 9
    assert min(found["y"]) == -9
    assert found["y"][found["x"].index(123_456)] == 9


def test_an_empty_curve_can_be_drawn() -> None:
    assert curves([]) == [{"x": [], "y": []}]


@pytest.mark.parametrize(
    ("y", "x", "sentence"),
    [
        ([1, 2], [1, 2, 3], "x and each curve of y are to have the same length, but have 3 and 2."),
        (np.zeros((17, 2)), [1, 2], "y has 17 rows; 16 curves can be drawn."),
        (np.zeros((2, 2, 2)), [1, 2], "y is to have one axis or two, not 3."),
        (["a"], [1], "y is to be an array of numbers, not a list."),
        ([1j], [1], "y is to hold real numbers, but it is complex."),
    ],
)
def test_a_curve_that_cannot_be_drawn_is_a_sentence(y: Any, x: Any, sentence: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        curves(y, x)
    assert caught.value.message == sentence


async def test_a_matrix_becomes_a_picture(graph: Any) -> None:
    node = graph.add("image.show", colours="grey")
    node.inputs["input"].set_value([[0, 5], [10, float("nan")], [20, 10]])
    await node
    found = pixels(node.image.value)
    assert found[..., 0].tolist() == [[0, 64], [128, 0], [255, 128]]
    assert found[..., 3].tolist() == [[255, 255], [255, 0], [255, 255]]
    assert (node.width.value, node.height.value) == (2, 3)
    assert node.image.type.kind == "image"


def test_limits_and_colours_of_a_picture() -> None:
    found = pixels(picture([[-5, 1, 99]], "viridis", 0, 2))
    assert found[0].tolist() == [[68, 1, 84, 255], [33, 145, 140, 255], [253, 231, 37, 255]]


@pytest.mark.parametrize("value", [[[3, 3]], [[float("nan")] * 2]])
def test_a_picture_of_one_number_has_one_colour(value: Any) -> None:
    found = pixels(picture(value, "grey", None, None))
    assert found[..., :3].max() == 0


def test_infinite_numbers_have_the_outermost_colours() -> None:
    found = pixels(picture([[-np.inf, 0, 1, np.inf]], "grey", None, None))
    assert found[0, :, 0].tolist() == [0, 0, 255, 255]


def test_colours_stay_as_they_are() -> None:
    rgb = np.array([[[255, 0, 10], [1, 2, 3]]])
    assert pixels(picture(rgb, "grey", None, None)).tolist() == rgb.tolist()
    assert pixels(picture(rgb / 255, "grey", None, None)).tolist() == rgb.tolist()
    data = png.encode(rgb.astype(np.uint8))
    assert picture(data, "grey", None, None) == data


def test_a_large_picture_is_thinned() -> None:
    assert png.size(picture(np.zeros((5000, 10)), "grey", None, None)) == (10, 1667)


@pytest.mark.parametrize(
    ("value", "low", "high", "sentence"),
    [
        ([1, 2], None, None, "input is to be a matrix or an array of colours, not an array of"),
        ([[]], None, None, "input is to be a matrix"),
        (b"GIF89a", None, None, "input holds bytes that are no PNG."),
        (np.zeros((2, 2, 5)), None, None, "input has 5 colours per pixel, not 1, 3 or 4."),
        ([[1]], 2.0, 1.0, "low is to be less than high, but 2 is not less than 1."),
        ("x", None, None, "input is to be an array of numbers, not the text 'x'."),
    ],
)
async def test_what_is_no_picture_is_a_sentence(
    graph: Any, value: Any, low: Any, high: Any, sentence: str
) -> None:
    node = graph.add("image.show", low=low, high=high)
    node.inputs["input"].restore(value)
    with pytest.raises(NodeTriggerError) as caught:
        await node
    assert sentence in str(caught.value)


async def test_a_strip_chart_draws_what_came_lately(graph: Any, virtual_clock: Any) -> None:
    """R2: each pen over time before the newest value, gaps where something was not ok."""
    chart = graph.add("plot.strip", window=10.0)
    for second in range(15):
        chart.inputs["a"].value = math.nan if second == 12 else float(second)
        if second % 5 == 0:
            chart.inputs["b"].value = -1.0
        await graph.at_rest()
        await clock.sleep(1.0)
    figure = chart.outputs["figure"].value
    first, second_pen = figure["curves"]
    assert first["x"] == pytest.approx([n - 14.0 for n in range(4, 15)])
    assert first["y"] == [4, 5, 6, 7, 8, 9, 10, 11, None, 13, 14]
    assert second_pen["x"] == pytest.approx([-9, -4])
    chart.inputs["reset"].value = True
    await graph.at_rest()
    assert chart.outputs["figure"].value["curves"] == []


def test_a_long_strip_keeps_its_peaks_and_its_memory() -> None:
    recent = Recent(1e9)
    for n in range(MOST_KEPT + 500):
        recent.put("a", float(n), 9.0 if n == 77_777 else math.nan if n == 88_888 else 0.0)
    (curve,) = recent["curves"]
    assert len(curve["x"]) <= 2_000
    assert max(value for value in curve["y"] if value is not None) == 9.0
    assert curve["y"].count(None) == 1
    assert curve["x"] == sorted(curve["x"])


async def test_a_value_is_shown_as_bounded_text(graph: Any) -> None:
    node = graph.add("display.show", value=[1, 2])
    await node
    assert node.outputs["text"].value == "[1, 2]"
    node.inputs["value"].set_value("x" * 20_000)
    await node
    assert len(node.outputs["text"].value) == 10_000


def test_display_has_its_shelf() -> None:
    ids = {c.node_id for path, c in NODE_SHELF.walk() if path[0] == "Display"}
    assert ids == {
        "plot.array", "plot.strip", "image.show", "display.show", "display.table", "display.json",
    }  # fmt: skip
