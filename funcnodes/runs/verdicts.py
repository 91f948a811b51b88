"""Verdicts: what the steps of a test found, as a run file keeps it, and how they roll up.

Each step is one event of the run, written when it ends, so those inside come before those around
them; a run that was killed keeps what had ended. Only the last attempt at a step counts.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from funcnodes.runs.reader import RunReader
from funcnodes.runs.records import Event, RunState

EVENT = "verdict"
"""Kind of the events that hold a step."""

Verdict = Literal["skipped", "pass", "fail", "error"]
Kind = Literal["step", "device", "check"]
Number = float | int | str | bool | None

_RANK: dict[Verdict, int] = {"skipped": 0, "pass": 1, "fail": 2, "error": 3}


def worst(verdicts: Iterable[Verdict], *, default: Verdict = "pass") -> Verdict:
    """The one that counts for all: error before fail before pass; skipped only where all are."""
    return max(verdicts, key=_RANK.__getitem__, default=default)


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value that was judged.

    Attributes:
        text: In a sentence, "U out is 4.91 V, below 4.95 V".
        value: None where none came, or it is a curve.
        low: Lowest value that passes, or the value that was expected; None where there is none.
        quality: How far the value could be trusted.
    """

    name: str
    verdict: Verdict
    text: str
    value: Number = None
    unit: str = ""
    low: Number = None
    high: Number = None
    quality: str = "ok"


class Step(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One step, one device under test, or one check outside of any step.

    Attributes:
        key: Tells it from the others of its run.
        parent: The key of the step or device around it; None where there is none.
        attempt: Which attempt at that one it belongs to, from 1.
        serial: Serial number of the device under test, or "".
        text: Why it is no pass, or "".
        started: Seconds since the epoch.
        started_mono: The monotonic clock at that moment.
        attempts: How often it was tried.
        checked: Values judged at its last attempt; `checks` may hold fewer of them.
        steps: Those inside, of its last attempt.
    """

    key: int
    name: str
    verdict: Verdict
    kind: Kind = "step"
    parent: int | None = None
    attempt: int = 1
    serial: str = ""
    text: str = ""
    started: float = 0.0
    started_mono: float = 0.0
    took_s: float = 0.0
    attempts: int = 0
    checked: int = 0
    checks: list[Check] = []
    steps: "list[Step]" = []

    def walk(self, path: tuple[str, ...] = ()) -> "Iterator[tuple[tuple[str, ...], Step]]":
        """It and all inside, with the names of what is around each."""
        yield path, self
        for step in self.steps:
            yield from step.walk((*path, self.name))


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole run found.

    Attributes:
        verdict: None where nothing was tested and nothing went wrong.
        text: Why the run itself is an error, or "".
    """

    verdict: Verdict | None
    steps: list[Step]
    text: str = ""

    def walk(self) -> Iterator[tuple[tuple[str, ...], Step]]:
        """All steps, with the names of what is around each."""
        for step in self.steps:
            yield from step.walk()


def result_of(run: RunReader) -> Result:
    """What a run found, by its file."""
    head = run.head
    steps = tree(run.events())
    return judged(steps, head.state, head.message)


def judged(steps: list[Step], state: RunState, message: str) -> Result:
    """The verdict of a run: the worst of its steps; one that did not end well is no pass."""
    if state == "complete":
        found = worst(step.verdict for step in steps) if steps else None
        return Result(verdict=found, steps=steps)
    text = f"The run is {state}: {message}" if message else f"The run is {state}."
    return Result(verdict="error", steps=steps, text=text)


def tree(events: Iterable[Event]) -> list[Step]:
    """The outermost steps of a run, in order, with those inside them."""
    steps = {step.key: step for step in map(_step, events) if step is not None}
    roots: list[Step] = []
    for step in sorted(steps.values(), key=lambda step: step.key):
        around = steps.get(step.parent) if step.parent is not None else None
        if around is None:
            roots.append(step)
        elif step.attempt == around.attempts:
            around.steps.append(step)
    return roots


def _step(event: Event) -> Step | None:
    if event.kind != EVENT:
        return None
    return msgspec.convert(event.data.get("step"), Step)


def as_data(result: Result) -> dict[str, Any]:
    """Ready for JSON."""
    return dict(msgspec.to_builtins(result))


def lines(result: Result) -> Iterator[str]:
    """The verdicts for people, one line each, indented by what is around them."""
    if result.text:
        yield result.text
    for path, step in result.walk():
        indent = "  " * len(path)
        tries = f" ({step.attempts} attempts)" if step.attempts > 1 else ""
        yield f"{indent}{step.verdict:<8}{step.name}{tries}{f': {step.text}' if step.text else ''}"
