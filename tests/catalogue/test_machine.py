"""Whatever is done to a folder of runs, the catalogue tells what is there."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from funcnodes.catalogue import Asked, Catalogue, RunFolder
from funcnodes.runs import RunReader, RunStore

from ..runs.recorded import diode

NAMES = [f"{n:05d}-01KY00000000000000000000{n:02d}.sqlite" for n in range(1, 7)]
names = st.sampled_from(NAMES)


class FolderOfRuns(RuleBasedStateMachine):
    """Runs come and go, are tagged, deleted, restored and broken; the index is thrown away."""

    def __init__(self) -> None:
        super().__init__()
        self._root = tempfile.TemporaryDirectory()
        root = Path(self._root.name)
        self.template = diode(root / "template").path
        self.store = RunStore(root / "runs")
        self.store.folder.mkdir()
        self.catalogue = Catalogue(root)
        self.tags: dict[str, set[str]] = {}
        self.binned: set[str] = set()
        self.broken: set[str] = set()

    def teardown(self) -> None:
        self._root.cleanup()

    def path(self, name: str) -> Path:
        return (self.store.bin if name in self.binned else self.store).folder / name

    @rule(name=names)
    def comes(self, name: str) -> None:
        if name not in self.tags:
            shutil.copyfile(self.template, self.store.folder / name)
            self.tags[name] = set()

    @precondition(lambda self: self.tags)
    @rule(data=st.data())
    def goes(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.tags)))
        self.path(name).unlink()
        del self.tags[name]
        self.binned.discard(name)
        self.broken.discard(name)

    @precondition(lambda self: self.tags.keys() - self.broken)
    @rule(data=st.data(), word=st.sampled_from(["good", "bad"]))
    def is_tagged(self, data: st.DataObject, word: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.tags.keys() - self.broken)))
        RunReader(self.path(name)).annotate("tag", word)
        self.tags[name].add(word)

    @precondition(lambda self: self.tags.keys() - self.broken)
    @rule(data=st.data())
    def is_deleted_or_restored(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.tags.keys() - self.broken)))
        ulid = name.removesuffix(".sqlite").partition("-")[2]
        if name in self.binned:
            self.store.restore(ulid)
            self.binned.remove(name)
        else:
            self.store.delete(ulid)
            self.binned.add(name)

    @precondition(lambda self: self.tags.keys() - self.broken)
    @rule(data=st.data())
    def breaks(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.tags.keys() - self.broken)))
        self.path(name).write_bytes(b"nothing of a run")
        self.broken.add(name)

    @rule()
    def the_index_is_gone(self) -> None:
        self.catalogue.path.unlink(missing_ok=True)

    @invariant()
    def the_catalogue_tells_what_is_there(self) -> None:
        folder = RunFolder(self.store.folder, "w")
        whole = self.tags.keys() - self.broken
        for binned in (False, True):
            there = {name for name in whole if (name in self.binned) == binned}
            for tag in ("", "good"):
                listing = self.catalogue.find(Asked(binned=binned, tag=tag), [folder])
                found = {run.path.name for run in listing.runs}
                assert found == {n for n in there if not tag or tag in self.tags[n]}
            assert len(listing.broken) == len(self.broken)


TestFolderOfRuns = FolderOfRuns.TestCase
TestFolderOfRuns.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
