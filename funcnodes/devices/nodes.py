"""Device nodes: `device.set`, `device.get`, `device.read`, `device.monitor`, `device.command` (D6).

Their ports come from the driver's declaration, with limits as the bench narrows them. They are
saved with top-level keys `device` and `member`, never ids of instances, so that a graph moves
between benches; and with their ports, so that it opens on a bench that lacks the device. What
may be written is checked again by the device, in the worker.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from funcnodes.core import (
    Node,
    NodeInput,
    NodeOutput,
    NodeSpace,
    PortType,
    Shelf,
    units,
)
from funcnodes.core.nodes import Port
from funcnodes.core.running import Policy
from funcnodes.core.types import Range
from funcnodes.devices import alarmnodes
from funcnodes.devices.acquisition import acquire, members_of
from funcnodes.devices.bench import Bench
from funcnodes.devices.blocks import Block
from funcnodes.devices.commands import Command
from funcnodes.devices.controls import Control
from funcnodes.devices.device import Device
from funcnodes.devices.drivers import describe_member
from funcnodes.devices.members import Member, Progress, Sample
from funcnodes.devices.polling import MIN_PERIOD_S, Samples, Watcher
from funcnodes.devices.records import Record, Together
from funcnodes.devices.values import Measurement, Value
from funcnodes.errors import BenchError, FuncnodesError, SavedGraphError

NODE_IDS = (
    "device.set", "device.get", "device.read", "device.monitor", "device.command",
    "device.acquire",
)  # fmt: skip
VALUE = "value"
_MAX_PORTS = 100


@dataclass(frozen=True, slots=True)
class PortPlan:
    """A port that a device node has, as its declaration, or its saved form, says."""

    id: str
    type: Any
    name: str = ""
    unit: str = ""
    limits: Range = field(default_factory=Range)
    doc: str = ""

    def port_type(self) -> PortType:
        return PortType.of(self.type, unit=self.unit)


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
        ports = [_dump(port) for port in own if port.id not in self._templates]
        return {"device": self.device, "member": self.member, "ports": ports}

    def restore_extra(self, data: Mapping[str, Any]) -> None:
        self.device = _text(data, "device")
        self.member = _text(data, "member")
        self._saved = [dict(each) for each in _ports(data)]
        self.rebuild()

    def on_added(self) -> None:
        self.rebuild()

    def rebuild(self) -> None:
        """Take ports, limits, title and docs from the bench's device, else from the saved form.

        Ports that exist keep their values and wires.
        """
        device = self._device_or_none()
        member = _member_or_none(device, self.member)
        if device is None or member is None:
            self._plan(_saved_plans(self._saved, True), _saved_plans(self._saved, False))
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
            _apply(plan, port or self.add_input(NodeInput(plan.id, plan.port_type())))
        for plan in outputs:
            port = self.outputs.get(plan.id)
            _apply(plan, port or self.add_output(NodeOutput(plan.id, plan.port_type())))

    def _describe(self, title: str, icon: str, doc: str) -> None:
        # What the class says of itself is too general for a card.
        self.__dict__.update(node_name=title, icon=icon, description=doc)

    # ── running ───────────────────────────────────────────────────────────────────────────

    def resources(self) -> tuple[str, ...]:
        return (self.device,) if self.device else ()

    def check_run(self) -> list[str]:
        try:
            self._found().member(self.member)
        except BenchError as error:
            return [f"{self.name}: {error.message}"]
        why = self._found().refusal(self.member) if self.effect else ""
        return [f"{self.name} would write to {self.device}, but {why}."] if why else []

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
        for name, sample in samples.items():
            output = self.outputs.get(name)
            if output is not None:
                output.set(sample.value, quality=sample.quality)


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
            await device.member_set(self.member, inputs[VALUE])
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
        self._skipped = 0  # readings that came while the last one was still being passed on
        self._watcher: Watcher | None = None
        self._watched: Device | None = None
        self._watching: asyncio.Task[None] | None = None
        self._offered: Samples | FuncnodesError | None = None  # what came and was not passed on

    @property
    def missed(self) -> int:
        """Readings left out so far."""
        return self._skipped + (self._watcher.missed if self._watcher is not None else 0)

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
        self._give(await self._found().member_read(self.member) if offered is None else offered)

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
        self._watcher, forget = device.watch(
            self.member, self._told, period_s=lambda: float(self.inputs["period"].value)
        )
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            forget()
            self._skipped += self._watcher.missed
            self._watcher = None

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
        if not isinstance(names, list) or len(names) > _MAX_PORTS:
            raise SavedGraphError("The devices of a node are not a list of names.")
        self.devices = tuple(_text({"device": name}, "device") for name in names)
        super().restore_extra(data)

    def resources(self) -> tuple[str, ...]:
        return self.devices

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
            self._plan((), _saved_plans(self._saved, False))
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
                self._give({_port_id(name, path, each): s for each, s in samples.items()})

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
    [alarmnodes.SHELF],
    name="Devices",
    description="Members of the instruments on the bench.",
)


def rebind(space: NodeSpace) -> None:
    """Have every device node of `space` look at its bench anew, after that changed."""
    for node in space.walk():
        if isinstance(node, DeviceNode):
            node.rebuild()


# ── ports from declarations ───────────────────────────────────────────────────────────────


def value_plan(device: Device, path: str, member: Value[Any]) -> PortPlan:
    """The port of a single value, with the limits of the bench."""
    limits = device.limits(path) or Range()
    return PortPlan(VALUE, _annotation(member), _lowered(member.title), member.unit, limits)


def output_plans(member: Member) -> list[PortPlan]:
    """The outputs of what can be read: one per field of a record."""
    if isinstance(member, Record):
        return [
            PortPlan(each.name, int if each.status else float, each.title, each.unit)
            for each in member.fields
        ]
    if isinstance(member, Together):
        pairs = zip(member.names, member.parts, strict=True)
        return [PortPlan(n, _annotation(p), _lowered(p.title), p.unit) for n, p in pairs]
    if isinstance(member, Block):
        axis = [PortPlan("x", "ndarray", "axis", member.axis_unit)] if member.axis else []
        return [PortPlan("y", "ndarray", _lowered(member.title), member.unit), *axis]
    if isinstance(member, Value):
        return [PortPlan(VALUE, _annotation(member), _lowered(member.title), member.unit)]
    return []


def acquired_plans(device: Device) -> list[PortPlan]:
    """The outputs for everything that can be fetched from a device."""
    return [
        replace(plan, id=_port_id(device.name, path, plan.id), name=f"{device.name} {plan.name}")
        for path, member in members_of(device, "fetch")
        for plan in output_plans(member)
    ]


def _port_id(device: str, path: str, part: str) -> str:
    return f"{device}_{path.replace('.', '_')}_{part}"


def _annotation(member: Value[Any]) -> Any:
    return Literal[member.options] if member.choices else member.type


def _apply(plan: PortPlan, port: Port) -> None:
    """Bring a port, new or old, in line with its plan."""
    port.type = plan.port_type()
    port._name = plan.name or None
    port.description = plan.doc
    for key, bound in (("min", plan.limits.low), ("max", plan.limits.high)):
        if bound is None:
            port.value_options.pop(key, None)
        else:
            port.value_options[key] = bound


# ── the saved form of ports ───────────────────────────────────────────────────────────────


def _dump(port: Port) -> dict[str, Any]:
    data: dict[str, Any] = {"id": port.id, "is_input": port.is_input, "type": port.type.name}
    if port.type.options:
        data["options"] = list(port.type.options)
    if port.unit:
        data["unit"] = port.unit
    if port.name != port.id:
        data["name"] = port.name
    return data


def _ports(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    ports = data.get("ports", [])
    ok = isinstance(ports, list) and len(ports) <= _MAX_PORTS
    if not ok or not all(isinstance(each, Mapping) and _is_id(each.get("id")) for each in ports):
        raise SavedGraphError("The ports of a device node are not a list of named ports.")
    return list(ports)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and value.isidentifier() and len(value) <= 80


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key, "")
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
        raise SavedGraphError(f"The {key} of a device node is not a name but {value!r:.60}.")
    return value


def _saved_plans(saved: Iterable[Mapping[str, Any]], is_input: bool) -> Iterator[PortPlan]:
    for each in saved:
        if bool(each.get("is_input")) == is_input:
            options = each.get("options")
            kind: Any = Literal[tuple(options)] if options else str(each.get("type", "any"))
            yield PortPlan(
                each["id"], kind, str(each.get("name") or ""), str(each.get("unit") or "")
            )


# ── words and pictures ────────────────────────────────────────────────────────────────────

_VERBS = {
    "device.set": "Set",
    "device.get": "Get",
    "device.read": "Read",
    "device.monitor": "Monitor",
}
_SOURCES = {"V", "A", "W", "Hz"}


def title_of(node_id: str, device: Device, path: str) -> str:
    """What a node of this kind is called: "Set voltage", "Read temperature (input A)"."""
    member = device.member(path)
    head, dot, _ = path.partition(".")
    channel = f" ({_lowered(device.kind.channels[head].title or head)})" if dot else ""
    verb = _VERBS.get(node_id, "")
    return f"{verb} {_lowered(member.title)}{channel}" if verb else f"{member.title}{channel}"


def icon_of(node_id: str, member: Member) -> str:
    """Name of the picture on its card."""
    if node_id == "device.monitor":
        return "pulse"
    if isinstance(member, Command):
        return "bolt"
    unit = getattr(member, "unit", "")
    if unit in ("K", "°C", "degC"):
        return "thermo"
    if node_id != "device.set":
        return "meter"
    if isinstance(member, Control):
        if member.is_setting:
            return "sliders"
        if "heater" in member.name:
            return "heat"
        if member.type is bool:
            return "bolt"
    return "source" if unit in _SOURCES else "sliders"


def _lowered(title: str) -> str:
    """A title within a sentence: "Voltage" is "voltage", "V, I" stays."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


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


