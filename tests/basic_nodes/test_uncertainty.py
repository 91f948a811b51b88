"""R2, D3: NaN never becomes an ok number, and uncertainty follows through what is worked out.

Propagation is held against the library `uncertainties`, to first order (JCGM 100:2008).
"""

import asyncio
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uncertainties
from hypothesis import assume, given, settings, strategies as st
from uncertainties import umath

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.core import Node, NodeInput, NodeOutput, NodeSpace
from funcnodes.core.quality import Judged
from funcnodes.core.uncertain import (
    MOST_SOURCES,
    Uncertain,
    correlated,
    nominal,
    propagate,
    uncertain,
    uncertainty_of,
)

OPERATIONS: list[tuple[Callable[..., Any], Callable[..., Any], int]] = [
    (lambda a, b: a + b, lambda a, b: a + b, 2),
    (lambda a, b: a - b, lambda a, b: a - b, 2),
    (lambda a, b: a * b, lambda a, b: a * b, 2),
    (lambda a, b: a / b, lambda a, b: a / b, 2),
    (lambda a: 2 - a, lambda a: 2 - a, 1),
    (lambda a: 3 / a, lambda a: 3 / a, 1),
    (lambda a: a**2, lambda a: a**2, 1),
    (lambda a: -a, lambda a: -a, 1),
    (lambda a: propagate(math.sin, (a,)), umath.sin, 1),
    (lambda a: propagate(math.atan, (a,)), umath.atan, 1),
    (lambda a, b: propagate(math.hypot, (a, b)), umath.hypot, 2),
]


@given(
    st.lists(st.tuples(st.floats(0.5, 5), st.floats(0.001, 0.1)), min_size=2, max_size=4),
    st.lists(
        st.tuples(st.integers(0, len(OPERATIONS) - 1), st.integers(0, 9), st.integers(0, 9)),
        min_size=1,
        max_size=8,
    ),
)
@settings(max_examples=150, deadline=None)
def test_it_agrees_with_the_library_uncertainties(
    numbers: list[tuple[float, float]], steps: list[tuple[int, int, int]]
) -> None:
    """Whatever is worked out of what, again and again of the same: correlations count."""
    ours: list[Any] = [uncertain(value, u) for value, u in numbers]
    theirs: list[Any] = [uncertainties.ufloat(value, u) for value, u in numbers]
    for which, a, b in steps:
        mine, other, count = OPERATIONS[which]
        places = [n % len(ours) for n in (a, b)][:count]
        try:
            result = other(*[theirs[n] for n in places])
        except ZeroDivisionError:
            continue
        assume(abs(result.n) < 1e6 and result.s < 1e6)
        theirs.append(result)
        ours.append(mine(*[ours[n] for n in places]))
    for got, expected in zip(ours, theirs, strict=True):
        assert float(got) == pytest.approx(expected.n, rel=1e-9, abs=1e-9)
        assert (uncertainty_of(got) or 0.0) == pytest.approx(expected.s, rel=1e-3, abs=1e-6)


def test_a_number_less_itself_is_certain_and_what_is_pickled_is_the_same_source() -> None:
    a = uncertain(3.0, 0.1)
    assert a - a == 0
    assert uncertainty_of(a - a) is None
    there = pickle.loads(pickle.dumps(a))
    assert uncertainty_of(there - a) is None
    assert uncertainty_of(there + a) == pytest.approx(0.2)


def test_what_has_a_source_in_common_is_wrong_together() -> None:
    """Averaging does not help against an instrument that is off by the same each time."""
    readings = [uncertain(5.0 + n / 100, 0.3, "dmm.volts") for n in range(10)]
    assert uncertainty_of(sum(readings) / 10) == pytest.approx(0.3)
    alone = [uncertain(5.0, 0.3) for _ in range(10)]
    assert uncertainty_of(sum(alone) / 10) == pytest.approx(0.3 / math.sqrt(10))


def test_what_is_certain_or_no_number_is_a_plain_number() -> None:
    for value, u in ((3.0, 0.0), (math.nan, 0.1), (3.0, math.nan), (math.inf, 0.1)):
        assert type(uncertain(value, u)) is float
    assert type(nominal(uncertain(1.0, 0.1))) is float
    assert nominal([uncertain(1.0, 0.1), "x"]) == [1.0, "x"]
    assert type(correlated([1.0], np.array([[math.nan]]))[0]) is float


def test_long_sums_keep_their_uncertainty_in_bounded_memory() -> None:
    total: Any = 0.0
    for _ in range(4 * MOST_SOURCES):
        total = total + uncertain(1.0, 0.5)
    assert isinstance(total, Uncertain)
    assert len(total.parts) <= MOST_SOURCES
    assert total.u == pytest.approx(0.5 * math.sqrt(4 * MOST_SOURCES))


