"""The devices of a worker, opened together from a `bench.toml`, and what makes them safe.

Guarantees that opening changes nothing on any instrument, that one which cannot be reached keeps
nobody else waiting, and that E-STOP writes every device's bytes before it waits for anything.
"""

import asyncio
import contextlib
import importlib.resources
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from funcnodes.devices.addresses import Address, AllowList
from funcnodes.devices.alarms import AlarmEvent, Alarms, AlarmState
from funcnodes.devices.benchfile import BenchConfig, BenchFile, Cause, SafeAction
from funcnodes.devices.descent import CONFIRM_S, ParkResult
from funcnodes.devices.device import Device, Surroundings
from funcnodes.devices.emergency import Emergency, Target
from funcnodes.devices.interlocks import Interlock, Interlocks
from funcnodes.devices.lease import Leases
from funcnodes.devices.link import Link
from funcnodes.devices.notify import Notifier
from funcnodes.devices.reach import Reach, program
from funcnodes.devices.rules import Severity
from funcnodes.devices.safety import CONFIRMED, Latch, LatchState, StopAck
from funcnodes.devices.safetyplan import SafetyPlan, make_plan
from funcnodes.devices.snapshots import WITHIN_S, BenchSnapshot, take_snapshot
from funcnodes.devices.sources import Observation, find_source
from funcnodes.devices.transports import Transport
from funcnodes.devices.transports.choose import Transports
from funcnodes.devices.watching import Watching
from funcnodes.devices.wire import Protocol
from funcnodes.errors import BenchError, DeviceError

NOTICE_S = 0.03  # changes of a device are told at most this often
TOLD_S = 1.0  # what closing waits for mail and webhooks at most
FIRST_LOOK_S = 1.0  # what opening waits for the first readings of interlocks at most
AGAIN_S = 0.25  # between attempts on a device that did not answer an E-STOP
OPEN_S = 5.0  # what a device may take to connect before opening goes on without it

