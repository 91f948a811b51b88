"""What stands in for the node of a port that has none.

Ports are made before nodes have them, and programs use them by themselves: they are set, connected
and looked at. Then somebody must answer what a port asks of its node.
"""

from funcnodes.core.nodes.node import Node


class Nobody(Node):
    """The node of a port that belongs to none; it never runs, and is in no nodespace."""

    is_nobody = True

    def __init__(self) -> None:
        super().__init__(name="a port without a node")
        self.uuid = ""
        self._muted = True
        self.update_blocked()

    def func(self) -> None:
        """Never called: it is muted."""
