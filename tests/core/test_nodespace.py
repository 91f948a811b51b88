"""Nodespaces: wiring, arming, saving and loading."""

import json
import time
from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.core import (
    JSONDecoder,
    JSONEncoder,
    Library,
    Node,
    NodeDecorator,
    NodeInput,
    NodeSpace,
    NoValue,
    Range,
    Shelf,
    Unit,
    codec,
)
from funcnodes.core.codec.strict import parse
from funcnodes.errors import (
    GraphError,
    MultipleConnectionsError,
    NodeClassNotFoundError,
    NodeConnectionError,
    PortMismatchError,
    PortNotFoundError,
    RefusedError,
    SameNodeConnectionError,
    SavedGraphError,
    ValueRefusedError,
)

from ..waiting import machine_factor

Volts = Annotated[float, Unit("V"), Range(-20, 20)]


@NodeDecorator("test.volts")
def volts(v: Volts = 0.0) -> Annotated[float, Unit("V")]:
    return v


@NodeDecorator("test.millivolts")
def millivolts(v: Annotated[float, Unit("mV")] = 0.0) -> Annotated[float, Unit("mV")]:
    return v


@NodeDecorator("test.seconds")
def seconds(t: float = 0.0) -> Annotated[float, Unit("s")]:
    return t


@NodeDecorator("test.words")
def words(text: str = "", n: int = 1, on: bool = False) -> str:
    return f"{text}{n}{on}"


class Writes(Node):
    """An effect."""

    node_id = "test.writes"
    effect = True
    a = NodeInput(type=Any)

    def func(self, a: Any) -> None:
        self.properties["written"] = a


LIBRARY = Library(Shelf([volts, millivolts, seconds, words, Writes], name="Test"))


def space_of(*node_ids: str) -> NodeSpace:
    space = NodeSpace(LIBRARY)
    for n, node_id in enumerate(node_ids):
        space.add_node_by_id(node_id, uuid=f"n{n}")
    return space


async def test_millivolts_into_volts_convert_and_the_wire_says_how() -> None:
    space = space_of("test.millivolts", "test.volts")
    space.connect("n0", "out", "n1", "v")
    here, there = space.nodes
    here.inputs["v"].value = 800
    await here
    assert there.outputs["out"].value == pytest.approx(0.8, rel=1e-15)
    assert here.outputs["out"].edge_note(there.inputs["v"]) == "×0.001"


@pytest.mark.parametrize(
    ("source", "target", "error", "sentence"),
    [
        (("n0", "out"), ("n2", "v"), PortMismatchError, "Seconds do not fit into volts"),
        (("n1", "out"), ("n2", "v"), PortMismatchError, "Text does not fit into a quantity"),
        (("n2", "out"), ("n2", "v"), SameNodeConnectionError, "wired to itself"),
        (("n2", "nothing"), ("n0", "t"), PortNotFoundError, "no output 'nothing'; it has out"),
        (("n9", "out"), ("n0", "t"), GraphError, "no node 'n9'"),
    ],
)
def test_a_wire_that_does_not_fit_says_why(
    source: tuple[str, str], target: tuple[str, str], error: type[Exception], sentence: str
) -> None:
    space = space_of("test.seconds", "test.words", "test.volts")
    with pytest.raises(error, match=sentence):
        space.connect(*source, *target)
    assert space.edges == []


def test_an_input_takes_one_wire_unless_it_is_replaced() -> None:
    space = space_of("test.volts", "test.volts", "test.volts")
    first, second, target = space.nodes
    edge = first.outputs["out"].connect(target.inputs["v"])
    assert edge == ["n0", "out", "n2", "v"]
    assert first.outputs["out"].connect(target.inputs["v"]) == edge
    with pytest.raises(MultipleConnectionsError):
        second.outputs["out"].connect(target.inputs["v"])
    target.inputs["v"].connect(second.outputs["out"], replace=True)
    assert space.edges == [("n1", "out", "n2", "v")]
    with pytest.raises(NodeConnectionError):
        first.inputs["v"].connect(target.inputs["v"])


