"""The safety logs of all workers of a config folder, as one; no process need be running."""

from collections.abc import Sequence
from typing import NamedTuple

from funcnodes.devices.estop.safetylog import SafetyEvent, read
from funcnodes.errors import WorkerError
from funcnodes.settings import Settings
from funcnodes.workers.workspace import Workspace

LOCAL = "local"
"""The folder of `funcnodes run`, which has no record of its own."""


class SafetyEntry(NamedTuple):
    """An event of the safety log of a worker."""

    worker: str
    event: SafetyEvent


def history(settings: Settings, names: Sequence[str] = (), lines: int = 200) -> list[SafetyEntry]:
    """The newest events, oldest first.

    Args:
        names: Workers by name or uuid, `local` for `funcnodes run`; all by default.

    Raises:
        WorkerError: One of the names is nobody's.
    """
    folders = {LOCAL: (LOCAL, settings.workers_dir / LOCAL / "logs")}
    for workspace in Workspace.all(settings):
        record = workspace.record
        folders[record.uuid] = (record.name, workspace.logs_dir)
    known = {key for uuid, (name, _) in folders.items() for key in (uuid, name)}
    missing = [name for name in names if name not in known]
    if missing:
        raise WorkerError(f"There is no worker {' or '.join(map(repr, missing))}.")
    told = [
        SafetyEntry(name, event)
        for uuid, (name, folder) in folders.items()
        if not names or name in names or uuid in names
        for event in read(folder, lines)
    ]
    return sorted(told, key=lambda each: each.event.t)[-lines:] if lines else []
