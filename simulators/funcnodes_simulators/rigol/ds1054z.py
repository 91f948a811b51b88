"""A four-channel oscilloscope in the manner of a Rigol DS1054Z.

Channel 1 sees the probe compensation (a 1 kHz square of 3 V), channel 2 a 1 kHz sine of 2 V peak,
channels 3 and 4 noise. A single acquisition waits for its trigger and for the time the screen
spans; what is read then is the screen: 12 divisions of 100 points, 25 counts a division. There is
no deep memory, no measurement and no math. Source: Rigol, MSO1000Z/DS1000Z Programming Guide,
PGA19108-1110, sections :CHANnel<n>, :TIMebase, :TRIGger, :WAVeform.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from funcnodes_simulators.instruments.models import Model, Setup
from funcnodes_simulators.instruments.simple import BenchInstrument
from funcnodes_simulators.physics import World
from funcnodes_simulators.scpi import (
    Boolean,
    Choice,
    Number,
    ScpiError,
    ScpiInterpreter,
    definite_block,
)

IDENTITY = "RIGOL TECHNOLOGIES,DS1054Z,{serial},00.04.04.SP4"
DIVISIONS, POINTS_A_DIVISION, COUNTS_A_DIVISION = 12, 100, 25
MIDDLE = 127
POINTS = DIVISIONS * POINTS_A_DIVISION
NOISE_OF_DIVISION = 0.04
SIGNAL_HZ = 1000.0
STOPPED, WAITING, TRIGGERED, RUNNING = "STOP", "WAIT", "TD", "RUN"
CHANNEL = Choice("CHANnel1", "CHANnel2", "CHANnel3", "CHANnel4")


@dataclass(slots=True)
class _Input:
    """One channel as it is set."""

    scale_v: float = 1.0
    offset_v: float = 0.0
    coupling: str = "DC"
    is_shown: bool = False


@dataclass(slots=True)
class Screen:
    """What was last acquired: counts by channel, and the settings it was taken with."""

    counts: dict[int, bytes] = field(default_factory=dict)
    inputs: dict[int, _Input] = field(default_factory=dict)
    step_s: float = 1e-6
    start_s: float = -6e-4


class RigolDs1054z(BenchInstrument):
    """The oscilloscope: hand it messages by `execute`."""

    def __init__(self, world: World, *, serial: str = "SIM0001") -> None:
        self._world = world
        self.scpi = ScpiInterpreter(IDENTITY.format(serial=serial), reset=self._reset)
        self._reset()
        self._declare()
        world.moves(self._advance)

    def power_cycle(self) -> None:
        self._reset()
        self.scpi.power_on()

    def state(self) -> dict[str, object]:
        self._world.step()
        return {
            "model": "rigol_ds1054z",
            "status": self._status,
            "acquisitions": self._acquisitions,
            "source": self._source,
            "timebase_s": self._timebase_s,
        }

    def _reset(self) -> None:
        self._inputs = {n: _Input(is_shown=n == 1) for n in range(1, 5)}
        self._timebase_s, self._delay_s = 1e-4, 0.0
        self._trigger_source, self._level_v, self._slope = 1, 0.0, "POS"
        self._source, self._mode, self._format = 1, "NORM", "BYTE"
        self._status, self._due_s = RUNNING, math.inf
        self._acquisitions = 0
        self._screen = Screen()
        self._acquire()

    # ── acquiring ─────────────────────────────────────────────────────────────────────────

    def _single(self) -> None:
        self._status, self._due_s = WAITING, math.inf
        level = self._level_v
        signals = [self._signal(self._trigger_source, t / 200 / SIGNAL_HZ) for t in range(200)]
        if min(signals) < level < max(signals):  # the signal passes the level within a period
            self._force()

    def _force(self) -> None:
        if self._status == WAITING:
            self._status = TRIGGERED
            self._due_s = self._world.clock.now() + DIVISIONS * self._timebase_s

    def _run(self) -> None:
        self._status, self._due_s = RUNNING, math.inf

    def _stop(self) -> None:
        if self._status == RUNNING:
            self._acquire()
        self._status, self._due_s = STOPPED, math.inf

    def _advance(self, now_s: float) -> None:
        if now_s >= self._due_s:
            self._acquire()
            self._status, self._due_s = STOPPED, math.inf

    def _acquire(self) -> None:
        step_s = self._timebase_s / POINTS_A_DIVISION
        start_s = self._delay_s - DIVISIONS / 2 * self._timebase_s
        times = [start_s + i * step_s for i in range(POINTS)]
        inputs = {
            n: _Input(i.scale_v, i.offset_v, i.coupling, i.is_shown)
            for n, i in self._inputs.items()
        }
        counts = {n: bytes(self._count(n, each) for each in times) for n in inputs}
        self._screen = Screen(counts, inputs, step_s, start_s)
        self._acquisitions += 1

    def _signal(self, channel: int, at_s: float) -> float:
        phase = (at_s * SIGNAL_HZ) % 1.0
        if channel == 1:
            volts = 3.0 if phase < 0.5 else 0.0
            return volts - (1.5 if self._inputs[1].coupling == "AC" else 0.0)
        return 2.0 * math.sin(2 * math.pi * phase) if channel == 2 else 0.0

    def _count(self, channel: int, at_s: float) -> int:
        each = self._inputs[channel]
        is_grounded = each.coupling == "GND"
        volts = 0.0 if is_grounded else self._signal(channel, at_s)
        volts += self._world.noise(NOISE_OF_DIVISION * each.scale_v)
        counts = (volts + each.offset_v) / each.scale_v * COUNTS_A_DIVISION + MIDDLE
        return min(255, max(0, round(counts)))

    # ── its words ─────────────────────────────────────────────────────────────────────────

    def _declare(self) -> None:
        self._declare_channels()
        self._declare_trigger()
        declare, number = self.scpi.declare, self.scpi.declare_number
        number(
            ":TIMebase[:MAIN]:SCALe",
            Number(5e-9, 50.0, 1e-4, "S"),
            lambda value: setattr(self, "_timebase_s", value),
            lambda: self._timebase_s,
        )
        number(
            ":TIMebase[:MAIN]:OFFSet",
            Number(-500.0, 500.0, 0.0, "S"),
            lambda value: setattr(self, "_delay_s", value),
            lambda: self._delay_s,
        )
        declare(":WAVeform:SOURce", self._choose_source, CHANNEL)
        declare(":WAVeform:SOURce?", lambda: f"CHAN{self._source}")
        self._word(":WAVeform:MODE", "_mode", Choice("NORMal", "MAXimum", "RAW"))
        self._word(":WAVeform:FORMat", "_format", Choice("BYTE"))
        declare(":WAVeform:PREamble?", self._preamble)
        declare(":WAVeform:DATA?", self._data)

    def _declare_channels(self) -> None:
        declare = self.scpi.declare
        for name, part, number in (
            ("SCALe", "scale_v", Number(1e-3, 10.0, 1.0, "V")),
            ("OFFSet", "offset_v", Number(-100.0, 100.0, 0.0, "V")),
        ):
            declare(f":CHANnel#4:{name}", self._sets(part), number, takes_suffixes=True)
            declare(
                f":CHANnel#4:{name}?",
                self._gets(part, lambda value: f"{value:.6e}"),
                takes_suffixes=True,
            )
        coupling = Choice("AC", "DC", "GND")
        declare(":CHANnel#4:COUPling", self._sets("coupling"), coupling, takes_suffixes=True)
        declare(":CHANnel#4:COUPling?", self._gets("coupling", str), takes_suffixes=True)
        declare(":CHANnel#4:DISPlay", self._sets("is_shown"), Boolean(), takes_suffixes=True)
        declare(
            ":CHANnel#4:DISPlay?",
            self._gets("is_shown", lambda on: "1" if on else "0"),
            takes_suffixes=True,
        )

    def _declare_trigger(self) -> None:
        declare = self.scpi.declare
        declare(":TRIGger:EDGe:SOURce", self._choose_trigger, CHANNEL)
        declare(":TRIGger:EDGe:SOURce?", lambda: f"CHAN{self._trigger_source}")
        self._word(":TRIGger:EDGe:SLOPe", "_slope", Choice("POSitive", "NEGative", "RFALl"))
        declare(":TRIGger:EDGe:LEVel", self._set_level, Number(-500.0, 500.0, 0.0, "V"))
        declare(":TRIGger:EDGe:LEVel?", lambda: f"{self._level_v:.6e}")
        declare(":TRIGger:STATus?", lambda: self._status)
        declare(":SINGle", self._single)
        declare(":TFORce", self._force)
        declare(":RUN", self._run)
        declare(":STOP", self._stop)

    def _word(self, header: str, attribute: str, choice: Choice) -> None:
        self.scpi.declare_choice(
            header,
            choice,
            lambda word: setattr(self, attribute, word),
            lambda: str(getattr(self, attribute)),
        )

    def _sets(self, part: str) -> Callable[..., None]:
        return lambda suffixes, value: setattr(self._inputs[suffixes[0]], part, value)

    def _gets(self, part: str, shown: Callable[[object], str]) -> Callable[..., str]:
        return lambda suffixes: shown(getattr(self._inputs[suffixes[0]], part))

    def _choose_source(self, channel: str) -> None:
        self._source = int(channel[-1])

    def _choose_trigger(self, channel: str) -> None:
        self._trigger_source = int(channel[-1])

    def _set_level(self, volts: float) -> None:
        """Within five divisions of the middle of the screen, as the guide says."""
        each = self._inputs[self._trigger_source]
        low, high = (side * 5 * each.scale_v - each.offset_v for side in (-1, 1))
        if not low <= volts <= high:
            raise ScpiError(-222)
        self._level_v = volts

    def _preamble(self) -> str:
        screen = self._shown()
        each = screen.inputs[self._source]
        step_v = each.scale_v / COUNTS_A_DIVISION
        origin = round(each.offset_v / step_v)
        return (
            f"0,0,{POINTS},1,{screen.step_s:.6e},{screen.start_s:.6e},0,{step_v:.6e},"
            f"{origin},{MIDDLE}"
        )

    def _data(self) -> bytes:
        if not self._inputs[self._source].is_shown:
            raise ScpiError(-221)
        return definite_block(self._shown().counts[self._source])

    def _shown(self) -> Screen:
        if self._status == RUNNING:
            self._acquire()
        return self._screen


def _build(setup: Setup) -> RigolDs1054z:
    return RigolDs1054z(setup.world, serial=setup.serial)


MODEL = Model(_build)
