"""`funcnodes worker …`: create, start, stop, list workers; no manager is needed for any of it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from funcnodes.cli import worker_files, worker_modules, worker_talk
from funcnodes.cli.choosing import Name, Uuid, Who, chosen, defaults_of
from funcnodes.cli.output import Json, print_json, print_table

if TYPE_CHECKING:
    from funcnodes.workers.local.roster import WorkerStanding
    from funcnodes.workers.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    workers = typer.Typer(
        help="Create, start, stop, list, export, import workers.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    workers.callback()(said_before)
    workers.command("new")(new)
    workers.command("start")(start)
    workers.command("stop")(stop)
    workers.command("restart")(restart)
    workers.command("list")(list_workers)
    workers.command("show")(show)
    workers.command("rename")(rename)
    workers.command("remove")(remove)
    worker_talk.register(workers)
    worker_modules.register(workers)
    worker_files.register(workers)
    app.add_typer(workers, name="worker")


def said_before(ctx: typer.Context, name: Name = "", uuid: Uuid = "") -> None:
    """`worker --name lab start` is `worker start --name lab`, as it always was."""
    said = {key: text for key, text in {"name": name, "uuid": uuid}.items() if text}
    ctx.default_map = defaults_of(ctx.command, said) if said else None


def new(
    ctx: typer.Context,
    who: Annotated[
        str | None, typer.Argument(metavar="NAME", help="What people will call it.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="The same; others may be called so, too [default: its id].")
    ] = "",
    uuid: Annotated[str, typer.Option(help="Its id [default: one is made].")] = "",
    python: Annotated[
        str, typer.Option(metavar="PATH", help="Python to run it in [default: this one].")
    ] = "",
    venv: Annotated[
        bool, typer.Option("--venv", help="Run it in a virtual environment of its own.")
    ] = False,
    not_in_venv: Annotated[
        bool, typer.Option("--not-in-venv", help="Run it in this Python; so it is by default.")
    ] = False,
    bench: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Bench file to take over.")
    ] = None,
    autostart: Annotated[
        bool, typer.Option("--autostart", help="Start it with every manager, the running one too.")
    ] = False,
    create_only: Annotated[
        bool, typer.Option("--create-only", help="Do not start it now, not even with --autostart.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Create a worker; start it with `worker start`."""
    from funcnodes.workers.local import environment, roster, starting

    if sum((bool(python), venv, not_in_venv)) > 1:
        raise typer.BadParameter("--python, --venv and --not-in-venv exclude each other.")
    if who and name:
        raise typer.BadParameter("Say its name once: by --name, or without it.")
    interpreter = environment.resolved(python) if python else ""
    workspace = roster.create(
        ctx.obj, name=name or who or "", uuid=uuid, python=interpreter, autostart=autostart,
        bench=bench,
    )  # fmt: skip
    if venv:
        with roster.undone(workspace):
            workspace.set_python(environment.make(workspace))
    started = None
    if autostart and not create_only:
        started = starting.start_by_manager(ctx.obj, workspace)
    _say(started or roster.standing(ctx.obj, workspace), as_json, "created")


