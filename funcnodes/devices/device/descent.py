"""The way down of a device: at once by its emergency bytes, or orderly; read back (S1, S3).

Never raises for what the instrument does: what became of it is said, so that the others of a bench
are brought down, too. In which order and for which cause is the bench's.
"""

import math
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeGuard

from funcnodes.devices.benchfile.file import SafeAction
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.devices.declarations.members import Sample
from funcnodes.devices.estop.latch import AckState, StopAck
from funcnodes.devices.link.link import Link
from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages.framing import Refused
from funcnodes.errors import DeviceError, FuncnodesError

CONFIRM_S = 1.0
ParkState = Literal["parked", "held", "failed"]


class Descending(Protocol):
    """What the way down needs of a device."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> type[Instrument]: ...
    @property
    def instrument(self) -> Instrument: ...
    @property
    def link(self) -> Link | None: ...
    @property
    def message(self) -> str: ...
    @property
    def unusable(self) -> str: ...
    @property
    def replayed(self) -> bool: ...
    def emergency_pieces(self) -> tuple[bytes, ...]: ...
    def safely(self) -> AbstractContextManager[None]: ...
    def noted(self, member: str, sample: Sample) -> None: ...
    async def member_get(self, member: str) -> Sample: ...
    async def read_over(self, talk: Talk, path: str, member: Control[Any]) -> Sample: ...


@dataclass(frozen=True, slots=True)
class ParkResult:
    """What became of one device that was parked.

    `failed`: it did not go down in an orderly way; its emergency bytes were written instead.
    """

    device: str
    state: ParkState
    ms: float
    message: str = ""

    def as_ack(self) -> StopAck:
        """The same as a word on a stop."""
        words: dict[ParkState, AckState] = {"parked": "off", "held": "held", "failed": "unanswered"}
        return StopAck(
            device=self.device, state=words[self.state], ms=self.ms, message=self.message
        )


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a finite number; a switch is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def lies_between(value: float, now: float, end: float) -> bool:
    """Whether a value is on the way from `now` to `end`, and nearer to that."""
    return min(now, end) <= value <= max(now, end) and value != now


def begin_stop(device: Descending, began: float) -> StopAck:
    """Write the emergency bytes now, without waiting for anything; `confirm_stop` follows."""
    pieces, link = device.emergency_pieces(), device.link
    if device.unusable:
        return StopAck(device=device.name, state="unanswered", message=_unreached(device))
    if not pieces:
        return StopAck(device=device.name, state="held", message="It has nothing to switch off.")
    if link is None:
        return StopAck(device=device.name, state="unanswered", message=_unreached(device))
    link.begin_strike(*pieces)
    link.after_strike()
    return StopAck(device=device.name, state="pending", ms=_ms_since(began))


async def confirm_stop(
    device: Descending, began: float, *, within_s: float, repeat: bool = False
) -> StopAck:
    """Read back whether it is off; the emergency bytes are repeated while it is not (S3).

    `repeat` writes them before the first look, for a device that was out of reach.
    """
    name, link = device.name, device.link
    if link is None:
        return StopAck(device=name, state="unanswered", message=_unreached(device))

    async def is_off(talk: Talk) -> bool:
        return await _reads_back_off(device, talk)

    try:
        found = await link.confirm(
            is_off, *device.emergency_pieces(), within_s=within_s, repeat=repeat
        )
    except DeviceError as error:
        return StopAck(device=name, state="unanswered", ms=_ms_since(began), message=error.message)
    ms = _ms_since(began)
    if found:
        words = device.kind.spec.safe_state
        return StopAck(device=name, state="off", ms=ms, message=f"{words[:1].upper()}{words[1:]}.")
    if not device.kind.outputs():
        return StopAck(device=name, state="sent", ms=ms, message="It cannot be read back.")
    return StopAck(device=name, state="unanswered", ms=ms, message=f"{name} reads back as on.")


async def end(device: Descending, action: SafeAction) -> ParkResult:
    """Bring it down by the action that the bench asks for: parked, struck, or left as it is."""
    name = device.name
    if action == "hold":
        return ParkResult(name, "held", 0.0, "The bench says hold.")
    if action == "estop":
        return await _strike(device)
    if device.link is None:
        return ParkResult(name, "failed", 0.0, f"{name} is offline.")
    return await park(device)


async def _strike(device: Descending) -> ParkResult:
    began = time.monotonic()
    ack = begin_stop(device, began)
    if ack.state == "pending":
        ack = await confirm_stop(device, began, within_s=CONFIRM_S)
    words: dict[AckState, ParkState] = {"off": "parked", "held": "held"}
    return ParkResult(device.name, words.get(ack.state, "failed"), ack.ms or 0.0, ack.message)


async def park(device: Descending) -> ParkResult:
    """Bring it down in an orderly way: ramps to their parking value, then off, read back.

    Passes the latch and the bench's limits. Where that fails, emergency bytes are written.
    """
    name, began = device.name, time.monotonic()
    if not device.kind.outputs() and not device.kind.parked():
        return ParkResult(name, "held", 0.0, "It has nothing to switch off.")
    with device.safely():
        problems = await _go_down(device)
    if not problems:
        return ParkResult(name, "parked", _ms_since(began))
    if device.replayed:
        return ParkResult(name, "failed", _ms_since(began), problems[0])
    stop = begin_stop(device, began)
    if stop.state == "pending":
        stop = await confirm_stop(device, began, within_s=CONFIRM_S)
    if stop.state == "off":
        problems.append("Its emergency bytes switched it off.")
    elif stop.state != "held":
        problems.append(f"Its emergency bytes were not confirmed: switch {name} off by hand.")
    return ParkResult(name, "failed", _ms_since(began), " ".join(dict.fromkeys(problems)))


async def _go_down(device: Descending) -> list[str]:
    """Why it is not down, or nothing."""
    problems, kind = [], device.kind
    steps: list[tuple[str, Any]] = [(path, m.park) for path, m in kind.parked().items()]
    steps += [(path, m.safe) for path, m in kind.outputs().items()]
    for path, value in steps:
        try:
            await device.instrument.find(path).set(value)  # type: ignore[attr-defined]  # control
        except FuncnodesError as error:
            problems.append(str(error))
    for path, member in kind.outputs().items():
        try:
            if not member.is_off((await device.member_get(path)).value):
                problems.append(f"{device.name}: {member.title.lower()} reads back as on.")
        except FuncnodesError as error:
            problems.append(str(error))
    return problems


async def _reads_back_off(device: Descending, talk: Talk) -> bool:
    found = []
    for path, member in device.kind.outputs().items():
        try:
            sample = await device.read_over(talk, path, member)
        except Refused:
            return False
        device.noted(path, sample)
        found.append(member.is_off(sample.value))
    return bool(found) and all(found)


def _unreached(device: Descending) -> str:
    return f"{device.name} is offline ({device.message.rstrip('.')}), so nothing was sent."


def _ms_since(began: float) -> float:
    return (time.monotonic() - began) * 1000
