"""What a driver requires is looked at before anything is armed, however it is used (D8)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.core import NodeSpace
from funcnodes.devices import Bench, Instrument, command, driver, measurement, setting
from funcnodes.devices.declarations.commands import arm, trigger
from funcnodes.errors import RefusedError
from funcnodes.runs import Runner, RunStore
from funcnodes.runs.local import library
from funcnodes.testing.benches import bench_of


@driver("test.counter", title="Counter", identify="", errors="", timeout_s=1.0)
class Counter(Instrument):
    gate = setting(str, "GATE?", "GATE {v}", choices={"internal": "INT", "external": "EXT"})
    arm = arm("ARM")
    trigger = trigger("TRIG", requires={"gate": "external"})
    counts = measurement(float, "COUN?", role="fetch")
    rate = measurement(float, "RATE?", requires={"gate": "internal"})
    by_hand = command("GATE INT", brings=("gate",))


class Panel:
    """The instrument at its socket."""

    def __init__(self) -> None:
        self.gate = "INT"
        self.heard: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            said = line.decode().strip()
            self.heard.append(said)
            if said.startswith("GATE "):
                self.gate = said.removeprefix("GATE ")
            answer = {"GATE?": self.gate, "COUN?": "3", "RATE?": "7"}.get(said, "")
            if answer:
                writer.write(answer.encode() + b"\n")
        writer.close()


class Desk:
    """A nodespace on a bench with the counter."""

    def __init__(self, folder: Path, bench: Bench, panel: Panel) -> None:
        self.panel = panel
        self.space = NodeSpace(library(), arming="disarmed")
        self.space.services.provide(Bench, bench)
        self.runner = Runner(self.space, RunStore(folder / "runs"), nodespace="test")

    def add(self, kind: str, **extra: Any) -> Any:
        return self.space.add_node_by_id(kind, extra={"device": "c", "member": "", **extra})

    async def refused(self) -> str:
        """Why effects are not switched on."""
        with pytest.raises(RefusedError) as caught:
            await self.runner.check_live()
        return caught.value.message


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    panel = Panel()
    server = await asyncio.start_server(panel.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with bench_of({"c": (Counter, f"tcp:127.0.0.1:{port}")}) as bench:
        desk = Desk(tmp_path, bench, panel)
        yield desk
        await desk.runner.aclose()
        await desk.space.aclose()
    server.close()


TRIGGER = "c: gate is internal, not external, as trigger must have it."
RATE = "c: gate is external, not internal, as rate must have it."


async def test_reading_together_is_checked_as_any_other_use(desk: Desk) -> None:
    desk.add("device.acquire", devices=["c"])
    assert await desk.refused() == f"Effects were not switched on: {TRIGGER}"
    assert not [said for said in desk.panel.heard if said in ("ARM", "TRIG")]
    sweep = desk.space.add_node_by_id("sweep")
    sweep.outputs["_triggeroutput"].connect(desk.space.nodes[0].inputs["_triggerinput"])
    assert TRIGGER in desk.runner.check()


async def test_somebody_at_the_front_panel_is_noticed_when_effects_are_switched_on(
    desk: Desk,
) -> None:
    """What was read at the connection is read anew."""
    desk.add("device.read", member="rate")
    await desk.runner.check_live()
    desk.panel.gate = "EXT"
    assert await desk.refused() == f"Effects were not switched on: {RATE}"
    desk.panel.gate = "INT"
    await desk.runner.check_live()


@pytest.mark.parametrize(
    ("kind", "member"), [("device.set", "gate"), ("device.command", "by_hand")]
)
async def test_what_the_graph_itself_sees_to_is_no_hindrance(
    desk: Desk, kind: str, member: str
) -> None:
    desk.panel.gate = "EXT"
    desk.add("device.read", member="rate")
    await desk.refused()
    desk.add(kind, member=member)
    await desk.runner.check_live()


async def test_what_is_muted_or_on_no_bench_asks_for_nothing(desk: Desk) -> None:
    desk.panel.gate = "EXT"
    read = desk.add("device.read", member="rate")
    desk.add("device.read", member="rate", device="nobody")
    await desk.refused()
    read.muted = True
    await desk.runner.check_live()
