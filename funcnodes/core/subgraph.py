"""Subgraphs: a part of a graph as one node, with ports of its own.

The inner nodes live in a nodespace inside the node, and run on the same engine in the same waves
as those outside: a value that reaches a port of the subgraph goes on to the inner inputs behind
it within its wave, and back out the same way. There is no inner engine and no copying; awaiting,
`settled` and cancelling see through the border. Each port is a *gate*: a node of the inner
nodespace, so that ports are wired, renamed, saved and undone as nodes are.

A graph keeps the whole of each of its subgraphs, values and all. A file of one is a template that
instances remember by name and version; the version is a hash of the structure: nodes, wires and
ports, without values and places on the canvas, which belong to the instance.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from funcnodes.core import codec, saved
from funcnodes.core.events import Watcher
from funcnodes.core.library import Library, Shelf
from funcnodes.core.node import Node, State
from funcnodes.core.nodespace import Arming, Changes, NodeSpace
from funcnodes.core.ports import NodeInput, NodeOutput, Port
from funcnodes.core.services import Services
from funcnodes.core.types import PortType, conversion
from funcnodes.core.values import NoValue, Quality
from funcnodes.core.waves import Wave
from funcnodes.core.wiring import hold, kept, lay, lift, take_value
from funcnodes.errors import (
    FuncnodesError,
    GraphError,
    NodeTriggerError,
    PortMismatchError,
    SavedGraphError,
)

SUFFIX = ".subgraph.json"
SHELF_NAME = "Subgraphs"
_PREFIX = "subgraph:"  # of the node ids of classes made from files


# ── gates: the ports, as seen from inside ─────────────────────────────────────────────────


class Gate(Node):
    """A port of the subgraph around it; its id is the port's, its name too."""

    linked = True

    @property
    def owner(self) -> "SubgraphNode | None":
        return self.nodespace.owner if isinstance(self.nodespace, InnerSpace) else None


class InputGate(Gate):
    """An input of the subgraph: what arrives there outside goes on here."""

    node_id = "subgraph.input"
    node_name = "Input"
    description = __doc__ or ""
    icon = "input"

    out = NodeOutput(type=Any, description="What the input of the subgraph is given.")

    @property
    def port(self) -> "OuterInput | None":
        """Its other side."""
        found = self.owner.inputs.get(self.uuid) if self.owner is not None else None
        return found if isinstance(found, OuterInput) else None

    def func(self) -> Any:
        """Pass on again what the input has."""
        value = self.port.value if self.port is not None else NoValue
        return None if value is NoValue else value

    def rewired(self) -> None:
        super().rewired()
        if self.port is not None:
            self.port.fit_inside()

    def links_in(self) -> Iterable[Node]:
        outside = () if self.port is None else (o.gate or o.node for o in self.port.sources)
        return [*super().links_in(), *outside]


