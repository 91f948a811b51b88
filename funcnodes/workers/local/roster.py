"""The workers of a config folder, read from disk: who they are and what they do now.

Guarantees that creating, listing, renaming and removing need no manager; a manager that runs takes
notice of what is on disk by itself. Where one runs, it knows better how its workers fare, and its
word is taken. A worker's own process is asked for what only it knows.
"""

import contextlib
import os
import secrets
import shutil
import tomllib
import uuid as uuids
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from funcnodes.durable import write_private
from funcnodes.errors import FuncnodesError, RefusedError, WorkerError
from funcnodes.machine import presence
from funcnodes.machine.door import ask
from funcnodes.machine.locks import LockHeld, locked
from funcnodes.settings import Settings
from funcnodes.workers.manager import address_file
from funcnodes.workers.manager.client import ManagerClient
from funcnodes.workers.workspace import Workspace, checked_uuid

WHO_S = 1.0
MANAGER_S = 3.0
_FROM_MANAGER = ("state", "pid", "bench", "nodespace", "simulated", "message", "guarded")


@dataclass(frozen=True, slots=True)
class WorkerStanding:
    """One worker as the command line shows it.

    Attributes:
        state: running, stopped, starting or failed.
        message: Why it is not running, or what is wrong with it, or "".
        guarded: Whether a manager's E-STOP reaches it past its event loop.
        python: Interpreter it is started with.
        own_environment: Whether that is one of its own.
        autostart: Whether a manager starts it when it begins.
        created: Seconds since the epoch.
    """

    uuid: str
    name: str
    state: str
    pid: int | None
    bench: str
    nodespace: str
    simulated: bool
    message: str
    guarded: bool
    python: str
    own_environment: bool
    requirements: tuple[str, ...]
    autostart: bool
    created: float
    folder: str


# ── finding ───────────────────────────────────────────────────────────────────────────────


def find(settings: Settings, *, name: str = "", uuid: str = "") -> Workspace:
    """The worker with that id, or of that name; `name` may be an id, too.

    Raises:
        WorkerError: There is none, or several have that name.
    """
    found = matching(settings, name=name, uuid=uuid)
    if len(found) > 1:
        ids = ", ".join(each.record.uuid for each in found)
        raise WorkerError(
            f"{len(found)} workers are named {name!r}: {ids}.", hint="Say which one by --uuid."
        )
    return found[0]


def first(settings: Settings, *, name: str = "", uuid: str = "") -> Workspace:
    """As `find`, but of several of that name the oldest.

    Raises:
        WorkerError: There is none.
    """
    return matching(settings, name=name, uuid=uuid)[0]


def matching(settings: Settings, *, name: str = "", uuid: str = "") -> list[Workspace]:
    """Every worker that is meant, oldest first: by id, which has one, else by name.

    Raises:
        WorkerError: There is none.
    """
    every = Workspace.all(settings)
    wanted = uuid or name
    found = [each for each in every if each.record.uuid == wanted]
    if not found and not uuid:
        found = [each for each in every if each.record.name == name]
    if found:
        return found
    what = f"with the id {uuid!r}" if uuid else repr(name)
    known = ", ".join(sorted({each.record.name for each in every})) or "none yet"
    raise WorkerError(f"There is no worker {what}.", hint=f"There is: {known}.", worker=wanted)


# ── what they do ──────────────────────────────────────────────────────────────────────────


def standings(
    settings: Settings, workspaces: Sequence[Workspace] | None = None
) -> list[WorkerStanding]:
    """How every worker fares, oldest first."""
    chosen = Workspace.all(settings) if workspaces is None else workspaces
    views = _views(settings)
    return [_standing(each, views.get(each.record.uuid)) for each in chosen]


def standing(settings: Settings, workspace: Workspace) -> WorkerStanding:
    """How one worker fares."""
    return standings(settings, [workspace])[0]


def _views(settings: Settings) -> dict[str, dict[str, Any]]:
    """What a running manager says, by id."""
    address = address_file.read(settings)
    if address is None:
        return {}
    with contextlib.suppress(FuncnodesError):
        return {v["uuid"]: v for v in ManagerClient(address, timeout_s=MANAGER_S).workers()}
    return {}


def _standing(workspace: Workspace, view: dict[str, Any] | None) -> WorkerStanding:
    found = _on_disk(workspace)
    if view is not None and (found.pid is None or view.get("pid") is not None):
        known = {key: view[key] for key in _FROM_MANAGER if view.get(key) not in (None, "")}
        return replace(found, **known)
    return found


