"""CSV files become runs: our own exactly as they were, others' as far as they say."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest

from funcnodes.errors import RunError
from funcnodes.runs import RunReader, RunStore
from funcnodes.runs.export import csv_text
from funcnodes.runs.importing import import_csv
from funcnodes.runs.records import Cell, Column

from .recorded import diode, recorded


def imported(folder: Path, text: str | bytes, name: str = "data.csv") -> RunReader:
    """The run that a file with this content becomes."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    store = RunStore(folder / "imported")
    return store.find(import_csv(store, path).id)


def columns(run: RunReader) -> dict[str, list[object]]:
    page = run.rows()
    names = [column.label for column in page.table.columns]
    return dict(zip(names, map(list, page.values), strict=True))


def test_an_export_comes_back_exactly(tmp_path: Path) -> None:
    """R2 and D7: values, units, quality, both clocks, who measured, and what was simulated."""
    run = diode(tmp_path / "runs")
    back = imported(tmp_path, csv_text(run))
    was, now = run.rows(), back.rows()
    assert [c.label for c in now.table.columns] == [c.label for c in was.table.columns]
    assert now.quality == was.quality
    assert (now.wall, now.table.name) == (was.wall, "Recorder")
    assert list(now.mono) == pytest.approx(list(was.mono), abs=1e-9)
    for before, after in zip(was.values, now.values, strict=True):
        for one, other in zip(before, after, strict=True):
            plain = one.tolist() if isinstance(one, np.ndarray) else one
            assert repr(other) == repr(plain)
    for key in ("title", "operator", "bench", "simulated", "versions", "nodespace", "ended"):
        assert getattr(back.head, key) == getattr(run.head, key)
    assert back.head.message == f"Imported from data.csv, run 1 ({run.head.id})."


def test_the_devices_of_an_imported_run_are_kept_with_it(tmp_path: Path) -> None:
    back = imported(tmp_path, csv_text(diode(tmp_path / "runs")))
    (event,) = [event for event in back.events() if event.kind == "imported"]
    assert event.data["header"]["device smu serial number"] == "1234567"
    assert back.about()["device smu serial number"] == "1234567"
    again = imported(tmp_path, csv_text(back), "again.csv")
    assert again.about().items() >= {
        "device smu serial number": "1234567", "sample": "D-17", "simulated": "1 of 2",
    }.items()  # fmt: skip
    assert event.data["sha256"] == hashlib.sha256((tmp_path / "data.csv").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "text", ["=1+1", "'=1+1", "''=", "'tis", "", " =x", "' =x", 'a,\nb"c', "1"]
)
def test_text_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    rows = [[Cell(text)], [Cell("other")]]
    run = recorded(tmp_path / "runs", (Column(name="x"),), rows)
    assert columns(imported(tmp_path, csv_text(run)))["x"] == [text, "other"]


def test_a_table_of_another_program(tmp_path: Path) -> None:
    run = imported(tmp_path, "Time [s],Voltage (V),Note (later)\n0,1e-3,\n1,nan,odd\n")
    found = columns(run)
    assert found["Time (s)"] == [0.0, 1.0]
    assert found["Voltage (V)"][0] == 1e-3
    assert math.isnan(float(str(found["Voltage (V)"][1])))
    assert found["Note (later)"] == [None, "odd"]
    assert run.rows().quality[2] == ["missing", "ok"]
    assert [column.unit for column in run.specs[0].columns] == ["s", "V", ""]
    assert (run.head.title, run.head.message) == ("data", "Imported from data.csv.")


@pytest.mark.parametrize(
    "text",
    ["U;I\n1,5;2\n", "U\tI\n1.5\t2\n", b"\xef\xbb\xbfU,I\r\n1.5,2\r\n", "\nU,I\n\n1.5,2\n\n"],
)
def test_separators_decimal_commas_and_marks(tmp_path: Path, text: str | bytes) -> None:
    assert columns(imported(tmp_path, text)) == {"U": [1.5], "I": [2.0]}


def test_a_file_of_pymeasure(tmp_path: Path) -> None:
    text = (
        "#Procedure: <__main__.IVProcedure>\n#Parameters:\n#\tMax Current: 10 mA\n#Data:\n"
        "Current (A),Voltage (V)\n0.01,0.7\n"
    )
    run = imported(tmp_path, text)
    assert columns(run) == {"Current (A)": [0.01], "Voltage (V)": [0.7]}
    (event,) = run.events()
    assert event.data["header"]["Max Current"] == "10 mA"


def test_what_only_python_takes_for_a_number_is_text(tmp_path: Path) -> None:
    assert columns(imported(tmp_path, "part\n1_000\n1e3\n"))["part"] == ["1_000", 1000.0]


@pytest.mark.parametrize("unit", ["10**9**9", "9^9^9", "m^9^9", "m**99999999"])
def test_a_unit_that_takes_for_ever_to_work_out_is_part_of_the_name(
    tmp_path: Path, unit: str
) -> None:
    assert list(columns(imported(tmp_path, f"x ({unit})\n1\n"))) == [f"x ({unit})"]


@pytest.mark.parametrize("unit", ["V", "%", "m/s^2", "1/s", "K/min", "°C", "mA"])
def test_usual_units_are_units(tmp_path: Path, unit: str) -> None:
    (column,) = imported(tmp_path, f"x [{unit}]\n1\n").specs[0].columns
    assert (column.name, column.unit) == ("x", unit)


def test_columns_of_one_name_stay_apart(tmp_path: Path) -> None:
    assert list(columns(imported(tmp_path, "a,a,\n1,2,3\n"))) == ["a", "a (2)", "column 3"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no line of titles"),
        ("# only: comments\n", "has no line of titles"),
        ("a,b\n1,2\n1\n", "line 3: 1 cells where there are 2 titles"),
        (b"a\n\0\1\n", "is no text"),
        ("# funcnodes run: 1\nrow,time (s)\n", "has lost columns"),
    ],
)
def test_what_is_no_table_is_refused_and_leaves_nothing(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    with pytest.raises(RunError, match=said):
        imported(tmp_path, text)
    assert RunStore(tmp_path / "imported").paths() == []


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be read: No such file"):
        import_csv(RunStore(tmp_path), tmp_path / "none.csv")


def test_many_rows_are_imported_in_order(tmp_path: Path) -> None:
    run = imported(tmp_path, "x\n" + "".join(f"{n}\n" for n in range(11_000)))
    assert np.array_equal(run.to_numpy()["x"], np.arange(11_000.0))
