"""The words in which a driver is written: controls, measurements, records, commands, channels.

A driver is a data sheet: frozen declarations at class level, from which ports, limits, docs,
safe states and the bytes on the wire all follow, without a connection. Read on an instance, a
declaration becomes something that acts: `await smu.voltage.set(2.5)`, with static types.
Members reach the instrument only through `Access`, where limits, latch and link are.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Protocol, Self, TypeVar, overload

from funcnodes.core import clock, units
from funcnodes.core.types import Range
from funcnodes.core.values import Quality
from funcnodes.devices import replies
from funcnodes.errors import LimitError, RefusedError, ReplyError, ValueRefusedError

T = TypeVar("T")
G = TypeVar("G", bound="Group")
MemberKind = Literal["control", "measurement", "record", "command", "setting"]
RAMP_TICK_S = 0.05


class _Unset:
    """Marks an argument that was not given, where None or False would be a value."""

    def __bool__(self) -> bool:
        return False


UNSET = _Unset()


@dataclass(frozen=True, slots=True)
class Sample:
    """One value read from, or written to, an instrument.

    Attributes:
        value: NaN where the instrument said that it has no number (D3).
        unit: Its unit, or "".
        quality: How far it can be trusted.
        t: Seconds since the epoch.
    """

    value: Any
    unit: str = ""
    quality: Quality = "ok"
    t: float = 0.0


class Access(Protocol):
    """What a member needs of the device it belongs to."""

    @property
    def name(self) -> str: ...

    async def ask(
        self, command: str, parse: Callable[[str], T], *, timeout_s: float | None, idempotent: bool
    ) -> T:
        """Query and parse while the link is held."""

    async def tell(self, command: str, *, timeout_s: float | None) -> None:
        """Write, through latch and error queue."""

    def limits(self, member: str) -> Range | None:
        """The limits of a member as the bench narrows them."""

    def noted(self, member: str, sample: Sample) -> None:
        """A member's newest value."""

    def newest(self, member: str) -> Sample | None:
        """The last that was noted."""


class Group:
    """A set of members on one instrument, or on one channel of it."""

    members: ClassVar[Mapping[str, "Member"]] = {}
    channels: ClassVar[Mapping[str, "Channel[Any]"]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Member)}
        cls.members = {**cls.members, **own}
        channels = {name: value for name, value in vars(cls).items() if isinstance(value, Channel)}
        cls.channels = {**cls.channels, **channels}

    def __init__(self, access: Access, *, prefix: str = "", **names: str) -> None:
        self.access = access
        self._prefix = prefix
        self._names = names  # what stands for {ch} and the like in commands
        self.ramping = asyncio.Lock()  # one ramp at a time on one group

    def path(self, member: str) -> str:
        """The full name of a member, e.g. "a.kelvin"."""
        return f"{self._prefix}{member}"

    def render(self, template: str, **values: Any) -> str:
        """A command with its names and values put in."""
        return template.format(**self._names, **values)

    @classmethod
    def walk(cls, prefix: str = "") -> Iterator[tuple[str, "Member"]]:
        """Every member below with its full name, in the order of declaration."""
        for name, member in cls.members.items():
            yield f"{prefix}{name}", member
        for name, channel in cls.channels.items():
            yield from channel.group.walk(f"{prefix}{name}.")

    def find(self, path: str) -> "Bound":
        """The acting member of that full name; KeyError where there is none."""
        head, dot, rest = path.partition(".")
        if dot:
            if head not in self.channels:
                raise KeyError(path)
            group = getattr(self, head)
            assert isinstance(group, Group)
            return group.find(rest)
        return self.members[head].bind(self)


class Channel(Generic[G]):
    """A group that an instrument has several times: `a = Channel(Input, ch="A")`."""

    def __init__(self, group: type[G], *, title: str = "", **names: str) -> None:
        self.group = group
        self.names = names
        self.title = title
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Group, owner: type) -> G: ...
    def __get__(self, instance: Group | None, owner: type) -> Self | G:
        if instance is None:
            return self
        key = f"_channel_{self.name}"
        if key not in instance.__dict__:
            prefix = f"{instance.path(self.name)}."
            instance.__dict__[key] = self.group(instance.access, prefix=prefix, **self.names)
        group: G = instance.__dict__[key]
        return group


