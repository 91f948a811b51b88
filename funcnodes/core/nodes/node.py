"""Nodes: when they are triggered, what they take, what they give, and how they end.

A node is idle, queued or running; it executes in exactly one wave at a time. Requests meanwhile
wait: in free waves they coalesce into one rerun (T2, T4), in scans and for devices they queue.
An error marks the node and its wave; nothing downstream is fed.
"""

import asyncio
import inspect
import uuid as _uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from weakref import WeakValueDictionary

from funcnodes.core.events import Emitter, ValueEvents, Watcher
from funcnodes.core.graph.places import Place
from funcnodes.core.nodes import describe, taken
from funcnodes.core.nodes.ports import NodeInput, NodeOutput, Port
from funcnodes.core.nodes.progress import NodeProgress
from funcnodes.core.nodes.streams import Backlog, StreamInput
from funcnodes.core.running import topology
from funcnodes.core.running.engine import IDLE, QUEUED, RUNNING, SLOW_CPU_S, Engine, default_engine
from funcnodes.core.running.waves import Outcome, Wave
from funcnodes.core.types import Trigger
from funcnodes.core.values import NoValue
from funcnodes.errors import (
    AwaitCycleError,
    FuncnodesError,
    GraphError,
    InTriggerError,
    NodeCancelled,
    NodeTimeout,
    NodeTriggerError,
    PortNotFoundError,
)

if TYPE_CHECKING:
    from funcnodes.core.graph.nodespace import NodeSpace
    from funcnodes.core.running.processes import Job

Policy = Literal["each", "settled", "zip"]
RunIn = Literal["auto", "loop", "thread", "process"]
State = Literal["idle", "queued", "running", "done", "error"]

Arguments = tuple[Any, ...] | dict[str, Any]
Waves = tuple[Wave | None, ...]

TRIGGER_IN, TRIGGER_OUT = "_triggerinput", "_triggeroutput"  # the ports that every node has
_PORT_SETTINGS = {"name", "hidden", "pinned", "live", "does_trigger", "required", "allow_multiple"}
_is_loading: ContextVar[bool] = ContextVar("funcnodes_loading", default=False)
_SHORTCUTS = {"i", "o"}  # attributes of a node that a port may take over

SLOW_WALL_S = 0.100  # a function that sleeps uses no thread time, but holds the loop all the same
SLOW_CALLS = (3, 5)  # so many of so many

_classes: dict[str, type["Node"]] = {}
_passing: "WeakValueDictionary[str, type[Node]]" = WeakValueDictionary()  # of single objects


def get_nodeclass(node_id: str) -> type["Node"] | None:
    """The node class imported under that id in this process, if any."""
    return _classes.get(node_id) or _passing.get(node_id)


def register_weakly(nodeclass: "type[Node]") -> None:
    """Have it found by its id for as long as somebody else keeps it."""
    _passing[nodeclass.node_id] = nodeclass


