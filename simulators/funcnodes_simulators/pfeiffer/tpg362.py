"""A two-channel vacuum gauge controller in the manner of a Pfeiffer TPG 362.

Speaks the mnemonics protocol: every command is acknowledged with ACK or NAK, and ENQ asks for the
data, or for the error word. Two gauges on one chamber at a constant pressure. Source: Pfeiffer
Vacuum, TPG 361 and TPG 362 Communication Protocol, BG 5510 BEN / A, chapter 1; statuses and
examples also in TPG 261/262, BG 5195 BEN / A, section 5.2.
"""

import math
import re
from collections.abc import Callable

from funcnodes_simulators.instruments.buffers import Split
from funcnodes_simulators.instruments.contract import InputBuffer
from funcnodes_simulators.instruments.models import Model, Setting, Setup
from funcnodes_simulators.instruments.quiet import Quiet
from funcnodes_simulators.physics import World
from funcnodes_simulators.scpi import Execution

ETX, ENQ, ACK, NAK = "\x03", "\x05", "\x06", "\x15"
SYNTAX_ERROR, INADMISSIBLE, NO_HARDWARE = "0001", "0010", "0100"
UNITS = {0: 1.0, 1: 0.750061683, 2: 100.0}  # mbar, Torr, Pa
OKAY, UNDERRANGE, OVERRANGE, SENSOR_OFF = 0, 1, 2, 4
LOWEST_MBAR, HIGHEST_MBAR = 5e-9, 1000.0
NOISE = 0.01

_COMMAND = re.compile(r"([A-Z][A-Z0-9]{2})((?:\s*,\s*[^,]*)*)", re.IGNORECASE)


class Refusal(Exception):
    """A command that is answered with NAK; its text is the error word."""


class PfeifferTpg362(Quiet):
    """The controller: hand it messages by `execute`."""

    terminator = b""
    input_limit_bytes = 64

    def __init__(
        self, world: World, *, serial: str = "SIM0001", pressure_mbar: float = 1e-6
    ) -> None:
        self._world = world
        self._serial = serial
        self.pressure_mbar = [pressure_mbar, pressure_mbar]
        self._commands: dict[str, Callable[[list[str]], str]] = {
            "AYT": lambda _: f"TPG362,PTG28290,{self._serial},010300,010100",
            "ERR": lambda _: self._error_word(),
            "PR1": lambda _: self._reading(0),
            "PR2": lambda _: self._reading(1),
            "PRX": lambda _: f"{self._reading(0)},{self._reading(1)}",
            "UNI": self._unit,
            "SEN": self._switch,
            "FIL": self._filter,
            "TID": lambda _: "PKR,PKR",
        }
        self.power_cycle()

    def input_buffer(self) -> InputBuffer:
        return Split(self.input_limit_bytes, ends=b"\r\n", alone=(ETX + ENQ).encode())

    def execute(self, message: str) -> Execution:
        self._world.step()
        yield from ()
        if message == ETX:
            self._data = ""
            return None
        if message == ENQ:
            return f"{self._data}\r\n".encode("ascii")
        try:
            self._data = self._carry_out(message)
        except Refusal as refusal:
            self._error = self._data = str(refusal)
            return f"{NAK}\r\n".encode("ascii")
        return f"{ACK}\r\n".encode("ascii")

    def power_cycle(self) -> None:
        self._data = ""
        self._error = "0000"
        self._units = 0
        self._is_on = [True, True]
        self._filters = [1, 1]

    def state(self) -> dict[str, object]:
        self._world.step()
        return {
            "model": "pfeiffer_tpg362",
            "pressure_mbar": list(self.pressure_mbar),
            "on": list(self._is_on),
            "unit": self._units,
            "filters": list(self._filters),
        }

    def _carry_out(self, message: str) -> str:
        match = _COMMAND.fullmatch(message.strip())
        command = self._commands.get(match[1].upper()) if match else None
        if match is None or command is None:
            raise Refusal(SYNTAX_ERROR)
        return command([part.strip() for part in match[2].split(",")[1:]])

    def _error_word(self) -> str:
        word, self._error = self._error, "0000"
        return word

    def _reading(self, gauge: int) -> str:
        if not self._is_on[gauge]:
            return f"{SENSOR_OFF},+0.0000E+00"
        true = self.pressure_mbar[gauge]
        shown = true * math.exp(self._world.noise(NOISE))
        status = UNDERRANGE if true < LOWEST_MBAR else OVERRANGE if true > HIGHEST_MBAR else OKAY
        shown = min(max(shown, LOWEST_MBAR), HIGHEST_MBAR) * UNITS[self._units]
        return f"{status},{_exponential(shown)}"

    def _unit(self, arguments: list[str]) -> str:
        if arguments:
            self._units = _integer(arguments, 1, 0, 2)[0]
        return str(self._units)

    def _switch(self, arguments: list[str]) -> str:
        """0 leaves a gauge as it is, 1 switches it off, 2 on; the answer has 1 or 2 for each."""
        if arguments:
            for gauge, action in enumerate(_integer(arguments, 2, 0, 2)):
                if action:
                    self._is_on[gauge] = action == 2
        return ",".join("2" if on else "1" for on in self._is_on)

    def _filter(self, arguments: list[str]) -> str:
        if arguments:
            self._filters = _integer(arguments, 2, 0, 2)
        return ",".join(str(each) for each in self._filters)


def _integer(arguments: list[str], count: int, low: int, high: int) -> list[int]:
    if len(arguments) != count or not all(text.isdecimal() for text in arguments):
        raise Refusal(INADMISSIBLE)
    values = [int(text) for text in arguments]
    if not all(low <= value <= high for value in values):
        raise Refusal(INADMISSIBLE)
    return values


def _exponential(value: float) -> str:
    """As the controller writes it; of logarithmic gauges the last two digits are always 0."""
    return f"{float(f'{value:.2e}'):+.4E}"


def _pressure(value: object, _: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2000:
        raise ValueError(f"is {value!r}, not a pressure in mbar")
    return float(value)


def _build(setup: Setup) -> PfeifferTpg362:
    return PfeifferTpg362(
        setup.world, serial=setup.serial, pressure_mbar=setup.settings["pressure_mbar"]
    )


MODEL = Model(_build, settings=(Setting("pressure_mbar", _pressure, 1e-6),))
