"""Readings that take more than one look: waiting for a band, and averaging.

What is read is named as everywhere on a bench, "smu.reading.i" or "tc.a.kelvin"; its unit becomes
that of the ports. Every reading goes through the device like any other.
"""

import itertools
import math
import statistics
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from funcnodes.core import Node, NodeInput, NodeOutput, PortType, clock, units
from funcnodes.core.quality import worst
from funcnodes.core.uncertain import uncertain
from funcnodes.core.values import Quality
from funcnodes.devices.bench import Bench
from funcnodes.devices.declarations.members import Sample
from funcnodes.devices.safety.sources import WatchedSource, find_source, sources_of
from funcnodes.errors import BenchError, ExecutionError
from funcnodes.runs.shaping import ShapingInput

MAX_READINGS = 100_000
Outliers = Literal["keep", "3 sigma", "median"]


class ReadingNode(Node):
    """What nodes share that read one number of a bench by its name.

    Attributes:
        in_unit: Inputs and outputs that are in the unit of the source.
    """

    default_policy = "settled"
    default_run_in = "loop"
    queues = True
    shows_order = True
    in_unit: ClassVar[tuple[str, ...]] = ()

    source = ShapingInput(
        type=str,
        default="",
        does_trigger=False,
        description='What is read: device, member and field, e.g. "smu.reading.i".',
    )

    @property
    def device(self) -> str:
        """Name of the device that is read, or ""."""
        return str(self.source.value or "").partition(".")[0]

    @property
    def member(self) -> str:
        """The member that is read, or ""."""
        found = self._found_or_none()
        return found.member if found is not None else ""

    def resources(self) -> tuple[str, ...]:
        return (self.device,) if self.device else ()

    def on_added(self) -> None:
        self.take_shape()

    def take_shape(self) -> None:
        """Offer what there is to read, and give the ports the unit of what is chosen."""
        bench = self._bench()
        if bench is not None:
            names = [name for name, each in bench.devices.items() for name in _numbers(name, each)]
            self.source.value_options["options"] = names
        found = self._found_or_none()
        if found is None:
            return
        for name in self.in_unit:
            port = self.inputs.get(name) or self.outputs[name]
            if port.unit != found.unit and not port.is_connected():
                port.type = PortType.of(float, unit=found.unit)

    def check_run(self) -> list[str]:
        try:
            self._found()
        except BenchError as error:
            return [f"{self.name}: {error.message}"]
        return []

    def reads(self) -> tuple[str, str]:
        """Device and full name of the member that is read; both "" where nothing is."""
        found = self._found_or_none()
        return (found.device, found.member) if found is not None else ("", "")

    async def read(self) -> Sample:
        """One reading.

        Raises:
            BenchError: The bench has nothing of that name that is a number.
            DeviceError: It cannot be read.
        """
        source, bench = self._found(), self._bench()
        assert bench is not None, "the source was found on it"
        samples = await bench.device(source.device).member_read(source.member)
        return samples[source.field]

    def _found(self) -> WatchedSource:
        bench = self._bench()
        if bench is None:
            raise BenchError(
                "There is no bench here, so there is nothing to read.",
                hint="Open the nodespace on a bench.",
            )
        name = str(self.source.value or "")
        if not name:
            raise BenchError("it is not said what is read: choose a source.")
        kinds = {device: each.kind for device, each in bench.devices.items()}
        found = find_source(kinds, name)
        if not found.is_number:
            raise BenchError(f"{name} is no number.")
        return found

    def _found_or_none(self) -> WatchedSource | None:
        try:
            return self._found()
        except BenchError:
            return None

    def _bench(self) -> Bench | None:
        return self.nodespace.services.get(Bench) if self.nodespace is not None else None


