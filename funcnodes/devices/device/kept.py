"""What a device was last set to, or read as: kept through outages, and compared after them (D8).

One entry per control and setting. It survives reconnects; what reads back otherwise than it was
left is a `Change`, and the device is *changed* until that member is set again or the change is
accepted. What was written by ourselves in between is none: emergency bytes, and sets of which
nobody knew whether they had been carried out. Asks no instrument.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from funcnodes.core import clock
from funcnodes.devices.declarations.commands import Command
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.drivers import Instrument, channel_names
from funcnodes.devices.declarations.members import Sample

_RESETS = frozenset({"*RST", "*RCL", "SYST:PRES", ":SYST:PRES"})
_TOLD = 4  # differences told in one sentence
How = Literal["set", "read"]


@dataclass(frozen=True, slots=True)
class Change:
    """A member that was found otherwise than it was left."""

    member: str
    words: str
    """E.g. "function was resistance, is voltage"."""


@dataclass(frozen=True, slots=True)
class OutageNotice:
    """What became known of a device after an outage, in a sentence.

    Attributes:
        is_change: Whether it was found otherwise than it was left, and is *changed* now.
    """

    device: str
    text: str
    is_change: bool = False


@dataclass(frozen=True, slots=True)
class ReadBack:
    """A control as it reads after a connection: its sample, and how the instrument wrote it."""

    sample: Sample
    reply: str


@dataclass(slots=True)
class _Entry:
    value: Any
    how: How
    t: float = field(default_factory=clock.now)
    or_else: tuple[Any, ...] = ()  # what else it may have been set to by now
    is_loose: bool = False  # written by ourselves since, to nobody knows what


class Kept:
    """What one device was last set to, or read as; see the module's text.

    Attributes:
        changes: What was found otherwise, by member.
        losses: How many times something was found otherwise.
    """

    def __init__(self) -> None:
        self.changes: dict[str, Change] = {}
        self.losses = 0
        self._entries: dict[str, _Entry] = {}  # of controls only; nothing else is set
        self._now: dict[str, Any] = {}  # of changed members: what they were found as

    def forget(self) -> None:
        """Another instrument is there, or another driver speaks to it."""
        self.changes.clear()
        self._entries.clear()
        self._now.clear()

    def was_set(self, path: str, value: Any, followers: Iterable[str] = ()) -> None:
        """It was set; what follows it is not known any more."""
        self._entries[path] = _Entry(value, "set")
        self.changes.pop(path, None)
        for each in followers:
            if each in self._entries and each != path:
                self._entries[each].is_loose = True

    def was_read(self, path: str, value: Any) -> None:
        """It was read; of a changed member that settles nothing, and a set stays one."""
        if path in self.changes:
            self._now[path] = value
            return
        entry = self._entries.get(path)
        if entry is not None:  # a control: read back at each connection
            self._entries[path] = _Entry(value, entry.how)

    def is_setting(self, path: str, value: Any) -> None:
        """It is being set: from now on it may be one or the other."""
        entry = self._entries.get(path)
        if entry is not None and path not in self.changes:
            entry.or_else = (*entry.or_else, value)[-2:]

    def was_not_set(self, path: str) -> None:
        """The set that was begun was not written after all."""
        entry = self._entries.get(path)
        if entry is not None:
            entry.or_else = ()

    def loosen(self, paths: Iterable[str]) -> None:
        """These were written otherwise than by a set, such as by emergency bytes."""
        for path in paths:
            if path in self._entries:
                self._entries[path].is_loose = True

    def accept(self) -> None:
        """What is, is as it should be."""
        for path in self.changes:
            self._entries[path] = _Entry(self._now.get(path), "read")
        self.changes.clear()

    def sentence(self, device: str) -> str:
        """What was found otherwise; "" where nothing was."""
        words = [change.words for change in self.changes.values()]
        more = f" and {len(words) - _TOLD} more" if len(words) > _TOLD else ""
        return f"{device} lost its settings: {'; '.join(words[:_TOLD])}{more}." if words else ""

    def compare(
        self, kind: type[Instrument], found: Mapping[str, ReadBack]
    ) -> tuple[list[Change], list[str]]:
        """Hold what reads back against what was left, and keep it.

        Returns:
            What is newly found changed; and what became of sets whose fate was not known, as
            sentences without the device.
        """
        before = dict(self.changes)
        told: list[str] = []
        for path, member in kind.walk():
            if not isinstance(member, Control) or path not in found:
                continue
            now, entry = found[path], self._entries.get(path)
            if entry is None or (not entry.is_loose and _is(member, entry.value, now)):
                self._settle(path, now.sample.value, entry)
                told += _fate(member, path, entry, now, taken=False)
            elif entry.is_loose or _drifts(member, entry):
                self._settle(path, now.sample.value, None)
            elif entry.or_else and (
                member.reads_back or any(_is(member, each, now) for each in entry.or_else)
            ):
                told += _fate(member, path, entry, now, taken=True)
                self._settle(path, now.sample.value, _Entry(None, "set"))
            else:
                self.changes[path] = Change(path, _words(path, member, entry, now.sample))
                self._now[path] = now.sample.value
        news = [each for path, each in self.changes.items() if before.get(path) is not each]
        self.losses += bool(news)
        return [each for each in news if before.get(each.member) != each], told

    def _settle(self, path: str, value: Any, entry: _Entry | None) -> None:
        self.changes.pop(path, None)
        if entry is not None and entry.how == "set":
            kept = value if entry.value is None else entry.value
            self._entries[path] = _Entry(kept, "set")
        else:
            self._entries[path] = _Entry(value, "read")


def _is(member: Control[Any], value: Any, now: ReadBack) -> bool:
    return member.same(value, now.sample.value, now.reply)


def _drifts(member: Control[Any], entry: _Entry) -> bool:
    return member.drifts == "always" or (member.drifts == "until set" and entry.how == "read")


def _fate(
    member: Control[Any], path: str, entry: _Entry | None, now: ReadBack, *, taken: bool
) -> Iterator[str]:
    if entry is not None and entry.or_else:
        words = "was carried out" if taken else "was not carried out"
        yield f"setting {_named(path, member)} {words}: it is {member.exactly(now.sample.value)}"


def _words(path: str, member: Control[Any], entry: _Entry, now: Sample) -> str:
    was = " or ".join(member.exactly(each) for each in (entry.value, *entry.or_else))
    return f"{_named(path, member)} was {was}, is {member.exactly(now.value)}"


def _named(path: str, member: Control[Any]) -> str:
    channel, dot, _ = path.rpartition(".")
    return f"{channel} {member.title.lower()}" if dot else member.title.lower()


def struck(kind: type[Instrument]) -> Iterator[str]:
    """What the emergency bytes of a driver write to, by full name; all of it where one resets."""
    heads = {command.partition(" ")[0].upper() for command in kind.spec.estop}
    resets = bool(heads & _RESETS)
    for path, member in kind.walk():
        if not isinstance(member, Control):
            continue
        own = _head(member.command, channel_names(kind, path))
        if resets or path in kind.outputs() or own.upper() in heads:
            yield path


def followers(kind: type[Instrument], path: str) -> list[str]:
    """What a set of that member, or that command, may move, by full name."""
    member = next((each for name, each in kind.walk() if name == path), None)
    if isinstance(member, Command) and member.command.partition(" ")[0].upper() in _RESETS:
        return [name for name, each in kind.walk() if isinstance(each, Control)]
    channel, _, name = path.rpartition(".")
    return [
        each
        for each, member in kind.walk()
        if isinstance(member, Control)
        and (
            path in member.follows
            or (each.rpartition(".")[0] == channel and name in member.follows)
        )
    ]


def _head(command: str, names: Mapping[str, str]) -> str:
    head = command.partition(" ")[0].partition("{v")[0]
    try:
        return head.format(**names)
    except (IndexError, KeyError, ValueError):
        return head
