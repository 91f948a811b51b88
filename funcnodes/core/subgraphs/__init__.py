"""Subgraphs: a part of a graph as one node; making them, and dissolving them."""
