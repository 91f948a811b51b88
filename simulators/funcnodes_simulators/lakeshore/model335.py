"""A temperature controller like a Lake Shore 335: two sensor inputs, two heater outputs.

Output 1 heats the bench's thermal stage in a PID loop closed ten times a second; input A reads the
stage, input B its bath. Not a SCPI instrument: it has no error queue, and what it does not
understand it ignores in silence. Source: Model 335 Temperature Controller User's Manual, chapter 6
(remote interface) and chapter 2 (control).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from funcnodes_simulators.instruments.models import Attachment, Model
from funcnodes_simulators.physics import Resistor, ThermalStage, World
from funcnodes_simulators.scpi import Execution, LineBuffer
from funcnodes_simulators.scpi.headers import nearest_name
from funcnodes_simulators.scpi.status import MESSAGE_AVAILABLE
from funcnodes_simulators.strict import not_understood

IDENTITY = "LSCI,MODEL335,{serial}/#######,1.0"

UPDATE_PERIOD_S = 0.1
RESPONSE_TIME_S = 0.002
SENSOR_NOISE_K = 0.002
HEATER_W = {1: (0.0, 0.5, 5.0, 50.0), 2: (0.0, 0.0, 0.0, 0.0)}
OFF, CLOSED_LOOP, OPEN_LOOP = 0, 1, 3
INPUTS = ("A", "B")
ALL_IS_WELL = "000"
NO_HEATER_ERROR = "0"
_QUERY = re.compile(r"(\*?[A-Z]+)(\??)\s*(.*)", re.I | re.S)
_INTEGER = re.compile(r"[+-]?\d{1,6}")
_DECIMAL = re.compile(r"[+-]?(?:\d{1,12}\.?\d{0,12}|\.\d{1,12})(?:E[+-]?\d{1,2})?", re.I)


class Ignored(Exception):
    """The instrument does not understand this and says nothing about it."""


@dataclass(slots=True)
class _Loop:
    """One heater output and the loop around it, with the defaults of the instrument.

    Attributes:
        target_k: The setpoint asked for; `setpoint_k` follows it, at the ramp rate if ramping.
        manual_percent: Added to what PID computes; the whole output in open loop.
        integral_percent: What the integral term has gathered.
    """

    mode: int = OFF
    control_input: int = 1
    powers_up_on: bool = False
    heater_range: int = 0
    target_k: float = 0.0
    setpoint_k: float = 0.0
    proportional: float = 50.0
    integral: float = 20.0
    derivative: float = 0.0
    is_ramp_on: bool = False
    ramp_k_min: float = 0.0
    manual_percent: float = 0.0
    integral_percent: float = 0.0
    last_error_k: float | None = None
    percent: float = 0.0

    @property
    def is_ramping(self) -> bool:
        return self.setpoint_k != self.target_k

    def aim(self, target_k: float, present_k: float) -> None:
        """Set a setpoint; with the ramp on it starts from the present temperature."""
        if self.is_ramp_on and self.ramp_k_min > 0:
            self.setpoint_k = self.setpoint_k if self.setpoint_k > 0 else present_k
        else:
            self.setpoint_k = target_k
        self.target_k = target_k

    def update(self, seconds: float, present_k: float) -> None:
        """Close the loop once: move the ramp, then compute the heater output in percent."""
        self._move_ramp(seconds)
        if self.heater_range == 0 or self.mode == OFF:
            self.integral_percent, self.last_error_k, self.percent = 0.0, None, 0.0
        elif self.mode == OPEN_LOOP:
            self.percent = self.manual_percent
        else:
            self.percent = self._pid(seconds, self.setpoint_k - present_k)

    def _move_ramp(self, seconds: float) -> None:
        away_k = self.target_k - self.setpoint_k
        step_k = self.ramp_k_min / 60.0 * seconds
        if not self.is_ramp_on or self.ramp_k_min == 0 or abs(away_k) <= step_k:
            self.setpoint_k = self.target_k
        else:
            self.setpoint_k += step_k if away_k > 0 else -step_k

    def _pid(self, seconds: float, error_k: float) -> float:
        """Percent = P (e + I/1000 integral of e + D-time de/dt), without windup.

        The I setting is 1000 over the integral time in seconds; D is in percent of a quarter of
        that time.
        """
        proportional = self.proportional * error_k
        slope = 0.0 if self.last_error_k is None else (error_k - self.last_error_k) / seconds
        quarter_s = 250.0 / self.integral if self.integral else 0.0
        derivative = self.proportional * self.derivative / 100.0 * quarter_s * slope
        self.last_error_k = error_k
        gathered = self.integral_percent + proportional * self.integral / 1000.0 * seconds
        wanted = self.manual_percent + proportional + derivative + gathered
        if 0.0 <= wanted <= 100.0 or (wanted > 100.0) != (error_k > 0.0):
            self.integral_percent = max(0.0, min(100.0, gathered))
        return max(0.0, min(100.0, wanted))


class LakeShore335:
    """The instrument: hand it messages by `execute`."""

    terminator = b"\r\n"
    input_limit_bytes = 255
    gap_s = 0.05  # chapter 6, message flow control: after a command, and after a response

    def __init__(self, world: World, stage: ThermalStage, *, serial: str = "SIM0002") -> None:
        self._world = world
        self._stage = stage
        self._sensor = Resistor(stage=stage)
        self._identity = IDENTITY.format(serial=serial)
        self._loops = _default_loops()
        self._mode = 1
        self._now_s = world.clock.now()
        self._next_update_s = self._now_s
        self._queries = self._declare_queries()
        self._commands = self._declare_commands()
        world.moves(self._advance)

    def execute(self, message: str) -> Execution:
        """Carry out one message: commands and queries separated by semicolons."""
        yield RESPONSE_TIME_S
        self._world.step()
        responses: list[str] = []
        for unit in message.split(";"):
            try:
                response = self._execute_unit(unit.strip())
            except Ignored:
                self._note_ignored(unit.strip())
                continue
            if response is not None:
                responses.append(response)
        return ";".join(responses).encode("ascii") if responses else None

    def _note_ignored(self, unit: str) -> None:
        known = [*(f"{name}?" for name in self._queries), *self._commands]
        if unit:
            nearest = nearest_name(unit.partition(" ")[0], {name: (name, name) for name in known})
            not_understood(unit, "the instrument ignores it", nearest)

    def interrupts(self, message: str) -> bool:
        """Nothing breaks into anything: every message is quick."""
        return False

    def interrupted(self) -> None: ...

    def input_buffer(self) -> LineBuffer:
        """Return an input buffer; blocks are SCPI's, and this is not."""
        return LineBuffer(self.input_limit_bytes, takes_blocks=False)

    def overrun(self) -> None: ...

    def deadlocked(self) -> None: ...

    def status_byte(self, *, has_output: bool) -> int:
        """All is well, always; only a waiting response shows."""
        return MESSAGE_AVAILABLE if has_output else 0

    def power_cycle(self) -> None:
        """Come up with the heaters off; settings are kept in non-volatile memory."""
        self._world.step()
        for loop in self._loops.values():
            loop.heater_range = loop.heater_range if loop.powers_up_on else 0

    def state(self) -> dict[str, object]:
        self._world.step()
        loop = self._loops[1]
        return {
            "model": "lakeshore335",
            "output": loop.heater_range > 0 and loop.mode != OFF,
            "temperature_k": self._stage.temperature_k,
            "setpoint_k": loop.setpoint_k,
            "target_k": loop.target_k,
            "ramping": loop.is_ramping,
            "heater_range": loop.heater_range,
            "heater_percent": loop.percent,
            "heater_w": self._heater_w(),
            "mode": loop.mode,
        }

    def _advance(self, now_s: float) -> None:
        while self._next_update_s <= now_s:
            self._stage.advance(self._next_update_s - self._now_s, self._heater_w())
            self._now_s = self._next_update_s
            self._loops[1].update(UPDATE_PERIOD_S, self._controlled_k())
            self._next_update_s += UPDATE_PERIOD_S
        self._stage.advance(now_s - self._now_s, self._heater_w())
        self._now_s = now_s

    def _heater_w(self) -> float:
        loop = self._loops[1]
        return HEATER_W[1][loop.heater_range] * loop.percent / 100.0

    def _controlled_k(self) -> float:
        is_stage = self._loops[1].control_input != 2
        return self._stage.temperature_k if is_stage else self._stage.bath_k

    def _execute_unit(self, unit: str) -> str | None:
        match = _QUERY.fullmatch(unit)
        if match is None:
            raise Ignored
        name, arguments = match[1].upper(), [part.strip() for part in match[3].split(",")]
        if match[2]:
            return self._look_up(self._queries, name)(arguments)
        self._look_up(self._commands, name)(arguments)
        return None

    @staticmethod
    def _look_up(table: dict[str, "Action"], name: str) -> "Action":
        if name not in table:
            raise Ignored
        return table[name]

    def _declare_queries(self) -> dict[str, "Action"]:
        return {
            "*IDN": lambda _: self._identity,
            "*OPC": lambda _: "1",
            "*ESR": lambda _: ALL_IS_WELL,
            "*STB": lambda _: ALL_IS_WELL,
            "*TST": lambda _: "0",
            "KRDG": lambda a: _kelvin(self._read_k(a)),
            "CRDG": lambda a: _kelvin(self._read_k(a) - 273.15),
            "SRDG": self._sensor_reading,
            "RDGST": self._reading_status,
            "SETP": lambda a: _kelvin(self._loop(a).setpoint_k),
            "RANGE": lambda a: str(self._loop(a).heater_range),
            "PID": lambda a: _pid_text(self._loop(a)),
            "RAMP": lambda a: f"{self._loop(a).is_ramp_on:d},{self._loop(a).ramp_k_min:+06.1f}",
            "RAMPST": lambda a: f"{self._loop(a).is_ramping:d}",
            "MOUT": lambda a: f"{self._loop(a).manual_percent:+07.2f}",
            "HTR": lambda a: f"{self._loop(a).percent:+06.1f}",
            "HTRST": self._heater_status,
            "OUTMODE": lambda a: _mode_text(self._loop(a)),
            "MODE": lambda _: str(self._mode),
        }

    def _declare_commands(self) -> dict[str, "Action"]:
        return {
            "*CLS": lambda _: None,
            "*RST": self._reset,
            "SETP": self._set_setpoint,
            "RANGE": self._set_range,
            "PID": self._set_pid,
            "RAMP": self._set_ramp,
            "MOUT": self._set_manual,
            "OUTMODE": self._set_mode,
            "MODE": self._set_interface_mode,
        }

    def _loop(self, arguments: list[str], count: int = 1) -> _Loop:
        if len(arguments) < count:
            raise Ignored
        return self._loops[_integer(arguments[0], 1, 2)]

    def _read_k(self, arguments: list[str]) -> float:
        is_stage = _input(arguments) == "A"
        true_k = self._stage.temperature_k if is_stage else self._stage.bath_k
        return true_k + self._world.noise(SENSOR_NOISE_K)

    def _sensor_reading(self, arguments: list[str]) -> str:
        slope = self._sensor.resistance_ohm * self._sensor.temperature_coefficient_1_k
        ohm = self._sensor.resistance_ohm
        return _kelvin(ohm + slope * (self._read_k(arguments) - self._sensor.reference_k))

    def _reading_status(self, arguments: list[str]) -> str:
        _input(arguments)
        return ALL_IS_WELL

    def _heater_status(self, arguments: list[str]) -> str:
        self._loop(arguments)
        return NO_HEATER_ERROR

    def _reset(self, _: list[str]) -> None:
        self._loops = _default_loops()

    def _set_setpoint(self, arguments: list[str]) -> None:
        loop = self._loop(arguments, 2)
        loop.aim(_number(arguments[1], 0.0, 2000.0), self._controlled_k())

    def _set_range(self, arguments: list[str]) -> None:
        loop = self._loop(arguments, 2)
        loop.heater_range = _integer(arguments[1], 0, 3)

    def _set_pid(self, arguments: list[str]) -> None:
        loop = self._loop(arguments, 4)
        proportional = _number(arguments[1], 0.1, 1000.0)
        integral = _number(arguments[2], 0.0, 1000.0)
        derivative = _number(arguments[3], 0.0, 200.0)
        loop.proportional, loop.integral, loop.derivative = proportional, integral, derivative

    def _set_ramp(self, arguments: list[str]) -> None:
        loop = self._loop(arguments, 3)
        is_on, rate = _integer(arguments[1], 0, 1), _number(arguments[2], 0.0, 100.0)
        loop.is_ramp_on, loop.ramp_k_min = bool(is_on), rate

    def _set_manual(self, arguments: list[str]) -> None:
        loop = self._loop(arguments, 2)
        loop.manual_percent = _number(arguments[1], 0.0, 100.0)

    def _set_mode(self, arguments: list[str]) -> None:
        loop = self._loop(arguments, 4)
        mode, source = _integer(arguments[1], 0, 5), _integer(arguments[2], 0, 2)
        powers_up = _integer(arguments[3], 0, 1)
        loop.mode, loop.control_input, loop.powers_up_on = mode, source, bool(powers_up)

    def _set_interface_mode(self, arguments: list[str]) -> None:
        self._mode = _integer(arguments[0], 0, 2)


