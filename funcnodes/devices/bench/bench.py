"""The devices of a worker, opened together from a `bench.toml`, and what makes them safe.

Guarantees that opening changes nothing on any instrument, that one which cannot be reached keeps
nobody else waiting, and that E-STOP writes every device's bytes before it waits for anything.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from funcnodes.core.events import unsubscriber
from funcnodes.core.running.crossing import over
from funcnodes.devices.addresses.lease import Leases
from funcnodes.devices.bench.aftermath import Aftermath
from funcnodes.devices.bench.plan import SafetyPlan, make_plan
from funcnodes.devices.bench.reach import Reach, program
from funcnodes.devices.bench.snapshots import WITHIN_S, BenchSnapshot, take_snapshot
from funcnodes.devices.bench.stopping import Stopping
from funcnodes.devices.benchfile.file import BenchConfig, BenchFile, Cause, SafeAction
from funcnodes.devices.benchfile.find import find_bench
from funcnodes.devices.benchfile.rules import Severity
from funcnodes.devices.declarations.members import Sample
from funcnodes.devices.device.descent import ParkResult
from funcnodes.devices.device.device import Device
from funcnodes.devices.device.kept import OutageNotice
from funcnodes.devices.device.rack import Rack, Write
from funcnodes.devices.estop.emergency import Emergency
from funcnodes.devices.estop.latch import Latch, LatchState, StopAck
from funcnodes.devices.link.introduction import wakes_s
from funcnodes.devices.safety.alarms import AlarmEvent, Alarms, AlarmState
from funcnodes.devices.safety.bands import Band
from funcnodes.devices.safety.interlocks import Interlock, Interlocks
from funcnodes.devices.safety.notify import Notifier
from funcnodes.devices.safety.sources import Observation, find_source
from funcnodes.devices.safety.watching import Watching
from funcnodes.devices.transports.choose import MakeTransport, Transports
from funcnodes.errors import BenchError, DeviceError, FuncnodesError

NOTICE_S = 0.03  # changes of a device are told at most this often
TOLD_S = 1.0  # what closing waits for mail and webhooks at most
FIRST_LOOK_S = 1.0  # what opening waits for the first readings of interlocks at most
OPEN_S = 5.0  # what a device may take to connect before opening goes on without it

_log = logging.getLogger(__name__)
_NOTHING: Mapping[str, str] = {}
_log = logging.getLogger(__name__)


class Bench:
    """A bench; see the module's text.

    Attributes:
        name: As its file says.
        path: Its file, or None.
        config: What the file says.
        latch: The worker's E-STOP latch.
        devices: By name, in the order of the file.
        emergency: What another thread or process needs to make it safe.
        interlocks: What it does by itself; see `interlocks`.
        alarms: What it tells people; see `alarms`.
        bands: Outside of which runs on it are paused.
        notifier: How it tells people who are elsewhere.
        watching: What interlocks, alarms and whoever else asks hear of its members.
        written: Names of devices written to since the innermost `track_writes` began.
        reachable: Whether `funcnodes estop` finds it while it is open. Off for a worker's, which
            answers for it itself.
    """

    reachable = True

    def __init__(
        self,
        config: BenchConfig,
        resources: Mapping[str, str] = _NOTHING,
        *,
        path: Path | None = None,
        lock_dir: Path | None = None,
        latch: Latch | None = None,
        owner: str = "",
        make_transport: MakeTransport | None = None,
    ) -> None:
        """A device whose driver, address or limits are wrong stays offline, and says why.

        Raises:
            BenchError: A rule names what there is not; the message names file and table.
        """
        self.name = config.name
        self.path = path
        self.config = config
        self.latch = latch or Latch()
        self._watchers: list[Callable[[Device], None]] = []
        self._hearers: list[Callable[[OutageNotice], None]] = []
        self._trackers: list[set[str]] = []
        self._readers: list[Callable[[Write], None]] = []
        self._listeners: list[Callable[[str, str, Sample], None]] = []
        self._fresh: set[str] = set()  # changed, and not told yet
        self._untried: set[str] = set()  # not tried yet since it was opened
        self._tried = asyncio.Event()  # one more was
        self._loop: asyncio.AbstractEventLoop | None = None
        self._endings: list[Callable[[], None]] = []
        self._reach: Reach | None = None
        self._owner = owner or program()
        leases = Leases(lock_dir, self._owner) if lock_dir or not make_transport else None
        rack = Rack(
            latch=self.latch, allow=config.allow, leases=leases, actions=dict(config.actions),
            written=self._note_write, changed=self._note_change,
            make_transport=make_transport or Transports(),
            told=self._told, refusal=self._refusal, mark=lambda name: self._aftermath.mark(name),
            heard=self._heard,
        )  # fmt: skip
        self.devices: dict[str, Device] = {}
        for name, device in config.devices.items():
            self.devices[name] = Device(device, rack, dict(resources))
        self._stopping = Stopping(self.devices, config, self.latch)
        self.emergency = Emergency(self.latch, self._stopping.shots, self._stopping.targets)
        self._aftermath = Aftermath(
            self.devices, self._stopping, self.latch, owner=self._owner, is_kept=leases is not None
        )
        self._make_rules(config)
        self._unwatch_latch = self.latch.on_change(self._latch_changed)

    def _make_rules(self, config: BenchConfig) -> None:
        rules, kinds = config.rules, {name: each.kind for name, each in self.devices.items()}
        self.watching = Watching(self.devices)
        try:
            self.interlocks = Interlocks(
                rules.interlocks, kinds, latch=self.latch, trip=self._tripped
            )
            self.alarms = Alarms(rules.alarms, kinds)
            self.bands = tuple(Band(config, kinds) for config in rules.suspenders)
        except BenchError as error:
            raise _placed(error, self.path) from error
        self.notifier = Notifier(rules.notify, config.name)

    @classmethod
    def load(
        cls,
        path: Path | str,
        resources: Mapping[str, str] = _NOTHING,
        *,
        lock_dir: Path | None = None,
        latch: Latch | None = None,
        owner: str = "",
    ) -> Self:
        """Read a bench file; opens nothing.

        Args:
            resources: What `sim:NAME` stands for.
            lock_dir: Where leases are kept, if not where all processes of this machine look.
            latch: The worker's latch, else one of the bench's own in memory.
            owner: The worker's name, shown to others who want the same instrument.

        Raises:
            BenchError: Something in it is wrong; the message names file, table and key.
        """
        path = Path(path)
        config = BenchFile.load(path).usable
        return cls(config, resources, path=path, lock_dir=lock_dir, latch=latch, owner=owner)

    @classmethod
    def builtin(
        cls,
        name: str,
        resources: Mapping[str, str] = _NOTHING,
        *,
        lock_dir: Path | None = None,
        latch: Latch | None = None,
        owner: str = "",
    ) -> Self:
        """One of the benches that come with funcnodes, e.g. "demo"; see `load`."""
        return cls.load(find_bench(name), resources, lock_dir=lock_dir, latch=latch, owner=owner)

    # ── opening ───────────────────────────────────────────────────────────────────────────

    async def open(self) -> None:
        """Connect to all devices in parallel, and watch what interlocks and alarms look at.

        One that cannot be reached stays offline, with its reason in `message`, and is tried
        again in the background. Never raises for a device.
        """
        self._loop = asyncio.get_running_loop()
        self._untried = set(self.devices)
        self._stopping.start()
        if self.reachable and self._reach is None:
            self._reach = Reach(self, self._owner)
            self._reach.begin()
        self._begin_rules()
        self._aftermath.look()
        await asyncio.gather(*(self._connect(device) for device in self.devices.values()))
        await self.watching.look(within_s=FIRST_LOOK_S)  # so that interlocks can be asked
        self.alarms.start(self.watching)  # a device that is only just connecting is no alarm

    async def close(self) -> None:
        """Let go of every device, whatever happened to one; their outputs stay as they are.

        From another loop than the one it was opened in, it is closed there.
        """
        home = self._loop
        if home is not None and home.is_running() and home is not asyncio.get_running_loop():
            await over(home, self.close())
            return
        self._unwatch_latch()
        await self._done_whatever(self._end_rules())
        await self._done_whatever(self._aftermath.finish())
        await self._done_whatever(self._stopping.close())
        disconnecting = (device.disconnect() for device in self.devices.values())
        await asyncio.gather(*map(self._done_whatever, disconnecting))
        await self._done_whatever(self._aftermath.close())
        if self._reach is not None:
            self._reach.end()
            self._reach = None
        self._loop = None
        self._fresh.clear()

    async def _done_whatever(self, step: Awaitable[None]) -> None:
        """One step of closing; one that fails is logged, and holds up none of the others."""
        try:
            await step
        except Exception:
            _log.exception("A part of the bench %s could not be closed", self.name)

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop in which it is open, for `asyncio.run_coroutine_threadsafe`."""
        return self._loop

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _begin_rules(self) -> None:
        if not self._endings:
            self._endings = [
                self.alarms.on_alarm(self._alarm_told),
                self.interlocks.stop,
                self.alarms.stop,
            ]
            self.interlocks.start(self.watching)
            self.watching.start()

    async def _end_rules(self) -> None:
        """Watch no more; a stop that is under way is finished, mail is given a moment."""
        self._stopping.operator_here(True)
        while self._endings:
            self._endings.pop()()
        await self.watching.stop()
        await self._stopping.finish()
        self.notifier.close()
        until = time.monotonic() + TOLD_S
        while any(state.waiting for state in self.notifier.states()):
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.02)

    async def _connect(self, device: Device) -> None:
        within_s = self._aftermath.connect_s(device.name, OPEN_S)
        try:
            async with asyncio.timeout(within_s + wakes_s(device.spec.protocol)):
                await device.connect()
        except (DeviceError, TimeoutError):
            pass  # it says why, and is tried again
        except FuncnodesError as error:
            _log.warning("%s could not be connected: %s", device.name, error)
        await self._aftermath.make_up(device.name)
        self._untried.discard(device.name)
        self._tried.set()
        self._tried.clear()

    def _refusal(self, device: str, member: str) -> str:
        return self._aftermath.refusal(device) or self.interlocks.refusal(device, member)

    async def first_contact(self, names: Iterable[str]) -> None:
        """Wait until each of these was tried once since the bench was opened, or long enough."""
        wanted = set(names)
        with suppress(TimeoutError):
            async with asyncio.timeout(OPEN_S):
                while wanted & self._untried:
                    await self._tried.wait()

    # ── what there is ─────────────────────────────────────────────────────────────────────

    def device(self, name: str) -> Device:
        """The device of that name.

        Raises:
            BenchError: The bench has none.
        """
        if name not in self.devices:
            known = ", ".join(self.devices) or "none"
            raise BenchError(
                f"The bench {self.name!r} has no device {name!r}; it has {known}.",
                bench=self.name,
                device=name,
            )
        return self.devices[name]

    @property
    def simulated(self) -> tuple[int, int]:
        """How many of the devices are simulated, and how many there are."""
        return sum(device.simulated for device in self.devices.values()), len(self.devices)

    def safety_plan(self) -> SafetyPlan:
        """What will happen for each cause, in words and seconds; asks no instrument."""
        devices = self._stopping.in_order()
        return make_plan(self.name, devices, self.config.stop_order, self.interlocks, self.bands)

    @property
    def replayed(self) -> tuple[int, int]:
        """How many of the devices are answered for by a recording, and how many there are."""
        return sum(device.replayed for device in self.devices.values()), len(self.devices)

    def snapshot(self) -> dict[str, Any]:
        """Every device's identity and newest values, JSON-ready; reads nothing."""
        return {name: device.snapshot() for name, device in self.devices.items()}

    async def read_snapshot(self, *, within_s: float = WITHIN_S) -> BenchSnapshot:
        """Every device's identity and all that it tells when it is asked; changes nothing.

        Args:
            within_s: Time for each device; all are asked at once.
        """
        return await take_snapshot(self.name, self.devices.values(), within_s=within_s)

    def on_change(self, callback: Callable[[Device], None]) -> Callable[[], None]:
        """Call `callback(device)` in the loop after its state or a value of it changed.

        Changes are gathered for 30 ms, so that a fast sweep costs few calls.

        Returns:
            Call it to end that.
        """
        return unsubscriber(self._watchers, callback)

    def on_notice(self, callback: Callable[[OutageNotice], None]) -> Callable[[], None]:
        """Call `callback(notice)` at once with what becomes known of a device after an outage.

        Before anybody else speaks to it: that it lost its settings, or what became of a set.

        Returns:
            Call it to end that.
        """
        return unsubscriber(self._hearers, callback)

    def on_write(self, callback: Callable[[Write], None]) -> Callable[[], None]:
        """Call `callback(write)` in the loop before each write to a device, parking included.

        Emergency bytes pass beside it, since nothing may be in their way.

        Returns:
            Call it to end that.
        """
        return unsubscriber(self._readers, callback)

    def on_reading(self, callback: Callable[[str, str, Sample], None]) -> Callable[[], None]:
        """Call `callback(device, member, sample)` in the loop with whatever is read, or set.

        A record tells of each of its fields. It is on the way of every value: be quick.

        Returns:
            Call it to end that.
        """
        return unsubscriber(self._listeners, callback)

    def watch(
        self, member: str, callback: Callable[[Observation], None], *, every_s: float = 1.0
    ) -> Callable[[], None]:
        """Call `callback(observation)` in the loop with what "tc.a.kelvin" reads, while open.

        However many watch a member, it is read once for all of them.

        Returns:
            Call it to end that.

        Raises:
            BenchError: There is no such member.
        """
        source = find_source({name: each.kind for name, each in self.devices.items()}, member)
        return self.watching.watch(source, callback, every_s=every_s)

    @contextmanager
    def track_writes(self) -> Iterator[set[str]]:
        """Collect the names of devices that are written to meanwhile, for parking them."""
        names: set[str] = set()
        self._trackers.append(names)
        try:
            yield names
        finally:
            self._trackers[:] = [each for each in self._trackers if each is not names]

    @property
    def written(self) -> set[str]:
        return set(self._trackers[-1]) if self._trackers else set()

    def _told(self, notice: OutageNotice) -> None:
        for callback in tuple(self._hearers):
            callback(notice)
        self._note_change(notice.device)

    def _note_write(self, write: Write) -> None:
        for names in self._trackers:
            names.add(write.device)
        for callback in tuple(self._readers):
            callback(write)

    def _heard(self, device: str, member: str, sample: Sample) -> None:
        for callback in tuple(self._listeners):
            try:
                callback(device, member, sample)
            except Exception:  # the reading is good all the same
                _log.exception("Somebody who hears of %s.%s failed", device, member)

    def _note_change(self, name: str) -> None:
        self._aftermath.connected(name)
        if self._reach is not None:
            self._reach.touch()
        if self._loop is None or not self._watchers:
            return
        if not self._fresh:
            self._loop.call_later(NOTICE_S, self._tell)
        self._fresh.add(name)

    def _tell(self) -> None:
        fresh, self._fresh = self._fresh, set()
        for name, device in self.devices.items():
            if name in fresh:
                for callback in tuple(self._watchers):
                    callback(device)

    def _latch_changed(self, _: LatchState) -> None:
        """May be called in any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._all_changed)

    def _all_changed(self) -> None:
        for name in self.devices:
            self._note_change(name)

    # ── making it safe ────────────────────────────────────────────────────────────────────

    async def park(self, names: Iterable[str] | None = None) -> list[ParkResult]:
        """What the bench asks for at the end of a run, for these devices (all by default).

        By default each is parked: ramps, then off. Devices named in `stop_order` go one after
        the other, the rest together. Passes the latch.
        """
        results = await self._stopping.park(names)
        self._noted([result.as_ack() for result in results], "Parked")
        return results

    @property
    def spared(self) -> frozenset[str]:
        """Devices that the stop which is latched leaves as they are, unless they are parked.

        An interlock, or the dead-man, may stop some devices only; an E-STOP concerns all.
        """
        return self._stopping.spared

    async def make_safe(self, cause: Cause, names: Iterable[str] | None = None) -> list[StopAck]:
        """What the bench asks for on `cause`: emergency bytes, parking, or nothing.

        Does not latch. SIGTERM of a worker is "on_worker_death".
        """
        acks = await self._stopping.make_safe(cause, names)
        self._noted(acks, "Made safe")
        return acks

    def _noted(self, acks: list[StopAck], why: str) -> None:
        self._aftermath.note(acks)
        for ack in acks:
            if ack.message != "It has nothing to switch off.":
                self.latch.log.note("parked", f"{why}: {ack.text}", device=ack.device)

    async def estop(
        self,
        cause: str,
        by: str,
        *,
        on_ack: Callable[[StopAck], None] | None = None,
        names: Iterable[str] | None = None,
        action: SafeAction | Cause = "on_estop",
    ) -> list[StopAck]:
        """Latch, write every device's emergency bytes, then read back whether they are off.

        The bytes are written before this first waits. A device that does not answer is tried
        again every 250 ms until it does or the latch is reset.

        Args:
            cause: Why, for people.
            by: Who pressed, or which interlock it was.
            on_ack: Called with each device's word as it comes.
            names: The devices to stop, all by default; the latch is for all.
            action: What to do with them, or the cause for which the bench says it.

        Returns:
            One word per device, in stop order.
        """
        return await self._stopping.estop(cause, by, on_ack=on_ack, names=names, action=action)

    def operator_here(self, is_here: bool, who: str = "") -> None:
        """Somebody holds the controls, or nobody does any more: the dead-man (S1).

        Only a bench that asks for more than `hold` on `on_operator_lost` acts, by a stop that
        latches, once `operator_lost_s` have passed without anybody. Call it in the loop.
        """
        self._stopping.operator_here(is_here, who)

    def _tripped(self, interlock: Interlock) -> None:
        name, action = interlock.config.name, interlock.action
        text = f"Interlock {name!r} tripped: {interlock.why}."
        self.latch.log.note("interlock", text, by=f"interlock {name!r}")
        self._stopping.begin(interlock.why, f"interlock {name!r}", interlock.devices, action)
        self.notifier.tell("interlock", name, Severity.MAJOR, text, interlock.t or 0.0)

    def _alarm_told(self, event: AlarmEvent, state: AlarmState) -> None:
        alarm = self.alarms.find(event.alarm)
        if event.kind in ("raised", "changed", "cleared") and not alarm.is_quiet:
            self.notifier.tell("alarm", event.alarm, Severity[event.severity], event.text, event.t)


def _placed(error: BenchError, path: Path | None) -> BenchError:
    where = f"{path}: " if path else ""
    return BenchError(f"{where}{error}", hint=error.hint, path=str(path or ""))
