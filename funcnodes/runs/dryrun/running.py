"""The course of a dry run: the same steps as a run's, on simulators in memory, kept nowhere.

Guarantees that nothing of the machine is touched but a folder for temporary files, which goes with
it: neither instruments nor leases, no run, no file of the worker, no latch, no mail.
"""

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from funcnodes.basic_nodes.files import Files
from funcnodes.core import NodeSpace, clock, units
from funcnodes.devices.bench import Bench
from funcnodes.devices.device.rack import Write
from funcnodes.devices.estop.latch import Latch
from funcnodes.devices.safety.alarms import AlarmEvent, AlarmState
from funcnodes.errors import RefusedError, RunError
from funcnodes.runs.assignments import Assigned, Assignment
from funcnodes.runs.before import BeforeRun
from funcnodes.runs.control import Runner
from funcnodes.runs.dryrun import findings
from funcnodes.runs.dryrun.bench import DryBench, dry_bench
from funcnodes.runs.dryrun.evidence import hashes_of
from funcnodes.runs.dryrun.report import DryReport, EndReport
from funcnodes.runs.dryrun.writes import WriteLog
from funcnodes.runs.interrupt import Interrupt, NotStarted
from funcnodes.runs.local import WORKER, bench_of, library, read_nodespace, simulated_bench
from funcnodes.runs.people import give_answers
from funcnodes.runs.prompts import Prompts
from funcnodes.runs.records import LogEntry
from funcnodes.runs.run import stopped_by
from funcnodes.runs.store import RunStore
from funcnodes.runs.table import Table
from funcnodes.runs.writer import RunWriter
from funcnodes.settings import Settings

MOST_S = 600.0  # real seconds after which a run that goes on and on is ended
MOST_COPIED = 256 * 2**20  # bytes of the worker's files that its copy may have
SEED = 1


def dry_run(
    settings: Settings,
    path: Path,
    *,
    sets: Sequence[Assignment] = (),
    answers: Sequence[Assigned] = (),
    bench: Path | None = None,
    simulators: Path | None = None,
    seed: int | None = SEED,
    most_s: float = MOST_S,
    rows: Callable[[str, list[Any]], None] | None = None,
) -> DryReport:
    """Run a nodespace file on simulators in memory by a clock that jumps; blocks.

    The clock is the whole process's meanwhile: in a program that does something else too, run it
    in a process of its own.

    Args:
        settings: Where the worker's files and benches are, which are only read.
        path: The nodespace.
        sets: Values for its inputs.
        answers: To what its nodes will ask; nobody is asked.
        bench: Bench file in place of the one that the nodespace names.
        simulators: A bench file of the simulators, for devices of the same name.
        seed: Makes noise repeat; None for other noise each time.
        most_s: Real seconds after which it is given up.
        rows: Called with a recorder's name and the values of each row, which are kept nowhere.

    Raises:
        FuncnodesError: A file is missing or wrong, as for the real run.
        NotStarted: A signal came before it began.
    """
    data = read_nodespace(path)
    folder = settings.workers_dir / WORKER
    found = bench_of(data, path, bench, folder)
    hashes = hashes_of(data, sets, found)
    with tempfile.TemporaryDirectory(prefix="funcnodes-dry-") as temporary:
        dry = _Dry(
            path, data, sets, answers, found, simulators, seed, most_s, folder, Path(temporary),
            rows,
        )  # fmt: skip
        before = time.monotonic()
        with clock.use(clock.VirtualClock(time.time())) as current:
            assert isinstance(current, clock.VirtualClock)
            report = asyncio.run(dry.main(current))
        return findings.completed(report, hashes=hashes, took_s=time.monotonic() - before)


@dataclass(slots=True)
class _Seen:
    """What is noted while it runs."""

    writes: WriteLog = field(default_factory=WriteLog)
    log: list[LogEntry] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    began: float = 0.0

    def write(self, write: Write) -> None:
        self.writes.note(write, clock.monotonic() - self.began)

    def alarm(self, event: AlarmEvent, _: AlarmState) -> None:
        if event.kind == "raised":
            self.alarms.append(f"Alarm {event.alarm}: {event.text}")


