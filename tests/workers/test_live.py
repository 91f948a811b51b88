"""A1a: live means what it shows. A worker, simulated instruments over sockets, true terminals."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from funcnodes.core import Node, NodeInput, NodeOutput
from funcnodes.workers import live, schema
from funcnodes.workers.worker import Worker
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from ..waiting import until
from .conftest import ADA, Desk

BOB = schema.Actor(id="b", name="Bob", role="operator")
BENCH = """
name = "demo"
[devices.smu]
driver = "keithley.smu2400"
address = "{smu}"
[devices.smu.limits]
voltage = [-20, 20]
compliance = ["1 uA", "20 mA"]
[devices.tc]
driver = "lakeshore.model335"
address = "{tc}"
"""
HOT = """
[[interlock]]
name = "hot"
when = "tc.loop1.heater > 50"
devices = ["smu"]
every_s = 0.05
"""


class Linger(Node):
    """Takes for ever."""

    node_id = "test.linger"
    node_name = "Linger"
    go = NodeInput(type=float)
    out = NodeOutput(type=float)

    async def func(self, go: float) -> float:
        await asyncio.Event().wait()
        return go


class Note(Node):
    """An effect on something else than a device, such as a file."""

    node_id = "test.note"
    node_name = "Note"
    effect = True
    text = NodeInput(type=float)

    def func(self, text: float) -> None:
        pass


class Twice(Node):
    node_id = "test.twice"
    node_name = "Twice"
    number = NodeInput(type=float)
    out = NodeOutput(type=float)

    def func(self, number: float) -> float:
        return 2 * number


@pytest.fixture
def simulated() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=1, time_scale=3) as found:
        yield found


@pytest.fixture
def more() -> str:
    """Further lines of the bench file."""
    return ""


@pytest.fixture
async def desk(
    workspace: Workspace, simulated: SimulatedBench, more: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    workspace.bench_path.write_text(BENCH.format(**simulated.resources) + more)
    worker = Worker(workspace)
    for act in ("start", "stop", "plan"):  # its process takes a second, and has no part in this
        monkeypatch.setattr(worker.guard, act, lambda *_: None)
    desk = Desk(worker)
    working = asyncio.create_task(worker.run())
    await until(lambda: worker.bench and all(d.is_online for d in worker.bench.devices.values()))
    await desk.ask(schema.OpenExample(name="diode_iv"))
    yield desk
    worker.end()
    await working


def node(desk: Desk, name: str) -> Any:
    assert desk.worker.open is not None
    return desk.worker.open.space.get_node_by_id(name)


async def add(desk: Desk, key: str) -> str:
    return str(await desk.ask(schema.AddNode(key=key, x=0, y=0)))


async def put(desk: Desk, name: str, value: Any, port: str = "value") -> None:
    await desk.ask(schema.SetValue(node=name, port=port, value=value))


async def written(simulated: SimulatedBench, **truth: Any) -> None:
    """Until the true state of the source-measure unit is so."""
    await until(lambda: all(simulated.state()["smu"][k] == v for k, v in truth.items()))


async def at_rest(desk: Desk) -> None:
    assert desk.worker.open is not None
    space = desk.worker.open.space
    await until(lambda: not any(each.in_flight for each in space.walk()))


def view(desk: Desk, name: str, port: str = "value") -> schema.PortView:
    found = next(each for each in desk.worker.snapshot().nodes if each.id == name)
    return next(each for each in [*found.inputs, *found.outputs] if each.id == port)


def told(desk: Desk, name: str, port: str) -> schema.PortValue:
    """What was last said of a port's value."""
    every = [each for event in desk.events(schema.PortValues) for each in event.values]
    return [each for each in every if (each.node, each.port) == (name, port)][-1]


def space_view(desk: Desk) -> schema.SpaceView:
    found = desk.worker.snapshot().space
    assert found is not None
    return found


# ── what a set acts on ────────────────────────────────────────────────────────────────────