_NOTHING: Mapping[str, str] = {}


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
        make_transport: Callable[[Address, Protocol, AllowList], Transport] | None = None,
    ) -> None:
        """Raises BenchError where a device's driver, address or limits are wrong."""
        self.name = config.name
        self.path = path
        self.config = config
        self.latch = latch or Latch()
        self._watchers: list[Callable[[Device], None]] = []
        self._trackers: list[set[str]] = []
        self._fresh: set[Device] = set()  # changed, and not told yet
        self._loop: asyncio.AbstractEventLoop | None = None
        self._again: asyncio.Task[None] | None = None
        self._stopping: set[asyncio.Task[Any]] = set()  # stops that the bench began by itself
        self._endings: list[Callable[[], None]] = []
        self._absent: asyncio.TimerHandle | None = None
        self._reach: Reach | None = None
        self._owner = owner or program()
        leases = Leases(lock_dir, self._owner) if lock_dir or not make_transport else None
        around = Surroundings(
            latch=self.latch, allow=config.allow, leases=leases, actions=dict(config.actions),
            written=self._note_write, changed=self._note_change,
            make_transport=make_transport or Transports(),
            refusal=lambda device, member: self.interlocks.refusal(device, member),
        )  # fmt: skip
        self.devices: dict[str, Device] = {}
        for name, device in config.devices.items():
            try:
                self.devices[name] = Device(device, around, dict(resources))
            except (BenchError, DeviceError) as error:
                raise _placed(error, path, name) from error
        self._make_rules(config)
        self.emergency = Emergency(self.latch, self._shots, self._targets)
        self._unwatch_latch = self.latch.on_change(self._latch_changed)

    def _make_rules(self, config: BenchConfig) -> None:
        rules, kinds = config.rules, {name: each.kind for name, each in self.devices.items()}
        self.watching = Watching(self.devices)
        try:
            self.interlocks = Interlocks(
                rules.interlocks, kinds, latch=self.latch, trip=self._tripped
            )
            self.alarms = Alarms(rules.alarms, kinds)
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
        config = BenchFile.load(path).config
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
        if self.reachable and self._reach is None:
            self._reach = Reach(self, self._owner)
            self._reach.begin()
        self._begin_rules()
        await asyncio.gather(*(self._connect(device) for device in self.devices.values()))
        await self.watching.look(within_s=FIRST_LOOK_S)  # so that interlocks can be asked
        self.alarms.start(self.watching)  # a device that is only just connecting is no alarm

    async def close(self) -> None:
        """Let go of every device; their outputs stay as they are."""
        self._unwatch_latch()
        await self._end_rules()
        if self._again is not None:
            self._again.cancel()
            await asyncio.gather(self._again, return_exceptions=True)
        await asyncio.gather(*(device.disconnect() for device in self.devices.values()))
        if self._reach is not None:
            self._reach.end()
            self._reach = None
        self._loop = None
        self._fresh.clear()

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
        self.operator_here(True)
        while self._endings:
            self._endings.pop()()
        await self.watching.stop()
        if self._stopping:
            await asyncio.wait(self._stopping, timeout=CONFIRM_S)
        self.notifier.close()
        until = time.monotonic() + TOLD_S
        while any(state.waiting for state in self.notifier.states()):
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.02)

    async def _connect(self, device: Device) -> None:
        with contextlib.suppress(DeviceError, TimeoutError):
            async with asyncio.timeout(OPEN_S):
                await device.connect()

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
        return make_plan(self.name, self._in_stop_order(), self.config.stop_order, self.interlocks)

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
        self._watchers.append(callback)

        def forget() -> None:
            with contextlib.suppress(ValueError):
                self._watchers.remove(callback)

        return forget

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

    def _note_write(self, name: str) -> None:
        for names in self._trackers:
            names.add(name)

    def _note_change(self, device: Device) -> None:
        if self._reach is not None:
            self._reach.touch()
        if self._loop is None or not self._watchers:
            return
        if not self._fresh:
            self._loop.call_later(NOTICE_S, self._tell)
        self._fresh.add(device)

    def _tell(self) -> None:
        fresh, self._fresh = self._fresh, set()
        for device in self.devices.values():
            if device in fresh:
                for callback in tuple(self._watchers):
                    callback(device)

    def _latch_changed(self, _: LatchState) -> None:
        """May be called in any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._all_changed)

    def _all_changed(self) -> None:
        for device in self.devices.values():
            self._note_change(device)

    # ── making it safe ────────────────────────────────────────────────────────────────────

    async def park(self, names: Iterable[str] | None = None) -> list[ParkResult]:
        """What the bench asks for at the end of a run, for these devices (all by default).

        By default each is parked: ramps, then off. Devices named in `stop_order` go one after
        the other, the rest together. Passes the latch.
        """
        return await self._bring_down(self._chosen(names), _ended)

    async def make_safe(self, cause: Cause, names: Iterable[str] | None = None) -> list[StopAck]:
        """What the bench asks for on `cause`: emergency bytes, parking, or nothing.

        Does not latch. SIGTERM of a worker is "on_worker_death".
        """
        return await self._stop(self._chosen(names), lambda d: d.action(cause), lambda _: None)

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
        self.latch.engage(cause, by)

        def told(ack: StopAck) -> None:
            self.latch.acknowledge(ack)
            if on_ack is not None:
                on_ack(ack)

        def chosen(device: Device) -> SafeAction:
            if action == "estop" or action == "park" or action == "hold":
                return action
            return device.action(action)

        acks = await self._stop(self._chosen(names), chosen, told)
        if self.latch.unconfirmed() and (self._again is None or self._again.done()):
            self._again = asyncio.create_task(self._insist(told), name="E-STOP again")
        return acks

    def operator_here(self, is_here: bool, who: str = "") -> None:
        """Somebody holds the controls, or nobody does any more: the dead-man (S1).

        Only a bench that asks for more than `hold` on `on_operator_lost` acts, by a stop that
        latches, once `operator_lost_s` have passed without anybody. Call it in the loop.
        """
        if is_here and self._absent is not None:
            self._absent.cancel()
            self._absent = None
        if is_here or self._absent is not None or self._loop is None:
            return
        names = [d.name for d in self._chosen() if d.action("on_operator_lost") != "hold"]
        if names:
            self._absent = self._loop.call_later(
                self.config.operator_lost_s, self._operator_lost, names, who
            )

    def _operator_lost(self, names: list[str], who: str) -> None:
        self._absent = None
        cause = (
            f"{who or 'whoever held the controls'} has been away for "
            f"{self.config.operator_lost_s:g} s"
        )
        self._stop_soon(cause, "the dead-man", names, "on_operator_lost")

    def _tripped(self, interlock: Interlock) -> None:
        name, action = interlock.config.name, interlock.action
        text = f"Interlock {name!r} tripped: {interlock.why}."
        self._stop_soon(interlock.why, f"interlock {name!r}", interlock.devices, action)
        self.notifier.tell("interlock", name, Severity.MAJOR, text, interlock.t or 0.0)

    def _stop_soon(
        self, cause: str, by: str, names: Iterable[str], action: SafeAction | Cause
    ) -> None:
        """Begin a stop: in this turn of the loop nobody speaks any more, in the next it is told."""
        self.latch.engage(cause, by)
        task = asyncio.create_task(
            self.estop(cause, by, names=tuple(names), action=action), name=f"stop by {by}"
        )
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    def _alarm_told(self, event: AlarmEvent, state: AlarmState) -> None:
        alarm = self.alarms.find(event.alarm)
        if event.kind in ("raised", "changed", "cleared") and not alarm.is_quiet:
            self.notifier.tell("alarm", event.alarm, Severity[event.severity], event.text, event.t)

    async def _stop(
        self,
        devices: list[Device],
        action: Callable[[Device], SafeAction],
        told: Callable[[StopAck], None],
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
            for result in await self._bring_down(by_action["park"], _parked):
                acks[result.device] = _as_ack(result)
                told(acks[result.device])

        await asyncio.gather(bring_down(), *(confirm(device) for device in by_action["estop"]))
        return [acks[device.name] for device in devices]

    async def _insist(self, told: Callable[[StopAck], None]) -> None:
        """Go on with devices that did not answer an E-STOP, until they do or it is reset."""
        while self.latch.latched and self.latch.unconfirmed():
            await asyncio.sleep(AGAIN_S)
            for name in self.latch.unconfirmed():
                device = self.devices.get(name)
                if device is None or not self.latch.latched or not device.emergency_bytes():
                    continue
                began = time.monotonic()
                ack = await device.confirm_stop(began, repeat=True)
                if ack.state in CONFIRMED and self.latch.latched:
                    told(ack)

    async def _bring_down(
        self, devices: list[Device], step: Callable[[Device], Awaitable[ParkResult]]
    ) -> list[ParkResult]:
        ordered = [device for device in devices if device.name in self.config.stop_order]
        others = [device for device in devices if device.name not in self.config.stop_order]
        results = [await step(device) for device in ordered]
        results += await asyncio.gather(*(step(device) for device in others))
        return results

    def _chosen(self, names: Iterable[str] | None = None) -> list[Device]:
        """These devices, all by default, in stop order."""
        wanted = set(self.devices if names is None else names)
        return [device for device in self._in_stop_order() if device.name in wanted]

    def _in_stop_order(self) -> list[Device]:
        order = self.config.stop_order
        first = [self.devices[name] for name in order]
        return first + [device for name, device in self.devices.items() if name not in order]

    def _shots(self) -> Iterator[tuple[str, bytes, Link]]:
        """Called in any thread."""
        for device in self._in_stop_order():
            link, data = device.link, device.emergency_bytes()
            if link is not None and data and device.action("on_estop") != "hold":
                yield device.name, data, link

    def _targets(self, cause: str) -> list[Target]:
        found = []
        for device in self._in_stop_order():
            target = device.target()
            if target is not None and device.action(cause) == "estop":  # type: ignore[arg-type]  # a name from another process
                found.append(target)
        return found


async def _ended(device: Device) -> ParkResult:
    """What the bench asks for at the end of a run."""
    match device.action("at_end"):
        case "hold":
            return ParkResult(device.name, "held", 0.0, "The bench says hold.")
        case "estop":
            return await _struck(device)
    return await _parked(device)


async def _parked(device: Device) -> ParkResult:
    if device.link is None:
        return ParkResult(device.name, "failed", 0.0, f"{device.name} is offline.")
    return await device.park()


async def _struck(device: Device) -> ParkResult:
    began = time.monotonic()
    ack = device.begin_stop(began)
    if ack.state == "pending":
        ack = await device.confirm_stop(began)
    words: dict[str, Any] = {"off": "parked", "held": "held"}
    return ParkResult(device.name, words.get(ack.state, "failed"), ack.ms or 0.0, ack.message)


def _as_ack(result: ParkResult) -> StopAck:
    words: dict[str, Any] = {"parked": "off", "held": "held", "failed": "unanswered"}
    return StopAck(
        device=result.device, state=words[result.state], ms=result.ms, message=result.message
    )


def _placed(error: Exception, path: Path | None, name: str = "") -> BenchError:
    where = f"{path}: " if path else ""
    table = f"[devices.{name}] " if name and "[devices." not in str(error) else ""
    hint = getattr(error, "hint", "")
    return BenchError(
        f"{where}{table}{error}", hint=hint, path=str(path or ""), device=name or None
    )


def find_bench(name: str, *, beside: Path | None = None, worker_dir: Path | None = None) -> Path:
    """Where the bench of that name is (D6).

    Looked for beside the file that asks for it ("NAME.toml", "NAME/bench.toml", or a
    "bench.toml" that gives itself this name), then as the worker's own `bench.toml`, then among
    the benches that come with funcnodes.

    Args:
        name: As in `requires.bench`.
        beside: The file that asks, or its folder.
        worker_dir: The worker's folder.

    Raises:
        BenchError: There is none.
    """
    if not name or Path(name).name != name or name in {".", ".."}:
        raise BenchError(f"{name!r} is no name of a bench.")
    for path in _candidates(name, beside, worker_dir):
        if path.is_file() and (path.stem == name or _calls_itself(path, name)):
            return path
    raise BenchError(
        f"There is no bench {name!r}, neither beside the file, nor in the worker, nor among the "
        f"built-in ones ({', '.join(builtin_benches())}).",
        bench=name,
    )


def builtin_benches() -> list[str]:
    """Names of the benches that come with funcnodes."""
    return sorted(path.stem for path in _builtin_dir().glob("*.toml"))


def _candidates(name: str, beside: Path | None, worker_dir: Path | None) -> Iterator[Path]:
    if beside is not None:
        folder = beside if beside.is_dir() else beside.parent
        yield folder / f"{name}.toml"
        yield folder / "bench.toml"
    if worker_dir is not None:
        yield worker_dir / "bench.toml"
    yield _builtin_dir() / f"{name}.toml"


def _calls_itself(path: Path, name: str) -> bool:
    with contextlib.suppress(BenchError):
        return BenchFile.load(path).config.name == name
    return False


def _builtin_dir() -> Path:
    return Path(str(importlib.resources.files("funcnodes.devices") / "benches"))
