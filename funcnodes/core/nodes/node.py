"""Nodes: units of computation with typed inputs and outputs, as their authors and users see them.

A node is idle, queued or running; it executes in exactly one wave at a time. When it is triggered,
how it executes and how one waits for it is said in `running`: here is what it is made of, what it
says of itself, and what it may be asked to be.
"""

import inspect
import uuid as _uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal

from funcnodes.core import codec
from funcnodes.core.events import ValueEvents, Watcher
from funcnodes.core.nodes import form, taken
from funcnodes.core.nodes.home import Home
from funcnodes.core.nodes.inputs import NodeInput
from funcnodes.core.nodes.loading import is_loading
from funcnodes.core.nodes.outputs import NodeOutput
from funcnodes.core.nodes.place import Place
from funcnodes.core.nodes.port import TRIGGER_IN, TRIGGER_OUT, Port, told_apart
from funcnodes.core.nodes.progress import NodeProgress
from funcnodes.core.nodes.register import Register
from funcnodes.core.running import topology
from funcnodes.core.running.awaiting import Awaited
from funcnodes.core.running.engine import Engine, default_engine
from funcnodes.core.running.surface import IDLE, QUEUED, RUNNING, Policy, RunIn
from funcnodes.core.running.triggering import Ahead
from funcnodes.core.types import Trigger
from funcnodes.core.values import NoValue
from funcnodes.errors import GraphError, PortNotFoundError

State = Literal["idle", "queued", "running", "done", "error"]

_PORT_SETTINGS = {"name", "hidden", "pinned", "live", "does_trigger", "required", "allow_multiple"}
_SHORTCUTS = {"i", "o"}  # attributes of a node that a port may take over

_register: "Register[type[Node]]" = Register()


def get_nodeclass(node_id: str) -> type["Node"] | None:
    """The node class imported under that id in this process, if any."""
    return _register.find(node_id)


def register_weakly(nodeclass: "type[Node]") -> None:
    """Have it found by its id for as long as somebody else keeps it."""
    _register.add_weakly(nodeclass.node_id, nodeclass)


