"""A table of an instrument, of which the simulator model `table` makes a stand-in for it.

From a driver's declarations alone, so that a driver can be tried before its simulator is written.
Such a stand-in remembers and answers; it has no physics, and agreeing with it proves little.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from funcnodes.core.types import Range
from funcnodes.devices.declarations.commands import Command
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.dialogues import (
    SERIAL,
    around,
    example,
    example_identity,
    plain_of,
    rendered,
)
from funcnodes.devices.declarations.drivers import Instrument, channel_names
from funcnodes.devices.declarations.parsing import ReplyReader
from funcnodes.devices.declarations.records import Record
from funcnodes.devices.declarations.unasked import Unasked
from funcnodes.devices.declarations.values import Value

_WRITTEN: Mapping[type, str] = {float: "{v:+.6E}", int: "{v:d}", bool: "{v:d}", str: "{v}"}


def driver_table(kind: type[Instrument]) -> dict[str, Any]:
    """A table of the instrument for the simulator model `table`, as TOML or JSON would hold it.

    Blocks are left out, which a table cannot describe; what a function reads is written plainly.

    Raises:
        ValueError: The driver speaks in frames, or has no plain identification.
    """
    if kind.spec.protocol.framing is not None:
        raise ValueError(f"{kind.spec.name} speaks in frames, of which a table knows nothing.")
    entries = list(_entries(kind))
    table = {
        "identity": example_identity(kind).replace(SERIAL, "{serial}"),
        "terminator": kind.spec.protocol.reply_eol,
        "entry": entries + list(_spoken(kind, {entry.get("command") for entry in entries})),
    }
    return table | _manners(kind) | _unasked(kind)


def _manners(kind: type[Instrument]) -> dict[str, Any]:
    """What it says around replies; an instrument that does so is taken for none of SCPI's."""
    protocol = kind.spec.protocol
    manners = protocol.manners
    said = {
        "echo": manners.echoes,
        "prompt": manners.prompt,
        "preface": protocol.reply_eol.join(["..."] * manners.ignores),
        "acknowledge": plain_of(manners.acknowledges),
        "refusal": plain_of(manners.refuses),
        "status": plain_of(manners.status),
        "banner": protocol.greets.removesuffix(manners.prompt),
    }
    found = {key: value for key, value in said.items() if value}
    if not found and protocol.identify:
        return {}
    identity = {} if protocol.identify else {"identity": ""}
    return found | identity | {"scpi": False, "command_terminator": protocol.eol}


def _unasked(kind: type[Instrument]) -> dict[str, Any]:
    """What it sends by itself."""
    told = [
        {"name": path, "every_s": member.every_s, "type": member.type.__name__,
         "default": example(member), "reply": _line(member)}
        for path, member in kind.walk()
        if isinstance(member, Unasked)
    ]  # fmt: skip
    return {"unasked": told} if told else {}


def _line(member: Unasked[Any]) -> str:
    """How its line is written, in a way that fits its pattern.

    Raises:
        ValueError: No plain one does.
    """
    before, after = (text.replace("{", "{{").replace("}", "}}") for text in around(member.reader))
    for written in (_WRITTEN[member.type], "{v:g}", "{v:.3f}"):
        line = f"{before}{written}{after}"
        if re.fullmatch(member.pattern, line.format(v=example(member))):
            return line
    raise ValueError(f"No plain text fits {member.pattern!r}.")


def _entries(kind: type[Instrument]) -> Iterator[dict[str, Any]]:
    for path, member in kind.walk():
        if isinstance(member, Unasked):
            continue
        if isinstance(member, Value):
            yield _value_entry(kind, path, member)
        elif isinstance(member, Record):
            yield from _record_entries(kind, path, member)
        elif isinstance(member, Command):
            yield {"name": path, "command": rendered(kind, path, member.command)}


def _record_entries(kind: type[Instrument], path: str, member: Record) -> Iterator[dict[str, Any]]:
    """One entry, or one per query where several in one message make the record."""
    fields = [
        {"name": f.name, "type": "int" if f.status else "float", "unit": f.unit}
        | _reply(f.reader, float)
        for f in member.fields
    ]
    query = rendered(kind, path, member.query)
    if member.then:
        last = fields.pop()
        yield {**last, "name": f"{path}.{last['name']}", "query": rendered(kind, path, member.then)}
    if member.separator != ";":
        yield {
            "name": path, "query": query, "fields": fields, "separator": member.separator,
        }  # fmt: skip
        return
    known = {rendered(kind, p, m.query) for p, m in kind.walk() if isinstance(m, Value)}
    for each, part in zip(fields, query.split(";"), strict=False):
        if part not in known:
            yield {**each, "name": f"{path}.{each['name']}", "query": part}


def _reply(reader: ReplyReader | None, type: type[Any]) -> dict[str, str]:
    """How a value is written where its reply is more than that."""
    before, after = (text.replace("{", "{{").replace("}", "}}") for text in around(reader))
    return {"reply": f"{before}{_WRITTEN[type]}{after}"} if before or after else {}


def _value_entry(kind: type[Instrument], path: str, member: Value[Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": path, "query": rendered(kind, path, member.query)}
    table = member.reader.table if member.reader is not None else None
    if table:
        entry["choices"] = {str(value): text for text, value in table.items()}
        entry["default"] = str(example(member))
    elif member.choices is not None:
        entry["choices"] = {str(member.label(v)): wire for v, wire in member.choices.items()}
        entry["default"] = str(member.label(example(member)))
    else:
        entry |= {"type": member.type.__name__, "default": example(member)}
        if member.unit:
            entry["unit"] = member.unit
        entry |= _reply(member.reader, member.type)
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
