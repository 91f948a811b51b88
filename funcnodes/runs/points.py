"""Which points of a run were taken to their end: kept while it goes on, and known again afterwards.

A frame that is begun is an *instance*: "1", or "0:3/1" within point 3 of frame 0; frames have the
numbers of the table `frames`. A record's path is that of an instance that was begun ("0:3/1"), of
a point of it that was taken ("0:3/1:2"), or of its end ("0:3/1:end"); "" for what concerns the
whole run. With each goes how many rows every recorder had then, "5,5", and facts as JSON: what a
scan needs to know to go on, and under `set` what was written to devices since the record before.
Queued behind the rows of its point, a record is never on disk without them.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from funcnodes.core import Frame, Wave, clock
from funcnodes.devices.device.rack import Write

END = "end"
SET, TOGETHER, BASIS = "set", "together", "basis"
_NO_ROWS: dict[str, int] = {}
_NO_FACTS: dict[str, Any] = {}
_encode = msgspec.json.Encoder(enc_hook=repr).encode


class PointRecord(msgspec.Struct, frozen=True):
    """One record of a run file, as it lies there: there may be a million of them.

    Attributes:
        wall: Seconds since the epoch.
        path: See the module's text.
        is_leaf: Whether it tells of a point of an innermost frame: those are counted.
        recorders: Their ids, in the order of the counts.
        before: Rows that count of the runs before, by recorder.
    """

    wall: float
    path: str
    counts: str
    text: str
    is_leaf: bool
    recorders: tuple[str, ...]
    before: Mapping[str, int] = _NO_ROWS

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each recorder so far, by recorder."""
        counts = self.counts.split(",") if self.counts else ()
        return {
            name: self.before.get(name, 0) + int(count)
            for name, count in zip(self.recorders, counts, strict=False)
        }

    @property
    def facts(self) -> dict[str, Any]:
        return msgspec.json.decode(self.text, type=dict[str, Any]) if self.text else _NO_FACTS

    @property
    def instance(self) -> str:
        """Of which begun frame it tells."""
        head, _, last = self.path.rpartition("/")
        return f"{head}/{last.partition(':')[0]}" if head else last.partition(":")[0]

    @property
    def frame(self) -> int:
        """The number of that frame; -1 for none."""
        return frame_of(self.instance)

    @property
    def is_point(self) -> bool:
        """Whether it tells of a point that was taken."""
        last = self.path.rpartition("/")[2]
        return ":" in last and not last.endswith(f":{END}")

    @property
    def index(self) -> int:
        """The number of the point, from 0; only of a point."""
        return int(self.path.rpartition(":")[2])

    @property
    def is_end(self) -> bool:
        return self.path.endswith(f":{END}")


@dataclass(frozen=True, slots=True)
class FramePast:
    """What is known of one instance of a frame from the runs before.

    Attributes:
        done: Its points that were taken, the first ones of all.
        begin: What it kept when it was begun.
        facts: What its points kept, in order; of those that kept something.
        has_ended: Whether all of it was over, `finally` included.
        times: How many other instances of the same frame were begun before.
    """

    done: int = 0
    begin: dict[str, Any] = field(default_factory=dict)
    facts: Sequence[dict[str, Any]] = ()
    has_ended: bool = False
    times: int = 0


NO_PAST = FramePast()


