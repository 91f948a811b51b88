"""What the steps of a run's test found, as the page shows it."""

from collections.abc import Iterator, Sequence

from funcnodes.errors import FuncnodesError
from funcnodes.runs import RunHead, RunReader, RunStore
from funcnodes.runs.records import ENDED
from funcnodes.runs.report import report_html
from funcnodes.runs.verdicts import Check, Result, Step, result_of
from funcnodes.workers import schema

MOST_STEPS = 2_000
MOST_CHECKS = 100
"""Of one step."""
KEPT = 4_096
REPORT_TYPE = "text/html; charset=utf-8"


class KnownVerdicts:
    """The verdicts of finished runs, each read once; from one thread at a time."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._known: dict[str, schema.Verdict | None] = {}

    def of(self, heads: Sequence[RunHead]) -> dict[str, schema.Verdict | None]:
        """By id; None for what has no steps, goes on, or cannot be read. Blocks."""
        return {head.id: self._of(head) for head in heads if head.state in ENDED}

    def _of(self, head: RunHead) -> schema.Verdict | None:
        if head.id not in self._known:
            try:
                result = result_of(self._store.reader_of(head))
            except FuncnodesError:
                return None
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[head.id] = result.verdict if result.steps else None
        return self._known[head.id]


def verdicts_view(reader: RunReader) -> schema.VerdictsView:
    """Its steps in order, each before those inside it. Of a run that goes on, those so far."""
    found, is_over = result_of(reader), reader.head.state in ENDED
    steps = list(_steps(found))
    return schema.VerdictsView(
        verdict=found.verdict if is_over and found.steps else None,
        text=found.text if is_over and found.steps else "",
        steps=steps[:MOST_STEPS],
        left_out=max(0, len(steps) - MOST_STEPS),
    )


def report_page(reader: RunReader) -> dict[str, object]:
    """The run as one HTML page, ready to be sent."""
    name = f"run-{reader.head.number}.html"
    return {"name": name, "media_type": REPORT_TYPE, "data": report_html(reader).encode()}


def _steps(result: Result) -> Iterator[schema.StepView]:
    for path, step in result.walk():
        yield _step(step, len(path))


def _step(step: Step, depth: int) -> schema.StepView:
    return schema.StepView(
        name=step.name, kind=step.kind, verdict=step.verdict, depth=depth, serial=step.serial,
        text=step.text, took_s=step.took_s, attempts=step.attempts,
        checked=max(step.checked, len(step.checks)),
        checks=[_check(check) for check in step.checks[:MOST_CHECKS]],
    )  # fmt: skip


def _check(check: Check) -> schema.CheckView:
    return schema.CheckView(
        name=check.name, verdict=check.verdict, text=check.text, value=check.value,
        unit=check.unit, low=check.low, high=check.high, quality=check.quality,
    )  # fmt: skip
