"""No built-in node holds the interpreter: whatever comes in, other threads have their turn within
0.5 s, and so an E-STOP does. What would take for ever is refused in one sentence.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.errors import ExecutionError, NodeTriggerError

HUGE = 1 << 5_000_000
MILLION = [float(n * 7919 % 1_000_003) for n in range(1_000_000)]
LONG = "a" * 10_000_000

REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("re.fullmatch", {"pattern": "(a|a)*", "string": "a" * 60 + "b"}),
    ("re.match", {"pattern": "(a|a)*$", "string": "a" * 60 + "b"}),
    ("re.search", {"pattern": "(a|a)*$", "string": "a" * 60 + "b"}),
    ("re.findall", {"pattern": "(a|a)*$", "string": "a" * 60 + "b"}),
    ("re.sub", {"pattern": "(a|a)*$", "string": "a" * 60 + "b", "repl": ""}),
    ("re.subn", {"pattern": "(a|a)*$", "string": "a" * 60 + "b", "repl": ""}),
    ("re.split", {"pattern": "(a|a)*$", "string": "a" * 60 + "b"}),
    ("re.sub", {"pattern": "a", "repl": "b" * 1_000_000, "string": "a" * 100_000}),
    ("re.subn", {"pattern": "(.*)", "repl": r"\1" * 1000, "string": "a" * 100_000}),
    ("re.search", {"pattern": "(" * 6000, "string": "x"}),
    ("round_node", {"a": 1, "ndigits": -(10**9)}),
    ("math.expression", {"expression": "round(1, -10**9)"}),
    ("math.expression", {"expression": "round(a, b)", "a": 1, "b": -(10**9)}),
    ("math.expression", {"expression": "10**10**9"}),
    ("math.expression", {"expression": "9**9**9**9"}),
    ("math.expression", {"expression": "a * a", "a": HUGE}),
    ("math.expression", {"expression": "a + b", "a": np.ones((30_000, 1)), "b": np.ones(30_000)}),
    ("math.expression", {"expression": "'a' * 10**10"}),
    ("mul_node", {"a": HUGE, "b": HUGE}),
    ("pow_node", {"a": HUGE, "b": HUGE}),
    ("math.factorial", {"a": 10**9}),
    ("math.comb", {"a": 10**9, "b": 5 * 10**8}),
    ("math.perm", {"a": 10**9, "b": 10**9}),
    ("math.gcd", {"a": HUGE, "b": HUGE - 1}),
    ("math.isqrt", {"a": HUGE}),
    ("math.ldexp", {"a": 1.0, "b": 10**18}),
    ("list.range", {"stop": 10**12}),
    ("array.linspace", {"count": 10**12}),
    ("array.full", {"count": 10**12}),
    ("array.noise", {"count": 10**12}),
    ("array.range", {"stop": 1e300}),
    ("array.calculate", {"a": np.ones((30_000, 1)), "b": np.ones(30_000)}),
    ("string.replace", {"s": LONG, "old": "a", "new": LONG}),
    ("string.join", {"strings": ["a"] * 1_000_000, "delimiter": LONG}),
    ("string.concat", {"s1": LONG, "s2": LONG}),
    ("string.center", {"s": "a", "width": 10**12}),
    ("string.zfill", {"s": "a", "width": 10**12}),
    ("string.format_map", {"s": "{a:9999}" * 100_000, "mapping": {"a": 1}}),
    ("string.format_map", {"s": "{a:>99999999999}", "mapping": {"a": 1}}),
    ("string.of", {"value": MILLION}),
]  # fmt: skip
DONE: list[tuple[str, dict[str, Any]]] = [
    ("re.match", {"pattern": "(a+)+$", "string": "a" * 40 + "b"}),
    ("re.search", {"pattern": "(x+x+)+y", "string": "x" * 60}),
    ("re.findall", {"pattern": "(a*)*$", "string": "a" * 40 + "b" * 100}),
    ("re.sub", {"pattern": "(a+)+$", "repl": "", "string": "a" * 40 + "b"}),
    ("re.split", {"pattern": "(a+)+$", "string": "a" * 40 + "b"}),
    ("list_sort", {"lst": MILLION}),
    ("list_sort", {"lst": [str(each) for each in MILLION[:400_000]]}),
    ("list_count", {"lst": MILLION, "item": 1.0}),
    ("list_unique", {"lst": MILLION}),
    ("re.findall", {"pattern": "a", "string": "ab" * 20_000}),
    ("re.split", {"pattern": ",", "string": "1," * 100_000}),
    ("input.json", {"input": "[" + "[1, 2, 3], " * 100_000 + "[]]"}),
    ("string.split", {"s": "1," * 1_000_000, "delimiter": ","}),
    ("math.fsum", {"a": MILLION}),
    ("array.to_list", {"array": np.ones(1_000_000)}),
    ("math.factorial", {"a": 5000}),
]


@contextmanager
def longest_hold() -> Iterator[list[float]]:
    """How long another thread had to wait for its turn, at most."""
    found, over = [0.0], threading.Event()

    def look() -> None:
        while not over.is_set():
            began = time.perf_counter()
            time.sleep(0.001)
            found[0] = max(found[0], time.perf_counter() - began)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        over.set()
        looking.join()


def _name(case: Any) -> str:
    return case if isinstance(case, str) else ""


async def _run(graph: Any, node_id: str, values: dict[str, Any]) -> None:
    node = graph.add(node_id)
    for port, value in values.items():
        node.inputs[port].restore(value)
    await node


@pytest.mark.timing
@pytest.mark.parametrize(("node_id", "values"), REFUSED, ids=_name)
async def test_what_would_never_end_is_refused_soon(
    graph: Any, node_id: str, values: dict[str, Any], limit: Callable[[float], float]
) -> None:
    with longest_hold() as held, pytest.raises(NodeTriggerError) as caught:
        await _run(graph, node_id, values)
    assert isinstance(caught.value.__cause__, ExecutionError)
    assert len(caught.value.__cause__.message) < 400
    assert held[0] < limit(0.5)


@pytest.mark.timing
@pytest.mark.parametrize(("node_id", "values"), DONE, ids=_name)
async def test_what_takes_a_while_lets_others_have_their_turn(
    graph: Any, node_id: str, values: dict[str, Any], limit: Callable[[float], float]
) -> None:
    with longest_hold() as held:
        await _run(graph, node_id, values)
    assert held[0] < limit(0.5)


@pytest.mark.parametrize(
    ("pattern", "string"),
    [("x*", "axb"), ("", "abc"), ("(a)|b", "cabd"), (r"\b", "a bc"), (r"(\d)?-", "1-2--3"),
     ("[;,]\\s*", "a, b;c"), ("(?i)A+", "aAb"), (r"(?P<n>\w)\s?", "a b"), (".", "a\nb")],
)  # fmt: skip
async def test_patterns_mean_what_python_s_own_mean(graph: Any, pattern: str, string: str) -> None:
    async def out(node_id: str, **more: str) -> Any:
        node = graph.add(node_id)
        for port, value in {"pattern": pattern, "string": string, **more}.items():
            node.inputs[port].restore(value)
        await node
        return next(port.value for port in node.outputs.values() if port.id[0] != "_")

    found = re.compile(pattern)
    expected = [list(each.groups("")) or [each.group()] for each in found.finditer(string)]
    assert await out("re.findall") == expected
    assert await out("re.split") == [piece or "" for piece in found.split(string)]
    assert await out("re.sub", repl="<>") == found.sub("<>", string)


def test_every_node_that_reads_a_pattern_is_among_these() -> None:
    """A new one is tried, too."""
    patterns = {kind.node_id for _, kind in NODE_SHELF.walk() if kind.node_id.startswith("re.")}
    assert patterns - {"re.escape"} <= {node_id for node_id, _ in REFUSED}
