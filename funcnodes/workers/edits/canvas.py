"""Edits of where nodes are drawn."""

import time
from dataclasses import dataclass, field
from typing import Any

from funcnodes.core import Node, NodeSpace
from funcnodes.core.position import position
from funcnodes.errors import ValueRefusedError
from funcnodes.workers.edits.edit import COALESCE_S
from funcnodes.workers.edits.labels import named


@dataclass(slots=True)
class MoveNodesEdit:
    """Nodes put elsewhere on the canvas."""

    label: str
    places: dict[str, list[float]]
    structural: bool = False
    at: float = field(default_factory=time.monotonic)
    _before: dict[str, list[float] | None] = field(default_factory=dict)

    @property
    def touches(self) -> frozenset[str]:
        return frozenset(self.places)

    def apply(self, space: NodeSpace) -> None:
        nodes = {uuid: space.get_node_by_id(uuid) for uuid in self.places}
        for uuid, node in nodes.items():
            self._before.setdefault(uuid, node.properties.get("pos"))
            node.properties["pos"] = self.places[uuid]

    def revert(self, space: NodeSpace) -> None:
        for uuid, place in self._before.items():
            _set_property(space.get_node_by_id(uuid), "pos", place)

    def absorb(self, later: Any) -> bool:
        same = isinstance(later, MoveNodesEdit) and later.places.keys() == self.places.keys()
        if not same or later.at - self.at > COALESCE_S:
            return False
        self.places, self.at = later.places, later.at
        return True


def move_nodes(space: NodeSpace, ids: list[str], x: list[float], y: list[float]) -> MoveNodesEdit:
    """Nodes to places, one for each id."""
    if not len(ids) == len(x) == len(y):
        raise ValueRefusedError("A place needs x and y for every node that is moved.")
    places = {uuid: [a, b] for uuid, a, b in zip(ids, x, y, strict=True)}
    return MoveNodesEdit(f"move {named(space, list(places))}", places)


def place_of(node: Node) -> tuple[float, float]:
    """Where a node is on the canvas; (0, 0) where that was never said."""
    return position(node.properties) or (0.0, 0.0)


def _set_property(node: Node, key: str, value: Any) -> None:
    if value is None:
        node.properties.pop(key, None)
    else:
        node.properties[key] = value
