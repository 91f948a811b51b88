"""Device nodes on the simulated bench: ports, limits, order, quality, and graphs that travel."""

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.core import Node, NodeSpace, NoValue
from funcnodes.devices import Bench, nodes
from funcnodes.devices.nodes import library_entries
from funcnodes.errors import NodeTriggerError, ValueRefusedError
from funcnodes.runs.recorder import Recorder
from funcnodes.runs.scans import Sweep

from ...waiting import patience


@pytest_asyncio.fixture
async def bench(simulator: Any) -> AsyncIterator[Bench]:
    async with Bench.builtin("demo", simulator.resources) as bench:
        yield bench


@pytest_asyncio.fixture
async def space(bench: Bench) -> AsyncIterator[NodeSpace]:
    space = NodeSpace()
    space.services.provide(Bench, bench)
    yield space
    await space.aclose()


def add(space: NodeSpace, node_id: str, member: str, device: str = "smu") -> Node:
    return space.add_node_by_id(node_id, extra={"device": device, "member": member})


async def test_the_palette_offers_every_member_of_every_device(bench: Bench) -> None:
    found = {entry.key: entry for entry in library_entries(bench)}
    voltage = found["device.set:smu.voltage"]
    assert (voltage.title, voltage.path, voltage.icon) == ("Set voltage", ("smu",), "source")
    assert [(p.id, p.kind, p.unit) for p in voltage.inputs] == [("value", "quantity", "V")]
    assert "`:SOUR:VOLT <value> and :SOUR:VOLT?`" in voltage.doc
    assert "2400S-900-01" in voltage.doc
    reading = found["device.read:smu.reading"]
    assert reading.title == "Read V, I"
    assert [(p.id, p.unit) for p in reading.outputs] == [("v", "V"), ("i", "A"), ("status", "")]
    assert found["device.read:tc.a.kelvin"].title == "Read temperature (input A)"
    assert found["device.command:smu.clear"].inputs == ()
    assert len(found) == len(library_entries(bench))


async def test_every_entry_makes_a_node_with_the_ports_it_promised(
    bench: Bench, space: NodeSpace
) -> None:
    for entry in library_entries(bench):
        node = space.add_node_by_id(entry.node_id, name=entry.title, extra=entry.extra)
        promised = [port.id for port in (*entry.inputs, *entry.outputs)]
        assert [p.id for p in (*node._parameters, *node._results)] == promised, entry.key
        assert node.policy == "settled"
        assert node.icon == entry.icon
        assert node.description == entry.doc
        assert not node.inputs["_triggerinput"].hidden
        assert node.effect == (entry.node_id in ("device.set", "device.command"))


async def test_set_then_read_in_the_drawn_order(
    simulator: Any, bench: Bench, space: NodeSpace
) -> None:
    compliance = add(space, "device.set", "compliance")
    output = add(space, "device.set", "output")
    voltage = add(space, "device.set", "voltage")
    read = add(space, "device.read", "reading")
    for first, second in ((compliance, output), (output, voltage), (voltage, read)):
        first.outputs["_triggeroutput"].connect(second.inputs["_triggerinput"])
    output.inputs["value"].value = True
    voltage.inputs["value"].value = "200 mV"
    await bench.devices["smu"].member_command("sense_both")
    compliance.inputs["value"].value = "1 mA"
    await compliance
    await read.settled()
    assert read.error is None
    assert read.outputs["v"].value == pytest.approx(0.2, abs=0.01)
    assert read.outputs["v"].quality == "ok"
    sent = [
        c for c in simulator.commands("smu") if c.startswith((":SENS:CURR:PROT ", ":OUTP ", ":R"))
    ]
    assert sent[-3:] == [":SENS:CURR:PROT 0.001", ":OUTP 1", ":READ?"]


async def test_a_reading_in_compliance_is_no_data_and_says_why(
    bench: Bench, space: NodeSpace
) -> None:
    """D3, R2."""
    await bench.devices["smu"].member_set("output", True)
    await bench.devices["smu"].member_set("voltage", 0.9)
    read = add(space, "device.read", "reading")
    await read
    assert math.isnan(read.outputs["i"].value)
    assert read.outputs["i"].quality == "compliance"


async def test_reading_with_the_output_off_is_refused_at_once(
    bench: Bench, space: NodeSpace
) -> None:
    read = add(space, "device.read", "reading")
    with pytest.raises(NodeTriggerError, match="V, I was not read, since output is off"):
        await read


