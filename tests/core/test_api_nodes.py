"""Nodes as users know them: the founding examples, every way to wait, progress, objects."""

import asyncio
import gc
import json
import threading
import weakref
from collections.abc import Callable
from typing import Annotated, Any

import pytest

import funcnodes
from funcnodes.basic_nodes.math import add_node
from funcnodes.core import (
    InputMeta,
    Node,
    NodeClassMixin,
    NodeDecorator,
    NodeInput,
    NodeOutput,
    NodeSpace,
    NoValue,
    OutputMeta,
    get_nodeclass,
    instance_nodefunction,
    node_class_maker,
    run_until_complete,
)
from funcnodes.errors import (
    AwaitCycleError,
    GraphError,
    InTriggerError,
    NodeTriggerError,
    PortNotFoundError,
    SavedGraphError,
)


@NodeDecorator("api.node.add")
def add(a: float, b: float = 1) -> float:
    """Adds."""
    return a + b


@NodeDecorator("api.node.divide")
def divide(a: float, b: float) -> float:
    return a / b


@NodeDecorator("api.node.optional")
def optional(a: float, b: Any = NoValue) -> list[Any]:
    return [a, b]


class Held(Node):
    """Waits until it is let go."""

    node_id = "api.node.held"
    a = NodeInput(type=float)
    out = NodeOutput(type=float)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.began, self.go = asyncio.Event(), asyncio.Event()

    async def func(self, a: float) -> float:
        self.began.set()
        await self.go.wait()
        return a


# ── what the project has always promised ──────────────────────────────────────────────────


async def test_two_values_one_after_the_other_give_two_outputs() -> None:
    """T1: `a=2; b=3` on `add(a, b=1)` gives 3 and then 5."""
    node = add()
    outputs: list[float] = []
    node.outputs["out"].on("after_set_value", lambda result, **_: outputs.append(result))
    node.inputs["a"].value = 2
    node.inputs["b"].value = 3
    await node
    assert outputs == [3, 5]


async def test_the_founding_example() -> None:
    node = add_node()
    node.inputs["a"].value = 1
    assert not node.ready_to_trigger()
    assert not node.in_trigger
    node.inputs["b"].value = 3
    assert not node.ready_to_trigger()  # it is in trigger
    assert node.in_trigger
    assert repr(node.outputs["out"].value) == "<NoValue>"
    await node
    assert node.outputs["out"].value == 4


async def test_a_class_defines_its_ports_as_attributes() -> None:
    class MyCustomNode(Node):
        node_id = "api.my_custom_node"
        node_name = "My Custom Node"
        input1 = NodeInput(id="input1", type="float")
        input2 = NodeInput(id="input2", type="float")
        output = NodeOutput(id="output", type="float")

        async def func(self, input1: float, input2: float) -> None:
            self.outputs["output"].value = input1 + input2

    space = NodeSpace()
    node = space.add_node_instance(MyCustomNode())
    node.i["input1"].value, node.i["input2"].value = 1, 2
    await node
    assert node["output"].value == 3  # type: ignore[attr-defined]  # a port of either kind
    assert get_nodeclass("api.my_custom_node") is MyCustomNode


def test_nodes_run_without_a_loop_of_ones_own() -> None:
    """T12."""
    first, second = add(), add()
    first.o["out"].c(second.i["a"])
    first.i["a"].value = 1
    run_until_complete(first, second)
    assert second.o["out"].value == 3


# ── running and waiting ───────────────────────────────────────────────────────────────────


async def test_an_error_of_the_function_reaches_who_awaits_with_its_cause() -> None:
    node = divide()
    node.i["a"].value, node.i["b"].value = 1, 0
    with pytest.raises(NodeTriggerError, match="division by zero") as caught:
        await node
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(NodeTriggerError):
        await node.await_trigger()
    await node.await_until_complete()  # waits, and never raises for it


async def test_every_way_to_wait() -> None:
    node, after = Held(), Held()
    node.o["out"].c(after.i["a"])
    assert not node.trigger_if_requested()
    node.i["a"].value = 1
    assert node.trigger_if_requested()
    await node.began.wait()
    with pytest.raises(InTriggerError):
        await node.trigger()
    waiting = asyncio.create_task(node.await_trigger())
    complete = asyncio.create_task(node.await_until_complete())
    node.i["a"].value = 2
    assert node.requests_trigger
    assert node.status()["requests_trigger"]
    node.go.set()
    await after.began.wait()
    await waiting  # its own executions only
    assert not complete.done()
    after.go.set()
    await complete
    assert after.o["out"].value == 2


async def test_waiting_for_oneself_is_an_error_not_a_deadlock() -> None:
    class Selfish(Node):
        node_id = "api.node.selfish"

        async def func(self) -> None:
            await self.await_trigger()

    with pytest.raises(NodeTriggerError) as caught:
        await Selfish()
    assert isinstance(caught.value.__cause__, AwaitCycleError)


