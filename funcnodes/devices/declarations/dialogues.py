"""What a driver says on its line, with an answer that it takes: for a first test.

From its declarations alone. An example of a value is the safe one, else the first or the smallest
that is accepted.
"""

import re
from typing import Any

from funcnodes.core.types import Range
from funcnodes.devices.declarations.blocks import Block
from funcnodes.devices.declarations.commands import Command
from funcnodes.devices.declarations.controls import Control, OneOf
from funcnodes.devices.declarations.drivers import Idn, Instrument, channel_names
from funcnodes.devices.declarations.members import Member, Unset
from funcnodes.devices.declarations.parsing import ReplyReader
from funcnodes.devices.declarations.records import Record, Together
from funcnodes.devices.declarations.requirements import Requirements
from funcnodes.devices.declarations.unasked import Unasked
from funcnodes.devices.declarations.values import Value
from funcnodes.devices.messages.replies import Identity
from funcnodes.errors import DeviceError, ValueRefusedError

SERIAL = "SIM0001"
_GROUP = re.compile(r"((?:[^()\\]|\\.)*)\((?!\?)(?:[^()\\]|\\.)*\)((?:[^()\\]|\\.)*)", re.DOTALL)
NO_ERROR = '0,"No error"'


def connect_lines(kind: type[Instrument]) -> list[str]:
    """What a driver says to connect, each with an answer that it takes: ":OUTP? -> 0".

    Raises:
        ValueError: It speaks in frames, or what would fit its identification is not plain.
    """
    protocol = kind.spec.protocol
    if protocol.framing is not None:
        raise ValueError(f"{kind.spec.name} speaks in frames, not in lines.")
    if protocol.manners.echoes or protocol.manners.prompt or protocol.manners.acknowledges:
        raise ValueError(f"{kind.spec.name} is more talkative than plain lines.")
    lines = [f"{protocol.identify} -> {example_identity(kind)}"] if protocol.identify else []
    lines += kind.spec.harmless
    lines += [f"{protocol.errors} -> {NO_ERROR}"] if protocol.errors else []
    members = dict(kind.walk())
    controls = [path for path, member in members.items() if isinstance(member, Control)]
    asked = [*controls, *Requirements(kind).read_first()]
    return lines + [line for path in asked for line in _asked(kind, path, members[path])]


def member_lines(kind: type[Instrument], path: str) -> list[str]:
    """What setting and reading a member says, as `connect_lines`; nothing for blocks."""
    member = dict(kind.walk())[path]
    errors = [f"{kind.spec.protocol.errors} -> {NO_ERROR}"] if kind.spec.protocol.errors else []
    if isinstance(member, Command):
        return [rendered(kind, path, member.command), *errors]
    if isinstance(member, Unasked):
        return []
    read = [] if isinstance(member, Block) else _asked(kind, path, member)
    if not isinstance(member, Control):
        return read
    before = read if member.rate is not None else []  # a ramp begins with a question
    is_read_back = member.confirm in ("readback", "both") or not (member.confirm or errors)
    after = read if member.reads_back or is_read_back else []
    written = rendered(kind, path, member.command, member.spelled(example(member)))
    return [*before, written, *errors, *after, *read]


def dialogue_skeleton(kind: type[Instrument]) -> str:
    """A first test of a driver, as the text of a Python file, to be checked against the manual.

    Raises:
        ValueError: As for `connect_lines`.
    """
    name, module = kind.__name__, kind.__module__
    lines = "\n".join(f"    {line!r}," for line in connect_lines(kind))
    tests = "".join(_test_of(kind, path, member) for path, member in kind.walk())
    return (
        f'"""What {kind.spec.title} is told, word by word. Check each against its manual."""\n\n'
        f"from {module} import {name}\n\nCONNECT = [\n{lines}\n]\n{tests}"
    )


