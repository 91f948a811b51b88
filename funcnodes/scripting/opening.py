"""Open a bench from a script, with what a worker has around it: latch, guardian, simulators."""

import asyncio
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig
from funcnodes.devices.benchfile.find import find_bench
from funcnodes.devices.device.acquisition import acquire
from funcnodes.devices.estop.latch import Latch, StopAck
from funcnodes.devices.nodes.ports import port_id
from funcnodes.errors import BenchError, RefusedError
from funcnodes.machine.person import user_name
from funcnodes.runs import RunReader, RunStore
from funcnodes.runs.continuing import Continuing
from funcnodes.runs.local import WORKER, simulated
from funcnodes.runs.scripted import whole
from funcnodes.scripting.blocking import ELSE, BlockingBench, LoopThread
from funcnodes.scripting.continuing import continuable
from funcnodes.scripting.link import leave, worker_link
from funcnodes.scripting.measured import measured
from funcnodes.scripting.members import ScriptDevice
from funcnodes.scripting.reach import LocalReach
from funcnodes.scripting.runs import ScriptRun
from funcnodes.scripting.shown import bench_html
from funcnodes.scripting.worker import WorkerBench
from funcnodes.settings import Settings, private_dir
from funcnodes.workers.guard.guarded import guarded

WORKER_PREFIX = "worker:"


class ScriptBench:
    """An open bench; its devices are attributes, or items by name.

    Attributes:
        bench: The bench itself.
        store: Where its runs are kept.
        closing: What closes it, where it is open for longer than a block.
    """

    closing: "BenchOpening | None" = None

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
        return ScriptDevice(LocalReach(self.bench.devices[name]))

    def __getitem__(self, name: str) -> ScriptDevice:
        return ScriptDevice(LocalReach(self.bench.device(name)))

    def __iter__(self) -> Iterator[str]:
        return iter(self.bench.devices)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.bench.devices})

    def __repr__(self) -> str:
        lines = [f"<bench {self.bench.name!r}>"]
        lines += [f"  {self[name]!r}" for name in self]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return bench_html(self.bench.name, [LocalReach(d) for d in self.bench.devices.values()])

    async def close(self) -> None:
        """Park what was written to, and let go of its devices; a second time is harmless."""
        if self.closing is not None:
            await self.closing.__aexit__(None, None, None)

    def run(
        self, name: str, *, operator: str = "", answers: Mapping[str, str] | None = None
    ) -> ScriptRun:
        """A run of that name, for `async with`.

        Args:
            operator: Who runs it, if not who opened the bench.
            answers: To what its nodes will ask, by their names, as a person would type them.
        """
        operator = operator or self._operator
        return ScriptRun(self.bench, self.store, name, operator=operator, answers=answers)

    async def acquire(self, *devices: str) -> dict[str, Any]:
        """Arm several devices, trigger them together, and fetch what all of them have.

        Returns:
            By device, member and field, joined by "_" as on the ports of *Read together*.
        """
        fetched = await acquire([self.bench.device(name) for name in devices])
        return {
            port_id(name, path, field): measured(sample, sample.unit)
            for name, members in fetched.items()
            for path, samples in members.items()
            for field, sample in samples.items()
        }

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
        self, source: str | Path | None, settings: Settings | None, operator: str, *, park: bool
    ) -> None:
        self._park = park
        self._source = source
        self._settings = settings
        self._operator = operator
        self._stack = AsyncExitStack()
        self._is_open = False
        self._thread: LoopThread | None = None

    def __await__(self) -> Generator[Any, None, ScriptBench]:
        """Open it for longer than a block, as from cell to cell of a notebook: `await
        bench.close()` ends that."""
        return self.__aenter__().__await__()

    async def __aenter__(self) -> ScriptBench:
        if self._is_open:
            raise BenchError("This bench is open already: call open_bench once for each block.")
        self._is_open = True
        async with AsyncExitStack() as stack:
            opened = await self._open(stack)
            self._stack = stack.pop_all()
        opened.closing = self
        # A worker's has the same words, but for nodes; typing knows the usual one.
        return cast(ScriptBench, opened)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stack, self._stack = self._stack, AsyncExitStack()
        try:
            await stack.__aexit__(kind, error, trace)
        finally:
            self._is_open = False

    def open(self) -> Any:
        """Open it for longer than a block, without `await`: for a prompt. `bench.close()` ends
        that, and so does the end of the program."""
        bench = self.__enter__()
        bench.closes(self)
        return bench

    def __enter__(self) -> Any:
        if asyncio._get_running_loop() is not None:
            raise RuntimeError(ELSE)
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

    async def _open(self, stack: AsyncExitStack) -> ScriptBench | WorkerBench:
        settings = self._settings or Settings.load()
        if isinstance(self._source, str) and self._source.startswith(WORKER_PREFIX):
            name = self._source.removeprefix(WORKER_PREFIX)
            link = await worker_link(settings, name, self._operator or user_name())
            stack.push_async_callback(leave, link, park=self._park)
            return WorkerBench(link, operator=self._operator)
        folder = private_dir(settings.workers_dir / WORKER)
        latch = Latch(folder / "latch.json")
        if self._source is None:
            bench = Bench(BenchConfig(name=""), latch=latch)
        else:
            path = _found(self._source)
            resources = await simulated(path, stack)
            bench = Bench.load(path, resources, latch=latch)
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
    source: str | Path | None = "demo",
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
            comes with funcnodes ("demo"); simulators that it asks for are started with it. None
            is a bench without devices. "worker:NAME" is the bench of a worker on this machine,
            which stays its owner.
        settings: Where runs and the latch are kept, if not where the environment says.
        operator: Who runs it, for the run files.
        park: Off leaves outputs as they are at the end of the block.

    Raises:
        BenchError: There is no such bench, or its file is wrong.
        WorkerError, RefusedError: The worker is away, or somebody else has its bench.
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
