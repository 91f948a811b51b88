"""The engine beside funcnodes-core 2.4.0 and bare calls, interleaved in one process.

    pip install -e . funcnodes-core==2.4.0 && python benchmarks/engine.py

Prints medians over the rounds, and ratios; machines are noisy, so only ratios mean something.
"""

import argparse
import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import funcnodes_core as peer  # type: ignore[import-not-found]  # the peer is no dependency

from funcnodes import NodeDecorator

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


async def main(rounds: int) -> None:
    ours, theirs = chain(our_node), chain(peer_node)
    our_fan, their_fan = fan(our_node), fan(peer_node)
    our_one, their_one = [our_node()], [peer_node()]
    cases: dict[str, dict[str, Callable[[], Awaitable[float]]]] = {
        f"chain of {CHAIN}, executions/s": {
            "ours": lambda: drive(ours, CHAIN, 100),
            "funcnodes-core": lambda: drive(theirs, CHAIN, 3),
            "bare calls": lambda: bare_chain(300),
        },
        f"fan-out 1→{FAN}, executions/s": {
            "ours": lambda: drive(our_fan, FAN + 1, 40),
            "funcnodes-core": lambda: drive(their_fan, FAN + 1, 2),
        },
        "one node, set + await, triggers/s": {
            "ours": lambda: drive(our_one, 1, 5_000),
            "funcnodes-core": lambda: drive(their_one, 1, 500),
        },
    }
    for case, runs in cases.items():
        results: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                results[name].append(await run())
        medians = {name: statistics.median(values) for name, values in results.items()}
        print(f"{case}")
        for name, median in medians.items():
            ratio = medians["ours"] / median
            print(f"  {name:16} {median:>14,.0f}   ours is {ratio:,.3g}×")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    asyncio.run(main(parser.parse_args().rounds))
