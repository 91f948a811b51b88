"""Load what was saved: everything is as it was, and saving again gives the same bytes."""

import json
from typing import Annotated, Any

from hypothesis import HealthCheck, given, settings, strategies as st

from funcnodes.core import (
    Frame,
    Library,
    Node,
    NodeDecorator,
    NodeInput,
    NodeOutput,
    NodeSpace,
    NoValue,
    Range,
    Shelf,
    Unit,
    codec,
)
from funcnodes.core.codec.strict import parse
from funcnodes.core.graph import PlaceholderNode, saved
from funcnodes.core.nodes.place import Place
from funcnodes.errors import GraphError, NodeConnectionError


@NodeDecorator("laws.volts")
def volts(v: Annotated[float, Unit("V"), Range(-20, 20)] = 0.5) -> Annotated[float, Unit("V")]:
    return v


@NodeDecorator("laws.words", default_run_in="thread", default_policy="settled")
def words(text: str = "", n: int = 1, on: bool = False) -> str:
    return f"{text}{n}{on}"


class Anything(Node):
    node_id = "laws.anything"
    a = NodeInput(type=Any)
    b = NodeInput(type=Any, default=None, required=False, does_trigger=False, hidden=True)
    out = NodeOutput(type=Any)


class Holds(Frame):
    node_id = "laws.frame"
    out = NodeOutput(type=Any)


LIBRARY = Library(Shelf([volts, words, Anything, Holds], name="Laws"))

numbers = st.floats(-20, 20)
texts = st.text(max_size=5)
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=6,
    )


leaves = st.none() | st.booleans() | st.integers() | texts
json_only = nested(leaves | st.floats(allow_nan=False, allow_infinity=False))
plain = nested(leaves | st.floats(allow_nan=False))
values = plain | st.tuples(numbers, texts) | st.binary(max_size=4) | st.sets(st.integers())


def of_type(port: NodeInput) -> st.SearchStrategy[Any]:
    if port.type.integer:
        return st.integers(-20, 20)
    by_kind: dict[str, st.SearchStrategy[Any]] = {
        "text": texts, "bool": st.booleans(), "any": values,
    }  # fmt: skip
    return by_kind.get(port.type.kind, numbers)


def change_port(draw: Any, port: NodeInput | NodeOutput) -> None:
    port.hidden, port.pinned = draw(st.booleans()), draw(st.booleans())
    own = port.node._templates.get(port.id)
    if own is None:
        return
    port.name = draw(names)
    port.render_options = draw(st.dictionaries(texts, plain, max_size=2))
    if not isinstance(port, NodeInput):
        return
    port.live, port.does_trigger = draw(st.booleans()), draw(st.booleans())
    port.allow_multiple, port.required = draw(st.booleans()), draw(st.booleans())
    port.node.ports_changed()
    if draw(st.booleans()):
        port.set_default(port.check(draw(of_type(port))))
    if draw(st.booleans()):
        port.restore(port.check(draw(of_type(port))))
    if port.type.kind in ("number", "quantity") and draw(st.booleans()):
        port.update_value_options(min=-50.0, max=draw(st.floats(20, 99)))


def change_node(draw: Any, node: Node) -> None:
    node.name = draw(names)
    node.properties = draw(st.dictionaries(texts, plain, max_size=2))
    node.policy = draw(st.sampled_from(["each", "settled", "zip"]))
    node.run_in = draw(st.sampled_from(["auto", "loop", "thread", "process"]))
    node.max_attempts = draw(st.integers(1, 4))
    node.retry_delay_s = draw(st.floats(0, 9))
    node.timeout_s = draw(st.none() | st.floats(0.1, 9))
    node.set_reset_inputs(draw(st.booleans()))
    if draw(st.booleans()):
        node.render_options = draw(st.dictionaries(texts, plain, max_size=2))
    for port in [*node.inputs.values(), *node.outputs.values()]:
        change_port(draw, port)
    node.muted = draw(st.booleans())


