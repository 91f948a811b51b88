"""What the fixtures are, for annotations in tests; see `plugin` for what they do."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from funcnodes.devices.bench import Bench
    from funcnodes.devices.declarations.drivers import Instrument
    from funcnodes.testing.benches import Drivers
    from funcnodes.testing.conversation import Conversation, Line
    from funcnodes.testing.plugin import Breaker
    from funcnodes_simulators import SimulatedBench

I = TypeVar("I", bound="Instrument")  # noqa: E741  # the instrument's class


class Dialogue(Protocol):
    """The fixture `dialogue`."""

    def __call__(self, driver: type[I], connect: "Iterable[Line]" = ()) -> "Conversation[I]": ...


class Simulate(Protocol):
    """The fixture `simulate`."""

    def __call__(
        self,
        bench: str | Path = "demo",
        *,
        seed: int = 0,
        strict: bool = False,
        faults: str | Path | None = None,
    ) -> "SimulatedBench": ...


class Faults(Protocol):
    """The fixture `faults`."""

    def __call__(self, bench: "SimulatedBench", device: str) -> "Breaker": ...


class OpenBench(Protocol):
    """The fixture `open_bench`."""

    def __call__(
        self, devices: "Drivers | Path | str", resources: Mapping[str, str] = ...
    ) -> "Bench": ...


class Replay(Protocol):
    """The fixture `replay`."""

    def __call__(
        self,
        recording: Path | str,
        drivers: "Mapping[str, type[Instrument]]" = ...,
        *,
        match: bool = False,
        timed: bool = False,
    ) -> "Bench": ...
