"""Arrays, signals, statistics and fits, held against numpy and scipy and against plain numbers."""

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays
from scipy import optimize, signal

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.core import Library, Node
from funcnodes.errors import ExecutionError, NodeTriggerError

LIBRARY = Library(NODE_SHELF)
RAMP = [0.0, 1.0, 2.0, 3.0]
NAN, INF = math.nan, math.inf


async def run(node_id: str, **values: Any) -> Any:
    """What a node gives; a single output as it is, several by name."""
    node: Node = LIBRARY.find_nodeclass(node_id)()
    for port, value in values.items():
        node.inputs[port].restore(value)
    await node
    found = {port.id: port.value for port in node.outputs.values() if port.id[0] != "_"}
    return next(iter(found.values())) if len(found) == 1 else found


CASES: list[tuple[str, dict[str, Any], Any]] = [
    ("array.of", {"values": [1, 2]}, [1.0, 2.0]),
    ("array.of", {"values": [1j]}, [1j]),
    ("array.to_list", {"array": np.eye(2)}, [[1, 0], [0, 1]]),
    ("array.to_list", {"array": 3}, [3]),
    ("array.linspace", {"stop": 2, "count": 5}, [0, 0.5, 1, 1.5, 2]),
    ("array.logspace", {"start": 1, "stop": 100, "count": 3}, [1, 10, 100]),
    ("array.range", {"stop": 0.3, "step": 0.1}, [0, 0.1, 0.2, 0.3]),
    ("array.range", {"start": 3, "stop": 0.5, "step": -1}, [3, 2, 1]),
    ("array.full", {"value": 7, "count": 3}, [7, 7, 7]),
    ("array.length", {"array": RAMP}, 4),
    ("array.shape", {"array": np.ones((2, 3))}, [2, 3]),
    ("array.get", {"array": RAMP}, 3.0),
    ("array.get", {"array": [[1, 2], [3, 4]], "index": 0}, [1, 2]),
    ("array.slice", {"array": RAMP, "start": 1, "step": 2}, [1, 3]),
    ("array.join", {"a": RAMP, "b": 9}, [0, 1, 2, 3, 9]),
    ("array.stack", {"a": [1, 2], "b": [3, 4]}, [[1, 2], [3, 4]]),
    ("array.reshape", {"array": RAMP, "rows": 2}, [[0, 1], [2, 3]]),
    ("array.transpose", {"array": [[1, 2]]}, [[1], [2]]),
    ("array.reverse", {"array": RAMP}, [3, 2, 1, 0]),
    ("array.sort", {"array": [2, NAN, 1]}, {"sorted": [1, 2, NAN], "order": [2, 0, 1]}),
    ("array.sort", {"array": [2, 3, 1], "descending": True},
     {"sorted": [3, 2, 1], "order": [1, 0, 2]}),
    ("array.select", {"array": [1, NAN, 5, 3], "low": 2}, [5, 3]),
    ("array.select", {"array": [1, NAN, 5, 3], "low": 1, "high": 3}, [1, 3]),
    ("array.drop_nan", {"array": [1, NAN, INF]}, [1]),
    ("array.calculate", {"a": [1, 2], "b": [3, 4], "operation": "×"}, [3, 8]),
    ("array.calculate", {"a": [1, 0], "b": 0, "operation": "÷"}, [INF, NAN]),
    ("array.apply", {"array": [4, -1], "function": "square root"}, [2, NAN]),
    ("array.scale", {"array": [1, 2], "gain": 2, "offset": 1}, [3, 5]),
    ("array.clip", {"array": [-1, 0.5, 2]}, [0, 0.5, 1]),
    ("array.complex", {"array": [1j, -2]}, {"magnitude": [1, 2], "phase": [math.pi / 2, math.pi]}),
    ("signal.smooth", {"y": [0, 3, 0, 3, 0], "window": 3}, [1.5, 1, 2, 1, 1.5]),
    ("signal.smooth", {"y": [0, 9, 1, 2, 3], "window": 2, "method": "median"}, [4.5, 1, 2, 2, 2.5]),
    ("signal.interpolate", {"x": [2, 0], "y": [20, 0], "at": [1, 3]}, [10, NAN]),
    ("signal.interpolate", {"x": [0, 2], "y": [0, 20], "at": 3, "outside": "hold"}, 20.0),
    ("signal.derivative", {"y": [0, 1, 4, 9]}, [1, 2, 4, 5]),
    ("signal.derivative", {"y": [0, 1, 4], "x": [0, 2, 4]}, [0.5, 1, 1.5]),
    ("signal.integral", {"y": [0, 1, 2], "x": [0, 1, 3]}, {"total": 3.5, "running": [0, 0.5, 3.5]}),
    ("signal.difference", {"y": [1, 4, 9]}, [3, 5]),
    ("signal.crossings", {"y": [0, 2, 0, -2], "level": 1}, [0.5, 1.5]),
    ("signal.crossings", {"y": [0, 2, 0], "x": [0, 10, 20], "level": 1, "direction": "falling"},
     [15]),
    ("signal.detrend", {"y": [1, 3, 5]}, [0, 0, 0]),
    ("signal.detrend", {"y": [1, 3, 5], "kind": "mean"}, [-2, 0, 2]),
    ("signal.normalise", {"y": [2, 4, 6]}, [0, 0.5, 1]),
    ("signal.normalise", {"y": [2, -4], "to": "largest is 1"}, [0.5, -1]),
    ("signal.normalise", {"y": [1, 3], "to": "deviation is 1"}, [-1, 1]),
    ("signal.resample", {"x": [2, 0], "y": [4, 0], "count": 3},
     {"even_x": [0, 1, 2], "even_y": [0, 2, 4]}),
    ("stat.mean", {"values": [1, NAN, 3]}, 2.0),
    ("stat.mean", {"values": [1, NAN], "skip_nan": False}, NAN),
    ("stat.median", {"values": [5, 1, 3]}, 3.0),
    ("stat.deviation", {"values": [1, 2, 3]}, 1.0),
    ("stat.deviation", {"values": [1, 3], "of": "population"}, 1.0),
    ("stat.variance", {"values": [1, 5]}, 8.0),
    ("stat.standard_error", {"values": [1, 2, 3, 2]}, math.sqrt(2 / 3 / 4)),
    ("stat.minimum", {"values": [3, NAN, 1]}, {"value": 1.0, "index": 2}),
    ("stat.maximum", {"values": [3, NAN, 1]}, {"value": 3.0, "index": 0}),
    ("stat.peak_to_peak", {"values": [3, -1]}, 4.0),
    ("stat.sum", {"values": []}, 0.0),
    ("stat.rms", {"values": [3, -4]}, math.sqrt(12.5)),
    ("stat.percentile", {"values": [0, 10], "percent": 25}, 2.5),
    ("stat.describe", {"values": [1, 2, 3, NAN]}, {
        "count": 3, "missing": 1, "mean": 2, "deviation": 1, "minimum": 1, "first quartile": 1.5,
        "median": 2, "third quartile": 2.5, "maximum": 3}),
    ("stat.histogram", {"values": [0, 1, 1, 4], "bins": 2},
     {"count": [3, 1], "centre": [1, 3], "edge": [0, 2, 4]}),
    ("stat.histogram", {"values": [0, 1, 9], "bins": 1, "low": 0, "high": 2},
     {"count": [2], "centre": [1], "edge": [0, 2]}),
    ("stat.correlation", {"a": [1, 2, 3], "b": [6, 4, 2]}, -1.0),
    ("stat.polynomial", {"coefficients": [1, 0, 2], "x": [0, 2]}, [1, 9]),
    ("stat.polynomial", {"coefficients": [1, 0, 2], "x": 3}, 19.0),
]  # fmt: skip


