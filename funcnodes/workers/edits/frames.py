"""Edits of which frame holds a node, and in which section."""

from dataclasses import dataclass, field
from typing import Any

from funcnodes.core import Node, NodeSpace, Place
from funcnodes.core.subgraphs.passages import Passage
from funcnodes.errors import GraphError, RefusedError, ValueRefusedError
from funcnodes.workers.edits.labels import named


@dataclass(slots=True)
class PutInEdit:
    """Nodes put into a section of a frame, or out of the one that they are in."""

    label: str
    ids: list[str]
    place: Place | None
    structural: bool = True
    _before: dict[str, Place | None] = field(default_factory=dict)

    @property
    def touches(self) -> frozenset[str]:
        frames = [place.frame for place in (self.place, *self._before.values()) if place]
        return frozenset(self.ids) | frozenset(frames)

    def apply(self, space: NodeSpace) -> None:
        nodes = [space.get_node_by_id(uuid) for uuid in self.ids]
        self._before = {node.uuid: node.place for node in nodes}
        done: list[Node] = []
        try:
            for node in nodes:
                space.put_in(node, self.place)
                done.append(node)
        except GraphError:
            for node in done:
                space.places.put(node, self._before[node.uuid])
            raise

    def revert(self, space: NodeSpace) -> None:
        for uuid, place in self._before.items():
            space.places.put(space.get_node_by_id(uuid), place)

    def absorb(self, later: Any) -> bool:
        return False


def put_in(space: NodeSpace, ids: list[str], place: Place | None) -> PutInEdit:
    """Nodes into a section of a frame; None takes them out of the frame that they are in."""
    unique = list(dict.fromkeys(ids))
    if not unique:
        raise ValueRefusedError("No node was named that a frame could hold.")
    for node in map(space.get_node_by_id, unique):
        check_holdable(node)
    what = named(space, unique)
    if place is None:
        return PutInEdit(f"take {what} out", unique, None)
    frame = space.get_node_by_id(place.frame)
    return PutInEdit(f"put {what} into {frame.name}", unique, place)


def check_holdable(node: Node) -> None:
    if isinstance(node, Passage):
        raise RefusedError(f"{node.name} is a port of the subgraph: no frame holds it.")


def check_frame(space: NodeSpace, place: Place) -> None:
    frame = space.get_node_by_id(place.frame)
    if not frame.is_frame:
        raise GraphError(f"{frame.name} is no frame: it holds no nodes.", node=place.frame)
