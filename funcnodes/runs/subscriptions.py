"""Whoever follows a run while it is on, document by document.

A subscriber that comes late is told first what it missed. One that fails is told no more: what a
run measures does not depend on who looks on.
"""

import logging
from collections.abc import Callable

from funcnodes.core import clock
from funcnodes.runs.documents import Composer, Document, Subscriber
from funcnodes.runs.records import RunHead
from funcnodes.runs.table import Table
from funcnodes.runs.writer import RunWriter

_log = logging.getLogger(__name__)


class RunDocuments:
    """The documents of one run, as they come. Everything happens in the run's loop."""

    def __init__(self, writer: RunWriter) -> None:
        self._writer = writer
        self._tables: list[Table] = []
        self._last: RunHead | None = None
        self._subscriptions: list[_Subscription] = []

    def subscribe(self, tell: Subscriber) -> Callable[[], None]:
        """Call `tell(name, document)` for all there is and all that comes; returns how to end
        that."""
        subscription = _Subscription(tell, self._writer)
        self._subscriptions.append(subscription)
        for k, table in enumerate(self._tables):
            subscription.follow(k, table)
        if self._last is not None:
            subscription.stop(self._last)
        return subscription.end

    def follow(self, table: Table) -> None:
        """The run has a table, the next one."""
        self._tables.append(table)
        for subscription in self._subscriptions:
            subscription.follow(len(self._tables) - 1, table)

    def stop(self, head: RunHead) -> None:
        """It is over."""
        self._last = head
        for subscription in self._subscriptions:
            subscription.stop(head)


class _Subscription:
    def __init__(self, tell: Subscriber, writer: RunWriter) -> None:
        self._tell: Subscriber | None = tell
        self._composer = Composer(writer.head, writer.first_specs, lambda: writer.snapshots)
        self._forget: list[Callable[[], None]] = []
        self._say(self._composer.start())

    def follow(self, k: int, table: Table) -> None:
        def appended(table: Table, start: int, stop: int) -> None:
            for document in self._composer.rows(k, table.page(start, stop - start)):
                self._say(document)

        if self._tell is not None:
            self._forget.append(table.watch(appended))
            appended(table, 0, len(table))

    def stop(self, head: RunHead) -> None:
        self._say(self._composer.stop(head, clock.now()))
        self.end()

    def end(self) -> None:
        self._tell = None
        for forget in self._forget:
            forget()
        self._forget.clear()

    def _say(self, document: Document) -> None:
        if self._tell is None:
            return
        try:
            self._tell(*document)
        except Exception:
            _log.exception("A subscriber of a run failed; it is told no more")
            self.end()
