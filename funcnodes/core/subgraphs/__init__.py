"""Subgraphs: a part of a graph as one node; making them, and dissolving them."""

from funcnodes.core.subgraphs.inner import InnerSpace
from funcnodes.core.subgraphs.passages import InputPassage, OutputPassage, Passage
from funcnodes.core.subgraphs.regroup import dissolve, make_subgraph
from funcnodes.core.subgraphs.subgraph import SubgraphNode

__all__ = [
    "InnerSpace", "InputPassage", "OutputPassage", "Passage", "SubgraphNode", "dissolve",
    "make_subgraph",
]  # fmt: skip
