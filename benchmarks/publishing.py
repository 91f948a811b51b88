"""What telling browsers costs the engine: the same graph with and without a publisher.

2,000 nodes in ten chains, whose values all change all the time, run in one process, in
interleaved rounds: bare, noted (what changes is noted, nobody asks), and published (patches are
built and encoded, as a worker does for its browsers).

    python benchmarks/publishing.py

Prints medians over the rounds, and which part of the bare speed is left.
"""

import argparse
import asyncio
import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

from funcnodes import Library, Node, NodeDecorator, NodeSpace, Shelf
from funcnodes.workers.canvas import Canvas
from funcnodes.workers.publisher import Publisher

CHAINS, LENGTH = 10, 200


@NodeDecorator("benchmark.increment")
def increment(a: int) -> int:
    return a + 1


def graph() -> tuple[NodeSpace, list[list[Node]]]:
    """A nodespace with chains in it."""
    space = NodeSpace(Library(Shelf([increment])))
    chains: list[list[Node]] = []
    for _ in range(CHAINS):
        nodes = [increment() for _ in range(LENGTH)]
        for node in nodes:
            space.add_node_instance(node)
        for left, right in itertools.pairwise(nodes):
            left.outputs["out"].connect(right.inputs["a"])
        chains.append(nodes)
    return space, chains


async def speed(chains: list[list[Node]], seconds: float, publisher: Publisher | None) -> float:
    """Executions per second of all chains, one after the other, as a person's loop has it."""
    executions, start = 0, time.perf_counter()
    for value in itertools.count():
        for nodes in chains:
            nodes[0].inputs["a"].value = value
            await nodes[0]
            executions += LENGTH
        await asyncio.sleep(0)
        if time.perf_counter() - start >= seconds:
            break
    elapsed = time.perf_counter() - start
    if publisher is not None:
        publisher.flush()
    return executions / elapsed


class Case:
    """One way to run the graph."""

    def __init__(self, name: str, prepare: Callable[[NodeSpace], Publisher | None]) -> None:
        self.name = name
        self.space, self.chains = graph()
        self.publisher = prepare(self.space)
        self.results: list[float] = []
        self.patches = 0


def noted(space: NodeSpace) -> None:
    space.watch(lambda: None)


def published(space: NodeSpace) -> Publisher:
    def send(data: bytes) -> bool:
        sent.append(len(data))
        return True

    sent: list[int] = []
    _sent.append(sent)
    publisher = Publisher("benchmark", send)
    _kept.append(Canvas(space, publisher))
    return publisher


_kept: list[Any] = []
_sent: list[list[int]] = []


async def main(rounds: int, seconds: float) -> None:
    cases = [Case("bare", lambda _: None), Case("noted", noted), Case("published", published)]
    for _ in range(rounds):
        for case in cases:
            case.results.append(await speed(case.chains, seconds, case.publisher))
    medians = {case.name: statistics.median(case.results) for case in cases}
    for name, median in medians.items():
        print(f"{name:10} {median:>12,.0f} executions/s   {median / medians['bare']:.2f} of bare")
    sent, took = _sent[0], rounds * seconds
    print(f"{len(sent) / took:.1f} patches/s, {sum(sent) / took / 1e6:.2f} MB/s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    asyncio.run(main(options.rounds, options.seconds))
