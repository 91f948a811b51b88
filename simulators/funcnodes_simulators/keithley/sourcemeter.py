"""The analog half of a source-measure unit like a Keithley 2400: it sources, limits and measures.

Ranges, compliance, first-order settling, integration over power line cycles and noise that follows
it. Speaks no SCPI: `keithley2400` is its remote interface. Settled readings scatter around the
truth without bias. Source: 2400 Series SourceMeter User's Manual, 2400S-900-01, chapter 6 for
ranges and limits, pages 18-50 and 18-51 for the status word.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from funcnodes_simulators.physics import DeviceUnderTest, OperatingPoint, World

VOLT = "VOLT"
CURR = "CURR"
RES = "RES"

RANGES = {
    VOLT: (0.2, 2.0, 20.0, 200.0),
    CURR: (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0),
    RES: (2.0, 2e1, 2e2, 2e3, 2e4, 2e5, 2e6, 2e7, 2e8),
}
OVERRANGE = 1.05
NO_VOLTAGE_LIMIT_V = 210.0
POWER_LINE_CYCLE_S = 0.02
SETTLING_TIME_CONSTANT_S = 1e-3
NOISE_OF_RANGE = 2e-6
SAMPLES_PER_APERTURE = 5
REMEMBERED_TRANSITIONS = 1000

# Status word of a reading.
OVERFLOW = 1 << 0
FILTER = 1 << 1
FRONT_TERMINALS = 1 << 2
COMPLIANCE = 1 << 3
VOLTAGE_PROTECTION = 1 << 4
AUTO_OHMS = 1 << 10
MEASURES = {VOLT: 1 << 11, CURR: 1 << 12, RES: 1 << 13}
SOURCES = {VOLT: 1 << 14, CURR: 1 << 15}
RANGE_COMPLIANCE = 1 << 16
REMOTE_SENSE = 1 << 22


def range_for(value: float, quantity: str) -> float:
    """Return the lowest range that holds a value, the highest if none does."""
    ranges = RANGES[quantity]
    return next((r for r in ranges if abs(value) <= r * OVERRANGE * (1 + 1e-9)), ranges[-1])


@dataclass(slots=True)
class Settings:
    """Everything `*RST` brings back to its default."""

    source: str = VOLT
    level: dict[str, float] = field(default_factory=lambda: {VOLT: 0.0, CURR: 0.0})
    limit: dict[str, float] = field(default_factory=lambda: {VOLT: 21.0, CURR: 105e-6})
    source_range: dict[str, float] = field(default_factory=lambda: {VOLT: 20.0, CURR: 1e-4})
    source_autorange: dict[str, bool] = field(default_factory=lambda: {VOLT: True, CURR: True})
    sense_range: dict[str, float] = field(
        default_factory=lambda: {VOLT: 20.0, CURR: 1e-4, RES: 2e5}
    )
    sense_autorange: dict[str, bool] = field(
        default_factory=lambda: {VOLT: True, CURR: True, RES: True}
    )
    measured: frozenset[str] = frozenset({CURR})
    voltage_protection_v: float = NO_VOLTAGE_LIMIT_V
    nplc: float = 1.0
    filter_on: bool = False
    filter_count: int = 10
    auto_ohms: bool = True
    remote_sense: bool = False
    front_terminals: bool = True

    @property
    def protected(self) -> str:
        """The quantity that compliance limits: the one that is not sourced."""
        return CURR if self.source == VOLT else VOLT

    @property
    def cycles(self) -> float:
        """Over how many power line cycles one reading integrates, all of a filter together."""
        return self.nplc * (self.filter_count if self.filter_on else 1)

    def source_range_of(self, quantity: str) -> float:
        """The source range in force, which follows the level when it is automatic."""
        if self.source_autorange[quantity]:
            return range_for(self.level[quantity], quantity)
        return self.source_range[quantity]


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement.

    Attributes:
        value: Per function that was sourced or measured; None where the result overflowed.
        end_s: When the integration ended, on the bench's clock.
        status: The 24-bit status word.
    """

    value: dict[str, float | None]
    end_s: float
    status: int


