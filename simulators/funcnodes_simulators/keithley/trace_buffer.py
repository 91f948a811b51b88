"""The data store of a SourceMeter: readings kept for later, and statistics over them.

Fills while readings are taken, once it is told to, until it is full; a new filling overwrites what
is left of an earlier one. It is backed by a battery: neither `*RST` nor a loss of power empties it.
How readings are written is its owner's business. Math and limit tests are not simulated, so what
they would feed is no number, as it is while they are off. Source: 2400 Series SourceMeter User's
Manual, 2400S-900-01, chapter 9, the TRACe and CALCulate3 subsystems of chapter 18, page 15-14.
"""

import math
import statistics
from collections.abc import Callable, Sequence

from funcnodes_simulators.keithley.sourcemeter import CURR, MEASURES, RES, VOLT, Reading
from funcnodes_simulators.scpi import (
    NOT_A_NUMBER,
    Choice,
    Integer,
    ScpiError,
    ScpiInterpreter,
)
from funcnodes_simulators.scpi.interpreter import LIMIT_WORD

MOST_READINGS = 2500
DEFAULT_SIZE = 100
# The manual does not say what one takes up: five numbers of single precision are assumed.
BYTES_PER_READING = 20
STORAGE_IS_ACTIVE = (800, "Illegal with storage active")

# Bits of the measurement status register.
BUFFER_AVAILABLE = 1 << 8
BUFFER_FULL = 1 << 9

STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "MEAN": statistics.fmean,
    "SDEV": lambda values: statistics.stdev(values) if len(values) > 1 else math.nan,
    "MAX": max,
    "MIN": min,
    "PKPK": lambda values: max(values) - min(values),
}


