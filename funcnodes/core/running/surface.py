"""What an execution touches of a node and of its ports, gathered in one place.

The engine, the waves and whatever carries a value along an edge reach nodes and ports through what
is listed here, and through nothing else. The names of nodes begin with an underscore because all
others belong to whoever writes a node class (`nodes.taken` refuses these); inside core they are
shared. What every execution touches is kept in slots.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol

from funcnodes.core.events import Emitter, Watcher
from funcnodes.core.running.errands import Errand
from funcnodes.core.running.pace import Pace
from funcnodes.core.running.topology import Inward, Outward, Relatives, SetOff
from funcnodes.core.running.waves import Wave
from funcnodes.core.uncertain import Uncertain, propagate
from funcnodes.core.values import Quality
from funcnodes.errors import GraphError

IDLE, QUEUED, RUNNING = 0, 1, 2  # phases

Convert = Callable[[Any], Any]
Arguments = tuple[Any, ...] | dict[str, Any]
Waves = tuple[Wave | None, ...]
Policy = Literal["each", "settled", "zip"]
RunIn = Literal["auto", "loop", "thread", "process"]


class Inlet(Inward, Protocol):
    """An input, as a value that comes to it sees it."""

    _value: Any
    wave: Wave | None  # in which the value was set
    quality: Quality
    applied: bool  # False while the value was only restored as text
    triggers: bool
    straight: object  # the engine that may queue its node at once, or None

    @property
    def id(self) -> str: ...

    @property
    def node(self) -> "Runnable": ...

    @property
    def receives_plainly(self) -> bool:
        """Whether a value that comes is only taken: not forwarded, queued or looked at."""

    def receive(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        """Take a value that belongs to `wave`."""

    def reset(self) -> None:
        """Go back to the default."""

    def refusal(self, why: str) -> GraphError:
        """The error that a value cannot be set."""


class Outlet(Outward, Protocol):
    """An output, as an execution that sets it sees it."""

    shares: bool  # its values may be arrays
    _value: Any
    wave: Wave | None
    quality: Quality

    @property
    def id(self) -> str: ...

    @property
    def _edges(self) -> "Sequence[tuple[Inlet, Convert | None]]":
        """Where a value goes, and how it is converted on the way."""

    def emit(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        """Set the value within `wave` and hand it on."""


def push(inp: Inlet, convert: Convert | None, value: Any, wave: Wave, quality: Quality) -> None:
    """Hand a value to an input; one that cannot be converted counts as its node's failure."""
    value = converted(inp, convert, value, wave)
    if value is not REFUSED:
        inp.receive(value, wave, quality)


def converted(inp: Inlet, convert: Convert | None, value: Any, wave: Wave) -> Any:
    """What becomes of a value on its way to an input; REFUSED where its node has failed by it."""
    if convert is None:
        return value
    try:
        return convert(value) if value.__class__ is not Uncertain else propagate(convert, (value,))
    except GraphError as error:
        inp.node.fail_in(wave, error)
    except (TypeError, ValueError) as error:
        inp.node.fail_in(wave, inp.refusal(f"{value!r} cannot be converted ({error})."))
    return REFUSED


REFUSED = object()


