"""A lock-in amplifier in the manner of an SRS SR830, with a network between its sine and input A.

The output follows what comes in through as many first-order low-passes as the slope has poles,
with the time constant that is set; noise is that of its input, in the bandwidth of those. What is
larger than the sensitivity by a tenth is cut off there, and noted in the LIA status byte. There is
no external reference, no harmonic but the first of a pure sine, no data buffer and no scan.

Source: Stanford Research Systems, SR830 Operating Manual, chapter 5 (commands, status bytes) and
chapter 3 (time constants, sensitivities; input noise of 6 nV/√Hz at 1 kHz).
"""

import cmath
import math
import re
from collections.abc import Callable

from funcnodes_simulators.instruments.models import Model, Setting, Setup
from funcnodes_simulators.instruments.quiet import Quiet
from funcnodes_simulators.physics import Network, World
from funcnodes_simulators.scpi import Execution, LineBuffer
from funcnodes_simulators.strict import not_understood

IDENTITY = "Stanford_Research_Systems,SR830,s/n{serial},ver1.07"
SENSITIVITIES_V = tuple(d * 10.0**e for e in range(-9, 1) for d in (1, 2, 5))[1:28]
TIME_CONSTANTS_S = tuple(d * 10.0**e for e in range(-5, 5) for d in (1, 3))
NOISE_V_RTHZ = 6e-9
OVER = 1.1
RESPONSE_TIME_S = 0.001
LEAST_V = 0.004
OUTPUT_OVERLOAD = 1 << 2
ILLEGAL_COMMAND, OUT_OF_RANGE = 1 << 5, 1 << 4  # of the standard event status byte
_UNIT = re.compile(r"(\*?[A-Z]{3,4})\s*(\??)\s*(.*)", re.I | re.S)
_STEPS_OF_TAU = 5  # within a time constant the low-passes are moved so many times


class Illegal(Exception):
    """A command or parameter that it does not take."""


