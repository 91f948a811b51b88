"""`funcnodes script`: what it writes gives the rows that `funcnodes run` gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import funcnodes
from funcnodes.runs import RunStore
from funcnodes.settings import Settings

from ..waiting import patience
from .conftest import PROGRAM

EXAMPLE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"


def run(*command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"FUNCNODES_CONFIG_DIR": str(folder / "config")}
    return subprocess.run(
        list(command), capture_output=True, text=True, env=environment, cwd=folder,
        timeout=patience(), check=False,
    )  # fmt: skip


def test_a_written_script_gives_the_same_rows_as_the_run(tmp_path: Path) -> None:
    """As two programs, each on simulated instruments of its own."""
    few = ("--set", "sweep.points=4")
    script = run(*PROGRAM, "script", str(EXAMPLE), *few, "--out", "iv.py", folder=tmp_path)
    assert (script.returncode, script.stdout) == (0, "Written to iv.py.\n"), script.stderr
    ran = run(*PROGRAM, "run", str(EXAMPLE), *few, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    python = run(sys.executable, "iv.py", folder=tmp_path)
    assert (python.returncode, python.stderr) == (0, "")
    assert "complete, 4 rows" in python.stdout
    store = RunStore(Settings(tmp_path / "config").workers_dir / "local" / "runs")
    by_graph, by_script = (store.find(number).rows() for number in ("1", "2"))
    assert [(c.name, c.unit, c.kind) for c in by_graph.table.columns] == [
        (c.name, c.unit, c.kind) for c in by_script.table.columns
    ]
    assert list(by_graph.values[0]) == list(by_script.values[0])
    assert list(map(list, by_graph.quality)) == list(map(list, by_script.quality))
    for mine, its in zip(by_graph.values[1:], by_script.values[1:], strict=True):
        assert list(mine) == pytest.approx(list(its), rel=0.05, abs=1e-4)


def test_what_cannot_be_written_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    graph.write_text(json.dumps({"nodes": [], "edges": []}))
    refused = run(*PROGRAM, "script", str(graph), "--out", "no.py", folder=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "has no scan and no other frame" in refused.stderr
    assert not (tmp_path / "no.py").exists()
    told = run(*PROGRAM, "script", str(graph), "--json", folder=tmp_path)
    assert len(json.loads(told.stdout)["problems"]) == 1