@dataclass(slots=True, kw_only=True)
class Member:
    """What all declarations share. Not changed after its class was made.

    Attributes:
        name: As in the class; set by Python.
        title: What a person calls it, e.g. "Voltage".
        doc: What it does, in a sentence or two.
        source: Where the manual says so.
        timeout_s: Time for its reply, None for the instrument's usual.
        needs: Name of a control that must be on before this may be asked.
    """

    name: str = ""
    title: str = ""
    doc: str = ""
    source: str = ""
    timeout_s: float | None = None
    needs: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.title = self.title or name.replace("_", " ").capitalize()

    @property
    def kind(self) -> MemberKind:
        raise NotImplementedError

    def bind(self, group: Group) -> "Bound":
        """The member acting on an instrument."""
        raise NotImplementedError

    def wire_text(self) -> str:
        """The commands it sends, for its documentation."""
        raise NotImplementedError


class Bound:
    """A member of one instrument."""

    def __init__(self, group: Group, member: Member) -> None:
        self.group = group
        self.path = group.path(member.name)

    @property
    def access(self) -> Access:
        return self.group.access

    @property
    def last(self) -> Sample | None:
        """The newest sample, read from nothing."""
        return self.access.newest(self.path)

    async def _check_needs(self, needs: str, title: str) -> None:
        """Refuse at once what the instrument would not answer.

        What was last known to be on is believed; what was last known to be off is asked again.
        """
        if not needs:
            return
        bound = self.group.find(needs)
        assert isinstance(bound, BoundControl)
        safe = bound.declaration().safe
        sample = bound.last
        if sample is None or sample.value == safe:
            sample = await bound.sample()
        if sample.value == safe:
            raise RefusedError(
                f"{self.access.name}: {title} was not read, since {bound.member.title.lower()} "
                f"is {bound.member.text(sample.value)}.",
                device=self.access.name,
                hint=f"Set {bound.member.title.lower()} first.",
            )


# ── values and the wire ───────────────────────────────────────────────────────────────────


@dataclass(slots=True, kw_only=True)
class Value(Member, Generic[T]):
    """A member with one typed value.

    Attributes:
        type: bool, int, float or str.
        query: Command that reads it, e.g. ":SOUR:VOLT?".
        unit: Unit of a number, or "".
        choices: Values and how the wire writes them, where only these exist.
    """

    type: type[T]
    query: str
    unit: str = ""
    choices: Mapping[T, str] | None = None

    def parse(self, text: str) -> tuple[T, Quality]:
        """Read a reply.

        Raises:
            ReplyError: It is none of this type.
        """
        if self.choices is not None:
            return self._choice(replies.word(text)), "ok"
        value: Any
        quality: Quality = "ok"
        if self.type is bool:
            value = replies.boolean(text)
        elif self.type is int:
            value = replies.integer(text)
        elif self.type is float:
            value, quality = replies.number(text)
        else:
            value = replies.word(text)
        return value, quality

    def text(self, value: Any) -> str:
        """A value for people: "off", "2.5 V"."""
        if isinstance(value, bool):
            return "on" if value else "off"
        return units.text(value, self.unit) if isinstance(value, float) else str(value)

    def _choice(self, word: str) -> T:
        assert self.choices is not None
        for value, wire in self.choices.items():
            if wire.upper() == word.upper() or _same_number(wire, word):
                return value
        raise ReplyError(f"{replies.shown(word)} is none of {', '.join(self.choices.values())}.")


def _same_number(a: str, b: str) -> bool:
    try:
        return replies.number(a)[0] == replies.number(b)[0]
    except ReplyError:
        return False


class BoundValue(Bound, Generic[T]):
    """A value that can be read."""

    def __init__(self, group: Group, member: Value[T]) -> None:
        super().__init__(group, member)
        self.member: Value[T] = member

    async def sample(self) -> Sample:
        """Read it, with quality and time."""
        member = self.member
        await self._check_needs(member.needs, member.title)
        value, quality = await self.access.ask(
            self.group.render(member.query),
            member.parse,
            timeout_s=member.timeout_s,
            idempotent=True,
        )
        sample = Sample(value, member.unit, quality, clock.now())
        self.access.noted(self.path, sample)
        return sample

    async def get(self) -> T:
        """Read it; NaN where the instrument has no number."""
        value: T = (await self.sample()).value
        return value


