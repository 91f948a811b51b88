"""The manager: creates, starts, stops, watches and restarts workers, and relays for them.

It owns no graph and no device. Workers outlive it: they are left running when it ends, dial in to
the next one and are adopted. Framework-free; `web` puts sockets and routes in front of it.
"""

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from funcnodes.errors import FuncnodesError, WorkerError
from funcnodes.machine.presence import Kind, present
from funcnodes.settings import Settings
from funcnodes.workers import schema
from funcnodes.workers.local.leftovers import sweep_config
from funcnodes.workers.manager.budget import Budgets
from funcnodes.workers.manager.hub import Hub
from funcnodes.workers.manager.supervision import Supervisor, WorkerState
from funcnodes.workers.workspace import Workspace


class WorkerView(msgspec.Struct, kw_only=True, frozen=True):
    """One worker, as lists of workers show it."""

    uuid: str
    name: str
    state: WorkerState
    pid: int | None = None
    bench: str = ""
    nodespace: str = ""
    simulated: bool = False
    message: str = ""
    guarded: bool = False
    """Whether an E-STOP reaches it past its event loop."""


class Stranger(msgspec.Struct, kw_only=True, frozen=True):
    """A process of this user on this machine that has a bench, and no worker of this manager."""

    kind: Kind
    name: str
    pid: int
    bench: str = ""


class ManagedWorker:
    """A worker's folder, its process and its traffic."""

    def __init__(self, workspace: Workspace, changed: Callable[[], None], budgets: Budgets) -> None:
        self.workspace = workspace
        self.supervisor = Supervisor(workspace, changed=changed)
        self.hub = Hub(workspace.record.uuid, changed=changed, budgets=budgets)

    def view(self) -> WorkerView:
        record, standing, identity = self.workspace.record, self.hub.standing, self.hub.identity
        process = self.supervisor.process
        state: WorkerState = "running" if identity else self.supervisor.state
        message = self.supervisor.message if state != "running" else standing.message
        if state == "running" and identity is None:
            state, message = "starting", "The process runs, but has not dialled in yet."
        return WorkerView(
            uuid=record.uuid,
            name=record.name,
            state=state,
            pid=identity.pid if identity else process.pid if process else None,
            bench=standing.bench,
            nodespace=standing.nodespace,
            simulated=standing.simulated,
            message=message,
            guarded=self.hub.guarded,
        )


