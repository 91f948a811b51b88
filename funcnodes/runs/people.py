"""Nodes for the person in the loop: they ask, tell, or wait for an approval.

Who can be asked is lent to them (`Prompts`), so that the same node works in a worker, in
`funcnodes run` and in a script. Who answered what and when is kept with the run. They act on the
world: nobody is asked or told anything while a graph is disarmed (A1), or by hand unless
somebody names the node (A1a).
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from funcnodes.core import Node, NodeInput, NodeOutput, NodeSpace, NoValue, PortType, clock, units
from funcnodes.core.naming import name_of
from funcnodes.core.types import Image, Range
from funcnodes.errors import (
    ExecutionError,
    NodeCancelled,
    UnitError,
    ValueRefusedError,
)
from funcnodes.runs.assignments import Assigned, AssignmentError, same_name
from funcnodes.runs.control import Runner, active_run
from funcnodes.runs.prompts import AfterDeadline, Answer, AskKind, Prompt, Prompts, Question
from funcnodes.runs.run import Run
from funcnodes.runs.shaping import ShapingInput
from funcnodes.runs.terminal import prompts_here

IfRefused = Literal["stop the run", "fail", "go on"]
_SEPARATORS = re.compile(r"[;\n]")


class AskingNode(Node):
    """What nodes share that wait for an answer."""

    default_policy = "settled"
    default_run_in = "loop"
    effect = True
    shows_order = True

    text = NodeInput(
        type=str, name="question", default="", does_trigger=False, description="What is asked."
    )
    default = NodeInput(
        type=str,
        default="",
        required=False,
        does_trigger=False,
        hidden=True,
        description='Offered as the answer, and what "use default" takes; as a person types it.',
    )
    deadline = NodeInput(
        type=float,
        unit="s",
        default=0.0,
        required=False,
        does_trigger=False,
        hidden=True,
        value_options={"min": 0.0, "max": 1e7},
        description="How long to wait for an answer; 0 for as long as it takes.",
    )
    then = NodeInput(
        type=AfterDeadline,
        name="after the deadline",
        default="fail",
        required=False,
        does_trigger=False,
        hidden=True,
        description="What happens where nobody answered in time.",
    )
    by = NodeOutput(type=str, name="by", description="Who answered; empty for the default.")
    at = NodeOutput(type=str, name="at", description="When, as ISO 8601, UTC.", hidden=True)

    def question(self) -> Question:
        """What it asks as its inputs stand.

        Raises:
            ValueRefusedError: They make no question.
        """
        raise NotImplementedError

    def check_run(self) -> list[str]:
        if self.muted:
            return []
        try:
            question = self.question()
            if question.default:
                question.read_typed(question.default)
        except ValueRefusedError as error:
            return [f"{self.name}: {error.message}"]
        if question.then == "use default" and question.deadline_s > 0 and not question.default:
            return [f"{self.name}: after its deadline it is to use its default, but has none."]
        prompts = self._lent()
        if prompts is None or prompts.asks or prompts.is_given(name_of(self)):
            return []
        return [] if question.has_way_out else [f"{_nobody(self, question, prompts)} {_WAY_OUT}"]

    async def ask(self) -> Answer:
        """Ask, and wait for whoever answers first.

        Raises:
            ExecutionError: Nobody is there to answer, or did within the deadline.
        """
        question = self.question()
        prompts = self._lent() or prompts_here()
        run = active_run(self)
        answer = self._given(prompts, question)
        if answer is None and not prompts.asks:
            if not question.has_way_out:
                raise ExecutionError(_nobody(self, question, prompts))
            answer = self._by_default(question)
        if answer is None:
            answer = await self._asked(prompts, question, run)
        self._keep(run, question, answer)
        return answer

    def give(self, answer: Answer) -> None:
        """Set who answered and when."""
        self.by.set(answer.by)
        self.at.set(answer.when)

    async def give_up(self, why: str) -> None:
        """End what it is part of: its run in order, or else just itself."""
        run = active_run(self)
        if run is None or self.wave is None:
            raise ExecutionError(f"{self.name}: {why}.")
        run.stop(f"{self.name}: {why}.")
        self.wave.cancel(why)
        await asyncio.sleep(0)  # it ends here
        raise NodeCancelled(f"{self.name}: {why}.")

    async def _asked(self, prompts: Prompts, question: Question, run: Run | None) -> Answer:
        prompt = prompts.put(name_of(self), self.name, question)
        unwatch = self._follow(run, prompts, prompt)
        self.report(0, None, "asks")
        if run is not None:
            run.log("info", self.name, f"{self.name} asks: {question.text}")
        why = "it was given up"
        try:
            done, _ = await asyncio.wait({prompt.answered}, timeout=question.deadline_s or None)
            why = "its deadline has passed"
        finally:
            unwatch()
            prompts.close(prompt, why)
        if not done:
            return await self._late(question, run)
        if prompt.answered.cancelled():
            await self.give_up("the run was stopped")
        return prompt.answered.result()

    def _follow(self, run: Run | None, prompts: Prompts, prompt: Prompt) -> Callable[[], None]:
        """Close it once the run is brought to an end; what is asked at its end stays."""
        runner = self.nodespace.services.get(Runner) if self.nodespace is not None else None
        if run is None or runner is None or not run.is_going_on:
            return lambda: None

        def changed(which: Run) -> None:
            if which is run and not run.is_going_on:
                prompts.close(prompt, "the run has ended")

        return runner.on_change(changed)

    async def _late(self, question: Question, run: Run | None) -> Answer:
        if question.then == "use default":
            return self._by_default(question)
        why = f"nobody answered {question.text!r} within {question.deadline_s:g} s"
        if run is not None:
            run.note("unanswered", node=self.name, question=question.text, then=question.then)
        if question.then == "stop the run":
            await self.give_up(why)
        raise ExecutionError(f"{self.name}: {why}.")

    def _given(self, prompts: Prompts, question: Question) -> Answer | None:
        try:
            return prompts.given(name_of(self), question)
        except ValueRefusedError as error:
            raise ExecutionError(f"{self.name}: {error.message}") from error

    def _by_default(self, question: Question) -> Answer:
        if not question.default:
            raise ExecutionError(f"{self.name}: nobody answered, and it has no default.")
        value = question.read_typed(question.default)
        return Answer(value, "", "by default", clock.now())

    def _keep(self, run: Run | None, question: Question, answer: Answer) -> None:
        if run is None:
            return
        run.note(
            "answer",
            node=self.name,
            question=question.text,
            answer=question.kept(answer.value),
            unit=question.unit,
            by=answer.by,
            how=answer.how,
            at=answer.at,
        )
        who = answer.by or "Nobody"
        how = "" if answer.how in ("page", "terminal") else f", {answer.how}"
        run.log("info", self.name, f"{who} answered {question.shown(answer.value)}{how}.")

    def _lent(self) -> Prompts | None:
        return self.nodespace.services.get(Prompts) if self.nodespace is not None else None

    def _deadline(self, question: Question) -> Question:
        """The question with what all of them have."""
        return replace(
            question,
            default=str(self.default.value or "").strip(),
            deadline_s=float(self.deadline.value or 0.0),
            then=self.then.value,
        )


class Ask(AskingNode):
    """Asks a person for a number with its unit, a choice, a text, a picture, or yes or no.

    The question stands on every page, or on the terminal, until the first one answers; a run that
    ends takes it away. After a deadline the default is used, the node fails, or the run stops.
    """

    node_id = "ask"
    node_name = "Ask"
    description = __doc__ or ""
    icon = "help"
    words = ("question", "operator", "person", "input", "prompt", "enter", "form", "dialog")

    kind = ShapingInput(
        type=AskKind, default="number", does_trigger=False, description="What an answer is."
    )
    unit = ShapingInput(
        type=str, default="", required=False, does_trigger=False,
        description="Unit of a number.",
    )  # fmt: skip
    low = NodeInput(
        type=float, name="at least", required=False, does_trigger=False, hidden=True,
        description="Smallest number that is taken, in the unit.",
    )  # fmt: skip
    high = NodeInput(
        type=float, name="at most", required=False, does_trigger=False, hidden=True,
        description="Largest number that is taken, in the unit.",
    )  # fmt: skip
    choices = NodeInput(
        type=str, default="", required=False, does_trigger=False, hidden=True,
        description='With kind "choice": "left, right", or one in each line.',
    )  # fmt: skip
    answer = NodeOutput(type=float, description="What was answered.")

    def on_added(self) -> None:
        self.take_shape()

    def take_shape(self) -> None:
        """Give the answer's port the type of the kind; one with a wire stays as it is."""
        port = self.outputs["answer"]
        if not port.is_connected():
            port.type = self._answer_type()

    def question(self) -> Question:
        kind: AskKind = self.kind.value
        unit = str(self.unit.value or "").strip() if kind == "number" else ""
        try:
            units.check(unit)
        except UnitError as error:
            raise ValueRefusedError(error.message) from error
        choices = _listed(str(self.choices.value or "")) if kind == "choice" else ()
        if kind == "choice" and len(choices) < 2:
            raise ValueRefusedError("a choice needs at least two things to choose from.")
        low, high = _number(self.low.value), _number(self.high.value)
        limits = Range(low, high) if kind == "number" else Range()
        if low is not None and high is not None and low > high:
            raise ValueRefusedError("no number is at least and at most that.")
        text = str(self.text.value or "").strip() or self.name
        return self._deadline(Question(text, kind, unit, limits, choices))

    def check_run(self) -> list[str]:
        found = super().check_run()
        port = self.outputs["answer"]
        wanted = self._answer_type()
        if port.type.kind != wanted.kind or port.type.unit != wanted.unit:
            found.append(
                f"{self.name}: its answer is {wanted.name} {wanted.unit}".rstrip()
                + ", but was another when it was wired: take that wire away and make it anew."
            )
        return found

    async def func(self, **_: Any) -> None:
        answer = await self.ask()
        self.give(answer)
        self.answer.set(answer.value)

    def _answer_type(self) -> PortType:
        match self.kind.value:
            case "choice" | "text":
                return PortType.of(str)
            case "picture":
                return PortType.of(Image)
            case "confirm":
                return PortType.of(bool)
            case _:
                return PortType.of(float, unit=str(self.unit.value or "").strip())


