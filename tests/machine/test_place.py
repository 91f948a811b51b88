"""Where processes find each other: one private folder, which is nobody else's."""

import os
from pathlib import Path

import pytest

from funcnodes.errors import FuncnodesError
from funcnodes.machine import place
from funcnodes.machine.place import doors_dir, leases_dir, machine_dir


def test_it_is_the_same_whatever_folder_or_session_a_process_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("FUNCNODES_RUNTIME_DIR")
    parent = tmp_path / "tmp"
    parent.mkdir()
    monkeypatch.setattr(place, "_PARENTS", (str(parent), str(tmp_path / "other")))
    found = machine_dir()
    assert found == parent / f"funcnodes-{os.getuid()}"
    for name in ("XDG_RUNTIME_DIR", "TMPDIR", "FUNCNODES_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    assert machine_dir() == found
    assert (leases_dir(), doors_dir()) == (found / "leases", found / "doors")
    for folder in (found, leases_dir(), doors_dir()):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_name_that_somebody_else_took_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A link, a file, or a folder of another user, where everybody may write."""
    monkeypatch.delenv("FUNCNODES_RUNTIME_DIR")
    taken, other = tmp_path / "tmp", tmp_path / "var"
    taken.mkdir()
    other.mkdir()
    monkeypatch.setattr(place, "_PARENTS", (str(taken), str(other)))
    name = f"funcnodes-{os.getuid()}"
    (taken / name).symlink_to(tmp_path)
    assert machine_dir() == other / name
    (other / name).rmdir()
    (other / name).write_text("")
    with pytest.raises(FuncnodesError, match="cannot be used, by which processes find each other"):
        machine_dir()


def test_a_folder_that_others_may_read_is_made_private(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir(mode=0o755)
    monkeypatch.setenv("FUNCNODES_RUNTIME_DIR", str(tmp_path / "run"))
    assert machine_dir().stat().st_mode & 0o777 == 0o700
