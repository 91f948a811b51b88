"""`funcnodes history …`: what parameters were, outside runs too, as workers noted it."""

import math
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from funcnodes.cli.finding import worker_folders
from funcnodes.cli.moments import moment, seconds
from funcnodes.cli.output import Json, can_draw, complain, print_json, print_table, width
from funcnodes.errors import FuncnodesError, RunError

if TYPE_CHECKING:
    from funcnodes.history import HistoryReader, HistorySeries
    from funcnodes.settings import Settings

POINTS = 2_000
Name = Annotated[
    str, typer.Argument(metavar="DEVICE.PARAMETER", help="As 'history list' names it.")
]
Since = Annotated[
    str, typer.Option(metavar="TIME", help="From then on: 2h, 7d, 14:00, 2026-11-30.")
]
Until = Annotated[str, typer.Option(metavar="TIME", help="Up to then [default: now].")]
Every = Annotated[str, typer.Option(metavar="SPAN", help="What it stood at, so often: 10s, 1min.")]
Unit = Annotated[str, typer.Option(help="Of the values, where there are some in several.")]
Worker = Annotated[str | None, typer.Option("--worker", help="Only of this worker.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    history = typer.Typer(
        help="List, show, plot and export what parameters of instruments were.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    history.command("list")(list_known)
    history.command("show")(show)
    history.command("plot")(plot)
    history.command("export")(export)
    app.add_typer(history, name="history")


def list_known(ctx: typer.Context, worker: Worker = None, as_json: Json = False) -> None:
    """List the parameters of which there is a history."""
    found = [(name, each) for name, reader in _readers(ctx.obj, worker) for each in reader.known()]
    if as_json:
        print_json([{"worker": name, **_known_dict(each)} for name, each in found])
    elif not found:
        print("There is no history yet: workers with a bench note what is read of it, and set.")
    else:
        print_table(
            ("PARAMETER", "WORKER", "NOW", "NOTED LAST", "SINCE", "ORIGIN"),
            [
                (each.name, name, _text(each.value, each.unit, each.quality),
                 _local(each.last), _local(each.first), each.origin)
                for name, each in found
            ],
        )  # fmt: skip


def show(
    ctx: typer.Context,
    name: Name,
    since: Since = "2h",
    until: Until = "",
    every: Every = "",
    unit: Unit = "",
    worker: Worker = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Json = False,
) -> None:
    """Print what a parameter was: a line for each change, or so often."""
    series = _asked(ctx.obj, name, since, until, every, unit, worker)
    if csv:
        sys.stdout.writelines(series.csv_lines())
    elif as_json:
        print_json(_series_dict(series))
    elif not len(series):
        print(f"Nothing was noted of {name} in that time.")
    else:
        for t, value, quality in zip(series.t, series.value, series.quality, strict=True):
            print(f"{_local(t, exact=True)}  {_text(value, series.unit, quality, digits=6)}")


def plot(
    ctx: typer.Context,
    name: Name,
    since: Since = "2h",
    until: Until = "",
    unit: Unit = "",
    worker: Worker = None,
    as_json: Json = False,
) -> int:
    """Draw what a parameter was, in characters."""
    from funcnodes.cli.textplot import text_plot

    begin, end = _span(since, until)
    reader = _one(_readers(ctx.obj, worker), name)
    series = reader.thinned(name, since=begin, until=end, points=POINTS, unit=unit)
    numbers = series.page().numbers()[0]
    began = max(begin, series.t[0]) if series.t else begin
    ago = [max(t, began) - began for t in series.t]
    if as_json:
        print_json({"name": name, "unit": series.unit, "since": began,
                    "points": list(zip(ago, numbers, strict=True))})  # fmt: skip
        return 0
    lines = text_plot(
        ago, numbers, x_unit="s", y_unit=series.unit, title=f"{name} since {_local(began)}",
        width=width(), braille=can_draw(),
    )  # fmt: skip
    if not lines:
        return complain(f"There is nothing to draw: no numbers of {name} in that time.")
    print("\n".join(lines))
    return 0


def export(
    ctx: typer.Context,
    name: Name,
    since: Since = "",
    until: Until = "",
    every: Every = "",
    unit: Unit = "",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write [default: it is printed].")
    ] = None,
    worker: Worker = None,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, which it is by default.")] = False,
    as_json: Json = False,
) -> None:
    """Export what a parameter was, with its quality: all of it, unless a time is named."""
    if csv and as_json:
        raise typer.BadParameter("It is CSV or JSON, not both.")
    series = _asked(ctx.obj, name, since, until, every, unit, worker)
    if out is None or str(out) == "-":
        if as_json:
            print_json(_series_dict(series))
        else:
            sys.stdout.writelines(series.csv_lines())
        return
    _write(out, series, as_json=as_json)
    print(f"{name}, {len(series)} values: {out}")


def _write(out: Path, series: "HistorySeries", *, as_json: bool) -> None:
    import json

    from funcnodes.durable import replacing

    try:
        with replacing(out) as file:
            if as_json:
                file.write(json.dumps(_series_dict(series), ensure_ascii=False).encode())
            else:
                file.writelines(line.encode() for line in series.csv_lines())
    except OSError as error:
        raise FuncnodesError(f"{out} cannot be written: {error.strerror or error}.") from error


def _asked(
    settings: "Settings", name: str, since: str, until: str, every: str, unit: str,
    worker: str | None,
) -> "HistorySeries":  # fmt: skip
    begin, end = _span(since, until)
    reader = _one(_readers(settings, worker), name)
    if not every:
        return reader.series(name, since=begin, until=end, unit=unit)
    return reader.sampled(
        name, since=begin, until=end, every_s=seconds(every, "--every"), unit=unit
    )


def _span(since: str, until: str) -> tuple[float, float]:
    from funcnodes.core import clock

    begin = moment(since, "--since") if since else -math.inf
    end = moment(until, "--until") if until else clock.now()
    if begin >= end:
        raise typer.BadParameter("--until is to be later than --since.")
    return begin, end


def _readers(settings: "Settings", worker: str | None) -> list[tuple[str, "HistoryReader"]]:
    from funcnodes.history import FILE_NAME, HistoryReader

    return [
        (name, HistoryReader(folder / FILE_NAME))
        for name, folder in worker_folders(settings, worker)
        if (folder / FILE_NAME).is_file()
    ]


def _one(readers: Sequence[tuple[str, "HistoryReader"]], name: str) -> "HistoryReader":
    """The history that has the parameter.

    Raises:
        RunError: None has, or several have.
    """
    having = [
        (owner, reader)
        for owner, reader in readers
        if any(each.name == name for each in reader.known())
    ]
    if len(having) > 1:
        owners = " and ".join(owner for owner, _ in having)
        raise RunError(f"The workers {owners} each have a {name!r}; name one with --worker.")
    if not having and len(readers) == 1:
        readers[0][1].find(name)  # says what there is
    if not having:
        raise RunError(f"There is no history of {name!r}; see 'funcnodes history list'.")
    return having[0][1]


def _known_dict(each: Any) -> dict[str, Any]:
    return {
        "name": each.name, "device": each.device, "parameter": each.member, "unit": each.unit,
        "kind": each.kind, "value": each.value, "quality": each.quality, "first": each.first,
        "last": each.last, "origin": each.origin,
    }  # fmt: skip


def _series_dict(series: "HistorySeries") -> dict[str, Any]:
    rows = zip(series.t, series.value, series.quality, series.origin, strict=True)
    return {
        "name": series.name, "unit": series.unit, "kind": series.kind,
        "values": [
            {"time": t, "value": value, "quality": quality, "origin": origin}
            for t, value, quality, origin in rows
        ],
    }  # fmt: skip


def _text(value: Any, unit: str, quality: str, *, digits: int = 4) -> str:
    from funcnodes.core import units

    if isinstance(value, bool):
        text = "on" if value else "off"
    elif isinstance(value, float | int):
        text = units.text(value, unit, digits=digits)
    else:
        text = "–" if value is None else str(value)
    return text if quality == "ok" else f"{text} ({quality})"


def _local(t: float, *, exact: bool = False) -> str:
    text = datetime.fromtimestamp(t).isoformat(sep=" ", timespec="milliseconds")
    return text if exact else text[:19]
