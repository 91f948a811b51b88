"""Ports as programs for 0.2.17 and 2.x use them: by themselves, by text, by short forms."""

from typing import Any

import pytest

from funcnodes import (
    DataEnum,
    MultipleConnectionsError,
    Node,
    NodeDecorator,
    NodeInput,
    NodeOutput,
    NodeSpace,
    NoValue,
)
from funcnodes.errors import PortMismatchError, PortNotFoundError, RefusedError, ValueRefusedError
from funcnodes.eventmanager import EventEmitterMixin


@NodeDecorator("founding.add")
def add(a: float, b: float = 1.0) -> float:
    return a + b


class Gain(DataEnum):
    LOW = (1,)
    HIGH = (100,)
    AUTO = "automatic"


# ── without a node ────────────────────────────────────────────────────────────────────────


def test_a_port_without_a_node_takes_and_checks_values() -> None:
    inp, out = NodeInput("a", "int", value_options={"max": 5}), NodeOutput("out", "int")
    inp.value, out.value = 3, 4
    assert (inp.value, out.value) == (3, 4)
    assert not inp.has_node
    assert (inp.ready(), inp.full_id) == (False, "__a")
    with pytest.raises(ValueRefusedError, match=r"^a cannot be set: 6 is outside up to 5"):
        inp.value = 6
    inp.value = NoValue
    assert inp.value is NoValue


def test_ports_without_nodes_are_connected_and_push() -> None:
    inp, out = NodeInput("a", "int"), NodeOutput("out", "int")
    out.value = 2
    assert out.connect(inp) == ["", "out", "", "a"]
    assert (inp.value, inp.connections, out.connections) == (2, [out], [inp])
    out.value = 5
    assert inp.value == 5
    with pytest.raises(MultipleConnectionsError):
        NodeOutput("other", "int").connect(inp)
    with pytest.raises(PortMismatchError, match=r"^text cannot be wired to a: Text"):
        NodeOutput("text", "str").connect(inp, replace=True)
    out.disconnect(inp)
    assert (inp.value, inp.is_connected()) == (NoValue, False)


def test_an_input_without_a_node_is_forwarded() -> None:
    here, there = NodeInput("a", "int"), NodeInput("b", "int")
    here.forward(there)
    here.value = 3
    assert there.value == 3


async def test_a_port_that_got_its_node_later_keeps_value_and_edges() -> None:
    source, inp = NodeOutput("source", float), NodeInput("extra", float, default=0.0)
    source.connect(inp)
    source.value = 2.0
    node = add()
    node.add_input(inp)
    assert (inp.node, inp.value, inp.sources) == (node, 2, [source])
    target = NodeOutput("more", float)
    feeding = add()
    target.connect(feeding.inputs["a"])
    node.add_output(target)
    target.value = 4.0
    await feeding
    assert feeding.outputs["out"].value == 5


def test_setting_a_port_of_a_class_changes_no_instance() -> None:
    class Own(Node):
        node_id = "founding.own"
        a = NodeInput("a", float, default=1.0)
        out = NodeOutput("out", float)

        def func(self, a: float) -> float:
            return a

    Own.a.value, Own.out.value = 7, 8
    node = Own()
    assert (node.inputs["a"].value, node.outputs["out"].value) == (1, NoValue)


# ── short forms ───────────────────────────────────────────────────────────────────────────


async def test_a_port_is_set_by_its_name() -> None:
    node = add()
    node["a"] = 1
    node["b"] = 2
    assert node.in_trigger
    await node
    assert node["out"].value == 3
    node["out"] = 9
    assert node.outputs["out"].value == 9
    with pytest.raises(ValueRefusedError):
        node["a"] = "text"
    with pytest.raises(PortNotFoundError):
        node["c"] = 1


async def test_an_output_is_set_by_set_value() -> None:
    node, after = add(), add()
    node.outputs["out"].connect(after.inputs["a"])
    node.outputs["out"].set_value(4)
    await after
    assert after.outputs["out"].value == 5
    node.outputs["out"].set_value(6, does_trigger=False)
    assert (after.inputs["a"].value, after.in_trigger, after.runs) == (6, False, 1)