@pytest.mark.parametrize(("node_id", "values", "expected"), CASES)
async def test_a_node_computes(node_id: str, values: dict[str, Any], expected: Any) -> None:
    found = await run(node_id, **values)
    if not isinstance(expected, dict):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        assert np.ndim(found) == np.ndim(expected)
        return
    assert set(found) == set(expected)
    for port, value in expected.items():
        np.testing.assert_allclose(found[port], value, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("node_id", "values", "sentence"),
    [
        ("array.of", {"values": "abc"}, "values is to be an array of numbers, not the text 'abc'."),
        ("array.of", {"values": [[1], [1, 2]]}, "values is to be an array of numbers, not a list."),
        ("array.of", {"values": None}, "values is to be an array of numbers, not nothing."),
        ("array.logspace", {"start": 0}, "start and stop are to have the same sign"),
        ("array.range", {"step": 0}, "No step of 0 leads from start to stop."),
        ("array.range", {"step": 1e-12}, "20000000 are possible."),
        ("array.get", {"array": RAMP, "index": 4},
         "array has 4 entries: there is none at position 4"),
        ("array.get", {"array": 5}, "array is to be an array, not a single number."),
        ("array.reshape", {"array": RAMP, "rows": 3}, "4 numbers do not fill 3 rows evenly."),
        ("array.stack", {"a": [1], "b": [1, 2]}, "a has the shape (1,), but b has (2,)."),
        ("array.calculate", {"a": [1, 2], "b": [1, 2, 3]}, "a has the shape (2,), but b has (3,)."),
        ("array.clip", {"array": [1], "low": 2},
         "low is to be at most high, but 2 is more than 1."),
        ("signal.smooth", {"y": [1, 2], "window": 5}, "window is 5, but y has only 2 samples."),
        ("signal.smooth", {"y": []}, "y is empty; at least 1 value is needed."),
        ("signal.smooth", {"y": RAMP, "window": 3, "order": 3, "method": "Savitzky–Golay"},
         "order is 3: it is to be less than the window, 3."),
        ("signal.fft", {"y": [1]}, "y has only 1 of them; at least 2 values are needed."),
        ("signal.fft", {"y": [[1, 2]]}, "y is to have one axis, but its shape is (1, 2)."),
        ("signal.peaks", {"y": [1j]}, "y is to hold real numbers, but it is complex."),
        ("signal.peaks", {"y": RAMP, "x": [1]},
         "x and y are to have the same length, but have 1 and 4"),
        ("signal.interpolate", {"x": [0, 0], "y": [1, 2], "at": 0}, "x has the same value twice"),
        ("signal.interpolate", {"x": [0, 1], "y": [1, 2], "at": 5, "outside": "error"},
         "at leaves the curve, which goes from 0 to 1."),
        ("signal.derivative", {"y": [1, 2], "x": [3, 3]}, "x has the same value twice in a row"),
        ("signal.normalise", {"y": [2, 2]}, "y is the same everywhere"),
        ("stat.mean", {"values": []}, "values is empty; at least 1 value is needed."),
        ("stat.mean", {"values": [NAN]}, "values is empty; at least 1 value is needed."),
        ("stat.deviation", {"values": [1]},
         "values has only 1 of them; at least 2 values are needed"),
        ("stat.minimum", {"values": [NAN]}, "values is empty"),
        ("stat.correlation", {"a": [1, 1], "b": [1, 2]}, "a is the same everywhere"),
        ("stat.histogram", {"values": [1], "low": 3, "high": 2}, "low is to be at most high"),
        ("stat.linear_fit", {"x": [1, 1], "y": [1, 2]},
         "x has 1 different values; a fit of degree 1 needs 2."),
        ("stat.polynomial_fit", {"x": [1, 2], "y": [1, 2]},
         "x has 2 different values; a fit of degree 2 needs 3."),
        ("stat.linear_fit", {"x": [1, 2], "y": [1, 2], "sigma": [1, 0]},
         "sigma is to be above zero for every point."),
    ],
)  # fmt: skip
async def test_a_node_says_in_a_sentence_what_is_wrong(
    node_id: str, values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(NodeTriggerError) as caught:
        await run(node_id, **values)
    cause = caught.value.__cause__
    assert isinstance(cause, ExecutionError), cause
    assert sentence in cause.message


async def test_noise_is_the_same_for_the_same_seed() -> None:
    first, again = await run("array.noise", count=1000), await run("array.noise", count=1000)
    other = await run("array.noise", count=1000, seed=1)
    assert (first == again).all()
    assert (first != other).any()
    assert abs(first.mean()) < 0.15
    assert first.std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("window", "order"), [(5, 2), (11, 3), (7, 0), (9, 8)])
