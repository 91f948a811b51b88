"""Recordings: what went over the wires of a bench, in a file that a replay answers from.

JSON Lines; the first says what it is, then each device, then what passed, in order:

    {"line":"recording","format":1,"bench":"demo","started":1764072000.1,"mono":512.3,…}
    {"line":"device","name":"smu","driver":"keithley.smu2400","address":"TCPIP0::…",…}
    {"line":"exchange","device":"smu","direction":"out","t":…,"mono":…,"text":":READ?\n"}
    {"line":"exchange","device":"smu","direction":"in","t":…,"latency_ms":4.1,"base64":"…"}

`text` has one character per byte (ISO 8859-1), `base64` is for blocks. A device is told of again
once it has said who it is; the last word counts. Written as it goes, by a thread of its own, so
that neither the loop nor an emergency waits for a disk: after `kill -9` all but the last
milliseconds are there, and at most the last line is cut, which reading allows for.
"""

import base64
import contextlib
import dataclasses
import logging
import os
import platform
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import msgspec

from funcnodes.core import clock
from funcnodes.devices.benchfile.file import BenchConfig, DeviceConfig
from funcnodes.devices.messages.replies import Identity
from funcnodes.devices.messages.traffic import Direction, Exchange
from funcnodes.errors import RecordingError

if TYPE_CHECKING:
    from funcnodes.devices.bench import Bench
    from funcnodes.devices.device.device import Device

FORMAT = 1
SYNC_S = 1.0
PENDING_BYTES = 64 << 20  # what may wait for a slow disk before the recording is given up
MAX_BYTES = 1 << 30
_log = logging.getLogger(__name__)


class Head(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="recording"):
    """The first line.

    Attributes:
        started: Seconds since the epoch, at the same moment as `mono`, which never steps.
    """

    format: int = FORMAT
    bench: str = ""
    started: float = 0.0
    mono: float = 0.0
    versions: dict[str, str] = {}


class DeviceHead(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="device"):
    """What is known of a device.

    Attributes:
        identity: What it answered to `*IDN?`, "" until then.
        protocol: How its driver spoke to it.
    """

    name: str
    driver: str = ""
    address: str = ""
    identity: str = ""
    simulated: bool = False
    protocol: dict[str, Any] = {}


class _Line(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="exchange", omit_defaults=True
):
    device: str
    direction: Direction
    t: float
    mono: float = 0.0
    latency_ms: float | None = None
    text: str | None = None
    base64: str | None = None


_DECODER = msgspec.json.Decoder(Head | DeviceHead | _Line)
_ENCODER = msgspec.json.Encoder(enc_hook=str)


# ── writing ───────────────────────────────────────────────────────────────────────────────


