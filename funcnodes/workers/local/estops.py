"""E-STOP from the command line: everything of this user on this machine that has a bench.

Guarantees that no server is needed, that all are told at once, and that one which does not answer
keeps nobody else waiting: it is ended by a signal, killed where it is frozen, and its devices are
then told to stop from here, as its guardian would ("sent, not confirmed"). Workers that are
elsewhere are reached by the manager, where one runs. What a killed program left on is told, too.
"""

import contextlib
import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from funcnodes.devices.estop.latch import AckState, Latch, StopAck
from funcnodes.devices.estop.unfinished import left_by_the_dead, strike_left
from funcnodes.errors import FuncnodesError, WorkerError
from funcnodes.machine.door import ask
from funcnodes.machine.presence import Entry, present
from funcnodes.machine.processes import Process
from funcnodes.settings import Settings
from funcnodes.workers.workspace import Workspace

HEAR_S = 2.0
"""For how long a process may leave it open whether it has heard; as long as a guardian waits."""
REPORT_S = 3.0
END_S = 2.0
"""How long a process may take to end by a signal."""
MANAGER_S = 4.0

Kind = Literal["worker", "program", "remote"]


@dataclass(frozen=True, slots=True)
class Reachable:
    """One that can be stopped.

    Attributes:
        name: Of the worker, or of the program.
        uuid: Of the worker, or "".
        press: Stops it; returns its latch as far as it is known.
    """

    kind: Kind
    name: str
    uuid: str
    pid: int | None
    bench: str
    folder: str
    press: Callable[[str], dict[str, Any]] = field(repr=False)

    def is_called(self, name: str) -> bool:
        """Whether somebody may mean this one by `name`."""
        return name in (self.name, self.uuid, str(self.pid), self.bench) and bool(name)


@dataclass(frozen=True, slots=True)
class Pressed:
    """What became of one of them.

    Attributes:
        latch: Its latch with the word of each device, or None where it was not reached.
        problem: Why it was not, or "".
    """

    name: str
    worker: str
    kind: Kind
    pid: int | None
    bench: str
    folder: str
    latch: dict[str, Any] | None = None
    problem: str = ""

    @property
    def acks(self) -> list[dict[str, Any]]:
        """One word per device."""
        return list((self.latch or {}).get("acks") or [])

    @property
    def is_safe(self) -> bool:
        """Whether each device was read back off, or holds as its bench says."""
        return not self.problem and all(ack["state"] in ("off", "held") for ack in self.acks)


def estop(
    settings: Settings, names: Sequence[str] = (), *, by: str = "the command line"
) -> list[Pressed]:
    """Stop every bench of this user on this machine, or those of these names.

    Args:
        names: Workers by name or uuid, programs by name or pid, or benches by name.

    Raises:
        WorkerError: One of the names is nobody's; the others were stopped all the same.
    """
    here = on_this_machine(settings)
    with ThreadPoolExecutor(len(here) + 1, thread_name_prefix="E-STOP") as pool:
        at_once = list(pool.map(lambda each: _press(each, by), _named(here, names)))
        elsewhere = _by_manager(settings, {each.uuid for each in here})
        then = list(pool.map(lambda each: _press(each, by), _named(elsewhere, names)))
    missing = [n for n in names if not any(each.is_called(n) for each in (*here, *elsewhere))]
    if missing:
        raise _nobody(missing, settings, [*at_once, *then])
    return [*at_once, *then]


def on_this_machine(settings: Settings) -> list[Reachable]:
    """All that can be stopped without a manager, workers first."""
    found = [_by_door(entry) for entry in _entries()]
    found += _by_folder(settings, {each.pid for each in found})
    found += _by_what_was_left()
    return sorted(found, key=lambda each: each.kind != "worker")


def _named(found: list[Reachable], names: Sequence[str]) -> list[Reachable]:
    return [each for each in found if not names or any(map(each.is_called, names))]


def _entries() -> list[Entry]:
    with contextlib.suppress(FuncnodesError, OSError):
        return present()
    return []


def _press(one: Reachable, by: str) -> Pressed:
    done = Pressed(one.name, one.uuid, one.kind, one.pid, one.bench, one.folder)
    try:
        return replace(done, latch=one.press(by))
    except FuncnodesError as error:
        return replace(done, problem=f"{error.message} {error.hint}".strip())


def _nobody(missing: Iterable[str], settings: Settings, pressed: list[Pressed]) -> WorkerError:
    known = {each.record.name for each in Workspace.all(settings)}
    idle = [name for name in missing if name in known]
    what = " and ".join(repr(name) for name in missing)
    stopped = f" {', '.join(each.name for each in pressed)}: stopped." if pressed else ""
    why = "does not run" if idle else "is no worker, program or bench that is running here"
    return WorkerError(
        f"{what} {why}.{stopped}", hint="'funcnodes estop' without a name stops everything."
    )


