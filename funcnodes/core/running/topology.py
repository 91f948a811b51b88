"""Who is upstream and downstream of whom, remembered until the edges change.

Order edges (▶) count like data edges, and so does being held by a frame: the frame comes before its
members. A port with a passage stands for the passage: that is how edges cross into subgraphs. A
node is outside its own ancestors even in a cycle; the nodes of its cycle count as downstream only.
What starts the next wave has nothing behind it in its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol, TypeVar

Relatives = tuple[int, frozenset[Any], frozenset[Any]]  # version, above, below: nodes of its kind
SetOff = tuple[int, frozenset[Any]]


class Outward(Protocol):
    """A port, as far as it leads to others."""

    @property
    def node(self) -> "Linked": ...

    @property
    def passage(self) -> "Linked | None":
        """Who is reached through it, if not `node`."""

    @property
    def targets(self) -> "Iterator[Outward]":
        """The inputs that get every value of it."""


class Inward(Outward, Protocol):
    """An input, as far as others lead to it."""

    @property
    def sources(self) -> Sequence[Outward]: ...


class Linked(Protocol):
    """A node, as far as its place among others goes."""

    relatives: Relatives | None  # kept here for this module
    set_off: SetOff | None  # the same, where it takes back
    in_loop: tuple[int, bool] | None  # the same, where somebody asked

    @property
    def inputs(self) -> Mapping[str, Inward]: ...

    @property
    def outputs(self) -> Mapping[str, Outward]: ...

    @property
    def linked(self) -> bool:
        """Whether `links_in` and `links_out` have anything to say."""

    @property
    def takes_back(self) -> bool:
        """Whether edges from what it sets off back to it order nothing."""

    @property
    def starts_wave(self) -> bool:
        """Whether what it gives belongs to the next wave (T8)."""

    def links_in(self) -> "Iterable[Linked]":
        """Who comes before it otherwise than by edges to its inputs."""

    def links_out(self) -> "Iterable[Linked]":
        """Who comes after it otherwise than by edges from its outputs."""


N = TypeVar("N", bound=Linked)

_version = 0  # of all edges in this process


def changed() -> None:
    """Called whenever an edge, or another link, came or went."""
    global _version
    _version += 1


def upstream(node: N) -> frozenset[N]:
    """All ancestors outside the node's own cycle."""
    return _relatives(node)[0]


def downstream(node: N) -> frozenset[N]:
    """All that the node can set off, itself included only where it is in a cycle."""
    return _relatives(node)[1]


def ancestors(node: N) -> frozenset[N]:
    """All from which the node can be reached, itself included only where it is in a cycle."""
    found: set[Any] = _reach(node, _sources)
    return frozenset(found)


def loops(node: Linked) -> bool:
    """Whether the node is in a cycle, or between two of them.

    Found for all that it can set off at once, and remembered until the edges change.
    """
    known = node.in_loop
    if known is None or known[0] != _version:
        inside = _reach(node, _targets) | {node}
        left = _peeled(inside)
        for each in inside:
            each.in_loop = (_version, each in left)
        known = node.in_loop
    assert known is not None
    return known[1]


def _peeled(inside: set[Linked]) -> set[Linked]:
    """What is left of `inside` once all is gone that leads nowhere, or comes from nowhere."""
    ahead = {node: {t for t in _targets(node) if t in inside} for node in inside}
    behind: dict[Linked, set[Linked]] = {node: set() for node in inside}
    for node, targets in ahead.items():
        for target in targets:
            behind[target].add(node)
    left = set(inside)
    for onward, back in ((ahead, behind), (behind, ahead)):
        count = {node: len(onward[node] & left) for node in left}
        loose = [node for node in left if not count[node]]
        for node in loose:  # which grows
            left.discard(node)
            for other in back[node] & left:
                count[other] -= 1
                if not count[other]:
                    loose.append(other)
    return left


def _relatives(node: Linked) -> tuple[frozenset[Any], frozenset[Any]]:
    cached = node.relatives
    if cached is None or cached[0] != _version:
        below = _reach(node, _targets)
        above = _reach(node, _sources) - below - {node}
        cached = node.relatives = (_version, frozenset(above), frozenset(below))
    return cached[1], cached[2]


def _reach(start: Linked, neighbours: Callable[[Linked], Iterable[Linked]]) -> set[Linked]:
    seen: set[Linked] = set()
    stack = list(neighbours(start))
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(neighbours(node))
    return seen


def _sources(node: Linked) -> Iterable[Linked]:
    joined = (out.passage or out.node for inp in node.inputs.values() for out in inp.sources)
    sources = chain(joined, node.links_in()) if node.linked else joined
    sources = (source for source in sources if not source.starts_wave)
    if not node.takes_back:
        return sources
    body = _set_off(node)
    return (source for source in sources if source not in body)


def _targets(node: Linked) -> Iterable[Linked]:
    return (
        target
        for target in _joined_targets(node)
        if not (target.takes_back and node in _set_off(target))
    )


def _joined_targets(node: Linked) -> Iterable[Linked]:
    if node.starts_wave:
        return ()
    joined = (
        inp.passage or inp.node
        for port in chain(node.outputs.values(), node.inputs.values())
        for inp in port.targets
    )
    return chain(joined, node.links_out()) if node.linked else joined


def _set_off(loop: Linked) -> frozenset[Any]:
    """What a loop sets off. Edges from there back to it bring results; they order nothing."""
    cached = loop.set_off
    if cached is None or cached[0] != _version:
        cached = loop.set_off = (_version, frozenset(_reach(loop, _joined_targets)))
    return cached[1]