async def test_limits_of_the_bench_hold_on_the_port_and_behind_it(
    bench: Bench, space: NodeSpace
) -> None:
    node = add(space, "device.set", "voltage")
    assert node.inputs["value"].value_options == {"min": -20.0, "max": 20.0}
    with pytest.raises(ValueRefusedError, match="25 V is outside −20 to 20 V"):
        node.inputs["value"].value = 25
    node.inputs["value"].value_options.clear()
    node.inputs["value"].value = 25
    with pytest.raises(NodeTriggerError, match="voltage cannot be set to 25 V"):
        await node


async def test_device_commands_queue_and_never_coalesce(
    simulator: Any, bench: Bench, space: NodeSpace
) -> None:
    """T4."""
    node = add(space, "device.set", "compliance")
    for value in (0.001, 0.002, 0.003, 0.004):
        node.inputs["value"].value = value
    await node
    sent = [each for each in simulator.commands("smu") if each.startswith(":SENS:CURR:PROT ")]
    assert sent[-4:] == [f":SENS:CURR:PROT {value:g}" for value in (0.001, 0.002, 0.003, 0.004)]


async def test_effects_wait_until_the_nodespace_is_live(
    simulator: Any, bench: Bench, space: NodeSpace
) -> None:
    """A1."""
    node = add(space, "device.set", "compliance")
    space.arming = "disarmed"
    node.inputs["value"].value = 0.005
    await node.settled()
    assert ":SENS:CURR:PROT 0.005" not in simulator.commands("smu")


async def test_a_monitor_emits_in_waves_of_its_own_and_stops_when_removed(
    bench: Bench, space: NodeSpace
) -> None:
    """T3, T8."""
    monitor = add(space, "device.monitor", "a.kelvin", "tc")
    monitor.inputs["period"].value = 0.06
    waves = set()
    async with asyncio.timeout(patience()):
        while len(waves) < 3:
            if monitor.outputs["value"].wave is not None:
                waves.add(monitor.outputs["value"].wave)
            await asyncio.sleep(0.005)
    assert all(wave.parent is None for wave in waves)
    assert monitor.outputs["value"].value == pytest.approx(295, abs=1)
    space.remove_node_by_id(monitor.uuid)
    runs = monitor.runs
    await bench.devices["tc"].member_get("a.kelvin")
    await bench.devices["tc"].member_get("a.kelvin")
    assert monitor.runs <= runs + 1


async def test_a_monitor_counts_the_ticks_it_missed(
    simulator: Any, bench: Bench, space: NodeSpace
) -> None:
    """T8: counted, never caught up."""
    simulator.fault("tc", "delay", seconds=0.2, match="KRDG")
    monitor = add(space, "device.monitor", "a.kelvin", "tc")
    monitor.inputs["period"].value = 0.02
    async with asyncio.timeout(patience()):
        while monitor.runs < 3:
            await asyncio.sleep(0.005)
    assert monitor.missed >= 3


async def test_a_loaded_monitor_rests_until_the_nodespace_is_live(
    bench: Bench, space: NodeSpace
) -> None:
    monitor = add(space, "device.monitor", "voltage")
    monitor.inputs["period"].value = 0.02
    data = json.loads(json.dumps(space.serialize()))
    other = NodeSpace()
    other.services.provide(Bench, bench)
    other.deserialize(data)
    loaded = other.nodes[0]
    await bench.devices["tc"].member_get("a.kelvin")
    assert loaded.runs == 0
    assert loaded.inputs["period"].value == 0.02
    other.arming = "live"
    async with asyncio.timeout(patience()):
        while loaded.runs < 2:
            await asyncio.sleep(0.005)
    await other.aclose()


async def test_a_graph_opens_without_its_bench_and_names_what_is_missing(
    bench: Bench, space: NodeSpace
) -> None:
    """D6: device and member by name, and the ports; wires survive."""
    voltage = add(space, "device.set", "voltage")
    read = add(space, "device.read", "reading")
    mode = add(space, "device.get", "loop1.heater_range", "tc")
    voltage.outputs["_triggeroutput"].connect(read.inputs["_triggerinput"])
    read.outputs["v"].connect(voltage.inputs["value"])
    voltage.outputs["_triggeroutput"].disconnect()
    data = json.loads(json.dumps(space.serialize()))
    saved = {node["id"]: node for node in data["nodes"]}[voltage.uuid]
    assert (saved["node_id"], saved["device"], saved["member"]) == ("device.set", "smu", "voltage")
    other = NodeSpace()
    other.deserialize(data)
    assert other.serialize() == data
    loaded = {node.uuid: node for node in other.nodes}
    assert loaded[voltage.uuid].inputs["value"].unit == "V"
    assert loaded[mode.uuid].outputs["value"].options == ("off", "low", "medium", "high")
    assert loaded[voltage.uuid].check_run() == [
        "Set voltage: There is no bench here, so there is no device 'smu'."
    ]
    empty = Bench.builtin("demo")
    del empty.devices["smu"]
    other.services.provide(Bench, empty)
    assert loaded[voltage.uuid].check_run() == [
        "Set voltage: The bench 'demo' has no device 'smu'; it has tc."
    ]
    other.services.provide(Bench, bench)
    nodes.rebind(other)
    assert loaded[voltage.uuid].check_run() == []
    assert loaded[voltage.uuid].inputs["value"].is_connected()
    assert loaded[voltage.uuid].inputs["value"].value_options == {"min": -20.0, "max": 20.0}
    await other.aclose()


