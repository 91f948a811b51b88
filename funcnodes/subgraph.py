"""Subgraphs: a part of a graph as one node. The import path that users look for; see `core`."""

from funcnodes.core.gates import InputGate, OutputGate
from funcnodes.core.regroup import dissolve, make_subgraph
from funcnodes.core.subgraph import SubgraphNode
from funcnodes.core.subgraph_files import SUFFIX

__all__ = ["SUFFIX", "InputGate", "OutputGate", "SubgraphNode", "dissolve", "make_subgraph"]
