"""The guide to simulated instruments: every file on the page is what it says."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from funcnodes_simulators import SimulatedBench, StrictError
from funcnodes_simulators.faults import KINDS
from funcnodes_simulators.faults.files import read_fault_file
from funcnodes_simulators.generic.table import ENTRY_KEYS, TABLE_KEYS
from funcnodes_simulators.generic.table_instrument import odd_names

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "simulated-instruments.md"
FILE = re.compile(r"```(?:toml|yaml|python)\n# ([\w.]+)[^\n]*\n(.*?)```", re.S)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write every file of the guide down."""
    for name, text in FILE.findall(GUIDE.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_bench_serves_what_it_names(folder: Path, connect: Callable) -> None:
    bench = SimulatedBench.start(str(folder / "bench.toml"), seed=1)
    assert set(bench.resources) == {"smu", "lamp", "supply"}
    supply = connect(bench.resources["supply"])
    assert supply.query(":VOLT 3;:VOLT?;:FUNC?;:FETC?") == (
        "+3.000000E+00;VOLT;+3.000000E+00,+1.000000E-01"
    )
    assert float(supply.query(":MEAS?")) == pytest.approx(3, abs=0.01)
    assert supply.query(":ABOR;:VOLT?;*IDN?") == "+0.000000E+00;ACME,SUPPLY,SIM0003,1.0"
    supply.write(":VLOT 3")
    assert supply.query("*OPC?") == "1"
    with pytest.raises(StrictError, match="supply: ':VLOT 3'"):
        bench.close()


def test_the_definition_is_a_bench_of_its_own(folder: Path) -> None:
    with SimulatedBench.start(str(folder / "lab.yaml")) as bench:
        assert bench.resources["lamp"].startswith("ASRL")


def test_the_faults_are_a_plan_and_all_kinds_are_explained(folder: Path) -> None:
    planned = read_fault_file(folder / "faults.toml", ["smu"])
    assert (planned.seed, len(planned.faults)) == (7, 3)
    text = GUIDE.read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"`{kind}`" not in text] == []


def test_the_odd_ones_are_as_odd_as_the_guide_says(folder: Path, open_line: Callable) -> None:
    bench = folder / "odd.toml"
    board = '[device.board]\nmodel = "table"\ntable = "board.toml"\nserve = "pty"\n'
    bench.write_text(f"{board}{(folder / 'oven.toml').read_text()}")
    with SimulatedBench.start(str(bench), time_scale=10) as running:
        line = open_line(running.resources["board"])
        assert line.read_until(b"\n") == b"ready\r\n"
        assert line.read_until(b"\n") == b"S S      12.34 g\n"
        assert running.state()["oven"]["temperature"] == 25.0


def test_every_odd_table_and_every_key_of_a_table_is_explained() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    keys = (TABLE_KEYS | ENTRY_KEYS | {"every_s"}) - {"entry"}
    assert [name for name in (*odd_names(), *sorted(keys)) if not _is_told(name, text)] == []


def _is_told(word: str, text: str) -> bool:
    return (
        f"`{word}`" in text
        or f"`{word} =" in text
        or f"\n{word} =" in text
        or f"[[{word}]]" in text
    )


def test_the_instrument_is_a_model(
    folder: Path, connect: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    information = folder / "acme-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    declared = (folder / "pyproject.toml").read_text()
    points = declared.replace("project.entry-points.", "").replace('"', "")
    (information / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(folder))
    path = folder / "own.toml"
    path.write_text('[device.a]\nmodel = "acme_supply"\nmost_v = 5\nserve = "tcp"\n')
    with SimulatedBench.start(str(path)) as bench:
        box = connect(bench.resources["a"])
        assert box.query(":VOLT MAX;:VOLT?;*IDN?") == "5.000000E+00;ACME,SUPPLY,SIM0001,1.0"
    monkeypatch.delitem(sys.modules, "acme_simulators")
