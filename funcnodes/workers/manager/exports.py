"""Recorded runs as files, on their way from a worker to whoever asked for one.

Guarantees one export at a time for each person and from each worker, and that the next piece is
asked for only once the one before it was taken: whoever reads slowly holds a piece, not the run.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator

import msgspec

from funcnodes.errors import RefusedError
from funcnodes.workers import schema
from funcnodes.workers.manager.hub import Hub

COST = 100.0
PIECE_S = 60.0


class Exports:
    """Those that are under way."""

    def __init__(self) -> None:
        self._people: set[str] = set()
        self._workers: dict[str, str] = {}  # by uuid, the name of who exports

    async def begin(
        self, hub: Hub, actor: schema.Actor, run: str, stream: str = ""
    ) -> tuple[schema.ExportPiece, AsyncIterator[bytes]]:
        """Ask for a run, or one stream of it, as a file.

        Returns:
            Its first piece, and all of its bytes, piece by piece; close the latter in any case.

        Raises:
            RefusedError: Another export of this person, or of this worker, is under way, or the
                worker refused.
            OverBudget: This person has asked for too much lately.
            WorkerError: The worker is out of reach or does not answer in time.
        """
        hub.budgets.spend(actor.id, COST)
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._turn(hub.uuid, actor))
            body = schema.ExportRun(run=run, recorder=stream)
            first = await _piece(hub, actor, body)
            return first, _pieces(hub, actor, body, first, stack.pop_all())

    @contextlib.contextmanager
    def _turn(self, uuid: str, actor: schema.Actor) -> Iterator[None]:
        if actor.id in self._people:
            raise RefusedError(
                "You are exporting a run already.", hint="One at a time: wait until it is done."
            )
        if uuid in self._workers:
            who = self._workers[uuid] or "Somebody"
            raise RefusedError(
                f"{who} is exporting a run of this worker.", hint="Try again when that is done."
            )
        self._people.add(actor.id)
        self._workers[uuid] = actor.name
        try:
            yield
        finally:
            self._people.discard(actor.id)
            del self._workers[uuid]


async def _pieces(
    hub: Hub,
    actor: schema.Actor,
    body: schema.ExportRun,
    piece: schema.ExportPiece,
    turn: contextlib.ExitStack,
) -> AsyncIterator[bytes]:
    with turn:
        yield piece.data
        while piece.next is not None:
            body = msgspec.structs.replace(body, after=piece.next)
            piece = await _piece(hub, actor, body)
            yield piece.data


async def _piece(hub: Hub, actor: schema.Actor, body: schema.ExportRun) -> schema.ExportPiece:
    answer = await hub.request(actor, body, timeout_s=PIECE_S, paid=True)
    return msgspec.convert(answer, schema.ExportPiece)
