"""Notes what is read of a bench and set on it, in one file, outside runs and within.

Guarantees that nothing here keeps the bench waiting: a value costs a look at the one before;
once a second what is new goes to a thread that writes it. A disk that is full costs what came
meanwhile, and one warning. What was committed survives `kill -9`: all but the last second.
"""

import asyncio
import logging
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funcnodes.core import clock, units
from funcnodes.core.values import QUALITIES
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile.history import HistoryConfig
from funcnodes.devices.declarations.members import Sample
from funcnodes.devices.device import Device
from funcnodes.durable import sync_folder
from funcnodes.errors import BenchError, UnitError
from funcnodes.history import file
from funcnodes.history.noting import Note, Noting, Plain

COMMIT_S = 1.0
"""What a killed process may lose at most, about."""
MOST_WAITING = 100_000
"""Values that wait for a slow disk at most; more are dropped."""
PRUNE_S = 300.0
PRUNE_ROWS = 50_000
TEXT_LENGTH = 200
_AWAY = ("offline", "fault", "unanswered")
_CODE = {quality: code for code, quality in enumerate(QUALITIES)}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NotedParameter:
    """What is kept of a parameter beside its values."""

    device: str
    member: str
    unit: str
    kind: file.Kind
    origin: file.Origin


Row = tuple[NotedParameter, Note]


