"""Who has what for himself: a frame keeps the resources of what is inside it while it runs.

A resource is a name, such as that of a device. What runs in the wave of the holder, or in one
below it, may use it; others are told who has it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from funcnodes.core.running.waves import Wave
from funcnodes.errors import RefusedError


class Keeper(Protocol):
    """Who keeps something, or wants to use it: a node."""

    @property
    def uuid(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def wave(self) -> Wave | None:
        """Of its present execution."""


class Reservations:
    """The resources of one nodespace that are taken."""

    def __init__(self) -> None:
        self._holders: dict[str, Keeper] = {}

    @contextmanager
    def kept(self, names: Iterable[str], holder: Keeper) -> Iterator[None]:
        """Have `names` kept for what runs within the present wave of `holder`.

        Raises:
            RefusedError: Somebody else has one of them; nothing is kept then.
        """
        wanted = sorted(set(names))
        for name in wanted:
            self.check(name, holder.wave, holder)
        mine = [name for name in wanted if name not in self._holders]  # not those of a frame around
        self._holders.update(dict.fromkeys(mine, holder))
        try:
            yield
        finally:
            for name in mine:
                del self._holders[name]

    def holder(self, name: str, wave: Wave | None) -> Keeper | None:
        """Who keeps `name` from what runs in `wave`; None where it may be used."""
        holder = self._holders.get(name)
        if holder is None or holder.wave is None:
            return None
        return None if wave is not None and wave.within(holder.wave) else holder

    def check(self, name: str, wave: Wave | None, node: Keeper) -> None:
        """Raise RefusedError where `node` may not use `name` in `wave`."""
        holder = self.holder(name, wave)
        if holder is not None:
            raise RefusedError(
                f"{node.name} cannot use {name}, which {holder.name} keeps until it ends.",
                hint=f"Put {node.name} into {holder.name}, or wait until that has ended.",
                node=node.uuid,
            )
