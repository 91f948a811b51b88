"""Every verb in every state, from several threads, twice; and no run that is ever stuck."""

import asyncio
import contextlib
import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from funcnodes.core import Frame, Library, Node, NodeInput, NodeSpace
from funcnodes.devices import Bench
from funcnodes.errors import FuncnodesError
from funcnodes.runs import ENDED, NODE_SHELF, Run, Runner, RunReader, RunStore, ending
from funcnodes.runs.writer import RunWriter

from ..waiting import patience, until

POINTS = 4
VERBS = ("pause", "resume", "stop", "abort", "halt")


class Marked(Node):
    """Remembers that it ran."""

    node_id = "test.marked"
    default_policy = "settled"
    shows_order = True
    x = NodeInput(type=float, required=False)

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.ran = 0
        self.does: Callable[[], Any] = lambda: None

    def func(self, **_: Any) -> None:
        self.ran += 1
        self.does()


class Turnstile(Node):
    """Lets one point through each time that it is pushed."""

    node_id = "test.turnstile"
    default_policy = "settled"
    default_run_in = "loop"
    x = NodeInput(type=float, required=False)

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.pushed = asyncio.Semaphore(0)

    async def func(self, **_: Any) -> None:
        await self.pushed.acquire()


async def finished(run: Run) -> str:
    return await asyncio.wait_for(run.wait(), patience())


# ── as a machine ──────────────────────────────────────────────────────────────────────────


