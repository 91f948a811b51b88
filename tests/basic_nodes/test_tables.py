"""Tables: dictionaries of columns, and CSV text."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.basic_nodes.tables import format_csv, parse_csv
from funcnodes.core import Library, Node
from funcnodes.errors import ExecutionError, NodeTriggerError
from funcnodes.runs.records import Cell, Column, TableSpec
from funcnodes.runs.table import Table as RecordedTable

LIBRARY = Library(NODE_SHELF)
NAN = math.nan
IV: dict[str, Any] = {"V": [0.0, 1.0, 2.0], "I": [0.1, 0.3, 0.2], "mode": ["a", "b", "a"]}


async def run(node_id: str, **values: Any) -> Any:
    node: Node = LIBRARY.find_nodeclass(node_id)()
    for port, value in values.items():
        node.inputs[port].restore(value)
    await node
    return node.outputs["out"].value


CASES: list[tuple[str, dict[str, Any], Any]] = [
    ("table.of", {"names": "V, I", "a": [1, 2], "b": np.array([3.0, 4.0])},
     {"V": [1, 2], "I": [3.0, 4.0]}),
    ("table.from_rows", {"rows": [{"a": 1}, {"a": 2, "b": 3}]}, {"a": [1, 2], "b": [None, 3]}),
    ("table.to_rows", {"table": {"a": [1, 2], "b": [3, 4]}}, [{"a": 1, "b": 3}, {"a": 2, "b": 4}]),
    ("table.columns", {"table": IV}, ["V", "I", "mode"]),
    ("table.length", {"table": IV}, 3),
    ("table.length", {"table": {}}, 0),
    ("table.column", {"table": IV, "name": "I"}, [0.1, 0.3, 0.2]),
    ("table.row", {"table": IV}, {"V": 2.0, "I": 0.2, "mode": "a"}),
    ("table.row", {"table": IV, "index": 0}, {"V": 0.0, "I": 0.1, "mode": "a"}),
    ("table.select", {"table": IV, "names": ["I", "V"]}, {"I": IV["I"], "V": IV["V"]}),
    ("table.select", {"table": IV, "names": ["I", "V"], "drop": True}, {"mode": IV["mode"]}),
    ("table.set_column", {"table": {"a": [1, 2]}, "name": "b", "values": "x"},
     {"a": [1, 2], "b": ["x", "x"]}),
    ("table.set_column", {"table": {"a": [1, 2]}, "name": "a", "values": np.array([3, 4])},
     {"a": [3, 4]}),
    ("table.filter", {"table": IV, "column": "mode", "value": "a"},
     {"V": [0.0, 2.0], "I": [0.1, 0.2], "mode": ["a", "a"]}),
    ("table.filter", {"table": IV, "column": "V", "comparison": "≥", "value": 1},
     {"V": [1.0, 2.0], "I": [0.3, 0.2], "mode": ["b", "a"]}),
    ("table.filter", {"table": {"n": ["ab", "c"]}, "column": "n", "comparison": "contains",
                      "value": "b"}, {"n": ["ab"]}),
    ("table.sort", {"table": {"a": [2, None, 1], "b": ["x", "y", "z"]}, "column": "a"},
     {"a": [1, 2, None], "b": ["z", "x", "y"]}),
    ("table.sort", {"table": {"a": [1, 2]}, "column": "a", "descending": True}, {"a": [2, 1]}),
    ("table.part", {"table": {"a": [1, 2, 3]}, "start": -2}, {"a": [2, 3]}),
    ("table.append_row", {"table": {"a": [1]}, "row": {"a": 2, "b": 3}},
     {"a": [1, 2], "b": [None, 3]}),
    ("table.join", {"a": {"x": [1]}, "b": {"x": [2], "y": [3]}}, {"x": [1, 2], "y": [None, 3]}),
    ("table.match", {"a": {"k": [1, 2, 2], "v": ["a", "b", "c"]}, "b": {"k": [2, 3], "v": [7, 8]},
                     "column": "k"}, {"k": [2, 2], "v": ["b", "c"], "v (b)": [7, 7]}),
    ("table.group", {"table": IV, "by": "mode", "column": "V"},
     {"mode": ["a", "b"], "mean of V": [1.0, 1.0]}),
    ("table.group", {"table": {"k": [1, 1], "v": [None, 4]}, "by": "k", "column": "v",
                     "summary": "count"}, {"k": [1], "count of v": [1]}),
    ("table.describe", {"table": {"a": [1.0, 3.0, None], "t": ["x", "y", "z"]}},
     {"column": ["a"], "count": [2], "mean": [2.0], "deviation": [math.sqrt(2)],
      "minimum": [1.0], "maximum": [3.0]}),
    ("table.read_csv", {"text": "# made by hand\nV;mode\n1,5;a\n2;b\n"},
     {"V": ["1,5", "2"], "mode": ["a", "b"]}),
    ("table.read_csv", {"text": "V,I\n1,\n2,3e-9\n", "delimiter": ","}, {"V": [1.0, 2.0]}),
    ("table.read_csv", {"text": "1\t2\n", "header": False}, {"column 1": [1.0], "column 2": [2.0]}),
    ("table.read_csv", {"text": "a,a,\n1,2,3\n"}, {"a": [1.0], "a 2": [2.0], "column": [3.0]}),
    ("table.read_csv", {"text": ""}, {}),
    ("table.write_csv", {"table": {"V": [0.1, NAN], "t": ["a,b", None]}}, 'V,t\n0.1,"a,b"\n,\n'),
]  # fmt: skip


@pytest.mark.parametrize(("node_id", "values", "expected"), CASES)
async def test_a_node_computes(node_id: str, values: dict[str, Any], expected: Any) -> None:
    found = await run(node_id, **values)
    if values.get("delimiter") == ",":  # an empty cell among numbers is NaN
        assert math.isnan(found.pop("I")[0])
    assert found == expected


async def test_a_column_becomes_an_array() -> None:
    column = await run("table.to_array", table={"a": [1, None]}, name="a")
    np.testing.assert_array_equal(column, [1, NAN])
    matrix = await run("table.to_array", table={"a": [1, 2], "b": [3, 4]})
    assert matrix.tolist() == [[1, 2], [3, 4]]


async def test_a_table_of_what_a_recorder_has() -> None:
    """R3: the wire carries a handle; the table is what it holds at that moment."""
    columns = tuple(
        Column(name=name, unit="", kind="number", node="n", port=name) for name in ("V", "I")
    )
    rows = RecordedTable(TableSpec(recorder="r", name="Recorder", columns=columns))
    rows.append([Cell(1.0), Cell(2.0)], wall=0, mono=0)
    table = await run("table.from_recorder", rows=rows)
    rows.append([Cell(3.0), Cell(4.0)], wall=0, mono=0)
    assert table == {"V": [1.0], "I": [2.0]}


@pytest.mark.parametrize(
    ("node_id", "values", "sentence"),
    [
        ("table.length", {"table": [1]}, "table is to be a dictionary, not a list of 1."),
        ("table.length", {"table": {"a": 5}}, "the column a is to be a list, not 5."),
        ("table.length", {"table": {"a": [1], "b": []}},
         "The columns of table differ in length: a has 1, b has 0."),
        ("table.of", {"names": "V", "a": [1], "b": [2]}, "names is to give 2 different names"),
        ("table.column", {"table": IV, "name": "R"}, "no column 'R'; there is V, I, mode."),
        ("table.row", {"table": {"a": []}}, "table has 0 rows: there is none at position −1."),
        ("table.from_rows", {"rows": [5]}, "rows is to hold dictionaries, not 5."),
        ("table.from_recorder", {"rows": 5}, "rows is to be rows of a recorder, not 5."),
        ("table.filter", {"table": IV, "column": "mode", "comparison": "<", "value": 1},
         "The column mode cannot be compared with 1."),
        ("table.sort", {"table": {"a": [1, "x"]}, "column": "a"}, "holds numbers and text"),
        ("table.group", {"table": IV, "by": "V", "column": "mode"}, "mean of mode is not possible"),
        ("table.to_array", {"table": IV, "name": "mode"}, "The column mode holds something that"),
        ("table.set_column", {"table": {"a": [1]}, "name": "b", "values": [1, 2]}, "b has 2."),
        ("table.read_csv", {"text": "a,b\n1\n"}, "Line 2 has 1 values, but the first has 2."),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_a_sentence(
    node_id: str, values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(NodeTriggerError) as caught:
        await run(node_id, **values)
    assert isinstance(caught.value.__cause__, ExecutionError)
    assert sentence in caught.value.__cause__.message


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=8),
    st.text("ab,;\t\"'é \n", min_size=1, max_size=8),
    st.sampled_from([",", ";", "tab"]),
)
def test_csv_brings_every_number_back_exactly(
    numbers: list[float], name: str, delimiter: str
) -> None:
    table = {name.strip() or "x": numbers, "second": ["t"] * len(numbers)}
    assert parse_csv(format_csv(table, delimiter), delimiter) == table


def test_every_table_node_is_proven_here() -> None:
    known = {node_id for node_id, _, _ in CASES} | {"table.to_array", "table.from_recorder"}
    every = {c.node_id for path, c in NODE_SHELF.walk() if path[0] == "Tables"}
    assert every - known == set()
