"""Subgraphs: a part of a graph as one node. The import path that users look for; see `core`."""

from funcnodes.core.graph.subgraph_files import SUFFIX
from funcnodes.core.subgraphs.passages import (
    InputPassage as InputPassage,
    OutputPassage as OutputPassage,
)
from funcnodes.core.subgraphs.regroup import dissolve, make_subgraph
from funcnodes.core.subgraphs.subgraph import SubgraphNode

__all__ = ["SUFFIX", "InputPassage", "OutputPassage", "SubgraphNode", "dissolve", "make_subgraph"]
