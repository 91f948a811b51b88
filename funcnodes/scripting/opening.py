"""Open a bench from a script, with what a worker has around it: latch, guardian, simulators."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile.find import find_bench
from funcnodes.devices.estop.latch import Latch, StopAck
from funcnodes.errors import BenchError, RefusedError
from funcnodes.runs import RunReader, RunStore
from funcnodes.runs.continuing import Continuing
from funcnodes.runs.local import WORKER, simulated_bench
from funcnodes.runs.simulator import simulator
from funcnodes.scripting.blocking import BlockingBench, LoopThread
from funcnodes.scripting.continuing import continuable
from funcnodes.scripting.members import ScriptDevice
from funcnodes.scripting.runs import ScriptRun, whole
from funcnodes.settings import Settings, private_dir
from funcnodes.workers.guard.guarded import guarded


class ScriptBench:
    """An open bench; its devices are attributes, or items by name.

    Attributes:
        bench: The bench itself.
        store: Where its runs are kept.
    """

    def __init__(self, bench: Bench, store: RunStore, *, operator: str = "") -> None:
        self.bench = bench
        self.store = store
        self._operator = operator

    def __getattr__(self, name: str) -> ScriptDevice:
        if name.startswith("_") or name not in self.bench.devices:
            raise AttributeError(
                f"The bench {self.bench.name!r} has no device {name!r}; it has "
                f"{', '.join(self.bench.devices) or 'none'}."
            )
        return ScriptDevice(self.bench.devices[name])

    def __getitem__(self, name: str) -> ScriptDevice:
        return ScriptDevice(self.bench.device(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.bench.devices)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.bench.devices})

    def __repr__(self) -> str:
        lines = [f"<bench {self.bench.name!r}>"]
        lines += [f"  {ScriptDevice(device)!r}" for device in self.bench.devices.values()]
        return "\n".join(lines)

    def run(self, name: str, *, operator: str = "") -> ScriptRun:
        """A run of that name, for `async with`."""
        return ScriptRun(self.bench, self.store, name, operator=operator or self._operator)

    async def plan_continue(self, run: str = "latest", *, first: int | None = None) -> Continuing:
        """How a run of a graph that ended early would go on: see what `continue_run` takes."""
        async with continuable(self.bench, self.store, run, first) as (_, plan):
            return plan

    async def continue_run(
        self,
        run: str = "latest",
        *,
        first: int | None = None,
        agree: Callable[[Continuing], bool] = lambda _: True,
        operator: str = "",
    ) -> RunReader:
        """Go on with a run of a graph that was stopped, aborted or killed, to its end.

        Args:
            run: `latest`, its number, or its id.
            first: The point to go on at, from 1, taking it again; None for the first that was not
                taken to its end.
            agree: Asked once with what would be done: `plan.writes`, or in words `plan.lines()`;
                False ends it.

        Returns:
            The new run. `to_numpy` and its like give all rows, those of the runs before included.

        Raises:
            RefusedError: It cannot be gone on with, or was not agreed to; nothing was written.
            RunError: There is no such run.
        """
        by = operator or self._operator
        async with continuable(self.bench, self.store, run, first) as (runner, plan):
            if not agree(plan):
                raise RefusedError(f"Run {plan.head.number} was not gone on with.")
            begun = await runner.start(operator=by, about=plan.about(), going_on=plan)
            await begun.wait()
        return RunReader(begun.path)

    async def park(self, *devices: str) -> None:
        """Bring devices down in order, all of them by default.

        Raises:
            BenchError: One could not be brought down; the others were.
        """
        results = await self.bench.park(devices or None)
        failed = [f"{each.device}: {each.message}" for each in results if each.state == "failed"]
        if failed:
            raise BenchError(f"Not everything could be parked. {' '.join(failed)}")

    async def estop(self, cause: str = "") -> list[StopAck]:
        """Press E-STOP: outputs off now, and nothing is written until it is reset."""
        return await self.bench.estop(cause, by=self._operator or "a script")


class BenchOpening:
    """What `open_bench` gives: for `async with`, or for `with`, which blocks."""

    def __init__(
        self, source: str | Path, settings: Settings | None, operator: str, *, park: bool
    ) -> None:
        self._park = park
        self._source = source
        self._settings = settings
        self._operator = operator
        self._stack = AsyncExitStack()
        self._thread: LoopThread | None = None

    async def __aenter__(self) -> ScriptBench:
        async with AsyncExitStack() as stack:
            opened = await self._open(stack)
            self._stack = stack.pop_all()
        return opened

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def __enter__(self) -> Any:
        self._thread = LoopThread()
        try:
            return BlockingBench(self._thread.call(self.__aenter__), self._thread)
        except BaseException:
            self._thread.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._thread is not None, "it was entered"
        try:
            self._thread.call(self.__aexit__, kind, error, trace)
        finally:
            self._thread.close()

    async def _open(self, stack: AsyncExitStack) -> ScriptBench:
        settings = self._settings or Settings.load()
        folder = private_dir(settings.workers_dir / WORKER)
        path = _found(self._source)
        name = simulated_bench(path)
        resources = await stack.enter_async_context(simulator(name)) if name else {}
        bench = Bench.load(path, resources, latch=Latch(folder / "latch.json"))
        stack.push_async_callback(bench.close)
        await bench.open()
        stack.enter_context(guarded(bench))
        if self._park:
            written = stack.enter_context(bench.track_writes())
            stack.push_async_callback(_make_safe, bench, written)
        store = RunStore(folder / "runs")
        await asyncio.to_thread(store.recover)
        return ScriptBench(bench, store, operator=self._operator)


def open_bench(
    source: str | Path = "demo",
    *,
    settings: Settings | None = None,
    operator: str = "",
    park: bool = True,
) -> BenchOpening:
    """Open a bench: `async with open_bench("bench.toml") as bench`.

    Devices that cannot be reached stay offline, as anywhere, and are tried again. However the
    block ends, what was written to within it is parked: ramps first, then off. Should the process
    be killed within it, its guardian switches outputs off.

    Args:
        source: A bench file, or the name of a bench: beside the script's folder, or one that
            comes with funcnodes ("demo"); simulators that it asks for are started with it.
        settings: Where runs and the latch are kept, if not where the environment says.
        operator: Who runs it, for the run files.
        park: Off leaves outputs as they are at the end of the block.

    Raises:
        BenchError: There is no such bench, or its file is wrong.
    """
    return BenchOpening(source, settings, operator, park=park)


async def _make_safe(bench: Bench, written: set[str]) -> None:
    """Park what was written to; not after an E-STOP, after which nothing is written (S1)."""
    if written and not bench.latch.latched:
        await whole(bench.park(sorted(written)))


def _found(source: str | Path) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    if isinstance(source, Path) or path.suffix == ".toml" or len(path.parts) > 1:
        raise BenchError(f"There is no bench file {path}.")
    return find_bench(source, beside=Path.cwd())
