"""Values that can be read: what they are, how they are written, how long they are believed.

A value is a bool, an int, a float, a str, or an `Enum` whose values are the words that it writes:

    class Coupling(Enum):
        DC = "DC"
        AC = "AC"

    coupling = control(Coupling, ":CHAN1:COUP?", ":CHAN1:COUP {v}")

`get` gives that very type. Samples, ports, panels and files hold an enum by its label, its name in
lower case, since they outlive the driver.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from funcnodes.core import clock, units
from funcnodes.core.values import Quality
from funcnodes.devices.declarations.members import (
    AcquisitionRole,
    Acting,
    Bound,
    Group,
    Member,
    MemberKind,
    Requires,
    Sample,
)
from funcnodes.devices.declarations.parsing import Missing, Parse, ReplyReader, reader
from funcnodes.devices.messages import replies
from funcnodes.errors import ReplyError

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Value(Member, Generic[T]):
    """A member with one typed value.

    Attributes:
        type: bool, int, float, str, or an Enum whose values are the words it writes.
        query: Command that reads it, e.g. ":SOUR:VOLT?".
        unit: Unit of a number, or "".
        choices: Values and how the instrument writes them, where only these exist.
        poll: Seconds between readings while somebody watches, unless they ask for others.
        deadband: Change below which watchers are not told, in `unit`.
        valid_s: Seconds for which a reading is believed; older ones are "stale". None: for ever.
        reader: How a reply is read, where it is no plain value (see `parsing`).
    """

    type: type[T]
    query: str
    unit: str = ""
    choices: Mapping[T, str] | None = None
    poll: float | None = None
    deadband: float = 0.0
    valid_s: float | None = None
    reader: ReplyReader | None = None

    def __post_init__(self) -> None:
        if self.choices is None and isinstance(self.type, type) and issubclass(self.type, Enum):
            self.choices = {each: str(each.value) for each in self.type}
        if self.reader is None:
            self.reader = reader(self.type, self.unit)
        elif self.choices is not None and self.reader.table is not None:
            raise TypeError(f"{self.query}: choices say already which texts there are.")

    @property
    def options(self) -> tuple[Any, ...]:
        """The labels of its choices; empty where any value of its type may be."""
        return tuple(self.label(choice) for choice in self.choices or ())

    def label(self, value: Any) -> Any:
        """A value as samples hold it: an enum by its name in lower case, else the value itself."""
        return value.name.lower() if isinstance(value, Enum) else value

    def parse(self, text: str) -> tuple[T, Quality]:
        """Read a reply.

        Raises:
            ReplyError: It is none of this type.
        """
        assert self.reader is not None, "every value is given one"
        if self.choices is not None:
            return self._chosen(self.reader.extract(text)), "ok"
        if self.reader.is_plain:
            text = replies.without_header(text, self.query, whole=self.type is str)
        return self.reader.read(text)

    def sample_of(self, text: str) -> Sample:
        """Read a reply, as a sample taken now.

        Raises:
            ReplyError: It is none of this type.
        """
        value, quality = self.parse(text)
        return Sample(self.label(value), self.unit, quality, clock.now())

    def text(self, value: Any) -> str:
        """A value for people: "off", "2.5 V"."""
        if isinstance(value, bool):
            return "on" if value else "off"
        if isinstance(value, float):
            return units.text(value, self.unit)
        return str(self.label(value))

    def exactly(self, value: Any) -> str:
        """A value for people, with all its digits."""
        if isinstance(value, float):
            return units.text(value, self.unit, digits=9)
        return self.text(value)

    def _chosen(self, text: str) -> T:
        """A choice; behind the header of the query where it is none with that."""
        try:
            return self._choice(replies.word(text))
        except ReplyError:
            bare = replies.without_header(text, self.query)
            if bare == text:
                raise
            return self._choice(replies.word(bare))

    def _choice(self, word: str) -> T:
        assert self.choices is not None
        for value, sent in self.choices.items():
            if sent.upper() == word.upper() or _same_number(sent, word):
                return value
        raise ReplyError(f"{replies.shown(word)} is none of {', '.join(self.choices.values())}.")


def _same_number(a: str, b: str) -> bool:
    try:
        return replies.number(a)[0] == replies.number(b)[0]
    except ReplyError:
        return False


class BoundValue(Bound[Value[T]], Generic[T]):
    """A value that can be read."""

    async def sample(self) -> Sample:
        """Read it, with quality and time; an enum by its label."""
        return (await self._read())[1]

    async def get(self) -> T:
        """Read it; NaN where the instrument has no number."""
        return (await self._read())[0]

    async def _read(self) -> tuple[T, Sample]:
        member = self.member
        value, quality = await self._ask(member.query, member.parse)
        sample = Sample(member.label(value), member.unit, quality, clock.now())
        return value, self.access.noted(self.path, sample)


@dataclass(slots=True, kw_only=True)
class Measurement(Value[T], Acting[BoundValue[T]]):
    """Something that can only be read."""

    @property
    def kind(self) -> MemberKind:
        return "measurement"

    def bind(self, group: Group) -> BoundValue[T]:
        return BoundValue(group, self)

    def sent_text(self) -> str:
        return self.query


def measurement(
    type: type[T],
    query: str,
    *,
    unit: str = "",
    choices: Mapping[T, str] | None = None,
    parse: Parse | None = None,
    missing: Missing | None = None,
    title: str = "",
    doc: str = "",
    source: str = "",
    timeout_s: float | None = None,
    requires: Requires | None = None,
    needs: str = "",
    role: AcquisitionRole = "",
    poll: float | None = None,
    deadband: float = 0.0,
    valid_s: float | None = None,
) -> Measurement[T]:
    """Declare something that can only be read; see `Value`."""
    return Measurement(
        type=type, query=query, unit=unit, choices=choices, title=title, doc=doc, source=source,
        timeout_s=timeout_s,
        requires=requires or {},
        needs=needs, role=role, poll=poll, deadband=deadband, valid_s=valid_s,
        reader=reader_of(type, unit, parse, missing),
    )  # fmt: skip


def reader_of(
    type: type[Any], unit: str, parse: Parse | None, missing: Missing | None
) -> ReplyReader | None:
    """The reader that `parse` and `missing` ask for; None where replies are plain."""
    return (
        None if parse is None and not missing else reader(type, unit, parse=parse, missing=missing)
    )
