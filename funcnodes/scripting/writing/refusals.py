"""What a graph can do that a script cannot yet: a sentence each, which names the node."""

from funcnodes.basic_nodes.control import routes, timing
from funcnodes.core import Frame, Node, PlaceholderNode
from funcnodes.core.nodes import TRIGGER_IN
from funcnodes.core.nodes.streams import StreamInput
from funcnodes.core.subgraphs.subgraph import SubgraphNode
from funcnodes.errors import RunError
from funcnodes.scripting.nodes import is_function

_STILL = (routes.SwitchNode, routes.MergeNode, timing.DebounceNode, timing.ThrottleNode)
_STILL_IDS = ("control.changed", "control.edge", "control.hold", "control.latch")


class CannotWriteError(RunError):
    """A graph does what cannot be written as a script."""


def check(node: Node) -> None:
    """Raise CannotWriteError where there are no words for what a node does."""
    why = why_not(node)
    if why:
        raise CannotWriteError(f"{node.name} {why}, which cannot be written yet.")


def why_not(node: Node) -> str:
    """What it does that has no words, or ""."""
    if isinstance(node, SubgraphNode):
        return "is a subgraph with wires at its own ▶"
    if isinstance(node, PlaceholderNode):
        return f"stands in for {node.node_id}, which is not installed"
    if node.starts_wave:
        return "sets things off by itself, or at the next point"
    if any(isinstance(port, StreamInput) for port in node.inputs.values()):
        return "takes every item of a stream"
    if isinstance(node, _STILL) or node.node_id in _STILL_IDS:
        return "gives something only now and then"
    if isinstance(node, Frame):
        return ""
    late = _taken_late(node)
    if late:
        return f"takes its {late} from the point before"
    if is_function(type(node)):
        return ""
    wired = [port for port in node.inputs.values() if port.triggers and port.sources]
    if node.policy == "each" and len(wired) > 1 and not node.effect:
        return f"is carried out once for each of {len(wired)} inputs"
    return ""


def _taken_late(node: Node) -> str:
    """An input whose wire does not start the node, which is started before that is set."""
    if node.policy != "each" or node.inputs[TRIGGER_IN].sources:
        return ""
    found = (port for port in node.inputs.values() if port.sources and not port.triggers)
    return next((port.name for port in found if port.id != TRIGGER_IN), "")