def _on_disk(workspace: Workspace) -> WorkerStanding:
    record, process = workspace.record, workspace.process()
    bench, simulated = _bench_of(workspace.bench_path)
    message = ""
    if process is None and not workspace.left_cleanly():
        message = "Its last process did not end in order."
    found = WorkerStanding(
        uuid=record.uuid, name=record.name, state="running" if process else "stopped",
        pid=process.pid if process else None, bench=bench, nodespace=workspace.last_open(),
        simulated=simulated, message=message, guarded=False, python=record.python,
        own_environment=workspace.has_own_python, requirements=workspace.requirements(),
        autostart=record.autostart, created=record.created, folder=str(workspace.root),
    )  # fmt: skip
    return replace(found, **_own_words(workspace)) if process else found


def _own_words(workspace: Workspace) -> dict[str, Any]:
    """What the worker's process says of itself, where it answers."""
    with contextlib.suppress(OSError, FuncnodesError):
        entry = presence.of_worker(workspace.record.uuid, workspace.root)
        if entry is not None:
            for answer in ask(entry.door, {"do": "who"}, within_s=WHO_S):
                said = answer.get("standing") or {}
                return {k: said[k] for k in ("bench", "nodespace", "simulated", "message")}
    return {}


def _bench_of(path: Path) -> tuple[str, bool]:
    """Name of the bench in a file, and whether all of it is simulated."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "", False
    devices = data.get("devices")
    tables = (
        [d for d in devices.values() if isinstance(d, dict)] if isinstance(devices, dict) else []
    )
    simulated = [d.get("simulated", str(d.get("address", "")).startswith("sim:")) for d in tables]
    return str(data.get("name", path.stem)), bool(tables) and all(simulated)


# ── creating, renaming, removing ──────────────────────────────────────────────────────────


def create(
    settings: Settings,
    *,
    name: str = "",
    uuid: str = "",
    python: str = "",
    autostart: bool = False,
    bench: Path | None = None,
) -> Workspace:
    """Make a worker; it is not started. All of it is made, or nothing.

    Args:
        name: What people call it, others may be called the same; the id unless given.
        uuid: Made unless given.
        python: Interpreter to start it with, if not the present one.
        bench: Bench file to take over.

    Raises:
        RefusedError: Name or id cannot be one, or the id is taken.
        BenchError: The bench file is not valid.
        WorkerError: It cannot be written.
    """
    text = _bench_text(bench) if bench is not None else b""
    uuid = checked_uuid(uuid) if uuid else uuids.uuid4().hex
    workspace = Workspace.create(
        settings, name or uuid, uuid=uuid, python=python, autostart=autostart
    )
    if text:
        with undone(workspace):
            _write(workspace.bench_path, text)
    return workspace


def _bench_text(path: Path) -> bytes:
    from funcnodes.devices.bench import Bench
    from funcnodes.devices.benchfile import BenchFile

    _ = BenchFile.load(path).config
    Bench.load(path)
    return path.read_bytes()


def _write(path: Path, data: bytes) -> None:
    try:
        write_private(path, data)
    except OSError as error:
        raise WorkerError(f"{path} cannot be written: {error.strerror}.") from error


@contextlib.contextmanager
def undone(workspace: Workspace) -> Any:
    """Take a worker away that was only just made, where the block fails."""
    try:
        yield
    except BaseException:
        shutil.rmtree(workspace.root, ignore_errors=True)
        raise


def recorded_runs(workspace: Workspace) -> int:
    """How many runs go with the worker when it is removed."""
    return len(list((workspace.root / "runs").glob("*.sqlite")))


def remove(settings: Settings, workspace: Workspace, *, with_runs: bool = False) -> None:
    """Take a worker away with all that it has.

    Args:
        with_runs: Take its recorded runs away, too.

    Raises:
        RefusedError: It runs, or has runs that were recorded.
        WorkerError: It cannot be taken away; it is as it was.
    """
    found, name = standing(settings, workspace), workspace.record.name
    if found.pid is not None or found.state in ("running", "starting"):
        raise _is_running(workspace)
    runs = recorded_runs(workspace)
    if runs and not with_runs:
        what = "a recorded run" if runs == 1 else f"{runs} recorded runs"
        raise RefusedError(
            f"Worker {name!r} has {what} in {workspace.root / 'runs'}.",
            hint="--yes removes them, too.",
        )
    going = workspace.root.with_name(f".removed-{secrets.token_hex(4)}")
    try:
        with locked(workspace.root / "lock"):  # so that nobody starts it just now
            os.rename(workspace.root, going)
    except LockHeld:
        raise _is_running(workspace) from None
    except OSError as error:
        raise WorkerError(
            f"Worker {name!r} cannot be removed from {workspace.root.parent}: {error.strerror}."
        ) from error
    shutil.rmtree(going, ignore_errors=True)


def _is_running(workspace: Workspace) -> RefusedError:
    return RefusedError(
        f"Worker {workspace.record.name!r} is running.",
        hint=f"'funcnodes worker stop --uuid {workspace.record.uuid}' ends it.",
    )
