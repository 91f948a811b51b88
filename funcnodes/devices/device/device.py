"""One instrument of a bench: its state, its members by name, and the rules on what it may be told.

Every read and write of a device node, a panel or a script passes here, where limits and the
latch are checked. Bytes are the link's, what the bytes mean is the driver's. Connecting changes
nothing (D2): what is on is read back and shown.
"""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from funcnodes.core import clock, units
from funcnodes.core.types import Range
from funcnodes.devices.addresses.forms import Address, AllowList, parse
from funcnodes.devices.addresses.lease import Leases
from funcnodes.devices.benchfile.file import Cause, DeviceConfig, SafeAction
from funcnodes.devices.declarations import drivers
from funcnodes.devices.declarations.blocks import BoundBlock, samples_of
from funcnodes.devices.declarations.commands import BoundCommand
from funcnodes.devices.declarations.controls import BoundControl, Control
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.devices.declarations.members import UNSET, Member, Progress, Sample, refusal
from funcnodes.devices.declarations.records import BoundRecord, BoundTogether
from funcnodes.devices.declarations.values import BoundValue
from funcnodes.devices.device import descent
from funcnodes.devices.device.descent import ParkResult
from funcnodes.devices.device.narrowing import narrowed, validity
from funcnodes.devices.device.panel import Parameter, parameters
from funcnodes.devices.device.polling import OnSamples, Pollers, Subscription
from funcnodes.devices.estop.emergency import Target
from funcnodes.devices.estop.latch import Latch, LatchState, StopAck
from funcnodes.devices.link.completion import carry_out
from funcnodes.devices.link.link import Link
from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.protocol import Completes, Protocol
from funcnodes.devices.messages.replies import Identity
from funcnodes.devices.messages.traffic import Traffic
from funcnodes.devices.transports import Transport
from funcnodes.errors import (
    AddressError,
    BenchError,
    DeviceConnectError,
    DeviceError,
    IdentityError,
    LimitError,
    RefusedError,
    UnitError,
    ValueRefusedError,
)

T = TypeVar("T")
I = TypeVar("I", bound=Instrument)  # noqa: E741  # an instrument's class
DeviceState = Literal["offline", "idle", "busy", "fault", "stopped", "unanswered"]
LEASE_RETRY_S = 1.0
AUTO = "auto"
ASKABLE = ("tcp", "serial", "visa", "memory")  # addresses at which anybody can be asked who he is
RAW_LIMIT = 1_000
POLL_S = 1.0

_is_safety: contextvars.ContextVar[bool] = contextvars.ContextVar("is_safety", default=False)
_writing: contextvars.ContextVar[tuple[str, Any]] = contextvars.ContextVar(
    "writing", default=("", None)
)
"""Member and value of the write under way, for who looks at it once the link is ours."""


@dataclass(frozen=True, slots=True)
class Rack:
    """What a device needs of its bench."""

    latch: Latch
    allow: AllowList
    leases: Leases | None
    actions: dict[Cause, SafeAction]
    written: Callable[[str], None]
    changed: Callable[["Device"], None]
    make_transport: Callable[[Address, Protocol, AllowList], Transport]
    refusal: Callable[[str, str], str]
    """Why an interlock refuses writes to that device's member, or ""."""


