"""The OUTPut and SOURce subsystems of a 2400.

Source: 2400 Series SourceMeter User's Manual, 2400S-900-01, chapter 18.
"""

from funcnodes_simulators.keithley.remote_settings import SettingsInForce, flag
from funcnodes_simulators.keithley.sourcemeter import (
    CURR,
    NO_VOLTAGE_LIMIT_V,
    OVERRANGE,
    VOLT,
    range_for,
)
from funcnodes_simulators.scpi import Boolean, Choice, Number, ScpiError, ScpiInterpreter

LONG_NAME = {VOLT: "VOLTage", CURR: "CURRent"}
UNIT = {VOLT: "V", CURR: "A"}
LARGEST = {VOLT: 210.0, CURR: 1.05}
VOLTAGE_PROTECTION_STEPS_V = (20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 160.0, NO_VOLTAGE_LIMIT_V)


class SourceCommands:
    """Commands that source: declared on an interpreter when built."""

    def __init__(self, scpi: ScpiInterpreter, in_force: SettingsInForce) -> None:
        self._scpi = scpi
        self._in_force = in_force
        self._declare()

    def _declare(self) -> None:
        declare = self._scpi.declare
        declare(":OUTPut#[:STATe]", self._in_force.meter.switch, Boolean())
        declare(":OUTPut#[:STATe]?", lambda: flag(self._in_force.meter.is_on))
        self._in_force.declare_choice(
            self._scpi, ":OUTPut#:SMODe", "off_mode", "HIMPedance", "NORMal", "ZERO", "GUARd"
        )
        source = Choice("VOLTage", "CURRent")
        declare(":SOURce#:FUNCtion[:MODE]", self._in_force.meter.select_source, source)
        declare(":SOURce#:FUNCtion[:MODE]?", lambda: self._in_force.analog.source)
        self._in_force.declare_flag(self._scpi, ":SOURce#:CLEar:AUTO", "auto_output_off")
        declare(":SOURce#:CLEar[:IMMediate]", lambda: self._in_force.meter.switch(False))
        self._scpi.declare_number(
            ":SOURce#:DELay",
            Number(0, 999.9999, 0, "S"),
            self._set_source_delay,
            lambda: self._in_force.remote.source_delay_s,
        )
        self._in_force.declare_flag(self._scpi, ":SOURce#:DELay:AUTO", "source_delay_auto")
        declare(
            ":SOURce#:VOLTage:PROTection[:LEVel]",
            self._set_voltage_protection,
            Number(-NO_VOLTAGE_LIMIT_V, NO_VOLTAGE_LIMIT_V, NO_VOLTAGE_LIMIT_V, "V"),
        )
        declare(
            ":SOURce#:VOLTage:PROTection[:LEVel]?",
            lambda: f"{self._in_force.analog.voltage_protection_v:.6E}",
        )
        for quantity in (VOLT, CURR):
            self._declare_source_quantity(quantity)

    def _declare_source_quantity(self, quantity: str) -> None:
        header = f":SOURce#:{LONG_NAME[quantity]}"
        largest = LARGEST[quantity]
        span = Number(-largest, largest, 0.0, UNIT[quantity])
        self._scpi.declare_number(
            f"{header}[:LEVel][:IMMediate][:AMPLitude]",
            span,
            lambda level: self._set_level(quantity, level),
            lambda: self._in_force.analog.level[quantity],
        )
        self._scpi.declare_number(
            f"{header}:RANGe",
            span,
            lambda value: self._set_source_range(quantity, value),
            lambda: self._in_force.analog.source_range_of(quantity) * OVERRANGE,
        )
        self._scpi.declare(
            f"{header}:RANGe:AUTO", lambda on: self._set_source_autorange(quantity, on), Boolean()
        )
        self._scpi.declare(
            f"{header}:RANGe:AUTO?", lambda: flag(self._in_force.analog.source_autorange[quantity])
        )
        self._scpi.declare(f"{header}:MODE", lambda mode: None, Choice("FIXed"))
        self._scpi.declare(f"{header}:MODE?", lambda: "FIX")

    def _set_level(self, quantity: str, level: float) -> None:
        settings = self._in_force.analog
        if not settings.source_autorange[quantity]:
            if abs(level) > settings.source_range[quantity] * OVERRANGE * (1 + 1e-9):
                raise ScpiError(-222)
        elif quantity == settings.source:
            self._in_force.check_power(
                range_for(level, quantity), settings.limit[settings.protected]
            )
        self._in_force.meter.set_level(quantity, level)

    def _set_source_range(self, quantity: str, value: float) -> None:
        settings = self._in_force.analog
        new = range_for(value, quantity)
        if abs(settings.level[quantity]) > new * OVERRANGE * (1 + 1e-9):
            raise ScpiError(-221)
        if quantity == settings.source:
            self._in_force.check_power(new, settings.limit[settings.protected])
        settings.source_range[quantity] = new
        settings.source_autorange[quantity] = False

    def _set_source_autorange(self, quantity: str, on: bool) -> None:
        settings = self._in_force.analog
        settings.source_range[quantity] = settings.source_range_of(quantity)
        settings.source_autorange[quantity] = on

    def _set_source_delay(self, seconds: float) -> None:
        self._in_force.remote.source_delay_s = seconds
        self._in_force.remote.source_delay_auto = False

    def _set_voltage_protection(self, value_v: float) -> None:
        steps = VOLTAGE_PROTECTION_STEPS_V
        step = next(s for s in steps if abs(value_v) <= s)
        self._in_force.analog.voltage_protection_v = step
