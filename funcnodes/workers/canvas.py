"""What browsers have been told of the open graph, kept in step with what it is.

After an edit only the nodes it touched are described anew, and of wires only theirs compared, so
that it costs the same in a graph of any size. Where an edit concerns subgraphs or frames, which
nodes and wires there are is compared as a whole. Values and states come from the nodespaces' own
notes of what changed.
"""

from collections.abc import Iterable, Mapping
from operator import is_not
from typing import Any

import msgspec

from funcnodes.core import NodeInput, NodeSpace, Place, SubgraphNode, clock, naming
from funcnodes.core.graph.nodespace import Changes
from funcnodes.core.nodes import Node, Port
from funcnodes.core.subgraphs.passages import InputPassage
from funcnodes.runs import XYPlot
from funcnodes.workers import schema
from funcnodes.workers.edits import scopes
from funcnodes.workers.edits.scopes import Edge
from funcnodes.workers.large import in_slices
from funcnodes.workers.publisher import Publisher
from funcnodes.workers.shown import truth, views

Truth = tuple[bool, bool, str]
"""Whether a port's value is stale and applied, and why it is of no present state."""

LARGE_NODES = 2_000
_encode = msgspec.msgpack.Encoder().encode


class Told:
    """What browsers know of one node's values and state.

    Attributes:
        times: When each port's value was seen to change, seconds since the epoch.
        truths: Whether each port's value is so, as told last.
    """

    __slots__ = ("_states", "_status", "times", "truths")

    def __init__(self) -> None:
        self.times: dict[str, float] = {}
        self.truths: dict[str, Truth] = {}
        self._states: dict[str, tuple[Any, ...]] = {}  # value, wave, quality, whether applied
        self._status: schema.NodeStatus | None = None

    def new_values(self, node: Node, now: float) -> list[Port]:
        """The ports that hold something else than was told, or the same set anew."""
        changed: list[Port] = []
        known = self._states
        for port in (*node.inputs.values(), *node.outputs.values()):
            if port.type.kind == "trigger":
                continue
            applied = port.applied if isinstance(port, NodeInput) else True
            state = (views.value_of(port), port.wave, port.quality, applied)
            before = known.get(port.id, ())
            if len(before) != 4 or any(map(is_not, state, before)):
                known[port.id] = state
                self._note_time(port, now, applied=applied)
                changed.append(port)
        return changed

    def new_status(self, node: Node) -> schema.NodeStatus | None:
        """How far the node is, where that is not what was told."""
        status = views.node_status(node)
        if status == self._status:
            return None
        self._status = status
        return status

    def _note_time(self, port: Port, now: float, *, applied: bool) -> None:
        if not applied:
            self.times.pop(port.id, None)
        elif port.wave is not None:
            self.times[port.id] = now


class Wires:
    """Edges, found by the name of either end."""

    __slots__ = ("_by_end", "all")

    def __init__(self, edges: Iterable[Edge] = ()) -> None:
        self.all: set[Edge] = set()
        self._by_end: dict[str, list[Edge]] = {}
        for edge in edges:
            self.add(edge)

    def of(self, name: str) -> list[Edge]:
        return self._by_end.get(name, [])

    def add(self, edge: Edge) -> None:
        self.all.add(edge)
        for end in {edge[0], edge[2]}:
            self._by_end.setdefault(end, []).append(edge)

    def remove(self, edge: Edge) -> None:
        self.all.discard(edge)
        for end in {edge[0], edge[2]}:
            left = self._by_end[end]
            left.remove(edge)
            if not left:
                del self._by_end[end]


