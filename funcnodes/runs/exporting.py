"""Runs as files, by format: the one list of what there is. The whole file or none of it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from funcnodes.durable import replacing_by_name
from funcnodes.errors import RunError
from funcnodes.runs.documents import json_line
from funcnodes.runs.eln import write_eln
from funcnodes.runs.export import write_csv
from funcnodes.runs.hdf5 import write_hdf5
from funcnodes.runs.netcdf import write_netcdf
from funcnodes.runs.nexus import write_nexus
from funcnodes.runs.parquet import write_parquet
from funcnodes.runs.reader import RunReader

Format = Literal["csv", "parquet", "hdf5", "nexus", "netcdf", "eln", "bluesky"]
SUFFIXES: Mapping[Format, str] = {
    "csv": ".csv", "parquet": ".parquet", "hdf5": ".h5", "nexus": ".nxs", "netcdf": ".nc",
    "eln": ".eln", "bluesky": ".jsonl",
}  # fmt: skip


def export_runs(
    runs: Sequence[RunReader], path: Path, kind: Format = "csv", *, recorder: str = ""
) -> None:
    """Write runs to one file, which is replaced at the end.

    Args:
        runs: Several only for `eln`.
        kind: CSV, Parquet and netCDF hold one recorder, the others all of them.
        recorder: Name or node id of the recorder, where one is to be chosen; else the first.

    Raises:
        RunError: A run recorded nothing, has no such recorder, or a package is missing.
        OSError: `path` cannot be written.
    """
    if len(runs) != 1 and kind != "eln":
        raise RunError(f"A file of {kind} holds one run; several go into one .eln file.")
    if recorder and kind not in ("csv", "parquet", "netcdf"):
        raise RunError(f"A file of {kind} holds all recorders of a run, so none is chosen.")
    run = runs[0]
    writers: dict[Format, Callable[[Path], None]] = {
        "csv": partial(write_csv, run, recorder=recorder),
        "parquet": partial(write_parquet, run, recorder=recorder),
        "hdf5": partial(write_hdf5, run),
        "nexus": partial(write_nexus, run),
        "netcdf": partial(write_netcdf, run, recorder=recorder),
        "eln": partial(write_eln, runs, name=path.stem),
        "bluesky": partial(write_documents, run),
    }
    with replacing_by_name(path) as temporary:
        writers[kind](temporary)


def write_documents(run: RunReader, path: Path) -> None:
    """Write the Bluesky documents of `run` to `path`, one a line.

    Raises:
        RunError: The run cannot be read.
        OSError: `path` cannot be written.
    """
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json_line(*document) for document in run.documents())
