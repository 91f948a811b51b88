"""A serial line behind a network server (RFC 2217), natively: set from here, spoken on as it is.

One TCP connection carries the bytes of the line and, between them, telnet's commands: those that
set speed, bits, parity, flow control, DTR and RTS, and the server's answers to them. The former go
to whoever reads, the latter stay here. Opening it ends only when the server has said how it set the
line. Emergency bytes go the same way as on any socket: on this connection past any queue, or with
`greeting` in front on one of its own.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from funcnodes.devices.addresses.forms import Address, AllowList, SerialOptions
from funcnodes.devices.transports.serial import DEFAULTS
from funcnodes.devices.transports.tcp import TcpTransport
from funcnodes.errors import DeviceConnectError

NEGOTIATE_S = 1.5
_LONGEST_COMMAND = 256
# RFC 854
_IAC, _DONT, _DO, _WONT, _WILL, _SB, _SE = 255, 254, 253, 252, 251, 250, 240
_BINARY, _NO_GO_AHEAD, _COM_PORT = 0, 3, 44  # RFC 856, RFC 858, RFC 2217
_WANTED = (_BINARY, _NO_GO_AHEAD, _COM_PORT)
# RFC 2217, section 2; a server answers with a hundred more.
_BAUD, _BITS, _PARITY, _STOP, _CONTROL, _ANSWER = 1, 2, 3, 4, 5, 100
_PARITIES = {"none": 1, "odd": 2, "even": 3, "mark": 4, "space": 5}
_STOPS = {1.0: 1, 2.0: 2, 1.5: 3}
_FLOWS = {"none": 1, "xonxoff": 2, "rtscts": 3}
_DTR, _RTS = {"high": 8, "low": 9}, {"high": 11, "low": 12}


class TelnetCommand(NamedTuple):
    """One of telnet's: what is said of an option, and for a subnegotiation what."""

    verb: int
    option: int
    said: bytes = b""


class Telnet:
    """Takes telnet's commands out of the bytes that come; keeps what is incomplete."""

    def __init__(self) -> None:
        self._rest = b""

    def decode(self, chunk: bytes) -> tuple[bytes, list[TelnetCommand]]:
        """The bytes of the line, and the commands that stood between."""
        if not self._rest and _IAC not in chunk:
            return chunk, []
        data, self._rest = self._rest + chunk, b""
        plain, commands = bytearray(), list[TelnetCommand]()
        at = 0
        while (found := data.find(_IAC, at)) >= 0:
            plain += data[at:found]
            length, command = _command_at(data, found)
            if not length:
                self._rest = data[found:]
                return bytes(plain), commands
            if command is None and data[found + 1] == _IAC:
                plain.append(_IAC)
            elif command is not None:
                commands.append(command)
            at = found + length
        return bytes(plain + data[at:]), commands


def _command_at(data: bytes, at: int) -> tuple[int, TelnetCommand | None]:
    """How long the command is that begins there (0: it is not whole), and what it says."""
    verb = data[at + 1] if at + 1 < len(data) else None
    if verb is None:
        return 0, None
    if verb in (_DONT, _DO, _WONT, _WILL):
        return (3, TelnetCommand(verb, data[at + 2])) if at + 2 < len(data) else (0, None)
    if verb != _SB:
        return 2, None
    end = data.find(bytes((_IAC, _SE)), at)
    if end < 0:
        return (2, None) if len(data) - at > _LONGEST_COMMAND else (0, None)
    said = data[at + 2 : end].replace(bytes((_IAC, _IAC)), bytes((_IAC,)))
    return end + 2 - at, TelnetCommand(_SB, said[0], said[1:]) if said else None


def escaped(data: bytes) -> bytes:
    """Bytes of the line as they go to the server."""
    return data.replace(b"\xff", b"\xff\xff")


def greeting(options: SerialOptions) -> bytes:
    """What a connection begins with: the options that are wanted, and how the line is set."""
    wanted = (bytes((_IAC, verb, each)) for each in _WANTED for verb in (_WILL, _DO))
    return b"".join((*wanted, *(_set(*each) for each in _settings(options.over(DEFAULTS)))))


