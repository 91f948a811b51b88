"""Which way a value goes: if, switch, select, gate, merge.

A node with several inputs waits until all that one stimulus changes has arrived (policy
`settled`), so that a condition never meets the value of a moment before.
"""

from typing import Any

from funcnodes.basic_nodes.control.arrivals import ArrivalInput, ArrivalNode, Arrived
from funcnodes.basic_nodes.define import not_a
from funcnodes.core import Node, NodeInput, NodeOutput, NoValue
from funcnodes.errors import ExecutionError

WAYS = 8
SHOWN = 4


class IfNode(Node):
    """Passes a value on to one of two outputs, as the condition says; the other keeps still."""

    node_id = "if_node"
    node_name = "If"
    description = __doc__ or ""
    icon = "switch"
    words = ("branch", "condition", "else", "route")
    default_policy = "settled"

    condition = NodeInput(type=bool, description="On sends the value to on_true.")
    input = NodeInput(type=Any, description="What is passed on.")
    on_true = NodeOutput(type=Any, description="The value, where the condition is on.")
    on_false = NodeOutput(type=Any, description="The value, where the condition is off.")

    def func(self, condition: Any, input: Any) -> dict[str, Any]:
        return {"on_true" if is_on("condition", condition) else "on_false": input}


class SwitchNode(Node):
    """Passes a value on to the output of that number; to `otherwise` where there is none."""

    node_id = "control.switch"
    node_name = "Switch over"
    description = __doc__ or ""
    icon = "switch"
    words = ("case", "branch", "route", "demultiplexer", "match")
    default_policy = "settled"

    index = NodeInput(type=int, default=0, description="Number of the output, from 0.")
    input = NodeInput(type=Any, description="What is passed on.")

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        for way in range(WAYS):
            self.add_output(NodeOutput(f"out{way}", Any, hidden=way >= SHOWN))
        self.add_output(NodeOutput("otherwise", Any))

    def func(self, index: Any, input: Any) -> dict[str, Any]:
        way = which("index", index)
        return {f"out{way}" if 0 <= way < WAYS else "otherwise": input}


class SelectNode(Node):
    """Passes on the value of the input of that number."""

    node_id = "control.select"
    node_name = "Select"
    description = __doc__ or ""
    icon = "switch"
    words = ("choose", "case", "multiplexer", "pick")
    default_policy = "settled"
    returns_none = True

    index = NodeInput(type=int, default=0, description="Number of the input, from 0.")
    out = NodeOutput(type=Any, description="The value of that input.")

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        for way in range(WAYS):
            self.add_input(NodeInput(f"in{way}", Any, required=False, hidden=way >= SHOWN))

    def func(self, index: Any, **inputs: Any) -> Any:
        way = which("index", index)
        value = inputs.get(f"in{way}", NoValue)
        if value is NoValue:
            raise ExecutionError(f"There is no value at in{way}, which index asks for.")
        return value


class GateNode(Node):
    """Passes values on while it is open, and holds them back while it is shut.

    A value that comes while it is shut is forgotten; opening passes nothing on by itself.
    """

    node_id = "control.gate"
    node_name = "Gate"
    description = __doc__ or ""
    icon = "logic"
    words = ("block", "pass", "filter", "enable", "hold")

    input = NodeInput(type=Any, description="What is passed on.")
    opened = NodeInput(
        id="open", type=bool, default=True, does_trigger=False, description="Whether values pass."
    )
    out = NodeOutput(type=Any, description="The value, while the gate is open.")

    def func(self, input: Any, open: Any) -> None:
        if is_on("open", open):
            self.out.set(input)


class MergeNode(ArrivalNode):
    """Passes on every value that comes on any of its wires, in the order they come.

    Many wires may end at its input. Nothing is lost: waves queue here.
    """

    node_id = "control.merge"
    node_name = "Merge"
    description = __doc__ or ""
    icon = "net"
    words = ("join", "combine", "any", "first", "or")

    input = ArrivalInput(type=Any, allow_multiple=True, description="Takes any number of wires.")
    out = NodeOutput(type=Any, description="The value that came last.")

    def func(self, input: Any) -> None:
        arrived = self.arrivals()
        if arrived is None:
            arrived = [Arrived("input", input, self.quality_taken)]
        for each in arrived:
            self.out.set(each.value, quality=each.quality)


def is_on(port: str, value: Any) -> bool:
    """A condition as on or off.

    Raises:
        ExecutionError: It is neither.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) or getattr(value, "ndim", None) or value not in (0, 1):
        raise not_a("on or off", port, value)
    return bool(value)


def which(port: str, value: Any) -> int:
    """A number that picks a port; on and off are 1 and 0.

    Raises:
        ExecutionError: It is no whole number.
    """
    try:
        whole = int(value)
    except (OverflowError, TypeError, ValueError) as error:
        raise not_a("a whole number", port, value) from error
    if isinstance(value, str) or whole != value:
        raise not_a("a whole number", port, value)
    return whole


NODES: list[type[Node]] = [IfNode, SwitchNode, SelectNode, GateNode, MergeNode]
