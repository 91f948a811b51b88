"""Program messages: from bytes on a line to headers and raw parameters.

`LineBuffer` cuts a byte stream into messages at line feeds, whatever pieces it arrives in, and is
bounded. `split_message` and `split_unit` take one message apart (IEEE 488.2, chapter 7). Text in
quotes and the data of blocks may hold every separator; a line feed ends a message inside quotes
too, so that a forgotten quote does not swallow all that follows.
"""

import re
from dataclasses import dataclass

from funcnodes_simulators.scpi.blocks import BlockHead, NotYet, block_head
from funcnodes_simulators.scpi.errors import ScpiError

_UNIT = re.compile(r"(\*[A-Z]+|:?[A-Z][A-Z0-9_]*(?::[A-Z][A-Z0-9_]*)*)(\??)(.*)", re.I | re.S)
_FIRST_PRINTABLE = 0x21
_LAST_ASCII = 0x7E
_QUOTES = "'\""
_NOTABLE = re.compile(rb"[\n'\"#]")
_HIDING = re.compile(r"['\"#()]")  # what may hide a separator
_LONGEST_BLOCK_HEAD = 11


@dataclass(frozen=True, slots=True)
class Overrun:
    """Stands where a message was that did not fit the input buffer."""


class LineBuffer:
    """Assembles messages that end in `\\n` or `\\r\\n`; one that is too long becomes `Overrun`."""

    def __init__(self, limit_bytes: int, *, takes_blocks: bool = True) -> None:
        """Build an input buffer.

        Args:
            limit_bytes: The longest message that it holds, without its line feed.
            takes_blocks: Whether line feeds inside a definite block are data.
        """
        self._limit = limit_bytes
        self._takes_blocks = takes_blocks
        self._pending = bytearray()
        self.clear()

    def feed(self, data: bytes) -> list[str | Overrun]:
        """Take bytes as they came and return the messages that they complete."""
        self._pending += data
        messages: list[str | Overrun] = []
        while (end := self._find_end()) is not None:
            messages.append(self._take(end))
        if len(self._pending) > self._limit:
            self.clear()
            self._is_overrun = True
        return messages

    def clear(self) -> None:
        """Forget a half-received message."""
        self._pending.clear()
        self._begin()

    @property
    def partial(self) -> bytes:
        """What has come of a message that has not ended."""
        return bytes(self._pending)

    def _begin(self) -> None:
        self._is_overrun = False
        self._quote = b""
        self._scanned = 0  # everything before is inside the message under way
        self._data_end = 0  # where its last block ends

    def _take(self, end: int) -> str | Overrun:
        text = self._pending[:end].decode("latin-1")
        message = Overrun() if self._is_overrun or end > self._limit else text
        if isinstance(message, str) and end > self._data_end:
            message = message.removesuffix("\r")
        del self._pending[: end + 1]
        self._begin()
        return message

    def _find_end(self) -> int | None:
        """Return where the line feed is that ends the message under way."""
        while not self._is_overrun:
            match = _NOTABLE.search(self._pending, self._scanned)
            if match is None:
                self._scanned = len(self._pending)
                return None
            if match[0] == b"\n":
                return match.start()
            if match[0] != b"#":
                self._pass_quote(match)
            elif not self._pass_block(match.start()):
                return None
        return _found(self._pending.find(b"\n", self._scanned))

    def _pass_quote(self, match: "re.Match[bytes]") -> None:
        if not self._quote:
            self._quote = match[0]
        elif self._quote == match[0]:
            self._quote = b""
        self._scanned = match.end()

    def _pass_block(self, start: int) -> bool:
        """Go past what begins with `#`; False while bytes are missing to tell where it ends."""
        self._scanned = start
        head = None
        if self._takes_blocks and not self._quote and _begins_argument(self._pending, start):
            try:
                head = block_head(
                    self._pending[start : start + _LONGEST_BLOCK_HEAD].decode("latin-1")
                )
            except NotYet:
                return False
        if head is None:
            self._scanned = start + 1
            return True
        return self._pass_data(start, head)

    def _pass_data(self, start: int, head: BlockHead) -> bool:
        if head.length is None:
            end = self._pending.find(b"\n", start)
            self._scanned = start if end < 0 else end
            return end >= 0
        end = start + head.size + head.length
        if end > self._limit:
            self._is_overrun = True
        elif end <= len(self._pending):
            self._scanned = self._data_end = end
        return end > self._limit or end <= len(self._pending)


def _found(position: int) -> int | None:
    return None if position < 0 else position


def _begins_argument(pending: bytearray, position: int) -> bool:
    return position > 0 and pending[position - 1] in b" \t,"


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
    """Split a program message at its semicolons, not those that are data; empty units fall away.

    Raises:
        ScpiError: -151 when a quote is never closed.
    """
    return [part for part in _split(message, ";") if part]


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
    arguments = _split(text, ",")
    if not all(arguments):
        raise ScpiError(-109 if not arguments[-1] else -103)
    return arguments


def _split(text: str, separator: str) -> list[str]:
    """Split at separators outside of quotes, parentheses and blocks, and trim the parts."""
    if _HIDING.search(text) is None:
        return [part.strip() for part in text.split(separator)]
    parts: list[str] = []
    quote = ""
    depth = start = data_end = position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if quote:
            quote = "" if char == quote else quote
        elif char in _QUOTES:
            quote = char
        elif char == "#" and text[position - 2 : position - 1] in (" ", "\t", ","):
            position = data_end = max(position, _block_end(text, position - 1))
        elif char == separator and (depth == 0 or separator == ";"):
            parts.append(_trimmed(text, start, position - 1, data_end))
            start = position
        elif char in "()":
            depth = max(0, depth + (1 if char == "(" else -1))
    if quote:
        raise ScpiError(-151)
    return [*parts, _trimmed(text, start, len(text), data_end)]


def _block_end(text: str, start: int) -> int:
    """Return where a block ends; `start` where there is none."""
    try:
        head = block_head(text[start : start + _LONGEST_BLOCK_HEAD])
    except NotYet:
        return start
    if head is None:
        return start
    return len(text) if head.length is None else min(len(text), start + head.size + head.length)


def _trimmed(text: str, start: int, end: int, data_end: int) -> str:
    """Take white space off a part, but not off the block that it ends in."""
    data_end = min(max(start, data_end), end)
    return (text[start:data_end] + text[data_end:end].rstrip()).lstrip()


def _is_plain(char: str) -> bool:
    return _FIRST_PRINTABLE <= ord(char) <= _LAST_ASCII


def _is_blank(char: str) -> bool:
    return ord(char) < _FIRST_PRINTABLE