def start(
    ctx: typer.Context,
    who: Who = None,
    name: Name = "",
    uuid: Uuid = "",
    detach: Annotated[
        bool, typer.Option("--detach", help="Without a manager: start it in the background.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start a worker: by the manager where one runs, else here, until Ctrl-C.

    Of several with the same name the first one is started. Its devices are made safe when it ends.
    """
    from funcnodes.workers.local import starting

    workspace = chosen(ctx.obj, who, name, uuid, or_first=True)
    started = starting.start_by_manager(ctx.obj, workspace)
    if started is None and detach:
        started = starting.start_in_background(ctx.obj, workspace)
    if started is not None:
        _say(started, as_json, "started")
        return
    starting.check_startable(workspace)
    _say_here(workspace, as_json)
    starting.become(workspace)


def stop(
    ctx: typer.Context, who: Who = None, name: Name = "", uuid: Uuid = "", as_json: Json = False
) -> None:
    """Make a worker's devices safe, and end it."""
    from funcnodes.workers.local import starting

    workspace = chosen(ctx.obj, who, name, uuid)
    _say(starting.stop(ctx.obj, workspace), as_json, "stopped")


def restart(
    ctx: typer.Context, who: Who = None, name: Name = "", uuid: Uuid = "", as_json: Json = False
) -> None:
    """End a worker, and start it again in the background; nothing is switched on again."""
    from funcnodes.workers.local import environment, starting

    workspace = chosen(ctx.obj, who, name, uuid)
    environment.check(workspace.record.python, name=workspace.record.name)
    if workspace.process() is not None:
        starting.stop(ctx.obj, workspace)
    started = starting.start_by_manager(ctx.obj, workspace)
    _say(started or starting.start_in_background(ctx.obj, workspace), as_json, "restarted")


def list_workers(
    ctx: typer.Context,
    name: Annotated[str, typer.Option(help="Only those of this name.")] = "",
    uuid: Annotated[str, typer.Option(help="Only the one with this id.")] = "",
    full: Annotated[
        bool, typer.Option("--full", help="All that is known of them, a block each.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the workers."""
    from funcnodes.workers.local import roster

    some = roster.matching(ctx.obj, name=name, uuid=uuid) if name or uuid else None
    found = roster.standings(ctx.obj, some)
    if as_json:
        print_json([_plain(each) for each in found])
    elif not found:
        print("There is no worker yet: 'funcnodes worker new NAME' creates one.")
    elif full:
        print("\n\n".join(_block(each) for each in found))
    else:
        print_table(
            ("NAME", "STATE", "BENCH", "NODESPACE", "ID"),
            [[each.name, each.state, each.bench or "–", each.nodespace or "–", each.uuid]
             for each in found],
        )  # fmt: skip


def show(
    ctx: typer.Context, who: Who = None, name: Name = "", uuid: Uuid = "", as_json: Json = False
) -> None:
    """Show all that is known of a worker."""
    from funcnodes.workers.local import roster

    found = roster.standing(ctx.obj, chosen(ctx.obj, who, name, uuid))
    if as_json:
        print_json(_plain(found))
    else:
        print(_block(found))


def rename(
    ctx: typer.Context,
    names: Annotated[
        list[str], typer.Argument(metavar="[WORKER] NEW", help="The worker, and its new name.")
    ],
    name: Name = "",
    uuid: Uuid = "",
    as_json: Json = False,
) -> None:
    """Give a worker another name."""
    from funcnodes.workers.local import roster

    *before, wanted = names
    if len(before) > 1:
        raise typer.BadParameter("Say the worker and its new name; quote names with spaces.")
    workspace = chosen(ctx.obj, before[0] if before else None, name, uuid)
    old = workspace.record.name
    workspace.rename(wanted)
    if as_json:
        print_json(_plain(roster.standing(ctx.obj, workspace)))
    else:
        print(f"Worker {old} is called {workspace.record.name} now.")


def remove(
    ctx: typer.Context,
    who: Who = None,
    name: Name = "",
    uuid: Uuid = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Its recorded runs, too.")] = False,
    as_json: Json = False,
) -> None:
    """Take a worker away, with all that it has."""
    from funcnodes.workers.local import roster

    workspace = chosen(ctx.obj, who, name, uuid)
    runs = roster.recorded_runs(workspace)
    if runs and not yes and sys.stdin.isatty() and sys.stderr.isatty():
        yes = typer.confirm(f"Remove its {runs} recorded runs for good?", err=True)
    roster.remove(ctx.obj, workspace, with_runs=yes)
    if as_json:
        print_json({"uuid": workspace.record.uuid, "name": workspace.record.name, "runs": runs})
    else:
        print(f"Worker {workspace.record.name} removed.")


def _say(found: "WorkerStanding", as_json: bool, done: str) -> None:
    if as_json:
        print_json(_plain(found))
        return
    print(f"Worker {found.name} {done} ({found.state}), id {found.uuid}.")
    if found.message:
        print(found.message)


def _say_here(workspace: "Workspace", as_json: bool) -> None:
    import os

    record, pid = workspace.record, os.getpid()
    if as_json:
        print_json({"uuid": record.uuid, "name": record.name, "state": "starting", "pid": pid})
    else:
        print(f"Worker {record.name} runs here (process {pid}), for no manager is running.")
        print("Ctrl-C makes its devices safe and ends it; --detach starts it in the background.")


def _plain(found: "WorkerStanding") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(found)


def _block(found: "WorkerStanding") -> str:
    from datetime import datetime

    process = f", process {found.pid}" if found.pid else ""
    own = ", an environment of its own" if found.own_environment else ""
    lines = [
        ("name", found.name),
        ("id", found.uuid),
        ("state", f"{found.state}{process}"),
        ("note", found.message),
        ("bench", f"{found.bench}{', simulated' if found.simulated else ''}"),
        ("nodespace", found.nodespace),
        ("python", f"{found.python}{own}"),
        ("requires", ", ".join(found.requirements)),
        ("autostart", "yes" if found.autostart else "no"),
        ("created", f"{datetime.fromtimestamp(found.created):%Y-%m-%d %H:%M:%S}"),
        ("folder", found.folder),
    ]
    return "\n".join(f"{key:10} {value}" for key, value in lines if value)
