"""Graphs for the demo bench that hold what graphs can hold, each as small as it can be."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from funcnodes.core import Node, NodeOutput, NodeSpace, Place
from funcnodes.core.subgraphs.regroup import make_subgraph
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchFile
from funcnodes.devices.benchfile.find import find_bench
from funcnodes.runs.local import library


class Graph:
    """A nodespace on the demo bench."""

    def __init__(self) -> None:
        self.space = NodeSpace(library(), arming="disarmed")
        self.space.services.provide(Bench, Bench(BenchFile.load(find_bench("demo")).usable))
        self.space.set_property("requires", None)

    def add(self, kind: str, title: str = "", /, **values: Any) -> Any:
        """A node with values at its inputs; "device.set smu.voltage" names a member."""
        kind, _, path = kind.partition(" ")
        device, _, member = path.partition(".")
        extra = {"device": device, "member": member} if path else None
        node = self.space.add_node_by_id(kind, name=title or None, extra=extra)
        for port in sorted(values, key=lambda port: not port.endswith("unit")):
            node.inputs[port].set_value(values[port], does_trigger=False)
        return node

    def record(self, *outputs: NodeOutput, name: str = "") -> Any:
        """A recorder with one column per output."""
        recorder = self.add("recorder", name)
        for output in outputs:
            output.connect(recorder.grow_input(output))
        return recorder

    @staticmethod
    def order(*nodes: Node) -> None:
        """▶ from each to the next."""
        for one, other in itertools.pairwise(nodes):
            one.outputs["_triggeroutput"].connect(other.inputs["_triggerinput"])

    def hold(self, frame: Node, *nodes: Node, section: Any = "body") -> None:
        for node in nodes:
            self.space.put_in(node, Place(frame.uuid, section))

    def save(self, path: Path) -> Path:
        data = self.space.serialize()
        path.write_text(json.dumps({**data, "requires": {"bench": "demo"}}))
        return path


def source(g: Graph, scan: Any, inner: Any = None) -> Any:
    """The source on, set by the scan's value; gives what reads it at each point."""
    g.order(
        g.add("device.set smu.compliance", value=0.02), g.add("device.set smu.output", value=True),
        scan,
    )  # fmt: skip
    volts, read = g.add("device.set smu.voltage"), g.add("device.read smu.reading")
    (inner or scan).outputs["value"].connect(volts.inputs["value"])
    g.order(volts, read)
    return read


def snake(g: Graph) -> None:
    """A grid: there and back, the inner scan from where it ended last."""
    outer = g.add("scan.list", "Setpoints", values=[300.0, 301.0, 302.0], unit="K", delay=0.1)
    tc = g.add("device.set tc.loop1.setpoint")
    inner = g.add("sweep", unit="mV", start=0, stop=200, points=3, order="alternating")
    outer.outputs["value"].connect(tc.inputs["value"])
    read = source(g, outer, inner)
    g.order(tc, inner)
    value, index = inner.outputs["value"], inner.outputs["index"]
    g.record(outer.outputs["value"], value, read.outputs["i"], index)


def ways(g: Graph) -> None:
    """Relative, both ways and backward; one scan after the other, one recorder."""
    first = g.add("sweep", "Around", unit="mV", start=-50, stop=50, points=3, relative=True)
    second = g.add("scan.logarithmic", start=0.01, stop=1, points=3, unit="V", order="backward")
    third = g.add("scan.list", values=[0.1, 0.2], unit="V", both_ways=True)
    read = source(g, first)
    recorder = g.record(first.outputs["value"], read.outputs["v"], name="Rows")
    for scan in (second, third):
        after, reading = g.add("device.set smu.voltage"), g.add("device.read smu.reading")
        scan.outputs["value"].connect(after.inputs["value"])
        g.order(after, reading)
        for output in (scan.outputs["value"], reading.outputs["v"]):
            output.connect(recorder.grow_input(output))
    g.order(first, second, third)


