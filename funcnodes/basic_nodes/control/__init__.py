"""Control flow: which way values go, how often, and when."""

from funcnodes.basic_nodes.control import feedback, loops, memory, routes, sources, timing
from funcnodes.core import Shelf

NODE_SHELF = Shelf(
    [
        *routes.NODES,
        *loops.NODES,
        *memory.NODES,
        *feedback.NODES,
        *timing.NODES,
        *sources.NODES,
    ],
    name="Control flow",
    description="Branches, loops, memory, waiting and timers.",
)

__all__ = ["NODE_SHELF", "feedback", "loops", "memory", "routes", "sources", "timing"]
