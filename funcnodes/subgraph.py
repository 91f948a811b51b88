"""Subgraphs: a part of a graph as one node. The import path that users look for; see `core`."""

from funcnodes.core.subgraph import (
    SUFFIX,
    InputGate,
    OutputGate,
    SubgraphNode,
    dissolve,
    make_subgraph,
)

__all__ = ["SUFFIX", "InputGate", "OutputGate", "SubgraphNode", "dissolve", "make_subgraph"]
