"""Files are replaced whole, whatever the system takes at a time, fails at, or is killed at."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.durable import replace_file, replacing, write_private

OLD, NEW = b"old", bytes(range(256)) * 40


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "state.json"
    path.write_bytes(OLD)
    return path


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_the_system_takes_in_pieces_arrives_whole(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`write` may take less than it was given (POSIX); an E-STOP's latch was cut short by that."""
    taken: list[int] = []
    write = os.write

    def short(descriptor: int, data: Any) -> int:
        taken.append(write(descriptor, bytes(data[:1000])))
        return taken[-1]

    monkeypatch.setattr(os, "write", short)
    write_private(file, NEW)
    assert file.read_bytes() == NEW
    assert taken == [1000] * 10 + [240]


def test_a_write_that_fails_half_way_leaves_what_was_there(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def full(descriptor: int, data: Any) -> int:
        if len(data) < len(NEW):
            raise OSError(28, "No space left on device")
        return write(descriptor, bytes(data[:100]))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(file, NEW)
    assert file.read_bytes() == OLD
    assert left_in(file.parent) == [file.name]


def test_whoever_raises_while_writing_leaves_what_was_there(file: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield NEW
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"), replacing(file) as stream:
        stream.writelines(pieces())
    assert file.read_bytes() == OLD
    assert left_in(file.parent) == [file.name]


def test_a_reader_sees_the_old_content_until_all_is_written(file: Path) -> None:
    with replacing(file) as stream:
        stream.write(NEW)
        stream.flush()
        assert file.read_bytes() == OLD
    assert file.read_bytes() == NEW


def test_two_who_write_at_once_leave_the_whole_of_one(file: Path) -> None:
    with replacing(file) as one, replacing(file) as other:
        one.write(b"1" * 100)
        other.write(b"2" * 5)
    assert file.read_bytes() == b"1" * 100  # whose block ended last
    assert left_in(file.parent) == [file.name]


def test_a_new_file_replaces_none(file: Path) -> None:
    with pytest.raises(FileExistsError):
        replace_file(file, NEW, is_new=True)
    assert file.read_bytes() == OLD
    replace_file(file.with_name("b"), NEW, is_new=True)
    assert left_in(file.parent) == ["b", file.name]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o277])
def test_a_private_file_is_its_owner_s_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_private(tmp_path / "run" / "latch.json", NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "run" / "latch.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_a_name_of_full_length_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127)
    replace_file(path, OLD)
    replace_file(path, NEW)
    assert path.read_bytes() == NEW
    assert left_in(tmp_path) == [path.name]


def test_a_file_system_that_syncs_no_folder_does_not_matter(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A latch that is on disk counts as saved."""
    fsync = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    write_private(file, NEW)
    assert file.read_bytes() == NEW
