"""The nodes that every nodespace can use, on shelves."""

from funcnodes.basic_nodes import (
    arrays,
    control,
    dictionaries,
    inputs,
    lists,
    logic,
    math,
    statistics,
    text,
)
from funcnodes.core import Shelf

NODE_SHELF = Shelf(
    subshelves=[
        inputs.NODE_SHELF, math.NODE_SHELF, logic.NODE_SHELF, control.NODE_SHELF, text.NODE_SHELF,
        lists.NODE_SHELF, dictionaries.NODE_SHELF, arrays.NODE_SHELF, statistics.NODE_SHELF,
    ],
    description="Inputs, arithmetic and decisions.",
)  # fmt: skip

__all__ = [
    "NODE_SHELF", "arrays", "control", "dictionaries", "inputs", "lists", "logic", "math",
    "statistics", "text",
]  # fmt: skip
