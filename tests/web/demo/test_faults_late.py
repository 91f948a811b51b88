"""A server that was held does not have done what was asked of it meanwhile."""

import asyncio
import signal
from typing import Any

import pytest

from funcnodes.workers import schema


@pytest.mark.soak
async def test_a_server_that_was_stopped_for_three_seconds_does_nothing_late(demo: Any) -> None:
    """SIGSTOP: the command waits in its socket, with the time at which it was sent."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.send(schema.Ping())
        clock = await page.until(schema.Pong)
        demo.process.send_signal(signal.SIGSTOP)
        try:
            body = schema.Rename(id="sweep", name="Ramp")
            command = schema.CommandMessage(id=77, key="k", sent_s=clock.clock_s, body=body)
            await page.send(command)
            await asyncio.sleep(3.0)
        finally:
            demo.process.send_signal(signal.SIGCONT)
        fail = await page.until(schema.Fail, lambda each: each.id == 77)
        assert fail.problem.title == "TooLate"
        assert "not done" in fail.problem.detail
        snapshot = (await page.ask(schema.GetSnapshot()))["nodes"]
        assert next(each for each in snapshot if each["id"] == "sweep")["name"] != "Ramp"
