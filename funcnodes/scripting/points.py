"""The points of a run in plain Python: what to set, one after the other.

Between two points the run may be held or ended; whatever makes the points asks for that.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar

from funcnodes.core import Engine, clock, units
from funcnodes.errors import FuncnodesError, RunError
from funcnodes.runs import ListSweep, LogarithmicSweep, Sweep
from funcnodes.runs.scans.repeat import LATE
from funcnodes.runs.scans.stepped import SteppedScan
from funcnodes.scripting.measured import Measured

Number = float | str
Scan = TypeVar("Scan", bound=SteppedScan)


class Shown(Protocol):
    """What follows a run."""

    def follow(self) -> None:
        """A row came."""

    def draw(self) -> None:
        """It is over."""


class Adjustable(Protocol):
    """What values can be relative to: a control of a device."""

    @property
    def unit(self) -> str: ...

    async def get(self) -> Any: ...

    async def set(self, value: Any) -> Any: ...


class Points(ABC):
    """Whoever has points: they are counted, so that it can be said how long they may take."""

    _total: int | None = None
    _done: int = 0
    _began: float = 0.0
    _depth: int = 0  # of points within points; the outermost ones are counted
    _shown: tuple["Shown", ...] = ()

    @abstractmethod
    async def checkpoint(self) -> bool:
        """Called between points: waits while paused; False once it is to end."""

    def shows(self, curve: "Shown") -> None:
        """Have something drawn as rows come, and at the end."""
        self._shown = (*self._shown, curve)

    def tell_shown(self, *, final: bool = False) -> None:
        """A row came, or the run is over."""
        for each in self._shown:
            each.draw() if final else each.follow()

    @contextmanager
    def counted(self, total: int | None) -> Iterator[Callable[[], None]]:
        """Points are being made, so many if that is known; to be called after each."""
        self._depth += 1
        if self._depth == 1:
            self._total, self._done, self._began = total, 0, clock.monotonic()

        def done() -> None:
            if self._depth == 1:
                self._done += 1

        try:
            yield done
        finally:
            self._depth -= 1

    def sweep(
        self,
        start: Number,
        stop: Number,
        *,
        points: int,
        both_ways: bool = False,
        backward: bool = False,
        delay_s: float = 0.0,
        around: Adjustable | None = None,
    ) -> AsyncIterator[Measured]:
        """Values from start to stop in equal steps, both included; the unit is that of `start`.

        Args:
            both_ways: Come back, without taking the turning point twice.
            backward: Begin with `stop`.
            delay_s: Wait before each point.
            around: Values are added to what this stands at; it is put back there in the end.

        Raises:
            UnitError: The two have units of different dimensions.
        """
        scan = _ends(_here(Sweep()), start, stop, points, both_ways)
        return self._steps(scan, backward, delay_s, around)

    def logarithmic(
        self,
        start: Number,
        stop: Number,
        *,
        points: int,
        both_ways: bool = False,
        backward: bool = False,
        delay_s: float = 0.0,
        around: Adjustable | None = None,
    ) -> AsyncIterator[Measured]:
        """Values from start to stop in equal ratios; see `sweep`."""
        scan = _ends(_here(LogarithmicSweep()), start, stop, points, both_ways)
        return self._steps(scan, backward, delay_s, around)

    def values(
        self,
        values: Sequence[float] | str,
        *,
        unit: str = "",
        both_ways: bool = False,
        backward: bool = False,
        delay_s: float = 0.0,
        around: Adjustable | None = None,
    ) -> AsyncIterator[Measured]:
        """The values of a list, also as text (`0:1:0.25`), in the unit; see `sweep`."""
        scan = _here(ListSweep())
        scan.unit.set_value(unit)
        scan.listed.set_value(list(values) if not isinstance(values, str) else values)
        scan.both_ways.set_value(both_ways)
        return self._steps(scan, backward, delay_s, around)

    async def repeat(self, count: int, *, every_s: float = 0.0) -> AsyncIterator[Measured]:
        """Seconds since the first point, on an absolute schedule: a late one moves no other.

        Points that could not be made in time are left out of the schedule (T8).
        """
        began, first, slot = clock.monotonic(), None, 0
        with self.counted(count) as done:
            for _ in range(count):
                late = (clock.monotonic() - began) / every_s - slot if every_s > 0 else 0.0
                slot += math.ceil(late - LATE) if late > LATE else 0
                await clock.sleep(began + slot * every_s - clock.monotonic())
                if not await self.checkpoint():
                    return
                now = clock.monotonic()
                first = now if first is None else first
                yield Measured(now - first, "s")
                done()
                slot += 1

    async def settle(self, seconds: Number) -> None:
        """Wait: for an instrument or a sample to settle. Text is read in seconds, "20 ms"."""
        await clock.sleep(units.parse(seconds, "s") if isinstance(seconds, str) else seconds)

    async def _steps(
        self, scan: SteppedScan, backward: bool, delay_s: float, around: Adjustable | None
    ) -> AsyncIterator[Measured]:
        unit = scan.value.unit
        present = await _present(around, unit) if around is not None else None
        with self.counted(scan.points_total()) as done:
            try:
                for value in scan.values(backward=backward):
                    if delay_s > 0:
                        await clock.sleep(delay_s)
                    if not await self.checkpoint():
                        return
                    yield Measured(value if present is None else float(present) + value, unit)
                    done()
            finally:
                if around is not None and present is not None:
                    await _put_back(around, present)


async def _put_back(around: Adjustable, present: Measured) -> None:
    with suppress(FuncnodesError):  # what is wrong with it was said, or is, where it is parked
        await around.set(present)


async def _present(around: Adjustable, unit: str) -> Measured:
    """What a control stands at, in the unit of the values.

    Raises:
        RunError: That is no number that can be trusted.
    """
    found = await around.get()
    if not isinstance(found, Measured) or found.quality != "ok":
        raise RunError(f"{around!r} reads {found!r}, so nothing can be relative to it.")
    if not unit or not found.unit or unit == found.unit:
        return Measured(float(found), unit or found.unit)
    return Measured(float(units.conversion(found.unit, unit)(float(found))), unit)


def _here(scan: Scan) -> Scan:
    """A scan of this loop, whatever other loops are running elsewhere in the program."""
    scan.engine = Engine()
    return scan


def _ends(
    scan: Sweep | LogarithmicSweep, start: Number, stop: Number, points: int, both_ways: bool
) -> SteppedScan:
    """The scan between two ends, in the unit of the first."""
    unit = units.split(start)[1] if isinstance(start, str) else getattr(start, "unit", "")
    scan.unit.set_value(unit)
    scan.start.set_value(start)
    scan.stop.set_value(stop)
    scan.points.set_value(points)
    scan.both_ways.set_value(both_ways)
    return scan
