"""What a graph does, as blocks of a program: once, per point of a frame, before and after it.

A *scope* is what happens in one wave, in an order that its wires allow. A frame is one thing of
the scope that it is in; its points are a scope of their own inside.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from funcnodes.core import Frame, Node, NodeSpace
from funcnodes.core.nodes.place import Section
from funcnodes.core.subgraphs.subgraph import SubgraphNode
from funcnodes.runs import plan as plans
from funcnodes.runs.people import AskingNode, Tell
from funcnodes.runs.plan import Plan
from funcnodes.runs.recorder import Recorder
from funcnodes.runs.sequences import CheckNode


@dataclass(eq=False)
class Scope:
    """What happens in one wave.

    Attributes:
        around: The scope that it is within; None for what happens once.
        nodes: In the order in which they are carried out.
    """

    around: "Scope | None" = None
    nodes: list[Node] = field(default_factory=list)

    def within(self, other: "Scope | None") -> bool:
        """Whether it is that scope, or inside it (R1)."""
        scope: Scope | None = self
        while scope is not None and scope is not other:
            scope = scope.around
        return scope is not None


class Scopes:
    """The scopes of a graph.

    Attributes:
        plan: What a run of it does.
        needed: What has a say in the rows, or acts on the world.
    """

    def __init__(self, space: NodeSpace) -> None:
        self.plan: Plan = plans.plan(space)
        self._rank = {node: n for n, node in enumerate(space.walk())}
        self.needed = self._needed()

    def once(self) -> Iterator[list[Node]]:
        """What happens outside all points, from each entry on."""
        inside = self._inside(self.plan.frames)
        for entry in self.plan.entries:
            reached = plans._reach([entry], plans._done) | {entry}
            yield self._ordered(self._own(reached & self.plan.chain - inside))

    def points(self, frame: Frame) -> list[Node]:
        """What a frame does per point, frames inside it as one thing each."""
        body = self.plan.bodies[frame] - {frame}
        inner = [each for each in self.plan.frames if each in body]
        return self._ordered(self._own(body - self._inside(inner)))

    def section(self, frame: Frame, section: Section) -> list[Node]:
        """What it does before the first point, or at its end."""
        return self._ordered(set(frame.members(section)) & self.needed)

    def before(self) -> list[Node]:
        """What has its value before anything happens: constants, and what is made of them."""
        plain = (node for node in self.needed if not node.is_frame)
        return self._ordered({node for node in plain if node not in self.plan.nodes})

    def _inside(self, frames: Iterable[Frame]) -> set[Node]:
        """What happens at points of these frames."""
        return set().union(*(self.plan.bodies[frame] - {frame} for frame in frames))

    def _own(self, nodes: Iterable[Node]) -> set[Node]:
        """Those that are not before or after the points of another."""
        return {
            node
            for node in nodes
            if node in self.needed and not (node.place is not None and node.place.section != "body")
        }

    def _needed(self) -> set[Node]:
        todo = [node for node in self.plan.nodes if matters(node)]
        todo += self.plan.frames
        found = set(todo)
        while todo:
            node = todo.pop()
            for port in node.inputs.values():
                for source in port.sources:
                    if source.node not in found:
                        found.add(source.node)
                        todo.append(source.node)
        return found

    def _ordered(self, nodes: set[Node]) -> list[Node]:
        """After what they hang on; else as they stand in the file."""
        before = {node: self._behind(node, nodes) for node in nodes}
        ordered: list[Node] = []
        left = sorted(nodes, key=self._rank.__getitem__)
        while left:
            free = next((n for n in left if not before[n] - set(ordered)), left[0])
            left.remove(free)
            ordered.append(free)
        return ordered

    def _behind(self, node: Node, among: set[Node]) -> set[Node]:
        """Those that come before it, through what lies between and inside frames too."""
        mine = {node, *self._held(node)}
        found: set[Node] = set()
        todo = [source.node for each in mine for p in each.inputs.values() for source in p.sources]
        seen: set[Node] = set(mine)
        while todo:
            source = todo.pop()
            if source in seen:
                continue
            seen.add(source)
            owner = self._owner(source, among)
            if owner is not None and owner is not node:
                found.add(owner)
            elif owner is None:
                todo += [s.node for p in source.inputs.values() for s in p.sources]
        return found

    def _held(self, node: Node) -> set[Node]:
        if not isinstance(node, Frame):
            return set()
        own = self.plan.bodies.get(node, frozenset())
        return {*own, *node.members("enter"), *node.members("finally")} - {node}

    def _owner(self, source: Node, among: set[Node]) -> Node | None:
        if source in among:
            return source
        return next((f for f in among if isinstance(f, Frame) and source in self._held(f)), None)


def matters(node: Node) -> bool:
    """Whether leaving it out would change what is measured, kept, asked or judged."""
    if node.muted:
        return False
    kinds = (Recorder, CheckNode, AskingNode, Tell, SubgraphNode)
    return node.effect or node.shows_order or isinstance(node, kinds)
