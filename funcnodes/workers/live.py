"""What people wrote to the bench by hand since Live was switched on, and how that ends (A1a).

Only what was written outside runs counts: a run parks what it wrote to by itself. Kept until it is
parked, or left as it is by somebody who says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from funcnodes.core import Node, NodeSpace
from funcnodes.devices.bench import Bench
from funcnodes.devices.device.descent import ParkResult
from funcnodes.devices.device.rack import Write
from funcnodes.errors import RefusedError
from funcnodes.workers import schema
from funcnodes.workers.bench_holder import BenchHolder
from funcnodes.workers.edits.by_hand import is_acting
from funcnodes.workers.logbook import Logbook

AWAY_S = 5.0  # how long the holder of the controls may be away before the others are told
LEFT = "left"
"""What became of a device that nobody asked to park."""


class LiveSession:
    """What was written by hand to the bench of one nodespace."""

    def __init__(
        self,
        space: NodeSpace,
        bench: Bench | None,
        *,
        logbook: Logbook,
        changed: Callable[[], None],
    ) -> None:
        """Args:
        changed: Called when what was written is another than before.
        """
        self._space = space
        self._bench = bench
        self._logbook = logbook
        self._changed = changed
        self._written: dict[str, dict[str, None]] = {}  # members by device, in order
        self._parking: set[str] = set()
        self._absent: asyncio.TimerHandle | None = None  # the holder of the controls is
        self._unwatch = bench.on_write(self._wrote) if bench is not None else lambda: None

    def view(self) -> list[schema.WrittenView]:
        """The devices that were written to, each with its members, in order."""
        return [
            schema.WrittenView(device=name, members=list(members))
            for name, members in self._written.items()
        ]

    @property
    def words(self) -> str:
        """The same in words: "smu (voltage, output) and psu (current)"; "" for none."""
        each = [f"{name} ({', '.join(members)})" for name, members in self._written.items()]
        return " and ".join([", ".join(each[:-1]), each[-1]] if len(each) > 1 else each)

    def check_nothing_written(self) -> None:
        """Raise RefusedError while there is something that is to be parked, or left, first."""
        if self._space.arming == "live" and self._written:
            raise RefusedError(
                f"Live is on, and {self.words} was set by hand.",
                hint="Leave Live first: it asks whether to park that.",
            )

    def leave(self, *, park: bool | None, by: str) -> Awaitable[dict[str, str]]:
        """End Live at once: what still acts stops where it is; park what was written, or leave it.

        Returns:
            What to wait for: what becomes of each device, "parked", "held", "failed" or "left".

        Raises:
            RefusedError: Something was written, and `park` does not say what is to become of it.
        """
        if park is None and self._written:
            raise RefusedError(
                f"{self.words} was set by hand: it is to be parked, or left as it is.",
                hint="Say which.",
            )
        self.give_up(f"{by} switched Live off")
        self._space.arming = "disarmed"
        names = list(self._written)
        return self.park(names) if park else self._left(names, by)

    async def _left(self, names: list[str], by: str) -> dict[str, str]:
        if names:
            self._logbook.add("info", "live", f"{by} left {self.words} as set by hand.")
        self.forget(names)
        return dict.fromkeys(names, LEFT)

    def stop(self, by: str) -> Awaitable[dict[str, str]]:
        """Give up at once all that is being carried out; park what was written. Live stays on.

        Returns:
            What to wait for, as in `leave`.
        """
        given_up = self.give_up(f"stopped by {by}")
        names = ", ".join(sorted(node.name for node in given_up)) or "nothing was under way"
        self._logbook.add("warning", "live", f"{by} pressed Stop: {names}.")
        return self.park(list(self._written))

    def end_stopped(self, spawn: Callable[[Coroutine[Any, Any, Any], str], object]) -> None:
        """A stop is latched: disarm.

        Where it is an interlock's that leaves devices as they are, those that were set by hand are
        parked by `spawn`, as a run parks what it wrote to (A1a).
        """
        if self._space.arming != "disarmed":
            self._space.arming = "disarmed"
            self._space.cancel_all("E-STOP")
        spared = self._bench.spared if self._bench is not None else frozenset()
        self.forget(self._written.keys() - spared)
        if self._written:
            spawn(self.park(list(self._written)), "park what was set by hand")

    def give_up(self, reason: str) -> list[Node]:
        """Cancel whatever is carried out now, or is about to be. Returns those nodes."""
        acting = [node for node in self._space.walk() if is_acting(node)]
        for node in acting:
            node.cancel(reason)
        return acting

    async def park(self, names: Iterable[str]) -> dict[str, str]:
        """Bring these down as at the end of a run; one that fails is told, and stays written."""
        names = [name for name in names if name in self._written and name not in self._parking]
        if self._bench is None or not names:
            return {}
        self._parking.update(names)
        try:
            results = await self._bench.park(names)
        finally:
            self._parking.difference_update(names)
        return self._parked(results)

    def _parked(self, results: list[ParkResult]) -> dict[str, str]:
        found: dict[str, str] = {}
        for result in results:
            found[result.device] = result.state
            if result.state == "failed":
                text = f"{result.device} could not be parked: {result.message}"
                self._logbook.add("error", result.device, text)
            else:
                self._logbook.add("info", result.device, f"{result.device} was {result.state}.")
        self.forget(name for name, state in found.items() if state != "failed")
        return found

    def forget(self, names: Iterable[str]) -> None:
        """These were parked, or are to stay as they are."""
        for name in list(names):
            self._written.pop(name, None)
        self._changed()

    def note_holder(self, controls: BenchHolder) -> None:
        """Who holds the controls is here, or not; a page that is loaded anew is soon back.

        What that one set by hand is held, unless the bench says otherwise (S1); all are told.
        """
        if controls.is_held_here and self._absent is not None:
            self._absent.cancel()
            self._absent = None
        elif not controls.is_held_here and self._absent is None:
            name = controls.holder.name if controls.holder is not None else ""
            loop = asyncio.get_running_loop()
            self._absent = loop.call_later(AWAY_S, self._tell_absence, name)

    def _tell_absence(self, name: str) -> None:
        if self._space.arming == "live" and self._written:
            who = name or "Whoever held the controls"
            text = f"{who} is gone, and Live stays on. Held as set by hand: {self.words}."
            self._logbook.add("warning", "live", text)

    def close(self) -> None:
        """Listen to the bench no more."""
        self._unwatch()
        if self._absent is not None:
            self._absent.cancel()

    def _wrote(self, write: Write) -> None:
        device, member = write.device, write.member
        if self._space.arming != "live" or member in self._written.get(device, ()):
            return
        self._written.setdefault(device, {})[member] = None
        self._changed()
