"""`funcnodes worker …`: create, start, stop, list workers, and carry them elsewhere."""

from pathlib import Path
from typing import Annotated, Any

import typer

from funcnodes.cli.output import Json, print_json, print_table

Name = Annotated[str, typer.Argument(help="Name or id of the worker.")]
NewName = Annotated[str, typer.Argument(help="What people will call it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    workers = typer.Typer(
        help="Create, start, stop, list, export, import workers.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    workers.command("new")(new)
    workers.command("start")(start)
    workers.command("stop")(stop)
    workers.command("list")(list_workers)
    workers.command("export")(export)
    workers.command("import")(import_worker)
    app.add_typer(workers, name="worker")


def new(ctx: typer.Context, name: NewName, as_json: Json = False) -> None:
    """Create a worker; start it with `worker start`."""
    from funcnodes.workers.manager import client

    _show(client.worker_new(ctx.obj, name), as_json, "created")


def start(ctx: typer.Context, worker: Name, as_json: Json = False) -> None:
    """Start a worker."""
    from funcnodes.workers.manager import client

    _show(client.worker_start(ctx.obj, worker), as_json, "started")


def stop(ctx: typer.Context, worker: Name, as_json: Json = False) -> None:
    """Make a worker's devices safe, and end it."""
    from funcnodes.workers.manager import client

    _show(client.worker_stop(ctx.obj, worker), as_json, "stopped")


def list_workers(ctx: typer.Context, as_json: Json = False) -> None:
    """List the workers."""
    from funcnodes.workers.manager import client

    found = client.worker_list(ctx.obj)
    if as_json:
        print_json(found)
    elif not found:
        print("There is no worker yet: 'funcnodes worker new NAME' creates one.")
    else:
        print_table(
            ("NAME", "STATE", "BENCH", "NODESPACE", "ID"),
            [[_text(w, key) for key in ("name", "state", "bench", "nodespace", "uuid")]
             for w in found],
        )  # fmt: skip


def export(
    ctx: typer.Context,
    worker: Name,
    file: Annotated[Path, typer.Argument(help="Where to, such as bench.fnw.")],
    nodespace: Annotated[
        str, typer.Option(help="Which is to open there [default: the one open last].")
    ] = "",
    as_json: Json = False,
) -> None:
    """Write a worker to a file: nodespaces, subgraphs, bench and files, no runs."""
    from funcnodes.workers import packing

    workspace = packing.find(ctx.obj, worker)
    opened = packing.export(workspace, file, nodespace=nodespace)
    if as_json:
        print_json({"worker": workspace.record.name, "nodespace": opened, "file": str(file)})
    else:
        print(f"Worker {workspace.record.name} written to {file}.")


def import_worker(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `worker export` wrote.")],
    name: Annotated[str, typer.Option(help="What people will call it [default: as there].")] = "",
    with_bench: Annotated[
        bool, typer.Option("--with-bench", help="Take its bench too: starting it connects to it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a worker of a file; start it with `worker start`."""
    from dataclasses import asdict

    from funcnodes.workers import packing

    made = packing.unpack(ctx.obj, file, name=name, with_bench=with_bench)
    if as_json:
        print_json(asdict(made))
        return
    print(f"Worker {made.name} made of {file}.")
    if made.left_bench:
        print("Its bench was left out; --with-bench takes it, too.")


def _show(worker: dict[str, Any], as_json: bool, done: str) -> None:
    if as_json:
        print_json(worker)
    else:
        print(f"Worker {_text(worker, 'name')} {done} ({_text(worker, 'state')}).")


def _text(worker: dict[str, Any], key: str) -> str:
    return str(worker.get(key) or "–")