async def test_an_edit_of_the_compliance_writes_that_and_starts_no_sweep(
    desk: Desk, simulated: SimulatedBench
) -> None:
    """A1a, in the diode example: no output goes on, no scan begins, no run is there."""
    await desk.ask(schema.SetLive(live=True))
    before = len(simulated.commands("smu"))
    await put(desk, "compliance", "10 mA")
    await written(simulated, limit_a=pytest.approx(0.01))
    await at_rest(desk)
    assert simulated.state()["smu"]["output_transitions"] == []
    assert not simulated.state()["smu"]["output"]
    assert (node(desk, "output").runs, node(desk, "sweep").runs) == (0, 0)
    sent = simulated.commands("smu")[before:]
    assert [each for each in sent if "?" not in each] == [":SENS:CURR:PROT 0.01"]


async def test_a_set_right_after_live_was_switched_off_does_not_act(
    desk: Desk, simulated: SimulatedBench
) -> None:
    """What is asked is carried out in order: one browser sends both within a millisecond."""
    commands = desk.worker._commands
    await desk.ask(schema.SetLive(live=True))
    for number, body in enumerate(
        (
            schema.SetValue(node="compliance", port="value", value=0.01),
            schema.SetLive(live=False, park=False),
            schema.SetValue(node="compliance", port="value", value=0.02),
        ),
        901,
    ):
        commands.do(schema.Do(id=number, rev=0, actor=ADA, body=body))
        if number == 901:
            await written(simulated, limit_a=pytest.approx(0.01))
    await at_rest(desk)
    assert simulated.state()["smu"]["limit_a"] == pytest.approx(0.01)
    assert not view(desk, "compliance").applied


async def test_a_set_upstream_computes_and_writes_to_nothing(
    desk: Desk, simulated: SimulatedBench
) -> None:
    """Values move; what a device, or a file, is to have is marked not applied."""
    desk.worker.library.add_nodes([Twice, Note], "Test")
    desk.worker.load_subgraphs()
    twice, note = await add(desk, "test.twice"), await add(desk, "test.note")
    for target, port in (("set_voltage", "value"), (note, "text")):
        await desk.ask(
            schema.Connect(source=twice, source_port="out", target=target, target_port=port)
        )
    await desk.ask(schema.SetLive(live=True))
    await put(desk, twice, 0.25, "number")
    await until(lambda: node(desk, twice).outputs["out"].value == 0.5)
    await at_rest(desk)
    assert (node(desk, "set_voltage").runs, node(desk, note).runs) == (0, 0)
    assert simulated.state()["smu"]["source_v"] == 0
    assert (view(desk, "set_voltage").value, view(desk, "set_voltage").applied) == (0.5, False)
    assert not view(desk, note, "text").applied
    await desk.ask(schema.TriggerNode(id="set_voltage"))
    await written(simulated, source_v=pytest.approx(0.5))
    await until(lambda: view(desk, "set_voltage").applied)
    assert not view(desk, note, "text").applied


async def test_a_switch_whose_order_is_wired_is_not_applied_until_somebody_applies_it(
    desk: Desk, simulated: SimulatedBench
) -> None:
    """T7, A1a: it said off while the output stayed on."""
    await desk.ask(schema.SetLive(live=True))
    await desk.ask(schema.TriggerNode(id="output"))
    await written(simulated, output=True)
    await at_rest(desk)
    assert view(desk, "output").applied
    await put(desk, "output", value=False)
    await at_rest(desk)
    assert simulated.state()["smu"]["output"]
    assert (view(desk, "output").value, view(desk, "output").applied) == (False, False)
    assert "sweep" not in {each.id for each in desk.events(schema.NodeStatus) if each.runs}
    await desk.ask(schema.TriggerNode(id="output"))
    await written(simulated, output=False)
    await until(lambda: view(desk, "output").applied)


