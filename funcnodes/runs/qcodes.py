"""Runs of a QCoDeS database as runs of ours, read with nothing but SQLite.

Each row is a point, what one `add_result` gave: numbers, texts, complex numbers, and arrays as
they are. Rows have no times of their own there, so theirs is when the run began. Labels, what
depends on what, metadata and the snapshot are kept with the run; instruments of the station with
what they were set to before it. The database is only read, page by page, so that a measurement
that writes to it goes on. Source: QCoDeS, `dataset.sqlite` (tables runs, experiments, layouts,
dependencies).
"""

import io
import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import msgspec

from funcnodes.errors import RunError
from funcnodes.runs.imported import column, new_run
from funcnodes.runs.records import NOTHING, Cell, Column, DeviceSnapshot, RunHead, TableSpec
from funcnodes.runs.store import RunStore

_PAGE_ROWS = 5_000
_PAGE_ARRAYS = 100
BUSY_S = 5.0
_TABLES = {"runs", "experiments", "layouts", "dependencies"}
_KNOWN = {
    "run_id", "exp_id", "name", "result_table_name", "result_counter", "run_timestamp",
    "completed_timestamp", "is_completed", "parameters", "guid", "run_description", "snapshot",
    "captured_run_id", "captured_counter", "parent_datasets",
}  # fmt: skip
_LISTED = 20
Stored = tuple[Any, ...]
_WORDS: dict[str, float] = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


@dataclass(frozen=True, slots=True)
class ForeignRun:
    """A run of such a database.

    Attributes:
        number: Its `run_id`, by which it is chosen.
        row: All that the table of runs says of it.
        table: Where its rows are; "" where they are not in this file.
        results: How many rows that table has.
    """

    number: int
    name: str
    row: Mapping[str, Any]
    table: str
    results: int

    def __str__(self) -> str:
        return f"{self.number} {self.name} ({self.results} results)"


def import_qcodes(
    store: RunStore, path: Path, runs: Sequence[int] | None = None, *, title: str = ""
) -> list[RunHead]:
    """Make runs of those of a QCoDeS database. Rows are read few at a time.

    Args:
        runs: Which, by their `run_id`; none for all; None for the only one.
        title: Of the new runs; else what the file calls them.

    Raises:
        RunError: It is no such database, has no such run, or has several and none is chosen.
        StorageError: A run cannot be written.
    """
    with _opened(path) as connection:
        found = {run.number: run for run in _runs(connection)}
        chosen = _chosen(path, found, runs)
        return [_import(store, path, connection, run, title) for run in chosen]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise RunError(
                f"{path} is held by the program that writes to it; try again."
            ) from error
        raise RunError(f"{path} is no database of QCoDeS that can be read: {error}.") from error
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error


def _runs(connection: sqlite3.Connection) -> Iterator[ForeignRun]:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not tables >= _TABLES:
        raise sqlite3.DatabaseError("it has no tables of runs")
    for row in connection.execute("SELECT * FROM runs ORDER BY run_id").fetchall():
        table = str(row["result_table_name"] or "")
        table = table if table in tables else ""
        results = 0
        if table:
            (results,) = connection.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()
        yield ForeignRun(row["run_id"], str(row["name"]), dict(row), table, results)


def _chosen(
    path: Path, found: Mapping[int, ForeignRun], runs: Sequence[int] | None
) -> list[ForeignRun]:
    if not found:
        raise RunError(f"{path} holds no run yet.")
    listed = ", ".join(str(run) for run in list(found.values())[:_LISTED])
    if len(found) > _LISTED:
        listed += f" and {len(found) - _LISTED} more"
    if runs is None and len(found) > 1:
        raise RunError(f"{path.name} holds {len(found)} runs, so say which: {listed}.")
    for number in runs or ():
        if number not in found:
            raise RunError(f"{path.name} has no run {number}; it has {listed}.")
    return [found[number] for number in dict.fromkeys(runs or found)]


