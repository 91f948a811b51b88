"""A serial line is set as the address says: flow control, and DTR and RTS at the opening itself."""

import asyncio
import contextlib
import fcntl
import os
import termios
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from funcnodes.devices.addresses import parse
from funcnodes.devices.transports.serial import SerialTransport

from ...waiting import until


class Line:
    """A pseudo-terminal: what is set on it, and what was done to its control lines."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self.raised: list[tuple[str, str]] = []

    def flags(self) -> list[Any]:
        return termios.tcgetattr(self._slave)

    def close(self) -> None:
        os.close(self.master)
        os.close(self._slave)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A line whose DTR and RTS are watched: a pseudo-terminal itself has none."""
    found = Line()
    real = fcntl.ioctl
    actions = {termios.TIOCMBIS: "high", termios.TIOCMBIC: "low"}

    def watched(fd: Any, request: int, *more: Any) -> Any:
        if request in actions:
            bits = int.from_bytes(more[0], "little")
            for name, bit in (("dtr", termios.TIOCM_DTR), ("rts", termios.TIOCM_RTS)):
                if bits & bit:
                    found.raised.append((name, actions[request]))
            return b""
        return real(fd, request, *more)

    monkeypatch.setattr(fcntl, "ioctl", watched)
    yield found
    found.close()


@asynccontextmanager
async def opened(line: Line, options: str) -> AsyncIterator[SerialTransport]:
    transport = SerialTransport(parse(f"serial:{line.path}?{options}"))
    await transport.open()
    try:
        yield transport
    finally:
        await transport.close()


@pytest.mark.parametrize(
    ("options", "done"),
    [
        ("baud=9600", {("dtr", "high"), ("rts", "high")}),
        ("dtr=low", {("dtr", "low"), ("rts", "high")}),
        ("dtr=low&rts=low", {("dtr", "low"), ("rts", "low")}),
        ("dtr=leave", {("rts", "high")}),
        ("dtr=leave&rts=leave", set()),
        ("flow=rtscts&rts=low", {("dtr", "high")}),
    ],
)
async def test_dtr_and_rts_are_put_high_or_low_at_opening_or_left_alone(
    line: Line, options: str, done: set[tuple[str, str]]
) -> None:
    async with opened(line, options):
        assert set(line.raised) == done


@pytest.mark.parametrize(("options", "drops"), [("dtr=low", True), ("dtr=leave", False)])
async def test_lines_left_alone_do_not_fall_when_the_port_is_closed(
    line: Line, options: str, drops: bool
) -> None:
    """A board that starts anew at each edge of DTR does so at the first opening only."""
    attributes = line.flags()
    attributes[2] |= termios.HUPCL
    termios.tcsetattr(line._slave, termios.TCSANOW, attributes)
    async with opened(line, options):
        assert bool(line.flags()[2] & termios.HUPCL) is drops


@pytest.mark.parametrize(
    ("flow", "software", "hardware"),
    [("none", False, False), ("xonxoff", True, False), ("rtscts", False, True)],
)
async def test_flow_control_is_set(line: Line, flow: str, software: bool, hardware: bool) -> None:
    async with opened(line, f"flow={flow}&baud=19200"):
        incoming, _, control, *_, speed, _ = line.flags()
        assert bool(incoming & termios.IXON and incoming & termios.IXOFF) is software
        assert bool(control & termios.CRTSCTS) is hardware
        assert speed == termios.B19200


async def held_up(wire: SerialTransport) -> asyncio.Task[None]:
    """A write that waits: the system acts on an XOFF a moment after it came."""
    while True:
        asked = asyncio.create_task(wire.write(b"asked\n"))
        await asyncio.sleep(0.001)
        if not asked.done():
            return asked


async def test_emergency_bytes_pass_an_instrument_that_has_said_stop(line: Line) -> None:
    """S3: XOFF holds up what is asked, never an E-STOP."""
    came = bytearray()
    loop = asyncio.get_running_loop()
    os.set_blocking(line.master, False)

    def read() -> None:
        with contextlib.suppress(BlockingIOError):
            came.extend(os.read(line.master, 100))

    async with opened(line, "flow=xonxoff") as wire:
        os.write(line.master, b"\x13")  # XOFF
        asked = await held_up(wire)
        loop.add_reader(line.master, read)
        assert wire.emergency_write(b"OFF\n")
        await until(lambda: b"OFF\n" in came)
        await asked
        loop.remove_reader(line.master)
