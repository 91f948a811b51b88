"""Rewiring in silence: wires are laid and lifted, and values put, and nothing runs for it.

For changes that leave the meaning of a graph as it is, such as moving a part of it into a subgraph.
Types are checked as ever.
"""

from collections.abc import Callable
from typing import Any

from funcnodes.core.nodes.ports import NodeInput, NodeOutput, Port
from funcnodes.core.running import topology
from funcnodes.core.running.waves import Wave
from funcnodes.core.values import Quality


def lay(output: NodeOutput, inp: NodeInput) -> None:
    """Wire two ports; the input keeps the value that it has.

    Raises:
        PortMismatchError: Type or dimension does not fit.
    """
    output._wires = [*output._wires, (inp, output.check_wire(inp))]
    inp.sources.append(output)
    _rewired(output, inp)


def lift(output: NodeOutput, inp: NodeInput) -> None:
    """Take a wire away; the input keeps the value that it has."""
    output._wires = [wire for wire in output._wires if wire[0] is not inp]
    inp.sources.remove(output)
    _rewired(output, inp)


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
        port.applied = True
    port.node.note_port(port)


def hold(output: NodeOutput, value: Any, wave: Wave, quality: Quality) -> None:
    """Set an output, and all inputs that it is wired to, as parameters: nothing is triggered."""
    targets = [(inp, inp.triggers) for inp in output.targets]
    for inp, _ in targets:
        inp.triggers = False
    try:
        output.emit(value, wave, quality)
    finally:
        for inp, triggers in targets:
            inp.triggers = triggers


def _rewired(output: NodeOutput, inp: NodeInput) -> None:
    topology.rewired()
    output.node.rewired()
    inp.node.rewired()
