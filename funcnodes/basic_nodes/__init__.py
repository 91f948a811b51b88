"""The nodes that every nodespace can use, on shelves."""

from funcnodes.basic_nodes import (
    arrays,
    control,
    dictionaries,
    display,
    file_nodes,
    inputs,
    lists,
    logic,
    math,
    statistics,
    tables,
    text,
)
from funcnodes.core import Shelf

NODE_SHELF = Shelf(
    subshelves=[
        inputs.NODE_SHELF, math.NODE_SHELF, logic.NODE_SHELF, control.NODE_SHELF, text.NODE_SHELF,
        lists.NODE_SHELF, dictionaries.NODE_SHELF, arrays.NODE_SHELF, statistics.NODE_SHELF,
        tables.NODE_SHELF, file_nodes.NODE_SHELF, display.NODE_SHELF,
    ],
    description="Inputs, arithmetic, decisions, data and files.",
)  # fmt: skip

math_shelf, logic_shelf = math.NODE_SHELF, logic.NODE_SHELF  # as 0.2.17 called them

__all__ = [
    "NODE_SHELF", "arrays", "control", "dictionaries", "display", "file_nodes", "inputs", "lists",
    "logic", "logic_shelf", "math", "math_shelf", "statistics", "tables", "text",
]  # fmt: skip
