"""How long a run may still take: honest for all scans, by the virtual clock."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from funcnodes.core import Node, NodeInput, NodeOutput, clock
from funcnodes.runs import Run
from funcnodes.runs.timing import Stopwatch, TimeToGo


@pytest.fixture
def virtual() -> Iterator[clock.VirtualClock]:
    with clock.use(clock.VirtualClock()) as virtual:
        yield virtual  # type: ignore[misc]  # what it was given


class Slow(Node):
    """Takes as long as the next of its times."""

    node_id = "test.slow"
    default_policy = "settled"
    default_run_in = "loop"
    x = NodeInput(type=float)
    y = NodeOutput(type=float)

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.times: list[float] = []
        self.taken = 0

    async def func(self, x: float) -> None:
        self.taken += 1
        await clock.sleep(self.times[(self.taken - 1) % len(self.times)])
        self.y.set(x)


class Guesses:
    """What a run says of its time after each point, and what it then took."""

    def __init__(self, lab: Any) -> None:
        self.lab = lab
        self.said: list[tuple[int, TimeToGo, float]] = []

    async def of(self) -> Run:
        done = -1

        def note(run: Run) -> None:
            nonlocal done
            if run.done != done and not run.is_over:
                done = run.done
                self.said.append((done, run.to_go, clock.monotonic()))

        self.lab.runner.on_change(note)
        run: Run = await self.lab.runner.start()
        await asyncio.wait_for(run.wait(), 30)
        self.ended = clock.monotonic()
        assert run.state == "complete", run.message
        return run

    def errors(self) -> list[float | None]:
        """By how much each guess was wrong, in seconds."""
        return [
            None if guess.seconds is None else guess.seconds - (self.ended - at)
            for _, guess, at in self.said
        ]


def slow(lab: Any, *times: float) -> Any:
    node = lab.add(Slow)
    node.times = list(times)
    return node


async def test_nothing_is_said_before_a_point_was_measured_and_the_mean_after_it(
    lab: Any, virtual: Any
) -> None:
    sweep, work = lab.add("sweep", points=5, delay=1.0), slow(lab, 2.0)
    sweep.value.connect(work.x)
    guesses = Guesses(lab)
    await guesses.of()
    first, *others = guesses.errors()
    assert first is None, "unknown"
    assert others == pytest.approx([0.0] * 5, abs=0.01)


async def test_a_nested_scan_is_known_from_the_first_point_of_the_inner_one(
    lab: Any, virtual: Any
) -> None:
    outer, inner, work = lab.add("sweep", points=4), lab.add("sweep", points=3), slow(lab, 2.0)
    outer.outputs["point"].connect(inner.inputs["_triggerinput"])
    inner.value.connect(work.x)
    guesses = Guesses(lab)
    await guesses.of()
    assert guesses.said[1][1].seconds == pytest.approx(22.0)
    assert guesses.errors()[1:] == pytest.approx([0.0] * 12, abs=0.01)


async def test_what_an_outer_point_takes_beside_the_inner_scan_is_learned(
    lab: Any, virtual: Any
) -> None:
    """A settling of 30 s per outer point: unknown to the first guess, known after one round."""
    outer, settle = lab.add("sweep", points=3), lab.add("settle", time=30.0)
    inner, work = lab.add("sweep", points=2), slow(lab, 1.0)
    outer.outputs["point"].connect(settle.inputs["_triggerinput"])
    lab.order(settle, inner)
    inner.value.connect(work.x)
    guesses = Guesses(lab)
    await guesses.of()
    after_one_round = [
        e for e, (done, _, _) in zip(guesses.errors(), guesses.said, strict=True) if done >= 3
    ]
    assert after_one_round == pytest.approx([0.0] * len(after_one_round), abs=0.01)


async def test_a_schedule_is_known_before_its_first_point(lab: Any, virtual: Any) -> None:
    repeat, work = lab.add("repeat", every=60.0, count=10), slow(lab, 5.0)
    repeat.outputs["time"].connect(work.x)
    guesses = Guesses(lab)
    await guesses.of()
    assert guesses.said[0][1] == TimeToGo(600.0)
    errors = [error for error in guesses.errors() if error is not None]
    assert len(errors) == len(guesses.said)
    assert all(0 <= error <= 60 for error in errors), "of its last point it does not know how long"


async def test_a_scan_that_ends_by_what_it_finds_says_at_most(
    lab: Any, virtual: Any, diode_class: Any
) -> None:
    scan, work = lab.add("scan.optimum", points=50, tolerance=0.01), slow(lab, 2.0)
    scan.outputs["x"].connect(work.x)
    work.y.connect(scan.inputs["result"])
    guesses = Guesses(lab)
    run = await guesses.of()
    said = [guess for done, guess, _ in guesses.said if done]
    assert all(guess.is_most for guess in said)
    assert said[0].seconds == pytest.approx(98.0)
    assert all(error is None or error >= -0.01 for error in guesses.errors())
    assert run.done < 50


async def test_a_repeat_until_something_is_so_says_at_most(lab: Any, virtual: Any) -> None:
    class Late(Node):
        node_id = "test.late"
        default_policy = "settled"
        t = NodeInput(type=float)
        enough = NodeOutput(type=bool)

        def func(self, t: float) -> None:
            self.enough.set(t > 25)

    repeat, late = lab.add("repeat", every=10.0, count=100), lab.add(Late)
    repeat.outputs["time"].connect(late.t)
    late.enough.connect(repeat.inputs["until"])
    guesses = Guesses(lab)
    run = await guesses.of()
    assert run.done == 4
    assert guesses.said[0][1] == TimeToGo(1000.0, is_most=True)


async def test_two_scans_in_a_row_are_unknown_until_the_second_was_measured(
    lab: Any, virtual: Any
) -> None:
    first, second = lab.add("sweep", "First", points=3), lab.add("sweep", "Second", points=3)
    one, other = slow(lab, 1.0), slow(lab, 10.0)
    first.value.connect(one.x)
    second.value.connect(other.x)
    lab.order(first, second)
    guesses = Guesses(lab)
    await guesses.of()
    errors = guesses.errors()
    assert errors[:4] == [None] * 4
    assert errors[4:] == pytest.approx([0.0] * 3, abs=0.01)


async def test_pauses_and_waiting_for_a_device_count_for_nothing(lab: Any, virtual: Any) -> None:
    """Learned from what was measured, not from what was waited for."""
    sweep, work = lab.add("sweep", points=4), slow(lab, 2.0)
    sweep.value.connect(work.x)
    run = await lab.runner.start()
    while run.done < 2:
        await clock.sleep(0.5)
    run.pause()
    await clock.sleep(1000.0)
    assert run.done == 3, "the point under way was finished"
    assert run.left_s == pytest.approx(2.0)
    run.resume()
    await clock.sleep(0.5)
    run.wait_for("waiting for dmm")
    await clock.sleep(1000.0)
    run.wait_for("")
    assert run.elapsed_s == pytest.approx(6.5)
    await asyncio.wait_for(run.wait(), 30)


def test_a_stopwatch_stands_still_until_everybody_lets_go(virtual: Any) -> None:
    watch = Stopwatch()
    virtual._elapsed = 5.0
    watch.hold("a")
    watch.hold("b")
    virtual._elapsed = 7.0
    watch.let_go("a")
    watch.let_go("a")
    virtual._elapsed = 9.0
    assert watch.seconds == 5.0
    watch.let_go("b")
    virtual._elapsed = 10.0
    assert watch.seconds == 6.0
    watch.start()
    assert watch.seconds == 0.0


async def test_a_frame_that_cannot_tell_its_points_makes_no_trouble(
    lab: Any, virtual: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sweep, work = lab.add("sweep", points=3), slow(lab, 1.0)
    sweep.value.connect(work.x)
    guesses = Guesses(lab)
    calls = iter(range(1000))
    real = sweep.points_total
    monkeypatch.setattr(sweep, "points_total", lambda: real() if next(calls) < 6 else 1 / 0)
    monkeypatch.setattr(sweep, "report", lambda *_: None)
    with caplog.at_level("CRITICAL", "funcnodes.runs"):
        await guesses.of()
    assert guesses.said[-1][1].seconds is None