@dataclass(frozen=True, slots=True)
class _Dry:
    path: Path
    data: dict[str, Any]
    sets: Sequence[Assignment]
    answers: Sequence[Assigned]
    bench_path: Path | None
    simulators: Path | None
    seed: int | None
    most_s: float
    worker: Path
    folder: Path
    rows: Callable[[str, list[Any]], None] | None

    async def main(self, current: clock.VirtualClock) -> DryReport:
        """A signal ends it as it would end the run; what was found so far is told."""
        interrupt = Interrupt(lambda _: None)
        is_main = threading.current_thread() is threading.main_thread()
        with interrupt.taking_signals() if is_main else nullcontext():
            interrupt.starting = asyncio.current_task()
            try:
                return await self._prepare(current, interrupt)
            except asyncio.CancelledError:
                if interrupt.received is None:
                    raise
                raise NotStarted(interrupt.received) from None

    async def _prepare(self, current: clock.VirtualClock, interrupt: Interrupt) -> DryReport:
        await asyncio.to_thread(units.preload)
        async with AsyncExitStack() as stack:
            space = NodeSpace(library(), arming="disarmed")
            stack.push_async_callback(space.aclose)
            is_copied = self._lend_files(space)
            dry = self._bench()
            if dry is not None:
                space.services.provide(Bench, dry.bench)
            space.deserialize(self.data)
            for assignment in self.sets:
                assignment.apply(space)
            prompts = Prompts(asks=False, why_not="a dry run asks nobody")
            space.services.provide(Prompts, prompts)
            give_answers(space, prompts, self.answers, by="")
            if dry is not None:
                stack.push_async_callback(dry.bench.close)
                await dry.bench.open()
            store, nodes = _Store(self.folder / "runs"), list(space.walk())
            current.is_held = lambda: store.is_turning or any(node.is_elsewhere for node in nodes)
            report = await self._run(space, store, dry, interrupt)
            return report if is_copied else findings.warned(report, _NOT_COPIED)

    def _bench(self) -> DryBench | None:
        if self.bench_path is None:
            return None
        return dry_bench(
            self.bench_path,
            self.folder,
            own=simulated_bench(self.bench_path),
            named=self.simulators,
            seed=self.seed,
        )

    def _lend_files(self, space: NodeSpace) -> bool:
        """A copy of the worker's files, where they are not too many."""
        source, copy = self.worker / "files", self.folder / "files"
        sizes = [each.stat().st_size for each in source.rglob("*") if each.is_file()]
        is_copied = sum(sizes) <= MOST_COPIED
        if sizes and is_copied:
            shutil.copytree(source, copy, symlinks=True)
        space.services.provide(Files, Files(copy))
        return is_copied

    async def _run(
        self, space: NodeSpace, store: "_Store", dry: DryBench | None, interrupt: Interrupt
    ) -> DryReport:
        space.services.provide(BeforeRun, BeforeRun(asks=False))
        runner = Runner(space, store, nodespace=self.path.stem)
        bench, seen = dry.bench if dry is not None else None, _Seen()
        runner.on_log(seen.log.append)
        runner.on_rows(self._row)
        refused, before = self._stopped(), findings.files_in(self.folder / "files")
        if bench is not None:
            bench.on_write(seen.write)
            bench.alarms.on_alarm(seen.alarm)
        try:
            seen.began = clock.monotonic()
            run = await runner.start(operator="dry run")
            interrupt.follow(run)
        except (RunError, RefusedError) as error:
            refused += error.context.get("problems") or [error.message]
            return findings.refused(self._about(space, dry), tuple(refused))
        try:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(self.most_s, run.abort, self._too_long())
            await run.wait()
            timer.cancel()
            took_s = clock.monotonic() - seen.began
            end = await _end(bench, seen.writes)
        finally:
            await runner.aclose("The dry run ended.")
        changed = [
            name
            for name, about in findings.files_in(self.folder / "files").items()
            if before.get(name) != about
        ]
        return findings.report_of(
            self._about(space, dry), run, took_s, seen.writes, seen.log, bench,
            refused=tuple(refused), alarms=seen.alarms, end=end, files=changed,
        )  # fmt: skip

    def _row(self, table: Table, start: int, stop: int) -> None:
        if self.rows is not None:
            for row in zip(*table.page(start, stop - start).values, strict=True):
                self.rows(table.spec.name, list(row))

    def _too_long(self) -> str:
        return f"The dry run was given up after {self.most_s:g} s; the run itself would go on."

    def _stopped(self) -> list[str]:
        """Why no run of this worker would be let begin just now, whatever it is."""
        path = self.worker / "latch.json"
        state = Latch(path).state if path.is_file() else None
        return [stopped_by(state)] if state is not None and state.latched else []

    def _about(self, space: NodeSpace, dry: DryBench | None) -> DryReport:
        """What is known before it begins."""
        return DryReport(
            nodespace=self.path.stem,
            title=space.title,
            bench=dry.bench.name if dry is not None else "",
            sets=tuple(f"{each.node}.{each.port}={each.text}" for each in self.sets),
            state="refused",
            devices=findings.devices(dry),
        )


class _Store(RunStore):
    """Keeps the one run of a dry run, in a folder that goes with it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._writers: list[RunWriter] = []

    def create(self, **about: Any) -> RunWriter:
        self._writers.append(super().create(**about))
        return self._writers[-1]

    @property
    def is_turning(self) -> bool:
        """Whether a run is just being opened or closed: a wait that a clock must not jump over."""
        return any(writer.is_turning for writer in self._writers)


_NOT_COPIED = (
    f"The worker's files are more than {MOST_COPIED // 2**20} MB: the dry run saw none of them."
)


async def _end(bench: Bench | None, writes: WriteLog) -> tuple[EndReport, ...]:
    """Every output, and whatever else was set, read back after parking."""
    found: list[EndReport] = []
    for name, device in bench.devices.items() if bench is not None else ():
        outputs = device.kind.outputs()
        written = [
            line.write.member
            for line in writes.lines()
            if line.write.device == name and line.write.value is not None
        ]
        for member in dict.fromkeys([*written, *outputs]):
            found.append(await findings.end_of(device, member, outputs))
    return tuple(found)
