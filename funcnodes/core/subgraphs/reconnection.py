"""Reconnecting in silence: edges are laid and lifted, and values put, and nothing runs for it.

For changes that leave the meaning of a graph as it is, such as moving a part of it into a subgraph.
Types are checked as ever.
"""

from collections.abc import Callable
from typing import Any

from funcnodes.core.nodes.edges import changed
from funcnodes.core.nodes.inputs import NodeInput
from funcnodes.core.nodes.outputs import NodeOutput
from funcnodes.core.nodes.port import Port
from funcnodes.core.running.waves import Wave
from funcnodes.core.values import Quality


def lay(output: NodeOutput, inp: NodeInput) -> None:
    """Connect two ports; the input keeps the value that it has.

    Raises:
        PortMismatchError: Type or dimension does not fit.
    """
    output._edges = [*output._edges, (inp, output.check_edge(inp))]
    inp.sources.append(output)
    changed(output, inp)


def lift(output: NodeOutput, inp: NodeInput) -> None:
    """Take an edge away; the input keeps the value that it has."""
    output._edges = [edge for edge in output._edges if edge[0] is not inp]
    inp.sources.remove(output)
    changed(output, inp)


def kept(inp: NodeInput) -> Callable[[], None]:
    """How to give an input back the value that it has now."""
    value, wave, quality, applied = inp._value, inp.wave, inp.quality, inp.applied

    def restore() -> None:
        inp._value, inp.wave, inp.quality, inp.applied = value, wave, quality, applied
        inp.node.note_port(inp)

    return restore


def take_value(port: Port, value: Any, wave: Wave | None, quality: Quality) -> None:
    """Put a value into a port; nothing is triggered or pushed."""
    port._value, port.wave, port.quality = value, wave, quality
    if isinstance(port, NodeInput):
        port.applied = not port.node.effect
    port.node.note_port(port)


def hold(output: NodeOutput, value: Any, wave: Wave, quality: Quality) -> None:
    """Set an output, and the inputs that it is connected to, as parameters: nothing triggers."""
    targets = [(inp, inp.triggers) for inp in output.targets]
    for inp, _ in targets:
        inp.triggers = False
    try:
        output.emit(value, wave, quality)
    finally:
        for inp, triggers in targets:
            inp.triggers = triggers
