"""The ports of subgraphs: what they say, how they come and go, and that values cross."""

from typing import Any

import pytest

from funcnodes.core import (
    Node,
    NodeInput,
    NodeOutput,
    make_subgraph,
)
from funcnodes.errors import (
    GraphError,
    PortMismatchError,
)


async def test_a_promoted_input_has_type_unit_default_and_limits_of_the_inner_one(
    sketch: Any,
) -> None:
    space = sketch.space
    node = sketch.put(sketch.half, "half")
    node.inputs["v"].value_options = {"min": -5.0, "max": 5.0}
    group = make_subgraph(space, [node])
    port = group.promote(node.inputs["v"], name="bias")
    assert (port.name, port.unit, port.limits.high) == ("bias", "V", 5.0)
    assert isinstance(port, NodeInput)
    assert port.required
    assert not group.ready()
    with pytest.raises(GraphError, match="outside"):
        port.set_value(6.0)

    class Seconds(Node):
        t = NodeOutput(type=float, unit="s")

    seconds = sketch.put(Seconds, "seconds")
    with pytest.raises(PortMismatchError):
        seconds.outputs["t"].connect(port)


async def test_a_value_is_converted_at_the_border(sketch: Any) -> None:
    space = sketch.space

    class Millivolts(Node):
        out = NodeOutput(type=float, unit="mV")

    source, node = sketch.put(Millivolts, "mv"), sketch.put(sketch.half, "half")
    source.outputs["out"].connect(node.inputs["v"])
    make_subgraph(space, [node])
    source.outputs["out"].set(4000.0)
    await space.await_done()
    assert node.outputs["out"].value == 2.0


async def test_a_demoted_port_leaves_its_value_inside(sketch: Any) -> None:
    space = sketch.space
    one, two = sketch.chain("one", "two")
    group = make_subgraph(space, [one])
    port = group.promote(one.inputs["b"])
    assert isinstance(port, NodeInput)
    port.set_value(10)
    await space.await_done()
    group.demote(port)
    assert "b" not in group.inputs
    assert one.inputs["b"].value == 10
    group.demote(group.outputs["out"])
    assert not two.inputs["a"].sources
    assert group.inner.nodes == [one]
    with pytest.raises(GraphError):
        group.demote(group.inputs["_triggerinput"])


def test_ports_of_one_name_get_names_of_their_own(sketch: Any) -> None:
    space = sketch.space
    one, two = sketch.put(sketch.add, "one"), sketch.put(sketch.add, "two")
    group = make_subgraph(space, [one, two])
    found = [group.promote(node.inputs["a"]).id for node in (one, two)]
    assert found == ["a", "a_2"]


def test_only_what_is_directly_inside_and_free_can_be_promoted(sketch: Any) -> None:
    space = sketch.space
    one, two = sketch.chain("one", "two")
    group = make_subgraph(space, [one, two])
    with pytest.raises(GraphError, match="already has a wire"):
        group.promote(two.inputs["a"])
    with pytest.raises(GraphError, match="not directly inside"):
        group.promote(sketch.put(sketch.add, "outside").inputs["a"])


async def test_editing_in_place_changes_ports_and_runs_at_once(sketch: Any) -> None:
    space = sketch.space
    (node,) = sketch.chain("n")
    group = make_subgraph(space, [node])
    group.inner.add_node_by_id("subgraph.input", "k", "gain")
    group.inner.connect("k", "out", "n", "a")
    assert group.inputs["k"].name == "gain"
    more = group.inner.add_node_by_id("test.subgraphs.add", "m")
    group.inner.connect("n", "out", "m", "a")
    group.inputs["k"].set_value(1)
    await group
    assert more.outputs["out"].value == 3
    group.inner.remove_node_by_id("k")
    assert "k" not in group.inputs
