"""Exclusive ownership of one address across processes, by a lock the kernel takes back.

A bus has one owner, too (D1): `Leases` takes it once for all of a bench's instruments on it.

A lease is an flock on a file named after the address; it ends with the process, however that
ends. The file says who holds it. Files stay behind: removing one would let two processes lock
two different files of the same name.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import msgspec

from funcnodes.core import clock
from funcnodes.devices.addresses.forms import Address
from funcnodes.errors import DeviceBusyError
from funcnodes.machine.place import leases_dir
from funcnodes.settings import private_dir


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a lease."""

    pid: int
    worker: str
    device: str
    address: str
    since: float
    """Seconds since the epoch."""


@dataclass(slots=True)
class Lease:
    """A held lease; `release` it, or end the process."""

    path: Path
    _descriptor: int

    @classmethod
    def acquire(
        cls, folder: Path, address: Address, *, device: str, worker: str, key: str = ""
    ) -> Self:
        """Take the address, at once or not at all.

        Args:
            key: What is locked, where it is not what has to be opened for the address.

        Raises:
            DeviceBusyError: Another process has it; the message says which.
        """
        path = private_dir(folder) / f"{file_stem(key or address.key)}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _holder(descriptor)
            os.close(descriptor)
            raise _busy(address, device, holder) from error
        mine = Holder(
            pid=os.getpid(), worker=worker, device=device, address=address.resource,
            since=clock.now(),
        )  # fmt: skip
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(mine), 0)
        return cls(path, descriptor)

    def release(self) -> None:
        """Let go. Idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)
            os.close(descriptor)


class Leases:
    """What one bench holds: each instrument for itself, each bus once for all on it.

    Args:
        folder: Where leases are kept. Without it they are those of the machine, which every
            process of this user looks at; the benches of one program then share what it holds.
    """

    def __init__(self, folder: Path | None, worker: str) -> None:
        self._folder = folder
        self._worker = worker
        self._buses: dict[str, tuple[Lease | _Shared, set[str]]] = {}  # with the devices on it

    def take(self, address: Address, device: str, *, key: str = "") -> Callable[[], None]:
        """Take an address for a device of the bench.

        Args:
            key: What is locked, where it is not what the address says by itself; see `hosts`.

        Returns:
            Call it to let go.

        Raises:
            DeviceBusyError: Another process, or another device of the bench, has it.
        """
        key = key or address.key
        if not address.is_on_bus:
            return self._acquire(address, device, key).release
        lease = self._acquire(address, device, f"{key}/{address.unit}")
        try:
            self._join_bus(address, device, key)
        except DeviceBusyError:
            lease.release()
            raise

        def let_go() -> None:
            lease.release()
            self._leave_bus(key, device)

        return let_go

    def _acquire(self, address: Address, device: str, key: str) -> "Lease | _Shared":
        if self._folder is None:
            return _Shared.take(address, device=device, worker=self._worker, key=key)
        return Lease.acquire(self._folder, address, device=device, worker=self._worker, key=key)

    def _join_bus(self, address: Address, device: str, key: str) -> None:
        if key not in self._buses:
            self._buses[key] = (self._acquire(address, device, key), set())
        self._buses[key][1].add(device)

    def _leave_bus(self, key: str, device: str) -> None:
        if key in self._buses:
            lease, devices = self._buses[key]
            devices.discard(device)
            if not devices:
                del self._buses[key]
                lease.release()


@dataclass(slots=True)
class _Shared:
    """A lease of the whole program, let go by the last of those who took it."""

    _key: str
    _held: ClassVar[dict[str, tuple[Lease, int]]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    @classmethod
    def take(cls, address: Address, *, device: str, worker: str, key: str) -> Self:
        with cls._lock:
            lease, users = cls._held.get(key, (None, 0))
            if lease is None:
                lease = Lease.acquire(leases_dir(), address, device=device, worker=worker, key=key)
            cls._held[key] = lease, users + 1
        return cls(key)

    def release(self) -> None:
        """Idempotent."""
        key, self._key = self._key, ""
        with self._lock:
            if not key:
                return
            lease, users = self._held.pop(key)
            if users > 1:
                self._held[key] = lease, users - 1
            else:
                lease.release()


def holder_of(folder: Path, address: Address) -> Holder | None:
    """Who holds the address now, or None."""
    try:
        descriptor = os.open(folder / f"{file_stem(address.key)}.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return _holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def _holder(descriptor: int) -> Holder | None:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Holder)
    return None


def _busy(address: Address, device: str, holder: Holder | None) -> DeviceBusyError:
    who = (
        f"worker {holder.worker!r} (process {holder.pid}) holds it as {holder.device!r}"
        if holder
        else "another worker holds it"
    )
    return DeviceBusyError(
        f"{device} ({address.resource}): {who}.",
        device=device,
        address=address.resource,
        hint="Stop that worker or disconnect the device there.",
        pid=holder.pid if holder else None,
        worker=holder.worker if holder else None,
    )


def instrument_key(address: Address) -> str:
    """What tells one instrument from all others, also from those on its line."""
    return f"{address.key}/{address.unit}" if address.is_on_bus else address.key


def file_stem(key: str) -> str:
    """A name for a file, as readable as it can be, of which no other key has the same."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", key).strip("_")[:80]
    return f"{readable}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
