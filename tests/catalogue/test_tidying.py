"""The bin is emptied in time; what is not in it is never deleted."""

from pathlib import Path

import msgspec
import pytest

from funcnodes.catalogue import Asked, Catalogue, RunFolder, empty_bins, put_into_bin
from funcnodes.core import clock
from funcnodes.runs import RunStore
from funcnodes.runs.records import Column, TableSpec

from ..runs.recorded import recorded


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Four runs, two of them in the bin."""
    for _ in range(4):
        recorded(tmp_path, (Column(name="x"),), [])
    store = RunStore(tmp_path)
    store.delete("1")
    store.delete("2")
    return store


class Later(clock.SystemClock):
    """The present, so many days later."""

    def __init__(self, days: float) -> None:
        self._by = days * 86_400

    def now(self) -> float:  # type: ignore[override]  # the machine's is a plain function
        return clock.SystemClock.now() + self._by


def test_the_bin_is_emptied_of_what_has_lain_there_for_too_long(store: RunStore) -> None:
    (store.folder / ".bin" / "note.txt").write_text("somebody's own")
    assert empty_bins([store.folder], bin_days=30).deleted == []
    with clock.use(Later(29)):
        assert empty_bins([store.folder], bin_days=30).deleted == []
    with clock.use(Later(31)):
        told = empty_bins([store.folder], bin_days=30, dry=True)
        assert len(told.deleted) == 2
        assert len(store.bin.paths()) == 2
        done = empty_bins([store.folder], bin_days=30)
    assert (done.deleted, done.bytes) == (told.deleted, told.bytes)
    assert store.bin.paths() == []
    assert len(store.paths()) == 2
    assert (store.folder / ".bin" / "note.txt").exists()


def test_where_runs_take_too_much_the_bin_goes_first_and_nothing_else(store: RunStore) -> None:
    size = store.paths()[0].stat().st_size
    done = empty_bins([store.folder], bin_days=30, max_bytes=int(3.5 * size))
    assert len(done.deleted) == 1
    done = empty_bins([store.folder], bin_days=30, max_bytes=1)
    assert (len(done.deleted), len(store.bin.paths()), len(store.paths())) == (1, 0, 2)
    assert (done.taken, done.over) == (2 * size, [(store.folder, 2 * size)])


def test_old_runs_are_put_into_the_bin_only_where_it_is_asked_for(
    store: RunStore, tmp_path: Path
) -> None:
    spec = TableSpec(recorder="r", name="R", columns=())
    writer = store.create(graph={}, specs=[spec])
    writer.opened.result()
    runs = Catalogue(tmp_path).find(Asked(), [RunFolder(tmp_path, "w")]).runs
    assert len(put_into_bin(runs, dry=True).binned) == 2
    assert len(store.bin.paths()) == 2
    done = put_into_bin(runs)
    assert (len(done.binned), len(store.bin.paths()), len(store.paths())) == (2, 4, 1)
    again = put_into_bin(runs)  # they are gone
    assert len(again.failed) == 2
    writer.close(msgspec.structs.replace(writer.head, state="complete")).result()
