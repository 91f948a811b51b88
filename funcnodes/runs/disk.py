"""Where runs are kept: whether a run file can be there, and whether a whole run has room.

A run is written to a write-ahead log beside its file, whose index is memory that all who have the
file open share; that does not work over a network (SQLite, "Write-Ahead Logging", disadvantages).
What is mounted is read from Linux's table; elsewhere nothing is known of it.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funcnodes.core import NodeInput, NoValue
from funcnodes.runs.plan import Plan
from funcnodes.runs.recorder import Recorder
from funcnodes.runs.timing import points_of
from funcnodes.runs.writer import RESERVE_BYTES

MOUNTS = Path("/proc/self/mounts")
_SHARES = {
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "davfs", "glusterfs", "beegfs",
    "fuse.sshfs", "fuse.davfs2", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.smbnetfs",
    "fuse.gvfsd-fuse", "fuse.curlftpfs",
}  # fmt: skip

ROW_BYTES = 26
"""Of a row without its cells: its number, two clocks and what SQLite adds to a row."""
CELL_BYTES = 12
"""Of a number with its quality, seven of eight times."""
BLOCK_BYTES = 40
"""Of a block without its numbers."""
POINT_BYTES = 48
"""Of what is kept of a point, so that the run can be gone on with; see `points`."""
SPARE = 1.25
"""Pages are not quite full, and the log is folded into the file once more."""
LEAST_BYTES = RESERVE_BYTES + 256 * 1024
"""Of any run: its graph, its snapshots, and what is kept back for its last words."""


@dataclass(frozen=True, slots=True)
class MountedShare:
    """What is mounted where: a folder, the kind of its file system, and from where it comes."""

    folder: str
    kind: str
    source: str


def mounts(table: Path | None = None) -> list[MountedShare]:
    """All that is mounted, as the table says; none where there is no table."""
    try:
        lines = (table or MOUNTS).read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    fields = (line.split(" ") for line in lines)
    return [
        MountedShare(_plain(each[1]), each[2], _plain(each[0])) for each in fields if len(each) > 2
    ]


def share_of(folder: Path, table: Path | None = None) -> MountedShare | None:
    """The network share on which a folder is, that may not be there yet; None for none."""
    path = os.path.realpath(folder)
    best: MountedShare | None = None
    for each in mounts(table):
        inside = path == each.folder or path.startswith(each.folder.rstrip("/") + "/")
        if inside and (best is None or len(each.folder) >= len(best.folder)):
            best = each
    return best if best is not None and best.kind in _SHARES else None


def unfit(folder: Path) -> str:
    """Why no run can be kept in a folder that may not be there yet, or ""."""
    share = share_of(folder)
    if share is not None:
        return (
            f"Runs cannot be kept in {folder}: it is on a network share ({share.kind}, "
            f"{share.source}), over which the write-ahead log of a run does not work."
        )
    there = _nearest(folder)
    if not there.is_dir():
        return f"Runs cannot be kept in {folder}: {there} is no folder."
    if os.statvfs(there).f_flag & os.ST_RDONLY:
        return f"Runs cannot be kept in {folder}: it can be read only."
    if not os.access(there, os.W_OK | os.X_OK):
        return f"Runs cannot be kept in {folder}: it cannot be written."
    return ""


HINT = "Keep runs on a disk of this computer (FUNCNODES_CONFIG_DIR), and copy or export them."


def lacking(folder: Path, plan: Plan) -> str:
    """Why a whole run has no room on the disk of a folder, or ""."""
    rows, size = needed(plan)
    try:
        free = shutil.disk_usage(_nearest(folder)).free
    except OSError:
        return ""
    if free >= size:
        return ""
    what = f"{rows:,} rows" if rows else "a run"
    return (
        f"The disk of {folder} has {_megabytes(free)} left, and {what} may need "
        f"{_megabytes(size)}: free some space, or take fewer points."
    )


def needed(plan: Plan) -> tuple[int, int]:
    """How many rows a run makes at most, and about how many bytes; what is not known is left out.

    Arrays count by what their wires carried last.
    """
    rows, size = 0, 0
    for frame in plan.inner_frames:
        points = _points(plan, frame)
        size += points * POINT_BYTES
        for node in plan.bodies[frame]:
            if isinstance(node, Recorder) and points:
                rows += points
                size += points * _row_bytes(node)
    return rows, LEAST_BYTES + int(size * SPARE)


def _points(plan: Plan, frame: Any) -> int:
    points = 1
    for each in (frame, *plan.around(frame)):
        own, _ = points_of(each)
        points *= own or 0
    return points


def _row_bytes(recorder: Recorder) -> int:
    wired = [port for port in recorder.inputs.values() if port.is_connected()]
    return ROW_BYTES + sum(CELL_BYTES + _block_bytes(port) for port in wired)


def _block_bytes(port: NodeInput) -> int:
    """Of the array in a cell, by the last one that came."""
    size = 0
    for value in _last(port):
        size = max(size, int(getattr(value, "nbytes", 0) or 0))
    return size + BLOCK_BYTES if size else 0


def _last(port: NodeInput) -> Iterator[Any]:
    yield from (each.value for each in (port, *port.sources) if each.value is not NoValue)


def _nearest(folder: Path) -> Path:
    """The folder, or else that in which it would be made."""
    found: Sequence[Path] = (folder, *folder.absolute().parents)
    return next((each for each in found if each.exists()), Path("/"))


def _plain(text: str) -> str:
    """A field of the table, in which blanks and backslashes are written in octal."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _megabytes(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:,.0f} TB"
