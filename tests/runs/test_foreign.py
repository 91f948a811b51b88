"""Tables of other programs: their letters, decimal marks, separators, gaps and dates."""

import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import example, given, settings, strategies as st
from pymeasure.experiment import FloatParameter, Procedure, Results
from pymeasure.experiment.results import CSVFormatter

from funcnodes.errors import RunError
from funcnodes.runs import RunReader, RunStore
from funcnodes.runs.export import csv_text
from funcnodes.runs.foreign import decimal_of, moment_of, number_of
from funcnodes.runs.importing import import_csv
from funcnodes.runs.incoming import import_file
from funcnodes.runs.records import Cell, Column

from .tables import Rows, kept, same, tables


@pytest.fixture
def local_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def imported(folder: Path, text: str | bytes, encoding: str = "utf-8") -> RunReader:
    path = folder / "data.csv"
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    store = RunStore(folder / "imported")
    return store.find(import_csv(store, path).id)


def columns(run: RunReader) -> dict[str, list[Any]]:
    page = run.rows()
    names = [column.label for column in page.table.columns]
    return dict(zip(names, map(list, page.values), strict=True))


GERMAN = "Datum;Uhrzeit;Spannung / V;Temperatur [°C];Bemerkung\n"


@pytest.mark.usefixtures("local_zone")
def test_a_german_table_with_latin_letters_dates_and_gaps(tmp_path: Path) -> None:
    text = (
        GERMAN
        + "31.12.2025;23:59:59,5;1,5;21,25;größer\n1.1.2026;0:00:01;1.234,5;;\n;;-2e-3;3;x;\n"
    )
    for encoding in ("latin-1", "utf-8", "utf-8-sig", "utf-16"):
        run = imported(tmp_path, text, encoding)
        found = columns(run)
        assert found["Spannung (V)"] == [1.5, 1234.5, -2e-3]
        assert found["Temperatur (°C)"] == [21.25, None, 3.0]
        assert found["Bemerkung"] == ["größer", None, "x"]
        assert run.rows().quality[3] == ["ok", "missing", "ok"]
        began = datetime.fromisoformat("2025-12-31T23:59:59.5+01:00").timestamp()
        assert list(run.rows().wall) == [began, began + 1.5, began + 1.5]
        assert run.to_numpy()["elapsed"].tolist() == pytest.approx([0, 1.5, 1.5])
        assert (run.head.started, run.head.ended) == (began, began + 1.5)
        (event,) = run.events()
        assert event.data["time from"] == "Datum"
        assert event.data["decimal"] == ","


def test_zones_that_are_said_are_taken(tmp_path: Path) -> None:
    rows = "2026-01-01T00:00:00Z,1\n2026-01-01 01:00:30+01:00,2\n2026/1/1 00:01 +0000,3\nlater,4\n"
    run = imported(tmp_path, "t,x\n" + rows)
    assert [wall - run.rows().wall[0] for wall in run.rows().wall] == [0, 30, 60, 60]
    assert columns(run)["t"][0] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\tb\n1,5\t2\n", {"a": [1.5], "b": [2.0]}),
        ("a\tb\n1,500\t2.5\n", {"a": [1500.0], "b": [2.5]}),  # points elsewhere: thousands
        ("a;b\n1.500;2,5\n", {"a": [1.5], "b": [2.5]}),
        ("sep=;\na;b\n1,5;2\n", {"a": [1.5], "b": [2.0]}),
        ("a;b;\n1;2;\n", {"a": [1.0], "b": [2.0]}),
        ("1;2\n3;4\n", {"column 1": [1.0, 3.0], "column 2": [2.0, 4.0]}),
        ("a\n1,5\n", {"a": [1.5]}),
        ("a,b\n#7,#8\n", {"a": ["#7"], "b": ["#8"]}),
        ('"a, b",c\n"1,5",2\n', {"a, b": ["1,5"], "c": [2.0]}),
        ("one / other,c / V\n1,2\n", {"one / other": [1.0], "c (V)": [2.0]}),
    ],
)
def test_separators_and_marks(tmp_path: Path, text: str, said: dict[str, list[Any]]) -> None:
    assert columns(imported(tmp_path, text)) == said


