"""`funcnodes worker modules …`: what is installed in a worker's own environment."""

from typing import Annotated

import typer

from funcnodes.cli.choosing import Name, Uuid, Who, chosen
from funcnodes.cli.output import Json, print_json, print_table

Packages = Annotated[
    list[str],
    typer.Argument(metavar="MODULES", help="Each as pip takes it: a name, a folder, a wheel."),
]


def register(workers: typer.Typer) -> None:
    """Add the commands to `workers`."""
    modules = typer.Typer(
        help="List, add and remove what a worker can import.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    modules.command("list")(list_modules)
    modules.command("add")(add)
    modules.command("remove")(remove)
    workers.add_typer(modules, name="modules")


def list_modules(
    ctx: typer.Context,
    who: Who = None,
    name: Name = "",
    uuid: Uuid = "",
    full: Annotated[
        bool, typer.Option("--full", help="All distributions, not only nodes and drivers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List what brings nodes and drivers to a worker, and what was installed for it."""
    from dataclasses import asdict

    from funcnodes.workers.local import environment

    workspace = chosen(ctx.obj, who, name, uuid)
    found = environment.modules(workspace)
    shown = [each for each in found if full or each.own or each.contributes]
    if as_json:
        print_json(
            {
                "python": workspace.record.python,
                "own_environment": workspace.has_own_python,
                "requirements": workspace.requirements(),
                "modules": [asdict(each) for each in shown],
            }
        )
        return
    print_table(
        ("MODULE", "VERSION", "OWN", "BRINGS"),
        [[m.name, m.version, "yes" if m.own else "–", ", ".join(m.contributes) or "–"]
         for m in shown],
    )  # fmt: skip


def add(
    ctx: typer.Context, modules: Packages, name: Name = "", uuid: Uuid = "", as_json: Json = False
) -> None:
    """Install into a worker's own environment; a running worker has it after a restart."""
    from funcnodes.workers.local import environment

    workspace = chosen(ctx.obj, None, name, uuid)
    kept = environment.add(workspace, modules)
    if as_json:
        print_json({"requirements": kept})
        return
    print(f"Installed for worker {workspace.record.name}: {', '.join(modules)}.")
    _mention_restart(workspace.process() is not None, workspace.record.name)


def remove(
    ctx: typer.Context, modules: Packages, name: Name = "", uuid: Uuid = "", as_json: Json = False
) -> None:
    """Take something out of a worker's own environment again."""
    from funcnodes.workers.local import environment

    workspace = chosen(ctx.obj, None, name, uuid)
    kept = environment.remove(workspace, modules)
    if as_json:
        print_json({"requirements": kept})
        return
    print(f"Removed for worker {workspace.record.name}: {', '.join(modules)}.")
    _mention_restart(workspace.process() is not None, workspace.record.name)


def _mention_restart(is_running: bool, name: str) -> None:
    if is_running:
        print(f"It is running: 'funcnodes worker restart {name}' makes it take notice.")
