"""A digital multimeter in the manner of a Keysight 34461A.

Measures a voltage that its bench file names, or that of a beam's detector, or the resistance of the
device under test wired to it, with noise that falls with the integration time. Readings are taken
by a trigger model of one layer: `:INIT` arms, an immediate or a bus trigger sets off so many
samples, which take their time while other commands are executed; `:FETC?` waits for them, `:R?`
gives and removes those that have been taken. There are no other functions, no math and no
statistics. Source: Keysight, Truevolt Series Operating and Service Guide, 34460-90901.
"""

import math
from collections.abc import Generator
from pathlib import Path

from funcnodes_simulators.instruments.models import Attachment, Model, Setting, Setup
from funcnodes_simulators.instruments.simple import BenchInstrument
from funcnodes_simulators.physics import Beam, DeviceUnderTest, World
from funcnodes_simulators.scpi import (
    INFINITY,
    Choice,
    Integer,
    Number,
    Optional,
    QuotedChoice,
    ScpiError,
    ScpiInterpreter,
)

IDENTITY = "Keysight Technologies,34461A,{serial},A.03.02-03.15-03.02-00.52-04-02"
VOLT, RES, FRES = "VOLT", "RES", "FRES"
HEADERS = {VOLT: "VOLTage[:DC]", RES: "RESistance", FRES: "FRESistance"}
RANGES = {
    VOLT: (0.1, 1.0, 10.0, 100.0, 1000.0),
    RES: (100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8),
    FRES: (100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8),
}
UNITS = {VOLT: "V", RES: "OHM", FRES: "OHM"}
INTEGRATIONS = (0.02, 0.2, 1.0, 10.0, 100.0)
LINE_CYCLE_S = 0.02
OVERHEAD_S = 0.002
OVERRANGE = 1.2
NOISE_OF_RANGE = 1e-6
TEST_CURRENT_A = 1e-3
MOST_READINGS = 10_000
STALE = -230
INTERRUPTING = ("ABOR", "ABORT", "*RST")


