"""A worker as one file (`.fnw`), and a worker made of one.

An archive holds the nodespace that was open last as `state`, the files of the worker's nodes, and
as `config` its name, its other nodespaces, its subgraphs and its bench. It comes from anywhere: all
of it is read and judged before anything of a new worker is made, and the bench, which says what is
connected to, is taken over only where that is asked for.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from funcnodes.core import Library
from funcnodes.core.graph import archive, saved, subgraph_files
from funcnodes.core.graph.archive import ArchiveError
from funcnodes.core.graph.nodespace import loaded
from funcnodes.core.services import Services
from funcnodes.core.subgraphs import SubgraphNode
from funcnodes.durable import write_private
from funcnodes.errors import FuncnodesError, WorkerError
from funcnodes.settings import Settings
from funcnodes.workers.local import roster
from funcnodes.workers.workspace import Workspace, checked_name, encode

FORMAT = 1
_EMPTY: dict[str, Any] = {"format": saved.FORMAT, "nodes": [], "edges": []}
_FIRST = "Nodespace"


@dataclass(frozen=True, slots=True)
class Packed:
    """What an archive says of a worker, read and judged.

    Attributes:
        name: Of the worker it was made of, or "".
        opened: Name of the nodespace that was open.
        spaces: Every nodespace in saved form.
        subgraphs: Files of subgraphs by name.
        bench: Text of its bench file, or "".
        left: What else is in the archive.
    """

    name: str
    opened: str
    spaces: dict[str, dict[str, Any]]
    subgraphs: dict[str, dict[str, Any]] = field(default_factory=dict)
    bench: str = ""
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The worker that was made of an archive.

    Attributes:
        nodespace: The one that opens when it starts.
        nodespaces: How many it has.
        left_bench: Whether the archive has a bench that was not taken over.
        left: Names of what else is in the archive and belongs to no worker of this version.
    """

    uuid: str
    name: str
    nodespace: str
    nodespaces: int
    left_bench: bool
    left: tuple[str, ...] = ()


def find(settings: Settings, name: str) -> Workspace:
    """The worker of that name or uuid, running or not.

    Raises:
        WorkerError: There is none, or several have that name.
    """
    return roster.find(settings, name=name)


def export(workspace: Workspace, target: Path, *, nodespace: str = "") -> str:
    """Write a worker to a file; one that is there is replaced once the new one is complete.

    Args:
        nodespace: Which is to be its state, if not the one that was open last.

    Returns:
        The name of that nodespace, "" where the worker has none.

    Raises:
        SavedGraphError: There is no such nodespace, or no valid version of it.
        ArchiveError: The file cannot be written, or the worker's files are too many.
    """
    store = workspace.spaces
    last = workspace.last_open()
    opened = nodespace or (last if last and store.exists(last) else next(iter(store.names()), ""))
    config = {
        "format": FORMAT,
        "name": workspace.record.name,
        "nodespace": opened,
        "nodespaces": {name: store.load(name).data for name in store.names() if name != opened},
        "subgraphs": _subgraphs_of(workspace.subgraphs.folder),
        "bench": _text_of(workspace.bench_path),
    }
    state = store.load(opened).data if opened else _EMPTY
    files = workspace.files_dir if workspace.files_dir.is_dir() else None
    try:
        archive.write(target, state, config=config, files=files)
    except OSError as error:
        raise ArchiveError(f"{target} cannot be written: {error.strerror}.") from error
    return opened


def unpack(
    settings: Settings, source: Path, *, name: str = "", with_bench: bool = False
) -> Unpacked:
    """Make a worker of a file; it is not started.

    Args:
        name: What to call it, if not as in the file.
        with_bench: Take over its bench, so that starting it connects to those addresses.

    Raises:
        ArchiveError: It cannot be read, is no archive, or has something in it that cannot be; no
            worker has been made then.
        SavedGraphError: A nodespace or subgraph in it is not valid; likewise.
        BenchError: Its bench is asked for and is not valid; likewise.
        WorkerError: A worker has that name already.
    """
    staging = Path(tempfile.mkdtemp(prefix="import-", dir=settings.run_dir))
    try:
        packed = _read(source, staging)
        if with_bench:
            _check_bench(packed, staging)
        wanted = checked_name(name or packed.name or source.stem, what="A worker")
        workspace = _new_worker(settings, wanted)
        _fill(workspace, packed, staging, with_bench=with_bench)
        return Unpacked(
            workspace.record.uuid, wanted, packed.opened, len(packed.spaces),
            left_bench=bool(packed.bench) and not with_bench, left=packed.left,
        )  # fmt: skip
    finally:
        shutil.rmtree(staging, ignore_errors=True)


