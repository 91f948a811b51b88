"""The recorder: one row per point of a scan, one column per wire (R1 to R3).

It only looks at what its inputs were given in the present wave, or in a wave around it; what is
older than that is no part of the row. What monitors give goes to streams beside those rows, a row
per reading. Keeps nothing outside a run.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import msgspec

from funcnodes.core import Node, NodeInput, NodeOutput, NoValue, PortType, Rows, Wave, clock
from funcnodes.core.naming import name_of
from funcnodes.core.uncertain import nominal
from funcnodes.devices.nodes import DeviceNode
from funcnodes.errors import GraphError, SavedGraphError, UnitError
from funcnodes.runs.columns import ColumnInput, column_type, name_for, origin_of
from funcnodes.runs.names import unique
from funcnodes.runs.records import NOTHING, Cell, Column, ScanAxis, TableSpec
from funcnodes.runs.streams import MonitorStream, T, streams_of
from funcnodes.runs.table import Table

Axes = Callable[[Sequence[Column]], tuple[ScanAxis, ...]]


class RowSink(Protocol):
    """Where rows go besides the table: the run's file."""

    def __call__(
        self, cells: list[Cell], *, wall: float, mono: float, places: Sequence[int | None] = ()
    ) -> object: ...


class Placing(Protocol):
    """Who knows where the point of a wave lies along so many axes."""

    def __call__(self, wave: Wave, count: int) -> Sequence[int]: ...


@runtime_checkable
class _ReadsMember(Protocol):
    """A node that reads a member of an instrument, which is chosen by its inputs."""

    def reads(self) -> tuple[str, str]:
        """Device and full name of the member; both "" where it reads none."""


