"""Files of every format as other programs read them: their own libraries and validators.

Those that need large packages are marked `formats`; the rest is in `test_exporting`.
"""

import math
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray
from hypothesis import HealthCheck, given, settings

from funcnodes.runs import RunReader
from funcnodes.runs.exporting import export_runs
from funcnodes.runs.hdf5 import write_hdf5
from funcnodes.runs.netcdf import write_netcdf
from funcnodes.runs.nexus import write_nexus
from funcnodes.runs.parquet import write_parquet
from funcnodes.runs.records import QUALITIES, Cell, Column

from .recorded import diode, recorded
from .tables import Rows, kept, same, tables
from .test_axes import nested

Table = tuple[tuple[Column, ...], Rows]
few = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])


def check(run: RunReader, table: Table, found: dict[str, Any]) -> None:
    """What a file holds is what was recorded: numbers exactly, anything else as text or as is."""
    arrays = run.to_numpy()
    for column in table[0]:
        name, quality = column.name, f"{column.name} quality"
        assert list(found[quality]) == [str(word) for word in arrays[quality]]
        if arrays[name].dtype != object:
            assert same(list(found[name]), list(arrays[name])), name
    assert same(list(found["elapsed"]), list(arrays["elapsed"]))


def words(codes: Any) -> list[str]:
    return [QUALITIES[code] for code in codes]


@settings(few, max_examples=8)
@given(table=tables())
def test_any_table_comes_back_from_hdf5(table: Table) -> None:
    with kept(table) as (run, folder):
        write_hdf5(run, folder / "x.h5")
        with h5py.File(folder / "x.h5") as file:
            group = file["Recorder"]
            found = {name: each[:] for name, each in group.items() if name != "about"}
            for name in [name for name in found if name.endswith(" quality")]:
                found[name] = words(found[name])
        check(run, table, found)


# ── with large packages ───────────────────────────────────────────────────────────────────────


@pytest.mark.formats
@few
@given(table=tables())
def test_any_table_comes_back_from_netcdf_and_as_a_dataset(table: Table) -> None:
    with kept(table) as (run, folder):
        write_netcdf(run, folder / "x.nc")
        with xarray.open_dataset(folder / "x.nc", decode_times=False, mask_and_scale=False) as data:
            found = {str(name): each.values for name, each in data.variables.items()}
            for name in [name for name in found if name.endswith(" quality")]:
                found[name] = words(found[name])
        check(run, table, found)
        data = run.to_xarray()
        check(run, table, {str(name): each.values for name, each in data.variables.items()})


@pytest.mark.formats
@few
@given(table=tables())
def test_any_table_comes_back_from_parquet(table: Table) -> None:
    """Read by pyarrow and by polars, with units and all that is known as metadata (R2, D7)."""
    import polars
    from pyarrow import parquet

    with kept(table) as (run, folder):
        write_parquet(run, folder / "x.parquet")
        read = parquet.read_table(folder / "x.parquet")
        check(run, table, {name: read[name].to_pylist() for name in read.column_names})
        for column in table[0]:
            assert read.schema.field(column.name).metadata[b"unit"] == column.unit.encode()
        about = {key.decode(): text.decode() for key, text in read.schema.metadata.items()}
        assert about.items() >= run.about().items()
        frame = polars.read_parquet(folder / "x.parquet")
        check(run, table, {name: frame[name].to_list() for name in frame.columns})


@pytest.mark.formats
@few
@given(table=tables())
def test_any_table_is_a_frame_of_polars(table: Table) -> None:
    with kept(table) as (run, _):
        frame = run.to_polars()
        check(run, table, {name: frame[name].to_list() for name in frame.columns})


@pytest.mark.formats
def test_a_frame_of_polars_is_typed_and_read_by_expressions(tmp_path: Path) -> None:
    import polars as pl

    frame = diode(tmp_path).to_polars()
    assert frame.schema["V"] == pl.Float64
    assert frame.schema["count"] == pl.Int64
    assert frame.schema["on"] == pl.Boolean
    assert frame.schema["trace"] in (pl.List(pl.Float64), pl.Array(pl.Float64, 3))
    good = frame.filter(pl.col("I quality") == "ok")
    assert good["I"].to_list() == [1e-9]
    empty = recorded(tmp_path / "empty", (Column(name="V"),), []).to_polars()
    assert (empty.height, empty.columns[-2:]) == (0, ["V", "V quality"])