class Sink(NodeInput):
    """The inner side of an output: nothing runs here, the value goes on outside."""

    def receive(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        take_value(self, value, wave, quality)
        port = self.node.port if isinstance(self.node, OutputGate) else None
        if port is not None:
            port.emit(value, wave, quality)


class OutputGate(Gate):
    """An output of the subgraph: what arrives here goes on outside."""

    node_id = "subgraph.output"
    node_name = "Output"
    description = __doc__ or ""
    icon = "output"

    value = Sink(type=Any, required=False, description="What the output of the subgraph gives.")

    @property
    def port(self) -> "OuterOutput | None":
        """Its other side."""
        found = self.owner.outputs.get(self.uuid) if self.owner is not None else None
        return found if isinstance(found, OuterOutput) else None

    def func(self, **_: Any) -> None:
        """Nothing: values pass through the ports."""

    def rewired(self) -> None:
        super().rewired()
        if self.port is not None:
            sources = self.inputs["value"].sources
            self.port.type = sources[0].type if sources else PortType.of(Any)
            for inp in self.port.targets:
                self.port.refit(inp)

    def links_out(self) -> Iterable[Node]:
        return () if self.port is None else (i.gate or i.node for i in self.port.targets)


# ── the ports, as seen from outside ───────────────────────────────────────────────────────


class OuterInput(NodeInput):
    """An input of a subgraph: type, limits and default are those of the inputs behind it."""

    gate: InputGate

    def __init__(self, gate: InputGate) -> None:
        super().__init__(gate.uuid, Any, required=False)
        self.gate = gate

    @property
    def name(self) -> str:
        return self.gate.name

    @name.setter
    def name(self, name: str) -> None:
        self.gate.name = name

    @property
    def inner(self) -> list[NodeInput]:
        """The inputs behind it."""
        return list(self.gate.out.targets)

    def receive(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        take_value(self, value, wave, quality)
        owner = self.node
        if self.triggers and not owner.blocked and isinstance(owner, SubgraphNode):
            self.gate.out.emit(value, wave, quality)
            owner.entered_by(wave)
        else:
            hold(self.gate.out, value, wave, quality)

    def restore(self, value: Any) -> None:
        super().restore(value)
        for inp, convert in self.gate.out._wires:
            inp.restore(value if convert is None else convert(value))

    def unset(self) -> None:
        super().unset()
        self.gate.out.unset()
        for inp in self.inner:
            inp.unset()

    def fit_inside(self) -> None:
        """Become like the inputs behind it; called when wires inside come and go."""
        inner, owner = self.inner, self.node
        first = next((inp for inp in inner if inp.type.kind != "trigger"), None)
        first = first or next(iter(inner), None)  # ▶ takes anything, so it says little
        kind = first.type if first is not None else PortType.of(Any)
        if kind != self.gate.out.type:
            self.type = self.gate.out.type = kind
            out = self.gate.out
            out._wires = [(inp, out.check_wire(inp)) for inp in inner]
            for source in self.sources:
                source.refit(self)
        if first is not None:
            self.value_options = dict(first.value_options)
            self.description = first.description
            if self._value is self.default and not self.sources:
                self._value = first.default
            self.default = first.default
        self.required = any(inp.required for inp in inner)
        owner.ports_changed()


class OuterOutput(NodeOutput):
    """An output of a subgraph."""

    gate: OutputGate

    def __init__(self, gate: OutputGate) -> None:
        super().__init__(gate.uuid, Any)
        self.gate = gate

    @property
    def name(self) -> str:
        return self.gate.name

    @name.setter
    def name(self, name: str) -> None:
        self.gate.name = name


def check_crossing(output: NodeOutput, inp: NodeInput) -> None:
    """Whether wires across a border would go on to fit if these two were wired.

    Raises:
        PortMismatchError: One outside would not.
    """
    into, out_of = inp.node, output.node
    if isinstance(into, OutputGate) and into.port is not None:
        for target in into.port.targets:
            output.check_wire(target)
            check_crossing(output, target)
    if isinstance(out_of, InputGate) and out_of.port is not None and not out_of.port.inner:
        for source in out_of.port.sources:
            source.check_wire(inp)
            check_crossing(source, inp)


# ── the node, and the nodespace in it ─────────────────────────────────────────────────────


class _Relay(Changes):
    """What changes inside is noted for who watches inside, and as the subgraph's own state."""

    __slots__ = ("_owner",)

    def __init__(self, owner: "SubgraphNode", wake: Callable[[], None]) -> None:
        super().__init__(wake)
        self._owner = owner

    def note_node(self, node: Node) -> None:
        super().note_node(node)
        if self._owner.changes is not None:
            self._owner.changes.note_node(self._owner)


class InnerSpace(NodeSpace):
    """The nodes of one subgraph; armed, locked and served as the nodespace around it."""

    def __init__(self, owner: "SubgraphNode") -> None:
        super().__init__()
        self.owner = owner

    @property
    def outer(self) -> NodeSpace | None:
        """The nodespace that the subgraph is in."""
        return self.owner.nodespace

    @property
    def arming(self) -> Arming:
        return self.outer.arming if self.outer is not None else "live"

    @arming.setter
    def arming(self, arming: Arming) -> None:
        """It is armed with what is around it, never alone."""

    @property
    def locked(self) -> bool:
        return self.outer is not None and self.outer.locked

    def bind(self, space: NodeSpace) -> None:
        """Use library, services and engine of `space` from now on."""
        self.lib, self.services, self.engine = space.lib, space.services, space.engine
        self.reservations = space.reservations
        for node in self.nodes:
            node.on_removed()
            node.engine = self.engine
            node.update_blocked()
            node.on_added()

    def watch(self, wake: Callable[[], None]) -> Changes:
        self._changes = _Relay(self.owner, wake)
        for node in self.nodes:
            node.watched_by(self._changes)
        return self._changes

    def _attach(self, node: Node, extra: Mapping[str, Any] | None = None) -> None:
        super()._attach(node, extra)
        self.owner.expose(node)

    def _adopt(self, node: Node) -> None:
        super()._adopt(node)
        self.owner.expose(node)

    def _detach(self, node: Node) -> None:
        super()._detach(node)
        self.owner.conceal(node)


class SubgraphNode(Node):
    """A part of a graph as one node. Open it to see and change what is inside.

    Attributes:
        inner: The nodes inside.
        file: Name of the file that it was made from or saved to, or "".
        origin: Version of that file then, or "".
    """

    node_id = "subgraph"
    node_name = "Subgraph"
    description = "A part of a graph as one node. Open it to see and change what is inside."
    icon = "subgraph"
    words = ("group", "function", "macro", "reuse", "collapse")
    linked = True
    definition: ClassVar[Mapping[str, Any] | None] = None  # of the file that its class is made of

    def __init__(self, uuid: str | None = None, name: str | None = None) -> None:
        super().__init__(uuid, name)
        self.inner = InnerSpace(self)
        self.file = ""
        self.origin = ""
        self._is_filled = False
        self._start = _Start(self)
        self._trigger_in.gate = self._start

    def func(self, **_: Any) -> None:
        """Nothing: by then all that is inside has come to rest, and ▶ done may say so."""

    # ── saved form ────────────────────────────────────────────────────────────────────────

    @property
    def version(self) -> str:
        """Hash of its structure: the same for the same nodes, wires and ports."""
        return version_of(saved.dump(self.inner))

    @property
    def is_edited(self) -> bool:
        """Whether it is another than its file was when it was made from it or saved to it."""
        return self.origin != "" and self.version != self.origin

    def is_behind(self, lib: Library) -> bool:
        """Whether the file that it came from has another version now."""
        found = lib.find_subgraph(self.file)
        return found is not None and version_of(found["graph"]) != self.origin

    def update(self, lib: Library) -> None:
        """Take over what its file is now; values and wires of what stays are kept.

        Raises:
            GraphError: The library has no such file.
            RefusedError: A run is on.
        """
        found = lib.find_subgraph(self.file)
        if found is None:
            raise GraphError(f"{self.name}: there is no file {self.file!r} in the library.")
        self.replace_inner(found["graph"])
        self.origin = self.version

    def replace_inner(self, graph: Mapping[str, Any]) -> None:
        """Put other nodes inside; values and wires of what stays are kept."""
        self.inner.check_unlocked()
        values = {p.id: p.value for p in self._outer_inputs() if not p.sources and _is_set(p)}
        ins = [(source, p.id) for p in self._outer_inputs() for source in p.sources]
        outs = [(p.id, inp, kept(inp)) for p in self._outer_outputs() for inp in p.targets]
        for _, inp, _ in outs:
            lift(inp.sources[0], inp)
        self.inner.deserialize(_with_values(graph, saved.dump(self.inner)))
        for port_id, value in values.items():
            if port_id in self.inputs:
                self.inputs[port_id].restore(self.inputs[port_id].check(value))
        for source, port_id in ins:
            if port_id in self.inputs:
                self._rejoin(source, port_id)
        for port_id, inp, restore in outs:
            if port_id in self.outputs:
                lay(self.outputs[port_id], inp)
                restore()
            else:
                inp.unset()

    def _rejoin(self, source: NodeOutput, port_id: str) -> None:
        """Wire an input again, and have it and what is behind it take the present value."""
        port = self.inputs[port_id]
        assert isinstance(port, OuterInput)
        lay(source, port)
        if source._value is not NoValue:
            value = source._value
            convert = source.check_wire(port)
            value = value if convert is None else convert(value)
            take_value(port, value, source.wave, source.quality)
            hold(port.gate.out, value, source.wave or Wave(), source.quality)

    def saved_extra(self) -> dict[str, Any]:
        own: dict[str, Any] = {"graph": saved.dump(self.inner)}
        if self.file:
            own |= {"file": self.file, "version": self.origin}
        kind = {"node_id": SubgraphNode.node_id, "node_name": SubgraphNode.node_name}
        return {**kind, "subgraph": own}

    def restore_extra(self, data: Mapping[str, Any]) -> None:
        own = data.get("subgraph")
        if own is None and (self._is_filled or self.definition is None):
            return
        if self.nodespace is not None:
            self.inner.bind(self.nodespace)
        if own is None:
            assert self.definition is not None
            self.fill(self.definition)
            return
        if not isinstance(own, Mapping):
            raise SavedGraphError(f"{self.name} holds no subgraph.")
        self.inner.deserialize(own.get("graph", {}))
        self.file, self.origin = str(own.get("file", "")), str(own.get("version", ""))
        self._is_filled = True

    def fill(self, definition: Mapping[str, Any]) -> None:
        """Become what a file says."""
        self.inner.deserialize(definition["graph"])
        for port_id, value in definition.get("values", {}).items():
            port = self.inputs.get(port_id)
            if port is not None:
                port.restore(port.check(codec.from_json(value)))
        self._name = self._name or str(definition.get("name", ""))
        self.file, self.origin = str(definition.get("file", "")), self.version
        self._is_filled = True

    def save(self, path: Path) -> None:
        """Write it to a file, old or new, never half of it; it counts as made from it then.

        Raises:
            SavedGraphError: The name does not end in `SUFFIX`, or it cannot be written.
        """
        name, data = _stem(path), self.file_data()
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            partial.write_text(json.dumps(data, indent=1, allow_nan=False), encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise SavedGraphError(f"{path} cannot be written: {error.strerror}.") from error
        self.file, self.origin = name, str(data["version"])

    def file_data(self) -> dict[str, Any]:
        """What a file of it says.

        Raises:
            SavedGraphError: A value inside cannot be saved.
        """
        graph = saved.dump(self.inner)
        values = {p.id: codec.to_json(p.value) for p in self._outer_inputs() if _is_set(p)}
        return {
            "format": saved.FORMAT, "kind": "subgraph", "name": self.name,
            "version": version_of(graph), "values": values, "graph": graph,
        }  # fmt: skip

    @classmethod
    def load(cls, path: Path, lib: Library | None = None) -> "SubgraphNode":
        """Make one from a file.

        Raises:
            SavedGraphError: It is no subgraph, or it cannot be read.
        """
        node = cls()
        node.inner.lib = lib or Library()
        node.fill(read_subgraph(path))
        return node

    # ── ports ─────────────────────────────────────────────────────────────────────────────

    def promote(self, port: Port, *, name: str = "") -> Port:
        """Make a port of an inner node one of the subgraph, with the value that it has.

        Raises:
            GraphError: It is not inside, or is an input that has a wire.
            RefusedError: A run is on.
        """
        if port.node.nodespace is not self.inner:
            raise GraphError(f"{port.node.name} is not directly inside {self.name}.")
        self.inner.check_unlocked()
        if isinstance(port, NodeInput):
            if port.sources and not port.allow_multiple:
                raise GraphError(f"{port.node.name}.{port.id} already has a wire.")
            return self._input_for([port], name)
        assert isinstance(port, NodeOutput)
        return self._output_for(port, name)

    def demote(self, port: Port) -> None:
        """Take a port away; inner inputs keep its value, wires outside go.

        Raises:
            GraphError: It is no port of this subgraph.
            RefusedError: A run is on.
        """
        if not isinstance(port, OuterInput | OuterOutput) or port.node is not self:
            raise GraphError(f"{port.id} is no port that {self.name} could do without.")
        states = [kept(inp) for inp in port.inner] if isinstance(port, OuterInput) else []
        self.inner.remove_node_instance(port.gate)
        for restore in states:
            restore()

    def expose(self, node: Node) -> None:
        """Called when `node` is new inside: a gate gives the subgraph a port."""
        if isinstance(node, InputGate) and node.uuid not in self.inputs:
            self.add_input(OuterInput(node))
            node.rewired()
        elif isinstance(node, OutputGate) and node.uuid not in self.outputs:
            self.add_output(OuterOutput(node))
            node.rewired()

    def conceal(self, node: Node) -> None:
        """Called when `node` has gone from inside."""
        if isinstance(node, InputGate) and node.uuid in self.inputs:
            self.remove_input(node.uuid)
        elif isinstance(node, OutputGate) and node.uuid in self.outputs:
            self.remove_output(node.uuid)

    def _input_for(self, inner: list[NodeInput], name: str = "") -> OuterInput:
        """A new input that stands for these, and has the value of the first."""
        first = inner[0]
        gate = InputGate(self._free_id(first.id), name or first.name)
        states = [kept(inp) for inp in inner]
        self.inner.add_node_instance(gate)
        for inp in inner:
            lay(gate.out, inp)
        for restore in states:
            restore()
        port = gate.port
        assert port is not None, "the gate is inside"
        gate.out._value = first._value
        take_value(port, first._value, first.wave, first.quality)
        port.applied = first.applied
        return port

    def _output_for(self, output: NodeOutput, name: str = "") -> OuterOutput:
        """A new output that gives what `output` does."""
        gate = OutputGate(self._free_id(output.id), name or output.name)
        self.inner.add_node_instance(gate)
        lay(output, gate.value)
        port = gate.port
        assert port is not None, "the gate is inside"
        for copy in (gate.value, port):
            take_value(copy, output._value, output.wave, output.quality)
        return port

    def _free_id(self, wanted: str) -> str:
        wanted = {"_triggerinput": "trigger", "_triggeroutput": "done"}.get(wanted, wanted)
        taken = {*self.inputs, *self.outputs}
        number, free = 1, wanted
        while free in taken or self.inner.has_node(free):
            number += 1
            free = f"{wanted}_{number}"
        return free

    def _outer_inputs(self) -> list[OuterInput]:
        return [port for port in self.inputs.values() if isinstance(port, OuterInput)]

    def _outer_outputs(self) -> list[OuterOutput]:
        return [port for port in self.outputs.values() if isinstance(port, OuterOutput)]

    # ── part of a nodespace ───────────────────────────────────────────────────────────────

    def watched_by(self, watcher: Watcher | None) -> None:
        super().watched_by(watcher)
        if watcher is not None and self.inner._changes is None:
            self.inner.watch(lambda: None)

    def on_added(self) -> None:
        assert self.nodespace is not None
        self.inner.bind(self.nodespace)

    def on_removed(self) -> None:
        for node in self.inner.nodes:
            node.on_removed()

    def inner_nodes(self) -> Iterable[Node]:
        return self.inner.walk()

    def update_blocked(self) -> None:
        super().update_blocked()
        for node in self.inner.nodes if "inner" in self.__dict__ else ():
            node.update_blocked()
            node.blocked = node.blocked or self._muted
        if "inner" in self.__dict__:
            self.inner.emit("arming", arming=self.inner.arming)

    def check_run(self) -> list[str]:
        return [
            f"{self.name}: {sentence}" for node in self.inner.nodes for sentence in node.check_run()
        ]

    # ── running ───────────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> State:
        states = {super().state, *(node.state for node in self.inner.nodes)}
        order: tuple[State, ...] = ("running", "queued", "error", "done")
        return next((state for state in order if state in states), "idle")

    @property
    def error(self) -> BaseException | None:
        inside = (node.error for node in self.inner.nodes)
        return super().error or next(filter(None, inside), None)

    @property
    def in_trigger(self) -> bool:
        return super().in_trigger or any(node.in_trigger for node in self.inner.nodes)

    @property
    def is_working(self) -> bool:
        return super().is_working or any(node.is_working for node in self.inner.nodes)

    def ready_to_trigger(self) -> bool:
        return not self.in_trigger and self.ready()

    def request(self, wave: Wave) -> None:
        """Run what is inside: every inner node that nothing else inside triggers."""
        if self.blocked or wave.cancelled is not None:
            return
        if self.listeners is not None:
            self.emit("request_trigger")
        for node in self.roots():
            node.request(wave)
        self.entered_by(wave)

    def entered_by(self, wave: Wave) -> None:
        """Something of `wave` has begun inside: ▶ done follows when it is at rest."""
        self.asked = wave
        if self._announces:
            wave.await_ancestors(self)

    def roots(self) -> Iterator[Node]:
        """Inner nodes that no other node inside triggers; gates aside."""
        for node in self.inner.nodes:
            sources = (out.node for inp in node.inputs.values() for out in inp.sources)
            inside = any(not isinstance(source, Gate) for source in sources)
            if not (inside or isinstance(node, Gate) or node.frame is not None):
                yield node

    def cancel(self, reason: str = "cancelled") -> None:
        super().cancel(reason)
        self.inner.cancel_all(reason)

    def links_in(self) -> Iterable[Node]:
        """As an event of its own (▶ done) it comes after all that is inside."""
        return [*super().links_in(), *self.inner.nodes]

    def _in_flight(self) -> Wave | None:
        inside = (node._in_flight() for node in self.inner.nodes)
        return super()._in_flight() or next(filter(None, inside), None)

    def _followers(self) -> frozenset[Node]:
        return super()._followers().union(*(node._followers() for node in self.inner.nodes))

    def _raise_own_error(self) -> None:
        super()._raise_own_error()
        for node in self.inner.nodes:
            try:
                node._raise_own_error()
            except NodeTriggerError as error:
                text = f"{self.name}: {error.message}"
                raise NodeTriggerError(text, node=self.uuid) from error.__cause__


class _Start(Node):
    """Where ▶ of a subgraph leads, for topology: to all that it sets off. Never runs."""

    linked = True

    def __init__(self, owner: SubgraphNode) -> None:
        super().__init__()
        self._owner = owner

    def links_out(self) -> Iterable[Node]:
        return self._owner.roots()


# ── making and dissolving ─────────────────────────────────────────────────────────────────


def make_subgraph(
    space: NodeSpace, nodes: Iterable[Node], *, name: str = "Subgraph", uuid: str | None = None
) -> SubgraphNode:
    """Put nodes of `space` into a subgraph in their place; nothing runs because of it.

    A frame goes with what it holds. Every output outside that feeds them becomes an input of the
    subgraph, and every output of theirs that feeds others becomes one of its outputs.

    Args:
        uuid: Id of the subgraph, where it is to have a certain one.

    Raises:
        GraphError: One is not in `space`, or they are held in different places.
        RefusedError: A run is on.
    """
    space.check_unlocked()
    chosen = _with_members(space, nodes)
    place = _common_place(chosen)
    into = {
        (out, inp): kept(inp)
        for node in chosen for inp in node.inputs.values() for out in inp.sources
        if out.node not in chosen
    }  # fmt: skip
    back = {
        (out, inp): kept(inp)
        for node in chosen for out in node.outputs.values() for inp in out.targets
        if inp.node not in chosen
    }  # fmt: skip
    leading_out = ((i, t) for node in chosen for i in node.inputs.values() for t in i.targets)
    _refuse_forwards([*into, *(wire for wire in leading_out if wire[1].node not in chosen)])
    subgraph = SubgraphNode(uuid=uuid, name=name)
    _put_amid(subgraph, chosen)
    space.add_node_instance(subgraph)
    for node in chosen:
        if node.frame is not None and node.frame not in chosen:
            space.put_in(node, None)
    _move(chosen, space, subgraph.inner)
    for out in dict.fromkeys(out for out, _ in into):
        for inner in _alike([inp for source, inp in into if source is out]):
            lay(out, subgraph._input_for(inner))
    for out in dict.fromkeys(out for out, _ in back):
        outer = subgraph._output_for(out)
        for inp in [inp for source, inp in back if source is out]:
            lay(outer, inp)
    for out, inp in (*into, *back):  # last, so that ports around do not change their types
        lift(out, inp)
    for restore in (*into.values(), *back.values()):
        restore()
    if place is not None:
        space.put_in(subgraph, place)
    return subgraph


def dissolve(
    space: NodeSpace, subgraph: SubgraphNode, *, new_ids: dict[str, str] | None = None
) -> list[Node]:
    """Put what is inside in the place of the subgraph; nothing runs because of it.

    Args:
        new_ids: Which ids to give to nodes whose own are taken outside; others that are needed
            are made up and noted in it.

    Returns:
        The nodes that were inside; one whose id is taken outside gets a new one.

    Raises:
        GraphError: Its own ▶ is wired, which would have nobody to lead to.
        RefusedError: A run is on.
    """
    space.check_unlocked()
    if subgraph._trigger_in.sources or subgraph._trigger_out.is_connected():
        raise GraphError(f"{subgraph.name}: take the wires at its ▶ away first.")
    wires = [
        (source, inp, kept(inp))
        for port in subgraph._outer_inputs() for inp in port.inner for source in port.sources
    ] + [
        (source, inp, kept(inp))
        for outer in subgraph._outer_outputs() for source in outer.gate.value.sources
        for inp in outer.targets
    ]  # fmt: skip
    values = [kept(inp) for port in subgraph._outer_inputs() for inp in port.inner]
    for source, inp, _ in wires:  # first, so that ports around do not change their types
        lay(source, inp)
    for out in subgraph._outer_outputs():
        for inp in list(out.targets):
            lift(out, inp)
    inside = [node for node in subgraph.inner.nodes if not isinstance(node, Gate)]
    for gate in [node for node in subgraph.inner.nodes if isinstance(node, Gate)]:
        subgraph.inner.remove_node_instance(gate)
    _rename_taken(space, inside, {} if new_ids is None else new_ids)
    _move(inside, subgraph.inner, space)
    for restore in (*values, *(restore for _, _, restore in wires)):
        restore()
    for node in inside:
        if node.place is None and subgraph.frame is not None and subgraph.place is not None:
            space.put_in(node, subgraph.place)
    space.remove_node_instance(subgraph)
    return inside


def _with_members(space: NodeSpace, nodes: Iterable[Node]) -> dict[Node, None]:
    chosen: dict[Node, None] = {}
    stack = list(nodes)[::-1]
    while stack:
        node = stack.pop()
        if node.nodespace is not space:
            raise GraphError(f"{node.name} is not in this nodespace.", node=node.uuid)
        if node not in chosen:
            chosen[node] = None
            stack.extend(space.places.members(node))
    if not chosen:
        raise GraphError("No node was chosen to make a subgraph of.")
    return chosen


def _common_place(chosen: Mapping[Node, None]) -> Any:
    """Where all of them are held that no chosen frame holds."""
    tops = (node for node in chosen if node.frame not in chosen)
    places = {node.place if node.frame is not None else None for node in tops}
    if len(places) > 1:
        raise GraphError("Nodes of one subgraph must be held by the same frame and section.")
    return places.pop() if places else None


def _alike(inputs: list[NodeInput]) -> list[list[NodeInput]]:
    """Inputs that one port can stand for, together; ▶ goes with the first."""
    groups: list[list[NodeInput]] = []
    for inp in sorted(inputs, key=lambda each: each.type.kind == "trigger"):
        fitting = (group for group in groups if _fits(group[0].type, inp.type))
        group = next(fitting, None)
        if group is None:
            groups.append([inp])
        else:
            group.append(inp)
    return groups


def _fits(source: PortType, target: PortType) -> bool:
    try:
        conversion(source, target)
    except PortMismatchError:
        return False
    return True


def _refuse_forwards(wires: Iterable[tuple[Port, NodeInput]]) -> None:
    for source, inp in wires:
        if not isinstance(source, NodeOutput):
            raise GraphError(
                f"{source.node.name}.{source.id} is forwarded to {inp.node.name}.{inp.id}: "
                "choose both, or end the forwarding first."
            )


def _put_amid(subgraph: SubgraphNode, nodes: Iterable[Node]) -> None:
    """Draw it in the middle of where they were drawn."""
    drawn = [node.properties.get("pos") for node in nodes]
    points = [pos for pos in drawn if isinstance(pos, list | tuple) and len(pos) == 2]
    if points:
        middle = [sum(axis) / len(points) for axis in zip(*points, strict=True)]
        subgraph.properties["pos"] = middle


def _rename_taken(space: NodeSpace, nodes: Iterable[Node], new_ids: dict[str, str]) -> None:
    """Give nodes whose ids are taken in `space` new ones, and tell what they hold."""
    for node in nodes:
        if not space.has_node(node.uuid):
            continue
        inner = node.nodespace
        assert inner is not None
        members = inner.places.members(node)
        inner.rename(node, new_ids.setdefault(node.uuid, Node().uuid))
        for member in members:
            assert member.place is not None
            inner.put_in(member, type(member.place)(node.uuid, member.place.section))


def _move(nodes: Iterable[Node], source: NodeSpace, target: NodeSpace) -> None:
    """Nodes change the nodespace; their wires and what they are doing go on."""
    moving = list(nodes)
    for node in moving:
        source._part_with(node)
        target._adopt(node)
    for node in moving:
        source.emit("node_removed", node=node)
        target.emit("node_added", node=node)


def _with_values(graph: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """`graph` with the values that the same inputs of the same nodes had before."""
    old = {(node["id"], node["node_id"]): node for node in before["nodes"]}
    nodes = []
    for node in graph.get("nodes", []):
        was = old.get((node.get("id"), node.get("node_id")))
        if was is None:
            nodes.append(node)
            continue
        fresh = {**node, "io": {port: dict(io) for port, io in node.get("io", {}).items()}}
        for port, io in was.get("io", {}).items():
            if port in fresh["io"] and "value" in io:
                fresh["io"][port]["value"] = io["value"]
        if "subgraph" in fresh and "subgraph" in was:
            inside = _with_values(fresh["subgraph"]["graph"], was["subgraph"]["graph"])
            fresh["subgraph"] = {**fresh["subgraph"], "graph": inside}
        nodes.append(fresh)
    return {**graph, "nodes": nodes}


def _is_set(port: NodeInput) -> bool:
    return port.value is not NoValue and port.value is not port.default


# ── files ─────────────────────────────────────────────────────────────────────────────────


def version_of(graph: Any) -> str:
    """The version of a saved graph: SHA-256 of its structure, in hex."""
    text = json.dumps(_structure(graph), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _structure(graph: Any) -> Any:
    """What makes a subgraph what it is: no values, no places on the canvas, no order."""
    nodes = []
    for node in graph.get("nodes", []):
        rest = {k: v for k, v in node.items() if k not in ("io", "properties", "subgraph")}
        if isinstance(node.get("io"), Mapping):
            rest["io"] = {
                port: {key: value for key, value in io.items() if key != "value"}
                for port, io in node["io"].items()
            }
        if isinstance(node.get("subgraph"), Mapping):
            rest["inside"] = _structure(node["subgraph"].get("graph", {}))
        nodes.append(rest)
    edges = sorted(list(edge) for edge in graph.get("edges", []))
    return {"nodes": sorted(nodes, key=lambda node: str(node.get("id"))), "edges": edges}


def read_subgraph(path: Path) -> dict[str, Any]:
    """What a file says, with its name as `file`.

    Raises:
        SavedGraphError: It is no subgraph, or it cannot be read.
    """
    name = _stem(path)
    try:
        data = saved.parse(path.read_bytes(), what=str(path))
    except OSError as error:
        raise SavedGraphError(f"{path} cannot be read: {error.strerror}.") from error
    if not isinstance(data, dict) or data.get("kind") != "subgraph":
        raise SavedGraphError(f"{path} is not a subgraph.")
    if not isinstance(data.get("graph"), dict) or not isinstance(data.get("values", {}), dict):
        raise SavedGraphError(f"{path} is not a subgraph: it has no graph in it.")
    return {**data, "file": name}


def shelf_of(folder: Path, lib: Library) -> tuple[Shelf, dict[str, str]]:
    """A node class for each file in `folder`, and why others could not be read."""
    classes: list[type[Node]] = []
    broken: dict[str, str] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            definition = read_subgraph(path)
            saved.load(definition["graph"], lib, Services())  # what cannot be opened is not listed
        except FuncnodesError as error:
            broken[path.name] = error.message
            continue
        classes.append(_class_of(definition))
    return Shelf(classes, name=SHELF_NAME, description="Subgraphs saved here."), broken


def subgraph_id(file: str) -> str:
    """The node id of the class that stands for a file."""
    return _PREFIX + file


def _class_of(definition: Mapping[str, Any]) -> type[SubgraphNode]:
    name = str(definition.get("name") or definition["file"])
    attributes = {
        "node_id": subgraph_id(definition["file"]),
        "node_name": name,
        "description": str(definition.get("description", "")) or f"The subgraph {name}.",
        "definition": definition,
    }
    return type("SavedSubgraph", (SubgraphNode,), attributes)


def _stem(path: Path) -> str:
    if not path.name.endswith(SUFFIX) or path.name == SUFFIX:
        raise SavedGraphError(f"{path.name} is no name for a subgraph: it must end in {SUFFIX}.")
    return path.name.removesuffix(SUFFIX)
