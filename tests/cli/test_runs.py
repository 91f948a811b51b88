"""`funcnodes runs …`: exported, imported, watched, compared, tagged, verified, put into the bin."""

import json
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from funcnodes.runs import RunStore
from funcnodes.runs.records import Cell, Column, TableSpec

from ..runs.recorded import diode, recorded
from ..runs.test_qcodes import database

Command = Callable[..., Any]


@pytest.fixture
def store(config_dir: Path) -> RunStore:
    """The runs of `funcnodes run`, one of them recorded."""
    folder = config_dir / "workers" / "local" / "runs"
    diode(folder)
    return RunStore(folder)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(("kind", "suffix"), [("hdf5", "h5"), ("nexus", "nxs"), ("eln", "eln")])
def test_an_export_names_its_file_after_the_run(
    here: Command, tmp_path: Path, kind: str, suffix: str
) -> None:
    done = here("runs", "export", "latest", "--format", kind)
    assert done.stdout == f"Run 1, 3 rows: run-00001-diode-i-v.{suffix}\n"
    assert (tmp_path / f"run-00001-diode-i-v.{suffix}").stat().st_size > 0


def test_several_runs_are_exported_as_one_eln_file(here: Command, store: RunStore) -> None:
    recorded(store.folder, (Column(name="x"),), [])
    done = here("runs", "export", "1", "2", "--format", "eln", "--out", "both.eln", "--json")
    assert len(json.loads(done.stdout)["runs"]) == 2
    assert "holds one run" in here("runs", "export", "1", "2", "--format", "hdf5").stderr


def test_an_export_to_csv_is_imported_as_a_run(
    here: Command, store: RunStore, tmp_path: Path
) -> None:
    here("runs", "export", "1", "--out", "x.csv")
    assert here("runs", "import", "x.csv").stdout == "Run 2, 3 rows: Diode I-V\n"
    assert list(store.find("2").rows().wall) == list(store.find("1").rows().wall)
    said = json.loads(here("runs", "import", "x.csv", "--title", "again", "--json").stdout)
    assert (said["number"], store.find("3").head.title) == (3, "again")
    assert here("runs", "import", "none.csv").stderr == (
        "none.csv cannot be read: No such file or directory.\n"
    )


