"""`funcnodes runs tail|plot|compare`: runs looked at in a terminal, also while they go on."""

import time
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
    x: Annotated[str, typer.Option(help="Column [default: the first].")] = "",
    y: Annotated[str, typer.Option(help="Column [default: the last].")] = "",
    recorder: Recorder = "",
    worker: Worker = None,
    as_json: Json = False,
) -> int:
    """Draw a column of a run against another, in characters."""
    from funcnodes.cli.drawing import POINTS, curve_lines, named
    from funcnodes.runs.plot import choose_columns

    reader = find_run(ctx.obj, run, worker)
    k = reader.recorder(recorder)
    columns = reader.specs[k].columns
    for name in filter(None, (x, y)):
        named(reader, name, k=k)
    x, (y, *_) = choose_columns(columns, x, (y,) if y else ()) if columns else ("", ("",))
    if as_json:
        page = reader.thinned(0, POINTS, k=k)[0]
        by_name = {c.name: v for c, v in zip(columns, page.numbers(), strict=True)}
        print_json({"x": x, "y": y, "points": list(zip(by_name[x], by_name[y], strict=True))})
        return 0
    lines = curve_lines(reader, (x, y), k=k)
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
