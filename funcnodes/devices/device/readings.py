"""What was read of a device last, how long it is believed, and what follows for its outputs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from funcnodes.core.quality import worst
from funcnodes.core.values import Quality
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.members import Sample


class Readings:
    """The newest sample of each member, or of "record.field"; asks no instrument.

    Attributes:
        valid_s: For how long the values of each are believed, where that is not for ever.
        heard: Called with each member and its sample, as it is noted.
    """

    def __init__(self, heard: Callable[[str, Sample], None] = lambda *_: None) -> None:
        self.heard = heard
        self.valid_s: Mapping[str, float] = {}
        self._samples: dict[str, Sample] = {}
        self._since: dict[str, float] = {}

    def note(self, member: str, sample: Sample) -> None:
        """Put the newest in place of the last."""
        before = self._samples.get(member)
        if before is None or before.value != sample.value:
            self._since[member] = sample.since
        self._samples[member] = sample
        self.heard(member, sample)

    def since(self, member: str) -> float:
        """Since when it has had its newest value, on the clock that never steps."""
        return self._since.get(member, 0.0)

    def clear(self) -> None:
        """Forget all: a new connection begins."""
        self._samples.clear()
        self._since.clear()

    def newest(self, member: str) -> Sample | None:
        """The last that was noted; "stale" past its `valid_s`."""
        sample = self._samples.get(member)
        return self._aged(member, sample) if sample is not None else None

    def __iter__(self) -> Iterator[tuple[str, Sample]]:
        """Everything, in the order in which it was read first."""
        return ((member, self._aged(member, sample)) for member, sample in self._samples.items())

    def output_on(self, outputs: Iterable[tuple[str, Control[object]]]) -> bool | None:
        """Whether any of these outputs is on; None where none is and one is not known."""
        is_known = [
            None if (sample := self._samples.get(path)) is None else not member.is_off(sample.value)
            for path, member in outputs
        ]
        if True in is_known:
            return True
        return None if None in is_known or not is_known else False

    def doubt(self, quality: Quality) -> None:
        """What was read so far is worth no more than that."""
        for member, sample in self._samples.items():
            doubted = replace(sample, quality=worst((sample.quality, quality)))
            self._samples[member] = doubted
            self.heard(member, doubted)

    def _aged(self, member: str, sample: Sample) -> Sample:
        valid_s = self.valid_s.get(member)
        if valid_s is not None and sample.quality == "ok" and sample.age_s > valid_s:
            return replace(sample, quality="stale")
        return sample
