"""`funcnodes runs …`: list, show and export what was recorded, in all workers of this machine."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from funcnodes.cli.output import Json, print_json, print_table
from funcnodes.durable import replacing
from funcnodes.errors import FuncnodesError, RunError
from funcnodes.settings import Settings

if TYPE_CHECKING:
    from funcnodes.runs import RunHead, RunReader

RunName = Annotated[
    str,
    typer.Argument(metavar="RUN", help="latest, a number, an id or its beginning, or a run file."),
]
Worker = Annotated[str | None, typer.Option("--worker", help="Only runs of this worker.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    runs = typer.Typer(
        help="List, show and export recorded runs.", no_args_is_help=True, rich_markup_mode=None
    )
    runs.command("list")(list_runs)
    runs.command("show")(show)
    runs.command("export")(export)
    runs.command("report")(report)
    app.add_typer(runs, name="runs")


def list_runs(
    ctx: typer.Context,
    worker: Worker = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """List runs, newest first."""
    found = [
        (name, head)
        for name, folder in _folders(ctx.obj, worker)
        for head in _store(folder).list(limit)
    ]
    found.sort(key=lambda each: each[1].started, reverse=True)
    found = found[:limit]
    if as_json:
        print_json([{"worker": name, **_as_dict(head)} for name, head in found])
    elif not found:
        print("There is no run yet: 'funcnodes run FILE' makes one.")
    else:
        print_table(
            ("RUN", "WORKER", "STATE", "ROWS", "STARTED", "TOOK", "NODESPACE", "BENCH", "ID"),
            [_line(name, head) for name, head in found],
            right="rllr",
        )


def show(ctx: typer.Context, run: RunName, worker: Worker = None, as_json: Json = False) -> None:
    """Show what is known of a run: its verdict, its columns, its devices, its log."""
    from funcnodes.runs.verdicts import lines, result_of

    reader = find_run(ctx.obj, run, worker)
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
    for spec in reader.specs:
        print(f"\n{spec.name}")
        for column in spec.columns:
            print(f"  {column.label}")
    changes = list(_changes(reader))
    if changes:
        print("\nDevices, before and after")
        for line in changes:
            print(f"  {line}")
    print("\nLog")
    for entry in reader.log():
        print(f"  {_local(entry.wall)}  {entry.level:<7}  {entry.source}: {entry.text}")


def export(
    ctx: typer.Context,
    run: RunName,
    kind: Annotated[Literal["csv"], typer.Option("--format", help="Only csv so far.")] = "csv",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write [default: print it].")
    ] = None,
    recorder: Annotated[
        str, typer.Option(help="Name of the recorder, where the run has several.")
    ] = "",
    worker: Worker = None,
    as_json: Json = False,
) -> None:
    """Export the rows of a run, with units, both clocks and quality."""
    from funcnodes.runs.export import csv_lines

    reader = find_run(ctx.obj, run, worker)
    lines = csv_lines(reader, recorder=recorder)
    if out is None or str(out) == "-":
        sys.stdout.writelines(lines)
        return
    _write(out, lines)
    head = reader.head
    if as_json:
        print_json({"run": head.id, "rows": head.rows, "format": kind, "path": str(out)})
    else:
        print(f"Run {head.number}, {head.rows} rows: {out}")


def report(
    ctx: typer.Context,
    run: RunName,
    html: Annotated[Path, typer.Option("--html", help="HTML file to write.", metavar="FILE")],
    worker: Worker = None,
    as_json: Json = False,
) -> None:
    """Write a report of a run as one HTML file; the browser's print makes a PDF of it."""
    from funcnodes.runs.report import report_html

    reader = find_run(ctx.obj, run, worker)
    _write(html, [report_html(reader)])
    head = reader.head
    if as_json:
        print_json({"run": head.id, "format": "html", "path": str(html)})
    else:
        print(f"Run {head.number}: {html}")


def find_run(settings: Settings, name: str, worker: str | None = None) -> "RunReader":
    """A run of any worker, or a run file by its path.

    Raises:
        RunError: There is none, or the name fits runs of several workers.
    """
    from funcnodes.runs import RunReader

    if _is_file(name):
        return RunReader(Path(name))
    folders = _folders(settings, worker)
    found: list[tuple[str, RunReader]] = []
    for owner, folder in folders:
        try:
            found.append((owner, _store(folder).find(name)))
        except RunError as error:
            if len(folders) == 1:
                raise error
    if not found:
        hint = "" if folders else " No worker has recorded anything yet."
        raise RunError(f"There is no run {name!r} in {settings.config_dir}.{hint}", run=name)
    if len(found) > 1 and name.strip().lower() != "latest":
        owners = " and ".join(owner for owner, _ in found)
        raise RunError(f"The workers {owners} each have a run {name!r}; name one with --worker.")
    return max((reader for _, reader in found), key=lambda reader: reader.head.started)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # longer than a path may be
        return False


