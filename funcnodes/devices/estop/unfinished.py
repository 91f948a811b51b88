"""Which instruments were written to, and by whom, until they are let go of in order; on disk.

One small file for each instrument, named as its lease is, where every process of this user looks:
made before the first write, removed after an orderly end. Guarantees that whoever opens the
instrument next knows of an end that was none: worker and guardian killed together, power lost. Who
finds it makes it safe, see `bench.aftermath`, or `strike_left` where nobody opens it.
"""

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from funcnodes.devices.addresses.forms import Address, parse
from funcnodes.devices.addresses.lease import file_stem, instrument_key
from funcnodes.devices.estop.emergency import Struck, Target, strike_all
from funcnodes.durable import write_private
from funcnodes.errors import FuncnodesError
from funcnodes.machine.place import unfinished_dir
from funcnodes.machine.processes import Process

_SUFFIX = ".json"


class Unfinished(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument that was written to; what its file holds."""

    pid: int
    started: str
    owner: str
    """The worker, or the program."""
    device: str
    t: float
    """When it was first written to, seconds since the epoch."""
    target: Target | None = None
    """How another process makes it safe, where the bench gives it up when its worker dies."""

    @property
    def process(self) -> Process:
        return Process(self.pid, self.started)

    @property
    def who(self) -> str:
        """Who wrote to it, for people."""
        return f"{self.owner} (process {self.pid})"


def keep(address: Address, entry: Unfinished) -> None:
    """Have it on disk that the instrument was written to.

    Raises:
        OSError: The disk is full, or cannot be written.
        FuncnodesError: There is no place for it.
    """
    write_private(_path(address), msgspec.json.encode(entry))


def clear(address: Address) -> None:
    """The instrument was let go of in order. Never raises."""
    with contextlib.suppress(OSError, FuncnodesError):
        path = _path(address)
        path.unlink(missing_ok=True)
        for struck in path.parent.glob(f"{path.stem}.*.struck"):
            struck.unlink(missing_ok=True)


def left_at(address: Address) -> Unfinished | None:
    """Who wrote to the instrument and ended otherwise than in order; None where nobody did."""
    with contextlib.suppress(OSError, FuncnodesError):
        entry = _read(_path(address))
        return entry if entry is not None and not entry.process.alive() else None
    return None


def left_by(process: Process) -> list[Unfinished]:
    """What a process has written to and not let go of, and nobody has struck since."""
    return [entry for entry in _unstruck() if entry.process == process]


def left_by_the_dead() -> list[Unfinished]:
    """What processes that are gone have left, and nobody has struck since.

    Simulators that are gone, too, are forgotten.
    """
    found = [entry for entry in _unstruck() if not entry.process.alive()]
    return [entry for entry in found if not _is_gone_simulator(entry)]


def note_struck(process: Process, device: str) -> None:
    """A process was made up for: the emergency bytes went to its device. Never raises.

    The note itself stays: it was sent, and not confirmed.
    """
    for path, entry in _all():
        if entry.process == process and entry.device == device:
            with contextlib.suppress(OSError):
                _struck_path(path, entry).touch(mode=0o600)


def strike_left(
    process: Process, strike: Callable[[list[Target]], list[Struck]] = strike_all
) -> list[Struck]:
    """Write the emergency bytes of all that a dead process has left. Blocks; never raises."""
    left = [entry for entry in left_by(process) if not _is_gone_simulator(entry)]
    struck = strike([entry.target for entry in left if entry.target is not None])
    for each in struck:
        if each.sent:
            note_struck(process, each.device)
    return struck


def _all() -> list[tuple[Path, Unfinished]]:
    with contextlib.suppress(OSError, FuncnodesError):
        read = [(path, _read(path)) for path in sorted(unfinished_dir().glob(f"*{_SUFFIX}"))]
        return [(path, entry) for path, entry in read if entry is not None]
    return []


def _unstruck() -> list[Unfinished]:
    return [entry for path, entry in _all() if not _struck_path(path, entry).exists()]


def _is_gone_simulator(entry: Unfinished) -> bool:
    target = entry.target
    if target is None or not target.serial.startswith("SIM"):
        return False
    address = parse(target.address)
    if address.path:
        is_gone = not Path(address.path).exists()
    else:
        try:
            socket.create_connection((address.host, address.port), timeout=0.2).close()
        except OSError as error:
            is_gone = isinstance(error, ConnectionRefusedError)
        else:
            is_gone = False
    if is_gone:
        clear(address)
    return is_gone


def _path(address: Address) -> Path:
    return unfinished_dir() / f"{file_stem(instrument_key(address))}{_SUFFIX}"


def _struck_path(path: Path, entry: Unfinished) -> Path:
    return path.with_name(f"{path.stem}.{entry.pid}.struck")


def _read(path: Path) -> Unfinished | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Unfinished)
    except (OSError, msgspec.DecodeError):
        return None
