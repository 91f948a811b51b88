"""`funcnodes runs …`: what was recorded, in all workers of this machine; show, export."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from funcnodes.cli import runs_continuing, runs_keeping, runs_listing, runs_report, runs_watching
from funcnodes.cli.finding import OnlyThis, Recorder, RunName, Worker, find_run, run_store
from funcnodes.cli.moments import local, took
from funcnodes.cli.output import Json, print_json
from funcnodes.errors import FuncnodesError

if TYPE_CHECKING:
    from funcnodes.runs import RunHead, RunReader


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    runs = typer.Typer(
        help="List, watch, compare, export and keep recorded runs.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    runs_listing.register(runs)
    runs.command("show")(show)
    runs.command("export")(export)
    runs_report.register(runs)
    runs_watching.register(runs)
    runs_keeping.register(runs)
    runs_continuing.register(runs)
    app.add_typer(runs, name="runs")


def show(
    ctx: typer.Context,
    run: RunName,
    only_this: OnlyThis = False,
    worker: Worker = None,
    as_json: Json = False,
) -> None:
    """Show what is known of a run: its verdict, its columns, its devices, its log.

    A run that goes on with others is shown with them, as one.
    """
    from funcnodes.runs.about import axis_text
    from funcnodes.runs.verdicts import lines, result_of

    reader = _chosen(find_run(ctx.obj, run, worker), only_this)
    if as_json:
        print_json(_everything(reader))
        return
    head = reader.head
    for key, value in _facts(head, reader):
        print(f"{key:<11}{value}")
    found = result_of(reader)
    if found.verdict is not None:
        print(f"verdict    {found.verdict}")
        for line in lines(found):
            print(f"  {line}")
    for k, spec in enumerate(reader.specs):
        rows = f"{reader.count(k):,} rows"
        print(f"\n{spec.name}  {rows if spec.kind == 'scan' else f'{rows}, stream {spec.stream}'}")
        for axis in spec.axes:
            print(f"  axis {axis.name}: {axis_text(axis)}")
        for column in spec.columns:
            print(f"  {column.label}{f'  from {column.source}' if column.source else ''}")
    changes = list(_changes(reader))
    if changes:
        print("\nDevices, before and after")
        for line in changes:
            print(f"  {line}")
    print("\nLog")
    for entry in reader.log():
        print(f"  {local(entry.wall)}  {entry.level:<7}  {entry.source}: {entry.text}")


def export(
    ctx: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN", help="As for 'show'; several go into one .eln file."),
    ],
    kind: Annotated[
        Literal["csv", "parquet", "hdf5", "nexus", "netcdf", "eln", "bluesky"],
        typer.Option("--format"),
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write [default: CSV is printed, the rest named]"),
    ] = None,
    recorder: Recorder = "",
    only_this: OnlyThis = False,
    worker: Worker = None,
    as_json: Json = False,
) -> None:
    """Export the rows of a run, with units, both clocks and quality.

    Of a run that goes on with others, all rows in the order of their points, each with the number
    of its run.
    """
    from funcnodes.runs.documents import json_line
    from funcnodes.runs.export import csv_lines, safe_name
    from funcnodes.runs.exporting import SUFFIXES, export_runs

    readers = [_chosen(find_run(ctx.obj, name, worker), only_this) for name in runs]
    is_printed = str(out) == "-" or (out is None and kind == "csv" and len(readers) == 1)
    if is_printed and as_json:
        raise FuncnodesError("--json tells of the file that is written: name it with --out.")
    if kind == "csv" and len(readers) == 1 and is_printed:
        sys.stdout.writelines(csv_lines(readers[0], recorder=recorder))
        return
    if str(out) == "-" and kind == "bluesky" and len(readers) == 1:
        sys.stdout.writelines(json_line(*document) for document in readers[0].documents())
        return
    if str(out) == "-":
        raise FuncnodesError(
            "Only one run as CSV or Bluesky documents can be printed; --out takes the name of a "
            "file."
        )
    path = out or Path(f"{safe_name(readers[0].head)}{SUFFIXES[kind]}")
    if not path.name:
        raise FuncnodesError(f"'{path}' is a folder; --out takes the name of a file.")
    try:
        export_runs(readers, path, kind, recorder=recorder)
    except OSError as error:
        raise FuncnodesError(f"{path} cannot be written: {error.strerror or error}.") from error
    heads = [reader.head for reader in readers]
    if as_json:
        said = [{"run": head.id, "rows": head.rows} for head in heads]
        print_json({**said[0], "runs": said, "format": kind, "path": str(path)})
    for head in heads if not as_json else ():
        print(f"Run {head.number}, {head.rows} rows: {path}")


def _chosen(reader: "RunReader", only_this: bool) -> "RunReader":
    return reader if only_this else reader.whole()


def _as_dict(head: "RunHead") -> dict[str, Any]:
    import msgspec

    return {"run": head.id, **msgspec.structs.asdict(head)}


def _facts(head: "RunHead", reader: "RunReader") -> list[tuple[str, str]]:
    from funcnodes.runs.records import tags_of
    from funcnodes.runs.verdicts import result_of

    state = f"{head.state}: {head.message}" if head.message else head.state
    counts_rows = head.total is not None and not head.streams
    counts_rows = counts_rows and not result_of(reader).steps  # a step is a point too
    said = reader.annotations()
    tags = tags_of(said)
    words = [("tags", ", ".join(tags))] if tags else []
    words += [
        (each.kind, f"{each.text}{f' ({each.author})' if each.author else ''}")
        for each in said
        if each.kind == "note"
    ]
    return [
        ("run", f"{head.number}  {head.id}"),
        ("state", state),
        ("title", head.title or head.nodespace),
        ("started", f"{local(head.started)}, took {took(head)}"),
        ("rows", f"{head.rows}{f' of {head.total}' if counts_rows else ''}"),
        *_links(head, reader),
        ("operator", head.operator),
        ("sample", ", ".join(filter(None, (head.sample, *head.sample_row.values())))),
        ("project", head.project),
        ("notes", head.notes),
        ("bench", ", ".join(filter(None, (head.bench, head.origin)))),
        ("versions", ", ".join(f"{name} {text}" for name, text in head.versions.items())),
        ("file", str(reader.path)),
        *words,
    ]


def _links(head: "RunHead", reader: "RunReader") -> Iterator[tuple[str, str]]:
    """Which run it goes on with, and which go on with it."""
    if head.continues is not None:
        parts = [part.head for part in reader.parts]
        files = ", ".join(f"{part.number} ({part.rows} rows)" for part in parts)
        yield "continues", f"run {head.continues.number} at point {head.continues.points + 1}"
        yield "runs", files
    children = run_store(reader.path.parent).children(reader.parts[-1])
    if children:
        yield "continued", " and ".join(f"by run {child.number}" for child in children)


def _changes(reader: "RunReader") -> list[str]:
    """What differs between the devices' parameters before and after, one line each."""
    from funcnodes.runs.about import values_of

    moments: dict[str, dict[str, dict[str, str]]] = {}
    for snapshot in reader.snapshots():
        moments.setdefault(snapshot.device, {})[snapshot.moment] = values_of(snapshot.parameters)
    return [
        f"{device} {name}: {both['before'].get(name, '–')} → {after}"
        for device, both in moments.items()
        if both.keys() == {"before", "after"}
        for name, after in both["after"].items()
        if both["before"].get(name) != after
    ]


def _everything(reader: "RunReader") -> dict[str, Any]:
    import msgspec

    from funcnodes.runs.verdicts import result_of

    found = result_of(reader)
    data = {
        **_as_dict(reader.head),
        "verdict": found.verdict,
        "steps": found.steps,
        "path": str(reader.path),
        "recorders": reader.specs,
        "snapshots": reader.snapshots(),
        "annotations": reader.annotations(),
        "runs": [
            {"run": part.head.id, "number": part.head.number, "rows": part.head.rows}
            for part in reader.parts
        ],
        "continued_by": [
            child.id for child in run_store(reader.path.parent).children(reader.parts[-1])
        ],
        "events": reader.events(),
        "log": reader.log(),
        "graph": reader.graph(),
    }
    return dict(msgspec.to_builtins(data))
