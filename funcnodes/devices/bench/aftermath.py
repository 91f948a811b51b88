"""What became of instruments whose last user was killed: made safe before anything else (S1, S3a).

Guarantees that it is on disk that an instrument was written to before the first write leaves, that
whoever opens it after an end that was none does with it what the bench says for a worker's death
before anybody else may write to it, and that the E-STOP is latched where that is not confirmed.
A disk that is full or hangs is said, and holds nobody up for long.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping

from funcnodes.core import clock
from funcnodes.devices.addresses.forms import Address
from funcnodes.devices.addresses.lease import holder_of
from funcnodes.devices.bench.stopping import Stopping
from funcnodes.devices.device.device import Device
from funcnodes.devices.estop import unfinished
from funcnodes.devices.estop.latch import CONFIRMED, Latch, StopAck
from funcnodes.devices.estop.safetylog import SAID
from funcnodes.devices.estop.unfinished import Unfinished
from funcnodes.errors import FuncnodesError
from funcnodes.machine.place import leases_dir
from funcnodes.machine.processes import Process

DISK_S = 1.0
"""How long a write waits for the disk to know of it."""
CONNECT_S = 1.5
"""How long an instrument that was left may take to connect before the E-STOP is latched."""
SAFE_S = 1.5
"""What opening waits for such an instrument to be safe; a ramp goes on after that."""
BY = "an end that was not in order"
"""Who presses E-STOP for what was left."""

_log = logging.getLogger("funcnodes.devices")


class Aftermath:
    """What a bench owes its instruments; see the module's text.

    Args:
        owner: Whose bench it is, for whoever finds what it left.
        is_kept: Whether anything is kept at all: not for instruments in memory.
    """

    def __init__(
        self,
        devices: Mapping[str, Device],
        stopping: Stopping,
        latch: Latch,
        *,
        owner: str,
        is_kept: bool,
    ) -> None:
        self._devices = devices
        self._stopping = stopping
        self._latch = latch
        self._owner = owner
        self._is_kept = is_kept
        self._left: dict[str, Unfinished] = {}
        self._seen: set[str] = set()  # connected, and looked up what was left of them
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self._working: set[asyncio.Task[None]] = set()
        self._unsure: set[str] = set()

    # ── what was written to ──

    async def mark(self, name: str) -> None:
        """Before the first write to a device: have it on disk, or said that it is not."""
        keeping = self._keeping.get(name)
        if keeping is None:
            if (address := self._address(name)) is None:
                return
            work = asyncio.to_thread(self._keep, name, address)
            keeping = self._keeping[name] = asyncio.create_task(work, name=f"mark {name}")
        if not keeping.done():
            await asyncio.wait({keeping}, timeout=DISK_S)

    def note(self, acks: Iterable[StopAck]) -> None:
        """What became of devices that were brought down: who is not off stays on disk."""
        for ack in acks:
            (self._unsure.discard if ack.state in CONFIRMED else self._unsure.add)(ack.device)

    async def finish(self) -> None:
        """The bench is about to close: what is being made safe has a moment to become it."""
        if self._working:
            await asyncio.wait(self._working, timeout=SAFE_S)
        for work in tuple(self._working):
            work.cancel()

    async def close(self) -> None:
        """The bench was closed in order: forget all devices but those that are not known off."""
        self._seen.clear()
        marked, self._keeping = set(self._keeping), {}
        unsure = self._unsure | set(self._latch.unconfirmed() if self._latch.latched else ())
        found = [self._address(name) for name in marked - unsure]
        clearing = [asyncio.to_thread(unfinished.clear, each) for each in found if each]
        if clearing:
            await asyncio.wait([asyncio.create_task(each) for each in clearing], timeout=DISK_S)

    def _keep(self, name: str, address: Address) -> None:
        device, mine = self._devices[name], Process.mine()
        entry = Unfinished(
            pid=mine.pid, started=mine.started, owner=self._owner, device=name, t=clock.now(),
            target=device.target() if device.action("on_worker_death") == "estop" else None,
        )  # fmt: skip
        try:
            unfinished.keep(address, entry)
        except (OSError, FuncnodesError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            _log.error("That %s is written to is not kept on disk: %s.", name, why)

    def _address(self, name: str) -> Address | None:
        """Where others find the device; None where nothing can be left on, or it ends with us."""
        device = self._devices[name]
        if not self._is_kept or device.replayed or device.config.address.startswith("sim:"):
            return None
        kind, address = device.kind, device.where()
        if address is None or address.kind == "memory":
            return None
        return address if kind.outputs() or kind.parked() or device.emergency_bytes() else None

    # ── what was left ──

    def look(self) -> None:
        """Find what others left of this bench's devices; they are refused writes from now on."""
        for name in self._devices:
            self._look(name)

    def connected(self, name: str) -> None:
        """A device changed: where it connects for the first time, whoever had it may be gone."""
        if name in self._seen or name in self._left or not self._devices[name].is_online:
            return
        self._seen.add(name)
        if self._look(name):
            self._begin(name)

    def _look(self, name: str) -> bool:
        address = self._address(name)
        left = unfinished.left_at(address) if address is not None else None
        if left is not None:
            self._left[name] = left
        return left is not None

    def refusal(self, name: str) -> str:
        """Why a device is not written to just now, or ""."""
        left = self._left.get(name)
        return f"it is made safe first, since {left.who} did not end in order" if left else ""

    def connect_s(self, name: str, usual_s: float) -> float:
        """Seconds that connecting may take before opening goes on."""
        return CONNECT_S if name in self._left else usual_s

    async def make_up(self, name: str) -> None:
        """Make a device safe that was left, once it has connected or could not be reached."""
        if name in self._left:
            await asyncio.wait({self._begin(name)}, timeout=SAFE_S)

    def _begin(self, name: str) -> "asyncio.Task[None]":
        work = asyncio.create_task(self._make_up(name), name=f"make {name} safe")
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        return work

    async def _make_up(self, name: str) -> None:
        device, left, address = self._devices[name], self._left[name], self._address(name)
        try:
            if address is None or self._is_seen_to(device, address):
                return
            words = await self._made_safe(device)
            if words:
                text = f"{left.who} did not end in order: {words}."
                self._latch.log.note("death", text, device=name)
                _log.warning(text, extra=SAID)
                await asyncio.to_thread(unfinished.clear, address)
                return
            await self.mark(name)  # ours now, until it is confirmed
            self._latch_it(device, left)
        finally:
            self._left.pop(name, None)
            if device.is_online:
                self._seen.add(name)

    @staticmethod
    def _is_seen_to(device: Device, address: Address) -> bool:
        """Whether another process has, or had, the instrument meanwhile."""
        if unfinished.left_at(address) is None:
            return True
        with contextlib.suppress(FuncnodesError, OSError):
            return device.link is None and holder_of(leases_dir(), address) is not None
        return False

    async def _made_safe(self, device: Device) -> str:
        """What became of a device; "" where it is not confirmed."""
        name, action = device.name, device.action("on_worker_death")
        if action == "hold":
            return f"{name} is left as it is, as its bench says"
        if device.is_online and device.output_on is False:
            return f"{name} reads back as off"
        with contextlib.suppress(FuncnodesError):
            (ack,) = await self._stopping.make_safe("on_worker_death", [name])
            if ack.state in CONFIRMED:
                return f"{name} was made safe and reads back as off"
        return ""

    def _latch_it(self, device: Device, left: Unfinished) -> None:
        cause = f"{device.name} was left by {left.who} and is not confirmed off"
        _log.error("E-STOP: %s.", cause, extra=SAID)
        self._stopping.begin(cause, BY, [device.name], "on_worker_death")
