"""Who holds the controls of the bench: one person at a time.

The first operator who acts gets them; so does the next one once the holder has left. Anybody else
takes them over by one click, which everybody is told of. They are of the bench, not of a nodespace:
while it is in use, which nodespace is open is up to the holder, too.
"""

from collections.abc import Callable

from funcnodes.errors import RefusedError
from funcnodes.workers import schema
from funcnodes.workers.roles import at_least


class BenchHolder:
    """The people at a worker, and the one of them who may act on its bench."""

    def __init__(self, *, changed: Callable[[], None] = lambda: None) -> None:
        self.holder: schema.Actor | None = None
        self._people: list[schema.Actor] = []
        self._guests: list[schema.Actor] = []  # who is here without watching: a script
        self._changed = changed

    def people(self) -> list[schema.PersonView]:
        """Everybody who watches, the holder marked."""
        holder = self.holder.id if self.holder else ""
        return [
            schema.PersonView(id=each.id, name=each.name, role=each.role, holder=each.id == holder)
            for each in (*self._people, *self._guests)
        ]

    def set_people(self, people: list[schema.Actor]) -> None:
        """These people watch now."""
        self._people = people
        for each in people:
            if self.holder is not None and each.id == self.holder.id:
                self.holder = each
        self._changed()

    def come(self, actor: schema.Actor) -> None:
        """Somebody is here without watching, until `go`."""
        self._guests.append(actor)
        self._changed()

    def go(self, actor: schema.Actor) -> None:
        """They are not here any more; the controls, if they had them, are free."""
        self._guests = [each for each in self._guests if each.id != actor.id]
        if self.holder is not None and self.holder.id == actor.id:
            self.holder = None
        self._changed()

    def take(self, actor: schema.Actor) -> None:
        """Take the controls over.

        Raises:
            RefusedError: A viewer cannot hold them.
        """
        if not at_least(actor.role, "operator"):
            raise RefusedError("A viewer cannot hold the controls.")
        if self.holder is None or self.holder.id != actor.id:
            self.holder = actor
            self._changed()

    def require(self, actor: schema.Actor) -> None:
        """Let the holder pass, or whoever gets the controls because nobody here holds them.

        Raises:
            RefusedError: Somebody else holds them.
        """
        if self.holder is not None and self.holder.id != actor.id and self._is_here(self.holder):
            raise RefusedError(
                f"{self.holder.name or 'Somebody else'} holds the controls of this bench.",
                hint="Take the controls over first.",
                holder=self.holder.name,
            )
        self.take(actor)

    def refuse_others(self, actor: schema.Actor, why: str) -> None:
        """Let the holder pass, and anybody where no holder is here; nobody gets the controls by it.

        Args:
            why: What makes it the holder's business, e.g. "effects are on".

        Raises:
            RefusedError: Somebody else holds them.
        """
        if self.holder is None or self.holder.id == actor.id or not self._is_here(self.holder):
            return
        who = self.holder.name or "Somebody else"
        raise RefusedError(
            f"{who} holds the controls of this bench and {why}: this nodespace stays open.",
            hint="Take the controls over first.",
            holder=self.holder.name,
        )

    def give_back(self, actor: schema.Actor) -> None:
        """Whoever acted for a moment only holds them no longer."""
        if self.holder is not None and self.holder.id == actor.id:
            self.holder = None
            self._changed()

    @property
    def is_held_here(self) -> bool:
        """Whether nobody holds them, or whoever does is here."""
        return self.holder is None or self._is_here(self.holder)

    def _is_here(self, actor: schema.Actor) -> bool:
        return any(each.id == actor.id for each in (*self._people, *self._guests))
