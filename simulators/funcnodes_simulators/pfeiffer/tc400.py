"""The drive of a turbopump in the manner of a Pfeiffer TC 400, on an RS-485 line.

Speaks Pfeiffer Vacuum's protocol: telegrams with a unit address, a parameter number, data of a
fixed length and a checksum; a telegram that is damaged or for somebody else is not answered. The
rotor speeds up and slows down with the clock, more slowly than its motor was switched. Source:
Pfeiffer Vacuum, TC 400 Operating Instructions, PT 0203 BEN, chapter 8 (telegrams, data types) and
chapter 7 (parameters).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from funcnodes_simulators.instruments.buffers import Split
from funcnodes_simulators.instruments.contract import InputBuffer
from funcnodes_simulators.instruments.models import Model, Setting, Setup
from funcnodes_simulators.instruments.quiet import Quiet
from funcnodes_simulators.physics import World
from funcnodes_simulators.scpi import Execution

NOMINAL_HZ = 1000
SPIN_UP_HZ_S = 10.0
RUN_DOWN_HZ_S = 4.0
RUN_UP_A, RUN_A = 4.2, 0.9
AMBIENT_C, WARM_C = 24, 38
WRONG_PARAMETER, WRONG_RANGE, NOT_NOW = "NO_DEF", "_RANGE", "_LOGIC"

_TELEGRAM = re.compile(r"(\d{3})([01])0(\d{3})(\d{2})(.*)(\d{3})")


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter: how it is read, and written where it can be."""

    read: Callable[[], str]
    write: Callable[[str], None] | None = None


class Wrong(Exception):
    """What a parameter is answered with instead of its data."""


class PfeifferTc400(Quiet):
    """The drive: hand it telegrams by `execute`."""

    terminator = b"\r"
    input_limit_bytes = 120

    def __init__(self, world: World, *, serial: str = "SIM0001", address: int = 1) -> None:
        self._world = world
        self._serial = serial
        self.address = address
        self.speed_hz = 0.0
        self._now_s = world.clock.now()
        self.power_cycle()
        self._parameters = {
            2: _Parameter(lambda: _flag(self.is_standby), self._set_standby),
            10: _Parameter(lambda: _flag(self.is_on), self._set_on),
            23: _Parameter(lambda: _flag(self.is_motor_on), self._set_motor),
            26: _Parameter(lambda: f"{self.is_speed_set:03d}", self._set_mode),
            303: _Parameter(lambda: "000000"),
            308: _Parameter(lambda: f"{round(self._target_hz()):06d}"),
            309: _Parameter(lambda: f"{round(self.speed_hz):06d}"),
            310: _Parameter(lambda: f"{round(self._current_a() * 100):06d}"),
            312: _Parameter(lambda: "010400"),
            326: _Parameter(lambda: f"{round(self._temperature_c()):06d}"),
            349: _Parameter(lambda: "TC 400"),
            355: _Parameter(lambda: f"{self._serial:<16.16}"),
            707: _Parameter(lambda: f"{round(self.set_percent * 100):06d}", self._set_speed),
        }
        world.moves(self._advance)

    def input_buffer(self) -> InputBuffer:
        return Split(self.input_limit_bytes, ends=b"\r")

    def execute(self, message: str) -> Execution:
        self._world.step()
        yield 0.002  # it answers within a few milliseconds
        match = _TELEGRAM.fullmatch(message)
        if match is None or checksum(message[:-3]) != match[6] or len(match[5]) != int(match[4]):
            return None
        is_for_all = match[1] == "000"
        if not is_for_all and int(match[1]) != self.address:
            return None
        answer = self._answer(int(match[3]), match[5], is_write=match[2] == "1")
        return None if is_for_all else telegram(self.address, int(match[3]), answer)

    def power_cycle(self) -> None:
        self.is_on = False
        self.is_motor_on = True
        self.is_standby = False
        self.is_speed_set = False
        self.set_percent = 65.0

    def state(self) -> dict[str, object]:
        self._world.step()
        return {
            "model": "pfeiffer_tc400",
            "address": self.address,
            "on": self.is_on,
            "motor": self.is_motor_on,
            "standby": self.is_standby,
            "speed_hz": self.speed_hz,
            "set_percent": self.set_percent,
        }

    def _answer(self, number: int, data: str, *, is_write: bool) -> str:
        parameter = self._parameters.get(number)
        if parameter is None:
            return WRONG_PARAMETER
        if not is_write:
            return parameter.read() if data == "=?" else WRONG_RANGE
        if parameter.write is None:
            return NOT_NOW
        try:
            parameter.write(data)
        except Wrong as wrong:
            return str(wrong)
        return data

    def _set_on(self, data: str) -> None:
        self.is_on = _is_set(data)

    def _set_motor(self, data: str) -> None:
        self.is_motor_on = _is_set(data)

    def _set_standby(self, data: str) -> None:
        self.is_standby = _is_set(data)

    def _set_mode(self, data: str) -> None:
        if data not in ("000", "001"):
            raise Wrong(WRONG_RANGE)
        self.is_speed_set = data == "001"

    def _set_speed(self, data: str) -> None:
        if len(data) != 6 or not data.isdecimal() or not 2000 <= int(data) <= 10000:
            raise Wrong(WRONG_RANGE)
        self.set_percent = int(data) / 100

    def _target_hz(self) -> float:
        if not (self.is_on and self.is_motor_on):
            return 0.0
        percent = self.set_percent if self.is_speed_set else 66.7 if self.is_standby else 100.0
        return NOMINAL_HZ * percent / 100

    def _advance(self, now_s: float) -> None:
        passed_s, self._now_s = now_s - self._now_s, now_s
        target = self._target_hz()
        if self.speed_hz < target:
            self.speed_hz = min(target, self.speed_hz + SPIN_UP_HZ_S * passed_s)
        else:
            self.speed_hz = max(target, self.speed_hz - RUN_DOWN_HZ_S * passed_s)

    def _current_a(self) -> float:
        target = self._target_hz()
        if target == 0.0:
            return 0.0
        return RUN_UP_A if self.speed_hz < target else RUN_A

    def _temperature_c(self) -> float:
        return AMBIENT_C + (WARM_C - AMBIENT_C) * self.speed_hz / NOMINAL_HZ


def checksum(text: str) -> str:
    """The sum of the characters modulo 256, as three digits."""
    return f"{sum(text.encode('latin-1')) % 256:03d}"


def telegram(address: int, number: int, data: str) -> bytes:
    """An answer, without its terminator."""
    text = f"{address:03d}10{number:03d}{len(data):02d}{data}"
    return (text + checksum(text)).encode("latin-1")


def _flag(is_set: bool) -> str:
    return "111111" if is_set else "000000"


def _is_set(data: str) -> bool:
    if data not in ("000000", "111111"):
        raise Wrong(WRONG_RANGE)
    return data == "111111"


def _address(value: object, _: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 255:
        raise ValueError(f"is {value!r}, not a unit address from 1 to 255")
    return value


def _build(setup: Setup) -> PfeifferTc400:
    return PfeifferTc400(setup.world, serial=setup.serial, address=setup.settings["address"])


MODEL = Model(_build, settings=(Setting("address", _address, 1),))
