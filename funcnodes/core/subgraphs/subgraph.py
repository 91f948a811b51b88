"""Subgraphs: a part of a graph as one node, with ports of its own.

The inner nodes live in a nodespace inside the node, and run on the same engine in the same waves
as those outside: a value that reaches a port of the subgraph goes on to the inner inputs behind
it within its wave, and back out the same way. There is no inner engine and no copying; awaiting,
`settled` and cancelling see through the border. Each port is a *passage*: a node of the inner
nodespace, so that ports are connected, renamed, saved and undone as nodes are.

A graph keeps the whole of each of its subgraphs, values and all. A file of one is a template that
instances remember by name and version; the version is a hash of the structure: nodes, edges and
ports, without values and places on the canvas, which belong to the instance.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from funcnodes.core import codec
from funcnodes.core.events import Watcher
from funcnodes.core.graph import saved
from funcnodes.core.graph.library import Library
from funcnodes.core.graph.nodespace import NodeSpace, loaded
from funcnodes.core.graph.shelves import Shelf
from funcnodes.core.graph.subgraph_files import (
    SUBGRAPH,
    SUFFIX,
    read_subgraph,
    stem,
    subgraph_id,
    version_of,
    with_values,
)
from funcnodes.core.nodes.inputs import NodeInput
from funcnodes.core.nodes.node import Node, State
from funcnodes.core.nodes.outputs import NodeOutput
from funcnodes.core.nodes.port import TRIGGER_IN, TRIGGER_OUT, Port
from funcnodes.core.running.waves import Wave
from funcnodes.core.services import Services
from funcnodes.core.subgraphs.inner import InnerSpace
from funcnodes.core.subgraphs.passages import (
    Border,
    InputPassage,
    OuterInput,
    OuterOutput,
    OutputPassage,
    Passage,
)
from funcnodes.core.subgraphs.reconnection import hold, kept, lay, lift, take_value
from funcnodes.core.values import NoValue
from funcnodes.durable import replace_file
from funcnodes.errors import (
    FuncnodesError,
    GraphError,
    NodeTriggerError,
    SavedGraphError,
)

SHELF_NAME = "Subgraphs"


class SubgraphNode(Border):
    """A part of a graph as one node. Open it to see and change what is inside.

    Attributes:
        inner: The nodes inside.
        file: Name of the file that it was made from or saved to, or "".
        origin: Version of that file then, or "".
    """

    node_id = SUBGRAPH
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
        self._trigger_in.passage = self._start

    def func(self, **_: Any) -> None:
        """Nothing: by then all that is inside has come to rest, and ▶ done may say so."""

    # ── saved form ────────────────────────────────────────────────────────────────────────

    @property
    def version(self) -> str:
        """Hash of its structure: the same for the same nodes, edges and ports."""
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
        """Take over what its file is now; values and edges of what stays are kept.

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
        """Put other nodes inside; values and edges of what stays are kept."""
        self.inner.check_unlocked()
        values = {p.id: p.value for p in self.outer_inputs() if not p.sources and _is_set(p)}
        ins = [(source, p.id) for p in self.outer_inputs() for source in p.sources]
        outs = [(p.id, inp, kept(inp)) for p in self.outer_outputs() for inp in p.targets]
        for _, inp, _ in outs:
            lift(inp.sources[0], inp)
        self.inner.deserialize(with_values(graph, saved.dump(self.inner)))
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
        """Connect an input again, and have it and what is behind it take the present value."""
        port = self.inputs[port_id]
        assert isinstance(port, OuterInput)
        lay(source, port)
        if source._value is not NoValue:
            value = source._value
            convert = source.check_edge(port)
            value = value if convert is None else convert(value)
            take_value(port, value, source.wave, source.quality)
            hold(port.passage.out, value, source.wave or Wave(), source.quality)

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
        self._bind()
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
        name, data = stem(path), self.file_data()
        try:
            replace_file(path, json.dumps(data, indent=1, allow_nan=False).encode())
        except OSError as error:
            raise SavedGraphError(f"{path} cannot be written: {error.strerror}.") from error
        self.file, self.origin = name, str(data["version"])

    def file_data(self) -> dict[str, Any]:
        """What a file of it says.

        Raises:
            SavedGraphError: A value inside cannot be saved.
        """
        graph = saved.dump(self.inner)
        values = {p.id: codec.to_json(p.value) for p in self.outer_inputs() if _is_set(p)}
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

    @classmethod
    def shelf_of(cls, folder: Path, lib: Library) -> tuple[Shelf, dict[str, str]]:
        """A node class for each file in `folder`, and why others could not be read."""
        classes: list[type[Node]] = []
        broken: dict[str, str] = {}
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                definition = read_subgraph(path)
                loaded(definition["graph"], lib, Services())  # what cannot be opened is not listed
            except FuncnodesError as error:
                broken[path.name] = error.message
                continue
            classes.append(cls._class_of(definition))
        return Shelf(classes, name=SHELF_NAME, description="Subgraphs saved here."), broken

    @classmethod
    def _class_of(cls, definition: Mapping[str, Any]) -> type[Node]:
        name = str(definition.get("name") or definition["file"])
        attributes = {
            "node_id": subgraph_id(definition["file"]),
            "node_name": name,
            "description": str(definition.get("description", "")) or f"The subgraph {name}.",
            "definition": definition,
        }
        return type("SavedSubgraph", (cls,), attributes)

    # ── ports ─────────────────────────────────────────────────────────────────────────────

    def promote(self, port: Port, *, name: str = "") -> Port:
        """Make a port of an inner node one of the subgraph, with the value that it has.

        Raises:
            GraphError: It is not inside, or is an input that has an edge.
            RefusedError: A run is on.
        """
        if port.node.nodespace is not self.inner:
            raise GraphError(f"{port.node.name} is not directly inside {self.name}.")
        self.inner.check_unlocked()
        if isinstance(port, NodeInput):
            if port.sources and not port.allow_multiple:
                raise GraphError(f"{port.node.name}.{port.id} already has a wire.")
            return self.input_for([port], name)
        assert isinstance(port, NodeOutput)
        return self.output_for(port, name)

    def demote(self, port: Port) -> None:
        """Take a port away; inner inputs keep its value, edges outside go.

        Raises:
            GraphError: It is no port of this subgraph.
            RefusedError: A run is on.
        """
        if not isinstance(port, OuterInput | OuterOutput) or port.node is not self:
            raise GraphError(f"{port.id} is no port that {self.name} could do without.")
        states = [kept(inp) for inp in port.inner] if isinstance(port, OuterInput) else []
        self.inner.remove_node_instance(port.passage)
        for restore in states:
            restore()

    def expose(self, node: Node) -> None:
        """Called when `node` is new inside: a passage gives the subgraph a port."""
        if isinstance(node, InputPassage) and node.uuid not in self.inputs:
            self.add_input(OuterInput(node))
            node.edges_changed()
        elif isinstance(node, OutputPassage) and node.uuid not in self.outputs:
            self.add_output(OuterOutput(node))
            node.edges_changed()

    def conceal(self, node: Node) -> None:
        """Called when `node` has gone from inside."""
        if isinstance(node, InputPassage) and node.uuid in self.inputs:
            self.remove_input(node.uuid)
        elif isinstance(node, OutputPassage) and node.uuid in self.outputs:
            self.remove_output(node.uuid)

    def input_for(self, inner: list[NodeInput], name: str = "") -> OuterInput:
        """A new input that stands for these, and has the value of the first."""
        first = inner[0]
        passage = InputPassage(self._free_id(first.id), name or first.name)
        states = [kept(inp) for inp in inner]
        self.inner.add_node_instance(passage)
        for inp in inner:
            lay(passage.out, inp)
        for restore in states:
            restore()
        port = passage.port
        assert port is not None, "the passage is inside"
        passage.out._value = first._value
        take_value(port, first._value, first.wave, first.quality)
        port.applied = first.applied
        return port

    def output_for(self, output: NodeOutput, name: str = "") -> OuterOutput:
        """A new output that gives what `output` does."""
        passage = OutputPassage(self._free_id(output.id), name or output.name)
        self.inner.add_node_instance(passage)
        lay(output, passage.value)
        port = passage.port
        assert port is not None, "the passage is inside"
        for copy in (passage.value, port):
            take_value(copy, output._value, output.wave, output.quality)
        return port

    def _free_id(self, wanted: str) -> str:
        wanted = {TRIGGER_IN: "trigger", TRIGGER_OUT: "done"}.get(wanted, wanted)
        taken = {*self.inputs, *self.outputs}
        number, free = 1, wanted
        while free in taken or self.inner.has_node(free):
            number += 1
            free = f"{wanted}_{number}"
        return free

    def outer_inputs(self) -> list[OuterInput]:
        return [port for port in self.inputs.values() if isinstance(port, OuterInput)]

    def outer_outputs(self) -> list[OuterOutput]:
        return [port for port in self.outputs.values() if isinstance(port, OuterOutput)]

    # ── part of a nodespace ───────────────────────────────────────────────────────────────

    def watched_by(self, watcher: Watcher[Port, Node] | None) -> None:
        super().watched_by(watcher)
        if watcher is not None and self.inner._changes is None:
            self.inner.watch(lambda: None)

    def watch_again(self) -> None:
        super().watch_again()
        if self.inner._changes is not None:  # what is inside is part of its state
            self.inner._changes.note_again()

    def on_added(self) -> None:
        self._bind()

    def _bind(self) -> None:
        """Have what is inside served as the nodespace around it is."""
        if isinstance(self.nodespace, NodeSpace):
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
        """Inner nodes that no other node inside triggers; passages aside."""
        for node in self.inner.nodes:
            sources = (out.node for inp in node.inputs.values() for out in inp.sources)
            inside = any(not isinstance(source, Passage) for source in sources)
            if not (inside or isinstance(node, Passage) or node.frame is not None):
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


def _is_set(port: NodeInput) -> bool:
    return port.value is not NoValue and port.value is not port.default
