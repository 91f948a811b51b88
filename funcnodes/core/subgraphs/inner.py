"""The nodespace inside a subgraph: armed, locked and served as the one around it."""

from collections.abc import Callable, Mapping
from typing import Any

from funcnodes.core.graph.nodespace import Changes, NodeSpace
from funcnodes.core.nodes.home import Arming
from funcnodes.core.nodes.node import Node
from funcnodes.core.subgraphs.passages import Border


class _Relay(Changes):
    """What changes inside is noted for who watches inside, and as the subgraph's own state."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Border, wake: Callable[[], None]) -> None:
        super().__init__(wake)
        self._owner = owner

    def note_node(self, node: Node) -> None:
        super().note_node(node)
        if self._owner.changes is not None:
            self._owner.changes.note_node(self._owner)


class InnerSpace(NodeSpace):
    """The nodes of one subgraph; armed, locked and served as the nodespace around it."""

    def __init__(self, owner: Border) -> None:
        super().__init__()
        self.owner = owner

    @property
    def outer(self) -> NodeSpace | None:
        """The nodespace that the subgraph is in."""
        space = self.owner.nodespace
        return space if isinstance(space, NodeSpace) else None

    @property
    def arming(self) -> Arming:
        return self.outer.arming if self.outer is not None else "live"

    @arming.setter
    def arming(self, arming: Arming) -> None:
        """It is armed with what is around it, never alone."""

    @property
    def by_hand(self) -> bool:
        return self.outer is not None and self.outer.by_hand

    @by_hand.setter
    def by_hand(self, by_hand: bool) -> None:
        """As with `arming`."""

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
