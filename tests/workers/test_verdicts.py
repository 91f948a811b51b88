"""The verdicts of finished runs, as a worker tells them to the page."""

import msgspec

from funcnodes.runs.records import Column, Event
from funcnodes.runs.verdicts import EVENT, Check, Step
from funcnodes.workers import schema
from funcnodes.workers.workspace import Workspace

from ..runs.recorded import STARTED, diode, recorded
from .conftest import Desk


def step(**about: object) -> Event:
    data = {"step": msgspec.to_builtins(Step(**about))}  # type: ignore[arg-type]
    return Event(wall=STARTED, mono=0.0, kind=EVENT, data=data)


LOW = Check(
    name="U out", verdict="fail", text="U out is 4.91 V, below 4.95 V", value=4.91, unit="V",
    low=4.95, high=5.05,
)  # fmt: skip


async def test_a_run_with_steps_has_its_verdict_in_the_list_and_its_steps_with_limits_and_values(
    workspace: Workspace, desk: Desk
) -> None:
    diode(workspace.runs_dir)
    events = [
        step(key=2, name="Supply", verdict="fail", parent=1, attempts=2, checks=[LOW], checked=3),
        step(key=1, name="D-001", kind="device", serial="D-001", verdict="fail", attempts=1),
        step(key=3, name="Lamp", verdict="skipped", text="A step before it failed."),
    ]
    run = recorded(workspace.runs_dir, (Column(name="U"),), [], events=events)

    for _ in range(2):  # read, then known
        listed = msgspec.convert(await desk.ask(schema.ListRuns()), list[schema.RunView])
        assert [each.verdict for each in listed] == ["fail", None]
    found = msgspec.convert(
        await desk.ask(schema.GetVerdicts(run=run.head.id)), schema.VerdictsView
    )
    assert (found.verdict, found.text, found.left_out) == ("fail", "", 0)
    assert [(s.depth, s.name, s.serial, s.verdict, s.attempts) for s in found.steps] == [
        (0, "D-001", "D-001", "fail", 1),
        (1, "Supply", "", "fail", 2),
        (0, "Lamp", "", "skipped", 0),
    ]
    supply = found.steps[1]
    assert (supply.checked, len(supply.checks)) == (3, 1)
    check = supply.checks[0]
    assert (check.value, check.low, check.high, check.unit) == (4.91, 4.95, 5.05, "V")

    page = await desk.ask(schema.GetReport(run=run.head.id))
    assert page["media_type"].startswith("text/html")
    assert b"below 4.95 V" in page["data"]

    plain = msgspec.convert(await desk.ask(schema.GetVerdicts(run="1")), schema.VerdictsView)
    assert (plain.verdict, plain.steps) == (None, [])
    problem = await desk.refused(schema.GetReport(run="17"))
    assert "17" in problem.detail