class Bed:
    """One run in a loop of a thread of its own, with verbs from the outside."""

    def __init__(self, folder: Path, on_pause: str = "finish the point") -> None:
        self.on_pause = on_pause
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.run: Run = self.do(self._begin(folder))

    def do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(patience())

    async def _begin(self, folder: Path) -> Run:
        self.space = NodeSpace(Library(NODE_SHELF))
        self.runner = Runner(self.space, RunStore(folder))
        sweep = self.space.add_node_by_id("sweep")
        sweep.inputs["points"].set_value(POINTS)
        sweep.inputs["on_pause"].set_value(self.on_pause)
        assert isinstance(sweep, Frame)
        self.sweep = sweep
        self.gate = self.space.add_node_instance(Turnstile())
        self.last = self.space.add_node_instance(Marked(name="Last"))
        sweep.hold(self.gate)
        sweep.hold(self.last, section="finally")
        recorder: Any = self.space.add_node_by_id("recorder")
        sweep.outputs["value"].connect(recorder.grow_input(sweep.outputs["value"]))
        self.states: list[str] = []
        self.runner.on_change(lambda run: self.states.append(run.state))
        run = await self.runner.start()
        await until(lambda: self.gate.in_flight)
        return run

    async def rest(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    async def push(self) -> None:
        self.gate.pushed.release()
        await self.rest()

    async def end(self) -> None:
        await asyncio.wait_for(self.runner.aclose(), patience())
        await self.space.aclose()

    def close(self) -> None:
        self.do(self.end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(patience())
        self.loop.close()


class VerbMachine(RuleBasedStateMachine):
    """Whatever is said, from wherever: the run does what the gravest word said, and ends."""

    folder: Path

    @initialize(again=st.booleans())
    def begin(self, again: bool) -> None:
        self.bed = Bed(self.folder, "take it again" if again else "finish the point")
        self.said: list[str] = []
        self.is_suspended = False

    @rule(verb=st.sampled_from(VERBS), threads=st.integers(1, 3), twice=st.booleans())
    def say(self, verb: str, threads: int, twice: bool) -> None:
        call = getattr(self.bed.run, verb)

        def told() -> None:
            for _ in range(1 + twice):
                with contextlib.suppress(FuncnodesError):
                    call()

        others = [threading.Thread(target=told) for _ in range(threads)]
        for each in others:
            each.start()
        for each in others:
            each.join(patience())
            assert not each.is_alive(), "a verb never blocks who says it"
        self.said.append(verb)
        self.bed.do(self.bed.rest())

    @rule(verb=st.sampled_from(VERBS))
    def say_in_the_loop(self, verb: str) -> None:
        async def told() -> None:
            with contextlib.suppress(FuncnodesError):
                getattr(self.bed.run, verb)()
            await self.bed.rest()

        self.bed.do(told())
        self.said.append(verb)

    @rule(again=st.booleans())
    def a_suspender_holds(self, again: bool) -> None:
        async def hold() -> None:
            self.bed.run.hold("suspender", "out of band", again=again)
            await self.bed.rest()

        self.bed.do(hold())
        run = self.bed.run
        self.is_suspended = run.state == "paused"
        assert self.is_suspended <= (run.message == "out of band")

    @rule()
    def a_suspender_lets_go(self) -> None:
        async def let_go() -> None:
            self.bed.run.let_go("suspender")
            await self.bed.rest()

        self.bed.do(let_go())
        self.is_suspended = False

    @rule()
    def a_point_ends(self) -> None:
        self.bed.do(self.bed.push())

    @invariant()
    def what_was_said_is_on_its_way(self) -> None:
        run = self.bed.run
        if self.is_suspended and not run.is_over and run.done < POINTS:
            assert run.state in ("paused", "stopping"), "a person cannot go past a suspender"
        ends = [verb for verb in self.said if verb in ("stop", "abort", "halt")]
        if ends and run.done == POINTS:
            self.bed.do(finished(run))  # too late to change anything
        if ends:
            assert run.state not in ("running", "paused")
        if "abort" in ends or "halt" in ends:
            self.bed.do(finished(run))
            assert run.is_over
        if run.is_over:
            self._is_over(run)

    def _is_over(self, run: Run) -> None:
        head = RunReader(run.path).head
        assert head.state == run.state
        assert run.state in ENDED
        assert head.message == run.message
        assert self.bed.space.arming == ("disarmed" if run.is_halted else "live")
        assert self.bed.last.ran == (0 if run.is_halted else 1), "finally, unless it was halted"
        assert self.bed.states.count(run.state) >= 1

    def teardown(self) -> None:
        run = self.bed.run
        self.a_suspender_lets_go()
        for _ in range(POINTS + 1):
            if not run.is_over:
                with contextlib.suppress(FuncnodesError):
                    run.resume()
                self.bed.do(self.bed.push())
        assert self.bed.do(finished(run)) in ENDED
        self._is_over(run)
        self.bed.close()


def test_every_verb_in_every_state_from_several_threads(tmp_path: Path) -> None:
    class Machine(VerbMachine):
        folder = tmp_path / "runs"

    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25, stateful_step_count=12, deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )  # fmt: skip


def test_a_verb_after_the_loop_has_ended_is_harmless(tmp_path: Path) -> None:
    bed = Bed(tmp_path / "runs")
    bed.run.abort()
    bed.do(finished(bed.run))
    bed.close()
    for verb in VERBS:
        getattr(bed.run, verb)()
    assert bed.run.state == "aborted"


# ── what a pause does to the point under way ──────────────────────────────────────────────


async def test_a_scan_says_what_a_pause_in_the_middle_of_a_point_does(
    lab: Any, gate_class: Any
) -> None:
    sweep, gate = lab.add("sweep", points=3, on_pause="take it again"), lab.add(gate_class)
    sweep.value.connect(gate.x)
    lab.order(gate, lab.record(sweep.value))
    run = await lab.runner.start()
    await asyncio.wait_for(gate.reached.wait(), patience())
    run.pause()
    await until(lambda: not gate.in_flight)
    assert (run.state, run.done) == ("paused", 0)
    gate.open.set()
    run.resume()
    assert await finished(run) == "complete"
    assert len(lab.columns(run)["value"]) == 3, "it was taken again, and left no row before"


async def test_a_checkpoint_within_a_point_waits_and_goes_on(lab: Any) -> None:
    """The point is not given up, and stop lets it end."""
    sweep, before = lab.add("sweep", points=2), lab.add(Marked, "Before")
    checkpoint, after = lab.add("checkpoint"), lab.add(Marked, "After")
    sweep.value.connect(before.x)
    lab.order(before, checkpoint, after)
    before.does = lambda: before.ran == 1 and run.pause()
    run = await lab.runner.start()
    await until(lambda: run.state == "paused" and checkpoint.in_flight)
    assert (before.ran, after.ran) == (1, 0)
    run.resume()
    await finished(run)
    assert (before.ran, after.ran, run.state) == (2, 2, "complete")
    before.does = lambda: run.pause()
    run = await lab.runner.start()
    await until(lambda: run.state == "paused" and checkpoint.in_flight)
    run.stop()
    assert await finished(run) == "stopped"
    assert (before.ran, after.ran) == (3, 3)


@pytest.mark.parametrize("scan", ["repeat", "sweep"])
async def test_a_stop_does_not_wait_for_the_next_point_to_be_due(lab: Any, scan: str) -> None:
    """Between points nothing is under way that could be ended gently."""
    every = "every" if scan == "repeat" else "delay"
    node = lab.add(scan, **{every: 3600.0})
    lab.record(node.outputs["index"])
    run = await lab.runner.start()
    await until(lambda: run.done == 1 if scan == "repeat" else node.in_flight)
    run.stop()
    assert await finished(run) == "stopped"
    assert run.rows == (1 if scan == "repeat" else 0)


async def test_a_pause_in_the_last_point_is_over_with_it(lab: Any, gate_class: Any) -> None:
    """Nothing is left that it could hold, and a complete run has no reason to tell."""
    sweep, gate = lab.add("sweep", points=1), lab.add(gate_class)
    sweep.value.connect(gate.x)
    run = await lab.runner.start()
    await asyncio.wait_for(gate.reached.wait(), patience())
    run.hold("suspender", "out of band")
    assert run.state == "paused"
    gate.open.set()
    assert await finished(run) == "complete"
    assert run.message == RunReader(run.path).head.message == ""


# ── halt ──────────────────────────────────────────────────────────────────────────────────


async def test_halt_gives_up_a_finally_that_does_not_end(lab: Any, gate_class: Any) -> None:
    sweep, gate, last = lab.add("sweep"), lab.add(gate_class), lab.add(gate_class, "Last")
    sweep.hold(gate)
    sweep.hold(last, section="finally")
    run = await lab.runner.start()
    await asyncio.wait_for(gate.reached.wait(), patience())
    run.abort("too hot")
    await asyncio.wait_for(last.reached.wait(), patience())
    assert (run.state, run.ending) == ("stopping", "abort")
    run.halt("enough")
    assert await finished(run) == "aborted"
    assert (run.message, run.ending) == ("enough", "halt")
    assert lab.space.arming == "disarmed"
    assert not last.in_flight
    assert not lab.space.locked


async def test_halt_leaves_out_the_finally_of_every_frame_around_a_point(
    lab: Any, gate_class: Any
) -> None:
    outer, inner, gate = lab.add("sweep", "Outer"), lab.add("sweep", "Inner"), lab.add(gate_class)
    lasts = [lab.add(Marked, "One"), lab.add(Marked, "Other")]
    inner.hold(gate)
    outer.hold(inner)
    for frame, last in zip((outer, inner), lasts, strict=True):
        frame.hold(last, section="finally")
    run = await lab.runner.start()
    await asyncio.wait_for(gate.reached.wait(), patience())
    run.halt()
    assert await finished(run) == "aborted"
    assert [last.ran for last in lasts] == [0, 0]
    gate.open.set()
    lab.space.arming = "live"
    run = await lab.runner.start()
    await until(lambda: run.done > 3)
    run.abort()
    assert await finished(run) == "aborted"
    assert lasts[0].ran == 1, "the next run has its own again"


# ── never stuck ───────────────────────────────────────────────────────────────────────────


class Odd(BaseException):
    """What nobody expects."""


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt, Odd, GeneratorExit])
@pytest.mark.parametrize("where", ["body", "finally"])
async def test_whatever_a_node_raises_the_run_ends_and_says_so(
    lab: Any, error: type[BaseException], where: Any
) -> None:
    sweep, node = lab.add("sweep", points=3), lab.add(Marked, "Odd one")
    sweep.hold(node, section=where)

    def fail() -> None:
        raise error("odd")

    node.does = fail
    run = await lab.run()
    assert run.state == "failed"
    assert "Odd one" in run.message
    assert RunReader(run.path).head.message == run.message
    assert lab.space.arming == "live"


