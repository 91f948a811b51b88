"""What people do by hand outside runs: it acts on the device that it names, on nothing else (A1a).

Setting an input of a device node writes that device. Running a node by name carries out that node.
What hangs on either by wires may work out new values, and read; it writes nothing, and starts no
scan, no frame and no loop: these start as runs.
"""

from typing import Any

from funcnodes.core import Frame, Node, NodeInput, NoValue, SubgraphNode
from funcnodes.core.running.waves import Wave
from funcnodes.core.subgraphs.inner import InnerSpace
from funcnodes.core.subgraphs.passages import OuterInput
from funcnodes.devices.nodes import DeviceNode
from funcnodes.errors import RefusedError


def set_by_hand(port: NodeInput, value: Any) -> None:
    """Set an input; where that names a device that may be written to, it is written to.

    Raises:
        ValueRefusedError: Wrong type, outside the limits, or none of the options.
        RefusedError: A run is on, and this input is not marked live (A2).
    """
    wave = Wave(port)
    wave.hand = device_named(port)
    port.set_value(value, wave=wave)
    wave.close()


def device_named(port: NodeInput) -> Node | None:
    """The node whose device a set of `port` writes to now; None where it names none, or several.

    An input of a subgraph, and one that hands on what it gets, stand for the input behind them.
    """
    found = {inp.node for inp in _behind(port) if inp.triggers}
    named = [node for node in found if isinstance(node, DeviceNode) and node.effect]
    return named[0] if len(named) == 1 and may_act(named[0]) else None


def may_act(node: Node) -> bool:
    """Whether somebody who names the node has it act now: outside runs, while effects are on."""
    space = node.nodespace
    if space is None or space.arming != "live" or not space.by_hand or _is_muted(node):
        return False
    return not node.is_frame


def run_by_hand(node: Node, by: str) -> None:
    """Run one node because somebody says so.

    Raises:
        RefusedError: A run is on, the node cannot run, or it starts only as part of a run.
    """
    node.check_unlocked()
    space = node.nodespace
    if isinstance(node, Frame) and space is not None and space.by_hand:
        raise RefusedError(
            f"{node.name} starts only as part of a run.", hint="Press Run; Live starts no scans."
        )
    acts = node.effect and may_act(node)
    if node.blocked and not acts:
        why = "it is muted" if _is_muted(node) else "effects are off"
        raise RefusedError(
            f"{node.name} cannot run: {why}.", hint="Start a run, or switch effects on."
        )
    if not node.ready():
        missing = [p.name for p in node.inputs.values() if p.required and p.value is NoValue]
        raise RefusedError(f"{node.name} cannot run: {', '.join(missing)} has no value.")
    wave = Wave(f"{node.name}, by {by}")
    wave.hand = node if acts else None
    node.request_trigger(wave=wave)
    wave.close()


def _behind(port: NodeInput) -> list[NodeInput]:
    """The inputs that a value set here comes to without any node in between, itself among them."""
    found = [port]
    for inp in found:
        further = inp.inner if isinstance(inp, OuterInput) else inp.forwards_to
        found += [each for each in further if each not in found]
    return found


def _is_muted(node: Node) -> bool:
    """Whether it is, or a subgraph around it."""
    each: Node | None = node
    while each is not None:
        if each.muted:
            return True
        space = each.nodespace
        each = space.owner if isinstance(space, InnerSpace) else None
    return False


def is_acting(node: Node) -> bool:
    """Whether it is carried out now, or about to be: what Stop gives up."""
    return node.in_flight and not isinstance(node, SubgraphNode)
