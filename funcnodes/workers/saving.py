"""Autosave: every edit reaches the disk, in one file replaced whole, without holding the loop up.

Edits within 0.2 s share one save. The graph is put into its saved form on the loop, or where it is
large beside it and again if it was edited, so that a file is of one moment; writing and syncing
happen in a thread. A save that fails is told and tried again at the next edit.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from funcnodes.errors import FuncnodesError
from funcnodes.workers.large import made_aside
from funcnodes.workers.threads import in_thread
from funcnodes.workers.workspace import SpaceStore, encode

COALESCE_S = 0.2
TRIES = 5


class Autosave:
    """Saves one open nodespace.

    Attributes:
        name: Of the nodespace; may change while it is open.
        saved: When it was last saved, seconds since the epoch.
        trouble: Why the last save failed, or "".
    """

    def __init__(
        self,
        store: SpaceStore,
        name: str,
        serialize: Callable[[], dict[str, Any]],
        *,
        saved: float | None = None,
        changed: Callable[[], None] = lambda: None,
        is_large: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self.saved = saved
        self.trouble = ""
        self._store = store
        self._serialize = serialize
        self._changed = changed
        self._is_large = is_large
        self._edits = 0
        self._dirty = False
        self._timer: asyncio.TimerHandle | None = None
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def dirty(self) -> bool:
        """Whether there are edits that are not on disk."""
        return self._dirty

    def touch(self) -> None:
        """There was an edit: save within 0.2 s."""
        self._dirty = True
        self._edits += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COALESCE_S, self._begin)

    async def flush(self) -> None:
        """Save what is not saved, now; returns when it is on disk, or has failed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._save()

    async def rename(self, name: str) -> None:
        """Give the file another name.

        Raises:
            RefusedError: The name is taken or cannot be one.
        """
        await self.flush()
        async with self._lock:
            self._store.rename(self.name, name)
            self.name = name.strip()

    def _begin(self) -> None:
        self._timer = None
        self._task = asyncio.create_task(self._save())

    async def _save(self) -> None:
        async with self._lock:
            if not self._dirty:
                return
            self._dirty = False
            name = self.name
            try:
                data = await self.saved_form()
                self.saved = await in_thread(lambda: self._store.save(name, data), name="save")
                self.trouble = ""
            except (OSError, FuncnodesError, ValueError) as error:
                self._dirty = True
                self.trouble = f"{name!r} could not be saved: {error}"
        self._changed()

    async def saved_form(self) -> bytes:
        """The graph as it is at one moment: made beside the loop where it is large, as often as
        somebody edits it meanwhile."""
        for _ in range(TRIES if self._is_large() else 0):
            edits = self._edits
            with contextlib.suppress(RuntimeError):  # it changed under the hand
                data = await made_aside(lambda: encode(self._serialize()))
                if self._edits == edits:
                    return data
        return encode(self._serialize())

    async def aclose(self) -> None:
        """Save, and save no more."""
        await self.flush()
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