async def test_an_input_that_loses_its_wire_takes_its_default_without_triggering() -> None:
    space = space_of("test.volts", "test.volts")
    source, target = space.nodes
    assert source.outputs["out"] > target.inputs["v"]
    assert source.inputs["v"] < 3
    await source
    runs = target.runs
    target.inputs["v"].disconnect()
    await space.await_done()
    assert target.inputs["v"].value == 0.0
    assert target.runs == runs


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (25, r"v cannot be set: 25 V is outside −20 to 20 V\."),
        ("30 V", "30 V is outside"),
        ("3 s", "seconds do not fit into volts|Seconds do not fit into volts"),
        ("much", "'much' is not a number of V"),
        (float("nan"), "nan V is outside"),
        ("1e999", "too large"),
    ],
)
def test_a_value_out_of_limits_names_port_value_and_limit(value: Any, sentence: str) -> None:
    node = space_of("test.volts").nodes[0]
    with pytest.raises(ValueRefusedError, match=sentence):
        node.inputs["v"].value = value
    assert node.inputs["v"].value == 0.0


@pytest.mark.parametrize(
    ("text", "number"), [("0.8 V", 0.8), ("800mV", 0.8), ("−1.5", -1.5), ("2e-3 kV", 2.0)]
)
def test_text_with_a_unit_is_read_in_the_ports_own(text: str, number: float) -> None:
    node = space_of("test.volts").nodes[0]
    node.inputs["v"].value = text
    assert node.inputs["v"].value == number


def test_limits_hold_for_values_from_a_wire_too() -> None:
    space = space_of("test.millivolts", "test.volts")
    space.connect("n0", "out", "n1", "v")
    here, there = space.nodes
    here.outputs["out"].set(30_000)
    assert there.state == "error"
    assert "30 V is outside" in str(there.error)
    assert there.inputs["v"].value == 0.0


async def test_loading_leaves_disarmed_and_executes_nothing() -> None:
    """A1: values are restored as text; effects wait until somebody arms."""
    space = space_of("test.writes", "test.volts")
    space.nodes[0].inputs["a"].value = 5
    space.nodes[1].inputs["v"].value = 2.5
    await space.await_done()
    fresh = NodeSpace(LIBRARY)
    fresh.deserialize(space.serialize())
    await fresh.await_done()
    writes, volt = fresh.nodes
    assert fresh.arming == "disarmed"
    assert writes.inputs["a"].value == 5
    assert not writes.inputs["a"].applied
    assert (writes.runs, volt.runs) == (0, 0)
    writes.inputs["a"].value = 6
    volt.inputs["v"].value = 3
    await fresh.await_done()
    assert (writes.runs, volt.runs) == (0, 1)
    assert not writes.inputs["a"].applied
    fresh.arming = "live"
    await writes
    assert writes.properties["written"] == 6
    assert writes.inputs["a"].applied


async def test_a_run_locks_structure_and_inputs_that_are_not_live() -> None:
    """A2."""
    space = space_of("test.volts", "test.volts")
    space.arming = "running"
    node = space.nodes[0]
    with pytest.raises(RefusedError, match="while a run is on"):
        node.inputs["v"].value = 1
    node.inputs["v"].live = True
    node.inputs["v"].value = 1
    for edit in (
        lambda: space.add_node_by_id("test.volts"),
        lambda: space.remove_node_by_id("n0"),
        lambda: space.connect("n0", "out", "n1", "v"),
        lambda: space.deserialize({}),
    ):
        with pytest.raises(RefusedError):
            edit()
    await space.await_done()


def test_a_missing_class_keeps_every_byte_and_its_wires() -> None:
    strange = {
        "name": "FFT", "id": "s", "node_id": "else.fft", "node_name": "FFT", "odd": [1, {"x": 2}],
        "io": {"data": {"is_input": True, "value": [1, 2]}, "spectrum": {"is_input": False}},
    }  # fmt: skip
    file = {
        "nodes": [strange, {"id": "v", "node_id": "test.volts", "name": "V", "io": {}}],
        "edges": [["s", "spectrum", "v", "v"], ["v", "out", "s", "window"]],
    }
    space = NodeSpace(LIBRARY)
    space.deserialize(file)
    again = json.loads(json.dumps(space.serialize()))
    assert again["nodes"][0] == strange
    assert sorted(again["edges"]) == sorted(file["edges"])
    assert "no node of type 'else.fft'" in space.nodes[0].check_run()[0]


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ([], "is not an object"),
        ({"nodes": {}}, "'nodes' in the file is not a list"),
        ({"nodes": [{"id": "a"}]}, "no id or no node_id"),
        ({"nodes": [{"id": "a", "node_id": "test.volts"}] * 2}, "Two nodes"),
        ({"nodes": [], "edges": [["a", "b", "c", "d"]]}, "a node 'a' that is not in it"),
        ({"nodes": [], "edges": [["a"]]}, "four names are needed"),
        ({"format": 99}, "format 99"),
        (
            {
                "format": 3,
                "nodes": [{"id": "a", "node_id": "test.volts", "io": {"v": {"value": 99}}}],
            },
            "99 V",
        ),
        ({"nodes": [{"id": "a", "node_id": "test.volts", "io": []}]}, "not an object"),
    ],
)
def test_a_bad_file_leaves_the_old_graph_untouched(file: Any, sentence: str) -> None:
    space = space_of("test.volts")
    before = space.serialize()
    with pytest.raises(SavedGraphError, match=sentence):
        space.deserialize(file)
    assert space.serialize() == before
    assert space.arming == "live"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not JSON: .* line 1, column 2"),
        ("[" * 100_000, "nested too deep"),
        ('{"a": 1e999}', "1e999 is too large"),
        (f'{{"a": {"1" * 5000}}}', "number of too many digits"),
    ],
)
def test_what_is_no_json_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(SavedGraphError, match=sentence):
        parse(text)


