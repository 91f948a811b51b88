"""What the bodies of cards show: bounded, described, and never a page."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from funcnodes.basic_nodes import png
from funcnodes.basic_nodes.display import NODE_SHELF as DISPLAY
from funcnodes.core import Node, NodeInput, NodeSpace
from funcnodes.errors import RefusedError
from funcnodes.runs.records import Cell, Column, TableSpec
from funcnodes.runs.table import Table
from funcnodes.workers import schema
from funcnodes.workers.shown import bodies


class Showing(Node):
    """Shows whatever it is given."""

    node_name = "Showing"
    value = NodeInput(type=Any, required=False)

    def func(self, value: Any = None) -> None:
        """Nothing."""


def body(kind: str, value: Any) -> schema.BodyView:
    node = Showing()
    NodeSpace(arming="disarmed").add_node_instance(node)
    node.body = kind  # type: ignore[attr-defined]
    node.inputs["value"].set_value(value)
    return bodies.body_of(node)


def test_every_kind_of_body_of_the_basic_nodes_is_one_that_a_card_can_show() -> None:
    kinds = {kind.node_id: bodies.kind_of(kind()) for kind in DISPLAY.nodes}
    assert kinds == {
        "plot.array": "curve", "image.show": "image", "display.show": "text",
        "display.table": "table", "display.json": "json", "plot.strip": "curve",
    }  # fmt: skip


async def test_an_array_plot_shows_its_curves_and_an_image_its_picture() -> None:
    space = NodeSpace()
    plot, image = (space.add_node_instance(kind()) for kind in DISPLAY.nodes[:2])
    plot.inputs["y"].set_value(np.array([1.0, math.nan, 3.0]))
    image.inputs["input"].set_value(np.arange(6.0).reshape(2, 3))
    await space.await_done()
    figure = bodies.body_of(plot).figure
    assert figure is not None
    assert figure.curves == [schema.Curve(x=[0, 1, 2], y=[1, None, 3])]
    data = bodies.body_of(image).image
    assert data is not None
    assert png.size(data) == (3, 2)


def test_without_a_value_a_body_is_empty_and_a_node_without_one_says_so() -> None:
    for kind in ("curve", "image", "table", "text", "json"):
        assert body(kind, None) == schema.BodyView()
    with pytest.raises(RefusedError, match="Showing shows nothing"):
        body("", 1)
    with pytest.raises(RefusedError, match="Showing shows nothing"):
        body("hologram", 1)


@pytest.mark.parametrize(
    ("value", "columns", "rows", "total"),
    [
        ({"a": [1, 2], "b": ["x", None]}, ["a", "b"], [[1, "x"], [2, None]], 2),
        ({"a": np.array([0.5, 1.5])}, ["a"], [[0.5], [1.5]], 2),
        ({"a": 1, "b": [1, 2]}, ["a", "b"], [[1, 1], [None, 2]], 2),
        ([{"a": 1}, {"b": True}], ["a", "b"], [[1, None], [None, True]], 2),
        (np.eye(2), ["0", "1"], [[1, 0], [0, 1]], 2),
        ([[1], [2, 3]], ["0", "1"], [[1], [2, 3]], 2),
        ([], [], [], 0),
        (7, ["0"], [[7]], 1),
    ],
)
def test_a_table_is_made_of_columns_rows_or_a_matrix(
    value: Any, columns: list[str], rows: list[list[Any]], total: int
) -> None:
    assert body("table", value).table == schema.TableBody(columns=columns, rows=rows, total=total)


def test_rows_of_a_recorder_show_the_quality_of_a_cell_that_is_not_ok() -> None:
    """R2."""
    columns = (Column(name="I", unit="A", kind="quantity"), Column(name="n", kind="any"))
    rows = Table(TableSpec(recorder="r", name="R", columns=columns))
    for cells in (
        [Cell(0.5), Cell(1)], [Cell(math.nan, "overrange"), Cell(2, "stale")],
        [Cell(0.25, "compliance"), Cell(None, "missing")],
    ):  # fmt: skip
        rows.append(cells, wall=0, mono=0)
    found = body("table", rows).table
    assert found is not None
    assert found.rows == [
        [0.5, 1], ["(overrange)", "2 (stale)"], ["0.25 (compliance)", None],
    ]  # fmt: skip


def test_large_values_are_cut_and_say_how_much_there_is() -> None:
    table = body("table", {f"c{n}": range(10_000) for n in range(40)}).table
    assert table is not None
    assert len(table.columns) == bodies.COLUMNS
    table = body("table", {"a": list(range(10_000))}).table
    assert table is not None
    assert (len(table.rows), table.total) == (bodies.ROWS, 10_000)
    text = body("text", "x" * 50_000).text
    assert text is not None
    assert len(text) == bodies.TEXT
    shown = body("json", {"a": list(range(1_000))}).text
    assert shown is not None
    assert json.loads(shown)["a"][-1] == "… 800 more"
    figure = body("curve", np.zeros(100_000)).figure
    assert figure is not None
    assert len(figure.curves[0].y) == bodies.POINTS


def test_only_a_png_is_handed_on_as_a_picture() -> None:
    assert body("image", b"<svg onload='alert(1)'>").image is None
    assert body("image", "text").image is None
    head = b"\x89PNG\r\n\x1a\n"
    assert body("image", head).image == head
    with pytest.raises(RefusedError, match=r"has 9\.0 MB; a card shows 8 MB"):
        body("image", head.ljust(9 * 2**20, b"\0"))


values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner)
    | st.dictionaries(st.sampled_from(["curves", "x", "y", "style", "title"]), inner),
    max_leaves=20,
)  # fmt: skip


@given(st.sampled_from(["curve", "image", "table", "text", "json"]), values)
def test_whatever_is_on_the_port_a_body_can_be_sent(kind: str, value: Any) -> None:
    import msgspec

    shown = body(kind, value)
    sent = msgspec.msgpack.decode(msgspec.msgpack.encode(shown), type=schema.BodyView)
    assert sent.table == shown.table or kind == "table"