def missing(draw: Any, uuid: str) -> dict[str, Any]:
    """A node of a package that is not here, with whatever it may have had to say."""
    io = draw(st.dictionaries(names, st.dictionaries(names, json_only, max_size=2), max_size=3))
    more = draw(st.dictionaries(names.filter(lambda n: n not in saved._NODE_KEYS), json_only))
    return {**more, "id": uuid, "node_id": "laws.missing", "name": draw(names), "io": io}


@st.composite
def spaces(draw: st.DrawFn) -> NodeSpace:
    space = NodeSpace(LIBRARY)
    space.title = draw(texts)
    space.properties = draw(st.dictionaries(texts, plain, max_size=2))
    ids = ["laws.volts", "laws.words", "laws.anything", "laws.frame"]
    for n, node_id in enumerate(draw(st.lists(st.sampled_from(ids), min_size=1, max_size=6))):
        space.add_node_by_id(node_id, uuid=f"n{n}")
    if draw(st.booleans()):
        space.add_saved_node(missing(draw, "gone"))
    known = [node for node in space.nodes if node.node_id]
    for node in known:
        change_node(draw, node)
    frames = [node for node in known if isinstance(node, Frame)]
    for node in known:
        if frames and draw(st.booleans()):
            section = draw(st.sampled_from(["enter", "body", "finally"]))
            try:
                space.put_in(node, Place(draw(st.sampled_from(frames)).uuid, section))
            except GraphError:
                continue  # into itself
    for _ in range(draw(st.integers(0, 8))):
        wire(draw, space)
    if draw(st.booleans()):
        space.groups.group_together([draw(st.sampled_from(known)).uuid], new_group_id="g")
    return space


def wire(draw: Any, space: NodeSpace) -> None:
    source, target = (draw(st.sampled_from(space.nodes)) for _ in range(2))
    there = draw(st.sampled_from(list(target.inputs.values())))
    starts = [*source.outputs.values(), *list(source.inputs.values())[1:]]
    here = draw(st.sampled_from(starts))
    try:
        here.forward(there) if isinstance(here, NodeInput) else here.connect(there)
    except NodeConnectionError:
        return


def told(space: NodeSpace) -> dict[str, Any]:
    """Everything that a person could have changed, read from the objects themselves."""
    return {
        "title": space.title,
        "properties": space.properties,
        "edges": sorted(space.edges),
        "groups": space.groups.serialize(),
        "nodes": {node.uuid: told_of_node(node) for node in space.nodes},
    }


def told_of_node(node: Node) -> Any:
    if isinstance(node, PlaceholderNode):
        return node.data
    settings_of_node = [
        node.node_id, node.name, node.properties, node.policy, node.run_in, node.max_attempts,
        node.retry_delay_s, node.timeout_s, node.muted, node.place, node.reset_inputs_on_trigger,
        dict(node.render_options),
    ]  # fmt: skip
    ports = [*node.inputs.values(), *node.outputs.values()]
    return settings_of_node, {(port.is_input, port.id): told_of_port(port) for port in ports}


def told_of_port(port: NodeInput | NodeOutput) -> Any:
    shared = [port.name, port.hidden, port.pinned, port.value_options, port.render_options]
    if not isinstance(port, NodeInput):
        return shared
    flags = [port.live, port.does_trigger, port.allow_multiple, port.required]
    value = NoValue if port.sources else port.value  # what a wire brings comes again
    return [*shared, *flags, codec.to_json(port.default), codec.to_json(value)]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=100)
@given(spaces())
def test_loading_brings_everything_back_and_saving_again_is_identical(space: NodeSpace) -> None:
    first = json.dumps(space.serialize())
    again = NodeSpace(LIBRARY)
    again.deserialize(parse(first))
    assert told(again) == told(space)
    assert json.dumps(again.serialize()) == first
    assert not any(node.runs or node.in_trigger for node in again.nodes)
