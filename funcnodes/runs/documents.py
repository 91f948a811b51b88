"""A run as Bluesky documents (start, descriptor, event, stop), from its file or while it is on.

Both give the same documents with the same uids, so that whoever keeps them can tell that a run is
there already. Arrays lie within their events; nothing refers to another file. Every column has its
quality beside it (R2). Source: event-model, documents and their schemas.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from funcnodes.core.values import Quality
from funcnodes.runs.about import ELAPSED, identity_of
from funcnodes.runs.cells import decode, encode
from funcnodes.runs.forms import Form, composite, titled
from funcnodes.runs.records import PRIMARY, DeviceSnapshot, RowPage, RunHead, RunState, TableSpec

Fields = dict[str, Any]
Document = tuple[str, Fields]
"""What kind of document it is ("start", "event" …), and the document."""
Subscriber = Callable[[str, Fields], object]
"""Called with each document, as Bluesky's `RE.subscribe` calls."""

_EXIT: dict[RunState, str] = {"complete": "success", "stopped": "success", "aborted": "abort"}
_PLAIN = (float, int, str, bool)
_BY_KIND = {"text": "string", "bool": "boolean", "array": "array"}
_ABOUT = ("title", "nodespace", "operator", "sample", "project", "notes", "bench")


@dataclass(frozen=True, slots=True)
class _Type:
    """What cells of a column are, as an event-model data key says it."""

    dtype: str
    shape: tuple[int, ...] = ()
    numpy: str = ""


@dataclass(slots=True)
class _Stream:
    """One recorder on its way into events.

    Attributes:
        types: By column, as the present descriptor has them; () before the first.
        descriptors: How many there were. A row that does not fit begins a new one.
    """

    spec: TableSpec
    name: str
    titles: list[str]
    qualities: list[str]
    types: tuple[_Type, ...] = ()
    descriptors: int = 0
    events: int = 0
    uid: str = field(default="")


