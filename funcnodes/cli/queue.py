"""`funcnodes queue …`: the queue of runs of a worker that runs, by its door."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from funcnodes.cli.output import Json, complain, print_json, print_table

if TYPE_CHECKING:
    from funcnodes.settings import Settings
    from funcnodes.workers.workspace import Workspace

OnWorker = Annotated[
    str, typer.Option("--worker", metavar="WORKER", help="Its name or id [the one that runs].")
]
Entry = Annotated[int, typer.Argument(metavar="ENTRY", help="Its number, as `queue list` shows.")]
EvidenceFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="What `run --dry-run --evidence` wrote; counts once."),
]
_RULES = {"go-on": "go on", "go on": "go on", "stop": "stop"}


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    queue = typer.Typer(
        help="Queue runs on a worker: add, order, approve, arm.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    queue.command("add")(add)
    queue.command("list")(list_entries)
    queue.command("show")(show)
    queue.command("move")(move)
    queue.command("priority")(priority)
    queue.command("on-failure")(on_failure)
    queue.command("remove")(remove)
    queue.command("approve")(approve)
    queue.command("arm")(arm)
    queue.command("disarm")(disarm)
    queue.command("clear")(clear)
    app.add_typer(queue, name="queue")


def add(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A nodespace file (JSON).", metavar="FILE")],
    worker: OnWorker = "",
    name: Annotated[str, typer.Option(help="What to call it [the file's name].")] = "",
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NODE.PORT=VALUE", help="Set an input, e.g. sweep.stop=0.8V"),
    ] = None,
    rank: Annotated[
        int, typer.Option("--priority", help="From -100 to 100; higher goes first.")
    ] = 0,
    rule: Annotated[
        str,
        typer.Option("--on-failure", metavar="stop|go-on", help="What the queue does then."),
    ] = "stop",
    sample: Annotated[str, typer.Option(help="What is measured, kept with the run.")] = "",
    project: Annotated[str, typer.Option(help="What it is measured for, likewise.")] = "",
    note: Annotated[str, typer.Option(help="Anything else to know of it, likewise.")] = "",
    evidence: EvidenceFile = None,
    as_json: Json = False,
) -> int:
    """Put a run of a nodespace file into the queue, as the file is now."""
    from funcnodes.runs.assignments import Assignment, AssignmentError
    from funcnodes.runs.local import read_nodespace

    try:
        for text in sets or ():
            Assignment.parse(text)
    except AssignmentError as error:
        complain(error)
        return 2
    body = {
        "type": "queue_add", "graph": read_nodespace(file), "nodespace": file.stem, "name": name,
        "sets": list(sets or ()), "priority": rank, "on_failure": _rule(rule), "sample": sample,
        "project": project, "notes": note, "evidence": _evidence(evidence),
    }  # fmt: skip
    return _done(ctx.obj, worker, body, as_json, added=True)


def list_entries(ctx: typer.Context, worker: OnWorker = "", as_json: Json = False) -> None:
    """List what runs, what waits in its order, and what is over, newest first."""
    view = _ask(ctx.obj, worker, {"type": "get_queue"})
    if as_json:
        print_json(view)
        return
    print(_standing(view))
    if view["entries"]:
        titles = ("ENTRY", "STATE", "NAME", "PRIORITY", "IF IT FAILS", "BY", "RUN")
        print_table(titles, [_row(each) for each in view["entries"]], right="r..r")
    for each in view["entries"]:
        if each["reason"]:
            print(f"Entry {each['id']}: {each['reason']}")


def show(ctx: typer.Context, entry: Entry, worker: OnWorker = "", as_json: Json = False) -> None:
    """Show all that is known of an entry."""
    found = _entry(_ask(ctx.obj, worker, {"type": "get_queue"}), entry)
    if as_json:
        print_json(found)
        return
    for key, text in _facts(found):
        if text:
            print(f"{key:12} {text}")


def move(
    ctx: typer.Context,
    entry: Entry,
    place: Annotated[int, typer.Argument(help="Among those that wait, from 1.")],
    worker: OnWorker = "",
    as_json: Json = False,
) -> int:
    """Put an entry at another place, among those of its priority."""
    body = {"type": "queue_move", "id": entry, "place": place}
    return _done(ctx.obj, worker, body, as_json)


def priority(
    ctx: typer.Context,
    entry: Entry,
    rank: Annotated[int, typer.Argument(metavar="PRIORITY", help="From -100 to 100.")],
    worker: OnWorker = "",
    as_json: Json = False,
) -> int:
    """Give an entry another priority; higher goes first. A negative one after `--`."""
    body = {"type": "queue_change", "id": entry, "priority": rank}
    return _done(ctx.obj, worker, body, as_json)


def on_failure(
    ctx: typer.Context,
    entry: Entry,
    rule: Annotated[str, typer.Argument(metavar="stop|go-on")],
    worker: OnWorker = "",
    as_json: Json = False,
) -> int:
    """Say what the queue does if the entry does not end well."""
    body = {"type": "queue_change", "id": entry, "on_failure": _rule(rule)}
    return _done(ctx.obj, worker, body, as_json)


def remove(ctx: typer.Context, entry: Entry, worker: OnWorker = "", as_json: Json = False) -> int:
    """Cancel an entry that waits; drop one that is over."""
    return _done(ctx.obj, worker, {"type": "queue_remove", "id": entry}, as_json)


def approve(
    ctx: typer.Context,
    entry: Entry,
    worker: OnWorker = "",
    evidence: EvidenceFile = None,
    as_json: Json = False,
) -> int:
    """Approve an entry, where the bench asks that somebody does."""
    body = {"type": "queue_approve", "id": entry, "evidence": _evidence(evidence)}
    return _done(ctx.obj, worker, body, as_json)


def arm(
    ctx: typer.Context,
    worker: OnWorker = "",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before using real instruments.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Let the entries begin by themselves, one after the other."""
    safety = _ask(ctx.obj, worker, {"type": "get_safety"})
    if safety["asks"] and not (yes or as_json) and not _confirmed(safety):
        return complain("The queue was not armed.")
    accepted = [each["text"] for each in safety["warnings"] if each["asks"]]
    return _done(ctx.obj, worker, {"type": "queue_arm", "accepted": accepted}, as_json)


