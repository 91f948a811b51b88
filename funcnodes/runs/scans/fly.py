"""Fly scans: an instrument takes many readings by itself, and the run has them block by block.

Every block is a point of the frame; every reading a row of a stream of the run, at the time at
which it was taken. What came before something went wrong is kept.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

from funcnodes.core import NodeInput, NodeOutput, PortType, Rows, Wave, clock
from funcnodes.core.naming import name_of
from funcnodes.core.nodes import TRIGGER_OUT
from funcnodes.core.quality import worst
from funcnodes.core.values import Quality
from funcnodes.devices.bench import Bench
from funcnodes.devices.declarations.flights import Flight, FlightBlock
from funcnodes.devices.device.device import Device
from funcnodes.errors import BenchError, ExecutionError
from funcnodes.runs.points import FramePast
from funcnodes.runs.recorder import Placing, RowTarget
from funcnodes.runs.records import Cell, Column, ScanAxis, TableSpec
from funcnodes.runs.scans.scan import Scan
from funcnodes.runs.shape import Place
from funcnodes.runs.shaping import ShapingInput
from funcnodes.runs.streams import T

MOST_READINGS = 10_000_000


class FlyScan(Scan):
    """Has an instrument take many readings by itself, and fetches them in blocks meanwhile.

    Arms it, triggers it where that is for us to do, and gives each block as arrays: **t** in
    seconds since it began, **y** the first of what it measures. All of it becomes a stream of
    the run, one row per reading. No reading within the deadline, as after a lost trigger, ends it.
    """

    node_id = "scan.fly"
    node_name = "Fly scan"
    description = __doc__ or ""
    icon = "pulse"
    words = ("scan", "fast", "buffer", "burst", "trigger", "arm", "fetch", "waveform", "stream")
    effect = True
    after_last: ClassVar[tuple[str, ...]] = (TRIGGER_OUT, "rows")

    source = ShapingInput(
        "source",
        str,
        "source",
        "What flies: an instrument and how it takes readings by itself, as in smu.buffer.",
        "",
        does_trigger=False,
    )
    readings = NodeInput(
        type=int,
        default=1000,
        does_trigger=False,
        value_options={"min": 1, "max": MOST_READINGS},
        description="How many altogether.",
    )
    block = NodeInput(
        type=int,
        default=100,
        does_trigger=False,
        value_options={"min": 1, "max": 10_000},
        description="How many at once at most: an instrument that is deaf while it measures is "
        "armed again for each block.",
    )
    deadline = NodeInput(
        type=float,
        unit="s",
        default=10.0,
        does_trigger=False,
        value_options={"min": 0.05, "max": 86_400.0},
        description="How long the next reading, or the next block of a deaf instrument, may take.",
    )
    t = NodeOutput(type="ndarray", unit="s", description="When each of the block was taken.")
    y = NodeOutput(type="ndarray", description="The first of what it measures.")
    rows = NodeOutput(type=Rows, description="All readings of this run, as they come.")

    _target: RowTarget | None = None
    _run_began = 0.0
    _axes = 0
    _quality: Quality = "ok"  # the worst of the block under way
    _placed: Placing | None = None

    # ── what flies ────────────────────────────────────────────────────────────────────────

    def on_added(self) -> None:
        self.take_shape()

    def take_shape(self) -> None:
        """Offer what can fly here, and give `y` the unit of what is chosen."""
        bench = self._bench()
        if bench is not None:
            self.source.value_options["options"] = [
                f"{name}.{flight}"
                for name, device in bench.devices.items()
                for flight in device.flights()
            ]
        try:
            _, flight = self._found()
        except BenchError:
            return
        if not self.y.is_connected():
            self.y.type = PortType.of("ndarray", unit=flight.shown[0].unit)

    @property
    def device(self) -> str:
        """Name of the device that flies, or ""."""
        return self.reads()[0]

    def resources(self) -> tuple[str, ...]:
        return (self.device,) if self.device else ()

    def points_total(self) -> int | None:
        try:
            _, flight = self._found()
        except BenchError:
            return None
        filling = min(int(self.block.value), flight.most)
        return -(-int(self.readings.value) // filling) if flight.is_deaf else None

    def reads(self) -> tuple[str, str]:
        """Device and name of the flight; both "" where nothing is chosen."""
        name, _, flight = str(self.source.value or "").partition(".")
        return name, flight

    def members_used(self) -> list[tuple[str, str]]:
        """What it acts on; whether that may be is asked when it begins."""
        return []

    def check_run(self) -> list[str]:
        try:
            device, flight = self._found()
        except BenchError as error:
            return [*super().check_run(), f"{self.name}: {error.message}"]
        wanted = int(self.readings.value)
        if not flight.is_deaf and wanted > flight.most:
            return [
                *super().check_run(),
                f"{self.name}: the memory of {device.name} holds {flight.most:,} readings, "
                f"not {wanted:,}.",
            ]
        return super().check_run()

    def _found(self) -> tuple[Device, Flight]:
        bench = self._bench()
        if bench is None:
            raise BenchError(
                "There is no bench here, so nothing can fly.", hint="Open it on a bench."
            )
        name, flight = self.reads()
        if not name:
            raise BenchError("it is not said what flies: choose a source.")
        device = bench.device(name)
        if flight not in device.flights():
            has = ", ".join(device.flights()) or "nothing"
            raise BenchError(f"{name} cannot fly by {flight!r}; it has {has}.")
        return device, device.flights()[flight]

    # ── its stream ────────────────────────────────────────────────────────────────────────

    def tables(self) -> list[tuple[str, tuple[Column, ...]]]:
        """The one stream that it records: key and columns."""
        return [(name_of(self), self._columns())]

    def stream_spec(self, around: Sequence[ScanAxis]) -> TableSpec:
        """What it records of its own; `around` is what it is nested in."""
        axis = ScanAxis(
            name="reading", kind="points", node=name_of(self), length=int(self.readings.value)
        )
        return TableSpec(
            recorder=name_of(self), name=self._called(), columns=self._columns(),
            stream=self._called(), kind="fly", axes=(*around, axis),
        )  # fmt: skip

    def begin_stream(self, wave: Wave, target: RowTarget, *, began: float, placed: Placing) -> None:
        """Keep the readings of a run from now on."""
        self._target, self._run_began, self._placed = target, began, placed
        self._axes = len(target.table.spec.axes) - 1
        self.rows.emit(target.table, wave)

    def end_stream(self) -> None:
        """Keep nothing more; the rows stay on the output."""
        self._target = None

    def _called(self) -> str:
        return self.name if self.name != self.node_name else str(self.source.value or self.name)

    def _columns(self) -> tuple[Column, ...]:
        try:
            device, flight = self._found()
        except BenchError:
            return ()
        t = Column(name=T, unit="s", kind="quantity", node=name_of(self), port="t")
        return t, *(
            Column(
                name=each.title or each.name, unit=each.unit, kind="quantity",
                node=name_of(self), port=each.name, device=device.name, member=flight.name,
            )
            for each in flight.shown
        )  # fmt: skip

    # ── its course ────────────────────────────────────────────────────────────────────────

    def quality_of_point(self) -> Quality:
        return worst((super().quality_of_point(), self._quality))

    def dimensions(self) -> tuple[ScanAxis, ...]:
        return (ScanAxis(name="block", kind="points", node=name_of(self)),)

    def place_of(self, index: int) -> Place:
        return (index,)

    def check_past(self, past: FramePast) -> None:
        if past.done and not past.has_ended:
            raise ExecutionError(
                f"{self.name} was in flight: an instrument that flies goes on only with all of its "
                "readings anew. Go on at the first point of that flight."
            )

    async def course(self) -> AsyncGenerator[dict[str, Any], None]:
        import numpy as np

        try:
            device, flight = self._found()
        except BenchError as error:
            raise ExecutionError(f"{self.name}: {error.message}") from error
        count, done = int(self.readings.value), 0
        self._quality = "ok"
        if self.nodespace is not None:
            self.nodespace.reservations.check(device.name, self.wave, self)
        began = clock.monotonic()
        blocks = device.flight(flight.name).blocks(
            count, block=int(self.block.value), deadline_s=float(self.deadline.value)
        )
        async with aclosing(blocks):
            async for block in blocks:
                self._keep(block, done, flight)
                self._quality = worst(q for each in block.quality.values() for q in each)
                done += len(block)
                self.report(done, count, f"{done:,} of {count:,} readings")
                first = flight.shown[0].name
                yield {"t": np.array(block.mono) - began, "y": np.array(block.values[first])}

    def _keep(self, block: FlightBlock, start: int, flight: Flight) -> None:
        """The readings of a block as rows, each at its time and in its cell."""
        target = self._target
        if target is None or self.wave is None or self._placed is None:
            return
        around = tuple(self._placed(self.wave, self._axes)) if self._axes else ()
        is_placed = len(around) == self._axes
        behind = clock.now() - clock.monotonic()
        names = [field.name for field in flight.shown]
        for n, mono in enumerate(block.mono):
            cells = [Cell(mono - self._run_began)]
            cells += [Cell(block.values[name][n], block.quality[name][n]) for name in names]
            places = (*around, start + n) if is_placed else ()
            target.append(cells, wall=mono + behind, mono=mono, places=places)

    def _bench(self) -> Bench | None:
        return self.nodespace.services.get(Bench) if self.nodespace is not None else None
