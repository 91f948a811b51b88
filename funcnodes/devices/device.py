"""One instrument of a bench: its state, its members by name, and the rules on what it may be told.

Every read and write of a device node, a panel or a script passes here, where limits and the
latch are checked. Bytes are the link's, what the bytes mean is the driver's.
"""

from dataclasses import dataclass
from typing import Any, Literal

from funcnodes.core import Quality
from funcnodes.core.types import Range

DeviceState = Literal["offline", "idle", "busy", "fault", "stopped", "unanswered"]
MemberKind = Literal["control", "measurement", "record", "command", "setting"]


@dataclass(frozen=True, slots=True)
class Identity:
    """What `*IDN?` answered."""

    maker: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value read from, or written to, an instrument."""

    value: Any
    unit: str = ""
    quality: Quality = "ok"
    t: float = 0.0
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared member with its newest value, as panels show it."""

    name: str
    title: str
    kind: MemberKind
    unit: str = ""
    min: float | None = None
    max: float | None = None
    value: Any = None
    doc: str = ""
    quality: Quality = "ok"
    t: float | None = None
    options: tuple[Any, ...] = ()


class Device:
    """A device of an open bench.

    Attributes:
        name: Its name on the bench.
        driver: Name of its driver, e.g. "keithley.smu2400".
        address: Resource string of the instrument.
        identity: What it answered to `*IDN?`, empty until it was reached.
        state: offline, idle, busy, fault, stopped (by E-STOP) or unanswered.
        output_on: Whether an output is on; None where there is none or it is not known.
        simulated: Whether it is a simulator (D7).
        message: Why it is offline, in fault or unanswered.
        safe_state: What E-STOP does to it, in words.
    """

    name: str
    driver: str
    address: str
    identity: Identity
    state: DeviceState
    output_on: bool | None
    simulated: bool
    message: str
    safe_state: str

    def parameters(self) -> list[Parameter]:
        """Every declared member with its newest value; reads nothing."""
        raise NotImplementedError

    def limits(self, member: str) -> Range | None:
        """The limits of a member as the bench narrows them."""
        raise NotImplementedError

    async def query(self, command: str, *, timeout_s: float | None = None) -> str:
        """A raw query by a person (D5)."""
        raise NotImplementedError

    async def write(self, command: str) -> None:
        """A raw write by a person: refused (D5)."""
        raise NotImplementedError

    async def member_get(self, member: str) -> Sample:
        """Read a control or setting back."""
        raise NotImplementedError

    async def member_set(self, member: str, value: Any) -> Sample:
        """Set a control or setting, within limits."""
        raise NotImplementedError

    async def member_read(self, member: str) -> dict[str, Sample]:
        """Read a measurement ({"value": …}) or a record (one entry per field)."""
        raise NotImplementedError

    async def member_command(self, member: str, **arguments: Any) -> None:
        """Carry out a declared command."""
        raise NotImplementedError

    def snapshot(self) -> dict[str, Any]:
        """Identity and newest values, JSON-ready."""
        raise NotImplementedError
