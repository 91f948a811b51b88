"""How far a reading may be off, as the data sheet says it.

`Accuracy(0.012e-2, 300e-6, to=2.0)` is one range: up to so much of the reading and so much besides.
A bound without more said of it is taken as a rectangular distribution: over √3 it is the standard
uncertainty (JCGM 100:2008, 4.3.7). It is the instrument's own, and the same for all its readings.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UpTo:
    """One measuring range.

    Attributes:
        to: Largest magnitude that it measures, in the unit of the reading.
        of_reading: Part of the reading that it may be off, e.g. 0.00012.
        plus: What it may be off besides, in the unit of the reading.
    """

    to: float
    of_reading: float
    plus: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The accuracy of one number that an instrument reads.

    Attributes:
        spans: Its ranges, the smallest first. A reading is taken as made in the smallest that
            holds it, as auto-range does, or in a fixed one where `range` says which.
        range: Full name of the member that holds the range it is measured in, or "".
        models: Of what `*IDN?` answers as model; instruments of others have none.
        source: Where it is written.
    """

    spans: tuple[UpTo, ...]
    range: str = ""
    models: str = ".*"
    source: str = ""

    def holds_for(self, model: str) -> bool:
        """Whether it is said of that model."""
        return re.fullmatch(self.models, model, re.IGNORECASE) is not None

    def standard_uncertainty(self, value: float, range_of: Callable[[str], float | None]) -> float:
        """Of a reading, in its unit; NaN beyond its ranges.

        Args:
            range_of: The newest known value of a member.
        """
        fixed = range_of(self.range) if self.range else None
        needed = max(abs(value), abs(fixed) if fixed is not None else 0.0)
        # A range measures a little beyond its name; where it ends is said by its overrange.
        for span in self.spans:
            if needed <= span.to * 1.06:
                return (span.of_reading * abs(value) + span.plus) / math.sqrt(3)
        return math.nan
