"""`funcnodes runs report`: a run as one page to be printed."""

from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from funcnodes.cli.finding import RunName, Worker, find_run
from funcnodes.cli.output import Json, print_json
from funcnodes.durable import replacing
from funcnodes.errors import FuncnodesError


def register(runs: typer.Typer) -> None:
    """Add the command to `runs`."""
    runs.command("report")(report)


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
    page = report_html(reader)
    try:
        with replacing(html) as file, TextIOWrapper(file, "utf-8", newline="") as stream:
            stream.write(page)
    except OSError as error:
        raise FuncnodesError(f"{html} cannot be written: {error.strerror}.") from error
    head = reader.head
    if as_json:
        print_json({"run": head.id, "format": "html", "path": str(html)})
    else:
        print(f"Run {head.number}: {html}")