def test_a_default_gives_the_value_until_another_is_set() -> None:
    inp = add().inputs["b"]
    inp.default = 4
    assert (inp.value, inp.default, inp.node.in_trigger) == (4, 4, False)
    inp.value = 6
    inp.default = 5
    assert (inp.value, inp.default) == (6, 5)
    inp.value = NoValue
    inp.unset()
    assert inp.value == 5
    alone = NodeInput("a", "int")
    alone.default = 4
    assert alone.value == 4


def test_a_default_is_checked_as_a_value_is() -> None:
    inp = NodeInput("a", "int", value_options={"max": 5})
    with pytest.raises(ValueRefusedError):
        inp.default = 6
    assert (inp.default, inp.value) == (NoValue, NoValue)


def test_a_default_does_not_change_a_value_while_a_run_is_on() -> None:
    """A2."""
    space = NodeSpace()
    node = space.add_node_instance(add())
    space.arming = "running"
    with pytest.raises(RefusedError):
        node.inputs["b"].default = 4
    assert node.inputs["b"].value == 1


def test_a_default_of_an_instance_is_saved_and_of_no_other() -> None:
    node = add()
    node.inputs["b"].default = 4
    again = add()
    again.deserialize(node.serialize())
    assert (again.inputs["b"].default, again.inputs["b"].value) == (4, 4)
    assert add().inputs["b"].value == 1


# ── enumerations by text ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("said", ["HIGH", "Gain.HIGH", Gain.HIGH, (100,)])
async def test_a_member_is_meant_by_name_class_and_name_itself_or_data(said: Any) -> None:
    taken: list[Any] = []

    @NodeDecorator("founding.gain")
    def amplify(gain: Gain, x: float = 1.0) -> float:
        taken.append(gain)
        return float(Gain.v(gain)[0]) * x

    node = amplify()
    node["gain"] = said
    await node
    assert (taken, node["out"].value) == ([Gain.HIGH], 100)


async def test_a_default_may_be_the_name_of_a_member() -> None:
    taken: list[Any] = []

    @NodeDecorator("founding.gain.default")
    def amplify(x: float, gain: Gain = "HIGH") -> Any:  # type: ignore[assignment]  # by text
        taken.append(gain)
        return gain

    node = amplify()
    assert (node.inputs["gain"].value, node.inputs["gain"].default) == (Gain.HIGH, Gain.HIGH)
    node["x"] = 1
    await node
    node.inputs["gain"].default = "Gain.AUTO"
    node["x"] = 2
    await node
    assert taken == [Gain.HIGH, Gain.AUTO]
    made = amplify(io_options={"gain": {"default": "LOW"}})
    assert made.inputs["gain"].value is Gain.LOW


# ── errors ────────────────────────────────────────────────────────────────────────────────


def test_listeners_of_errors_come_and_go() -> None:
    heard: list[str] = []

    def listener(error: Exception, **_: Any) -> None:
        heard.append(str(error))

    for emitter in (EventEmitterMixin(), NodeSpace(), add()):
        heard.clear()
        emitter.once_error(listener)
        emitter.emit("error", error=ValueError("first"))
        emitter.emit("error", error=ValueError("second"))
        emitter.on_error(listener)
        emitter.emit("error", error=ValueError("third"))
        emitter.off_error(listener)
        emitter.emit("error", error=ValueError("fourth"))
        emitter.on_error(listener)
        emitter.off_error()
        assert not emitter.emit("error", error=ValueError("fifth"))
        assert heard == ["first", "third"]
    port = add().inputs["a"]
    port.once_error(listener)
    port.tell("error", error=ValueError("of a port"))
    port.off_error()
    assert heard[-1] == "of a port"


# ── nodes ─────────────────────────────────────────────────────────────────────────────────


def test_a_node_is_made_with_its_id_and_properties() -> None:
    node = add(id="n", properties={"pos": [1, 2]})
    assert (node.uuid, node.properties) == ("n", {"pos": [1, 2]})


def test_a_port_is_removed_by_its_id_or_itself() -> None:
    node = add()
    node.remove_input(node.inputs["b"])
    node.remove_output(node.outputs["out"])
    assert [port for port in (*node.inputs, *node.outputs) if not port.startswith("_")] == ["a"]
