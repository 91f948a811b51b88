"""Input buffers of instruments that do not speak in lines: what ends a message, and what breaks in.

An instrument that needs one is `Framed`; every other gets the line buffer of `scpi`. Sans-I/O and
bounded: bytes come in whatever pieces, whole messages go out as texts in latin-1, their terminator
removed and single control characters standing alone.
"""

from typing import Protocol, runtime_checkable

from funcnodes_simulators.scpi import Overrun


class Input(Protocol):
    """Assembles messages from bytes."""

    def feed(self, data: bytes) -> list[str | Overrun]:
        """Take bytes as they came and return the messages that they complete."""
        ...

    def clear(self) -> None:
        """Forget a half-received message."""
        ...


@runtime_checkable
class Framed(Protocol):
    """An instrument with an input buffer of its own."""

    def new_input(self) -> Input:
        """Return an empty buffer, one per client."""
        ...


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