async def test_unset_optional_inputs_are_left_out_of_the_call() -> None:
    node = optional()
    node.i["a"].value = 1
    await node
    assert node.o["out"].value == [1, NoValue]


async def test_inputs_that_reset_do_so_after_success_and_trigger_nothing() -> None:
    node = divide(reset_inputs_on_trigger=True)
    node.i["a"].value, node.i["b"].value = 1, 0
    with pytest.raises(NodeTriggerError):
        await node
    assert node.i["b"].value == 0  # a failure keeps them
    node.i["b"].value = 2
    await node.settled()
    assert node.o["out"].value == 0.5
    assert node.i["a"].value is NoValue
    assert not node.ready()
    assert node.runs == 2


async def test_a_value_that_comes_while_it_runs_is_not_reset() -> None:
    node = Held(reset_inputs_on_trigger=True)
    node.i["a"].value = 1
    await node.began.wait()
    node.i["a"].value = 1  # equal, but new
    node.go.set()
    await node.settled()
    assert node.runs == 2
    assert node.i["a"].value is NoValue


async def test_options_of_ports_and_triggering_can_be_given_at_creation() -> None:
    node = add(
        uuid="n", name="Sum", trigger_on_create=True, render_options={"typemap": {"float": "dial"}},
        io_options={
            "a": {"value": 4, "hidden": True}, "b": {"default": 6, "value_options": {"max": 9}},
        },
    )  # fmt: skip
    assert node.in_trigger
    await node.settled()
    assert node.o["out"].value == 10
    assert node.full_serialize()["render_options"] == {"typemap": {"float": "dial"}}
    assert node.i["a"].hidden
    assert node.i["b"].value_options == {"max": 9}
    with pytest.raises(GraphError, match="has no setting 'colour'"):
        add(io_options={"a": {"colour": 1}})
    with pytest.raises(PortNotFoundError):
        add(io_options={"z": {}})


def test_loading_never_triggers_a_node_as_it_is_created() -> None:
    """A1."""

    @NodeDecorator("api.node.eager", default_trigger_on_create=True)
    def eager(a: int = 1) -> int:
        return a

    assert eager().in_trigger
    space = NodeSpace()
    space.deserialize({"nodes": [{"id": "n", "node_id": "api.node.eager", "io": {}}], "edges": []})
    assert not space.get_node_by_id("n").in_trigger


async def test_calling_a_class_once() -> None:
    assert await add.initialize_and_call(a=2, b=5) == 7
    assert await add.initialize_and_call(a=2, return_dict=True) == {"out": 3}
    with pytest.raises(GraphError, match="a is not set"):
        await add.initialize_and_call(b=1)
    with pytest.raises(PortNotFoundError):
        await add.initialize_and_call(c=1)
    with pytest.raises(NodeTriggerError):
        await divide.initialize_and_call(a=1, b=0)


async def test_a_node_is_saved_described_and_restored() -> None:
    node = add(uuid="n1", name="Sum", reset_inputs_on_trigger=False)
    node.i["a"].value = 3
    await node
    saved = json.loads(json.dumps(node.serialize()))
    assert saved["io"]["a"] == {"is_input": True, "value": 3.0}
    again = add()
    again.deserialize(saved)
    assert (again.name, again.i["a"].value, again.runs) == ("Sum", 3.0, 0)
    with pytest.raises(SavedGraphError, match=r"api\.node\.add"):
        divide().deserialize(saved)
    full = json.loads(json.dumps(node.full_serialize()))
    assert [port["id"] for port in full["io"]][:2] == ["_triggerinput", "a"]
    described = json.loads(json.dumps(add.serialize_cls()))
    assert described["node_id"] == "api.node.add"
    assert described["description"] == "Adds."
    assert [port["uuid"] for port in described["inputs"]] == ["a", "b"]


# ── progress ──────────────────────────────────────────────────────────────────────────────


async def test_progress_is_used_like_tqdm_in_whatever_thread() -> None:
    seen: list[tuple[float, float | None, str]] = []

    @NodeDecorator("api.node.count", separate_thread=True)
    def count(n: int, node: Node) -> int:
        assert threading.current_thread() is not threading.main_thread()
        return sum(1 for _ in node.progress(range(n), desc="counting"))

    node = count()
    node.on(
        "progress", lambda progress, **_: seen.append((progress.n, progress.total, progress.desc))
    )
    node.i["n"].value = 1000
    await node
    assert node.o["out"].value == 1000
    assert seen[-1] == (1000, 1000, "counting")
    assert len(seen) < 100  # shown now and then, not at every step
    assert not node.progress.is_reported  # nothing runs now


async def test_progress_by_hand_and_by_report_is_the_same_thing() -> None:
    node = Held()
    node.i["a"].value = 1
    await node.began.wait()
    assert not node.progress.is_reported
    node.report(1, 4, "first")
    assert node.progress.is_reported
    node.progress.update(2)
    assert (node.progress.n, node.progress.total, node.progress.text) == (3, 4, "first")
    node.progress.reset(total=2)
    assert (node.progress.n, node.progress.total) == (0, 2)
    node.go.set()
    await node


