"""The catalogue: finds runs by whatever is known of them, and is always as the folders are."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from funcnodes.catalogue import AddedFolders, Asked, Catalogue, RunFolder
from funcnodes.errors import RunError
from funcnodes.runs import RunReader, RunStore
from funcnodes.runs.records import Cell, Column, TableSpec

from ..runs.recorded import diode, instruments, recorded

Find = Callable[..., list[int]]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Three runs of a worker."""
    path = tmp_path / "workers" / "w" / "runs"
    first = diode(path)
    first.annotate("tag", "good")
    first.annotate("note", "Contact 3 was loose.")
    column = (Column(name="T", unit="K", kind="number"),)
    recorded(path, column, [[Cell(1.0)]], title="Cooling", sample="Wafer-7", project="cryo")
    recorded(path, column, [[Cell(2.0)]], nodespace="heat_up", snapshots=instruments(),
             sample="wafer-8", operator="Grace", notes="über 300 K")  # fmt: skip
    return RunFolder(path, "bench one")


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path)


@pytest.fixture
def find(catalogue: Catalogue, folder: RunFolder) -> Find:
    """The numbers of the runs that fit."""

    def numbers(**asked: Any) -> list[int]:
        return [run.head.number for run in catalogue.find(Asked(**asked), [folder]).runs]

    return numbers


CASES: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [3, 2, 1]),
    ({"limit": 1}, [3]),
    ({"search": "diode"}, [1]),
    ({"search": "DIO"}, [1]),
    ({"search": "contact loose"}, [1]),
    ({"search": "contact tight"}, []),
    ({"search": "uber grace"}, [3]),
    ({"search": "1234567"}, [3, 1]),  # a serial number
    ({"search": "wafer-7"}, [2]),
    ({"search": "heat_up"}, [3]),
    ({"search": '" OR * NEAR( -'}, []),
    ({"search": "diode - *"}, [1]),
    ({"search": "- *"}, []),
    ({"search": "good"}, [1]),
    ({"tag": "GOOD"}, [1]),
    ({"tag": "goo"}, []),
    ({"sample": "wafer-7"}, [2]),
    ({"project": "Cryo"}, [2]),
    ({"device": "dmm"}, [3, 1]),
    ({"parameter": "T"}, [3, 2]),
    ({"parameter": "trace"}, [1]),
    ({"state": "complete", "sample": "wafer-8"}, [3]),
    ({"state": "failed"}, []),
    ({"binned": True}, []),
    ({"until": 1.0}, []),
    ({"since": 1.0}, [3, 2, 1]),
]


def test_a_run_is_found_by_what_is_known_of_it(find: Find) -> None:
    assert [(asked, find(**asked)) for asked, _ in CASES] == CASES


def test_a_run_is_found_by_the_device_nodes_of_its_graph(tmp_path: Path) -> None:
    graph = {"nodes": [{"node_id": "device.set", "device": "smu", "member": "voltage"},
                       {"inner": {"nodes": [{"device": "tc", "member": "a.kelvin"}]}}]}  # fmt: skip
    spec = TableSpec(recorder="r", name="R", columns=())
    writer = RunStore(tmp_path).create(graph=graph, specs=[spec])
    writer.close(msgspec.structs.replace(writer.head, state="complete")).result()
    catalogue, folder = Catalogue(tmp_path), RunFolder(tmp_path, "w")
    for asked in (Asked(device="tc"), Asked(parameter="smu.voltage"), Asked(parameter="voltage"),
                  Asked(parameter="a.kelvin"), Asked(search="smu.volt")):  # fmt: skip
        assert len(catalogue.find(asked, [folder]).runs) == 1, asked


def test_it_is_always_as_the_folder_is(find: Find, folder: RunFolder, tmp_path: Path) -> None:
    """Tagged, deleted, restored, renamed, copied, taken away as a whole."""
    store = RunStore(folder.path)
    assert find() == [3, 2, 1]
    store.find("2").annotate("tag", "late")
    assert find(tag="late") == [2]
    store.delete("2")
    assert (find(), find(binned=True)) == ([3, 1], [2])
    store.restore("2")
    assert (find(), find(binned=True)) == ([3, 2, 1], [])
    gone = store.find("1").path
    gone.rename(tmp_path / "elsewhere.sqlite")
    assert find() == [3, 2]
    folder.path.rename(tmp_path / "away")
    assert find() == []
    (tmp_path / "away").rename(folder.path)
    assert find() == [3, 2]


