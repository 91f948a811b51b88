"""`funcnodes runs continue`: a run that ended early goes on at its next point."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from funcnodes.cli.finding import LOCAL, RunName, Worker, find_run
from funcnodes.cli.output import Json, complain, print_json
from funcnodes.errors import FuncnodesError, RunError
from funcnodes.machine.person import user_name

if TYPE_CHECKING:
    from funcnodes.runs import RunReader
    from funcnodes.runs.continuing import Continuing
    from funcnodes.settings import Settings
    from funcnodes.workers.workspace import Workspace


def register(runs: typer.Typer) -> None:
    """Add the command to `runs`."""
    runs.command("continue")(continue_run)


def continue_run(
    ctx: typer.Context,
    run: RunName,
    first: Annotated[
        int | None,
        typer.Option(
            "--from", min=1, metavar="N",
            help="Go on at point N, taking it and what came after it again "
            "[default: the first that was not taken to its end].",
        ),
    ] = None,
    bench: Annotated[
        Path | None, typer.Option(help="Bench file [default: the one it ran on].", metavar="FILE")
    ] = None,
    answers: Annotated[
        list[str] | None,
        typer.Option("--answer", metavar="NAME=VALUE", help="As for 'funcnodes run'."),
    ] = None,
    worker: Worker = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before anything is written.")
    ] = False,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Go on with a run that was stopped, aborted or killed, as a new run linked to it.

    Shows what is written so that everything stands as it did then, and asks on a terminal. Both
    runs are read as one. A run of a worker goes on in that worker, which has to be running and to
    have the nodespace open. The exit status is 0 where the new run is complete.
    """
    reader = find_run(ctx.obj, run, worker)
    workspace = _owner(ctx.obj, reader)
    if workspace is not None:
        return _in_worker(workspace, reader, first, yes=yes, as_json=as_json)
    return _here(ctx.obj, reader, first, bench, answers or [], yes=yes, as_json=as_json)


def _owner(settings: "Settings", reader: "RunReader") -> "Workspace | None":
    """The worker whose run it is; None where it is of `funcnodes run`.

    Raises:
        RunError: The file is in no worker's folder.
    """
    folder = reader.path.resolve().parent
    if folder.name != "runs" or folder.parent.parent != settings.workers_dir.resolve():
        raise RunError(
            f"{reader.path} is in no worker's folder of runs: a copy is not continued, since its "
            "original would not know."
        )
    if folder.parent.name == LOCAL:
        return None
    from funcnodes.workers.workspace import Workspace

    return Workspace(folder.parent)


def _here(
    settings: "Settings", reader: "RunReader", first: int | None, bench: Path | None,
    answers: list[str], *, yes: bool, as_json: bool,
) -> int:  # fmt: skip
    from funcnodes.cli.run import RunDisplay, shown, status
    from funcnodes.cli.verdicts import found_by
    from funcnodes.runs import terminal
    from funcnodes.runs.assignments import Assigned
    from funcnodes.runs.interrupt import NotStarted
    from funcnodes.runs.local import RunWatcher, continue_run
    from funcnodes.workers.guard.guarded import guarded

    told: list[Continuing] = []
    stream = sys.stderr if as_json else sys.stdout

    def agree(plan: "Continuing") -> bool:
        told.append(plan)
        for line in plan.lines():
            display.say(line)
        return yes or as_json or _agreed()

    try:
        with RunDisplay(stream) as display:
            result = continue_run(
                settings,
                reader,
                first=first,
                answers=[Assigned.parse(text) for text in answers],
                bench=bench,
                watcher=RunWatcher(
                    say=display.say, changed=display.changed, asks=terminal.is_there(),
                    asking=display.hold, agree=agree,
                ),
                operator=user_name(),
                guarded=guarded,
            )  # fmt: skip
    except NotStarted as error:
        complain(error)
        return 128 + error.signal
    found = found_by(result)
    if as_json:
        head = result.head
        print_json({"run": head.id, "number": head.number, "state": head.state,
                    "rows": head.rows, "path": str(result.path), "message": head.message,
                    **_as_data(told[0])})  # fmt: skip
    else:
        shown(result, found)
    return status(result, found)


def _agreed() -> bool:
    """A person at a terminal is asked; a script has decided already."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    return typer.confirm("Go on?", err=True)


def _as_data(plan: "Continuing") -> dict[str, Any]:
    return {
        "continues": plan.head.id,
        "from": plan.first,
        "writes": [{"device": w.device, "member": w.member, "value": w.value}
                   for w in plan.writes],
        "again": list(plan.again),
    }  # fmt: skip


def _in_worker(
    workspace: "Workspace", reader: "RunReader", first: int | None, *, yes: bool, as_json: bool
) -> int:
    from funcnodes.workers.local import calls

    given = [f"run={json.dumps(reader.head.id)}", f"first={json.dumps(first)}"]
    plan = calls.command(workspace, "plan_continue", given, by=user_name())
    if not as_json:
        print("\n".join(plan["lines"]))
    if not (yes or as_json or _agreed()):
        raise FuncnodesError("The run was not started.")
    given.append(f"token={json.dumps(plan['token'])}")
    run = calls.command(workspace, "run_continue", given, by=user_name())
    if as_json:
        print_json({"run": run, "worker": workspace.record.name, "continues": plan["run"],
                    "from": plan["first"], "writes": plan["writes"],
                    "again": plan["again"]})  # fmt: skip
    else:
        print(f"It goes on in worker {workspace.record.name} as run {run}.")
    return 0
