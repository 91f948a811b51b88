"""The traffic of a bench's devices, written to a file, and the bench that such a file answers for.

What a recording looks like is in `messages.recorded`. Written by a thread of its own, so that
neither the loop nor an emergency waits for a disk: after `kill -9` all but the last milliseconds
are there.
"""

import contextlib
import dataclasses
import logging
import os
import platform
import queue
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from funcnodes.core import clock
from funcnodes.devices.addresses.forms import Options, TalkOptions
from funcnodes.devices.bench.bench import Bench
from funcnodes.devices.benchfile.file import BenchConfig, DeviceConfig
from funcnodes.devices.device.device import Device
from funcnodes.devices.messages.recorded import DeviceHead, Head, Recorded, encoded, exchange_line
from funcnodes.devices.messages.replies import Identity
from funcnodes.devices.messages.traffic import Exchange
from funcnodes.durable import write_through
from funcnodes.errors import RecordingError

SYNC_S = 1.0
PENDING_BYTES = 64 << 20  # what may wait for a slow disk before the recording is given up
_log = logging.getLogger(__name__)


class TrafficRecorder:
    """Writes the traffic of a bench's devices to a new file, from now until `close`.

    Attributes:
        path: The file.
        problem: Why nothing more is written, or "". Measuring goes on without it.
    """

    def __init__(self, path: Path, bench: Bench) -> None:
        """Raises RecordingError where the file exists or cannot be made."""
        self.path = path
        self.problem = ""
        self._descriptor = _new_file(path)
        self._queue: queue.SimpleQueue[tuple[str, Exchange] | DeviceHead | None] = (
            queue.SimpleQueue()
        )
        self._pending = 0  # bytes in the queue; guarded by _pending_lock
        self._pending_lock = threading.Lock()
        self._devices = dict(bench.devices)
        self._told: dict[str, Identity] = {}
        self._write(encoded(_head(bench.name)))
        for device in self._devices.values():
            self._tell(device)
        self._thread = threading.Thread(target=self._work, name=f"record {path.name}", daemon=True)
        self._thread.start()
        self._forget = [self._watch(device) for device in self._devices.values()]

    def close(self) -> None:
        """Write what is left, and see that it is on the disk. Idempotent."""
        forget, self._forget = self._forget, []
        for each in forget:
            each()
        if self._descriptor < 0:
            return
        for device in self._devices.values():
            if device.identity is not self._told[device.name] and device.identity.is_known:
                self._tell(device)
        self._queue.put(None)
        self._thread.join()
        os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watch(self, device: Device) -> Any:
        def told(exchange: Exchange) -> None:
            if device.identity is not self._told[device.name] and device.identity.is_known:
                self._tell(device)
            if self._count(len(exchange.data)) > PENDING_BYTES:
                self._give_up("the disk takes less than the instruments send")
            if not self.problem:
                self._queue.put((device.name, exchange))

        return device.traffic.watch(told)

    def _count(self, change: int) -> int:
        with self._pending_lock:
            self._pending += change
            return self._pending

    def _tell(self, device: Device) -> None:
        self._told[device.name] = device.identity
        self._queue.put(device_head(device))

    def _work(self) -> None:
        synced = time.monotonic()
        is_last = False
        while not is_last:
            batch, is_last = self._batch()
            self._write(b"".join(batch))
            if is_last or time.monotonic() - synced >= SYNC_S:
                with contextlib.suppress(OSError):  # a pipe, say
                    os.fsync(self._descriptor)
                synced = time.monotonic()

    def _batch(self) -> tuple[list[bytes], bool]:
        """All that waits now, at least one line."""
        found: list[bytes] = []
        item = self._queue.get()
        while item is not None:
            if isinstance(item, DeviceHead):
                found.append(encoded(item))
            else:
                found.append(exchange_line(*item))
                self._count(-len(item[1].data))
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return found, False
        return found, True

    def _write(self, data: bytes) -> None:
        try:
            write_through(self._descriptor, b"" if self.problem else data)
        except OSError as error:
            self._give_up(os.strerror(error.errno or 0))

    def _give_up(self, why: str) -> None:
        if not self.problem:
            self.problem = f"{self.path}: recording the traffic has ended: {why}."
            _log.warning("%s", self.problem)


def export(path: Path, bench: Bench, *, names: Iterable[str] = ()) -> int:
    """Write what the devices' rings hold to a new file; how many entries.

    Args:
        names: Only these devices; all where there are none.

    Raises:
        RecordingError: The file exists or cannot be written.
    """
    chosen = [bench.device(name) for name in names] or list(bench.devices.values())
    lines = [encoded(_head(bench.name)), *(encoded(device_head(each)) for each in chosen)]
    passed = [(each.name, exchange) for each in chosen for exchange in each.traffic.last()]
    passed.sort(key=lambda item: item[1].mono)
    lines += [exchange_line(name, exchange) for name, exchange in passed]
    descriptor = _new_file(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RecordingError(f"{path} cannot be written: {error.strerror}.") from error
    return len(passed)


def device_head(device: Device) -> DeviceHead:
    """What a recording says of a device."""
    return DeviceHead(
        name=device.name,
        driver=device.driver,
        address=device.address,
        identity=str(device.identity) if device.identity.is_known else "",
        simulated=device.simulated,
        protocol=dataclasses.asdict(device.spec.protocol),
    )


def _head(bench: str) -> Head:
    from importlib.metadata import version

    versions = {"funcnodes": version("funcnodes"), "python": platform.python_version()}
    return Head(bench=bench, started=clock.now(), mono=clock.monotonic(), versions=versions)


def _new_file(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError as error:
        raise RecordingError(
            f"{path} is there already, and a recording replaces nothing.",
            hint="Choose another name.",
        ) from error
    except OSError as error:
        raise RecordingError(f"{path} cannot be written: {error.strerror}.") from error


def replayed(
    config: BenchConfig, recorded: Recorded, *, match: bool = False, timed: bool = False
) -> BenchConfig:
    """The bench with a recording in place of each of its instruments.

    Args:
        match: Whether to answer in any order, rather than exactly as it was.
        timed: Whether to take as long as the instruments did.

    Raises:
        RecordingError: A device is not in the recording.
    """
    options = "&".join(name for name, is_on in (("match", match), ("timed", timed)) if is_on)
    start = f"replay:{quote(str(recorded.path))}{options and '?'}{options}"
    devices = {
        name: dataclasses.replace(
            device,
            address=f"{start}#{name}",
            options=_messages(recorded.device(name).head),
            simulated=device.simulated or recorded.device(name).head.simulated or None,
        )
        for name, device in config.devices.items()
    }
    return dataclasses.replace(config, devices=devices)


def _messages(head: DeviceHead) -> Options:
    """Terminators and encoding that its bytes were recorded with."""
    said = head.protocol
    if said.get("framing") is not None or not {"eol", "reply_eol"} <= said.keys():
        return Options()
    return Options(
        talk=TalkOptions(
            eol=said["eol"], reply_eol=said["reply_eol"], encoding=said.get("encoding")
        )
    )


def recorded_bench(recorded: Recorded) -> BenchConfig:
    """The bench as far as a recording tells: names, drivers and addresses, no limits."""
    devices = {
        name: DeviceConfig(
            name, device.head.driver or "auto", device.head.address,
            options=_messages(device.head),
        )
        for name, device in recorded.devices.items()
    }  # fmt: skip
    return BenchConfig(recorded.head.bench or recorded.path.stem, devices=devices)
