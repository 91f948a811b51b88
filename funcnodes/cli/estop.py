"""`funcnodes estop`: every output on this machine, now; no server is needed."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from funcnodes.cli.output import Json, print_json

if TYPE_CHECKING:
    from funcnodes.settings import Settings
    from funcnodes.workers.local.estops import Pressed


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("estop")(estop)


def estop(
    ctx: typer.Context,
    workers: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORKERS", help="Worker, program or bench [default: all]."),
    ] = None,
    log: Annotated[
        bool, typer.Option("--log", help="Stop nothing; print what was stopped, and by whom.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="With --log: so many.")] = 200,
    as_json: Json = False,
) -> int:
    """Stop all outputs at once: of workers, runs and programs of yours on this machine.

    Needs no server. Ends with 0 only if every output was read back off. A software stop, not a
    safety device. With `--log` it stops nothing and prints the safety log: stops, resets,
    interlocks, what was refused, parked, or made safe for a process that died.
    """
    if log:
        return _show_log(ctx.obj, workers or (), lines, as_json)
    from funcnodes.machine.person import user_name
    from funcnodes.workers.local.estops import estop as press

    pressed = press(ctx.obj, workers or (), by=user_name() or "the command line")
    if as_json:
        from dataclasses import asdict

        print_json([asdict(each) for each in pressed])
    elif not pressed:
        print("Nothing of yours on this machine has a bench open.")
    else:
        for each in pressed:
            _tell(each)
    return 0 if all(each.is_safe for each in pressed) else 1


def _show_log(settings: "Settings", names: Sequence[str], lines: int, as_json: bool) -> int:
    from funcnodes.workers.local.safety import history

    told = history(settings, names, lines)
    if as_json:
        from msgspec import to_builtins

        print_json([{"worker": each.worker, **to_builtins(each.event)} for each in told])
    elif not told:
        print("Nothing is in the safety log yet.")
    else:
        for worker, event in told:
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.t))
            print(f"{at}  {worker}: {event.text}")
    return 0


def _tell(pressed: "Pressed") -> None:
    name = pressed.name
    if pressed.kind == "program":
        name = f"{name} (process {pressed.pid})"
    if pressed.problem:
        print(f"{name}: {pressed.problem}")
        return
    if not pressed.acks:
        print(f"{name}: latched; it has no devices.")
    for ack in pressed.acks:
        ms = ack.get("ms")
        after = f" after {ms:.0f} ms" if isinstance(ms, int | float) else ""
        message = f": {ack['message']}" if ack["state"] != "sent" and ack.get("message") else ""
        print(f"{name}: {ack['device']} {_WORDS.get(ack['state'], ack['state'])}{after}{message}")


_WORDS = {
    "off": "is off (read back)",
    "sent": "was told to stop: sent, not confirmed",
    "unanswered": "did not answer: switch it off by hand",
    "pending": "has not answered yet: switch it off by hand",
    "held": "holds, as its bench says",
}