# ── the decorator ─────────────────────────────────────────────────────────────────────────


async def test_outputs_come_from_the_annotation() -> None:
    def both() -> tuple[int, str]:
        return 1, "x"

    def named() -> tuple[Annotated[float, OutputMeta(name="x")], int]:
        return 1.0, 2

    def bare():  # type: ignore[no-untyped-def]
        return 5

    def nothing() -> None: ...

    def listed(function: Callable[..., Any], **kwargs: Any) -> list[str]:
        outputs = node_class_maker(function, **kwargs)().outputs
        return [port_id for port_id in outputs if not port_id.startswith("_")]

    assert listed(both) == ["out0", "out1"]
    assert listed(both, outputs=[{"name": "n"}, {"name": "s"}]) == ["n", "s"]
    assert listed(named) == ["x", "out1"]
    assert listed(bare) == ["out"]
    assert listed(nothing) == []


async def test_inputs_can_be_described_beside_the_function() -> None:
    @NodeDecorator(
        id="api.node.described",
        inputs=[{"name": "First", "unit": "V"}, {"id": "c", "default": 3, "hidden": True}],
        default_reset_inputs_on_trigger=True,
        default_io_options={"b": {"value_options": {"max": 5}}},
    )
    def described(a: float, b: Annotated[float, InputMeta(name="Second")], c: float) -> float:
        return a + b + c

    node = described()
    assert (node.i["a"].name, node.i["a"].unit, node.i["b"].name) == ("First", "V", "Second")
    assert node.i["c"].hidden
    assert not node.i["c"].required
    assert node.i["b"].value_options == {"max": 5}
    assert node.reset_inputs_on_trigger
    with pytest.raises(GraphError, match="no argument 'd'"):
        NodeDecorator("api.node.wrong", inputs=[{"id": "d"}])(lambda a: a)


def test_older_ways_to_make_a_class_still_do() -> None:
    assert node_class_maker("api.node.maker", lambda a: a).node_id == "api.node.maker"
    thread = NodeDecorator("api.node.t", seperate_thread=True)(lambda a: a)
    process = NodeDecorator("api.node.p", separate_process=True)(lambda a: a)
    assert (thread.default_run_in, process.default_run_in) == ("thread", "process")


# ── objects whose methods are nodes ───────────────────────────────────────────────────────


class Stage(NodeClassMixin):
    NODECLASSID = "api.stage"

    def __init__(self) -> None:
        self.where = 0.0

    @instance_nodefunction(name="Where")
    def position(self, offset: float = 0.0) -> float:
        """Where it is."""
        return self.where + offset

    @position.triggers
    def move(self, to: float) -> None:
        self.where = to

    @position.triggers
    async def home(self) -> None:
        self.where = 0.0

    @instance_nodefunction(trigger_on_call=True)
    async def status(self) -> str:
        return f"at {self.where:g}"


async def test_every_object_has_node_classes_of_its_own() -> None:
    one, two = Stage(), Stage()
    one.uuid = "one"
    assert one.get_nodeclass("position").node_id == "api.stage.one.position"
    assert one.get_nodeclass("position").node_name == "Where"
    assert one.get_nodeclass("position") is not two.get_nodeclass("position")
    assert get_nodeclass("api.stage.one.position") is one.get_nodeclass("position")
    assert len(one.get_all_nodeclasses()) == 2
    with pytest.raises(GraphError, match="already has the uuid"):
        one.uuid = "another"
    with pytest.raises(GraphError, match="has no node function 'move'; it has position, status"):
        one.get_nodeclass("move")

    node = one.get_nodeclass("position")()
    node.i["offset"].value = 1
    await node
    assert node.o["out"].value == 1
    assert one.get_nodes("position") == one.get_all_nodes() == [node]
    one.move(5)  # a plain call, after which the nodes are asked to run
    await node.settled()
    assert node.o["out"].value == 6
    assert one.position(2) == 7
    await one.home()
    await node.settled()
    assert node.o["out"].value == 1
    text = one.get_nodeclass("status")()
    assert await one.status() == "at 0"
    await text.settled()
    assert text.o["out"].value == "at 0"


def test_an_object_and_its_node_classes_go_together() -> None:
    stage = Stage()
    stage.uuid = "gone"
    stage.get_nodeclass("position")()
    seen = weakref.ref(stage)
    del stage
    gc.collect()
    assert seen() is None
    assert get_nodeclass("api.stage.gone.position") is None


def test_an_abstract_class_has_no_nodes_and_a_real_one_needs_an_id() -> None:
    class Base(NodeClassMixin):
        IS_ABSTRACT = True

    with pytest.raises(GraphError, match="abstract"):
        Base().create_nodes()
    with pytest.raises(GraphError, match="needs a NODECLASSID"):
        type("Nameless", (NodeClassMixin,), {})


def test_the_names_are_those_of_the_package() -> None:
    assert funcnodes.NodeClassMixin is NodeClassMixin
    assert funcnodes.run_until_complete is run_until_complete
