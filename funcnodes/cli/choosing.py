"""Which worker a command means: by `--uuid`, `--name`, or just by what stands there."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from funcnodes.settings import Settings
    from funcnodes.workers.workspace import Workspace

Who = Annotated[str | None, typer.Argument(metavar="WORKER", help="Name or id of the worker.")]
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the worker.")]
Uuid = Annotated[str, typer.Option("--uuid", metavar="UUID", help="Id of the worker.")]


def chosen(
    settings: "Settings", who: str | None, name: str, uuid: str, *, or_first: bool = False
) -> "Workspace":
    """The worker that is meant: the one with the id, else the one of the name.

    Args:
        or_first: Of several with that name, take the oldest.

    Raises:
        UsageError: It is not said which.
        WorkerError: There is none, or there are several.
    """
    from funcnodes.workers.local import roster

    check(who, name, uuid)
    find = roster.first if or_first else roster.find
    return find(settings, name=name or who or "", uuid=uuid)


def check(who: str | None, name: str, uuid: str) -> None:
    """Raises UsageError unless it is said which worker, and said once."""
    if not (who or name or uuid):
        raise typer.BadParameter("Say which worker, by --name or --uuid.")
    if who and (name or uuid):
        raise typer.BadParameter("Say which worker once: by --name, by --uuid, or without them.")


def defaults_of(command: Any, said: Mapping[str, str]) -> dict[str, Any]:
    """What was said before the name of a command, for that command and those beneath it."""
    beneath = getattr(command, "commands", {})
    return {**said, **{name: defaults_of(each, said) for name, each in beneath.items()}}