def _test_of(kind: type[Instrument], path: str, member: Member) -> str:
    lines = member_lines(kind, path)
    requirements = Requirements(kind)
    names = [path, *(f"{path}.{each.name}" for each in getattr(member, "fields", ()))]
    unmet = any(
        each.member.label(example(each.member)) not in each.wanted
        for name in names
        for each in requirements.of(name)
    )
    if not lines or unmet or member.needs or (isinstance(member, Command) and member.completes):
        return ""
    said = "\n".join(f"            {line!r}," for line in lines)
    if isinstance(member, Control):
        act = (
            f"await wire.device.member_set({path!r}, {member.label(example(member))!r})\n"
            f"        sample = await wire.device.member_get({path!r})\n"
            f"        assert sample.value == {member.label(example(member))!r}"
        )
    elif isinstance(member, Command):
        act = f"await wire.device.member_command({path!r})"
    else:
        act = f"assert await wire.device.member_read({path!r})"
    return (
        f"\n\nasync def test_the_words_of_{path.replace('.', '_')}(dialogue):\n"
        f"    async with dialogue({kind.__name__}, connect=CONNECT) as wire:\n"
        f"        wire.expect(\n{said}\n        )\n        {act}\n"
    )


def _asked(kind: type[Instrument], path: str, member: Member) -> list[str]:
    query = rendered(kind, path, str(getattr(member, "query", "")))
    if isinstance(member, Record):
        written = ["0".join(around(each.reader)) for each in member.fields]
        last = [f"{rendered(kind, path, member.then)} -> {written.pop()}"] if member.then else []
        return [f"{query} -> {member.separator.join(written)}", *last]
    if isinstance(member, Together):
        return [f"{query} -> {member.separator.join(_reply_example(p) for p in member.parts)}"]
    assert isinstance(member, Value)
    return [f"{query} -> {_reply_example(member)}"]


def rendered(kind: type[Instrument], path: str, template: str, value: Any = None) -> str:
    return template.format(v=value, **channel_names(kind, path))


# ── examples ──────────────────────────────────────────────────────────────────────────────


def example(member: Value[Any]) -> Any:
    """A value that a member may have: the safe one, else the first or the smallest there is."""
    safe = getattr(member, "safe", Unset())
    if not isinstance(safe, Unset):
        return safe
    if member.choices is not None:
        return next(iter(member.choices))
    if member.reader is not None and member.reader.table:
        return next(iter(member.reader.table.values()))
    if member.type is str:
        return "text"
    return _number_example(member)


def _number_example(member: Value[Any]) -> Any:
    if not isinstance(member, Control):
        return member.type(0)
    limits = member.widest or Range()
    bounds = [bound for bound in (limits.low, limits.high) if bound is not None]
    known = member.check.values if isinstance(member.check, OneOf) else (0, 1, *bounds, 2, 5, 10)
    for candidate in known:
        try:
            return member.accept(candidate, who="", limits=limits)
        except (DeviceError, ValueRefusedError):
            continue
    raise ValueError(f"{member.name}: no example of what may be set was found.")


def _reply_example(member: Value[Any]) -> str:
    value = example(member)
    if member.choices is not None:
        written = member.choices[value]
    elif member.reader is not None and member.reader.table:
        return next(text for text, each in member.reader.table.items() if each == value)
    elif member.type is bool:
        written = str(int(value))
    else:
        written = f"{value:.9g}" if member.type is float else str(value)
    return written.join(around(member.reader))


def around(reader: ReplyReader | None) -> tuple[str, str]:
    """What stands before and behind the value in a reply, as the reader's pattern wants it.

    Raises:
        ValueError: Nothing plain fits the pattern.
    """
    pattern = reader.pattern if reader is not None else None
    if pattern is None:
        return "", ""
    found = _GROUP.fullmatch(pattern.pattern)
    texts = (plain_of(found[1]), plain_of(found[2])) if found is not None else ("", "")
    if not pattern.fullmatch(f"{texts[0]}0{texts[1]}"):
        raise ValueError(f"No plain text fits {pattern.pattern!r}.")
    return texts


def example_identity(kind: type[Instrument]) -> str:
    """A reply to the identification that the driver takes for its own.

    Raises:
        ValueError: Its patterns have no plain example.
    """
    match = kind.spec.match or Idn("ACME", "DEVICE")
    identity = Identity(plain_of(match.maker), plain_of(match.model), SERIAL, "1.0")
    if not match.fits(identity):
        raise ValueError(f"{kind.spec.name}: no plain text fits its identification.")
    return str(identity)


def plain_of(pattern: str) -> str:
    """What the simplest of patterns fits: the first of alternatives, nothing for `.*`."""
    pattern = re.sub(r"(?<=[^\\])\+", "", pattern)  # once, of what may be there several times
    first = re.sub(r"\(([^()|]*)\|[^()]*\)", r"\1", pattern)
    return re.sub(r"\\(.)", r"\1", re.sub(r"(\.|.(?=\?))[*?]", "", first))
