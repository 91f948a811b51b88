"""Remote procedure calls as ONC defines them, over TCP: the part of it that VXI-11 needs.

Source: RFC 5531 (calls in section 9, records over TCP in section 11) and RFC 4506 (XDR). Every
length is checked before anything is kept, so that a client can neither exhaust the memory nor make
the server fail; calls of one connection are answered one after the other.
"""

import enum
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from funcnodes_simulators.lines.streams import Stream

RPC_VERSION = 2
CALL, REPLY = 0, 1
MSG_ACCEPTED, MSG_DENIED, RPC_MISMATCH = 0, 1, 0
LAST_FRAGMENT = 1 << 31
LONGEST_AUTHENTICATION = 400
NULL_PROCEDURE = 0
NO_AUTHENTICATION = struct.pack("!II", 0, 0)


class Accepted(enum.IntEnum):
    """What became of a call that was understood (RFC 5531, section 9, accept_stat)."""

    SUCCESS = 0
    NO_SUCH_PROGRAM = 1
    OTHER_VERSION = 2
    NO_SUCH_PROCEDURE = 3
    GARBAGE_ARGUMENTS = 4


class GarbageError(Exception):
    """Bytes that are not what was to stand there."""


class XdrReader:
    """Takes values off encoded data; every method raises `GarbageError` where there are none."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def unsigned(self) -> int:
        return int.from_bytes(self._take(4))

    def signed(self) -> int:
        return int.from_bytes(self._take(4), signed=True)

    def flag(self) -> bool:
        value = self.unsigned()
        if value > 1:
            raise GarbageError
        return value == 1

    def opaque(self, limit: int) -> bytes:
        """Take bytes of any length up to `limit`; a string is sent in the same way."""
        length = self.unsigned()
        if length > limit:
            raise GarbageError
        data = self._take(length)
        self._take(-length % 4)
        return data

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise GarbageError
        self._at += count
        return taken


def packed(*values: int | bytes) -> bytes:
    """Encode whole numbers of four bytes, signed or not, and opaque data."""
    return b"".join(
        (value & 0xFFFFFFFF).to_bytes(4)
        if isinstance(value, int)
        else len(value).to_bytes(4) + value + bytes(-len(value) % 4)
        for value in values
    )


Procedure = Callable[[XdrReader], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Program:
    """What a server offers under one number."""

    number: int
    version: int
    procedures: Mapping[int, Procedure]


async def serve_calls(stream: Stream, program: Program, *, largest: int) -> None:
    """Answer calls until the connection ends, or what comes is no call of at most `largest` bytes.

    Raises:
        StreamClosed: The client has gone.
    """
    while (record := await _read_record(stream, largest)) is not None:
        try:
            answer = await _answer(record, program)
        except GarbageError:
            return
        stream.write(_record(answer))
        await stream.drain()


def one_way_call(xid: int, program: int, version: int, procedure: int, arguments: bytes) -> bytes:
    """Return a call whose answer nobody waits for, as it is sent."""
    header = packed(xid, CALL, RPC_VERSION, program, version, procedure)
    return _record(header + NO_AUTHENTICATION * 2 + arguments)


async def _answer(record: bytes, program: Program) -> bytes:
    reader = XdrReader(record)
    xid = reader.unsigned()
    if reader.unsigned() != CALL:
        raise GarbageError
    if reader.unsigned() != RPC_VERSION:
        return packed(xid, REPLY, MSG_DENIED, RPC_MISMATCH, RPC_VERSION, RPC_VERSION)
    number, version, procedure = reader.unsigned(), reader.unsigned(), reader.unsigned()
    for _ in ("credentials", "verifier"):
        reader.unsigned()
        reader.opaque(LONGEST_AUTHENTICATION)
    accepted = packed(xid, REPLY, MSG_ACCEPTED) + NO_AUTHENTICATION
    if number != program.number:
        return accepted + packed(Accepted.NO_SUCH_PROGRAM)
    if version != program.version:
        return accepted + packed(Accepted.OTHER_VERSION, program.version, program.version)
    if procedure == NULL_PROCEDURE:
        return accepted + packed(Accepted.SUCCESS)
    if procedure not in program.procedures:
        return accepted + packed(Accepted.NO_SUCH_PROCEDURE)
    try:
        return accepted + packed(Accepted.SUCCESS) + await program.procedures[procedure](reader)
    except GarbageError:
        return accepted + packed(Accepted.GARBAGE_ARGUMENTS)


async def _read_record(stream: Stream, largest: int) -> bytes | None:
    """Put a record together from its fragments; None for one that is too large."""
    record = bytearray()
    while True:
        mark = int.from_bytes(await stream.read_exactly(4))
        length = mark & ~LAST_FRAGMENT
        if len(record) + length > largest:
            return None
        record += await stream.read_exactly(length)
        if mark & LAST_FRAGMENT:
            return bytes(record)


def _record(data: bytes) -> bytes:
    return (LAST_FRAGMENT | len(data)).to_bytes(4) + data
