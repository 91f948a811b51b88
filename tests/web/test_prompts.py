"""A question from a node in a real worker, over the server's real socket, to two browsers."""

import asyncio
from typing import Any

from funcnodes.workers import schema
from funcnodes.workers.worker import Worker

from ..waiting import until
from .conftest import Page, Site, Workspace


async def told(page: Page) -> list[schema.PromptView]:
    """The next that this browser is told of what waits."""
    while True:
        patch = await page.next(schema.Patch)
        for event in patch.events:
            if isinstance(event, schema.PromptsPut):
                return event.prompts


async def done(page: Page, number: int, body: Any) -> Any:
    answer = await page.ask(number, body)
    assert isinstance(answer, schema.Ack), answer
    return answer.result


async def test_both_browsers_are_asked_one_answers_and_the_other_is_told_who(
    site: Site, workspace: Workspace
) -> None:
    worker = Worker(workspace)
    working = asyncio.create_task(worker.run())
    try:
        await until(lambda: worker.publisher.linked)
        async with site.live() as ada, site.live() as bob:
            for page in (ada, bob):
                await page.send(schema.Subscribe(worker=workspace.record.uuid))
                await page.next(schema.Snapshot)
            await done(ada, 1, schema.NewSpace())
            ask = await done(ada, 2, schema.AddNode(key="ask", x=0, y=0))
            await done(ada, 3, schema.SetLive(live=True))
            await done(ada, 4, schema.TriggerNode(id=ask))
            (prompt,) = await told(bob)
            assert prompt.node == ask
            await bob.send(schema.Subscribe(worker=workspace.record.uuid))  # it is loaded anew
            assert (await bob.next(schema.Snapshot)).prompts == [prompt]
            await done(ada, 5, schema.AnswerPrompt(id=prompt.id, value=4))
            assert await told(bob) == []
            await done(bob, 1, schema.TakeControls())
            second = await bob.ask(2, schema.AnswerPrompt(id=prompt.id, value=5))
            assert isinstance(second, schema.Fail)
            assert second.problem.detail.endswith("has answered Ask already.")
            await until(lambda: worker.require_open().space.get_node_by_id(ask).runs)
            assert worker.require_open().space.get_node_by_id(ask).outputs["answer"].value == 4
    finally:
        worker.end()
        await working
