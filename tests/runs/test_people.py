"""People in the loop: what nodes ask, who answers first, and what a run keeps of it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from funcnodes.core.types import Range
from funcnodes.errors import RefusedError, RunError, ValueRefusedError
from funcnodes.runs import Prompts
from funcnodes.runs.assignments import Assigned, AssignmentError
from funcnodes.runs.people import give_answers
from funcnodes.runs.prompts import Prompt, Question
from funcnodes.runs.terminal import asked

from ..waiting import patience, until

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def prompts(lab: Any) -> Prompts:
    """Lent to the nodes of the lab."""
    lent = Prompts()
    lab.space.services.provide(Prompts, lent)
    return lent


async def next_prompt(prompts: Prompts) -> Prompt:
    found = await until(lambda: prompts.open)
    return found[0]  # type: ignore[no-any-return]


def events(lab: Any, run: Any, kind: str) -> list[dict[str, Any]]:
    """What the file of a run has kept."""
    return [each.data for each in lab.store.find(run.id).events() if each.kind == kind]


def asking(lab: Any, **values: Any) -> Any:
    """An Ask before a sweep of two points, and what it answers recorded at each."""
    ask = lab.add("ask", "Thickness", text="How thick?", **values)
    sweep = lab.add("sweep", points=2)
    lab.order(ask, sweep)
    return ask


# ── what is an answer ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("question", "given", "read"),
    [
        (Question("?", "number", "mm"), "1.5", 1.5),
        (Question("?", "number", "mm"), "0.2 cm", 2.0),
        (Question("?", "number", "mm"), 3, 3.0),
        (Question("?", "choice", choices=("left", "Right")), "right", "Right"),
        (Question("?", "text"), " a film ", "a film"),
        (Question("?", "confirm"), "Yes", True),
        (Question("?", "approve"), False, False),
        (Question("?", "picture"), PNG, PNG),
    ],
)
def test_an_answer_is_read_as_what_was_asked_for(question: Question, given: Any, read: Any) -> None:
    assert question.read(given) == read


@pytest.mark.parametrize(
    ("question", "given", "sentence"),
    [
        (Question("?", "number", "mm"), "thick", "'thick' is not a number of mm."),
        (Question("?", "number", "mm"), "1 V", "Volts do not fit into mm."),
        (Question("?", "number", "mm"), True, "A number of mm is asked."),
        (Question("?", "number", "mm", Range(0.0, 2.0)), "3", "3 mm is outside 0 to 2 mm."),
        (Question("?", "number"), "nan", "'nan' is not a number."),
        (Question("?", "choice", choices=("a", "b")), "c", "'c' is none of the choices: a, b."),
        (Question("?", "text"), "  ", "An empty text is no answer."),
        (Question("?", "confirm"), "maybe", "'maybe' is neither yes nor no."),
        (Question("?", "picture"), b"GIF89a", "That is no picture: a PNG is asked for."),
        (Question("?", "picture"), "/etc/hostname", "That is no picture: a PNG is asked for."),
    ],
)
def test_what_is_no_answer_is_refused_in_a_sentence(
    question: Question, given: Any, sentence: str
) -> None:
    with pytest.raises(ValueRefusedError) as refused:
        question.read(given)
    assert refused.value.message == sentence


def test_a_picture_is_named_by_its_file_only_on_the_machine_itself(tmp_path: Path) -> None:
    (tmp_path / "film.png").write_bytes(PNG)
    question = Question("?", "picture")
    assert question.read_typed(str(tmp_path / "film.png")) == PNG
    with pytest.raises(ValueRefusedError, match="There is no picture"):
        question.read_typed(str(tmp_path / "none.png"))


def test_a_choice_is_named_by_its_number_on_a_terminal() -> None:
    question = Question("Which?", "choice", choices=("left", "right"))
    assert question.read_typed("2") == "right"
    assert asked(question) == "Which? \n  1  left\n  2  right\n > "


# ── who answers ───────────────────────────────────────────────────────────────────────────


async def test_the_first_answer_wins_and_the_second_is_told_who_was_first(
    lab: Any, prompts: Prompts
) -> None:
    ask = asking(lab, unit="mm")
    run = await lab.runner.start(operator="tester")
    prompt = await next_prompt(prompts)
    prompts.answer(prompt.id, "1.2", by="Ada", how="page")
    with pytest.raises(RefusedError, match=r"^Ada has answered Thickness already\.$"):
        prompts.answer(prompt.id, "7", by="Bob", how="page")
    await asyncio.wait_for(run.wait(), patience())
    assert run.state == "complete"
    assert (ask.outputs["answer"].value, ask.outputs["answer"].unit) == (1.2, "mm")
    assert ask.outputs["by"].value == "Ada"
    assert ask.outputs["at"].value.endswith("+00:00")
    (kept,) = events(lab, run, "answer")
    assert kept["by"] == "Ada"
    assert (kept["question"], kept["answer"], kept["unit"]) == ("How thick?", 1.2, "mm")
    assert kept["at"] > 0
    assert kept["how"] == "page"


async def test_a_bad_answer_leaves_the_question_open(lab: Any, prompts: Prompts) -> None:
    asking(lab, unit="mm", high=2.0)
    run = await lab.runner.start()
    prompt = await next_prompt(prompts)
    with pytest.raises(ValueRefusedError, match=r"^Thickness: 3 mm is outside up to 2 mm\.$"):
        prompts.answer(prompt.id, 3, by="Ada", how="page")
    assert prompts.open == [prompt]
    prompts.answer(prompt.id, 1, by="Ada", how="page")
    await asyncio.wait_for(run.wait(), patience())
    assert run.state == "complete"


async def test_several_questions_wait_at_once_and_each_gets_its_own_answer(
    lab: Any, prompts: Prompts
) -> None:
    nodes = [lab.add("ask", name, text=name, kind="text") for name in ("Sample", "Project")]
    waiting = [asyncio.ensure_future(node.trigger()) for node in nodes]
    one, other = await until(lambda: prompts.open if len(prompts.open) == 2 else None)
    prompts.answer(other.id, other.name, by="Ada", how="page")
    prompts.answer(one.id, one.name, by="Bob", how="page")
    await asyncio.wait_for(asyncio.gather(*waiting), patience())
    assert [node.outputs["answer"].value for node in nodes] == ["Sample", "Project"]


@pytest.mark.parametrize("verb", ["stop", "abort"])
async def test_a_run_that_is_ended_takes_its_question_away(
    lab: Any, prompts: Prompts, verb: str
) -> None:
    asking(lab)
    run = await lab.runner.start()
    prompt = await next_prompt(prompts)
    getattr(run, verb)("Ended by Ada.")
    await asyncio.wait_for(run.wait(), patience())
    assert run.state == {"stop": "stopped", "abort": "aborted"}[verb]
    assert run.message == "Ended by Ada."
    assert prompts.open == []
    with pytest.raises(RefusedError, match=r"^Thickness does not ask any longer: .*\.$"):
        prompts.answer(prompt.id, 1, by="Ada", how="page")


async def test_a_stop_while_a_point_asks_leaves_no_row_of_that_point(
    lab: Any, prompts: Prompts
) -> None:
    """What was answered at the point before is not recorded a second time."""
    sweep = lab.add("sweep", start=0.0, stop=1.0, points=3, unit="V")
    ask = lab.add("ask", "Seen", text="What is seen?", unit="mm")
    sweep.outputs["point"].connect(ask.inputs["_triggerinput"])
    lab.record(sweep.outputs["value"], ask.outputs["answer"])
    run = await lab.runner.start()
    first = await next_prompt(prompts)
    prompts.answer(first.id, 4, by="Ada", how="page")
    await until(lambda: prompts.open and prompts.open[0] is not first)
    run.stop("Enough.")
    await asyncio.wait_for(run.wait(), patience())
    assert run.state == "stopped"
    assert lab.columns(run)["answer"] == [4.0]


async def test_what_is_asked_at_the_end_of_a_stopped_run_is_still_asked(
    lab: Any, prompts: Prompts, gate_class: Any
) -> None:
    sweep = lab.add("sweep", points=2)
    gate, ask = lab.add(gate_class), lab.add("ask", "Closed", text="Valve closed?", kind="confirm")
    sweep.hold(gate)
    sweep.hold(ask, section="finally")
    run = await lab.runner.start()
    await asyncio.wait_for(gate.reached.wait(), patience())
    run.stop("Enough.")
    gate.open.set()
    prompt = await next_prompt(prompts)
    prompts.answer(prompt.id, True, by="Ada", how="page")
    await asyncio.wait_for(run.wait(), patience())
    assert run.state == "stopped"
    assert [each["answer"] for each in events(lab, run, "answer")] == [True]


# ── deadlines ─────────────────────────────────────────────────────────────────────────────


async def test_after_the_deadline_the_default_is_used_and_nobody_is_named(
    lab: Any, prompts: Prompts
) -> None:
    ask = asking(lab, unit="mm", default="0.2 cm", deadline=0.02, then="use default")
    run = await lab.run()
    assert run.state == "complete"
    assert (ask.outputs["answer"].value, ask.outputs["by"].value) == (2.0, "")
    (kept,) = events(lab, run, "answer")
    assert (kept["by"], kept["how"]) == ("", "by default")
    assert prompts.open == []


@pytest.mark.parametrize(("then", "state"), [("fail", "failed"), ("stop the run", "stopped")])
async def test_after_the_deadline_the_node_fails_or_the_run_stops(
    lab: Any, prompts: Prompts, then: str, state: str
) -> None:
    asking(lab, deadline=0.02, then=then)
    run = await lab.run()
    assert run.state == state
    assert run.message == "Thickness: nobody answered 'How thick?' within 0.02 s."
    (kept,) = events(lab, run, "unanswered")
    assert kept["then"] == then


# ── Approve and Tell ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("refused", "state", "message"),
    [
        ("stop the run", "stopped", "Approve: Ada refused."),
        ("fail", "failed", "Approve: Ada refused."),
        ("go on", "complete", ""),
    ],
)
async def test_who_refuses_ends_the_run_as_the_node_says(
    lab: Any, prompts: Prompts, refused: str, state: str, message: str
) -> None:
    approve = lab.add("approve", text="Is the cover closed?", refused=refused)
    lab.order(approve, lab.add("sweep", points=2))
    run = await lab.runner.start()
    prompt = await next_prompt(prompts)
    prompts.answer(prompt.id, False, by="Ada", how="page")
    await asyncio.wait_for(run.wait(), patience())
    assert (run.state, run.message) == (state, message)
    assert events(lab, run, "answer")[0]["answer"] is False


async def test_what_is_told_stays_until_somebody_has_seen_it_and_holds_nothing_up(
    lab: Any, prompts: Prompts
) -> None:
    lab.order(lab.add("tell", text="Take the sample out."), lab.add("sweep", points=2))
    run = await lab.run()
    assert run.state == "complete"
    (told,) = prompts.open
    assert told.question.text == "Take the sample out."
    assert events(lab, run, "told") == [{"node": "Tell", "text": "Take the sample out."}]
    prompts.see(told.id, by="Ada")
    prompts.see(told.id, by="Bob")
    assert prompts.open == []


# ── where nobody is ───────────────────────────────────────────────────────────────────────


async def test_a_run_that_nobody_could_answer_is_refused_before_it_starts(lab: Any) -> None:
    lab.space.services.provide(Prompts, Prompts(asks=False))
    asking(lab)
    with pytest.raises(RunError) as refused:
        await lab.runner.start()
    assert refused.value.message == (
        "Thickness asks 'How thick?', and there is no terminal to ask on. "
        "Give --answer NAME=VALUE, or the node a deadline and a default to use."
    )


async def test_where_nobody_is_a_node_with_a_deadline_takes_its_default_at_once(lab: Any) -> None:
    lab.space.services.provide(Prompts, Prompts(asks=False))
    ask = asking(lab, default="3", deadline=3600.0, then="use default")
    run = await lab.run()
    assert (run.state, ask.outputs["answer"].value) == ("complete", 3.0)


async def test_answers_in_advance_are_taken_by_name_and_kept_as_such(lab: Any) -> None:
    prompts = Prompts(asks=False)
    lab.space.services.provide(Prompts, prompts)
    ask = asking(lab, unit="mm")
    said = give_answers(lab.space, prompts, [Assigned.parse("thickness=0.3 cm")], by="Ada")
    assert said == ["Thickness: How thick? 3 mm"]
    run = await lab.run()
    assert (run.state, ask.outputs["answer"].value) == ("complete", 3.0)
    (kept,) = events(lab, run, "answer")
    assert (kept["by"], kept["how"]) == ("Ada", "in advance")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("thikness=1", "There is no question 'thikness'; there are Thickness."),
        ("thickness=thick", "Thickness: 'thick' is not a number of mm."),
        ("thickness", "'thickness' is not of the form NAME=VALUE."),
    ],
)
async def test_an_answer_in_advance_that_does_not_fit_is_told_in_a_sentence(
    lab: Any, prompts: Prompts, answer: str, sentence: str
) -> None:
    asking(lab, unit="mm")
    with pytest.raises(AssignmentError) as refused:
        give_answers(lab.space, prompts, [Assigned.parse(answer)], by="")
    assert refused.value.message == sentence


# ── how the nodes are ─────────────────────────────────────────────────────────────────────


async def test_the_answer_has_the_type_and_unit_of_its_kind_also_after_saving(lab: Any) -> None:
    ask = asking(lab, unit="mm")
    recorder = lab.record(ask.outputs["answer"])
    assert [(c.name, c.unit) for c in recorder.columns()] == [("answer", "mm")]
    data = json.loads(json.dumps(lab.space.serialize()))
    lab.space.clear()
    lab.space.deserialize(data)
    (again,) = [node for node in lab.space.nodes if node.node_id == "ask"]
    assert again.outputs["answer"].unit == "mm"
    assert again.outputs["answer"].is_connected()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"kind": "choice", "choices": "one"}, "at least two things to choose from."),
        ({"unit": "parrots"}, "parrots"),
        ({"low": 2.0, "high": 1.0}, "no number is at least and at most that."),
        ({"default": "thick"}, "'thick' is not a number."),
        ({"deadline": 1.0, "then": "use default"}, "is to use its default, but has none."),
    ],
)
async def test_a_question_that_makes_no_sense_keeps_the_run_from_starting(
    lab: Any, prompts: Prompts, values: dict[str, Any], sentence: str
) -> None:
    asking(lab, **values)
    found: Callable[[], list[str]] = lab.runner.check
    assert [each for each in found() if each.startswith("Thickness:") and sentence in each]
