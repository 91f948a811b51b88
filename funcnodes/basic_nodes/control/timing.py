"""Values that are held back for a while: wait, debounce, throttle.

All wait on the core's clock, within the wave of the value: whatever asks for that wave's end, a
scan above all, waits with them. In free waves a newer value takes the place of one that waits (T4).
"""

from typing import Any

from funcnodes.core import Node, NodeInput, NodeOutput, Wave, clock

LONGEST_S = 7 * 86_400.0


def _duration(default_s: float, description: str, *, name: str | None = None) -> NodeInput:
    return NodeInput(
        type=float, unit="s", default=default_s, does_trigger=False, name=name,
        value_options={"min": 0.0, "max": LONGEST_S}, description=description,
    )  # fmt: skip


class WaitNode(Node):
    """Passes a value on after a while."""

    node_id = "wait_node"
    node_name = "Wait"
    description = __doc__ or ""
    icon = "hourglass"
    words = ("delay", "sleep", "pause", "later")

    delay = _duration(1.0, "How long to wait.")
    input = NodeInput(type=Any, default=None, required=False, description="What is passed on.")
    output = NodeOutput(type=Any, description="The value, later.")

    async def func(self, delay: float, input: Any) -> None:
        await clock.sleep(delay)
        self.output.set(input)


class PatientNode(Node):
    """What debounce and throttle share: they notice that a newer value has come."""

    default_run_in = "loop"

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._requests = 0
        self._requested_at = 0.0  # on `clock.monotonic`

    def request(self, wave: Wave) -> None:
        self._requests += 1
        self._requested_at = clock.monotonic()
        super().request(wave)

    def _is_outdated(self, requests: int) -> bool:
        """Whether something newer waits than this execution, which began after `requests`."""
        return self._requests != requests or self.asked is not self.wave


class DebounceNode(PatientNode):
    """Passes a value on once no newer one has come for a while: what bounces is left out."""

    node_id = "control.debounce"
    node_name = "Debounce"
    description = __doc__ or ""
    icon = "pulse"
    words = ("settle", "quiet", "bounce", "filter", "delay")

    input = NodeInput(type=Any, description="What is passed on.")
    quiet = _duration(0.5, "How long nothing newer may come.")
    out = NodeOutput(type=Any, description="The last value, after the quiet.")

    async def func(self, input: Any, quiet: float) -> None:
        requests = self._requests
        await clock.sleep(self._requested_at + quiet - clock.monotonic())
        if not self._is_outdated(requests):
            self.out.set(input)


class ThrottleNode(PatientNode):
    """Passes values on at most once per interval: the first at once, then the latest of each."""

    node_id = "control.throttle"
    node_name = "Throttle"
    description = __doc__ or ""
    icon = "filter"
    words = ("rate", "limit", "slow", "sample", "interval")

    input = NodeInput(type=Any, description="What is passed on.")
    interval = _duration(1.0, "Least time from one value to the next.")
    out = NodeOutput(type=Any, description="The latest value, not more often than that.")

    _next_at = float("-inf")  # on `clock.monotonic`

    async def func(self, input: Any, interval: float) -> None:
        requests = self._requests
        if (wait_s := self._next_at - clock.monotonic()) > 0:
            await clock.sleep(wait_s)
            if self._is_outdated(requests):
                return
        self._next_at = clock.monotonic() + interval
        self.out.set(input)


class ClockNode(Node):
    """Tells the time whenever a value or ▶ comes."""

    node_id = "control.now"
    node_name = "Time now"
    description = __doc__ or ""
    icon = "clock"
    words = ("timestamp", "date", "clock", "now")

    input = NodeInput(type=Any, default=None, required=False, description="Asks for the time.")
    epoch = NodeOutput(type=float, unit="s", description="Since 1970-01-01, UTC.")
    text = NodeOutput(type=str, description="Local time as ISO 8601, with its offset from UTC.")

    def func(self, input: Any) -> tuple[float, str]:
        from datetime import datetime

        now = clock.now()
        return now, datetime.fromtimestamp(now).astimezone().isoformat(timespec="milliseconds")


class StopwatchNode(Node):
    """Tells the time since the value before, and since the start."""

    node_id = "control.stopwatch"
    node_name = "Stopwatch"
    description = __doc__ or ""
    icon = "clock"
    words = ("duration", "elapsed", "period", "interval", "rate")

    input = NodeInput(type=Any, default=None, required=False, description="Each value is a lap.")
    reset = NodeInput(
        type=bool, default=False, does_trigger=False, description="Starts anew while it is on."
    )
    total = NodeOutput(type=float, unit="s", description="Since the first value.")
    lap = NodeOutput(type=float, unit="s", description="Since the value before.")

    _started_at: float | None = None
    _lapped = 0.0

    def func(self, input: Any, reset: Any) -> tuple[float, float]:
        now = clock.monotonic()
        if self._started_at is None or reset:
            self._started_at = self._lapped = now
        lap, self._lapped = now - self._lapped, now
        return now - self._started_at, lap


NODES: list[type[Node]] = [WaitNode, DebounceNode, ThrottleNode, ClockNode, StopwatchNode]