# ── through nodes ─────────────────────────────────────────────────────────────────────────


async def out_of(graph: Any, kind: str, out: str = "out", **values: Any) -> NodeOutput:
    """What a node gives that is fed by wires, so that its values come as they are."""
    node = graph.add(kind)
    for port, value in values.items():
        source = graph.add(Source)
        source.outputs["out"].connect(node.inputs[port])
        source.inputs["value"].value = value
        await source
    await graph.at_rest()
    found: NodeOutput = node.outputs[out]
    return found


class Source(Node):
    """Gives what it is given."""

    node_id = "test.uncertain.source"
    value = NodeInput(type=Any)
    out = NodeOutput(type=Any)

    def func(self, value: Any) -> Any:
        self.out.set(value, quality="ok")


async def test_uncertainty_follows_through_arithmetic_statistics_and_formulas(graph: Any) -> None:
    a, b = uncertain(3.0, 0.1), uncertain(2.0, 0.2)
    c, d = uncertainties.ufloat(3.0, 0.1), uncertainties.ufloat(2.0, 0.2)
    cases: list[tuple[str, dict[str, Any], Any]] = [
        ("add_node", {"a": a, "b": b}, c + d),
        ("sub_node", {"a": a, "b": a}, c - c),
        ("mul_node", {"a": a, "b": b}, c * d),
        ("div_node", {"a": a, "b": b}, c / d),
        ("power_node", {"a": a, "b": b}, c**d),
        ("math.scale", {"a": a, "gain": b}, c * d),
        ("math.log", {"a": a}, umath.log(c)),
        ("math.decibel", {"a": a}, 10 * umath.log10(c)),
        ("stat.mean", {"values": [a, b, 4.0]}, (c + d + 4) / 3),
        ("stat.sum", {"values": [a, b, a]}, 2 * c + d),
        ("stat.rms", {"values": [a, b]}, umath.sqrt((c**2 + d**2) / 2)),
    ]
    for kind, values, expected in cases:
        found = await out_of(graph, kind, **values)
        assert float(found.value) == pytest.approx(expected.n, abs=1e-12), kind
        got = uncertainty_of(found.value)
        assert (got or 0.0) == pytest.approx(expected.s, rel=1e-4, abs=1e-12), kind
        assert found.quality == "ok"
    formula = await out_of(graph, "math.expression", expression="sqrt(a) * b", a=a, b=b)
    assert uncertainty_of(formula.value) == pytest.approx((umath.sqrt(c) * d).s, rel=1e-4)


async def test_a_number_gets_an_uncertainty_and_gives_it_back(graph: Any) -> None:
    given = await out_of(graph, "math.uncertain", a=10.0, u=0.3, percent=4.0)
    assert uncertainty_of(given.value) == pytest.approx(0.5)
    data_sheet = await out_of(graph, "math.uncertain", a=10.0, u=0.03, percent=0.4, limits=True)
    assert uncertainty_of(data_sheet.value) == pytest.approx(0.07 / math.sqrt(3))
    split = await out_of(graph, "math.uncertainty", "u", a=given.value)
    assert split.value == pytest.approx(0.5)
    assert split.node.outputs["relative"].value == pytest.approx(0.05)
    plain = await out_of(graph, "math.uncertainty", "u", a=10.0)
    assert (math.isnan(plain.value), plain.quality) == (True, "missing")


async def test_a_wire_that_converts_takes_the_uncertainty_along(graph: Any) -> None:
    """mV into V, and dBm into mW, which is no straight line."""
    from typing import Annotated

    from funcnodes.core import NodeDecorator, Unit  # ports with units

    @NodeDecorator("test.uncertain.milli")
    def milli(value: Annotated[float, Unit("mV")]) -> Annotated[float, Unit("mV")]:
        return value

    @NodeDecorator("test.uncertain.volts")
    def volts(value: Annotated[float, Unit("V")]) -> Annotated[float, Unit("V")]:
        return value

    first, second = graph.add(milli), graph.add(volts)
    first.outputs["out"].connect(second.inputs["value"])
    source = graph.add(Source)
    source.outputs["out"].connect(first.inputs["value"])
    source.inputs["value"].value = uncertain(2.0, 0.5)
    await graph.at_rest()
    assert uncertainty_of(second.outputs["out"].value) == pytest.approx(0.0005)


async def test_uncertain_points_weigh_in_a_fit(graph: Any) -> None:
    x = [0.0, 1.0, 2.0, 3.0]
    y = [uncertain(1.0, 0.1), uncertain(3.1, 0.1), uncertain(4.9, 0.1), uncertain(20.0, 10.0)]
    slope = await out_of(graph, "stat.linear_fit", "slope", x=x, y=y)
    known = await out_of(
        graph, "stat.linear_fit", "slope", x=x, y=[1.0, 3.1, 4.9, 20.0], sigma=[0.1, 0.1, 0.1, 10.0]
    )
    assert float(slope.value) == pytest.approx(float(known.value))
    assert uncertainty_of(slope.value) == pytest.approx(uncertainty_of(known.value))
    assert float(slope.value) == pytest.approx(1.95, abs=0.05)


