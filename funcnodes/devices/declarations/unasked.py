"""Values that an instrument sends by itself: the newest whole line counts, and it has an age.

    weight = unasked(float, r"S S +([-0-9.]+) g", unit="g", every_s=0.2)

Nothing is asked. The line is whatever fits the pattern; it answers no question, so a question whose
answer looks the same cannot be asked of the same instrument.
"""

from dataclasses import dataclass
from typing import TypeVar

from funcnodes.core import clock
from funcnodes.devices.declarations.members import Group, Requires, Sample
from funcnodes.devices.declarations.parsing import Missing
from funcnodes.devices.declarations.values import BoundValue, Measurement, reader_of
from funcnodes.errors import DeviceTimeout

T = TypeVar("T")
MISSED = 3  # lines that may be missing before the newest is stale


@dataclass(slots=True, kw_only=True)
class Unasked(Measurement[T]):
    """Something that comes by itself.

    Attributes:
        pattern: What its line is like; its group is the value.
        every_s: How often a line comes. Without `valid_s`, the newest is stale when three are
            missing.
    """

    pattern: str
    every_s: float

    def __post_init__(self) -> None:
        Measurement.__post_init__(self)
        if self.every_s <= 0:
            raise TypeError(f"{self.pattern!r} cannot come every {self.every_s} s.")
        if self.valid_s is None:
            self.valid_s = MISSED * self.every_s

    def bind(self, group: Group) -> "BoundUnasked[T]":
        return BoundUnasked(group, self)

    def sent_text(self) -> str:
        return ""


class BoundUnasked(BoundValue[T]):
    """What one instrument sends by itself."""

    def __init__(self, group: Group, member: Unasked[T]) -> None:
        super().__init__(group, member)
        self.member: Unasked[T] = member  # more than any value

    async def get(self) -> T:
        """The newest; NaN where the instrument has no number.

        Raises:
            DeviceTimeout: None came, or none for so long that the newest is stale.
        """
        value, sample = await self._read()
        if sample.quality == "stale":
            raise DeviceTimeout(
                f"{self.access.name}: {self.title.lower()} came {sample.age_s:.1f} s ago for the "
                f"last time, and should come every {self.member.every_s:g} s.",
                device=self.access.name,
            )
        return value

    async def _read(self) -> tuple[T, Sample]:
        """The newest line, with the time at which it came."""
        member = self.member
        await self._check_needs()
        heard = await self.access.overheard(member.pattern, timeout_s=member.timeout_s)
        value, quality = member.parse(heard.text)
        assert member.valid_s is not None
        if quality == "ok" and clock.monotonic() - heard.since > member.valid_s:
            quality = "stale"
        sample = Sample(member.label(value), member.unit, quality, heard.t, heard.since)
        return value, self.access.noted(self.path, sample)


def unasked(
    type: type[T],
    line: str,
    *,
    every_s: float,
    unit: str = "",
    missing: Missing | None = None,
    title: str = "",
    doc: str = "",
    source: str = "",
    timeout_s: float | None = None,
    requires: Requires | None = None,
    poll: float | None = None,
    deadband: float = 0.0,
    valid_s: float | None = None,
) -> Unasked[T]:
    """Declare something that comes by itself; see `Unasked`.

    Args:
        line: Pattern that fits the whole line, with one group: the value.
    """
    return Unasked(
        type=type, query="", pattern=line, every_s=every_s, unit=unit, title=title, doc=doc,
        source=source, timeout_s=timeout_s, requires=requires or {},
        poll=every_s if poll is None else poll, deadband=deadband, valid_s=valid_s,
        reader=reader_of(type, unit, line, missing),
    )  # fmt: skip
