"""What browsers have been told of the open graph, kept in step with what it is.

After an edit only the nodes it touched are looked at; wires are compared as a whole. Values and
states come from the nodespace's own notes of what changed.
"""

from collections.abc import Iterable

from funcnodes.core import NodeInput, NodeSpace, clock
from funcnodes.core.node import Node
from funcnodes.core.nodespace import Changes
from funcnodes.core.ports import Port
from funcnodes.runs import XYPlot
from funcnodes.workers import views, wire
from funcnodes.workers.editing import Edge
from funcnodes.workers.publisher import Publisher


class Canvas:
    """Tells a publisher what becomes of one nodespace."""

    def __init__(self, space: NodeSpace, publisher: Publisher) -> None:
        self._space = space
        self._publisher = publisher
        self._times: dict[str, dict[str, float]] = {}  # by node and port
        self._edges: set[Edge] = set(space.edges)
        self._failed: set[str] = set()
        self._again: set[Port] = set()  # to be told again, though their values are as old as before
        self._changes: Changes = space.watch(self._wake)
        self.failures: list[Node] = []
        """Nodes that have begun to fail since somebody last cleared the list."""

    def time_of(self, port: Port) -> float | None:
        """When the port's value was seen to change, seconds since the epoch."""
        return self._times.get(port.node.uuid, {}).get(port.id)

    def node_views(self) -> list[wire.NodeView]:
        return [views.node_view(node, self.time_of) for node in self._space.nodes]

    def edge_views(self) -> list[wire.EdgeView]:
        return views.edge_views(self._space)

    def reset(self) -> wire.Reset:
        """The whole graph, in place of what browsers have."""
        self._edges = set(self._space.edges)
        return wire.Reset(nodes=self.node_views(), edges=self.edge_views())

    def refresh(self, touched: Iterable[str]) -> None:
        """An edit touched these nodes: tell what became of them, and of the wires."""
        edges = set(self._space.edges)
        gone, new = self._edges - edges, edges - self._edges
        self._edges = edges
        for edge in gone:
            self._publisher.put(wire.EdgeGone(id=views.edge_id(*edge)))
        for uuid in self._with_neighbours(touched, gone | new):
            self._tell_node(uuid)
        if new:
            fresh = {views.edge_id(*edge) for edge in new}
            for view in self.edge_views():
                if view.id in fresh:
                    self._publisher.put(wire.EdgePut(edge=view))

    def note_stale(self, device: str) -> None:
        """A device went away or came back: its nodes' values are stale, or no longer."""
        for node in self._space.nodes:
            if getattr(node, "device", None) == device:
                self._again |= self._fed_by(node)
        if self._again:
            self._wake()

    def _with_neighbours(self, touched: Iterable[str], edges: Iterable[Edge]) -> list[str]:
        """In drawing order; plots too, since their columns follow the recorder's wires."""
        ids = set(touched) | {end for edge in edges for end in (edge[0], edge[2])}
        plots = [node.uuid for node in self._space.nodes if isinstance(node, XYPlot)]
        known = [n.uuid for n in self._space.nodes if n.uuid in ids or n.uuid in plots]
        return [uuid for uuid in ids if not self._space.has_node(uuid)] + known

    def _tell_node(self, uuid: str) -> None:
        if self._space.has_node(uuid):
            view = views.node_view(self._space.get_node_by_id(uuid), self.time_of)
            self._publisher.put(wire.NodePut(node=view))
        else:
            self._times.pop(uuid, None)
            self._failed.discard(uuid)
            self._publisher.put(wire.NodeGone(id=uuid))

    def _wake(self) -> None:
        self._publisher.mark(("changes", id(self)), self._changed)

    def _changed(self) -> list[wire.Event]:
        ports, nodes = self._changes.take()
        events: list[wire.Event] = []
        again, self._again = self._again, set()
        for node in nodes:
            if node.nodespace is self._space:
                events.append(views.node_status(node))
                again |= self._after_state(node)
        now = clock.now()
        for port in ports:
            self._note_time(port, now)
        here = (port for port in ports | again if port.node.nodespace is self._space)
        shown = [views.port_value(p, self.time_of(p)) for p in here if p.type.kind != "trigger"]
        if shown:
            events.insert(0, wire.Values(values=shown))
        return events

    def _note_time(self, port: Port, now: float) -> None:
        if isinstance(port, NodeInput) and not port.applied:
            self._times.get(port.node.uuid, {}).pop(port.id, None)
        elif port.wave is not None and port.type.kind != "trigger":
            self._times.setdefault(port.node.uuid, {})[port.id] = now

    def _after_state(self, node: Node) -> set[Port]:
        """Ports whose staleness may have turned, because the node began or ceased to fail."""
        failed = node.state == "error"
        if failed == (node.uuid in self._failed):
            return set()
        if failed:
            self._failed.add(node.uuid)
            self.failures.append(node)
        else:
            self._failed.discard(node.uuid)
        return self._fed_by(node)

    def _fed_by(self, node: Node) -> set[Port]:
        ports: set[Port] = set()
        for out in node.outputs.values():
            ports.add(out)
            ports.update(out.targets)
        return ports