class WaitUntil(ReadingNode):
    """Waits until a reading stays within a band for a time, then passes ▶ on.

    The band is target ± within. A reading that is not ok, or no number, is outside. Where it has
    not come to rest within the deadline, it fails, and says what was read last.
    """

    node_id = "wait_until"
    node_name = "Wait until"
    description = __doc__ or ""
    icon = "hourglass"
    words = ("settle", "stable", "reach", "band", "temperature", "tolerance", "equilibrate")
    in_unit = ("target", "within", "value")

    target = NodeInput(type=float, default=0.0, does_trigger=False, description="Centre.")
    within = NodeInput(
        type=float,
        default=0.1,
        does_trigger=False,
        value_options={"min": 0.0},
        description="How far from the target still counts.",
    )
    stays = NodeInput(
        type=float,
        name="for",
        unit="s",
        default=5.0,
        does_trigger=False,
        value_options={"min": 0.0, "max": 86_400.0},
        description="How long it has to stay there.",
    )
    deadline = NodeInput(
        type=float,
        unit="s",
        default=600.0,
        does_trigger=False,
        value_options={"min": 0.0, "max": 1e6},
        description="How long it may take altogether.",
    )
    every = NodeInput(
        type=float,
        unit="s",
        default=0.5,
        does_trigger=False,
        hidden=True,
        value_options={"min": 0.01, "max": 3600.0},
        description="From one reading to the next.",
    )
    value = NodeOutput(type=float, description="The last reading.")
    took = NodeOutput(type=float, unit="s", description="How long it took.")

    def least_s(self) -> float:
        return 0.0 if self.stays.is_connected() else float(self.stays.value)

    def check_run(self) -> list[str]:
        found = super().check_run()
        stays_s, deadline_s = self.stays.value, self.deadline.value
        if not self.deadline.is_connected() and self.least_s() > deadline_s:
            found.append(
                f"{self.name} is to stay in its band for {stays_s:g} s, but waits {deadline_s:g} s "
                "at most: make its deadline longer."
            )
        return found

    async def func(
        self, *, target: float, within: float, stays: float, deadline: float, every: float, **_: Any
    ) -> None:
        began = clock.monotonic()
        inside_since: float | None = None
        for turn in range(MAX_READINGS * 1000):
            await clock.sleep(began + turn * every - clock.monotonic())
            sample = await self.read()
            now = clock.monotonic()
            if not _is_within(sample, target, within):
                inside_since = None
            elif inside_since is None:
                inside_since = now
            if inside_since is not None and now - inside_since >= stays:
                self.outputs["value"].set(sample.value, quality=sample.quality)
                self.took.set(now - began)
                return
            self._tell(sample, inside_since, now, stays)
            if now - began >= deadline:
                raise ExecutionError(self._late(sample, target, within, deadline))

    def _tell(self, sample: Sample, since: float | None, now: float, stays: float) -> None:
        unit = self.outputs["value"].unit
        at = f"at {units.text(sample.value, unit)}" if _is_number(sample) else "no reading"
        done = 0.0 if since is None or stays <= 0 else min((now - since) / stays, 1.0)
        self.report(done, 1.0, at)

    def _late(self, sample: Sample, target: float, within: float, deadline: float) -> str:
        unit = self.outputs["value"].unit
        read = units.text(sample.value, unit) if _is_number(sample) else "no number"
        told = f"{read} ({sample.quality})" if sample.quality != "ok" else read
        return (
            f"{self.source.value} was not within {units.text(target, unit)} ± "
            f"{units.text(within, unit)} for long enough in {deadline:g} s; it is {told}."
        )