def _import(
    store: RunStore, path: Path, connection: sqlite3.Connection, run: ForeignRun, title: str
) -> RunHead:
    if not run.table:
        raise RunError(
            f"Run {run.number} of {path.name} has its rows in another file (netCDF), where QCoDeS "
            "exported them to; there are none here to import."
        )
    experiment = _one(connection, "experiments", "exp_id", run.row["exp_id"])
    layout = _Layout.of(connection, run)
    said = _said(layout, run, experiment)
    spec = TableSpec(recorder="imported", name=run.name, columns=layout.columns)
    limit = _PAGE_ROWS if layout.is_small else _PAGE_ARRAYS
    snapshot = _json(run.row.get("snapshot"))
    with new_run(store, path, spec, said | ({"snapshot": snapshot} if snapshot else {})) as writer:
        head = _head(writer.head, run, experiment, path, title)
        for device in _devices(snapshot, head.started):
            writer.snapshot(device)
        stored = _rows(connection, run, layout.names, limit)
        for n, row in enumerate(_points(stored, layout.axes), 1):
            cells = [_cell(each, c.kind) for each, c in zip(row, layout.columns, strict=True)]
            writer.append(0, cells, wall=head.started, mono=head.started_mono)
            if n % limit == 0:
                writer.flush().result()
        writer.close(head).result()
    return writer.head


def _head(
    new: RunHead, run: ForeignRun, experiment: Mapping[str, Any], path: Path, title: str
) -> RunHead:
    started = float(run.row["run_timestamp"] or new.started)
    ended = run.row["completed_timestamp"]
    known = run.row.get("guid")
    cut = "" if run.row["is_completed"] else "; it was not completed"
    return msgspec.structs.replace(
        new, state="complete", started=started, ended=float(ended or started),
        title=title or run.name, nodespace=str(experiment.get("name") or ""),
        sample=str(experiment.get("sample_name") or ""),
        message=f"Imported from {path.name}, run {run.number} ({known}){cut}.",
    )  # fmt: skip


# ── what its columns are ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Layout:
    """The columns of a run, and what the file says of them.

    Attributes:
        names: As they are called there.
        facts: Its rows of `layouts`, by name.
        depends: On what, by name.
    """

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    facts: Mapping[str, Any]
    depends: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, connection: sqlite3.Connection, run: ForeignRun) -> Self:
        sql = "SELECT * FROM layouts WHERE run_id = ?"
        facts = {row["parameter"]: row for row in connection.execute(sql, (run.number,))}
        names, columns = [], []
        for _, name, affinity, *_ in connection.execute(f"PRAGMA table_info({_quoted(run.table)})"):
            if name in facts:
                unit = str(facts[name]["unit"] or "").strip()
                names.append(name)
                columns.append(column(name, unit, kind=_kind(affinity, unit)))
        if not names:
            raise RunError(f"Run {run.number} has no parameters, so there is nothing to import.")
        return cls(tuple(names), tuple(columns), facts, _depends(connection, facts))

    @property
    def axes(self) -> list[int]:
        """Numbers of the columns that others depend on."""
        on = {name for names in self.depends.values() for name in names}
        return [n for n, name in enumerate(self.names) if name in on]

    @property
    def is_small(self) -> bool:
        """Whether there is nothing but numbers in it."""
        return all(each.kind in ("number", "quantity") for each in self.columns)


def _depends(connection: sqlite3.Connection, facts: Mapping[str, Any]) -> dict[str, list[str]]:
    names = {row["layout_id"]: name for name, row in facts.items()}
    found: dict[str, list[str]] = {}
    sql = "SELECT dependent, independent FROM dependencies ORDER BY dependent, axis_num"
    for dependent, independent in connection.execute(sql):
        if dependent in names and independent in names:
            found.setdefault(names[dependent], []).append(names[independent])
    return found


def _kind(affinity: str, unit: str) -> str:
    if affinity.lower() == "numeric":
        return "quantity" if unit else "number"
    return {"text": "text", "array": "array"}.get(affinity.lower(), "any")