async def test_savitzky_golay_is_scipys(window: int, order: int) -> None:
    y = np.random.default_rng(1).normal(size=60).cumsum()
    found = await run("signal.smooth", y=y, method="Savitzky–Golay", window=window, order=order)
    np.testing.assert_allclose(found, signal.savgol_filter(y, window, order), atol=1e-9)


@pytest.mark.parametrize("window", ["none", "Hann", "flat top"])
async def test_a_spectrum_shows_amplitude_and_phase(window: str) -> None:
    """A sine of 3 V at 50 Hz and an offset of 0.5 V, sampled at 1 kHz."""
    t = np.arange(1000) / 1000
    y = 0.5 + 3 * np.cos(2 * np.pi * 50 * t + 0.7)
    found = await run("signal.fft", y=y, sample_time=0.001, window=window)
    at = int(np.argmin(abs(found["frequency"] - 50)))
    assert found["frequency"][at] == pytest.approx(50)
    assert found["frequency"][-1] == 500
    assert found["amplitude"][at] == pytest.approx(3, rel=1e-6)
    assert found["amplitude"][0] == pytest.approx(0.5, rel=1e-6)
    assert found["phase"][at] == pytest.approx(0.7, abs=1e-6)


async def test_half_the_sampling_rate_counts_once() -> None:
    found = await run("signal.fft", y=[1, -1, 1, -1])
    assert found["amplitude"] == pytest.approx([0, 0, 1])


