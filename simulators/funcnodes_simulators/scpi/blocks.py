"""Arbitrary blocks: bytes of any value inside a message (IEEE 488.2, 7.7.6 and 8.7.9).

A definite block says how long it is, `#3128...`; an indefinite one, `#0...`, lasts to the end of
the message. `block_head` is the one place that reads the beginning of either.
"""

from dataclasses import dataclass

from funcnodes_simulators.scpi.errors import ScpiError


@dataclass(frozen=True, slots=True)
class BlockHead:
    """How a block begins.

    Attributes:
        size: Characters up to the data.
        length: Bytes of data; None where they last to the end of the message.
    """

    size: int
    length: int | None


class NotYet(Exception):
    """The head of a block has begun and is not complete."""


def block_head(text: str) -> BlockHead | None:
    """Read the beginning of a block.

    Args:
        text: What follows from `#` on.

    Returns:
        The head; None where this is no block, but a number like `#HFF` or a mistake.

    Raises:
        NotYet: It is one so far, but text is missing to tell.
    """
    if len(text) < 2:
        raise NotYet
    digits = ord(text[1]) - ord("0")
    if not 0 <= digits <= 9:
        return None
    if digits == 0:
        return BlockHead(2, None)
    length = text[2 : 2 + digits]
    if not ((length.isascii() and length.isdigit()) or not length):
        return None
    if len(length) < digits:
        raise NotYet
    return BlockHead(2 + digits, int(length))


def definite_block(data: bytes) -> bytes:
    """Wrap bytes as definite-length arbitrary block response data."""
    length = str(len(data)).encode()
    return b"#%d%s%s" % (len(length), length, data)


def indefinite_block(data: bytes) -> bytes:
    """Wrap bytes as indefinite-length block response data, which nothing may follow."""
    return b"#0" + data


@dataclass(frozen=True, slots=True)
class Block:
    """A parameter that is a block of bytes, of either kind.

    Attributes:
        most_bytes: The most it may hold.
    """

    most_bytes: int = 1 << 20

    def parse(self, text: str) -> bytes:
        """Return the data.

        Raises:
            ScpiError: -104 when it is no block, -161 when its length is wrong, -223.
        """
        if not text.startswith("#"):
            raise ScpiError(-104)
        try:
            head = block_head(text)
        except NotYet:
            head = None
        if head is None:
            raise ScpiError(-161)
        data = text[head.size :].encode("latin-1")
        if head.length is not None and len(data) != head.length:
            raise ScpiError(-161)
        if len(data) > self.most_bytes:
            raise ScpiError(-223)
        return data