def _said(layout: _Layout, run: ForeignRun, experiment: Mapping[str, Any]) -> dict[str, Any]:
    """What the file says of the run besides rows and snapshot."""
    header = {"experiment": experiment.get("name"), "sample": experiment.get("sample_name")}
    header |= {key: run.row.get(key) for key in ("run_id", "captured_run_id", "guid")}
    for name, row in layout.facts.items():
        header |= {
            f"label of {name}": row["label"],
            f"{name} is inferred from": row["inferred_from"],
        }
    header |= {f"{name} depends on": ", ".join(on) for name, on in layout.depends.items()}
    header |= {key: value for key, value in run.row.items() if key not in _KNOWN}  # metadata
    return {"header": {key: str(value) for key, value in header.items() if value not in (None, "")}}


def _one(connection: sqlite3.Connection, table: str, key: str, value: Any) -> dict[str, Any]:
    row = connection.execute(f"SELECT * FROM {table} WHERE {key} = ?", (value,)).fetchone()
    return dict(row) if row is not None else {}


# ── rows ──────────────────────────────────────────────────────────────────────────────────────


def _rows(
    connection: sqlite3.Connection, run: ForeignRun, names: Sequence[str], limit: int
) -> Iterator[Stored]:
    """What is stored, row by row, read `limit` at a time; nothing is held open in between."""
    sql = (
        f"SELECT id, {', '.join(map(_quoted, names))} FROM {_quoted(run.table)} "
        "WHERE id > ? ORDER BY id LIMIT ?"
    )
    after = -1
    while rows := connection.execute(sql, (after, limit)).fetchall():
        yield from (tuple(row)[1:] for row in rows)
        after = rows[-1][0]


def _points(rows: Iterable[Stored], axes: Sequence[int]) -> Iterator[Stored]:
    """Rows by point: QCoDeS stores what one `add_result` gave once for each dependent parameter,
    with the same setpoints.

    Args:
        axes: Numbers of the columns that others depend on.
    """
    point: Stored | None = None
    for row in rows:
        if point is not None and _is_same_point(point, row, axes):
            point = tuple(a if a is not None else b for a, b in zip(point, row, strict=True))
            continue
        if point is not None:
            yield point
        point = row
    if point is not None:
        yield point


def _is_same_point(one: Stored, other: Stored, axes: Sequence[int]) -> bool:
    if all(one[n] is None for n in axes) or any(one[n] != other[n] for n in axes):
        return False
    values = set(range(len(one))) - set(axes)
    return all(one[n] is None or other[n] is None for n in values)


def _cell(value: Any, kind: str) -> Cell:
    if value is None:
        return NOTHING
    if isinstance(value, bytes):
        return Cell(_array(value, kind))
    if kind in ("number", "quantity") and isinstance(value, str):
        return Cell(_WORDS.get(value, value))  # what SQLite has no number for
    return Cell(value)


def _array(data: bytes, kind: str) -> Any:
    """A block in numpy's own format; a complex number is one of length 1 there."""
    import numpy as np

    try:
        found = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise RunError(f"A block of the database is no array of numpy: {error}.") from error
    return found if kind == "array" or found.shape != (1,) else found.reshape(())


# ── the station ───────────────────────────────────────────────────────────────────────────────


def _devices(snapshot: Any, wall: float) -> Iterator[DeviceSnapshot]:
    """The instruments that the snapshot tells of."""
    station = _of(snapshot, "station")
    for name, instrument in _of(station, "instruments").items():
        known = _of(instrument, "parameters")
        identity = _of(_of(known, "IDN"), "value")
        fields = [str(identity.get(key) or "") for key in ("vendor", "model", "serial", "firmware")]
        parameters = {
            key: {"value": each.get("value"), "unit": str(each.get("unit") or "")}
            for key, each in known.items()
            if isinstance(each, dict) and key != "IDN"
        }
        said: dict[str, Any] = {"parameters": parameters}
        if any(fields):
            said |= {"identity": ",".join(fields), "serial": fields[2]}
        if address := _of(instrument, "").get("address"):
            said["address"] = str(address)
        yield DeviceSnapshot(moment="before", device=name, wall=wall, parameters=said)


def _of(value: Any, key: str) -> dict[str, Any]:
    """The dictionary under `key`, or the value itself for ""; empty where it is none."""
    found = value.get(key) if key and isinstance(value, dict) else value
    return found if isinstance(found, dict) else {}


def _json(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