# ── controls ──────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True, kw_only=True)
class Control(Value[T]):
    """Something that can be set and read back.

    Attributes:
        command: Template of the command that sets it, e.g. ":SOUR:VOLT {v:.9g}".
        limits: What may be set, in `unit`; a bench narrows it further.
        rate: Highest change per second, in `unit`/s: larger steps are ramped.
        safe: Value at which the instrument is safe; its command is part of `estop`, and
            another value than this one counts as "output on".
        park: Value to go to before `safe` in an orderly way down.
        is_setting: Whether it is how to measure rather than what to put out.
    """

    command: str
    limits: Range | None = None
    rate: float | None = None
    safe: T | _Unset = UNSET
    park: T | _Unset = UNSET
    is_setting: bool = False

    @property
    def kind(self) -> MemberKind:
        return "setting" if self.is_setting else "control"

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Group, owner: type) -> "BoundControl[T]": ...
    def __get__(self, instance: Group | None, owner: type) -> "Self | BoundControl[T]":
        return self if instance is None else self.bind(instance)

    def bind(self, group: Group) -> "BoundControl[T]":
        return BoundControl(group, self)

    def wire_text(self) -> str:
        return f"{plain(self.command)} and {self.query}"

    def accept(self, value: Any, *, who: str, limits: Range | None) -> T:
        """The value in this control's type, if it may be set.

        Raises:
            LimitError: It is outside `limits`.
            ValueRefusedError: It is of another type, none of the choices, or would break out of
                its command.
        """
        if self.choices is not None:
            return self._accept_choice(value, who)
        if self.type is str:
            text: T = _accept_text(value, who, self.title)
            return text
        if self.type is bool:
            if value not in (0, 1):
                raise _refusal(who, self.title, f"{value!r} is neither on nor off")
            switched: Any = bool(value)
            return switched  # type: ignore[no-any-return]  # T is bool here
        return self._accept_number(value, who, limits)

    def wire(self, value: T) -> Any:
        """A value as it stands in the command."""
        return self.choices[value] if self.choices is not None else value

    def _accept_choice(self, value: Any, who: str) -> T:
        assert self.choices is not None
        for choice in self.choices:
            if choice == value or str(choice).lower() == str(value).lower():
                return choice
        known = ", ".join(str(choice) for choice in self.choices)
        raise _refusal(who, self.title, f"{value!r} is none of {known}")

    def _accept_number(self, value: Any, who: str, limits: Range | None) -> T:
        if isinstance(value, bool) or not hasattr(value, "__float__"):
            raise _refusal(who, self.title, f"{value!r} is not a number")
        number = float(value)
        if not math.isfinite(number) or (self.type is int and number != int(number)):
            kind = "a whole number" if self.type is int else "a finite number"
            raise _refusal(who, self.title, f"{value!r} is not {kind}")
        if limits is not None and not limits.holds(number):
            shown = units.text(number, self.unit, digits=9)
            raise LimitError(
                f"{who}: {self.title.lower()} cannot be set to {shown}, which is outside "
                f"{limits.text(self.unit)}.",
                device=who,
                value=number,
                low=limits.low,
                high=limits.high,
                unit=self.unit,
            )
        return self.type(number)  # type: ignore[call-arg]  # int(number) or float(number)


class BoundControl(BoundValue[T]):
    """A control of one instrument."""

    def declaration(self) -> Control[T]:
        """Its declaration."""
        assert isinstance(self.member, Control)
        return self.member

    async def set(self, value: T) -> None:
        """Set it, within limits, along its ramp where it has one.

        A ramp begins at what the instrument reads back and can be interrupted at any point by
        cancelling; the instrument then stays where it is.

        Raises:
            LimitError: Outside the limits as the bench narrows them; nothing was sent.
            RefusedError: Stopped by E-STOP.
            InstrumentError: The instrument did not take it.
            DeviceError: It could not be reached, or did not answer.
        """
        member = self.declaration()
        value = member.accept(value, who=self.access.name, limits=self.access.limits(self.path))
        if member.rate is None:
            await self._write(value)
            return
        async with self.group.ramping:
            await self._ramp(value, member.rate)

    async def _ramp(self, target: Any, rate: float) -> None:
        position: Any = await self.get()
        if not math.isfinite(position):
            raise ReplyError(
                f"{self.access.name}: {self.member.title.lower()} reads back as no number, so no "
                "ramp can begin there.",
                device=self.access.name,
            )
        step, began, ticks = rate * RAMP_TICK_S, clock.monotonic(), 0
        while abs(target - position) > step * (1 + 1e-9):
            position += math.copysign(step, target - position)
            await self._write(position)
            ticks += 1
            await clock.sleep(began + ticks * RAMP_TICK_S - clock.monotonic())
        await self._write(target)

    async def _write(self, value: T) -> None:
        member = self.declaration()
        await self.access.tell(
            self.group.render(member.command, v=member.wire(value)), timeout_s=member.timeout_s
        )
        self.access.noted(self.path, Sample(value, member.unit, "ok", clock.now()))


