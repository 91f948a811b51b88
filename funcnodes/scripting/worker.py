"""A worker's bench from a script: the worker stays its owner, the script speaks through its door.

    async with open_bench("worker:Furnace") as bench:
        await bench.tc.loop1.setpoint.set("350 K")

Limits, interlocks, latch, log and run files are the worker's; its pages show what the script does,
and may pause, stop or abort its run. Where the connection ends, what the script wrote to is parked
by the worker.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from funcnodes.core import clock
from funcnodes.core.types import Range
from funcnodes.devices.declarations.members import Sample
from funcnodes.errors import BenchError
from funcnodes.scripting.link import LONG_S, WorkerLink
from funcnodes.scripting.members import ScriptDevice
from funcnodes.scripting.worker_run import WorkerRun
from funcnodes.workers.scripts import unplain


class WorkerBench:
    """The bench of a worker; its devices are attributes, or items by name."""

    closing: Any = None  # what closes it, where it is open for longer than a block

    def __init__(self, link: WorkerLink, *, operator: str = "") -> None:
        self.link = link
        self._operator = operator
        self._devices = {d["name"]: WorkerReach(link, d) for d in link.told["devices"]}

    @property
    def name(self) -> str:
        """As its file calls it."""
        return str(self.link.told["bench"])

    def __getattr__(self, name: str) -> ScriptDevice:
        if name.startswith("_") or name not in self._devices:
            raise AttributeError(
                f"The bench {self.name!r} has no device {name!r}; it has "
                f"{', '.join(self._devices) or 'none'}."
            )
        return ScriptDevice(self._devices[name])

    def __getitem__(self, name: str) -> ScriptDevice:
        if name not in self._devices:
            raise BenchError(f"The bench {self.name!r} has no device {name!r}.")
        return ScriptDevice(self._devices[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._devices)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._devices})

    def __repr__(self) -> str:
        lines = [f"<bench {self.name!r} of worker {self.link.worker!r}>"]
        return "\n".join([*lines, *(f"  {self[name]!r}" for name in self)])

    def _repr_html_(self) -> str:
        from funcnodes.scripting.shown import bench_html

        return bench_html(f"{self.name} · worker {self.link.worker}", self._devices.values())

    async def close(self) -> None:
        """Give it back: what was written to is parked; a second time is harmless."""
        if self.closing is not None:
            await self.closing.__aexit__(None, None, None)

    def run(self, name: str, *, operator: str = "") -> WorkerRun:
        """A run of that name, for `async with`; the worker keeps it."""
        return WorkerRun(self.link, name, operator=operator or self._operator)

    async def park(self, *devices: str) -> None:
        """Bring devices down in order, all of them by default.

        Raises:
            BenchError: One could not be brought down; the others were.
        """
        await _parked(self.link, devices)

    async def estop(self, cause: str = "") -> None:
        """Press E-STOP: outputs off now, and nothing is written until it is reset."""
        await self.link.call("estop", cause=cause)


class WorkerReach:
    """A device of a worker."""

    def __init__(self, link: WorkerLink, about: Mapping[str, Any]) -> None:
        self.name = str(about["name"])
        self._link = link
        self._about = about
        self._members = {str(each["path"]): each for each in about["members"]}
        self._newest: dict[str, Sample] = {}

    @property
    def model(self) -> str:
        return str(self._about["model"] or self._about["driver"])

    @property
    def state(self) -> str:
        return self._link.states.get(self.name, str(self._about["state"]))

    def paths(self) -> Iterator[str]:
        return iter(self._members)

    def title(self, path: str) -> str:
        return str(self._members[path]["title"])

    def unit(self, path: str, field: str = "") -> str:
        about = self._members[path]
        return str(about["fields"].get(field, about["unit"]))

    def is_command(self, path: str) -> bool:
        return bool(self._members[path]["is_command"])

    def limits(self, path: str) -> Range | None:
        about = self._members[path]
        low, high = about["low"], about["high"]
        return Range(low, high) if low is not None or high is not None else None

    def newest(self, path: str) -> Sample | None:
        return self._newest.get(path)

    async def read(self, path: str) -> Mapping[str, Sample]:
        found = await self._link.call("get", device=self.name, member=path)
        samples = {field: _sample(each) for field, each in found.items()}
        if set(samples) == {"value"}:
            self._newest[path] = samples["value"]
        return samples

    async def set(self, path: str, value: Any) -> Sample:
        given = str(value) if not isinstance(value, bool | int | float | str) else value
        given = float(given) if isinstance(given, float) else given
        found = await self._link.call(
            "set", device=self.name, member=path, value=given, within_s=LONG_S
        )
        self._newest[path] = sample = _sample(found)
        return sample

    async def do(self, path: str) -> None:
        await self._link.call("do", device=self.name, member=path, within_s=LONG_S)

    async def query(self, command: str) -> str:
        return str(await self._link.call("query", device=self.name, command=command))

    async def park(self) -> None:
        await _parked(self._link, [self.name])

    def watch(
        self, path: str, told: Callable[[Mapping[str, Sample]], None], every_s: float
    ) -> Callable[[], None]:
        async def read_on() -> None:
            while True:
                told(await self.read(path))
                await clock.sleep(every_s)

        task = asyncio.ensure_future(read_on())

        def forget() -> None:
            task.cancel()

        return forget


async def _parked(link: WorkerLink, names: Any) -> None:
    found = await link.call("park", devices=list(names), within_s=LONG_S)
    failed = [name for name, state in found.items() if state == "failed"]
    if failed:
        raise BenchError(f"{' and '.join(failed)} could not be parked.")


def _sample(told: list[Any]) -> Sample:
    value, unit, quality, t = told
    value = unplain(value)
    if value is None and quality != "ok":
        value = math.nan
    return Sample(value, unit, quality, t)
