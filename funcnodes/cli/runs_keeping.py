"""`funcnodes runs import|tag|note|verify|delete`: what comes in, is said of it, and stays."""

import getpass
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from funcnodes.cli.finding import LOCAL, RunName, Worker, find_run, run_folders, run_store
from funcnodes.cli.output import Json, complain, print_json
from funcnodes.errors import RunError

if TYPE_CHECKING:
    from funcnodes.runs import RunStore


def register(runs: typer.Typer) -> None:
    """Add the commands to `runs`."""
    runs.command("import")(import_file)
    runs.command("tag")(tag)
    runs.command("note")(note)
    runs.command("verify")(verify)
    runs.command("delete")(delete)


def import_file(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV, our own or that of others, or a QCoDeS database."
        ),
    ],
    which: Annotated[
        list[str] | None,
        typer.Option("--run", metavar="N", help="Which of several in FILE, by its number, or all."),
    ] = None,
    title: Annotated[str, typer.Option(help="Of the new run [default: what FILE says].")] = "",
    worker: Worker = None,
    as_json: Json = False,
) -> None:
    """Make a run of a CSV file, or runs of those of a QCoDeS database."""
    from funcnodes.runs.incoming import import_file as taken

    folder = ctx.obj.workers_dir / LOCAL / "runs"
    if worker is not None:
        folder = run_folders(ctx.obj, worker)[0][1]
    heads = taken(run_store(folder), file, _numbers(which), title=title)
    if as_json:
        said = [{"run": head.id, "number": head.number, "rows": head.rows} for head in heads]
        print_json({**said[0], "runs": said})
    for head in heads if not as_json else ():
        print(f"Run {head.number}, {head.rows} rows: {head.title}")


def _numbers(which: list[str] | None) -> list[int] | None:
    if not which:
        return None
    if which == ["all"]:
        return []
    wrong = [text for text in which if not text.isdecimal()]
    if wrong:
        raise RunError(f"--run takes the number of a run in the file, or 'all', not {wrong[0]!r}.")
    return [int(text) for text in which]


def tag(
    ctx: typer.Context,
    run: RunName,
    tags: Annotated[list[str], typer.Argument(metavar="TAG")],
    remove: Annotated[bool, typer.Option("--remove", help="Take these tags back.")] = False,
    worker: Worker = None,
    as_json: Json = False,
) -> None:
    """Tag a run; what was measured stays as it is."""
    from funcnodes.runs.records import tags_of

    reader = find_run(ctx.obj, run, worker)
    for text in tags:
        reader.annotate("untag" if remove else "tag", text, getpass.getuser())
    holding = tags_of(reader.annotations())
    if as_json:
        print_json({"run": reader.head.id, "tags": holding})
    else:
        print(f"Run {reader.head.number}: {', '.join(holding) or 'no tags'}")


def note(
    ctx: typer.Context,
    run: RunName,
    text: Annotated[str, typer.Argument(metavar="TEXT")],
    worker: Worker = None,
    as_json: Json = False,
) -> None:
    """Write a note to a run; what was measured stays as it is."""
    reader = find_run(ctx.obj, run, worker)
    reader.annotate("note", text, getpass.getuser())
    if as_json:
        print_json({"run": reader.head.id, "note": text})
    else:
        print(f"Run {reader.head.number}: noted.")


_VERDICTS = {
    "intact": "as it was when it ended",
    "changed": "CHANGED since it ended",
    "unsealed": "has no checksum, as it was recorded by an earlier version",
}


def verify(
    ctx: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="As for 'show'.")],
    worker: Worker = None,
    as_json: Json = False,
) -> int:
    """Say whether what was measured is as it was; exit status 1 unless all are."""
    verdicts = []
    for name in runs:
        reader = find_run(ctx.obj, name, worker)
        verdict = reader.verify()
        verdicts.append((reader.head, verdict))
        if not as_json:
            print(f"Run {reader.head.number} {_VERDICTS[verdict]}.")
    if as_json:
        print_json([{"run": head.id, "verdict": verdict} for head, verdict in verdicts])
    return 0 if all(verdict == "intact" for _, verdict in verdicts) else 1


def delete(
    ctx: typer.Context,
    run: RunName,
    restore: Annotated[
        bool, typer.Option("--restore", help="Take it out of the bin again.")
    ] = False,
    worker: Worker = None,
    as_json: Json = False,
) -> int:
    """Put a run into the bin of its worker, from which it can be restored."""
    if restore:
        owners = [run_store(folder) for _, folder in run_folders(ctx.obj, worker)]
        found = [store for store in owners if _has(store.bin, run)]
        if len(found) != 1:
            where = "several bins; name one with --worker" if found else "no bin"
            return complain(f"A run {run!r} is in {where}.")
        head = found[0].restore(run)
    else:
        path = find_run(ctx.obj, run, worker).path
        if path.parent not in [folder for _, folder in run_folders(ctx.obj, worker)]:
            return complain(f"{path} is in no worker's folder of runs; that file is yours.")
        head = run_store(path.parent).delete(path.stem.partition("-")[2])
    if as_json:
        print_json({"run": head.id, "number": head.number, "deleted": not restore})
    elif restore:
        print(f"Run {head.number} is back.")
    else:
        days = f", for {ctx.obj.bin_days:g} days" if math.isfinite(ctx.obj.bin_days) else ""
        print(
            f"Run {head.number} is in the bin{days}; 'funcnodes runs delete {head.id} --restore'."
        )
    return 0


def _has(store: "RunStore", run: str) -> bool:
    try:
        store.find(run)
    except RunError:
        return False
    return True
