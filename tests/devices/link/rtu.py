"""Modbus RTU units on a terminal that a test can disturb; each register holds its address."""

import asyncio
import os
import struct
import tty
from collections import deque
from dataclasses import dataclass, field

from funcnodes.devices.messages.framing import crc16

READ_INPUTS, DIAGNOSE = 4, 8
REQUEST_BYTES = 8


@dataclass
class RtuLine:
    """See the module's text.

    Attributes:
        units: Who is on the line.
        planned: What becomes of the next answers: seconds by which they are late, None for lost,
            or bytes that are said instead.
        is_deaf_to_echo: Whether units ignore function 8.
        heard: (unit, function, address) of each request.
    """

    units: tuple[int, ...] = (1, 2)
    planned: deque[float | bytes | str | None] = field(default_factory=deque)
    is_deaf_to_echo: bool = False
    heard: list[tuple[int, int, int]] = field(default_factory=list)
    path: str = ""
    _free_at: dict[int, float] = field(default_factory=dict)  # a unit answers in order
    _rest: bytes = b""

    def open(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = -1

    def address(self, unit: int) -> str:
        return f"modbus-rtu:{self.path}/{unit}?baud=115200&parity=none"

    def say(self, data: bytes) -> None:
        """Say something now, asked or not."""
        if self._master >= 0:
            os.write(self._master, data)

    def _readable(self) -> None:
        self._rest += os.read(self._master, 4096)
        while len(self._rest) >= REQUEST_BYTES:
            request, self._rest = self._rest[:REQUEST_BYTES], self._rest[REQUEST_BYTES:]
            if request[6:] != crc16(request[:6]):  # begins in the midst of one
                self._rest = request[1:] + self._rest
                if len(self._rest) < REQUEST_BYTES:
                    return
                continue
            self._requested(request)

    def _requested(self, request: bytes) -> None:
        unit, function, address, count = struct.unpack(">BBHH", request[:6])
        self.heard.append((unit, function, address))
        if unit not in self.units or (function == DIAGNOSE and self.is_deaf_to_echo):
            return
        if function == DIAGNOSE:
            self._answer(unit, request, 0.0)
            return
        words = b"".join(struct.pack(">H", address + n & 0xFFFF) for n in range(count))
        body = bytes((unit, function, len(words))) + words
        frame = body + crc16(body)
        plan = self.planned.popleft() if self.planned else 0.0
        if isinstance(plan, str):
            self._disturbed(unit, frame, plan)
        elif isinstance(plan, bytes):
            self._answer(unit, plan, 0.0)
        elif plan is not None:
            self._answer(unit, frame, plan)

    def _disturbed(self, unit: int, frame: bytes, plan: str) -> None:
        match plan:
            case "double":
                self._answer(unit, frame * 2, 0.0)
            case "half":
                self._answer(unit, frame[:4], 0.0)
            case "half late":
                self._answer(unit, frame[:4], 0.0)
                self._answer(unit, frame[4:], 0.15)
            case "garbage before":
                self._answer(unit, b"\x00\xff" + frame, 0.0)
            case _:
                raise AssertionError(plan)

    def _answer(self, unit: int, data: bytes, after_s: float) -> None:
        """Say it after so long, and after what the unit was to say before."""
        loop = asyncio.get_running_loop()
        at = max(loop.time() + after_s, self._free_at.get(unit, 0.0))
        self._free_at[unit] = at
        if at <= loop.time():
            self.say(data)
        else:
            loop.call_at(at, self.say, data)