class Average(ReadingNode):
    """Reads several times, and gives mean, standard deviation and standard error as columns.

    The mean carries its standard error as its uncertainty.
    Outliers are kept, left out beyond three standard deviations of the rest, or, by the median,
    beyond three scaled median deviations. The mean is only as good as the worst of its readings.
    """

    node_id = "average"
    node_name = "Average"
    description = __doc__ or ""
    icon = "meter"
    words = ("mean", "statistics", "deviation", "noise", "error", "repeat", "readings")
    in_unit = ("mean", "deviation", "error")
    uncertainties: ClassVar[Mapping[str, str]] = {"mean": "error"}

    readings = NodeInput(
        type=int,
        default=10,
        does_trigger=False,
        value_options={"min": 1, "max": MAX_READINGS},
        description="How many.",
    )
    every = NodeInput(
        type=float,
        unit="s",
        default=0.0,
        does_trigger=False,
        hidden=True,
        value_options={"min": 0.0, "max": 3600.0},
        description="From one reading to the next; 0 for as fast as it goes.",
    )
    outliers = NodeInput(
        type=Outliers, default="keep", does_trigger=False, hidden=True,
        description="What becomes of readings far from the others.",
    )  # fmt: skip
    mean = NodeOutput(type=float, description="Mean of the readings that count.")
    deviation = NodeOutput(type=float, description="Their standard deviation, by n − 1.")
    standard_error = NodeOutput("error", float, description="Standard error of the mean.")
    counted = NodeOutput(type=int, description="How many readings count.")

    def least_s(self) -> float:
        wired = self.readings.is_connected() or self.every.is_connected()
        return 0.0 if wired else (int(self.readings.value) - 1) * float(self.every.value)

    async def func(self, *, readings: int, every: float, outliers: Outliers, **_: Any) -> None:
        samples: list[Sample] = []
        began = clock.monotonic()
        for turn in range(readings):
            if every > 0:
                await clock.sleep(began + turn * every - clock.monotonic())
            samples.append(await self.read())
            self.report(turn + 1, readings)
        quality: Quality = worst(sample.quality for sample in samples)
        values = counted([float(s.value) for s in samples if _is_number(s)], outliers)
        self._give(values, quality if values or quality != "ok" else "missing")

    def _give(self, values: list[float], quality: Quality) -> None:
        number = len(values)
        mean = statistics.fmean(values) if values else math.nan
        deviation = statistics.stdev(values) if number > 1 else math.nan
        found: Mapping[str, float] = {
            "mean": mean,
            "deviation": deviation,
            "error": deviation / math.sqrt(number) if number else math.nan,
        }
        if number > 1:
            found = {**found, "mean": self._as_good(uncertain(mean, found["error"]), mean)}
        for name, value in found.items():
            lacks = value != value and quality == "ok"
            self.outputs[name].set(value, quality="missing" if lacks else quality)
        self.counted.set(number, quality=quality)

    def _as_good(self, scattered: float, mean: float) -> float:
        """The mean, uncertain by its scatter, and by what its instrument is off every time."""
        source, bench = self._found(), self._bench()
        assert bench is not None, "the source was found on it"
        sample = Sample(mean, source.unit, "ok", clock.now())
        name = source.name.partition(".")[2]
        good: float = bench.device(source.device).as_good(name, sample)
        return scattered + (good - mean)


def counted(values: list[float], outliers: Outliers) -> list[float]:
    """The values that are no outliers, in order."""
    if outliers == "keep" or len(values) < 4:
        return values
    centre = statistics.median(values)
    aways = [value - centre for value in values]
    spread = 1.4826 * statistics.median(map(abs, aways))
    if outliers == "median" and spread > 0:
        return [value for value, away in zip(values, aways, strict=True) if abs(away) <= 3 * spread]
    return [value for value, far in zip(values, _far_from_rest(aways), strict=True) if not far]


def _far_from_rest(values: list[float]) -> Iterator[bool]:
    """Of each value, whether it is beyond three standard deviations of all the others.

    Sums before and after it, not those of all less its own, which would cancel.
    """
    others = len(values) - 1
    sums, squares = _sums_before(values), _sums_before([value**2 for value in values])
    sums_after = _sums_before(values[::-1])[::-1]
    squares_after = _sums_before([value**2 for value in values[::-1]])[::-1]
    for n, value in enumerate(values):
        mean = (sums[n] + sums_after[n]) / others
        variance = ((squares[n] + squares_after[n]) - others * mean**2) / (others - 1)
        yield abs(value - mean) > 3 * math.sqrt(max(variance, 0.0))


def _sums_before(values: list[float]) -> list[float]:
    return list(itertools.accumulate(values[:-1], initial=0.0))


def _numbers(name: str, device: Any) -> Iterator[str]:
    """What of a device is a number, by full name."""
    return (source.name for source in sources_of(name, device.kind) if source.is_number)


def _is_number(sample: Sample) -> bool:
    value = sample.value
    return isinstance(value, int | float) and math.isfinite(value)


def _is_within(sample: Sample, target: float, within: float) -> bool:
    if sample.quality != "ok" or not _is_number(sample):
        return False
    return bool(abs(sample.value - target) <= within)
