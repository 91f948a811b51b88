"""Columns say what feeds them: name, unit and type follow the wire, through subgraphs too."""

import asyncio
import itertools
from typing import Annotated, Any

import pytest

from funcnodes.core import Node, NodeInput, NodeOutput, NodeSpace, Unit, dissolve, make_subgraph
from funcnodes.errors import PortMismatchError

from ..waiting import patience


class Instrument(Node):
    """Reads a channel, as nodes of devices do."""

    node_id = "test.instrument"
    node_name = "Read voltage"
    value = NodeInput(type=float, default=0.0)
    voltage = NodeOutput(type=Annotated[float, Unit("V")])

    device = ""
    member = "voltage"

    def func(self, value: float) -> float:
        return value


def labels(recorder: Any) -> list[str]:
    return [column.label for column in recorder.columns()]


def columns_of(recorder: Any) -> list[Any]:
    return [port for port in recorder.inputs.values() if port.id != "_triggerinput"]


# ── names ─────────────────────────────────────────────────────────────────────────────────


def test_a_port_that_says_nothing_goes_by_the_name_of_its_node(lab: Any) -> None:
    gate, bias = lab.add("sweep", "gate", unit="V"), lab.add("sweep", "bias", unit="mV")
    recorder = lab.record(gate.value, bias.value, gate.index)
    assert labels(recorder) == ["gate (V)", "bias (mV)", "index"]


def test_a_node_that_nobody_named_says_no_more_than_its_port(lab: Any) -> None:
    one, other = lab.add("sweep", unit="V"), lab.add("sweep", "bias", unit="V")
    assert labels(lab.record(one.value, other.value)) == ["value (V)", "bias (V)"]


def test_a_name_that_is_taken_is_qualified_and_only_then_numbered(lab: Any) -> None:
    nodes = [lab.add(Instrument) for _ in range(5)]
    for node, device, member in zip(
        nodes,
        ("", "dmm", "psu", "psu", "psu"),
        ("voltage", "voltage", "out1.voltage", "out2.voltage", "out2.voltage"),
        strict=True,
    ):
        node.device, node.member = device, member
    recorder = lab.record(*(node.voltage for node in nodes))
    assert [column.name for column in recorder.columns()] == [
        "voltage", "dmm voltage", "psu out1 voltage", "psu out2 voltage", "psu out2 voltage_2",
    ]  # fmt: skip
    named = lab.add(Instrument, "Probe")
    named.voltage.connect(recorder.grow_input(named.voltage))
    assert recorder.columns()[-1].name == "Probe voltage"


async def test_a_nested_scan_says_which_sweep_a_column_is_of(lab: Any) -> None:
    outer = lab.add("sweep", "gate", start=3, stop=1, points=2, unit="V")
    inner = lab.add("sweep", "bias", start=0, stop=2, points=2, unit="V")
    outer.hold(inner)
    lab.record(outer.value, inner.value)
    run = await lab.run()
    assert lab.columns(run) == {"gate": [3.0, 3.0, 1.0, 1.0], "bias": [0.0, 2.0, 0.0, 2.0]}


def test_a_column_follows_the_name_of_its_source(lab: Any) -> None:
    sweep, plot = lab.add("sweep", unit="V"), lab.add("plot.xy")
    recorder = lab.record(sweep.value, sweep.index)
    recorder.rows.connect(plot.rows)
    plot.choose("value", ["index"])
    sweep.name = "gate"
    assert labels(recorder) == ["gate (V)", "index"]
    assert (plot.choice().x, plot.choice().x_label) == ("gate", "gate (V)")


def test_a_name_that_a_program_gave_stays_with_its_wire(lab: Any) -> None:
    sweep = lab.add("sweep", unit="V")
    recorder = lab.record(sweep.value)
    (column,) = columns_of(recorder)
    column.name = "Vg"
    sweep.name = "gate"
    assert labels(recorder) == ["Vg (V)"]
    sweep.index.connect(column, replace=True)
    assert labels(recorder) == ["index"]


async def test_names_stay_as_they_are_while_they_are_recorded(lab: Any, gate_class: Any) -> None:
    sweep, gate = lab.add("sweep", points=2), lab.add(gate_class)
    sweep.value.connect(gate.x)
    recorder = lab.record(sweep.value)
    run = await lab.runner.start()
    await asyncio.wait_for(gate.reached.wait(), patience())
    sweep.name = "gate"
    assert labels(recorder) == ["value"]
    gate.open.set()
    await asyncio.wait_for(run.wait(), patience())
    assert labels(recorder) == ["gate"]
    assert list(lab.columns(run)) == ["value"]


