"""A Modbus RTU frame that comes twice, as from a repeater, answers one question only (D9)."""

import os
import pty
import struct
import threading
import tty
from collections.abc import Iterator
from contextlib import suppress

import pytest

from funcnodes.devices.messages.framing import crc16
from funcnodes.devices.modbus import ModbusDevice, modbus_driver, reading
from funcnodes.testing.benches import bench_of

REQUEST_BYTES = 8


@modbus_driver("test.repeated_oven", title="Oven behind a repeater")
class Oven(ModbusDevice):
    """Register n holds 1000 + n."""

    first = reading(int, "input:0", dtype="uint16")
    second = reading(int, "input:1", dtype="uint16")


class Repeater:
    """A unit on a pseudo-terminal; it says a reply `times` over, then once again."""

    def __init__(self) -> None:
        self.times = 1
        self._ours, theirs = pty.openpty()
        tty.setraw(self._ours)
        tty.setraw(theirs)
        self.path = os.ttyname(theirs)
        self._theirs = theirs
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.close(self._theirs)
        self._thread.join(5)
        os.close(self._ours)

    def _serve(self) -> None:
        with suppress(OSError):  # the other end was closed
            heard = b""
            while True:
                heard += os.read(self._ours, 256)
                while len(heard) >= REQUEST_BYTES:
                    request, heard = heard[:REQUEST_BYTES], heard[REQUEST_BYTES:]
                    unit, function, start, count = struct.unpack(">BBHH", request[:6])
                    values = b"".join(struct.pack(">H", 1000 + start + n) for n in range(count))
                    body = bytes((unit, function, len(values))) + values
                    os.write(self._ours, (body + crc16(body)) * self.times)
                    self.times = 1


@pytest.fixture
def repeater() -> Iterator[Repeater]:
    found = Repeater()
    yield found
    found.close()


async def test_every_answer_belongs_to_its_question_after_a_reply_came_twice(
    repeater: Repeater,
) -> None:
    address = f"modbus-rtu:{repeater.path}/1?baud=19200"
    async with bench_of({"oven": (Oven, address)}) as bench:
        oven = bench.devices["oven"].acting(Oven)
        for times in (2, 3, 1):
            repeater.times = times
            assert await oven.first.get() == 1000
            for _ in range(3):
                assert await oven.second.get() == 1001
                assert await oven.first.get() == 1000