def control(
    type: type[T],
    query: str,
    command: str,
    *,
    unit: str = "",
    limits: Range | None = None,
    choices: Mapping[T, str] | None = None,
    rate: float | None = None,
    safe: T | _Unset = UNSET,
    park: T | _Unset = UNSET,
    title: str = "",
    doc: str = "",
    source: str = "",
    timeout_s: float | None = None,
) -> Control[T]:
    """Declare something that can be set and read back; see `Control`."""
    return Control(
        type=type, query=query, command=command, unit=unit, limits=limits, choices=choices,
        rate=rate, safe=safe, park=park, title=title, doc=doc, source=source, timeout_s=timeout_s,
    )  # fmt: skip


def setting(
    type: type[T],
    query: str,
    command: str,
    *,
    unit: str = "",
    limits: Range | None = None,
    choices: Mapping[T, str] | None = None,
    title: str = "",
    doc: str = "",
    source: str = "",
    timeout_s: float | None = None,
) -> Control[T]:
    """Declare how the instrument works (range, integration time): a control of lesser rank."""
    return Control(
        type=type, query=query, command=command, unit=unit, limits=limits, choices=choices,
        title=title, doc=doc, source=source, timeout_s=timeout_s, is_setting=True,
    )  # fmt: skip


# ── measurements ──────────────────────────────────────────────────────────────


@dataclass(slots=True, kw_only=True)
class Measurement(Value[T]):
    """Something that can only be read."""

    @property
    def kind(self) -> MemberKind:
        return "measurement"

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Group, owner: type) -> BoundValue[T]: ...
    def __get__(self, instance: Group | None, owner: type) -> Self | BoundValue[T]:
        return self if instance is None else self.bind(instance)

    def bind(self, group: Group) -> BoundValue[T]:
        return BoundValue(group, self)

    def wire_text(self) -> str:
        return self.query


def measurement(
    type: type[T],
    query: str,
    *,
    unit: str = "",
    choices: Mapping[T, str] | None = None,
    title: str = "",
    doc: str = "",
    source: str = "",
    timeout_s: float | None = None,
    needs: str = "",
) -> Measurement[T]:
    """Declare something that can only be read; see `Measurement`."""
    return Measurement(
        type=type, query=query, unit=unit, choices=choices, title=title, doc=doc, source=source,
        timeout_s=timeout_s, needs=needs,
    )  # fmt: skip


# ── commands ──────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True, kw_only=True)
class Command(Member):
    """An action without a value."""

    command: str

    @property
    def kind(self) -> MemberKind:
        return "command"

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Group, owner: type) -> "BoundCommand": ...
    def __get__(self, instance: Group | None, owner: type) -> "Self | BoundCommand":
        return self if instance is None else self.bind(instance)

    def bind(self, group: Group) -> "BoundCommand":
        return BoundCommand(group, self)

    def wire_text(self) -> str:
        return self.command


class BoundCommand(Bound):
    """A command of one instrument: `await smu.reset()`."""

    def __init__(self, group: Group, member: Command) -> None:
        super().__init__(group, member)
        self.member = member

    async def __call__(self) -> None:
        """Carry it out.

        Raises:
            RefusedError: Stopped by E-STOP.
            InstrumentError: The instrument refused.
        """
        member = self.member
        await self.access.tell(self.group.render(member.command), timeout_s=member.timeout_s)


def command(
    text: str, *, title: str = "", doc: str = "", source: str = "", timeout_s: float | None = None
) -> Command:
    """Declare an action without a value; see `Command`."""
    return Command(command=text, title=title, doc=doc, source=source, timeout_s=timeout_s)


# ── words ─────────────────────────────────────────────────────────────────────────────────


def plain(template: str) -> str:
    """A command template for people: ":SOUR:VOLT {v:.9g}" is ":SOUR:VOLT <value>"."""
    head, brace, rest = template.partition("{v")
    return f"{head}<value>{rest.partition('}')[2]}" if brace else template


def safe_text(text: str, who: str, what: str) -> str:
    """A user's text that may stand in a command: no line break, `;`, quote or control character.

    Raises:
        ValueRefusedError: It holds one, so nothing was sent.
    """
    bad = next((c for c in text if not (c.isascii() and c.isprintable()) or c in ";\"'"), None)
    if bad is not None:
        raise _refusal(who, what, f"{replies.shown(text)} holds {bad!r}")
    return text


def _accept_text(value: Any, who: str, title: str) -> Any:
    if not isinstance(value, str):
        raise _refusal(who, title, f"{value!r} is not text")
    return safe_text(value, who, title)


def _refusal(who: str, title: str, why: str) -> ValueRefusedError:
    return ValueRefusedError(f"{who}: {title.lower()} cannot be set: {why}.", device=who)
