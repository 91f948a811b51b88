"""Logic of on and off, and the choice between two values."""

from typing import Any

from funcnodes.basic_nodes.comparison import greater_node, less_node
from funcnodes.basic_nodes.control.loops import ForEachNode, WhileNode
from funcnodes.basic_nodes.control.memory import CollectNode
from funcnodes.basic_nodes.control.routes import IfNode
from funcnodes.basic_nodes.control.timing import WaitNode
from funcnodes.basic_nodes.define import basic_node
from funcnodes.core import Shelf


@basic_node("and_node", name="And", icon="logic", words=("both", "all", "&"))
def and_node(a: bool, b: bool) -> bool:
    """On where both inputs are on."""
    return a and b


@basic_node("or_node", name="Or", icon="logic", words=("either", "any", "|"))
def or_node(a: bool, b: bool) -> bool:
    """On where at least one of the inputs is on."""
    return a or b


@basic_node("xor_node", name="Exclusive or", icon="logic", words=("xor", "either", "differ"))
def xor_node(a: bool, b: bool) -> bool:
    """On where exactly one of the inputs is on."""
    return a is not b


@basic_node("not_node", name="Not", icon="not", words=("invert",))
def not_node(a: bool) -> bool:
    """On where the input is off, and the other way round."""
    return not a


@basic_node("choose_node", name="Choose", icon="switch", words=("if", "select", "switch"))
def choose_node(condition: bool, yes: Any, no: Any) -> Any:
    """One of two values, as the condition says."""
    return yes if condition else no


@basic_node("logic.all", name="All on", icon="logic", words=("and", "every"))
def all_node(values: list[Any]) -> bool:
    """Whether every value of a list is on; so it is where the list is empty."""
    return all(values)


@basic_node("logic.any", name="Any on", icon="logic", words=("or", "some"))
def any_node(values: list[Any]) -> bool:
    """Whether at least one value of a list is on."""
    return any(values)


@basic_node("logic.is_none", name="Is nothing", words=("none", "null", "missing", "empty"))
def is_none_node(value: Any) -> bool:
    """Whether the value is nothing (null), as a missing entry is."""
    return value is None


NODE_SHELF = Shelf(
    [and_node, or_node, xor_node, not_node, choose_node, all_node, any_node, is_none_node],
    name="Logic",
    description="And, or, not, and the choice between two values.",
)

ForNode, CollectorNode = ForEachNode, CollectNode  # as 0.2.17 called them

__all__ = [
    "NODE_SHELF", "CollectorNode", "ForNode", "IfNode", "WaitNode", "WhileNode", "and_node",
    "choose_node", "greater_node", "less_node", "not_node", "or_node", "xor_node",
]  # fmt: skip