class Past:
    """What the records of earlier runs say, as a run needs them that goes on.

    Attributes:
        points: Points of innermost frames that were taken.
        sets: What was written to members of devices, by device and member: the last values.
        together: Names of frames whose points were under way at once, or ().
        newest: The instance of which the last point was taken, or "".
    """

    def __init__(self, records: Sequence[PointRecord] = ()) -> None:
        self.points = 0
        self.sets: dict[tuple[str, str], Any] = {}
        self._last: PointRecord | None = None
        self.together: tuple[str, ...] = ()
        self.newest = ""
        self._done: Counter[str] = Counter()
        self._tally = Tally()
        self._begins: dict[str, dict[str, Any]] = {}
        self._times: Counter[int] = Counter()
        self._facts: dict[str, list[dict[str, Any]]] = {}
        self._ended: set[str] = set()
        for record in records:
            self._take(record)

    def _take(self, record: PointRecord) -> None:
        facts = dict(record.facts)
        for device, member, value in facts.pop(SET, ()):
            self.sets.pop((device, member), None)  # in the order of the last writes
            self.sets[device, member] = value
        if not record.path:
            self.together = tuple(facts.get(TOGETHER, self.together))
            return
        key = record.instance
        if record.is_end:
            self._ended.add(key)
        elif not record.is_point:
            if key not in self._begins:
                self._times[record.frame] += 1
            self._begins.setdefault(key, {}).update(facts)
        else:
            self._done[key] = record.index + 1
            if record.index == 0:  # it may have been begun again, after a failure around it
                self._facts.pop(key, None)
            if facts:
                self._facts.setdefault(key, []).append(facts)
            if record.is_leaf:
                self.points += self._tally.is_new(record)
                self._last, self.newest = record, key

    @property
    def rows(self) -> dict[str, int]:
        """Rows that count, by recorder."""
        return self._last.rows if self._last is not None else {}

    def of(self, instance: str) -> FramePast:
        """What is known of one instance."""
        frame = frame_of(instance)
        return FramePast(
            self._done[instance],
            self._begins.get(instance, _NO_FACTS),
            self._facts.get(instance, ()),
            instance in self._ended,
            self._times[frame] - (instance in self._begins),
        )

    def each(self, frame: int) -> list[FramePast]:
        """What is known of every instance of a frame."""
        return [self.of(key) for key in self._begins if frame_of(key) == frame]

    def ended(self, frame: int) -> bool:
        """Whether some instance of a frame is over, and none is not."""
        mine = [key for key in self._begins if frame_of(key) == frame]
        return bool(mine) and all(key in self._ended for key in mine)


class Tally:
    """Counts points: one that was taken again, after a failure around it, is no further one."""

    def __init__(self) -> None:
        self._most: dict[str, int] = {}

    def is_new(self, record: PointRecord) -> bool:
        """Whether a record of a point tells of one that was not taken before."""
        if record.index < self._most.get(record.instance, 0):
            return False
        self._most[record.instance] = record.index + 1
        return True


def frame_of(instance: str) -> int:
    """The number of the frame of an instance; -1 for none."""
    number = instance.rpartition("/")[2]
    return int(number) if number else -1


NOTHING_PAST = Past()


# ── in the file ───────────────────────────────────────────────────────────────────────────────


def read(connection: sqlite3.Connection) -> list[PointRecord]:
    """The records of a run file, in order; none where it is of an earlier version."""
    if not _has_points(connection):
        return []
    names = tuple(node for (node,) in connection.execute("SELECT node FROM recorders ORDER BY k"))
    inner = {f for (f,) in connection.execute("SELECT f FROM frames WHERE inner")}
    found = connection.execute("SELECT wall, path, rows, facts FROM points ORDER BY id")
    records = []
    for wall, path, rows, facts in found:
        record = PointRecord(wall, path, rows, facts, False, names)
        if record.is_point and record.frame in inner:
            record = PointRecord(wall, path, rows, facts, True, names)
        records.append(record)
    return records


def read_frames(connection: sqlite3.Connection) -> list[str]:
    """The frames by number: ids of nodes."""
    if not _has_points(connection):
        return []
    return [node for (node,) in connection.execute("SELECT node FROM frames ORDER BY f")]


def read_basis(connection: sqlite3.Connection) -> dict[str, Any]:
    """On what the run stands; {} where that was not kept."""
    if not _has_points(connection):
        return {}
    for (text,) in connection.execute("SELECT facts FROM points WHERE path = '' ORDER BY id"):
        facts: dict[str, Any] = msgspec.json.decode(text)
        if BASIS in facts:
            return dict(facts[BASIS])
    return {}


def _has_points(connection: sqlite3.Connection) -> bool:
    sql = "SELECT 1 FROM sqlite_schema WHERE name = 'points'"
    return connection.execute(sql).fetchone() is not None


