"""A device that lost its settings, as a browser sees it and accepts it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from funcnodes.workers import schema
from funcnodes.workers.worker import Worker
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from .conftest import ADA, Desk

BENCH = """
[devices.smu]
driver = "keithley.smu2400"
address = "{address}"
[devices.odd]
driver = "acme.none"
address = "tcp:127.0.0.1:1"
"""


@pytest.fixture
def simulated() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=1) as found:
        yield found


@pytest.fixture
async def desk(workspace: Workspace, simulated: SimulatedBench) -> AsyncIterator[Desk]:
    workspace.bench_path.write_text(BENCH.format(address=simulated.resources["smu"]))
    worker = Worker(workspace)
    desk = Desk(worker)
    working = asyncio.create_task(worker.run())
    async with asyncio.timeout(20):
        while worker.bench is None or worker.bench.devices["smu"].state != "idle":
            await asyncio.sleep(0.01)
    yield desk
    worker.end()
    await working


async def test_it_is_shown_logged_and_accepted(desk: Desk, simulated: SimulatedBench) -> None:
    def shown() -> schema.DeviceView | None:
        found = [e.device for e in desk.events(schema.DevicePut) if e.device.name == "smu"]
        return found[-1] if found else None

    async def until_changed(changed: bool) -> schema.DeviceView:
        async with asyncio.timeout(10):
            while (view := shown()) is None or view.changed is not changed:
                await asyncio.sleep(0.01)
        return view

    assert desk.worker.bench is not None
    await desk.worker.bench.devices["smu"].member_set("nplc", 5)
    simulated.power_cycle("smu")
    view = await until_changed(True)
    lost = "smu lost its settings: integration time (nplc) was 5, is 1."
    assert view.message == lost
    await desk.ask(schema.DeviceAccept(name="smu"))
    assert (await until_changed(False)).message == ""
    logged = [line.text for event in desk.events(schema.Logged) for line in event.lines]
    assert lost in logged
    assert f"{lost} This was accepted by {ADA.name}." in logged


async def test_effects_are_not_switched_on_while_what_the_graph_needs_does_not_hold(
    desk: Desk,
) -> None:
    """D8: before arming, Live as well as a run."""
    assert desk.worker.bench is not None
    await desk.ask(schema.NewSpace(name="x"))
    await desk.ask(schema.AddNode(key="device.set:smu.voltage", x=0, y=0))
    smu = desk.worker.bench.devices["smu"]
    await smu.member_set("source_function", "current")
    why = "smu: source function is current, not voltage, as voltage must have it."
    refused = await desk.refused(schema.SetLive(live=True))
    assert refused.detail == f"Effects were not switched on: {why}"
    assert desk.worker.open is not None
    assert desk.worker.open.space.arming == "disarmed"
    await smu.member_set("source_function", "voltage")
    await desk.ask(schema.SetLive(live=True))
    assert desk.worker.open.space.arming == "live"


async def test_a_device_without_a_driver_is_offline_and_the_worker_goes_on(desk: Desk) -> None:
    await desk.ask(schema.NewSpace(name="x"))
    shown = {device.name: device for device in desk.worker.snapshot().devices}
    assert shown["smu"].state == "idle"
    assert shown["odd"].state == "offline"
    assert "There is no driver 'acme.none'; known are" in shown["odd"].message
    assert shown["odd"].parameters == []
    assert await desk.ask(schema.AddNode(key="device.read:smu.reading", x=0, y=0))
    refused = await desk.refused(schema.DeviceConnect(name="odd"))
    assert "There is no driver 'acme.none'" in refused.detail
