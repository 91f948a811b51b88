"""Ports as users know them: wires, forwarding, options, what they say of themselves."""

import json
from enum import Enum
from typing import Annotated, Any

import pytest

from funcnodes.core import (
    DataEnum,
    Node,
    NodeDecorator,
    NodeInput,
    NodeOutput,
    NodeSpace,
    NoValue,
    Unit,
)
from funcnodes.errors import (
    MultipleConnectionsError,
    NodeConnectionError,
    NodeTriggerError,
    PortMismatchError,
    SameNodeConnectionError,
    ValueRefusedError,
)


@NodeDecorator("api.add")
def add(a: float, b: float = 1.0) -> float:
    return a + b


@NodeDecorator("api.text")
def text(words: str) -> str:
    return words


@NodeDecorator("api.volts")
def volts(v: Annotated[float, Unit("V")]) -> Annotated[float, Unit("mV")]:
    return v * 1000


class Colour(DataEnum):
    RED = "#f00"
    BLUE = 7


@NodeDecorator("api.paint")
def paint(colour: Colour = Colour.RED) -> Any:
    return Colour.v(colour)


async def test_both_directions_and_all_spellings_make_the_same_wire() -> None:
    for spelling in (
        lambda out, inp: out.connect(inp),
        lambda out, inp: inp.connect(out),
        lambda out, inp: out.c(inp),
        lambda out, inp: out > inp,
        lambda out, inp: inp < out,
    ):
        first, second = add(uuid="n1"), add(uuid="n2")
        wire = spelling(first.o["out"], second.i["a"])
        assert wire == ["n1", "out", "n2", "a"]
        assert first.o["out"].connect(second.i["a"]) == wire  # again: nothing happens
        assert second.i["a"].connections == [first.o["out"]]
        assert first.o["out"].full_id == "n1__out"
        second.i["a"].d()
        assert not first.o["out"].is_connected()


async def test_an_input_takes_one_wire_unless_told_otherwise() -> None:
    first, second, third = add(), add(), add()
    first.o["out"].c(third.i["a"])
    with pytest.raises(MultipleConnectionsError):
        second.o["out"].connect(third.i["a"])
    second.o["out"].connect(third.i["a"], replace=True)
    assert third.i["a"].connections == [second.o["out"]]
    third.i["b"].allow_multiple = True
    first.o["out"].c(third.i["b"])
    second.o["out"].c(third.i["b"])
    assert len(third.i["b"].connections) == 2


async def test_wires_that_make_no_sense_are_refused() -> None:
    first, second = add(), add()
    with pytest.raises(NodeConnectionError, match="both outputs"):
        first.o["out"].connect(second.o["out"])
    with pytest.raises(NodeConnectionError, match="both inputs"):
        first.i["a"].connect(second.i["a"])
    with pytest.raises(SameNodeConnectionError):
        first.o["out"].connect(first.i["a"])
    with pytest.raises(PortMismatchError, match="text"):
        text().o["out"].connect(first.i["a"])


async def test_losing_the_last_wire_brings_back_the_default_without_triggering() -> None:
    first, second = add(), add()
    second.i["a"].value = 1
    first.i["a"].value = 4
    await first
    first.o["out"].c(second.i["b"])
    await second
    assert second.i["b"].value == 5
    runs = second.runs
    first.o["out"].d(second.i["b"])
    assert second.i["b"].value == 1.0
    await second.settled()
    assert second.runs == runs


async def test_a_forwarded_input_hands_values_on_in_the_same_wave() -> None:
    first, second, third = add(uuid="n1"), add(uuid="n2"), add(uuid="n3")
    first.i["a"].value = 2
    assert first.i["a"].forward(second.i["a"]) == ["n1", "a", "n2", "a"]
    second.i["a"].forward(third.i["a"])
    assert third.i["a"].value == 2  # what was there is handed on at once
    first.i["a"].value = 5
    assert first.i["a"].wave is third.i["a"].wave
    await first
    await third
    assert [node.o["out"].value for node in (first, second, third)] == [6, 6, 6]
    with pytest.raises(NodeConnectionError, match="already forwarded"):
        third.i["a"].forward(first.i["a"])
    with pytest.raises(MultipleConnectionsError):
        first.i["b"].forward(third.i["a"])
    with pytest.raises(SameNodeConnectionError):
        first.i["a"].forward(first.i["b"])
    first.i["a"].unforward()
    assert second.i["a"].value is NoValue
    assert third.i["a"].value is NoValue
    first.i["a"].value = 9
    assert second.i["a"].value is NoValue


