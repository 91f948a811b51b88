"""Locks of one instrument, as HiSLIP and VXI-11 know them: one owner, or several with one key.

An exclusive lock is granted when nobody else holds any lock, a shared one to everybody who names
the same key while nobody else holds the exclusive one; who holds both has both. While somebody else
holds a lock in which one has no part, one may not use the instrument. Waiting is fair enough: all
who wait try again, in the order they came, whenever a lock is given back.
"""

import asyncio
import enum
from collections.abc import Callable

LONGEST_KEY = 256


class Released(enum.Enum):
    """What giving back a lock gave back."""

    NOTHING = 0
    EXCLUSIVE = 1
    SHARED = 2


class LockTable:
    """Who holds the instrument; owners are any objects, compared by identity."""

    def __init__(self) -> None:
        self._exclusive: object | None = None
        self._key = ""
        self._shared: list[object] = []
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def is_exclusive(self) -> bool:
        """Whether somebody has the instrument to himself."""
        return self._exclusive is not None

    @property
    def holders(self) -> int:
        """How many owners hold a lock of either kind."""
        return len({id(owner) for owner in (*self._shared, self._exclusive) if owner is not None})

    def has_exclusive(self, owner: object) -> bool:
        """Whether this owner has the instrument to himself."""
        return owner is self._exclusive

    def has(self, owner: object) -> bool:
        """Whether this owner holds a lock."""
        return owner is self._exclusive or any(owner is other for other in self._shared)

    def admits(self, owner: object) -> bool:
        """Whether this owner may use the instrument now."""
        if self._exclusive is not None:
            return owner is self._exclusive
        return not self._shared or self.has(owner)

    def try_exclusive(self, owner: object) -> bool:
        """Take the exclusive lock if it is to be had; a holder does not get it twice."""
        others = [other for other in self._shared if other is not owner]
        if self._exclusive is not None or (others and not self.has(owner)):
            return False
        self._exclusive = owner
        return True

    def try_shared(self, owner: object, key: str) -> bool:
        """Take part in a shared lock if it is to be had."""
        if self._exclusive is not None and self._exclusive is not owner:
            return False
        if self._shared and (key != self._key or self.has_shared(owner)):
            return False
        self._key = key
        self._shared.append(owner)
        return True

    def has_shared(self, owner: object) -> bool:
        """Whether this owner has part in the shared lock."""
        return any(owner is other for other in self._shared)

    def release(self, owner: object) -> Released:
        """Give one lock back, the exclusive one first."""
        if owner is self._exclusive:
            self._exclusive = None
            self.reconsider()
            return Released.EXCLUSIVE
        if self.has_shared(owner):
            self._shared = [other for other in self._shared if other is not owner]
            self.reconsider()
            return Released.SHARED
        return Released.NOTHING

    def release_all(self, owner: object) -> None:
        """Give back everything this owner holds."""
        while self.release(owner) is not Released.NOTHING:
            pass

    def clear(self) -> None:
        """Forget every lock: the instrument lost its power."""
        self._exclusive, self._shared = None, []
        self.reconsider()

    def reconsider(self) -> None:
        """Have everybody who waits look again."""
        waiting, self._waiting = self._waiting, []
        for changed in waiting:
            if not changed.done():
                changed.set_result(None)

    async def wait(self, is_granted: Callable[[], bool], timeout_s: float | None) -> bool:
        """Wait until a condition on this table holds; whether it did in time.

        Args:
            is_granted: Asked now and after each change; may take a lock.
            timeout_s: 0 asks once, None waits for ever.
        """
        if is_granted():
            return True
        if timeout_s == 0:
            return False
        try:
            async with asyncio.timeout(timeout_s):
                while not is_granted():
                    await self._changed()
        except TimeoutError:
            return False
        return True

    async def _changed(self) -> None:
        changed = asyncio.get_running_loop().create_future()
        self._waiting.append(changed)
        try:
            await changed
        finally:
            if changed in self._waiting:
                self._waiting.remove(changed)
