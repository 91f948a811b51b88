"""Recordings: what went over the lines of a bench, in a file that a replay answers from.

JSON Lines; the first says what it is, then each device, then what passed, in order:

    {"line":"recording","format":1,"bench":"demo","started":1764072000.1,"mono":512.3,…}
    {"line":"device","name":"smu","driver":"keithley.smu2400","address":"TCPIP0::…",…}
    {"line":"exchange","device":"smu","direction":"out","t":…,"mono":…,"text":":READ?\n"}
    {"line":"exchange","device":"smu","direction":"in","t":…,"latency_ms":4.1,"base64":"…"}

`text` has one character per byte (ISO 8859-1), `base64` is for blocks. A device is told of again
once it has said who it is; the last word counts. Whoever writes may be killed: then the
last line is cut, which reading allows for. Writing is `bench.recorder`'s.
"""

import base64
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import msgspec

from funcnodes.devices.messages.traffic import Direction, Exchange
from funcnodes.errors import RecordingError

FORMAT = 1
MAX_BYTES = 1 << 30


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


def exchange_line(device: str, exchange: Exchange) -> bytes:
    """One line of a recording."""
    return encoded(_line(device, exchange))


def _line(device: str, exchange: Exchange) -> _Line:
    data = exchange.data
    is_block = len(data) > 64 and sum(byte < 32 or byte > 126 for byte in data) > len(data) // 8
    return _Line(
        device=device, direction=exchange.direction, t=exchange.t, mono=exchange.mono,
        latency_ms=exchange.latency_ms,
        text=None if is_block or not data else data.decode("latin-1"),
        base64=base64.b64encode(data).decode("ascii") if is_block else None,
    )  # fmt: skip


def encoded(line: msgspec.Struct) -> bytes:
    """One line of a recording, with its end."""
    return _ENCODER.encode(line) + b"\n"


# ── reading ───────────────────────────────────────────────────────────────────────────────


@dataclasses.dataclass(frozen=True, slots=True)
class RecordedDevice:
    """One device of a recording, and what passed its line, in order."""

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
