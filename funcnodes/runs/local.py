"""A run without a server: an in-process worker that lives as long as one run.

Loads a file, opens its bench (a simulated one is started and stopped with it), runs, and leaves
the data in a run file of the worker `local`. Device locks are those of all workers. Whatever ends
it, devices are made safe first, then let go of, then the simulator ends.
"""

import asyncio
import os
import shutil
import signal as signals
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from funcnodes.basic_nodes.files import Files
from funcnodes.core import Library, NodeSpace, units
from funcnodes.core.codec.strict import parse
from funcnodes.core.watchdog import Watchdog
from funcnodes.devices.bench import Bench
from funcnodes.devices.bench.recorder import TrafficRecorder, replayed
from funcnodes.devices.benchfile import BenchConfig, BenchFile
from funcnodes.devices.benchfile.find import find_bench
from funcnodes.devices.estop.latch import Latch
from funcnodes.devices.messages.recorded import Recorded
from funcnodes.durable import replacing
from funcnodes.errors import BenchError, FuncnodesError, RunError, SavedGraphError
from funcnodes.machine.place import leases_dir
from funcnodes.runs.assignments import Assigned, Assignment, AssignmentError
from funcnodes.runs.before import AskAbout, BeforeRun
from funcnodes.runs.continuing import (
    Continuing,
    bench_of_run,
    check_free,
    inputs_of,
    look_back,
    set_live_inputs,
)
from funcnodes.runs.control import Runner
from funcnodes.runs.documents import Subscriber
from funcnodes.runs.interrupt import Interrupt, NotStarted
from funcnodes.runs.people import give_answers
from funcnodes.runs.prompts import Prompts
from funcnodes.runs.reader import RunReader
from funcnodes.runs.records import NOTHING_SAID, RunAbout, RunHead
from funcnodes.runs.refusals import keep_refusal
from funcnodes.runs.run import Run
from funcnodes.runs.samples import FILE_NAME as SAMPLES_NAME, SampleList
from funcnodes.runs.simulator import simulator
from funcnodes.runs.store import RunStore
from funcnodes.runs.terminal import Terminal
from funcnodes.settings import Settings, private_dir

WORKER = "local"
MOST_BYTES = 512 * 2**20
"""Of a nodespace's file: a device, such as `/dev/zero`, may never end."""
Guarded = Callable[[Bench], AbstractContextManager[object]]


def _nothing(*_: Any) -> None:
    """Whoever does not watch."""


@dataclass(frozen=True, slots=True)
class RunWatcher:
    """Who is told what happens.

    Attributes:
        say: A line for a person, as it comes.
        changed: The run, at each change of state or progress.
        confirm: Asked once before a run that writes to real instruments, with their names;
            False ends it.
        asks: Whether a person is at the terminal of this process, to be asked by nodes.
        asking: Told True while a question stands on the terminal, and False after it.
        agree: Asked once before a run is gone on with, with what would be done; False ends it.
        document: Called with the run's Bluesky documents, as they come; None for nobody.
        ask_about: Asks a person what has to be said before a run; None where nobody is there.
    """

    say: Callable[[str], None] = _nothing
    changed: Callable[[Run], None] = _nothing
    confirm: Callable[[Sequence[str]], bool] = lambda _: True
    asks: bool = False
    asking: Callable[[bool], None] = _nothing
    agree: Callable[[Continuing], bool] = lambda _: True
    document: Subscriber | None = None
    ask_about: AskAbout | None = None


@dataclass(frozen=True, slots=True)
class ReplayedRecording:
    """A recording that answers in place of the instruments; see `recorder.replayed`."""

    path: Path
    match: bool = False
    timed: bool = False


@dataclass(frozen=True, slots=True)
class LocalResult:
    """How it went.

    Attributes:
        head: What the run file says of it.
        path: Where the run file is; in `out` where that was given.
        signal: The signal that stopped it, or None.
        plot: Columns to draw, x first, as the graph's plot has them; () where it has none.
    """

    head: RunHead
    path: Path
    signal: signals.Signals | None = None
    plot: tuple[str, ...] = ()


