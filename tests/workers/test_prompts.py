"""What nodes ask the people at a worker: told to all of them, answered by whoever may act."""

from typing import Any

import pytest

from funcnodes.workers import schema

from .conftest import ADA, Desk

BOB = schema.Actor(id="b", name="Bob", role="operator")
EVE = schema.Actor(id="e", name="Eve", role="viewer")


@pytest.fixture
async def asking(desk: Desk) -> Desk:
    """Ada, Bob and Eve look on; Ada has started a run, which asks for a thickness."""
    desk.worker.controls.set_people([ADA, BOB, EVE])
    await desk.ask(schema.NewSpace())
    ask = await desk.ask(schema.AddNode(key="ask", x=0, y=0))
    for port, value in (("text", "How thick?"), ("unit", "mm"), ("high", 2.0)):
        await desk.ask(schema.SetValue(node=ask, port=port, value=value))
    sweep = await desk.ask(schema.AddNode(key="sweep", x=300, y=0))
    await desk.ask(schema.SetValue(node=sweep, port="points", value=2))
    await desk.ask(
        schema.Connect(
            source=ask, source_port="_triggeroutput", target=sweep, target_port="_triggerinput"
        )
    )
    await desk.ask(schema.RunStart())
    await desk.until(lambda: prompts(desk) or None)
    return desk


def prompts(desk: Desk) -> list[schema.PromptView]:
    """What was told last of what waits."""
    told = desk.events(schema.PromptsPut)
    return told[-1].prompts if told else []


def ended(desk: Desk) -> Any:
    run = desk.worker.require_open().runner.run
    return run if run is not None and run.is_over else None


async def test_a_question_is_told_to_everybody_and_is_in_the_snapshot(asking: Desk) -> None:
    (prompt,) = prompts(asking)
    assert (prompt.kind, prompt.text, prompt.unit, prompt.max) == (
        "number", "How thick?", "mm", 2.0,
    )  # fmt: skip
    assert asking.worker.snapshot().prompts == [prompt]
    assert prompt.node in [node.id for node in asking.worker.snapshot().nodes]


async def test_the_answer_goes_on_and_the_question_goes_from_every_page(asking: Desk) -> None:
    (prompt,) = prompts(asking)
    await asking.ask(schema.AnswerPrompt(id=prompt.id, value="0.1 cm"))
    assert prompts(asking) == []
    run = await asking.until(lambda: ended(asking))
    assert run.state == "complete"
    answers = [e.data for e in asking.worker.runs.find(run.id).events() if e.kind == "answer"]
    assert [(each["answer"], each["unit"], each["by"]) for each in answers] == [(1.0, "mm", "Ada")]


async def test_only_who_holds_the_controls_answers(asking: Desk) -> None:
    (prompt,) = prompts(asking)
    answer = schema.AnswerPrompt(id=prompt.id, value=1)
    assert "may only watch" in (await asking.refused(answer, EVE)).detail
    assert "Ada holds the controls" in (await asking.refused(answer, BOB)).detail
    assert prompts(asking) == [prompt]
    await asking.ask(schema.TakeControls(), BOB)
    await asking.ask(answer, BOB)
    taken = await asking.refused(answer, BOB)
    assert taken.detail == "Bob has answered Ask already."


async def test_a_value_that_does_not_fit_is_refused_and_a_text_opens_no_file(asking: Desk) -> None:
    (prompt,) = prompts(asking)
    for value, sentence in (
        ("3 mm", "Ask: 3 mm is outside up to 2 mm."),
        (None, "Ask: A number of mm is asked."),
        ({"a": 1}, "Ask: A number of mm is asked."),
        (b"\x89PNG", "Ask: A number of mm is asked."),
    ):
        problem = await asking.refused(schema.AnswerPrompt(id=prompt.id, value=value))
        assert problem.detail == sentence
    assert prompts(asking) == [prompt]


@pytest.mark.parametrize(
    "end", [schema.RunStop(), schema.RunAbort(), schema.RunHalt(), schema.EStop()]
)
async def test_the_end_of_the_run_takes_the_question_from_every_page(
    asking: Desk, end: Any
) -> None:
    await asking.ask(end)
    await asking.until(lambda: ended(asking))
    assert prompts(asking) == []
    assert asking.worker.snapshot().prompts == []


@pytest.fixture
async def telling(desk: Desk) -> Desk:
    """Live, with a Tell that says that the lamp is on."""
    await desk.ask(schema.NewSpace())
    tell = await desk.ask(schema.AddNode(key="tell", x=0, y=0))
    await desk.ask(schema.SetValue(node=tell, port="text", value="The lamp"))
    assert prompts(desk) == []  # A1: disarmed
    await desk.ask(schema.SetLive(live=True))
    await desk.ask(schema.SetValue(node=tell, port="text", value="The lamp is on."))
    assert prompts(desk) == []  # A1a: nobody has named it
    await desk.ask(schema.TriggerNode(id=tell))
    await desk.until(lambda: prompts(desk) or None)
    return desk


async def test_another_nodespace_has_none_of_the_questions_of_the_last(telling: Desk) -> None:
    (told,) = prompts(telling)
    assert (told.kind, told.text) == ("tell", "The lamp is on.")
    await telling.ask(schema.NewSpace())
    assert prompts(telling) == []
    assert telling.worker.snapshot().prompts == []


async def test_what_was_told_goes_from_every_page_once_somebody_has_seen_it(
    telling: Desk,
) -> None:
    (told,) = prompts(telling)
    await telling.ask(schema.SeePrompt(id=told.id), BOB)
    assert prompts(telling) == []
    await telling.ask(schema.SeePrompt(id=told.id))


async def test_what_is_said_of_a_run_before_it_is_in_its_head_and_on_every_page(desk: Desk) -> None:
    await desk.ask(schema.NewSpace())
    sweep = await desk.ask(schema.AddNode(key="sweep", x=0, y=0))
    await desk.ask(schema.SetValue(node=sweep, port="points", value=2))
    problem = await desk.refused(schema.RunStart(sample="F" * 300))
    assert problem.detail == "The sample is to be one line of 200 letters at most."
    await desk.ask(schema.RunStart(sample=" F-17 ", project="Films", notes="Night in air."))
    run = await desk.until(lambda: ended(desk))
    head = desk.worker.runs.find(run.id).head
    assert (head.operator, head.sample, head.project, head.notes) == (
        "Ada", "F-17", "Films", "Night in air.",
    )  # fmt: skip
    shown = desk.worker.run_view()
    assert shown is not None
    assert (shown.sample, shown.project, shown.notes) == ("F-17", "Films", "Night in air.")
