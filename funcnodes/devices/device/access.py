"""How the members of a device reach its instrument: over its link, by its permission.

Every read and write of a member passes here, where it becomes an exchange of the link; the bench
is told what was written to, and the newest sample of each member is kept.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeVar

from funcnodes.core.events import unsubscriber
from funcnodes.core.quality import worst
from funcnodes.core.types import Range
from funcnodes.core.values import Quality
from funcnodes.devices.declarations.members import Progress, ReadBack, Sample
from funcnodes.devices.declarations.requirements import Requirement, Requirements
from funcnodes.devices.device.connection import Connection
from funcnodes.devices.device.kept import Kept
from funcnodes.devices.device.permission import Permission
from funcnodes.devices.device.rack import Write
from funcnodes.devices.device.readings import Readings
from funcnodes.devices.link.completion import carry_out
from funcnodes.devices.link.ear import Overheard
from funcnodes.devices.link.listening import overheard
from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages.protocol import Completes
from funcnodes.errors import DeviceError, NotTakenError, RefusedError

T = TypeVar("T")


class ReadsBack(Protocol):
    """Reads what a device has been set to, and compares it."""

    async def __call__(self, talk: Talk, *, but: str = "") -> None: ...


class MemberAccess:
    """`members.Access` of one device.

    Attributes:
        fault: Why it cannot be spoken with since the last exchange, or "".
        narrowed: The limits of its members as the bench narrows them.
        ramps: The ramps under way, by member.
        requirements: What its members require.
        read_again: Reads a member.
        read_back: Reads all controls over a link that is held, and compares them with what they
            were left at, but for one.
        followers: Gives what setting a member may move besides.
    """

    def __init__(
        self,
        name: str,
        connection: Connection,
        permission: Permission,
        readings: Readings,
        kept: Kept,
        *,
        written: Callable[[Write], None],
        mark: Callable[[str], Awaitable[None]],
        changed: Callable[[], None],
        check_found: Callable[[str], Awaitable[None]],
    ) -> None:
        """Args:
        written: Called before each write.
        mark: Awaited with the name before each write that is not for safety's sake.
        changed: Called when `fault`, `ramps` or a reading changed.
        check_found: Called before an output goes on; raises where it must not (D10).
        """
        self.name = name
        self.fault = ""
        self.narrowed: Mapping[str, Range] = {}
        self.ramps: dict[str, Progress] = {}
        self.requirements: Requirements
        self.read_again: Callable[[str], Awaitable[object]]
        self.read_back: ReadsBack
        self.followers: Callable[[str], Iterable[str]] = lambda _: ()
        self._connection = connection
        self._permission = permission
        self._readings = readings
        self._kept = kept
        self._written = written
        self._mark = mark
        self._changed = changed
        self._ramp_watchers: list[tuple[str, Callable[[Progress], None]]] = []
        self.pause = permission.pause
        self._check_found = check_found
        self.newest = readings.newest

    @property
    def is_safety(self) -> bool:
        """Whether the present call brings it down to a safe state."""
        return self._permission.is_safety

    async def ask(
        self, command: str, parse: Callable[[str], T], *, timeout_s: float | None, idempotent: bool
    ) -> T:
        """Query and parse while the link is held; see `Link.ask`."""
        try:
            value = await self._connection.linked().ask(
                command, parse, timeout_s=timeout_s, idempotent=idempotent
            )
        except DeviceError as error:
            self._note_fault(error)
            raise
        self.clear_fault()
        return value

    async def overheard(self, kind: str, *, timeout_s: float | None) -> Overheard:
        """The newest line of a kind that it sends by itself; see `listening.overheard`."""
        try:
            heard = await overheard(self._connection.linked(), kind, timeout_s=timeout_s)
        except DeviceError as error:
            self._note_fault(error)
            raise
        self.clear_fault()
        return heard

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
        """Write through latch, interlocks and error queue; see `Link.write`, `carry_out`."""
        link = self._connection.linked()
        if not self.is_safety and not self._permission.makes_safe(member, value):
            await self._mark(self.name)
        strikes = link.strikes
        with self._permission.writing(member, value, self._unlost(since)):
            self._written(Write(self.name, member, value, self.is_safety))
            self._begin(member, value)
            try:
                if completes:
                    await carry_out(link, command, completes, within_s=timeout_s, abort=abort)
                    if confirm is not None:
                        query, check = confirm
                        await link.ask(query, check, timeout_s=timeout_s, idempotent=True)
                else:
                    await link.write(command, timeout_s=timeout_s, confirm=confirm)
            except NotTakenError:
                await self._look_again(member)
                raise
            except DeviceError as error:
                self._note_fault(error)
                raise
            except RefusedError:
                if link.strikes == strikes:  # refused before anything was written
                    self._kept.was_not_set(member)
                raise
        self.clear_fault()

    async def _look_again(self, member: str) -> None:
        """A set was not taken: what if the mains dipped, and cut no line that would tell (D8)?"""
        if self.is_safety:
            return
        link = self._connection.linked()
        work = partial(self.read_back, but=member)
        with suppress(DeviceError, RefusedError):  # then it is recovered, and read back by that
            await link.transact("reading back", work, timeout_s=link.contact.setup_s)

    @property
    def losses(self) -> int:
        """How many times the device was found otherwise than it was left."""
        return self._kept.losses

    def _unlost(self, since: int | None) -> Callable[[], None] | None:
        """What refuses a write that waited for its turn while the device lost its settings."""
        if self.is_safety and since is None:
            return None
        before = self.losses if since is None else since

        def check() -> None:
            if self.losses != before:
                raise RefusedError(
                    f"{self._kept.sentence(self.name)} So nothing was written.",
                    device=self.name,
                    hint="Set what was lost again, or accept the settings as they are.",
                )

        return check

    def _begin(self, member: str, value: Any) -> None:
        """A set, or a command: from now on nobody knows for certain until it succeeded."""
        if value is None:
            self._kept.loosen(self.followers(member))
        else:
            self._kept.is_setting(member, value)

    @property
    def has_errors(self) -> bool:
        """Whether the instrument has an error queue that is read after each write."""
        talk = self._connection.linked().contact.talk
        return bool(talk.protocol.errors) and talk.has_errors is not False

    async def hold(
        self, command: str, work: Callable[[Talk], Awaitable[T]], *, timeout_s: float | None
    ) -> T:
        """Several reads as one transaction; see `Link.transact`."""
        try:
            value = await self._connection.linked().transact(command, work, timeout_s=timeout_s)
        except DeviceError as error:
            self._note_fault(error)
            raise
        self.clear_fault()
        return value

    async def require(self, member: str) -> None:
        """Refuse a member while what it requires does not hold.

        What was read last is believed where it holds; else the instrument is asked again.

        Raises:
            RefusedError: It does not hold; nothing was sent that changes anything.
        """
        if self.is_safety:
            return
        for each in self.requirements.of(member):
            why = await self._why_not(each)
            if why:
                raise RefusedError(
                    f"{self.name}: {member} is refused: {why}.",
                    device=self.name,
                    member=member,
                    hint=f"Set {each.member.title.lower()} first.",
                )

    async def lacks(self, member: str) -> str:
        """What a member, or a field of a record, requires and does not have, in words, or ""."""
        for each in self.requirements.of(member):
            why = await self._why_not(each)
            if why:
                return why
        return ""

    async def _why_not(self, requirement: Requirement) -> str:
        """Why it does not hold, or "": by what was read last, else the instrument is asked."""
        if not requirement.why_not(self._readings.newest):
            return ""
        await self.read_again(requirement.path)
        return requirement.why_not(self._readings.newest)

    def limits(self, member: str) -> Range | None:
        """The limits of a member as the bench narrows them; None where it has none.

        On the way to a safe state none apply.
        """
        return None if self.is_safety else self.narrowed.get(member)

    async def check_found(self, member: str) -> None:
        """Before `member`, an output, goes on: what stands outside keeps it off (D10).

        What the bench limits is read and must be within; what the controls of what it puts out
        require must hold.

        Raises:
            LimitError: Something is outside its limits; names both.
            RefusedError: Something that is required does not hold; names both.
            DeviceError: It could not be read.
        """
        if self.is_safety:
            return
        for path, each in self.requirements.put_out_by(member):
            why = await self._why_not(each)
            if why:
                raise RefusedError(
                    f"{self.name}: {member} was not switched on, since {why}, "
                    f"as {path} must have it.",
                    device=self.name,
                    member=member,
                    hint=f"Set {each.member.title.lower()} first.",
                )
        await self._check_found(member)

    def noted(self, member: str, sample: Sample) -> Sample:
        """A member's newest value, as it was read; gives it as good as the device is (D8)."""
        self._kept.was_read(member, sample.value)
        if self._kept.changes:
            sample = replace(sample, quality=self.doubted(sample.quality))
        self._readings.note(member, sample)
        self._changed()
        return sample

    def was_set(self, member: str, sample: Sample) -> None:
        """A member's newest value, as it was set and confirmed."""
        self._kept.was_set(member, sample.value, self.followers(member))
        self._readings.note(member, sample)
        self._changed()

    def doubted(self, quality: Quality) -> Quality:
        """The quality of something that was read, at best that of the device (D8)."""
        return worst((quality, "changed")) if self._kept.changes else quality

    def ramping(self, member: str, progress: Progress | None) -> None:
        """How far a member's ramp has come; None when it has ended."""
        if progress is None:
            self.ramps.pop(member, None)
        else:
            self.ramps[member] = progress
            for name, told in tuple(self._ramp_watchers):
                if name == member:
                    told(progress)
        self._changed()

    def on_ramp(self, member: str, told: Callable[[Progress], None]) -> Callable[[], None]:
        """Call `told` at each step of a member's ramp; returns how to end that."""
        return unsubscriber(self._ramp_watchers, (member, told))

    def clear_fault(self) -> None:
        """It answered."""
        if self.fault:
            self.fault = ""
            self._changed()

    def _note_fault(self, error: DeviceError) -> None:
        link = self._connection.link
        if link is not None and not link.is_ready:
            self.fault = error.message
            self._changed()
