"""A nodespace: nodes and edges that are saved, loaded, armed and watched together.

A nodespace made in a script is live; a loaded one is disarmed: values are restored, nothing
executes (A1). In one that people act in by hand, a worker's, live means that what somebody sets
acts on the device that it names and on nothing else; what is wired acts in runs only (A1a).
Loading checks the whole file first, so that a bad one leaves the old graph as it was. Nodes whose
class is missing stay as placeholders that keep every byte of theirs.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from funcnodes.core.codec.strict import without_collecting
from funcnodes.core.events import Emitter
from funcnodes.core.graph import saved
from funcnodes.core.graph.groups import NodeGroups
from funcnodes.core.graph.library import Library
from funcnodes.core.graph.places import Places
from funcnodes.core.graph.shelves import Shelf
from funcnodes.core.nodes.home import Arming
from funcnodes.core.nodes.node import Node
from funcnodes.core.nodes.place import Place
from funcnodes.core.nodes.port import Port
from funcnodes.core.running.crossing import over
from funcnodes.core.running.engine import Engine, default_engine
from funcnodes.core.running.reservations import Reservations
from funcnodes.core.running.waves import Wave
from funcnodes.core.services import Services
from funcnodes.errors import GraphError, RefusedError

Edge = tuple[str, str, str, str]
_OWN_EVENTS = {
    "after_add_shelf", "arming", "node_added", "node_placed", "node_removed",
}  # fmt: skip


class Changes:
    """Which nodes have changed since somebody last looked, in value or state.

    A node that has been noted tells nothing more until it was looked at: however fast it runs, it
    costs as much as looking does. What of it has changed, whoever looks compares.
    """

    __slots__ = ("_wake", "nodes")

    def __init__(self, wake: Callable[[], None]) -> None:
        self.nodes: set[Node] = set()
        self._wake = wake

    def note_port(self, port: Port) -> None:
        self.note_node(port.node)

    def note_node(self, node: Node) -> None:
        if not self.nodes:
            self._wake()
        self.nodes.add(node)
        if node.changes is self:  # nobody listens to every value
            node.changes = None

    def take(self) -> set[Node]:
        """The nodes; noting starts anew."""
        taken, self.nodes = self.nodes, set()
        for node in taken:
            node.watch_again()
        return taken

    def note_again(self) -> None:
        """Have what was noted tell of itself again, though nobody has taken it."""
        for node in self.nodes:
            node.watch_again()


class NodeSpace(Emitter):
    """Nodes by id, and what they share.

    Attributes:
        lib: Where new nodes come from.
        services: What nodes may use of their surroundings.
        engine: Runs its nodes.
        title: What a person calls it.
        places: Which frames hold which nodes.
        requires: What it needs to run: `{"bench": name, "packages": {...}}`.
        properties: Free data that is saved with it.
        groups: Which nodes a person has put together.
    """

    def __init__(self, lib: Library | None = None, *, arming: Arming = "live") -> None:
        super().__init__()
        self.lib = lib or Library()
        self.services = Services()
        self.engine = Engine()
        self.title = ""
        self.requires: dict[str, Any] = {}
        self.properties: dict[str, Any] = {}
        self._nodes: dict[str, Node] = {}
        self.places = Places(self._nodes.get)
        self.reservations = Reservations()
        self.groups = NodeGroups(self.has_node, self.check_unlocked)
        self._secrets: dict[str, Any] = {}
        self._relays = False  # somebody listens to what happens in its nodes
        self._arming: Arming = arming
        self._by_hand = False
        self._changes: Changes | None = None

    # ── content ───────────────────────────────────────────────────────────────────────────

    @property
    def nodes(self) -> list[Node]:
        return list(self._nodes.values())

    @property
    def edges(self) -> list[Edge]:
        """`(source node, output, target node, input)` of every edge."""
        return [edge for node in self._nodes.values() for edge in _edges_from(node)]

    def edges_of(self, node: Node) -> list[Edge]:
        """Those from or to one node; costs as much as it has, however large the nodespace is."""
        found = dict.fromkeys(_edges_from(node))
        for inp in node.inputs.values():
            for source in inp.sources:
                if source.node.nodespace is self:
                    found[source.node.uuid, source.id, node.uuid, inp.id] = None
        return list(found)

    def has_edge(self, edge: Edge) -> bool:
        source = self._nodes.get(edge[0])
        return source is not None and edge in _edges_from(source)

    @property
    def unchecked(self) -> list[tuple[Edge, str]]:
        """The edges of an older file that were made although they do not fit, each with why."""
        return [
            ((source.node.uuid, source.id, node.uuid, inp.id), why)
            for node in self._nodes.values()
            for inp in node.inputs.values()
            if inp.unchecked
            for source in inp.sources
            if (why := inp.why_unchecked(source)) is not None
        ]

    def walk(self) -> Iterator[Node]:
        """Every node, those inside subgraphs too."""
        for node in self._nodes.values():
            yield node
            yield from node.inner_nodes()

    def rename(self, node: Node, uuid: str) -> None:
        """Give a node another id; its edges stay.

        Raises:
            GraphError: That id is taken.
            RefusedError: A run is on.
        """
        self.check_unlocked()
        if uuid in self._nodes:
            raise GraphError(f"There is already a node {uuid!r} here.", node=uuid)
        del self._nodes[node.uuid]
        node.uuid = uuid
        self._nodes[uuid] = node

    def get_node_by_id(self, uuid: str) -> Node:
        """Raises GraphError where there is none."""
        try:
            return self._nodes[uuid]
        except KeyError:
            raise GraphError(f"There is no node {uuid!r} in this nodespace.", node=uuid) from None

    def has_node(self, uuid: str) -> bool:
        return uuid in self._nodes

    def add_shelf(self, shelf: Shelf) -> None:
        """Add a shelf to its library."""
        self.lib.add_shelf(shelf)
        self.emit("after_add_shelf", shelf=shelf)

    def add_node_by_id(
        self,
        node_id: str,
        uuid: str | None = None,
        name: str | None = None,
        *,
        extra: Mapping[str, Any] | None = None,
    ) -> Node:
        """Make a node of that class and add it.

        Args:
            extra: Top-level keys of its saved form, e.g. `{"device": "smu"}`.

        Raises:
            NodeClassNotFoundError: The library has no such class.
        """
        node = self.lib.find_nodeclass(node_id)(uuid=uuid, name=name)
        return self.add_node_instance(node, extra=extra)

    def add_node_instance(self, node: Node, *, extra: Mapping[str, Any] | None = None) -> Node:
        """Add a node that exists already.

        Raises:
            GraphError: Its id is taken, or it is in another nodespace.
            RefusedError: A run is on.
        """
        if self.engine.carry(lambda: self.add_node_instance(node, extra=extra)):
            return node
        self.check_unlocked()
        if node.nodespace not in (None, self):
            raise GraphError(
                f"{node.name} is in another nodespace already.",
                hint="Take it out there first, or make another node of its class.",
                node=node.uuid,
            )
        if node.uuid in self._nodes:
            raise GraphError(f"There is already a node {node.uuid!r} here.", node=node.uuid)
        self._attach(node, extra)
        self.emit("node_added", node=node)
        return node

    def remove_node_by_id(self, uuid: str) -> Node:
        """Take a node out, and its edges; what it was doing is given up.

        Raises:
            GraphError: There is none.
            RefusedError: A run is on.
        """
        self.check_unlocked()
        node = self.get_node_by_id(uuid)
        if self.engine.carry(lambda: self.remove_node_by_id(uuid)):
            return node
        self._detach(node)
        self.emit("node_removed", node=node)
        return node

    def remove_node_instance(self, node: Node) -> None:
        """Take it out; see `remove_node_by_id`."""
        self.remove_node_by_id(node.uuid)

    def clear(self) -> None:
        """Take everything out."""
        for node in self.nodes:
            self.remove_node_instance(node)

    def put_in(self, node: Node, place: Place | None) -> None:
        """Have a frame hold `node`, or none.

        Raises:
            GraphError: There is no such frame, or the node would hold itself.
            RefusedError: A run is on.
        """
        if self.engine.carry(lambda: self.put_in(node, place)):
            return
        self.check_unlocked()
        if self._nodes.get(node.uuid) is not node:
            raise GraphError(f"{node.name} is not in this nodespace.", node=node.uuid)
        if place is not None and not self.get_node_by_id(place.frame).is_frame:
            name = self.get_node_by_id(place.frame).name
            raise GraphError(f"{name} is no frame: it holds no nodes.", node=place.frame)
        self.places.put(node, place)
        self.emit("node_placed", node=node)

    def _attach(self, node: Node, extra: Mapping[str, Any] | None = None) -> None:
        node.nodespace, node.engine = self, self.engine
        node.watched_by(self._changes)
        try:
            node.restore_extra(extra or {})
        except BaseException:
            self._release(node)
            raise
        node.update_blocked()
        self._nodes[node.uuid] = node
        self.places.added(node)
        if self._relays:
            node.on("*", self._relay)
        node.on_added()

    def _detach(self, node: Node) -> None:
        node.on_removed()
        node.cancel("it was removed")
        for port in (*node.inputs.values(), *node.outputs.values()):
            port.disconnect()  # type: ignore[attr-defined]  # both kinds of port have it
        del self._nodes[node.uuid]
        self.places.removed(node)
        self.groups.node_removed(node.uuid)
        self._release(node)

    def _release(self, node: Node) -> None:
        if self._relays:
            node.off("*", self._relay)
        node.nodespace, node.engine = None, default_engine()
        node.watched_by(None)
        node.update_blocked()

    # ── properties ────────────────────────────────────────────────────────────────────────

    def get_property(self, key: str, default: Any = None) -> Any:
        """A public property, else a secret one, else `default`."""
        return self.properties.get(key, self._secrets.get(key, default))

    def set_property(self, key: str, value: Any, secret: bool = False) -> None:
        """Set a property: a public one is saved and shown, a secret one is neither."""
        (self._secrets if secret else self.properties)[key] = value

    def get_secret_property(self, key: str, default: Any = None) -> Any:
        """A secret property."""
        return self._secrets.get(key, default)

    def set_secret_property(self, key: str, value: Any) -> None:
        """Set one that stays in this process."""
        self._secrets[key] = value

    def remove_property(
        self, key: str, *, ignore_secret: bool = False, ignore_public: bool = False
    ) -> None:
        """Forget a property, public and secret, unless told to leave one of them."""
        if not ignore_public:
            self.properties.pop(key, None)
        if not ignore_secret:
            self._secrets.pop(key, None)

    # ── listening ─────────────────────────────────────────────────────────────────────────

    def listeners_changed(self) -> None:
        """What happens in its nodes is relayed only while somebody listens to it."""
        relays = any(
            event not in _OWN_EVENTS
            for event in (self.listeners.own if self.listeners is not None else ())
        )
        if relays == self._relays:
            return
        self._relays = relays
        for node in self._nodes.values():
            (node.on if relays else node.off)("*", self._relay)

    def _relay(self, *, src: Node, event: str, **data: Any) -> None:
        self.emit(event, node=src, **data)
        if event == "error":
            self.emit("node_error", node=src, **data)
            self.emit("node_trigger_error", node=src, **data)

    # ── arming ────────────────────────────────────────────────────────────────────────────

    @property
    def arming(self) -> Arming:
        return self._arming

    @arming.setter
    def arming(self, arming: Arming) -> None:
        self._arming = arming
        for node in self._nodes.values():
            node.update_blocked()
        self.emit("arming", arming=arming)

    @property
    def by_hand(self) -> bool:
        """Whether people act in it: outside runs each acts on what is named, nothing else (A1a)."""
        return self._by_hand

    @by_hand.setter
    def by_hand(self, by_hand: bool) -> None:
        self._by_hand = by_hand
        self.arming = self.arming

    @property
    def acts_alone(self) -> bool:
        """Whether what is wired may act on the world now, without anybody naming it."""
        return self.arming == "running" or (self.arming == "live" and not self.by_hand)

    @property
    def locked(self) -> bool:
        """Whether a run holds structure and inputs as they are (A2)."""
        return self._arming == "running"

    def check_unlocked(self) -> None:
        """Raises RefusedError while a run is on."""
        if self.locked:
            raise RefusedError(
                "The graph cannot be changed while a run is on.", hint="Stop the run first."
            )

    # ── running ───────────────────────────────────────────────────────────────────────────

    def root_wave(self, label: str = "") -> Wave:
        """A new wave; close it, or wait for it, when what belongs to it is set."""
        return Wave(label)

    def cancel_all(self, reason: str) -> None:
        """Give up everything that is queued or running."""
        if self.engine.carry(lambda: self.cancel_all(reason)):
            return
        for node in self._nodes.values():
            node.cancel(reason)

    async def await_done(self) -> None:
        """Wait until no node of it is queued or running; triggers nothing."""
        home = self.engine.elsewhere()
        if home is not None:
            await over(home, self.await_done())
            return
        self.engine.arm()
        busy = [node for node in self._nodes.values() if node.in_flight]
        while busy:
            for node in busy:
                await node.settled()
            busy = [node for node in self._nodes.values() if node.in_flight]

    async def aclose(self) -> None:
        """Give up everything and end its tasks."""
        self.cancel_all("the nodespace was closed")
        await self.engine.aclose()

    def watch(self, wake: Callable[[], None]) -> Changes:
        """Note what changes from now on; one watcher at a time.

        Args:
            wake: Called, on the loop, when there is something again.
        """
        self._changes = Changes(wake)
        for node in self._nodes.values():
            node.watched_by(self._changes)
        return self._changes

    # ── saving and loading ────────────────────────────────────────────────────────────────

    def serialize(self) -> dict[str, Any]:
        """Its saved form, ready for JSON.

        Raises:
            SavedGraphError: A value cannot be saved; names node and port.
        """
        with without_collecting():
            return saved.dump(self)

    def full_serialize(self) -> dict[str, Any]:
        """Everything there is to know of it, its library included; ready for JSON."""
        return {
            "nodes": [node.full_serialize() for node in self._nodes.values()],
            "edges": [list(edge) for edge in self.edges],
            "prop": dict(self.properties),
            "lib": self.lib.full_serialize(),
            "groups": self.groups.serialize(),
        }

    def deserialize(self, data: Any) -> None:
        """Replace the content by a saved form; leaves it disarmed.

        Raises:
            SavedGraphError: It is no valid nodespace; nothing has changed then.
            RefusedError: A run is on.
        """
        if self.engine.carry(lambda: self.deserialize(data)):
            return
        self.check_unlocked()
        with without_collecting(made_to_stay=True):
            self._take_over(loaded(data, self.lib, self.services))

    def _take_over(self, fresh: "NodeSpace") -> None:
        for node in self.nodes:
            self._detach(node)
        self.arming = "disarmed"
        self.title, self.requires, self.properties = fresh.title, fresh.requires, fresh.properties
        groups = fresh.groups.serialize()
        for node in fresh.nodes:
            fresh._nodes.pop(node.uuid)
            self._adopt(node)
        self.groups.deserialize(groups)

    def _part_with(self, node: Node) -> None:
        """Let another nodespace take over a node, edges and all."""
        del self._nodes[node.uuid]
        self.places.removed(node)
        self.groups.node_removed(node.uuid)
        if self._relays:
            node.off("*", self._relay)

    def _adopt(self, node: Node) -> None:
        """Take over a node of another nodespace, edges and all."""
        node.on_removed()
        node.nodespace, node.engine = self, self.engine
        node.watched_by(self._changes)
        node.update_blocked()
        self._nodes[node.uuid] = node
        self.places.added(node)
        if self._relays:
            node.on("*", self._relay)
        node.on_added()

    def add_saved_node(self, data: Mapping[str, Any]) -> Node:
        """Add one node from its saved form; its values are restored, nothing runs."""
        self.check_unlocked()
        return saved.load_node(self, data)

    def connect(self, source: str, output: str, target: str, inp: str) -> Edge:
        """Connect two nodes by their ids; an occupied input gives up its old edge."""
        self.check_unlocked()
        out = self.get_node_by_id(source).get_output(output)
        out.connect(self.get_node_by_id(target).get_input(inp), replace=True)
        return source, output, target, inp


def loaded(data: Any, lib: Library, services: Services) -> NodeSpace:
    """A nodespace of its own, disarmed, from a saved form.

    Raises:
        SavedGraphError: It is no valid nodespace.
    """
    space = NodeSpace(lib, arming="disarmed")
    space.services = services
    saved.fill(space, data)
    return space


def _edges_from(node: Node) -> Iterator[Edge]:
    """Of its outputs, then of inputs that are forwarded."""
    for output in node.outputs.values():
        for inp, _ in output._edges:
            yield node.uuid, output.id, inp.node.uuid, inp.id
    for forwarding in node.inputs.values():
        if forwarding.has_targets:
            for inp in forwarding.targets:
                yield node.uuid, forwarding.id, inp.node.uuid, inp.id