async def test_a_flat_top_window_finds_the_amplitude_between_two_frequencies() -> None:
    t = np.arange(1000) / 1000
    found = await run(
        "signal.fft", y=np.cos(2 * np.pi * 50.5 * t), sample_time=0.001, window="flat top"
    )
    assert found["amplitude"].max() == pytest.approx(1, rel=2e-3)


async def test_peaks_have_place_and_height() -> None:
    found = await run(
        "signal.peaks", y=[0, 1, 0, 3, 3, 3, 0, 2, 0], x=np.arange(9) * 0.5, min_height=1.5
    )
    assert found["position"].tolist() == [2.0, 3.5]
    assert found["height"].tolist() == [3, 2]
    assert found["index"].tolist() == [4, 7]
    assert found["count"] == 2


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(float, st.integers(1, 60), elements=st.integers(-6, 6)), st.integers(0, 5))
async def test_peaks_and_flat_tops_are_scipys(y: Any, prominence: int) -> None:
    found = await run("signal.peaks", y=y, min_prominence=prominence, min_height=-3)
    expected, _ = signal.find_peaks(y, height=-3, prominence=prominence or None)
    assert found["index"].tolist() == expected.tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-100, 100), min_size=1, max_size=60, unique=True), st.integers(1, 9))
async def test_peaks_keep_their_distance_as_scipys_do(y: list[int], distance: int) -> None:
    """No two heights are equal: of equal ones either may stay."""
    found = await run("signal.peaks", y=y, min_distance=distance)
    expected, _ = signal.find_peaks(np.array(y, float), distance=distance)
    assert found["index"].tolist() == expected.tolist()


async def test_a_linear_fit_has_the_errors_of_curve_fit() -> None:
    rng = np.random.default_rng(3)
    x = np.linspace(0, 10, 40)
    y = 2.5 * x - 1 + rng.normal(0, 0.3, x.size)
    sigma = np.linspace(0.2, 0.5, x.size)
    for given_sigma in (None, sigma):
        extra = {} if given_sigma is None else {"sigma": given_sigma}
        found = await run("stat.linear_fit", x=x, y=y, **extra)
        values, covariance = optimize.curve_fit(
            lambda x, m, b: m * x + b, x, y, sigma=given_sigma,
            absolute_sigma=given_sigma is not None,
        )  # fmt: skip
        assert [found["slope"], found["intercept"]] == pytest.approx(values, rel=1e-6)
        errors = [found["slope_error"], found["intercept_error"]]
        assert errors == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-4)
        np.testing.assert_allclose(found["fitted"], found["slope"] * x + found["intercept"])
    assert 0.99 < found["r_squared"] < 1


