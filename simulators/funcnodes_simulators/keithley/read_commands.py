"""How a 2400 takes readings, and how it writes them: INITiate, READ?, MEASure?, FETCh?, FORMat.

Source: 2400 Series SourceMeter User's Manual, 2400S-900-01, chapters 17 and 18.
"""

import struct
from collections.abc import Callable, Generator, Iterable

from funcnodes_simulators.keithley.remote_settings import ELEMENTS, SettingsInForce
from funcnodes_simulators.keithley.sourcemeter import CURR, RES, VOLT, Reading
from funcnodes_simulators.keithley.trigger_model import TriggerModel
from funcnodes_simulators.scpi import (
    INFINITY,
    NOT_A_NUMBER,
    Choice,
    Integer,
    ListOf,
    Optional,
    ScpiError,
    ScpiInterpreter,
)

READING_OVERHEAD_S = 0.002
AUTO_SOURCE_DELAY_S = 0.001
OUTPUT_IS_OFF = (803, "Not permitted with OUTPUT off")


class ReadCommands:
    """Commands that take and return readings: declared on an interpreter when built.

    Attributes:
        time_zero_s: From when time stamps count, on the bench's clock.
    """

    def __init__(
        self,
        scpi: ScpiInterpreter,
        in_force: SettingsInForce,
        trigger: TriggerModel,
        *,
        enable: Callable[[str], None],
        taken: Callable[[Reading], None],
    ) -> None:
        """Args:
        trigger: When readings are taken.
        enable: Has a function measured.
        taken: Called with each reading.
        """
        self.time_zero_s = in_force.world.clock.now()
        self._scpi = scpi
        self._in_force = in_force
        self._trigger = trigger
        self._enable = enable
        self._taken = taken
        self._readings: list[Reading] = []
        self._declare()
        self._declare_format()

    def forget(self) -> None:
        """Have no readings any more."""
        self._readings = []

    def reset_time(self) -> None:
        """Have time stamps count from now."""
        self.time_zero_s = self._in_force.world.clock.now()

    def _declare(self) -> None:
        declare = self._scpi.declare
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
        self._scpi.declare(f":MEASure{header}?", lambda: self._measure(functions))
        if functions:
            self._scpi.declare(f":CONFigure{header}", lambda: self._configure(functions))

    def _configure(self, functions: Iterable[str]) -> None:
        self._in_force.remote.trigger.trigger_at_once()
        for function in functions:
            self._enable(function)
            self._in_force.analog.sense_autorange[function] = True

    def _measure(self, functions: Iterable[str]) -> Generator[float, None, str | bytes]:
        """Do `:MEAS?`, which switches the output on if it has to."""
        self._configure(functions)
        if not self._in_force.remote.auto_output_off:
            self._in_force.meter.switch(True)
        return (yield from self._read())

    def _read(self) -> Generator[float, None, str | bytes]:
        yield from self._initiate()
        return self._fetch()

    def _initiate(self) -> Generator[float, None, None]:
        remote = self._in_force.remote
        if not (self._in_force.meter.is_on or remote.auto_output_off):
            raise ScpiError(*OUTPUT_IS_OFF)
        self._readings = []
        yield from self._trigger.run(self._read_once)

    def _read_once(self) -> Generator[float, None, None]:
        reading = yield from self._take_reading()
        self._readings.append(reading)
        self._taken(reading)

    def _take_reading(self) -> Generator[float, None, Reading]:
        remote = self._in_force.remote
        automatic = AUTO_SOURCE_DELAY_S if remote.source_delay_auto else remote.source_delay_s
        if remote.auto_output_off:
            self._in_force.meter.switch(True)
        try:
            yield remote.trigger.delay_s + automatic + READING_OVERHEAD_S
            start_s = self._in_force.world.step()
            yield self._in_force.meter.aperture_s
            return self._in_force.meter.measure(start_s, self._in_force.world.step())
        finally:
            if remote.auto_output_off:
                self._in_force.meter.switch(False)

    def _fetch(self) -> str | bytes:
        if not self._readings:
            raise ScpiError(-230)
        return self._formatted(self._readings)

    def _latest(self) -> str | bytes:
        if not self._readings:
            raise ScpiError(-230)
        return self._formatted(self._readings[-1:])

    def _declare_format(self) -> None:
        declare = self._scpi.declare
        element = Choice("VOLTage", "CURRent", "RESistance", "TIME", "STATus")
        declare(":FORMat:ELEMents[:SENSe#]", self._set_elements, ListOf(element))
        declare(":FORMat:ELEMents[:SENSe#]?", lambda: ",".join(self._in_force.remote.elements))
        kind = Choice("ASCii", "REAL", "SREal")
        declare(":FORMat[:DATA]", self._set_format, kind, Optional(Integer(32, 32, 32)))
        declare(":FORMat[:DATA]?", lambda: "REAL,32" if self._in_force.remote.is_binary else "ASC")
        order = Choice("NORMal", "SWAPped")
        declare(
            ":FORMat:BORDer",
            lambda o: setattr(self._in_force.remote, "is_swapped", o == "SWAP"),
            order,
        )
        declare(":FORMat:BORDer?", lambda: "SWAP" if self._in_force.remote.is_swapped else "NORM")

    def _set_elements(self, *elements: str) -> None:
        self._in_force.remote.elements = tuple(e for e in ELEMENTS if e in elements)

    def _set_format(self, kind: str, _: int | None = None) -> None:
        self._in_force.remote.is_binary = kind != "ASC"

    def _formatted(self, readings: list[Reading]) -> str | bytes:
        zero_s = self.time_zero_s
        return self.numbers([v for r in readings for v in self.elements_of(r, r.end_s - zero_s)])

    def numbers(self, values: list[float]) -> str | bytes:
        """Write numbers in the format that is set."""
        if not self._in_force.remote.is_binary:
            return ",".join(f"{value:+.6E}" for value in values)
        order = "<" if self._in_force.remote.is_swapped else ">"
        return b"#0" + struct.pack(f"{order}{len(values)}f", *values)

    def elements_of(self, reading: Reading, stamp_s: float) -> list[float]:
        """Return what is told of a reading, in the instrument's order."""
        return [self._element(name, reading, stamp_s) for name in self._in_force.remote.elements]

    def _element(self, element: str, reading: Reading, stamp_s: float) -> float:
        if element == "TIME":
            return stamp_s
        if element == "STAT":
            return float(reading.status)
        value = reading.value.get(element, NOT_A_NUMBER)
        return INFINITY if value is None else value
