"""CSV: exact, self-describing, harmless in a spreadsheet."""

import csv
import io
from pathlib import Path

import msgspec
import numpy as np
import pytest

from funcnodes.errors import RunError
from funcnodes.runs import RunReader, RunStore
from funcnodes.runs.export import csv_lines, csv_name, csv_piece, csv_text
from funcnodes.runs.importing import import_csv
from funcnodes.runs.records import Cell, Column, Event

from .recorded import diode, recorded


def parse(text: str) -> tuple[dict[str, str], list[list[str]]]:
    """Header and rows, as any program would read them."""
    lines = text.splitlines(keepends=True)
    header = dict(line[2:].rstrip("\n").split(": ", 1) for line in lines if line.startswith("# "))
    body = list(csv.reader(io.StringIO("".join(line for line in lines if line[:2] != "# "))))
    return header, body


def test_the_header_lets_the_file_stand_alone(tmp_path: Path) -> None:
    """D7: simulated or not is said; units, clocks, quality, id and versions too."""
    run = recorded(
        tmp_path,
        (Column(name="V", unit="V", kind="quantity"),),
        [[Cell(0.5)]],
        title="Diode\nI-V",
        nodespace="diode_iv",
        operator="ada",
        sample="F-17",
        notes="A night\nin air.",
        bench="demo",
        simulated="all",
        versions={"funcnodes": "0.3.0"},
    )
    header, (titles, row) = parse(csv_text(run))
    assert header["id"] == run.head.id
    assert header["title"] == "Diode I-V"
    assert header["simulated"] == "all"
    assert (header["operator"], header["bench"]) == ("ada", "demo")
    assert (header["sample"], header["notes"]) == ("F-17", "A night in air.")
    assert "project" not in header
    assert header["version of funcnodes"] == "0.3.0"
    assert header["column V"] == "unit V"
    assert header["state"] == "complete"
    assert titles == ["row", "time (s)", "elapsed (s)", "V (V)", "V quality"]
    assert row[0] == "0"
    assert float(row[1]) == 1_700_000_000.0
    assert float(row[2]) == 0.0
    assert row[3:] == ["0.5", "ok"]


def test_the_header_tells_what_people_answered_and_what_was_found(tmp_path: Path) -> None:
    """Once more after the file was imported and exported again."""

    def event(kind: str, **data: object) -> Event:
        return Event(wall=0.0, mono=0.0, kind=kind, data=dict(data))

    step = {"key": 1, "name": "Ripple", "verdict": "fail", "text": "9 mV is above 5 mV"}
    device = {"key": 0, "name": "DUT", "verdict": "fail", "kind": "device", "serial": "S1"}
    asked = {"answer": 1.2, "unit": "mm", "by": "Ada", "how": "page", "question": "How thick?"}
    events = [event("answer", node=f"Ask {n}", **asked) for n in range(103)]
    events += [event("verdict", step=step | {"parent": 0, "attempt": 1})]
    events += [event("verdict", step=device | {"attempts": 1})]
    run = recorded(tmp_path, (Column(name="V"),), [[Cell(0.5)]], events=events)
    header, _ = parse(csv_text(run))
    assert header["answer to Ask 0"] == "1.2 mm by Ada, page"
    assert "answer to Ask 100" not in header
    assert header["answers"] == "3 more in the run file"
    assert header["verdict"] == "fail"
    assert header["step DUT"] == "fail, serial number S1"
    assert header["step DUT / Ripple"] == "fail: 9 mV is above 5 mV"
    (tmp_path / "x.csv").write_text(csv_text(run))
    back = RunStore(tmp_path).find(import_csv(RunStore(tmp_path), tmp_path / "x.csv").id)
    assert (
        parse(csv_text(back))[0].items()
        >= {"verdict": "fail", "step DUT": header["step DUT"]}.items()
    )


@pytest.mark.parametrize(
    "number", [0.1, 1 / 3, -0.0, 1e-300, 5e-324, 1.7976931348623157e308, 123456789.123456789]
)
def test_numbers_read_back_as_the_same_float(tmp_path: Path, number: float) -> None:
    run = recorded(tmp_path, (Column(name="x", kind="number"),), [[Cell(number)]])
    _, (_, row) = parse(csv_text(run))
    assert float(row[3]).hex() == number.hex()


