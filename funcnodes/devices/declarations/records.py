"""Several values in one exchange: records, which belong together, and members read together.

    reading = record(":READ?", v=(float, "V"), i=(float, "A"), s=StatusWord(compliance=bit(3)))
    terminals = together("voltage_now", "current_now")

A record's fields are of one moment, and a status word qualifies them all (D3). Members read
together keep their own types and names; they only share one query and its reply.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from funcnodes.core import clock
from funcnodes.core.quality import worst
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
from funcnodes.devices.declarations.parsing import (
    Missing,
    Parse,
    ReplyReader,
    check_qualities,
    reader,
)
from funcnodes.devices.declarations.values import Value
from funcnodes.devices.messages import replies
from funcnodes.errors import ReplyError

if TYPE_CHECKING:
    from funcnodes.devices.link.talk import Talk


@dataclass(frozen=True, slots=True)
class Bit:
    """One bit of a status word, counted from 0, or several that mean the same.

    Attributes:
        more: Further bits: any of them sets it.
    """

    number: int
    more: tuple[int, ...] = ()

    @property
    def numbers(self) -> tuple[int, ...]:
        return (self.number, *self.more)

    def is_set(self, word: int) -> bool:
        return any(word >> number & 1 for number in self.numbers)


def bit(number: int, *more: int) -> Bit:
    """Bit `number` of a status word, counted from 0; with `more`, any of them."""
    return Bit(number, more)


class StatusWord:
    """A field of a record that qualifies the whole record: `StatusWord(compliance=bit(3))`.

    A set bit turns every number of the record into NaN with that quality (D3), and so does a word
    among `codes`. The word itself is kept. Where several bits are set, the first named wins.
    """

    def __init__(
        self, title: str = "Status", *, codes: Mapping[int, Quality] | None = None, **bits: Bit
    ) -> None:
        """Args:
        codes: Whole words that stand for a quality, where bits do not.
        """
        check_qualities({*bits, *(codes or {}).values()})
        self.title = title
        self.bits = bits
        self.codes = dict(codes or {})

    def quality(self, word: int) -> Quality:
        if word in self.codes:
            return self.codes[word]
        for name, each in self.bits.items():
            if each.is_set(word):
                return name  # type: ignore[return-value]  # checked when it was declared
        return "ok"

    def describe(self) -> dict[str, str]:
        """What each bit and code means, ready for JSON: {"bit 3": "compliance"}."""
        bits = {
            f"bit {number}": name for name, each in self.bits.items() for number in each.numbers
        }
        codes: dict[str, str] = {f"code {code}": name for code, name in self.codes.items()}
        return bits | codes

    def sentence(self) -> str:
        """The same for people."""
        said = ", ".join(f"{what} ({quality})" for what, quality in self.describe().items())
        return f"No numbers at {said}." if said else ""


@dataclass(frozen=True, slots=True)
class Field:
    """One number of a record.

    Attributes:
        requires: What must hold so that this one is measured; else it is NaN and "missing".
    """

    name: str
    unit: str = ""
    title: str = ""
    status: StatusWord | None = None
    reader: ReplyReader = field(default_factory=lambda: reader(float))
    requires: Requires = field(default_factory=dict)

    def read(self, text: str) -> tuple[Any, Quality]:
        """Read its part of a reply; raises ReplyError."""
        return replies.number(text) if self.status is not None else self.reader.read(text)


@dataclass(frozen=True, slots=True)
class Reading(Mapping[str, Any]):
    """What one query of a record gave, by field."""

    samples: Mapping[str, Sample] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.samples[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self.samples)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def quality(self) -> Quality:
        """The worst of its fields': the first that is not ok."""
        return next((s.quality for s in self.samples.values() if s.quality != "ok"), "ok")