@pytest.mark.parametrize(
    "extra",
    [
        {"device": 3, "member": "x"},
        {"device": "a\nb", "member": "x"},
        {"device": "smu", "member": "x", "ports": 7},
        {"device": "smu", "member": "x", "ports": [{"id": "a b"}]},
        {"device": "smu", "member": "x", "ports": [{"id": "a"}] * 101},
    ],
)
def test_a_damaged_device_node_is_refused(extra: dict[str, Any]) -> None:
    from funcnodes.errors import SavedGraphError

    data = {"nodes": [{"id": "n", "node_id": "device.set", "name": "n", "io": {}, **extra}]}
    with pytest.raises(SavedGraphError):
        NodeSpace().deserialize(data)


def test_a_node_without_a_loop_or_a_bench_can_be_made(tmp_path: Path) -> None:
    space = NodeSpace()
    node = add(space, "device.monitor", "voltage")
    assert node.check_run()


async def test_a_scan_keeps_its_devices_from_writes_outside_it(
    simulator: Any, bench: Bench, space: NodeSpace
) -> None:
    """Frames: reading goes on, writing is refused and says who has the device."""
    space.lib.add_node(Sweep)
    sweep = space.add_node_by_id("sweep", name="IV")
    for port, value in {"start": 0.0, "stop": 0.1, "points": 2}.items():
        sweep.inputs[port].set_value(value, does_trigger=False)
    inside = add(space, "device.set", "voltage")
    sweep.outputs["value"].connect(inside.inputs["value"])
    outside, reads = add(space, "device.set", "compliance"), add(space, "device.get", "compliance")
    outside.inputs["value"].set_value("1 mA", does_trigger=False)

    def meanwhile() -> None:
        outside.request_trigger()
        reads.request_trigger()

    loop = asyncio.get_running_loop()
    inside.on("triggerstart", lambda **_: loop.call_soon(meanwhile, context=Context()))
    errors: list[str] = []
    outside.on("error", lambda error, **_: errors.append(error.message))
    sweep.request_trigger()
    await space.await_done()
    assert sweep.error is None
    assert reads.error is None
    assert set(errors) == {f"{outside.name} cannot use smu, which IV keeps until it ends."}
    await outside


async def test_a_set_node_shows_how_far_its_ramp_has_come(bench: Bench, space: NodeSpace) -> None:
    node = add(space, "device.set", "voltage")
    seen: list[tuple[float, str]] = []
    node.on("progress", lambda progress, **_: seen.append((progress.done, progress.text)))
    node.inputs["value"].value = "1 V"
    await node
    texts = [text for _, text in seen if text.endswith(" of 1 V")]
    assert "250 mV of 1 V" in texts or "500 mV of 1 V" in texts or "750 mV of 1 V" in texts
    assert all(0 <= done <= 1 for done, _ in seen)
    assert bench.devices["smu"].ramps == {}


async def test_wires_follow_what_a_device_is_on_another_bench(
    bench: Bench, space: NodeSpace
) -> None:
    """D6: a port of another unit feeds columns under it, and nothing that it does not fit into."""
    read, sweep, recorder = add(space, "device.get", "voltage"), Sweep(), Recorder()
    space.add_node_instance(sweep)
    space.add_node_instance(recorder)
    sweep.inputs["unit"].value = "mV"
    value = read.outputs["value"]
    value.connect(sweep.inputs["start"])
    value.connect(recorder.grow_input(value))
    value.set(0.002)
    assert sweep.inputs["start"].value == 2.0
    read.member = "compliance"
    read.rebuild()
    (column,) = recorder.columns()
    assert (column.name, column.unit) == ("compliance", "A")
    assert value.value is NoValue, "2 mV are no 2 mA"
    assert not sweep.inputs["start"].is_connected()
    assert "Amperes do not fit into" in sweep.inputs["start"].refused[0].why
