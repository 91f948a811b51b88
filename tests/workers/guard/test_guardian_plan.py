"""What a worker, or a run from a terminal, hands its guardian: whom it reached and gives up."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from funcnodes.devices import Bench
from funcnodes.devices.estop.emergency import Target
from funcnodes.workers import schema
from funcnodes.workers.guard.guarded import guarded
from funcnodes.workers.guard.pipe import GuardianProcess
from funcnodes.workers.worker import Worker
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from ...waiting import until

BENCH = """
name = "bench"
[devices.source]
driver = "keithley.smu2400"
address = "{smu}"
[devices.cryostat]
driver = "lakeshore.model335"
address = "{tc}"
on_worker_death = "park"
[devices.elsewhere]
driver = "keithley.smu2400"
address = "tcp:127.0.0.1:1"
"""


@pytest.fixture
def simulated() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=1) as bench:
        yield bench


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[list[Target]]:
    """What guardians were told, in place of telling one."""
    told: list[list[Target]] = []
    monkeypatch.setattr(GuardianProcess, "plan", lambda self, targets: told.append(targets))
    return told


def names(plan: list[Target]) -> list[str]:
    return [target.device for target in plan]


async def test_a_worker_leaves_to_the_guardian_what_it_reached_and_the_bench_gives_up(
    workspace: Workspace, simulated: SimulatedBench, plans: list[list[Target]]
) -> None:
    """S1; and where another worker has the instrument, it is that one's guardian's."""
    workspace.bench_path.write_text(BENCH.format(**simulated.resources))
    worker = Worker(workspace)
    working = asyncio.create_task(worker.run())
    await until(lambda: worker.bench and worker.bench.devices["cryostat"].identity.serial)
    plans.clear()  # it is told again whenever a device came or went
    await until(lambda: plans and names(plans[-1]) == ["source"])
    worker.end()
    await working
    assert {tuple(names(plan)) for plan in plans} <= {(), ("source",)}
    assert plans[0][0].serial == "SIM0001"


async def test_so_does_a_run_without_a_worker(
    tmp_path: Path, simulated: SimulatedBench, plans: list[list[Target]]
) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(BENCH.format(**simulated.resources))
    async with Bench.load(path) as bench:
        with guarded(bench):
            assert names(plans[-1]) == ["source"]


async def test_a_run_leaves_out_simulators_that_end_with_it(
    simulated: SimulatedBench, plans: list[list[Target]]
) -> None:
    async with Bench.builtin("demo", simulated.resources) as bench:
        assert names(bench.emergency.targets()) == ["smu", "tc"]
        with guarded(bench):
            assert plans[-1] == []


async def test_nothing_is_armed_before_the_guardian_knows_who_was_reached(
    workspace: Workspace, simulated: SimulatedBench, plans: list[list[Target]]
) -> None:
    """News of devices are gathered for a moment: what is switched on meanwhile is guarded too."""
    workspace.bench_path.write_text(BENCH.format(**simulated.resources))
    worker = Worker(workspace)
    actor = schema.Actor(id="a", name="Ada", role="operator")
    working = asyncio.create_task(worker.run())
    await worker.carry_out(actor, schema.NewSpace(name="now"))
    assert worker.bench is not None
    source = worker.bench.devices["source"]
    await until(lambda: source.is_online)
    plans.clear()
    await worker.carry_out(actor, schema.SetLive(live=True))
    assert plans
    assert "source" in names(plans[-1])
    worker.end()
    await working