async def test_scans_and_loops_start_as_runs_only(desk: Desk, simulated: SimulatedBench) -> None:
    """A1a: neither by a value, nor by name, nor by a wire, nor by themselves."""
    loop = await add(desk, "control.previous")
    await desk.ask(schema.SetLive(live=True))
    await put(desk, "sweep", 5, "points")
    await put(desk, loop, 1.0, "initial")
    problem = await desk.refused(schema.TriggerNode(id="sweep"))
    assert "only as part of a run" in problem.detail
    await put(desk, loop, 2.0, "value")
    await at_rest(desk)
    assert node(desk, "sweep").runs == 0
    assert node(desk, loop).outputs["out"].wave is None
    assert simulated.state()["smu"]["output_transitions"] == []
    run = await desk.ask(schema.RunStart())
    await until(lambda: run and desk.worker.run_view().state == "complete")  # type: ignore[union-attr]
    assert node(desk, "sweep").runs == 1
    assert [on for _, on in simulated.state()["smu"]["output_transitions"]] == [True, False]


async def test_an_input_of_a_subgraph_is_the_one_behind_it(
    desk: Desk, simulated: SimulatedBench
) -> None:
    """It names the device inside; where it stands for two, it names none."""
    group = await desk.ask(schema.MakeSubgraph(ids=["compliance"]))
    port = await desk.ask(schema.Promote(node=f"{group}/compliance", port="value"))
    await desk.ask(schema.SetLive(live=True))
    await put(desk, group, 0.005, port)
    await written(simulated, limit_a=pytest.approx(0.005))
    await until(lambda: view(desk, group, port).applied)
    await at_rest(desk)
    assert not simulated.state()["smu"]["output"]


async def test_what_the_device_has_is_applied_whoever_wrote_it(desk: Desk) -> None:
    """A card that was right an hour ago is not: what the device says counts."""
    await desk.ask(schema.SetLive(live=True))
    await put(desk, "compliance", 0.01)
    await until(lambda: view(desk, "compliance").applied)
    assert desk.worker.bench is not None
    await desk.worker.bench.device("smu").member_set("compliance", 0.002)
    await until(lambda: not told(desk, "compliance", "value").applied)
    assert not view(desk, "compliance").applied


# ── Stop, and leaving ─────────────────────────────────────────────────────────────────────


async def energise(desk: Desk, simulated: SimulatedBench) -> None:
    """Something set by hand: 2 V, and the output on."""
    await desk.ask(schema.Disconnect(edge="sweep:value>set_voltage:value"))
    await desk.ask(schema.SetLive(live=True))
    await put(desk, "set_voltage", 2.0)
    await until(lambda: space_view(desk).written)
    await desk.ask(schema.TriggerNode(id="output"))
    await written(simulated, output=True, source_v=pytest.approx(2.0))
    await at_rest(desk)


async def test_stop_ends_a_ramp_and_a_node_that_hangs_and_parks_what_was_set(
    desk: Desk, simulated: SimulatedBench
) -> None:
    """Stop stops whatever acts, run or not, and leaves the outputs by policy."""
    desk.worker.library.add_nodes([Linger], "Test")
    desk.worker.load_subgraphs()
    linger = await add(desk, "test.linger")
    await energise(desk, simulated)
    await put(desk, linger, 1.0, "go")
    await put(desk, "set_voltage", 20)
    await until(lambda: simulated.state()["smu"]["source_v"] > 2.2)
    assert all(node(desk, each).in_flight for each in (linger, "set_voltage"))
    assert await desk.ask(schema.StopActing()) == {"smu": "parked"}
    await written(simulated, output=False)
    assert not any(node(desk, each).in_flight for each in (linger, "set_voltage"))
    assert simulated.state()["smu"]["source_v"] == 0
    assert not view(desk, "set_voltage").applied
    assert space_view(desk).written == []
    assert space_view(desk).arming == "live"


async def test_stop_stops_a_run_and_a_second_time_aborts_it(
    desk: Desk, simulated: SimulatedBench
) -> None:
    await desk.ask(schema.RunStart())
    await written(simulated, output=True)
    await desk.ask(schema.StopActing())
    await until(lambda: desk.worker.run_view().state == "stopped")  # type: ignore[union-attr]
    assert not simulated.state()["smu"]["output"]


