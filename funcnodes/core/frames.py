"""Frames: nodes that hold a loop, each point of it a child wave (T3, T11)."""

from funcnodes.core.node import Node


class Frame(Node):
    """A node that opens a child wave per point; its body is what hangs downstream of it."""

    shows_order = True

    def points_total(self) -> int | None:
        """How many points it will make, where that is known before it starts."""
        return None
