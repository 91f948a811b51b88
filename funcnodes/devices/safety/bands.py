"""Bands: within which a source lets runs go on, and in what words it is out of one.

A number is within its bounds or not; what is on or off, or one of some words, is what it is to be
or not; a device is reached or not. What is lost, or no number, is out; what cannot be asked just
now, such as a reading while the output is off, is not.
"""

from funcnodes.devices.benchfile.rules import SuspenderConfig, placed
from funcnodes.devices.safety.sources import (
    Kinds,
    Observation,
    device_source,
    find_source,
)
from funcnodes.errors import BenchError


class Band:
    """A source, and where it is to be.

    Attributes:
        config: What was said of it.
        source: What is looked at.
    """

    def __init__(self, config: SuspenderConfig, kinds: Kinds) -> None:
        """Raises BenchError where it names what there is not, or a unit does not fit."""
        self.config = config
        text = config.source
        try:
            self.source = find_source(kinds, text) if "." in text else device_source(kinds, text)
        except BenchError as error:
            raise placed(config.place, "source", error) from error
        self._equals = self._wanted()
        self._low = self._bound("low", config.low)
        self._high = self._bound("high", config.high)
        if self._low is not None and self._high is not None and not self._low <= self._high:
            raise self._wrong("low", f"it is to be at most high, {self._shown(self._high)}")

    def out(self, observation: Observation) -> str:
        """In what way it is out: "pressure is 0.0003 mbar, above 1e-05 mbar"; "" where it is not.

        Of the observation of its source that is newest.
        """
        if observation.rests:
            return ""
        value, name = observation.value, self.config.name
        if not self.source.member:
            return "" if value is True else self._renamed(observation.text)
        if value is None:
            return self._renamed(observation.text)
        if self._equals is not None:
            if value == self._equals:
                return ""
            return f"{name} is {self._shown(value)}, not {self._shown(self._equals)}"
        if self._low is not None and not value >= self._low:
            return f"{name} is {self._shown(value)}, below {self._shown(self._low)}"
        if self._high is not None and not value <= self._high:
            return f"{name} is {self._shown(value)}, above {self._shown(self._high)}"
        return ""

    @property
    def words(self) -> str:
        """What it does to runs: "pressure: a run waits while it is above 5 V; stop after 600 s"."""
        config, ends = self.config, []
        if not self.source.member:
            ends.append("it is not reached")
        if self._equals is not None:
            ends.append(f"it is not {self._shown(self._equals)}")
        if self._low is not None:
            ends.append(f"it is below {self._shown(self._low)}")
        if self._high is not None:
            ends.append(f"it is above {self._shown(self._high)}")
        late = f"; {config.then} after {config.deadline_s:g} s" if config.deadline_s else ""
        return f"{config.name}: a run waits while {' or '.join(ends)}{late}"

    def _renamed(self, text: str) -> str:
        return f"{self.config.name}{text.removeprefix(self.source.name)}"

    def _shown(self, value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and self.source.type is float:
            value = float(value)
        return self.source.shown(value)

    def _bound(self, key: str, bound: float | str | None) -> float | None:
        if bound is None:
            return None
        try:
            return self.source.number(bound)
        except BenchError as error:
            raise placed(self.config.place, key, error) from error

    def _wanted(self) -> object:
        config = self.config
        if not self.source.member:
            if config.equals or config.low is not None or config.high is not None:
                raise self._wrong("source", f"{config.source} is a device: it is reached or not")
            return None
        if not config.equals:
            if config.low is None and config.high is None:
                raise self._wrong("source", "say low, high, or what it is to be")
            return None
        try:
            return self.source.value(config.equals)
        except BenchError as error:
            raise placed(config.place, "is", error) from error

    def _wrong(self, key: str, why: str) -> BenchError:
        return placed(self.config.place, key, BenchError(f"{why}."))