class Composer:
    """Composes the documents of one run, each in its turn.

    Args:
        head: Of the run, as it began.
        specs: Recorders that are known before the first row.
        snapshots: Gives the parameters of the devices; asked once there is a row.
    """

    def __init__(
        self,
        head: RunHead,
        specs: Sequence[TableSpec],
        snapshots: Callable[[], Sequence[DeviceSnapshot]],
    ) -> None:
        self._head = head
        self._specs = specs
        self._snapshots = snapshots
        self._streams: dict[int, _Stream] = {}

    def start(self) -> Document:
        """Who measures what, before there is a row."""
        head = self._head
        said = {key: getattr(head, key) for key in _ABOUT if getattr(head, key)}
        found: Fields = {
            "uid": head.id, "time": head.started, "scan_id": head.number,
            "plan_type": "funcnodes", "plan_name": head.nodespace or head.title or head.name,
            "simulated": head.simulated or "no", "replayed": head.replayed or "no",
            "versions": {_key(name): text for name, text in head.versions.items()},
            **said,
        }  # fmt: skip
        return "start", found | (_scanned(self._specs[0]) if self._specs else {})

    def rows(self, k: int, page: RowPage) -> Iterator[Document]:
        """Rows of recorder `k` that follow those that it was given before."""
        stream = self._streams.get(k) or self._stream(k, page.table)
        for i in range(len(page)):
            cells = [
                _as_kept(values[i], quality[i])
                for values, quality in zip(page.values, page.quality, strict=True)
            ]
            types = tuple(_type_of(cell) for cell in cells)
            if not stream.types or any(
                t and t != u for t, u in zip(types, stream.types, strict=True)
            ):
                yield self._descriptor(k, stream, types)
            yield self._event(stream, page, i, cells)

    def stop(self, head: RunHead, now: float) -> Document:
        """How it ended.

        Args:
            head: As it is at the end.
            now: When that is, where the head does not say.
        """
        found: Fields = {
            "uid": f"{head.id}-stop", "run_start": head.id,
            "time": now if head.ended is None else head.ended,
            "exit_status": _EXIT.get(head.state, "fail"), "state": head.state,
            "num_events": {each.name: each.events for each in self._streams.values()},
        }  # fmt: skip
        return "stop", found | ({"reason": head.message} if head.message else {})

    def _stream(self, k: int, spec: TableSpec) -> _Stream:
        columns = titled(spec, [Form("other")] * len(spec.columns))
        taken = {each.name for each in self._streams.values()} | ({PRIMARY} if k else set())
        names = (spec.stream, spec.name, f"{spec.name} ({k})")
        name = next(name for name in names if name not in taken)
        stream = _Stream(spec, name, [c.title for c in columns], [c.quality for c in columns])
        self._streams[k] = stream
        return stream

    def _descriptor(self, k: int, stream: _Stream, types: Sequence[_Type | None]) -> Document:
        """What the next events hold; a column of which nothing is known yet is what it will be."""
        before = stream.types or [None] * len(types)
        stream.types = tuple(
            now or was or _Type(_BY_KIND.get(column.kind, "number"))
            for now, was, column in zip(types, before, stream.spec.columns, strict=True)
        )
        stream.descriptors += 1
        stream.uid = f"{self._head.id}-{k}-{stream.descriptors}"
        objects: dict[str, list[str]] = {stream.spec.name: [ELAPSED]}
        keys: Fields = {ELAPSED: _data_key(_Type("number"), "funcnodes:clock", "s")}
        for title, quality, column, kind in zip(
            stream.titles, stream.qualities, stream.spec.columns, stream.types, strict=True
        ):
            place = column.source or "/".join(filter(None, (column.node, column.port))) or "row"
            source = f"funcnodes:{place}"
            objects.setdefault(column.device or stream.spec.name, []).extend((title, quality))
            keys[title] = _data_key(kind, source, column.unit)
            keys[quality] = _data_key(_Type("string"), source, "")
        return "descriptor", {
            "uid": stream.uid, "run_start": self._head.id, "time": self._head.started,
            "name": stream.name, "data_keys": keys,
            "object_keys": objects,
            "hints": {
                name: {"fields": [key for key in of_it if key in stream.titles]}
                for name, of_it in objects.items()
            },
            "configuration": dict(_configuration(self._snapshots())),
        }  # fmt: skip

    def _event(self, stream: _Stream, page: RowPage, i: int, cells: Sequence[Any]) -> Document:
        wall = page.wall[i]
        data: Fields = {ELAPSED: page.mono[i] - self._head.started_mono}
        for n, cell in enumerate(cells):
            data[stream.titles[n]] = _value(cell, stream.types[n])
            data[stream.qualities[n]] = page.quality[n][i]
        stream.events += 1
        return "event", {
            "uid": f"{stream.uid}-{page.start + i}", "descriptor": stream.uid, "time": wall,
            "seq_num": stream.events, "data": data, "timestamps": dict.fromkeys(data, wall),
            "filled": {},
        }  # fmt: skip


def _scanned(spec: TableSpec) -> Fields:
    """What is set and what is read, and the shape of the scan, as far as that is known before it
    begins; the slowest first."""
    fed = [column.name for column in spec.columns if column.node]
    set_ = [axis.name for axis in spec.axes if axis.name in fed] or fed[:1]
    if not set_:
        return {}
    found: Fields = {
        "motors": set_, "detectors": [name for name in fed if name not in set_],
        "hints": {"dimensions": [[[name], PRIMARY] for name in set_]},
    }  # fmt: skip
    lengths = [axis.length for axis in spec.axes]
    if lengths and all(lengths) and len(lengths) == len(set_):
        found["shape"] = lengths
    return found


def paged(documents: Iterable[Document], rows: int) -> Iterator[Document]:
    """The same with events gathered into pages of at most `rows`."""
    waiting: list[Fields] = []
    for name, document in documents:
        is_full = len(waiting) >= rows
        if waiting and (
            name != "event" or is_full or waiting[-1]["descriptor"] != document["descriptor"]
        ):
            yield _page(waiting)
            waiting = []
        if name == "event":
            waiting.append(document)
        else:
            yield name, document
    if waiting:
        yield _page(waiting)


