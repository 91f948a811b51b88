"""A source-measure unit in the manner of a Keithley 2400, as seen through its SCPI interface.

Speaks the subset of the 2400's commands that drivers use, with its defaults, ranges, error numbers
and reading format. The analog side is `sourcemeter`; when readings are taken is `trigger_model`'s
business, where they are stored `trace_buffer`'s. Differences from the instrument: auto ohms does
not take over the source (ohms are V/I at the present level), and there are no sweeps, limit tests,
math or source memory. Source: 2400 Series SourceMeter User's Manual, 2400S-900-01, chapter 18 and
appendix B.
"""

import copy
import struct
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

from funcnodes_simulators.instruments.models import Attachment, Model
from funcnodes_simulators.instruments.simple import BenchInstrument
from funcnodes_simulators.keithley.sourcemeter import (
    CURR,
    NO_VOLTAGE_LIMIT_V,
    OVERFLOW,
    OVERRANGE,
    RES,
    VOLT,
    VOLTAGE_PROTECTION,
    Reading,
    Settings,
    SourceMeter,
    range_for,
)
from funcnodes_simulators.keithley.trace_buffer import TraceBuffer
from funcnodes_simulators.keithley.trigger_model import TriggerModel, TriggerSettings
from funcnodes_simulators.physics import DeviceUnderTest, World
from funcnodes_simulators.scpi import (
    INFINITY,
    NOT_A_NUMBER,
    Boolean,
    Choice,
    Integer,
    ListOf,
    Memory,
    Number,
    Optional,
    QuotedChoice,
    ScpiError,
    ScpiInterpreter,
)
from funcnodes_simulators.scpi.messages import split_message
from funcnodes_simulators.scpi.status import EventRegister

IDENTITY = "KEITHLEY INSTRUMENTS INC.,MODEL 2400,{serial},C33   Mar 31 2015 09:32:39/A02  /K/J"

ELEMENTS = ("VOLT", "CURR", "RES", "TIME", "STAT")
LONG_NAME = {VOLT: "VOLTage", CURR: "CURRent"}
FUNCTION_NAME = {VOLT: '"VOLT:DC"', CURR: '"CURR:DC"', RES: '"RES"'}
UNIT = {VOLT: "V", CURR: "A"}
LARGEST = {VOLT: 210.0, CURR: 1.05}
SMALLEST_LIMIT = {VOLT: 0.2e-3, CURR: 1e-9}
DEFAULT_LIMIT = {VOLT: 21.0, CURR: 105e-6}
VOLTAGE_PROTECTION_STEPS_V = (20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 160.0, NO_VOLTAGE_LIMIT_V)
SETUP_PLACES = 5
READING_OVERHEAD_S = 0.002
AUTO_SOURCE_DELAY_S = 0.001
MAINS_HZ = 50

# Bits of the measurement status register, and its own in the status byte (pages 15-3 and 15-13).
READING_AVAILABLE = 1 << 6
READING_OVERFLOW = 1 << 7
VOLTAGE_PROTECTION_REACHED = 1 << 13
IN_COMPLIANCE = 1 << 14
MEASUREMENT_SUMMARY = 1 << 0

OUTPUT_IS_OFF = (803, "Not permitted with OUTPUT off")
TOO_SMALL_FOR_SENSE_RANGE = (822, "Too small for sense range")
BEYOND_COMPLIANCE_RANGE = (824, "Cannot exceed compliance range")
BEYOND_POWER_LIMIT = (826, "Attempt to exceed power limit")

WORDING = {-222: "Parameter data out of range"}
FUNCTION = QuotedChoice("VOLTage", "CURRent", "RESistance")
# What is acted on at once while readings are taken, besides a trigger (page 16-3).
INTERRUPTING = frozenset({"ABOR", "ABORT", "*RST", "*RCL", "SYST:PRES", "SYSTEM:PRESET"})
TRIGGER = "*TRG"


class OnOffOrOnce:
    """`ONCE`, or whether something is on."""

    def parse(self, text: str) -> bool | str:
        return "ONCE" if text.upper() == "ONCE" else Boolean().parse(text)


