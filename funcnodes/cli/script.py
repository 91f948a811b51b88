"""`funcnodes script`: a nodespace file as a readable Python script that gives the same rows."""

from pathlib import Path
from typing import Annotated

import typer

from funcnodes.cli.output import Json, complain, print_json


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("script")(script)


def script(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A nodespace file (JSON).", metavar="FILE")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there [default: print it].")
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NODE.PORT=VALUE", help="Set an input, as for a run."),
    ] = None,
    bench: Annotated[
        Path | None, typer.Option(help="Bench file to run it on [default: the one FILE names].")
    ] = None,
    as_json: Json = False,
) -> int:
    """Write a nodespace as a Python script that gives the same rows as running it.

    Opens no instrument. What has no words yet is said, a sentence for each node, and nothing is
    written then: the exit status is 1.
    """
    import asyncio

    from funcnodes.runs.assignments import Assignment, AssignmentError
    from funcnodes.scripting.writing import CannotWriteError, write_script

    try:
        assignments = tuple(Assignment.parse(text) for text in sets or ())
        text = asyncio.run(write_script(ctx.obj, file, bench=bench, out=out, sets=assignments))
    except AssignmentError as error:
        complain(error)
        return 2
    except CannotWriteError as error:
        problems = error.context.get("problems") or [error.message]
        if as_json:
            print_json({"file": str(file), "problems": problems})
            return 1
        for sentence in problems:
            complain(sentence)
        return 1
    if as_json:
        print_json({"file": str(file), "out": str(out) if out else None, "script": text})
    elif out is None:
        print(text, end="")
    else:
        print(f"Written to {out}.")
    return 0
