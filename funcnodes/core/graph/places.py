"""Where nodes are held: which node is a member of which frame, and in what section of it.

Membership is part of the structure: saved with the node, locked while a run is on. A member runs
when its frame says so: of its edges only those from its own section, or for the body from the
frame itself, trigger it; what comes from elsewhere is a parameter.
"""

from collections.abc import Callable, Iterator

from funcnodes.core.nodes.node import Node
from funcnodes.core.nodes.outputs import NodeOutput
from funcnodes.core.nodes.place import Place, Section
from funcnodes.core.running import topology
from funcnodes.errors import GraphError


class Places:
    """The members of all frames of one nodespace."""

    def __init__(self, find: Callable[[str], Node | None]) -> None:
        """Args:
        find: The node of that id, if it is here.
        """
        self._find = find
        self._held: dict[str, dict[Node, None]] = {}  # frame → its members, in order

    def members(self, frame: Node, section: Section | None = None) -> list[Node]:
        """What `frame` holds, in one section or in all."""
        held = self._held.get(frame.uuid, ())
        return [n for n in held if n.place and (section is None or n.place.section == section)]

    def frame_of(self, node: Node) -> Node | None:
        """The frame that holds `node`, if it is here."""
        frame = self._find(node.place.frame) if node.place is not None else None
        return frame if frame is not None and frame.is_frame else None

    def around(self, node: Node) -> Iterator[Node]:
        """The frames around `node`, the innermost first."""
        frame = self.frame_of(node)
        while frame is not None:
            yield frame
            frame = self.frame_of(frame)

    def put(self, node: Node, place: Place | None) -> None:
        """Hold `node` at `place`, or nowhere; the nodespace sees to the lock.

        Raises:
            GraphError: The node would hold itself.
        """
        before = node.place
        self._forget(node)
        node.place = place
        node.linked = place is not None or type(node).linked
        self._note(node)
        if node in self.around(node):
            self._forget(node)
            node.place = before
            self._note(node)
            raise GraphError(f"{node.name} cannot be put into itself.", node=node.uuid)
        self._refresh(node)

    def added(self, node: Node) -> None:
        """`node` became part of the nodespace."""
        self._note(node)
        if node.place is not None or node.uuid in self._held:
            self._refresh(node)

    def removed(self, node: Node) -> None:
        """`node` has left it; what it held is free until it comes back."""
        self._forget(node)
        for member in self.members(node):
            self._refresh(member)

    def heed(self, node: Node) -> None:
        """Have only those edges of a member trigger it that come from within its section."""
        if self.frame_of(node) is None:
            return
        for port in node.inputs.values():
            port.triggers = port.triggers and any(self.sets_off(o, node) for o in port.sources)

    def sets_off(self, output: NodeOutput, member: Node) -> bool:
        """Whether a value from `output` may trigger `member`, whose frame is here."""
        frame = self.frame_of(member)
        source: Node | None = output.node
        assert member.place is not None
        if source is frame:
            after = getattr(frame, "after_last", ())
            return member.place.section == "body" and output.id not in after
        while source is not None:
            around = self.frame_of(source)
            if around is frame and source.place is not None:
                return source.place.section == member.place.section
            source = around
        return False

    def _note(self, node: Node) -> None:
        if node.place is not None:
            self._held.setdefault(node.place.frame, {})[node] = None

    def _forget(self, node: Node) -> None:
        if node.place is None:
            return
        held = self._held.get(node.place.frame, {})
        held.pop(node, None)
        if not held:
            self._held.pop(node.place.frame, None)

    def _refresh(self, node: Node) -> None:
        """Its place, or that of a frame around it, changed: what triggers whom may have, too."""
        topology.changed()
        stack = [node]
        while stack:
            node = stack.pop()
            node.edges_changed()
            for output in node.outputs.values():
                for inp in output.targets:
                    inp.node.edges_changed()
            stack.extend(self.members(node))