@dataclass(slots=True)
class Session:
    """Settings of the remote interface and the trigger model, back to default at `*RST`."""

    elements: tuple[str, ...] = ELEMENTS
    is_binary: bool = False
    is_swapped: bool = False
    is_concurrent: bool = True
    source_delay_s: float = 0.0
    source_delay_auto: bool = True
    auto_output_off: bool = False
    off_mode: str = "NORM"
    filter_type: str = "REP"
    display_on: bool = True
    is_autozero_on: bool = True
    trigger: TriggerSettings = field(default_factory=TriggerSettings)


class Keithley2400(BenchInstrument):
    """The instrument: hand it messages by `execute`."""

    terminator = b"\n"
    input_limit_bytes = 2048

    def __init__(self, world: World, dut: DeviceUnderTest, *, serial: str = "SIM0001") -> None:
        self._world = world
        self._identity = IDENTITY.format(serial=serial)
        self._meter = SourceMeter(world, dut)
        self._memory: Memory[tuple[Settings, Session]] = Memory(SETUP_PLACES)
        self._trace = TraceBuffer()
        self._line_frequency_hz = MAINS_HZ
        self._is_line_frequency_auto = True
        self._power_on()

    def interrupts(self, message: str) -> bool:
        """Whether a message ends a measurement that is under way: `:ABOR` or `*RST` first."""
        try:
            units = split_message(message)
        except ScpiError:
            return False
        words = units[0].removeprefix(":").upper().split() if units else []
        return bool(words) and words[0] in INTERRUPTING

    def is_trigger(self, message: str) -> bool:
        return message.strip().upper() == TRIGGER

    def trigger(self) -> None:
        self._trigger.trigger()

    def power_cycle(self) -> None:
        self._meter.reset()
        self._power_on()

    def state(self) -> dict[str, object]:
        now_s = self._world.step()
        meter, settings = self._meter, self._settings
        point = meter.point(now_s)
        return {
            "model": "keithley2400",
            "output": meter.is_on,
            "source": settings.source,
            "source_v": settings.level[VOLT],
            "source_a": settings.level[CURR],
            "limit_v": settings.limit[VOLT],
            "limit_a": settings.limit[CURR],
            "voltage_v": point.voltage_v,
            "current_a": point.current_a,
            "compliance": point.is_limited,
            "nplc": settings.nplc,
            "remote": self._is_remote,
            "errors": len(self.scpi.status.errors),
            "output_transitions": [[at_s, is_on] for at_s, is_on in meter.transitions],
        }

    @property
    def _settings(self) -> Settings:
        return self._meter.settings

    def _power_on(self) -> None:
        self.scpi = ScpiInterpreter(
            self._identity,
            reset=self._reset,
            trigger=self.trigger,
            version="1996.0",
            wording=WORDING,
        )
        self._measurement = EventRegister()
        self.scpi.status.others[MEASUREMENT_SUMMARY] = self._measurement
        self._trigger = TriggerModel(self.scpi, self._world.clock)
        self._trace.power_on()
        self._session = Session(trigger=self._trigger.settings)
        self._readings: list[Reading] = []
        self._time_zero_s = self._world.clock.now()
        self._is_remote = False
        self._declare_source()
        self._declare_sense()
        self._declare_trigger()
        self._declare_format()
        self._declare_system()
        self._declare_status()
        self._trace.declare(
            self.scpi,
            changed=self._settle,
            elements=self._elements_of,
            numbers=self._numbers,
        )

    def _reset(self) -> None:
        self._meter.reset()
        self._trace.statistic = "MEAN"
        self._use(Session())
        self._readings = []

    def _use(self, session: Session) -> None:
        self._session = session
        self._trigger.settings = session.trigger

    def _saved(self) -> tuple[Settings, Session]:
        return copy.deepcopy((self._settings, self._session))

    def _recall(self, saved: tuple[Settings, Session]) -> None:
        """Do `*RCL`; the output goes off, whatever it was when the setup was saved."""
        self._reset()
        settings, session = copy.deepcopy(saved)
        self._meter.settings = settings
        self._use(session)

    # Sourcing

    def _declare_source(self) -> None:
        declare = self.scpi.declare
        declare(":OUTPut#[:STATe]", self._meter.switch, Boolean())
        declare(":OUTPut#[:STATe]?", lambda: _flag(self._meter.is_on))
        self._choice(":OUTPut#:SMODe", "off_mode", "HIMPedance", "NORMal", "ZERO", "GUARd")
        source = Choice("VOLTage", "CURRent")
        declare(":SOURce#:FUNCtion[:MODE]", self._meter.select_source, source)
        declare(":SOURce#:FUNCtion[:MODE]?", lambda: self._settings.source)
        self._flag(":SOURce#:CLEar:AUTO", "auto_output_off")
        declare(":SOURce#:CLEar[:IMMediate]", lambda: self._meter.switch(False))
        self.scpi.declare_number(
            ":SOURce#:DELay",
            Number(0, 999.9999, 0, "S"),
            self._set_source_delay,
            lambda: self._session.source_delay_s,
        )
        self._flag(":SOURce#:DELay:AUTO", "source_delay_auto")
        declare(
            ":SOURce#:VOLTage:PROTection[:LEVel]",
            self._set_voltage_protection,
            Number(-NO_VOLTAGE_LIMIT_V, NO_VOLTAGE_LIMIT_V, NO_VOLTAGE_LIMIT_V, "V"),
        )
        declare(
            ":SOURce#:VOLTage:PROTection[:LEVel]?",
            lambda: _scientific(self._settings.voltage_protection_v),
        )
        for quantity in (VOLT, CURR):
            self._declare_source_quantity(quantity)

    def _declare_source_quantity(self, quantity: str) -> None:
        header = f":SOURce#:{LONG_NAME[quantity]}"
        largest = LARGEST[quantity]
        span = Number(-largest, largest, 0.0, UNIT[quantity])
        self.scpi.declare_number(
            f"{header}[:LEVel][:IMMediate][:AMPLitude]",
            span,
            lambda level: self._set_level(quantity, level),
            lambda: self._settings.level[quantity],
        )
        self.scpi.declare_number(
            f"{header}:RANGe",
            span,
            lambda value: self._set_source_range(quantity, value),
            lambda: self._settings.source_range_of(quantity) * OVERRANGE,
        )
        self.scpi.declare(
            f"{header}:RANGe:AUTO", lambda on: self._set_source_autorange(quantity, on), Boolean()
        )
        self.scpi.declare(
            f"{header}:RANGe:AUTO?", lambda: _flag(self._settings.source_autorange[quantity])
        )
        self.scpi.declare(f"{header}:MODE", lambda mode: None, Choice("FIXed"))
        self.scpi.declare(f"{header}:MODE?", lambda: "FIX")

    def _set_level(self, quantity: str, level: float) -> None:
        settings = self._settings
        if not settings.source_autorange[quantity]:
            if abs(level) > settings.source_range[quantity] * OVERRANGE * (1 + 1e-9):
                raise ScpiError(-222)
        elif quantity == settings.source:
            self._check_power(range_for(level, quantity), settings.limit[settings.protected])
        self._meter.set_level(quantity, level)

    def _set_source_range(self, quantity: str, value: float) -> None:
        settings = self._settings
        new = range_for(value, quantity)
        if abs(settings.level[quantity]) > new * OVERRANGE * (1 + 1e-9):
            raise ScpiError(-221)
        if quantity == settings.source:
            self._check_power(new, settings.limit[settings.protected])
        settings.source_range[quantity] = new
        settings.source_autorange[quantity] = False

    def _set_source_autorange(self, quantity: str, on: bool) -> None:
        settings = self._settings
        settings.source_range[quantity] = settings.source_range_of(quantity)
        settings.source_autorange[quantity] = on

    def _check_power(self, source_range: float, limit: float) -> None:
        """Keep to 21 V at 1.05 A and 210 V at 105 mA, the instrument's two corners."""
        source = self._settings.source
        volts, amps = (source_range, limit) if source == VOLT else (limit, source_range)
        if volts > 20.0 * OVERRANGE and amps > 0.1 * OVERRANGE * (1 + 1e-9):
            raise ScpiError(*BEYOND_POWER_LIMIT)

    def _set_source_delay(self, seconds: float) -> None:
        self._session.source_delay_s = seconds
        self._session.source_delay_auto = False

    def _set_voltage_protection(self, value_v: float) -> None:
        steps = VOLTAGE_PROTECTION_STEPS_V
        step = next(s for s in steps if abs(value_v) <= s)
        self._settings.voltage_protection_v = step

    # Measuring

    def _declare_sense(self) -> None:
        declare = self.scpi.declare
        declare("[:SENSe#]:FUNCtion[:ON]", self._enable_functions, ListOf(FUNCTION))
        declare("[:SENSe#]:FUNCtion[:ON]?", lambda: self._functions(enabled=True))
        declare("[:SENSe#]:FUNCtion:OFF", self._disable_functions, ListOf(FUNCTION))
        declare("[:SENSe#]:FUNCtion:OFF?", lambda: self._functions(enabled=False))
        declare("[:SENSe#]:FUNCtion[:ON]:ALL", lambda: self._enable_functions(VOLT, CURR, RES))
        declare("[:SENSe#]:FUNCtion:OFF:ALL", lambda: self._disable_functions(VOLT, CURR, RES))
        declare("[:SENSe#]:FUNCtion:CONCurrent", self._set_concurrent, Boolean())
        declare("[:SENSe#]:FUNCtion:CONCurrent?", lambda: _flag(self._session.is_concurrent))
        declare("[:SENSe#]:RESistance:MODE", self._set_ohms_mode, Choice("MANual", "AUTO"))
        declare("[:SENSe#]:RESistance:MODE?", lambda: "AUTO" if self._settings.auto_ohms else "MAN")
        self._declare_filter()
        for quantity in (VOLT, CURR):
            self._declare_protection(quantity)
        self._declare_meter(VOLT, "[:SENSe#]:VOLTage[:DC]", 210.0, "V")
        self._declare_meter(CURR, "[:SENSe#]:CURRent[:DC]", 1.05, "A")
        self._declare_meter(RES, "[:SENSe#]:RESistance", 210e6, "OHM")

    def _declare_meter(self, quantity: str, header: str, largest: float, unit: str) -> None:
        self.scpi.declare_number(
            f"{header}:NPLCycles",
            Number(0.01, 10, 1.0),
            lambda value: setattr(self._settings, "nplc", value),
            lambda: self._settings.nplc,
        )
        self.scpi.declare_number(
            f"{header}:RANGe[:UPPer]",
            Number(-largest, largest, largest, unit),
            lambda value: self._set_sense_range(quantity, value),
            lambda: self._settings.sense_range[quantity] * OVERRANGE,
        )
        self.scpi.declare(
            f"{header}:RANGe:AUTO",
            lambda on: self._settings.sense_autorange.update({quantity: on}),
            Boolean(),
        )
        self.scpi.declare(
            f"{header}:RANGe:AUTO?", lambda: _flag(self._settings.sense_autorange[quantity])
        )

    def _declare_protection(self, quantity: str) -> None:
        header = f"[:SENSe#]:{LONG_NAME[quantity]}[:DC]:PROTection"
        largest = LARGEST[quantity]
        self.scpi.declare_number(
            f"{header}[:LEVel]",
            Number(-largest, largest, DEFAULT_LIMIT[quantity], UNIT[quantity]),
            lambda value: self._set_limit(quantity, abs(value)),
            lambda: self._settings.limit[quantity],
        )
        self.scpi.declare(f"{header}:TRIPped?", lambda: _flag(self._is_tripped(quantity)))

    def _declare_filter(self) -> None:
        declare = self.scpi.declare
        declare(
            "[:SENSe#]:AVERage[:STATe]",
            lambda on: setattr(self._settings, "filter_on", on),
            Boolean(),
        )
        declare("[:SENSe#]:AVERage[:STATe]?", lambda: _flag(self._settings.filter_on))
        declare(
            "[:SENSe#]:AVERage:COUNt",
            lambda n: setattr(self._settings, "filter_count", n),
            Integer(1, 100, 10),
        )
        declare("[:SENSe#]:AVERage:COUNt?", lambda: str(self._settings.filter_count))
        self._choice("[:SENSe#]:AVERage:TCONtrol", "filter_type", "REPeat", "MOVing")

    def _enable_functions(self, *functions: str) -> None:
        settings = self._settings
        if self._session.is_concurrent:
            settings.measured |= frozenset(functions)
        elif len(functions) == 1:
            settings.measured = frozenset(functions)
        else:
            raise ScpiError(-221)

    def _disable_functions(self, *functions: str) -> None:
        self._settings.measured -= frozenset(functions)

    def _functions(self, *, enabled: bool) -> str:
        measured = self._settings.measured
        names = [FUNCTION_NAME[f] for f in (VOLT, CURR, RES) if (f in measured) is enabled]
        return ",".join(names) or '""'

    def _set_concurrent(self, on: bool) -> None:
        self._session.is_concurrent = on
        if not on and len(self._settings.measured) > 1:
            self._settings.measured = frozenset({VOLT})

    def _set_ohms_mode(self, mode: str) -> None:
        self._settings.auto_ohms = mode == "AUTO"

    def _set_sense_range(self, quantity: str, value: float) -> None:
        settings = self._settings
        new = range_for(value, quantity)
        if quantity == settings.protected and new > range_for(settings.limit[quantity], quantity):
            raise ScpiError(*BEYOND_COMPLIANCE_RANGE)
        settings.sense_range[quantity] = new
        settings.sense_autorange[quantity] = False

    def _set_limit(self, quantity: str, limit: float) -> None:
        settings = self._settings
        if limit < SMALLEST_LIMIT[quantity]:
            raise ScpiError(-222)
        if not settings.sense_autorange[quantity] and limit < settings.sense_range[quantity] * 1e-3:
            raise ScpiError(*TOO_SMALL_FOR_SENSE_RANGE)
        if quantity == settings.protected:
            self._check_power(settings.source_range_of(settings.source), limit)
        self._world.step()
        settings.limit[quantity] = limit
        ceiling = range_for(limit, quantity)
        settings.sense_range[quantity] = min(settings.sense_range[quantity], ceiling)

    def _is_tripped(self, quantity: str) -> bool:
        return self._settings.protected == quantity and self._meter.is_in_compliance()

    def _settle(self) -> None:
        condition = self._trace.condition
        condition |= IN_COMPLIANCE if self._meter.is_in_compliance() else 0
        self._measurement.set_condition(condition)

    # Triggering and reading

    def _declare_trigger(self) -> None:
        declare = self.scpi.declare
        declare(":ABORt", lambda: None)
        declare(":INITiate[:IMMediate]", self._initiate)
        declare(":READ?", self._read)
        declare(":FETCh?", self._fetch)
        declare("[:SENSe#]:DATA[:LATest]?", self._latest)
        self._declare_measure("", ())
        for name, function in (("VOLTage", VOLT), ("CURRent", CURR), ("RESistance", RES)):
            dc = "" if function == RES else "[:DC]"
            self._declare_measure(f":{name}{dc}", (function,))

    def _declare_measure(self, header: str, functions: tuple[str, ...]) -> None:
        self.scpi.declare(f":MEASure{header}?", lambda: self._measure(functions))
        if functions:
            self.scpi.declare(f":CONFigure{header}", lambda: self._configure(functions))

    def _configure(self, functions: Iterable[str]) -> None:
        self._trigger.settings.trigger_at_once()
        for function in functions:
            self._enable_functions(function)
            self._settings.sense_autorange[function] = True

    def _measure(self, functions: Iterable[str]) -> Generator[float, None, str | bytes]:
        """Do `:MEAS?`, which switches the output on if it has to."""
        self._configure(functions)
        if not self._session.auto_output_off:
            self._meter.switch(True)
        return (yield from self._read())

    def _read(self) -> Generator[float, None, str | bytes]:
        yield from self._initiate()
        return self._fetch()

    def _initiate(self) -> Generator[float, None, None]:
        session = self._session
        if not (self._meter.is_on or session.auto_output_off):
            raise ScpiError(*OUTPUT_IS_OFF)
        self._readings = []
        yield from self._trigger.run(self._read_once)

    def _read_once(self) -> Generator[float, None, None]:
        reading = yield from self._take_reading()
        self._readings.append(reading)
        self._trace.store(reading)
        events = READING_AVAILABLE
        events |= READING_OVERFLOW if reading.status & OVERFLOW else 0
        events |= VOLTAGE_PROTECTION_REACHED if reading.status & VOLTAGE_PROTECTION else 0
        self._measurement.event |= events & self._measurement.rising
        self._settle()

    def _take_reading(self) -> Generator[float, None, Reading]:
        session = self._session
        automatic = AUTO_SOURCE_DELAY_S if session.source_delay_auto else session.source_delay_s
        if session.auto_output_off:
            self._meter.switch(True)
        try:
            yield session.trigger.delay_s + automatic + READING_OVERHEAD_S
            start_s = self._world.step()
            yield self._meter.aperture_s
            return self._meter.measure(start_s, self._world.step())
        finally:
            if session.auto_output_off:
                self._meter.switch(False)

    def _fetch(self) -> str | bytes:
        if not self._readings:
            raise ScpiError(-230)
        return self._formatted(self._readings)

    def _latest(self) -> str | bytes:
        if not self._readings:
            raise ScpiError(-230)
        return self._formatted(self._readings[-1:])

    # Format of readings

    def _declare_format(self) -> None:
        declare = self.scpi.declare
        element = Choice("VOLTage", "CURRent", "RESistance", "TIME", "STATus")
        declare(":FORMat:ELEMents[:SENSe#]", self._set_elements, ListOf(element))
        declare(":FORMat:ELEMents[:SENSe#]?", lambda: ",".join(self._session.elements))
        kind = Choice("ASCii", "REAL", "SREal")
        declare(":FORMat[:DATA]", self._set_format, kind, Optional(Integer(32, 32, 32)))
        declare(":FORMat[:DATA]?", lambda: "REAL,32" if self._session.is_binary else "ASC")
        order = Choice("NORMal", "SWAPped")
        declare(
            ":FORMat:BORDer", lambda o: setattr(self._session, "is_swapped", o == "SWAP"), order
        )
        declare(":FORMat:BORDer?", lambda: "SWAP" if self._session.is_swapped else "NORM")

    def _set_elements(self, *elements: str) -> None:
        self._session.elements = tuple(e for e in ELEMENTS if e in elements)

    def _set_format(self, kind: str, _: int | None = None) -> None:
        self._session.is_binary = kind != "ASC"

    def _formatted(self, readings: list[Reading]) -> str | bytes:
        zero_s = self._time_zero_s
        return self._numbers([v for r in readings for v in self._elements_of(r, r.end_s - zero_s)])

    def _numbers(self, values: list[float]) -> str | bytes:
        if not self._session.is_binary:
            return ",".join(f"{value:+.6E}" for value in values)
        order = "<" if self._session.is_swapped else ">"
        return b"#0" + struct.pack(f"{order}{len(values)}f", *values)

    def _elements_of(self, reading: Reading, stamp_s: float) -> list[float]:
        """Return what is told of a reading, in the instrument's order."""
        return [self._element(name, reading, stamp_s) for name in self._session.elements]

    def _element(self, element: str, reading: Reading, stamp_s: float) -> float:
        if element == "TIME":
            return stamp_s
        if element == "STAT":
            return float(reading.status)
        value = reading.value.get(element, NOT_A_NUMBER)
        return INFINITY if value is None else value

    # The rest of the instrument

    def _declare_system(self) -> None:
        declare = self.scpi.declare
        declare(":SYSTem:RSENse", self._set_remote_sense, Boolean())
        declare(":SYSTem:RSENse?", lambda: _flag(self._settings.remote_sense))
        declare(":ROUTe:TERMinals", self._set_terminals, Choice("FRONt", "REAR"))
        declare(":ROUTe:TERMinals?", lambda: "FRON" if self._settings.front_terminals else "REAR")
        declare(":SYSTem:PRESet", self._reset)
        declare(":SYSTem:TIME:RESet", self._reset_time)
        declare(":SYSTem:TIME?", lambda: f"{self._world.clock.now() - self._time_zero_s:.3f}")
        self._declare_line_frequency()
        declare(
            ":SYSTem:BEEPer[:IMMediate]",
            lambda hertz, seconds: None,
            Number(65, 2e6, 500, "HZ"),
            Number(0, 7.9, 0.1, "S"),
        )
        declare(":SYSTem:BEEPer:STATe", lambda on: None, Boolean())
        declare(":SYSTem:LOCal", lambda: setattr(self, "_is_remote", False))
        declare(":SYSTem:REMote", lambda: setattr(self, "_is_remote", True))
        declare(":SYSTem:RWLock", lambda: setattr(self, "_is_remote", True))
        declare(":SYSTem:AZERo[:STATe]", self._set_autozero, OnOffOrOnce())
        declare(":SYSTem:AZERo[:STATe]?", lambda: _flag(self._session.is_autozero_on))
        self._flag(":DISPlay:ENABle", "display_on")
        self.scpi.declare_memory(self._memory, self._saved, self._recall)

    def _declare_status(self) -> None:
        declare = self.scpi.declare
        declare(":STATus:QUEue[:NEXT]?", lambda: self.scpi.status.errors.pop().response())
        declare(":STATus:QUEue:CLEar", self.scpi.status.errors.clear)
        self.scpi.declare_register(":STATus:MEASurement", self._measurement)

    def _declare_line_frequency(self) -> None:
        self.scpi.declare(":SYSTem:LFRequency", self._set_line_frequency, Integer(50, 60))
        self.scpi.declare(":SYSTem:LFRequency?", lambda: str(self._line_frequency_hz))
        self.scpi.declare_flag(
            ":SYSTem:LFRequency:AUTO",
            self._set_line_frequency_auto,
            lambda: self._is_line_frequency_auto,
        )

    def _set_line_frequency(self, hertz: int) -> None:
        if hertz not in (50, 60):
            raise ScpiError(-222)
        self._line_frequency_hz = hertz
        self._is_line_frequency_auto = False
        self._meter.power_line_cycle_s = 1 / hertz

    def _set_line_frequency_auto(self, on: bool) -> None:
        if on:
            self._set_line_frequency(MAINS_HZ)
        self._is_line_frequency_auto = on

    def _set_autozero(self, state: bool | str) -> None:
        """Switch auto zero; `ONCE` takes new references and leaves it off."""
        self._session.is_autozero_on = state is True

    def _set_remote_sense(self, on: bool) -> None:
        self._settings.remote_sense = on

    def _set_terminals(self, terminals: str) -> None:
        self._settings.front_terminals = terminals == "FRON"

    def _reset_time(self) -> None:
        self._time_zero_s = self._world.clock.now()

    # Declaring settings

    def _flag(self, header: str, name: str) -> None:
        self.scpi.declare_flag(
            header,
            lambda on: setattr(self._session, name, on),
            lambda: bool(getattr(self._session, name)),
        )

    def _choice(self, header: str, name: str, *words: str) -> None:
        self.scpi.declare_choice(
            header,
            Choice(*words),
            lambda word: setattr(self._session, name, word),
            lambda: str(getattr(self._session, name)),
        )


MODEL = Model(
    lambda setup: Keithley2400(setup.world, setup.dut(), serial=setup.serial),
    attachments=(Attachment("dut", "dut"),),
)


def _flag(is_set: bool) -> str:
    return "1" if is_set else "0"


def _scientific(value: float) -> str:
    return f"{value:.6E}"
