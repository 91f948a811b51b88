"""How the devices of a bench are brought down: at once, orderly, by whom and for which cause (S1).

Guarantees that an E-STOP writes every device's bytes before it waits for anything, that one which
does not answer is tried again until it does or somebody resets the latch, and that what became of
each device is said, whatever became of the others. How one device goes down is `descent`'s.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

from funcnodes.devices.benchfile.file import BenchConfig, Cause, SafeAction
from funcnodes.devices.device import descent
from funcnodes.devices.device.descent import CONFIRM_S, ParkResult
from funcnodes.devices.device.device import Device
from funcnodes.devices.estop.emergency import Target
from funcnodes.devices.estop.latch import CONFIRMED, Latch, StopAck
from funcnodes.devices.link.link import Link

AGAIN_S = 0.25  # between attempts on a device that did not answer an E-STOP
OnAck = Callable[[StopAck], None]


class Stopping:
    """How the devices of a bench are brought down; see the module's text."""

    def __init__(self, devices: Mapping[str, Device], config: BenchConfig, latch: Latch) -> None:
        self._devices = devices
        self._order = config.stop_order
        self._lost_s = config.operator_lost_s
        self._latch = latch
        self._loop: asyncio.AbstractEventLoop | None = None  # while the bench is open
        self._begun: set[asyncio.Task[object]] = set()  # stops that nobody waits for
        self._again: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._is_unkept = False  # the latch has changed since its saving began
        self._absent: asyncio.TimerHandle | None = None
        self._spared: tuple[float | None, frozenset[str]] = (None, frozenset())
        # since when what is latched is, and whom it leaves as they are

    def start(self) -> None:
        """The bench opens; the loop must run."""
        self._loop = asyncio.get_running_loop()

    async def finish(self) -> None:
        """Give stops that the bench began by itself a moment to end."""
        if self._begun:
            await asyncio.wait(self._begun, timeout=CONFIRM_S)

    async def close(self) -> None:
        """The bench closes: who did not answer an E-STOP is left alone now."""
        if self._again is not None:
            self._again.cancel()
            await asyncio.gather(self._again, return_exceptions=True)
        if self._keeping is not None:
            await asyncio.wait({self._keeping}, timeout=CONFIRM_S)
        self._loop = None

    def in_order(self, names: Iterable[str] | None = None) -> list[Device]:
        """These devices, all by default, in stop order."""
        wanted = set(self._devices if names is None else names)
        others = (name for name in self._devices if name not in self._order)
        return [self._devices[name] for name in (*self._order, *others) if name in wanted]

    # ── for a cause ───────────────────────────────────────────────────────────────────────

    async def park(self, names: Iterable[str] | None) -> list[ParkResult]:
        """See `Bench.park`."""
        devices = self.in_order(names)
        return await self._one_by_one(devices, lambda d: descent.end(d, d.action("at_end")))

    async def make_safe(self, cause: Cause, names: Iterable[str] | None) -> list[StopAck]:
        """See `Bench.make_safe`."""
        return await self._stop(self.in_order(names), lambda d: d.action(cause), lambda _: None)

    async def estop(
        self,
        cause: str,
        by: str,
        *,
        on_ack: OnAck | None,
        names: Iterable[str] | None,
        action: SafeAction | Cause,
    ) -> list[StopAck]:
        """See `Bench.estop`."""
        self._latch.engage(cause, by)

        def told(ack: StopAck) -> None:
            self._latch.acknowledge(ack, keep=False)
            self._keep_soon()
            if on_ack is not None:
                on_ack(ack)

        def chosen(device: Device) -> SafeAction:
            if action == "estop" or action == "park" or action == "hold":
                return action
            return device.action(action)

        if names is None:
            self._spared = (self._latch.state.t, frozenset())
        acks = await self._stop(self.in_order(names), chosen, told)
        if self._keeping is not None:
            await asyncio.wait({self._keeping}, timeout=CONFIRM_S)
        if self._latch.unconfirmed() and (self._again is None or self._again.done()):
            self._again = asyncio.create_task(self._insist(told), name="E-STOP again")
        return acks

    def _keep_soon(self) -> None:
        """Bring the latch to disk from a thread: outputs and parking wait for no disk (S3a)."""
        self._is_unkept = True
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._keep(), name="keep the E-STOP")

    async def _keep(self) -> None:
        while self._is_unkept:
            self._is_unkept = False
            await asyncio.to_thread(self._latch.save)

    def begin(self, cause: str, by: str, names: Iterable[str], action: SafeAction | Cause) -> None:
        """Begin a stop: in this turn of the loop nobody speaks any more, in the next it is told."""
        spared = self._left_by(frozenset(names), action)
        if self._latch.latched:
            spared &= self.spared
        self._latch.engage(cause, by)
        self._spared = (self._latch.state.t, spared)
        task = asyncio.create_task(
            self.estop(cause, by, on_ack=None, names=tuple(names), action=action),
            name=f"stop by {by}",
        )
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)

    @property
    def spared(self) -> frozenset[str]:
        """See `Bench.spared`."""
        since, spared = self._spared
        state = self._latch.state
        return spared if state.latched and state.t == since else frozenset()

    def _left_by(self, names: frozenset[str], action: SafeAction | Cause) -> frozenset[str]:
        """Whom a stop of these devices leaves as they are, without being told to hold them."""
        held = {
            name
            for name in names & self._devices.keys()
            if action == "on_estop" and self._devices[name].action("on_estop") == "hold"
        }
        return frozenset(self._devices.keys() - names | held)

    def operator_here(self, is_here: bool, who: str = "") -> None:
        """See `Bench.operator_here`."""
        if is_here and self._absent is not None:
            self._absent.cancel()
            self._absent = None
        if is_here or self._absent is not None or self._loop is None:
            return
        names = [d.name for d in self.in_order() if d.action("on_operator_lost") != "hold"]
        if names:
            self._absent = self._loop.call_later(self._lost_s, self._operator_lost, names, who)

    def _operator_lost(self, names: list[str], who: str) -> None:
        self._absent = None
        who = who or "whoever held the controls"
        cause = f"{who} has been away for {self._lost_s:g} s"
        self.begin(cause, "the dead-man", names, "on_operator_lost")

    # ── for another thread or process ─────────────────────────────────────────────────────

    def shots(self) -> Iterator[tuple[str, tuple[bytes, ...], Link]]:
        """Emergency bytes and the links they go over; called in any thread."""
        for device in self.in_order():
            link, pieces = device.link, device.emergency_pieces()
            if link is not None and pieces and device.action("on_estop") != "hold":
                yield device.name, pieces, link

    def targets(self, cause: str) -> list[Target]:
        """Devices for which the bench asks for `estop` on `cause`, for another process."""
        found = []
        for device in self.in_order():
            target = device.target()
            if target is not None and device.action(cause) == "estop":  # type: ignore[arg-type]  # a name from another process
                found.append(target)
        return found

    # ── the ways down ─────────────────────────────────────────────────────────────────────

    async def _stop(
        self, devices: list[Device], action: Callable[[Device], SafeAction], told: OnAck
    ) -> list[StopAck]:
        began = time.monotonic()
        by_action: dict[SafeAction, list[Device]] = {"estop": [], "park": [], "hold": []}
        for device in devices:
            by_action[action(device)].append(device)
        acks = {d.name: d.begin_stop(began) for d in by_action["estop"]}
        for device in by_action["hold"]:
            acks[device.name] = StopAck(
                device=device.name, state="held", message="The bench says hold."
            )
        for device in by_action["park"]:
            acks[device.name] = StopAck(device=device.name, state="pending")
        for name in [device.name for device in devices]:
            told(acks[name])

        async def confirm(device: Device) -> None:
            if acks[device.name].state == "pending":
                acks[device.name] = await device.confirm_stop(began)
                told(acks[device.name])

        async def bring_down() -> None:
            for result in await self._one_by_one(
                by_action["park"], lambda device: descent.end(device, "park")
            ):
                acks[result.device] = result.as_ack()
                told(acks[result.device])

        await asyncio.gather(bring_down(), *(confirm(device) for device in by_action["estop"]))
        return [acks[device.name] for device in devices]

    async def _insist(self, told: OnAck) -> None:
        """Go on with devices that did not answer an E-STOP, until they do or it is reset."""
        while self._latch.latched and self._latch.unconfirmed():
            await asyncio.sleep(AGAIN_S)
            for name in self._latch.unconfirmed():
                device = self._devices.get(name)
                if device is None or not self._latch.latched or not device.emergency_bytes():
                    continue
                began = time.monotonic()
                ack = await device.confirm_stop(began, repeat=True)
                if ack.state in CONFIRMED and self._latch.latched:
                    told(ack)

    async def _one_by_one(
        self, devices: list[Device], step: Callable[[Device], Awaitable[ParkResult]]
    ) -> list[ParkResult]:
        """Those that the bench orders one after the other, the rest together."""
        ordered = [device for device in devices if device.name in self._order]
        others = [device for device in devices if device.name not in self._order]
        results = [await step(device) for device in ordered]
        results += await asyncio.gather(*(step(device) for device in others))
        return results
