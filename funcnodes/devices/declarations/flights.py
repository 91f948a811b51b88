"""Flights: many readings that an instrument takes by itself, fetched by blocks meanwhile.

    memory = flight(
        arm=":INIT", told_as="init", trigger="bus_trigger", fetch=":R? {most}", count="samples",
        value=(float, "V"), most=10_000, stop=":ABOR",
    )

Some instruments give what they have while they go on measuring; others are deaf until a filling of
their memory is complete, and are armed again for the next one (`is_deaf`). Either way the readings
come in blocks, each with the time at which it was taken: by the instrument's own clock where it
has one, else spread over the time since the block before.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from funcnodes.core import clock
from funcnodes.core.values import Quality
from funcnodes.devices.declarations.commands import BoundCommand
from funcnodes.devices.declarations.controls import BoundControl
from funcnodes.devices.declarations.members import Access, Group
from funcnodes.devices.declarations.records import Field, FieldWords, Record, fields_of
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.framing import Refused
from funcnodes.devices.transports.base import BLOCK_LIMIT
from funcnodes.errors import DeviceTimeout, FuncnodesError, RefusedError, ReplyError

if TYPE_CHECKING:
    from funcnodes.devices.link.talk import Talk

LOOK_S = 0.02
"""Between two looks for readings that have come meanwhile."""
MOST_AT_ONCE = 1000
PUT_BACK_S = 5.0
"""For stopping an instrument and putting it back where something went wrong."""


@dataclass(frozen=True, slots=True)
class FlightBlock:
    """Readings that came at once, the oldest first.

    Attributes:
        mono: When each was taken, on the steady clock.
        values: By field, one number per reading; NaN where there is none.
        quality: By field, one per reading.
    """

    mono: tuple[float, ...]
    values: Mapping[str, tuple[float, ...]]
    quality: Mapping[str, tuple[Quality, ...]]

    def __len__(self) -> int:
        return len(self.mono)


@dataclass(slots=True, kw_only=True)
class Flight:
    """How an instrument takes many readings by itself. Not changed after its class was made.

    Attributes:
        fields: What one reading is, in the order of the reply.
        arm: Command that begins a filling, or has it wait for its trigger.
        trigger: Name of the instrument's trigger command, sent after arming where what that
            requires holds; "" where it has none.
        count: Name of a setting that holds how many readings a filling takes; it is put back at
            the end. "" where `prepare` says so.
        prepare: Commands before the first arming; `{count}` are the readings of a filling.
        restore: Commands at the end, whatever the end was.
        before, after: Commands around a fetch, in the same transaction.
        told_as: Name of the declared command as which all that it writes is told and permitted.
        fetch: Query for what is there; `{most}` readings at most.
        clock: Name of the field with the seconds since the first reading of a filling, or "".
        most: Readings of one filling at most.
        is_deaf: Whether the instrument answers nothing before a filling is complete.
        stop: Command that ends a filling early, or "".
        like: Name of a member that requires the same, or "".
        needs: Name of a control that must be on, or "".
    """

    fields: tuple[Field, ...]
    arm: str
    told_as: str
    fetch: str
    most: int
    trigger: str = ""
    count: str = ""
    prepare: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    clock: str = ""
    is_deaf: bool = False
    stop: str = ""
    like: str = ""
    needs: str = ""
    title: str = ""
    doc: str = ""
    source: str = ""
    name: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.title = self.title or name.replace("_", " ").capitalize()

    @property
    def shown(self) -> tuple[Field, ...]:
        """The fields that are measured values."""
        return tuple(f for f in self.fields if f.status is None and f.name != self.clock)

    def read(self, text: str) -> list[dict[str, tuple[float, Quality]]]:
        """Readings of a reply, each by field.

        Raises:
            ReplyError: They are no whole number of readings, or something is no number.
        """
        parts = [part for part in text.split(",") if part.strip()]
        width = len(self.fields)
        if len(parts) % width:
            raise ReplyError(f"{len(parts)} values came, of which {width} make one reading.")
        one = Record(query="", fields=self.fields)
        found = []
        for start in range(0, len(parts), width):
            samples = one.parse(",".join(parts[start : start + width])).samples
            found.append({name: (s.value, s.quality) for name, s in samples.items()})
        return found


class BoundFlight:
    """A flight of one instrument."""

    def __init__(self, group: Group, member: Flight) -> None:
        self.group = group
        self.member = member

    @property
    def access(self) -> Access:
        return self.group.access

    async def blocks(
        self, count: int, *, block: int, deadline_s: float
    ) -> AsyncGenerator[FlightBlock, None]:
        """Take readings, and give them as they come; ends after `count` of them.

        However it ends, the instrument is stopped where it still measures, and put back.

        Args:
            count: Readings altogether, from 1.
            block: Readings of a filling where the instrument is deaf meanwhile; else fetched at
                once at most.
            deadline_s: Time for the next reading, from arming or from the last one.

        Raises:
            DeviceTimeout: No reading came in time: says how many had come.
            DeviceError: The instrument refused, or is away.
            RefusedError: Stopped by E-STOP.
        """
        member = self.member
        filling = min(block, member.most) if member.is_deaf else count
        if filling > member.most:
            raise self._refused(f"its memory holds {member.most:,} readings, not {count:,}")
        await self._check()
        under_way = False
        setting = self._setting()
        before = (await setting.sample()).value if setting is not None else None
        try:
            left = count
            await self._prepare(min(filling, left))
            while left > 0:
                wanted, under_way = min(filling, left), True
                if left < count and wanted < filling:
                    await self._prepare(wanted)
                taking = self._deaf if member.is_deaf else self._hearing
                async for found in taking(wanted, block, deadline_s, count - left):
                    left -= len(found)
                    under_way = left > 0 and not member.is_deaf
                    yield found
        except BaseException:
            with suppress(FuncnodesError, TimeoutError):  # what went wrong first is what is told
                async with asyncio.timeout(PUT_BACK_S):
                    await self._put_back(under_way, before)
            raise
        await self._put_back(False, before)

    async def _check(self) -> None:
        """Refuse what the instrument would not measure, before anything is sent."""
        member = self.member
        if member.like:
            await self.access.require(self.group.path(member.like))
        if member.needs and not await self.group.find(member.needs).is_on():
            title = self.group.find(member.needs).title.lower()
            raise RefusedError(
                f"{self.access.name}: {member.title} was not begun, since {title} is off.",
                device=self.access.name,
                hint=f"Set {title} first.",
            )

    async def _hearing(
        self, wanted: int, block: int, deadline_s: float, had: int
    ) -> AsyncGenerator[FlightBlock, None]:
        """Fetch what is there, again and again, until all have come."""
        since = await self._armed(deadline_s)
        last = since
        while wanted > 0:
            readings = await self._fetched(min(block, wanted, MOST_AT_ONCE))
            now = clock.monotonic()
            if readings:
                found = self._block(readings, since, now)
                wanted, since, last, had = wanted - len(found), now, now, had + len(found)
                yield found
            elif now - last > deadline_s:
                raise self._late(deadline_s, had)
            else:
                await clock.sleep(LOOK_S)

    async def _deaf(
        self, wanted: int, block: int, deadline_s: float, had: int
    ) -> AsyncGenerator[FlightBlock, None]:
        """Have one filling taken, then fetch all of it."""
        try:
            await self.access.tell(
                self.member.arm, timeout_s=deadline_s, member=self._told_as,
                completes="opc", abort=self.member.stop,
            )  # fmt: skip
        except DeviceTimeout as error:
            raise self._late(deadline_s, had) from error
        ended = clock.monotonic()
        readings = await self._fetched(wanted)
        if len(readings) != wanted:
            raise ReplyError(
                f"{self.access.name}: {len(readings)} readings came of a filling of {wanted}; "
                f"{had} were kept.",
                device=self.access.name,
            )
        stamp = self.member.clock
        began = ended - readings[-1][stamp][0] if stamp else ended
        yield self._block(readings, began, ended)

    async def _armed(self, deadline_s: float) -> float:
        """Arm, and trigger where that is for us to do; when, on the steady clock."""
        member = self.member
        await self.access.tell(member.arm, timeout_s=None, member=self._told_as)
        if member.trigger and not await self.access.lacks(self.group.path(member.trigger)):
            trigger = self.group.find(member.trigger)
            assert isinstance(trigger, BoundCommand)
            await trigger()
        return clock.monotonic()

    async def _fetched(self, most: int) -> list[dict[str, tuple[float, Quality]]]:
        """What is there now, at most so many readings."""
        member = self.member
        query = self.group.render(member.fetch, most=most)

        async def read(talk: "Talk") -> list[dict[str, tuple[float, Quality]]]:
            for each in member.before:
                await talk.write(each)
            text = await talk.query_numbers(query, limit=BLOCK_LIMIT)
            for each in member.after:
                await talk.write(each)
            if (member.before or member.after) and (errors := await talk.errors()):
                raise Refused(*errors[0])
            return member.read(replies.without_header(text, query))

        found = await self.access.hold(query, read, timeout_s=None)
        doubted = self.access.doubted
        return [
            {name: (value, doubted(quality)) for name, (value, quality) in each.items()}
            for each in found
        ]

    def _block(
        self, readings: list[dict[str, tuple[float, Quality]]], since: float, now: float
    ) -> FlightBlock:
        stamp, number = self.member.clock, len(readings)
        if stamp:
            mono = tuple(since + each[stamp][0] for each in readings)
        else:
            mono = tuple(since + (now - since) * (n + 1) / number for n in range(number))
        names = [field.name for field in self.member.shown]
        return FlightBlock(
            mono,
            {name: tuple(float(each[name][0]) for each in readings) for name in names},
            {name: tuple(each[name][1] for each in readings) for name in names},
        )

    async def _tell_all(self, commands: tuple[str, ...], count: int) -> None:
        for each in commands:
            text = self.group.render(each, count=count)
            await self.access.tell(text, timeout_s=None, member=self._told_as)

    async def _prepare(self, count: int) -> None:
        setting = self._setting()
        if setting is not None:
            await setting.set(count)
        await self._tell_all(self.member.prepare, count)

    async def _put_back(self, under_way: bool, before: int | None) -> None:
        stop = (self.member.stop,) if under_way and self.member.stop else ()
        await self._tell_all((*stop, *self.member.restore), 1)
        setting = self._setting()
        if before is not None and setting is not None:
            await setting.set(before)

    @property
    def _told_as(self) -> str:
        return self.group.path(self.member.told_as)

    def _setting(self) -> "BoundControl[Any] | None":
        if not self.member.count:
            return None
        found = self.group.find(self.member.count)
        assert isinstance(found, BoundControl)
        return found

    def _late(self, deadline_s: float, had: int) -> DeviceTimeout:
        what = f"after {had} of them" if had else "after it was armed; no trigger reached it"
        return DeviceTimeout(
            f"{self.access.name}: no reading in {deadline_s:g} s {what}.", device=self.access.name
        )

    def _refused(self, why: str) -> ReplyError:
        return ReplyError(f"{self.access.name}: {why}.", device=self.access.name)


def flights_of(kind: type[Group]) -> dict[str, Flight]:
    """What a driver declares, by name."""
    return {
        name: value
        for each in reversed(kind.__mro__)
        for name, value in vars(each).items()
        if isinstance(value, Flight)
    }


def flight(
    *,
    arm: str,
    told_as: str,
    fetch: str,
    most: int,
    trigger: str = "",
    count: str = "",
    prepare: tuple[str, ...] = (),
    restore: tuple[str, ...] = (),
    before: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
    clock: str = "",
    is_deaf: bool = False,
    stop: str = "",
    like: str = "",
    needs: str = "",
    title: str = "",
    doc: str = "",
    source: str = "",
    **fields: FieldWords,
) -> Flight:
    """Declare how the instrument takes many readings by itself; see `Flight`.

    Args:
        fields: As of a `record`.
    """
    return Flight(
        fields=fields_of(fields), arm=arm, told_as=told_as, fetch=fetch, most=most,
        trigger=trigger, count=count,
        prepare=prepare, restore=restore, before=before, after=after, clock=clock,
        is_deaf=is_deaf, stop=stop, like=like, needs=needs, title=title, doc=doc,
        source=source,
    )  # fmt: skip
