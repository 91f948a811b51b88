"""A step of a test: a frame whose body is tried until it passes, and that never fails a run.

    enter → attempt [body] → … → attempt [body] → finally → its verdict

What goes wrong inside is its verdict, not an error of the run: the sequence goes on, or is
stopped, as the step says. What is given up from outside, by a stop or an E-STOP, is still given up.
"""

from typing import Any, Literal

from funcnodes.core import Frame, NodeInput, NodeOutput, Outcome, Trigger, Wave
from funcnodes.core.nodes import TRIGGER_OUT
from funcnodes.errors import ExecutionError, FuncnodesError
from funcnodes.runs.control import active_run
from funcnodes.runs.plan import body
from funcnodes.runs.records import ScanAxis
from funcnodes.runs.run import Run, describe
from funcnodes.runs.sequences import attempts
from funcnodes.runs.sequences.attempts import Attempt, Sequence
from funcnodes.runs.sequences.judging import CheckNode
from funcnodes.runs.shape import Place
from funcnodes.runs.verdicts import Step

OnFail = Literal["go on", "stop"]
MAX_RETRIES = 100
CUT_SHORT = "It was cut short."


class JudgedFrame(Frame):
    """A frame that knows what its points find."""

    default_run_in = "loop"

    _attempt: Attempt | None = None

    def wave_of_point(self, label: str) -> Wave:
        wave = super().wave_of_point(label)
        if self._attempt is not None:
            attempts.begin(wave, self._attempt)
        return wave

    async def attempted(
        self,
        step: Step,
        sequence: Sequence,
        outputs: dict[str, Any],
        label: str,
        run: Run | None,
        place: Place = (),
    ) -> Outcome | None:
        """One point, taken again where a pause gave it up; None where the run is to end.

        Args:
            place: Where it lies along its axes.

        Raises:
            asyncio.CancelledError: It was given up with what is around it.
        """
        while True:
            attempt = self._attempt = attempts.next_attempt(step, sequence)
            wave = self.open_point(outputs, label)
            if run is None:
                outcome = await self.rest(wave)
            else:
                with run.point(wave, place):
                    outcome = await self.rest(wave)
            if run is None or not run.is_held(wave):
                attempts.settle(step, self._concluded(attempt, outcome))
                return outcome
            if not await run.checkpoint(self):
                return None

    def point_left_out(self, inner: Frame, why: str) -> None:
        """What was not measured cannot have passed."""
        if self._attempt is not None and not self._attempt.wrong:
            self._attempt.wrong = f"{inner.name}: {why}"

    def _concluded(self, attempt: Attempt, outcome: Outcome) -> Attempt:
        """What an attempt found, with what went wrong and what was never judged."""
        if outcome.state == "cancelled":
            attempt.wrong = f"It was cancelled: {outcome.reason or 'no reason'}."
        elif outcome.state not in ("ok", "superseded"):
            attempt.wrong = describe(outcome)
        for node in self._own_checks():
            if node not in attempt.judged:
                attempt.add(node, node.not_judged())
        return attempt

    def _own_checks(self) -> list[CheckNode]:
        """The checks of its body, those of steps inside it left out."""
        inside = body(self)
        others = [node for node in inside if isinstance(node, JudgedFrame) and node is not self]
        own = inside.difference(*(body(other) for other in others))
        found = [node for node in own if isinstance(node, CheckNode) and not node.muted]
        return sorted(found, key=lambda node: node.name)


class StepFrame(JudgedFrame):
    """A step of a test. Its verdict is the worst of the checks and steps that it holds.

    A failed check is counted, not raised. What goes wrong inside is the verdict *error*. With
    *on fail* stop, the steps after it are skipped: for this device under test, or in this run.
    """

    node_id = "step"
    node_name = "Step"
    description = __doc__ or ""
    icon = "check"
    words = ("test", "sequence", "verdict", "pass", "fail", "go", "no-go", "limit", "production")
    after_last = (TRIGGER_OUT, "verdict", "passed")

    run_if = NodeInput(
        type=bool,
        name="run if",
        default=True,
        required=False,
        does_trigger=False,
        description="Where this is off, the step is skipped.",
    )
    on_fail = NodeInput(
        type=OnFail,
        name="on fail",
        default="go on",
        required=False,
        does_trigger=False,
        description="After a fail or an error: go on with the next step, or skip those that follow "
        "with this device under test.",
    )
    retries = NodeInput(
        type=int,
        default=0,
        required=False,
        does_trigger=False,
        value_options={"min": 0, "max": MAX_RETRIES},
        description="How often it is tried again until it passes; the last attempt counts.",
    )
    attempt = NodeOutput(type=int, description="Which attempt it is, from 1.", hidden=True)
    point = NodeOutput(type=Trigger, description="▶ once per attempt.", hidden=True)
    verdict = NodeOutput(type=str, description="pass, fail, error or skipped, at its end.")
    passed = NodeOutput(type=bool, description="Whether it passed, at its end.")

    def points_total(self) -> int:
        return 1

    def dimensions(self) -> tuple[ScanAxis, ...]:
        return ()

    async def func(self, **_: Any) -> None:
        run, sequence = active_run(self), attempts.sequence_around(self.wave)
        step = attempts.new_step(self)
        ended = False
        try:
            await self._carry_out(step, sequence, run)
            ended = True
        finally:
            if not ended:
                step.verdict, step.text = "error", CUT_SHORT
            if step.verdict in ("fail", "error") and self.on_fail.value == "stop":
                sequence.stopped_by = sequence.stopped_by or self.name
            attempts.end(self, step, run)
        self.verdict.set(step.verdict, quality="ok")
        self.passed.set(step.verdict == "pass", quality="ok")
        if run is not None:
            run.point_done(self)

    async def _carry_out(self, step: Step, sequence: Sequence, run: Run | None) -> None:
        if run is not None and not await run.checkpoint(self):
            step.verdict, step.text = "skipped", "The run was being ended."
        elif sequence.stopped_by:
            step.verdict, step.text = "skipped", f"{sequence.stopped_by} did not pass."
        elif self.quality_taken != "ok":
            step.verdict = "error"
            step.text = f"What it was given is not certain ({self.quality_taken})."
        elif not self.run_if.value:
            step.verdict, step.text = "skipped", "Run if is off."
        else:
            try:
                async with self.entered():
                    await self._try(step, sequence, run)
            except FuncnodesError as error:
                step.verdict, step.text = "error", error.message

    async def _try(self, step: Step, sequence: Sequence, run: Run | None) -> None:
        """As many attempts as it takes, and as there are.

        Raises:
            ExecutionError: The run is ended during a pause that gave an attempt up.
        """
        total = int(self.retries.value) + 1
        for number in range(1, total + 1):
            self.report(number - 1, total)
            outputs = {"attempt": number, "point": True}
            label = f"{self.name} {number}"
            outcome = await self.attempted(step, sequence, outputs, label, run)
            if outcome is None:
                raise ExecutionError(CUT_SHORT)
            if step.verdict in ("pass", "skipped") or outcome.state == "cancelled":
                return
            if run is not None and not await run.checkpoint(self):
                return
            if number < total and run is not None:
                run.log("info", self.name, f"Attempt {number} of {total}: {step.text}")