def test_the_first_run_of_a_machine_may_be_an_imported_one(here: Command, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n")
    assert here("runs", "import", "x.csv").stdout == "Run 1, 1 rows: x\n"
    assert "Imported from x.csv." in here("runs", "show", "latest").stdout


@pytest.mark.usefixtures("store")
def test_tags_and_notes_are_said_of_a_run_and_shown(here: Command) -> None:
    assert here("runs", "tag", "1", "good", "paper").stdout == "Run 1: good, paper\n"
    assert here("runs", "tag", "1", "good", "--remove").stdout == "Run 1: paper\n"
    assert here("runs", "note", "1", "Contact 3 was loose.").stdout == "Run 1: noted.\n"
    shown = here("runs", "show", "1").stdout
    assert "tags       paper\n" in shown
    assert "note       Contact 3 was loose. (" in shown
    assert here("runs", "verify", "1").returncode == 0


def test_a_changed_run_is_found_by_its_checksum(here: Command, store: RunStore) -> None:
    assert here("runs", "verify", "1").stdout == "Run 1 as it was when it ended.\n"
    with closing(sqlite3.connect(store.paths()[0])) as connection, connection:
        connection.execute("UPDATE rows_0 SET v0 = 7 WHERE n = 1")
    done = here("runs", "verify", "1")
    assert (done.returncode, done.stdout) == (1, "Run 1 CHANGED since it ended.\n")
    said = json.loads(here("runs", "verify", "1", "--json").stdout)
    assert said[0]["verdict"] == "changed"


@pytest.mark.usefixtures("store")
def test_a_deleted_run_is_in_the_bin_and_comes_back(here: Command) -> None:
    assert here("runs", "delete", "1").stdout.startswith("Run 1 is in the bin")
    assert "There is no run yet" in here("runs", "list").stdout
    assert "Diode I-V" in here("runs", "list", "--bin").stdout
    assert "in no bin" in here("runs", "delete", "2", "--restore").stderr
    assert here("runs", "delete", "1", "--restore").stdout == "Run 1 is back.\n"
    assert here("runs", "list", "--bin").stdout == "The bin is empty.\n"
    assert here("runs", "verify", "1").returncode == 0


def test_a_file_elsewhere_is_not_deleted(here: Command, store: RunStore, tmp_path: Path) -> None:
    run = recorded(tmp_path / "elsewhere", (), [])
    assert "that file is yours" in here("runs", "delete", run.path).stderr
    assert run.path.exists()
    assert len(store.paths()) == 1


@pytest.mark.usefixtures("store")
def test_only_csv_is_printed(here: Command, tmp_path: Path) -> None:
    done = here("runs", "export", "1", "--format", "hdf5", "--out", "-")
    assert "Only one run as CSV or Bluesky documents can be printed" in done.stderr
    assert not (tmp_path / "-").exists()


@pytest.mark.usefixtures("store")
def test_the_last_rows_are_printed_with_units_and_quality(here: Command) -> None:
    titles, row = here("runs", "tail", "latest", "-n", "1").stdout.splitlines()
    assert titles.split()[:3] == ["row", "V", "I"]
    assert row.split()[0] == "2"
    assert "(missing)" in row
    (line,) = here("runs", "tail", "latest", "-n", "1", "--json").stdout.splitlines()
    assert json.loads(line)["quality"]["I"] == "missing"


def test_tail_follows_a_run_to_its_end(here: Command, store: RunStore) -> None:
    spec = TableSpec(recorder="r", name="R", columns=(Column(name="x", unit="V"),))
    writer = store.create(graph={}, specs=[spec])
    writer.opened.result()
    writer.append(0, [Cell(1.0)], wall=0.0, mono=0.0)
    writer.flush().result()

    def go_on() -> None:
        writer.append(0, [Cell(2.0)], wall=1.0, mono=1.0)
        writer.close(msgspec.structs.replace(writer.head, state="complete", ended=1.0)).result()

    ending = threading.Timer(0.1, go_on)
    ending.start()
    lines = here("runs", "tail", "2", "-f").stdout.splitlines()
    ending.join()
    assert [line.split()[:2] for line in lines] == [["row", "x"], ["0", "1"], ["1", "2"]]


@pytest.mark.usefixtures("store")
def test_a_run_is_drawn(here: Command) -> None:
    assert "count against V" in here("runs", "plot", "1", "--y", "count").stdout
    said = json.loads(here("runs", "plot", "1", "--x", "V", "--y", "I", "--json").stdout)
    assert said["points"] == [[0.1, 1e-9], [0.2, None], [1 / 3, None]]
    assert "has no column 'U'; it has V, I" in here("runs", "plot", "1", "--y", "U").stderr
    nothing = here("runs", "plot", "1", "--y", "range")
    assert (nothing.returncode, nothing.stdout) == (1, "")


def test_one_column_is_drawn_against_the_clock(here: Command, store: RunStore) -> None:
    recorded(store.folder, (Column(name="T", unit="K"),), [[Cell(4.2)], [Cell(4.5)]])
    assert "T against elapsed" in here("runs", "plot", "2").stdout
    said = json.loads(here("runs", "plot", "1", "--x", "elapsed", "--y", "V", "--json").stdout)
    assert [y for _, y in said["points"]] == [0.1, 0.2, 1 / 3]


@pytest.mark.usefixtures("store")
def test_a_picture_is_refused_in_a_sentence(here: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ends in .png, .svg or .pdf" in here("runs", "plot", "1", "--out", "x.bmp").stderr
    assert "--log goes with --out" in here("runs", "plot", "1", "--log", "y").stderr
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert here("runs", "plot", "1", "--out", "x.png").stderr == (
        "Pictures of runs need matplotlib, which is not installed: "
        "pip install 'funcnodes[plots]'.\n"
    )


@pytest.mark.formats
@pytest.mark.usefixtures("store")
def test_a_picture_is_drawn(here: Command, tmp_path: Path) -> None:
    done = here("runs", "plot", "1", "--y", "V", "--y", "count", "--log", "y", "-o", "x.svg")
    assert done.stdout == "Run 1: x.svg\n"
    assert "count" in (tmp_path / "x.svg").read_text()
    said = json.loads(here("runs", "plot", "1", "-o", "x.png", "--json").stdout)
    assert said["path"] == "x.png"
    assert "has no column 'U'" in here("runs", "plot", "1", "--y", "U", "-o", "y.png").stderr
    assert not (tmp_path / "y.png").exists()


@pytest.mark.usefixtures("store")
def test_documents_are_printed_or_written_line_by_line(here: Command, tmp_path: Path) -> None:
    printed = here("runs", "export", "1", "--format", "bluesky", "--out", "-").stdout
    assert [json.loads(line)["name"] for line in printed.splitlines()] == [
        "start", "descriptor", "event", "descriptor", "event", "event", "stop",
    ]  # fmt: skip
    here("runs", "export", "1", "--format", "bluesky")
    assert (tmp_path / "run-00001-diode-i-v.jsonl").read_text() == printed


def test_runs_of_a_qcodes_database_are_chosen(
    here: Command, store: RunStore, tmp_path: Path
) -> None:
    one = ("v numeric V", "", [(1,), (2,)])
    database(tmp_path / "q.db", one, one)
    assert (
        "holds 2 runs, so say which: 1 I-V (2 results), 2" in here("runs", "import", "q.db").stderr
    )
    assert here("runs", "import", "q.db", "--run", "2").stdout == "Run 2, 2 rows: I-V\n"
    said = json.loads(here("runs", "import", "q.db", "--run", "all", "--json").stdout)
    assert [each["number"] for each in said["runs"]] == [3, 4]
    assert store.find("2").head.message.startswith("Imported from q.db, run 2 (guid-2)")
    wrong = here("runs", "import", "q.db", "--run", "two")
    assert wrong.stderr == "--run takes the number of a run in the file, or 'all', not 'two'.\n"


def test_two_runs_are_compared(here: Command, store: RunStore) -> None:
    recorded(store.folder, (Column(name="V", unit="mV"),), [], title="Diode I-V", operator="bob")
    lines = here("runs", "compare", "1", "2").stdout.splitlines()
    found = {line.split("  ")[0]: line.split()[-2:] for line in lines}
    assert found["operator"] == ["ada", "bob"]
    assert "title" not in found
    said = json.loads(here("runs", "compare", "1", "2", "--json").stdout)
    assert {"what": "column V", "run": "unit V", "other": "unit mV"} in said


@pytest.mark.usefixtures("store")
def test_a_missing_package_is_one_sentence(here: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    done = here("runs", "export", "1", "--format", "nexus")
    assert done.returncode == 1
    assert done.stderr == (
        "NeXus files need h5py, which is not installed: pip install 'funcnodes[hdf5]'.\n"
    )


def test_runs_are_found_by_what_is_known_of_them(
    here: Command, store: RunStore, tmp_path: Path
) -> None:
    """By words, time, tag and device, in added folders too; what cannot be read is named."""
    here("runs", "tag", "1", "good", "dark")
    other = tmp_path / "usb"
    recorded(other, (Column(name="x"),), [], title="Elsewhere", sample="W7", project="cryo")

    def titles(*asked: str) -> list[str]:
        done = here("runs", "list", "--json", *asked)
        assert done.returncode == 0, done.stderr
        return [run["title"] for run in json.loads(done.stdout)]

    assert titles("--search", "1234567") == titles("-s", "diod ada") == ["Diode I-V"]
    assert titles("--tag", "dark", "--device", "smu", "--parameter", "V") == ["Diode I-V"]
    assert titles("--until", "2020-01-01") == titles("--since", "2031-01-01 12:00") == []
    assert titles("--since", "1h") == ["Diode I-V"]
    assert here("runs", "list", "--sample", "W7").stdout == "No run fits.\n"
    assert str(other) in here("runs", "folders", "--add", "usb").stdout
    assert titles("--sample", "w7") == titles("--worker", "usb") == ["Elsewhere"]
    assert "title      Elsewhere" in here("runs", "show", "1", "--worker", "usb").stdout
    shown = here("runs", "list").stdout
    assert shown.split("\n")[0].split()[-4:] == ["SAMPLE", "PROJECT", "TAGS", "ID"]
    assert "good, dark" in shown
    assert "--state is one of" in here("runs", "list", "--state", "done").stderr
    (store.folder / "00007-01KY0000000000000000000000.sqlite").write_bytes(b"nothing")
    done = here("runs", "list")
    assert "00007-01KY" in done.stderr
    assert "Elsewhere" in done.stdout
    here("runs", "folders", "--remove", "usb")
    assert titles("--sample", "w7") == []


def test_the_bin_is_tidied_when_it_is_asked_for(
    here: Command, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(store.folder, (Column(name="x"),), [], title="Plain")
    here("runs", "tag", "1", "good")
    here("runs", "delete", "2")
    assert here("runs", "tidy").stdout == "There is nothing to tidy.\n"
    monkeypatch.setenv("FUNCNODES_BIN_DAYS", "0")
    assert "would be deleted for good" in here("runs", "tidy", "--dry-run").stdout
    assert len(store.bin.paths()) == 1
    done = json.loads(here("runs", "tidy", "--older-than", "1s", "--json").stdout)
    assert (len(done["deleted"]), done["binned"], store.bin.paths()) == (1, [], [])
    monkeypatch.setenv("FUNCNODES_BIN_DAYS", "30")
    monkeypatch.setenv("FUNCNODES_RUNS_GB", "0.00001")
    shown = here("runs", "tidy", "--older-than", "0.001s", "--tagged").stdout
    assert "put into the bin" in shown
    assert (store.paths(), store.bin.paths()) == ([], [])  # the bin went early: it was too much
    monkeypatch.setenv("FUNCNODES_RUNS_GB", "much")
    assert here("runs", "tidy").stderr.startswith("FUNCNODES_RUNS_GB is 'much', not a number")
