"""Every format by one function: the whole file, or a sentence about what is missing."""

import hashlib
import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

from funcnodes.errors import RunError
from funcnodes.runs import RunReader
from funcnodes.runs.export import csv_text
from funcnodes.runs.exporting import SUFFIXES, Format, export_runs
from funcnodes.runs.records import Cell, Column

from .recorded import diode, recorded


@pytest.fixture
def run(tmp_path: Path) -> RunReader:
    return diode(tmp_path / "runs")


@pytest.mark.parametrize(
    ("kind", "package", "name"),
    [
        ("hdf5", "h5py", "hdf5"),
        ("nexus", "h5py", "hdf5"),
        ("parquet", "pyarrow", "parquet"),
        ("netcdf", "h5netcdf", "netcdf"),
    ],
)
def test_what_is_missing_is_named_with_its_command_and_nothing_is_left(
    run: RunReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Format, package: str,
    name: str,
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, package, None)
    target = tmp_path / "out"
    target.write_text("what was there")
    with pytest.raises(RunError) as refused:
        export_runs([run], target, kind)
    assert f"need {package}, which is not installed: pip install 'funcnodes[{name}]'" in str(
        refused.value
    )
    assert target.read_text() == "what was there"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out", "runs"]


@pytest.mark.parametrize("kind", ["csv", "hdf5", "nexus", "netcdf", "eln"])
def test_a_format_replaces_the_file(run: RunReader, tmp_path: Path, kind: Format) -> None:
    target = tmp_path / f"x{SUFFIXES[kind]}"
    for _ in range(2):
        export_runs([run], target, kind)
    assert target.stat().st_size > 1_000
    assert len(list(tmp_path.iterdir())) == 2


def test_parquet_is_exact_where_its_package_is_installed(run: RunReader, tmp_path: Path) -> None:
    """pyarrow is large: without it there is the sentence, with it the file."""
    target = tmp_path / "x.parquet"
    if importlib.util.find_spec("pyarrow") is None:
        with pytest.raises(RunError, match="Parquet files need pyarrow"):
            export_runs([run], target, "parquet")
        return
    export_runs([run], target, "parquet")
    table: Any = importlib.import_module("pyarrow.parquet").read_table(target)
    assert table["V"].to_pylist() == [0.1, 0.2, 1 / 3]
    assert table["trace"].to_pylist()[2] == [1e300, -0.0, 5e-324]
    assert table["I quality"].to_pylist() == ["ok", "overrange", "missing"]
    assert table.schema.field("V").metadata[b"unit"] == b"V"
    assert table.schema.metadata[b"simulated"] == b"1 of 2"


def test_netcdf_is_read_by_xarray_with_units_and_quality(run: RunReader, tmp_path: Path) -> None:
    """R2 and D7 in netCDF."""
    export_runs([run], tmp_path / "x.nc", "netcdf")
    arrays = run.to_numpy()
    with xarray.open_dataset(tmp_path / "x.nc", decode_times=False) as data:
        assert data["V"].attrs["units"] == "V"
        for name in ("time", "elapsed", "V", "I", "count", "on", "trace"):
            assert np.array_equal(data[name].values, arrays[name], equal_nan=name == "I")
        assert data["range"].values.tolist() == ["=low", "'=high, \n2", "µ"]
        words = data["I quality"].attrs["flag_meanings"].split()
        assert [words[code] for code in data["I quality"].values] == ["ok", "overrange", "missing"]
        assert data.attrs["simulated"] == "1 of 2"
        assert data.attrs["device smu serial number"] == "1234567"


def test_several_runs_and_a_recorder_fit_only_where_they_can(
    run: RunReader, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"several go into one \.eln"):
        export_runs([run, run], tmp_path / "x", "csv")
    with pytest.raises(RunError, match="holds all recorders"):
        export_runs([run], tmp_path / "x", "nexus", recorder="Recorder")


def test_the_command_line_starts_without_what_exports_need() -> None:
    code = (
        "import sys; from funcnodes.cli.app import execute; execute(['runs', '--help']);"
        "print({'h5py', 'pandas', 'pyarrow', 'xarray', 'polars', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


# ── .eln ──────────────────────────────────────────────────────────────────────────────────────


def crate_of(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The metadata of an `.eln` file, and its files by their id."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        (root,) = {name.split("/")[0] for name in names}
        content = {name.removeprefix(f"{root}/"): archive.read(name) for name in names}
    return json.loads(content.pop("ro-crate-metadata.json")), content


def check_crate(metadata: dict[str, Any], content: dict[str, bytes]) -> dict[str, Any]:
    """The rules of RO-Crate 1.1 and of .eln; returns the entities by id."""
    assert metadata["@context"] == "https://w3id.org/ro/crate/1.1/context"
    entities = {each["@id"]: each for each in metadata["@graph"]}
    assert len(entities) == len(metadata["@graph"])
    descriptor = entities["ro-crate-metadata.json"]
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["sdPublisher"]["@id"] in entities
    root = entities["./"]
    assert root["@type"] == "Dataset"
    assert {"name", "description", "datePublished", "license"} <= set(root)
    for each in entities.values():
        for value in each.values():  # flattened: entities are named, never nested
            parts = value if isinstance(value, list) else [value]
            linked = [part for part in parts if isinstance(part, dict)]
            assert all(list(part) == ["@id"] for part in linked)
        for part in each.get("hasPart", ()):
            assert part["@id"] in entities
    files = {key: each for key, each in entities.items() if each["@type"] == "File"}
    assert {key.removeprefix("./") for key in files} == set(content)
    for key, each in files.items():
        data = content[key.removeprefix("./")]
        assert each["sha256"] == hashlib.sha256(data).hexdigest()
        assert each["contentSize"] == str(len(data))
    return entities


def test_an_eln_file_is_a_whole_crate(run: RunReader, tmp_path: Path) -> None:
    """D7: what was simulated is said of the run."""
    export_runs([run], tmp_path / "x.eln", "eln")
    entities = check_crate(*crate_of(tmp_path / "x.eln"))
    folder = entities["./run-00001-diode-i-v/"]
    assert "(1 of 2 simulated)" in folder["description"]
    assert entities[folder["author"]["@id"]]["name"] == "ada"
    assert folder["identifier"] == run.head.id
    measured = [entities[each["@id"]] for each in folder["variableMeasured"]]
    facts = {each["propertyID"]: each["value"] for each in measured}
    assert facts == run.about()


def test_an_eln_file_holds_the_rows_and_the_run_itself(run: RunReader, tmp_path: Path) -> None:
    export_runs([run], tmp_path / "x.eln", "eln")
    _, content = crate_of(tmp_path / "x.eln")
    assert content["run-00001-diode-i-v/rows.csv"].decode() == csv_text(run)
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(content["run-00001-diode-i-v/run.sqlite"])
    assert RunReader(copy).about() == run.about()


def test_several_runs_of_one_name_are_one_eln_file(run: RunReader, tmp_path: Path) -> None:
    other = recorded(tmp_path / "b", (Column(name="x"),), [[Cell(1.0)]], title="Diode I-V")
    export_runs([run, other], tmp_path / "x.eln", "eln")
    entities = check_crate(*crate_of(tmp_path / "x.eln"))
    parts = [part["@id"] for part in entities["./"]["hasPart"]]
    assert parts == ["./run-00001-diode-i-v/", "./run-00001-diode-i-v-2/"]
