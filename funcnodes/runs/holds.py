"""Who holds a run, and why: it goes on when nobody does."""

import asyncio

BY_HAND = "somebody"
CHANGED = "a device that lost its settings"


class Holds:
    """The reasons for which a run is paused, the oldest first; all of one loop."""

    def __init__(self) -> None:
        self._whys: dict[str, str] = {}
        self._go = asyncio.Event()
        self._go.set()

    @property
    def any(self) -> bool:
        """Whether somebody holds it."""
        return bool(self._whys)

    @property
    def why(self) -> str:
        """The first reason that there is a sentence for, or ""."""
        return next(filter(None, self._whys.values()), "")

    def has(self, who: str) -> bool:
        """Whether that one holds it."""
        return who in self._whys

    def add(self, who: str, why: str) -> None:
        """That one holds it, for that reason; its earlier one is forgotten."""
        self._whys[who] = why
        self._go.clear()

    def take(self, *who: str) -> None:
        """These hold it no more; who waits is woken by `clear`."""
        for each in who:
            self._whys.pop(each, None)

    def clear(self) -> None:
        """Nobody holds it: whoever waits goes on."""
        self._whys.clear()
        self._go.set()

    async def over(self) -> None:
        """Wait until nobody holds it."""
        await self._go.wait()
