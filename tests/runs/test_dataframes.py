"""A run as arrays and tables of Python: exact, with units, quality and where it comes from."""

import math
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from funcnodes.errors import RunError
from funcnodes.runs import RunReader
from funcnodes.runs.exporting import Format
from funcnodes.runs.records import Cell, Column

from .recorded import STARTED, diode, recorded


@pytest.fixture
def run(tmp_path: Path) -> RunReader:
    return diode(tmp_path)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installation that lacks what the exports need besides."""
    for package in ("pandas", "polars", "xarray", "h5py", "pyarrow"):
        monkeypatch.setitem(sys.modules, package, None)
    return


def test_arrays_are_exact_and_typed(run: RunReader) -> None:
    """R2: both clocks, and a quality beside each column."""
    arrays = run.to_numpy()
    assert list(arrays)[:5] == ["row", "time", "elapsed", "V", "V quality"]
    assert arrays["V"].tolist() == [0.1, 0.2, 1 / 3]
    assert arrays["V"].dtype == np.float64
    assert arrays["count"].tolist() == [3, 4, 2**60]
    assert arrays["on"].tolist() == [True, False, True]
    assert arrays["on"].dtype == np.bool_
    assert arrays["range"].tolist() == ["=low", "'=high, \n2", "µ"]
    assert arrays["trace"].shape == (3, 3)
    assert arrays["trace"][2].tolist() == [1e300, -0.0, 5e-324]
    assert arrays["mixed"].tolist() == [1, [1, "a"], None]
    assert arrays["time"].tolist() == [STARTED, STARTED + 1, STARTED + 2]
    assert arrays["elapsed"].tolist() == pytest.approx([0, 1, 2])


def test_a_cell_without_a_number_is_nan_and_its_quality_says_why(run: RunReader) -> None:
    arrays = run.to_numpy()
    assert [math.isnan(each) for each in arrays["I"]] == [False, True, True]
    assert arrays["I quality"].tolist() == ["ok", "overrange", "missing"]


def test_whole_numbers_beside_gaps_are_floats_only_where_that_is_exact(tmp_path: Path) -> None:
    columns = (Column(name="small"), Column(name="large"))
    rows = [[Cell(2**53), Cell(2**53 + 1)], [Cell(None, "missing"), Cell(None, "missing")]]
    arrays = recorded(tmp_path, columns, rows).to_numpy()
    assert arrays["small"].dtype == np.float64
    assert arrays["large"].tolist() == [2**53 + 1, None]


def test_columns_that_are_called_like_a_clock_or_a_quality_stay_apart(tmp_path: Path) -> None:
    columns = (Column(name="time"), Column(name="V"), Column(name="V quality"))
    run = recorded(tmp_path, columns, [[Cell(1.0), Cell(2.0), Cell(3.0)]])
    arrays = run.to_numpy()
    assert (arrays["time (2)"][0], arrays["V quality"][0]) == (1.0, 3.0)
    assert arrays["V quality (2)"].tolist() == ["ok"]


def test_a_dataframe_keeps_units_quality_and_who_measured(run: RunReader) -> None:
    """D7: simulated is said."""
    frame = run.to_pandas()
    assert frame.index.name == "row"
    assert frame["V"].tolist() == [0.1, 0.2, 1 / 3]
    assert frame[frame["I quality"] == "ok"].index.tolist() == [0]
    assert isinstance(frame["I quality"].dtype, pd.CategoricalDtype)
    assert frame.attrs["units"] == {"time": "s", "elapsed": "s", "V": "V", "I": "A", "trace": "V"}
    assert frame.attrs["about"]["simulated"] == "1 of 2"
    assert frame.attrs["about"]["device smu serial number"] == "1234567"
    assert frame.attrs["about"] == run.about()


def test_a_dataset_knows_units_and_quality_of_its_variables(run: RunReader) -> None:
    data = run.to_xarray()
    assert data["V"].attrs == {"units": "V", "ancillary_variables": "V quality"}
    assert data["trace"].dims == ("row", "trace 1")
    assert data["elapsed"].attrs == {"units": "s"}
    assert data.attrs["simulated"] == "1 of 2"
    assert data["I quality"].values.tolist() == ["ok", "overrange", "missing"]


def test_polars_is_given_plain_columns(run: RunReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """polars is large, so a stand-in says what it would be given."""
    monkeypatch.setitem(sys.modules, "polars", SimpleNamespace(DataFrame=dict))
    data = run.to_polars()
    assert data["range"] == ["=low", "'=high, \n2", "µ"]
    assert data["mixed"] == ["1", '[1, "a"]', ""]
    assert data["trace"][0] == [0.0, 1.0, 2.0]
    assert data["V"].tolist() == [0.1, 0.2, 1 / 3]


def test_a_run_without_rows_has_all_columns(tmp_path: Path) -> None:
    run = recorded(tmp_path, (Column(name="V", unit="V"),), [])
    assert len(run.to_numpy()["V"]) == 0
    assert list(run.to_pandas().columns) == ["time", "elapsed", "V", "V quality"]


def test_many_batches_are_one_table(tmp_path: Path) -> None:
    rows = [[Cell(float(n))] for n in range(12_000)]
    found = recorded(tmp_path, (Column(name="x"),), rows).to_numpy()
    assert np.array_equal(found["x"], np.arange(12_000.0))
    assert np.array_equal(found["row"], np.arange(12_000))


GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "data.md"


def test_the_guide_does_what_it_says(
    run: RunReader, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = GUIDE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {"folder": tmp_path}
    exec(code, names)
    assert capsys.readouterr().out == "A\n1 of 2\n"
    assert names["good"].index.tolist() == [0]
    assert set(names["data"].variables) == set(names["arrays"])


def test_the_guide_names_every_format_and_what_it_needs() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    extras = tomllib.loads((GUIDE.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    for kind in get_args(Format):
        assert f"| `{kind}` |" in text
    for name in re.findall(r"funcnodes\[(\w+)\]", text):
        assert name in extras["project"]["optional-dependencies"]


@pytest.mark.usefixtures("without")
@pytest.mark.parametrize("package", ["pandas", "polars", "xarray"])
def test_what_is_missing_is_named_with_its_command(run: RunReader, package: str) -> None:
    with pytest.raises(RunError, match=r"need \w+, which is not installed") as refused:
        getattr(run, f"to_{package}")()
    assert f"pip install 'funcnodes[{package}]'" in refused.value.message
    assert len(run.to_numpy()["V"]) == 3
