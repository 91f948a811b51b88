"""Waiting within a point."""

from funcnodes.core import Node, NodeInput, clock


class Settle(Node):
    """Waits, then passes ▶ on: the time an instrument or a sample needs to settle."""

    node_id = "settle"
    node_name = "Settle"
    description = __doc__ or ""
    icon = "hourglass"
    words = ("wait", "delay", "sleep", "pause", "time")
    default_policy = "settled"
    shows_order = True

    time = NodeInput(
        type=float,
        unit="s",
        default=0.02,
        does_trigger=False,
        value_options={"min": 0.0, "max": 86_400.0},
        description="How long to wait.",
    )

    def least_s(self) -> float:
        return 0.0 if self.time.is_connected() else float(self.time.value)

    async def func(self, time: float) -> None:
        await clock.sleep(time)
