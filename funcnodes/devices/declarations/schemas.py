"""A JSON Schema of a driver's values, from its declarations alone."""

from collections.abc import Mapping
from typing import Any

from funcnodes.core.types import Range
from funcnodes.devices.declarations.blocks import Block
from funcnodes.devices.declarations.commands import Command
from funcnodes.devices.declarations.controls import Control, OneOf
from funcnodes.devices.declarations.drivers import Instrument, describe_member
from funcnodes.devices.declarations.members import Member, Unset
from funcnodes.devices.declarations.parsing import ReplyReader
from funcnodes.devices.declarations.records import Field, Record, Together
from funcnodes.devices.declarations.values import Value

JSON_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}


def driver_schema(kind: type[Instrument]) -> dict[str, Any]:
    """A JSON Schema (2020-12) of a device's values by full name.

    Units, roles and safe values, for which JSON Schema has no words, stand in `x-unit`, `x-role`,
    `x-safe` and `x-park`; how replies are read in `x-parse`, `x-missing` and `x-status`; commands,
    which have no value, in `x-commands`.
    """
    properties = {}
    commands = {}
    for path, member in kind.walk():
        about: dict[str, Any] = {"title": member.title}
        about["description"] = describe_member(member, kind.spec.manual)
        if isinstance(member, Command):
            commands[path] = about | _role(member)
        else:
            properties[path] = about | _role(member) | _shape(member)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.spec.title,
        "x-driver": kind.spec.name,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "x-commands": commands,
    }


def reply_words(kind: type[Instrument]) -> dict[str, Any]:
    """How replies are read that are no plain values, by full name: `parse missing status`."""
    found: dict[str, Any] = {}
    for path, member in kind.walk():
        if isinstance(member, Record):
            for each in member.fields:
                status = {"status": each.status.describe()} if each.status else {}
                found[f"{path}.{each.name}"] = each.reader.describe() | status
        else:
            read: ReplyReader | None = getattr(member, "reader", None)
            found[path] = read.describe() if read is not None else {}
    return {path: words for path, words in found.items() if words}


def _role(member: Member) -> dict[str, Any]:
    return {"x-kind": member.kind} | ({"x-role": member.role} if member.role else {})


def _shape(member: Member) -> dict[str, Any]:
    if isinstance(member, Control):
        known = {"enum": list(member.check.values)} if isinstance(member.check, OneOf) else {}
        return _value(member) | _limits(member.widest) | known | _safe(member)
    if isinstance(member, Value):
        return _value(member) | {"readOnly": True}
    if isinstance(member, Record):
        fields = {f.name: _field(f) for f in member.fields}
    elif isinstance(member, Together):
        fields = {n: _value(p) for n, p in zip(member.names, member.parts, strict=True)}
    elif isinstance(member, Block):
        array = {"type": "array", "items": _number("number", member.unit)}
        axis = {"type": "array", "items": _number("number", member.axis_unit)}
        fields = {name: array | _read(member.reader) for name in member.names}
        fields |= {"x": axis} if member.axis else {}
    else:
        fields = {}
    return {"type": "object", "readOnly": True, "properties": fields}


def _value(member: Value[Any]) -> dict[str, Any]:
    if member.choices is not None:
        return {"enum": list(member.options)} | _read(member.reader)
    return _number(JSON_TYPES[member.type], member.unit) | _read(member.reader)


def _field(field: Field) -> dict[str, Any]:
    if field.status is None:
        return _number("number", field.unit) | _read(field.reader)
    return _number("integer", "") | {"x-status": field.status.describe()}


def _read(reader: ReplyReader | None) -> dict[str, Any]:
    return {f"x-{key}": value for key, value in (reader.describe() if reader else {}).items()}


def _number(name: str, unit: str) -> dict[str, Any]:
    return {"type": name} | ({"x-unit": unit} if unit else {})


def _limits(limits: Range | None) -> dict[str, Any]:
    pairs = {"minimum": limits.low, "maximum": limits.high} if limits else {}
    return {key: bound for key, bound in pairs.items() if bound is not None}


def _safe(member: Control[Any]) -> dict[str, Any]:
    found = {"x-safe": member.safe, "x-park": member.park}
    return {
        key: member.label(value) for key, value in found.items() if not isinstance(value, Unset)
    }
