"""An input buffer for instruments that do not speak in lines: what ends a message, what breaks in.

Sans-I/O and bounded: bytes come in whatever pieces, whole messages go out as texts in latin-1,
their terminator removed and single control characters standing alone.
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