@runtime_checkable
class ColumnReader(Protocol):
    """A node that knows columns of the rows it is given by their names."""

    def column_renamed(self, before: str, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class RowTarget:
    """Where the rows of a recorder, or of one stream of it, go."""

    table: Table
    sink: RowSink

    def append(
        self, cells: list[Cell], *, wall: float, mono: float, places: Sequence[int | None] = ()
    ) -> None:
        """Add a row to the file and to the table in memory."""
        self.sink(cells, wall=wall, mono=mono, places=places)
        self.table.append(cells, wall=wall, mono=mono, places=places)


@runtime_checkable
class StreamKeeper(Protocol):
    """A node that keeps a stream of the run by itself, such as an instrument in flight."""

    def stream_spec(self, around: Sequence[ScanAxis]) -> TableSpec:
        """What it keeps; `around` are the axes of what it is nested in."""

    def begin_stream(self, wave: Wave, target: RowTarget, *, began: float, placed: Placing) -> None:
        """Keep what happens in a run from now on; see `Recorder.begin`."""

    def end_stream(self) -> None:
        """Keep nothing more."""


@runtime_checkable
class RowsSource(Protocol):
    """A node whose rows can be drawn."""

    def tables(self) -> list[tuple[str, tuple[Column, ...]]]:
        """Key and columns of each table that it makes in a run."""


@dataclass(slots=True)
class _Recording:
    """What a recorder keeps for the length of a run.

    Attributes:
        began: The run's beginning on the steady clock.
        points: Where the rows of its points go; None where it only hears of monitors.
        inputs: The columns of its points.
        streams: The columns beside them, and where their rows go.
    """

    wave: Wave
    began: float
    points: RowTarget | None
    inputs: list[NodeInput]
    streams: list[tuple[MonitorStream, RowTarget]]
    placed: Placing
    around: "weakref.WeakSet[Wave]" = field(default_factory=weakref.WeakSet)
    last: Wave | None = None


class Recorder(Node):
    """Collects what is wired to it, one row per point of the scan.

    Drop a wire on **+** to add a column. A cell holds the value set at this point, or at the
    point of a scan around it, with its quality; it stays empty where nothing was set.
    """

    node_id = "recorder"
    node_name = "Recorder"
    description = __doc__ or ""
    icon = "recorder"
    words = ("record", "table", "data", "save", "log", "rows", "columns")
    default_policy = "settled"
    grows = True

    rows = NodeOutput(type=Rows, description="The rows of the run, as they come.")

    _recording: _Recording | None = None

    # ── columns ───────────────────────────────────────────────────────────────────────────

    def grow_input(self, source: NodeOutput) -> NodeInput:
        """A new column, named after the port that feeds it.

        Raises:
            GraphError: The wire only carries order.
        """
        if source.type.kind == "trigger":
            raise GraphError(f"{self.name}: ▶ carries no value that could be recorded.")
        port_id = unique(source.id, self.inputs)
        name = name_for(source, [port.name for port in self.inputs.values()])
        return self._add_column(port_id, name, column_type(source.type))

    def columns(self) -> tuple[Column, ...]:
        """What each wired input records, in order."""
        return _linked(self._wired())

    def tables(self) -> list[tuple[str, tuple[Column, ...]]]:
        """Its points and each stream beside them: key and columns, as `specs`."""
        return [(spec.recorder, spec.columns) for spec in self.specs()]

    @property
    def is_recording(self) -> bool:
        """Whether a run is on: its columns stay as they are."""
        return self._recording is not None

    def rename_column(self, port: NodeInput, name: str) -> None:
        """Call a column otherwise, here and in the plots that draw it."""
        before, port.name = port.name, name
        self.note_port(port)
        for inp in self.rows.targets:
            if before != name and isinstance(inp.node, ColumnReader):
                inp.node.column_renamed(before, name)

    def _wired(self) -> list[NodeInput]:
        return [p for p in self.inputs.values() if p.is_connected() and p.type.kind != "trigger"]

    def _add_column(self, port_id: str, name: str, kind: PortType) -> ColumnInput:
        column = ColumnInput(port_id, kind, name)
        self.add_input(column)
        return column

    def saved_extra(self) -> dict[str, Any]:
        return {"columns": [p.dump() for p in self.inputs.values() if isinstance(p, ColumnInput)]}

    def restore_extra(self, data: Mapping[str, Any]) -> None:
        columns = data.get("columns", [])
        if not isinstance(columns, list):
            raise SavedGraphError(f"{self.name}: its columns are no list.")
        for column in columns:
            self._restore_column(column)

    def _restore_column(self, column: Any) -> None:
        if not isinstance(column, Mapping) or not isinstance(column.get("id"), str):
            raise SavedGraphError(f"{self.name}: {column!r} is no column.")
        kind, unit = str(column.get("kind", "any")), str(column.get("unit", ""))
        annotation = _ANNOTATIONS.get(kind, Any)
        try:
            port_type = PortType.of(annotation, unit=unit)
        except UnitError as error:
            raise SavedGraphError(f"{self.name}: {error.message}") from error
        self._add_column(column["id"], str(column.get("name") or column["id"]), port_type)

    # ── recording ─────────────────────────────────────────────────────────────────────────

    @property
    def table(self) -> Table | None:
        """The rows of the present or the last run."""
        found = self.outputs["rows"].value
        return found if isinstance(found, Table) else None

    def check_run(self) -> list[str]:
        _, streams = streams_of(self._wired())
        deaf = [each.name for each in streams if not any(port.triggers for port in each.ports)]
        return [
            *super().check_run(),
            *(
                f"{self.name} would not hear of {name}: what a monitor gives reaches a recorder "
                "that no frame holds and no ▶ starts. Give it one of its own."
                for name in deaf
            ),
        ]

    def specs(self, axes: Axes = lambda columns: ()) -> list[TableSpec]:
        """What it would record now: first its points, if any, then each stream beside them.

        Args:
            axes: From the columns of its points to what those are points of.
        """
        points, streams = streams_of(self._wired())
        columns = _linked(points)
        key, found = name_of(self), []
        if columns or not streams:
            axes_of = axes(columns)
            found = [TableSpec(recorder=key, name=self.name, columns=columns, axes=axes_of)]
        for stream in streams:
            names = [port.name for port in stream.ports]
            t = Column(name=T if T not in names else unique(T, names), unit="s", kind="quantity")
            spec = TableSpec(
                recorder=stream.key(self), name=f"{self.name}: {stream.name}",
                columns=(t, *_linked(stream.ports)), stream=stream.name, kind="monitor",
            )  # fmt: skip
            found.append(spec)
        return found

    def begin(
        self,
        wave: Wave,
        targets: Sequence[RowTarget],
        *,
        began: float = 0.0,
        placed: Placing = lambda wave, count: (),
    ) -> None:
        """Record what happens within `wave`, and beside it, from now on.

        Args:
            targets: For each of `specs()`.
            began: The run's beginning on the steady clock.
            placed: Where a point lies along the axes.
        """
        inputs, streams = streams_of(self._wired())
        points = targets[0] if len(targets) > len(streams) else None
        beside = list(zip(streams, targets[-len(streams) or len(targets) :], strict=True))
        self._recording = _Recording(wave, began, points, inputs, beside, placed)
        self.outputs["rows"].emit(targets[0].table, wave)

    def end(self) -> None:
        """Record nothing more; the rows stay on the output."""
        self._recording = None
        for port in self.inputs.values():
            port.follow()  # what was renamed meanwhile

    def func(self, **_: Any) -> None:
        wave = self.wave
        if wave is None:
            return
        table = self.record(wave)
        if table is None:
            table = self._record_beside(wave)
            if table is not self.table:  # its output has the points, not a stream beside them
                return
        if table is not None:
            self.rows.set(table, quality=table.quality)

    def leave_out(self, wave: Wave) -> None:
        """`wave` has points of its own, which a run before has taken: it makes no row (R3)."""
        if self._recording is not None:
            _remember(wave, self._recording)

    def record(self, wave: Wave) -> Table | None:
        """Write the row of `wave`, unless it has one; the table, or None where nothing was due.

        Called by scans too, for a point that failed and is to be kept all the same (T11).
        """
        recording = self._recording
        points = recording.points if recording is not None else None
        if recording is None or points is None or not _is_leaf(wave, recording):
            return None
        recording.last = wave
        _remember(wave.parent, recording)
        cells = [_cell(port, wave) for port in recording.inputs]
        axes = len(points.table.spec.axes)
        places = recording.placed(wave, axes) if axes else ()
        wall, mono = clock.now(), clock.monotonic()
        points.sink(cells, wall=wall, mono=mono, places=places)
        points.table.append(cells, wall=wall, mono=mono, places=places)
        return points.table

    def _record_beside(self, wave: Wave) -> Table | None:
        """Write what a monitor has just given as a row of its stream, at the time it was taken."""
        recording = self._recording
        for stream, target in recording.streams if recording is not None else ():
            if not any(port.wave is wave for port in stream.ports):
                continue
            assert recording is not None
            taken = [monitor.taken for monitor in stream.monitors if monitor.taken is not None]
            newest = max(taken, key=lambda sample: sample.since, default=None)
            wall = newest.t if newest is not None else clock.now()
            mono = newest.since if newest is not None else clock.monotonic()
            t = Cell(mono - recording.began)
            cells = [t, *(_cell(port, wave) for port in stream.ports)]
            target.append(cells, wall=wall, mono=mono)
            return target.table
        return None


_ANNOTATIONS: dict[str, Any] = {
    "number": float, "quantity": float, "bool": bool, "text": str, "array": "ndarray",
    "table": Rows,
}  # fmt: skip


def _is_leaf(wave: Wave, recording: _Recording) -> bool:
    """R1, R3: a point of the scan that has no points of its own, and no row yet."""
    return (
        wave.scan
        and wave is not recording.last
        and wave not in recording.around
        and wave.within(recording.wave)
    )


def _remember(wave: Wave | None, recording: _Recording) -> None:
    while wave is not None and wave not in recording.around:
        recording.around.add(wave)
        wave = wave.parent


def _cell(port: NodeInput, wave: Wave) -> Cell:
    """R1: what was set in this wave or in one around it, else nothing."""
    if port.wave is None or not wave.within(port.wave) or port.value is NoValue:
        return NOTHING
    return Cell(nominal(port.value), port.quality)


def _linked(ports: Sequence[NodeInput]) -> tuple[Column, ...]:
    """The columns of these inputs, each with the one that holds its uncertainty."""
    columns = [_column(port) for port in ports]
    by_source = {(column.node, column.port): column.name for column in columns}
    told = {source: by_source[at] for source, at in _told_apart(ports) if at in by_source}
    found: list[Column] = []
    for port, column in zip(ports, columns, strict=True):
        known = getattr(port.sources[0].node, "uncertainties", {})
        of = by_source.get((column.node, known.get(column.port, "")), "")
        of = of or told.get((column.node, column.port), "")
        found.append(msgspec.structs.replace(column, uncertainty=of))
    return tuple(found)


def _told_apart(ports: Sequence[NodeInput]) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Of what a node tells the uncertainty: node and port that feed it, and that tell it."""
    for port in ports:
        teller = port.sources[0]
        for out, inp in getattr(teller.node, "tells_uncertainty", {}).items():
            for source in teller.node.inputs[inp].sources if out == teller.id else ():
                yield (source.node.uuid, source.id), (teller.node.uuid, teller.id)


def _column(port: NodeInput) -> Column:
    source = port.sources[0]
    origin = origin_of(source).node
    device, member = "", ""
    if isinstance(origin, DeviceNode):
        device, member = origin.device, origin.member
    elif isinstance(origin, _ReadsMember):
        device, member = origin.reads()
    return Column(
        name=port.name,
        unit=port.unit,
        kind=port.type.kind,
        node=source.node.uuid,
        port=source.id,
        device=device,
        member=member,
    )
