"""The list of samples, what a CSV brings to it, and what is asked before a run."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from funcnodes.devices.benchfile import BenchConfig, BenchFile
from funcnodes.errors import BenchError, RunError
from funcnodes.runs.before import BeforeRun
from funcnodes.runs.records import RunAbout
from funcnodes.runs.samples import SampleEntry, SampleList, read_csv


@pytest.fixture
def samples(tmp_path: Path) -> SampleList:
    return SampleList(tmp_path / "samples.json")


def csv(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        "id,name,Batch,T (K)\nW7,Wafer 7,B2,300\n\nW8,,B3,\n",
        "\ufeff# from the lab's book\nBatch;Sample;Name;T (K)\r\nB2;W7;Wafer 7;300\r\nB3;W8\r\n",
        "T (K)\tBatch\tSAMPLE ID\tTitle\n300\tB2\t W7 \tWafer 7\n\tB3\tW8\t\n",
    ],
)
def test_samples_come_from_whatever_a_spreadsheet_writes(tmp_path: Path, text: str) -> None:
    found = read_csv(csv(tmp_path, text))
    assert found.bad == []
    assert [(e.id, e.name, {**e.more}) for e in found.entries] == [
        ("W7", "Wafer 7", {"Batch": "B2", "T (K)": "300"}), ("W8", "", {"Batch": "B3"}),
    ]  # fmt: skip


def test_rows_that_are_no_samples_are_named_by_their_line(tmp_path: Path) -> None:
    rows = [
        "id,name", "W1,good", ",no id", 'W2,"two\nlines"', "W1,again", "W3,a,b", f"{'x' * 201},y"
    ]  # fmt: skip
    found = read_csv(csv(tmp_path, "\n".join(rows)))
    assert [entry.id for entry in found.entries] == ["W1"]
    assert found.bad == [
        "line 3: there is no id",
        "line 5: the name is to be one line of 200 letters at most",
        "line 6: the id 'W1' stands in line 2, too",
        "line 7: there are 3 cells for 2 columns",
        "line 8: the id is to be one line of 200 letters at most",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("name,batch\na,b\n", "has no column 'id'; it has name, batch"),
        ("id,x,x\n", "has two columns named 'x'"),
    ],
)
def test_a_file_that_is_no_list_is_told_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RunError, match=said):
        read_csv(csv(tmp_path, text))


@given(st.text(max_size=80))
def test_no_text_at_all_is_anything_but_samples_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.encode(errors="replace"))
    with suppress(RunError):
        assert all(entry.id for entry in read_csv(path).entries)


def test_a_list_is_kept_in_order_changed_and_never_overwritten_where_it_is_no_list(
    samples: SampleList,
) -> None:
    one, two = SampleEntry(id="W7", name="first"), SampleEntry(id="w8")
    assert samples.all() == []
    assert samples.put([one, two]) == 2
    again = SampleEntry(id="W7", more={"batch": "B"})
    assert samples.put([again]) == 0
    assert samples.all() == [again, two]
    assert (samples.find(" w7"), samples.find("W8"), samples.find("W9")) == (again, two, None)
    with pytest.raises(RunError, match="no sample 'W9' on the list"):
        samples.remove(["w8", "W9"])
    assert len(samples.all()) == 2
    samples.remove(["w8"])
    with pytest.raises(RunError, match="cannot be kept: there is no id"):
        samples.put([SampleEntry(id=" ")])
    samples.path.write_text("[1]")
    for act in (lambda: samples.put([one]), lambda: samples.find("W7")):
        with pytest.raises(RunError, match="cannot be read"):
            act()
    assert samples.path.read_text() == "[1]"
    samples.path.write_text(json.dumps({"format": 2, "samples": []}))
    with pytest.raises(RunError, match="later version"):
        samples.all()


SCRIPT = """
import sys
from pathlib import Path
from funcnodes.runs.samples import SampleEntry, SampleList
for n in range(20):
    SampleList(Path(sys.argv[1])).put([SampleEntry(id=f"{sys.argv[2]}{n}")])
"""


def test_several_processes_lose_nothing_of_each_other(samples: SampleList) -> None:
    several = [
        subprocess.Popen([sys.executable, "-c", SCRIPT, str(samples.path), letter])
        for letter in "ab"
    ]
    assert [process.wait() for process in several] == [0, 0]
    assert len(samples.all()) == 40


def bench(tmp_path: Path, text: str) -> BenchConfig:
    path = tmp_path / "bench.toml"
    path.write_text(f'name = "b"\n{text}\n')
    return BenchFile.load(path).config


def test_what_bench_and_settings_ask_for_has_to_be_said(
    tmp_path: Path, samples: SampleList
) -> None:
    config = bench(tmp_path, 'before_run = ["notes", "sample"]\nlisted_samples = true')
    before = BeforeRun(("project",), samples)
    samples.put([SampleEntry(id="W7", name="Wafer", more={"batch": "B"})])
    assert before.missing(RunAbout(), config) == ["sample", "project", "notes"]
    with pytest.raises(RunError, match="it is asked for sample and project") as caught:
        before.checked(RunAbout(notes="x"), config)
    assert caught.value.hint == "Say it under Next run, or by --sample --project."
    with pytest.raises(RunError, match="the bench 'b' asks for sample"):
        before.checked(RunAbout(notes="x", project="p", sample=" "), config)
    said: dict[str, Any] = {"notes": "x", "project": "p"}
    with pytest.raises(RunError, match="There is no sample 'W9' on the list"):
        before.checked(RunAbout(sample="W9", **said), config)
    found = before.checked(RunAbout(sample="w7", **said), config)
    assert (found.sample, found.sample_row) == ("W7", {"name": "Wafer", "batch": "B"})
    asked = before.completed(RunAbout(sample="W7"), config, ask=lambda fields, _: said)
    assert (asked.project, asked.notes) == ("p", "x")
    assert BeforeRun(asks=False).checked(RunAbout(), config) == RunAbout()
    assert BeforeRun(samples=samples).checked(RunAbout(sample="other"), None).sample_row == {}
    with pytest.raises(BenchError, match="before_run: only sample, project"):
        bench(tmp_path, 'before_run = ["weather"]')
