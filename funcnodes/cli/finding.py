"""Which run a command means, among the runs of all workers of this machine."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from funcnodes.errors import RunError
from funcnodes.settings import Settings

if TYPE_CHECKING:
    from funcnodes.catalogue import RunFolder
    from funcnodes.runs import RunReader, RunStore

LOCAL = "local"
"""The folder of runs that belong to no worker: of `funcnodes run`, and imported ones."""

RunName = Annotated[
    str,
    typer.Argument(metavar="RUN", help="latest, a number, an id or its beginning, or a run file."),
]
OnlyThis = Annotated[
    bool,
    typer.Option("--only-this", help="Without the runs before that it goes on with."),
]
Worker = Annotated[str | None, typer.Option("--worker", help="Only runs of this worker.")]
Recorder = Annotated[
    str, typer.Option(help="Name of the recorder or stream, where the run has several.")
]


def find_run(settings: Settings, name: str, worker: str | None = None) -> "RunReader":
    """A run of any worker or added folder, or a run file by its path.

    Raises:
        RunError: There is none, or the name fits runs of several workers.
    """
    from funcnodes.runs import RunReader

    if _is_file(name):
        return RunReader(Path(name))
    folders = [(folder.owner, folder.path) for folder in known_folders(settings, worker)]
    found: list[tuple[str, RunReader]] = []
    for owner, folder in folders:
        try:
            found.append((owner, run_store(folder).find(name)))
        except RunError as error:
            if len(folders) == 1:
                raise error
    if not found:
        hint = "" if folders else " No worker has recorded anything yet."
        raise RunError(f"There is no run {name!r} in {settings.config_dir}.{hint}", run=name)
    if len(found) > 1 and name.strip().lower() != "latest":
        owners = " and ".join(owner for owner, _ in found)
        raise RunError(f"The workers {owners} each have a run {name!r}; name one with --worker.")
    return max((reader for _, reader in found), key=lambda reader: reader.head.started)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # longer than a path may be
        return False


def known_folders(settings: Settings, worker: str | None) -> "list[RunFolder]":
    """Each worker's folder of runs, then those that were added, or only those of that name.

    Raises:
        RunError: There is none of that name.
    """
    from funcnodes.catalogue import AddedFolders, RunFolder

    if worker is None:
        every = [RunFolder(folder, name) for name, folder in run_folders(settings, None)]
        return every + AddedFolders(settings.config_dir).all()
    added = AddedFolders(settings.config_dir).all()
    named = [each for each in added if each.owner == worker]
    return named or [RunFolder(folder, name) for name, folder in run_folders(settings, worker)]


def run_folders(settings: Settings, worker: str | None) -> list[tuple[str, Path]]:
    """Each worker's name and folder of runs."""
    found = [
        (_worker_name(folder.parent), folder)
        for folder in sorted(settings.workers_dir.glob("*/runs"))
        if not folder.parent.name.startswith(".")  # just being made or removed
    ]
    if worker is None:
        return found
    named = [(name, f) for name, f in found if worker in (name, f.parent.name)]
    if not named:
        raise RunError(f"There is no worker {worker!r} with runs in {settings.config_dir}.")
    return named


def worker_folders(settings: Settings, worker: str | None) -> list[tuple[str, Path]]:
    """Each worker's name and folder.

    Raises:
        RunError: There is none of that name.
    """
    found = [
        (_worker_name(folder), folder)
        for folder in sorted(settings.workers_dir.iterdir())
        if folder.is_dir() and not folder.name.startswith(".")
    ]
    named = [(name, f) for name, f in found if worker in (None, name, f.name)]
    if worker is not None and not named:
        raise RunError(f"There is no worker {worker!r} in {settings.config_dir}.")
    return named


def _worker_name(folder: Path) -> str:
    try:
        return str(json.loads((folder / "worker.json").read_bytes())["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return folder.name


def run_store(folder: Path) -> "RunStore":
    """The runs in a folder."""
    from funcnodes.runs import RunStore

    return RunStore(folder)
