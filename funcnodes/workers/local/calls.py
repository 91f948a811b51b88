"""Speaking to a running worker through its door: commands, and what it logs."""

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import msgspec

from funcnodes.errors import RefusedError, WorkerError
from funcnodes.machine import presence
from funcnodes.machine.door import ask
from funcnodes.workers import schema
from funcnodes.workers.workspace import Workspace

COMMAND_S = 70.0
LISTEN_S = 5.0


@dataclass(frozen=True, slots=True)
class CommandDoc:
    """One command that workers take.

    Attributes:
        fields: Names of what it takes; those that may be left out in brackets.
        about: Its text, or "".
    """

    name: str
    fields: tuple[str, ...]
    about: str


def commands() -> list[CommandDoc]:
    """All that a worker can be asked for, by name."""
    found = [_doc(kind) for kind in _kinds()]
    return sorted(found, key=lambda each: each.name)


def command(
    workspace: Workspace, name: str, assignments: Sequence[str] = (), *, by: str = ""
) -> Any:
    """Have a running worker carry a command out. Returns its answer as plain data.

    Args:
        assignments: What it takes, each as `KEY=VALUE`; a value that is JSON is taken as that.
        by: Who asks.

    Raises:
        RefusedError: There is no such command, or the worker refused it.
        WorkerError: The worker does not run, or does not answer.
    """
    known = [each.name for each in commands()]
    if name not in known:
        near = difflib.get_close_matches(name, known, 3) or ["--list shows them all"]
        raise RefusedError(
            f"Workers know no command {name!r}.", hint=f"Perhaps: {', '.join(near)}."
        )
    return send(workspace, {"type": name, **dict(map(_assigned, assignments))}, by=by)


def send(workspace: Workspace, body: dict[str, Any], *, by: str = "") -> Any:
    """The same with the command as browsers send it, `{"type": …}`.

    Raises:
        RefusedError: The worker refused it.
        WorkerError: The worker does not run, or does not answer.
    """
    answers = _ask(workspace, {"do": "command", "by": by, "body": body}, within_s=COMMAND_S)
    answer = next(answers, {"problem": "The worker ended before it had answered."})
    if answer.get("problem"):
        raise RefusedError(str(answer["problem"]))
    return answer.get("result")


def listen(workspace: Workspace) -> Iterator[schema.LogLine]:
    """What a running worker logs: the newest lines, then each one that comes, until it ends.

    Raises:
        WorkerError: The worker does not run, or does not answer.
    """
    for answer in _ask(workspace, {"do": "listen"}, within_s=LISTEN_S):
        if "line" in answer:
            yield msgspec.convert(answer["line"], schema.LogLine)


def _ask(
    workspace: Workspace, question: dict[str, Any], *, within_s: float
) -> Iterator[dict[str, Any]]:
    name = workspace.record.name
    if workspace.process() is None:
        raise WorkerError(
            f"Worker {name!r} is not running.",
            hint=f"'funcnodes worker start --uuid {workspace.record.uuid}' starts it.",
        )
    entry = presence.of_worker(workspace.record.uuid, workspace.root)
    try:
        if entry is None:
            raise FileNotFoundError(2, "it has no door")
        yield from ask(entry.door, question, within_s=within_s)
    except TimeoutError as error:
        raise WorkerError(
            f"Worker {name!r} does not answer.", hint="'funcnodes estop' works all the same."
        ) from error
    except OSError as error:
        raise WorkerError(f"Worker {name!r} cannot be spoken to: {error.strerror}.") from error


def _kinds() -> tuple[type[Any], ...]:
    return get_args(schema.AnyCommand)


def _doc(kind: type[Any]) -> CommandDoc:
    tag = str(kind.__struct_config__.tag)
    fields = msgspec.structs.fields(kind)
    shown = tuple(f.name if f.required else f"[{f.name}]" for f in fields)
    own = kind.__doc__ if "__doc__" in vars(kind) else None
    return CommandDoc(tag, shown, " ".join((own or "").split()))


def _assigned(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise RefusedError(f"{text!r} is not KEY=VALUE.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
