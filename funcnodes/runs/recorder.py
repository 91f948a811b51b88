"""The recorder: one row per point of a scan, one column per wire (R1 to R3).

It only looks at what its inputs were given in the present wave, or in a wave around it; what is
older than that is no part of the row. Keeps nothing outside a run.
"""

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from funcnodes.core import Node, NodeInput, NodeOutput, NoValue, PortType, Rows, Wave, clock
from funcnodes.core.naming import name_of
from funcnodes.errors import GraphError, SavedGraphError, UnitError
from funcnodes.runs.columns import ColumnInput, column_type, name_for, unique
from funcnodes.runs.records import NOTHING, Cell, Column, TableSpec
from funcnodes.runs.table import Table


class RowSink(Protocol):
    """Where rows go besides the table: the run's file."""

    def __call__(self, cells: list[Cell], *, wall: float, mono: float) -> None: ...


@runtime_checkable
class ColumnReader(Protocol):
    """A node that knows columns of the rows it is given by their names."""

    def column_renamed(self, before: str, name: str) -> None: ...


@dataclass(slots=True)
class _Recording:
    """What a recorder keeps for the length of a run."""

    wave: Wave
    table: Table
    inputs: list[NodeInput]
    sink: RowSink
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
        return tuple(_column(port) for port in self._wired())

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

    def spec(self) -> TableSpec:
        """What it would record now."""
        return TableSpec(recorder=name_of(self), name=self.name, columns=self.columns())

    def begin(self, wave: Wave, table: Table, sink: RowSink) -> None:
        """Record what happens within `wave` from now on."""
        self._recording = _Recording(wave, table, self._wired(), sink)
        self.outputs["rows"].emit(table, wave)

    def end(self) -> None:
        """Record nothing more; the rows stay on the output."""
        self._recording = None
        for port in self.inputs.values():
            port.follow()  # what was renamed meanwhile

    def func(self, **_: Any) -> None:
        wave = self.wave
        table = self.record(wave) if wave is not None else None
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
        if recording is None or not _is_leaf(wave, recording):
            return None
        recording.last = wave
        _remember(wave.parent, recording)
        cells = [_cell(port, wave) for port in recording.inputs]
        wall, mono = clock.now(), clock.monotonic()
        recording.sink(cells, wall=wall, mono=mono)
        recording.table.append(cells, wall=wall, mono=mono)
        return recording.table


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
    return Cell(port.value, port.quality)


def _column(port: NodeInput) -> Column:
    source = port.sources[0]
    return Column(
        name=port.name,
        unit=port.unit,
        kind=port.type.kind,
        node=source.node.uuid,
        port=source.id,
    )
