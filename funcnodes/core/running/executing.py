"""Executing: from the moment at which the engine takes a node up to whatever end (T10–T12).

An execution ends once: with a result that goes to the outputs, with an error, or given up. Then
the node is idle, its wave knows, and what waited for it begins. An error marks the node and its
wave; nothing downstream is fed.
"""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, ClassVar

from funcnodes.core.quality import Judged, quality_of, worst
from funcnodes.core.running.errands import Errand
from funcnodes.core.running.pace import Pace
from funcnodes.core.running.retries import Retries
from funcnodes.core.running.surface import (
    IDLE,
    QUEUED,
    RUNNING,
    Arguments,
    Outlet,
    Waves,
)
from funcnodes.core.running.topology import Outward
from funcnodes.core.running.triggering import Triggered
from funcnodes.core.running.waves import Outcome, Wave
from funcnodes.core.values import NoValue, Quality
from funcnodes.errors import GraphError, NodeCancelled, NodeTimeout


class Executable(Triggered):
    """A node that is executed.

    Invariant: `_errand` is set if and only if the present execution is under way elsewhere.
    """

    __slots__ = ()

    node_id: ClassVar[str]
    effect: ClassVar[bool]  # acts on the world: not while disarmed (A1)
    default_max_attempts: ClassVar[int]
    timeout_s: float | None
    retry_delay_s: float
    reset_inputs_on_trigger: bool
    moved: bool = False  # to threads, by its own pace (T12)
    _is_coroutine: ClassVar[bool]
    _max_attempts: int | None = None  # of the instance, where it has a number of its own
    _retries: Retries | None = None  # of the last execution that failed
    _made: tuple[Arguments, Wave, Waves] | None = None  # what a result from elsewhere is made of

    @property
    def max_attempts(self) -> int:
        """How often an execution that fails is tried in all, in its wave; 1 or more.

        An attempt that timed out is not repeated, since it may still be at work.
        """
        return self._max_attempts or self.default_max_attempts

    @max_attempts.setter
    def max_attempts(self, attempts: int) -> None:
        if attempts < 1:
            raise GraphError(f"{self.name} cannot be tried {attempts} times.")
        if attempts > 1 and self.effect:
            raise GraphError(f"{self.name} acts on the world, and is never tried again by itself.")
        self._max_attempts = attempts

    @property
    def is_elsewhere(self) -> bool:
        """Whether its present execution is under way in a thread or a process."""
        return self._errand is not None and self._errand.task is None

    # ── beginning ─────────────────────────────────────────────────────────────────────────

    def execute(self, now: float) -> None:
        """Run the triggered execution; called by the engine, which runs plain nodes by itself.

        Args:
            now: `perf_counter()`; for one that runs inline, the engine measures how long it took.
        """
        if self._phase != QUEUED:
            return  # given up while it was queued
        self._phase = RUNNING
        self._began = now
        if self.listeners is not None:
            self.tell_plainly("triggerstart")
        if self._is_coroutine or self._run_in not in ("auto", "loop"):
            self._execute_elsewhere()
            return
        try:
            result = self._call(self._args)
        except BaseException as error:  # a KeyboardInterrupt too is the node's
            if self._phase == RUNNING:
                self.end_failed(error)
        else:
            if self._phase == RUNNING:  # else it was given up from within
                self._end_ok(result)

    def took_inline(self, took_s: float, cpu_s: Callable[[], float]) -> None:
        """Told by the engine after an inline execution that was slow, or follows a slow one."""
        if self.run_in != "auto" or self._is_coroutine:
            return
        pace = self._pace = self._pace or Pace()
        pace.note(took_s, cpu_s)
        if pace.is_slow:
            self.run_in, self.moved = "thread", True
        elif pace.is_over:
            self._pace = None

    def _execute_elsewhere(self) -> None:
        errand = self._errand = Errand(self)
        if self.changes is not None:
            self.changes.note_node(self)
        if self._is_coroutine and self._run_in != "process":
            errand.task = self.engine.spawn(self, errand.run(self._args))
        else:
            self._submit(errand, self._args)
        if self.timeout_s is not None:
            errand.expires_in(self.timeout_s)

    def _submit(self, errand: Errand, args: Arguments) -> None:
        if self._run_in == "process":
            from funcnodes.core.running import processes  # loaded when one is needed first

            errand.job = processes.submit(self, args, errand.report, errand.done)
        else:
            self.engine.submit(self, lambda: self._call(args), errand.done)

    def report(self, done: float, total: float | None = None, text: str = "") -> None:
        """Tell how far this execution has come."""
        raise NotImplementedError

    # ── ending well ───────────────────────────────────────────────────────────────────────

    def _end_ok(self, result: Any) -> None:
        wave = self._wave
        assert wave is not None
        if self._errand is not None:  # where it may be queued anew before somebody asks
            self._made = (self._args, wave, self._taken[1] if self._taken is not None else ())
        if result is not None or self.returns_none:
            try:
                quality = quality_of(self._args)
                if self._single is not None:
                    _emit(self._single, result, wave, quality)
                else:
                    self._deliver(result, wave, quality)
            except BaseException as error:
                self.end_failed(error)
                return
        self._error = None
        if self._has_aftermath:
            self._clear_up()
        if self._announces:
            self._trigger_out.emit(True, wave)
        self._end(wave)

    def made_from(self, wave: Wave | None) -> tuple[Arguments, Waves] | None:
        """The arguments of its last execution, and their waves, if that was in `wave`."""
        if self._made is not None and self._made[1] is wave:
            return self._made[0], self._made[2]
        if wave is None or self._phase != IDLE or not self.runs:
            return None
        if self._taken is not None and self._taken[0] is wave:
            return self._args, self._taken[1]
        came_along = self._only is not None and self.asked is wave  # the short way takes no notes
        return (self._args, (wave,)) if came_along else None

    def _deliver(self, result: Any, wave: Wave, quality: Quality) -> None:
        """Hand what `func` returned to several outputs."""
        if result.__class__ is Judged:
            result, quality = result.value, worst((quality, result.quality))
        outputs = self._results
        if isinstance(result, dict) and result.keys() <= self.outputs.keys():
            for port_id, value in result.items():
                _emit(self.outputs[port_id], value, wave, quality)
        elif outputs:
            if not isinstance(result, tuple | list) or len(result) != len(outputs):
                raise GraphError(f"{self.name} returned {result!r} for {len(outputs)} outputs.")
            for port, value in zip(outputs, result, strict=True):
                _emit(port, value, wave, quality)

    def _clear_up(self) -> None:
        """What an effect, or a node that resets its inputs, does after a success."""
        args = self._args
        taken = args if isinstance(args, dict) else dict(zip(self._names, args, strict=True))
        if self.effect:
            self._mark_applied(taken)
        if self.reset_inputs_on_trigger:
            self._reset_inputs(taken)

    def _reset_inputs(self, taken: Mapping[str, Any]) -> None:
        """Back to the defaults, without triggering; what was set meanwhile stays."""
        waves = dict(zip(self._names, self._taken[1] if self._taken else (), strict=False))
        for port in self._parameters:
            if waves.get(port.id) is port.wave and taken.get(port.id, NoValue) is port._value:
                port.reset()

    def _mark_applied(self, taken: Mapping[str, Any]) -> None:
        """What was restored as text has now been acted on, unless it changed meanwhile."""
        for port in self._parameters:
            if not port.applied and taken.get(port.id, NoValue) is port._value:
                port.applied = True
                self.note_port(port)

    # ── ending otherwise ──────────────────────────────────────────────────────────────────

    def end_failed(self, error: BaseException) -> None:
        if self.max_attempts > 1 and self._may_retry():
            left = Retries.left(self)
            if left is not None:
                left.begin(self, error)
                return
        wave = self._wave
        assert wave is not None
        self._error = error
        wave.note(Outcome("failed", self, error))
        if self.listeners is not None:
            self.emit("error", error=error)
        self._end(wave)

    def _may_retry(self) -> bool:
        """What acts on the world is never repeated, nor what has been given up."""
        return not self.effect and (self._errand is None or self._errand.given_up is None)

    def _queued_again(self, error: BaseException, attempt: int) -> None:
        self._drop_errand()
        self._phase = QUEUED
        self._note()
        self.emit("retry", error=error, attempt=attempt)

    def _requeue(self) -> None:
        self.engine.ready.append(self)
        if not self.engine.draining:
            self.engine.arm()

    def fail_in(self, wave: Wave, error: BaseException) -> None:
        self._error = error
        wave.note(Outcome("failed", self, error))
        self._note()

    def _end_given_up(self, outcome: Outcome | None = None) -> None:
        wave = self._wave
        assert wave is not None
        if self._retries is not None:
            self._retries.stop()
        outcome = outcome or self._cancelled("cancelled")
        self._error = outcome.error
        wave.note(outcome)
        self._end(wave)

    def _end_overtime(self) -> None:
        error = NodeTimeout(f"{self.name} was given up after {self.timeout_s:g} s.")
        self._abandon(Outcome("timeout", self, error))

    def _cancelled(self, reason: str) -> Outcome:
        how = reason if reason == "cancelled" else f"cancelled: {reason.rstrip('.')}"
        return Outcome("cancelled", self, NodeCancelled(f"{self.name} was {how}."), reason)

    # ── every end ─────────────────────────────────────────────────────────────────────────

    def _end(self, wave: Wave) -> None:
        self.runs += 1
        errand = self._errand
        if errand is not None:  # `_drop_errand`, written out
            self.took_s = perf_counter() - self._began
            if errand.timer is not None:
                errand.timer.cancel()
            self._errand = None
        self._phase = IDLE
        self._wave = None
        backlog = self.backlog
        if self._later:
            self._start_next()
        elif backlog is not None:
            backlog.start_next()
        if self.changes is not None:
            self.changes.note_node(self)
        if self.listeners is not None:
            self.tell_plainly("triggerdone")
        is_at_rest = self._phase == IDLE and backlog is None  # spares the call that follows
        if is_at_rest or not self.is_busy_in(wave):
            wave.active.discard(self)  # `Wave.leave`, written out
            if not wave.active or wave.waiting:
                wave.look_again(self)
            elif wave.watchers:
                wave.wake()

    def end_heard(self, wave: Wave) -> None:
        """The rest of `_end`, for the engine's fast path, where somebody waits or listens."""
        if self._later:
            self._start_next()
        if self.changes is not None:
            self.changes.note_node(self)
        if self.listeners is not None:
            self.tell_plainly("triggerdone")
        if self._phase == IDLE or not self.is_busy_in(wave):  # a plain node has no backlog
            wave.leave(self)

    def _drop_errand(self) -> None:
        """What is elsewhere is over; how long it took is known now."""
        errand = self._errand
        if errand is not None:
            self.took_s = perf_counter() - self._began
            if errand.timer is not None:
                errand.timer.cancel()
            self._errand = None

    def note_port(self, port: Outward) -> None:
        """A port's value changed otherwise than by an execution."""
        if self.changes is not None:
            self.changes.note_port(port)

    def _note(self) -> None:
        if self.changes is not None:
            self.changes.note_node(self)

    # ── giving up ─────────────────────────────────────────────────────────────────────────

    def cancel(self, reason: str = "cancelled") -> None:
        """Give up everything it is doing or is to do (T10)."""
        if self.engine.carry(lambda: self.cancel(reason)):
            return
        self._owed = None
        for wave in list(self._later):
            self._drop_later(wave, reason)
        if self.backlog is not None:
            self.backlog.drop()
        for wave in list(self.waiting_in):
            wave.forget(self)
        if self._phase != IDLE:
            self._abandon(self._cancelled(reason))

    def cancel_in(self, wave: Wave, reason: str) -> None:
        if wave in self._later:
            self._drop_later(wave, reason)
        if self.backlog is not None:
            self.backlog.drop(wave)
        if self._wave is wave and self._phase != IDLE:
            self._abandon(self._cancelled(reason))

    def _drop_later(self, wave: Wave, reason: str) -> None:
        del self._later[wave]
        wave.note(Outcome("cancelled", self, None, reason))
        if wave is not self._wave:
            wave.leave(self)
        self.make_good()

    def _abandon(self, outcome: Outcome) -> None:
        """End the execution: at once, or as soon as its coroutine has unwound."""
        if self._errand is not None:
            self._errand.give_up(outcome)
            return
        if self._phase == RUNNING:  # inline: it gives itself up
            self.took_s = perf_counter() - self._began
        self._end_given_up(outcome)


def _emit(output: Outlet, value: Any, wave: Wave, quality: Quality) -> None:
    """Set an output, worth as much as what was taken, unless the function said less."""
    if value.__class__ is Judged:
        value, quality = value.value, worst((quality, value.quality))
    output.emit(value, wave, quality)