class Canvas:
    """Tells a publisher what becomes of one nodespace, and of what is inside its subgraphs."""

    def __init__(self, space: NodeSpace, publisher: Publisher) -> None:
        self._space = space
        self._publisher = publisher
        self._told: dict[Node, Told] = {}
        self._nodes: dict[str, Node] = {}  # as browsers know them
        self._places: dict[str, Place] = {}
        self._wires = Wires()
        self._plots: set[str] = set()
        self._take_as_known()
        self._failed: set[str] = set()
        self._again: set[Port] = set()  # to be told again, though their values are as old as before
        self._watched: dict[NodeSpace, Changes] = {}
        self._watch()
        self.failures: list[Node] = []
        """Nodes that have begun to fail since somebody last cleared the list."""

    def time_of(self, port: Port) -> float | None:
        """When the port's value was seen to change, seconds since the epoch."""
        return self._times_of(port.node).get(port.id)

    def node_views(self) -> list[schema.NodeView]:
        return [views.node_view(node, self.time_of) for node in scopes.nodes(self._space).values()]

    def edge_views(self) -> list[schema.EdgeView]:
        return [views.edge_view(self._space, edge) for edge in scopes.edges(self._space)]

    async def packed(self) -> tuple[list[msgspec.Raw], list[msgspec.Raw]]:
        """Every node and edge as it is sent, made in slices; who goes meanwhile is left out."""
        nodes = await in_slices(scopes.nodes(self._space).items(), self._packed_node)
        there = {name for name, packed in nodes if packed is not None}
        edges = (each for each in scopes.edges(self._space) if {each[0], each[2]} <= there)
        wires = await in_slices(edges, self._packed_edge)
        return [packed for _, packed in nodes if packed is not None], wires

    def _packed_node(self, named: tuple[str, Node]) -> tuple[str, msgspec.Raw | None]:
        name, node = named
        if not scopes.is_inside(node, self._space):
            return name, None
        return name, msgspec.Raw(_encode(views.node_view(node, self.time_of)))

    def _packed_edge(self, edge: Edge) -> msgspec.Raw:
        return msgspec.Raw(_encode(views.edge_view(self._space, edge)))

    @property
    def is_large(self) -> bool:
        """Whether showing all of it at once would hold the loop."""
        return len(self._nodes) > LARGE_NODES

    def reset(self) -> schema.Reset:
        """The whole graph, in place of what browsers have."""
        self._take_as_known()
        return schema.Reset(nodes=self.node_views(), edges=self.edge_views())

    def refresh(self, touched: Iterable[str], *, structural: bool = True) -> None:
        """An edit touched these nodes: tell what became of them.

        Args:
            structural: Nodes and wires may have come or gone, or changed places.
        """
        names = dict.fromkeys(touched)
        new: Iterable[Edge] = ()
        if structural and all(map(self._is_plain, names)):
            new = self._compare(names)
        elif structural:
            new = self._compare_all(names)
        names.update(dict.fromkeys(self._plots))  # their columns follow the recorder's wires
        for name in sorted(names, key=self._plots.__contains__):
            if name in self._nodes:
                view = views.node_view(self._nodes[name], self.time_of)
                self._publisher.put(schema.NodePut(node=view))
        for edge in new:
            self._publisher.put(schema.EdgePut(edge=views.edge_view(self._space, edge)))

    def _is_plain(self, name: str) -> bool:
        """Whether what an edit of the node may change besides is its own wires."""
        if "/" in name or "%" in name:  # inside a subgraph, or not the node's id as it is
            return False
        now = self._space.get_node_by_id(name) if self._space.has_node(name) else None
        nodes = [each for each in (self._nodes.get(name), now) if each is not None]
        held = name in self._places or any(each.place is not None for each in nodes)
        return not held and not any(
            each.is_frame or isinstance(each, SubgraphNode) for each in nodes
        )

    def _compare(self, names: dict[str, None]) -> set[Edge]:
        """Tell which of these plain nodes, and of their wires, are gone; returns the new wires.

        The other ends of what came or went are added to the names.
        """
        known, now = set[Edge](), set[Edge]()
        ordered = self._as_they_came(names)
        names.clear()
        names.update(dict.fromkeys(ordered))
        for name in ordered:
            known.update(self._wires.of(name))
            if not self._space.has_node(name):
                continue
            node = self._space.get_node_by_id(name)
            self._know(name, node)
            now |= scopes.edges_of(node)
        new = self._rewire(known, now, names)
        for name in ordered:
            if not self._space.has_node(name):
                self._lose(name)
        return new

    def _compare_all(self, names: dict[str, None]) -> set[Edge]:
        """As `_compare`, of every node that there is; the names are put in drawing order."""
        self._watch()
        nodes = scopes.nodes(self._space)
        places = _places(nodes)
        for name, node in nodes.items():
            if self._nodes.get(name) is not node:
                names[name] = None
        names.update(dict.fromkeys(name for name, _ in self._places.items() ^ places.items()))
        new = self._rewire(self._wires.all, set(scopes.edges(self._space)), names)
        for name in [name for name in self._nodes if name not in nodes]:
            self._lose(name)
        self._nodes, self._places = nodes, places
        self._plots = {name for name, node in nodes.items() if isinstance(node, XYPlot)}
        wanted = set(names)
        names.clear()
        names.update(dict.fromkeys(name for name in nodes if name in wanted))
        return new

    def _as_they_came(self, names: Iterable[str]) -> list[str]:
        """Plain nodes, those that are new in the order in which they are drawn."""
        wanted = list(names)
        new = {name for name in wanted if name not in self._nodes}
        if len(new) < 2:
            return wanted
        drawn = [node.uuid for node in self._space.nodes if node.uuid in new]
        return [*(name for name in wanted if name not in new), *drawn]

    def _rewire(self, known: set[Edge], now: set[Edge], names: dict[str, None]) -> set[Edge]:
        gone, new = known - now, now - known
        for edge in gone:
            self._wires.remove(edge)
            self._publisher.put(schema.EdgeGone(id=views.edge_id(*edge)))
        for edge in new:
            self._wires.add(edge)
        for edge in gone | new:
            names.update({edge[0]: None, edge[2]: None})
        return new

    def _know(self, name: str, node: Node) -> None:
        self._nodes[name] = node
        if isinstance(node, XYPlot):
            self._plots.add(name)

    def _lose(self, name: str) -> None:
        node = self._nodes.pop(name, None)
        if node is not None:
            self._plots.discard(name)
            self._forget(name, node)

    def _take_as_known(self) -> None:
        """Browsers are told of everything as it is now."""
        self._nodes = scopes.nodes(self._space)
        self._places = _places(self._nodes)
        self._wires = Wires(scopes.edges(self._space))
        self._plots = {name for name, node in self._nodes.items() if isinstance(node, XYPlot)}

    def refresh_all(self, kind: type[Node]) -> None:
        """Tell of every node of a kind anew."""
        self.refresh(name for name, node in self._nodes.items() if isinstance(node, kind))

    def note_stale(self, device: str) -> None:
        """A device has changed: what its nodes show of it may be so no longer, or again."""
        for node in self._space.walk():
            if getattr(node, "device", None) == device:
                self._again |= {port for port in self._shows(node) if self._turned(port)}
        if self._again:
            self._wake()

    def _turned(self, port: Port) -> bool:
        """Whether what was told of a port's value is true no longer."""
        told = self._told.get(port.node)
        return told is None or told.truths.get(port.id) != _truth(port)

    def _shows(self, node: Node) -> set[Port]:
        """Ports that show something of the node's device."""
        ports = self._fed_by(node)
        for inp in node.inputs.values() if node.effect else ():
            ports.add(inp)
            ports |= {each for each in map(_outside, inp.sources) if each is not None}
        return ports

    def _watch(self) -> None:
        """Note what changes in every nodespace that there is by now."""
        known, self._watched = self._watched, {}
        for _, space in scopes.spaces(self._space):
            self._watched[space] = known.get(space) or space.watch(self._wake)

    def _forget(self, name: str, node: Node) -> None:
        self._told.pop(node, None)
        self._failed.discard(name)
        self._publisher.put(schema.NodeGone(id=name))

    def _wake(self) -> None:
        self._publisher.mark(("changes", id(self)), self._changed)

    def _changed(self) -> list[schema.PatchEvent]:
        ports: dict[Node, list[Port]] = {}
        statuses: list[schema.PatchEvent] = []
        again, self._again = self._again, set()
        now = clock.now()
        for node in self._take():
            told = self._told_of(node)
            ports[node] = told.new_values(node, now)
            status = told.new_status(node)
            if status is not None:
                statuses.append(status)
                again |= self._after_state(node)
        for port in again:
            if scopes.is_inside(port.node, self._space):
                mine = ports.setdefault(port.node, [])
                if port not in mine:
                    mine.append(port)
        values: list[schema.PortValue] = []
        for node, changed in ports.items():
            told = self._told_of(node)
            values += (shown := views.port_values(node, changed, told.times))
            told.truths |= {each.port: (each.stale, each.applied, each.note) for each in shown}
        return [schema.PortValues(values=values), *statuses] if values else statuses

    def _told_of(self, node: Node) -> Told:
        return self._told.get(node) or self._told.setdefault(node, Told())

    def _times_of(self, node: Node) -> Mapping[str, float]:
        told = self._told.get(node)
        return told.times if told is not None else {}

    def _take(self) -> list[Node]:
        """What has changed in all nodespaces since this was last asked."""
        nodes = [node for changes in self._watched.values() for node in changes.take()]
        return [node for node in nodes if scopes.is_inside(node, self._space)]

    def _after_state(self, node: Node) -> set[Port]:
        """Ports whose staleness may have turned, because the node began or ceased to fail."""
        failed, name = node.state == "error", naming.name_of(node)
        if failed == (name in self._failed):
            return set()
        if failed:
            self._failed.add(name)
            self.failures.append(node)
        else:
            self._failed.discard(name)
        return self._fed_by(node)

    def _fed_by(self, node: Node) -> set[Port]:
        ports: set[Port] = set()
        for out in node.outputs.values():
            if out.type.kind != "trigger":
                ports.add(out)
                ports.update(out.targets)
        return ports


def _truth(port: Port) -> Truth:
    return truth.is_stale(port), truth.is_applied(port), truth.note_of(port)


def _outside(source: Port) -> Port | None:
    """The input of a subgraph that stands for what it feeds inside, where `source` is its back."""
    passage = source.node
    return passage.port if isinstance(passage, InputPassage) else None


def _places(nodes: Mapping[str, Node]) -> dict[str, Place]:
    """Where nodes are held, of those that a frame holds."""
    held = ((name, node) for name, node in nodes.items() if node.place is not None)
    return {name: node.place for name, node in held if node.frame is not None and node.place}