# ── wires ─────────────────────────────────────────────────────────────────────────────────


async def test_a_column_whose_wire_is_replaced_is_named_and_typed_anew(lab: Any) -> None:
    """R2: the number of a point is never recorded in volts."""
    sweep = lab.add("sweep", start=0, stop=1, points=3, unit="V")
    recorder = lab.record(sweep.value)
    sweep.index.connect(columns_of(recorder)[0], replace=True)
    run = await lab.run()
    assert lab.columns(run) == {"index": [0, 1, 2]}
    assert [c.label for c in lab.store.find(run.id).specs[0].columns] == ["index"]


@pytest.mark.parametrize("is_inside", [False, True])
def test_wires_of_any_unit_follow_each_other(lab: Any, is_inside: bool) -> None:
    """Whatever ends at a column, it is recorded in the unit that it comes in."""
    sources = [lab.add("sweep", unit or "plain", unit=unit) for unit in ("V", "mV", "s", "dBm", "")]
    recorder = lab.record(sources[0].value)
    (target,) = columns_of(recorder)
    if is_inside:
        subgraph = make_subgraph(lab.space, [recorder])
        target = next(p for p in subgraph.inputs.values() if p.is_connected())
    for one, other in itertools.permutations(sources, 2):
        for source in (one, other):
            source.value.connect(target, replace=True)
            (column,) = recorder.columns()
            assert (column.name, column.unit) == (source.name, source.unit.value)
            assert source.value.edge_note(target) == ""
            source.value.set(5.0)
            assert columns_of(recorder)[0].value == 5.0


def test_a_port_of_a_subgraph_that_also_sets_something_converts_for_both(lab: Any) -> None:
    """The column beside a setpoint is in the setpoint's unit, since so the value comes in."""
    setter = lab.add(Instrument)
    setter.inputs["value"].type = setter.voltage.type
    volts, millivolts = lab.add("sweep", "a", unit="V"), lab.add("sweep", "b", unit="mV")
    recorder = lab.record(volts.value)
    volts.value.connect(setter.inputs["value"])
    subgraph = make_subgraph(lab.space, [recorder, setter])
    (port,) = [p for p in subgraph.inputs.values() if p.is_connected()]
    millivolts.value.connect(port, replace=True)
    millivolts.value.set(5.0)
    (column,) = recorder.columns()
    assert (columns_of(recorder)[0].value, column.unit) == (0.005, "V")
    assert setter.inputs["value"].value == 0.005
    assert column.name == "b"


def test_a_column_inside_and_outside_of_a_subgraph_has_one_name(lab: Any) -> None:
    sweep = lab.add("sweep", "gate", unit="V")
    recorder = lab.record(sweep.value)
    before = labels(recorder)
    for nodes in ([recorder], [sweep]):
        subgraph = make_subgraph(lab.space, nodes)
        assert labels(recorder) == before
        dissolve(lab.space, subgraph)
        assert labels(recorder) == before


def test_an_order_is_no_column(lab: Any) -> None:
    sweep, settle = lab.add("sweep", unit="V"), lab.add("settle")
    recorder = lab.record(sweep.value)
    with pytest.raises(PortMismatchError, match="▶ carries no value that could be recorded"):
        settle.outputs["_triggeroutput"].connect(columns_of(recorder)[0], replace=True)
    assert labels(recorder) == ["value (V)"]


def test_a_file_brings_back_the_names_that_it_has(lab: Any) -> None:
    """Also those of an older version; the next wire names its column anew."""
    sweep, other = lab.add("sweep", "gate", unit="V"), lab.add("sweep", "bias", unit="V")
    lab.record(sweep.value, other.value)
    saved = lab.space.serialize()
    recorder_data = next(node for node in saved["nodes"] if node["node_id"] == "recorder")
    for column, name in zip(recorder_data["columns"], ("value", "value_2"), strict=True):
        column["name"] = name
    space = NodeSpace(lab.space.lib)
    space.deserialize(saved)
    assert space.serialize() == saved
    recorder = next(node for node in space.nodes if node.node_id == "recorder")
    gate = next(node for node in space.nodes if node.name == "gate")
    gate.outputs["index"].connect(columns_of(recorder)[1], replace=True)
    assert labels(recorder) == ["value (V)", "index"]
    assert saved["nodes"] != space.serialize()["nodes"]
