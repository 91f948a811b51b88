"""Decisions on values."""

from typing import Any

from funcnodes.core import NodeDecorator, Shelf


@NodeDecorator("greater_node", name="Greater than", icon="greater", words=("compare", ">"))
def greater_node(a: float, b: float = 0.0) -> bool:
    """Whether the first number is greater than the second."""
    return a > b


@NodeDecorator("less_node", name="Less than", icon="less", words=("compare", "<"))
def less_node(a: float, b: float = 0.0) -> bool:
    """Whether the first number is less than the second."""
    return a < b


@NodeDecorator("not_node", name="Not", icon="not", words=("invert",))
def not_node(a: bool) -> bool:
    """On where the input is off, and the other way round."""
    return not a


@NodeDecorator("choose_node", name="Choose", icon="switch", words=("if", "select", "switch"))
def choose_node(condition: bool, yes: Any, no: Any) -> Any:
    """One of two values, as the condition says."""
    return yes if condition else no


NODE_SHELF = Shelf([greater_node, less_node, not_node, choose_node], name="Logic")