class Sweep(Procedure):
    """What PyMeasure keeps of a measurement."""

    limit = FloatParameter("Max Current", units="mA", default=10)
    DATA_COLUMNS: ClassVar = ["Current (A)", "Voltage (V)", "Step"]


def test_a_file_that_pymeasure_wrote(tmp_path: Path) -> None:
    path = tmp_path / "real.csv"
    Results(Sweep(), str(path))
    formatter = CSVFormatter(Sweep.DATA_COLUMNS)
    with path.open("a") as file:
        for n in range(3):
            row = {"Current (A)": n / 1e3, "Voltage (V)": n / 7, "Step": n}
            file.write(formatter.format(row) + "\n")
    store = RunStore(tmp_path / "imported")
    run = store.find(import_csv(store, path).id)
    assert columns(run) == {
        "Current (A)": [0.0, 0.001, 0.002],
        "Voltage (V)": [0.0, 1 / 7, 2 / 7],
        "Step": [0.0, 1.0, 2.0],
    }
    (event,) = run.events()
    assert event.data["header"]["Max Current"] == "10 mA"


@settings(max_examples=25)
@given(table=tables(mixed=False))
@example(table=((Column(name="text", kind="text"),), [(Cell("\r"),), (Cell("a\rb\n"),)]))
def test_what_leaves_as_csv_comes_back_as_it_was(table: tuple[tuple[Column, ...], Rows]) -> None:
    """R2: values, gaps and qualities."""
    with kept(table) as (run, folder):
        back = imported(folder, csv_text(run))
        was, now = run.rows(), back.rows()
        assert now.quality == was.quality
        assert (now.wall, [c.label for c in now.table.columns]) == (
            was.wall, [c.label for c in was.table.columns],
        )  # fmt: skip
        for before, after in zip(was.values, now.values, strict=True):
            assert same(list(before), list(after))


@settings(max_examples=60)
@given(
    data=st.one_of(
        st.binary(max_size=120),
        st.text('0123456789.,;\t\n\r"#: aé', max_size=120).map(str.encode),
        st.binary(max_size=60).map(lambda data: b"# funcnodes run: 1\n" + data),
        st.binary(max_size=60).map(lambda data: b"SQLite format 3\0" + data),
    )
)
def test_whatever_a_file_holds_it_is_a_run_or_one_sentence(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, store = Path(folder, "x"), RunStore(Path(folder, "runs"))
        path.write_bytes(data)
        try:
            (head,) = import_file(store, path)
        except RunError as error:
            said = str(error)
        else:
            assert store.find(head.id).count() == head.rows
            return
        assert "\n" not in said
        assert store.paths() == []


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_in_either_way_of_writing(number: float) -> None:
    german = repr(number).replace(".", ",")
    assert number_of(german, decimal_of([german, "0,5"], ";")) == number
    assert number_of(repr(number), decimal_of([repr(number), "0.5"], ";")) == number
    grouped = f"{number:,.3f}"
    swapped = grouped.translate(str.maketrans(",.", ".,"))
    assert number_of(swapped, ",") == float(grouped.replace(",", ""))


@given(text=st.text("0123456789.,:-/ TZ+", max_size=24))
def test_no_text_is_taken_for_a_time_by_an_error(text: str) -> None:
    found = moment_of(text)
    assert found is None or isinstance(found, float)


@pytest.mark.parametrize(
    "text", ["1/2/2025 10:00", "2025-13-01", "31.2.2025 10:00", "12:30", "1.2"]
)
def test_what_may_be_two_days_or_none_is_text(text: str) -> None:
    assert moment_of(text) is None