def _settings(options: SerialOptions) -> Iterator[tuple[int, bytes]]:
    yield _BAUD, (options.baud or 9600).to_bytes(4, "big")
    yield _BITS, bytes((options.bits or 8,))
    yield _PARITY, bytes((_PARITIES[options.parity or "none"],))
    yield _STOP, bytes((_STOPS[options.stop or 1.0],))
    yield _CONTROL, bytes((_FLOWS[options.flow or "none"],))
    if options.dtr in _DTR:
        yield _CONTROL, bytes((_DTR[options.dtr],))
    if options.rts in _RTS and options.flow != "rtscts":
        yield _CONTROL, bytes((_RTS[options.rts],))


def _set(what: int, value: bytes) -> bytes:
    return bytes((_IAC, _SB, _COM_PORT, what)) + escaped(value) + bytes((_IAC, _SE))


class Rfc2217Transport(TcpTransport):
    """The line at `address`, set as the address, else the driver, says."""

    kind = "rfc2217"
    fresh_on_open = False  # an instrument's late reply comes in on a line opened anew, too

    def __init__(
        self, address: Address, options: SerialOptions, allow: AllowList | None = None
    ) -> None:
        super().__init__(address, allow)
        self._options = address.serial.over(options).over(DEFAULTS)
        self._telnet = Telnet()
        self._answers: dict[int, bytes] = {}
        self._is_refused = False
        self._has_answered = asyncio.Event()

    async def open(self) -> None:
        self._telnet, self._answers, self._is_refused = Telnet(), {}, False
        self._has_answered.clear()
        await super().open()
        try:
            await super().write(greeting(self._options))
            with suppress(TimeoutError):
                async with asyncio.timeout(NEGOTIATE_S):
                    await self._has_answered.wait()
            self._check_answers()
        except BaseException:
            await self.close()
            raise

    async def write(self, data: bytes) -> None:
        await super().write(escaped(data))

    async def read_into(self, buffer: memoryview) -> None:
        buffer[:] = await self.read_exactly(len(buffer))

    def emergency_write(self, data: bytes) -> bool:
        return super().emergency_write(escaped(data))

    def on_line(self, data: bytes) -> list[bytes]:
        return [escaped(data)]

    def _plain(self, chunk: bytes) -> bytes:
        plain, commands = self._telnet.decode(chunk)
        for command in commands:
            self._heed(command)
        return plain

    def _heed(self, command: TelnetCommand) -> None:
        verb, option, said = command
        if verb == _SB and option == _COM_PORT and said:
            self._answers[said[0] - _ANSWER] = said[1:]
            if {_BAUD, _BITS, _PARITY, _STOP} <= self._answers.keys():
                self._has_answered.set()
        elif option in _WANTED:  # it was asked for already
            if option == _COM_PORT and verb == _DONT:
                self._is_refused = True
                self._has_answered.set()
        elif verb in (_DO, _WILL):
            no = bytes((_IAC, _WONT if verb == _DO else _DONT, option))
            with suppress(OSError):  # a few bytes; where they do not fit, it asks again
                os.write(self._fd, no)

    def _check_answers(self) -> None:
        if self._is_refused or not self._answers:
            raise DeviceConnectError(
                f"{self.address}: it does not answer as an RFC 2217 server does.",
                address=self.address,
                hint="A server that lends no line settings is a plain socket: tcp:HOST:PORT.",
            )
        for what, wanted in _settings(self._options):
            found = self._answers.get(what)
            if what in _NAMES and found is not None and found != wanted:
                asked, had = (int.from_bytes(each, "big") for each in (wanted, found))
                raise DeviceConnectError(
                    f"{self.address}: the server sets {_NAMES[what]} to {had}, not to {asked}.",
                    address=self.address,
                    hint="Ask for what its port can, e.g. ?baud=9600.",
                )


_NAMES = {_BAUD: "the speed", _BITS: "the data bits", _PARITY: "the parity (by its RFC number)",
          _STOP: "the stop bits (by their RFC number)"}  # fmt: skip
