"""The application: global options, its commands, and how errors end."""

import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from funcnodes.cli import (
    check,
    device,
    estop,
    history,
    latch,
    nodes,
    queue,
    run,
    runs,
    samples,
    script,
    serve,
    simulate,
    worker,
)
from funcnodes.cli.output import complain, write_plainly
from funcnodes.errors import FuncnodesError
from funcnodes.settings import Settings

INTERRUPTED = 130  # 128 + SIGINT, as shells expect
_UsageProblem: type[Exception] = typer.BadParameter.__mro__[2]  # of typer's own parser

app = typer.Typer(
    name="funcnodes",
    help="Run, watch and record experiments on laboratory instruments.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"funcnodes {version('funcnodes')}")
        raise typer.Exit


@app.callback()
def configure(
    ctx: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="Where everything is kept [default: ~/.funcnodes]."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """Read the settings."""
    _log_to_stderr(debug)
    ctx.obj = Settings.load(config_dir=folder)


serve.register(app)
run.register(app)
queue.register(app)
check.register(app)
script.register(app)
estop.register(app)
latch.register(app)
runs.register(app)
history.register(app)
samples.register(app)
simulate.register(app)
nodes.register(app)
device.register(app)
worker.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the `funcnodes` command; ends the process with its exit status."""
    write_plainly()
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(execute(given))


def execute(arguments: list[str]) -> int:
    """Carry out one command; returns the exit status."""
    debug = "--debug" in arguments
    try:
        status: Any = app(arguments, prog_name="funcnodes", standalone_mode=False)
    except FuncnodesError as error:
        if debug:
            raise
        return complain(error)
    except (KeyboardInterrupt, typer.Abort):
        complain("Interrupted.")
        return INTERRUPTED
    except _UsageProblem as problem:
        return _explain(problem)
    except OSError as error:
        if debug:
            raise
        return complain(_said_of(error))
    except Exception as error:
        if debug:
            raise
        complain(f"Something went wrong: {type(error).__name__}: {error}. Try --debug.")
        return 1
    return status if isinstance(status, int) else 0


def _said_of(error: OSError) -> str:
    """What the system refused, of which file: a disk that is full, a folder that is read-only."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}."


def _log_to_stderr(debug: bool) -> None:
    """Warnings as one line each; tracebacks only where they were asked for."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter() if debug else _OneLine())
    logger = logging.getLogger("funcnodes")
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG if debug else logging.WARNING)
    logger.propagate = False


class _OneLine(logging.Formatter):
    """The message alone."""

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{record.levelname.capitalize()}: {record.getMessage()}".split())


def _explain(problem: Any) -> int:
    """What was asked wrongly: one line, or the help where nothing was asked."""
    message = str(problem.format_message()).strip().replace("Value error, ", "")
    if "\n" in message:  # no command was given: the message is the help
        typer.echo(message, err=True)
    else:
        complain(" ".join(message.split()))
    return int(getattr(problem, "exit_code", 2))
