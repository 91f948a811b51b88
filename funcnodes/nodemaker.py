"""The import path under which users know the node makers."""

from funcnodes.core.nodes.mixin import NodeClassMixin, instance_nodefunction
from funcnodes.core.nodes.nodemaker import NodeDecorator, node_class_maker

__all__ = ["NodeClassMixin", "NodeDecorator", "instance_nodefunction", "node_class_maker"]
