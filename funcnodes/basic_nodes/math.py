"""Numbers: arithmetic, functions and comparison, as one shelf of three.

Every function of `functions` is here by its id, as 0.2.17 named it: `math_sin_node` is `math.sin`.
"""

from typing import TYPE_CHECKING

from funcnodes.basic_nodes import arithmetic, comparison, functions
from funcnodes.basic_nodes.arithmetic import (
    abs_node,
    add_node,
    div_node,
    floor_div_node,
    mod_node,
    mul_node,
    neg_node,
    pos_node,
    pow_node,
    power_node,
    round_node,
    sub_node,
    value_node,
)
from funcnodes.basic_nodes.comparison import (
    equal_node,
    greater_equal_node,
    greater_node,
    less_equal_node,
    less_node,
    not_equal_node,
)
from funcnodes.basic_nodes.expression import Expression
from funcnodes.basic_nodes.logic import and_node, not_node, or_node, xor_node
from funcnodes.core import Node, Shelf

NODE_SHELF = Shelf(
    [Expression],
    subshelves=[arithmetic.NODE_SHELF, functions.NODE_SHELF, comparison.NODE_SHELF],
    name="Math",
    description="Arithmetic, functions and comparison of numbers.",
)

_FUNCTIONS = {
    f"{nodeclass.node_id.replace('.', '_')}_node": nodeclass
    for nodeclass in functions.NODE_SHELF.nodes
}

__all__ = [
    "NODE_SHELF", "Expression", "abs_node", "add_node", "and_node", "div_node", "equal_node",
    "floor_div_node", "greater_equal_node", "greater_node", "less_equal_node", "less_node",
    "mod_node", "mul_node", "neg_node", "not_equal_node", "not_node", "or_node", "pos_node",
    "pow_node", "power_node", "round_node", "sub_node", "value_node", "xor_node",
]  # fmt: skip

if not TYPE_CHECKING:
    __all__ += _FUNCTIONS


def __getattr__(name: str) -> type[Node]:
    """`math_sin_node` and the like."""
    try:
        return _FUNCTIONS[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *_FUNCTIONS})