async def test_a_forwarded_value_is_converted_and_checked() -> None:
    source, target = volts(), add()
    target.i["a"].type = volts().o["out"].type  # millivolts
    target.i["a"].update_value_options(max=1000)
    source.i["v"].forward(target.i["a"])
    source.i["v"].value = 0.5
    assert target.i["a"].value == pytest.approx(500)
    source.i["v"].value = 2
    assert isinstance(target.error, ValueRefusedError)
    assert "outside" in target.error.message
    assert target.i["a"].value == pytest.approx(500)


async def test_changed_limits_hold_for_sets_and_for_wires_at_once() -> None:
    first, second = add(), add()
    first.o["out"].c(second.i["a"])
    heard: list[Any] = []
    second.i["a"].on("after_update_value_options", lambda **data: heard.append(data["result"]))
    assert second.i["a"].update_value_options(min=0, max=10) == {"min": 0, "max": 10}
    assert heard == [{"min": 0, "max": 10}]
    with pytest.raises(ValueRefusedError, match=r"a cannot be set: 11 .*outside 0 to 10"):
        second.i["a"].value = 11
    first.i["a"].value = 20
    await first
    with pytest.raises(NodeTriggerError, match="21 is outside"):
        await second
    with pytest.raises(ValueRefusedError, match="min 5 is above max 1"):
        second.i["a"].update_value_options(min=5, max=1)
    with pytest.raises(ValueRefusedError, match="not a number"):
        second.i["a"].update_value_options(min="low")
    second.i["a"].update_value_options(max=None)
    second.i["a"].value = 11


async def test_a_port_says_what_it_has() -> None:
    node = add(uuid="n1")
    inp = node.i["a"]
    assert inp.status() == {
        "required": True, "has_value": False, "has_node": True, "ready": False,
        "connected": False,
    }  # fmt: skip
    assert inp.ready_state() == {"node": True, "value": False}
    inp.value = 2
    assert inp.serialize() == {"id": "a", "is_input": True, "type": "float", "value": 2.0}
    assert inp.full_serialize()["full_id"] == "n1__a"
    assert inp.serialize_class() == {
        "uuid": "a", "name": "a", "type": "float", "description": None,
    }  # fmt: skip
    assert not NodeInput("x", float).ready()  # belongs to no node
    assert node.o["out"].status()["has_value"] is False
    assert "required" not in node.o["out"].status()
    json.dumps([port.full_serialize() for port in (*node.i.values(), *node.o.values())])


async def test_listeners_given_to_a_template_hear_each_instance() -> None:
    heard: list[tuple[str, Any]] = []

    class Listening(Node):
        node_id = "api.listening"
        a = NodeInput(
            type=float,
            on={"after_set_value": lambda src, result, **_: heard.append((src.full_id, result))},
        )
        out = NodeOutput(type=float)

        def func(self, a: float) -> float:
            return a

    one, two = Listening(uuid="one"), Listening(uuid="two")
    one.i["a"].value = 1
    two.i["a"].value = 2
    assert heard == [("one__a", 1), ("two__a", 2)]


async def test_a_data_enum_is_chosen_by_member_name_value_or_full_name() -> None:
    node = paint()
    for given, data in ((Colour.BLUE, 7), ("RED", "#f00"), (7, 7), ("Colour.RED", "#f00")):
        node.i["colour"].value = given
        await node
        assert node.o["out"].value == data
    with pytest.raises(ValueRefusedError, match="not one of RED, BLUE"):
        node.i["colour"].value = "GREEN"
    assert Colour.interfere("RED") is Colour.RED
    assert issubclass(Colour, Enum)
    with pytest.raises(ValueError, match="'x' is none of Colour"):
        Colour.v("x")


async def test_forwarding_is_saved_and_loaded() -> None:
    space = NodeSpace()
    first, second = add(uuid="n1"), add(uuid="n2")
    space.add_node_instance(first)
    space.add_node_instance(second)
    first.i["a"].value = 3
    first.i["a"].forward(second.i["a"])
    await space.await_done()
    saved = json.loads(json.dumps(space.serialize()))
    assert saved["edges"] == [["n1", "a", "n2", "a"]]
    again = NodeSpace()
    again.deserialize(saved)
    assert again.get_node_by_id("n2").inputs["a"].value == 3
    assert again.get_node_by_id("n2").runs == 0
    assert again.serialize() == saved