class TraceBuffer:
    """Stores readings and knows their statistics.

    Attributes:
        statistic: What `:CALC3:DATA?` tells, one of `STATISTICS`.
    """

    def __init__(self) -> None:
        self.statistic = "MEAN"
        self._size = DEFAULT_SIZE
        self._feed = "SENS"
        self._is_enabled = False
        self._is_filling = False
        self._is_delta = False
        self._readings: list[Reading] = []

    @property
    def condition(self) -> int:
        """Its bits of the measurement status register (page 15-14)."""
        available = BUFFER_AVAILABLE if len(self._readings) >= 2 else 0
        return available | (BUFFER_FULL if len(self._readings) >= self._size else 0)

    def store(self, reading: Reading) -> None:
        """Keep a reading if there is to be one, and stop when that was the last that fits."""
        if not self._is_enabled:
            return
        if not self._is_filling:
            self._readings = []
            self._is_filling = True
        self._readings.append(reading)
        if len(self._readings) == self._size:
            self._stop()

    def power_on(self) -> None:
        """Come back with all that was stored, and store no more."""
        self._stop()
        self.statistic = "MEAN"

    def declare(
        self,
        scpi: ScpiInterpreter,
        *,
        changed: Callable[[], object],
        elements: Callable[[Reading, float], list[float]],
        numbers: Callable[[list[float]], str | bytes],
    ) -> None:
        """Teach the TRACe and CALCulate3 subsystems.

        Args:
            changed: Called when `condition` may have.
            elements: Returns what is to be told of a reading with this time stamp in seconds.
            numbers: Writes numbers in the format that is set.
        """

        def clear() -> None:
            self._clear()
            changed()

        def data() -> str | bytes:
            return numbers(self._values(elements))

        for root in (":TRACe", ":DATA"):
            scpi.declare(f"{root}:DATA?", data)
            scpi.declare(f"{root}:CLEar", clear)
            scpi.declare(f"{root}:FREE?", self._free)
            scpi.declare(f"{root}:POINts", self._set_size, Integer(1, MOST_READINGS, DEFAULT_SIZE))
            scpi.declare(f"{root}:POINts?", self._shown_size, LIMIT_WORD)
            scpi.declare(f"{root}:POINts:ACTual?", lambda: str(len(self._readings)))
            self._declare_feed(scpi, root)
        scpi.declare_choice(
            ":CALCulate3:FORMat",
            Choice("MEAN", "SDEViation", "MAXimum", "MINimum", "PKPK"),
            lambda name: setattr(self, "statistic", name),
            lambda: self.statistic,
        )
        scpi.declare(":CALCulate3:DATA?", self._statistics)

    def _declare_feed(self, scpi: ScpiInterpreter, root: str) -> None:
        scpi.declare_choice(
            f"{root}:FEED",
            Choice("SENSe", "SENSe1", "CALCulate", "CALCulate1", "CALCulate2"),
            self._set_feed,
            lambda: self._feed,
        )
        scpi.declare_choice(
            f"{root}:FEED:CONTrol",
            Choice("NEXT", "NEVer"),
            self._set_control,
            lambda: "NEXT" if self._is_enabled else "NEV",
        )
        scpi.declare_choice(
            f"{root}:TSTamp:FORMat",
            Choice("ABSolute", "DELTa"),
            lambda word: setattr(self, "_is_delta", word == "DELT"),
            lambda: "DELT" if self._is_delta else "ABS",
        )

    def _set_size(self, size: int) -> None:
        self._check_inactive()
        self._size = size
        self._readings = self._readings[:size]

    def _shown_size(self, word: str | None = None) -> str:
        words = {"MIN": 1, "MAX": MOST_READINGS, "DEF": DEFAULT_SIZE}
        return str(words[word] if word else self._size)

    def _set_feed(self, feed: str) -> None:
        self._check_inactive()
        self._feed = feed.removesuffix("1")

    def _set_control(self, control: str) -> None:
        self._stop()
        self._is_enabled = control == "NEXT"

    def _check_inactive(self) -> None:
        """Storage is active from the first reading until the buffer is full, stopped or cleared."""
        if self._is_filling:
            raise ScpiError(*STORAGE_IS_ACTIVE)

    def _stop(self) -> None:
        self._is_enabled = self._is_filling = False

    def _clear(self) -> None:
        self._readings = []
        self._is_filling = False

    def _free(self) -> str:
        used = len(self._readings) * BYTES_PER_READING
        return f"{MOST_READINGS * BYTES_PER_READING - used},{used}"

    def _values(self, elements: Callable[[Reading, float], list[float]]) -> list[float]:
        if not self._readings:
            raise ScpiError(-230)
        if self._feed != "SENS":
            return [NOT_A_NUMBER] * len(self._readings)
        stamped = zip(self._readings, self._stamps_s(), strict=True)
        return [value for reading, stamp_s in stamped for value in elements(reading, stamp_s)]

    def _stamps_s(self) -> list[float]:
        """Times since the first reading, or since the one before: the first is always 0."""
        ends_s = [reading.end_s for reading in self._readings]
        before_s = [ends_s[0], *ends_s[:-1]] if self._is_delta else [ends_s[0]] * len(ends_s)
        return [end_s - start_s for end_s, start_s in zip(ends_s, before_s, strict=True)]

    def _statistics(self) -> str:
        """Do `:CALC3:DATA?`: one number per measured function, always ASCII."""
        if not self._readings:
            raise ScpiError(-230)
        if self._feed != "SENS":
            return _scientific(NOT_A_NUMBER)
        measured = [q for q in (VOLT, CURR, RES) if self._readings[0].status & MEASURES[q]]
        return ",".join(_scientific(self._statistic_of(quantity)) for quantity in measured)

    def _statistic_of(self, quantity: str) -> float:
        """One statistic of one function; not a number where it was not measured throughout."""
        values = [reading.value.get(quantity) for reading in self._readings]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return NOT_A_NUMBER
        found = STATISTICS[self.statistic](known)
        return NOT_A_NUMBER if math.isnan(found) else found


def _scientific(value: float) -> str:
    return f"{value:+.6E}"