class Approve(AskingNode):
    """Waits until a person approves, then passes ▶ on.

    Where somebody refuses, the run stops, or the node fails, or it goes on with *approved* off.
    """

    node_id = "approve"
    node_name = "Approve"
    description = __doc__ or ""
    icon = "check"
    words = ("confirm", "operator", "person", "permission", "sign", "wait", "ok", "continue")

    refused = NodeInput(
        type=IfRefused, name="if refused", default="stop the run", does_trigger=False,
        description="What happens where somebody says no.",
    )  # fmt: skip
    approved = NodeOutput(type=bool, description="Whether somebody approved.")

    def question(self) -> Question:
        text = str(self.text.value or "").strip() or "Go on?"
        return self._deadline(Question(text, "approve"))

    async def func(self, **_: Any) -> None:
        answer = await self.ask()
        if not answer.value and self.refused.value != "go on":
            why = f"{answer.by or 'the default'} refused"
            if self.refused.value == "stop the run":
                await self.give_up(why)
            raise ExecutionError(f"{self.name}: {why}.")
        self.give(answer)
        self.approved.set(answer.value)


class Tell(Node):
    """Tells people something, on every page or on the terminal, and goes on at once.

    It stands there until somebody has seen it, or the node tells something else; it is kept with
    the run.
    """

    node_id = "tell"
    node_name = "Tell"
    description = __doc__ or ""
    icon = "note"
    words = ("message", "notify", "operator", "person", "say", "show", "note", "print")
    default_policy = "settled"
    default_run_in = "loop"
    effect = True
    shows_order = True

    text = NodeInput(type=str, default="", description="What is told.")

    _told: tuple[Prompts, Prompt] | None = None

    async def func(self, text: str) -> None:
        self._take_back()
        run = active_run(self)
        if run is not None:
            run.note("told", node=self.name, text=text)
            run.log("info", self.name, text)
        lent = self.nodespace.services.get(Prompts) if self.nodespace is not None else None
        prompts = lent or prompts_here()
        self._told = prompts, prompts.put(name_of(self), self.name, Question(text, "tell"))

    def on_removed(self) -> None:
        self._take_back()

    def _take_back(self) -> None:
        if self._told is not None:
            prompts, prompt = self._told
            self._told = None
            prompts.close(prompt, "it was told something else")


