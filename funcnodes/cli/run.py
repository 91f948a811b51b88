"""`funcnodes run`: one run of a file, here and now, without a server."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TextIO

import typer

from funcnodes.cli.dryrun import dry_run
from funcnodes.cli.output import Json, complain, print_json
from funcnodes.cli.verdicts import found_by, make_way, write_junit
from funcnodes.machine.person import user_name

if TYPE_CHECKING:
    from funcnodes.runs import Run
    from funcnodes.runs.local import LocalResult
    from funcnodes.runs.samples import SampleList
    from funcnodes.runs.verdicts import Result

TABLE_ROWS = 12
SAMPLES_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("run")(run)


def run(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A nodespace file (JSON).", metavar="FILE")],
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NODE.PORT=VALUE", help="Set an input, e.g. sweep.stop=0.8V"),
    ] = None,
    answers: Annotated[
        list[str] | None,
        typer.Option(
            "--answer",
            metavar="NAME=VALUE",
            help="Answer what the node NAME asks, e.g. thickness=1.2mm",
        ),
    ] = None,
    bench: Annotated[
        Path | None, typer.Option(help="Bench file to run on [default: the one FILE names].")
    ] = None,
    sample: Annotated[str, typer.Option(help="What is measured, kept with the run.")] = "",
    project: Annotated[str, typer.Option(help="What it is measured for, likewise.")] = "",
    note: Annotated[str, typer.Option(help="Anything else to know of it, likewise.")] = "",
    operator: Annotated[str, typer.Option(help="Who runs it [default: the user's name].")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder that gets a copy of the run file.")
    ] = None,
    record_traffic: Annotated[
        Path | None,
        typer.Option(help="New file that gets every byte to and from the devices.", metavar="FILE"),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(help="Recording that answers in place of the devices.", metavar="FILE"),
    ] = None,
    match: Annotated[
        bool, typer.Option("--match", help="With --replay: answer in any order, by what is asked.")
    ] = False,
    timed: Annotated[
        bool, typer.Option("--timed", help="With --replay: answer as slowly as it was recorded.")
    ] = False,
    junit: Annotated[
        Path | None,
        typer.Option(help="File that gets the verdicts as JUnit XML.", metavar="FILE"),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Picture that gets the curve: .png, .svg or .pdf.", metavar="FILE"),
    ] = None,
    dry: Annotated[
        bool,
        typer.Option("--dry-run", help="Only tell what it would do, on simulators in memory."),
    ] = False,
    simulators: Annotated[
        Path | None,
        typer.Option(help="With --dry-run: bench file of the simulators to use.", metavar="FILE"),
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(help="With --dry-run: file that gets its report and hashes.", metavar="FILE"),
    ] = None,
    as_json: Json = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before using real instruments.")
    ] = False,
) -> int:
    """Run a nodespace file, keep its data.

    Runs on the bench that the file names, or on `--bench`; a simulated one is started and
    stopped with it. Ctrl-C stops the run in order, devices first. With `--replay` no instrument is
    needed: a recording answers, exactly as it was unless `--match` is given. With `--dry-run`
    nothing is opened and nothing kept: hours pass in seconds. What nodes ask is asked here, unless
    `--answer` has answered it; so is what the bench wants said before a run, such as the
    sample. The exit status is 0 where the run is complete and, if it tests
    something, its verdict is pass; else 1.
    """
    from funcnodes.runs import terminal
    from funcnodes.runs.assignments import Assigned, Assignment, AssignmentError
    from funcnodes.runs.figures import check_figure
    from funcnodes.runs.interrupt import NotStarted
    from funcnodes.runs.local import ReplayedRecording, RunWatcher, run_file
    from funcnodes.runs.records import RunAbout
    from funcnodes.workers.guard.guarded import guarded

    if replay is None and (match or timed):
        complain("--match and --timed go with --replay FILE.")
        return 2
    if not dry and (simulators is not None or evidence is not None):
        complain("--simulators and --evidence go with --dry-run.")
        return 2
    if dry and any(each is not None for each in (replay, record_traffic, out, junit, plot)):
        complain("--dry-run keeps nothing and needs no recording: leave the other options out.")
        return 2
    if junit is not None:
        make_way(junit)
    if plot is not None:
        check_figure(plot)
    try:
        assignments = [Assignment.parse(text) for text in sets or ()]
        answered = [Assigned.parse(text) for text in answers or ()]
        if dry:
            return dry_run(
                ctx.obj, file, assignments, answered,
                bench=bench, simulators=simulators, evidence=evidence, as_json=as_json,
            )  # fmt: skip
        with RunDisplay(sys.stderr if as_json else sys.stdout) as display:
            result = run_file(
                ctx.obj,
                file,
                sets=assignments,
                answers=answered,
                bench=bench,
                out=out,
                record_traffic=record_traffic,
                replay=None
                if replay is None
                else ReplayedRecording(replay, match=match, timed=timed),
                watcher=RunWatcher(
                    say=display.say,
                    changed=display.changed,
                    confirm=(lambda _: True) if yes or as_json else _confirm,
                    asks=terminal.is_there(),
                    asking=display.hold,
                    ask_about=_ask_about if terminal.is_there() and not as_json else None,
                ),
                operator=operator or user_name(),
                about=RunAbout(sample=sample, project=project, notes=note),
                guarded=guarded,
            )
    except AssignmentError as error:
        complain(error)
        return 2
    except NotStarted as error:
        complain(error)
        return 128 + error.signal
    found = found_by(result)
    if junit is not None:
        write_junit(junit, result.head, found)
    if plot is not None:
        _draw(result, plot)
    if as_json:
        _print_result(result, found)
    else:
        shown(result, found)
    return status(result, found)


def status(result: "LocalResult", found: "Result") -> int:
    if result.signal is not None:
        return 128 + result.signal
    if result.head.state == "complete":
        if found.verdict in (None, "pass"):
            return 0
        return complain(f"Run {result.head.number}: the verdict is {found.verdict}.")
    return complain(f"Run {result.head.number} {result.head.state}: {result.head.message}")


def _print_result(result: "LocalResult", found: "Result") -> None:
    from funcnodes.runs.verdicts import as_data

    head = result.head
    print_json(
        {
            "run": head.id,
            "number": head.number,
            "state": head.state,
            "rows": head.rows,
            "path": str(result.path),
            "simulated": head.simulated,
            "replayed": head.replayed,
            "message": head.message,
            "verdict": found.verdict,
            "steps": as_data(found)["steps"],
        }
    )


def shown(result: "LocalResult", found: "Result") -> None:
    from funcnodes.cli.drawing import curve_lines, row_lines
    from funcnodes.runs import RunReader
    from funcnodes.runs.verdicts import lines

    head = result.head
    reader = RunReader(result.path)
    if head.rows and reader.specs:
        table = row_lines(reader, _spread(reader.count()))
        for line in (*table, "", *curve_lines(reader, result.plot)):
            print(line)
    for line in lines(found) if found.steps else ():
        print(line)
    seconds = (head.ended or head.started) - head.started
    origin = f", {head.origin}" if head.origin else ""
    print(f"Run {head.number} {head.state}: {head.rows} rows in {seconds:.1f} s{origin}.")
    print(f"Kept in {result.path}")


def _draw(result: "LocalResult", path: Path) -> None:
    """What was measured as a picture; the run stands, whatever becomes of that."""
    from funcnodes.errors import RunError
    from funcnodes.runs import RunReader
    from funcnodes.runs.figures import FigureChoice, write_figure

    x, *y = result.plot or ("",)
    try:
        write_figure(RunReader(result.path), path, FigureChoice(x, tuple(y)))
    except RunError as error:
        complain(f"There is no picture: {error}")
    except OSError as error:
        complain(f"{path} cannot be written: {error.strerror or error}.")


def _spread(count: int) -> list[int]:
    """At most TABLE_ROWS row numbers, evenly spread."""
    shown = sorted({round(n * (count - 1) / (TABLE_ROWS - 1)) for n in range(TABLE_ROWS)})
    return shown[-min(count, TABLE_ROWS) :]


def _confirm(devices: Sequence[str]) -> bool:
    """Ask a person at a terminal; a script has decided already."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    return typer.confirm(f"This runs on real instruments: {', '.join(devices)}. Go on?", err=True)