@dataclass(slots=True, kw_only=True)
class Record(Member, Acting["BoundRecord"]):
    """Several numbers taken at once by one query.

    Attributes:
        then: A second query right behind the first, whose reply is the last field.
        separator: What stands between them in the reply.
        poll: Seconds between readings while somebody watches, unless they ask for others.
        valid_s: Seconds for which a reading is believed; older ones are "stale". None: for ever.
    """

    query: str
    fields: tuple[Field, ...]
    then: str = ""
    separator: str = ","
    poll: float | None = None
    valid_s: float | None = None

    @property
    def kind(self) -> MemberKind:
        return "record"

    def bind(self, group: Group) -> "BoundRecord":
        return BoundRecord(group, self)

    def sent_text(self) -> str:
        return f"{self.query} ⏎ {self.then}" if self.then else self.query

    def parse(self, text: str) -> Reading:
        """Read a reply.

        Raises:
            ReplyError: Another count of fields, or one that is no number.
        """
        parts = replies.without_header(text, self.query).split(self.separator)
        if len(parts) != len(self.fields):
            raise ReplyError(
                f"{replies.shown(text)} has {len(parts)} values where {len(self.fields)} belong."
            )
        now = clock.now()
        numbers = [each.read(part) for each, part in zip(self.fields, parts, strict=True)]
        whole = self._whole(numbers)
        samples = {}
        for each, (value, quality) in zip(self.fields, numbers, strict=True):
            if each.status is not None:
                value, quality = int(value), whole
            elif whole != "ok":
                value, quality = math.nan, whole
            samples[each.name] = Sample(value, each.unit, quality, now)
        return Reading(samples)

    def _whole(self, numbers: list[tuple[float, Quality]]) -> Quality:
        """What the status words say of the record."""
        for each, (value, _) in zip(self.fields, numbers, strict=True):
            if each.status is not None:
                if not (math.isfinite(value) and value == int(value) >= 0):
                    raise ReplyError(f"{value!r} is no status word.")
                quality = each.status.quality(int(value))
                if quality != "ok":
                    return quality
        return "ok"


class BoundRecord(Bound[Record]):
    """A record of one instrument."""

    async def get(self) -> Reading:
        """Take one reading; a field that is not measured now is NaN, "missing"."""
        unmeasured = [
            each.name
            for each in self.member.fields
            if each.requires and await self.access.lacks(f"{self.path}.{each.name}")
        ]
        reading = await self._read()
        samples = dict(reading.samples)
        for name in unmeasured:
            quality = worst((samples[name].quality, "missing"))
            samples[name] = replace(samples[name], value=math.nan, quality=quality)
        return Reading(
            {
                name: self.access.noted(f"{self.path}.{name}", sample)
                for name, sample in samples.items()
            }
        )

    async def _read(self) -> Reading:
        member = self.member
        if not member.then:
            return await self._ask(member.query, member.parse)
        await self._check_needs()
        query, then = self.group.render(member.query), self.group.render(member.then)

        async def read(talk: "Talk") -> Reading:
            first = await talk.query(query)
            return member.parse(first + member.separator + await talk.query(then))

        return await self.access.hold(query, read, timeout_s=member.timeout_s)


@dataclass(frozen=True, slots=True)
class Part:
    """One number of a record that is not written plainly; see `part`."""

    unit: str
    title: str
    parse: Parse | None
    missing: Missing | None
    requires: Requires = field(default_factory=dict)


FieldWords = tuple[type[float], str] | tuple[type[float], str, str] | StatusWord | Part


def part(
    unit: str = "",
    title: str = "",
    *,
    parse: Parse | None = None,
    missing: Missing | None = None,
    requires: Requires | None = None,
) -> Part:
    """A number of a record with words of its own: `v=part("V", missing={…})`; see `Field`."""
    return Part(unit, title, parse, missing, requires or {})


