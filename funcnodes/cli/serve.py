"""The commands around the server: `demo`, `runserver`, `startworkermanager`, `link`, `estop`."""

from typing import Annotated, Any

import typer

from funcnodes.cli.output import Json, print_json
from funcnodes.settings import Settings

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one [default: FUNCNODES_PORT]."),
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Do not open the browser.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("demo")(demo)
    app.command("runserver")(runserver)
    app.command("startworkermanager")(startworkermanager)
    app.command("link")(link)
    app.command("estop")(estop)


def demo(
    ctx: typer.Context,
    port: Port = None,
    no_browser: NoBrowser = False,
    control: Annotated[
        bool, typer.Option("--control", help="Open the simulator's control socket.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Start a complete simulated lab.

    Bench, server, worker and page; Ctrl-C ends them all, devices first.
    """
    from funcnodes.web.demo import demo as start

    return start(_settings(ctx), port=port, browser=not no_browser, control=control, json=as_json)


def runserver(
    ctx: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = None,
    no_browser: NoBrowser = False,
    no_manager: Annotated[
        bool, typer.Option("--no-manager", help="Use a running manager, start none.")
    ] = False,
) -> int:
    """Start the editor and the manager.

    A second one opens the first. Ctrl-C leaves the workers running.
    """
    from funcnodes.web.server import runserver as start

    settings = _settings(ctx)
    return start(
        settings,
        host=host,
        port=settings.port if port is None else port,
        browser=not no_browser,
        manager=not no_manager,
    )


def startworkermanager(ctx: typer.Context, host: Host = "127.0.0.1", port: Port = None) -> int:
    """Start the manager without the editor."""
    from funcnodes.web.server import startworkermanager as start

    settings = _settings(ctx)
    return start(settings, host=host, port=settings.port if port is None else port)


def link(ctx: typer.Context, as_json: Json = False) -> None:
    """Print a link that signs in once."""
    from funcnodes.workers.manager.client import link as fresh

    found = fresh(_settings(ctx))
    if as_json:
        print_json({"link": found})
    else:
        print(found)


def estop(
    ctx: typer.Context,
    worker: Annotated[
        str | None, typer.Argument(help="Name or id of one worker [default: all of them].")
    ] = None,
    as_json: Json = False,
) -> int:
    """Stop all outputs at once.

    Of every worker, or of one. A software stop, not a safety device.
    """
    from funcnodes.workers.manager.client import estop as press

    answers = press(_settings(ctx), worker)
    if as_json:
        print_json(answers)
    else:
        for answer in answers:
            _tell(answer)
    return 0 if all(_is_safe(answer) for answer in answers) else 1


def _tell(answer: dict[str, Any]) -> None:
    name, problem = answer.get("name", ""), answer.get("problem")
    if problem:
        print(f"{name}: not reached: {problem}")
        return
    acks = _acks(answer)
    if not acks:
        print(f"{name}: latched; it has no devices.")
    for ack in acks:
        ms = ack.get("ms")
        after = f" after {ms:.0f} ms" if isinstance(ms, int | float) else ""
        message = f": {ack['message']}" if ack.get("message") else ""
        print(f"{name}: {ack['device']} {_WORDS.get(ack['state'], ack['state'])}{after}{message}")


_WORDS = {
    "off": "is off (read back)",
    "sent": "was told to stop, not confirmed: switch it off by hand",
    "unanswered": "did not answer: switch it off by hand",
    "pending": "has not answered yet: switch it off by hand",
    "held": "holds, as its bench says",
}


def _acks(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return list((answer.get("latch") or {}).get("acks") or [])


def _is_safe(answer: dict[str, Any]) -> bool:
    return not answer.get("problem") and all(
        ack["state"] in ("off", "held") for ack in _acks(answer)
    )


def _settings(ctx: typer.Context) -> Settings:
    settings: Settings = ctx.obj
    return settings