class Node(Emitter):
    """One unit of computation with typed inputs and outputs.

    Subclass it with `node_id`, ports as class attributes and a `func`; or decorate a function.

    Attributes:
        uuid: Name within its nodespace, as saved.
        inputs: Its inputs by id, the implicit `_triggerinput` among them.
        outputs: Its outputs by id, the implicit `_triggeroutput` among them.
        properties: Free data that is saved with it, such as its place on the canvas.
        runs: Executions so far, however they ended.
        render_options: How its values are to be drawn, for whoever draws them.
        reset_inputs_on_trigger: Its inputs go back to their defaults after each success.
        asked: The last wave that asked for an execution.
        waiting_in: Waves in which it waits for its ancestors (policy `settled`).
    """

    # What every execution touches is kept in slots; the rest, and subclasses, use a dictionary.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_announces",
        "_args",
        "_began",
        "_blocked",
        "_error",
        "_giving_up",
        "_later",
        "_names",
        "_only",
        "_parameters",
        "_phase",
        "_plain",
        "_policy",
        "_required",
        "_results",
        "_run_in",
        "_single",
        "_taken",
        "_task",
        "_timer",
        "_token",
        "_trigger_in",
        "_trigger_out",
        "_wave",
        "_waves",
        "asked",
        "calls_since_slow",
        "changes",
        "engine",
        "inputs",
        "outputs",
        "ran_elsewhere",
        "relatives",
        "runs",
        "took_s",
        "waiting_in",
    )  # fmt: skip

    node_id: ClassVar[str] = ""
    node_name: ClassVar[str] = ""
    description: ClassVar[str] = ""
    icon: ClassVar[str] = ""
    words: ClassVar[tuple[str, ...]] = ()
    default_policy: ClassVar[Policy] = "each"
    default_run_in: ClassVar[RunIn] = "auto"
    default_max_attempts: ClassVar[int] = 1
    default_reset_inputs_on_trigger: ClassVar[bool] = False
    default_trigger_on_create: ClassVar[bool] = False
    default_render_options: ClassVar[Mapping[str, Any]] = {}
    default_io_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    effect: ClassVar[bool] = False  # acts on the world: not while disarmed (A1)
    queues: ClassVar[bool] = False  # requests queue in order, they never coalesce (T4)
    shows_order: ClassVar[bool] = False  # its ▶ ports are seen on the card
    grows: ClassVar[bool] = False  # a wire may make a new input
    returns_none: ClassVar[bool] = False  # a result of None is a value, not "outputs were set"
    is_frame: ClassVar[bool] = False  # it may hold nodes, which run when it says so
    takes_back: ClassVar[bool] = False  # wires from what it sets off back to it order nothing
    starts_wave: ClassVar[bool] = False  # what it gives belongs to the next wave (T8)
    set_off: "tuple[int, frozenset[Node]] | None" = None  # topology's, where it takes back
    linked: bool = False  # topology asks `links_in` and `links_out` too
    place: Place | None = None  # where a frame holds it; set through the nodespace
    timeout_s: float | None = None  # after so long an execution is given up (T10)
    retry_delay_s: float = 0.0  # between a failure and the next attempt
    backlog: Backlog | None = None  # what waits in front of it, where it has stream inputs (T5)
    moved: bool = False  # to threads, by its own pace (T12)
    _made: tuple[Arguments, Wave, Waves] | None = None  # what a result from elsewhere is made of
    _job: "Job | None" = None  # of the last execution in a process
    reset_inputs_on_trigger: bool = False
    render_options: Mapping[str, Any] = {}  # an instance that has some has its own

    _max_attempts: int | None = None  # of the instance, where it has a number of its own
    _retried: tuple[int, int] = (0, 0)  # the execution (by `runs`) and its failed attempts
    _has_aftermath: bool = False  # there is something to do after a success
    _is_heard: bool = False  # somebody listens to values of its ports
    _progress: NodeProgress | None = None
    _templates: ClassVar[dict[str, Port]] = {}
    _function: ClassVar[Callable[..., Any] | None] = None  # called by position, instead of func
    _is_coroutine: ClassVar[bool] = False
    _is_usual: ClassVar[bool] = True  # the class asks for nothing but what every function gets

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {port.id or name: port for name, port in vars(cls).items() if isinstance(port, Port)}
        hiding = [
            name
            for name, port in vars(cls).items()
            if isinstance(port, Port) and hasattr(Node, name) and name not in _SHORTCUTS
        ]
        if hiding:
            raise GraphError(
                f"{cls.__name__}.{hiding[0]} is a port, but every node has a "
                f"{hiding[0]!r} already.",
                hint=f"Call the attribute otherwise, and give the port id={hiding[0]!r}.",
            )
        if cls.__module__.partition(".")[0] != "funcnodes":
            taken.check_names(cls, Node)
        cls._templates = {**cls._templates, **own}
        if "func" in vars(cls) and "_function" not in vars(cls):
            cls._function = None
        cls._is_coroutine = inspect.iscoroutinefunction(cls.func)
        cls.reset_inputs_on_trigger = cls.default_reset_inputs_on_trigger
        cls.render_options = cls.default_render_options
        cls._has_aftermath = cls.effect or cls.reset_inputs_on_trigger
        cls._is_usual = cls.request is Node.request and not cls._is_coroutine
        cls._is_heard = any(port.is_heard for port in cls._templates.values())
        if "node_id" in vars(cls) and cls.node_id:
            _classes[cls.node_id] = cls

    def __init__(
        self,
        uuid: str | None = None,
        name: str | None = None,
        *,
        reset_inputs_on_trigger: bool | None = None,
        render_options: Mapping[str, Any] | None = None,
        io_options: Mapping[str, Mapping[str, Any]] | None = None,
        trigger_on_create: bool | None = None,
    ) -> None:
        """Make an instance.

        Args:
            uuid: Name within a nodespace; a fresh one if not given.
            name: What a person calls it.
            reset_inputs_on_trigger: Set its inputs back to their defaults after each success.
            render_options: How its values are to be drawn.
            io_options: Per port id any of `name hidden pinned live does_trigger required default
                value value_options render_options on`.
            trigger_on_create: Ask it to run at once, if it is ready; never while loading.
        """
        super().__init__()
        self.uuid = uuid or _uuid.uuid4().hex
        self._name = name or ""
        self.nodespace: NodeSpace | None = None
        self.engine: Engine = default_engine()
        self.changes: Watcher | None = None
        self.properties: dict[str, Any] = {}
        self._policy: Policy = self.default_policy
        self._run_in: RunIn = self.default_run_in
        self._blocked = False
        self.runs = 0
        self.relatives: tuple[int, frozenset[Node], frozenset[Node]] | None = None  # topology's
        self._muted = False
        self._phase = IDLE
        self._wave: Wave | None = None  # of the execution that is queued or running
        self._args: Arguments = {}  # taken when it was triggered (T1)
        self._waves: Waves = ()  # in which the arguments looked at last had been set
        self._taken: tuple[Wave, Waves] | None = None  # its wave, and those of its arguments
        self._later: dict[
            Wave, tuple[Arguments, Waves] | None
        ] = {}  # waiting for a rerun, in order
        self.asked: Wave | None = None
        self.waiting_in: set[Wave] = set()
        self._token = 0  # of the present execution: late results of others are discarded (T10)
        self._task: asyncio.Task[None] | None = None
        self._giving_up: Outcome | None = None  # what the present execution will have ended as
        self._timer: asyncio.TimerHandle | None = None
        self._began = 0.0
        self.took_s = 0.0  # the last execution
        self.ran_elsewhere = False  # the present execution is a task or in a thread
        self._zipped: dict[str, Wave | None] = {}  # `zip`: of which wave each input was, last time
        self.calls_since_slow = 0  # of the last few (T12)
        self._slow_calls = 0
        self._error: BaseException | None = None
        order = _ORDER_PORTS[self.shows_order]
        self._trigger_in, self._trigger_out = order[0].copy_for(self), order[1].copy_for(self)
        self.inputs: dict[str, NodeInput] = {}
        self.outputs: dict[str, NodeOutput] = {}
        self.inputs[self._trigger_in.id] = self._trigger_in
        for template in self._templates.values():
            self._own(template.copy_for(self))
        self.outputs[self._trigger_out.id] = self._trigger_out
        self.ports_changed()
        if self._is_heard:
            self.watched_by(None)
        if reset_inputs_on_trigger is not None:
            self.set_reset_inputs(reset_inputs_on_trigger)
        if render_options is not None:
            self.render_options = {**self.default_render_options, **render_options}
        if self.default_io_options or io_options:
            self._set_io_options(self.default_io_options)
            self._set_io_options(io_options or {})
        if self.default_trigger_on_create if trigger_on_create is None else trigger_on_create:
            self._trigger_as_created()

    def func(self, *args: Any, **kwargs: Any) -> Any:
        """What the node does: a plain method or a coroutine.

        Takes its inputs by name. What it returns goes to the outputs: the value of a single one,
        a tuple for several in order, or a mapping by id; None where it has set them itself.
        """
        raise NotImplementedError(f"{type(self).__name__} has no func")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} {self.state}>"

    # ── ports ─────────────────────────────────────────────────────────────────────────────

    i = property(lambda self: self.inputs)
    o = property(lambda self: self.outputs)

    @property
    def name(self) -> str:
        """What a person calls it; falls back to the class's name."""
        return self._name or self.node_name or type(self).__name__

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    def __getitem__(self, port_id: str) -> Port:
        return self.get_input_or_output(port_id)

    def get_input(self, port_id: str) -> NodeInput:
        """Raises PortNotFoundError."""
        try:
            return self.inputs[port_id]
        except KeyError:
            raise self._no_port(port_id, "input", self.inputs) from None

    def get_output(self, port_id: str) -> NodeOutput:
        """Raises PortNotFoundError."""
        try:
            return self.outputs[port_id]
        except KeyError:
            raise self._no_port(port_id, "output", self.outputs) from None

    def get_input_or_output(self, port_id: str) -> Port:
        """Raises PortNotFoundError."""
        found = self.inputs.get(port_id) or self.outputs.get(port_id)
        if found is None:
            raise self._no_port(port_id, "port", {**self.inputs, **self.outputs})
        return found

    @classmethod
    def template(cls, port: Port) -> Port | None:
        """What a port of an instance was made from; None where only the instance has it."""
        if port.id in (TRIGGER_IN, TRIGGER_OUT):
            return _ORDER_PORTS[cls.shows_order][0 if port.is_input else 1]
        return cls._templates.get(port.id)

    def add_input(self, port: NodeInput) -> NodeInput:
        """Give this instance one more input."""
        self._own(port)
        self.ports_changed()
        if port.is_heard:
            self.listeners_changed()
        return port

    def add_output(self, port: NodeOutput) -> NodeOutput:
        """Give this instance one more output."""
        self._own(port)
        self.ports_changed()
        if port.is_heard:
            self.listeners_changed()
        return port

    def remove_input(self, port_id: str) -> None:
        """Take an input away, and its wire."""
        port = self.get_input(port_id)
        port.disconnect()
        del self.inputs[port_id]
        if self.backlog is not None and isinstance(port, StreamInput):
            self.backlog.remove(port)
        self.ports_changed()

    def remove_output(self, port_id: str) -> None:
        """Take an output away, and its wires."""
        self.get_output(port_id).disconnect()
        del self.outputs[port_id]
        self.ports_changed()

    def grow_input(self, source: NodeOutput) -> NodeInput:
        """Make an input for a wire from `source`; only where `grows`."""
        raise GraphError(f"{self.name} takes no further inputs.")

    def rewired(self) -> None:
        """A wire came or went: if ▶ is wired, only ▶ triggers (T7)."""
        ordered = bool(self._trigger_in.sources)
        self._announces = self.shows_order or bool(self._trigger_out._wires)
        for port in self.inputs.values():
            port.triggers = port._does_trigger and (not ordered or port is self._trigger_in)
        if self.place is not None:
            self._heed_frame()
        self._choose_way()

    def _heed_frame(self) -> None:
        """A member of a frame is triggered from within its section only (see `places`)."""
        places = self.nodespace.places if self.nodespace is not None else None
        if places is None or places.frame_of(self) is None:
            return
        for port in self.inputs.values():
            port.triggers = port.triggers and any(places.sets_off(o, self) for o in port.sources)

    def _set_io_options(self, options: Mapping[str, Mapping[str, Any]]) -> None:
        for port_id, settings in options.items():
            port = self.get_input_or_output(port_id)
            for key, setting in settings.items():
                if key == "value_options":
                    port.update_value_options(**setting)
                elif key == "render_options":
                    port.render_options = {**port.render_options, **setting}
                elif key == "on":
                    port.listen(setting)
                elif key == "default" and isinstance(port, NodeInput):
                    port.set_default(setting)
                elif key == "value" and isinstance(port, NodeInput):
                    port.set_value(setting, does_trigger=False)
                elif key in _PORT_SETTINGS and hasattr(port, key):
                    setattr(port, key, setting)
                else:
                    raise GraphError(f"{self.name}.{port_id} has no setting {key!r}.")
        self.ports_changed()

    def set_reset_inputs(self, resets: bool) -> None:
        """Whether its inputs go back to their defaults after each success."""
        self.reset_inputs_on_trigger = resets
        self._has_aftermath = self.effect or resets
        self._choose_way()

    def _trigger_as_created(self) -> None:
        if not _is_loading.get() and self.ready():
            self.request_trigger()

    def _own(self, port: Port) -> None:
        port.node = self
        ports: dict[str, Any] = self.inputs if port.is_input else self.outputs
        if port.id in ports:
            raise GraphError(f"{self.name} already has a port {port.id!r}.")
        ports[port.id] = port
        if isinstance(port, StreamInput):
            self.backlog = self.backlog or Backlog(self)
            self.backlog.ports.append(port)

    def ports_changed(self) -> None:
        """A port came, went, or is required now, or no longer."""
        self._parameters = [p for p in self.inputs.values() if p is not self._trigger_in]
        self._names = [p.id for p in self._parameters]
        self._only = self._parameters[0] if len(self._parameters) == 1 else None
        self._required = [p for p in self._parameters if p.required]
        self._results = [p for p in self.outputs.values() if p is not self._trigger_out]
        self._single = self._results[0] if len(self._results) == 1 else None
        self.rewired()

    def _no_port(self, port_id: str, what: str, ports: Mapping[str, Any]) -> PortNotFoundError:
        known = ", ".join(name for name in ports if not name.startswith("_")) or "none"
        return PortNotFoundError(f"{self.name} has no {what} {port_id!r}; it has {known}.")

    def check_unlocked(self) -> None:
        """Raise RefusedError while a run holds the structure as it is (A2)."""
        if self.nodespace is not None:
            self.nodespace.check_unlocked()

    # ── state ─────────────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> State:
        if self._phase != IDLE:
            return "queued" if self._phase == QUEUED else "running"
        if self._error is not None:
            return "error"
        return "done" if self.runs else "idle"

    @property
    def error(self) -> BaseException | None:
        """What its last execution raised, until one succeeds."""
        return self._error

    @property
    def in_trigger(self) -> bool:
        """Whether it is triggered: arguments taken, queued or running."""
        return self._phase != IDLE

    @property
    def is_working(self) -> bool:
        return self._phase == RUNNING

    @property
    def wave(self) -> Wave | None:
        """The wave of the execution that is queued or running."""
        return self._wave

    @property
    def duration_s(self) -> float | None:
        """How long the last execution took; None before the first."""
        return self.took_s if self.runs else None

    @property
    def running_s(self) -> float | None:
        """How long the present execution has been going on."""
        return perf_counter() - self._began if self._phase == RUNNING else None

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
        """Whether requests pass it by: muted, or an effect while disarmed (A1)."""
        return self._blocked

    @blocked.setter
    def blocked(self, blocked: bool) -> None:
        self._blocked = blocked
        self._choose_way()

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
    def muted(self) -> bool:
        """Waves pass a muted node by."""
        return self._muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self.check_unlocked()
        self._muted = muted
        self.update_blocked()

    @property
    def frame(self) -> "Node | None":
        """The frame that holds it, if any."""
        return self.nodespace.places.frame_of(self) if self.nodespace is not None else None

    def ready(self) -> bool:
        """Whether all required inputs have values."""
        return all(port._value is not NoValue for port in self._required)

    def ready_to_trigger(self) -> bool:
        """Whether a request would trigger it now."""
        return self._phase == IDLE and self.ready()

    def update_blocked(self) -> None:
        """Called when muting or arming changes."""
        disarmed = self.nodespace is not None and self.nodespace.arming == "disarmed"
        self.blocked = self._muted or (self.effect and disarmed)

    @property
    def requests_trigger(self) -> bool:
        """Whether it was asked to run again, or waits for its ancestors."""
        return bool(self._later or self.waiting_in)

    @property
    def progress(self) -> NodeProgress:
        """How far the present or last execution has come; used like tqdm."""
        if self._progress is None:
            self._progress = NodeProgress(self)
        return self._progress

    @property
    def execution(self) -> tuple[int, float] | None:
        """Which execution is running, if one is."""
        return (self.runs, self._began) if self._phase == RUNNING else None

    def report(self, done: float, total: float | None = None, text: str = "") -> None:
        """Tell how far this execution has come."""
        self.progress.show(done, total, text)

    def progressed(self) -> None:
        """`progress` has changed; called on the loop."""
        self._note()
        if self.listeners is not None:
            self.emit("progress", progress=self.progress)

    def status(self) -> dict[str, Any]:
        """Whether it is ready, why not, and what it is doing; ready for JSON."""
        return describe.node_status(self)

    def full_serialize(self) -> dict[str, Any]:
        """Everything there is to know of it, ready for JSON."""
        return describe.node_full_serialize(self)

    @classmethod
    def serialize_cls(cls) -> dict[str, Any]:
        """The class as a library lists it, ready for JSON."""
        return describe.node_class(cls)

    def serialize(self) -> dict[str, Any]:
        """Its saved form, ready for JSON.

        Raises:
            SavedGraphError: A value cannot be saved; names node and port.
        """
        from funcnodes.core.graph import saved  # which builds on nodes

        return saved.dump_node(self)

    def deserialize(self, data: Mapping[str, Any]) -> None:
        """Take name, values and settings from a saved form; nothing runs.

        Raises:
            SavedGraphError: It is of another type of node, or cannot be read.
        """
        from funcnodes.core.graph import saved  # which builds on nodes

        saved.restore_node(self, data)

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

    # ── who is told ───────────────────────────────────────────────────────────────────────

    def watched_by(self, watcher: Watcher | None) -> None:
        """From now on `watcher` is told of changes, beside those who listen."""
        self.changes = ValueEvents(watcher) if self._is_heard else watcher

    def listeners_changed(self) -> None:
        heard = self.listeners.own if self.listeners is not None else {}
        ports = (*self.inputs.values(), *self.outputs.values())
        watcher = self.changes
        if isinstance(watcher, ValueEvents):
            watcher = watcher.watcher
        self._is_heard = (
            "*" in heard or "after_set_value" in heard or any(port.is_heard for port in ports)
        )
        self.watched_by(watcher)
        self._choose_way()

    def note_port(self, port: Port) -> None:
        """A port's value changed otherwise than by an execution."""
        if self.changes is not None:
            self.changes.note_port(port)

    def open_wave(self, origin: str | Port) -> Wave:
        """A wave for a stimulus: the executing node's own if one sets it (T3), else a new one."""
        current = self.engine.current()
        if current is not None and current.wave is not None and not current.wave.settled:
            return current.wave
        return Wave(origin)

    # ── hooks for subclasses ──────────────────────────────────────────────────────────────

    def on_added(self) -> None:
        """It became part of `self.nodespace`."""

    def on_removed(self) -> None:
        """It is about to leave `self.nodespace`."""

    def links_in(self) -> "Iterable[Node]":
        """Who comes before it otherwise than by wires to its inputs; only asked where `linked`."""
        frame = self.frame
        return () if frame is None else (frame,)

    def links_out(self) -> "Iterable[Node]":
        """Who comes after it otherwise than by wires from its outputs."""
        return ()

    def inner_nodes(self) -> "Iterable[Node]":
        """The nodes inside it, theirs too; only subgraphs have some."""
        return ()

    def resources(self) -> "Iterable[str]":
        """What it uses that a frame around it is to keep for it, such as a device's name."""
        return ()

    def saved_extra(self) -> dict[str, Any]:
        """Further top-level keys of its saved form."""
        return {}

    def restore_extra(self, data: Mapping[str, Any]) -> None:
        """Take them back; called once, before ports are restored, and may add ports."""

    def check_run(self) -> list[str]:
        """Why a run cannot start with it, in plain sentences."""
        return []

    # ── triggering ────────────────────────────────────────────────────────────────────────

    def request_trigger(self, *, wave: Wave | None = None) -> None:
        """Ask it to run, in a wave of its own unless one is given; nothing if it is not ready."""
        stimulus = wave or self.open_wave(self.name)
        self.request(stimulus)
        if wave is None:
            stimulus.close()

    def trigger_if_requested(self) -> bool:
        """See to it that what was asked for runs; whether anything was."""
        self.engine.arm()
        return self.in_flight

    async def trigger(self) -> None:
        """Run it now and wait for it.

        Raises:
            InTriggerError: It is triggered already.
            NodeTriggerError: Its function raised.
        """
        if self._phase != IDLE:
            raise InTriggerError(f"{self.name} is already triggered.")
        await self

    def request(self, wave: Wave) -> None:
        """A trigger request that belongs to `wave`; what comes of it depends on the policy."""
        if self._blocked or wave.cancelled is not None:
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
        elif self._all_newer():
            self.run_in_wave(wave)

    def run_in_wave(self, wave: Wave) -> None:
        """Trigger it in `wave` if it is idle and ready (T1), else let the wave wait (T2)."""
        if self._phase != IDLE:
            self._postpone(wave)
            return
        args = self._take_arguments()
        if args is not None:
            self._trigger(wave, args)

    def _trigger(self, wave: Wave, args: Arguments) -> None:
        self._phase = QUEUED
        self._wave = wave
        self._args = args
        self._taken = (wave, self._waves)
        wave._settled = False  # `wave.enter`, written out: this is the engine's inner loop
        wave._active.add(self)
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
            return (only._value,)
        values = []
        self._waves = tuple([port.wave for port in self._parameters])
        for port in self._parameters:
            value = port._value
            if value is NoValue:
                break
            values.append(value)
        else:
            if self._function is not None:
                return tuple(values)
            return dict(zip(self._names, values, strict=True))
        if not self.ready():
            return None
        return {p.id: p._value for p in self._parameters if p._value is not NoValue}

    def _call(self, args: Arguments) -> Any:
        if isinstance(args, dict):
            return self.func(**args)
        assert self._function is not None, "arguments by position are for plain functions"
        return self._function(*args)

    def _postpone(self, wave: Wave) -> None:
        """It is busy. In scans, and for devices, requests queue; else the newest wave wins (T4).

        What queues takes its arguments now, and so does what was given a consistent set (T6).
        """
        queues = wave.scan or self.queues
        its_set: tuple[Arguments, Waves] | None = None
        if queues or self._policy == "settled":
            args = self._take_arguments()
            if args is None:
                return
            its_set = (args, self._waves)
        if queues:
            self._later[wave] = its_set
        elif wave not in self._later:
            free = [other for other in self._later if not other.scan]
            if any(other.id > wave.id for other in free):
                wave.supersede(self)
                return
            for older in free:
                del self._later[older]
                older.supersede(self)
                if older is not self._wave:
                    older.leave(self)
            self._later[wave] = its_set
        wave.enter(self)

    def _all_newer(self) -> bool:
        """`zip`: every connected input is newer than at the last execution."""
        wired = [port for port in self._parameters if port.sources]
        if any(port.wave is self._zipped.get(port.id) for port in wired):
            return False
        self._zipped = {port.id: port.wave for port in wired}
        return True

    # ── executing ─────────────────────────────────────────────────────────────────────────

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
        except (Exception, SystemExit) as error:
            if self._phase == RUNNING:
                self.end_failed(error)
        else:
            if self._phase == RUNNING:  # else it was given up from within
                self._end_ok(result)

    def took_inline(self, took_s: float, cpu_s: Callable[[], float]) -> None:
        """Told by the engine after an inline execution that was slow, or follows a slow one.

        T12: after 3 slow calls of 5 an inline function runs in threads.
        """
        if self.run_in != "auto" or self._is_coroutine:
            return
        self._slow_calls += min(took_s, cpu_s()) > SLOW_CPU_S or took_s > SLOW_WALL_S
        self.calls_since_slow += 1
        if self._slow_calls >= SLOW_CALLS[0]:
            self.run_in, self.moved = "thread", True
        elif self.calls_since_slow >= SLOW_CALLS[1]:
            self._slow_calls = self.calls_since_slow = 0

    def _execute_elsewhere(self) -> None:
        self._token += 1
        self.ran_elsewhere = True
        self._note()
        if self._is_coroutine and self.run_in != "process":
            self._task = self.engine.spawn(self, self._run_coroutine(self._token))
        else:
            self._submit()
        if self.timeout_s is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.timeout_s, self._expire, self._token)

    async def _run_coroutine(self, token: int) -> None:
        try:
            result = await self._call(self._args)
        except asyncio.CancelledError:
            if token == self._token:
                self._end_given_up()
        except (Exception, SystemExit) as error:
            if token == self._token:
                self.end_failed(error)
        else:
            if token == self._token:
                self._end_ok(result)

    def _submit(self) -> None:
        token, args = self._token, self._args

        def done(result: Any, error: BaseException | None) -> None:
            if token != self._token or self._phase != RUNNING:
                return  # of an execution that was given up
            if error is not None:
                self.end_failed(error)
            else:
                self._end_ok(result)

        def report(so_far: float, total: float | None, text: str) -> None:
            if token == self._token and self._phase == RUNNING:
                self.report(so_far, total, text)

        if self.run_in == "process":
            from funcnodes.core.running import processes

            self._job = processes.submit(self, args, report, done)
        else:
            self.engine.submit(self, lambda: self._call(args), done)

    def _expire(self, token: int) -> None:
        if token == self._token and self._phase == RUNNING:
            error = NodeTimeout(f"{self.name} was given up after {self.timeout_s:g} s.")
            self._abandon(Outcome("timeout", self, error))

    # ── ending ────────────────────────────────────────────────────────────────────────────

    def _end_ok(self, result: Any) -> None:
        wave = self._wave
        assert wave is not None
        if self.ran_elsewhere:  # where it may be queued anew before somebody asks
            self._made = (self._args, wave, self._taken[1] if self._taken is not None else ())
        if result is not None or self.returns_none:
            try:
                if self._single is not None:
                    self._single.emit(result, wave)
                else:
                    self._deliver(result, wave)
            except Exception as error:
                self.end_failed(error)
                return
        self._error = None
        if self._has_aftermath:
            self._clear_up(wave)
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

    def _clear_up(self, wave: Wave) -> None:
        """What an effect, or a node that resets its inputs, does after a success."""
        args = self._args
        taken = args if isinstance(args, dict) else dict(zip(self._names, args, strict=True))
        if self.effect:
            self._mark_applied(taken)
        if self.reset_inputs_on_trigger:
            self._reset_inputs(taken, wave)

    def _reset_inputs(self, taken: Mapping[str, Any], wave: Wave) -> None:
        """Back to the defaults, without triggering; what was set meanwhile stays."""
        for port in self._parameters:
            is_newer = port.wave is not None and port.wave.id > wave.id
            if not is_newer and taken.get(port.id, NoValue) is port._value:
                port.reset()

    def _mark_applied(self, taken: Mapping[str, Any]) -> None:
        """What was restored as text has now been acted on, unless it changed meanwhile."""
        for port in self._parameters:
            if not port.applied and taken.get(port.id, NoValue) is port._value:
                port.applied = True
                self.note_port(port)

    def _deliver(self, result: Any, wave: Wave) -> None:
        """Hand what `func` returned to several outputs."""
        outputs = self._results
        if isinstance(result, dict) and result.keys() <= self.outputs.keys():
            for port_id, value in result.items():
                self.outputs[port_id].emit(value, wave)
        elif outputs:
            if not isinstance(result, tuple | list) or len(result) != len(outputs):
                raise GraphError(f"{self.name} returned {result!r} for {len(outputs)} outputs.")
            for port, value in zip(outputs, result, strict=True):
                port.emit(value, wave)

    def end_failed(self, error: BaseException) -> None:
        if self._may_retry():
            self._retry(error)
            return
        wave = self._wave
        assert wave is not None
        self._error = error
        wave.note(Outcome("failed", self, error))
        if self.listeners is not None:
            self.emit("error", error=error)
        self._end(wave)

    def _may_retry(self) -> bool:
        """Whether another attempt is left; what acts on the world is never repeated."""
        execution, attempts = self._retried
        failed = attempts if execution == self.runs else 0
        return failed + 1 < self.max_attempts and not self.effect and self._giving_up is None

    def _retry(self, error: BaseException) -> None:
        """Queue the same execution once more, with the arguments it had, in its wave."""
        execution, attempts = self._retried
        self._retried = (self.runs, attempts + 1 if execution == self.runs else 1)
        if self.ran_elsewhere:
            self._clear_elsewhere()
        self._phase = QUEUED
        self._note()
        self.emit("retry", error=error, attempt=self._retried[1])
        if self.retry_delay_s > 0:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.retry_delay_s, self._requeue)
        else:
            self._requeue()

    def _requeue(self) -> None:
        self._timer = None
        self.engine.ready.append(self)
        if not self.engine.draining:
            self.engine.arm()

    def _end_given_up(self) -> None:
        wave = self._wave
        assert wave is not None
        outcome = self._giving_up or self._cancelled("cancelled")
        self._error = outcome.error
        wave.note(outcome)
        self._end(wave)

    def _cancelled(self, reason: str) -> Outcome:
        how = reason if reason == "cancelled" else f"cancelled: {reason.rstrip('.')}"
        return Outcome("cancelled", self, NodeCancelled(f"{self.name} was {how}."), reason)

    def _end(self, wave: Wave) -> None:
        self.runs += 1
        if self.ran_elsewhere or self._giving_up is not None:
            self._clear_elsewhere()
        self._phase = IDLE
        self._wave = None
        if self._later:
            self._start_next()
        elif self.backlog is not None:
            self.backlog.start_next()
        if self.changes is not None:
            self.changes.note_node(self)
        if self.listeners is not None:
            self.tell_plainly("triggerdone")
        if not self.is_busy_in(wave):
            wave._active.discard(self)  # `wave.leave`, written out
            if not wave._active or wave._waiting:
                wave._progress()
            elif wave._watchers:
                wave._wake()

    def end_heard(self, wave: Wave) -> None:
        """The end of an execution on the engine's fast path, where somebody waits or listens."""
        if self._later:
            self._start_next()
        if self.changes is not None:
            self.changes.note_node(self)
        if self.listeners is not None:
            self.tell_plainly("triggerdone")
        if not self.is_busy_in(wave):
            wave.leave(self)

    def is_busy_in(self, wave: Wave) -> bool:
        """Whether an execution in `wave` is queued or running, or waits for its turn."""
        if self._phase != IDLE and (self._wave is wave or wave in self._later):
            return True
        return self.backlog is not None and self.backlog.holds(wave)

    def _clear_elsewhere(self) -> None:
        """Of a task or thread nothing is left; and it is known how long it took."""
        if self._phase == RUNNING:
            self.took_s = perf_counter() - self._began
        self.ran_elsewhere = False
        self._task = self._giving_up = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start_next(self) -> None:
        """Trigger the next rerun; its arguments are taken now, unless its wave queued its own."""
        while self._later and self._phase == IDLE:
            wave = next(iter(self._later))
            queued = self._later.pop(wave)
            args = self._take_arguments() if queued is None else queued[0]
            if queued is not None:
                self._waves = queued[1]
            if args is None:
                wave.leave(self)
            else:
                self._trigger(wave, args)

    # ── giving up ─────────────────────────────────────────────────────────────────────────

    def cancel(self, reason: str = "cancelled") -> None:
        """Give up everything it is doing or is to do (T10)."""
        for wave in list(self._later):
            self._drop_later(wave, reason)
        if self.backlog is not None:
            self.backlog.drop()
        for wave in list(self.waiting_in):
            wave.forget(self)
        if self._phase != IDLE:
            self._abandon(self._cancelled(reason))

    def cancel_in(self, wave: Wave, reason: str) -> None:
        """Give up only what belongs to `wave`."""
        if wave in self._later:
            self._drop_later(wave, reason)
        if self.backlog is not None:
            self.backlog.drop(wave)
        if self._wave is wave and self._phase != IDLE:
            self._abandon(self._cancelled(reason))

    def fail_in(self, wave: Wave, error: BaseException) -> None:
        """A value on its way to this node in `wave` was refused: it counts as its failure."""
        self._error = error
        wave.note(Outcome("failed", self, error))
        self._note()

    def _drop_later(self, wave: Wave, reason: str) -> None:
        del self._later[wave]
        wave.note(Outcome("cancelled", self, None, reason))
        if wave is not self._wave:
            wave.leave(self)

    def _abandon(self, outcome: Outcome) -> None:
        """End the execution now where it can be left, or as soon as its coroutine has unwound."""
        if self._giving_up is not None:
            return
        self._giving_up = outcome
        task = self._task
        if task is None:
            self._token += 1  # a thread's late result is discarded
            if self._job is not None:
                self._job.cancel()
            self._end_given_up()
            return

        token = self._token

        def unwound(_: Any) -> None:
            if token == self._token and self._phase == RUNNING:
                self._end_given_up()  # it was cancelled before its first step

        task.add_done_callback(unwound)
        task.cancel(outcome.reason)

    # ── awaiting ──────────────────────────────────────────────────────────────────────────

    def __await__(self) -> Generator[Any, None, "Node"]:
        return self._await_done().__await__()

    async def _await_done(self) -> "Node":
        """T9: what is in flight and what it sets off; triggered once first if nothing is."""
        self._refuse_deadlock()
        self.engine.arm()
        if self._in_flight() is None and self.ready():
            self.request_trigger()
        await self._rest()
        self._raise_own_error()
        return self

    async def settled(self) -> None:
        """Wait for what is in flight, downstream too; never triggers, never raises for it (T9)."""
        self._refuse_deadlock()
        self.engine.arm()
        await self._rest()
        if self.asked is not None and not self.asked.settled:
            await self.asked.wait_clear(self._followers())

    async def await_trigger(self) -> None:
        """Wait until its own executions have ended; never triggers.

        Raises:
            NodeTriggerError: Its function raised.
        """
        await self.wait_for_trigger_finish()
        self._raise_own_error()

    async def wait_for_trigger_finish(self) -> None:
        """Wait until its own executions have ended; never triggers, never raises for them."""
        current = self.engine.current()
        if current is self:
            raise AwaitCycleError(f"{self.name} cannot await itself from inside its function.")
        self._refuse_deadlock()
        self.engine.arm()
        while (wave := self._in_flight()) is not None:
            await wave.wait_clear({self})

    async def await_until_complete(self) -> None:
        """Wait until it and all it set off have ended; never triggers, never raises for it."""
        await self.settled()

    @classmethod
    async def initialize_and_call(
        cls,
        *,
        node_init_kwargs: Mapping[str, Any] | None = None,
        return_dict: bool = False,
        **inputs: Any,
    ) -> Any:
        """Make a node, set its inputs, run it once, and hand out what it gives.

        Args:
            node_init_kwargs: Arguments of the constructor.
            return_dict: Give a dictionary by output id even for one output.
            inputs: Values by input id.

        Returns:
            The value of a single output, a tuple of several, or the dictionary.

        Raises:
            PortNotFoundError: There is no input of that name.
            GraphError: A required input has no value.
            NodeTriggerError: The function raised.
        """
        node = cls(**(node_init_kwargs or {}))
        for port_id, value in inputs.items():
            node.get_input(port_id).set_value(value, does_trigger=False)
        missing = [port.name for port in node._required if port._value is NoValue]
        if missing:
            raise GraphError(f"{node.name} cannot run: {', '.join(missing)} is not set.")
        await node
        values = {port.id: port._value for port in node._results}
        if return_dict:
            return values
        return tuple(values.values()) if len(values) != 1 else next(iter(values.values()))

    @property
    def in_flight(self) -> bool:
        """Whether an execution of it is waiting, queued or running."""
        return self._in_flight() is not None

    def busy_in(self) -> "Iterator[Wave]":
        """Every wave in which something of it is queued, running or waiting."""
        if self._phase != IDLE and self._wave is not None:
            yield self._wave
        yield from self._later
        yield from self.waiting_in

    def input_waves(self) -> "Iterator[Wave]":
        """The waves in which the inputs that trigger it were set."""
        return (p.wave for p in self._parameters if p.triggers and p.wave is not None)

    def _in_flight(self) -> Wave | None:
        """A wave in which something of this node is still to end."""
        return self._wave if self._phase != IDLE else next(iter(self.waiting_in), None)

    async def _rest(self) -> None:
        wave = self._in_flight()
        self.engine.drain_now()
        while wave is not None:
            if not wave.settled:
                await wave.wait_clear(self._followers())
            wave = self._in_flight()

    def _followers(self) -> frozenset["Node"]:
        """Itself and all that it can set off."""
        return topology.downstream(self) | {self}

    def _refuse_deadlock(self) -> None:
        current = self.engine.current()
        if current is None or current not in self._followers():
            return
        who = "itself" if current is self else f"its ancestor {self.name}"
        raise AwaitCycleError(f"{current.name} cannot await {who} from inside its function.")

    def _raise_own_error(self) -> None:
        error = self._error
        if error is None:
            return
        if isinstance(error, NodeCancelled | NodeTimeout):
            raise error
        message = error.message if isinstance(error, FuncnodesError) else _describe(error)
        raise NodeTriggerError(f"{self.name}: {message}", node=self.uuid) from error

    def _note(self) -> None:
        if self.changes is not None:
            self.changes.note_node(self)


def _order_ports(*, hidden: bool) -> tuple[NodeInput, NodeOutput]:
    return (
        NodeInput(TRIGGER_IN, Trigger, "trigger", required=False, hidden=hidden),
        NodeOutput(TRIGGER_OUT, Trigger, "done", hidden=hidden),
    )


_ORDER_PORTS = {shown: _order_ports(hidden=not shown) for shown in (True, False)}


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def run_until_complete(*nodes: Node) -> None:
    """Drive nodes without a running loop until they, and all they set off, are done (T12).

    Raises:
        NodeTriggerError: The first error of one of them.
    """

    async def drive() -> None:
        for node in nodes:
            await node

    asyncio.run(drive())


@contextmanager
def loading() -> Iterator[None]:
    """Nodes made inside do not trigger themselves: they come from a file (A1)."""
    token = _is_loading.set(True)
    try:
        yield
    finally:
        _is_loading.reset(token)