# ── answers in advance ────────────────────────────────────────────────────────────────────


def give_answers(
    space: NodeSpace, prompts: Prompts, answers: Sequence[Assigned], by: str
) -> list[str]:
    """Answer in advance what nodes will ask; returns what was understood, a line for each.

    Raises:
        AssignmentError: No node of that name asks anything, several do, or it is no answer.
    """
    asking = [node for node in space.walk() if isinstance(node, AskingNode)]
    said: list[str] = []
    for given in answers:
        node = _find(asking, given.name)
        try:
            question = node.question()
            value = question.read_typed(given.text)
        except ValueRefusedError as error:
            raise AssignmentError(f"{node.name}: {error.message}", name=given.name) from error
        prompts.give(name_of(node), value, by)
        said.append(f"{node.name}: {question.text} {question.shown(value)}")
    return said


def _find(asking: list[AskingNode], name: str) -> AskingNode:
    found = [node for node in asking if name in (node.uuid, name_of(node))]
    found = found or [node for node in asking if same_name(node.name, name)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(name_of(node) for node in found)
        raise AssignmentError(
            f"{len(found)} questions are called {name!r}; use an id instead: {ids}.", name=name
        )
    known = ", ".join(dict.fromkeys(node.name for node in asking)) or "none"
    raise AssignmentError(f"There is no question {name!r}; there are {known}.", name=name)


_WAY_OUT = "Give --answer NAME=VALUE, or the node a deadline and a default to use."


def _nobody(node: AskingNode, question: Question, prompts: Prompts) -> str:
    return f"{node.name} asks {question.text!r}, and {prompts.why_not}."


def _listed(text: str) -> tuple[str, ...]:
    """By lines or semicolons where there are any, else by commas."""
    parts = _SEPARATORS.split(text) if _SEPARATORS.search(text) else text.split(",")
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _number(value: Any) -> float | None:
    return None if value is NoValue or value is None else float(value)