class HistoryRecorder:
    """Keeps the history of one bench. Create, `start` and `stop` it in the bench's loop."""

    def __init__(self, path: Path, bench: Bench, *, commit_s: float = COMMIT_S) -> None:
        self.path = path
        self._bench = bench
        self._config = bench.config.history
        self._commit_s = commit_s
        self._notings: dict[tuple[str, str], Noting] = {}
        self._kinds: dict[tuple[str, str], NotedParameter] = {}
        self._checked: set[str] = set()
        self._fresh: list[Row] = []
        self._timer: asyncio.TimerHandle | None = None
        self._unwatch: list[Callable[[], None]] = []
        self._writer = _Writer(path, self._config)

    def start(self) -> None:
        """Note from now on."""
        self._writer.start()
        self._unwatch = [
            self._bench.on_reading(self.note),
            self._bench.on_change(self._device_changed),
        ]

    def stop(self) -> None:
        """Note that from now on nobody knows, and have everything written; see `wait`."""
        for unwatch in self._unwatch:
            unwatch()
        if self._timer is not None:
            self._timer.cancel()
        now = clock.now()
        for key, noting in self._notings.items():
            self._add(key, noting.lose(now))
        self._hand_over()
        self._writer.end()

    def wait(self, within_s: float) -> None:
        """Wait until it is written, off the loop."""
        self._writer.join(within_s)

    def note(self, device: str, member: str, sample: Sample) -> None:
        """A value was read or set."""
        plain = _plain(sample.value)
        if plain is None:
            return
        kind, value = plain
        key = (device, member)
        noting = self._notings.get(key)
        if (
            noting is None
            or (value is not None and self._kinds[key].kind != kind)
            or (self._kinds[key].unit != sample.unit)
        ):
            noting = self._known(key, sample, kind)
        self._add(key, noting.offer(Note(sample.t or clock.now(), value, sample.quality)))

    def _known(self, key: tuple[str, str], sample: Sample, kind: file.Kind) -> Noting:
        device = self._bench.devices[key[0]]
        origin: file.Origin = (
            "replayed" if device.replayed else "simulated" if device.simulated else ""
        )
        self._kinds[key] = NotedParameter(*key, sample.unit, kind, origin)
        config = self._config
        noting = Noting(_deadband(device, key[1], sample.unit, config), config.every_s,
                        config.least_s)  # fmt: skip
        self._notings[key] = noting
        return noting

    def _device_changed(self, device: Device) -> None:
        """Of a device that is away nobody knows anything, until it is read again."""
        if device.is_online and device.name not in self._checked:
            self._checked.add(device.name)
            _check_names(device, self._config)
        if device.state not in _AWAY:
            return
        now = clock.now()
        for key, noting in self._notings.items():
            if key[0] == device.name:
                self._add(key, noting.lose(now))

    def _add(self, key: tuple[str, str], notes: Iterable[Note]) -> None:
        what = self._kinds[key]
        self._fresh += [(what, note) for note in notes]
        if self._timer is None and (self._fresh or self._notings[key].is_held):
            self._timer = asyncio.get_running_loop().call_later(self._commit_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = clock.now()
        for key, noting in self._notings.items():
            if noting.is_held:
                self._add(key, noting.settle(now))
        self._hand_over()

    def _hand_over(self) -> None:
        fresh, self._fresh = self._fresh, []
        if fresh:
            self._writer.put(fresh)


def _plain(value: Any) -> tuple[file.Kind, Plain] | None:
    """A value as it is kept; None for what is no single value, such as an array."""
    if isinstance(value, bool):
        return "switch", int(value)
    if isinstance(value, int):
        return "number", value if abs(value) < 2**63 else float(value)
    if isinstance(value, float):
        return "number", None if math.isnan(value) else value
    if isinstance(value, str):
        return "text", value[:TEXT_LENGTH].encode(errors="replace").decode()
    return None


def _deadband(device: Device, member: str, unit: str, config: HistoryConfig) -> float:
    """The bench file's, else the driver's, in `unit`."""
    name = f"{device.name}.{member}"
    said = config.deadbands.get(name)
    if said is not None:
        try:
            return _difference(said, unit) if isinstance(said, str) else float(said)
        except UnitError as error:
            _log.warning("[history.deadband] %s means nothing: %s", name, error.message)
    try:
        declared = device.member(member)
    except BenchError:  # a field of a record has none of its own
        return 0.0
    resolution = getattr(declared, "resolution", None) or 0.0
    return max(float(getattr(declared, "deadband", 0.0)), resolution / 2)


def _check_names(device: Device, config: HistoryConfig) -> None:
    known = {each.name for each in device.parameters()}
    for name in config.deadbands:
        head, _, member = name.partition(".")
        if head == device.name and member not in known:
            _log.warning("[history.deadband] %s means nothing: %s has no such parameter.",
                         name, head)  # fmt: skip


def _difference(text: str, unit: str) -> float:
    """A difference in `unit`: 10 mK are 0.01 °C, too."""
    number, given = units.split(text, unit)
    if not given or given == unit:
        return abs(number)
    convert = units.conversion(given, unit)
    return float(abs(convert(number) - convert(0.0)))


class _Writer(threading.Thread):
    """Writes batches; whatever the disk does, `put` returns at once."""

    def __init__(self, path: Path, config: HistoryConfig) -> None:
        super().__init__(name="history", daemon=True)
        self._path = path
        self._config = config
        self._batches: queue.SimpleQueue[list[Row] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._counting = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._ids: dict[NotedParameter, int] = {}
        self._trouble = ""
        self._dropped = 0
        self._pruned = -math.inf
        self._since_pruned = 0
        self._is_over = False  # nothing more can be written, ever

    def put(self, batch: list[Row]) -> None:
        with self._counting:
            if self._waiting > MOST_WAITING:
                self._dropped += len(batch)
                return
            self._waiting += len(batch)
        self._batches.put(batch)

    def end(self) -> None:
        """Write what waits, then close the file."""
        self._batches.put(None)

    def run(self) -> None:
        while (batch := self._batches.get()) is not None:
            self._write(batch)
            with self._counting:
                self._waiting -= len(batch)
        if self._connection is not None:
            self._connection.close()

    def _write(self, batch: list[Row]) -> None:
        try:
            if self._connection is None:
                self._open()
            if self._connection is not None:
                self._insert(self._connection, batch)
                self._prune(self._connection, len(batch))
                self._works()
        except (sqlite3.Error, OSError) as error:
            self._fails(error, len(batch))

    def _open(self) -> None:
        if self._is_over:
            return
        try:
            self._connection = file.open_to_write(self._path)
        except file.NewerHistory as error:
            self._is_over = True
            _log.warning("No history is kept in %s: %s.", self._path, error)
        except sqlite3.Error as error:
            if not file.is_unreadable(error):
                raise
            aside = file.put_aside(self._path)
            sync_folder(aside.parent)
            _log.warning("%s could not be read; it is %s now, and a new one begins.",
                         self._path, aside.name)  # fmt: skip
            self._connection = file.open_to_write(self._path)
        self._ids.clear()
        if self._connection is not None:
            self._connection.execute(
                "INSERT OR REPLACE INTO meta VALUES ('every_s', ?)", (str(self._config.every_s),)
            )

    def _insert(self, connection: sqlite3.Connection, batch: list[Row]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            rows = [
                (self._id(connection, what), note.t, note.value, _CODE[note.quality])
                for what, note in batch
            ]
            connection.executemany("INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
        except BaseException:
            self._ids.clear()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _id(self, connection: sqlite3.Connection, what: NotedParameter) -> int:
        found = self._ids.get(what)
        if found is None:
            key = (what.device, what.member, what.unit, what.kind, what.origin)
            connection.execute(
                "INSERT OR IGNORE INTO parameters (device, member, unit, kind, origin) "
                "VALUES (?, ?, ?, ?, ?)",
                key,
            )
            (found,) = connection.execute(
                "SELECT id FROM parameters WHERE device = ? AND member = ? AND unit = ? "
                "AND kind = ? AND origin = ?",
                key,
            ).fetchone()
            self._ids[what] = found
        return found

    def _prune(self, connection: sqlite3.Connection, rows: int) -> None:
        self._since_pruned += rows
        now = time.monotonic()
        if now - self._pruned < PRUNE_S and self._since_pruned < PRUNE_ROWS:
            return
        self._pruned, self._since_pruned = now, 0
        before = clock.now() - self._config.keep_s
        if file.prune(connection, before=before, max_bytes=self._config.max_bytes):
            self._ids.clear()  # a parameter of which nothing was left is gone

    def _fails(self, error: Exception, rows: int) -> None:
        self._dropped += rows
        if isinstance(error, sqlite3.Error) and file.is_unreadable(error):
            if self._connection is not None:
                self._connection.close()
            self._connection = None  # opened anew, and put aside then
        if not self._trouble:
            self._trouble = str(error)
            _log.warning("The history cannot be written, %s, in %s: values are not kept until "
                         "that is over.", error, self._path)  # fmt: skip

    def _works(self) -> None:
        if not (self._trouble or self._dropped):
            return
        _log.warning("The history is written again; %d values were not kept.", self._dropped)
        self._trouble, self._dropped = "", 0
