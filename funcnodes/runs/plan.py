"""What a run of a graph would do, read off its wires, before anything is done.

The *body* of a frame is what it holds as such and what hangs on its data outputs: it runs once per
point. What it is entered and finished by, and what hangs on its ▶ done, runs once. A run starts at
the heads of the ▶ chains that lead to a frame.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from funcnodes.core import Frame, Node, NodeInput, NodeOutput, NodeSpace
from funcnodes.core.nodes import TRIGGER_IN
from funcnodes.core.position import position
from funcnodes.core.subgraphs.passages import InputPassage, OutputPassage

Step = Callable[[Node], Iterable[Node]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A graph, as a run sees it.

    Attributes:
        entries: Nodes to be triggered, in order.
        frames: All frames that would run.
        bodies: What each frame does per point.
        chain: What runs once: from the entries on, outside all bodies.
    """

    entries: tuple[Node, ...]
    frames: tuple[Frame, ...]
    bodies: Mapping[Frame, frozenset[Node]]
    chain: frozenset[Node]

    @property
    def nodes(self) -> frozenset[Node]:
        """Every node that would run."""
        return self.chain.union(*self.bodies.values())

    @property
    def outer_frames(self) -> list[Frame]:
        """Frames that are in no other frame's body."""
        return [frame for frame in self.frames if not self.around(frame)]

    @property
    def inner_frames(self) -> list[Frame]:
        """Frames without another frame in their body: their points are the rows."""
        return [
            frame
            for frame in self.frames
            if not any(other in self.bodies[frame] for other in self.frames if other is not frame)
        ]

    def points_total(self) -> int | None:
        """Points of all inner frames, or None where a frame cannot tell."""
        total = 0
        for frame in self.inner_frames:
            points = 1
            for each in (frame, *self.around(frame)):
                own = each.points_total()
                if own is None:
                    return None
                points *= own
            total += points
        return total

    def around(self, frame: Frame) -> list[Frame]:
        """The frames in whose bodies it is, the innermost first."""
        found = [f for f in self.frames if f is not frame and frame in self.bodies[f]]
        return sorted(found, key=lambda f: sum(f in self.bodies[g] for g in found), reverse=True)

    def directly_inside(self, frame: Frame) -> list[Frame]:
        """The frames in its body that are in no other frame there."""
        inside = [f for f in self.frames if f is not frame and f in self.bodies[frame]]
        return [f for f in inside if not any(f in self.bodies[g] for g in inside if g is not f)]


def plan(space: NodeSpace) -> Plan:
    """Read off the wires what a run would do. Muted nodes do nothing."""
    every = [node for node in space.walk() if isinstance(node, Frame) and not node.muted]
    bodies = {frame: frozenset(body(frame)) for frame in every}
    inside = frozenset[Node]().union(*(bodies[f] - {f} for f in every))
    outer = [frame for frame in every if frame not in inside and frame.frame is None]
    heads = list(dict.fromkeys(head(frame) for frame in outer))
    entries = sorted(heads, key=lambda node: (isinstance(node, Frame), *_place(node)))
    once = frozenset(entries) | frozenset(_reach(entries, _done))
    return Plan(tuple(entries), tuple(every), bodies, once - inside)


def body(frame: Frame) -> set[Node]:
    """What `frame` holds as its body, and what hangs on its data outputs.

    What is led back to it ends there: what comes after the frame is no part of its points.
    """

    def step(node: Node) -> Iterator[Node]:
        return (target for target in _targets(node) if target is not frame)

    data = [out for out in frame.outputs.values() if out.id not in frame.after_last]
    first = [*_set_off(data), *frame.members("body")]
    return set(first) | _reach(first, step)


def onward(node: Node) -> set[Node]:
    """All that it sets off, short of loops that take back what their own bodies work out."""

    def step(node: Node) -> Iterator[Node]:
        for target in _targets(node):
            if not (isinstance(target, Frame) and target.takes_back and node in body(target)):
                yield target

    return _reach([node], step)


def head(node: Node) -> Node:
    """The first node of the ▶ chain that leads to `node`, itself where there is none."""
    seen = {node}
    while (before := _behind(node.inputs[TRIGGER_IN])) is not None and before not in seen:
        node = before
        seen.add(node)
    return node


def _behind(inp: NodeInput) -> Node | None:
    """The node that a wire comes from, through the borders of subgraphs."""
    while inp.sources:
        out = inp.sources[0]
        node = out.passage or out.node
        if isinstance(node, InputPassage) and node.port is not None:
            inp = node.port
        elif isinstance(node, OutputPassage):
            inp = node.inputs["value"]
        else:
            return node
    return None


def _reach(start: Iterable[Node], step: Step) -> set[Node]:
    seen: set[Node] = set()
    stack = [target for node in start for target in step(node)]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(step(node))
    return seen


def _targets(node: Node) -> Iterator[Node]:
    """What runs with or after it: what it sets off, and what it holds."""
    return chain(_set_off(node.outputs.values()), node.links_out())


def _set_off(outputs: Iterable[NodeOutput]) -> Iterator[Node]:
    """What these outputs trigger; to members of other sections they are parameters only."""
    for out in outputs:
        for inp in () if out.node.starts_wave else out.targets:
            target = inp.passage or inp.node
            if not (inp.triggers or inp.passage or target.is_frame):
                continue  # a parameter: something else sets that node off (T7)
            space = target.nodespace
            if space is None or target.frame is None or space.places.sets_off(out, target):
                yield target


def _done(node: Node) -> Iterator[Node]:
    """What runs after `node` in its own wave: of a frame all but its body."""
    if not isinstance(node, Frame):
        return _targets(node)
    once = (*node.members("enter"), *node.members("finally"))
    after = [node.outputs[output] for output in node.after_last]
    return chain(_set_off(after), once)


def _place(node: Node) -> tuple[float, float]:
    """Where it is drawn, rows before columns."""
    x, y = position(node.properties) or (0.0, 0.0)
    return y, x
