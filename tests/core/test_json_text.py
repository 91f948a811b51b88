"""A nodespace as JSON text, as users write and read it: with our classes for `json`, or without.

`json.dumps(space.serialize())` gives the same graph with `cls=JSONEncoder` as without it, whichever
of `json.loads(text)` and `json.loads(text, cls=JSONDecoder)` reads it back.
"""

import io
import json
import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from funcnodes import JSONDecoder, JSONEncoder, Library, NodeDecorator, NodeSpace, NoValue, Shelf
from funcnodes.core import codec
from funcnodes.core.codec import SavedForm


@NodeDecorator("text.any")
def keep(a: Any = NoValue) -> Any:
    return a


def space_of(value: Any) -> NodeSpace:
    space = NodeSpace(Library(Shelf([keep])))
    node = keep(uuid="n")
    space.add_node_instance(node)
    node.inputs["a"].set_value(value, does_trigger=False)
    return space


def opened(data: Any) -> Any:
    space = NodeSpace(Library(Shelf([keep])))
    space.deserialize(data)
    return space.get_node_by_id("n").inputs["a"].value


WRITERS: dict[str, Callable[[Any], str]] = {
    "encoder": lambda data: json.dumps(data, cls=JSONEncoder),
    "json alone": json.dumps,
    "indented": lambda data: json.dumps(data, cls=JSONEncoder, indent=1),
    "sorted": lambda data: json.dumps(data, cls=JSONEncoder, sort_keys=True),
}
READERS: dict[str, Callable[[str], Any]] = {
    "decoder": lambda text: json.loads(text, cls=JSONDecoder),
    "json alone": json.loads,
}
VALUES: list[Any] = [
    (1, 2), {1, 2}, {1: "a"}, {"$": "tuple", "v": [1]}, {"$": "x"}, [(1,), [2.5, math.inf]],
    2**70, -(2**53), True, "Größe", "null", ["a", "µ"], [1, 2.0, None], [1.0, math.inf], [],
    {"format": 1, "nodes": [(1, 2)], "edges": []}, b"bytes", 1 + 2j, [True, False], [[1], ["a"]],
]  # fmt: skip


@pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_whoever_writes_and_reads_the_text(
    value: Any, write: Callable[[Any], str], read: Callable[[str], Any]
) -> None:
    found = opened(read(write(space_of(value).serialize())))
    assert (found, type(found)) == (value, type(value))


def test_nan_comes_back_as_nan_and_not_as_nothing() -> None:
    text = json.dumps(space_of([math.nan, 1.0]).serialize(), cls=JSONEncoder)
    assert math.isnan(opened(json.loads(text))[0])


def test_the_text_of_a_nodespace_is_ascii_unless_asked_otherwise() -> None:
    form = space_of("Größe").serialize()
    assert json.dumps(form, cls=JSONEncoder).isascii()
    assert "Größe" in json.dumps(form, cls=JSONEncoder, ensure_ascii=False)


def test_json_dump_writes_to_a_stream_what_dumps_gives() -> None:
    form, stream = space_of((1, 2)).serialize(), io.StringIO()
    json.dump(form, stream, cls=JSONEncoder)
    assert stream.getvalue() == json.dumps(form, cls=JSONEncoder)


def test_what_a_missing_package_left_behind_keeps_its_nan_in_the_text() -> None:
    """2.x wrote NaN where JSON has no word for it."""
    old = {"nodes": [{"id": "x", "node_id": "gone", "io": {"a": {"value": math.nan}}}]}
    space = NodeSpace(Library())
    space.deserialize(old)
    text = json.dumps(space.serialize(), cls=JSONEncoder)
    assert math.isnan(json.loads(text)["nodes"][0]["io"]["a"]["value"])


def test_a_value_of_an_unknown_type_survives_the_decoder() -> None:
    data = space_of(1).serialize()
    data["nodes"][0]["io"]["a"]["value"] = {"$": "object", "v": ["lab.Peak", {"x": 1}]}
    space = NodeSpace(Library(Shelf([keep])))
    space.deserialize(data)
    for read in READERS.values():
        again = NodeSpace(Library(Shelf([keep])))
        again.deserialize(read(json.dumps(space.serialize(), cls=JSONEncoder)))
        assert again.serialize() == data
        node = read(json.dumps(space.get_node_by_id("n").serialize(), cls=JSONEncoder))
        fresh = keep()
        fresh.deserialize(node)
        assert fresh.serialize()["io"] == data["nodes"][0]["io"]


def test_a_node_comes_back_whoever_reads_its_text() -> None:
    form = space_of((1, {2: 3})).get_node_by_id("n").serialize()
    for read in READERS.values():
        node = keep()
        node.deserialize(read(json.dumps(form, cls=JSONEncoder)))
        assert node.inputs["a"].value == (1, {2: 3})


def test_a_saved_form_among_other_values_is_left_as_it_is() -> None:
    form = space_of((1, 2)).serialize()
    text = json.dumps({"graph": form, "at": (0, 1)}, cls=JSONEncoder)
    found = json.loads(text, cls=JSONDecoder)
    assert (found["graph"], type(found["graph"]), found["at"]) == (form, SavedForm, (0, 1))
    assert opened(found["graph"]) == (1, 2)


def test_a_saved_form_that_is_a_value_is_saved_like_any_other_object() -> None:
    value = space_of((1, 2)).serialize()
    assert opened(space_of(value).serialize()) == value
    assert codec.from_json(codec.to_json(value)) == value


def test_lists_that_are_saved_are_copies() -> None:
    for value in ([1.5, 2.5], [1, 2], ["a"], [True], [[1, 2]], []):
        form = codec.to_json(value)
        assert form == value
        assert form is not value


@pytest.mark.timing
def test_the_text_of_a_thousand_nodes_costs_little_more_than_their_saved_form() -> None:
    """The encoder does not walk through what is written already: of both, text takes a part."""
    space = NodeSpace(Library(Shelf([keep])))
    for n in range(1000):
        space.add_node_instance(keep(uuid=f"n{n}"))
        space.get_node_by_id(f"n{n}").inputs["a"].set_value([(n, n)] * 10, does_trigger=False)

    def took_s(work: Callable[[], Any]) -> float:
        start = time.process_time()
        work()
        return time.process_time() - start

    pairs = [
        (took_s(lambda: json.dumps(space.serialize(), cls=JSONEncoder)), took_s(space.serialize))
        for _ in range(5)
    ]
    assert min(text / form for text, form in pairs) < 1.5