@pytest.mark.parametrize("park", [True, False])
async def test_leaving_live_parks_what_was_written_or_leaves_it(
    desk: Desk, simulated: SimulatedBench, park: bool
) -> None:
    await energise(desk, simulated)
    assert [(each.device, each.members) for each in space_view(desk).written] == [
        ("smu", ["voltage", "output"])
    ]
    problem = await desk.refused(schema.SetLive(live=False))
    assert "smu (voltage, output) was set by hand" in problem.detail
    assert simulated.state()["smu"]["output"]
    told = await desk.ask(schema.SetLive(live=False, park=park))
    assert told == {"smu": "parked" if park else "left"}
    assert simulated.state()["smu"]["output"] is not park
    assert (space_view(desk).arming, space_view(desk).written) == ("disarmed", [])
    lines = " ".join(line.text for line in desk.worker.logbook.lines)
    assert ("smu was parked" if park else "Ada left smu (voltage, output) as set") in lines


async def test_another_nodespace_is_opened_only_after_leaving(
    desk: Desk, simulated: SimulatedBench
) -> None:
    """Nothing that was set by hand is forgotten by closing what shows it."""
    await energise(desk, simulated)
    for body in (schema.CloseSpace(), schema.OpenExample(name="heater_step"), schema.NewSpace()):
        problem = await desk.refused(body)
        assert "smu (voltage, output) was set by hand" in problem.detail
    await desk.ask(schema.SetLive(live=False, park=True))
    await desk.ask(schema.CloseSpace())


async def test_a_run_under_live_parks_for_both(desk: Desk, simulated: SimulatedBench) -> None:
    await put(desk, "sweep", 5, "points")
    await desk.ask(schema.SetLive(live=True))
    await put(desk, "compliance", 0.01)
    await until(lambda: space_view(desk).written)
    await desk.ask(schema.RunStart())
    await until(lambda: desk.worker.run_view().state == "complete")  # type: ignore[union-attr]
    assert space_view(desk).written == []
    assert space_view(desk).arming == "live"
    assert not simulated.state()["smu"]["output"]


