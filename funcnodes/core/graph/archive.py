"""Worker archives (`.fnw`): a zip with `config`, `state` and `files/…`.

`config` says how the worker is set up, `state` is its nodespace in saved form, and the files are
those of its folder. What else lies beside them, as 2.x puts a `pyproject.toml` there, is left in
the archive and named. An archive comes from anywhere: it is read as data, nothing is executed, and
one with a single bad entry is refused whole, before anything of it has reached the disk.
"""

import json
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

from funcnodes.core.codec.strict import parse
from funcnodes.durable import replacing
from funcnodes.errors import FuncnodesError
from funcnodes.settings import private_dir

CONFIG, STATE, FILES = "config", "state", "files"
FOREIGN = PurePosixPath("..")  # stands for no place at all: it is compared, and never joined
MAX_ENTRIES = 20_000
MAX_BYTES = 2 * 1024**3  # unpacked, all together
MAX_TEXT_BYTES = 256 * 1024**2  # of config or state
MAX_RATIO = 200  # unpacked to packed, of what is larger than 1 MB
_CHUNK = 1 << 20
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{p}{n}" for p in ("com", "lpt") for n in range(1, 10)}


class ArchiveError(FuncnodesError):
    """A worker archive that cannot be read or written."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive holds.

    Attributes:
        config: How the worker is set up.
        state: Its nodespace in saved form, as `NodeSpace.deserialize` takes it.
        files: Where its files were unpacked, by their names in the archive.
        left: Names of what is in the archive and belongs to none of these; it stays there.
    """

    config: Mapping[str, Any]
    state: Mapping[str, Any]
    files: Mapping[str, Path] = field(default_factory=dict)
    left: tuple[str, ...] = ()


def write(
    target: Path | IO[bytes],
    state: Mapping[str, Any],
    *,
    config: Mapping[str, Any] | None = None,
    files: Path | None = None,
) -> None:
    """Write an archive; a file of that name is replaced only once the new one is complete.

    Args:
        target: Where to.
        state: A nodespace in saved form.
        config: How the worker is set up; nothing secret belongs here.
        files: A folder whose files go along; links in it are left out.

    Raises:
        ArchiveError: The folder holds more than an archive may.
    """
    if not isinstance(target, Path):
        _write(target, state, config or {}, files)
        return
    with replacing(target, is_private=True) as stream:
        _write(stream, state, config or {}, files)


