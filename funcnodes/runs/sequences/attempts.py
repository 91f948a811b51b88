"""What the attempts at a step find while they are on: by their waves, so that whoever judges in
one, in a scan or a subgraph inside it too, knows which it is.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import msgspec

from funcnodes.core import Node, Wave, clock
from funcnodes.runs.control import active_run
from funcnodes.runs.records import LogLevel
from funcnodes.runs.run import Run
from funcnodes.runs.verdicts import EVENT, Check, Kind, Step, Verdict, worst

MAX_CHECKS = 2000
"""Of one attempt that are kept one by one; all of them count."""

_keys = itertools.count(1)


@dataclass(slots=True)
class Sequence:
    """Steps that follow each other: those with one device under test, or all of a run.

    Attributes:
        stopped_by: Name of the step that ended it, or "".
    """

    serial: str = ""
    stopped_by: str = ""


@dataclass(slots=True)
class Attempt:
    """One attempt at a step, or the turn of one device under test.

    Attributes:
        number: From 1.
        judged: The nodes that have judged something in it.
        wrong: Why it is an error whatever the checks say, or "".
    """

    step: Step
    number: int
    sequence: Sequence
    checks: list[Check] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    checked: int = 0
    judged: set[Node] = field(default_factory=set)
    wrong: str = ""
    first: str = ""  # what the worst that was found so far says

    def add(self, node: Node, check: Check) -> None:
        """A value was judged."""
        self.judged.add(node)
        self.checked += 1
        self._count(check.verdict, check.text)
        if len(self.checks) < MAX_CHECKS:
            self.checks.append(check)
        elif check.verdict != "pass":
            self._keep(check)

    def add_step(self, step: Step) -> None:
        """A step inside it has ended."""
        self._count(step.verdict, f"{step.name}: {step.text}" if step.text else step.name)

    @property
    def verdict(self) -> Verdict:
        """Of all that was found so far."""
        return "error" if self.wrong else worst(set(self.verdicts))

    @property
    def text(self) -> str:
        """Why it is no pass, or ""."""
        return self.wrong or self.first

    def _count(self, verdict: Verdict, text: str) -> None:
        before = worst(set(self.verdicts))
        if verdict != "pass" and (not self.first or worst((before, verdict)) != before):
            self.first = text
        if verdict not in self.verdicts:
            self.verdicts.append(verdict)

    def _keep(self, check: Check) -> None:
        """One that did not pass takes the place of one that did."""
        passed = (n for n in reversed(range(MAX_CHECKS)) if self.checks[n].verdict == "pass")
        place = next(passed, None)
        if place is not None:
            del self.checks[place]
            self.checks.append(check)


_attempts: WeakKeyDictionary[Wave, Attempt] = WeakKeyDictionary()
_sequences: WeakKeyDictionary[Wave, Sequence] = WeakKeyDictionary()


def next_attempt(step: Step, sequence: Sequence) -> Attempt:
    """One more attempt at a step."""
    step.attempts += 1
    return Attempt(step, step.attempts, sequence)


def begin(wave: Wave, attempt: Attempt) -> None:
    """What is judged within `wave` from now on belongs to `attempt`."""
    _attempts[wave] = attempt


def attempt_around(wave: Wave | None) -> Attempt | None:
    """The innermost attempt that a wave belongs to."""
    return next((_attempts[each] for each in _outwards(wave) if each in _attempts), None)


def sequence_around(wave: Wave | None) -> Sequence:
    """The sequence that a wave belongs to: of its device under test, else of all it is part of."""
    around = attempt_around(wave)
    if around is not None:
        return around.sequence
    outermost = next(iter(list(_outwards(wave))[-1:]), None)
    if outermost is None:
        return Sequence()
    return _sequences.setdefault(outermost, Sequence())


def new_step(node: Node, kind: Kind = "step", serial: str = "") -> Step:
    """The record of a step that begins now."""
    around = attempt_around(node.wave)
    return Step(
        key=next(_keys), name=node.name, verdict="pass", kind=kind,
        parent=around.step.key if around is not None else None,
        attempt=around.number if around is not None else 1,
        serial=serial or sequence_around(node.wave).serial, started=clock.now(),
        started_mono=clock.monotonic(),
    )  # fmt: skip


def settle(step: Step, attempt: Attempt) -> None:
    """An attempt has ended: it is what counts of its step now."""
    step.verdict, step.text = attempt.verdict, attempt.text
    step.checks, step.checked = attempt.checks, attempt.checked


def end(node: Node, step: Step, run: Run | None) -> None:
    """A step has ended: the run keeps it, and what is around it counts it."""
    step.took_s = clock.monotonic() - step.started_mono
    around = attempt_around(node.wave)
    if around is not None:
        around.add_step(step)
    keep(step, run)


def keep(step: Step, run: Run | None) -> None:
    """Make a step an event of the run, and what is no pass a line of its log."""
    if run is None or run.is_over:
        return
    run.note(EVENT, step=msgspec.to_builtins(step))
    if step.verdict in ("fail", "error"):
        whose = f" ({step.serial})" if step.serial else ""
        level: LogLevel = "error" if step.verdict == "error" else "warning"
        run.log(level, f"{step.name}{whose}", f"{step.verdict}: {step.text}")


def judge(node: Node, check: Check) -> None:
    """A value was judged by a node: the attempt around it counts it; else it is for the run."""
    around = attempt_around(node.wave)
    if around is not None:
        around.add(node, check)
        return
    step = new_step(node, "check")
    step.verdict, step.checks, step.checked = check.verdict, [check], 1
    step.text = "" if check.verdict == "pass" else check.text
    keep(step, active_run(node))


def _outwards(wave: Wave | None) -> Iterator[Wave]:
    while wave is not None:
        yield wave
        wave = wave.parent
