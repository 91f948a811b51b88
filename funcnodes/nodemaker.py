"""The import path under which users know the node makers."""

from funcnodes.core.nodemaker import NodeDecorator, node_class_maker

__all__ = ["NodeDecorator", "node_class_maker"]
