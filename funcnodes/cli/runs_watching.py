"""`funcnodes runs tail|plot|compare`: runs looked at in a terminal, also while they go on."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from funcnodes.cli.finding import Recorder, RunName, Worker, find_run
from funcnodes.cli.output import Json, complain, print_json, print_table

if TYPE_CHECKING:
    from funcnodes.runs import RunReader

LOOK_S = 0.2
"""Between two looks at a run that goes on."""


def register(runs: typer.Typer) -> None:
    """Add the commands to `runs`."""
    runs.command("tail")(tail)
    runs.command("plot")(plot)
    runs.command("compare")(compare)


def tail(
    ctx: typer.Context,
    run: RunName,
    rows: Annotated[int, typer.Option("-n", "--rows", min=0, help="So many to begin with.")] = 10,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on until the run ends.")
    ] = False,
    recorder: Recorder = "",
    worker: Worker = None,
    as_json: Json = False,
) -> None:
    """Print the last rows of a run."""
    from funcnodes.cli.drawing import row_lines, row_texts
    from funcnodes.runs import ENDED

    reader = find_run(ctx.obj, run, worker)
    k = reader.recorder(recorder)
    count = reader.count(k)
    shown = range(max(count - rows, 0), count)
    if not as_json:
        print("\n".join(row_lines(reader, shown, k=k)), flush=True)
    for n in shown if as_json else ():
        print_json(_row(reader, n, k))
    while follow:
        has_ended = reader.head.state in ENDED  # looked at first, so that no row is missed
        for n in range(count, count := reader.count(k)):
            if as_json:
                print_json(_row(reader, n, k))
            else:
                print("  ".join(row_texts(reader, n, k=k)), flush=True)
        if has_ended:
            return
        time.sleep(LOOK_S)


def plot(
    ctx: typer.Context,
    run: RunName,
    x: Annotated[
        str, typer.Option(help="Column, or the clock 'elapsed' or 'time' [default: the first].")
    ] = "",
    y: Annotated[
        list[str] | None,
        typer.Option(help="Column; several if repeated [default: the last, and those like it]."),
    ] = None,
    log: Annotated[
        str, typer.Option(help="With --out: logarithmic axes, x, y, z (colours) or several.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Picture to write instead: .png, .svg or .pdf."),
    ] = None,
    recorder: Recorder = "",
    worker: Worker = None,
    as_json: Json = False,
) -> int:
    """Draw columns of a run against another: in characters, or as a picture with --out.

    A picture marks what is not ok, and is a heat map where the rows are points of a grid; with --x
    it is one curve for each place along the other axis.
    """
    from funcnodes.cli.drawing import curve_lines, numbers_of
    from funcnodes.runs.figures import FigureChoice, write_figure
    from funcnodes.runs.plot import columns_to_draw

    reader = find_run(ctx.obj, run, worker)
    if out is not None:
        choice = FigureChoice(x, tuple(y or ()), log)
        try:
            write_figure(reader, out, choice, recorder=recorder)
        except OSError as error:
            return complain(f"{out} cannot be written: {error.strerror or error}.")
        if as_json:
            print_json({"run": reader.head.id, "path": str(out)})
        else:
            print(f"Run {reader.head.number}: {out}")
        return 0
    if log:
        return complain("--log goes with --out FILE.")
    k = reader.recorder(recorder)
    x, names = columns_to_draw(reader.specs[k], x, tuple(y or ()))
    if as_json and names:
        found = numbers_of(reader, k=k)
        points = list(zip(found[x], found[names[0]], strict=True))
        print_json({"x": x, "y": names[0], "points": points})
        return 0
    lines = [line for name in names for line in curve_lines(reader, (x, name), k=k)]
    print("\n".join(lines), end="\n" if lines else "")
    return 0 if lines else complain("There is nothing to draw: no row has numbers in both columns.")


def compare(
    ctx: typer.Context,
    run: RunName,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The run to compare with.")],
    worker: Worker = None,
    as_json: Json = False,
) -> None:
    """Say what differs between two runs: settings, instruments, versions, rows."""
    one, two = (find_run(ctx.obj, name, worker).about() for name in (run, other))
    keys = [key for key in {**one, **two} if one.get(key) != two.get(key)]
    differing = [(key, one.get(key, "–"), two.get(key, "–")) for key in keys]
    if as_json:
        print_json([{"what": what, "run": a, "other": b} for what, a, b in differing])
    else:
        print_table(("WHAT", "RUN", "OTHER"), differing)


def _row(reader: "RunReader", n: int, k: int) -> dict[str, Any]:
    """One row for programs: cells by column, each with its quality."""
    page = reader.rows(n, 1, k=k)
    return {
        "row": n,
        "time": page.wall[0],
        "values": {
            column.name: values[0].tolist() if hasattr(values[0], "tolist") else values[0]
            for column, values in zip(page.table.columns, page.values, strict=True)
        },
        "quality": {
            column.name: marks[0]
            for column, marks in zip(page.table.columns, page.quality, strict=True)
        },
    }
