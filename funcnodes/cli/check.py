"""`funcnodes check`: what a run of a file would be refused for, without running it."""

from pathlib import Path
from typing import Annotated

import typer

from funcnodes.cli.output import Json, complain, print_json


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("check")(check)


def check(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A nodespace file (JSON).", metavar="FILE")],
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NODE.PORT=VALUE", help="Set an input, as for a run."),
    ] = None,
    bench: Annotated[
        Path | None, typer.Option(help="Bench file to check it on [default: the one FILE names].")
    ] = None,
    connect: Annotated[
        bool,
        typer.Option("--connect", help="Open the bench: who is away, and what must hold, too."),
    ] = False,
    as_json: Json = False,
) -> int:
    """Say why a run of a nodespace file would not start.

    Opens no instrument unless --connect is given, and sets none then either. Ends with 0 where
    nothing is wrong, with 1 where something is.
    """
    from funcnodes.runs.assignments import Assignment, AssignmentError
    from funcnodes.runs.checking import check_file

    try:
        assignments = [Assignment.parse(text) for text in sets or ()]
        found = check_file(ctx.obj, file, sets=assignments, bench=bench, connect=connect)
    except AssignmentError as error:
        complain(error)
        return 2
    if as_json:
        print_json({"file": str(file), "connected": connect, "problems": found})
    else:
        print("\n".join(found) or "Nothing is wrong.")
    return 1 if found else 0
