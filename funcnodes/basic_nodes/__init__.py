"""The nodes that every nodespace can use, on shelves."""

from funcnodes.basic_nodes import control, inputs, logic, math
from funcnodes.core import Shelf

NODE_SHELF = Shelf(
    subshelves=[inputs.NODE_SHELF, math.NODE_SHELF, logic.NODE_SHELF, control.NODE_SHELF],
    description="Inputs, arithmetic and decisions.",
)

__all__ = ["NODE_SHELF", "control", "inputs", "logic", "math"]
