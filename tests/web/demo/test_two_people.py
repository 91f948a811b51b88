"""Two people at one nodespace: no edit undoes what its author never saw; who acts is told.

Real server, worker and simulators; each person has a socket, and a sign-in, of his own.
"""

from typing import Any

import pytest

from funcnodes.workers import schema

from .conftest import Demo, Page

pytestmark = pytest.mark.timeout(90)


def port(page: Page, node: str, name: str) -> Any:
    """What this person was told of an input's value last."""
    for message in reversed(page.seen):
        for event in reversed(message.events if isinstance(message, schema.Patch) else []):
            if isinstance(event, schema.PortValues):
                for value in event.values:
                    if (value.node, value.port) == (node, name):
                        return value.value
            if isinstance(event, schema.NodePut) and event.node.id == node:
                return next(each.value for each in event.node.inputs if each.id == name)
    raise AssertionError("nothing was told of it")


async def stale(page: Page, body: Any, rev: int) -> schema.Problem:
    answer = await page.tell(body, rev)
    assert isinstance(answer, schema.Fail), answer
    assert answer.problem.title == "StaleRevision"
    return answer.problem


async def test_a_stale_edit_is_answered_with_the_new_state_and_never_applied(demo: Demo) -> None:
    """One person's 55 overwrote another's 222. Edits of other things go through."""
    other = await demo.somebody_else("Bob")
    async with demo.page() as ada, other.page() as bob:
        await ada.subscribe()
        await ada.http.post("/api/session/name", json={"name": "Ada"})
        await ada.open_example()
        await bob.subscribe()
        seen = ada.rev
        points = {"node": "sweep", "port": "points"}
        await bob.ask(schema.SetValue(**points, value=222), bob.rev)

        problem = await stale(ada, schema.SetValue(**points, value=55), seen)
        assert problem.detail == (
            "Bob has set Sweep.points to 222 meanwhile, so your value was not taken."
        )
        assert (problem.context["value"], problem.context["port"]) == (222, "points")
        assert port(ada, "sweep", "points") == 222, "told before the refusal"
        assert {each.id: each for each in (await ada.subscribe()).nodes}["sweep"].inputs

        # Of other things, on the same revision: another input, another node, a place, a name.
        for body in (
            schema.SetValue(node="sweep", port="stop", value=500.0),
            schema.SetValue(node="settle", port="time", value=0.01),
            schema.MoveNodes(ids=["sweep"], x=[1.0], y=[2.0]),
            schema.Rename(id="sweep", name="Ramp"),
        ):
            await ada.ask(body, seen)

        # What one browser does in a row need not have seen its own answers.
        for value in (56, 57):
            await ada.ask(schema.SetValue(**points, value=value), ada.rev - 1)

        # Places, names, wires, removals and undo likewise.
        old = seen
        await stale(bob, schema.MoveNodes(ids=["sweep", "settle"], x=[9, 9], y=[9, 9]), old)
        await stale(bob, schema.Rename(id="sweep", name="Mine"), old)
        await stale(bob, schema.RemoveNodes(ids=["settle"]), old)
        await stale(bob, schema.Undo(), old)
        await ada.ask(schema.Disconnect(edge="read:i>recorder:i"), ada.rev)
        again = schema.Connect(source="read", source_port="v", target="recorder", target_port="i")
        await stale(bob, again, old)
        nodes = {each.id: each for each in (await bob.subscribe()).nodes}
        assert (nodes["sweep"].x, nodes["sweep"].name) == (1.0, "Ramp")
        assert "settle" in nodes

        await bob.ask(schema.Undo(), bob.rev)
        problem = await stale(ada, again, old)
        assert problem.detail == "Bob has changed that meanwhile, so nothing was done."


async def test_taking_the_controls_over_is_told_to_everybody(demo: Demo) -> None:
    bobs, eves = await demo.somebody_else("Bob"), await demo.somebody_else("Eve")
    async with demo.page() as ada, bobs.page() as bob, eves.page() as eve:
        for page in (ada, bob, eve):
            await page.subscribe()
        await ada.http.post("/api/session/name", json={"name": "Ada"})
        await ada.open_example()
        await ada.ask(schema.SetLive(live=True))
        refused = await bob.tell(schema.SetLive(live=False))
        assert "Ada holds the controls" in refused.problem.detail
        await bob.ask(schema.TakeControls())
        for page in (ada, bob, eve):
            while not (has_logged(page, TAKEN) and holders(page) == ["Bob"]):
                await page.next()


TAKEN = "Bob took the controls over from Ada."


def events(page: Page, kind: type[Any]) -> list[Any]:
    """Everything of a kind that this person was told so far."""
    patches = [each for each in page.seen if isinstance(each, schema.Patch)]
    return [event for patch in patches for event in patch.events if isinstance(event, kind)]


def has_logged(page: Page, text: str) -> bool:
    return any(text == line.text for each in events(page, schema.Logged) for line in each.lines)


def holders(page: Page) -> list[str]:
    """Who holds the controls, as this person was told last."""
    people = events(page, schema.PeoplePut)[-1:]
    return [each.name for event in people for each in event.people if each.holder]