def _ask_about(fields: Sequence[str], samples: "SampleList | None") -> dict[str, str]:
    """Ask a person at the terminal for what has to be said of the run."""
    known = samples.all() if samples is not None and "sample" in fields else []
    for entry in known[:SAMPLES_SHOWN]:
        typer.echo(f"  {entry.id}  {entry.name}".rstrip(), err=True)
    if len(known) > SAMPLES_SHOWN:
        typer.echo(f"  … {len(known)} samples; 'funcnodes samples list' has all.", err=True)
    return {field: typer.prompt(field.capitalize(), err=True) for field in fields}


class RunDisplay:
    """What a person sees during a run: lines, and on a terminal a bar from the first point on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Any = None
        self._task: Any = None
        self._held = False
        self._paused = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._bar.stop()
            self._bar = None

    def say(self, text: str) -> None:
        """A line, above the bar where there is one."""
        with suppress(OSError, ValueError):  # the terminal is gone; the run is not
            if self._bar is not None:
                self._bar.console.print(text, markup=False, highlight=False)
            else:
                print(text, file=self._stream, flush=True)

    def hold(self, on: bool) -> None:
        """Draw no bar while somebody is asked something."""
        self._held = on
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._bar.stop() if on else self._bar.start()

    def changed(self, run: "Run") -> None:
        """The run has come further, or stands still."""
        if (run.state == "paused") is not self._paused:
            self._paused = not self._paused
            why = f": {run.message}" if run.message else ""
            self.say(f"Paused{why}." if self._paused else "The pause is over.")
        with suppress(OSError, ValueError):
            self._draw(run)

    def _draw(self, run: "Run") -> None:
        if self._bar is None:
            if run.is_over or self._held or not sys.stderr.isatty():
                return
            self._start(run)
        self._bar.update(
            self._task,
            description=_standing(run),
            completed=run.done,
            total=run.total,
            kept=run.kept,
            left=_left(run),
        )

    def _start(self, run: "Run") -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("points, {task.fields[kept]} kept{task.fields[left]}"),
            console=Console(stderr=True),
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("Running", total=run.total, kept=run.kept, left="")
        self._bar.start()


def _standing(run: "Run") -> str:
    """What it does just now, or why it does nothing."""
    why = f"{run.state}: {run.message}" if run.state == "paused" and run.message else run.state
    text = run.waiting or why
    return text[:1].upper() + text[1:]


def _left(run: "Run") -> str:
    """How long its points may still take; what is not known is not guessed."""
    if run.state != "running":
        return ""
    to_go = run.to_go
    if to_go.seconds is None:
        return ", time left unknown"
    minutes, seconds = divmod(round(to_go.seconds), 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    return f", {'at most ' if to_go.is_most else ''}{clock} left"