class Node(Awaited):
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

    __slots__ = ()

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
    grows: ClassVar[bool] = False  # a new edge may make a new input
    returns_none: ClassVar[bool] = False  # a result of None is a value, not "outputs were set"
    is_nobody: ClassVar[bool] = False  # stands in for the node of a port that has none
    is_frame: ClassVar[bool] = False  # it may hold nodes, which run when it says so
    takes_back: ClassVar[bool] = False  # edges from what it sets off back to it order nothing
    starts_wave: ClassVar[bool] = False  # what it gives belongs to the next wave (T8)
    set_off: topology.SetOff | None = None  # kept by topology, where it takes back
    in_loop: tuple[int, bool] | None = None  # kept by topology, where somebody asked
    linked: bool = False  # topology asks `links_in` and `links_out` too
    place: Place | None = None  # where a frame holds it; set through the nodespace
    timeout_s: float | None = None  # after so long an execution is given up (T10)
    retry_delay_s: float = 0.0  # between a failure and the next attempt
    backlog: Ahead | None = None  # what waits in front of it, where it has stream inputs (T5)
    reset_inputs_on_trigger: bool = False
    render_options: Mapping[str, Any] = {}  # an instance that has some has its own

    inputs: dict[str, NodeInput]
    outputs: dict[str, NodeOutput]
    changes: Watcher[Port, "Node"] | None
    _parameters: list[NodeInput]
    _required: list[NodeInput]
    _results: list[NodeOutput]
    _trigger_in: NodeInput
    _trigger_out: NodeOutput
    _muted: bool = False
    _watcher: Watcher[Port, "Node"] | None = None  # also while it knows enough: see `Changes`
    _is_heard: bool = False  # somebody listens to values of its ports
    _has_aftermath: bool = False
    _progress: NodeProgress | None = None
    _templates: ClassVar[dict[str, Port]] = {}
    _order_ports: ClassVar[tuple[NodeInput, NodeOutput]]
    _function: ClassVar[Callable[..., Any] | None] = None
    _is_coroutine: ClassVar[bool] = False
    _apart: ClassVar[frozenset[str]] = frozenset()  # outputs that its function's result is not for
    _is_usual: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        ports = [port for port in vars(cls).values() if isinstance(port, Port)]
        own = told_apart(cls.__name__, cls._templates, ports)
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
        cls._apart = cls._apart - own.keys()
        if "func" in vars(cls) and "_function" not in vars(cls):
            cls._function = None
        cls._is_coroutine = inspect.iscoroutinefunction(cls.func)
        cls.reset_inputs_on_trigger = cls.default_reset_inputs_on_trigger
        cls.render_options = cls.default_render_options
        cls._has_aftermath = cls.effect or cls.reset_inputs_on_trigger
        cls._is_usual = cls.request is Node.request and not cls._is_coroutine
        cls._order_ports = _ORDER_PORTS[cls.shows_order]
        cls._is_heard = any(port.is_heard for port in cls._templates.values())
        if "node_id" in vars(cls) and cls.node_id:
            _register.add(cls.node_id, cls)

    def __init__(
        self,
        uuid: str | None = None,
        name: str | None = None,
        *,
        reset_inputs_on_trigger: bool | None = None,
        render_options: Mapping[str, Any] | None = None,
        io_options: Mapping[str, Mapping[str, Any]] | None = None,
        trigger_on_create: bool | None = None,
        id: str | None = None,
        properties: Mapping[str, Any] | None = None,
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
            id: The same as `uuid`.
            properties: Free data that is saved with it.
        """
        super().__init__()
        self.uuid = uuid or id or _uuid.uuid4().hex
        self._name = name or ""
        self.nodespace: Home[Node, NodeOutput] | None = None
        self.engine: Engine = default_engine()
        self.engine.meet()
        self.properties: dict[str, Any] = {} if properties is None else {**properties}
        self._policy = self.default_policy
        self._run_in = self.default_run_in
        order = _ORDER_PORTS[self.shows_order]
        self._trigger_in, self._trigger_out = order[0].copy_for(self), order[1].copy_for(self)
        self.inputs = {TRIGGER_IN: self._trigger_in}
        self.outputs = {}
        for template in self._templates.values():
            self._own(template.copy_for(self))
        self.outputs[TRIGGER_OUT] = self._trigger_out
        self.ports_changed()
        if self._is_heard:
            self.watch_again()
        if reset_inputs_on_trigger is not None:
            self.set_reset_inputs(reset_inputs_on_trigger)
        if render_options is not None:
            self.render_options = {**self.default_render_options, **render_options}
        if self.default_io_options or io_options:
            self._set_io_options(self.default_io_options)
            self._set_io_options(io_options or {})
        if self.default_trigger_on_create if trigger_on_create is None else trigger_on_create:
            self._trigger_as_created()

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
        self.renamed()

    def renamed(self) -> None:
        """Tell what it feeds that it has another name."""
        for output in self.outputs.values():
            for inp in output.targets:
                inp.follow()

    def __getitem__(self, port_id: str) -> Port:
        return self.get_input_or_output(port_id)

    def __setitem__(self, port_id: str, value: Any) -> None:
        """`node["a"] = 1` sets an input as `set_value` does, or an output."""
        self.get_input_or_output(port_id).set_value(value)

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
        self._came(port)
        if port.is_heard:
            self.listeners_changed()
        return port

    def add_output(self, port: NodeOutput) -> NodeOutput:
        """Give this instance one more output."""
        self._own(port)
        self._came(port)
        if port.is_heard:
            self.listeners_changed()
        return port

    def remove_input(self, port: str | NodeInput) -> None:
        """Take an input away, and its edge; it is named by its id or given itself."""
        gone = self.get_input(port if isinstance(port, str) else port.id)
        gone.disconnect()
        del self.inputs[gone.id]
        gone.left()
        self.ports_changed()

    def remove_output(self, port: str | NodeOutput) -> None:
        """Take an output away, and its edges; it is named by its id or given itself."""
        gone = self.get_output(port if isinstance(port, str) else port.id)
        gone.disconnect()
        del self.outputs[gone.id]
        self.ports_changed()

    def grow_input(self, source: NodeOutput) -> NodeInput:
        """Make an input for an edge from `source`; only where `grows`."""
        raise GraphError(f"{self.name} takes no further inputs.")

    def edges_changed(self) -> None:
        """An edge came or went: if ▶ is connected, only ▶ triggers (T7)."""
        ordered = bool(self._trigger_in.sources)
        self._announces = self.shows_order or bool(self._trigger_out._edges)
        for port in self.inputs.values():
            port.triggers = port._does_trigger and (not ordered or port is self._trigger_in)
        for output in self.outputs.values():
            output.shares = output.type.kind in ("any", "array")
        if self.place is not None and self.nodespace is not None:
            self.nodespace.places.heed(self)
        self._choose_way()

    def _came(self, port: NodeInput | NodeOutput) -> None:
        """A port came, perhaps with edges from the time when it had no node."""
        self.ports_changed()
        if port.is_connected():
            topology.changed()

    def _own(self, port: Port) -> None:
        port.node = self
        ports: dict[str, Any] = self.inputs if port.is_input else self.outputs
        if port.id in ports:
            raise GraphError(f"{self.name} already has a port {port.id!r}.")
        ports[port.id] = port
        port.joined()

    def ports_changed(self) -> None:
        """A port came, went, or is required now, or no longer."""
        self._parameters = [p for p in self.inputs.values() if p is not self._trigger_in]
        self._names = [p.id for p in self._parameters]
        self._only = self._parameters[0] if len(self._parameters) == 1 else None
        self._required = [p for p in self._parameters if p.required]
        apart = {TRIGGER_OUT, *self._apart}
        self._results = [p for p in self.outputs.values() if p.id not in apart]
        self._single = self._results[0] if len(self._results) == 1 else None
        self.edges_changed()

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

    def _no_port(self, port_id: str, what: str, ports: Mapping[str, Any]) -> PortNotFoundError:
        known = ", ".join(name for name in ports if not name.startswith("_")) or "none"
        return PortNotFoundError(f"{self.name} has no {what} {port_id!r}; it has {known}.")

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
    def is_working(self) -> bool:
        return self._phase == RUNNING

    @property
    def duration_s(self) -> float | None:
        """How long the last execution took; None before the first."""
        return self.took_s if self.runs else None

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

    def check_unlocked(self) -> None:
        if self.nodespace is not None:
            self.nodespace.check_unlocked()

    def update_blocked(self) -> None:
        """Called when muting or arming changes."""
        self.blocked = self._muted or ((self.effect or self.is_frame) and self._builds)

    @property
    def _builds(self) -> bool:
        return self.nodespace is not None and not self.nodespace.acts_alone

    def set_reset_inputs(self, resets: bool) -> None:
        """Whether its inputs go back to their defaults after each success."""
        self.reset_inputs_on_trigger = resets
        self._has_aftermath = self.effect or resets
        self._choose_way()

    def _trigger_as_created(self) -> None:
        if not is_loading() and self.ready():
            self.request_trigger()

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
        self.progress.show(done, total, text)

    def progressed(self) -> None:
        """`progress` has changed; called on the loop."""
        self._note()
        if self.listeners is not None:
            self.emit("progress", progress=self.progress)

    # ── as plain data ─────────────────────────────────────────────────────────────────────

    def status(self) -> dict[str, Any]:
        """Whether it is ready, why not, and what it is doing; ready for JSON."""
        return form.status(self)

    def full_serialize(self) -> dict[str, Any]:
        """Everything there is to know of it, ready for JSON."""
        return form.full_form(self)

    @classmethod
    def serialize_cls(cls) -> dict[str, Any]:
        """The class as a library lists it, ready for JSON."""
        return form.class_form(cls)

    def serialize(self) -> dict[str, Any]:
        """Its saved form, ready for JSON.

        Raises:
            SavedGraphError: A value cannot be saved; names node and port.
        """
        return codec.SavedForm(form.dump_node(self))

    def deserialize(self, data: Mapping[str, Any]) -> None:
        """Take name, values and settings from a saved form; nothing runs.

        Raises:
            SavedGraphError: It is of another type of node, or cannot be read.
        """
        form.restore_node(self, data)

    # ── who is told ───────────────────────────────────────────────────────────────────────

    def watched_by(self, watcher: Watcher[Port, "Node"] | None) -> None:
        """From now on `watcher` is told of changes, beside those who listen."""
        self._watcher = watcher
        self.watch_again()

    def watch_again(self) -> None:
        """Tell the watcher, who knew enough, of the next change too."""
        self.changes = ValueEvents(self._watcher) if self._is_heard else self._watcher

    def listeners_changed(self) -> None:
        heard = self.listeners.own if self.listeners is not None else {}
        ports = (*self.inputs.values(), *self.outputs.values())
        self._is_heard = (
            "*" in heard or "after_set_value" in heard or any(port.is_heard for port in ports)
        )
        self.watch_again()
        self._choose_way()

    # ── hooks for subclasses ──────────────────────────────────────────────────────────────

    def on_added(self) -> None:
        """It became part of `self.nodespace`."""

    def on_removed(self) -> None:
        """It is about to leave `self.nodespace`."""

    def links_in(self) -> "Iterable[Node]":
        """Who comes before it otherwise than by edges to its inputs; only asked where `linked`."""
        frame = self.frame
        return () if frame is None else (frame,)

    def links_out(self) -> "Iterable[Node]":
        """Who comes after it otherwise than by edges from its outputs."""
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

    def _kept_form(self) -> dict[str, Any] | None:
        """Its saved form, where that is not made of its ports and settings."""
        return None

    def _followers(self) -> frozenset["Node"]:
        everybody: Node = self  # for `downstream`, which gives nodes of the kind that it is given
        return topology.downstream(everybody) | {everybody}

    # ── in one go ─────────────────────────────────────────────────────────────────────────

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


def _order_ports(*, hidden: bool) -> tuple[NodeInput, NodeOutput]:
    return (
        NodeInput(TRIGGER_IN, Trigger, "trigger", required=False, hidden=hidden),
        NodeOutput(TRIGGER_OUT, Trigger, "done", hidden=hidden),
    )


_ORDER_PORTS = {shown: _order_ports(hidden=not shown) for shown in (True, False)}
Node._order_ports = _ORDER_PORTS[Node.shows_order]