def test_what_is_no_number_is_told_apart(tmp_path: Path) -> None:
    rows = [
        [Cell(float("nan"), "compliance")],
        [Cell(None, "missing")],
        [Cell(float("inf"))],
        [Cell(True)],
        [Cell(7)],
        [Cell(np.array([1.5, 2.0]))],
    ]
    _, (_, *found) = parse(csv_text(recorded(tmp_path, (Column(name="x"),), rows)))
    assert [row[3:] for row in found] == [
        ["nan", "compliance"], ["", "missing"], ["inf", "ok"],
        ["true", "ok"], ["7", "ok"], ["[1.5, 2.0]", "ok"],
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", '=HYPERLINK("")'])
def test_text_is_never_a_formula(tmp_path: Path, text: str) -> None:
    """Injection: a cell or a title that a spreadsheet would compute is quoted."""
    column = Column(name=text, kind="text")
    _, (titles, row) = parse(csv_text(recorded(tmp_path, (column,), [[Cell(text)]])))
    assert row[3] == f"'{text}"
    assert titles[3] == f"'{text}"


def test_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    _, (_, row) = parse(csv_text(recorded(tmp_path, (Column(name="x"),), [[Cell(-1.5)]])))
    assert row[3] == "-1.5"


def test_text_with_commas_quotes_and_lines_is_one_cell(tmp_path: Path) -> None:
    text = 'a,"b"\nc'
    run = recorded(tmp_path, (Column(name="x", kind="text"),), [[Cell(text)]])
    _, (_, row) = parse(csv_text(run))
    assert row[3] == text


def test_a_long_run_is_read_page_by_page(tmp_path: Path) -> None:
    rows = [[Cell(float(n))] for n in range(50_001)]
    run = recorded(tmp_path, (Column(name="x", kind="number"),), rows)
    chunks = list(csv_lines(run))
    assert max(len(chunk) for chunk in chunks) < 2_000_000
    _, (_, *found) = parse("".join(chunks))
    assert [float(row[3]) for row in found] == [float(n) for n in range(50_001)]


def test_a_recorder_is_chosen_by_name(tmp_path: Path) -> None:
    run = recorded(tmp_path, (Column(name="x"),), [[Cell(1.0)]])
    assert csv_text(run, recorder="Recorder") == csv_text(run, recorder="rec") == csv_text(run)
    with pytest.raises(RunError, match="no recorder 'Other'; it has Recorder"):
        csv_text(run, recorder="Other")


def test_a_run_without_a_recorder_says_so(tmp_path: Path) -> None:
    writer = RunStore(tmp_path).create(graph={}, specs=[])
    writer.close(msgspec.structs.replace(writer.head, state="complete")).result()
    with pytest.raises(RunError, match="has no recorder"):
        csv_text(RunReader(writer.path))


def test_the_header_names_the_instruments_and_what_they_were_set_to(tmp_path: Path) -> None:
    """D7: of each device it is said whether it was simulated."""
    header, _ = parse(csv_text(diode(tmp_path)))
    device = {key.removeprefix("device "): text for key, text in header.items()}
    assert device["smu manufacturer"] == "KEITHLEY INSTRUMENTS INC."
    assert device["smu serial number"] == "1234567"
    assert device["smu firmware"] == "C30"
    assert device["smu address"] == "TCPIP0::10.0.0.5::5025::SOCKET"
    assert (device["smu simulated"], device["dmm simulated"]) == ("no", "yes")
    assert device["smu before, voltage"] == "0.5 V"
    assert header["form of count"] == "integer"


def test_file_names_are_safe_anywhere(tmp_path: Path) -> None:
    run = recorded(tmp_path, (), [], title="../../Diode: I/V <1N4148>\n")
    assert csv_name(run.head) == "run-00001-diode-i-v-1n4148.csv"


@pytest.mark.parametrize("limit", [5, 37, 1000, 10**6])
def test_pieces_of_any_size_are_the_whole_file(tmp_path: Path, limit: int) -> None:
    """A row that is longer than a piece is cut."""
    rows = [[Cell(float(n)), Cell("x" * (50 if n != 7 else 500))] for n in range(30)]
    run = recorded(tmp_path, (Column(name="a", kind="number"), Column(name="b", kind="text")), rows)
    pieces = [csv_piece(run, limit=limit)]
    while (after := pieces[-1].next) is not None:
        pieces.append(csv_piece(run, after, limit=limit))
    assert b"".join(piece.data for piece in pieces).decode() == csv_text(run)
    assert max(len(piece.data) for piece in pieces) <= limit


@pytest.mark.parametrize("after", ["x", "1", "-1:0", "1:-2", "9" * 50 + ":0", "1:2:3"])
def test_a_place_that_is_none_is_refused(tmp_path: Path, after: str) -> None:
    run = recorded(tmp_path, (Column(name="a", kind="number"),), [[Cell(1.0)]])
    with pytest.raises(RunError, match="no place"):
        csv_piece(run, after)
