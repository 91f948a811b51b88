"""`funcnodes worker export`, `import`: a worker as one file."""

from pathlib import Path
from typing import Annotated

import typer

from funcnodes.cli.output import Json, print_json

Exported = Annotated[str, typer.Argument(metavar="WORKER", help="Name or id of the worker.")]


def register(workers: typer.Typer) -> None:
    """Add the commands to `workers`."""
    workers.command("export")(export)
    workers.command("import")(import_worker)


def export(
    ctx: typer.Context,
    worker: Exported,
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
    if made.left:
        print(f"Left in the file, as no worker has a place for it: {', '.join(made.left)}.")
    if "pyproject.toml" in made.left:
        print("pyproject.toml names packages: what is missing, `worker modules add` installs.")