def _page(events: Sequence[Fields]) -> Document:
    page: Fields = {"descriptor": events[0]["descriptor"], "filled": {}}
    page |= {key: [each[key] for each in events] for key in ("uid", "time", "seq_num")}
    for key in ("data", "timestamps"):
        page[key] = {name: [each[key][name] for each in events] for name in events[0][key]}
    return "event_page", page


def json_line(name: str, document: Fields) -> str:
    """One document as a line of JSON, as Bluesky's `JSONLinesWriter` writes them; what is no
    number is NaN there, too, and a complex number is a pair."""
    return json.dumps({"name": name, "doc": document}, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, complex):
        return [value.real, value.imag]
    return value.tolist() if hasattr(value, "tolist") else repr(value)


# ── cells ─────────────────────────────────────────────────────────────────────────────────────


class _Block:
    """Holds the array of one cell."""

    array: Any = None

    def put(self, array: Any) -> int:
        self.array = array
        return 0

    def get(self, number: int) -> Any:
        return self.array


def _as_kept(value: Any, quality: Quality) -> Any:
    """A value as the file gives it back, whether it comes from there or not."""
    if type(value) in _PLAIN and value == value:
        return value
    block = _Block()
    return decode(encode(value, block), quality, block)


def _type_of(cell: Any) -> _Type | None:
    """What a cell is; None where it is nothing."""
    if cell is None:
        return None
    if isinstance(cell, bool):
        return _Type("boolean")
    if isinstance(cell, int | float):
        return _Type("number")
    if hasattr(cell, "dtype"):
        return _Type("array", tuple(cell.shape), cell.dtype.str)
    return _Type("array", (len(cell),)) if isinstance(cell, list) else _Type("string")


def _value(cell: Any, kind: _Type) -> Any:
    if cell is None:
        return _nothing(kind)
    return cell if kind.dtype != "string" or isinstance(cell, str) else composite(cell)


def _nothing(kind: _Type) -> Any:
    """An empty cell of that type; its quality says why."""
    if kind.dtype in ("number", "string"):
        return math.nan if kind.dtype == "number" else ""
    if kind.numpy[1:2] in ("f", "c"):
        import numpy as np

        return np.full(kind.shape, np.nan, dtype=kind.numpy)
    return None


def _data_key(kind: _Type, source: str, unit: str) -> Fields:
    found: Fields = {"dtype": kind.dtype, "shape": list(kind.shape), "source": source}
    found |= {"dtype_numpy": kind.numpy} if kind.numpy else {}
    return found | ({"units": unit} if unit else {})


# ── devices ───────────────────────────────────────────────────────────────────────────────────


def _configuration(snapshots: Sequence[DeviceSnapshot]) -> Iterator[tuple[str, Fields]]:
    """Who each device is, and what it was set to before the run."""
    for snapshot in snapshots:
        if snapshot.moment != "before":
            continue
        data, keys = {}, {}
        for name, value, unit in _known(snapshot):
            key, kind = f"{snapshot.device}_{_key(name)}", _type_of(value)
            if kind is not None:
                data[key] = _value(value, kind)
                keys[key] = _data_key(kind, f"funcnodes:{snapshot.device}", unit)
        stamps = dict.fromkeys(data, snapshot.wall)
        yield snapshot.device, {"data": data, "data_keys": keys, "timestamps": stamps}


def _known(snapshot: DeviceSnapshot) -> Iterator[tuple[str, Any, str]]:
    for key, text in identity_of(snapshot).items():
        yield key, text, ""
    # As the file gives it back.
    known = msgspec.json.decode(msgspec.json.encode(snapshot.parameters, enc_hook=repr))
    parameters = known.get("parameters")
    for name, sample in (parameters if isinstance(parameters, dict) else {}).items():
        if isinstance(sample, dict):
            yield name, sample.get("value"), str(sample.get("unit") or "")


def _key(name: str) -> str:
    """A name as event-model takes it within a document: without points and slashes."""
    return "".join("_" if letter in "./ " else letter for letter in name)