def test_deep_nesting_that_json_reads_is_refused_all_the_same() -> None:
    deep: Any = {}
    for _ in range(500):
        deep = {"a": deep}
    with pytest.raises(SavedGraphError, match="nested too deep"):
        NodeSpace(LIBRARY).deserialize(deep)


def test_a_port_may_not_hide_what_every_node_has() -> None:
    with pytest.raises(GraphError, match="every node has a 'state' already"):
        type("Hiding", (Node,), {"state": NodeInput("state", int)})


def test_an_unknown_node_type_is_named() -> None:
    with pytest.raises(NodeClassNotFoundError, match=r"'nowhere\.node'"):
        NodeSpace(LIBRARY).add_node_by_id("nowhere.node")


def test_installed_shelves_are_found_and_a_broken_one_is_reported() -> None:
    library = Library.installed()
    assert library.has_node_id("add_node")
    assert library.broken == {}


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.complex_numbers() | st.dates() | st.datetimes() | st.timedeltas() | st.just(NoValue)
)  # fmt: skip
hashable = st.integers() | st.text() | st.tuples(st.integers(), st.text())
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.tuples(inner, inner)
        | st.sets(hashable, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
def test_every_value_survives_json(value: Any) -> None:
    again = json.loads(json.dumps(value, cls=JSONEncoder, allow_nan=False), cls=JSONDecoder)
    assert repr(again) == repr(value) or again == value
    assert type(again) is type(value)


def test_arrays_survive_json_to_the_bit() -> None:
    array = np.array([[1.5, np.nan], [np.inf, -0.0]], dtype=">f4")
    again = codec.from_json(json.loads(json.dumps(codec.to_json(array))))
    assert again.dtype == array.dtype
    assert again.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda a, b: b.outputs["out"].connect(a.inputs["text"]),
        lambda a, b: a.inputs["text"].connect(b.outputs["out"]),
        lambda a, b: a.outputs["out"].disconnect(),
        lambda a, b: b.inputs["text"].disconnect(),
        lambda a, b: a.inputs["text"].forward(b.inputs["text"], replace=True),
        lambda a, b: setattr(a, "muted", True),
        lambda a, b: setattr(a, "policy", "settled"),
        lambda a, b: setattr(a.inputs["text"], "does_trigger", False),
    ],
)
def test_a_run_holds_wires_and_ways_of_running_as_they_are(change: Any) -> None:
    """A2: by whatever door the change comes."""
    space = space_of("test.words", "test.words")
    a, b = space.nodes
    a.outputs["out"].connect(b.inputs["text"])
    before = space.serialize()
    space.arming = "running"
    with pytest.raises(RefusedError, match="cannot be changed while a run is on"):
        change(a, b)
    assert space.serialize() == before


@pytest.mark.timing
def test_a_hundred_thousand_nodes_load_within_five_seconds() -> None:
    nodes = [{"id": f"n{k}", "node_id": "add_node", "io": {}} for k in range(100_000)]
    edges = [[f"n{k}", "out", f"n{k + 1}", "a"] for k in range(99_999)]
    text = json.dumps({"format": 3, "nodes": nodes, "edges": edges})
    space = NodeSpace(Library(NODE_SHELF))
    start = time.process_time()
    space.deserialize(json.loads(text))
    assert time.process_time() - start < 5.0 * machine_factor()
    assert len(space.edges) == 99_999
