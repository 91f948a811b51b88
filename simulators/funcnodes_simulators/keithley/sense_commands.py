"""The SENSe subsystem of a 2400: what is measured, over which ranges, and the limits of the source.

Source: 2400 Series SourceMeter User's Manual, 2400S-900-01, chapter 18.
"""

from funcnodes_simulators.keithley.remote_settings import SettingsInForce, flag
from funcnodes_simulators.keithley.source_commands import LARGEST, LONG_NAME, UNIT
from funcnodes_simulators.keithley.sourcemeter import CURR, OVERRANGE, RES, VOLT, range_for
from funcnodes_simulators.scpi import (
    Boolean,
    Choice,
    Integer,
    ListOf,
    Number,
    QuotedChoice,
    ScpiError,
    ScpiInterpreter,
)

FUNCTION = QuotedChoice("VOLTage", "CURRent", "RESistance")
FUNCTION_NAME = {VOLT: '"VOLT:DC"', CURR: '"CURR:DC"', RES: '"RES"'}
SMALLEST_LIMIT = {VOLT: 0.2e-3, CURR: 1e-9}
DEFAULT_LIMIT = {VOLT: 21.0, CURR: 105e-6}
TOO_SMALL_FOR_SENSE_RANGE = (822, "Too small for sense range")
BEYOND_COMPLIANCE_RANGE = (824, "Cannot exceed compliance range")