class Keysight34461a(BenchInstrument):
    """The multimeter: hand it messages by `execute`."""

    def __init__(
        self,
        world: World,
        *,
        serial: str = "SIM0001",
        volts: float = 0.0,
        dut: DeviceUnderTest | None = None,
        beam: Beam | None = None,
    ) -> None:
        self._world = world
        self._volts = volts
        self._dut = dut
        self._beam = beam
        self._is_waiting = False  # armed, and not triggered yet
        self._is_taken = True
        self._done_at_s = 0.0
        self.scpi = ScpiInterpreter(
            IDENTITY.format(serial=serial), reset=self._reset, trigger=self._bus_trigger
        )
        self._reset()
        self._declare()

    def interrupts(self, message: str) -> bool:
        """`:ABOR` ends waiting for readings."""
        return message.strip().removeprefix(":").upper() in INTERRUPTING

    def power_cycle(self) -> None:
        self._reset()
        self.scpi.power_on()

    def state(self) -> dict[str, object]:
        self._world.step()
        return {
            "model": "keysight_34461a",
            "function": self._function,
            "range": self._range[self._function],
            "nplc": self._nplc,
            "samples": self._samples,
            "readings": len(self._readings),
            "waiting": self._is_waiting,
        }

    def _reset(self) -> None:
        self._function = VOLT
        self._range = {VOLT: 10.0, RES: 1e3, FRES: 1e3}
        self._auto = dict.fromkeys(RANGES, True)
        self._nplc = 10.0
        self._source, self._samples = "IMM", 1
        self._abort()
        self._readings: list[float] = []
        self._taken, self._begun_at_s, self._per_reading_s = 0, 0.0, 1.0

    # ── measuring ─────────────────────────────────────────────────────────────────────────

    def _init(self) -> None:
        if self._is_waiting or self._left_s() > 0:
            raise ScpiError(-213)
        self._readings = []
        self._is_waiting = True
        if self._source == "IMM":
            self._begin()

    def _bus_trigger(self) -> None:
        if not (self._is_waiting and self._source == "BUS"):
            raise ScpiError(-211)
        self._begin()

    def _begin(self) -> None:
        self._is_waiting = False
        self._per_reading_s = self._nplc * LINE_CYCLE_S + OVERHEAD_S
        self._begun_at_s = self._world.clock.now()
        self._done_at_s = self._begun_at_s + self._samples * self._per_reading_s
        self._taken = 0
        self._is_taken = False
        self.scpi.begin(self._left_s)

    def _left_s(self) -> float:
        return self._done_at_s - self._world.clock.now() if not self._is_taken else 0.0

    def _abort(self) -> None:
        self._is_waiting, self._is_taken = False, True

    def _settle(self) -> None:
        """Take the readings whose time has come."""
        if self._is_taken:
            return
        since_s = self._world.clock.now() - self._begun_at_s
        due = min(self._samples, int(since_s / self._per_reading_s + 1e-9))
        if self._left_s() <= 0:
            due, self._is_taken = self._samples, True
        self._readings += [self._measured() for _ in range(due - self._taken)]
        self._taken = due

    def _remove(self, most: int | None = None) -> str:
        """Do `R?`: what is there, the oldest first, gone from memory then."""
        self._settle()
        count = len(self._readings) if most is None else most
        given, self._readings = self._readings[:count], self._readings[count:]
        text = ",".join(f"{value:+.8E}" for value in given)
        return f"#{len(str(len(text)))}{len(text)}{text}"

    def _count(self) -> str:
        self._settle()
        return f"{len(self._readings):+d}"

    def _fetch(self) -> Generator[float, None, str]:
        while not self._is_taken and (left_s := self._left_s()) > 0:
            yield left_s
            self._world.step()
        self._settle()
        if not self._readings:
            raise ScpiError(STALE)
        return ",".join(f"{value:+.8E}" for value in self._readings)

    def _read(self) -> Generator[float, None, str]:
        if self._source == "BUS":
            raise ScpiError(-214)
        self._init()
        return (yield from self._fetch())

    def _measured(self) -> float:
        true = self._true_volts() if self._function == VOLT else self._ohms()
        ranges = RANGES[self._function]
        if self._auto[self._function]:
            fitting = [each for each in ranges if abs(true) <= each * OVERRANGE]
            self._range[self._function] = fitting[0] if fitting else ranges[-1]
        full = self._range[self._function]
        if abs(true) > full * OVERRANGE:
            return math.copysign(INFINITY, true)
        return true + self._world.noise(full * NOISE_OF_RANGE / math.sqrt(self._nplc))

    def _true_volts(self) -> float:
        return self._volts if self._beam is None else self._beam.volts()

    def _ohms(self) -> float:
        if self._dut is None:
            return math.inf
        point = self._dut.driven_by_current(TEST_CURRENT_A, 10.0)
        return math.inf if point.is_limited else point.voltage_v / TEST_CURRENT_A

    # ── its words ─────────────────────────────────────────────────────────────────────────

    def _declare(self) -> None:
        declare = self.scpi.declare
        functions = QuotedChoice("VOLTage", "RESistance", "FRESistance")
        declare("[:SENSe]:FUNCtion[:ON]", self._choose, functions)
        declare("[:SENSe]:FUNCtion[:ON]?", lambda: f'"{self._function}"')
        for function in RANGES:
            self._declare_function(function)
        declare(":TRIGger:SOURce", self._set_source, Choice("IMMediate", "BUS"))
        declare(":TRIGger:SOURce?", lambda: self._source)
        declare(":SAMPle:COUNt", self._set_samples, Integer(1, 1_000_000, 1))
        declare(":SAMPle:COUNt?", lambda: f"{self._samples:+d}")
        declare(":INITiate[:IMMediate]", self._init)
        declare(":ABORt", self._abort)
        declare(":FETCh?", self._fetch)
        declare(":R?", self._remove, Optional(Integer(1, MOST_READINGS, MOST_READINGS)))
        declare(":DATA:POINts?", self._count)
        declare(":READ?", self._read)

    def _declare_function(self, function: str) -> None:
        header = f"[:SENSe]:{HEADERS[function]}"
        ranges = RANGES[function]
        self.scpi.declare_number(
            f"{header}:RANGe[:UPPer]",
            Number(ranges[0], ranges[-1], ranges[2], UNITS[function]),
            lambda value: self._set_range(function, value),
            lambda: self._range[function],
        )
        self.scpi.declare_flag(
            f"{header}:RANGe:AUTO",
            lambda on: self._auto.update({function: on}),
            lambda: self._auto[function],
        )
        self.scpi.declare_number(
            f"{header}:NPLCycles", Number(0.02, 100.0, 10.0), self._set_nplc, lambda: self._nplc
        )

    def _choose(self, function: str) -> None:
        self._function = function

    def _set_range(self, function: str, value: float) -> None:
        self._range[function] = next(r for r in RANGES[function] if value <= r * (1 + 1e-9))
        self._auto[function] = False

    def _set_nplc(self, cycles: float) -> None:
        self._nplc = next(each for each in INTEGRATIONS if cycles <= each * (1 + 1e-9))

    def _set_source(self, source: str) -> None:
        self._source = source

    def _set_samples(self, count: int) -> None:
        if count > MOST_READINGS:
            raise ScpiError(-222)
        self._samples = count


def _voltage(value: object, _: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1000:
        raise ValueError(f"is {value!r}, not a voltage of up to 1000 V")
    return float(value)


def _build(setup: Setup) -> Keysight34461a:
    dut = setup.dut() if "dut" in setup.things else None
    beam = setup.beam() if "beam" in setup.things else None
    volts = setup.settings["volts"]
    return Keysight34461a(setup.world, serial=setup.serial, volts=volts, dut=dut, beam=beam)


MODEL = Model(
    _build,
    attachments=(
        Attachment("dut", "dut", is_required=False),
        Attachment("beam", "beam", is_source=False, is_required=False),
    ),
    settings=(Setting("volts", _voltage, 0.0),),
)