def test_a_run_that_goes_on_is_listed_as_it_is_now(find: Find, folder: RunFolder) -> None:
    """R4: also when it ends without a word."""
    spec = TableSpec(recorder="r", name="R", columns=(Column(name="x"),))
    writer = RunStore(folder.path).create(graph={}, specs=[spec])
    writer.opened.result()
    assert find(state="running") == [4]
    writer.append(0, [Cell(1.0)], wall=1.0, mono=1.0)
    writer.close(msgspec.structs.replace(writer.head, state="complete")).result()
    assert (find(state="running"), find(state="complete", limit=1)) == ([], [4])


def test_files_that_are_no_runs_are_named_and_stop_nothing(
    catalogue: Catalogue, folder: RunFolder, tmp_path: Path
) -> None:
    broken = folder.path / "00009-01KY0000000000000000000000.sqlite"
    broken.write_bytes(b"not a database at all" * 100)
    half = folder.path / "00008-01KY0000000000000000000001.sqlite"
    half.write_bytes(RunStore(folder.path).find("1").path.read_bytes()[:5000])
    away = RunFolder(tmp_path / "usb", "usb", is_added=True)
    for _ in range(2):
        listing = catalogue.find(Asked(), [folder, away])
        assert len(listing.runs) == 3
        assert str(away.path) in listing.broken[0]
        assert [str(half) in why or str(broken) in why for why in listing.broken[1:]] == [True] * 2
    broken.unlink()
    assert len(catalogue.find(Asked(), [folder]).broken) == 1


@pytest.mark.parametrize("damage", [b"", b"rubbish" * 999, None])
def test_an_index_that_cannot_be_read_is_built_anew(
    catalogue: Catalogue, find: Find, damage: bytes | None
) -> None:
    assert find(search="diode") == [1]
    if damage is None:  # somewhere in the middle
        with catalogue.path.open("r+b") as file:
            for at in range(4096, os.path.getsize(catalogue.path), 512):
                file.seek(at)
                file.write(b"\xff" * 400)
    else:
        catalogue.path.write_bytes(damage)
    assert find(search="diode") == [1]
    assert find() == [3, 2, 1]


def test_an_index_that_cannot_be_kept_is_made_in_memory(folder: RunFolder, tmp_path: Path) -> None:
    nowhere = Catalogue(tmp_path / "no such folder")
    assert len(nowhere.find(Asked(), [folder]).runs) == 3


def test_another_version_of_the_index_is_thrown_away(catalogue: Catalogue, find: Find) -> None:
    assert find() == [3, 2, 1]
    with closing(sqlite3.connect(catalogue.path)) as connection:
        connection.execute("DROP TABLE words")
        connection.execute("PRAGMA user_version = 99")
    assert find(tag="good") == [1]


def test_of_folders_that_are_no_more_nothing_is_known(
    catalogue: Catalogue, folder: RunFolder
) -> None:
    assert catalogue.find(Asked(), [folder]).runs
    assert catalogue.find(Asked(), [], is_all=True).runs == []
    with closing(sqlite3.connect(catalogue.path)) as connection:
        assert connection.execute("SELECT count(*) FROM texts").fetchone() == (0,)


SCRIPT = """
import sys
from pathlib import Path
from funcnodes.catalogue import Asked, Catalogue, RunFolder
root = Path(sys.argv[1])
folder = RunFolder(root / "workers" / "w" / "runs", "w")
for _ in range(2):
    print(len(Catalogue(root).find(Asked(search="diode", limit=99), [folder]).runs), flush=True)
"""


def test_several_processes_at_once_find_the_same(folder: RunFolder, tmp_path: Path) -> None:
    source = RunStore(folder.path).find("1").path
    for n in range(10, 30):
        shutil.copyfile(source, folder.path / f"{n:05d}-01KY00000000000000000000{n:02d}.sqlite")
    several = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", SCRIPT, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in several:
        out, _ = process.communicate()
        assert (process.returncode, out.split()) == (0, ["21"] * 2)


def test_folders_that_are_added_are_kept_by_name(tmp_path: Path, folder: RunFolder) -> None:
    """Their runs may be called anything."""
    other = tmp_path / "usb stick"
    other.mkdir()
    shutil.copyfile(RunStore(folder.path).find("1").path, other / "my diode.sqlite")
    added = AddedFolders(tmp_path / "config")
    assert added.add(other) == added.add(other)
    (known,) = AddedFolders(tmp_path / "config").all()
    (run,) = Catalogue(tmp_path).find(Asked(), [known]).runs
    assert RunReader(run.path).head.title == "Diode I-V"
    with pytest.raises(RunError, match="is no folder"):
        added.add(tmp_path / "nothing")
    added.remove(other)
    assert added.all() == []
    with pytest.raises(RunError, match="not among the folders"):
        added.remove(other)
    (tmp_path / "config" / "run-folders.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(RunError, match="is to be a list of folders"):
        added.all()
