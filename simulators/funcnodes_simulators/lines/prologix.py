"""Instruments on a GPIB behind a Prologix-style adapter, which a client reaches over TCP.

The adapter carries out one line after the other, a read that waits for an instrument too, as the
real one does. It takes one client at a time, and escapes, addresses, polls and clears as its manual
says; instruments talk only when it reads.

Source: Prologix GPIB-ETHERNET Controller User Manual 1.6.6.0, sections 7 to 9.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from funcnodes_simulators.lines.exchange import Exchange
from funcnodes_simulators.lines.station import Station
from funcnodes_simulators.lines.streams import Stream, StreamClosed, StreamServer

VERSION = "Prologix GPIB-ETHERNET Controller version 01.06.06.00"
ESCAPE = 0x1B
LINE_ENDS = b"\r\n"
LONGEST_LINE = 1 << 16
APPENDED = {0: b"\r\n", 1: b"\r", 2: b"\n", 3: b""}  # by ++eos
UNRECOGNIZED = "Unrecognized command"


class GpibLine:
    """One instrument's end of the bus: its output waits here until the adapter reads it."""

    def __init__(self, station: Station) -> None:
        self._output = bytearray()
        self._ends: deque[int] = deque()  # where messages end, from the beginning of the output
        self._changed = asyncio.Event()
        self.exchange = Exchange(station, self)

    @property
    def has_output(self) -> bool:
        return bool(self._output)

    def send(self, data: bytes) -> None:
        self.respond(data, is_end=False, tag=0)

    def respond(self, data: bytes, *, is_end: bool, tag: int) -> None:
        self._output += data
        if is_end:
            self._ends.append(len(self._output))
        self._changed.set()

    def drop_output(self, *, is_told: bool) -> None:
        self._output.clear()
        self._ends.clear()

    def request_service(self, status_byte: int) -> None:
        """Leave the SRQ line to who polls."""

    def unread_bytes(self) -> int:
        return len(self._output)

    def hang_up(self, *, at_once: bool = False) -> None:
        """A GPIB cannot hang up: the instrument falls silent."""

    async def talk(self, deliver: Callable[[bytes], None], timeout_s: float) -> bool:
        """Hand over bytes until a message ends, or none comes for so long; whether it ended."""
        while True:
            end = self._ends[0] if self._ends else 0
            if self._output:
                count = end or len(self._output)
                deliver(bytes(self._output[:count]))
                del self._output[:count]
                self._ends = deque(each - count for each in self._ends if each > count)
                self.exchange.look()
                if end:
                    return True
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), timeout_s)
            except TimeoutError:
                return False


class PrologixServer:
    """An adapter on a TCP port of the loopback interface.

    Attributes:
        lines: What the client sent, escapes and all, the latest last.
    """

    def __init__(self, stations: Mapping[str, Station], *, port: int = 0) -> None:
        """Args:
        stations: By GPIB address: "22", or with a secondary one "22 101".
        """
        self._server = StreamServer(self._serve, port=port)
        self._stations = stations
        self._instruments: dict[str, GpibLine] = {}
        self._is_taken = False
        self.lines: deque[bytes] = deque(maxlen=1000)
        self._address = ""
        self._settings = {"auto": 0, "eoi": 1, "eos": 0, "read_tmo_ms": 200, "mode": 1}

    @property
    def port(self) -> int:
        return self._server.port

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken or not allowed.
        """
        self._instruments = {unit: GpibLine(each) for unit, each in self._stations.items()}
        await self._server.start()

    async def stop(self) -> None:
        """Close the port and the connection."""
        await self._server.stop()
        for each in self._instruments.values():
            each.exchange.closed()

    async def _serve(self, stream: Stream) -> None:
        if self._is_taken:
            stream.reset()
            return
        self._is_taken = True
        try:
            while True:
                await self._carry_out(stream, await _line(stream))
        except StreamClosed:
            return
        finally:
            self._is_taken = False

    async def _carry_out(self, stream: Stream, line: bytes) -> None:
        if line:
            self.lines.append(line)
        if line.startswith(b"++"):
            answer = await self._command(stream, line[2:].decode("latin-1").split())
            if answer is not None:
                stream.write(answer.encode() + b"\r\n")
            return
        addressed = self._instruments.get(self._address)
        if line and addressed is not None:
            data = _unescaped(line) + APPENDED[self._settings["eos"]]
            addressed.exchange.message(data, is_end=bool(self._settings["eoi"]))
            if self._settings["auto"]:
                await self._read(stream)

    async def _command(self, stream: Stream, words: list[str]) -> str | None:
        """Carry out an adapter's command; what it says to it."""
        addressed = self._instruments.get(self._address)
        match words:
            case ["ver"]:
                return VERSION
            case ["addr"]:
                return self._address
            case ["addr", *numbers]:
                self._address = " ".join(numbers)
            case ["read"] | ["read", "eoi"]:
                await self._read(stream)
            case ["spoll"]:
                return str(addressed.exchange.poll()) if addressed else "0"
            case ["clr"]:
                if addressed is not None:
                    addressed.exchange.clear()
                    addressed.drop_output(is_told=False)
            case ["trg"]:
                if addressed is not None:
                    addressed.exchange.trigger()
            case ["ifc" | "loc" | "llo"] | ["savecfg" | "eot_enable" | "eot_char", _]:
                pass
            case [("auto" | "eoi" | "eos" | "read_tmo_ms" | "mode") as name, value] if (
                value.isdecimal()
            ):
                self._settings[name] = int(value)
            case [("auto" | "eoi" | "eos" | "read_tmo_ms" | "mode") as name]:
                return str(self._settings[name])
            case _:
                return UNRECOGNIZED
        return None

    async def _read(self, stream: Stream) -> None:
        addressed = self._instruments.get(self._address)
        timeout_s = self._settings["read_tmo_ms"] / 1000
        if addressed is None:
            await asyncio.sleep(timeout_s)
        else:
            await addressed.talk(stream.write, timeout_s)


async def _line(stream: Stream) -> bytes:
    """The next line as it came, escapes and all, without its end."""
    line = bytearray()
    while True:
        byte = await stream.read_exactly(1)
        if byte[0] == ESCAPE:
            line += byte + await stream.read_exactly(1)
        elif byte in LINE_ENDS:
            return bytes(line)
        elif len(line) < LONGEST_LINE:
            line += byte


def _unescaped(line: bytes) -> bytes:
    data, is_escaped = bytearray(), False
    for byte in line:
        if byte == ESCAPE and not is_escaped:
            is_escaped = True
        elif is_escaped or byte != ord("+"):  # a + that is not escaped is dropped
            data.append(byte)
            is_escaped = False
    return bytes(data)
