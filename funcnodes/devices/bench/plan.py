"""What a bench will do for each cause, in words and seconds, shown before anything is armed (S1).

Made from the drivers' declarations and the bench file; asks no instrument and changes nothing.
Times are worst cases (D4): for emergency bytes until they are on the line, for parking until the
longest ramp has ended, one reply that never comes was waited for, and emergency bytes took over.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

import msgspec

from funcnodes.core import units
from funcnodes.devices.benchfile.file import Cause, SafeAction
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.devices.declarations.words import Control
from funcnodes.devices.device.descent import CONFIRM_S
from funcnodes.devices.device.device import Device
from funcnodes.devices.safety.bands import Band
from funcnodes.devices.safety.interlocks import Interlocks

NOTHING = "nothing to switch off"

_TITLES: Mapping[Cause, str] = {
    "on_estop": "On E-STOP",
    "at_end": "At the end of a run, what it wrote to",
    "on_worker_death": "When the worker dies",
    "on_operator_lost": "When whoever holds the controls is lost",
}


class PlanStep(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one device; JSON-ready."""

    device: str
    action: SafeAction
    words: str
    """E.g. "voltage to 0 V at 5 V/s, then output off"."""
    within_s: float | None
    """Seconds it takes at worst; None where nothing is done, or it is out of reach."""
    order: int
    """1 for who is first; those with the same number go together."""
    note: str = ""
    """What a person has to know, such as that it cannot be reached."""

    @property
    def text(self) -> str:
        within = f", within {units.text(self.within_s, 's', digits=3)}" if self.within_s else ""
        return f"{self.order}. {self.device}: {self.words}{within}" + (
            f" ({self.note})" if self.note else ""
        )


class CausePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What happens for one cause."""

    cause: Cause
    title: str
    steps: tuple[PlanStep, ...]


class SafetyWarning(msgspec.Struct, frozen=True, kw_only=True):
    """Something that whoever leaves the bench alone should know of, and accept (S5)."""

    code: str
    """no_own_protection, no_safe_state, left_on, or source_ignored."""
    name: str
    """The device, or the interlock."""
    text: str


class SafetyPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; JSON-ready."""

    bench: str
    causes: tuple[CausePlan, ...]
    interlocks: tuple[str, ...]
    unreachable: tuple[str, ...]
    warnings: tuple[SafetyWarning, ...]
    waits: tuple[str, ...] = ()
    """What runs are paused by, a sentence each."""

    def of(self, device: str) -> dict[str, PlanStep]:
        """What happens to one device, by cause."""
        return {
            plan.cause: step for plan in self.causes for step in plan.steps if step.device == device
        }

    def lines(self) -> list[str]:
        """For people."""
        found = []
        for plan in self.causes:
            found += [f"{plan.title}:", *(f"  {step.text}" for step in plan.steps)]
        if self.interlocks:
            found += ["Interlocks:", *(f"  {text}" for text in self.interlocks)]
        if self.waits:
            found += ["Runs wait:", *(f"  {text}" for text in self.waits)]
        if self.unreachable:
            found += ["Cannot be reached now:", *(f"  {text}" for text in self.unreachable)]
        return found + [f"Warning: {warning.text}" for warning in self.warnings]


def make_plan(
    bench: str,
    devices: list[Device],
    stop_order: tuple[str, ...],
    interlocks: Interlocks,
    bands: Iterable[Band] = (),
) -> SafetyPlan:
    """The plan of a bench.

    Args:
        devices: In stop order.
    """
    return SafetyPlan(
        bench=bench,
        causes=tuple(_cause(cause, devices, stop_order) for cause in get_args(Cause)),
        interlocks=tuple(_interlock_words(interlocks)),
        waits=tuple(band.words for band in bands),
        unreachable=tuple(
            f"{device.name}: {device.message}"
            for device in devices
            if (device.emergency_bytes() and _is_out_of_reach(device)) or device.unusable
        ),
        warnings=(
            *(warning for device in devices for warning in _warnings(device)),
            *_interlock_warnings(interlocks),
        ),
    )


def _cause(cause: Cause, devices: list[Device], stop_order: tuple[str, ...]) -> CausePlan:
    steps = []
    for number, device in enumerate(devices, 1):
        order = number if device.name in stop_order else len(stop_order) + 1
        steps.append(_step(cause, device, order))
    return CausePlan(cause=cause, title=_TITLES[cause], steps=tuple(steps))


