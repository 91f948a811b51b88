"""Commands: actions without a value, some of which take long and say when they are complete."""

from dataclasses import dataclass

from funcnodes.devices.declarations.members import (
    AcquisitionRole,
    Acting,
    Bound,
    Group,
    Member,
    MemberKind,
    Requires,
)
from funcnodes.devices.messages.protocol import Completes


@dataclass(slots=True, kw_only=True)
class Command(Member, Acting["BoundCommand"]):
    """An action without a value.

    Attributes:
        command: What is sent.
        completes: How the instrument tells that it is carried out, "" where at once. Its
            `timeout_s` is then the time for that.
        abort: Sent when waiting for that is cancelled or takes too long, or "".
        brings: Names of members, in its group or in full, that hold what others require once it
            was carried out.
    """

    command: str
    completes: Completes = ""
    abort: str = ""
    brings: tuple[str, ...] = ()

    @property
    def kind(self) -> MemberKind:
        return "command"

    def bind(self, group: Group) -> "BoundCommand":
        return BoundCommand(group, self)

    def sent_text(self) -> str:
        return self.command


class BoundCommand(Bound[Command]):
    """A command of one instrument: `await smu.reset()`."""

    async def __call__(self) -> None:
        """Carry it out; returns when it is complete, where the instrument tells.

        Raises:
            RefusedError: Stopped by E-STOP.
            InstrumentError: The instrument refused.
            DeviceTimeout: It was not complete in time.
        """
        member = self.member
        await self.access.require(self.path)
        await self.access.tell(
            self.group.render(member.command),
            timeout_s=member.timeout_s,
            member=self.path,
            completes=member.completes,
            abort=self.group.render(member.abort),
        )


def command(
    text: str,
    *,
    title: str = "",
    doc: str = "",
    source: str = "",
    timeout_s: float | None = None,
    requires: Requires | None = None,
    completes: Completes = "",
    abort: str = "",
    brings: tuple[str, ...] = (),
    role: AcquisitionRole = "",
) -> Command:
    """Declare an action without a value; see `Command`."""
    return Command(
        command=text, title=title, doc=doc, source=source, timeout_s=timeout_s,
        requires=requires or {},
        completes=completes, abort=abort, brings=brings, role=role,
    )  # fmt: skip


def arm(
    text: str, *, title: str = "Arm", doc: str = "", source: str = "",
    requires: Requires | None = None,
) -> Command:  # fmt: skip
    """Declare what makes the instrument ready for a trigger; see `acquisition`."""
    return command(text, title=title, doc=doc, source=source, requires=requires, role="arm")


def trigger(
    text: str, *, title: str = "Trigger", doc: str = "", source: str = "",
    requires: Requires | None = None,
) -> Command:  # fmt: skip
    """Declare what sets off what was armed; see `acquisition`."""
    return command(text, title=title, doc=doc, source=source, requires=requires, role="trigger")
