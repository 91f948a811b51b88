"""QCoDeS databases become runs: small ones laid out by hand, and some that QCoDeS itself wrote."""

import io
import json
import math
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from funcnodes.errors import RunError
from funcnodes.runs import RunReader, RunStore, qcodes
from funcnodes.runs.incoming import import_file

from .recorded import diode

TABLES = """
CREATE TABLE experiments (exp_id INTEGER PRIMARY KEY, name TEXT, sample_name TEXT);
CREATE TABLE runs (run_id INTEGER PRIMARY KEY, exp_id INTEGER, name TEXT, result_table_name TEXT,
    run_timestamp INTEGER, completed_timestamp INTEGER, is_completed BOOL, guid TEXT,
    snapshot TEXT, operator TEXT);
CREATE TABLE layouts (layout_id INTEGER PRIMARY KEY, run_id INTEGER, parameter TEXT, label TEXT,
    unit TEXT, inferred_from TEXT);
CREATE TABLE dependencies (dependent INTEGER, independent INTEGER, axis_num INTEGER);
INSERT INTO experiments VALUES (1, 'iv', 'dut-7');
"""


def database(path: Path, *runs: tuple[str, str, list[tuple[Any, ...]]]) -> Path:
    """A database laid out as QCoDeS does it: of each run its columns ("v numeric V, …"), what its
    snapshot says, and its rows. Every column but the first depends on the first."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(TABLES)
        layout = 0
        for number, (columns, snapshot, rows) in enumerate(runs, 1):
            table = f"results-1-{number}"
            connection.execute(
                "INSERT INTO runs VALUES (?, 1, 'I-V', ?, 1700000000, 1700000060.5, ?, ?, ?, ?)",
                (number, table, number == 1, f"guid-{number}", snapshot or None, "Ada"),
            )
            kinds = []
            first = layout + 1
            for column in columns.split(", "):
                name, affinity, *unit = column.split(" ", 2)
                layout += 1
                kinds.append(f'"{name}" {affinity}')
                connection.execute(
                    "INSERT INTO layouts VALUES (?, ?, ?, ?, ?, '')",
                    (layout, number, name, f"the {name}", " ".join(unit)),
                )
                if layout > first:
                    connection.execute("INSERT INTO dependencies VALUES (?, ?, 0)", (layout, first))
            connection.execute(
                f'CREATE TABLE "{table}" (id INTEGER PRIMARY KEY, {",".join(kinds)})'
            )
            marks = ",".join("?" * len(kinds))
            connection.executemany(f'INSERT INTO "{table}" VALUES (NULL, {marks})', rows)
    return path


def block(array: Any) -> bytes:
    made = io.BytesIO()
    np.save(made, array, allow_pickle=array.dtype == object)
    return made.getvalue()


SNAPSHOT = json.dumps(
    {"station": {"instruments": {"dmm": {"address": "GPIB::7", "parameters": {
        "IDN": {"value": {"vendor": "K", "model": "M", "serial": "S1", "firmware": None}},
        "range": {"value": 10, "unit": "V"},
    }}}}}
)  # fmt: skip


@pytest.fixture
def take(tmp_path: Path) -> Callable[..., list[RunReader]]:
    """Imports a file into an empty store."""
    store = RunStore(tmp_path / "taken")

    def taken(path: Path, runs: list[int] | None = None) -> list[RunReader]:
        return [store.find(head.id) for head in import_file(store, path, runs)]

    return taken


def said_of(run: RunReader) -> dict[str, str]:
    (event,) = (event for event in run.events() if event.kind == "imported")
    return dict(event.data["header"])


def test_numbers_texts_gaps_and_what_is_known_come_through(tmp_path: Path, take: Any) -> None:
    """R2: what is no number is NaN, what is not there is missing."""
    rows = [(0, "nan", "low"), (0.5, 1e-9, None), (2**53, "inf", "3,5")]
    columns = "v numeric V, i numeric arb. units, note text"
    (run,) = take(database(tmp_path / "q.db", (columns, SNAPSHOT, rows)))
    page = run.rows()
    assert [c.label for c in page.table.columns] == ["v (V)", "i (arb. units)", "note"]
    assert page.values[0] == [0, 0.5, 2**53]
    assert math.isnan(page.values[1][0])
    assert page.values[1][1:] == [1e-9, math.inf]
    assert page.values[2] == ["low", None, "3,5"]
    assert page.quality[2] == ["ok", "missing", "ok"]
    assert (run.head.started, run.head.ended) == (1700000000.0, 1700000060.5)
    assert (run.head.sample, run.head.nodespace, run.head.title) == ("dut-7", "iv", "I-V")
    assert run.head.message == "Imported from q.db, run 1 (guid-1)."
    said = said_of(run)
    assert (said["i depends on"], said["label of v"], said["operator"]) == ("v", "the v", "Ada")
    about = run.about()
    assert about["device dmm serial number"] == "S1"
    assert about["device dmm before, range"] == "10 V"


def test_arrays_and_complex_numbers_are_cells(tmp_path: Path, take: Any) -> None:
    rows = [(block(np.arange(3.0)), block(np.array([1 + 2j]))), (block(np.arange(4.0)), None)]
    (run,) = take(database(tmp_path / "q.db", ("s array V, z complex Ohm", "", rows)))
    assert [each.tolist() for each in run.rows().values[0]] == [[0, 1, 2], [0, 1, 2, 3]]
    assert run.to_numpy()["z"][0] == 1 + 2j


def test_dependents_of_one_point_are_one_row(tmp_path: Path, take: Any) -> None:
    """As QCoDeS stores them; where a value comes twice there were two points."""
    rows = [(1, 5, None), (1, None, 6), (1, 7, None), (2, None, 8), (2, 9, None), (None, None, 3)]
    (run,) = take(database(tmp_path / "q.db", ("x numeric, a numeric, b numeric", "", rows)))
    assert list(map(list, zip(*run.rows().values, strict=True))) == [
        [1, 5, 6], [1, 7, None], [2, 9, 8], [None, None, 3],
    ]  # fmt: skip


def test_one_of_several_is_chosen_or_all(tmp_path: Path, take: Any) -> None:
    one = ("v numeric V", "", [(1,)])
    path = database(tmp_path / "q.db", one, one, one)
    with pytest.raises(RunError, match=r"q\.db holds 3 runs, so say which: 1 I-V \(1 results\), 2"):
        take(path)
    with pytest.raises(RunError, match=r"q\.db has no run 4; it has 1 I-V"):
        take(path, [2, 4])
    assert [run.head.message for run in take(path, [3])] == [
        "Imported from q.db, run 3 (guid-3); it was not completed."
    ]
    assert len(take(path, [])) == 3


def test_many_rows_come_page_by_page_in_order(tmp_path: Path, take: Any) -> None:
    rows = [(float(n),) for n in range(12_001)]
    (run,) = take(database(tmp_path / "q.db", ("x numeric", "", rows)))
    assert np.array_equal(run.to_numpy()["x"], np.arange(12_001.0))


def test_what_cannot_be_taken_is_refused_and_leaves_nothing(tmp_path: Path, take: Any) -> None:
    pickled = block(np.array([{"a": 1}], dtype=object))
    path = database(tmp_path / "pickle.db", ("s array", "", [(pickled,)]))
    with pytest.raises(RunError, match="A block of the database is no array of numpy"):
        take(path)
    path = database(tmp_path / "elsewhere.db", ("x numeric", "", []))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute('DROP TABLE "results-1-1"')
    with pytest.raises(RunError, match="has its rows in another file"):
        take(path)
    database(tmp_path / "none.db")
    with pytest.raises(RunError, match="holds no run yet"):
        take(tmp_path / "none.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE x (y)")
    with pytest.raises(RunError, match="no database of QCoDeS that can be read: it has no tables"):
        take(tmp_path / "other.db")
    (tmp_path / "half.db").write_bytes(path.read_bytes()[:3000])
    with pytest.raises(RunError, match="no database of QCoDeS that can be read"):
        take(tmp_path / "half.db")
    with pytest.raises(RunError, match="is a run file: 'funcnodes runs show"):
        take(diode(tmp_path / "ours").path)
    (tmp_path / "x.csv").write_text("a\n1\n")
    with pytest.raises(RunError, match="no database with several runs"):
        take(tmp_path / "x.csv", [1])
    assert RunStore(tmp_path / "taken").paths() == []


def test_a_database_that_is_being_written_is_read_without_holding_it(
    tmp_path: Path, take: Any
) -> None:
    """Its writer has a transaction open meanwhile."""
    path = database(tmp_path / "q.db", ("x numeric", "", [(1,)]))
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute('INSERT INTO "results-1-1" VALUES (2, 2)')
        (run,) = take(path)
        writer.execute("COMMIT")
    assert run.rows().values[0] == [1]


def test_a_database_that_somebody_holds_alone_is_said_to_be_held(
    tmp_path: Path, take: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qcodes, "BUSY_S", 0.01)
    path = database(tmp_path / "q.db", ("x numeric", "", [(1,)]))
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RunError, match="is held by the program that writes to it; try again"):
            take(path)
        writer.execute("COMMIT")
    assert len(take(path)) == 1


# ── written by QCoDeS itself ──────────────────────────────────────────────────────────────────


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A database with two runs by the real package: a sweep, and traces as arrays."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from qcodes.dataset import (
            Measurement,
            initialise_or_create_database_at,
            load_or_create_experiment,
        )
        from qcodes.instrument import Instrument
        from qcodes.station import Station

        initialise_or_create_database_at(tmp_path / "real.db")
        source = Instrument("source")
        try:
            source.add_parameter(
                "level", label="Gate voltage", unit="V", set_cmd=None, get_cmd=None
            )
            source.add_parameter("current", unit="A", get_cmd=lambda: source.level() ** 2)
            station = Station(source)
            experiment = load_or_create_experiment("diode", "dut-7")
            sweep = Measurement(experiment, station, name="I-V")
            sweep.register_parameter(source.level)
            sweep.register_parameter(source.current, setpoints=(source.level,))
            sweep.register_custom_parameter("note", paramtype="text", setpoints=(source.level,))
            with sweep.run() as data:
                for volts in (0.0, 0.5, float("nan")):
                    source.level(volts)
                    pairs = [(source.level, volts), (source.current, source.current())]
                    data.add_result(*pairs, ("note", "µ"))
            trace = Measurement(experiment, station, name="trace")
            trace.register_custom_parameter("f", unit="Hz", paramtype="array")
            trace.register_custom_parameter("s", unit="V", paramtype="array", setpoints=("f",))
            trace.register_custom_parameter("z", paramtype="complex", setpoints=("f",))
            with trace.run() as data:
                data.add_result(("f", np.arange(3.0)), ("s", np.arange(3.0) ** 2))
                data.add_result(("f", np.arange(3.0)), ("z", np.array([1j, 2j, 3j])))
            data.dataset.conn.close()
            yield tmp_path / "real.db"
        finally:
            source.close()


@pytest.mark.formats
def test_what_qcodes_writes_is_what_qcodes_reads(written: Path, take: Any) -> None:
    from qcodes.dataset import load_by_run_spec
    from qcodes.dataset.sqlite.database import connect

    iv, trace = take(written, [])
    assert [c.label for c in iv.specs[0].columns] == [
        "source_level (V)", "source_current (A)", "note",
    ]  # fmt: skip
    with closing(connect(written)) as connection:
        theirs = load_by_run_spec(captured_run_id=1, conn=connection).get_parameter_data()
    for name, found in theirs["source_current"].items():
        assert np.array_equal(iv.to_numpy()[name], found, equal_nan=True)
    assert iv.rows().values[2] == ["µ"] * 3
    said = said_of(iv)
    assert said["source_current depends on"] == "source_level"
    assert said["label of source_level"] == "Gate voltage"
    assert (iv.head.sample, iv.head.nodespace) == ("dut-7", "diode")
    assert "device source before, level" in iv.about()
    f, s, z = trace.rows().values
    assert (f[0].tolist(), s[0].tolist(), z[0]) == ([0, 1, 2], [0, 1, 4], None)
    assert [complex(each) for each in z[1:]] == [1j, 2j, 3j]  # it stores these one by one
