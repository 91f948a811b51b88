"""The demo as real processes: a run, two people, and what a second start is told."""

import asyncio
from pathlib import Path

import pytest

from funcnodes.workers import schema
from funcnodes.workers.workspace import Workspace

from ...waiting import patience
from .conftest import Demo, launch

pytestmark = pytest.mark.timeout(90)


async def test_the_curve_comes_row_by_row_and_the_output_is_off_after_it(demo: Demo) -> None:
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        run = await page.start_run()
        done = await page.until(
            schema.RunPut, lambda each: each.run.state not in ("running", "stopping")
        )
        assert (done.run.state, done.run.rows, done.run.simulated) == ("complete", 51, True)
        assert page.rows() == list(range(51))
        assert not await demo.simulator.output()
        got = await page.ask(schema.GetRows(run=run, start=49))
        assert (got["start"], len(got["data"][0])) == (49, 2)
        answer = await page.http.get(f"/api/workers/{demo.worker}/runs/latest/export?format=csv")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert len([x for x in answer.text.splitlines() if not x.startswith("#")]) == 52
        listed = (await page.http.get("/api/workers")).json()
        assert listed[0]["bench"] == "demo"
        assert listed[0]["simulated"]
        assert listed[0]["state"] == "running"


async def test_two_people_one_of_whom_holds_the_controls(demo: Demo) -> None:
    """One holder at a time; a viewer may only look and press E-STOP."""
    async with demo.page() as ada:
        await ada.subscribe()
        await ada.open_example()
        link = (await ada.http.post("/api/link", json={"role": "operator", "name": "Bob"})).json()
        demo.secret, mine = "", demo.secret
        demo.link = link["link"]
        async with demo.page() as bob:
            await bob.subscribe()
            await ada.ask(schema.SetLive(live=True))
            refused = await bob.tell(schema.RunStart())
            assert "holds the controls" in refused.problem.detail
            await bob.ask(schema.TakeControls())
            people = await ada.until(
                schema.PeoplePut, lambda e: any(p.holder and p.name == "Bob" for p in e.people)
            )
            assert len(people.people) == 2
            refused = await ada.tell(schema.TriggerNode(id="output"))
            assert "Bob holds the controls" in refused.problem.detail
            await bob.ask(schema.SetLive(live=False))
            await ada.ask(schema.Rename(id="sweep", name="Ramp"))
            node = await bob.until(schema.NodePut, lambda each: each.node.id == "sweep")
            assert node.node.name == "Ramp"
            latch = (await ada.http.post(f"/api/workers/{demo.worker}/estop")).json()
            assert latch["latched"]
        demo.secret = mine


async def test_a_second_demo_and_a_taken_port_are_told_in_one_sentence(
    demo: Demo, tmp_path: Path
) -> None:
    second = launch(demo.settings.config_dir, "demo", "--no-browser", env=demo.env)
    out, err = await asyncio.to_thread(second.communicate, None, patience())
    assert (second.returncode, out) == (1, "")
    assert err.count("\n") <= 2
    assert demo.url in err
    assert str(demo.process.pid) in err
    port = demo.url.rpartition(":")[2]
    for command in (["demo"], ["runserver"]):
        other = launch(tmp_path / "other", *command, "--no-browser", "--port", port, env=demo.env)
        out, err = await asyncio.to_thread(other.communicate, None, patience())
        assert other.returncode == 1
        assert f"127.0.0.1:{port}" in err
        assert "already in use" in err
        assert "Traceback" not in err


async def test_a_second_runserver_opens_the_first(demo: Demo) -> None:
    second = launch(demo.settings.config_dir, "runserver", "--no-browser", env=demo.env)
    out, err = await asyncio.to_thread(second.communicate, None, patience())
    assert (second.returncode, err) == (0, "")
    assert f"{demo.url}/#token=" in out
    assert str(demo.process.pid) in out


async def test_the_demo_s_secrets_are_in_private_files_and_nobody_s_arguments(demo: Demo) -> None:
    await demo.sign_in()
    token = demo.link.partition("#token=")[2]
    for path in demo.settings.config_dir.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    credential = Workspace(demo.settings.workers_dir / demo.worker).credential()
    for pid in (demo.process.pid, demo.worker_process.pid):
        arguments = await asyncio.to_thread(Path(f"/proc/{pid}/cmdline").read_text)
        assert token not in arguments
        assert credential not in arguments