@pytest.mark.formats
@few
@given(table=tables())
def test_nexus_keeps_the_definitions(table: Table) -> None:
    """By punx, which brings the base classes of the NeXus definitions along (v2018.5)."""
    with kept(table) as (run, folder):
        write_nexus(run, folder / "x.nxs")
        assert list(violations(folder / "x.nxs")) == []


@pytest.mark.formats
def test_nexus_of_a_whole_run_keeps_the_definitions(tmp_path: Path) -> None:
    write_nexus(diode(tmp_path / "runs"), tmp_path / "x.nxs")
    assert list(violations(tmp_path / "x.nxs")) == []
    with h5py.File(tmp_path / "x.nxs", "r+") as file:
        file["entry"].attrs["default"] = "nowhere"
        file["entry/instrument"].attrs["NX_class"] = "NXnonsense"
    assert list(violations(tmp_path / "x.nxs")), "the validator can fail"


@pytest.mark.formats
async def test_nexus_of_a_scan_with_axes_keeps_the_definitions(lab: Any, tmp_path: Path) -> None:
    nested(lab, inner={"order": "alternating", "unit": "V"})
    run = lab.store.find((await lab.run()).id)
    write_nexus(run, tmp_path / "x.nxs")
    assert list(violations(tmp_path / "x.nxs")) == []
    with h5py.File(tmp_path / "x.nxs") as file:
        assert file["entry/Recorder/sum"].shape == (3, 4)
    frame = run.to_polars()
    assert frame["sum"].to_list() == run.to_numpy()["sum"].tolist()


def violations(path: Path) -> list[str]:
    """What punx finds that the definitions do not have; content of NXcollection is free."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from punx.validate import Data_File_Validator

        validator = Data_File_Validator("v2018.5")
        try:
            validator.validate(str(path))
            return [
                f"{each.h5_address}: {each.test_name}: {each.comment}"
                for each in validator.validations
                if each.status.key in ("ERROR", "WARN") and "NXcollection" not in each.comment
            ]
        finally:
            validator.close()


@pytest.mark.formats
def test_an_eln_file_opens_as_a_crate(tmp_path: Path) -> None:
    """By rocrate, the library of RO-Crate's makers; one folder of the archive's name holds all
    (TheELNFileFormat, "Structure of the archive")."""
    from rocrate.rocrate import ROCrate

    run = diode(tmp_path / "runs")
    other = recorded(tmp_path / "b", (Column(name="x"),), [[Cell(math.pi)]], operator="Ada L.")
    export_runs([run, other], tmp_path / "two runs.eln", "eln")
    with zipfile.ZipFile(tmp_path / "two runs.eln") as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"two runs"}
        archive.extractall(tmp_path)
    crate = ROCrate(tmp_path / "two runs")
    parts = [each for each in crate.root_dataset["hasPart"] if "identifier" in each.properties()]
    assert [part["identifier"] for part in parts] == [run.head.id, other.head.id]
    assert [part["author"]["name"] for part in parts] == ["ada", "Ada L."]
    rows = parts[1]["hasPart"][0]
    assert "3.14159265" in (tmp_path / "two runs" / rows.id).read_text()
    measured = {each["propertyID"]: each["value"] for each in parts[0]["variableMeasured"]}
    assert measured["device smu serial number"] == "1234567"
    crate.write(tmp_path / "again")
    assert len(list(ROCrate(tmp_path / "again").get_entities())) == len(list(crate.get_entities()))


@pytest.mark.formats
def test_pandas_gives_the_same_with_arrow_installed(tmp_path: Path) -> None:
    import pyarrow

    assert pyarrow.__version__
    frame = diode(tmp_path).to_pandas()
    assert frame["range"].tolist() == ["=low", "'=high, \n2", "µ"]
    assert np.array_equal(frame["trace"][1], np.arange(3.0) / 7)
