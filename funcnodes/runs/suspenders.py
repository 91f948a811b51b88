"""Suspenders: a run is paused while a signal is out of its band, or a device is away.

It goes on by itself once that was back for its time, unless somebody else holds the run. What keeps
it up is said in its message, and is an event of the run. A signal that stays out has a deadline,
and what comes then. A source of which nothing is heard is out. Declared in the bench file, for all
runs on the bench, or by a node, for those of its graph.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Literal, Protocol

from funcnodes.core import Node, clock
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile.rules import AfterDeadline
from funcnodes.devices.device import Device
from funcnodes.devices.safety.bands import Band
from funcnodes.devices.safety.sources import Observation

MISSES = 5  # readings left out before a source counts as lost
FIRST_S = 5.0  # what a first reading may take before a run begins without it

Verdict = Literal["", "suspend", "resume", "late"]


class Suspender:
    """One band, as a machine that is fed with observations and with the time.

    Attributes:
        why: In what way it is out, in words; "" while it is within.
        is_holding: Whether a run is to be paused by it.
        is_late: Whether its deadline is over: it says nothing more until it has been back.
    """

    def __init__(self, band: Band) -> None:
        self.band = band
        self.why = ""
        self.is_holding = False
        self.is_late = False
        self._heard: float | None = None
        self._out_since: float | None = None
        self._in_since: float | None = None

    @property
    def key(self) -> str:
        """As whom it holds a run."""
        return f"suspender {self.band.config.name}"

    @property
    def is_known(self) -> bool:
        """Whether anything was heard of its source."""
        return self._heard is not None

    def note(self, observation: Observation, now: float) -> Verdict:
        """Take the newest of its source.

        Args:
            now: Seconds that never step.
        """
        self._heard = now
        return self._judge(self.band.out(observation), now)

    def look(self, now: float) -> Verdict:
        """Time has passed; what is to be done by that."""
        if self._heard is None:
            self._heard = now
        config = self.band.config
        patience_s = MISSES * config.every_s + 2 * self.band.source.timeout_s
        if now - self._heard > patience_s:
            why = f"nothing was heard of {config.name} for {patience_s:g} s"
            return self._judge(why, now)
        return self._judge(self.why, now)

    def _judge(self, why: str, now: float) -> Verdict:
        self.why = why
        return self._out(now) if why else self._within(now)

    def _out(self, now: float) -> Verdict:
        config, self._in_since = self.band.config, None
        self._out_since = now if self._out_since is None else self._out_since
        if not self.is_holding:
            if self.is_late or now - self._out_since < config.delay_s:
                return ""
            self.is_holding = True
            self._out_since = now
            return "suspend"
        if config.deadline_s is not None and now - self._out_since >= config.deadline_s:
            self.is_holding, self.is_late = False, True
            return "late"
        return ""

    def _within(self, now: float) -> Verdict:
        self._in_since = now if self._in_since is None else self._in_since
        if not self.is_holding:
            self._out_since, self.is_late = None, False
        elif now - self._in_since >= self.band.config.for_s:
            self.is_holding, self._out_since = False, None
            return "resume"
        return ""

    def trip(self, why: str, now: float) -> bool:
        """A point failed by it already: hold at once; False where it waits for nothing any more."""
        if self.is_late:
            return False
        if not self.is_holding:
            self.is_holding, self._out_since = True, now
        self.why, self._heard, self._in_since = why, now, None
        return True


class Suspendable(Protocol):
    """A run, as suspenders see it."""

    @property
    def is_going_on(self) -> bool: ...
    def hold(self, who: str, why: str = "", *, again: bool = False) -> None: ...
    def let_go(self, *who: str) -> None: ...
    def stop(self, cause: str = "") -> None: ...
    def abort(self, cause: str = "") -> None: ...
    def note(self, kind: str, **data: Any) -> None: ...
    def log(self, level: Any, source: str, text: str) -> None: ...


class Suspending:
    """The suspenders of one run, for as long as it is on."""

    def __init__(self, run: Suspendable, bench: Bench | None, nodes: Iterable[Node]) -> None:
        self._run = run
        self._bench = bench
        bands = [*bench.bands, *declared(nodes)] if bench is not None else []
        self._all = [Suspender(band) for band in bands]
        self._shown: dict[str, str] = {}
        self._endings: list[Callable[[], object]] = []
        self._first = asyncio.Event()

    async def begin(self) -> None:
        """Watch from now on; returns once each source was heard of, or long enough was waited."""
        if self._bench is None or not self._all:
            return
        for each in self._all:
            watch = self._bench.watching.watch(
                each.band.source, self._noting(each), every_s=each.band.config.every_s
            )
            self._endings.append(watch)
        looking = asyncio.get_running_loop().create_task(self._look(), name="suspenders")
        self._endings.append(looking.cancel)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._first.wait(), FIRST_S)

    def end(self) -> None:
        """Watch no more. Repeating is harmless."""
        while self._endings:
            self._endings.pop()()

    def blame(self, devices: Iterable[Device]) -> bool:
        """A point failed, and these devices are away: whether the run is held for one of them."""
        by_name, now = {device.name: device for device in devices}, clock.monotonic()
        found = False
        for each in self._all:
            device = by_name.get(each.band.source.device)
            if device is None or not self._run.is_going_on:
                continue
            why = each.band.out(Observation(each.band.source, None, device.message))
            was_holding = each.is_holding
            if each.trip(why, now):
                found = True
                self._do(each, "" if was_holding else "suspend")
        return found

    def _noting(self, suspender: Suspender) -> Callable[[Observation], None]:
        def note(observation: Observation) -> None:
            self._do(suspender, suspender.note(observation, clock.monotonic()))
            if all(each.is_known for each in self._all):
                self._first.set()

        return note

    async def _look(self) -> None:
        while True:
            await clock.sleep(min(each.band.config.every_s for each in self._all))
            if not self._run.is_going_on:
                self._first.set()
            for each in self._all:
                self._do(each, each.look(clock.monotonic()))

    def _do(self, suspender: Suspender, verdict: Verdict) -> None:
        config = suspender.band.config
        if not self._run.is_going_on:
            return
        if verdict == "suspend":
            self._run.note("suspended", suspender=config.name, why=suspender.why)
            self._run.log("warning", config.name, f"The run is paused: {suspender.why}.")
        if suspender.is_holding:
            self._hold(suspender, again=verdict == "suspend" and config.point == "again")
        elif verdict == "resume":
            self._run.note("resumed", suspender=config.name)
            self._run.log("info", config.name, f"{config.name} is back where it is to be.")
            self._let_go(suspender)
        elif verdict == "late":
            self._late(suspender, config.then)

    def _hold(self, suspender: Suspender, *, again: bool) -> None:
        text = suspender.why or _coming_back(suspender)
        if again or self._shown.get(suspender.key) != text:
            self._shown[suspender.key] = text
            self._run.hold(suspender.key, text, again=again)

    def _let_go(self, suspender: Suspender) -> None:
        self._shown.pop(suspender.key, None)
        self._run.let_go(suspender.key)

    def _late(self, suspender: Suspender, then: AfterDeadline) -> None:
        config = suspender.band.config
        cause = f"{config.name} did not come back in {config.deadline_s:g} s: {suspender.why}."
        self._run.note("given up", suspender=config.name, why=suspender.why, then=then)
        self._run.log("warning", config.name, cause)
        if then == "stop":
            self._run.stop(cause)
        elif then == "abort":
            self._run.abort(cause)
        else:
            self._let_go(suspender)


def _coming_back(suspender: Suspender) -> str:
    config = suspender.band.config
    return f"{config.name} is back, and is to stay so for {config.for_s:g} s"


def declared(nodes: Iterable[Node]) -> Iterator[Band]:
    """The bands that nodes of a graph declare."""
    for node in nodes:
        band = getattr(node, "suspender_band", None)
        if band is not None and not node.muted:
            yield band()
