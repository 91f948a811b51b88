"""What all declarations share: groups, channels, and how a member reaches its instrument.

A member is declared once at class level and does not change; read on an instance it becomes a
`Bound` that acts. Members reach the instrument only through `Access`, where limits, latch and
link are. The words themselves are in `values`, `controls`, `records`, `blocks` and `commands`.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, Self, TypeVar, overload

from funcnodes.core import clock
from funcnodes.core.types import Range
from funcnodes.core.values import Quality
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.protocol import Completes
from funcnodes.errors import RefusedError, ValueRefusedError

if TYPE_CHECKING:
    from funcnodes.devices.link.ear import Overheard
    from funcnodes.devices.link.talk import Talk

T = TypeVar("T")
G = TypeVar("G", bound="Group")
M = TypeVar("M", bound="Member")
A_co = TypeVar("A_co", covariant=True)  # what acts
MemberKind = Literal["control", "measurement", "record", "command", "setting"]
AcquisitionRole = Literal["", "arm", "trigger", "fetch"]
Ready = tuple[str, Any]
Requires = Mapping[str, Any]
ReadBack = tuple[str, Callable[[str], None]]
"""A query, and what looks at its reply: it raises where a set was not taken."""


class Unset:
    """Marks an argument that was not given, where None or False would be a value."""

    def __bool__(self) -> bool:
        return False


UNSET = Unset()


@dataclass(frozen=True, slots=True)
class Sample:
    """One value read from, or written to, an instrument.

    Attributes:
        value: NaN where the instrument said that it has no number (D3).
        unit: Its unit, or "".
        quality: How far it can be trusted.
        t: Seconds since the epoch.
        since: The same moment on the clock that never steps, from which its age is counted.
    """

    value: Any
    unit: str = ""
    quality: Quality = "ok"
    t: float = 0.0
    since: float = field(default_factory=clock.monotonic, compare=False)

    @property
    def age_s(self) -> float:
        """Seconds since it was taken."""
        return clock.monotonic() - self.since


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a ramp has come.

    Attributes:
        start: What the instrument read back when it began.
        position: What was last set.
        target: Where it goes.
        rate: Change per second.
        unit: Unit of all of them.
    """

    start: float
    position: float
    target: float
    rate: float
    unit: str = ""

    @property
    def done(self) -> float:
        """The part of the way that is behind it, 0 to 1."""
        way = abs(self.target - self.start)
        return 1.0 if way == 0 else min(1.0, abs(self.position - self.start) / way)

    @property
    def left_s(self) -> float:
        """Seconds until it arrives."""
        return abs(self.target - self.position) / self.rate


class Access(Protocol):
    """What a member needs of the device it belongs to."""

    @property
    def name(self) -> str: ...

    async def ask(
        self, command: str, parse: Callable[[str], T], *, timeout_s: float | None, idempotent: bool
    ) -> T:
        """Query and parse while the link is held."""

    async def tell(
        self,
        command: str,
        *,
        timeout_s: float | None,
        member: str,
        value: Any = None,
        completes: Completes = "",
        abort: str = "",
        confirm: ReadBack | None = None,
        since: int | None = None,
    ) -> None:
        """Write, through latch and error queue; `member` gets `value` by it.

        Returns when it is complete, as `completes` says, and read back, as `confirm` says. Refused
        where the device lost settings since `losses` was that, or since the call.
        """

    @property
    def losses(self) -> int:
        """How many times the device was found otherwise than it was left."""

    @property
    def has_errors(self) -> bool:
        """Whether the instrument has an error queue that is read after each write."""

    async def overheard(self, kind: str, *, timeout_s: float | None) -> "Overheard":
        """The newest line of a kind that the instrument sends by itself."""

    async def require(self, member: str) -> None:
        """Refuse a member while what it requires does not hold; on the way down all may be."""

    async def lacks(self, member: str) -> str:
        """What a member, or a field of a record, requires and does not have, in words, or ""."""

    async def hold(
        self, command: str, work: "Callable[[Talk], Awaitable[T]]", *, timeout_s: float | None
    ) -> T:
        """Several reads as one transaction: nobody else speaks between them."""

    async def pause(self, seconds: float) -> None:
        """Wait between the steps of a ramp; RefusedError at once when E-STOP is pressed."""

    @property
    def is_safety(self) -> bool:
        """Whether the present call brings the device down to a safe state."""

    def ramping(self, member: str, progress: Progress | None) -> None:
        """How far a member's ramp has come; None when it has ended."""

    def limits(self, member: str) -> Range | None:
        """The limits of a member as the bench narrows them."""

    async def check_found(self, member: str) -> None:
        """Refuse that `member` goes on while one that is limited or required stands outside."""

    def noted(self, member: str, sample: Sample) -> Sample:
        """A member's newest value, as it was read; gives it as good as the device is (D8)."""

    def was_set(self, member: str, sample: Sample) -> None:
        """A member's newest value, as it was set and confirmed."""

    def doubted(self, quality: Quality) -> Quality:
        """The quality of something that was read, at best that of the device (D8)."""

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
        self.ramps: dict[str, Any] = {}  # of members that ramp, by name; `ramps.Lane`

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

    def find(self, path: str) -> "Bound[Any]":
        """The acting member of that full name; KeyError where there is none."""
        head, dot, rest = path.partition(".")
        if dot:
            if head not in self.channels:
                raise KeyError(path)
            group = getattr(self, head)
            assert isinstance(group, Group)
            return group.find(rest)
        return self.members[head].bind(self)


