"""A worker in this process, and who asks it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from funcnodes.core import Node, Shelf
from funcnodes.settings import Settings
from funcnodes.workers import schema
from funcnodes.workers.shown.views import Palette
from funcnodes.workers.worker import Worker
from funcnodes.workers.workspace import Workspace

from .. import waiting

ADA = schema.Actor(id="a", name="Ada", role="operator")
decode = msgspec.msgpack.Decoder(schema.FromWorkerLink).decode


class Desk:
    """Asks a worker, and reads what it sends."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.sent: list[Any] = []
        self._came = asyncio.Event()
        self._ids = 0
        worker.publisher._send = self._take  # in place of a link that has nobody to dial
        worker.publisher.link()

    def _take(self, data: bytes) -> bool:
        self.sent.append(decode(data))
        self._came.set()
        return True

    async def tell(self, body: Any, actor: schema.Actor = ADA, rev: int = 0) -> Any:
        """Its Ack or Fail."""
        self._ids += 1
        number = self._ids
        self.worker._commands.do(schema.Do(id=number, rev=rev, actor=actor, body=body))
        return await self.until(
            lambda: next(
                (
                    m
                    for m in self.sent
                    if isinstance(m, schema.Ack | schema.Fail) and m.id == number
                ),
                None,
            )
        )

    async def ask(self, body: Any, actor: schema.Actor = ADA) -> Any:
        answer = await self.tell(body, actor)
        assert isinstance(answer, schema.Ack), answer
        return answer.result

    async def refused(self, body: Any, actor: schema.Actor = ADA, rev: int = 0) -> schema.Problem:
        """The problem; one plain sentence."""
        answer = await self.tell(body, actor, rev)
        assert isinstance(answer, schema.Fail), answer
        assert answer.problem.detail.endswith(".")
        assert "\n" not in answer.problem.detail
        return answer.problem

    def offer(self, *classes: type[Node]) -> None:
        """Have these in the palette too."""
        self.worker.library.add_shelf(Shelf(list(classes), name="Test"))
        self.worker.palette = Palette(self.worker.library, None)

    async def until(self, found: Callable[[], Any]) -> Any:
        async with asyncio.timeout(waiting.patience()):
            while (result := found()) is None or result is False:
                self._came.clear()
                await self._came.wait()
        return result

    def events(self, kind: type[Any] | tuple[type[Any], ...]) -> list[Any]:
        self.worker.publisher.flush()
        patches = [m for m in self.sent if isinstance(m, schema.Patch)]
        return [event for patch in patches for event in patch.events if isinstance(event, kind)]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(Settings(tmp_path / "config"), "bench one")


@pytest.fixture
async def desk(workspace: Workspace) -> AsyncIterator[Desk]:
    worker = Worker(workspace)
    desk = Desk(worker)
    working = asyncio.create_task(worker.run())
    await waiting.until(lambda: worker.palette.entries)
    yield desk
    worker.end()
    await working
