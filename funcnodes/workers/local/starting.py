"""Starting and ending the process of a worker, with a manager or without one.

Guarantees that a running manager is asked, since it watches its workers and would start one again;
that without one a worker is started all the same, in this terminal or in the background; and that
devices are made safe first whenever one ends.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from funcnodes.errors import FuncnodesError, RefusedError, WorkerError
from funcnodes.machine import presence
from funcnodes.machine.processes import Process
from funcnodes.settings import Settings
from funcnodes.workers.local import environment, logs, roster
from funcnodes.workers.local.roster import WorkerStanding
from funcnodes.workers.manager import address_file
from funcnodes.workers.manager.client import ManagerClient
from funcnodes.workers.workspace import Workspace

START_S = 30.0
END_S = 8.0
POLL_S = 0.05


def command(workspace: Workspace) -> list[str]:
    """What runs a worker: in the Python that it was created in."""
    module = "funcnodes.workers.process"
    return [workspace.record.python, "-m", module, "--dir", str(workspace.root)]


def spawn(workspace: Workspace) -> "subprocess.Popen[bytes]":
    """Start a worker's process in a session of its own; what it says goes to its log.

    Raises:
        WorkerError: Its Python cannot be started, or its log not be written.
    """
    record = workspace.record
    try:
        descriptor = logs.open_log(workspace.logs_dir)
    except OSError as error:
        raise WorkerError(
            f"The log of worker {record.name!r} cannot be written: {error.strerror}."
        ) from error
    try:
        return subprocess.Popen(
            command(workspace),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    except OSError as error:
        raise WorkerError(
            f"Worker {record.name!r} cannot be started with {record.python}: {error.strerror}."
        ) from error
    finally:
        os.close(descriptor)


def start_by_manager(settings: Settings, workspace: Workspace) -> WorkerStanding | None:
    """Have the running manager start a worker, and wait until it has. None without a manager.

    Raises:
        RefusedError: Its Python cannot run it.
        WorkerError: It did not start; the message says why.
    """
    address = address_file.read(settings)
    if address is None:
        return None
    environment.check(workspace.record.python, name=workspace.record.name)
    ManagerClient(address).worker_start(workspace.record.uuid)

    def found() -> WorkerStanding | None:
        now = roster.standing(settings, workspace)
        if now.state == "failed":
            raise _did_not_start(workspace, now.message)
        return now if now.state == "running" else None

    return _awaited(workspace, found)


def start_in_background(settings: Settings, workspace: Workspace) -> WorkerStanding:
    """Start a worker without a manager, and wait until it answers.

    Raises:
        RefusedError: It runs already, or its Python cannot run it.
        WorkerError: It did not start; the message says why.
    """
    check_startable(workspace)
    child = spawn(workspace)

    def found() -> WorkerStanding | None:
        if _answers(workspace):
            return roster.standing(settings, workspace)
        code = child.poll()
        if code is not None:
            raise _did_not_start(workspace, f"its process ended with code {code}")
        return None

    try:
        return _awaited(workspace, found)
    finally:
        child.returncode = 0  # it lives on without us: no ResourceWarning, no waiting


def become(workspace: Workspace) -> NoReturn:
    """Be the worker, from now on, in this process and this terminal; see `check_startable`.

    Raises:
        WorkerError: Its Python cannot be started.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execv(workspace.record.python, command(workspace))
    except OSError as error:
        raise WorkerError(
            f"Worker {workspace.record.name!r} cannot be started with "
            f"{workspace.record.python}: {error.strerror}."
        ) from error


def stop(settings: Settings, workspace: Workspace) -> WorkerStanding:
    """Make a worker's devices safe and end it; one that does not listen is killed.

    Raises:
        RefusedError: It does not run.
        WorkerError: It goes on.
    """
    process, address = workspace.process(), address_file.read(settings)
    if address is not None:
        with contextlib.suppress(FuncnodesError):  # it may have just ended, or not know of it
            ManagerClient(address).worker_stop(workspace.record.uuid)
    elif process is None:
        raise RefusedError(f"Worker {workspace.record.name!r} is not running.")
    if process is not None and process.alive():
        _end(process, workspace)
    return roster.standing(settings, workspace)


def _end(process: Process, workspace: Workspace) -> None:
    process.send(signal.SIGTERM)
    if process.gone_within(END_S):
        return
    process.send(signal.SIGKILL)
    if not process.gone_within(END_S):
        raise WorkerError(
            f"Worker {workspace.record.name!r} (process {process.pid}) cannot be ended.",
            hint="'funcnodes estop' makes its devices safe.",
        )


def check_startable(workspace: Workspace) -> None:
    """Raises RefusedError where it runs already, or its Python cannot run it."""
    process = workspace.process()
    if process is not None:
        raise RefusedError(
            f"Worker {workspace.record.name!r} is already running (process {process.pid})."
        )
    environment.check(workspace.record.python, name=workspace.record.name)


def _awaited(workspace: Workspace, found: Callable[[], WorkerStanding | None]) -> WorkerStanding:
    """How the worker fares once it runs."""
    until = time.monotonic() + START_S
    while (now := found()) is None:
        if time.monotonic() > until:
            raise WorkerError(
                f"Worker {workspace.record.name!r} has not started within {START_S:g} s.",
                hint=f"'funcnodes worker logs --uuid {workspace.record.uuid}' shows what it said.",
            )
        time.sleep(POLL_S)
    return now


def _answers(workspace: Workspace) -> bool:
    try:
        return presence.of_worker(workspace.record.uuid, workspace.root) is not None
    except FuncnodesError:  # nobody finds anybody here; that it runs has to do
        return workspace.process() is not None


def _did_not_start(workspace: Workspace, why: str) -> WorkerError:
    said: list[Any] = logs.last_words(workspace.logs_dir).splitlines()[-1:]
    words = f": {said[0]}" if said and said[0] not in why else ""
    return WorkerError(
        f"Worker {workspace.record.name!r} did not start, {why}{words}".rstrip(".") + ".",
        hint=f"'funcnodes worker logs --uuid {workspace.record.uuid}' shows more.",
    )
