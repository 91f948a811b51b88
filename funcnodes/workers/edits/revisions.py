"""Which revision each thing of a graph is of, so that no edit undoes what its author never saw.

An edit is made on a revision. It is *stale* where somebody else has changed the very thing since:
then it is refused with the new state, never applied. Edits of other things go through, and so do
those of one browser in a row, which need not have seen the answer to its last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from funcnodes.errors import RefusedError
from funcnodes.workers import schema

Thing = tuple[str, str]
"""Name of a node, and what of it: "value p", "flags p", "wire p", "name", "place", …"""

ALL = "all"
HISTORY: Thing = ("", "history")


class StaleRevision(RefusedError):
    """The edit is of something that somebody else has changed, or removed, meanwhile."""


@dataclass(frozen=True, slots=True)
class LastChange:
    """Who changed a thing last.

    Attributes:
        client: The browser that it came from, "" for none.
        by: Name of the person.
    """

    rev: int
    client: str
    by: str


class Revisions:
    """The last change of each thing of one nodespace."""

    def __init__(self) -> None:
        self._last: dict[Thing, LastChange] = {}

    def since(self, things: Iterable[Thing], rev: int, client: str) -> LastChange | None:
        """The newest change of any of these that `client` had not seen at `rev`, if any."""
        newer = [
            last
            for thing in things
            for last in self._of(thing)
            if last.rev > rev and not (client and last.client == client)
        ]
        return max(newer, key=lambda last: last.rev, default=None)

    def note(self, things: Iterable[Thing], change: LastChange) -> None:
        """These were changed; so was the order of edits, which undo goes by."""
        for thing in (*things, HISTORY):
            self._last[thing] = change

    def _of(self, thing: Thing) -> Iterator[LastChange]:
        node, what = thing
        if what == ALL:
            yield from (last for (name, of), last in self._last.items() if name == node != "")
            return
        for key in (thing, (node, ALL)):
            if key in self._last:
                yield self._last[key]


def wholly(nodes: Iterable[str]) -> list[Thing]:
    """All of these nodes, where an edit does not say what of them."""
    return [(each, ALL) for each in nodes]


def things_of(body: schema.AnyCommand) -> list[Thing]:
    """What an edit is about, and changes."""
    match body:
        case schema.SetValue():
            return [(body.node, f"value {body.port}")]
        case schema.SetPort():
            return [(body.node, f"flags {body.port}")]
        case schema.Connect():
            return [(body.target, f"wire {body.target_port}")]
        case schema.Disconnect():
            return [_wire(body.edge)]
        case schema.MoveNodes() | schema.PutIn():
            return [(each, "place") for each in body.ids]
        case schema.RemoveNodes():
            return [*wholly(body.ids), *map(_wire, body.edges)]
        case schema.MakeSubgraph():
            return wholly(body.ids)
        case schema.Rename():
            return [(body.id, "name")]
        case schema.SetPolicy():
            return [(body.id, "policy")]
        case schema.SetPlot():
            return [(body.id, "plot")]
        case schema.Dissolve() | schema.UpdateSubgraph():
            return wholly([body.id])
        case schema.Promote() | schema.Demote():
            return [(body.node, f"flags {body.port}")]
        case schema.Undo() | schema.Redo():
            return [HISTORY]
    return []


def _wire(edge: str) -> Thing:
    """The input that a wire ends in: "source:out>target:in"."""
    target, _, port = edge.partition(">")[2].rpartition(":")
    return target, f"wire {port}"