async def test_a_polynomial_fit_has_the_errors_of_polyfit() -> None:
    rng = np.random.default_rng(4)
    x = np.linspace(-3, 5, 50)
    y = 1 - 2 * x + 0.5 * x**3 + rng.normal(0, 0.1, x.size)
    found = await run("stat.polynomial_fit", x=x, y=y, degree=3)
    values, covariance = np.polyfit(x, y, 3, cov=True)
    np.testing.assert_allclose(found["coefficients"], values[::-1], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found["errors"], np.sqrt(np.diag(covariance))[::-1], rtol=1e-6)


async def test_a_fit_far_from_zero_loses_no_digits() -> None:
    """x as seconds since 1970, as a clock gives them."""
    x = 1.7e9 + np.arange(100.0)
    found = await run("stat.linear_fit", x=x, y=3e-3 * (x - 1.7e9) + 5)
    assert found["slope"] == pytest.approx(3e-3, rel=1e-9)
    assert found["fitted"][0] == pytest.approx(5, rel=1e-9)
    assert found["r_squared"] == pytest.approx(1)


async def test_points_without_a_reading_are_left_out_of_a_fit() -> None:
    found = await run("stat.linear_fit", x=[0, 1, 2, 3], y=[1, NAN, 5, 7])
    assert (found["slope"], found["intercept"]) == pytest.approx((2, 1))
    assert len(found["fitted"]) == 4


async def test_two_points_make_a_line_without_errors() -> None:
    found = await run("stat.linear_fit", x=[0, 1], y=[1, 3])
    assert found["slope"] == pytest.approx(2)
    assert math.isnan(found["slope_error"])


async def test_running_statistics_forget_nothing_and_reset(graph: Any) -> None:
    node = graph.add("stat.running")
    numbers = [1e9 + n for n in (4.0, 7.0, 13.0, 16.0)]
    for number in [*numbers, NAN]:
        node.inputs["input"].set_value(number)
    await graph.at_rest()
    assert node.count.value == 4
    assert node.missing.value == 1
    assert node.mean.value == pytest.approx(1e9 + 10, rel=1e-15)
    assert node.deviation.value == pytest.approx(np.std(numbers, ddof=1), rel=1e-9)
    assert (node.minimum.value, node.maximum.value) == (numbers[0], numbers[-1])
    node.inputs["reset"].set_value(True)
    await graph.at_rest()
    assert node.count.value == 0
    assert math.isnan(node.mean.value)


async def test_what_comes_in_is_not_changed() -> None:
    for node_id in ("array.sort", "array.clip", "signal.smooth", "signal.detrend"):
        array = np.array([3.0, 1.0, 2.0])
        port = "y" if node_id.startswith("signal") else "array"
        extra = {"window": 1} if node_id == "signal.smooth" else {}
        await run(node_id, **{port: array}, **extra)
        assert array.tolist() == [3, 1, 2]


def test_importing_the_nodes_leaves_numpy_alone() -> None:
    """The command line's start must stay fast."""
    code = "import sys, funcnodes.basic_nodes; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "pint", "simpleeval", "litestar", "pyvisa", "scipy"}


def test_every_array_node_is_proven_here() -> None:
    known = {node_id for node_id, _, _ in CASES} | {
        "array.noise", "signal.fft", "signal.peaks", "stat.linear_fit", "stat.polynomial_fit",
        "stat.running",
    }  # fmt: skip
    every = {
        c.node_id
        for path, c in NODE_SHELF.walk()
        if path[0] in ("Arrays", "Statistics") and path[-1] != "Analysis"
    }
    assert every - known == set()
