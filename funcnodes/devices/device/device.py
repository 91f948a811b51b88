"""One instrument of a bench: its state, its members by name, and how it is made safe.

Every read and write of a device node, a panel or a script passes here. Where it is and how it is
reached is `connection`'s, what it may be told `permission`'s, what was read of it `readings`';
bytes are the link's, what the bytes mean is the driver's. Connecting changes nothing (D2): what is
on is read back and shown.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Literal, TypeVar

from funcnodes.core import clock
from funcnodes.core.types import Range
from funcnodes.core.uncertain import uncertain
from funcnodes.devices.addresses.forms import Address
from funcnodes.devices.benchfile.file import Cause, DeviceConfig, SafeAction
from funcnodes.devices.declarations import drivers
from funcnodes.devices.declarations.blocks import BoundBlock
from funcnodes.devices.declarations.commands import BoundCommand
from funcnodes.devices.declarations.controls import BoundControl, Control
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.devices.declarations.flights import BoundFlight, Flight, flights_of
from funcnodes.devices.declarations.members import Member, Progress, Sample
from funcnodes.devices.declarations.records import BoundRecord, BoundTogether
from funcnodes.devices.declarations.values import BoundValue, Value
from funcnodes.devices.device import descent, panel, raw
from funcnodes.devices.device.access import MemberAccess
from funcnodes.devices.device.asking import (
    check_identity,
    in_unit,
    leads_down,
    no_member,
    not_a,
    spec_at,
    stop_of,
)
from funcnodes.devices.device.connection import Connection
from funcnodes.devices.device.descent import ParkResult, is_number
from funcnodes.devices.device.fitting import AUTO, by_driver, chosen, driver_at_work, fitted
from funcnodes.devices.device.kept import Kept, OutageNotice, ReadBack, followers, struck
from funcnodes.devices.device.narrowing import found_outside
from funcnodes.devices.device.panel import Parameter, parameters
from funcnodes.devices.device.permission import Permission
from funcnodes.devices.device.polling import OnSamples, Pollers, Subscription
from funcnodes.devices.device.rack import Rack
from funcnodes.devices.device.readings import Readings
from funcnodes.devices.device.targets import target_of
from funcnodes.devices.discovery.identifying import identify
from funcnodes.devices.estop.emergency import Target
from funcnodes.devices.estop.latch import StopAck
from funcnodes.devices.link.error_queue import emptied
from funcnodes.devices.link.link import Link
from funcnodes.devices.link.strike import takes_s
from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.replies import Identity
from funcnodes.devices.messages.traffic import Traffic
from funcnodes.errors import BenchError, DeviceError

I = TypeVar("I", bound=Instrument)  # noqa: E741  # an instrument's class
DeviceState = Literal["offline", "idle", "busy", "fault", "stopped", "unanswered"]
ASKABLE = ("tcp", "serial", "rfc2217", "visa", "memory")  # where to ask who is there
POLL_S = 1.0


class Device:
    """A device of a bench; see the module's text.

    Attributes:
        name: Its name on the bench.
        identity: What it answered to `*IDN?`, empty until it was reached.
        instrument: Its driver, acting: `await device.instrument.voltage.set(1)`.
        spec: How its driver speaks, as address and bench file have it.
        traffic: What went over its line lately.
        readings: What was read of it last.
        where: Gives its address, None while that cannot be resolved.
    """

    def __init__(self, config: DeviceConfig, rack: Rack, resources: dict[str, str]) -> None:
        """One whose driver, address or limits are wrong stays offline, and says why."""
        self.name = config.name
        self.config = config
        self.identity = Identity()
        self.traffic = Traffic()
        self._rack = rack
        self.readings = self._readings = Readings(partial(rack.heard, self.name))
        self._kept = Kept()
        self._permission = Permission(self.name, rack.latch, rack.refusal, self.member)
        self._connection = Connection(
            config, resources, rack.leases, make_link=self._make_link, changed=self._changed
        )
        self._access = MemberAccess(
            self.name, self._connection, self._permission, self._readings, self._kept,
            written=rack.written, mark=rack.mark, changed=self._changed,
            check_found=self._check_found,
        )  # fmt: skip
        self._pollers = Pollers(self.name, self.member_read)
        self._access.read_again, self._access.read_back = self.member_get, self._read_back
        self.where = self._connection.address
        self._place = self.where()  # as it is spoken to there
        try:
            self._use(chosen(config))
        except (BenchError, DeviceError) as error:
            self._connection.unusable, self._place = error.message, None
            self._use(drivers.no_driver(config.driver), DeviceConfig(self.name, "", ""))

    def _use(self, kind: type[Instrument], config: DeviceConfig | None = None) -> None:
        found = fitted(kind, config or self.config, self._access)
        if kind is not getattr(self, "_kind", kind):
            self._kept.forget()
        self._kind, self.instrument, self.spec = kind, found.instrument, kind.spec
        if self._place is not None:
            self._speak_at(self._place)
        self._access.followers = partial(followers, kind)
        self._access.requirements = found.requirements
        self._access.narrowed, self._readings.valid_s = found.limits, dict(found.valid_s)

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
        return self._connection.address_text

    @property
    def simulated(self) -> bool:
        """Whether it is a simulator: said by the bench, by `sim:`, or by a serial number SIM…"""
        if self.config.simulated is not None:
            return self.config.simulated
        return self.config.address.startswith("sim:") or self.identity.serial.startswith("SIM")

    @property
    def replayed(self) -> bool:
        """Whether a recording answers in its place (D7)."""
        return self._connection.replayed

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
        stop = stop_of(self._rack.latch, self.name)
        if stop is not None and stop.state != "held":
            return "stopped" if stop.state == "off" else "unanswered"
        link = self.link
        if link is None or (link.is_offline and not self._access.fault):
            return "offline"
        if self._access.fault:
            return "fault"
        return "idle" if link.is_ready and not link.is_busy else "busy"

    @property
    def message(self) -> str:
        """Why it is offline, in fault, unanswered or changed; "" when all is well."""
        stop = stop_of(self._rack.latch, self.name)
        if stop is not None and stop.state not in ("held", "off"):
            return stop.message
        if self.link is None:
            return self._connection.trouble
        if self.link.is_offline or self._access.fault:
            return self.link.trouble if self.link.is_offline else self._access.fault
        unmet = self.unmet([path for path, each in self.members() if isinstance(each, Control)])
        return " ".join(filter(None, (self.changed, *unmet, self.link.contact.unasked)))

    def unmet(
        self, members: Collection[str] | None = None, *, but: Collection[str] = ()
    ) -> list[str]:
        """What its driver requires and does not hold, as read last; see `Requirements.told`."""
        requirements = self._access.requirements
        return requirements.told(self.name, self._readings.newest, members, but)

    async def read_requirements(self) -> None:
        """Read anew what its members require to hold; says nothing of what it finds.

        Raises:
            DeviceError: It could not be read.
        """
        for path in self._access.requirements.paths():
            await self.member_get(path)

    @property
    def changed(self) -> str:
        """What was found otherwise than it was left, as a sentence; "" where nothing was (D8).

        Until each of these members was set again, or `accept_changes` called, nothing that is
        read of it is "ok".
        """
        return self._kept.sentence(self.name)

    def accept_changes(self, *, by: str = "") -> None:
        """Take its settings for what they should be, as they are now."""
        if not self._kept.changes:
            return
        told = f"{self.changed} This was accepted{f' by {by}' if by else ''}."
        self._kept.accept()
        self._rack.told(OutageNotice(self.name, told))
        self._changed()

    @property
    def unusable(self) -> str:
        """Why it can never be connected as the bench has it, or ""."""
        return self._connection.unusable

    @property
    def remark(self) -> str:
        """What was found out about it and is no trouble, as a sentence; "" where nothing was."""
        return self.link.contact.remark if self.link is not None else ""

    @property
    def output_on(self) -> bool | None:
        """Whether an output is on, by the newest read-back; None where that is not known."""
        return self._readings.output_on(self._kind.outputs().items())

    @property
    def is_online(self) -> bool:
        return self.link is not None and self.link.is_ready

    @property
    def stop_within_s(self) -> float | None:
        """Seconds until emergency bytes are on its line at worst (D4); None while unreachable."""
        if self.link is None:
            return None
        return self.link.interrupt_s + takes_s(self.link.protocol, self.emergency_pieces())

    @property
    def link(self) -> Link | None:
        """The link while it is connected or trying to be."""
        return self._connection.link

    def action(self, cause: Cause) -> SafeAction:
        """What the bench asks for on `cause`: this device's own choice, else the bench's."""
        return self.config.actions.get(cause, self._rack.actions[cause])

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
        raise no_member(self.name, self._kind, name, self.unusable)

    def parameters(self) -> list[Parameter]:
        """Every declared member with its newest value; reads nothing."""
        return parameters(self)

    def snapshot(self) -> dict[str, Any]:
        """Identity and newest values, JSON-ready; reads nothing."""
        return panel.snapshot(self, self._readings)

    # ── connecting ────────────────────────────────────────────────────────────────────────

    async def connect(self) -> None:
        """Take the lease, connect, identify, read back. Tries on in the background on failure.

        Raises:
            DeviceError: It cannot be reached now; `message` says why.
        """
        await self._connection.open()

    async def disconnect(self) -> None:
        """Let go of it; outputs stay as they are. Idempotent."""
        # An instrument may switch its output off, or keep it without a guard, on going local:
        # with an output on it is left alone.
        await self._connection.close(self._kind.spec.local if not self.output_on else "")
        self._access.fault = ""
        self._readings.clear()
        self._changed()

    async def _make_link(self, address: Address) -> Link:
        """The link to its address, by the driver that fits; DeviceError where nobody answers."""
        rack = self._rack
        if self.config.driver == AUTO and address.kind in ASKABLE:
            # First of all: how a model is spoken to is known to its driver only.
            found = await identify(address, allow=rack.allow, make_transport=rack.make_transport)
            address = found.place
            if found.driver:
                with driver_at_work(found.driver):
                    self._use(drivers.find(found.driver))
        self._speak_at(address)
        return Link(
            self.name,
            rack.make_transport(address, self.spec.protocol, rack.allow),
            self.spec.protocol,
            traffic=self.traffic,
            setup=partial(by_driver, self.driver, self._set_up),
            gate=self._permission.gate,
            on_state=self._changed,
        )

    def _speak_at(self, address: Address) -> None:
        """Speak as the driver does, but for what the address says otherwise."""
        self._place, self.spec = address, spec_at(address, self._kind.spec, self.config)

    async def _set_up(self, talk: Talk, identity: Identity | None) -> None:
        """After each connection: check who it is, set what is harmless, read back the rest."""
        self._readings.clear()
        self._connection.take_lease()
        if identity is not None:
            self._check_identity(identity)
            if self.identity.is_known and not identity.same_unit(self.identity):
                self._kept.forget()  # exchanged on purpose, since the device was connected anew
            self.identity = identity
        for command in self._kind.spec.harmless:
            talk.under_way = command
            await talk.write(command)
        for code, text in await emptied(talk):  # of these, or of what was cut short before
            self.traffic.note(f"{code}, {text!r} was in the error queue")
        if self.remark:
            self.traffic.note(self.remark)
        await self._read_back(talk)
        self._access.fault = ""

    def _check_identity(self, identity: Identity) -> None:
        if self.config.driver == AUTO:
            self._use(drivers.for_identity(identity) or drivers.ANYTHING)
        check_identity(identity, self._kind.spec, self.config)

    async def _read_back(self, talk: Talk, *, but: str = "") -> None:
        found = {}
        for path, member in self._kind.walk():
            if isinstance(member, Control) and path != but:
                found[path] = await self._read_one(talk, path, member)
        for path in self._access.requirements.read_first():
            await self._read_one(talk, path, self.member(path))
        self._compare(found)

    def _compare(self, found: Mapping[str, ReadBack]) -> None:
        """Hold what it reads back against what it was left at (D8)."""
        news, told = self._kept.compare(self._kind, found)
        for words in told:
            self._tell(f"{self.name}: {words}.")
        if self._kept.changes:
            self._readings.doubt("changed")
        if news:
            self._tell(self.changed, is_change=True)

    def _tell(self, text: str, *, is_change: bool = False) -> None:
        self.traffic.note(text)
        self._rack.told(OutageNotice(self.name, text, is_change))

    async def _read_one(self, talk: Talk, path: str, member: Member) -> ReadBack:
        assert isinstance(member, Value)
        talk.under_way = command = self.instrument.find(path).group.render(member.query)
        reply = await talk.query(command)
        sample = member.sample_of(reply)
        self._readings.note(path, sample)
        return ReadBack(sample, reply)

    async def read_over(self, talk: Talk, path: str, member: Control[Any]) -> Sample:
        """Read a control for whoever holds the link."""
        return (await self._read_one(talk, path, member)).sample

    # ── members by name ───────────────────────────────────────────────────────────────────

    def limits(self, member: str) -> Range | None:
        """The limits of a member as the bench narrows them; None where it has none.

        They are told on the way to a safe state too, where none applies.
        """
        return self._access.narrowed.get(member)

    def newest(self, member: str) -> Sample | None:
        """The newest sample of a member (or "record.field"), read from nothing.

        Past its `valid_s` it is "stale"; a new connection forgets them all.
        """
        return self._readings.newest(member)

    def as_good(self, name: str, sample: Sample) -> Any:
        """The value of a sample, uncertain as its driver says of the number `name`, if it does."""
        accuracy = self._kind.accuracies.get(name)
        is_number = isinstance(sample.value, int | float) and sample.quality == "ok"
        if accuracy is None or not is_number or not accuracy.holds_for(self.identity.model):
            return sample.value
        u = accuracy.standard_uncertainty(float(sample.value), self._range_of)
        return uncertain(sample.value, u, f"{self.name}.{name}")

    def _range_of(self, member: str) -> float | None:
        found = self.newest(member)
        return float(found.value) if found is not None and found.quality == "ok" else None

    def noted(self, member: str, sample: Sample) -> None:
        """A member's newest value."""
        self._access.noted(member, sample)

    async def member_get(self, member: str) -> Sample:
        """Read a control, a setting or a measurement.

        Raises:
            BenchError: There is no such member.
            DeviceError: It could not be read.
        """
        bound = self._bound(member)
        if not isinstance(bound, BoundValue):
            raise not_a(self.name, member, "value")
        return await bound.sample()

    async def member_set(self, member: str, value: Any) -> Sample:
        """Set a control or setting, within limits, along its ramp; "0.8 V" is read in its unit.

        Raises:
            LimitError: Outside the limits; nothing was sent.
            RefusedError: Stopped by E-STOP, and it does not lead towards the safe state.
            DeviceError: The instrument refused or could not be reached.
        """
        bound = self._bound(member)
        if not isinstance(bound, BoundControl):
            raise not_a(self.name, member, "control")
        if isinstance(value, str) and bound.member.unit:
            value = in_unit(self.name, value, bound.member)
        is_safe = await self._leads_down(bound, value)
        with self._permission.switching(bound.member, value, self.address):
            if not is_safe:
                self._permission.check_latch(f"setting {bound.member.title.lower()}")
            with self.safely() if is_safe else nullcontext():
                await bound.set(value)
        return self._readings.newest(member) or Sample(value, t=clock.now())

    async def _check_found(self, output: str) -> None:
        """An output goes on: limits hold for what is found, too (D10)."""
        for path in self.config.limits:
            limits, bound = self._access.narrowed[path], self.instrument.find(path)
            if path == output or not isinstance(bound, BoundControl):
                continue
            found = (await bound.sample()).value
            if not (is_number(found) and limits.holds(found)):
                raise found_outside(self.name, bound.member, found, limits, self.member(output))

    async def _leads_down(self, bound: BoundControl[Any], value: Any) -> bool:
        """Whether it is the safe value, or on the way to it from where the instrument is (S3a).

        Where that is, it is asked only if the value would be refused otherwise.
        """
        if bound.member.makes_safe(value):
            return True
        return self._permission.is_refused(bound.path) and await leads_down(bound, value)

    async def member_read(self, member: str) -> dict[str, Sample]:
        """Read a record, a block or members read together by their names, else {"value": …}."""
        bound = self._bound(member)
        if isinstance(bound, BoundRecord | BoundTogether):
            return dict((await bound.get()).samples)
        if isinstance(bound, BoundBlock):
            return await bound.samples()
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
            The subscription, and what ends it.

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

    def flights(self) -> dict[str, Flight]:
        """How it can take many readings by itself, by name."""
        return flights_of(self.kind)

    def flight(self, name: str) -> BoundFlight:
        """One of `flights`, to be flown.

        Raises:
            BenchError: There is no such.
            DeviceError: It is not connected.
        """
        found = self.flights().get(name)
        if found is None:
            raise not_a(self.name, name, "flight")
        return BoundFlight(self.instrument, found)

    async def member_command(self, member: str) -> None:
        """Carry out a declared command.

        Raises:
            RefusedError: Stopped by E-STOP.
        """
        bound = self._bound(member)
        if not isinstance(bound, BoundCommand):
            raise not_a(self.name, member, "command")
        await bound()

    def on_ramp(self, member: str, told: Callable[[Progress], None]) -> Callable[[], None]:
        """Call `told` at each step of a member's ramp; returns how to end that."""
        return self._access.on_ramp(member, told)

    @property
    def ramps(self) -> dict[str, Progress]:
        """The ramps under way, by member."""
        return dict(self._access.ramps)

    def refusal(self, member: str) -> str:
        """Why an interlock refuses writes to that member now, or ""."""
        return self._permission.refusal(member)

    async def query(self, command: str, *, timeout_s: float | None = None) -> str:
        """A raw query by a person (D5): one question, no write.

        Raises:
            ValueRefusedError: It is no single query; nothing was sent.
            RefusedError: The E-STOP is latched and it might switch an output on.
        """
        command = command.strip()
        raw.check_query(self.name, command)
        if self._rack.latch.latched and not command.startswith("*"):
            self._permission.check_latch(f"the raw query {replies.shown(command)}")
        return await self._connection.linked().query(command, timeout_s=timeout_s)

    async def write(self, command: str) -> None:
        """A raw write by a person: always refused (D5), since nothing is known of what it does.

        Raises:
            RefusedError: Always.
        """
        raise raw.refused_write(self.name, command)

    def _bound(self, member: str) -> Any:
        self.member(member)  # says which there are
        return self.instrument.find(member)

    # ── making it safe ────────────────────────────────────────────────────────────────────

    def emergency_bytes(self) -> bytes:
        """What `estop` writes; b"" where nothing is declared."""
        return self.spec.emergency_bytes()

    def emergency_pieces(self) -> tuple[bytes, ...]:
        """The same in pieces that need the driver's pause between."""
        return self.spec.emergency_pieces()

    def target(self) -> Target | None:
        """What another process needs to make it safe; None without address or estop."""
        rack, address = self._rack, self._place or self.where()
        if address is None:
            return None
        spec = spec_at(address, self._kind.spec, self.config)
        return target_of(self.name, spec, address, self.identity, rack.make_transport, rack.allow)

    def begin_stop(self, began: float) -> StopAck:
        """Write the emergency bytes now, without waiting for anything; `confirm_stop` follows."""
        self._kept.loosen(struck(self._kind))
        return descent.begin_stop(self, began)

    async def confirm_stop(
        self, began: float, *, within_s: float = descent.CONFIRM_S, repeat: bool = False
    ) -> StopAck:
        """Read back whether it is off; see `descent.confirm_stop`."""
        return await descent.confirm_stop(self, began, within_s=within_s, repeat=repeat)

    async def park(self) -> ParkResult:
        """Bring it down in an orderly way; see `descent.park`."""
        return await descent.park(self)

    def safely(self) -> AbstractContextManager[None]:
        """What is written within brings it down: latch, interlocks and limits let that pass."""
        return self._permission.safely()

    def _changed(self) -> None:
        self._rack.changed(self.name)


__all__ = ["Device", "DeviceState", "Parameter", "ParkResult", "Sample"]
