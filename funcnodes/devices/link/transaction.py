"""The span of one transaction on a link: its deadline, and what a failure does.

Every way out other than success poisons the link, a cancellation included, and is said in terms
of the command.
"""

import asyncio
import time
from typing import Protocol

from funcnodes.devices.link.contact import Contact, Ending, sentence
from funcnodes.devices.link.deadlines import Deadlines
from funcnodes.errors import (
    DeviceClosed,
    DeviceError,
    DeviceTimeout,
    InstrumentError,
    RefusedError,
)


class Owner(Protocol):
    """What a transaction needs of its link.

    Attributes:
        strikes: How many times emergency bytes were written so far.
    """

    contact: Contact
    deadlines: Deadlines
    strikes: int

    def poison(self, why: str, latency_ms: float | None = None) -> None:
        """Nobody may speak before the link was recovered."""


class Transaction:
    """The span of one transaction; a context for whoever holds the link.

    Attributes:
        when: The loop's time at which it ends at the latest.
    """

    __slots__ = (
        "_began", "_cancelling", "_command", "_is_expired", "_link", "_strikes", "_task",
        "_timeout_s", "when",
    )  # fmt: skip

    def __init__(self, link: Owner, command: str, timeout_s: float) -> None:
        self._link = link
        self._command = command
        self._timeout_s = timeout_s

    def __enter__(self) -> None:
        link, task = self._link, asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._is_expired = False
        self._strikes = link.strikes
        self._began = time.monotonic()  # which is the loop's time, too
        self.when = self._began + self._timeout_s
        link.deadlines.begin(self)

    def expire(self) -> None:
        """End the transaction now."""
        if not self._is_expired:
            self._is_expired = True
            self._task.cancel()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._link.deadlines.end()
        is_ours = self._is_expired and self._task.uncancel() <= self._cancelling
        if is_ours and isinstance(error, asyncio.CancelledError):
            error = TimeoutError()
        if error is None and self._strikes == self._link.strikes:
            return
        self._fail(error)

    def _fail(self, error: BaseException | None) -> None:
        """Poison, and say what happened in terms of the command."""
        link, contact, command = self._link, self._link.contact, self._command
        contact.owe(self._ending(error), self._timeout_s)
        if self._strikes != link.strikes:
            link.poison("emergency stop")
            if isinstance(error, asyncio.CancelledError):
                return
            raise RefusedError(
                f"{contact.who}: {command!r} was given up for an emergency stop.",
                device=contact.name,
            ) from error
        if isinstance(error, TimeoutError):
            text = f"no reply to {command!r} in {self._timeout_s:.1f} s"
            link.poison(text, (time.monotonic() - self._began) * 1000)
            raise DeviceTimeout(f"{contact.who}: {text}.", **self._about()) from None
        if isinstance(error, InstrumentError):  # it answered: nothing to recover from
            contact.owe_nothing()
            raise InstrumentError(
                f"{contact.who}: {command!r} was answered by error {error.code}, {error.message}.",
                code=error.code, hint=error.hint, **self._about(),
            ) from error  # fmt: skip
        if isinstance(error, DeviceError):
            why = contact.without(error.message)
            link.poison(why)
            raise type(error)(
                f"{contact.who}: {sentence(why)[:-1]} (during {command!r}).",
                hint=error.hint,
                **self._about(),
            ) from error
        link.poison(f"{command!r} was cancelled" if error is not None else "")

    def _ending(self, error: BaseException | None) -> Ending:
        if self._strikes != self._link.strikes or isinstance(error, asyncio.CancelledError):
            return "cut"
        if isinstance(error, TimeoutError):
            return "silent"
        return "lost" if isinstance(error, DeviceClosed) else "garbled"

    def _about(self) -> dict[str, str]:
        contact = self._link.contact
        return {"device": contact.name, "address": contact.address, "command": self._command}
