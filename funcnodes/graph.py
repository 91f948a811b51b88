"""The import path under which users know the graph: who is upstream and downstream of whom."""

from funcnodes.core.running.topology import ancestors, downstream, upstream

__all__ = ["ancestors", "downstream", "upstream"]
