"""`funcnodes samples …`, and runs that are refused, or asked for, without what has to be said."""

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from funcnodes.runs import RunStore

from ..waiting import patience
from .conftest import PROGRAM

SWEEP = {"id": "sweep", "node_id": "sweep", "io": {"points": {"is_input": True, "value": 2}}}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A nodespace, where every run has to name a sample and a project."""
    monkeypatch.setenv("FUNCNODES_BEFORE_RUN", "sample, project")
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps({"format": 3, "nodes": [SWEEP], "edges": []}))
    return path


def test_samples_are_imported_listed_added_and_removed(here: Any, tmp_path: Path) -> None:
    assert "There is no sample yet" in here("samples", "list").stdout
    path = tmp_path / "list.csv"
    path.write_text("id,name,batch\nW7,Wafer 7,B2\n,nothing,\nW8,,B3\n")
    done = here("samples", "import", "list.csv")
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        [
            "list.csv, line 3: there is no id.",
            "Nothing was imported; --skip-bad takes the others.",
        ],
    )
    assert "2 samples, 2 of them new" in here("samples", "import", "list.csv", "--skip-bad").stdout
    assert here("samples", "add", "W9", "--name", "New", "--set", "batch=B9").returncode == 0
    assert here("samples", "list").stdout.splitlines() == [
        "ID  NAME     BATCH", "W7  Wafer 7  B2", "W8           B3", "W9  New      B9",
    ]  # fmt: skip
    here("samples", "remove", "W7", "W8")
    assert json.loads(here("samples", "list", "--json").stdout) == [
        {"id": "W9", "name": "New", "batch": "B9"}
    ]
    assert "no sample 'W7'" in here("samples", "remove", "W7").stderr
    assert "COLUMN=TEXT" in here("samples", "add", "W1", "--set", "x").stderr
    assert here("samples", "list", "--worker", "nobody").returncode == 1


def test_a_run_without_what_has_to_be_said_is_refused_where_nobody_can_be_asked(
    here: Any, file: Path, config_dir: Path
) -> None:
    here("samples", "add", "W7", "--name", "Wafer 7", "--set", "batch=B2")
    done = here("run", file, "--project", "cryo")
    assert (done.returncode, done.stderr) == (
        1, "Before a run it is asked for sample. Say it under Next run, or by --sample.\n",
    )  # fmt: skip
    store = RunStore(config_dir / "workers" / "local" / "runs")
    assert store.paths() == []
    assert here("run", file, "--dry-run").returncode == 0  # which keeps nothing
    assert here("run", file, "--project", "cryo", "--sample", "w7").returncode == 0
    head = store.find("latest").head
    assert (head.sample, head.sample_row) == ("W7", {"name": "Wafer 7", "batch": "B2"})
    assert "W7, Wafer 7, B2" in here("runs", "show", "latest").stdout
    found = json.loads(here("runs", "list", "--search", "b2", "--sample", "W7", "--json").stdout)
    assert [run["project"] for run in found] == ["cryo"]


def test_on_a_terminal_a_run_asks_for_what_has_to_be_said(
    file: Path, environment: dict[str, str], tmp_path: Path, here: Any, config_dir: Path
) -> None:
    here("samples", "add", "W7", "--name", "Wafer 7")
    environment = {**environment, "FUNCNODES_BEFORE_RUN": "sample, project"}
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "run", str(file)], stdin=terminal, stdout=terminal, stderr=terminal,
        cwd=tmp_path, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    try:
        os.write(main, b"W7\ncryo\n")
        while chunk := _read(main):
            shown += chunk
        assert process.wait(patience()) == 0, shown
    finally:
        process.kill()
        process.wait()
        os.close(main)
    assert b"Wafer 7" in shown
    assert b"Sample:" in shown
    head = RunStore(config_dir / "workers" / "local" / "runs").find("latest").head
    assert (head.sample, head.project) == ("W7", "cryo")


def _read(main: int) -> bytes:
    try:
        return os.read(main, 4096)
    except OSError:  # nobody has the other end any more
        return b""


def test_settings_that_ask_for_what_there_is_not_are_told(
    here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNCNODES_BEFORE_RUN", "sample, weather")
    assert here("samples", "list").stderr.startswith("FUNCNODES_BEFORE_RUN has 'weather'; it may")