async def test_when_the_holder_s_browser_is_gone_what_was_set_is_held_and_told(
    desk: Desk, simulated: SimulatedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1, S2: `on_operator_lost` is hold by default. A page that is loaded anew is no absence."""
    monkeypatch.setattr(live, "AWAY_S", 0.1)
    desk.worker.controls.set_people([ADA, BOB])
    await energise(desk, simulated)
    desk.worker.controls.set_people([BOB])
    desk.worker.controls.set_people([ADA, BOB])

    def said() -> list[str]:
        return [line.text for line in desk.worker.logbook.lines if "Ada is gone" in line.text]

    desk.worker.controls.set_people([BOB])
    await until(said)
    assert said() == ["Ada is gone, and Live stays on. Held as set by hand: smu (voltage, output)."]
    assert simulated.state()["smu"]["output"]
    assert space_view(desk).written


# ── an interlock's end ────────────────────────────────────────────────────────────────────


@pytest.fixture
async def heated(desk: Desk) -> str:
    """Live, in a nodespace of its own; the name of the node that sets the heater's range."""
    await desk.ask(schema.NewSpace(name="heat"))
    setpoint = await add(desk, "device.set:tc.loop1.setpoint")
    heater = await add(desk, "device.set:tc.loop1.heater_range")
    await desk.ask(schema.SetLive(live=True))
    await put(desk, setpoint, 330.0)
    await until(lambda: view(desk, setpoint).applied)
    return heater


@pytest.mark.parametrize("more", [HOT], ids=[""])
async def test_an_interlock_that_stops_one_device_has_the_heater_set_by_hand_parked(
    desk: Desk, simulated: SimulatedBench, heated: str
) -> None:
    """A heater stayed at 100 %, and the reset was refused for ever."""
    await put(desk, heated, "high")
    await until(lambda: desk.worker.latch.latched)
    await until(lambda: simulated.state()["tc"]["heater_range"] == 0)
    await until(lambda: space_view(desk).written == [])
    assert space_view(desk).arming == "disarmed"
    await can_be_reset(desk)


@pytest.mark.parametrize("more", [HOT], ids=[""])
async def test_a_run_that_an_interlock_ends_parks_what_it_wrote_to(
    desk: Desk, simulated: SimulatedBench, heated: str
) -> None:
    """A1a, S1: also what the interlock itself leaves alone; then the reset works."""
    await desk.ask(schema.SetLive(live=False, park=False))
    await put(desk, heated, "high")
    sweep, pause = await add(desk, "sweep"), await add(desk, "settle")
    order = {"source_port": "_triggeroutput", "target_port": "_triggerinput"}
    await desk.ask(schema.Connect(source=heated, target=sweep, **order))
    wire = {"source_port": "value", "target_port": "_triggerinput"}
    await desk.ask(schema.Connect(source=sweep, target=pause, **wire))
    await put(desk, pause, 0.2, "time")
    await put(desk, sweep, 500, "points")
    await desk.ask(schema.RunStart())
    await until(lambda: simulated.state()["tc"]["heater_range"] == 3)
    await until(lambda: desk.worker.latch.latched)
    await until(lambda: desk.worker.run_view().state == "aborted")  # type: ignore[union-attr]
    assert simulated.state()["tc"]["heater_range"] == 0
    run = desk.worker.run_view()
    assert run is not None
    assert "hot" in run.message
    await can_be_reset(desk)


async def can_be_reset(desk: Desk) -> None:
    """Once it has cooled down."""

    async def is_reset() -> bool:
        answer = await desk.tell(schema.EStopReset())
        if isinstance(answer, schema.Fail):
            assert "still holds" in answer.problem.detail
        return isinstance(answer, schema.Ack)

    await until(is_reset)
    assert not desk.worker.latch.latched


async def test_an_estop_parks_nothing_after_it(desk: Desk, simulated: SimulatedBench) -> None:
    """After it nothing is written to devices that it concerns, and it concerns all."""
    await energise(desk, simulated)
    await desk.ask(schema.EStop())
    assert not simulated.state()["smu"]["output"]
    assert simulated.state()["smu"]["source_v"] == pytest.approx(2.0)
    assert (space_view(desk).arming, space_view(desk).written) == ("disarmed", [])


# ── readings ──────────────────────────────────────────────────────────────────────────────


async def test_a_reading_of_an_output_that_is_off_by_now_is_marked(
    desk: Desk, simulated: SimulatedBench
) -> None:
    """On the card, on what it feeds, and on the Bench panel."""
    await energise(desk, simulated)
    await desk.ask(schema.TriggerNode(id="read"))
    await until(lambda: node(desk, "read").runs == 1)
    await at_rest(desk)
    assert (view(desk, "read", "i").stale, view(desk, "read", "i").note) == (False, "")
    await desk.ask(schema.StopActing())
    for name in ("read", "recorder"):
        found = view(desk, name, "i")
        assert (found.stale, found.note) == (True, "output off")
    await until(lambda: told(desk, "read", "i").note == "output off")
    smu = next(each for each in desk.worker.snapshot().devices if each.name == "smu")
    notes = {each.name: each.note for each in smu.parameters}
    assert (notes["reading.i"], notes["voltage"], notes["output"]) == ("output off", "", "")
    assert next(each.t for each in smu.parameters if each.name == "reading.i")
    await desk.ask(schema.TriggerNode(id="output"))
    await written(simulated, output=True)
    await until(lambda: told(desk, "read", "i").note == "earlier")
    await desk.ask(schema.TriggerNode(id="read"))
    await until(lambda: told(desk, "read", "i").note == "")
    assert not view(desk, "recorder", "i").stale


async def test_a_monitor_says_how_often_it_is_renewed(desk: Desk) -> None:
    """So that a page can tell by itself that it is not."""
    monitor = await add(desk, "device.monitor:tc.a.kelvin")
    await put(desk, monitor, 0.05, "period")
    await desk.ask(schema.SetLive(live=True))
    await until(lambda: view(desk, monitor).value)
    assert view(desk, monitor).period_s == 0.05
    tc = next(each for each in desk.worker.snapshot().devices if each.name == "tc")
    assert {each.name: each.period_s for each in tc.parameters}["a.kelvin"] == 0.05
