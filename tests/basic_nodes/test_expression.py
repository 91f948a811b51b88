"""The expression node: a calculator, and no more than that."""

import contextlib
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.basic_nodes.expression import evaluate
from funcnodes.core import Library, NodeDecorator, NodeSpace
from funcnodes.errors import ExecutionError, NodeTriggerError, SavedGraphError

Limit = Callable[[float], float]


@NodeDecorator("test.voltage", outputs=[{"id": "voltage"}])
def voltage(v: float) -> float:
    return v


@pytest.mark.parametrize(
    ("expression", "variables", "expected"),
    [
        ("a + b * 2", {"a": 1, "b": 3}, 7),
        ("2 ** -1", {}, 0.5),
        ("−a", {"a": 2}, -2),
        ("7 // 2 + 7 % 4", {}, 6),
        ("a if a > b else b", {"a": 1, "b": 5}, 5),
        ("1 < a <= 3 and not b", {"a": 3, "b": False}, True),
        ("sqrt(a**2 + b**2)", {"a": 3, "b": 4}, 5.0),
        ("hypot(3, 4) == 5.0", {}, True),
        ("sin(pi / 2) + log10(100)", {}, 3.0),
        ("max(1, a, 3)", {"a": 9}, 9),
        ("mean(1, 2, 6)", {}, 3.0),
        ("sign(-3) + sign(0)", {}, -1.0),
        ("clip(7, 0, 5)", {}, 5),
        ("where(a > 0, 1, 2)", {"a": 1}, 1),
        ("round(2.567, 1)", {}, 2.6),
        ("a['k'] + b[0]", {"a": {"k": 1}, "b": (2, "x")}, 3),
        ("len(a)", {"a": [1, 2, 3]}, 3),
        ("'x' in a", {"a": "text"}, True),
    ],
)
def test_a_formula_of_numbers(expression: str, variables: dict[str, Any], expected: Any) -> None:
    found = evaluate(expression, variables)
    assert found == pytest.approx(expected)
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a * 2 + 1", [3, 5, 7]),
        ("sin(a * 0) + a", [1, 2, 3]),
        ("1 / (a - 1)", [math.inf, 1, 0.5]),
        ("where(a > 1, a, 0)", [0, 2, 3]),
        ("clip(a, 2, 9)", [2, 2, 3]),
        ("abs(-a)[0]", 1),
        ("sum(a) / len(a)", 2),
        ("max(a) - min(a)", 2),
        ("a[1:]", [2, 3]),
        ("mean(a ** 2)", 14 / 3),
        ("round(a / 3)", [0, 1, 1]),
    ],
)
@pytest.mark.parametrize("kind", [list, np.array])
def test_a_formula_of_arrays(expression: str, expected: Any, kind: Any) -> None:
    np.testing.assert_allclose(evaluate(expression, {"a": kind([1, 2, 3])}), expected)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("a +", "expression is no formula: invalid syntax."),
        ("", "expression is empty."),
        ("a; b", "expression is no formula: invalid syntax."),
        ("a = 2", "expression is no formula: "),
        ("a + z", "expression uses z, which has no value; there is a."),
        ("system(a)", "expression uses a function system, which there is not."),
        ("1 / 0", "expression divides by zero: 1 / 0."),
        ("10.0 ** 400", "expression gives a number that is too large"),
        ("sqrt(-1)", "expression cannot be computed: "),
        ("(-8) ** 0.5", "expression cannot be computed: −8 has no real power of 0.5."),
        ("'ab' * 3", "expression cannot be computed: the text 'ab' is no number."),
        ("sin", "expression is the name of a function, and calls it with nothing."),
        ("sin()", "expression cannot be computed: "),
        ("a[5:9][0]", "expression cannot be computed: "),
        ("(" * 500 + "1" + ")" * 500, "expression is n"),
        ("1+" * 1500 + "1", "expression has 3001 characters; 2000 are possible."),
    ],
)
def test_what_is_wrong_is_a_sentence(expression: str, sentence: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        evaluate(expression, {"a": np.arange(3)} if "[" in expression else {"a": 1})
    assert sentence in caught.value.message
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize(
    "expression",
    [
        "().__class__.__bases__", "a.tofile('/tmp/x')", "a.__class__", "a.real", "__import__('os')",
        "open('x')", "eval('1')", "exec('1')", "getattr(a, 'shape')", "lambda: 1", "[x for x in a]",
        "{'a': 1}", "[1, 2]", "f'{a}'", "f'{a.__class__}'", "f'{1:999999999}'", "(b := 1)",
        "sin.__globals__", "print(1)", "import os", "a @ a", "globals()", "sum.__self__",
        "abs.__self__", "*a", "yield a", "await a", "(sin).__call__(1)", "mean(*a)", "sin(**b)",
        "'%999999999d' % 1", "1 << 999999", "~1",
    ],
)  # fmt: skip
def test_nothing_of_python_itself_is_reached(expression: str) -> None:
    with pytest.raises(ExecutionError):
        evaluate(expression, {"a": np.arange(3), "b": {}})


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9", "9**999999999", "(2**19999)**3", "2**19999 * 2**19999", "'x' * 10**9",
        "a * 10**9", "10**9 * a", "a + a", "1e308 * 10 ** 400",
    ],
)  # fmt: skip
def test_nothing_fills_memory_or_time(expression: str, limit: Limit) -> None:
    begin = time.perf_counter()
    with pytest.raises(ExecutionError):
        evaluate(expression, {"a": ["text"]})
    assert time.perf_counter() - begin < limit(1)


@settings(max_examples=200, deadline=None)
@given(st.text("ab0123456789.+-*/%()<>=! ,[]'\"_:@|&~^{}\\\n", max_size=40))
def test_any_text_gives_a_value_or_a_sentence(text: str) -> None:
    with contextlib.suppress(ExecutionError):  # any other error fails the test
        evaluate(text, {"a": 2, "b": 0.5})


async def test_a_variable_without_a_value_is_named(graph: Any) -> None:
    node = graph.add("math.expression", expression="a + b", a=1)
    with pytest.raises(NodeTriggerError, match="uses b, which has no value; there is a"):
        await node
    node.inputs["b"].set_value(2)
    await node
    assert node.outputs["out"].value == 3


async def test_a_wire_makes_a_variable_that_is_saved(graph: Any) -> None:
    node = graph.add("math.expression", expression="voltage * 2 + voltage1")
    first, second = graph.add(voltage), graph.add(voltage)
    for source in (first, second):
        output = source.outputs["voltage"]
        output.connect(node.grow_input(output))
    first.inputs["v"].set_value(10)
    second.inputs["v"].set_value(1)
    await graph.at_rest()
    assert node.outputs["out"].value == 21
    saved = graph.space.serialize()
    again = NodeSpace(Library(NODE_SHELF))
    again.deserialize(saved)
    (loaded,) = [each for each in again.nodes if each.node_id == "math.expression"]
    assert {"voltage", "voltage1"} <= set(loaded.inputs)
    assert again.serialize() == saved


def test_a_file_cannot_name_a_variable_as_it_likes() -> None:
    space = NodeSpace(Library(NODE_SHELF))
    data = {"id": "x", "node_id": "math.expression", "io": {}, "variables": ["a b"]}
    with pytest.raises(SavedGraphError, match="'a b' cannot name a variable"):
        space.add_saved_node(data)
