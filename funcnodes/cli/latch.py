"""`funcnodes reset`: release the E-STOP, or interlock, that stopped `funcnodes run` here."""

from typing import Annotated

import typer

from funcnodes.cli.output import Json, print_json


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("reset")(reset)


def reset(
    ctx: typer.Context,
    confirm: Annotated[
        list[str] | None,
        typer.Option(metavar="DEVICE", help="A device that did not answer, and is off by now."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Release the E-STOP that stopped runs started here by `funcnodes run`.

    Writes nothing to any device. Workers with a page of their own are reset there. An interlock
    that still holds trips again with the next run.
    """
    from funcnodes.devices.estop.latch import Latch
    from funcnodes.machine.person import user_name
    from funcnodes.runs.local import WORKER

    latch = Latch(ctx.obj.workers_dir / WORKER / "latch.json")
    before = latch.state
    latch.reset(by=user_name() or "the command line", confirmed=confirm or ())
    if as_json:
        print_json({"was_latched": before.latched, "by": before.by, "cause": before.cause})
    elif before.latched:
        why = f" ({before.cause})" if before.cause else ""
        print(f"The stop by {before.by or 'E-STOP'}{why} was released.")
    else:
        print("Nothing was stopped.")