class Device:
    """A device of a bench; see the module's text.

    Attributes:
        name: Its name on the bench.
        identity: What it answered to `*IDN?`, empty until it was reached.
        instrument: Its driver, acting: `await device.instrument.voltage.set(1)`.
        traffic: What went over its line lately.
    """

    def __init__(
        self,
        config: DeviceConfig,
        around: Rack,
        resources: dict[str, str],
    ) -> None:
        """Raises BenchError where driver, address or limits are wrong."""
        self.name = config.name
        self.config = config
        self.identity = Identity()
        self.traffic = Traffic()
        self._around = around
        self._resources = resources
        self._address: Address | None = None
        self._link: Link | None = None
        self._let_go: Callable[[], None] | None = None  # of its lease
        self._leased_key = ""  # where the address led to when that was taken
        self._trying: asyncio.Task[None] | None = None
        self._trouble = "not connected"
        self._samples: dict[str, Sample] = {}
        self._limits: dict[str, Range] = {}
        self._fault = ""
        self._ramps: dict[str, Progress] = {}
        self._ramp_watchers: list[tuple[str, Callable[[Progress], None]]] = []
        self._pollers = Pollers(self.name, self.member_read)
        stand_in = drivers.anything_at(config.address)
        self._use(drivers.find(config.driver) if config.driver != AUTO else stand_in)

    def _use(self, kind: type[Instrument]) -> None:
        self._kind = kind
        self.instrument: Instrument = kind(self)
        self._limits = dict(narrowed(kind, self.config))
        self._valid_s = dict(validity(kind))

    # ── what it is ────────────────────────────────────────────────────────────────────────

    @property
    def driver(self) -> str:
        """Name of its driver, e.g. "keithley.smu2400"."""
        return self._kind.spec.name

    @property
    def kind(self) -> type[Instrument]:
        """Its driver's class: declarations that need no connection."""
        return self._kind

    def acting(self, kind: type[I]) -> I:
        """Its driver, acting, with the types of `kind`: `device.acting(Smu).voltage.set(1)`.

        Raises:
            BenchError: It has another driver.
        """
        if not isinstance(self.instrument, kind):
            raise BenchError(
                f"{self.name} has the driver {self.driver}, not {kind.spec.name}.",
                device=self.name,
            )
        return self.instrument

    @property
    def address(self) -> str:
        """Its resource string, or the address as written while that cannot be resolved."""
        return self._address.resource if self._address else self.config.address

    @property
    def simulated(self) -> bool:
        """Whether it is a simulator: said by the bench, by `sim:`, or by a serial number SIM…"""
        if self.config.simulated is not None:
            return self.config.simulated
        return self.config.address.startswith("sim:") or self.identity.serial.startswith("SIM")

    @property
    def replayed(self) -> bool:
        """Whether a recording answers in its place (D7)."""
        return self.config.address.startswith("replay:")

    @property
    def safe_state(self) -> str:
        """What E-STOP does to it, in words."""
        match self.action("on_estop"):
            case "hold":
                return "is left as it is"
            case "park":
                return f"is parked: {self._kind.spec.safe_state or 'nothing to switch off'}"
        return self._kind.spec.safe_state or "nothing to switch off"

    @property
    def state(self) -> DeviceState:
        """Its lamp."""
        stop = self._stop()
        if stop is not None and stop.state != "held":
            return "stopped" if stop.state == "off" else "unanswered"
        link = self._link
        if link is None or (link.is_offline and not self._fault):
            return "offline"
        if self._fault:
            return "fault"
        return "idle" if link.is_ready and not link.is_busy else "busy"

    @property
    def message(self) -> str:
        """Why it is offline, in fault or unanswered; "" when all is well."""
        stop = self._stop()
        if stop is not None and stop.state not in ("held", "off"):
            return stop.message
        if self._link is not None and self._link.is_offline:
            return self._link.trouble
        return self._fault if self._link is not None else self._trouble

    @property
    def output_on(self) -> bool | None:
        """Whether an output is on, by the newest read-back; None where that is not known."""
        found: bool | None = None
        for path, member in self._kind.outputs().items():
            sample = self._samples.get(path)
            if sample is None:
                return found or None  # one that is known to be on is enough
            found = bool(found) or not member.is_safe(sample.value)
        return found

    @property
    def is_online(self) -> bool:
        return self._link is not None and self._link.is_ready

    @property
    def stop_within_s(self) -> float | None:
        """Seconds until emergency bytes are on its line at worst (D4); None while unreachable."""
        return self._link.interrupt_s if self._link is not None else None

    @property
    def link(self) -> Link | None:
        """The link while it is connected or trying to be."""
        return self._link

    def action(self, cause: Cause) -> SafeAction:
        """What the bench asks for on `cause`: this device's own choice, else the bench's."""
        return self.config.actions.get(cause, self._around.actions[cause])

    def members(self) -> Iterator[tuple[str, Member]]:
        """Its declared members by full name; needs no connection."""
        return self._kind.walk()

    def member(self, name: str) -> Member:
        """The declaration of a member.

        Raises:
            BenchError: It has none of that name.
        """
        for path, member in self._kind.walk():
            if path == name:
                return member
        known = ", ".join(path for path, _ in self._kind.walk()) or "none"
        raise BenchError(
            f"{self.name} ({self._kind.spec.title}) has no member {name!r}; it has {known}.",
            device=self.name,
            member=name,
        )

    def parameters(self) -> list[Parameter]:
        """Every declared member with its newest value; reads nothing."""
        return parameters(self)

    def snapshot(self) -> dict[str, Any]:
        """Identity and newest values, JSON-ready; reads nothing."""
        return {
            "name": self.name,
            "driver": self.driver,
            "address": self.address,
            "identity": str(self.identity) if self.identity.maker else "",
            "serial": self.identity.serial,
            "simulated": self.simulated,
            "replayed": self.replayed,
            "state": self.state,
            "output_on": self.output_on,
            "parameters": {
                name: {"value": s.value, "unit": s.unit, "quality": s.quality, "t": s.t}
                for name, s in ((name, self._aged(name, s)) for name, s in self._samples.items())
            },
        }

    # ── connecting ────────────────────────────────────────────────────────────────────────

    async def connect(self) -> None:
        """Take the lease, connect, identify, read back. Tries on in the background on failure.

        Raises:
            DeviceError: It cannot be reached now; `message` says why.
        """
        if self._link is not None:
            return
        try:
            self._address = parse(self.config.address, self._resources)
            self._take_lease()
            if self.config.driver == AUTO and self._address.kind in ASKABLE:
                await self._recognise(self._address)
            self._link = self._new_link(self._address)
        except DeviceError as error:
            self._trouble = _without_name(error.message, self)
            self._changed()
            if self._trying is None:
                self._trying = asyncio.create_task(self._keep_trying(), name=f"lease {self.name}")
            raise
        try:
            await self._link.open()
        finally:
            self._changed()

    async def disconnect(self) -> None:
        """Let go of it; outputs stay as they are. Idempotent."""
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.gather(self._trying, return_exceptions=True)
            self._trying = None
        link, self._link = self._link, None
        if link is not None:
            # An instrument may switch its output off, or keep it without a guard, on going
            # local: with an output on it is left alone.
            local = self._kind.spec.local if not self.output_on else ""
            await link.close(local)
        if self._let_go is not None:
            self._let_go()
            self._let_go = None
        self._trouble = "disconnected"
        self._fault = ""
        self._samples.clear()
        self._changed()

    async def _recognise(self, address: Address) -> None:
        """Find the driver first: how a model is spoken to is known to its driver only.

        Raises:
            DeviceError: Nobody answers there.
        """
        from funcnodes.devices.discovery.instruments import (
            identify,  # which finds instruments for benches
        )

        around = self._around
        found = await identify(address, allow=around.allow, make_transport=around.make_transport)
        if found.driver:
            self._use(drivers.find(found.driver))

    def _new_link(self, address: Address) -> Link:
        spec = self._kind.spec
        protocol = spec.protocol
        if self.config.timeout_s is not None:
            protocol = _with_timeout(protocol, self.config.timeout_s)
        return Link(
            self.name,
            self._around.make_transport(address, protocol, self._around.allow),
            protocol,
            traffic=self.traffic,
            setup=self._set_up,
            gate=self._gate,
            on_state=self._changed,
        )

    def _take_lease(self) -> None:
        """Take the lease, or exchange it for that of the port to which the address leads now.

        A name by-id leads elsewhere after its adapter was plugged in again.
        """
        address, old = self._address, self._let_go
        assert address is not None
        if self._around.leases is None or self.replayed:
            return
        if old is not None and (address.is_on_bus or address.key == self._leased_key):
            return
        self._let_go = self._around.leases.take(address, self.name)
        self._leased_key = address.key
        if old is not None:
            old()

    async def _keep_trying(self) -> None:
        """Wait for somebody else's lease, or for a simulator's name, to become free or known."""
        while self._link is None:
            await asyncio.sleep(LEASE_RETRY_S)
            with contextlib.suppress(DeviceError):
                await self.connect()

    async def _set_up(self, talk: Talk, identity: Identity | None) -> None:
        """After each connection: check who it is, set what is harmless, read back the rest."""
        self._samples.clear()
        self._take_lease()
        if identity is not None:
            self._check_identity(identity)
            self.identity = identity
        for command in self._kind.spec.harmless:
            talk.under_way = command
            await talk.write(command)
        for code, text in await talk.errors():  # of these, or of what was cut short before
            self.traffic.note(f"{code}, {text!r} was in the error queue")
        await self._read_back(talk)
        self._fault = ""

    def _check_identity(self, identity: Identity) -> None:
        if self.config.driver == AUTO:
            self._use(drivers.for_identity(identity) or drivers.ANYTHING)
        match = self._kind.spec.match
        if match is not None and not match.fits(identity):
            raise IdentityError(
                f"{self.name}: {identity.maker} {identity.model} answers, for which the driver "
                f"{self.driver} is not made.",
                hint="Check the address, or name another driver in the bench file.",
            )
        wanted = self.config.serial
        if wanted and identity.serial != wanted:
            raise IdentityError(
                f"{self.name}: serial number {identity.serial or '(none)'} answers, the bench "
                f"asks for {wanted}."
            )

    async def _read_back(self, talk: Talk) -> None:
        for path, member in self._kind.walk():
            if isinstance(member, Control):
                await self.read_over(talk, path, member)

    async def read_over(self, talk: Talk, path: str, member: Control[Any]) -> Sample:
        """Read a control for whoever holds the link."""
        talk.under_way = command = self.instrument.find(path).group.render(member.query)
        sample = member.sample_of(await talk.query(command))
        self._samples[path] = sample
        return sample

    # ── members by name ───────────────────────────────────────────────────────────────────

    def limits(self, member: str) -> Range | None:
        """The limits of a member as the bench narrows them; None where it has none.

        On the way to a safe state none apply.
        """
        return None if _is_safety.get() else self._limits.get(member)

    async def member_get(self, member: str) -> Sample:
        """Read a control, a setting or a measurement.

        Raises:
            BenchError: There is no such member.
            DeviceError: It could not be read.
        """
        bound = self._bound(member)
        if not isinstance(bound, BoundValue):
            raise self._not_a(member, "value")
        return await bound.sample()

    async def member_set(self, member: str, value: Any) -> Sample:
        """Set a control or setting, within limits, along its ramp.

        Text with a unit is read in the member's unit ("0.8 V").

        Raises:
            LimitError: Outside the limits; nothing was sent.
            RefusedError: Stopped by E-STOP.
            DeviceError: The instrument refused or could not be reached.
        """
        bound = self._bound(member)
        if not isinstance(bound, BoundControl):
            raise self._not_a(member, "control")
        if isinstance(value, str) and bound.declaration().unit:
            value = self._in_unit(value, bound.declaration())
        self._around.latch.check(f"{self.name}: setting {bound.declaration().title.lower()}")
        try:
            await bound.set(value)
        except LimitError as error:
            error.address = self.address
            raise
        return self._samples.get(member) or Sample(value, t=clock.now())

    def _in_unit(self, text: str, member: Control[Any]) -> float:
        try:
            return units.parse(text, member.unit)
        except UnitError as error:
            why = (
                f"{replies.shown(text)} is no number in {member.unit}: {error.message.rstrip('.')}"
            )
            raise refusal(self.name, member.title, why) from error

    async def member_read(self, member: str) -> dict[str, Sample]:
        """Read a record, a block or members read together by their names, else {"value": …}."""
        bound = self._bound(member)
        if isinstance(bound, BoundRecord | BoundTogether):
            return dict((await bound.get()).samples)
        if isinstance(bound, BoundBlock):
            return samples_of(await bound.trace())
        return {"value": await self.member_get(member)}

    def watch(
        self,
        member: str,
        told: OnSamples,
        *,
        period_s: float | Callable[[], float] | None = None,
        deadband: float | None = None,
    ) -> tuple[Subscription, Callable[[], None]]:
        """Have a member read again and again, once for all who watch it.

        Args:
            member: Full name of something that can be read.
            told: Called in the loop with its samples, or with the error instead.
            period_s: How often, or what gives that each time; the declared `poll` by default.
            deadband: Change below which nothing is told, the declared one by default.

        Returns:
            The watcher, and what ends it.

        Raises:
            BenchError: It has no such member.
        """
        declared = self.member(member)
        if period_s is None:
            period_s = float(getattr(declared, "poll", None) or POLL_S)
        if deadband is None:
            deadband = float(getattr(declared, "deadband", 0.0))
        seconds = period_s
        period = seconds if callable(seconds) else lambda: float(seconds)
        return self._pollers.watch(member, told, period=period, deadband=deadband)

    def watched(self) -> dict[str, float]:
        """What is being read now for watchers, each with the seconds between readings."""
        return self._pollers.watched()

    async def member_command(self, member: str) -> None:
        """Carry out a declared command.

        Raises:
            RefusedError: Stopped by E-STOP.
        """
        bound = self._bound(member)
        if not isinstance(bound, BoundCommand):
            raise self._not_a(member, "command")
        await bound()

    async def query(self, command: str, *, timeout_s: float | None = None) -> str:
        """A raw query by a person (D5): one question, no write.

        Raises:
            ValueRefusedError: It is no single query; nothing was sent.
            RefusedError: The E-STOP is latched and it might switch an output on.
        """
        command = command.strip()
        self._check_raw(command)
        if self._around.latch.latched and not command.startswith("*"):
            self._around.latch.check(f"{self.name}: the raw query {replies.shown(command)}")
        return await self._linked().query(command, timeout_s=timeout_s)

    async def write(self, command: str) -> None:
        """A raw write by a person: always refused (D5), since nothing is known of what it does.

        Raises:
            RefusedError: Always.
        """
        raise RefusedError(
            f"{self.name}: the raw command {replies.shown(command.strip())} was not sent: raw "
            "writes are off.",
            hint="Use the device's parameters; they have limits and a safe state.",
            device=self.name,
        )

    def _check_raw(self, command: str) -> None:
        header = command.partition(" ")[0]
        why = ""
        if not (command.isascii() and command.isprintable()) or len(command) > RAW_LIMIT:
            why = "it is not one line of printable ASCII"
        elif ";" in command:
            why = "it holds ';', which would begin a second command"
        elif not header.endswith("?") or header.count("?") != 1:
            why = "it is no query: its first word does not end in '?'"
        if why:
            raise ValueRefusedError(
                f"{self.name}: {replies.shown(command)} was not sent: {why}.", device=self.name
            )

    def _bound(self, member: str) -> Any:
        self.member(member)  # says which there are
        return self.instrument.find(member)

    def _not_a(self, member: str, what: str) -> BenchError:
        return BenchError(f"{self.name}.{member} is no {what}.", device=self.name, member=member)

    # ── Access: what its members need ─────────────────────────────────────────────────────

    async def ask(
        self, command: str, parse: Callable[[str], T], *, timeout_s: float | None, idempotent: bool
    ) -> T:
        """Query and parse while the link is held; see `Link.ask`."""
        try:
            value = await self._linked().ask(
                command, parse, timeout_s=timeout_s, idempotent=idempotent
            )
        except DeviceError as error:
            self._note_fault(error)
            raise
        self._clear_fault()
        return value

    async def tell(
        self,
        command: str,
        *,
        timeout_s: float | None,
        member: str,
        value: Any = None,
        completes: Completes = "",
        abort: str = "",
    ) -> None:
        """Write through latch, interlocks and error queue; see `Link.write`, `carry_out`."""
        link = self._linked()
        self._check_interlocks(member, value)
        self._around.written(self.name)
        token = _writing.set((member, value))
        try:
            if completes:
                await carry_out(link, command, completes, within_s=timeout_s, abort=abort)
            else:
                await link.write(command, timeout_s=timeout_s)
        except DeviceError as error:
            self._note_fault(error)
            raise
        finally:
            _writing.reset(token)
        self._clear_fault()

    async def hold(
        self, command: str, work: Callable[[Talk], Awaitable[T]], *, timeout_s: float | None
    ) -> T:
        """Several reads as one transaction; see `Link.transact`."""
        try:
            value = await self._linked().transact(command, work, timeout_s=timeout_s)
        except DeviceError as error:
            self._note_fault(error)
            raise
        self._clear_fault()
        return value

    @property
    def is_safety(self) -> bool:
        """Whether the present call brings it down to a safe state."""
        return _is_safety.get()

    async def pause(self, seconds: float) -> None:
        """Wait between the steps of a ramp.

        Raises:
            RefusedError: E-STOP is pressed, at once.
        """
        if self.is_safety or seconds <= 0:
            await clock.sleep(seconds)
            return
        loop = asyncio.get_running_loop()
        sleeping = loop.create_task(clock.sleep(seconds))

        def wake(state: LatchState) -> None:
            if state.latched:
                loop.call_soon_threadsafe(sleeping.cancel)

        forget = self._around.latch.on_change(wake)
        try:
            await asyncio.wait({sleeping})
        finally:
            forget()
            sleeping.cancel()
        self._around.latch.check(f"{self.name}: going on with a ramp")

    def ramping(self, member: str, progress: Progress | None) -> None:
        """How far a member's ramp has come; None when it has ended."""
        if progress is None:
            self._ramps.pop(member, None)
        else:
            self._ramps[member] = progress
            for name, told in tuple(self._ramp_watchers):
                if name == member:
                    told(progress)
        self._changed()

    def on_ramp(self, member: str, told: Callable[[Progress], None]) -> Callable[[], None]:
        """Call `told` at each step of a member's ramp; returns how to end that."""
        watcher = (member, told)
        self._ramp_watchers.append(watcher)
        return lambda: self._ramp_watchers.remove(watcher)

    @property
    def ramps(self) -> dict[str, Progress]:
        """The ramps under way, by member."""
        return dict(self._ramps)

    def noted(self, member: str, sample: Sample) -> None:
        """A member's newest value."""
        self._samples[member] = sample
        self._changed()

    def newest(self, member: str) -> Sample | None:
        """The newest sample of a member (or "record.field"), read from nothing.

        Past its `valid_s` it is "stale"; a new connection forgets them all.
        """
        sample = self._samples.get(member)
        return self._aged(member, sample) if sample is not None else None

    def _aged(self, member: str, sample: Sample) -> Sample:
        valid_s = self._valid_s.get(member)
        if valid_s is not None and sample.quality == "ok" and sample.age_s > valid_s:
            return replace(sample, quality="stale")
        return sample

    def _linked(self) -> Link:
        if self._link is None:
            raise DeviceConnectError(
                f"{self.name} ({self.address}) is offline: {self._trouble.rstrip('.')}.",
                device=self.name,
                address=self.address,
            )
        return self._link

    def _gate(self, command: str) -> None:
        """Asked under the link's lock: what was allowed while it waited may not be so now."""
        if not _is_safety.get():
            self._around.latch.check(f"{self.name}: {command!r}")
        self._check_interlocks(*_writing.get())

    def refusal(self, member: str) -> str:
        """Why an interlock refuses writes to that member now, or ""."""
        return self._around.refusal(self.name, member)

    def _check_interlocks(self, path: str, value: Any) -> None:
        """A safe value passes every interlock, and so does the way down to one."""
        if _is_safety.get():
            return
        why = self.refusal(path)
        member = self.member(path) if why and path else None
        if why and not (member is not None and is_safe(member, value)):
            title = member.title.lower() if member is not None else "a command"
            raise RefusedError(
                f"{self.name}: {title} was not written: {why}.",
                hint="Remove the cause first.",
                device=self.name,
                member=path,
            )

    def _note_fault(self, error: DeviceError) -> None:
        if self._link is not None and not self._link.is_ready:
            self._fault = error.message
            self._changed()

    def _clear_fault(self) -> None:
        if self._fault:
            self._fault = ""
            self._changed()

    def _changed(self) -> None:
        self._around.changed(self)

    # ── making it safe ────────────────────────────────────────────────────────────────────

    def emergency_bytes(self) -> bytes:
        """What `estop` writes; b"" where nothing is declared."""
        return self._kind.spec.emergency_bytes()

    def target(self) -> Target | None:
        """What another process needs to make it safe; None without address or estop.

        A simulator in this process's memory, or a recording, cannot be reached from another one.
        """
        data = self.emergency_bytes()
        address = self._address or _parsed_or_none(self.config.address, self._resources)
        if not data or address is None or address.kind in ("memory", "replay"):
            return None
        protocol = self._kind.spec.protocol
        line = address.serial.over(protocol.serial)
        try:
            channel = self._around.make_transport(address, protocol, self._around.allow)
        except AddressError:  # it is on a line that others want otherwise: it never was opened
            return None
        pieces = channel.on_line(data)
        speaks_lines = protocol.identify and not protocol.framing
        question = speaks_lines and f"{protocol.eol}{protocol.identify}{protocol.eol}"
        ask = channel.on_line(question.encode("ascii")) if question else []
        return Target(
            device=self.name, address=address.resource, transport=_opened_as(address),
            data=pieces[0], more=pieces[1:], ask=ask[0] if ask else b"",
            reply_eol=protocol.reply_eol, reply_start=protocol.from_unit.format(unit=address.unit),
            idn=str(self.identity) if self.identity.maker else "", serial=self.identity.serial,
            baud=line.baud, bits=line.bits, parity=line.parity, stop=line.stop,
        )  # fmt: skip

    def begin_stop(self, began: float) -> StopAck:
        """Write the emergency bytes now, without waiting for anything; `confirm_stop` follows."""
        return descent.begin_stop(self, began)

    async def confirm_stop(
        self, began: float, *, within_s: float = descent.CONFIRM_S, repeat: bool = False
    ) -> StopAck:
        """Read back whether it is off; see `descent.confirm_stop`."""
        return await descent.confirm_stop(self, began, within_s=within_s, repeat=repeat)

    async def park(self) -> ParkResult:
        """Bring it down in an orderly way; see `descent.park`."""
        return await descent.park(self)

    @contextlib.contextmanager
    def safely(self) -> Iterator[None]:
        """What is written within brings it down: latch, interlocks and limits let that pass."""
        token = _is_safety.set(True)
        try:
            yield
        finally:
            _is_safety.reset(token)

    def _stop(self) -> StopAck | None:
        """What became of it at the E-STOP that is still latched."""
        state = self._around.latch.state
        if not state.latched:
            return None
        return next((ack for ack in state.acks if ack.device == self.name), None)


def is_safe(member: Member, value: Any) -> bool:
    """Whether `value` makes the instrument safe as far as this member goes."""
    if not isinstance(member, Control) or member.safe is UNSET:
        return False
    return bool(member.label(member.safe) == value)


def _with_timeout(protocol: Protocol, timeout_s: float) -> Protocol:
    return replace(protocol, timeout_s=timeout_s)


def _opened_as(address: Address) -> str:
    """What another process opens: for an instrument on a bus, the bus's own channel."""
    if not address.is_on_bus:
        return address.kind
    return "serial" if address.path else "tcp"


def _parsed_or_none(text: str, resources: dict[str, str]) -> Address | None:
    with contextlib.suppress(DeviceError):
        return parse(text, resources)
    return None


def _without_name(text: str, device: Device) -> str:
    return text.removeprefix(f"{device.name} ({device.address}): ")


__all__ = ["Device", "DeviceState", "Parameter", "ParkResult", "Sample"]