# ── NaN ───────────────────────────────────────────────────────────────────────────────────


def numbers_that_are_ok(node: Node) -> list[str]:
    """Outputs that hold a number, or numbers without NaN, and say that it is ok."""
    found = []
    for port in node._results:
        value = port.value
        is_number = isinstance(value, int | float) or getattr(value, "dtype", None) is not None
        if is_number and port.quality == "ok" and not np.isnan(value).any():
            found.append(port.id)
    return found


async def test_no_basic_node_makes_an_ok_number_of_a_nan(graph: Any) -> None:
    """Skipped, compared, clipped, counted: what comes of it says that something was missing."""
    tried = 0
    for _, kind in NODE_SHELF.walk():
        node = graph.add(kind)
        required = node._required or node._parameters[:1]
        takes = [p for p in required if p.type.kind in ("number", "array")]
        if (
            node.effect
            or getattr(kind, "hands_on", False)
            or not takes
            or len(takes) < len(required)
        ):
            graph.space.remove_node_instance(node)
            continue
        sources = []
        for port in takes:
            source = graph.add(Source)
            source.outputs["out"].connect(port)
            curve = np.array([1.0, 2.0, math.nan, 4.0, 3.0, 6.0, 5.0, 7.0])
            source.inputs["value"].value = curve if port.type.kind == "array" else math.nan
            sources.append(source)
        await graph.at_rest()
        if any(port.wave is not None for port in node._results):
            tried += 1
            assert numbers_that_are_ok(node) == [], kind.node_id
        for each in (node, *sources):
            graph.space.remove_node_instance(each)
    assert tried > 60


async def test_statistics_that_leave_a_nan_out_say_so(graph: Any) -> None:
    """The known weak spot: the mean of 1, NaN, 3 is 2, and missing."""
    for values, quality in (([1.0, math.nan, 3.0], "missing"), ([1.0, 3.0], "ok")):
        mean = await out_of(graph, "stat.mean", values=np.array(values))
        assert (mean.value, mean.quality) == (2.0, quality)
    listed = await out_of(graph, "stat.maximum", "index", values=[1.0, math.nan, 3.0])
    assert (listed.value, listed.quality) == (2, "missing")
    rows = {"kind": ["a", "a", "b"], "volts": [1.0, math.nan, 2.0]}
    group = await out_of(graph, "table.group", table=rows, by="kind", column="volts")
    assert (group.value["mean of volts"], group.quality) == ([1.0, 2.0], "missing")
    where = await out_of(graph, "math.expression", expression="where(a > 0, a, 0)",
                         a=np.array([1.0, math.nan]))  # fmt: skip
    assert (list(where.value), where.quality) == ([1.0, 0.0], "missing")


async def test_parts_of_an_array_with_nan_are_as_good_as_they_are(graph: Any) -> None:
    values = np.array([1.0, math.nan, 3.0])
    for index, quality in ((0, "ok"), (1, "missing"), (2, "ok")):
        found = await out_of(graph, "array.get", array=values, index=index)
        assert found.quality == quality
    length = await out_of(graph, "array.length", array=values)
    assert (length.value, length.quality) == (3, "ok")


@pytest.mark.parametrize("where", ["loop", "thread", "process"])
async def test_what_a_function_says_of_its_result_is_believed(graph: Any, where: str) -> None:
    """`Judged`: wherever it runs, on one output or on one of several."""
    node = graph.add("stat.mean")
    node.run_in = where
    source = graph.add(Source)
    source.outputs["out"].connect(node.inputs["values"])
    source.inputs["value"].value = [1.0, math.nan]
    await graph.at_rest()
    assert (node.outputs["out"].value, node.outputs["out"].quality) == (1.0, "missing")
    assert not isinstance(node.outputs["out"].value, Judged)


def test_a_nan_that_is_set_by_hand_is_missing() -> None:
    space = NodeSpace()
    node = space.add_node_instance(Source())
    node.inputs["value"].value = math.nan
    asyncio.run(_awaited(node))
    assert node.inputs["value"].quality == "missing"


async def _awaited(node: Node) -> None:
    await node


def test_the_guides_code_does_what_the_guide_says() -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "uncertainty.md"
    pieces = re.findall(r"```python\n(.*?)```", guide.read_text("utf-8"), re.DOTALL)
    assert len(pieces) == 2
    exec(compile("\n".join(pieces), str(guide), "exec"), {"__name__": "guide"})