# ── by the door of the process ──


def _by_door(entry: Entry) -> Reachable:
    return Reachable(
        entry.kind, entry.name, entry.worker, entry.pid, entry.bench, entry.folder,
        lambda by: _through_door(entry, by),
    )  # fmt: skip


def _through_door(entry: Entry, by: str) -> dict[str, Any]:
    question = {"do": "estop", "by": by, "cause": "E-STOP"}
    with contextlib.suppress(OSError):
        for answer in ask(entry.door, question, within_s=HEAR_S, then_s=REPORT_S):
            if isinstance(answer.get("latch"), dict):
                latch: dict[str, Any] = answer["latch"]
                return latch
    return _past_the_process(entry, by)


def _past_the_process(entry: Entry, by: str) -> dict[str, Any]:
    """End a process that does not answer, then tell its devices to stop in its place."""
    from funcnodes.devices.estop.emergency import Target, strike

    _end(entry.process)
    latch = Latch(Path(entry.folder) / "latch.json" if entry.folder else None)
    latch.engage("E-STOP", by)
    for target in msgspec.convert(entry.targets, list[Target]):
        struck = strike(target)
        why = "The process did not answer and was ended." if struck.sent else struck.message
        state: AckState = "sent" if struck.sent else "unanswered"
        latch.acknowledge(StopAck(device=target.device, state=state, ms=struck.ms, message=why))
    latch.save()
    found: dict[str, Any] = msgspec.to_builtins(latch.state)
    return found


def _end(process: Process) -> None:
    process.send(signal.SIGTERM)
    if not process.gone_within(END_S):
        process.send(signal.SIGKILL)
        process.gone_within(END_S)


# ── by the folder of the worker, where its process says nothing of itself ──


def _by_folder(settings: Settings, known: set[int | None]) -> list[Reachable]:
    found = []
    for workspace in Workspace.all(settings):
        process = workspace.process()
        if process is not None and process.pid not in known:
            record = workspace.record
            found.append(
                Reachable(
                    "worker", record.name, record.uuid, process.pid, "", str(workspace.root),
                    lambda by, workspace=workspace: _by_signal(workspace, by),  # type: ignore[misc]
                )
            )  # fmt: skip
    return found


def _by_signal(workspace: Workspace, by: str) -> dict[str, Any]:
    """The worker ends, which makes its devices safe; nobody hears what they said."""
    process = workspace.process()
    if process is not None:
        _end(process)
    latch = Latch(workspace.latch_path)
    latch.engage("E-STOP", by)
    latch.save()
    raise WorkerError(
        "It was told to end, and makes its devices safe by that; nothing is confirmed.",
        hint="Look at its instruments.",
    )


# ── by what is left of it, where its process is gone ──


def _by_what_was_left() -> list[Reachable]:
    """Programs that were killed while an instrument was on, and had no guardian."""
    left = {each.process: each for each in left_by_the_dead() if each.target is not None}
    return [
        Reachable(
            "program", each.owner, "", each.pid, "", "",
            lambda by, process=process: _strike_left(process),  # type: ignore[misc]
        )
        for process, each in left.items()
    ]  # fmt: skip


def _strike_left(process: Process) -> dict[str, Any]:
    acks = [
        StopAck(
            device=each.device, state="sent" if each.sent else "unanswered", ms=each.ms,
            message=f"Its process ended otherwise than in order. {each.message}".strip(),
        )
        for each in strike_left(process)
    ]  # fmt: skip
    return {"acks": msgspec.to_builtins(acks)}


# ── by the manager ──


def _by_manager(settings: Settings, known: set[str]) -> list[Reachable]:
    """Workers on other machines, as far as the manager of this config folder has them."""
    from funcnodes.workers.manager.client import ManagerClient

    try:
        manager = ManagerClient.find(settings, timeout_s=MANAGER_S)
        views = manager.workers()
    except FuncnodesError:
        return []
    return [
        Reachable(
            "remote", view["name"], view["uuid"], None, view.get("bench") or "", "",
            lambda by, uuid=view["uuid"]: _by_link(manager, uuid),  # type: ignore[misc]
        )
        for view in views
        if view.get("pid") is not None and view["uuid"] not in known
    ]  # fmt: skip


def _by_link(manager: Any, uuid: str) -> dict[str, Any]:
    answer = manager.estop(uuid)[0]
    latch: dict[str, Any] = answer.get("latch") or {}
    return latch