class Sr830(Quiet):
    """The instrument: hand it messages by `execute`."""

    terminator = b"\n"
    input_limit_bytes = 255

    def __init__(
        self, world: World, network: Network | None = None, *, serial: str = "SIM0003"
    ) -> None:
        self._world = world
        self._network = network or Network()
        self._identity = IDENTITY.format(serial=serial)
        self._now_s = world.clock.now()
        self._held: list[complex] = [0j]
        self._event_status = 0
        self._reset()
        world.moves(self._advance)

    def execute(self, message: str) -> Execution:
        """Carry out one line: commands and queries separated by semicolons.

        Each answer has a terminator of its own; the last one's is added by the line.
        """
        yield RESPONSE_TIME_S
        self._world.step()
        answers: list[str] = []
        for unit in filter(None, (each.strip() for each in message.split(";"))):
            try:
                answer = self._carry_out(unit)
            except Illegal:
                self._event_status |= ILLEGAL_COMMAND
                not_understood(unit, "the instrument ignores it", None)
                continue
            if answer is not None:
                answers.append(answer)
        return "\n".join(answers).encode("ascii") if answers else None

    def input_buffer(self) -> LineBuffer:
        """Return an input buffer; there are no blocks."""
        return LineBuffer(self.input_limit_bytes, takes_blocks=False)

    def power_cycle(self) -> None:
        """Settings are kept in memory with a battery; what was measured is not."""
        self._world.step()
        self._held = [0j] * len(self._held)
        self._clear()

    def state(self) -> dict[str, object]:
        self._world.step()
        return {
            "model": "srs_sr830",
            "output": self._amplitude_v > LEAST_V,
            "frequency_hz": self._frequency_hz,
            "amplitude_v": self._amplitude_v,
            "sensitivity_v": SENSITIVITIES_V[self._choices["SENS"]],
            "time_constant_s": self._tau_s,
            "auxiliary_v": list(self._auxiliary_v),
            "lia_status": self._lia_status,
        }

    # ── what it measures ──────────────────────────────────────────────────────────────────

    @property
    def _tau_s(self) -> float:
        return TIME_CONSTANTS_S[self._choices["OFLT"]]

    def _wanted(self) -> complex:
        """What comes in, as X + j Y, once all has settled."""
        turned = cmath.exp(-1j * math.radians(self._phase_deg))
        return self._amplitude_v * self._network.gain(self._frequency_hz) * turned

    def _advance(self, now_s: float) -> None:
        """Move each low-pass towards the one before it."""
        seconds, self._now_s = now_s - self._now_s, now_s
        poles, wanted = self._choices["OFSL"] + 1, self._wanted()
        held = (self._held + [self._held[-1]] * 4)[:poles]
        if seconds > 50 * self._tau_s:
            self._held = [wanted] * poles
            return
        steps = max(1, math.ceil(seconds / self._tau_s * _STEPS_OF_TAU))
        share = -math.expm1(-seconds / steps / self._tau_s)
        for _ in range(steps):
            before = wanted
            for number, value in enumerate(held):
                held[number] = value + (before - value) * share
                before = held[number]
        self._held = held

    def _measured(self) -> tuple[float, float, float, float]:
        """X, Y, R and θ, cut off where they are too large."""
        bandwidth_hz = 1 / (4 * self._tau_s)
        sigma = NOISE_V_RTHZ * math.sqrt(bandwidth_hz)
        value = self._held[-1] + complex(self._world.noise(sigma), self._world.noise(sigma))
        most = OVER * SENSITIVITIES_V[self._choices["SENS"]]
        if max(abs(value.real), abs(value.imag), abs(value)) > most:
            self._lia_status |= OUTPUT_OVERLOAD
        x, y, r = (max(-most, min(most, each)) for each in (value.real, value.imag, abs(value)))
        return x, y, r, math.degrees(cmath.phase(value))

    # ── what it understands ───────────────────────────────────────────────────────────────

    def _carry_out(self, unit: str) -> str | None:
        match = _UNIT.fullmatch(unit)
        if match is None:
            raise Illegal
        name, arguments = match[1].upper(), [each.strip() for each in match[3].split(",")]
        table = self._queries() if match[2] else self._commands()
        if name in table:
            return table[name](arguments)
        if name in CHOICES:
            return self._choice(name, arguments, is_query=bool(match[2]))
        raise Illegal

    def _choice(self, name: str, arguments: list[str], *, is_query: bool) -> str | None:
        if is_query:
            return str(self._choices[name])
        self._choices[name] = _integer(arguments[0], 0, CHOICES[name] - 1)
        return None

    def _queries(self) -> "dict[str, Callable[[list[str]], str | None]]":
        return {
            "*IDN": lambda _: self._identity,
            "*ESR": lambda _: self._taken_events(),
            "*STB": lambda _: "0",
            "*OPC": lambda _: "1",
            "ERRS": lambda _: "0",
            "LIAS": lambda _: self._taken_status(),
            "FREQ": lambda _: f"{self._frequency_hz:.6g}",
            "SLVL": lambda _: f"{self._amplitude_v:.3f}",
            "PHAS": lambda _: f"{self._phase_deg:.2f}",
            "HARM": lambda _: "1",
            "OUTP": lambda a: _number(self._measured()[_integer(a[0], 1, 4) - 1]),
            "SNAP": self._snap,
            "OAUX": lambda a: f"{0.0 * _integer(a[0], 1, 4):.3f}",
            "AUXV": lambda a: f"{self._auxiliary_v[_integer(a[0], 1, 4) - 1]:.3f}",
        }

    def _commands(self) -> "dict[str, Callable[[list[str]], str | None]]":
        return {
            "*RST": lambda _: self._reset(),
            "*CLS": lambda _: self._clear(),
            "FREQ": self._set_frequency,
            "SLVL": self._set_amplitude,
            "PHAS": self._set_phase,
            "HARM": lambda a: self._no_other(_integer(a[0], 1, 19999), 1),
            "AUXV": self._set_auxiliary,
            "APHS": lambda _: self._auto_phase(),
            "OUTX": lambda a: self._no_other(_integer(a[0], 0, 1), None),
            "LOCL": lambda a: self._no_other(_integer(a[0], 0, 2), None),
        }

    def _reset(self) -> None:
        """As chapter 5, *RST, has it."""
        self._frequency_hz, self._amplitude_v, self._phase_deg = 1000.0, 1.0, 0.0
        self._choices = dict.fromkeys(CHOICES, 0) | {
            "FMOD": 1, "SENS": 26, "OFLT": 8, "OFSL": 1, "RMOD": 0,
        }  # fmt: skip
        self._auxiliary_v = [0.0] * 4
        self._held = [0j]
        self._lia_status = 0

    def _clear(self) -> None:
        self._lia_status = self._event_status = 0

    def _snap(self, arguments: list[str]) -> str:
        if not 2 <= len(arguments) <= 6:
            raise Illegal
        x, y, r, theta = self._measured()
        values = {1: x, 2: y, 3: r, 4: theta, **dict.fromkeys(range(5, 9), 0.0)}
        values |= {9: self._frequency_hz, 10: x, 11: y}
        return ",".join(_number(values[_integer(each, 1, 11)]) for each in arguments)

    def _taken_status(self) -> str:
        taken, self._lia_status = self._lia_status, 0
        return str(taken)

    def _taken_events(self) -> str:
        taken, self._event_status = self._event_status, 0
        return str(taken)

    def _set_frequency(self, arguments: list[str]) -> None:
        if self._choices["FMOD"] != 1:
            raise Illegal
        self._frequency_hz = float(f"{_within(arguments[0], 1e-3, 102e3):.5g}")

    def _set_amplitude(self, arguments: list[str]) -> None:
        self._amplitude_v = round(_within(arguments[0], LEAST_V, 5.0) / 0.002) * 0.002

    def _set_phase(self, arguments: list[str]) -> None:
        turned = _within(arguments[0], -360.0, 729.99)
        self._phase_deg = round((turned + 180.0) % 360.0 - 180.0, 2)

    def _set_auxiliary(self, arguments: list[str]) -> None:
        number = _integer(arguments[0], 1, 4)
        if len(arguments) != 2:
            raise Illegal
        self._auxiliary_v[number - 1] = _within(arguments[1], -10.5, 10.5)

    def _auto_phase(self) -> None:
        seen = math.degrees(cmath.phase(self._held[-1]))
        self._set_phase([f"{self._phase_deg + seen:.2f}"])

    @staticmethod
    def _no_other(value: int, only: int | None) -> None:
        """What is understood but simulated in one way only."""
        if only is not None and value != only:
            raise Illegal


CHOICES = {
    "FMOD": 2, "ISRC": 4, "IGND": 2, "ICPL": 2, "ILIN": 4, "SENS": 27, "RMOD": 3, "OFLT": 20,
    "OFSL": 4, "SYNC": 2,
}  # fmt: skip


def _integer(text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[+-]?\d{1,6}", text) or not low <= int(text) <= high:
        raise Illegal
    return int(text)


def _within(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        raise Illegal from None
    if not low <= value <= high:
        raise Illegal
    return value


def _number(value: float) -> str:
    return f"{value:.6g}"


def _positive(key: str) -> Setting:
    return Setting(key, lambda value, _: _checked(value, above=0.0), default=None)


def _checked(value: object, *, above: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > above:
        raise ValueError(f"is {value!r}, not a number greater than {above:g}")
    return float(value)


def _build(setup: Setup) -> Sr830:
    given = {key: value for key, value in setup.settings.items() if value is not None}
    return Sr830(setup.world, Network(**given), serial=setup.serial)


MODEL = Model(
    _build,
    settings=tuple(map(_positive, ("resistance_ohm", "capacitance_f", "inductance_h"))),
)
