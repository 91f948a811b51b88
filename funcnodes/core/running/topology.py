"""Who is upstream and downstream of whom, remembered until the wiring changes.

Order wires (▶) count like data wires, and so does being held by a frame: the frame comes before its
members. A port with a gate stands for the gate: that is how wires cross into subgraphs. A node is
outside its own ancestors even in a cycle; the nodes of its cycle count as downstream only. What
starts the next wave has nothing behind it in its own.
"""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from funcnodes.core.nodes.node import Node

_version = 0  # of all wiring in this process


def rewired() -> None:
    """Called at every connect and disconnect."""
    global _version
    _version += 1


def upstream(node: "Node") -> frozenset["Node"]:
    """All ancestors outside the node's own cycle."""
    return _relatives(node)[0]


def downstream(node: "Node") -> frozenset["Node"]:
    """All that the node can set off, itself included only where it is in a cycle."""
    return _relatives(node)[1]


def ancestors(node: "Node") -> frozenset["Node"]:
    """All from which the node can be reached, itself included only where it is in a cycle."""
    return frozenset(_reach(node, _sources))


def _relatives(node: "Node") -> tuple[frozenset["Node"], frozenset["Node"]]:
    cached = node.relatives
    if cached is None or cached[0] != _version:
        below = _reach(node, _targets)
        above = _reach(node, _sources) - below - {node}
        cached = node.relatives = (_version, frozenset(above), frozenset(below))
    return cached[1], cached[2]


def _reach(start: "Node", neighbours: Callable[["Node"], Iterable["Node"]]) -> set["Node"]:
    seen: set[Node] = set()
    stack = list(neighbours(start))
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(neighbours(node))
    return seen


def _sources(node: "Node") -> Iterable["Node"]:
    wired = (out.gate or out.node for inp in node.inputs.values() for out in inp.sources)
    sources = chain(wired, node.links_in()) if node.linked else wired
    sources = (source for source in sources if not source.starts_wave)
    if not node.takes_back:
        return sources
    body = _set_off(node)
    return (source for source in sources if source not in body)


def _targets(node: "Node") -> Iterable["Node"]:
    return (
        target
        for target in _wired_targets(node)
        if not (target.takes_back and node in _set_off(target))
    )


def _wired_targets(node: "Node") -> Iterable["Node"]:
    if node.starts_wave:
        return ()
    wired = (
        inp.gate or inp.node
        for port in chain(node.outputs.values(), node.inputs.values())
        for inp in port.targets
    )
    return chain(wired, node.links_out()) if node.linked else wired


def _set_off(loop: "Node") -> frozenset["Node"]:
    """What a loop sets off. Wires from there back to it bring results; they order nothing."""
    cached = loop.set_off
    if cached is None or cached[0] != _version:
        cached = loop.set_off = (_version, frozenset(_reach(loop, _wired_targets)))
    return cached[1]
