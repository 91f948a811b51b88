"""The edits of one nodespace, in order, with what was taken back of them."""

from collections.abc import Callable

from funcnodes.core import NodeSpace
from funcnodes.errors import RefusedError
from funcnodes.workers.edits.edit import Edit

UNDO_DEPTH = 500


class Editor:
    """The edits of one nodespace, in order.

    Attributes:
        rev: Counts every edit, undo and redo.
    """

    def __init__(self, space: NodeSpace, *, edited: Callable[[], None] = lambda: None) -> None:
        self.space = space
        self.rev = 0
        self._edited = edited
        self._done: list[Edit] = []
        self._undone: list[Edit] = []

    @property
    def undo_label(self) -> str:
        return self._done[-1].label if self._done else ""

    @property
    def redo_label(self) -> str:
        return self._undone[-1].label if self._undone else ""

    def make(self, edit: Edit) -> None:
        """Make an edit.

        Raises:
            RefusedError: It would change the structure and a run is on, or it is not possible.
            GraphError: What it names is not there, does not fit, or is refused.
        """
        self._check_lock(edit)
        edit.apply(self.space)
        self._undone.clear()
        if not (self._done and self._done[-1].absorb(edit)):
            self._done.append(edit)
            del self._done[:-UNDO_DEPTH]
        self._bump()

    def undo(self) -> Edit:
        """Take the last edit back. Returns it.

        Raises:
            RefusedError: There is none, or a run is on and it would change the structure.
        """
        if not self._done:
            raise RefusedError("There is nothing to undo.")
        edit = self._done[-1]
        self._check_lock(edit)
        edit.revert(self.space)
        self._undone.append(self._done.pop())
        self._bump()
        return edit

    def redo(self) -> Edit:
        """Make the last edit that was taken back again. Returns it.

        Raises:
            RefusedError: There is none, or a run is on and it would change the structure.
        """
        if not self._undone:
            raise RefusedError("There is nothing to redo.")
        edit = self._undone[-1]
        self._check_lock(edit)
        edit.apply(self.space)
        self._done.append(self._undone.pop())
        self._bump()
        return edit

    def _check_lock(self, edit: Edit) -> None:
        if edit.structural:
            self.space.check_unlocked()

    def _bump(self) -> None:
        self.rev += 1
        self._edited()