def run_file(
    settings: Settings,
    path: Path,
    *,
    sets: Sequence[Assignment] = (),
    answers: Sequence[Assigned] = (),
    bench: Path | None = None,
    out: Path | None = None,
    record_traffic: Path | None = None,
    replay: ReplayedRecording | None = None,
    watcher: RunWatcher | None = None,
    operator: str = "",
    about: RunAbout = NOTHING_SAID,
    guarded: Guarded = nullcontext,
) -> LocalResult:
    """Run a nodespace file to its end; blocks, and takes SIGINT, SIGTERM and SIGHUP meanwhile.

    Args:
        settings: Where runs are kept.
        path: The nodespace.
        sets: Values for its inputs.
        answers: To what its nodes will ask, by their names.
        bench: Bench file in place of the one that the nodespace names.
        out: Folder that gets a copy of the run file.
        record_traffic: New file that gets what goes over the devices' wires.
        replay: A recording in place of the bench's instruments; none is opened then.
        watcher: Who is told meanwhile.
        operator: Who runs it.
        about: What is said of the run, to be kept in its file.
        guarded: Watches over the open bench within a block, for the case that this process dies.

    Raises:
        FuncnodesError: It could not start; nothing was written to any device then.
        NotStarted: A signal came before it began.
    """
    about = about.checked()
    data = read_nodespace(path)
    about = msgspec.structs.replace(about, operator=operator)
    before = BeforeRun(settings.before_run, SampleList(local_folder(settings) / SAMPLES_NAME))
    try:
        config = _config(data, path, bench, settings)
    except FuncnodesError as error:
        asyncio.run(_keep(settings, path, data, about, error))
        raise
    ask = watcher.ask_about if watcher is not None else None
    about = before.completed(about, config, ask=ask)
    if out is not None:
        _check_folder(out)
    local = _Local(
        settings, path, data, sets, answers, bench, out, record_traffic, replay,
        watcher or RunWatcher(), about.operator, about, before, guarded,
    )  # fmt: skip
    return asyncio.run(local.main())


def continue_run(
    settings: Settings,
    run: RunReader,
    *,
    first: int | None = None,
    answers: Sequence[Assigned] = (),
    bench: Path | None = None,
    watcher: RunWatcher | None = None,
    operator: str = "",
    guarded: Guarded = nullcontext,
) -> LocalResult:
    """Go on with a run that ended early, beside its file; blocks, and takes signals meanwhile.

    Args:
        run: The run before.
        first: The point to go on at, from 1; None for the first that was not taken to its end.
        bench: Bench file in place of the one on which it ran.

    Raises:
        FuncnodesError: It cannot be gone on with; nothing was written to any device then.
        NotStarted: A signal came before it began.
    """
    head = run.head
    check_free(RunStore(run.path.parent), run)
    local = _Local(
        settings, Path(head.nodespace or "run"), run.graph(), (), answers,
        bench or bench_of_run(run), None, None, None, watcher or RunWatcher(), operator,
        NOTHING_SAID, BeforeRun(), guarded, run, first,
    )  # fmt: skip
    return asyncio.run(local.main())


async def _keep(
    settings: Settings, path: Path, data: dict[str, Any], about: RunAbout, error: FuncnodesError
) -> None:
    """A record of what could not even be opened for its run."""
    store = RunStore(local_folder(settings) / "runs")
    await keep_refusal(store, data, about, [error.message], nodespace=path.stem)