def _folders(settings: Settings, worker: str | None) -> list[tuple[str, Path]]:
    """Each worker's name and folder of runs."""
    found = [
        (_worker_name(folder.parent), folder)
        for folder in sorted(settings.workers_dir.glob("*/runs"))
        if not folder.parent.name.startswith(".")  # just being made or removed
    ]
    if worker is None:
        return found
    named = [(name, f) for name, f in found if worker in (name, f.parent.name)]
    if not named:
        raise RunError(f"There is no worker {worker!r} with runs in {settings.config_dir}.")
    return named


def _worker_name(folder: Path) -> str:
    try:
        return str(json.loads((folder / "worker.json").read_bytes())["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return folder.name


def _store(folder: Path) -> Any:
    from funcnodes.runs import RunStore

    return RunStore(folder)


def _as_dict(head: "RunHead") -> dict[str, Any]:
    import msgspec

    return {"run": head.id, **msgspec.structs.asdict(head)}


def _line(worker: str, head: "RunHead") -> Sequence[str]:
    marks = f"{' (SIM)' if head.simulated else ''}{' (REPLAY)' if head.replayed else ''}"
    bench = f"{head.bench or '–'}{marks}"
    return (
        str(head.number), worker, head.state, str(head.rows), _local(head.started),
        _took(head), head.title or head.nodespace, bench, head.id,
    )  # fmt: skip


def _facts(head: "RunHead", reader: "RunReader") -> list[tuple[str, str]]:
    from funcnodes.runs.verdicts import result_of

    state = f"{head.state}: {head.message}" if head.message else head.state
    counts_rows = head.total is not None and not result_of(reader).steps  # a step is a point too
    return [
        ("run", f"{head.number}  {head.id}"),
        ("state", state),
        ("title", head.title or head.nodespace),
        ("started", f"{_local(head.started)}, took {_took(head)}"),
        ("rows", f"{head.rows}{f' of {head.total}' if counts_rows else ''}"),
        ("operator", head.operator),
        ("bench", ", ".join(filter(None, (head.bench, head.origin)))),
        ("versions", ", ".join(f"{name} {text}" for name, text in head.versions.items())),
        ("file", str(reader.path)),
    ]


def _changes(reader: "RunReader") -> list[str]:
    """What differs between the devices' parameters before and after, one line each."""
    moments: dict[str, dict[str, dict[str, str]]] = {}
    for snapshot in reader.snapshots():
        moments.setdefault(snapshot.device, {})[snapshot.moment] = _values(snapshot.parameters)
    return [
        f"{device} {name}: {both['before'].get(name, '–')} → {after}"
        for device, both in moments.items()
        if both.keys() == {"before", "after"}
        for name, after in both["after"].items()
        if both["before"].get(name) != after
    ]


def _sample_text(sample: dict[str, Any]) -> str:
    """A value with its unit; why there is none, as in "— (compliance)"."""
    value, quality = sample.get("value"), sample.get("quality") or "ok"
    text = "—" if value is None else f"{value} {sample.get('unit') or ''}".strip()
    return text if quality == "ok" else f"{text} ({quality})"


def _values(snapshot: dict[str, Any]) -> dict[str, str]:
    """State and parameters of a device as text."""
    values: dict[str, str] = {
        key: str(snapshot[key]) for key in ("state", "output_on") if key in snapshot
    }
    parameters = snapshot.get("parameters")
    for name, sample in (parameters if isinstance(parameters, dict) else {}).items():
        if isinstance(sample, dict):
            values[name] = _sample_text(sample)
    return values


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
        "events": reader.events(),
        "log": reader.log(),
        "graph": reader.graph(),
    }
    return dict(msgspec.to_builtins(data))


def _write(path: Path, lines: Any) -> None:
    """The whole file or none of it."""
    if not path.name:
        raise FuncnodesError(f"'{path}' is a folder; --out takes the name of a file.")
    try:
        with replacing(path) as file, TextIOWrapper(file, "utf-8", newline="") as stream:
            stream.writelines(lines)
    except OSError as error:
        raise FuncnodesError(f"{path} cannot be written: {error.strerror}.") from error


def _local(wall: float) -> str:
    return datetime.fromtimestamp(wall).strftime("%Y-%m-%d %H:%M:%S")


def _took(head: "RunHead") -> str:
    if head.ended is None:
        return "–"
    seconds = head.ended - head.started
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
