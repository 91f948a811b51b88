"""Opening nodespaces: one after the other, a large one beside the loop, and told meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from funcnodes.basic_nodes.files import Files
from funcnodes.core import NodeSpace
from funcnodes.workers import large
from funcnodes.workers.space import OpenNodespace, build

if TYPE_CHECKING:
    from funcnodes.workers.worker import Worker


class Opening:
    """Makes nodespaces of a worker's files.

    Attributes:
        progress: What takes a while just now, in words, or "".
    """

    def __init__(self, worker: "Worker") -> None:
        self.progress = ""
        self._worker = worker
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def opened(self, name: str) -> AsyncIterator[OpenNodespace]:
        """A nodespace made of its file, to be put in place within the block; nobody else opens
        one meanwhile.

        Raises:
            SavedGraphError: There is none of that name, or no valid version of it.
        """
        async with self._turn:
            opened = await self._made(name)
            try:
                yield opened
            except BaseException:
                await opened.aclose()
                raise

    async def _made(self, name: str) -> OpenNodespace:
        if not self._worker.workspace.spaces.is_large(name):
            return self._made_of_file(name)
        began = time.monotonic()
        self._tell(f"Opening {name!r}, which is large.")
        try:
            opened = await large.made_aside(lambda: self._made_of_file(name), kept=True)
        finally:
            self._tell("")
        text = f"{name!r} was read in {time.monotonic() - began:.1f} s."
        self._worker.logbook.add("info", "worker", text)
        return opened

    def _tell(self, text: str) -> None:
        """To whoever watches, and for lists of workers; "" once it is over."""
        self.progress = text
        if text:
            self._worker.logbook.add("info", "worker", text)
        self._worker.announce()

    def _made_of_file(self, name: str) -> OpenNodespace:
        worker, built = self._worker, list[NodeSpace]()

        def judge(data: dict[str, Any]) -> None:
            built[:] = [build(worker.library, worker.bench, worker.latch, data)]

        loaded = worker.workspace.spaces.load(name, judge)
        built[0].services.provide(Files, Files(worker.workspace.files_dir))
        return OpenNodespace(
            loaded,
            built[0],
            store=worker.workspace.spaces,
            runs=worker.runs,
            publisher=worker.publisher,
            logbook=worker.logbook,
            changed=worker.space_changed,
            asked=worker.asked,
        )
