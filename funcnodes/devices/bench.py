"""The devices of a worker, opened together from a `bench.toml`, and what makes them safe."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from funcnodes.devices.device import Device
from funcnodes.devices.safety import Latch, StopAck

Cause = Literal["on_estop", "at_end", "on_worker_death", "on_operator_lost"]
SafeAction = Literal["estop", "park", "hold"]


@dataclass(frozen=True, slots=True)
class ParkResult:
    """What became of one device that was parked."""

    device: str
    state: Literal["parked", "held", "failed"]
    ms: float
    message: str = ""


class Bench:
    """A bench; see the module's text."""

    name: str
    path: Path | None
    latch: Latch
    devices: dict[str, Device]

    @classmethod
    def load(
        cls,
        path: Path | str,
        resources: Mapping[str, str] = {},
        *,
        lock_dir: Path | None = None,
        latch: Latch | None = None,
        owner: str = "",
    ) -> Self:
        """Read a bench file; opens nothing. `owner` is the worker's name, shown to others."""
        raise NotImplementedError

    @classmethod
    def builtin(
        cls,
        name: str,
        resources: Mapping[str, str] = {},
        *,
        lock_dir: Path | None = None,
        latch: Latch | None = None,
        owner: str = "",
    ) -> Self:
        """One of the benches that come with funcnodes, e.g. "demo"."""
        raise NotImplementedError

    async def open(self) -> None:
        """Connect to all devices in parallel; one that cannot be reached stays offline."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of every device; their outputs stay as they are."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def simulated(self) -> tuple[int, int]:
        """How many of the devices are simulated, and how many there are."""
        raise NotImplementedError

    def on_change(self, callback: Callable[[Device], None]) -> Callable[[], None]:
        """Call `callback(device)` when state or a value of it changed; returns how to end that."""
        raise NotImplementedError

    @contextmanager
    def track_writes(self) -> Iterator[set[str]]:
        """Collect the names of the devices that are written to meanwhile."""
        raise NotImplementedError

    async def park(self, names: Iterable[str] | None = None) -> list[ParkResult]:
        """Bring devices down in an orderly way (ramps, then off), as `at_end` asks."""
        raise NotImplementedError

    async def make_safe(self, cause: Cause) -> list[StopAck]:
        """What the bench asks for on `cause`, for every device. Does not latch."""
        raise NotImplementedError

    async def estop(
        self, cause: str, by: str, *, on_ack: Callable[[StopAck], None] | None = None
    ) -> list[StopAck]:
        """Latch, write every device's emergency bytes, read back."""
        raise NotImplementedError


def find_bench(name: str, *, beside: Path | None = None, worker_dir: Path | None = None) -> Path:
    """Where the bench of that name is: beside the file, in the worker, among the built-in (D6)."""
    raise NotImplementedError
