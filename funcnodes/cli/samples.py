"""`funcnodes samples …`: the list of samples of a workspace, for runs to name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from funcnodes.cli.finding import LOCAL, worker_folders
from funcnodes.cli.output import Json, complain, print_json, print_table

if TYPE_CHECKING:
    from funcnodes.runs.samples import SampleEntry, SampleList
    from funcnodes.settings import Settings

NAMED = 10
Worker = Annotated[
    str | None, typer.Option("--worker", help="Of this worker [default: of 'funcnodes run'].")
]
Ids = Annotated[list[str], typer.Argument(metavar="ID")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    samples = typer.Typer(
        help="Import, list, add and remove samples, for runs to name.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    samples.command("import")(import_file)
    samples.command("list")(list_samples)
    samples.command("add")(add)
    samples.command("remove")(remove)
    app.add_typer(samples, name="samples")


def import_file(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV with a column id, and any others.")
    ],
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Take the rows that are good, at least.")
    ] = False,
    worker: Worker = None,
    as_json: Json = False,
) -> int:
    """Take samples over from a CSV file: all of its rows, or none."""
    from funcnodes.runs.samples import read_csv

    found = read_csv(file)
    for why in found.bad[:NAMED]:
        complain(f"{file}, {why}.")
    if len(found.bad) > NAMED:
        complain(f"So it is with {len(found.bad) - NAMED} more.")
    if found.bad and not skip_bad:
        return complain("Nothing was imported; --skip-bad takes the others.")
    new = _list(ctx.obj, worker).put(found.entries)
    if as_json:
        print_json({"samples": len(found.entries), "new": new, "bad": found.bad})
    else:
        print(f"{len(found.entries)} samples, {new} of them new.")
    return 0


def list_samples(ctx: typer.Context, worker: Worker = None, as_json: Json = False) -> None:
    """List the samples."""
    entries = _list(ctx.obj, worker).all()
    if as_json:
        print_json([{"id": each.id, "name": each.name, **each.more} for each in entries])
    elif not entries:
        print("There is no sample yet: 'funcnodes samples import FILE' brings some.")
    else:
        titles = list(dict.fromkeys(title for each in entries for title in each.more))
        print_table(
            ("ID", "NAME", *(title.upper() for title in titles)),
            [(e.id, e.name, *(e.more.get(title, "") for title in titles)) for e in entries],
        )


def add(
    ctx: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="What runs name it by.")],
    name: Annotated[str, typer.Option(help="What it is called.")] = "",
    more: Annotated[
        list[str] | None, typer.Option("--set", metavar="COLUMN=TEXT", help="Anything else.")
    ] = None,
    worker: Worker = None,
    as_json: Json = False,
) -> None:
    """Add a sample, or change the one of that id."""
    entry = _entry(id, name, more or [])
    new = _list(ctx.obj, worker).put([entry])
    if as_json:
        print_json({"id": entry.id, "name": entry.name, **entry.more, "new": bool(new)})
    else:
        print(f"{entry.id} is {'on the list' if new else 'changed'}.")


def remove(ctx: typer.Context, ids: Ids, worker: Worker = None, as_json: Json = False) -> None:
    """Take samples off the list; runs that name them stay as they are."""
    _list(ctx.obj, worker).remove(ids)
    if as_json:
        print_json({"removed": ids})
    else:
        print(f"{', '.join(ids)}: no longer on the list.")


def _entry(id: str, name: str, more: list[str]) -> "SampleEntry":
    from funcnodes.runs.samples import SampleEntry

    columns: dict[str, str] = {}
    for text in more:
        column, equals, value = text.partition("=")
        if not equals or not column.strip() or column.strip() in ("id", "name"):
            raise typer.BadParameter(f"--set takes COLUMN=TEXT, not {text!r}.")
        columns[column.strip()] = value.strip()
    return SampleEntry(id=id.strip(), name=name.strip(), more=columns)


def _list(settings: "Settings", worker: str | None) -> "SampleList":
    from funcnodes.runs.samples import FILE_NAME, SampleList
    from funcnodes.settings import private_dir

    if worker is None:
        return SampleList(private_dir(settings.workers_dir / LOCAL) / FILE_NAME)
    return SampleList(worker_folders(settings, worker)[0][1] / FILE_NAME)
