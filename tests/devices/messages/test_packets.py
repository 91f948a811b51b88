"""Binary frames whose announced length is not that of the reply that was asked for."""

import struct

import pytest

from funcnodes.devices import Packets
from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages.framing import crc16
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports.memory import MemoryTransport
from funcnodes.errors import ReplyError


async def read(framing: Packets, data: bytes) -> tuple[str, int]:
    """The reply, and how many bytes were left unread."""
    transport = MemoryTransport(lambda _: data)
    await transport.open()
    talk = Talk("d", transport, Protocol(framing=framing))
    await talk.send(b"?")
    return await framing.read(talk), transport.discard_input()


@pytest.mark.parametrize("length", [0, 2, 3, 5, 6, 0xFFFF])
async def test_a_frame_of_another_length_is_refused_before_its_numbers_are_believed(
    length: int,
) -> None:
    """Shorter or longer: with the next frame behind it, there are always bytes enough."""
    framing = Packets(layout=">HH", prefix=">H")
    frame = struct.pack(">H", length) + bytes(range(1, 9))
    with pytest.raises(ReplyError, match=f"A frame of {length} bytes was announced, not of 4"):
        await read(framing, frame)


async def test_a_frame_of_the_right_length_is_read_and_nothing_behind_it() -> None:
    framing = Packets(layout=">HH", prefix=">H", checksum=crc16)
    body = struct.pack(">HHH", 4, 258, 772)
    assert await read(framing, body + crc16(body) + b"next") == ("258,772", 4)
