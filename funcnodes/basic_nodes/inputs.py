"""Values that a person sets."""

from funcnodes.core import NodeDecorator, Shelf


@NodeDecorator("input.number", name="Number", icon="number", words=("constant", "value"))
def number_node(value: float = 0.0) -> float:
    """A number that is set by hand."""
    return value


@NodeDecorator("input.text", name="Text", icon="text", words=("string", "constant"))
def text_node(value: str = "") -> str:
    """Text that is set by hand."""
    return value


@NodeDecorator("input.switch", name="Switch", icon="switch", words=("bool", "on", "off"))
def switch_node(value: bool = False) -> bool:
    """On or off, set by hand."""
    return value


NODE_SHELF = Shelf([number_node, text_node, switch_node], name="Inputs")