async def test_a_listener_that_raises_is_in_nobodys_way(
    lab: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("deaf")

    for listen in (lab.runner.on_change, lab.runner.on_rows, lab.runner.on_log):
        listen(fail)
    lab.record(lab.add("sweep", points=3).value)
    with caplog.at_level(logging.CRITICAL, "funcnodes.runs"):
        run = await lab.run()
    assert (run.state, run.rows) == ("complete", 3)
    assert lab.runner.active is None


async def test_a_recorder_that_fails_fails_the_run_and_closes_it(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = lab.record(lab.add("sweep", points=3).value)
    monkeypatch.setattr(recorder, "record", lambda _: 1 / 0)
    monkeypatch.setattr(recorder, "end", lambda: 1 / 0)
    run = await lab.run()
    assert run.state == "failed"
    assert "ZeroDivisionError" in run.message
    assert RunReader(run.path).head.state == "failed"


@pytest.fixture
def quick_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "CLOSE_S", 0.2)
    monkeypatch.setattr(ending, "LOOK_S", 0.05)


async def test_a_writer_whose_thread_is_lost_ends_the_run(
    lab: Any, gate_class: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep, gate = lab.add("sweep", points=3), lab.add(gate_class)
    sweep.value.connect(gate.x)
    lab.record(sweep.value)
    monkeypatch.setattr(RunWriter, "_write", lambda *_: 1 / 0)
    run = await lab.runner.start()
    assert await finished(run) == "failed"
    assert "division" in run.message
    assert lab.runner.active is None


async def test_a_writer_whose_disk_does_not_answer_is_given_up(
    lab: Any, quick_to_give_up: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that were committed are kept; the thread is a daemon, and holds nobody up."""
    lab.record(lab.add("sweep", points=3).value)
    answers = threading.Event()
    finish = RunWriter._finish

    def never(*args: Any) -> None:
        answers.wait()
        finish(*args)

    monkeypatch.setattr(RunWriter, "_finish", never)
    run = await lab.run()
    assert run.state == "failed"
    assert run.message.endswith("did not close in 0.2 s.")
    answers.set()
    await until(lambda: not run.writer.is_turning)
    assert len(lab.columns(run)["value"]) == 3


async def test_a_thread_that_never_returns_is_left_behind(lab: Any) -> None:
    """T10: it cannot be stopped, and what it gives is nobody's."""
    sweep, node = lab.add("sweep", points=3), lab.add(Marked, "Deaf")
    node.run_in = "thread"
    held, began = threading.Event(), threading.Event()
    node.does = lambda: (began.set(), held.wait())
    sweep.value.connect(node.x)
    run = await lab.runner.start()
    await until(began.is_set)
    run.abort()
    assert await finished(run) == "aborted"
    held.set()


@pytest.mark.parametrize("step", ["_prepare", "_execute", "_make_safe", "_look_back"])
async def test_a_step_of_the_run_that_fails_skips_none_of_the_others(
    lab: Any, step: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    taken: list[str] = []
    for name in ("_prepare", "_execute", "_make_safe", "_look_back"):
        real = getattr(Run, name)

        async def noted(run: Run, *args: Any, _name: str = name, _real: Any = real) -> None:
            taken.append(_name)
            if _name == step:
                raise Odd("a bug")
            await _real(run, *args)

        monkeypatch.setattr(Run, name, noted)
    lab.record(lab.add("sweep", points=3).value)
    with caplog.at_level(logging.CRITICAL, "funcnodes.runs"):
        run = await lab.run()
    assert (run.state, run.message) == ("failed", "The run failed: Odd: a bug")
    assert taken[-2:] == ["_make_safe", "_look_back"]
    assert RunReader(run.path).head.state == "failed"


async def test_a_run_whose_program_ends_twice_is_closed_once(lab: Any, gate_class: Any) -> None:
    """Cancelled again while it closes its file."""
    sweep, gate = lab.add("sweep"), lab.add(gate_class)
    sweep.value.connect(gate.x)
    run = await lab.runner.start()
    await asyncio.wait_for(gate.reached.wait(), patience())
    task = run._task
    assert task is not None
    while not task.done():
        task.cancel()
        await asyncio.sleep(0.001)
    assert run.state == "aborted"
    assert run.message == "The program that ran it ended."
    assert RunReader(run.path).head.state == "aborted"


def test_a_loop_that_is_closed_over_a_run_leaves_a_record(tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()

    async def begin() -> Run:
        space = NodeSpace(Library(NODE_SHELF))
        runner = Runner(space, RunStore(tmp_path / "runs"))
        sweep = space.add_node_by_id("sweep")
        assert isinstance(sweep, Frame)
        sweep.hold(space.add_node_instance(Turnstile()))
        return await runner.start()

    run = loop.run_until_complete(begin())
    task = run._task
    assert task is not None
    loop.close()
    with contextlib.suppress(RuntimeError):
        task.get_coro().close()  # type: ignore[union-attr]  # as the collector does
    assert run.is_over
    assert run.state == "aborted"
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is what is tested


def test_the_guides_code_and_bench_do_what_the_guide_says(tmp_path: Path) -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "run-control.md"
    text = guide.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "guide"}
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, guide.name, "exec"), names)
    (bench,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "bench.toml").write_text(bench)
    bands = Bench.load(tmp_path / "bench.toml", {"tc": "tcp:127.0.0.1:1"}).bands
    assert [band.config.name for band in bands] == ["cold head", "tc"]
