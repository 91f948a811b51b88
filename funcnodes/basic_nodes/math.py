"""Numbers: arithmetic, functions and comparison, as one shelf of three."""

from funcnodes.basic_nodes import arithmetic, comparison, functions
from funcnodes.basic_nodes.arithmetic import (
    add_node,
    div_node,
    mul_node,
    power_node,
    sub_node,
    value_node,
)
from funcnodes.basic_nodes.comparison import greater_node, less_node
from funcnodes.basic_nodes.expression import Expression
from funcnodes.core import Shelf

NODE_SHELF = Shelf(
    [Expression],
    subshelves=[arithmetic.NODE_SHELF, functions.NODE_SHELF, comparison.NODE_SHELF],
    name="Math",
    description="Arithmetic, functions and comparison of numbers.",
)

__all__ = [
    "NODE_SHELF", "Expression", "add_node", "div_node", "greater_node", "less_node", "mul_node",
    "power_node", "sub_node", "value_node",
]  # fmt: skip
