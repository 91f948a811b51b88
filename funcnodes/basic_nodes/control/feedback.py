"""Feedback: what was worked out in one wave comes back at the beginning of the next (T8)."""

import asyncio
from typing import Any

from funcnodes.core import Node, NodeInput, NodeOutput, NoValue, Quality, Wave, clock

LONGEST_S = 86_400.0


class PreviousNode(Node):
    """Gives back, in the next wave, the value that came in this one: closes a loop.

    In a live program, and in a run, it starts the next wave itself, once this one has come to
    rest, at the earliest **interval** after the last; setting **initial** starts the loop. On the
    canvas a loop goes round only while a run is on. A wave that failed or was cancelled ends it.
    In a scan the next point is the next wave: there the value of the last point waits for it, and
    nothing is set off.
    """

    node_id = "control.previous"
    node_name = "Previous"
    description = __doc__
    icon = "clock"
    words = ("feedback", "delay", "loop", "last", "cycle", "unit delay", "control loop")
    default_run_in = "loop"
    starts_wave = True

    value = NodeInput(type=Any, required=False, description="What the next wave is to get.")
    initial = NodeInput(type=Any, required=False, description="What the first wave gets.")
    interval = NodeInput(
        type=float, unit="s", default=0.0, does_trigger=False,
        value_options={"min": 0.0, "max": LONGEST_S},
        description="From the beginning of one wave to the next, at least.",
    )  # fmt: skip
    out = NodeOutput(type=Any, description="The value of the wave before.")

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._kept: tuple[Any, Quality] | None = None  # for the next wave, if a value came
        self._started: Wave | None = None  # the last wave of the loop
        self._emitted_at = clock.monotonic()
        self._pausing: asyncio.Task[None] | None = None

    def func(self, value: Any = NoValue, initial: Any = NoValue, interval: float = 0.0) -> None:
        """Keep the value until the wave is at rest."""
        wave = self.wave
        assert wave is not None
        port = self.inputs["value" if self.inputs["value"].wave is wave else "initial"]
        came = value if port.id == "value" else initial
        if came is NoValue:
            return
        if self._kept is None:
            wave.when_settled(self._go_on)
        self._kept = (came, port.quality)

    def cancel(self, reason: str = "cancelled") -> None:
        """End the loop: what is under way in its present wave is given up too."""
        self._kept = None
        if self._started is not None:
            self._started.cancel(reason)
        if self._pausing is not None:
            self._pausing.cancel()
        super().cancel(reason)

    def on_removed(self) -> None:
        self.cancel("removed")

    def update_blocked(self) -> None:
        super().update_blocked()
        initial, out = self.inputs["initial"], self.outputs["out"]
        if self._may_go_on() and out.value is NoValue and initial.value is not NoValue:
            wave = Wave(f"{self.name}: initial")
            wave.close()
            out.place(initial.value, wave, initial.quality)

    def _go_on(self, wave: Wave) -> None:
        kept, self._kept = self._kept, None
        if kept is None or wave.outcome.state not in ("ok", "superseded") or not self._may_go_on():
            return
        if wave.parent is not None:
            self.outputs["out"].place(kept[0], wave.parent, kept[1])
            return
        pause_s = self._emitted_at + self.inputs["interval"].value - clock.monotonic()
        if pause_s > 0:
            self._pausing = asyncio.get_running_loop().create_task(self._start(*kept, pause_s))
        else:
            self._emit(*kept)

    async def _start(self, value: Any, quality: Quality, pause_s: float) -> None:
        await clock.sleep(pause_s)
        if self._may_go_on():
            self._emit(value, quality)

    def _emit(self, value: Any, quality: Quality) -> None:
        self._emitted_at = clock.monotonic()
        wave = self._started = Wave(self.name)
        self.outputs["out"].emit(value, wave, quality)
        wave.close()

    def _may_go_on(self) -> bool:
        return not self.muted and (self.nodespace is None or self.nodespace.acts_alone)


NODES: list[type[Node]] = [PreviousNode]
