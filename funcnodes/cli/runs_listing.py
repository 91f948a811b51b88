"""`funcnodes runs list|folders|tidy`: all runs by the catalogue, and what becomes of old ones."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from funcnodes.cli.finding import Worker, known_folders
from funcnodes.cli.moments import local, moment, took
from funcnodes.cli.output import Json, complain, print_json, print_table

if TYPE_CHECKING:
    from funcnodes.catalogue import Catalogue, Listed, RunFolder, Tidied
    from funcnodes.settings import Settings

NAMED = 5
"""Files that cannot be read are named one by one up to so many."""
ALL = 1_000_000
Search = Annotated[
    str, typer.Option("--search", "-s", metavar="TEXT", help="Words, anywhere in it.")
]
Since = Annotated[str, typer.Option(metavar="TIME", help="Begun since: 2h, 7d, 14:00, 2026-11-30.")]
Until = Annotated[str, typer.Option(metavar="TIME", help="Begun before, likewise.")]
Tag = Annotated[str, typer.Option(help="With this tag.")]
OlderThan = Annotated[
    str, typer.Option(metavar="SPAN", help="Put runs begun before that into the bin: 90d.")
]


def register(runs: typer.Typer) -> None:
    """Add the commands to `runs`."""
    runs.command("list")(list_runs)
    runs.command("folders")(folders)
    runs.command("tidy")(tidy)


def list_runs(
    ctx: typer.Context,
    search: Search = "",
    since: Since = "",
    until: Until = "",
    tag: Tag = "",
    sample: Annotated[str, typer.Option(help="Of this sample.")] = "",
    project: Annotated[str, typer.Option(help="For this project.")] = "",
    device: Annotated[str, typer.Option(help="With this device.")] = "",
    parameter: Annotated[
        str, typer.Option(help="That set, read or recorded this: smu.voltage, voltage, a column.")
    ] = "",
    state: Annotated[
        str, typer.Option(help="complete, stopped, aborted, failed, or running.")
    ] = "",
    worker: Worker = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    deleted: Annotated[bool, typer.Option("--bin", help="Those that were deleted.")] = False,
    as_json: Json = False,
) -> None:
    """List runs, newest first: all, or those that fit all that is asked for."""
    from funcnodes.catalogue import Asked

    asked = Asked(
        search=search, since=moment(since, "--since") if since else None,
        until=moment(until, "--until") if until else None, tag=tag, sample=sample,
        project=project, device=device, parameter=parameter, state=_state(state),
        binned=deleted, limit=limit,
    )  # fmt: skip
    there = known_folders(ctx.obj, worker)
    listing = _catalogue(ctx.obj).find(asked, there, is_all=worker is None)
    _name_broken(listing.broken)
    owners = {folder.path: folder.owner for folder in there}
    if as_json:
        print_json([_as_dict(owners[each.folder], each) for each in listing.runs])
    elif not listing.runs:
        print(_nothing(asked, deleted=deleted))
    else:
        _print(listing.runs, owners)


def folders(
    ctx: typer.Context,
    add: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="List the runs in it, too.")
    ] = None,
    remove: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="No more; its files stay.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the folders whose runs are listed; add others, or take them out again."""
    from funcnodes.catalogue import AddedFolders

    added = AddedFolders(ctx.obj.config_dir)
    if add is not None:
        added.add(add)
    if remove is not None:
        added.remove(remove)
    found = known_folders(ctx.obj, None)
    if as_json:
        print_json([
            {"folder": str(f.path), "owner": f.owner, "added": f.is_added} for f in found
        ])  # fmt: skip
    else:
        print_table(
            ("OWNER", "ADDED", "FOLDER"),
            [(f.owner, "yes" if f.is_added else "", str(f.path)) for f in found],
        )