class SourceMeter:
    """Output terminals with a source, a limit and a meter behind them.

    Attributes:
        power_line_cycle_s: What it takes a cycle of the mains for; kept at a reset.
    """

    def __init__(self, world: World, dut: DeviceUnderTest) -> None:
        self.settings = Settings()
        self.power_line_cycle_s = POWER_LINE_CYCLE_S
        self.is_on = False
        self.transitions: deque[tuple[float, bool]] = deque(maxlen=REMEMBERED_TRANSITIONS)
        self._world = world
        self._dut = dut
        self._start_level = 0.0
        self._changed_s = world.clock.now()
        world.moves(self._feel)

    @property
    def aperture_s(self) -> float:
        """How long one reading integrates."""
        return self.settings.cycles * self.power_line_cycle_s

    def switch(self, on: bool) -> None:
        """Connect the source to the terminals, or disconnect it."""
        if on == self.is_on:
            return
        now_s = self._world.step()
        self.is_on = on
        self._start_level = 0.0
        self._changed_s = now_s
        self.transitions.append((now_s, on))
        self._world.step()

    def set_level(self, quantity: str, level: float) -> None:
        """Program a level; the terminals get there with the settling time constant."""
        now_s = self._world.step()
        if quantity == self.settings.source:
            self._start_level = self._applied(now_s)
            self._changed_s = now_s
        self.settings.level[quantity] = level

    def select_source(self, quantity: str) -> None:
        """Source voltage or current; changing over switches the output off first."""
        if quantity != self.settings.source:
            self.switch(False)
            self.settings.source = quantity

    def reset(self) -> None:
        """Switch off and return to the defaults."""
        self.switch(False)
        self.settings = Settings()

    def point(self, at_s: float) -> OperatingPoint:
        """Where source and device meet at a time, not before the last change of level."""
        if not self.is_on:
            return OperatingPoint(0.0, 0.0)
        settings = self.settings
        level = self._applied(at_s)
        cap_v = settings.voltage_protection_v
        if settings.source == VOLT:
            level = max(-cap_v, min(cap_v, level))
            return self._dut.driven_by_voltage(level, self._effective_limit(CURR))
        return self._dut.driven_by_current(level, min(cap_v, self._effective_limit(VOLT)))

    def is_in_compliance(self) -> bool:
        """Whether the limit holds the output back at this moment."""
        return self.point(self._world.clock.now()).is_limited

    def measure(self, start_s: float, end_s: float) -> Reading:
        """Average over an aperture that lies in the past, without a change of level in it."""
        width_s = (end_s - start_s) / SAMPLES_PER_APERTURE
        times = [start_s + (i + 0.5) * width_s for i in range(SAMPLES_PER_APERTURE)]
        points = [self.point(at_s) for at_s in times]
        mean = {
            VOLT: math.fsum(p.voltage_v for p in points) / len(points),
            CURR: math.fsum(p.current_a for p in points) / len(points),
        }
        values = {quantity: self._sense(quantity, mean[quantity]) for quantity in (VOLT, CURR)}
        is_overflow = None in values.values()
        if RES in self.settings.measured:
            values[RES] = self._ohms(values[VOLT], values[CURR])
        shown = {
            VOLT: values[VOLT] if VOLT in self.settings.measured else self._programmed(VOLT),
            CURR: values[CURR] if CURR in self.settings.measured else self._programmed(CURR),
            RES: values.get(RES),
        }
        known = self.settings.measured | {self.settings.source}
        status = self._status(any(p.is_limited for p in points), is_overflow)
        return Reading({q: shown[q] for q in known}, end_s, status)

    def _applied(self, at_s: float) -> float:
        target = self.settings.level[self.settings.source]
        age = max(0.0, at_s - self._changed_s) / SETTLING_TIME_CONSTANT_S
        return target + (self._start_level - target) * math.exp(-age)

    def _effective_limit(self, quantity: str) -> float:
        """Compliance, or the end of a fixed measuring range below it."""
        limit = self.settings.limit[quantity]
        if self.settings.sense_autorange[quantity]:
            return limit
        return min(limit, self.settings.sense_range[quantity] * OVERRANGE)

    def _meter_range(self, quantity: str, value: float) -> float:
        if quantity == self.settings.source:
            return self.settings.source_range_of(quantity)
        if self.settings.sense_autorange[quantity]:
            return range_for(value, quantity)
        return self.settings.sense_range[quantity]

    def _sense(self, quantity: str, value: float) -> float | None:
        meter_range = self._meter_range(quantity, value)
        self._follow(quantity, meter_range)
        sigma = meter_range * NOISE_OF_RANGE / math.sqrt(self.settings.cycles)
        noisy = value + self._world.noise(sigma)
        return noisy if abs(noisy) <= meter_range * (OVERRANGE + 0.005) else None

    def _ohms(self, voltage_v: float | None, current_a: float | None) -> float | None:
        if voltage_v is None or not current_a:
            return None
        ohms = voltage_v / current_a
        self._follow(RES, range_for(ohms, RES))
        return ohms if abs(ohms) <= RANGES[RES][-1] * OVERRANGE else None

    def _follow(self, quantity: str, meter_range: float) -> None:
        """Stay in the range that was found: it is kept when finding one is switched off."""
        if self.settings.sense_autorange[quantity]:
            self.settings.sense_range[quantity] = meter_range

    def _programmed(self, quantity: str) -> float:
        return self.settings.level[quantity]

    def _status(self, is_limited: bool, is_overflow: bool) -> int:
        settings = self.settings
        status = SOURCES[settings.source]
        status |= sum(MEASURES[quantity] for quantity in settings.measured)
        if is_limited:
            status |= self._what_limits()
        flags = {
            OVERFLOW: is_overflow,
            FILTER: settings.filter_on,
            FRONT_TERMINALS: settings.front_terminals,
            VOLTAGE_PROTECTION: self._is_over_voltage(),
            AUTO_OHMS: settings.auto_ohms,
            REMOTE_SENSE: settings.remote_sense,
        }
        return status | sum(bit for bit, is_set in flags.items() if is_set)

    def _what_limits(self) -> int:
        """The bit of what holds a limited output back: compliance, or a fixed range below it."""
        settings = self.settings
        limit = self._effective_limit(settings.protected)
        if settings.source == CURR and settings.voltage_protection_v < limit:
            return VOLTAGE_PROTECTION
        is_range = limit < settings.limit[settings.protected] * (1 - 1e-9)
        return RANGE_COMPLIANCE if is_range else COMPLIANCE

    def _is_over_voltage(self) -> bool:
        settings = self.settings
        is_sourced = settings.source == VOLT
        return is_sourced and abs(settings.level[VOLT]) > settings.voltage_protection_v

    def _feel(self, now_s: float) -> None:
        self._dut.suffer(self.point(now_s))
