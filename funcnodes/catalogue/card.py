"""What the catalogue keeps of a run: its head, and every word that it may be looked for by."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from funcnodes.runs.about import identity_of
from funcnodes.runs.reader import RunDigest, RunReader
from funcnodes.runs.records import RunHead, tags_of

MOST_GRAPH = 20_000_000
"""Letters of a nodespace that is read for its device nodes, at most."""


@dataclass(frozen=True, slots=True)
class RunCard:
    """One run in the catalogue.

    Attributes:
        tags, devices, parameters: What it can be asked for by exactly.
        text: Everything that full-text search finds it by.
    """

    head: RunHead
    tags: tuple[str, ...]
    devices: tuple[str, ...]
    parameters: tuple[str, ...]
    text: str


def card_of(path: Path) -> RunCard:
    """Read a run file once.

    Raises:
        RunError: It is none, or cannot be read.
    """
    digest = RunReader(path).digest()
    head, members = digest.head, dict.fromkeys(_members(digest.graph))
    devices = dict.fromkeys([*(each.device for each in digest.snapshots), *(d for d, _ in members)])
    columns = [column.name for spec in digest.specs for column in spec.columns]
    parameters = dict.fromkeys([*(f"{d}.{m}" for d, m in members if m), *columns])
    tags = tags_of(digest.annotations)
    words = [
        str(head.number), head.id, head.state, head.title, head.nodespace, head.operator,
        head.sample, *head.sample_row.values(), head.project, head.notes, head.bench,
        head.message, head.origin,
        *tags, *(each.text for each in digest.annotations if each.kind == "note"),
        *devices, *parameters, *_identities(digest),
    ]  # fmt: skip
    return RunCard(
        head, tuple(tags), tuple(devices), tuple(parameters), "\n".join(filter(None, words))
    )


def _identities(digest: RunDigest) -> Iterator[str]:
    """Make, model and serial number of each device."""
    for snapshot in digest.snapshots:
        known = identity_of(snapshot)
        yield " ".join(
            known[key] for key in ("driver", "identity", "serial number") if known.get(key)
        )


def _members(graph: str) -> Iterator[tuple[str, str]]:
    """Device and member of every device node, in subgraphs too."""
    if '"device"' not in graph or len(graph) > MOST_GRAPH:
        return
    try:
        waiting: list[Any] = [msgspec.json.decode(graph)]
    except (msgspec.MsgspecError, json.JSONDecodeError):
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            device, member = value.get("device"), value.get("member")
            if isinstance(device, str) and isinstance(member, str) and device:
                yield device, member
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