def read(source: Path | IO[bytes], files: Path | None = None) -> Archive:
    """Read an archive, and unpack its files into a folder that does not exist yet.

    Args:
        source: Where from.
        files: The folder to make; without it, the files are checked and left in the archive.

    Raises:
        ArchiveError: It is no archive, is damaged or too large, has an entry that leads out of
            the folder, or the folder exists. Nothing is left on disk then.
    """
    if files is not None and files.exists():
        raise ArchiveError(f"{files} exists already.", hint="Choose another folder.")
    where = files.parent if files is not None else None
    staging = Path(tempfile.mkdtemp(prefix=".fnw-", dir=where))
    try:
        with zipfile.ZipFile(source) as packed:
            archive, names = _read(packed, staging)
        if files is not None:
            staging.rename(files)
            return replace(archive, files={n: files / n for n in names})
        return archive
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ArchiveError(f"The archive is damaged: {error}.") from error
    except NotImplementedError as error:
        raise ArchiveError(f"The archive is packed in an unknown way: {error}.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


# ── writing ───────────────────────────────────────────────────────────────────────────────


def _write(
    stream: IO[bytes], state: Mapping[str, Any], config: Mapping[str, Any], files: Path | None
) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(CONFIG, json.dumps(config, indent=1))
        packed.writestr(STATE, json.dumps(state))
        total = 0
        for path in sorted(files.rglob("*")) if files is not None else ():
            if path.is_symlink() or not path.is_file():
                continue
            total += path.stat().st_size
            if total > MAX_BYTES:
                raise ArchiveError(f"{files} holds more than {MAX_BYTES // 1024**2} MB.")
            assert files is not None
            packed.write(path, f"{FILES}/{path.relative_to(files).as_posix()}")


# ── reading ───────────────────────────────────────────────────────────────────────────────


def _read(packed: zipfile.ZipFile, staging: Path) -> tuple[Archive, list[str]]:
    entries = packed.infolist()
    if len(entries) > MAX_ENTRIES:
        raise ArchiveError(f"The archive has {len(entries)} entries; {MAX_ENTRIES} are possible.")
    places = {entry.filename: _place(entry) for entry in entries if not entry.is_dir()}
    _check_sizes(entries)
    _refuse_twins([entry.filename for entry in entries if not entry.is_dir()])
    documents: dict[str, Mapping[str, Any]] = {CONFIG: {}}
    names, left = [], MAX_BYTES
    foreign = sorted(name for name, place in places.items() if place is FOREIGN)
    for entry in entries:
        if entry.is_dir() or entry.filename in foreign:
            continue
        name = places[entry.filename]
        if name is None:
            what = PurePosixPath(entry.filename).stem
            documents[what], used = _document(packed, entry, what)
        else:
            used = _unpack(packed, entry, staging.joinpath(*name.parts), left)
            names.append(name.as_posix())
        left -= used
    if STATE not in documents:
        raise ArchiveError("The archive has no state: it is no worker archive.")
    return Archive(documents[CONFIG], documents[STATE], left=tuple(foreign)), names


def _place(entry: zipfile.ZipInfo) -> PurePosixPath | None:
    """Where a file goes within its folder; None for config and state, FOREIGN for what is none."""
    name = entry.filename
    if entry.orig_filename != name or "\\" in name or ":" in name or "\0" in name:
        raise ArchiveError(f"The archive has an entry {entry.orig_filename!r}, which is no name.")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind and not stat.S_ISREG(kind):
        raise ArchiveError(f"The entry {name!r} is a link or a device, not a file.")
    if name in (CONFIG, STATE, f"{CONFIG}.json", f"{STATE}.json"):
        return None
    parts = name.split("/")
    if parts[0] != FILES or len(parts) < 2:
        if {"", ".", ".."} & set(parts) or not name.isprintable() or len(name) > 200:
            raise ArchiveError(f"The archive has an entry {name!r}, which does not belong in one.")
        return FOREIGN
    for part in parts[1:]:
        stem = part.partition(".")[0].lower()
        if part in ("", ".", "..") or part != part.strip() or stem in _RESERVED or len(part) > 200:
            raise ArchiveError(f"The entry {name!r} leads out of its folder, or is no name.")
    return PurePosixPath(*parts[1:])


def _check_sizes(entries: list[zipfile.ZipInfo]) -> None:
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES:
        raise ArchiveError(
            f"The archive unpacks to {total // 1024**2} MB; {MAX_BYTES // 1024**2} MB are possible."
        )
    for entry in entries:
        if entry.flag_bits & 1:
            raise ArchiveError(f"The entry {entry.filename!r} is encrypted.")
        if entry.file_size > _CHUNK and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
            raise ArchiveError(f"The entry {entry.filename!r} is packed too tightly to be data.")


def _refuse_twins(names: list[str]) -> None:
    """No two entries may meet on disk, not even where case does not count."""
    seen: set[str] = set()
    folders = {str(parent).casefold() for name in names for parent in PurePosixPath(name).parents}
    for name in names:
        folded = name.removesuffix(".json").casefold() if "/" not in name else name.casefold()
        if folded in seen or folded in folders:
            raise ArchiveError(f"The archive has two entries {name!r}.")
        seen.add(folded)


def _document(
    packed: zipfile.ZipFile, entry: zipfile.ZipInfo, what: str
) -> tuple[Mapping[str, Any], int]:
    with packed.open(entry) as stream:
        text = stream.read(MAX_TEXT_BYTES + 1)
    if len(text) > MAX_TEXT_BYTES:
        raise ArchiveError(f"The {what} of the archive is too large.")
    found = parse(text, what=f"The {what} of the archive")
    if not isinstance(found, dict):
        raise ArchiveError(f"The {what} of the archive is not an object.")
    return found, len(text)


def _unpack(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Count what really comes out: an entry may lie about its size."""
    private_dir(target.parent)
    written = 0
    with packed.open(entry) as stream, open(target, "xb", opener=_private) as out:
        while chunk := stream.read(_CHUNK):
            written += len(chunk)
            if written > left:
                raise ArchiveError(f"The entry {entry.filename!r} is larger than it says.")
            out.write(chunk)
    return written


def _private(path: str, flags: int) -> int:
    """Whoever imports reads it, and nobody else, whatever the umask."""
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor
