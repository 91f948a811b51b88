"""Where a value comes from: the wave it was set in, what set that off, and what it was made of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from funcnodes.core.running.waves import Wave
from funcnodes.core.values import Quality


@dataclass(frozen=True, slots=True)
class Origin:
    """One argument of the execution that gave a value.

    Attributes:
        port: Id of the input.
        value: What it held when the execution took it.
        wave: In which wave it had been set; None if it was restored, or its default.
        source: Full id of the output that is connected to it now, or "".
    """

    port: str
    value: Any
    wave: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """How the present value of a port came about.

    Attributes:
        port: Full id of the port.
        wave: Number of the wave, unique in this process; None if the value was restored.
        stimulus: What set it off, outermost first: labels of the wave and of those around it.
        quality: How far the value can be trusted.
        inputs: Of an output: what its node took. Of an input: the output that it came from. Empty
            where the value was set from outside, or where the node has taken others since.
    """

    port: str
    wave: int | None
    stimulus: tuple[str, ...]
    quality: Quality
    inputs: tuple[Origin, ...]

    @classmethod
    def of(
        cls, port: str, wave: Wave | None, quality: Quality, inputs: Iterable[Origin]
    ) -> "Provenance":
        """Of a value that was set in `wave`."""
        labels = reversed([each.label for each in _around(wave)])
        number = wave.id if wave is not None else None
        return cls(port, number, tuple(labels), quality, tuple(inputs))


def _around(wave: Wave | None) -> Iterator[Wave]:
    while wave is not None:
        yield wave
        wave = wave.parent