class Recorder:
    """Writes the traffic of a bench's devices to a new file, from now until `close`.

    Attributes:
        path: The file.
        problem: Why nothing more is written, or "". Measuring goes on without it.
    """

    def __init__(self, path: Path, bench: "Bench") -> None:
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
        self._write(_encoded(_head(bench.name)))
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
            if device.identity is not self._told[device.name] and device.identity.maker:
                self._tell(device)
        self._queue.put(None)
        self._thread.join()
        os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watch(self, device: "Device") -> Any:
        def told(exchange: Exchange) -> None:
            if device.identity is not self._told[device.name] and device.identity.maker:
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

    def _tell(self, device: "Device") -> None:
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
                found.append(_encoded(item))
            else:
                found.append(_encoded(_line(*item)))
                self._count(-len(item[1].data))
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return found, False
        return found, True

    def _write(self, data: bytes) -> None:
        view = memoryview(b"" if self.problem else data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            self._give_up(os.strerror(error.errno or 0))

    def _give_up(self, why: str) -> None:
        if not self.problem:
            self.problem = f"{self.path}: recording the traffic has ended: {why}."
            _log.warning("%s", self.problem)


def export(path: Path, bench: "Bench", *, names: Iterable[str] = ()) -> int:
    """Write what the devices' rings hold to a new file; how many entries.

    Args:
        names: Only these devices; all where there are none.

    Raises:
        RecordingError: The file exists or cannot be written.
    """
    chosen = [bench.device(name) for name in names] or list(bench.devices.values())
    lines = [_encoded(_head(bench.name)), *(_encoded(device_head(each)) for each in chosen)]
    passed = [(each.name, exchange) for each in chosen for exchange in each.traffic.last()]
    passed.sort(key=lambda item: item[1].mono)
    lines += [_encoded(_line(name, exchange)) for name, exchange in passed]
    descriptor = _new_file(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RecordingError(f"{path} cannot be written: {error.strerror}.") from error
    return len(passed)


def device_head(device: "Device") -> DeviceHead:
    """What a recording says of a device."""
    return DeviceHead(
        name=device.name,
        driver=device.driver,
        address=device.address,
        identity=str(device.identity) if device.identity.maker else "",
        simulated=device.simulated,
        protocol=dataclasses.asdict(device.kind.spec.protocol),
    )


def exchange_line(device: str, exchange: Exchange) -> bytes:
    """One line of a recording."""
    return _encoded(_line(device, exchange))


def _head(bench: str) -> Head:
    from importlib.metadata import version

    versions = {"funcnodes": version("funcnodes"), "python": platform.python_version()}
    return Head(bench=bench, started=clock.now(), mono=clock.monotonic(), versions=versions)


def _line(device: str, exchange: Exchange) -> _Line:
    data = exchange.data
    is_block = len(data) > 64 and sum(byte < 32 or byte > 126 for byte in data) > len(data) // 8
    return _Line(
        device=device, direction=exchange.direction, t=exchange.t, mono=exchange.mono,
        latency_ms=exchange.latency_ms,
        text=None if is_block or not data else data.decode("latin-1"),
        base64=base64.b64encode(data).decode("ascii") if is_block else None,
    )  # fmt: skip


def _encoded(line: msgspec.Struct) -> bytes:
    return _ENCODER.encode(line) + b"\n"


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


# ── reading ───────────────────────────────────────────────────────────────────────────────


@dataclasses.dataclass(frozen=True, slots=True)
class RecordedDevice:
    """One device of a recording, and what passed its wire, in order."""

    head: DeviceHead
    exchanges: tuple[Exchange, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Recorded:
    """A recording that was read.

    Attributes:
        devices: By name, in the order of the file.
        is_cut: Whether its last line is incomplete, as whoever wrote it was killed.
    """

    path: Path
    head: Head
    devices: Mapping[str, RecordedDevice]
    is_cut: bool = False

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a recording.

        Raises:
            RecordingError: It is missing, too large or no recording; names the line.
        """
        heads: dict[str, DeviceHead] = {}
        passed: dict[str, list[Exchange]] = {}
        head: Head | None = None
        reader = _Reader(path)
        for line in reader:
            match line:
                case Head():
                    head = head or line
                case DeviceHead():
                    heads[line.name] = line
                    passed.setdefault(line.name, [])
                case _Line():
                    passed.setdefault(line.device, []).append(reader.exchange(line))
        if head is None:
            raise RecordingError(f"{path} is no recording of traffic: it is empty.")
        devices = {
            name: RecordedDevice(heads.get(name, DeviceHead(name=name)), tuple(exchanges))
            for name, exchanges in passed.items()
        }
        return cls(path, head, devices, reader.is_cut)

    def device(self, name: str = "") -> RecordedDevice:
        """The device of that name; the only one where no name is given.

        Raises:
            RecordingError: There is none, or there are several to choose from.
        """
        if not name and len(self.devices) == 1:
            return next(iter(self.devices.values()))
        if name not in self.devices:
            known = ", ".join(self.devices) or "none"
            what = f"holds no device {name!r}" if name else "holds several devices"
            raise RecordingError(f"{self.path} {what}; it has {known}.", device=name)
        return self.devices[name]


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
            simulated=device.simulated or recorded.device(name).head.simulated or None,
        )
        for name, device in config.devices.items()
    }
    return dataclasses.replace(config, devices=devices)


def recorded_bench(recorded: Recorded) -> BenchConfig:
    """The bench as far as a recording tells: names, drivers and addresses, no limits."""
    devices = {
        name: DeviceConfig(name, device.head.driver or "auto", device.head.address)
        for name, device in recorded.devices.items()
    }
    return BenchConfig(recorded.head.bench or recorded.path.stem, devices=devices)


class _Reader:
    """The lines of a file, decoded; a last line that is cut is left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 0
        self.is_cut = False

    def __iter__(self) -> Iterator[Head | DeviceHead | _Line]:
        try:
            if self._path.stat().st_size > MAX_BYTES:
                raise RecordingError(f"{self._path}: more than {MAX_BYTES} bytes is too much.")
            with self._path.open("rb") as file:
                yield from self._decoded(file)
        except OSError as error:
            raise RecordingError(
                f"The recording {self._path} cannot be read: {(error.strerror or '').lower()}."
            ) from error

    def exchange(self, line: _Line) -> Exchange:
        try:
            if line.base64 is not None:
                data = base64.b64decode(line.base64, validate=True)
            else:
                data = (line.text or "").encode("latin-1")
        except ValueError as error:
            raise self._wrong("its bytes cannot be read") from error
        return Exchange(line.t, line.direction, data, line.latency_ms, line.mono)

    def _decoded(self, file: Iterable[bytes]) -> Iterator[Head | DeviceHead | _Line]:
        for self._number, text in enumerate(file, 1):
            if not text.endswith(b"\n"):
                self.is_cut = True
                return
            try:
                found = _DECODER.decode(text)
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
                raise self._wrong("it is not one of a recording") from error
            if isinstance(found, Head) != (self._number == 1):
                raise self._wrong("a recording begins with one line that says so")
            if isinstance(found, Head) and found.format != FORMAT:
                raise self._wrong(f"format {found.format} is not known here, {FORMAT} is")
            yield found

    def _wrong(self, why: str) -> RecordingError:
        return RecordingError(f"{self._path}, line {self._number}: {why}.", line=self._number)
