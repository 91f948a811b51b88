"""Emergency bytes on their way to one instrument, with the pauses that it needs between (S3a).

Guarantees that bytes which need no pause are written before anything is waited for, and that others
go out from a thread of their own: neither the event loop nor another device waits for a slow one.
Where a reply was still to come, an instrument may be deaf behind it: it is told again.
Knows only that bytes were handed over; reading back is the link's.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

from funcnodes.devices.messages.protocol import Protocol

ROUNDS = 3  # for one whose reply is still to come, and which is deaf again after that
_TURN_S = 0.005


class Strike:
    """Emergency bytes on their way to one instrument; see the module's text.

    Args:
        write: Puts bytes on the line from any thread; says whether they were handed over.
        pieces: Messages that the instrument has to hear one by one.
        pause_s: For how long it is left alone after a piece.
        rounds: How many times it is told.
        rests_s: For how long it is not spoken to from now on.

    Attributes:
        sent_at: When all was handed over for the first time, None before; time.monotonic.
    """

    def __init__(
        self,
        write: Callable[[bytes], bool],
        pieces: Sequence[bytes],
        *,
        pause_s: Callable[[bytes], float],
        rounds: int = 1,
        rests_s: float = 0.0,
    ) -> None:
        self.sent_at: float | None = None
        self._write = write
        self._pause_s = pause_s
        self._rests_s = rests_s
        self._rounds = [list(pieces) for _ in range(rounds)]
        self._over = threading.Event()

    def begin(self, *, beside: bool = False) -> None:
        """Write the first piece now, or, `beside`, from the thread that writes the others.

        From there, too, where the instrument does not hear yet.
        """
        beside = beside or self._rests_s > 0
        if not beside and not self._write(self._rounds[0][0]):
            self._over.set()
        elif not beside and len(self._rounds) == len(self._rounds[0]) == 1:
            self.sent_at = time.monotonic()
            self._over.set()
        else:
            work = threading.Thread(target=self._run, args=(beside,), daemon=True, name="strike")
            try:
                work.start()
            except RuntimeError:  # no more threads: late is better than not at all
                self._run(beside)

    def wait(self, within_s: float | None = None) -> bool:
        """Block until everything was written; whether it was handed over."""
        self._over.wait(within_s)
        return self.sent_at is not None

    async def over(self) -> None:
        """Wait on the loop until nothing of it is to be written any more."""
        while not self._over.is_set():
            await asyncio.sleep(_TURN_S)

    def _run(self, is_first_due: bool) -> None:
        try:
            time.sleep(self._rests_s)
            last = b"" if is_first_due else self._rounds[0].pop(0)
            for pieces in self._rounds:
                for piece in pieces:
                    if last:
                        time.sleep(self._pause_s(last))
                    if not self._write(piece):
                        return
                    last = piece
                self.sent_at = self.sent_at or time.monotonic()
        finally:
            self._over.set()


def pause_s(protocol: Protocol, data: bytes) -> float:
    """For how long an instrument is left alone after bytes were handed over: they travel, too."""
    if not protocol.gap_s:
        return 0.0
    return protocol.gap_s + len(data) * _BITS / (protocol.serial.baud or _BAUD)


def takes_s(protocol: Protocol, pieces: Sequence[bytes]) -> float:
    """How long pauses hold up the last of several pieces at worst."""
    return ROUNDS * sum(pause_s(protocol, piece) for piece in pieces) + protocol.gap_s


_BITS = 11  # of a byte at most, with start, parity and stop
_BAUD = 9600
