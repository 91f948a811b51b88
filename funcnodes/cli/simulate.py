"""`funcnodes simulate`: serve a simulated bench."""

from typing import Annotated

import typer

from funcnodes.cli.output import Json


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("simulate")(simulate)


def simulate(
    bench: Annotated[
        str, typer.Argument(help="demo, or a bench file (TOML, or YAML of pyvisa-sim).")
    ],
    as_json: Json = False,
    control: Annotated[
        bool, typer.Option("--control", help="Open a socket that tells true state.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Makes noise and faults repeat.")] = None,
    time_scale: Annotated[
        float, typer.Option(min=0.1, max=1000.0, help="Seconds of the bench per second.")
    ] = 1.0,
    faults: Annotated[str | None, typer.Option(help="A file with what goes wrong (TOML).")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if a client does something wrong.")
    ] = False,
) -> int:
    """Serve a simulated bench.

    Prints the address of each instrument, and serves until standard input ends or Ctrl-C.
    """
    from funcnodes_simulators import serve

    return serve(
        bench,
        json=as_json,
        control=control,
        seed=seed,
        time_scale=time_scale,
        faults=faults,
        strict=strict,
    )
