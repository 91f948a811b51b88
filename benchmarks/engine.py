"""The engine beside funcnodes-core 2.4.0 and bare calls, interleaved in one process.

Nodes are in nodespaces, as users and workers have them; the peer's without its 10 ms pause.

    pip install -e . funcnodes-core==2.4.0 && python benchmarks/engine.py

Prints medians over the rounds, and ratios; machines are noisy, so only ratios mean something.
"""

import argparse
import asyncio
import gc
import inspect
import itertools
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import funcnodes_core as peer  # type: ignore[import-not-found]  # the peer is no dependency

from funcnodes import Library, NodeDecorator, NodeSpace, Shelf

CHAIN = 200
FAN = 500


def increment(a: int) -> int:
    return a + 1


Ours = NodeDecorator("benchmark.increment")(increment)
Peer = peer.NodeDecorator(node_id="benchmark.increment")(increment)
Peer.default_trigger_on_create = False


def our_node() -> Any:
    return Ours()


def peer_node() -> Any:
    return Peer(pretrigger_delay=0)


def chain(make: Callable[[], Any]) -> list[Any]:
    nodes = [make() for _ in range(CHAIN)]
    for left, right in itertools.pairwise(nodes):
        left.outputs["out"].connect(right.inputs["a"])
    return nodes


def fan(make: Callable[[], Any]) -> list[Any]:
    source, *targets = (make() for _ in range(FAN + 1))
    for target in targets:
        source.outputs["out"].connect(target.inputs["a"])
    return [source, *targets]


async def drive(nodes: list[Any], executions: int, repeat: int) -> float:
    """Executions per second of setting the first input and waiting until the last has run."""
    last = nodes[-1].outputs["out"]
    depth = 1 if len(nodes) == 1 else 2 if len(nodes) == FAN + 1 else len(nodes)
    start = time.perf_counter()
    for n in range(repeat):
        nodes[0].inputs["a"].value = n
        await nodes[0]
        while last.value != n + depth:  # ours is done by now; the peer awaits one node only
            await asyncio.sleep(0)
    return executions * repeat / (time.perf_counter() - start)


async def bare_chain(repeat: int) -> float:
    start = time.perf_counter()
    for n in range(repeat):
        value = n
        for _ in range(CHAIN):
            value = increment(value)
    return CHAIN * repeat / (time.perf_counter() - start)


def serialize(space: Any, repeat: int) -> float:
    start = time.perf_counter()
    for _ in range(repeat):
        space.serialize()
    return repeat / (time.perf_counter() - start)


def deserialize(make: Callable[[], Any], saved: Any, repeat: int) -> float:
    seconds = 0.0
    for _ in range(repeat):
        space = make()
        start = time.perf_counter()
        space.deserialize(saved)
        seconds += time.perf_counter() - start
    return repeat / seconds


def our_space() -> Any:
    return NodeSpace(Library(Shelf([Ours])))


def peer_space() -> Any:
    space = peer.NodeSpace()
    space.add_shelf(peer.Shelf(nodes=[Peer], name="benchmark", description="", subshelves=[]))
    return space


def filled(space: Any, nodes: list[Any]) -> Any:
    for node in nodes:
        space.add_node_instance(node)
    return space


def ours(layout: Callable[[Callable[[], Any]], list[Any]]) -> list[Any]:
    """Nodes of ours, wired, in a nodespace."""
    nodes = layout(our_node)
    filled(our_space(), nodes)
    return nodes


def theirs(layout: Callable[[Callable[[], Any]], list[Any]]) -> list[Any]:
    """The peer's nodes, wired, in a nodespace, which is kept: its nodes do not keep it."""
    nodes = layout(peer_node)
    _kept.append(filled(peer_space(), nodes))
    return nodes


_kept: list[Any] = []


def one(make: Callable[[], Any]) -> list[Any]:
    return [make()]


