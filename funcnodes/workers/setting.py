"""Members of devices, read, set and carried out by hand: no node is needed for it.

What people do in a panel and what scripts do through a worker is the same: limits, ramps,
interlocks and the latch are the device's, and what was done stands in the log.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from funcnodes.core import units
from funcnodes.devices.bench import Bench
from funcnodes.devices.declarations.members import Sample
from funcnodes.devices.device import Device
from funcnodes.errors import RefusedError, WorkerError
from funcnodes.runs import outage
from funcnodes.workers import schema
from funcnodes.workers.shown.views import preview

if TYPE_CHECKING:
    from funcnodes.workers.worker import Worker


class ByHand:
    """What is done to the devices of a worker without a node."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker

    async def read(self, name: str, member: str) -> Mapping[str, Sample]:
        """Ask the instrument: by field, or "value".

        Raises:
            BenchError: There is no such device or member.
            DeviceError: It could not be read.
        """
        return await self._device(name).member_read(member)

    async def set(self, name: str, member: str, value: Any, *, by: str) -> Sample:
        """Set a control within its limits and along its ramp; what it is then.

        Raises:
            LimitError: Outside the limits; nothing was sent.
            RefusedError: A run uses the device, effects are off, or a stop or an interlock forbids.
            DeviceError: The instrument refused it, or could not be reached.
        """
        device = self._device(name)
        self._check_free(name)
        sample = await device.member_set(member, value)
        self._note(by, name, member, sample.value, sample.unit)
        return sample

    async def do(self, name: str, member: str, *, by: str) -> None:
        """Carry out a command of the instrument; raises as `set`."""
        device = self._device(name)
        self._check_free(name)
        await device.member_command(member)
        self._note(by, name, member, None, "")

    async def park(self, names: Iterable[str], *, by: str) -> dict[str, str]:
        """Bring devices down in order, all where there are no names; what became of each."""
        bench = self._bench()
        wanted = list(names)
        for name in wanted:
            bench.device(name)
        found: dict[str, str] = {}
        for result in await bench.park(wanted or None):
            found[result.device] = result.state
            if result.state == "failed":
                text = f"{result.device} could not be parked: {result.message}"
                self._worker.logbook.add("error", result.device, text)
        self._worker.logbook.add("info", "bench", f"{by} parked {', '.join(found) or 'nothing'}.")
        return found

    def view(self, name: str, member: str, samples: Mapping[str, Sample]) -> schema.MemberView:
        """A member as pages are told of it."""
        limits = self._device(name).limits(member)
        return schema.MemberView(
            device=name,
            member=member,
            values={field: _reading_view(sample) for field, sample in samples.items()},
            min=limits.low if limits is not None else None,
            max=limits.high if limits is not None else None,
        )

    def _check_free(self, name: str) -> None:
        """A run keeps what it uses to itself; beside it, and live, anything may be set (A1, A2)."""
        opened = self._worker.open
        run = self._worker.active_run
        if run is not None:
            if name in outage.used(run.plan.nodes):
                raise RefusedError(
                    f"Run {run.number} uses {name}: it is not set by hand meanwhile.",
                    hint="Stop the run first.",
                )
            return
        if self._worker.scripts.is_open or opened is None:
            return
        if opened.space.arming == "disarmed":
            raise RefusedError("Effects are off: nothing is set.", hint="Switch Live on first.")

    def _note(self, by: str, name: str, member: str, value: Any, unit: str) -> None:
        run = self._worker.active_run
        if run is not None:
            run.note("manual write", device=name, member=member, value=value, by=by)
        if self._worker.scripts.is_open:
            return  # its run and the traffic tell of it; a sweep would fill the log
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        told = units.text(value, unit) if is_number else value
        did = f"set {name}.{member} to {told}" if value is not None else f"had {name} {member}"
        self._worker.logbook.add("info", name, f"{by} {did}.")

    def _bench(self) -> Bench:
        if self._worker.bench is None:
            raise WorkerError("This worker has no bench, so nothing can be set by hand.")
        return self._worker.bench

    def _device(self, name: str) -> Device:
        return self._bench().device(name)


def _reading_view(sample: Sample) -> schema.ReadingView:
    return schema.ReadingView(
        value=preview(sample.value),
        unit=sample.unit,
        quality=sample.quality,
        t=sample.t,
        age_s=max(sample.age_s, 0.0),
    )
