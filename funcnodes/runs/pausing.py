"""Nodes that say where a run may pause, and while it is to.

*Checkpoint* is a place within a point at which a pause waits. *Pause while* is a suspender of the
graph's own, see `suspenders`; it is wired to nothing, and holds for every run of the graph.
"""

from collections.abc import Iterator
from typing import Any, Literal

from funcnodes.core import Node, NodeInput, NoValue, PortType
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile.rules import SuspenderConfig
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.devices.safety.bands import Band
from funcnodes.devices.safety.sources import sources_of
from funcnodes.errors import BenchError
from funcnodes.runs.control import active_run
from funcnodes.runs.shaping import ShapingInput

AfterWaiting = Literal["stop", "abort", "go on"]
WhatOfPoint = Literal["again", "finish"]


class Checkpoint(Node):
    """Waits while the run is paused, then passes ▶ on: a place within a point where it may pause.

    Between points a run may always pause. In a long point, put it where waiting does no harm:
    before a reading, not between what switches an output on and what reads it.
    """

    node_id = "checkpoint"
    node_name = "Checkpoint"
    description = __doc__ or ""
    icon = "pause"
    words = ("pause", "hold", "wait", "resume", "point", "safe")
    default_policy = "settled"
    default_run_in = "loop"
    shows_order = True

    async def func(self) -> None:
        run = active_run(self)
        if run is not None:
            await run.hold_here()


class PauseWhile(Node):
    """Pauses the run while a reading is out of its band, or a device is away.

    It goes on by itself once that was back for a time. Wired to nothing; a bench file may say the
    same for all runs, as `[[suspender]]`.
    """

    node_id = "pause_while"
    node_name = "Pause while out of band"
    description = __doc__ or ""
    icon = "pause"
    words = ("suspend", "suspender", "interlock", "hold", "vacuum", "pressure", "beam", "away")
    default_policy = "settled"
    default_run_in = "loop"

    source = ShapingInput(
        type=str,
        default="",
        does_trigger=False,
        description='What is looked at: device, member and field, e.g. "gauge.pressure"; or a '
        "device alone, which is to be reached.",
    )
    low = NodeInput(
        type=float, required=False, does_trigger=False, description="Below it the run is paused."
    )
    high = NodeInput(
        type=float, required=False, does_trigger=False, description="Above it the run is paused."
    )
    equals = NodeInput(
        type=str,
        name="is",
        default="",
        required=False,
        does_trigger=False,
        hidden=True,
        description="In place of a band, for what is on or off or one of some words: at which the "
        "run goes on.",
    )
    stays = NodeInput(
        type=float,
        name="for",
        unit="s",
        default=5.0,
        does_trigger=False,
        value_options={"min": 0.0, "max": 86_400.0},
        description="How long it is to be back before the run goes on.",
    )
    deadline = NodeInput(
        type=float,
        unit="s",
        default=0.0,
        does_trigger=False,
        value_options={"min": 0.0, "max": 1e7},
        description="How long the run waits for it; 0 for as long as it takes.",
    )
    then = NodeInput(
        type=AfterWaiting,
        default="stop",
        does_trigger=False,
        description="What comes after that: the run is stopped or aborted, or goes on without.",
    )
    point = NodeInput(
        type=WhatOfPoint,
        default="again",
        does_trigger=False,
        hidden=True,
        description="The point under way is given up and taken again, or finished.",
    )
    delay = NodeInput(
        type=float,
        unit="s",
        default=0.0,
        does_trigger=False,
        hidden=True,
        value_options={"min": 0.0, "max": 86_400.0},
        description="How long it is to be out before the run is paused.",
    )
    every = NodeInput(
        type=float,
        unit="s",
        default=1.0,
        does_trigger=False,
        hidden=True,
        value_options={"min": 0.01, "max": 3600.0},
        description="From one look to the next.",
    )

    def on_added(self) -> None:
        self.take_shape()

    def take_shape(self) -> None:
        """Offer what there is to look at, and give the bounds its unit."""
        kinds = self._kinds()
        self.source.value_options["options"] = list(_sources(kinds))
        name = str(self.source.value or "")
        for device, kind in kinds.items():
            for source in sources_of(device, kind):
                if source.name == name:
                    self._in_unit(source.unit)

    def _in_unit(self, unit: str) -> None:
        for port in (self.low, self.high):
            if port.unit != unit and not port.is_connected():
                port.type = PortType.of(float, unit=unit)

    def check_run(self) -> list[str]:
        try:
            self.suspender_band()
        except BenchError as error:
            return [f"{self.name}: {error.message}"]
        return []

    def suspender_band(self) -> Band:
        """Where its source is to be.

        Raises:
            BenchError: It names nothing that there is on the bench, or no band.
        """
        source = str(self.source.value or "")
        if not source:
            raise BenchError("it is not said what is looked at: choose a source.")
        config = SuspenderConfig(
            name=self.name if self.name != self.node_name else source,
            source=source,
            low=_number(self.low.value),
            high=_number(self.high.value),
            equals=str(self.equals.value or ""),
            delay_s=float(self.delay.value),
            for_s=float(self.stays.value),
            deadline_s=float(self.deadline.value) or None,
            then=self.then.value,
            point=self.point.value,
            every_s=float(self.every.value),
            place=self.name,
        )
        return Band(config, self._kinds())

    def _kinds(self) -> dict[str, type[Instrument]]:
        bench = self.nodespace.services.get(Bench) if self.nodespace is not None else None
        return {name: each.kind for name, each in bench.devices.items()} if bench else {}

    def func(self, **_: Any) -> None:
        """Nothing: it says something, and does nothing by itself."""


def _sources(kinds: dict[str, type[Instrument]]) -> Iterator[str]:
    for device, kind in kinds.items():
        yield device
        yield from (source.name for source in sources_of(device, kind))


def _number(value: Any) -> float | None:
    return None if value is NoValue or value is None else float(value)