def tidy(
    ctx: typer.Context,
    older_than: OlderThan = "",
    tagged: Annotated[
        bool, typer.Option("--tagged", help="With --older-than: also those with tags.")
    ] = False,
    worker: Worker = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    as_json: Json = False,
) -> int:
    """Delete for good what has lain in the bin for too long; nothing else, unless asked.

    FUNCNODES_BIN_DAYS says for how many days it may [for ever], FUNCNODES_RUNS_GB what runs may
    take on disk: where they take more, the bin is emptied before its time, and that is said.
    """
    from funcnodes.catalogue import Tidied, empty_bins, put_into_bin

    own = [folder for folder in known_folders(ctx.obj, worker) if not folder.is_added]
    done = Tidied()
    if older_than:
        done = put_into_bin(_older(ctx.obj, own, older_than, tagged=tagged), dry=dry)
    settings: Settings = ctx.obj
    empty_bins(
        [folder.path for folder in own],
        bin_days=settings.bin_days, max_bytes=settings.runs_bytes, dry=dry, into=done,
    )  # fmt: skip
    if as_json:
        print_json({
            "dry_run": dry, "deleted": done.deleted, "binned": done.binned,
            "bytes": done.bytes, "taken": done.taken, "failed": done.failed,
        })  # fmt: skip
    else:
        _tell(done, settings, dry=dry)
    return complain(" ".join(done.failed)) if done.failed else 0


def _older(
    settings: "Settings", own: "Sequence[RunFolder]", older_than: str, *, tagged: bool
) -> "list[Listed]":
    from funcnodes.catalogue import Asked

    asked = Asked(until=moment(older_than, "--older-than"), limit=ALL)
    found = _catalogue(settings).find(asked, own).runs
    return [each for each in found if tagged or not each.tags]


def _tell(done: "Tidied", settings: "Settings", *, dry: bool) -> None:
    would = "would be " if dry else ""
    for path in done.binned:
        print(f"{path.name}: {would}put into the bin")
    for path in done.deleted:
        print(f"{path.name}: {would}deleted for good")
    if not (done.binned or done.deleted):
        print("There is nothing to tidy.")
    elif done.deleted:
        print(f"That {'would free' if dry else 'frees'} {done.bytes / 1e6:.1f} MB.")
    for folder, taken in done.over:
        limit = settings.runs_bytes or 0
        print(
            f"The runs in {folder} take {taken / 1e9:.2f} GB of {limit / 1e9:g} GB: "
            "--older-than puts old ones into the bin."
        )


def _catalogue(settings: "Settings") -> "Catalogue":
    from funcnodes.catalogue import Catalogue

    return Catalogue(settings.config_dir, say=lambda text: print(text, file=sys.stderr))


def _state(text: str) -> str:
    from typing import get_args

    from funcnodes.runs.records import RunState

    known = get_args(RunState)
    if text and text not in known:
        raise typer.BadParameter(f"--state is one of {', '.join(known)}, not {text!r}.")
    return text


def _name_broken(sentences: Sequence[str]) -> None:
    for text in sentences[:NAMED]:
        print(text, file=sys.stderr)
    if len(sentences) > NAMED:
        print(f"So it is with {len(sentences) - NAMED} more.", file=sys.stderr)


def _nothing(asked: Any, *, deleted: bool) -> str:
    from funcnodes.catalogue import Asked

    if asked != Asked(binned=deleted, limit=asked.limit):
        return "No run fits."
    nothing = "There is no run yet: 'funcnodes run FILE' makes one."
    return "The bin is empty." if deleted else nothing


def _print(runs: "Sequence[Listed]", owners: dict[Path, str]) -> None:
    more = [
        ("SAMPLE", [each.head.sample for each in runs]),
        ("PROJECT", [each.head.project for each in runs]),
        ("TAGS", [", ".join(each.tags) for each in runs]),
    ]
    more = [(title, cells) for title, cells in more if any(cells)]
    print_table(
        ("RUN", "WORKER", "STATE", "ROWS", "STARTED", "TOOK", "NODESPACE", "BENCH",
         *(title for title, _ in more), "ID"),
        [_line(owners[each.folder], each, [cells[n] for _, cells in more])
         for n, each in enumerate(runs)],
        right="rllr",
    )  # fmt: skip


def _as_dict(owner: str, run: "Listed") -> dict[str, Any]:
    import msgspec

    return {
        "worker": owner, "run": run.head.id, **msgspec.structs.asdict(run.head),
        "tags": list(run.tags), "path": str(run.path),
    }  # fmt: skip


def _line(owner: str, run: "Listed", more: Sequence[str]) -> Sequence[str]:
    head = run.head
    marks = f"{' (SIM)' if head.simulated else ''}{' (REPLAY)' if head.replayed else ''}"
    return (
        str(head.number), owner, head.state, str(head.rows), local(head.started), took(head),
        head.title or head.nodespace, f"{head.bench or '–'}{marks}", *more, head.id,
    )  # fmt: skip
