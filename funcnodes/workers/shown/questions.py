"""What people are shown of the questions that wait for an answer."""

from collections.abc import Iterable

from funcnodes.core import units
from funcnodes.runs.prompts import Prompt, Prompts, Question
from funcnodes.workers import schema


def prompt_views(lists: Iterable[Prompts]) -> list[schema.PromptView]:
    """All that wait in these, oldest first."""
    waiting = [prompt for prompts in lists for prompt in prompts.open]
    return [_view(prompt) for prompt in sorted(waiting, key=lambda each: each.asked)]


def _view(prompt: Prompt) -> schema.PromptView:
    question = prompt.question
    return schema.PromptView(
        id=prompt.id,
        node=prompt.node,
        name=prompt.name,
        kind=question.kind,
        text=question.text,
        unit=question.unit,
        min=question.limits.low,
        max=question.limits.high,
        choices=list(question.choices),
        default="" if question.kind == "picture" else question.default,
        asked=prompt.asked,
        due=prompt.due,
        then=_then(question) if prompt.due is not None else "",
    )


def _then(question: Question) -> str:
    """What happens after its deadline: "1 mm is taken"."""
    match question.then:
        case "use default":
            return f"{_offered(question)} is taken"
        case "stop the run":
            return "the run stops"
        case _:
            return "the node fails"


def _offered(question: Question) -> str:
    if question.kind != "number":
        return question.default
    try:
        return units.text(units.parse(question.default, question.unit), question.unit, digits=9)
    except ValueError:
        return question.default
