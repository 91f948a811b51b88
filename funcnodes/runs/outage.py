"""What an outage of an instrument means for a run: which devices it uses, who is away, who changed.

A device that lost its settings stops or pauses the run, as its scans, the device or the bench say
(D8). One that is away is waited for, within a bound. Asks no instrument.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

from funcnodes.core import Node, Outcome, clock
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile.file import OnChanged
from funcnodes.devices.device import Device
from funcnodes.errors import DeviceError
from funcnodes.runs.plan import Plan

LOOK_S = 0.05
ScanOnChanged = Literal["as the bench", "stop", "pause"]


class Chooser(Protocol):
    """A node that says what is to happen when a device lost its settings."""

    def choice_on_changed(self) -> ScanOnChanged: ...


class MayBeStopped(Protocol):
    """Who waits: a run, which may be stopped meanwhile."""

    @property
    def is_going_on(self) -> bool: ...
    def wait_for(self, text: str) -> None: ...


def used(nodes: Iterable[Node]) -> frozenset[str]:
    """The devices that nodes talk to."""
    return frozenset(name for node in nodes for name in node.resources())


def policy(plan: Plan, bench: Bench, device: str) -> OnChanged:
    """What a changed device does to a run: as a scan says, else the device, else the bench."""
    choices = {
        frame.choice_on_changed() for frame in plan.frames if hasattr(frame, "choice_on_changed")
    }
    if "stop" in choices:
        return "stop"
    if "pause" in choices:
        return "pause"
    return bench.device(device).config.on_changed or bench.config.on_changed


def changed(names: Iterable[str], bench: Bench | None) -> Iterator[str]:
    """What devices lost, a sentence each."""
    for name in sorted(names):
        device = bench.devices.get(name) if bench is not None else None
        if device is not None and device.changed:
            yield device.changed


def away(names: Iterable[str], bench: Bench | None) -> list[Device]:
    """Those of these devices that cannot be spoken with now."""
    found = [bench.devices.get(name) for name in sorted(names)] if bench is not None else []
    return [device for device in found if device is not None and not device.is_online]


def is_outage(outcome: Outcome) -> bool:
    """Whether a wave failed by an instrument or its wire."""
    error: BaseException | None = outcome.error
    while error is not None:
        if isinstance(error, DeviceError):
            return True
        error = error.__cause__
    return False


async def back(
    names: Iterable[str], bench: Bench, who: MayBeStopped | None, within_s: float
) -> str:
    """Wait until all of them can be spoken with; "" then, else who is still away and why.

    Ends early, with "", when the run is not to go on.
    """
    names, until = list(names), clock.monotonic() + within_s
    try:
        while missing := away(names, bench):
            if who is not None:
                if not who.is_going_on:
                    return ""
                who.wait_for(f"waiting for {' and '.join(each.name for each in missing)}")
            if clock.monotonic() >= until:
                first = missing[0]
                why = f": {first.message.rstrip('.')}" if first.message else ""
                return f"{first.name} did not come back in {within_s:g} s{why}."
            await clock.sleep(LOOK_S)
    finally:
        if who is not None:
            who.wait_for("")
    return ""
