"""A table of an instrument, of which the simulator model `table` makes a stand-in for it.

From a driver's declarations alone, so that a driver can be tried before its simulator is written.
Such a stand-in remembers and answers; it has no physics, and agreeing with it proves little.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from funcnodes.core.types import Range
from funcnodes.devices.declarations.commands import Command
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.dialogues import SERIAL, example, example_identity, rendered
from funcnodes.devices.declarations.drivers import Instrument, channel_names
from funcnodes.devices.declarations.records import Record
from funcnodes.devices.declarations.values import Value


def driver_table(kind: type[Instrument]) -> dict[str, Any]:
    """A table of the instrument for the simulator model `table`, as TOML or JSON would hold it.

    Blocks are left out, which a table cannot describe.

    Raises:
        ValueError: The driver speaks in frames, or has no plain identification.
    """
    if kind.spec.protocol.framing is not None:
        raise ValueError(f"{kind.spec.name} speaks in frames, of which a table knows nothing.")
    entries = list(_entries(kind))
    return {
        "identity": example_identity(kind).replace(SERIAL, "{serial}"),
        "terminator": kind.spec.protocol.reply_eol,
        "entry": entries + list(_spoken(kind, {entry.get("command") for entry in entries})),
    }


def _entries(kind: type[Instrument]) -> Iterator[dict[str, Any]]:
    for path, member in kind.walk():
        if isinstance(member, Value):
            yield _value_entry(kind, path, member)
        elif isinstance(member, Record):
            fields = [
                {"name": f.name, "type": "int" if f.status else "float", "unit": f.unit}
                for f in member.fields
            ]
            yield {"name": path, "query": rendered(kind, path, member.query), "fields": fields}
        elif isinstance(member, Command):
            yield {"name": path, "command": rendered(kind, path, member.command)}


def _value_entry(kind: type[Instrument], path: str, member: Value[Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": path, "query": rendered(kind, path, member.query)}
    if member.choices is not None:
        entry["choices"] = {str(member.label(v)): sent for v, sent in member.choices.items()}
        entry["default"] = str(member.label(example(member)))
    else:
        entry |= {"type": member.type.__name__, "default": example(member)}
        if member.unit:
            entry["unit"] = member.unit
    if isinstance(member, Control):
        entry["command"] = _keeping_value(member.command, channel_names(kind, path))
        limits = member.widest or Range()
        if limits.low is not None and limits.high is not None and member.choices is None:
            entry["limits"] = [limits.low, limits.high]
    return entry


def _keeping_value(template: str, names: Mapping[str, str]) -> str:
    """A command with its channel put in and the place of its value left as it is."""
    for name, text in names.items():
        template = template.replace(f"{{{name}}}", text)
    return template


def _spoken(kind: type[Instrument], known: set[Any]) -> Iterator[dict[str, Any]]:
    """Harmless, emergency and farewell commands that no member has."""
    for number, command in enumerate((*kind.spec.harmless, *kind.spec.estop, kind.spec.local)):
        if command and command not in known and not command.startswith("*"):
            known.add(command)
            yield {"name": f"spoken{number}", "command": command} | _safe_values(kind, command)


def _safe_values(kind: type[Instrument], command: str) -> dict[str, Any]:
    if command not in kind.spec.estop:
        return {}
    safe = {}
    for path, member in kind.outputs().items():
        label = member.label(member.safe)
        safe[path] = str(label) if member.choices is not None else label
    return {"sets": safe}