class Runnable(Emitter):
    """A node, as those see it who run it.

    Invariant: it is in the phase IDLE if and only if `_wave` is None; else it is among the active
    nodes of `_wave`, and stays there until nothing of it is left in that wave (`is_busy_in`).

    Attributes:
        inputs: By id.
        outputs: By id.
        changes: Who is told of new values and states, or None.
        runs: Executions so far, however they ended.
        took_s: How long the last one took.
        asked: The last wave that asked for an execution.
        waiting_in: Waves in which it waits for its ancestors (policy `settled`).
        relatives: Kept here for `topology`.
        _phase: IDLE, QUEUED or RUNNING.
        _wave: Of the execution that is queued or running.
        _args: What it was triggered with (T1): by position for a plain function, else by name.
        _began: `perf_counter()` at the beginning of the last execution.
        _error: What the last execution raised, until one succeeds.
        _later: What waits for a rerun, by wave and in order: its arguments where they are taken
            already, else None (T2, T4).
        _owed: A wave that let go of it for a newer one, until it runs again (T2a).
        _plain: Its function, where nothing could make an execution unusual and the engine may
            take its fast path; else None (see `triggering.Triggered._choose_way`).
        _only: Its input, if it is the only one besides ▶; else None.
        _single: Its output, if it is the only one besides ▶; else None.
        _errand: The execution that is under way elsewhere, as a task or in a thread or process.
        _pace: Its last few inline calls, if one of them was slow.
        _waves: In which the arguments looked at last had been set.
        _taken: The wave of the last execution, and those of its arguments.
        _announces: Whether somebody wants to know by ▶ that it is done.
        _parameters: Its inputs besides ▶.
        _names: Their ids.
        _required: Those that need a value.
        _results: Its outputs besides ▶.
    """

    __slots__ = (
        "__dict__", "__weakref__",
        "_announces", "_args", "_began", "_blocked", "_errand", "_error", "_later", "_names",
        "_only", "_owed", "_pace", "_parameters", "_phase", "_plain", "_policy", "_required",
        "_results", "_run_in", "_single", "_taken", "_trigger_in", "_trigger_out", "_wave",
        "_waves", "asked", "changes", "inputs", "outputs", "relatives", "runs", "took_s",
        "waiting_in",
    )  # fmt: skip

    uuid: str
    name: str
    inputs: Mapping[str, Inlet]
    outputs: Mapping[str, Outlet]
    changes: Watcher[Any, Any] | None
    linked: bool
    takes_back: ClassVar[bool]
    starts_wave: ClassVar[bool]
    returns_none: ClassVar[bool]  # a result of None is a value, not "outputs were set"
    set_off: SetOff | None
    in_loop: tuple[int, bool] | None
    _parameters: Sequence[Inlet]
    _names: list[str]
    _only: Inlet | None
    _required: Sequence[Inlet]
    _results: Sequence[Outlet]
    _single: Outlet | None
    _trigger_in: Inlet
    _trigger_out: Outlet
    _announces: bool
    _plain: Callable[..., Any] | None
    _policy: Policy
    _run_in: RunIn

    def __init__(self) -> None:
        self.listeners = None  # all that `Emitter.__init__` does
        self.changes = None
        self.runs = 0
        self.took_s = 0.0
        self.asked: Wave | None = None
        self.waiting_in: set[Wave] = set()
        self.relatives: Relatives | None = None
        self._blocked = 0
        self._owed: Wave | None = None
        self._phase = IDLE
        self._wave: Wave | None = None
        self._args: Arguments = {}
        self._waves: Waves = ()
        self._taken: tuple[Wave, Waves] | None = None
        self._later: dict[Wave, tuple[Arguments, Waves] | None] = {}
        self._began = 0.0
        self._errand: Errand | None = None
        self._pace: Pace | None = None
        self._error: BaseException | None = None

    # ── what the engine calls ─────────────────────────────────────────────────────────────

    def execute(self, now: float) -> None:
        """Run the triggered execution, inline or elsewhere."""
        raise NotImplementedError

    def took_inline(self, took_s: float, cpu_s: Callable[[], float]) -> None:
        """An inline execution was slow, or followed a slow one."""
        raise NotImplementedError

    def end_heard(self, wave: Wave) -> None:
        """An execution on the fast path has ended, and somebody waits or listens."""
        raise NotImplementedError

    def _end_ok(self, result: Any) -> None:
        """The execution returned."""
        raise NotImplementedError

    def end_failed(self, error: BaseException) -> None:
        """The execution raised."""
        raise NotImplementedError

    # ── what edges and waves call ─────────────────────────────────────────────────────────

    def fail_in(self, wave: Wave, error: BaseException) -> None:
        """A value on its way to this node in `wave` was refused: it counts as its failure."""
        raise NotImplementedError

    def run_in_wave(self, wave: Wave) -> None:
        """Trigger it in `wave` if it is idle and ready (T1), else let the wave wait (T2)."""
        raise NotImplementedError

    def cancel_in(self, wave: Wave, reason: str) -> None:
        """Give up only what belongs to `wave`."""
        raise NotImplementedError

    def owe(self, wave: Wave) -> None:
        """`wave` lets go of it: what was set in it is for a newer one to take (T2a)."""
        raise NotImplementedError

    def make_good(self) -> None:
        """A wave that was to run it does not: run it by itself if one before had let go of it."""
        raise NotImplementedError

    def input_waves(self) -> Iterator[Wave]:
        """The waves in which the inputs that trigger it were set."""
        raise NotImplementedError

    def busy_in(self) -> Iterator[Wave]:
        """Every wave in which something of it is queued, running or waiting."""
        raise NotImplementedError

    # ── what topology asks ────────────────────────────────────────────────────────────────

    def links_in(self) -> "Iterable[Runnable]":
        """Who comes before it otherwise than by edges to its inputs; only asked where `linked`."""
        raise NotImplementedError

    def links_out(self) -> "Iterable[Runnable]":
        """Who comes after it otherwise than by edges from its outputs."""
        raise NotImplementedError
