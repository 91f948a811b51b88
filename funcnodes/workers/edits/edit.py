"""What an edit is: a command with an inverse, so that every edit can be undone.

Guarantees that undo and redo never act on a device: wires come back without triggering, and a
value that could reach an effect is restored as text, marked not applied. While a run is on, the
structure is locked (A2); moving, naming and pinning go on. Nodes are named by id, never held, so
that an edit can be undone after the node it speaks of was removed and brought back.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from funcnodes.core import NodeSpace
from funcnodes.core.naming import joined
from funcnodes.workers.edits.scopes import around, space_at

COALESCE_S = 1.0


class Edit(Protocol):
    """One edit that has been made, or is about to be."""

    @property
    def label(self) -> str:
        """What a person calls it, as in "Undo: move Sweep"."""

    @property
    def structural(self) -> bool:
        """Whether it is refused while a run is on."""

    @property
    def touches(self) -> frozenset[str]:
        """Ids of the nodes that look different after it, or after taking it back."""

    def apply(self, space: NodeSpace) -> None:
        """Make it, for the first time or again."""

    def revert(self, space: NodeSpace) -> None:
        """Take it back."""

    def absorb(self, later: Any) -> bool:
        """Take a later edit of the same thing in. Returns whether that was possible."""


@dataclass(slots=True)
class InsideEdit:
    """An edit of what is inside a subgraph, found by name so that it can be taken out and back."""

    scope: str
    edit: Edit

    @property
    def label(self) -> str:
        return self.edit.label

    @property
    def structural(self) -> bool:
        return self.edit.structural

    @property
    def touches(self) -> frozenset[str]:
        """The subgraphs around it too: their ports follow what is inside."""
        own = {joined(self.scope, uuid) for uuid in self.edit.touches}
        return frozenset({*own, *around(self.scope)})

    def apply(self, space: NodeSpace) -> None:
        self.edit.apply(space_at(space, self.scope))

    def revert(self, space: NodeSpace) -> None:
        self.edit.revert(space_at(space, self.scope))

    def absorb(self, later: Any) -> bool:
        same = isinstance(later, InsideEdit) and later.scope == self.scope
        return same and self.edit.absorb(later.edit)


@dataclass(slots=True)
class SeveralEdits:
    """Edits made as one: all of them, or none."""

    label: str
    edits: list[Edit]

    @property
    def structural(self) -> bool:
        return any(edit.structural for edit in self.edits)

    @property
    def touches(self) -> frozenset[str]:
        return frozenset().union(*(edit.touches for edit in self.edits))

    def apply(self, space: NodeSpace) -> None:
        done: list[Edit] = []
        try:
            for edit in self.edits:
                edit.apply(space)
                done.append(edit)
        except Exception:
            for edit in reversed(done):
                edit.revert(space)
            raise

    def revert(self, space: NodeSpace) -> None:
        for edit in reversed(self.edits):
            edit.revert(space)

    def absorb(self, later: Any) -> bool:
        return False


def inside(scope: str, edit: Edit) -> Edit:
    """The edit, to be made in a scope."""
    return InsideEdit(scope, edit) if scope else edit
