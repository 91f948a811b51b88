"""Device nodes: `device.set`, `device.get`, `device.read`, `device.monitor`, `device.command` (D6).

Their ports come from the driver's declaration, with limits as the bench narrows them. They are
saved with top-level keys `device` and `member`, never ids of instances, so that a graph moves
between benches; and with their ports, so that it opens on a bench that lacks the device. What
may be written is checked again by the device, in the worker.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from funcnodes.core import Node, NodeInput, NodeOutput, NodeSpace, Shelf, units
from funcnodes.core.nodes import Port
from funcnodes.core.running import Policy
from funcnodes.core.uncertain import nominal
from funcnodes.devices.bench.bench import Bench
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.drivers import describe_member
from funcnodes.devices.declarations.members import Member, Progress, Sample
from funcnodes.devices.device.acquisition import acquire
from funcnodes.devices.device.device import Device
from funcnodes.devices.device.fitting import AUTO
from funcnodes.devices.device.polling import MIN_PERIOD_S, Samples, Subscription
from funcnodes.devices.nodes import alarms
from funcnodes.devices.nodes.ports import (
    MAX_PORTS,
    VALUE,
    PortPlan,
    acquired_plans,
    bring_in_line,
    output_plans,
    port_id,
    saved_plans,
    saved_port,
    saved_ports,
    saved_text,
    value_plan,
)
from funcnodes.devices.nodes.titles import icon_of, title_of
from funcnodes.errors import BenchError, FuncnodesError, SavedGraphError

NODE_IDS = (
    "device.set", "device.get", "device.read", "device.monitor", "device.command",
    "device.acquire",
)  # fmt: skip


class DeviceNode(Node):
    """What all device nodes share: a device and a member of it, by name.

    Attributes:
        device: Name of the device on the bench.
        member: Full name of the member, e.g. "voltage" or "loop1.setpoint".
    """

    default_policy: ClassVar[Policy] = "settled"
    default_run_in = "loop"
    queues = True
    shows_order = True
    verb: ClassVar[str] = ""

    def __init__(self, uuid: str | None = None, name: str | None = None) -> None:
        super().__init__(uuid, name)
        self.device = ""
        self.member = ""
        self._saved: list[dict[str, Any]] = []

    # ── saving, and where ports come from ─────────────────────────────────────────────────

    def saved_extra(self) -> dict[str, Any]:
        own = [*self._parameters, *self._results]
        ports = [saved_port(port) for port in own if port.id not in self._templates]
        return {"device": self.device, "member": self.member, "ports": ports}

    def restore_extra(self, data: Mapping[str, Any]) -> None:
        self.device = saved_text(data, "device")
        self.member = saved_text(data, "member")
        self._saved = [dict(each) for each in saved_ports(data)]
        self.rebuild()

    def on_added(self) -> None:
        self.rebuild()

    def rebuild(self) -> None:
        """Take ports, limits, title and docs from the bench's device, else from the saved form.

        Ports that exist keep their values and edges.
        """
        device = self._device_or_none()
        member = _member_or_none(device, self.member)
        if device is None or member is None:
            self._plan(saved_plans(self._saved, True), saved_plans(self._saved, False))
            self._describe(self._name or f"{self.verb} {self.device}.{self.member}", "device", "")
            return
        self._plan(self.plan_inputs(device, member), self.plan_outputs(member))
        title = title_of(self.node_id, device, self.member)
        doc = describe_member(member, device.kind.spec.manual)
        self._describe(title, icon_of(self.node_id, member), doc)

    def plan_inputs(self, device: Device, member: Member) -> list[PortPlan]:
        """The inputs that a declaration gives this kind of node."""
        return []

    def plan_outputs(self, member: Member) -> list[PortPlan]:
        """The outputs that a declaration gives this kind of node."""
        return []

    def _plan(self, inputs: Iterable[PortPlan], outputs: Iterable[PortPlan]) -> None:
        for plan in inputs:
            port: Port | None = self.inputs.get(plan.id)
            bring_in_line(plan, port or self.add_input(NodeInput(plan.id, plan.port_type())))
        for plan in outputs:
            port = self.outputs.get(plan.id)
            bring_in_line(plan, port or self.add_output(NodeOutput(plan.id, plan.port_type())))

    def _describe(self, title: str, icon: str, doc: str) -> None:
        # What the class says of itself is too general for a card.
        self.__dict__.update(node_name=title, icon=icon, description=doc)

    # ── running ───────────────────────────────────────────────────────────────────────────

    def resources(self) -> tuple[str, ...]:
        return (self.device,) if self.device else ()

    def members_used(self) -> list[tuple[str, str]]:
        """What it acts on or reads, by device and full name of the member."""
        return [(self.device, self.member)] if self.device else []

    def check_run(self) -> list[str]:
        lacking = self.check_lasting()
        if lacking or _is_unknown(self._found()):
            return lacking  # a run is refused for who is offline, not for what that lacks
        why = self._found().refusal(self.member) if self.effect else ""
        return [f"{self.name} would write to {self.device}, but {why}."] if why else []

    def check_lasting(self) -> list[str]:
        """What its bench does not have, in sentences, however things stand there just now."""
        try:
            if not _is_unknown(self._found()):
                self._found().member(self.member)
        except BenchError as error:
            return [f"{self.name}: {error.message}"]
        return []

    def _device_or_none(self) -> Device | None:
        bench = self.nodespace.services.get(Bench) if self.nodespace is not None else None
        return bench.devices.get(self.device) if bench is not None else None

    def _found(self) -> Device:
        """The device.

        Raises:
            BenchError: There is no bench, or it has no such device; names both.
        """
        bench = self.nodespace.services.get(Bench) if self.nodespace is not None else None
        if bench is None:
            raise BenchError(
                f"There is no bench here, so there is no device {self.device!r}.",
                hint="Open the nodespace on a bench.",
                device=self.device,
            )
        return bench.device(self.device)

    def _to_act_on(self) -> Device:
        """The device, for a node that writes to it; raises RefusedError while a frame keeps it."""
        if self.nodespace is not None:
            self.nodespace.reservations.check(self.device, self.wave, self)
        return self._found()

    def _give(self, samples: Mapping[str, Sample]) -> None:
        """Hand samples to the outputs, each with its quality."""
        device = self._found()
        for name, sample in samples.items():
            output = self.outputs.get(name)
            if output is not None:
                whole = self.member if name == VALUE else f"{self.member}.{name}"
                output.set(device.as_good(whole, sample), quality=sample.quality)


class DeviceSet(DeviceNode):
    """Sets a control, within limits, along its ramp; ▶ done when the instrument took it."""

    node_id = "device.set"
    node_name = "Set"
    icon = "source"
    effect = True
    verb = "Set"

    def plan_inputs(self, device: Device, member: Member) -> list[PortPlan]:
        return [value_plan(device, self.member, member)] if isinstance(member, Control) else []

    async def func(self, **inputs: Any) -> None:
        device = self._to_act_on()
        forget = device.on_ramp(self.member, self._show)
        try:
            await device.member_set(self.member, nominal(inputs[VALUE]))
        finally:
            forget()

    def _show(self, ramp: Progress) -> None:
        at, to = (units.text(value, ramp.unit) for value in (ramp.position, ramp.target))
        self.report(ramp.done, 1.0, f"{at} of {to}")


class DeviceGet(DeviceNode):
    """Reads a control back."""

    node_id = "device.get"
    node_name = "Get"
    icon = "meter"
    verb = "Get"

    def plan_outputs(self, member: Member) -> list[PortPlan]:
        return output_plans(member)

    async def func(self) -> None:
        self._give({VALUE: await self._found().member_get(self.member)})


class DeviceRead(DeviceNode):
    """Reads a measurement, or all fields of a record at once."""

    node_id = "device.read"
    node_name = "Read"
    icon = "meter"
    verb = "Read"

    def plan_outputs(self, member: Member) -> list[PortPlan]:
        return output_plans(member)

    async def func(self) -> None:
        self._give(await self._found().member_read(self.member))


class DeviceMonitor(DeviceNode):
    """Reads again and again, each time as a stimulus of its own (T3).

    However many monitors watch a member, it is read once for all of them (see `polling`), on an
    absolute schedule; ticks that come while a reading is still under way are counted in `missed`,
    never caught up (T8). Begins when the nodespace is first live and goes on until it is removed,
    also while stopped, since it only reads.
    """

    node_id = "device.monitor"
    node_name = "Monitor"
    icon = "pulse"
    verb = "Monitor"
    queues = False

    period = NodeInput(
        "period", float, "period", "Seconds between readings.", 1.0,
        does_trigger=False, unit="s", live=True, value_options={"min": MIN_PERIOD_S, "max": 86_400},
    )  # fmt: skip

    def __init__(self, uuid: str | None = None, name: str | None = None) -> None:
        super().__init__(uuid, name)
        self.taken: Sample | None = None  # of what it gave last
        self._skipped = 0  # readings that came while the last one was still being passed on
        self._subscription: Subscription | None = None
        self._watched: Device | None = None
        self._watching: asyncio.Task[None] | None = None
        self._offered: Samples | FuncnodesError | None = None  # what came and was not passed on

    @property
    def missed(self) -> int:
        """Readings left out so far."""
        return self._skipped + (self._subscription.missed if self._subscription is not None else 0)

    def plan_outputs(self, member: Member) -> list[PortPlan]:
        return output_plans(member)

    def on_added(self) -> None:
        super().on_added()
        if self.nodespace is not None:
            self.nodespace.on("arming", self._arming_changed)
            self._watch()

    def on_removed(self) -> None:
        if self.nodespace is not None:
            self.nodespace.off("arming", self._arming_changed)
        self._leave()

    def rebuild(self) -> None:
        super().rebuild()
        if self._watched is not self._device_or_none():
            self._leave()
            self._watch()

    async def func(self, period: float) -> None:
        offered, self._offered = self._offered, None
        if isinstance(offered, FuncnodesError):
            raise offered.with_traceback(None)
        found = await self._found().member_read(self.member) if offered is None else offered
        self.taken = next(iter(found.values()), None)
        self._give(found)

    def _arming_changed(self, **_: Any) -> None:
        self._watch()

    def _watch(self) -> None:
        """Begin to watch, if it may and does not yet."""
        space, device = self.nodespace, self._device_or_none()
        if space is None or space.arming == "disarmed" or self._watching or not _has_loop():
            return
        if _member_or_none(device, self.member) is None or device is None:
            self._stimulate()  # it says what is missing
            return
        self._watched = device
        self._watching = self.engine.spawn(self, self._follow(device))

    def _leave(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        self._watching = self._watched = None

    async def _follow(self, device: Device) -> None:
        """Watch until cancelled, by removal or with the whole nodespace."""
        self._subscription, forget = device.watch(
            self.member, self._told, period_s=lambda: float(self.inputs["period"].value)
        )
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            forget()
            self._skipped += self._subscription.missed
            self._subscription = None

    def _told(self, found: Samples | FuncnodesError) -> None:
        if self.in_flight:
            self._skipped += 1
            self.report(self.runs, None, f"{self.missed} readings missed")
            return
        self._offered = found
        self._stimulate()

    def _stimulate(self) -> None:
        if self.nodespace is not None:
            wave = self.nodespace.root_wave(self.name)
            self.request(wave)
            wave.close()


class DeviceCommand(DeviceNode):
    """Carries out a command of the instrument."""

    node_id = "device.command"
    node_name = "Command"
    icon = "bolt"
    effect = True
    verb = "Command"

    async def func(self) -> None:
        await self._to_act_on().member_command(self.member)


class DeviceAcquire(DeviceNode):
    """Arms several devices, triggers them together and fetches from all of them in one wave."""

    node_id = "device.acquire"
    node_name = "Read together"
    icon = "pulse"
    effect = True
    verb = "Read together"

    def __init__(self, uuid: str | None = None, name: str | None = None) -> None:
        super().__init__(uuid, name)
        self.devices: tuple[str, ...] = ()

    def saved_extra(self) -> dict[str, Any]:
        return super().saved_extra() | {"devices": list(self.devices)}

    def restore_extra(self, data: Mapping[str, Any]) -> None:
        names = data.get("devices", [])
        if not isinstance(names, list) or len(names) > MAX_PORTS:
            raise SavedGraphError("The devices of a node are not a list of names.")
        self.devices = tuple(saved_text({"device": name}, "device") for name in names)
        super().restore_extra(data)

    def resources(self) -> tuple[str, ...]:
        return self.devices

    def members_used(self) -> list[tuple[str, str]]:
        bench = self.nodespace.services.get(Bench) if self.nodespace is not None else None
        found = [bench.devices[name] for name in self.devices if bench and name in bench.devices]
        return [
            (device.name, path) for device in found for path, member in device.members()
            if member.role
        ]  # fmt: skip

    def check_run(self) -> list[str]:
        try:
            self._all_found()
        except BenchError as error:
            return [f"{self.name}: {error.message}"]
        return []

    def rebuild(self) -> None:
        bench = self.nodespace.services.get(Bench) if self.nodespace is not None else None
        found = [bench.devices[name] for name in self.devices if bench and name in bench.devices]
        if len(found) < len(self.devices):
            self._plan((), saved_plans(self._saved, False))
        else:
            self._plan((), [plan for device in found for plan in acquired_plans(device)])
        title = f"Acquire {' and '.join(self.devices)}"
        self._describe(title, "pulse", self.__doc__ or "")

    async def func(self) -> None:
        devices = self._all_found()
        if self.nodespace is not None:
            for name in self.devices:
                self.nodespace.reservations.check(name, self.wave, self)
        for name, fetched in (await acquire(devices)).items():
            for path, samples in fetched.items():
                self._give({port_id(name, path, each): s for each, s in samples.items()})

    def _all_found(self) -> list[Device]:
        bench = self.nodespace.services.get(Bench) if self.nodespace is not None else None
        if bench is None or not self.devices:
            raise BenchError(
                f"There is no bench here, so there is no device {' or '.join(self.devices)}."
                if self.devices
                else "No device is chosen to be read.",
                hint="Open the nodespace on a bench.",
            )
        return [bench.device(name) for name in self.devices]


NODE_SHELF = Shelf(
    [DeviceSet, DeviceGet, DeviceRead, DeviceMonitor, DeviceCommand, DeviceAcquire],
    [alarms.SHELF],
    name="Devices",
    description="Members of the instruments on the bench.",
)


def rebind(space: NodeSpace) -> None:
    """Have every device node of `space` look at its bench anew, after that changed."""
    for node in space.walk():
        if isinstance(node, DeviceNode):
            node.rebuild()


def _is_unknown(device: Device) -> bool:
    """Whether nobody can say what members it has, since it was not asked yet who it is."""
    return device.config.driver == AUTO and device.state == "offline"


def _member_or_none(device: Device | None, path: str) -> Member | None:
    if device is None:
        return None
    return next((member for name, member in device.members() if name == path), None)


def _has_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