class Manager:
    """All workers of one config folder.

    Attributes:
        budgets: What each person may ask for, of all workers together.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.budgets = Budgets()
        self._workers: dict[str, ManagedWorker] = {}
        self._changed = asyncio.Condition()
        self._notify: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Find every worker on disk, adopt those that run, start those that are to be started."""
        sweep_config(self.settings)
        for workspace in Workspace.all(self.settings):
            supervisor = self._add(workspace).supervisor
            if supervisor.adopt():
                continue
            if workspace.record.autostart:
                supervisor.start()
            else:
                supervisor.make_up()

    async def close(self, *, stop_workers: bool = False) -> None:
        """Stop watching; workers go on unless `stop_workers`."""
        workers = list(self._workers.values())
        if stop_workers:
            await asyncio.gather(*(self.stop(each.workspace.record.uuid) for each in workers))
        for worker in workers:
            await worker.supervisor.release()
        for task in list(self._notify):
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def refresh(self) -> None:
        """Take notice of what the command line did to the workers on disk."""
        for uuid, worker in list(self._workers.items()):
            try:
                worker.workspace.reload()
            except WorkerError:
                if worker.supervisor.process is None and not worker.workspace.root.exists():
                    self._forget(uuid)
        for folder in self.settings.workers_dir.iterdir():
            if folder.name not in self._workers and not folder.name.startswith("."):
                with contextlib.suppress(WorkerError):
                    self._add(Workspace(folder))

    def _forget(self, uuid: str) -> None:
        worker = self._workers.pop(uuid)
        task = asyncio.get_running_loop().create_task(worker.supervisor.release())
        self._notify.add(task)
        task.add_done_callback(self._notify.discard)

    def views(self) -> list[WorkerView]:
        """Every worker, oldest first."""
        self.refresh()
        return [each.view() for each in self._workers.values()]

    def running(self) -> list[WorkerView]:
        """Workers that have a process now."""
        return [each for each in self.views() if each.pid is not None]

    def out_of_reach(self) -> list[Stranger]:
        """What has a bench on this machine and that no E-STOP from here reaches (S4)."""
        mine = {each.pid for each in self.running()}
        with contextlib.suppress(FuncnodesError, OSError):
            return [
                Stranger(kind=each.kind, name=each.name, pid=each.pid, bench=each.bench)
                for each in present()
                if each.pid not in mine
            ]
        return []

    def create(self, name: str, *, uuid: str | None = None) -> WorkerView:
        """Make a worker; it is not started.

        Raises:
            RefusedError: The name cannot be one.
            WorkerError: A worker has that name already.
        """
        self.refresh()
        if any(each.workspace.record.name == name.strip() for each in self._workers.values()):
            raise WorkerError(f"There is already a worker named {name.strip()!r}.")
        return self._add(Workspace.create(self.settings, name, uuid=uuid)).view()

    def start(self, uuid: str) -> WorkerView:
        """Start a worker, or reset and start one that is given up.

        Raises:
            WorkerError: No such worker.
        """
        worker = self.worker(uuid)
        worker.supervisor.start()
        return worker.view()

    async def stop(self, uuid: str) -> WorkerView:
        """Make the bench safe and end the process.

        Raises:
            WorkerError: No such worker.
        """
        worker = self.worker(uuid)
        await worker.supervisor.stop(ask=worker.hub.shutdown)
        return worker.view()

    def worker(self, uuid: str) -> ManagedWorker:
        """A worker by uuid, or by name.

        Raises:
            WorkerError: No such worker.
        """
        found = self._workers.get(uuid)
        if found is None:
            self.refresh()
            found = self._workers.get(uuid)
        if found is None:
            named = [w for w in self._workers.values() if w.workspace.record.name == uuid]
            if len(named) != 1:
                raise WorkerError(f"There is no worker {uuid!r}.", worker=uuid)
            return named[0]
        return found

    def hub(self, uuid: str) -> Hub:
        """The traffic of a worker.

        Raises:
            WorkerError: No such worker.
        """
        return self.worker(uuid).hub

    def default(self) -> str | None:
        """The worker a browser should look at first: one that runs, else the oldest."""
        views = self.views()
        running = [each for each in views if each.state == "running"] or views
        return running[0].uuid if running else None

    def enrolled(self, credential: str) -> str | None:
        """The uuid of the worker whose credential this is, or None."""
        found = self.owner(credential)
        if found is None:
            self.refresh()
            found = self.owner(credential)
        return found

    def owner(self, credential: str) -> str | None:
        """The same among the workers that are known already; reads no disk."""
        records = [worker.workspace.record for worker in self._workers.values()]
        return next((each.uuid for each in records if each.owns(credential)), None)

    async def wait_for(self, uuid: str, state: WorkerState, timeout_s: float) -> WorkerView:
        """The worker, once it is in `state`.

        Raises:
            WorkerError: It is not within `timeout_s`, or it failed.
        """
        worker = self.worker(uuid)
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                while (view := worker.view()).state != state:
                    if view.state == "failed":
                        raise WorkerError(view.message or f"Worker {view.name!r} failed.")
                    await self._changed.wait()
        except TimeoutError:
            raise WorkerError(
                f"Worker {worker.workspace.record.name!r} is not {state} after {timeout_s:g} s."
            ) from None
        return view

    def linked(self, uuid: str) -> None:
        """A worker has said Hello: it counts as running, whoever started it."""
        worker = self.worker(uuid)
        worker.supervisor.adopt()
        worker.supervisor.ready()

    def _add(self, workspace: Workspace) -> ManagedWorker:
        worker = ManagedWorker(workspace, self._wake, self.budgets)
        self._workers[workspace.record.uuid] = worker
        return worker

    def _wake(self) -> None:
        task = asyncio.get_running_loop().create_task(self._tell())
        self._notify.add(task)
        task.add_done_callback(self._notify.discard)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def actor(person: schema.PersonView) -> schema.Actor:
    """The person, as a worker is told of them."""
    return schema.Actor(id=person.id, name=person.name, role=person.role)
