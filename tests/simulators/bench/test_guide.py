"""The guide to simulated instruments: every file on the page is what it says."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from funcnodes_simulators import SimulatedBench, StrictError
from funcnodes_simulators.faults import KINDS
from funcnodes_simulators.faults.files import read_fault_file

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