def readings(g: Graph) -> None:
    """Wait until, average, settle; a formula and a function of what was read."""
    scan = g.add("repeat", every=3, count=4)
    kelvin = "tc.a.kelvin"
    settled = g.add("wait_until", "Until warm", source=kelvin, target=300, within=50, stays=1)
    mean = g.add("average", "Average", source=kelvin, readings=5, every=0.1, outliers="median")
    scan.outputs["point"].connect(settled.inputs["_triggerinput"])
    wait = g.add("settle", time=0.25)
    g.order(settled, wait, mean)
    formula = g.add("math.expression", "Celsius", expression="a - 273.15")
    mean.outputs["mean"].connect(formula.inputs["a"])
    doubled, text = g.add("mul_node", "Twice", b=2.0), g.add("greater_node", "Is warm", b=200.0)
    mean.outputs["mean"].connect(doubled.inputs["a"])
    doubled.outputs["out"].connect(text.inputs["a"])
    g.record(
        scan.outputs["time"], settled.outputs["took"], mean.outputs["mean"], mean.outputs["error"],
        formula.outputs["out"], doubled.outputs["out"], text.outputs["out"],
    )  # fmt: skip


def until(g: Graph) -> None:
    """Ends by what its own points work out."""
    scan = g.add("repeat", every=0.1, count=50)
    read = g.add("device.read tc.a.kelvin")
    scan.outputs["point"].connect(read.inputs["_triggerinput"])
    index = g.add("greater_equal_node", "Enough", b=3.0)
    scan.outputs["index"].connect(index.inputs["a"])
    index.outputs["out"].connect(scan.inputs["until"])
    g.record(scan.outputs["index"], read.outputs["value"])


def searching(g: Graph) -> None:
    """An adaptive sweep, and a search for an optimum whose result is measured afterwards."""
    adaptive = g.add("scan.adaptive", x_unit="mV", x_low=0, x_high=700, points=9)
    read = source_of(g, adaptive.outputs["x"], first=True)
    read.outputs["i"].connect(adaptive.inputs["result"])
    best = g.add("scan.optimum", x_unit="mV", x_low=0, x_high=600, goal="target", target=0.001,
                 points=12)  # fmt: skip
    again = source_of(g, best.outputs["x"])
    again.outputs["i"].connect(best.inputs["result"])
    g.record(adaptive.outputs["x"], read.outputs["i"], name="Curve")
    g.record(best.outputs["x"], again.outputs["i"], name="Search")
    final, once = g.add("sweep", "Once", points=1), g.add("device.set smu.voltage")
    best.outputs["best_x"].connect(once.inputs["value"])
    g.order(adaptive, best, once, final)
    g.record(final.outputs["value"], name="End")


def source_of(g: Graph, output: NodeOutput, *, first: bool = False) -> Any:
    volts, read = g.add("device.set smu.voltage"), g.add("device.read smu.reading")
    if first:
        g.order(g.add("device.set smu.output", value=True), output.node)
    output.connect(volts.inputs["value"])
    g.order(volts, read)
    return read


def sequence(g: Graph) -> None:
    """Devices under test, steps with checks that are tried again, and what people are asked."""
    duts = g.add("for_each_device_under_test", serials=["A1", "A2"])
    ready = g.add("approve", "Ready", text="Is it connected?")
    load = g.add("ask", "Load", kind="number", unit="V", text="Which voltage?")
    tell = g.add("tell", "Begun", text="It begins.")
    g.order(load, ready, tell, duts)
    step = g.add("step", "Current", retries=1, on_fail="stop")
    after = g.add("step", "Afterwards")
    g.hold(duts, step, after)
    volts, read = g.add("device.set smu.voltage"), g.add("device.read smu.reading")
    load.outputs["answer"].connect(volts.inputs["value"])
    check = g.add("check.between", "I", low=1.0, high=2.0)
    read.outputs["i"].connect(check.inputs["value"])
    g.order(volts, read)
    g.hold(step, volts, read, check)
    other = g.add("device.read tc.a.kelvin")
    warm = g.add("check.at_least", "T", low=100.0)
    other.outputs["value"].connect(warm.inputs["value"])
    g.hold(after, other, warm)
    g.order(step, after)
    scan = g.add("repeat", count=2, every=0)
    g.order(duts, scan)
    g.record(scan.outputs["index"])


def chosen(g: Graph) -> None:
    """Two ways; what is set on one of them only is missing elsewhere."""
    scan = g.add("sweep", start=0, stop=3, points=4)
    hot, way = g.add("greater_node", "Above one", b=1.0), g.add("if_node", "Which way")
    scan.outputs["value"].connect(hot.inputs["a"])
    hot.outputs["out"].connect(way.inputs["condition"])
    scan.outputs["value"].connect(way.inputs["input"])
    twice, read = g.add("mul_node", "Twice", b=2.0), g.add("device.read tc.a.kelvin")
    way.outputs["on_true"].connect(twice.inputs["a"])
    way.outputs["on_false"].connect(read.inputs["_triggerinput"])
    g.record(scan.outputs["value"], twice.outputs["out"], read.outputs["value"], hot.outputs["out"])


