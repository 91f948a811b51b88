"""`funcnodes worker activate`, `listen`, `command`, `logs`: what a worker does, and says."""

import contextlib
import shlex
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from funcnodes.cli.choosing import Name, Uuid, Who, chosen
from funcnodes.cli.output import Json, print_json

if TYPE_CHECKING:
    from funcnodes.workers.schema import LogLine


def register(workers: typer.Typer) -> None:
    """Add the commands to `workers`."""
    workers.command("activate")(activate)
    workers.command("listen")(listen)
    workers.command("command")(command)
    workers.command("logs")(logs)


def activate(
    ctx: typer.Context, who: Who = None, name: Name = "", uuid: Uuid = "", as_json: Json = False
) -> None:
    """Have a worker run in the background, and say how to use its Python.

    One that runs already is left as it is.
    """
    from funcnodes.workers.local import roster, starting

    workspace = chosen(ctx.obj, who, name, uuid, or_first=True)
    found = None
    if workspace.process() is None:
        found = starting.start_by_manager(ctx.obj, workspace)
        found = found or starting.start_in_background(ctx.obj, workspace)
    found = found or roster.standing(ctx.obj, workspace)
    script = Path(found.python).parent / "activate"
    line = f". {shlex.quote(str(script))}" if script.is_file() else ""
    if as_json:
        print_json({"uuid": found.uuid, "name": found.name, "state": found.state,
                    "pid": found.pid, "python": found.python, "activate": line})  # fmt: skip
        return
    print(f"Worker {found.name} is {found.state} (process {found.pid}).")
    print(f"Its Python is {found.python}{f'; in this shell: {line}' if line else '.'}")


def listen(
    ctx: typer.Context, who: Who = None, name: Name = "", uuid: Uuid = "", as_json: Json = False
) -> None:
    """Print what a running worker tells, as it comes, until it ends or Ctrl-C."""
    from funcnodes.workers.local import calls

    workspace = chosen(ctx.obj, who, name, uuid)
    try:
        for line in calls.listen(workspace):
            _print_line(line, as_json)
    except KeyboardInterrupt:
        return
    if not as_json:
        print(f"Worker {workspace.record.name} has ended.")


def _print_line(line: "LogLine", as_json: bool) -> None:
    if as_json:
        from msgspec import to_builtins

        print_json(to_builtins(line))
        return
    at = time.strftime("%H:%M:%S", time.localtime(line.t))
    print(f"{at} {line.level:7} {line.source}: {line.text}", flush=True)


def command(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORKER] COMMAND [KEY=VALUE]", help="As browsers send it."),
    ] = None,
    name: Name = "",
    uuid: Uuid = "",
    show_all: Annotated[bool, typer.Option("--list", help="Show the commands there are.")] = False,
    as_json: Json = False,
) -> None:
    """Send a running worker a command, and print its answer as JSON.

    Such as `worker command --name lab open_space name=Diode`. A value that is JSON is taken as
    that, any other as text.
    """
    from funcnodes.machine.person import user_name
    from funcnodes.workers.local import calls

    if show_all:
        _print_commands(calls.commands(), as_json)
        return
    given = list(words or ())
    who = given.pop(0) if given and not (name or uuid) else None
    if not given:
        raise typer.BadParameter("Say which worker and which command; --list shows them.")
    workspace = chosen(ctx.obj, who, name, uuid)
    print_json(calls.command(workspace, given[0], given[1:], by=user_name()))


def _print_commands(found: Iterable[Any], as_json: bool) -> None:
    if as_json:
        print_json([{"command": c.name, "takes": c.fields, "about": c.about} for c in found])
        return
    for each in found:
        print(" ".join((each.name, *each.fields)))
        if each.about:
            print(f"    {each.about}")


def logs(
    ctx: typer.Context,
    who: Who = None,
    name: Name = "",
    uuid: Uuid = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written, until Ctrl-C.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="At most so many.")] = 200,
    as_json: Json = False,
) -> None:
    """Print the newest lines of a worker's log, running or not."""
    from funcnodes.workers.local import logs as files

    folder = chosen(ctx.obj, who, name, uuid).logs_dir
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            for text in files.follow(folder, lines):
                print(text, end="", flush=True)
        return
    found = files.tail(folder, lines)
    if as_json:
        print_json({"file": str(folder / files.NAME), "lines": found})
    elif not found:
        print(f"Nothing is in {folder / files.NAME} yet.")
    else:
        print("\n".join(found))