def heard(nodes: list[Any]) -> list[Any]:
    """The same nodes, with a listener on each that hears every event."""
    for node in nodes:
        node.on("*", lambda **_: None)
    return nodes


async def compare(case: str, runs: dict[str, Callable[[], Any]], rounds: int) -> None:
    """Print medians of interleaved rounds, and how many times faster ours is."""
    results: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            found = run()
            results[name].append(await found if inspect.isawaitable(found) else found)
    medians = {name: statistics.median(values) for name, values in results.items()}
    print(case)
    for name, median in medians.items():
        print(f"  {name:16} {median:>14,.1f}   ours is {medians['ours'] / median:,.3g}×")


async def grow(triggers: int) -> None:
    """What a million triggers leave behind, and whether they slow down."""
    node = our_node()
    quarters = []
    await drive([node], 1, 1_000)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(4):
        start = time.perf_counter()
        await drive([node], 1, triggers // 4)
        quarters.append(time.perf_counter() - start)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{triggers:,} triggers: {after - before:+,} bytes; seconds per quarter, traced:")
    print("  " + " ".join(f"{seconds:.2f}" for seconds in quarters))


def load(count: int) -> None:
    """A saved chain of `count` nodes."""
    saved = {
        "nodes": [{"id": f"n{k}", "node_id": Ours.node_id, "io": {}} for k in range(count)],
        "edges": [[f"n{k}", "out", f"n{k + 1}", "a"] for k in range(count - 1)],
    }
    space = our_space()
    start = time.perf_counter()
    space.deserialize(saved)
    print(f"{count:>9,} nodes load in {time.perf_counter() - start:.2f} s")


async def main(rounds: int) -> None:
    our_chain, their_chain = ours(chain), theirs(chain)
    await compare(
        f"chain of {CHAIN}, executions/s",
        {
            "ours": lambda: drive(our_chain, CHAIN, 100),
            "funcnodes-core": lambda: drive(their_chain, CHAIN, 3),
            "bare calls": lambda: bare_chain(300),
        },
        rounds,
    )
    our_heard, their_heard = heard(ours(chain)), heard(theirs(chain))
    await compare(
        f'chain of {CHAIN} with a "*" listener on each node, executions/s',
        {
            "ours": lambda: drive(our_heard, CHAIN, 50),
            "funcnodes-core": lambda: drive(their_heard, CHAIN, 3),
            "… without": lambda: drive(their_chain, CHAIN, 3),
        },
        rounds,
    )
    our_fan, their_fan = ours(fan), theirs(fan)
    await compare(
        f"fan-out 1→{FAN}, executions/s",
        {
            "ours": lambda: drive(our_fan, FAN + 1, 40),
            "funcnodes-core": lambda: drive(their_fan, FAN + 1, 2),
        },
        rounds,
    )
    our_one, their_one = ours(one), theirs(one)
    await compare(
        "one node, set + await, triggers/s",
        {
            "ours": lambda: drive(our_one, 1, 5_000),
            "funcnodes-core": lambda: drive(their_one, 1, 500),
        },
        rounds,
    )
    big, their_big = (filled(our_space(), [our_node() for _ in range(1000)]),
                      filled(peer_space(), [peer_node() for _ in range(1000)]))  # fmt: skip
    await compare(
        "1,000 nodes, saved per second",
        {"ours": lambda: serialize(big, 5), "funcnodes-core": lambda: serialize(their_big, 1)},
        rounds,
    )
    saved, their_saved = big.serialize(), their_big.serialize()
    await compare(
        "1,000 nodes, loaded per second",
        {
            "ours": lambda: deserialize(our_space, saved, 3),
            "funcnodes-core": lambda: deserialize(peer_space, their_saved, 1),
        },
        min(rounds, 3),
    )
    for count in (1_000, 10_000, 100_000):
        load(count)
    await grow(1_000_000)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    asyncio.run(main(parser.parse_args().rounds))