def failing(g: Graph) -> None:
    """Points that fail: left out with what they had; and tried again, to no avail."""
    scan = g.add("sweep", start=-2, stop=2, points=5, on_failure="skip")
    root = g.add("math.sqrt", "Root")
    read = g.add("device.read tc.a.kelvin")
    scan.outputs["value"].connect(root.inputs["a"])
    scan.outputs["point"].connect(read.inputs["_triggerinput"])
    g.record(scan.outputs["value"], root.outputs["out"])


def framed(g: Graph) -> None:
    """Before and after the points; fits of all rows after the last."""
    scan = g.add("sweep", unit="mV", start=0, stop=200, points=4)
    on = g.add("device.set smu.output", value=True)
    off = g.add("device.set smu.output", value=False)
    g.hold(scan, on, section="enter")
    g.hold(scan, off, section="finally")
    volts, read = g.add("device.set smu.voltage"), g.add("device.read smu.reading")
    scan.outputs["value"].connect(volts.inputs["value"])
    g.order(volts, read)
    g.record(scan.outputs["value"], read.outputs["v"])


def fitted(g: Graph) -> None:
    """A fit of all rows, after the last; what comes of it in a scan of its own."""
    scan, after = g.add("sweep", points=5), g.add("sweep", "After", points=1)
    thrice = g.add("mul_node", "Thrice", b=3.0)
    scan.outputs["value"].connect(thrice.inputs["a"])
    rows = g.record(scan.outputs["value"], thrice.outputs["out"])
    table, line = g.add("table.from_recorder"), g.add("stat.linear_fit", "Line")
    rows.outputs["rows"].connect(table.inputs["rows"])
    g.order(scan, table, after)
    for name, port in (("value", "x"), ("Thrice", "y")):
        column = g.add("table.to_array", name=name)
        next(iter(table.outputs.values())).connect(column.inputs["table"])
        column.outputs["out"].connect(line.inputs[port])
    g.record(after.outputs["value"], line.outputs["slope"], name="Fits")


def nested(g: Graph) -> None:
    """A scan with checks in a step in the loop over devices; a part of it as a subgraph."""
    duts, step = g.add("for_each_device_under_test", serials=["A", "B"]), g.add("step", "Step")
    scan, check = g.add("sweep", points=2), g.add("check.between", "C", low=0.0, high=1.5)
    twice = g.add("mul_node", "Twice", b=2.0)
    g.hold(duts, step)
    g.hold(step, scan)
    scan.outputs["value"].connect(twice.inputs["a"])
    twice.outputs["out"].connect(check.inputs["value"])
    g.record(
        duts.outputs["serial"], scan.outputs["value"], check.outputs["verdict"],
        step.outputs["attempt"],
    )  # fmt: skip
    make_subgraph(g.space, [twice], name="Inside")


def looping(g: Graph) -> None:
    """Loops whose bodies work out what they go on by."""
    loop, more = g.add("while_node", "Until full"), g.add("add_node", "More", b=1.5)
    loop.outputs["index"].connect(more.inputs["a"])
    full = g.add("less_node", "Not full", b=4.0)
    more.outputs["out"].connect(full.inputs["a"])
    full.outputs["out"].connect(loop.inputs["condition"])
    g.record(loop.outputs["index"], more.outputs["out"], name="Filling")
    each, twice = g.add("for_node", "Each"), g.add("mul_node", "Twice", b=2.0)
    each.inputs["input"].set_value([1.0, 2.0, 5.0], does_trigger=False)
    each.outputs["do"].connect(twice.inputs["a"])
    twice.outputs["out"].connect(each.inputs["collector"])
    g.record(twice.outputs["out"], each.outputs["index"], name="Doubled")
    scan, last = g.add("sweep", points=1), g.add("list_get", "Last", index=-1)
    each.outputs["done"].connect(next(i for i in last.inputs.values() if i.id != "_triggerinput"))
    result = [out for out in last.outputs.values() if not out.id.startswith("_")]
    g.order(loop, each, scan)
    scan.outputs["point"].connect(g.add("device.read tc.a.kelvin").inputs["_triggerinput"])
    g.record(scan.outputs["value"], *result, name="End")


GRAPHS: list[Callable[[Graph], None]] = [
    snake, ways, readings, until, searching, sequence, chosen, failing, framed,
    fitted, nested, looping,
]  # fmt: skip
