"""A run whose instrument is away, comes back, and is not what it was (D8, T11)."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.core import Node, NodeSpace
from funcnodes.devices import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.declarations import drivers
from funcnodes.errors import DeviceError, RefusedError
from funcnodes.runs import Run, Runner, RunStore
from funcnodes.runs.local import library

from ..outage import Lockin, Mains, SerialMains
from ..waiting import until


class Station:
    """A sweep that sets `v`, waits a little and reads `i`, on a lock-in set to a gain of 1000."""

    def __init__(self, folder: Path, bench: Bench, mains: Mains) -> None:
        self.mains = mains
        self.bench = bench
        self.lia = bench.device("lia")
        self.space = NodeSpace(library(), arming="disarmed")
        self.space.services.provide(Bench, bench)
        self.store = RunStore(folder / "runs")
        self.runner = Runner(self.space, self.store, nodespace="test")
        self.sweep = self.add("sweep", start=1, stop=2, points=21, unit="V", delay=0.02)
        gain = self.on("device.set", "gain", value=1000.0)
        put, self.read = self.on("device.set", "v"), self.on("device.read", "i")
        self.order(gain, self.sweep)
        self.order(put, self.read)
        self.sweep.outputs["value"].connect(put.inputs["value"])
        recorder = self.add("recorder")
        for out in (self.sweep.outputs["value"], self.read.outputs["value"]):
            out.connect(recorder.grow_input(out))

    def add(self, kind: str, **values: Any) -> Any:
        node = self.space.add_node_by_id(kind)
        for port in sorted(values, key=lambda port: port != "unit"):
            node.inputs[port].set_value(values[port])
        return node

    def on(self, kind: str, member: str, **values: Any) -> Any:
        node = self.space.add_node_by_id(kind)
        node.device, node.member = "lia", member
        node.rebuild()
        for port, value in values.items():
            node.inputs[port].set_value(value)
        return node

    @staticmethod
    def order(*nodes: Node) -> None:
        for one, other in itertools.pairwise(nodes):
            one.outputs["_triggeroutput"].connect(other.inputs["_triggerinput"])

    async def start(self, **choices: Any) -> Run:
        for port, value in choices.items():
            self.sweep.inputs[port].set_value(value)
        return await self.runner.start(operator="Ada")

    async def reached(self, run: Run, points: int) -> None:
        await self.told(run, lambda: run.done >= points)

    async def told(self, run: Run, condition: Any) -> None:
        """Return once `condition` holds, which is looked at whenever the run tells of itself."""
        changed = asyncio.Event()
        forget = self.runner.on_change(lambda _: changed.set())
        try:
            async with asyncio.timeout(10):
                while not condition():
                    await changed.wait()
                    changed.clear()
        finally:
            forget()

    def rows(self, run: Run) -> tuple[list[Any], list[Any], list[str]]:
        page = self.store.find(run.id).rows()
        return list(page.values[0]), list(page.values[1]), list(page.quality[1])

    def log(self, run: Run) -> list[str]:
        return [entry.text for entry in self.store.find(run.id).log()]

    def wrong(self, run: Run) -> list[Any]:
        """Cells that say ok and are not what the instrument measured at a gain of 1000."""
        return [
            (v, i)
            for v, i, quality in zip(*self.rows(run), strict=True)
            if quality == "ok" and abs(i - 1000 * v) > 0.5
        ]


@pytest.fixture
def lent() -> Iterator[None]:
    with drivers.lent(Lockin):
        yield


@pytest.fixture
def mains(tmp_path: Path) -> Mains:
    """At a socket, unless the test wants it elsewhere."""
    return Mains()


@pytest.fixture(params=["stop"])
async def station(
    request: pytest.FixtureRequest, tmp_path: Path, lent: None, mains: Mains
) -> AsyncIterator[Station]:
    async with mains:
        device = DeviceConfig("lia", Lockin.spec.name, mains.address)
        config = BenchConfig("b", devices={"lia": device}, on_changed=request.param)
        async with Bench(config) as bench:
            station = Station(tmp_path, bench, mains)
            yield station
            await station.runner.aclose()
            await station.space.aclose()


def on_bench(policy: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("station", [policy], indirect=True)


@pytest.mark.parametrize("on_failure", ["stop", "retry", "skip"])
async def test_a_power_dip_stops_the_run_where_it_happened(
    station: Station, on_failure: str
) -> None:
    """Whatever a failed point means: neither retry nor skip hides it."""
    run = await station.start(on_failure=on_failure)
    await station.reached(run, 4)
    station.mains.dip()
    assert await run.wait() == "failed"
    if on_failure != "stop" or "lost its settings" in run.message:
        assert "gain was 1000, is 1" in run.message
    assert station.wrong(run) == []
    assert 4 <= len(station.rows(run)[0]) < 21
    assert station.lia.changed


async def test_a_dip_while_a_point_is_being_taken_is_told_all_the_same(station: Station) -> None:
    def cut(command: str) -> None:
        if command == "I?" and station.mains.heard.count("I?") == 6:
            station.mains.dip()

    station.mains.on_command = cut
    run = await station.start(on_failure="retry")
    assert await run.wait() == "failed"
    assert "lia lost its settings: " in run.message
    assert station.wrong(run) == []


@on_bench("pause")
async def test_a_run_that_pauses_goes_on_once_it_was_set_again(station: Station) -> None:
    run = await station.start(on_failure="retry")
    await station.reached(run, 4)
    station.mains.dip()
    await station.told(run, lambda: run.state == "paused")
    assert run.message == run.head.message
    assert "gain was 1000, is 1" in run.message
    with pytest.raises(RefusedError, match="cannot go on: lia lost its settings"):
        run.resume()
    await station.lia.member_set("gain", 1000)
    with pytest.raises(RefusedError, match="v was"):
        run.resume()
    station.lia.accept_changes(by="Ada")
    run.resume()
    assert await run.wait() == "complete"
    values, _, quality = station.rows(run)
    assert values == pytest.approx([1 + n / 20 for n in range(21)])
    assert set(quality) == {"ok"}
    assert station.wrong(run) == []


@on_bench("pause")
async def test_a_second_dip_during_the_pause_keeps_it(station: Station) -> None:
    run = await station.start(on_failure="retry")
    await station.reached(run, 2)
    station.mains.dip()
    await station.told(run, lambda: run.state == "paused")
    station.mains.gain = 7.0
    before = station.mains.connections
    station.mains.drop()
    async with asyncio.timeout(5):
        while station.mains.connections == before or not station.lia.is_online:
            await asyncio.sleep(0.005)
    assert run.state == "paused"
    assert "gain was 1000, is 7" in station.lia.changed
    run.stop()
    assert await run.wait() == "stopped"


async def test_a_scan_may_choose_otherwise_than_the_bench(station: Station) -> None:
    run = await station.start(on_failure="retry", on_changed="pause")
    await station.reached(run, 2)
    station.mains.dip()
    await station.told(run, lambda: run.state == "paused")
    run.abort()
    assert await run.wait() == "aborted"


async def test_a_run_is_not_started_on_a_device_that_lost_its_settings(station: Station) -> None:
    await station.lia.member_set("gain", 5)
    station.mains.lose()
    before = station.mains.connections
    station.mains.drop()
    async with asyncio.timeout(5):
        while station.mains.connections == before or not station.lia.is_online:
            await asyncio.sleep(0.005)
    assert station.runner.check() == ["lia lost its settings: gain was 5, is 1."]
    station.lia.accept_changes()
    assert station.runner.check() == []


@pytest.mark.parametrize(("on_failure", "lost"), [("retry", 0), ("skip", 1)])
async def test_a_device_that_is_away_is_waited_for_and_that_is_no_attempt(
    station: Station, on_failure: str, lost: int
) -> None:
    run = await station.start(on_failure=on_failure, retries=1)
    await station.reached(run, 4)
    await station.mains.off()
    await station.told(run, lambda: run.waiting == "waiting for lia")
    assert station.sweep.progress.text == "waiting for lia"
    await asyncio.sleep(0.5)  # long enough for a hundred attempts
    assert run.waiting == "waiting for lia"
    await station.mains.on()
    assert await run.wait() == "complete"
    assert run.waiting == ""
    values, _, quality = station.rows(run)
    assert len(values) == 21
    assert len([each for each in quality if each != "ok"]) == lost
    assert station.wrong(run) == []
    assert station.log(run).count("The run is waiting for lia.") == 1


async def test_waiting_is_bounded_and_says_who_did_not_come_back(station: Station) -> None:
    run = await station.start(on_failure="retry", retries=100, wait_s=0.3)
    await station.reached(run, 2)
    await station.mains.off()
    assert await run.wait() == "failed"
    assert "lia did not come back in 0.3 s" in run.message


async def test_a_run_that_waits_can_be_stopped(station: Station) -> None:
    run = await station.start(on_failure="skip", wait_s=60)
    await station.reached(run, 2)
    await station.mains.off()
    await station.told(run, lambda: run.waiting)
    run.stop()
    async with asyncio.timeout(8):
        await run.wait()
    assert run.waiting == ""


async def test_a_set_that_is_not_taken_fails_its_point(station: Station) -> None:
    """It is not repeated but by the policy of the run."""
    station.mains.ignores = "V 1.2"
    run = await station.start()
    assert await run.wait() == "failed"
    assert "v was set to 1.2 V, but reads back as 1.15 V" in run.message
    assert station.mains.heard.count("V 1.2") == 1


# ── on a serial line ──────────────────────────────────────────────────────────────────────


class OnSerial:
    """The same at a pseudo-terminal, where no broken connection tells of an outage."""

    @pytest.fixture
    def mains(self, tmp_path: Path) -> Mains:
        return SerialMains(tmp_path / "ttyLIA")


class TestOnASerialLine(OnSerial):
    @pytest.mark.parametrize("during", ["I?", "V ", "V?"])
    async def test_a_power_dip_stops_the_run_with_what_was_lost(
        self, station: Station, during: str
    ) -> None:
        """D8: the line stays; only what is under way comes to nothing, a set or a question."""
        mains = station.mains

        def cut(command: str) -> None:
            taken = mains.heard.count("I?")
            if command.startswith(during) and taken >= 5 and mains.gain == 1000:
                mains.dip()

        mains.on_command = cut
        run = await station.start(on_failure="retry")
        assert await run.wait() == "failed"
        assert "lia lost its settings: " in run.message
        assert "gain was 1000, is 1" in run.message
        assert station.wrong(run) == []
        assert 4 <= len(station.rows(run)[0]) < 21

    async def test_an_adapter_pulled_and_put_back_on_an_instrument_that_lost_its_settings(
        self, station: Station
    ) -> None:
        run = await station.start(on_failure="retry", wait_s=20)
        await station.reached(run, 4)
        await station.mains.off()
        await station.told(run, lambda: run.waiting == "waiting for lia")
        station.mains.lose()
        await station.mains.on()
        assert await run.wait() == "failed"
        assert "gain was 1000, is 1" in run.message
        assert station.wrong(run) == []

    async def test_one_that_kept_its_settings_goes_on(self, station: Station) -> None:
        run = await station.start(on_failure="retry", wait_s=20)
        await station.reached(run, 4)
        await station.mains.off()
        await station.told(run, lambda: run.waiting == "waiting for lia")
        await station.mains.on()
        assert await run.wait() == "complete"
        assert (len(station.rows(run)[0]), station.wrong(run)) == (21, [])


# ── sets from another thread ──────────────────────────────────────────────────────────────


async def test_a_set_from_another_thread_during_an_outage_is_refused_and_never_made_up_for(
    station: Station,
) -> None:
    """T12, D8: by a node's input, and by whoever has the device."""
    gain = station.on("device.set", "gain")
    station.space.arming = "live"
    loop = asyncio.get_running_loop()
    gain.inputs["value"].value = 3.0
    await until(lambda: station.mains.gain == 3)
    await station.mains.off()
    station.mains.lose()
    await until(lambda: not station.lia.is_online)

    def by_thread() -> BaseException | None:
        gain.inputs["value"].value = 5.0
        return asyncio.run_coroutine_threadsafe(station.lia.member_set("gain", 7), loop).exception(
            10
        )

    error = await asyncio.to_thread(by_thread)
    assert isinstance(error, DeviceError)
    assert "offline" in str(error) or "connection" in str(error)
    await until(lambda: gain.error is not None)
    station.mains.heard.clear()
    await station.mains.on()
    await until(lambda: station.lia.is_online)
    await station.lia.member_get("gain")
    assert not [each for each in station.mains.heard if each.startswith("G ")]
    assert station.mains.gain == 1.0


async def test_a_set_from_another_thread_that_waits_through_a_dip_is_refused(
    station: Station,
) -> None:
    """It was meant for the instrument as it was."""
    loop, lia = asyncio.get_running_loop(), station.lia
    await lia.member_set("gain", 1000)
    asked = asyncio.Event()

    def cut(command: str) -> None:
        if command == "I?":
            asked.set()
            station.mains.dip()

    station.mains.on_command = cut
    reading = asyncio.ensure_future(lia.member_get("i"))
    await asked.wait()
    error = await asyncio.to_thread(
        lambda: asyncio.run_coroutine_threadsafe(lia.member_set("v", 5), loop).exception(10)
    )
    await asyncio.gather(reading, return_exceptions=True)
    assert isinstance(error, RefusedError)
    assert "lost its settings: gain was 1000, is 1. So nothing was written" in str(error)
    assert station.mains.v == 0.0
