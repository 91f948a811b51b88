"""Rows of a run as they come: sent from where the last patch left off, none lost or sent twice."""

from funcnodes.runs import Table
from funcnodes.workers import schema
from funcnodes.workers.publisher import Publisher
from funcnodes.workers.shown import views

ROWS_PER_EVENT = 5_000


class RowsFeed:
    """Called with each piece of rows that was appended."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._sent: dict[str, int] = {}

    def __call__(self, table: Table, start: int, stop: int) -> None:
        """Rows `start` … `stop` were appended. While nobody is linked nothing is noted: whoever
        comes asks for the rows of the run that is on show, and no table is kept for them."""
        key = f"{table.run}/{table.spec.recorder}"
        self._sent.setdefault(key, start)
        if not self._publisher.linked:
            return
        self._publisher.mark(("rows", key), lambda: self._events(table, key))

    def _events(self, table: Table, key: str) -> list[schema.PatchEvent]:
        start, stop = self._sent[key], len(table)
        self._sent[key] = stop
        return [
            views.rows_event(table.run, table.page(begin, ROWS_PER_EVENT))
            for begin in range(start, stop, ROWS_PER_EVENT)
        ]
