"""Triggering: what a request does, and with what a function is called (T1–T7).

A request on an idle node takes the arguments and queues an execution; while one is queued or
running, requests wait. In free waves they coalesce into one rerun, in scans and for devices they
queue in order. Whether a node is asked at all in a wave is a matter of its policy.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Protocol

from funcnodes.core.quality import doubted, quality_of, worst
from funcnodes.core.running import topology
from funcnodes.core.running.engine import Engine
from funcnodes.core.running.surface import (
    IDLE,
    QUEUED,
    RUNNING,
    Arguments,
    Policy,
    RunIn,
    Runnable,
    Waves,
)
from funcnodes.core.running.waves import Stimulus, Wave
from funcnodes.core.values import NoValue, Quality


class Ahead(Protocol):
    """What waits in front of a node with stream inputs (T5)."""

    @property
    def waiting(self) -> int:
        """How many sets wait."""

    def request(self, wave: Wave) -> None:
        """Something came in `wave`."""

    def start_next(self) -> None:
        """Trigger the next set if the node is idle."""

    def holds(self, wave: Wave) -> bool:
        """Whether a set that waits belongs to `wave`."""

    def drop(self, wave: Wave | None = None) -> None:
        """Forget what waits, of one wave or of all."""


FREE, BLOCKED, IN_LOOPS = 0, 1, 2  # which requests pass a node by: none, all, those in cycles


def _by_id(wave: Wave) -> int:
    return wave.id


class Triggered(Runnable):
    """A node that is asked, takes its arguments, and waits for its turn.

    Invariant: what is in `_later` waits for the execution in `_wave`; it is empty at rest (T2a).
    """

    __slots__ = ("engine",)

    engine: Engine
    queues: ClassVar[bool]  # requests queue in order, they never coalesce (T4)
    backlog: Ahead | None
    _function: ClassVar[Callable[..., Any] | None]  # called by position, instead of func
    _is_usual: ClassVar[bool]  # the class asks for nothing but what every function gets
    _has_aftermath: bool  # there is something to do after a success
    _zipped: Mapping[str, Wave | None] = {}  # `zip`: of which wave each input was, last time

    def func(self, *args: Any, **kwargs: Any) -> Any:
        """What the node does: a plain method or a coroutine.

        Takes its inputs by name. What it returns goes to the outputs: the value of a single one,
        a tuple for several in order, or a mapping by id; None where it has set them itself.
        """
        raise NotImplementedError(f"{type(self).__name__} has no func")

    # ── what decides whether it is asked, and where it runs ───────────────────────────────

    def check_unlocked(self) -> None:
        """Raise RefusedError while a run holds the structure as it is (A2)."""

    @property
    def policy(self) -> Policy:
        """When a request runs it (T6)."""
        return self._policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self.check_unlocked()
        self._policy = policy
        self._choose_way()

    @property
    def run_in(self) -> RunIn:
        """Where its function runs (T12)."""
        return self._run_in

    @run_in.setter
    def run_in(self, run_in: RunIn) -> None:
        self._run_in = run_in
        self._choose_way()

    @property
    def blocked(self) -> bool:
        """Whether requests pass it by: muted, or an effect or a frame while nothing is to act by
        itself (A1, A1a).

        A wave whose `hand` it is gets through all the same: whoever opens one sees to it that
        it may.
        """
        return self._blocked == BLOCKED

    @blocked.setter
    def blocked(self, blocked: bool) -> None:
        self._blocked = BLOCKED if blocked else IN_LOOPS if self._builds else FREE
        self._choose_way()

    @property
    def _builds(self) -> bool:
        """Whether it is in a graph that is being built: disarmed, or live by hand (A1, A1a)."""
        return False

    def _choose_way(self) -> None:
        """Whether it is plain: nothing there that could make an execution unusual.

        Then `_plain` is its function, and the engine takes its fast path, which does what the
        long way of `receive`, `request` and `execute` would. Called when one of these changes.
        """
        is_plain = (
            self._is_usual
            and self.backlog is None
            and self._single is not None
            and self._policy == "each"
            and self._run_in in ("auto", "loop")
            and not (self._blocked or self._has_aftermath or self._announces)
        )
        self._plain = self._function if is_plain else None
        way = self.engine if self._plain is not None and self.listeners is None else None
        for port in self._parameters:
            is_straight = port is self._only and port.triggers and port.receives_plainly
            port.straight = way if is_straight else None

    # ── asking ────────────────────────────────────────────────────────────────────────────

    @property
    def in_trigger(self) -> bool:
        """Whether it is triggered: arguments taken, queued or running."""
        return self._phase != IDLE

    @property
    def wave(self) -> Wave | None:
        """The wave of the execution that is queued or running."""
        return self._wave

    @property
    def requests_trigger(self) -> bool:
        """Whether it was asked to run again, or waits for its ancestors."""
        return bool(self._later or self.waiting_in)

    def ready(self) -> bool:
        """Whether all required inputs have values."""
        return all(port._value is not NoValue for port in self._required)

    def ready_to_trigger(self) -> bool:
        """Whether a request would trigger it now."""
        return self._phase == IDLE and self.ready()

    def open_wave(self, origin: str | Stimulus) -> Wave:
        """A wave for a stimulus: the executing node's own if one sets it (T3), else a new one."""
        current = self.engine.current()
        if current is not None and current._wave is not None and not current._wave.settled:
            return current._wave
        return Wave(origin)

    def request_trigger(self, *, wave: Wave | None = None) -> None:
        """Ask it to run, in a wave of its own unless one is given; nothing if it is not ready.

        From another thread than the engine's, it is asked at the loop's next turn (T12).
        """
        if self.engine.post(lambda: self.request_trigger(wave=wave)):
            return
        stimulus = wave or self.open_wave(self.name)
        self.request(stimulus)
        if wave is None:
            stimulus.close()

    def request(self, wave: Wave) -> None:
        """A trigger request that belongs to `wave`; what comes of it depends on the policy."""
        if wave.cancelled is not None:
            return
        if self._blocked and wave.hand is not self and self._passes_by():
            return
        self.asked = wave
        if self.listeners is not None:
            self.tell_plainly("request_trigger")
        if self.backlog is not None:
            self.backlog.request(wave)
        elif self._policy == "each":
            self.run_in_wave(wave)
        elif self._policy == "settled":
            wave.await_ancestors(self)
        elif self._all_newer() and self.ready():
            self._zipped = {port.id: port.wave for port in self._parameters if port.sources}
            self.run_in_wave(wave)

    def _passes_by(self) -> bool:
        """Whether it lets requests pass: a cycle that is being built does nothing yet (A1)."""
        return self._blocked == BLOCKED or topology.loops(self)

    def run_in_wave(self, wave: Wave) -> None:
        if self._phase != IDLE:
            self._postpone(wave)
            return
        args = self._take_arguments()
        if args is not None:
            if self._owed is not None:
                self._owed = None
            self._trigger(wave, args)

    def _trigger(self, wave: Wave, args: Arguments) -> None:
        self._phase = QUEUED
        self._wave = wave
        self._args = args
        self._taken = (wave, self._waves)
        wave.settled = False  # `Wave.enter`, written out: this is the engine's inner loop
        wave.active.add(self)
        if self.listeners is not None:
            self.tell_plainly("trigger")
        engine = self.engine
        engine.ready.append(self)
        if not engine.draining:
            engine.arm()

    def _take_arguments(self) -> Arguments | None:
        """What the function is to be called with; None while a required input has no value.

        By position where a plain function can be called so, else by name; unset optional inputs
        are left out of the call.
        """
        only = self._only
        if only is not None and self._function is not None and only._value is not NoValue:
            self._waves = (only.wave,)
            args: Arguments = (only._value,)
            return args if only.quality == "ok" else doubted(args, only.quality)
        values = []
        is_ok = True
        self._waves = tuple([port.wave for port in self._parameters])
        for port in self._parameters:
            value = port._value
            if value is NoValue:
                if not self.ready():
                    return None
                args = {p.id: p._value for p in self._parameters if p._value is not NoValue}
                return self._judged(args)
            values.append(value)
            if port.quality != "ok":
                is_ok = False
        args = (
            tuple(values)
            if self._function is not None
            else dict(zip(self._names, values, strict=True))
        )
        return args if is_ok else self._judged(args)

    def _judged(self, args: Arguments) -> Arguments:
        """Arguments just taken, and what they are worth: as much as the worst of them."""
        quality = worst(port.quality for port in self._parameters)
        return args if quality == "ok" else doubted(args, quality)

    @property
    def quality_taken(self) -> Quality:
        """What the arguments of the execution that is running are worth; "ok" outside of one."""
        return quality_of(self._args) if self._phase == RUNNING else "ok"

    def _call(self, args: Arguments) -> Any:
        if isinstance(args, dict):
            return self.func(**args)
        assert self._function is not None, "arguments by position are for plain functions"
        return self._function(*args)

    def _all_newer(self) -> bool:
        """`zip`: every connected input is newer than at the last execution, or than in the set
        that waits for one."""
        joined = [port for port in self._parameters if port.sources]
        return not any(port.wave is self._zipped.get(port.id) for port in joined)

    # ── waiting for its turn ──────────────────────────────────────────────────────────────

    def _postpone(self, wave: Wave) -> None:
        """It is busy. In scans, and for devices, requests queue; else the newest wave wins (T4).

        What queues takes its arguments now, and so does what was given a consistent set (T6).
        Whoever asked last runs last, since it knows most of what has been set (T2a).
        """
        queues = wave.scan or self.queues
        its_set: tuple[Arguments, Waves] | None = None
        if queues or self._policy != "each":
            args = self._take_arguments()
            if args is None:
                return
            its_set = (args, self._waves)
        if not queues:
            free = [other for other in self._later if not other.scan and other is not wave]
            newest = max(free, key=_by_id, default=wave)
            if newest.id > wave.id:
                wave.supersede(self)
                queued = self._later.pop(newest)
                self._later[newest] = None if queued is None else self._completed(queued)
                return
        else:
            free = []
        self._later.pop(wave, None)
        self._later[wave] = its_set
        wave.enter(self)
        for older in free:
            del self._later[older]
            older.supersede(self)
            if older is not self._wave:
                older.leave(self)

    def _completed(self, queued: tuple[Arguments, Waves]) -> tuple[Arguments, Waves]:
        """A set that waits, with what an older wave has set since (T2a).

        Values of which the rest is still to come, or was lost, are left out of it (T6).
        """
        args, waves = queued
        given = args if isinstance(args, dict) else dict(zip(self._names, args, strict=True))
        values: dict[str, Any] = {}
        made: list[Wave | None] = []
        quality = quality_of(args)
        for port, wave in zip(self._parameters, waves, strict=True):
            keeps = port.wave is not None and port.wave.withholds(self)
            value = given.get(port.id, NoValue) if keeps else port._value
            made.append(wave if keeps else port.wave)
            if value is not NoValue:
                values[port.id] = value
            if not keeps:
                quality = worst((quality, port.quality))
        is_by_name = self._function is None or len(values) < len(made)
        fresh: Arguments = values if is_by_name else tuple(values.values())
        return (fresh if quality == "ok" else doubted(fresh, quality)), tuple(made)

    def _start_next(self) -> None:
        """Trigger the next rerun; its arguments are taken now, unless its wave queued its own."""
        while self._later and self._phase == IDLE:
            wave = next(iter(self._later))
            queued = self._later.pop(wave)
            args = self._take_arguments() if queued is None else queued[0]
            if queued is not None:
                self._waves = queued[1]
            self._owed = None
            if args is None:
                wave.leave(self)
            else:
                self._trigger(wave, args)

    def owe(self, wave: Wave) -> None:
        self._owed = wave

    def make_good(self) -> None:
        owed = self._owed
        if owed is None or self.blocked:
            return
        waves = [port.wave for port in self._parameters if port.wave is not None]
        if self._policy != "each" and any(wave.withholds(self) for wave in waves):
            return  # half of a set is never taken (T6)
        self._owed = None
        fresh = owed.again()
        self.request(fresh)
        fresh.close()

    # ── what waves ask ────────────────────────────────────────────────────────────────────

    def is_busy_in(self, wave: Wave) -> bool:
        """Whether an execution in `wave` is queued or running, or waits for its turn."""
        if self._phase != IDLE and (self._wave is wave or wave in self._later):
            return True
        return self.backlog is not None and self.backlog.holds(wave)

    def busy_in(self) -> Iterator[Wave]:
        if self._phase != IDLE and self._wave is not None:
            yield self._wave
        yield from self._later
        yield from self.waiting_in

    def input_waves(self) -> Iterator[Wave]:
        return (p.wave for p in self._parameters if p.triggers and p.wave is not None)
