"""A run that ended early goes on by a worker's command: what was shown, and nothing else."""

from typing import Any

import msgspec

from funcnodes.core import Node, NodeInput
from funcnodes.workers import schema

from .conftest import Desk

BEA = schema.Actor(id="b", name="Bea", role="operator")


class Slow(Node):
    """Has something live to be changed."""

    node_id = "test.continuing_slow"
    node_name = "Slow"
    default_policy = "settled"
    shows_order = True
    x = NodeInput(type=float, required=False)
    offset = NodeInput(type=float, default=0.0, does_trigger=False)

    def func(self, **_: Any) -> None:
        """Nothing."""


async def opened(desk: Desk) -> dict[str, str]:
    """A nodespace with a sweep that is recorded; ids by what they are."""
    desk.offer(Slow)
    await desk.ask(schema.NewSpace(name="Lab"))
    ids = {}
    for n, kind in enumerate(("sweep", "test.continuing_slow", "recorder")):
        ids[kind] = await desk.ask(schema.AddNode(key=kind, x=n * 200, y=0))
    await desk.ask(schema.SetValue(node=ids["sweep"], port="points", value=6))
    space = desk.worker.require_open().space
    sweep, slow, recorder = (space.get_node_by_id(uuid) for uuid in ids.values())
    sweep.outputs["value"].connect(slow.inputs["x"])
    sweep.outputs["value"].connect(recorder.grow_input(sweep.outputs["value"]))
    slow.inputs["offset"].live = True
    return ids


async def stopped(desk: Desk, ids: dict[str, str]) -> str:
    """A run that is stopped after its third row; a live input was changed on the way."""
    runner = desk.worker.require_open().runner
    forget = runner.on_rows(lambda _t, _a, stop: runner.active.stop() if stop == 3 else None)
    run = await desk.ask(schema.RunStart())
    await desk.ask(schema.SetValue(node=ids["test.continuing_slow"], port="offset", value=2.5))
    await runner.run.wait()
    forget()
    return str(run)


async def test_a_run_goes_on_as_it_was_shown_and_both_are_one(desk: Desk) -> None:
    """R1; A1: whoever goes on with a run holds the controls."""
    ids = await opened(desk)
    first = await stopped(desk, ids)
    plan = msgspec.convert(await desk.ask(schema.PlanContinue(run=first)), schema.ContinueView)
    assert (plan.number, plan.first, plan.total, plan.writes) == (1, 4, 6, [])
    assert plan.lines[0] == "Run 1 (Lab) goes on at point 4 of 6."
    refused = await desk.refused(schema.RunContinue(run=first, token="another"))
    assert refused.detail == "What is to be written first is no longer what was shown."
    again = await desk.ask(schema.PlanContinue(run=first, first=2))
    refused = await desk.refused(schema.RunContinue(run=first, first=3, token=again["token"]))
    assert "no longer what was shown" in refused.detail
    second = await desk.ask(schema.RunContinue(run=first, token=plan.token))
    await desk.worker.require_open().runner.run.wait()
    runs = {run["id"]: run for run in await desk.ask(schema.ListRuns())}
    assert (runs[second]["continues"], runs[second]["from_point"]) == (first, 4)
    assert tuple(runs[second][key] for key in ("rows", "state", "operator")) == (
        3,
        "complete",
        "Ada",
    )
    piece = await desk.ask(schema.ExportRun(run=second))
    rows = [line for line in piece["data"].decode().splitlines() if not line.startswith("#")]
    assert [row.split(",")[-2] for row in rows[1:]] == ["1"] * 3 + ["2"] * 3
    refused = await desk.refused(schema.PlanContinue(run=first))
    assert "continued already, by run 2 (complete)" in refused.detail


async def test_another_graph_than_was_run_is_refused(desk: Desk) -> None:
    ids = await opened(desk)
    first = await stopped(desk, ids)
    await desk.ask(schema.SetValue(node=ids["sweep"], port="stop", value=7))
    refused = await desk.refused(schema.PlanContinue(run=first))
    assert refused.detail.endswith("The nodespace is not the one that was run: Sweep differs.")
    await desk.ask(schema.SetValue(node=ids["sweep"], port="stop", value=1))
    await desk.ask(schema.SetValue(node=ids["test.continuing_slow"], port="offset", value=0))
    refused = await desk.refused(schema.PlanContinue(run=first))
    assert "Slow differs" in refused.detail  # its live input was changed on the way
    await desk.ask(schema.SetValue(node=ids["test.continuing_slow"], port="offset", value=2.5))
    assert (await desk.ask(schema.PlanContinue(run=first)))["first"] == 4
