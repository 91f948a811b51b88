"""Arithmetic on numbers."""

from funcnodes.core import NodeDecorator, Shelf


@NodeDecorator("add_node", name="Add", icon="plus", words=("sum", "+"))
def add_node(a: float, b: float) -> float:
    """The sum of two numbers."""
    return a + b


@NodeDecorator("sub_node", name="Subtract", icon="minus", words=("difference", "-"))
def sub_node(a: float, b: float) -> float:
    """The first number less the second."""
    return a - b


@NodeDecorator("mul_node", name="Multiply", icon="times", words=("product", "*"))
def mul_node(a: float, b: float) -> float:
    """The product of two numbers."""
    return a * b


@NodeDecorator("div_node", name="Divide", icon="divide", words=("quotient", "ratio", "/"))
def div_node(a: float, b: float) -> float:
    """The first number divided by the second; dividing by zero is an error."""
    return a / b


@NodeDecorator("power_node", name="Power", icon="power", words=("exponent", "**"))
def power_node(a: float, b: float = 2.0) -> float:
    """The first number raised to the second."""
    return float(a**b)


NODE_SHELF = Shelf([add_node, sub_node, mul_node, div_node, power_node], name="Math")
