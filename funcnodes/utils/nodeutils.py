"""The import path under which users know questions about several nodes."""

from funcnodes.core.nodes import Node
from funcnodes.core.running import run_until_complete

__all__ = ["get_deep_connected_nodeset", "run_until_complete"]


def get_deep_connected_nodeset(src: Node, nodeset: set[Node] | None = None) -> set[Node]:
    """The node, and every node that wires lead to from it, in whatever direction.

    Args:
        src: Where to begin.
        nodeset: Nodes that are known already: not looked at again, and part of the answer.
    """
    found = set() if nodeset is None else nodeset
    waiting = [src]
    while waiting:
        here = waiting.pop()
        if here in found:
            continue
        found.add(here)
        for inp in here.inputs.values():
            waiting += [source.node for source in inp.sources if source.has_node]
        for port in (*here.inputs.values(), *here.outputs.values()):
            waiting += [target.node for target in port.targets if target.has_node]
    return found
