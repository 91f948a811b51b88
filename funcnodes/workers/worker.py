"""The worker: the only owner of its nodespace and its devices.

Dials the manager and goes on without it. Outputs are made safe before anything else when it is
told to end; after a restart it is disarmed, and a latched E-STOP is still latched. What people
ask for is in `commands`; this module puts the parts together and takes them apart in order.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import time
from collections.abc import Coroutine
from typing import Any

import msgspec

from funcnodes import __version__
from funcnodes.core import Library, Node, SubgraphNode, clock, naming, units
from funcnodes.core.graph.subgraph_files import SUFFIX
from funcnodes.core.subgraphs.passages import InputPassage, OutputPassage
from funcnodes.core.subgraphs.subgraph import SHELF_NAME
from funcnodes.devices.bench import Bench
from funcnodes.devices.bench.reach import targets_of
from funcnodes.devices.device import Device
from funcnodes.devices.device.kept import OutageNotice
from funcnodes.devices.estop import safetylog
from funcnodes.devices.estop.latch import Latch, LatchState
from funcnodes.devices.nodes import DeviceNode
from funcnodes.errors import BenchError, FuncnodesError, RefusedError
from funcnodes.history import HistoryRecorder
from funcnodes.machine.place import leases_dir
from funcnodes.runs import Prompts, Run, RunHead, RunStore
from funcnodes.runs.before import BeforeRun
from funcnodes.runs.local import library
from funcnodes.workers import schema
from funcnodes.workers.bench_holder import BenchHolder
from funcnodes.workers.commands import Commands
from funcnodes.workers.guard.guard import Guard, Stop
from funcnodes.workers.keeping import RunKeeping
from funcnodes.workers.large import let_go
from funcnodes.workers.local.doorway import Doorway
from funcnodes.workers.logbook import Logbook
from funcnodes.workers.opening import Opening
from funcnodes.workers.publisher import Publisher
from funcnodes.workers.queueing import QueueKeeper
from funcnodes.workers.scripts import Scripts
from funcnodes.workers.setting import ByHand
from funcnodes.workers.shown import views
from funcnodes.workers.shown.examples import example, example_views
from funcnodes.workers.shown.questions import prompt_views
from funcnodes.workers.shown.safety import SafetyFeed
from funcnodes.workers.space import OpenNodespace, build
from funcnodes.workers.threads import in_thread
from funcnodes.workers.uplink import Uplink
from funcnodes.workers.workspace import Workspace, encode

SAFE_S = 1.0
CLOSE_S = 2.5
HISTORY_S = 0.5
"""What ending waits for the last values of the history at most."""
SAFETY_SHOWN = 100
"""Lines of the safety log that its log begins with."""
CLOCK_EVERY_S = 1.0

_log = logging.getLogger("funcnodes.worker")


class Worker:
    """One worker in this process. Create it with the loop running.

    Attributes:
        session: Names this life of the process.
        bench: Its devices, or None.
        open: The nodespace that is open, or None.
        queue: Runs that wait for their turn, beside it.
        operator_here: Whether nobody holds the controls, or whoever does is here.
        trouble: What whoever lists workers should know, or "".
        ready: Set once it can be asked for something; devices may still be connecting.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.session = secrets.token_hex(8)
        self.latch = Latch(workspace.latch_path)
        self.latch.reserve()
        self.runs = RunStore(workspace.runs_dir)
        self.keeping = RunKeeping(workspace, lambda text: self.logbook.add("info", "runs", text))
        self.controls = BenchHolder(changed=self._people_changed)
        self.bench: Bench | None = None
        self.history: HistoryRecorder | None = None
        self.open: OpenNodespace | None = None
        self.operator_here = True
        self.trouble = ""
        self.library = Library()
        self.palette = views.Palette(self.library, None)
        self._drivers: dict[str, str] = {}
        self.last_run: schema.RunView | None = None
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.link = Uplink(
            workspace, up=self._linked, received=self._received, down=self._link_lost
        )
        self.publisher = Publisher(self.session, self.link.send)
        self.publisher.unlink()  # until a manager has answered
        self.safety = SafetyFeed(self.publisher)
        self.logbook = Logbook(self._logged)
        for event in safetylog.read(workspace.logs_dir, SAFETY_SHOWN):
            self.logbook.add_event(event)
        self.guard = Guard(
            workspace,
            self.session,
            latch=self.latch,
            begin=self._begin_estop,
            bench=lambda: self.bench,
            running=self._running_node,
        )
        self.by_hand = ByHand(self)
        self.scripts = Scripts(self)
        self.doorway = Doorway(self)
        self._commands = Commands(self)
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._unwatch: list[Any] = []
        self._ending = False
        self.opening = Opening(self)
        self.queue = QueueKeeper(self)
        self._decoder = msgspec.msgpack.Decoder(schema.ToWorker)

    # ── its life ──────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Work until told to end; then make safe, save, and return."""
        logging.getLogger("funcnodes").addHandler(self.logbook)
        self._unwatch.append(self.latch.on_change(self._latch_changed))
        self._unwatch.append(self.latch.log.on_event(self.logbook.add_event))
        self.guard.start()
        self.doorway.open()
        try:
            await self._start()
            await self.ended.wait()
        finally:
            await self._finish()
            logging.getLogger("funcnodes").removeHandler(self.logbook)

    def end(self) -> None:
        """Begin to end. A second time is harmless."""
        self.ended.set()

    def strike(self, by: str) -> None:
        """Write every device's emergency bytes, from any thread; nothing is latched on disk."""
        if self.bench is not None and not self.latch.latched:
            self.bench.emergency.fire("the worker ends", by)

    async def _start(self) -> None:
        """Whoever is told of this worker finds it complete, but for devices still connecting."""
        preloading = self.spawn(in_thread(units.preload, name="units"), "units")
        self.library = library()
        self._read_subgraphs()
        opening = self._load_bench()
        interrupted = await self._recover_runs()
        await self.queue.load(interrupted)
        await preloading
        last = self.workspace.last_open()
        is_large = bool(last) and self.workspace.spaces.is_large(last)
        if not is_large:
            await self._open_last()
        self.palette = views.Palette(self.library, self.bench)
        self.ready.set()
        if is_large:
            self.spawn(self._open_last_aside(), "open")
        self.spawn(self.link.run(), "link")
        self.spawn(self._tell_time(), "clock")
        self.spawn(self.queue.work(), "queue")
        self.spawn(self.keeping.tidy_for_ever(), "tidy")
        if opening is not None:
            await self._open_bench(opening)

    async def _recover_runs(self) -> list[RunHead]:
        recovered = list(await in_thread(self.runs.recover, name="recover runs"))
        for head in recovered:
            text = f"Run {head.number} was interrupted; its {head.rows} rows are kept."
            self.logbook.add("warning", "run", text)
        newest = await in_thread(lambda: self.runs.list(1), name="list runs")
        self.last_run = views.head_view(newest[0]) if newest else None
        return recovered

    def _load_bench(self) -> Bench | None:
        if not self.workspace.bench_path.is_file():
            return None
        try:
            self.bench = Bench.load(
                self.workspace.bench_path,
                lock_dir=leases_dir(),
                latch=self.latch,
                owner=self.workspace.record.name,
            )
        except BenchError as error:
            self.trouble = error.message
            self.logbook.add("error", "bench", error.message)
            return None
        self.bench.reachable = False  # by way of the worker, see `doorway`
        self._drivers = {name: device.driver for name, device in self.bench.devices.items()}
        self._unwatch.append(self.bench.on_change(self._device_changed))
        self._unwatch.append(self.bench.on_notice(self._device_told))
        self._unwatch.append(self.bench.interlocks.on_change(self.queue.poke))
        self._unwatch.extend(self.safety.follow(self.bench))
        if self.bench.config.history.on:
            self.history = HistoryRecorder(self.workspace.history_path, self.bench)
            self.history.start()
        return self.bench

    async def _open_bench(self, bench: Bench) -> None:
        """Connect; devices that do not answer are tried on in the background."""
        opening = asyncio.ensure_future(bench.open())
        ending = asyncio.ensure_future(self.ended.wait())
        await asyncio.wait((opening, ending), return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            opening.cancel()
        ending.cancel()
        await asyncio.gather(opening, ending, return_exceptions=True)
        self.plan_guardian()
        self.announce()

    async def _open_last(self) -> None:
        name = self.workspace.last_open()
        if not name or not self.workspace.spaces.exists(name):
            return
        try:
            async with self.opening.opened(name) as opened:
                self._use(opened)
        except (FuncnodesError, OSError) as error:
            self.logbook.add("error", "worker", f"{name!r} could not be opened: {error}")

    async def _open_last_aside(self) -> None:
        """A large nodespace is opened while people can see that."""
        await self._open_last()
        self._tell_space()

    async def _finish(self) -> None:
        """Devices first; then the run, the file, the links. Bounded, whatever hangs."""
        self._ending = True
        run = self.open.runner.active if self.open is not None else None
        if run is not None:
            run.abort("The worker was told to end.")
        self.queue.give_up("The worker was told to end.")
        await self._make_safe()
        await _within(CLOSE_S, self.scripts.aclose("The worker ended."), "ending a script's run")
        await _within(CLOSE_S, self.queue.aclose(), "ending the queue")
        if self.open is not None:
            await _within(CLOSE_S, self.open.aclose(), "closing the nodespace")
        for unwatch in self._unwatch:
            unwatch()
        if self.history is not None:
            self.history.stop()
        if self.bench is not None:
            await _within(CLOSE_S, self.bench.close(), "closing the bench")
        self.publisher.close()
        await _within(0.5, self.link.drained(), "sending the last patches")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await in_thread(self.guard.stop, name="guard end")
        await in_thread(self.doorway.close, name="door end")
        await in_thread(self.latch.log.flush, name="safety log")
        if self.history is not None:
            history = self.history
            await in_thread(lambda: history.wait(HISTORY_S), name="history end")

    async def _make_safe(self) -> None:
        """What the bench asks for when its worker ends. Nothing after an E-STOP."""
        if self.bench is None or self.latch.latched:
            return
        self.logbook.add("info", "worker", "The worker ends: devices are made safe first.")
        await _within(SAFE_S, self.bench.make_safe("on_worker_death"), "making devices safe")

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> "asyncio.Task[Any]":
        """Run `work` for as long as the worker lives, at most."""
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("%s failed", task.get_name(), exc_info=task.exception())

    # ── the link ──────────────────────────────────────────────────────────────────────────

    def _linked(self) -> None:
        hello = schema.Hello(
            worker=self.workspace.record.uuid,
            name=self.workspace.record.name,
            session=self.session,
            pid=os.getpid(),
            version=__version__,
            clock_s=time.monotonic(),
        )
        self.publisher.link()
        self.publisher.send(hello)
        self.announce()

    async def _tell_time(self) -> None:
        """By it the manager says until when a command is good."""
        while True:
            self.publisher.send(schema.WorkerClock(clock_s=time.monotonic()))
            await asyncio.sleep(CLOCK_EVERY_S)

    def _link_lost(self) -> None:
        self.publisher.unlink()
        self._note_operator(is_here=self.controls.holder is None)

    def _received(self, data: bytes) -> None:
        message = self._decoder.decode(data)
        match message:
            case schema.Do():
                self._commands.do(message)
            case schema.People():
                self.controls.set_people(message.people)
            case schema.Shutdown():
                self.end()

    def announce(self) -> None:
        """Tell lists of workers how things stand."""
        self.publisher.send(self.standing())

    def standing(self) -> schema.Standing:
        """What lists of workers say of this one."""
        simulated, total = self.bench.simulated if self.bench is not None else (0, 0)
        return schema.Standing(
            bench=self.bench.name if self.bench is not None else "",
            nodespace=self.open.space.title or self.open.name if self.open else "",
            simulated=total > 0 and simulated == total,
            message=self.opening.progress or self.trouble,
        )

    def admit(self, actor: schema.Actor, body: schema.WorkerCommand) -> None:
        """Let pass whoever may do that now; raises RefusedError."""
        self._commands.admit(actor, body)

    async def carry_out(self, actor: schema.Actor, body: schema.AnyCommand) -> Any:
        """Carry a command out for somebody who is not on the link. Returns its result.

        Raises:
            FuncnodesError: It was refused, or failed.
        """
        await self.ready.wait()
        return await self._commands.carry_out(actor, body)

    # ── what is told ──────────────────────────────────────────────────────────────────────

    def snapshot(self, *, whole: bool = True) -> schema.Snapshot:
        """Everything a browser needs; what waits to be sent is in it.

        Args:
            whole: With the nodes and edges of the graph.
        """
        canvas = self.open.canvas if self.open is not None and whole else None
        self.publisher.flush()
        watch, safety = self.safety.views()
        return schema.Snapshot(
            worker=self.workspace.record.uuid,
            session=self.session,
            seq=self.publisher.seq,
            rev=self.publisher.rev,
            space=self.open.view() if self.open else None,
            spaces=self.workspace.spaces.names(),
            nodes=canvas.node_views() if canvas is not None else [],
            edges=canvas.edge_views() if canvas is not None else [],
            devices=self._device_views(),
            bench=self.bench.name if self.bench is not None else "",
            run=self.run_view(),
            latch=views.latch_view(self.latch.state),
            watch=watch,
            safety=safety,
            library=self.palette.entries,
            examples=list(example_views()),
            people=self.controls.people(),
            prompts=prompt_views(self.prompts()),
            queue=self.queue.view(),
            now=clock.now(),
            log=list(self.logbook.lines),
        )

    def run_view(self) -> schema.RunView | None:
        """The run that is on, or else the last one."""
        scripted = self.scripts.run
        if scripted is not None:
            return views.scripted_view(scripted)
        shown = [self.last_run, *(views.run_view(run) for run in self._runs())]
        active = self.active_run
        if active is not None:
            return views.run_view(active)
        return max(filter(None, shown), key=lambda run: run.number, default=None)

    @property
    def active_run(self) -> Run | None:
        """The run that is on, of the open nodespace or of the queue."""
        own = self.open.runner.active if self.open is not None else None
        return own or self.queue.active

    def run_called(self, run_id: str) -> Run | None:
        """A run of that id that this worker still has in memory."""
        return next((run for run in self._runs() if run.id == run_id), None)

    def _runs(self) -> list[Run]:
        own = self.open.runner.run if self.open is not None else None
        return [run for run in (own, self.queue.run) if run is not None]

    def prompts(self) -> list[Prompts]:
        """What nodes ask people, of the open nodespace and of what the queue runs."""
        aside = self.queue.aside
        asking = [self.open.prompts] if self.open is not None else []
        return [*asking, aside.prompts] if aside is not None else asking

    def asked(self) -> None:
        """What nodes ask people is another than before."""
        self.publisher.mark(
            "prompts", lambda: [schema.PromptsPut(prompts=prompt_views(self.prompts()))]
        )

    def space_changed(self) -> None:
        """Name, saved state, arming or undo of the open nodespace changed."""
        self.publisher.mark("space", self._space_events)
        self.queue.poke()  # Live may be over, or a run
        self.safety.touch()  # alarms of nodes come and go with them

    def _space_events(self) -> list[schema.PatchEvent]:
        view = self.open.view() if self.open else None
        return [schema.SpacePut(space=view, spaces=self.workspace.spaces.names())]

    def _people_changed(self) -> None:
        self.publisher.mark("people", lambda: [schema.PeoplePut(people=self.controls.people())])
        self._note_operator(is_here=self.controls.is_held_here)

        if self.open is not None:
            self.open.live.note_holder(self.controls)

    def _note_operator(self, *, is_here: bool) -> None:
        """The dead-man, for benches that ask for one (S1); all others go on (S2)."""
        holder = self.controls.holder
        self.operator_here = is_here
        self.queue.poke()
        if self.bench is not None:
            self.bench.operator_here(is_here, holder.name if holder is not None else "")

    def _logged(self, line: schema.LogLine) -> None:
        self.publisher.put(schema.Logged(lines=[line]))
        self.doorway.logged(line)

    def _device_views(self) -> list[schema.DeviceView]:
        devices = self.bench.devices.values() if self.bench is not None else ()
        return [views.device_view(device) for device in devices]

    def _device_told(self, notice: OutageNotice) -> None:
        """What became known after an outage; a run tells of its own devices itself."""
        if self.active_run is None:
            self.logbook.add("warning", notice.device, notice.text)

    def _device_changed(self, device: Device) -> None:
        def events() -> list[schema.PatchEvent]:
            return [schema.DevicePut(device=views.device_view(device))]

        self.publisher.mark(("device", device.name), events)
        if self._drivers.get(device.name) != device.driver:
            self._driver_found(device)
        if self.open is not None:
            self.open.canvas.note_stale(device.name)
        self.plan_guardian()

    def _driver_found(self, device: Device) -> None:
        """A device on the bench turned out to be of another kind than was known."""
        self._drivers[device.name] = device.driver
        self._tell_palette()
        if self.open is None:
            return
        nodes = [node for node in self.open.space.walk() if isinstance(node, DeviceNode)]
        mine = [node for node in nodes if node.device == device.name]
        for node in mine:
            node.rebuild()
        self.open.canvas.refresh([naming.name_of(node) for node in mine])

    def load_subgraphs(self) -> None:
        """Offer what is in the folder of subgraphs now, and tell everybody."""
        self._read_subgraphs()
        self._tell_palette()
        if self.open is not None:
            self.open.canvas.refresh_all(SubgraphNode)

    def _read_subgraphs(self) -> None:
        folder = self.workspace.subgraphs.folder
        self.library.load_subgraphs(folder)
        self.library.add_nodes([SubgraphNode, InputPassage, OutputPassage], SHELF_NAME)
        for name, why in self.library.broken.items():
            if name.endswith(SUFFIX):
                self.logbook.add("warning", "worker", f"{name} is not offered: {why}")

    def _tell_palette(self) -> None:
        self.palette = views.Palette(self.library, self.bench)
        self.publisher.mark("library", lambda: [schema.LibraryPut(library=self.palette.entries)])

    def plan_guardian(self, **_: Any) -> None:
        """Only devices that were reached: another worker may own the rest."""
        if self.bench is not None:
            self.doorway.plan(targets_of(self.bench))
            targets = self.bench.emergency.targets("on_worker_death")
            self.guard.plan([each for each in targets if each.idn])

    def _latch_changed(self, state: LatchState) -> None:
        """From any thread; of a reset by the loop at once, so that its answer comes after it."""
        if not state.latched and asyncio._get_running_loop() is self._loop:
            self._latch_told()
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._latch_told)

    def _latch_told(self) -> None:
        if self.latch.latched:
            self._disarm()
        self.queue.poke()
        self.publisher.mark(
            "latch", lambda: [schema.LatchPut(latch=views.latch_view(self.latch.state))]
        )

    def bench_in_use(self) -> str:
        """Why the bench is not to be left alone just now, e.g. "effects are on", or ""."""
        arming = self.open.space.arming if self.open is not None else "disarmed"
        if arming != "disarmed":
            return "a run is on" if arming == "running" else "effects are on"
        devices = self.bench.devices.values() if self.bench is not None else ()
        on = [device.name for device in devices if device.output_on]
        return f"the output of {' and '.join(on)} is on" if on else ""

    # ── nodespaces ────────────────────────────────────────────────────────────────────────

    def needs_no_run(self, *, closes: bool = False) -> None:
        """Raises RefusedError while a run is on; to close a nodespace, while its own is, or while
        Live has things set."""
        run = self.open.runner.active if closes and self.open is not None else None
        if run is not None or (not closes and self.active_run is not None):
            raise RefusedError("A run is on.", hint="Stop the run first.")
        self.scripts.check_no_run()
        if closes and self.open is not None:
            self.open.live.check_nothing_written()

    async def open_space(self, name: str) -> str:
        """Open a nodespace in place of the one that is open. Returns its name.

        Raises:
            RefusedError: A run is on.
            SavedGraphError: There is none of that name, or no valid version of it.
        """
        self.needs_no_run(closes=True)
        if self.open is not None:
            await self.open.autosave.flush()
        async with self.opening.opened(name) as opened:
            await self.close_space()
            self._use(opened)
        self._tell_space()
        return name

    async def add_space(self, wanted: str, data: dict[str, Any]) -> str:
        """Keep a nodespace under a free name like `wanted`, and open it. Returns its name."""
        self.needs_no_run(closes=True)
        build(self.library, self.bench, self.latch, data)
        store = self.workspace.spaces
        name = store.unused_name(wanted)
        await in_thread(lambda: store.save(name, encode(data)), name="save")
        return await self.open_space(name)

    async def open_example(self, name: str) -> str:
        """Open an example as a nodespace of its own. Returns that one's name."""
        data = example(name)
        return await self.add_space(_as_name(str(data.get("title") or name)), data)

    async def rename_space(self, name: str) -> None:
        """Give the open nodespace another name."""
        space = self.require_open()
        await space.autosave.rename(name)
        space.space.title = ""
        space.autosave.touch()
        self.workspace.set_last_open(space.name)
        self.space_changed()
        self.announce()

    async def close_space(self) -> None:
        """Close the open nodespace, if any."""
        self.needs_no_run(closes=True)
        space, self.open = self.open, None
        if space is not None:
            self.last_run = views.run_view(space.runner.run) if space.runner.run else self.last_run
            await space.aclose()
            self.asked()
            if space.canvas.is_large:
                let_go()

    def closed(self) -> None:
        """Tell that no nodespace is open now."""
        self.workspace.set_last_open("")
        self._tell_space()

    def require_open(self) -> OpenNodespace:
        """The open nodespace; raises RefusedError where none is."""
        if self.open is None:
            raise RefusedError("No nodespace is open.", hint="Open one, or an example.")
        return self.open

    def _use(self, opened: OpenNodespace) -> None:
        self.open = opened
        opened.space.services.provide(BeforeRun, self.keeping.before_run())
        opened.space.on("arming", self.plan_guardian)  # nothing is written that it knows not of
        self.workspace.set_last_open(opened.name)
        if opened.notice:
            self.logbook.add("warning", "worker", opened.notice)

    def _tell_space(self) -> None:
        self.publisher.rev += 1
        if self.open is not None and self.open.canvas.is_large:
            self.open.editor.rev = self.publisher.rev
            self.publisher.put(schema.Reset(nodes=[], edges=[]))
            self.publisher.skip()  # the rest by a Snapshot, which is made in slices
        elif self.open is not None:
            self.open.editor.rev = self.publisher.rev
            self.publisher.put(self.open.canvas.reset())
        else:
            self.publisher.put(schema.Reset(nodes=[], edges=[]))
        self.space_changed()
        self.announce()

    # ── E-STOP ────────────────────────────────────────────────────────────────────────────

    def _begin_estop(self, stop: Stop) -> None:
        """Called on the loop, by the guard. The bytes are out before this returns to the loop."""
        stop.begun.set()
        self.spawn(self._estop_for(stop), "E-STOP")

    async def _estop_for(self, stop: Stop) -> None:
        try:
            await self.estop(stop.cause, stop.by, told=lambda _: stop.told(False))
        finally:
            stop.told(True)

    async def estop(self, cause: str, by: str, *, told: Any = lambda _: None) -> LatchState:
        """Stop every device, give up what runs, disarm. Returns the latch with all words."""

        try:
            if self.bench is not None:
                await self.bench.estop(cause, by, on_ack=told)
            else:
                self.latch.engage(cause, by)
                self.latch.save()
        finally:
            self._disarm()
        return self.latch.state

    def _disarm(self) -> None:
        if self.open is not None and not self.open.space.locked:  # a run disarms by itself
            self.open.live.end_stopped(self.spawn)

    def _running_node(self) -> Node | None:
        """From any thread."""
        spaces = [each.space for each in (self.open, self.queue.aside) if each is not None]
        nodes = (space.engine.inline for space in spaces)
        return next((node for node in nodes if isinstance(node, Node)), None)


async def _within(seconds: float, work: Coroutine[Any, Any, Any], what: str) -> None:
    """Carry `work` out, but no longer than that; a failure is logged."""
    try:
        await asyncio.wait_for(work, seconds)
    except TimeoutError:
        _log.error("%s took over %g s", what, seconds)
    except Exception:
        _log.exception("%s failed", what)


def _as_name(title: str) -> str:
    """A title as the name of a nodespace."""
    kept = "".join(c if c.isalnum() or c in " -_.,()+=" else " " for c in title)
    return " ".join(kept.split())[:80] or "Nodespace"