class Acting(Generic[A_co]):
    """What is declared once at class level, and read on an instance acts on that instrument.

    `Smu.voltage` is the declaration, a `Control[float]`; `smu.voltage` a `BoundControl[float]`.
    """

    __slots__ = ()

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Group, owner: type) -> A_co: ...
    def __get__(self, instance: Group | None, owner: type) -> Self | A_co:
        return self if instance is None else self.bind(instance)

    def bind(self, group: Group) -> A_co:
        """It, acting on an instrument."""
        raise NotImplementedError


class Channel(Acting[G]):
    """A group that an instrument has several times: `a = Channel(Input, ch="A")`."""

    def __init__(self, group: type[G], *, title: str = "", **names: str) -> None:
        self.group = group
        self.names = names
        self.title = title
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def bind(self, group: Group) -> G:
        key = f"_channel_{self.name}"
        if key not in group.__dict__:
            prefix = f"{group.path(self.name)}."
            group.__dict__[key] = self.group(group.access, prefix=prefix, **self.names)
        found: G = group.__dict__[key]
        return found


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
        requires: What must hold so that it means what it says: members, of the same group or by
            full name, and the value of each, or several that will do.
        role: Its part in an acquisition of several devices: arm, trigger or fetch.
        ready: A member of the instrument and its value when what was armed can be fetched.
    """

    name: str = ""
    title: str = ""
    doc: str = ""
    source: str = ""
    timeout_s: float | None = None
    needs: str = ""
    requires: Requires = field(default_factory=dict)
    role: AcquisitionRole = ""
    ready: Ready | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.title = self.title or name.replace("_", " ").capitalize()

    @property
    def kind(self) -> MemberKind:
        raise NotImplementedError

    def bind(self, group: Group) -> "Bound[Any]":
        """The member acting on an instrument; see `Acting`."""
        raise NotImplementedError

    def makes_safe(self, value: Any) -> bool:
        """Whether writing `value` makes the instrument safe, as far as this member goes."""
        return False

    def sent_text(self) -> str:
        """The commands it sends, for its documentation."""
        raise NotImplementedError


class Bound(Generic[M]):
    """A member of one instrument."""

    def __init__(self, group: Group, member: M) -> None:
        self.group = group
        self.member = member
        self.path = group.path(member.name)
        self.title = member.title

    @property
    def access(self) -> Access:
        return self.group.access

    @property
    def last(self) -> Sample | None:
        """The newest sample, read from nothing; of quality "stale" past its `valid_s`."""
        return self.access.newest(self.path)

    async def _ask(self, query: str, parse: Callable[[str], T]) -> T:
        """Ask the instrument, unless what this needs is off; may be asked again."""
        await self._check_needs()
        return await self.access.ask(
            self.group.render(query), parse, timeout_s=self.member.timeout_s, idempotent=True
        )

    async def _check_needs(self) -> None:
        """Refuse at once what the instrument would not answer, or would answer wrongly.

        What was last known to be on is believed; what was last known to be off is asked again.
        """
        needs, title = self.member.needs, self.member.title
        await self.access.require(self.path)
        if not needs:
            return
        switch = self.group.find(needs)
        if not await switch.is_on():
            raise RefusedError(
                f"{self.access.name}: {title} was not read, since {switch.title.lower()} is off.",
                device=self.access.name,
                hint=f"Set {switch.title.lower()} first.",
            )

    async def is_on(self) -> bool:
        """Whether it holds another value than its safe one, as last known, else asked."""
        raise TypeError(f"{self.path} is no control with a safe value.")


def refusal(who: str, title: str, why: str) -> ValueRefusedError:
    """The error for a value that cannot be set, whatever the cause."""
    return ValueRefusedError(f"{who}: {title.lower()} cannot be set: {why}.", device=who)


def safe_text(text: str, who: str, what: str) -> str:
    """A user's text that may stand in a command: no line break, `;`, quote or control character.

    Raises:
        ValueRefusedError: It holds one, so nothing was sent.
    """
    bad = next((c for c in text if not (c.isascii() and c.isprintable()) or c in ";\"'"), None)
    if bad is not None:
        raise refusal(who, what, f"{replies.shown(text)} holds {bad!r}")
    return text


def plain(template: str) -> str:
    """A command template for people: ":SOUR:VOLT {v:.9g}" is ":SOUR:VOLT <value>"."""
    head, brace, rest = template.partition("{v")
    return f"{head}<value>{rest.partition('}')[2]}" if brace else template