def read_nodespace(path: Path) -> dict[str, Any]:
    """The data of a nodespace file, not yet judged.

    Raises:
        SavedGraphError: There is no such file, it cannot be read, or it is no JSON object.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        why = "There is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise SavedGraphError(f"{path} cannot be read: {why}.", path=str(path)) from error
    if len(text) > MOST_BYTES:
        raise SavedGraphError(f"{path} is larger than {MOST_BYTES // 2**20} MB, or never ends.")
    data = parse(text, what=str(path))
    if not isinstance(data, dict):
        raise SavedGraphError(f"{path} is not a nodespace: it holds no JSON object.")
    return data


def bench_of(
    data: dict[str, Any], path: Path, chosen: Path | None, worker_dir: Path
) -> Path | None:
    """The bench file that a nodespace runs on: the chosen one, or else that which it names.

    Raises:
        BenchError: It names one that is nowhere.
    """
    if chosen is not None:
        return chosen
    requires = data.get("requires")
    name = requires.get("bench") if isinstance(requires, dict) else None
    return find_bench(str(name), beside=path, worker_dir=worker_dir) if name else None


@dataclass(frozen=True, slots=True)
class _Local:
    settings: Settings
    path: Path
    data: dict[str, Any]
    sets: Sequence[Assignment]
    answers: Sequence[Assigned]
    bench_path: Path | None
    out: Path | None
    record_traffic: Path | None
    replay: ReplayedRecording | None
    watcher: RunWatcher
    operator: str
    about: RunAbout
    before: BeforeRun
    guarded: Guarded
    unfinished: RunReader | None = None  # the run to go on with
    first: int | None = None

    @property
    def folder(self) -> Path:
        return local_folder(self.settings)

    async def main(self) -> LocalResult:
        interrupt = Interrupt(self.watcher.say)
        with interrupt.taking_signals():
            interrupt.starting = asyncio.current_task()
            try:
                async with AsyncExitStack() as stack:
                    space = interrupt.space = await self._opened(stack)
                    return await self._run(space, interrupt)
            except asyncio.CancelledError:
                if interrupt.received is None:
                    raise
                raise NotStarted(interrupt.received) from None

    async def _opened(self, stack: AsyncExitStack) -> NodeSpace:
        """The same as `_open`; one that fails leaves a record."""
        try:
            return await self._open(stack)
        except AssignmentError:
            raise  # a slip of whoever typed it, who sees it
        except FuncnodesError as error:
            about = msgspec.structs.replace(self.about, operator=self.operator)
            await _keep(self.settings, self.path, self.data, about, error)
            raise

    async def _open(self, stack: AsyncExitStack) -> NodeSpace:
        """The nodespace on its open bench; everything is closed with `stack`, last first."""
        space = NodeSpace(library(), arming="disarmed")
        stack.push_async_callback(space.aclose)
        space.services.provide(Files, Files(self.folder / "files"))
        space.services.provide(BeforeRun, self.before)
        path = bench_of(self.data, self.path, self.bench_path, self.folder)
        if path is not None:
            bench = await self._bench(path, stack)
            space.services.provide(Bench, bench)
        await asyncio.to_thread(units.preload)
        space.deserialize(self.data)
        for assignment in self.sets:
            self.watcher.say(assignment.apply(space))
        if self.unfinished is not None:
            for line in set_live_inputs(space, inputs_of(self.unfinished, self.first)):
                self.watcher.say(line)
        self._ask_by(space, stack)
        if path is not None:
            stack.push_async_callback(bench.close)
            await bench.open()
            stack.enter_context(self.guarded(bench))
        stack.enter_context(Watchdog(space.engine))
        return space

    def _ask_by(self, space: NodeSpace, stack: AsyncExitStack) -> None:
        """Lend its nodes the terminal, and what was answered in advance."""
        prompts = Prompts(asks=self.watcher.asks)
        space.services.provide(Prompts, prompts)
        stack.callback(Terminal(prompts, by=self.operator, held=self.watcher.asking).close)
        for line in give_answers(space, prompts, self.answers, by=self.operator):
            self.watcher.say(line)

    async def _bench(self, path: Path, stack: AsyncExitStack) -> Bench:
        """The bench of that file, not yet open: its instruments, simulators or a recording."""
        resources = {} if self.replay is not None else await simulated(path, stack)
        config = BenchFile.load(path).usable
        if self.replay is not None:
            recorded = Recorded.load(self.replay.path)
            config = replayed(config, recorded, match=self.replay.match, timed=self.replay.timed)
        bench = Bench(
            config,
            resources,
            path=path,
            lock_dir=leases_dir(),
            latch=Latch(self.folder / "latch.json"),
            owner=WORKER,
        )
        if self.record_traffic is not None:
            stack.enter_context(TrafficRecorder(self.record_traffic, bench))
        return bench

    async def _run(self, space: NodeSpace, interrupt: Interrupt) -> LocalResult:
        self._confirm(space)
        unfinished = self.unfinished
        folder = self.folder / "runs" if unfinished is None else unfinished.path.parent
        store = RunStore(folder)
        store.recover()
        runner = Runner(space, store, nodespace=self.path.stem)
        runner.on_change(self.watcher.changed)
        going_on, about = None, self.about
        if self.watcher.document is not None:
            runner.subscribe(self.watcher.document)
        try:
            if unfinished is not None:
                going_on = await look_back(
                    runner, unfinished.head.id, first=self.first, is_its_graph=True
                )
                about = going_on.about()
                self._ask(lambda: self.watcher.agree(going_on))
            run = await runner.start(operator=self.operator, about=about, going_on=going_on)
            interrupt.follow(run)
            await run.wait()
        finally:
            await runner.aclose("The program ended.")
        path = _copy(run.path, self.out) if self.out is not None else run.path
        return LocalResult(run.head, path, interrupt.received, _plot(space))

    def _confirm(self, space: NodeSpace) -> None:
        bench = space.services.get(Bench)
        devices = bench.devices.values() if bench is not None else ()
        real = [
            f"{device.name} ({device.address})"
            for device in devices
            if not device.simulated and not device.replayed
        ]
        if not real or bench is None:
            return
        for line in bench.safety_plan().lines():
            self.watcher.say(line)
        self._ask(lambda: self.watcher.confirm(real))

    @staticmethod
    def _ask(question: Callable[[], bool]) -> None:
        # A person who is asked may answer by Ctrl-C, while the loop stands still.
        before = signals.signal(signals.SIGINT, signals.default_int_handler)
        try:
            if not question():
                raise RunError("The run was not started.")
        finally:
            signals.signal(signals.SIGINT, before)


def _config(
    data: dict[str, Any], path: Path, chosen: Path | None, settings: Settings
) -> BenchConfig | None:
    """What the bench file says, of which nothing is opened yet."""
    found = bench_of(data, path, chosen, local_folder(settings))
    if found is None:
        return None
    simulated_bench(found)  # which says best what is no bench file at all
    return BenchFile.load(found).usable


def library() -> Library:
    """Everything that can be in a nodespace here: what packages contribute, and device nodes."""
    import funcnodes.devices.nodes  # noqa: F401  # its classes are found once they are imported

    return Library.installed()


def local_folder(settings: Settings) -> Path:
    """Where runs without a worker keep what they keep."""
    return private_dir(settings.workers_dir / WORKER)


async def simulated(path: Path, stack: AsyncExitStack) -> Mapping[str, str]:
    """Serve what a bench file has of `sim:` addresses until `stack` ends; addresses by name."""
    name = simulated_bench(path)
    return await stack.enter_async_context(simulator(name)) if name else {}


def simulated_bench(path: Path) -> str:
    """The simulator that a bench file's `sim:` addresses ask for, or "" where it has none.

    Raises:
        BenchError: The file cannot be read.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror}.", path=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"{path} is not TOML: {error}.", path=str(path)) from error
    devices = data.get("devices")
    addresses = [
        device.get("address")
        for device in (devices.values() if isinstance(devices, dict) else ())
        if isinstance(device, dict)
    ]
    simulated = any(isinstance(a, str) and a.startswith("sim:") for a in addresses)
    return str(data.get("name", path.stem)) if simulated else ""


def _plot(space: NodeSpace) -> tuple[str, ...]:
    from funcnodes.runs.plot import HeatMap, XYPlot

    for node in space.walk():
        if not isinstance(node, XYPlot) or isinstance(node, HeatMap):
            continue
        if node.choice().recorder:
            choice = node.choice()
            return (choice.x, *choice.y)
    return ()


def _check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be written before anything is measured."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder} cannot be made a folder: {error.strerror}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RunError(f"{folder} cannot be written.")


def _copy(path: Path, folder: Path) -> Path:
    """The run file in `folder` too: old or new, never half of it."""
    target = folder / path.name
    try:
        with path.open("rb") as run, replacing(target) as copy:
            shutil.copyfileobj(run, copy)
    except OSError as error:
        raise RunError(
            f"The run file cannot be copied to {folder}: {error.strerror}. It is kept in {path}."
        ) from error
    return target