class SenseCommands:
    """Commands about measuring: declared on an interpreter when built."""

    def __init__(self, scpi: ScpiInterpreter, in_force: SettingsInForce) -> None:
        self._scpi = scpi
        self._in_force = in_force
        self._declare()

    def _declare(self) -> None:
        declare = self._scpi.declare
        declare("[:SENSe#]:FUNCtion[:ON]", self.enable, ListOf(FUNCTION))
        declare("[:SENSe#]:FUNCtion[:ON]?", lambda: self._functions(enabled=True))
        declare("[:SENSe#]:FUNCtion:OFF", self._disable_functions, ListOf(FUNCTION))
        declare("[:SENSe#]:FUNCtion:OFF?", lambda: self._functions(enabled=False))
        declare("[:SENSe#]:FUNCtion[:ON]:ALL", lambda: self.enable(VOLT, CURR, RES))
        declare("[:SENSe#]:FUNCtion:OFF:ALL", lambda: self._disable_functions(VOLT, CURR, RES))
        declare("[:SENSe#]:FUNCtion:CONCurrent", self._set_concurrent, Boolean())
        declare("[:SENSe#]:FUNCtion:CONCurrent?", lambda: flag(self._in_force.remote.is_concurrent))
        declare("[:SENSe#]:RESistance:MODE", self._set_ohms_mode, Choice("MANual", "AUTO"))
        declare(
            "[:SENSe#]:RESistance:MODE?",
            lambda: "AUTO" if self._in_force.analog.auto_ohms else "MAN",
        )
        self._declare_filter()
        for quantity in (VOLT, CURR):
            self._declare_protection(quantity)
        self._declare_meter(VOLT, "[:SENSe#]:VOLTage[:DC]", 210.0, "V")
        self._declare_meter(CURR, "[:SENSe#]:CURRent[:DC]", 1.05, "A")
        self._declare_meter(RES, "[:SENSe#]:RESistance", 210e6, "OHM")

    def _declare_meter(self, quantity: str, header: str, largest: float, unit: str) -> None:
        self._scpi.declare_number(
            f"{header}:NPLCycles",
            Number(0.01, 10, 1.0),
            lambda value: setattr(self._in_force.analog, "nplc", value),
            lambda: self._in_force.analog.nplc,
        )
        self._scpi.declare_number(
            f"{header}:RANGe[:UPPer]",
            Number(-largest, largest, largest, unit),
            lambda value: self._set_sense_range(quantity, value),
            lambda: self._in_force.analog.sense_range[quantity] * OVERRANGE,
        )
        self._scpi.declare(
            f"{header}:RANGe:AUTO",
            lambda on: self._in_force.analog.sense_autorange.update({quantity: on}),
            Boolean(),
        )
        self._scpi.declare(
            f"{header}:RANGe:AUTO?", lambda: flag(self._in_force.analog.sense_autorange[quantity])
        )

    def _declare_protection(self, quantity: str) -> None:
        header = f"[:SENSe#]:{LONG_NAME[quantity]}[:DC]:PROTection"
        largest = LARGEST[quantity]
        self._scpi.declare_number(
            f"{header}[:LEVel]",
            Number(-largest, largest, DEFAULT_LIMIT[quantity], UNIT[quantity]),
            lambda value: self._set_limit(quantity, abs(value)),
            lambda: self._in_force.analog.limit[quantity],
        )
        self._scpi.declare(f"{header}:TRIPped?", lambda: flag(self._is_tripped(quantity)))

    def _declare_filter(self) -> None:
        declare = self._scpi.declare
        declare(
            "[:SENSe#]:AVERage[:STATe]",
            lambda on: setattr(self._in_force.analog, "filter_on", on),
            Boolean(),
        )
        declare("[:SENSe#]:AVERage[:STATe]?", lambda: flag(self._in_force.analog.filter_on))
        declare(
            "[:SENSe#]:AVERage:COUNt",
            lambda n: setattr(self._in_force.analog, "filter_count", n),
            Integer(1, 100, 10),
        )
        declare("[:SENSe#]:AVERage:COUNt?", lambda: str(self._in_force.analog.filter_count))
        self._in_force.declare_choice(
            self._scpi, "[:SENSe#]:AVERage:TCONtrol", "filter_type", "REPeat", "MOVing"
        )

    def enable(self, *functions: str) -> None:
        """Have functions measured; beside others, or instead of them where only one may be."""
        settings = self._in_force.analog
        if self._in_force.remote.is_concurrent:
            settings.measured |= frozenset(functions)
        elif len(functions) == 1:
            settings.measured = frozenset(functions)
        else:
            raise ScpiError(-221)

    def _disable_functions(self, *functions: str) -> None:
        self._in_force.analog.measured -= frozenset(functions)

    def _functions(self, *, enabled: bool) -> str:
        measured = self._in_force.analog.measured
        names = [FUNCTION_NAME[f] for f in (VOLT, CURR, RES) if (f in measured) is enabled]
        return ",".join(names) or '""'

    def _set_concurrent(self, on: bool) -> None:
        self._in_force.remote.is_concurrent = on
        if not on and len(self._in_force.analog.measured) > 1:
            self._in_force.analog.measured = frozenset({VOLT})

    def _set_ohms_mode(self, mode: str) -> None:
        self._in_force.analog.auto_ohms = mode == "AUTO"

    def _set_sense_range(self, quantity: str, value: float) -> None:
        settings = self._in_force.analog
        new = range_for(value, quantity)
        if quantity == settings.protected and new > range_for(settings.limit[quantity], quantity):
            raise ScpiError(*BEYOND_COMPLIANCE_RANGE)
        settings.sense_range[quantity] = new
        settings.sense_autorange[quantity] = False

    def _set_limit(self, quantity: str, limit: float) -> None:
        settings = self._in_force.analog
        if limit < SMALLEST_LIMIT[quantity]:
            raise ScpiError(-222)
        if not settings.sense_autorange[quantity] and limit < settings.sense_range[quantity] * 1e-3:
            raise ScpiError(*TOO_SMALL_FOR_SENSE_RANGE)
        if quantity == settings.protected:
            self._in_force.check_power(settings.source_range_of(settings.source), limit)
        self._in_force.world.step()
        settings.limit[quantity] = limit
        ceiling = range_for(limit, quantity)
        settings.sense_range[quantity] = min(settings.sense_range[quantity], ceiling)

    def _is_tripped(self, quantity: str) -> bool:
        return (
            self._in_force.analog.protected == quantity and self._in_force.meter.is_in_compliance()
        )
