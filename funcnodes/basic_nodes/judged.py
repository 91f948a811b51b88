"""Results that are worth less than what they were made of: something had to be left out."""

from typing import Any

from funcnodes.basic_nodes.arraylike import Array
from funcnodes.core import Node, Quality
from funcnodes.core.quality import worst


def give(node: Node, quality: Quality = "ok", **values: Any) -> None:
    """Set outputs, worth at most `quality`, and at most what the node took."""
    found = worst((node.quality_taken, quality))
    for port, value in values.items():
        node.outputs[port].set(value, quality=found)


def without_nan(*arrays: Array) -> tuple[list[Array], Quality]:
    """The samples at which all are finite, and what is left is worth."""
    import numpy as np

    whole = np.logical_and.reduce([np.isfinite(each) for each in arrays])
    return [each[whole] for each in arrays], "ok" if whole.all() else "missing"