def disarm(ctx: typer.Context, worker: OnWorker = "", as_json: Json = False) -> int:
    """Let no entry begin any more; the run that is on goes on."""
    return _done(ctx.obj, worker, {"type": "queue_disarm"}, as_json)


def clear(ctx: typer.Context, worker: OnWorker = "", as_json: Json = False) -> int:
    """Drop what is over from the list; the runs themselves are kept."""
    return _done(ctx.obj, worker, {"type": "queue_clear"}, as_json)


# ── asking the worker ─────────────────────────────────────────────────────────────────────────


def _done(
    settings: "Settings", worker: str, body: dict[str, Any], as_json: bool, *, added: bool = False
) -> int:
    """Have it done, and show the queue, or the entry it was about, as it is then."""
    result = _ask(settings, worker, body)
    view = _ask(settings, worker, {"type": "get_queue"})
    entry_id = result if added else body.get("id")
    found = [each for each in view["entries"] if each["id"] == entry_id]
    if as_json:
        print_json(found[0] if found else view if entry_id is None else {"id": entry_id})
        return 0
    if found:
        print(_sentence(found[0]))
    if added or entry_id is None:
        print(_standing(view))
    return 0


def _ask(settings: "Settings", worker: str, body: dict[str, Any]) -> Any:
    from funcnodes.machine.person import user_name
    from funcnodes.workers.local import calls

    return calls.send(_workspace(settings, worker), body, by=user_name())


def _workspace(settings: "Settings", worker: str) -> "Workspace":
    """The worker that is meant, or the only one that runs."""
    from funcnodes.errors import WorkerError
    from funcnodes.workers.local import roster
    from funcnodes.workers.workspace import Workspace

    if worker:
        return roster.find(settings, name=worker)
    found = [each for each in Workspace.all(settings) if each.process() is not None]
    if len(found) == 1:
        return found[0]
    if not found:
        raise WorkerError("No worker is running.", hint="'funcnodes worker start' starts one.")
    names = ", ".join(sorted(each.record.name for each in found))
    raise WorkerError(f"{len(found)} workers are running: {names}.", hint="Say --worker.")


def _rule(text: str) -> str:
    if text not in _RULES:
        raise typer.BadParameter(f"On failure it is stop or go-on, not {text!r}.")
    return _RULES[text]


def _evidence(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    import msgspec

    from funcnodes.runs.dryrun import Evidence

    found: dict[str, Any] = msgspec.to_builtins(Evidence.load(path))
    return found


def _confirmed(safety: dict[str, Any]) -> bool:
    """Ask a person at a terminal; a script has decided already."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    for cause in safety["causes"]:
        print(f"{cause['title']}:")
        for step in cause["steps"]:
            print(f"  {step['device']}: {step['words']}")
    for warning in safety["warnings"]:
        print(f"Warning: {warning['text']}")
    devices = ", ".join(safety["asks"])
    return typer.confirm(f"The queue will use real instruments: {devices}. Go on?", err=True)


# ── in words ──────────────────────────────────────────────────────────────────────────────────


def _standing(view: dict[str, Any]) -> str:
    if not view["armed"]:
        why = f" {view['why']}" if view["why"] else ""
        return f"The queue is not armed.{why}"
    held = f" It is held: {view['hold']}" if view["hold"] else ""
    return f"The queue is armed by {view['armed_by']}.{held}"


def _sentence(entry: dict[str, Any]) -> str:
    place = f", place {entry['place']}" if entry["place"] else ""
    state = "waits for an approval" if entry["state"] == "waiting" else f"is {entry['state']}"
    return f"Entry {entry['id']} ({entry['name']}) {state}{place}."


def _row(entry: dict[str, Any]) -> Sequence[str]:
    return (
        str(entry["id"]), entry["state"], entry["name"], str(entry["priority"]),
        entry["on_failure"], entry["by"], str(entry["number"] or "–"),
    )  # fmt: skip


def _facts(entry: dict[str, Any]) -> list[tuple[str, str]]:
    approved = f"{entry['approved_by']}, {_when(entry['approved_at'])}"
    run = f"{entry['number']}, {entry['run']}" if entry["run"] else ""
    return [
        ("entry", str(entry["id"])),
        ("name", entry["name"]),
        ("state", entry["state"]),
        ("why", entry["reason"]),
        ("place", str(entry["place"] or "")),
        ("priority", str(entry["priority"])),
        ("if it fails", entry["on_failure"]),
        ("submitted", f"{entry['by']}, {_when(entry['at'])}"),
        ("approved", approved if entry["approved_by"] else ""),
        ("dry run", entry["evidence"]),
        ("nodespace", entry["nodespace"]),
        ("set", ", ".join(entry["sets"])),
        ("sample", entry["sample"]),
        ("project", entry["project"]),
        ("notes", entry["notes"]),
        ("run", run),
        ("began", _when(entry["began"])),
        ("ended", _when(entry["ended"])),
    ]


def _when(at: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if at is not None else ""


def _entry(view: dict[str, Any], number: int) -> dict[str, Any]:
    from funcnodes.errors import RefusedError

    for each in view["entries"]:
        if each["id"] == number:
            found: dict[str, Any] = each
            return found
    raise RefusedError(f"The queue has no entry {number}.")