# ── reading ───────────────────────────────────────────────────────────────────────────────


def _read(source: Path, staging: Path) -> Packed:
    """All of an archive, its files and subgraphs unpacked into `staging`."""
    try:
        if source.exists() and not source.is_file():  # a device may never end
            raise ArchiveError(f"{source} is no file.")
        found = archive.read(source, staging / "files")
    except OSError as error:
        raise ArchiveError(f"{source} cannot be read: {error.strerror}.") from error
    config = found.config
    library = _library(_section(config, "subgraphs"), staging)
    opened = _name(config.get("nodespace"), "A nodespace") or _FIRST
    spaces = {opened: _judged(found.state, library)}
    for name, data in _section(config, "nodespaces").items():
        spaces[checked_name(name, what="A nodespace")] = _judged(data, library)
    bench = config.get("bench", "")
    if not isinstance(bench, str):
        raise ArchiveError("The bench of the archive is no text.")
    return Packed(
        _name(config.get("name"), "A worker"), opened, spaces,
        dict(_section(config, "subgraphs")), bench, found.left,
    )  # fmt: skip


def _library(subgraphs: Mapping[str, Any], staging: Path) -> Library:
    """What its nodespaces may be made of: what is installed here, and its own subgraphs."""
    from funcnodes.runs.local import library

    folder = staging / "subgraphs"
    folder.mkdir()
    for name, data in subgraphs.items():
        file = checked_name(name, what="A subgraph")
        (folder / f"{file}{subgraph_files.SUFFIX}").write_bytes(_encoded(data))
    installed = library()
    shelf, broken = SubgraphNode.shelf_of(folder, installed)
    for name, why in broken.items():
        raise ArchiveError(f"The subgraph {name!r} of the archive cannot be read: {why}")
    installed.add_shelf(shelf)
    return installed


def _judged(data: Any, library: Library) -> dict[str, Any]:
    """A nodespace as this version saves it; older forms too."""
    return saved.dump(loaded(data, library, Services()))


def _check_bench(packed: Packed, staging: Path) -> None:
    from funcnodes.devices.bench import Bench
    from funcnodes.devices.benchfile import BenchFile

    if packed.bench:
        path = staging / "bench.toml"
        path.write_text(packed.bench, encoding="utf-8")
        _ = BenchFile.load(path).config
        Bench.load(path)


def _section(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = config.get(key) or {}
    if not isinstance(found, Mapping):
        raise ArchiveError(f"{key!r} in the archive's config is not an object.")
    return found


def _name(found: Any, what: str) -> str:
    return checked_name(found, what=what) if isinstance(found, str) and found.strip() else ""


def _encoded(data: Any) -> bytes:
    if not isinstance(data, dict):
        raise ArchiveError("A subgraph of the archive is not an object.")
    return encode(data)


# ── making the worker ─────────────────────────────────────────────────────────────────────


def _new_worker(settings: Settings, name: str) -> Workspace:
    if any(each.record.name == name for each in Workspace.all(settings)):
        raise WorkerError(
            f"There is already a worker named {name!r}.", hint="Give another one by --name."
        )
    return Workspace.create(settings, name)


def _fill(workspace: Workspace, packed: Packed, staging: Path, *, with_bench: bool) -> None:
    try:
        for name, data in packed.spaces.items():
            workspace.spaces.save(name, encode(data))
        for name, data in packed.subgraphs.items():
            workspace.subgraphs.save(name, data)
        if with_bench and packed.bench:
            write_private(workspace.bench_path, packed.bench.encode())
        if any((staging / "files").iterdir()):
            os.rename(staging / "files", workspace.files_dir)
        workspace.set_last_open(packed.opened)
    except OSError as error:
        raise WorkerError(
            f"Worker {workspace.record.name!r} was made, but not all of it could be written: "
            f"{error.strerror}."
        ) from error


def _subgraphs_of(folder: Path) -> dict[str, Any]:
    """Those that can be read; a broken file stays behind."""
    found: dict[str, Any] = {}
    for path in sorted(folder.glob(f"*{subgraph_files.SUFFIX}")):
        try:
            data = subgraph_files.read_subgraph(path)
        except FuncnodesError:
            continue
        found[path.name.removesuffix(subgraph_files.SUFFIX)] = {
            key: value for key, value in data.items() if key != "file"
        }
    return found


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ArchiveError(f"{path} cannot be read: {error}.") from error