# ── while it goes on ──────────────────────────────────────────────────────────────────────────


class PointLog:
    """Keeps the points of one run; knows those that were taken before it.

    What innermost frames set themselves, `own`, is set anew by their next point: what it was is
    kept when such a frame is over, not with each of its points.

    Attributes:
        past: What the runs before say.
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        past: Past,
        keep: Callable[[float, str, str, str], None],
        rows: Callable[[], Iterator[int]],
        own: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self.past = past
        self._numbers = {frame: n for n, frame in enumerate(frames)}
        self._keep, self._rows, self._own = keep, rows, own
        self._where: dict[Wave, tuple[Frame, str]] = {}
        self._open: dict[Frame, str] = {}
        self._before: dict[Frame, int] = {}
        self._sets: dict[tuple[str, str], Any] = {}
        self._own_sets: dict[tuple[str, str], Any] = {}
        self._is_together = False
        self._broken_off: set[str] = set()  # points around a frame that did not come to its end

    def begin(self, frame: Frame) -> FramePast:
        """A frame begins: what is known of this instance of it."""
        instance = self._instance(frame)
        self._open[frame] = instance
        found = self.past.of(instance)
        self._before[frame] = found.done
        self._record(instance, found.begin)
        return found

    def done_before(self, frame: Frame) -> int:
        """Points of the frame, as it is begun now, that a run before has taken."""
        return self._before.get(frame, 0)

    def stand_on(self, basis: dict[str, Any]) -> None:
        """On which drivers, instruments and limits the run stands; see `basis`."""
        self._record("", {BASIS: basis})

    def remember(self, frame: Frame, facts: dict[str, Any]) -> None:
        """What it has to know again should it be begun again, before its first point."""
        self._record(self._open[frame], facts)

    @contextmanager
    def under_way(self, frame: Frame, index: int, wave: Wave) -> Iterator[None]:
        """Around a point of a frame."""
        if frame not in self._open:  # a frame that keeps none
            yield
            return
        for other, (beside, _) in self._where.items():
            if not wave.within(other) and not self._is_together:
                self._is_together = True
                self._record("", {TOGETHER: [beside.name, frame.name]})
        self._where[wave] = (frame, f"{self._open[frame]}:{index}")
        try:
            yield
        finally:
            del self._where[wave]

    def taken(self, frame: Frame, index: int, facts: dict[str, Any]) -> None:
        """A point was taken to its end; not so where a frame in it was broken off."""
        path = f"{self._open[frame]}:{index}"
        if path not in self._broken_off:
            self._record(path, facts, is_point=True)

    def break_off(self, frame: Frame) -> None:
        """A frame ends before its last point, as the run is to end."""
        wave = frame.wave
        while wave is not None:
            if wave in self._where:
                self._broken_off.add(self._where[wave][1])
            wave = wave.parent

    def end(self, frame: Frame) -> None:
        """All of a frame is over, and went well."""
        self._record(f"{self._open[frame]}:{END}", _NO_FACTS)

    def wrote(self, write: Write) -> None:
        """Something is written to a device."""
        if write.value is not None:
            key = (write.device, write.member)
            sets = self._own_sets if key in self._own else self._sets
            sets.pop(key, None)
            sets[key] = write.value

    def _instance(self, frame: Frame) -> str:
        wave = frame.wave
        while wave is not None and wave not in self._where:
            wave = wave.parent
        around = f"{self._where[wave][1]}/" if wave is not None else ""
        return f"{around}{self._numbers.setdefault(frame, len(self._numbers))}"

    def _record(self, path: str, facts: dict[str, Any], *, is_point: bool = False) -> None:
        if self._own_sets and not is_point:
            self._sets |= self._own_sets
            self._own_sets = {}
        if self._sets:
            facts = {**facts, SET: [[*key, value] for key, value in self._sets.items()]}
            self._sets = {}
        text = _encode(facts).decode() if facts else ""
        self._keep(clock.now(), path, ",".join(map(str, self._rows())), text)
