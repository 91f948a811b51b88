"""The commands around the server: `demo`, `runserver`, `startworkermanager`, `link`."""

from enum import StrEnum
from typing import Annotated

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


def demo(
    ctx: typer.Context,
    port: Port = None,
    no_browser: NoBrowser = False,
    bench: Annotated[
        str, typer.Option(help="Which simulated bench: demo, or one that an example is made for.")
    ] = "demo",
    control: Annotated[
        bool, typer.Option("--control", help="Open the simulator's control socket.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Start a complete simulated lab.

    Bench, server, worker and page; Ctrl-C ends them all, devices first.
    """
    from funcnodes.web.demo import demo as start

    settings, browser = _settings(ctx), not no_browser
    return start(settings, port=port, browser=browser, bench=bench, control=control, json=as_json)


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


class Role(StrEnum):
    """What somebody who signs in may do."""

    viewer = "viewer"
    operator = "operator"
    admin = "admin"


def link(
    ctx: typer.Context,
    role: Annotated[
        Role, typer.Option(help="A viewer watches, an operator acts, an admin manages workers.")
    ] = Role.admin,
    name: Annotated[
        str, typer.Option(help="Whom it is for; that person may have signed in elsewhere, too.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Print a link that signs in once."""
    from funcnodes.workers.manager.client import link as fresh

    found = fresh(_settings(ctx), role=role.value, name=name)
    if as_json:
        print_json({"link": found, "role": role.value})
    else:
        print(found)


def _settings(ctx: typer.Context) -> Settings:
    settings: Settings = ctx.obj
    return settings