def _step(cause: Cause, device: Device, order: int) -> PlanStep:
    action = device.action(cause)
    words, within_s = "is left as it is", None
    if action == "estop":
        words, within_s = estop_words(device.kind), device.stop_within_s
    elif action == "park":
        words, within_s = park_words(device.kind), _park_s(device)
    acts = action != "hold" and bool(device.emergency_bytes() or device.kind.parked())
    return PlanStep(
        device=device.name, action=action, words=words, order=order,
        within_s=within_s if acts and not _is_out_of_reach(device) else None,
        note=_note(cause, action, device) if acts else "",
    )  # fmt: skip


def _note(cause: Cause, action: SafeAction, device: Device) -> str:
    if _is_out_of_reach(device):
        return "it cannot be reached now"
    if cause == "on_worker_death" and action == "park":
        return "only when the worker is told to end; killed, it is left as it is"
    return ""


def _is_out_of_reach(device: Device) -> bool:
    """Whether nothing reaches it; one whose line is put right, as after a stop, is in reach."""
    return device.link is None or device.link.is_offline


def estop_words(kind: type[Instrument]) -> str:
    """What an E-STOP does to an instrument of this driver."""
    return kind.spec.safe_state or NOTHING


def park_words(kind: type[Instrument]) -> str:
    """How an instrument of this driver is brought down in an orderly way."""
    ways = []
    for path, member in kind.parked().items():
        speed = f" at {units.text(member.rate, member.unit)}/s" if member.rate else ""
        ways.append(f"{_named(path, member)} to {member.text(member.park)}{speed}")
    off = [
        f"{_named(path, member)} {member.text(member.safe)}"
        for path, member in kind.outputs().items()
    ]
    return ", then ".join([*ways, *([", ".join(off)] if off else [])]) or NOTHING


def _named(path: str, member: Control[object]) -> str:
    channel, dot, _ = path.rpartition(".")
    title = member.title.lower()
    return f"{channel} {title}" if dot else title


def _park_s(device: Device) -> float:
    ramps = sum(_ramp_s(device, path, m) for path, m in device.kind.parked().items())
    timeout_s = device.config.timeout_s or device.kind.spec.protocol.timeout_s
    return ramps + timeout_s + CONFIRM_S


def _ramp_s(device: Device, path: str, member: Control[object]) -> float:
    """From the far end of what the bench allows."""
    limits = device.limits(path)
    if not member.rate or limits is None or not isinstance(member.park, int | float):
        return 0.0
    ends = [end for end in (limits.low, limits.high) if end is not None]
    return max((abs(end - member.park) for end in ends), default=0.0) / member.rate


def _interlock_words(interlocks: Interlocks) -> Iterator[str]:
    for each in interlocks:
        config = each.config
        whom = ", ".join(config.writes or each.devices)
        what = f"refuses writes to {whom}" if not each.is_stop else f"{config.then} of {whom}"
        if each.is_stop and each.action == "on_estop":
            what = "E-STOP"
        yield f"{config.name}: {what} when {config.when}"


def _warnings(device: Device) -> Iterator[SafetyWarning]:
    name, spec = device.name, device.kind.spec
    controls = [m for _, m in device.members() if isinstance(m, Control) and not m.is_setting]
    if controls and not device.emergency_bytes():
        yield SafetyWarning(
            code="no_safe_state", name=name,
            text=f"{name} can be set, but its driver {spec.name} declares no safe state.",
        )  # fmt: skip
    if device.kind.outputs() and not spec.protects:
        yield SafetyWarning(
            code="no_own_protection", name=name,
            text=f"{name} has outputs, and no protection of its own (over-voltage, over-current, "
            "watchdog) is known: unattended, only this program switches them off.",
        )  # fmt: skip
    if device.kind.outputs() and device.action("on_estop") == "hold":
        yield SafetyWarning(
            code="left_on", name=name, text=f"{name} is left on by an E-STOP, as the bench says."
        )


def _interlock_warnings(interlocks: Interlocks) -> Iterator[SafetyWarning]:
    for each in interlocks:
        if each.config.on_lost == "ignore":
            yield SafetyWarning(
                code="source_ignored", name=each.config.name,
                text=f"Interlock {each.config.name} does not act while its source is lost.",
            )  # fmt: skip