# ── the palette ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class EntryPort:
    """A port that the node of an entry would have."""

    id: str
    kind: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """One thing the palette offers for a device.

    Add it with `space.add_node_by_id(entry.node_id, name=entry.title, extra=entry.extra)`.
    """

    key: str
    """E.g. "device.set:smu.voltage"."""
    node_id: str
    title: str
    path: tuple[str, ...]
    icon: str = ""
    doc: str = ""
    words: tuple[str, ...] = ()
    inputs: tuple[EntryPort, ...] = ()
    outputs: tuple[EntryPort, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    """{"device": "smu", "member": "voltage"}"""


def library_entries(bench: Bench) -> list[DeviceEntry]:
    """What the palette offers for the devices of `bench`, device by device.

    Of each device first what is set, then what is read, then what acts or repeats.
    """
    found = []
    for device in bench.devices.values():
        offers = [
            (node_id, path, member)
            for path, member in device.members()
            for node_id in _offered(member)
        ]
        offers.sort(key=lambda offer: _ORDER.index(offer[0]))
        found += [_entry(device, *offer) for offer in offers]
    return found + list(_acquisitions(bench))


def _acquisitions(bench: Bench) -> Iterator[DeviceEntry]:
    """Each device that can be fetched from, and all of them together."""
    able = [d for d in bench.devices.values() if next(members_of(d, "fetch"), None)]
    groups = [[device] for device in able] + ([able] if len(able) > 1 else [])
    for devices in groups:
        names = [device.name for device in devices]
        plans = [plan for device in devices for plan in acquired_plans(device)]
        yield DeviceEntry(
            key=f"device.acquire:{'+'.join(names)}",
            node_id="device.acquire",
            title=f"Acquire {' and '.join(names)}",
            path=(names[0],) if len(names) == 1 else ("Together",),
            icon="pulse",
            doc=DeviceAcquire.__doc__ or "",
            words=(*names, "arm", "trigger", "fetch"),
            outputs=tuple(_entry_port(plan) for plan in plans),
            extra={"device": names[0], "member": "", "devices": names},
        )


_ORDER = ("device.set", "device.read", "device.get", "device.command", "device.monitor")


def _offered(member: Member) -> tuple[str, ...]:
    if isinstance(member, Control):
        monitored = () if member.is_setting else ("device.monitor",)
        return ("device.set", "device.get", *monitored)
    if isinstance(member, Measurement | Record | Together | Block):
        return ("device.read", "device.monitor")
    return ("device.command",)


def _entry(device: Device, node_id: str, path: str, member: Member) -> DeviceEntry:
    head, dot, _ = path.partition(".")
    shelf = (device.name, device.kind.channels[head].title or head) if dot else (device.name,)
    inputs: list[PortPlan] = []
    if node_id == "device.set" and isinstance(member, Value):
        inputs = [value_plan(device, path, member)]
    if node_id == "device.monitor":
        inputs = [PortPlan("period", float, unit="s")]
    outputs = output_plans(member) if node_id not in ("device.set", "device.command") else []
    return DeviceEntry(
        key=f"{node_id}:{device.name}.{path}",
        node_id=node_id,
        title=title_of(node_id, device, path),
        path=shelf,
        icon=icon_of(node_id, member),
        doc=describe_member(member, device.kind.spec.manual),
        words=(device.name, device.kind.spec.title, path, member.kind),
        inputs=tuple(_entry_port(plan) for plan in inputs),
        outputs=tuple(_entry_port(plan) for plan in outputs),
        extra={"device": device.name, "member": path},
    )


def _entry_port(plan: PortPlan) -> EntryPort:
    kind = plan.port_type()
    return EntryPort(plan.id, kind.kind, kind.unit)
