"""Bytes that take their time on a serial line: ten bits each, a start and a stop bit among them.

A byte arrives when its last bit has, so that a message of n bytes takes 10 n / baud seconds from
when the line was free. The schedule is absolute: a late timer does not slow the line down.
"""

import asyncio
from collections.abc import Callable

BITS_PER_BYTE = 10
GRAIN_S = 0.002  # bytes arrive in groups no closer together than this


class PacedBytes:
    """One direction of a serial line."""

    def __init__(self, baud: int, arrived: Callable[[bytes], object]) -> None:
        """Args:
        baud: Bits per second; 0 for a line that takes no time at all.
        arrived: Called with bytes as they come out at the other end.
        """
        self._byte_s = BITS_PER_BYTE / baud if baud else 0.0
        self._arrived = arrived
        self._pending = bytearray()
        self._began_s = 0.0  # when the first byte of what is pending began
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many bytes are on the line."""
        return len(self._pending)

    def feed(self, data: bytes) -> None:
        """Put bytes on the line, behind those that are on it."""
        if not self._byte_s:
            self._arrived(data)
            return
        if not self._pending:
            self._began_s = asyncio.get_running_loop().time()
        self._pending += data
        self._wait()

    def clear(self) -> None:
        """Lose what is on the line."""
        self._pending.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        if self._timer is not None or not self._pending:
            return
        group_s = max(self._byte_s, min(GRAIN_S, self._byte_s * len(self._pending)))
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(self._began_s + group_s, self._move)

    def _move(self) -> None:
        self._timer = None
        passed_s = asyncio.get_running_loop().time() - self._began_s
        # The loop's clock may be a grain short of the time that was asked for.
        count = min(len(self._pending), max(1, int(passed_s / self._byte_s + 0.01)))
        data = bytes(self._pending[:count])
        del self._pending[:count]
        self._began_s += count * self._byte_s
        self._wait()
        self._arrived(data)
