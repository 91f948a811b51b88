"""Listing many runs is quick, once they are known."""

import shutil
import time
from pathlib import Path

import pytest

from funcnodes.catalogue import Asked, Catalogue, RunFolder

from ..runs.recorded import diode
from ..waiting import within

RUNS = 3_000


@pytest.mark.timing
@pytest.mark.timeout(180)
def test_thousands_of_runs_are_found_at_once(tmp_path: Path) -> None:
    """A third of a second for each 3,000; 1.5 ms for each that is new."""
    source = diode(tmp_path / "runs").path
    for n in range(2, RUNS + 1):
        shutil.copyfile(source, source.with_name(f"{n:05d}-01KY{n:022d}.sqlite"))
    catalogue, folder = Catalogue(tmp_path), RunFolder(source.parent, "w")
    took = []
    for asked in (Asked(), Asked(search="diode 1234567"), Asked(device="smu", parameter="V")):
        began = time.perf_counter()
        assert len(catalogue.find(asked, [folder]).runs) == 50
        took.append(time.perf_counter() - began)
    assert took[0] < within(RUNS * 1.5e-3)
    assert max(took[1:]) < within(0.3)