def record(
    query: str,
    *,
    title: str = "",
    doc: str = "",
    source: str = "",
    timeout_s: float | None = None,
    requires: Requires | None = None,
    needs: str = "",
    role: AcquisitionRole = "",
    poll: float | None = None,
    valid_s: float | None = None,
    then: str = "",
    separator: str = ",",
    missing: Missing | None = None,
    **fields: FieldWords,
) -> Record:
    """Declare numbers taken at once: `record(":READ?", v=(float, "V"), status=StatusWord(...))`.

    Args:
        then: A second query, asked right behind the first with nobody in between, whose reply
            is the last of the fields: a status that is told in a line of its own.
        missing: What means "no number" in any of its fields that says nothing else.
        fields: Type, unit and title of each number, a `part` or a `StatusWord`, in order.
    """
    return Record(
        query=query, fields=fields_of(fields, missing), then=then, separator=separator,
        title=title, doc=doc, source=source, timeout_s=timeout_s,
        requires=requires or {}, needs=needs, role=role, poll=poll, valid_s=valid_s,
    )  # fmt: skip


def fields_of(given: Mapping[str, FieldWords], missing: Missing | None = None) -> tuple[Field, ...]:
    """Fields as they are declared, in order."""
    return tuple(_field(name, each, missing) for name, each in given.items())


def _field(name: str, given: FieldWords, missing: Missing | None) -> Field:
    if isinstance(given, StatusWord):
        return Field(name, title=given.title, status=given)
    if not isinstance(given, Part):
        given = part(given[1], given[2] if len(given) == 3 else "")
    read = reader(float, given.unit, parse=given.parse, missing=given.missing or missing)
    title = given.title or name.replace("_", " ")
    return Field(name, given.unit, title, reader=read, requires=given.requires)


# ── members read together ─────────────────────────────────────────────────────────────────


@dataclass(slots=True, kw_only=True)
class Together(Member, Acting["BoundTogether"]):
    """Members of one group that one query reads at once.

    Attributes:
        names: The members, in the order of the reply.
        parts: Their declarations.
        query: The one query; by default theirs, joined by `;` (IEEE 488.2, 6.3.4).
        separator: What stands between the values in the reply.
        poll: Seconds between readings while somebody watches, unless they ask for others.
    """

    names: tuple[str, ...]
    parts: tuple[Value[Any], ...] = ()
    query: str = ""
    separator: str = ";"
    poll: float | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        Member.__set_name__(self, owner, name)
        parts = [getattr(owner, each, None) for each in self.names]
        for each, part in zip(self.names, parts, strict=True):
            if not isinstance(part, Value):
                raise TypeError(f"{owner.__name__}.{name} names {each!r}, which is no value.")
        self.parts = tuple(part for part in parts if isinstance(part, Value))
        self.query = self.query or ";".join(part.query for part in self.parts)

    @property
    def kind(self) -> MemberKind:
        return "record"

    def bind(self, group: Group) -> "BoundTogether":
        return BoundTogether(group, self)

    def sent_text(self) -> str:
        return self.query

    def parse(self, text: str) -> Reading:
        """Read a reply.

        Raises:
            ReplyError: Another count of values, or one that is none of its member's type.
        """
        values = text.split(self.separator)
        if len(values) != len(self.parts):
            raise ReplyError(
                f"{replies.shown(text)} has {len(values)} values where {len(self.parts)} belong."
            )
        pairs = zip(self.names, self.parts, values, strict=True)
        return Reading({name: part.sample_of(value) for name, part, value in pairs})


class BoundTogether(Bound[Together]):
    """Members of one instrument that are read together."""

    async def get(self) -> Reading:
        """Read them all, in one exchange; each is its member's newest value from then on."""
        reading = await self._ask(self.member.query, self.member.parse)
        return Reading(
            {
                name: self.access.noted(self.group.path(name), sample)
                for name, sample in reading.samples.items()
            }
        )


def together(
    *names: str,
    query: str = "",
    separator: str = ";",
    title: str = "",
    doc: str = "",
    source: str = "",
    timeout_s: float | None = None,
    requires: Requires | None = None,
    needs: str = "",
    role: AcquisitionRole = "",
    poll: float | None = None,
) -> Together:
    """Declare members of the same group that are read in one exchange; see `Together`."""
    return Together(
        names=names, query=query, separator=separator, title=title, doc=doc, source=source,
        timeout_s=timeout_s,
        requires=requires or {}, needs=needs, role=role, poll=poll,
    )  # fmt: skip
