"""Saving to JSON text and loading from it, beside funcnodes-core 2.4.0, interleaved in one process.

A user's own line on both sides, `json.dumps(space.serialize(), cls=JSONEncoder)`, for 1,000 nodes
with the kinds of values that graphs hold; then what 100,000 nodes take to load.

    pip install -e . funcnodes-core==2.4.0 && python benchmarks/saving.py

Prints medians over the rounds, and ratios; machines are noisy, so only ratios mean something.
"""

import argparse
import itertools
import json
import logging
import statistics
import time
from collections.abc import Callable
from typing import Any

import funcnodes_core as peer  # type: ignore[import-not-found]  # the peer is no dependency

import funcnodes
from funcnodes import Library, NodeSpace, Shelf

COUNT = 1_000


def passed(a: Any) -> Any:
    return a


Ours = funcnodes.NodeDecorator("benchmark.passed")(passed)
Peer = peer.NodeDecorator(node_id="benchmark.passed")(passed)
Peer.default_trigger_on_create = False

VALUES: dict[str, Callable[[int], Any] | None] = {
    "wired, no values": None,
    "numbers": lambda n: n + 0.5,
    "texts": lambda n: f"node {n}",
    "lists of 100 numbers": lambda n: [n + k / 7 for k in range(100)],
    "tables of 10 rows": lambda n: [{"x": k, "y": k * 1.5, "what": "ab"} for k in range(10)],
    "pairs in lists of 10": lambda n: [(k, n) for k in range(10)],
}


def our_space() -> Any:
    return NodeSpace(Library(Shelf([Ours])))


def peer_space() -> Any:
    space = peer.NodeSpace()
    space.add_shelf(peer.Shelf(nodes=[Peer], name="benchmark", description="", subshelves=[]))
    return space


def filled(space: Any, made: type, count: int, value: Callable[[int], Any] | None) -> Any:
    """A nodespace of nodes with places on a canvas, and either a value each or wired in a row."""
    nodes = [made(uuid=f"n{n}") for n in range(count)]
    for n, node in enumerate(nodes):
        node.properties["frontend:pos"] = [n, n]
        space.add_node_instance(node)
        if value is not None:
            node.inputs["a"].set_value(value(n), does_trigger=False)
    if value is None:
        for left, right in itertools.pairwise(nodes):
            left.outputs["out"].connect(right.inputs["a"])
    return space


def took_s(work: Callable[[], Any], times: int = 1) -> float:
    """Processor time: nothing here waits, and other work on the machine does not count."""
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def compare(case: str, ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> None:
    """Print medians of interleaved rounds, and how many times faster ours is."""
    pairs = [(took_s(ours, 5), took_s(theirs)) for _ in range(rounds)]
    mine, other = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(other / mine for mine, other in pairs)
    print(f"{case:32} {mine * 1e3:8.1f} ms {other * 1e3:8.1f} ms   {ratio:5.1f}×")


def saving(rounds: int) -> None:
    for case, value in VALUES.items():
        ours = filled(our_space(), Ours, COUNT, value)
        theirs = filled(peer_space(), Peer, COUNT, value)
        compare(
            f"saved: {case}",
            lambda: json.dumps(ours.serialize(), cls=funcnodes.JSONEncoder),  # noqa: B023
            lambda: json.dumps(theirs.serialize(), cls=peer.JSONEncoder),  # noqa: B023
            rounds,
        )


def loading(rounds: int) -> None:
    ours = json.dumps(filled(our_space(), Ours, COUNT, None).serialize())
    theirs = json.dumps(filled(peer_space(), Peer, COUNT, None).serialize(), cls=peer.JSONEncoder)
    compare(
        "loaded: wired, no values",
        lambda: our_space().deserialize(json.loads(ours)),
        lambda: peer_space().deserialize(json.loads(theirs, cls=peer.JSONDecoder)),
        rounds,
    )


def growing() -> None:
    for count in (1_000, 10_000, 100_000):
        text = json.dumps(filled(our_space(), Ours, count, None).serialize())
        space = our_space()
        parsing = took_s(lambda: json.loads(text))  # noqa: B023
        data = json.loads(text)
        loaded = took_s(lambda: space.deserialize(data))  # noqa: B023
        print(f"{count:>9,} nodes: text read in {parsing:.2f} s, loaded in {loaded:.2f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    logging.disable(logging.CRITICAL)
    print(f"{COUNT:,} nodes {'':20} {'ours':>10} {'funcnodes-core':>14}   ratio")
    saving(rounds)
    loading(min(rounds, 3))
    growing()
