"""Blocks as instruments send them (IEEE 488.2, 8.7.9 and 8.7.10), off a line that is ours.

A block is `#` and one digit. Behind 1 to 9 stand as many digits that say how many bytes come;
behind 0 come bytes up to the terminator. A header may stand in front (`CURVE #15…`), several blocks
may come in one reply, with commas or semicolons between, and not every instrument ends the last one
by a terminator.
"""

import asyncio
import re
from typing import Protocol

from funcnodes.core import clock
from funcnodes.devices.messages import protocol as spoken
from funcnodes.devices.messages.framing import Carrier
from funcnodes.devices.transports.base import Transport
from funcnodes.errors import ReplyError

Bytes = bytes | bytearray
END_S = 0.3  # for the terminator behind a block; later it counts for none
QUIET_S = 0.1  # silence behind a terminator that may be a byte of an indefinite block
_LONGEST_HEADER = 64
_HEADER = re.compile(rb" *[:*]?[A-Za-z][\w:*]* +")
_HEADER_SO_FAR = re.compile(rb" *([:*]?([A-Za-z][\w:*]* *)?)?")


class Line(Carrier, Protocol):
    """What is needed of the talk whose line it is."""

    transport: Transport
    protocol: spoken.Protocol


async def read_blocks(line: Line, *, limit: int, count: int, is_bare: bool) -> list[Bytes]:
    """The bytes of `count` blocks, and the end of the reply.

    Args:
        limit: Bytes that each may have.
        is_bare: Whether no terminator is to be waited for.

    Raises:
        ReplyError: Something else came, or more.
    """
    found: list[Bytes] = []
    for number in range(count):
        between = await line.read_exactly(1) if number else b""
        if between not in (b"", b",", b";", b"#"):
            raise ReplyError(f"{between!r} came where block {number + 1} of {count} belongs.")
        if between != b"#":  # which begins one right behind the last
            said, is_block = await _opening(line)
            if not is_block:
                raise ReplyError(f"{said!r} came where a block begins with # and a digit.")
        block = await _block(line, limit, is_last=number == count - 1)
        if isinstance(block, bytes):  # it had no length, and took the terminator
            return [*found, block]
        found.append(block)
    if not is_bare:
        await _end(line, len(found[-1]))
    return found


async def read_numbers(line: Line, *, limit: int, is_bare: bool) -> str:
    """A line of numbers, in a block or by itself.

    Raises:
        ReplyError: They are no text, or too long.
    """
    said, is_block = await _opening(line)
    if is_block:
        block = await _block(line, limit, is_last=True)
        if not (isinstance(block, bytes) or is_bare):
            await _end(line, len(block))
        return _text(block)
    eol = line.protocol.reply_eol.encode("ascii")
    while not said.endswith(eol):
        said += await line.read_until(eol[-1:])
    return _text(said[: -len(eol)]).rstrip("\r")


async def _opening(line: Line) -> tuple[bytes, bool]:
    """What stands in front, and whether a block begins behind it; else more may follow."""
    said = b""
    while len(said) < _LONGEST_HEADER:
        byte = await line.read_exactly(1)
        if byte == b"#" and (not said.strip() or _HEADER.fullmatch(said)):
            return said, True
        said += byte
        if not _HEADER_SO_FAR.fullmatch(said):
            break
    return said, False


async def _block(line: Line, limit: int, *, is_last: bool) -> Bytes:
    """One block behind its `#`; as `bytes` where it had no length."""
    digit = await line.read_exactly(1)
    if not digit.isdigit():
        raise ReplyError(f"{b'#' + digit!r} came where a block begins with # and a digit.")
    if digit == b"0":
        if not is_last:
            raise ReplyError("A block without a length came, behind which others are expected.")
        return await _indefinite(line, limit)
    digits = await line.read_exactly(int(digit))
    if not digits.isdigit() or int(digits) > limit:
        raise ReplyError(f"A block of {digits.decode('latin-1')} bytes was announced, {limit} fit.")
    block = bytearray(int(digits))
    await line.transport.read_into(memoryview(block))
    return block


async def _indefinite(line: Line, limit: int) -> bytes:
    """Up to a terminator behind which nothing comes: one before it is a byte of the block."""
    eol = line.protocol.reply_eol.encode("ascii")
    data = b""
    while True:
        data += await line.read_until(eol)
        if len(data) > limit + len(eol):
            raise ReplyError(f"{len(data)} bytes of a block came, {limit} fit.")
        if line.transport.at_end:
            return data[: -len(eol)]
        await clock.sleep(QUIET_S)
        if not line.transport.has_input():
            return data[: -len(eol)]


async def _end(line: Line, length: int) -> None:
    """The terminator, where one comes at all."""
    if line.transport.at_end:
        return
    rest = b""
    try:
        async with asyncio.timeout(END_S):
            rest = await line.read_until(line.protocol.reply_eol.encode("ascii"))
    except TimeoutError:
        rest = b"more" if line.transport.has_input() else b""
    if rest.strip():
        raise ReplyError(f"More came behind a block of {length} bytes.")


def _text(data: Bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise ReplyError(f"{bytes(data[:40])!r} holds bytes that are no numbers.") from error
