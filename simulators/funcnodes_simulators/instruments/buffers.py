"""Input buffers for instruments that do not speak in lines: what ends a message, what breaks in.

Sans-I/O and bounded: bytes come in whatever pieces, whole messages go out as texts in latin-1,
without their terminators. Those of SCPI instruments are `scpi.LineBuffer`'s.
"""

from funcnodes_simulators.scpi import Overrun


class Split:
    """Messages that end in one of some characters; control characters are messages themselves."""

    def __init__(self, limit_bytes: int, *, ends: bytes, alone: bytes = b"") -> None:
        """Build an empty buffer.

        Args:
            limit_bytes: The longest message; one that is longer becomes an `Overrun`.
            ends: Characters that end a message, each of them.
            alone: Characters that are a message of their own wherever they come; what came
                before them and was not ended is dropped.
        """
        self._limit = limit_bytes
        self._ends = ends
        self._alone = alone
        self._pending = bytearray()
        self._is_overrun = False

    @property
    def partial(self) -> bytes:
        return bytes(self._pending)

    def feed(self, data: bytes) -> list[str | Overrun]:
        messages: list[str | Overrun] = []
        for each in data:
            if each in self._alone:
                self.clear()
                messages.append(chr(each))
            elif each in self._ends:
                if self._is_overrun or self._pending:
                    messages.append(
                        Overrun() if self._is_overrun else self._pending.decode("latin-1")
                    )
                self.clear()
            elif len(self._pending) < self._limit:
                self._pending.append(each)
            else:
                self._is_overrun = True
        return messages

    def clear(self) -> None:
        self._pending.clear()
        self._is_overrun = False


class TerminatedBuffer:
    """Assembles messages that end in a given sequence of bytes; bounded."""

    def __init__(self, terminator: bytes, limit_bytes: int) -> None:
        self._terminator = terminator
        self._limit = limit_bytes
        self._pending = bytearray()
        self._is_overrun = False

    @property
    def partial(self) -> bytes:
        """What has come of a message that has not ended."""
        return bytes(self._pending)

    def feed(self, data: bytes) -> list[str | Overrun]:
        """Take bytes as they came and return the messages that they complete."""
        self._pending += data
        messages: list[str | Overrun] = []
        while (end := self._pending.find(self._terminator)) >= 0:
            is_overrun = self._is_overrun or end > self._limit
            messages.append(Overrun() if is_overrun else self._pending[:end].decode("latin-1"))
            del self._pending[: end + len(self._terminator)]
            self._is_overrun = False
        if len(self._pending) > self._limit + len(self._terminator):
            del self._pending[: -len(self._terminator)]
            self._is_overrun = True
        return messages

    def clear(self) -> None:
        """Forget a half-received message."""
        self._pending.clear()
        self._is_overrun = False
