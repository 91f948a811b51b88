"""Alarms and interlocks in a graph on the simulated bench."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.core import Node, NodeSpace
from funcnodes.devices import Bench
from funcnodes.devices.nodes import NODE_SHELF
from funcnodes.errors import NodeTriggerError

from ...waiting import until


@pytest_asyncio.fixture
async def space(simulator: Any, tmp_path: Path) -> AsyncIterator[NodeSpace]:
    """A nodespace on a bench with an interlock on the integration time, and an alarm."""
    path = tmp_path / "bench.toml"
    path.write_text(
        "[devices.smu]\ndriver='keithley.smu2400'\naddress='sim:smu'\n"
        "[[interlock]]\nname='slow'\nwhen='smu.nplc > 5'\nthen='refuse'\nevery_s=0.02\n"
        "writes=['smu.output']\n"
        "[[alarm]]\nname='off'\nsource='smu.output'\nstates={off='major'}\nevery_s=0.02\n"
    )
    async with Bench.load(path, simulator.resources) as bench:
        space = NodeSpace()
        space.services.provide(Bench, bench)
        yield space
        await space.aclose()


def bench_of(space: NodeSpace) -> Bench:
    bench = space.services.get(Bench)
    assert bench is not None
    return bench


def test_they_are_on_the_shelf_of_devices() -> None:
    found = {nodeclass.node_id for path, nodeclass in NODE_SHELF.walk() if path[-1] == "Alarms"}
    assert found == {"alarm.limits", "alarm.interlock", "alarm.acknowledge"}


def alarm_node(space: NodeSpace, **limits: float) -> Node:
    node = space.add_node_by_id("alarm.limits")
    for name, limit in limits.items():
        node.inputs[name].value = limit
    return node


async def test_an_alarm_node_is_judged_acknowledged_and_gone_with_its_node(
    space: NodeSpace,
) -> None:
    node = alarm_node(space, high=5.0, hihi=8.0, hysteresis=1.0)
    node.inputs["value"].value = 9.0
    await node
    assert node.outputs["severity"].value == "MAJOR"
    assert "is 9, at or above 8" in str(node.outputs["message"].value)
    node.inputs["value"].value = 3.0
    await node
    assert (node.outputs["severity"].value, node.outputs["message"].value) == ("NO_ALARM", "")
    alarm = bench_of(space).alarms.find("Alarm")
    assert alarm.unacknowledged.name == "MAJOR"
    acknowledge = space.add_node_by_id("alarm.acknowledge")
    acknowledge.inputs["alarm"].value = "Alarm"
    await acknowledge
    assert acknowledge.outputs["count"].value == 1
    assert alarm.unacknowledged.name == "NO_ALARM"
    space.remove_node_by_id(node.uuid)
    assert [each.name for each in bench_of(space).alarms] == ["off"]


async def test_new_limits_do_not_forget_what_nobody_has_acknowledged(space: NodeSpace) -> None:
    node = alarm_node(space, high=5.0)
    node.inputs["value"].value = 6.0
    await node
    node.inputs["high"].value = 7.0
    node.inputs["value"].value = 6.5
    await node
    assert node.outputs["severity"].value == "NO_ALARM"
    assert bench_of(space).alarms.find("Alarm").unacknowledged.name == "MINOR"


async def test_two_alarm_nodes_of_one_name_are_two_alarms(space: NodeSpace) -> None:
    for _ in range(2):
        node = alarm_node(space, high=5.0)
        node.inputs["value"].value = 6.0
        await node
    names = [alarm.name for alarm in bench_of(space).alarms]
    assert names == ["off", "Alarm", f"Alarm ({node.uuid[:6]})"]


async def test_limits_in_the_wrong_order_fail_the_node(space: NodeSpace) -> None:
    node = alarm_node(space, high=5.0, low=6.0)
    node.inputs["value"].value = 1.0
    with pytest.raises(NodeTriggerError, match="low: it lies above high"):
        await node


async def test_an_alarm_node_works_without_a_bench() -> None:
    space = NodeSpace()
    node = alarm_node(space, low=5.0)
    node.inputs["value"].value = 4.0
    await node
    assert node.outputs["severity"].value == "MINOR"
    loaded = NodeSpace()
    loaded.deserialize(json.loads(json.dumps(space.serialize())))
    assert loaded.nodes[0].inputs["low"].value == 5.0
    acknowledge = space.add_node_by_id("alarm.acknowledge")
    with pytest.raises(NodeTriggerError, match="There is no bench here"):
        await acknowledge
    await space.aclose()
    await loaded.aclose()


async def test_a_value_that_is_not_ok_is_invalid_whatever_it_looks_like() -> None:
    """R2: a zero in the place of a reading over range is within no limits."""
    space = NodeSpace()
    node = alarm_node(space, low=-5.0, high=5.0)
    node.inputs["value"].value = 0.0
    await node
    assert node.outputs["severity"].value == "NO_ALARM"
    wave = space.root_wave("reading")
    node.inputs["value"].receive(0.0, wave, "overrange")
    wave.close()
    await node.settled()
    assert node.outputs["severity"].value == "INVALID"
    assert "overrange" in node.outputs["message"].value
    await space.aclose()


async def test_an_interlock_node_speaks_up_when_it_trips_and_a_run_would_be_refused(
    space: NodeSpace,
) -> None:
    bench = bench_of(space)
    node = space.add_node_by_id("alarm.interlock")
    node.inputs["interlock"].value = "slow"
    await until(lambda: node.outputs["tripped"].value is False)
    setter = space.add_node_by_id("device.set", extra={"device": "smu", "member": "output"})
    await until(lambda: setter.check_run() == [])
    await bench.devices["smu"].member_set("nplc", 6)
    await until(lambda: node.outputs["tripped"].value is True)
    assert node.outputs["why"].value == "smu.nplc is 6"
    assert setter.check_run() == [
        "Set output would write to smu, but interlock 'slow' holds (smu.nplc is 6)."
    ]
    await bench.devices["smu"].member_set("nplc", 1)
    await until(lambda: node.outputs["tripped"].value is False)