Action = Callable[[list[str]], str | None]


MODEL = Model(
    lambda setup: LakeShore335(setup.world, setup.stage(), serial=setup.serial),
    attachments=(Attachment("stage", "stage"),),
)


def _default_loops() -> dict[int, _Loop]:
    """Output 1 controls on input A from the start; output 2 is there but drives nothing."""
    return {1: _Loop(mode=CLOSED_LOOP, control_input=1), 2: _Loop(control_input=2)}


def _integer(text: str, low: int, high: int) -> int:
    if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
        raise Ignored
    return int(text)


def _number(text: str, low: float, high: float) -> float:
    if not _DECIMAL.fullmatch(text) or not low <= float(text) <= high:
        raise Ignored
    return float(text)


def _input(arguments: list[str]) -> str:
    name = arguments[0].upper() or "A"
    if name not in INPUTS:
        raise Ignored
    return name


def _kelvin(value: float) -> str:
    """Write a number as the instrument does: sign and six digits."""
    return f"{value:+08.3f}" if abs(value) < 999.9995 else f"{value:+08.2f}"


def _pid_text(loop: _Loop) -> str:
    return f"{loop.proportional:+07.1f},{loop.integral:+07.1f},{loop.derivative:+07.1f}"


def _mode_text(loop: _Loop) -> str:
    return f"{loop.mode},{loop.control_input},{loop.powers_up_on:d}"
