"""Program messages: from bytes on a wire to headers and raw parameters.

`LineBuffer` cuts a byte stream into messages at line feeds, whatever pieces it arrives in, and is
bounded. `split_message` and `split_unit` take one message apart (IEEE 488.2, chapter 7). Data of a
definite-length block sent *to* an instrument is not recognised: nothing here accepts one.
"""

import re
from dataclasses import dataclass

from funcnodes_simulators.scpi.errors import ScpiError

_UNIT = re.compile(r"(\*[A-Z]+|:?[A-Z][A-Z0-9_]*(?::[A-Z][A-Z0-9_]*)*)(\??)(.*)", re.I | re.S)
_FIRST_PRINTABLE = 0x21
_LAST_ASCII = 0x7E
_QUOTES = "'\""


@dataclass(frozen=True, slots=True)
class Overrun:
    """Stands where a message was that did not fit the input buffer."""


class LineBuffer:
    """Assembles messages that end in `\\n` or `\\r\\n`; one that is too long becomes `Overrun`."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._pending = bytearray()
        self._is_overrun = False

    def feed(self, data: bytes) -> list[str | Overrun]:
        """Take bytes as they came and return the messages that they complete."""
        *ends, rest = data.split(b"\n")
        messages = [self._complete(end) for end in ends]
        self._append(rest)
        return messages

    def clear(self) -> None:
        """Forget a half-received message."""
        self._pending.clear()
        self._is_overrun = False

    def _append(self, data: bytes) -> None:
        if self._is_overrun or len(self._pending) + len(data) > self._limit:
            self._is_overrun = True
            self._pending.clear()
        else:
            self._pending += data

    def _complete(self, end: bytes) -> str | Overrun:
        self._append(end)
        message = Overrun() if self._is_overrun else self._pending.decode("latin-1")
        self.clear()
        return message if isinstance(message, Overrun) else message.removesuffix("\r")


@dataclass(frozen=True, slots=True)
class Unit:
    """One command or query of a message, its parameters still text."""

    header: str
    is_query: bool
    arguments: list[str]

    @property
    def is_common(self) -> bool:
        return self.header.startswith("*")

    @property
    def is_absolute(self) -> bool:
        return self.header.startswith(":")

    @property
    def mnemonics(self) -> list[str]:
        return self.header.removeprefix(":").split(":")


def split_message(message: str) -> list[str]:
    """Split a program message at the semicolons outside of quotes; empty units fall away.

    Raises:
        ScpiError: -151 when a quote is never closed.
    """
    return [part.strip() for part in _split_outside_quotes(message, ";") if part.strip()]


def split_unit(text: str) -> Unit:
    """Take one message unit apart.

    Raises:
        ScpiError: -101, -102, -103, -109 or -111, as the text deserves.
    """
    match = _UNIT.match(text)
    if match is None:
        raise ScpiError(-102 if _is_plain(text[0]) else -101)
    header, mark, rest = match[1], match[2], match[3]
    if rest and not rest[0].isspace() and not _is_blank(rest[0]):
        raise ScpiError(-111 if _is_plain(rest[0]) else -101)
    return Unit(header, mark == "?", _split_arguments(rest))


def _split_arguments(text: str) -> list[str]:
    if not text.strip():
        return []
    arguments = [part.strip() for part in _split_outside_quotes(text, ",")]
    if not all(arguments):
        raise ScpiError(-109 if not arguments[-1] else -103)
    return arguments


def _split_outside_quotes(text: str, separator: str) -> list[str]:
    parts: list[str] = []
    quote = ""
    start = 0
    for position, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in _QUOTES:
            quote = char
        elif char == separator:
            parts.append(text[start:position])
            start = position + 1
    if quote:
        raise ScpiError(-151)
    return [*parts, text[start:]]


def _is_plain(char: str) -> bool:
    return _FIRST_PRINTABLE <= ord(char) <= _LAST_ASCII


def _is_blank(char: str) -> bool:
    return ord(char) < _FIRST_PRINTABLE
