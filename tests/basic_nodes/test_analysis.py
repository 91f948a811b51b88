"""Analysis of curves, held against answers that are known: to the digit, or to the error bar."""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import optimize, signal

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.core import Library, Node, NodeInput, NodeOutput, NodeSpace
from funcnodes.core.uncertain import uncertainty_of
from funcnodes.errors import NodeTriggerError
from funcnodes.runs import NODE_SHELF as RUNS, Runner, RunStore

LIBRARY = Library(NODE_SHELF)
X = np.linspace(0, 10, 201)
NAN = math.nan


async def run(node_id: str, **values: Any) -> Any:
    """A node that was given these, at rest."""
    node: Any = LIBRARY.find_nodeclass(node_id)()
    for port, value in values.items():
        node.inputs[port].restore(value)
    await node
    return node


def values(node: Node) -> dict[str, Any]:
    return {port.id: port.value for port in node.outputs.values() if port.id[0] != "_"}


def with_nan(y: Any, at: int) -> Any:
    y = np.array(y, dtype=float)
    y[at] = NAN
    return y


# ── spectra, moving, lock-in ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("window", ["none", "Hann", "Hamming", "Blackman–Harris", "flat top"])
async def test_a_sine_has_its_amplitude_in_every_window(window: str) -> None:
    time = np.arange(1000) * 1e-3
    y = 0.5 + 2 * np.cos(2 * np.pi * 50 * time + 0.7)
    node = await run("signal.fft", y=y, sample_time=1e-3, window=window)
    peak = 5 + int(np.argmax(node.outputs["amplitude"].value[5:]))
    assert node.outputs["frequency"].value[peak] == pytest.approx(50)
    assert node.outputs["frequency"].unit == "Hz"
    assert node.outputs["amplitude"].value[peak] == pytest.approx(2)
    assert node.outputs["amplitude"].value[0] == pytest.approx(0.5)
    assert node.outputs["phase"].value[peak] == pytest.approx(0.7)


async def test_a_nan_makes_no_spectrum_that_looks_like_one() -> None:
    node = await run("signal.fft", y=with_nan(X, 7))
    assert np.isnan(node.outputs["amplitude"].value).all()


@given(st.lists(st.floats(-1e3, 1e3), min_size=5, max_size=40), st.sampled_from([2, 3, 4, 5]))
@settings(max_examples=15, deadline=None)
async def test_moving_statistics_are_those_of_what_is_in_the_window(
    y: list[float], window: int
) -> None:
    found = values(await run("signal.moving", y=y, window=window))
    half = (window + 1 - window % 2) // 2
    for n in range(len(y)):
        inside = y[max(n - half, 0) : n + half + 1]
        assert found["mean"][n] == pytest.approx(np.mean(inside), abs=1e-9)
        assert found["deviation"][n] == pytest.approx(np.std(inside, ddof=1), abs=1e-9)
        assert found["minimum"][n] == min(inside)
        assert found["maximum"][n] == max(inside)
        assert found["median"][n] == pytest.approx(np.median(inside))


async def test_a_nan_is_in_every_window_that_it_is_in() -> None:
    found = values(await run("signal.moving", y=with_nan(np.arange(9), 4), window=3))
    for each in found.values():
        assert [bool(lost) for lost in np.isnan(each)] == [n in (3, 4, 5) for n in range(9)]


@pytest.mark.parametrize(
    ("port", "given"), [("window", {"y": [1, 2, 3], "window": 5}), ("y", {"y": [1]})]
)
async def test_a_window_that_does_not_fit_is_refused(port: str, given: dict[str, Any]) -> None:
    with pytest.raises(NodeTriggerError, match=port):
        await run("signal.moving", **given)


@given(st.floats(0.01, 100), st.floats(-3, 3), st.integers(1, 3))
@settings(max_examples=20, deadline=None)
async def test_a_lock_in_finds_amplitude_and_phase_of_any_piece_of_a_signal(
    amplitude: float, phase: float, harmonic: int
) -> None:
    time = np.arange(777) * 1e-3  # no whole number of periods
    y = 5 + amplitude * np.cos(2 * np.pi * 13 * harmonic * time + phase)
    node = await run(
        "signal.lock_in", y=y, frequency=13.0, sample_time=1e-3, harmonic=harmonic, periods=2
    )
    found = values(node)
    assert found["amplitude"] == pytest.approx(amplitude, rel=1e-6)
    assert found["phase"] == pytest.approx(phase, abs=1e-6)
    assert found["in_phase"] == pytest.approx(amplitude * math.cos(phase), abs=1e-6 * amplitude)
    assert found["amplitudes"] == pytest.approx([amplitude] * len(found["time"]), rel=1e-5)
    assert len(found["time"]) == 5


async def test_a_lock_in_sees_a_small_signal_beneath_noise() -> None:
    time = np.arange(20_000) * 1e-3
    noise = np.random.default_rng(3).normal(size=len(time))
    y = 0.05 * np.cos(2 * np.pi * 37 * time) + noise
    found = values(await run("signal.lock_in", y=y, frequency=37.0, sample_time=1e-3))
    assert found["amplitude"] == pytest.approx(0.05, abs=4 * math.sqrt(2 / len(time)))
    assert math.isnan(values(await run("signal.lock_in", y=with_nan(y, 5)))["amplitude"])


async def test_a_frequency_beyond_half_the_sampling_rate_is_refused() -> None:
    with pytest.raises(NodeTriggerError, match="cannot be told with a sample every"):
        await run("signal.lock_in", y=X, frequency=60.0, sample_time=0.01)


# ── peaks, background, calibration ────────────────────────────────────────────────────────


def lorentzian(x: Any, height: float, centre: float, width: float) -> Any:
    return height / (1 + ((x - centre) / width) ** 2)


async def test_a_peak_table_agrees_with_scipy() -> None:
    x = np.linspace(0, 100, 4001)
    y = lorentzian(x, 3, 30, 1) + lorentzian(x, 1, 70, 2)
    node = await run("signal.peak_table", y=y, x=x, min_prominence=0.1)
    found = values(node)
    table = found["table"]
    peaks, _ = signal.find_peaks(y, prominence=0.1)
    widths = signal.peak_widths(y, peaks, rel_height=0.5)[0] * 0.025
    assert table["position"] == pytest.approx(x[peaks])
    assert table["width"] == pytest.approx(widths, rel=1e-3)
    assert table["prominence"] == pytest.approx(signal.peak_prominences(y, peaks)[0])
    assert found["count"] == 2
    assert (found["position"], found["height"]) == (table["position"][0], table["height"][0])
    assert table["area"][0] == pytest.approx(3 * math.pi / 2, rel=0.02), "of a Lorentzian, half"


async def test_no_peak_is_no_number() -> None:
    found = values(await run("signal.peak_table", y=X))
    assert found["count"] == 0
    assert math.isnan(found["position"])


async def test_peaks_of_a_curve_with_a_gap_are_not_ok() -> None:
    node = await run("signal.peak_table", y=with_nan(lorentzian(X, 1, 5, 1), 20), x=X)
    assert node.outputs["position"].value == pytest.approx(5)
    assert {node.outputs[port].quality for port in ("table", "count", "position")} == {"missing"}


@pytest.mark.parametrize(
    ("method", "shape"),
    [
        ("ends", 2 + 0.5 * X),
        ("polynomial", 2 + 0.5 * X - 0.03 * X**2),
        ("clipping", 2 + 0.5 * X),
    ],
)
async def test_a_background_is_what_is_below_the_peaks(method: str, shape: Any) -> None:
    peak = 4 * np.exp(-((X - 5) ** 2) / 0.08)
    node = await run("signal.background", y=shape + peak, x=X, method=method, window=20)
    assert node.outputs["background"].value == pytest.approx(shape, abs=0.05)
    assert node.outputs["corrected"].value == pytest.approx(peak, abs=0.05)
    lost = await run("signal.background", y=with_nan(shape + peak, 9), x=X, method=method)
    assert np.flatnonzero(np.isnan(lost.outputs["corrected"].value)).tolist() == [9]


async def test_a_measured_background_is_the_background() -> None:
    node = await run("signal.background", y=X, measured=X / 2)
    assert node.outputs["corrected"].value == pytest.approx(X / 2)


async def test_a_calibration_turns_a_reading_into_a_value_with_its_error() -> None:
    """Checked against many calibrations that were made up with the same noise."""
    random = np.random.default_rng(1)
    standards = np.repeat(np.arange(6.0), 3)

    def calibrated() -> tuple[float, float]:
        noise = random.normal(0, 0.05, len(standards) + 1)
        readings = 1 + 2 * standards + noise[:-1]
        fit = np.polyfit(standards, readings, 1)
        return (1 + 2 * 3.3 + noise[-1] - fit[1]) / fit[0], 0.0

    spread = np.std([calibrated()[0] for _ in range(4000)])
    readings = 1 + 2 * standards + np.random.default_rng(5).normal(0, 0.05, len(standards))
    node = await run("stat.calibration", standards=standards, readings=readings, reading=7.6)
    found = values(node)
    assert found["value"] == pytest.approx(3.3, abs=4 * spread)
    assert found["error"] == pytest.approx(spread, rel=0.5), "its own scatter is an estimate"
    assert found["slope"] == pytest.approx(2, abs=5 * found["slope_error"])
    assert found["detection_limit"] == pytest.approx(3.3 * 0.05 / 2, rel=0.5)


async def test_a_reading_beyond_the_standards_is_overrange() -> None:
    given = {"standards": [0, 1, 2], "readings": [0, 2, 4.01], "reading": 9.0}
    node = await run("stat.calibration", **given)
    assert math.isnan(node.outputs["value"].value)
    assert node.outputs["value"].quality == "overrange"
    assert node.outputs["slope"].quality == "ok"
    beyond = await run("stat.calibration", outside="extrapolate", **given)
    assert beyond.outputs["value"].value == pytest.approx(4.5, abs=0.05)
    assert beyond.outputs["value"].quality == "ok"


# ── fits ──────────────────────────────────────────────────────────────────────────────────


def gaussian(x: Any, amplitude: float, centre: float, width: float, offset: float) -> Any:
    return offset + amplitude * np.exp(-((x - centre) ** 2) / (2 * width**2))


MODELS: list[tuple[str, Any, dict[str, float]]] = [
    ("fit.gaussian", gaussian, {"amplitude": 3, "centre": 4, "width": 0.7, "offset": 1}),
    ("fit.gaussian", gaussian, {"amplitude": -3, "centre": 6, "width": 0.4, "offset": 1}),
    ("fit.lorentzian", lambda x, amplitude, centre, width, offset: offset
     + lorentzian(x, amplitude, centre, width),
     {"amplitude": 3, "centre": 4, "width": 0.3, "offset": 1}),
    ("fit.decay", lambda x, amplitude, tau, offset: offset + amplitude * np.exp(-x / tau),
     {"amplitude": 3, "tau": 2.5, "offset": 1}),
    ("fit.sine", lambda x, amplitude, frequency, phase, offset: offset
     + amplitude * np.sin(2 * np.pi * frequency * x + phase),
     {"amplitude": 3, "frequency": 1.7, "phase": 0.4, "offset": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("node_id", "model", "true"), MODELS)
async def test_a_fit_finds_what_was_put_in_with_scipys_errors(
    node_id: str, model: Any, true: dict[str, float]
) -> None:
    noise = np.random.default_rng(2).normal(0, 0.05, len(X))
    y = model(X, **true) + noise
    for sigma in ({}, {"sigma": 0.05}):
        found = values(await run(node_id, x=X, y=y, **sigma))
        p, covariance = optimize.curve_fit(
            model, X, y, list(true.values()), np.full(len(X), 0.05), absolute_sigma=bool(sigma)
        )
        for n, name in enumerate(true):
            error = math.sqrt(covariance[n, n])
            assert found[name] == pytest.approx(p[n], abs=error * 1e-2), name
            assert found[f"{name}_error"] == pytest.approx(error, rel=1e-2), name
            assert abs(found[name] - true[name]) < 5 * error
    assert found["reduced_chi_squared"] == pytest.approx(1, abs=0.3)
    assert found["r_squared"] > 0.9


async def test_errors_are_what_repeating_the_measurement_shows() -> None:
    """Monte Carlo: the spread of 60 fits is the error that each of them states."""
    random = np.random.default_rng(7)
    clean = gaussian(X, 3, 4, 0.7, 1)
    fits = [
        values(await run("fit.gaussian", x=X, y=clean + random.normal(0, 0.1, len(X)), sigma=0.1))
        for _ in range(60)
    ]
    for name in ("amplitude", "centre", "width", "offset"):
        spread = np.std([fit[name] for fit in fits], ddof=1)
        assert np.mean([fit[f"{name}_error"] for fit in fits]) == pytest.approx(spread, rel=0.35)


async def test_fixed_and_bounded_parameters_stay_where_they_are_held() -> None:
    y = gaussian(X, 3, 4, 0.7, 1)
    node = await run("fit.gaussian", x=X, y=y, fixed={"offset": 0.9}, high={"amplitude": 2.0})
    found = values(node)
    assert (found["offset"], found["offset_error"]) == (0.9, 0.0)
    assert found["amplitude"] == pytest.approx(2.0)
    assert math.isnan(found["amplitude_error"]), "nobody knows how far it would have gone"
    assert found["centre"] == pytest.approx(4, abs=1e-3)


async def test_a_long_sine_is_found_to_its_frequency() -> None:
    time = np.arange(20_000) * 1e-3
    y = np.sin(2 * np.pi * 123.456 * time + 1) + np.random.default_rng(4).normal(size=len(time))
    found = values(await run("fit.sine", x=time, y=y))
    assert found["frequency"] == pytest.approx(123.456, abs=4 * found["frequency_error"])
    assert found["frequency_error"] < 1e-3


@pytest.mark.parametrize(
    ("node_id", "given"),
    [
        ("signal.moving", {"y": np.zeros(1_000_000), "window": 1001}),
        ("signal.background", {"y": np.zeros(1_000_000), "method": "clipping", "window": 1000}),
        ("signal.peak_table", {"y": np.tile([0.0, 1.0], 20_000)}),
    ],
)
async def test_what_would_take_for_ever_is_refused(node_id: str, given: dict[str, Any]) -> None:
    with pytest.raises(NodeTriggerError, match=r"too long|too many"):
        await run(node_id, **given)


async def test_a_formula_is_fitted() -> None:
    y = 2 * np.sqrt(X) + 0.5
    node = await run(
        "fit.formula", x=X, y=y, formula="a * x ** n + b", start={"a": 1.0, "n": 1.0, "b": 0.0}
    )
    assert node.outputs["values"].value == pytest.approx({"a": 2, "n": 0.5, "b": 0.5}, abs=1e-5)
    assert node.outputs["fitted"].value == pytest.approx(y, abs=1e-5)


async def test_a_fit_without_a_point_is_not_ok() -> None:
    node = await run("fit.gaussian", x=X, y=with_nan(gaussian(X, 3, 4, 0.7, 1), 100))
    assert node.outputs["centre"].value == pytest.approx(4)
    assert node.outputs["centre"].quality == node.outputs["centre_error"].quality == "missing"
    assert np.flatnonzero(np.isnan(node.outputs["fitted"].value)).tolist() == [100]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"fixed": {"tau": 1}}, "fixed names tau, but the parameters are amplitude, centre"),
        ({"start": {"width": "wide"}}, "width is to be a number"),
        ({"low": {"centre": 3.0}, "high": {"centre": 3.0}}, "low is to be below high for centre"),
        ({"x": [1, 2, 3], "y": [1, 2, 1]}, "3 points are too few for 4 free parameters"),
        ({"sigma": 0.0}, "sigma is to be above zero"),
    ],
)
async def test_what_cannot_be_fitted_is_said(given: dict[str, Any], told: str) -> None:
    with pytest.raises(NodeTriggerError, match=told):
        await run("fit.gaussian", **{"x": X, "y": gaussian(X, 3, 4, 0.7, 1), **given})


async def test_without_scipy_the_command_that_brings_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for package in ("lmfit", "scipy.optimize"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(NodeTriggerError, match=r"pip install 'funcnodes\[lmfit\]'"):
        await run("fit.decay", x=X, y=X)


NIST = {
    "Misra1a": (
        "b1 * (1 - exp(-b2 * x))", {"b1": 500, "b2": 0.0001},
        [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1,
         760.0],
        [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47,
         81.78],
        {"b1": (2.3894212918e2, 2.7070075241), "b2": (5.5015643181e-4, 7.2668688436e-6)},
    ),
    "Rat42": (
        "b1 / (1 + exp(b2 - b3 * x))", {"b1": 100, "b2": 1, "b3": 0.1},
        [9, 14, 21, 28, 42, 57, 63, 70, 79],
        [8.93, 10.80, 18.59, 22.33, 39.35, 56.11, 61.73, 64.62, 67.08],
        {"b1": (7.2462237576e1, 1.7340283401), "b2": (2.6180768402, 8.8295217536e-2),
         "b3": (6.7359200066e-2, 3.4465663377e-3)},
    ),
    "BoxBOD": (
        "b1 * (1 - exp(-b2 * x))", {"b1": 100, "b2": 0.75},
        [1, 2, 3, 5, 7, 10], [109, 149, 149, 191, 213, 224],
        {"b1": (2.1380940889e2, 1.2354515176e1), "b2": (5.4723748542e-1, 1.0455993237e-1)},
    ),
}  # fmt: skip
"""NIST StRD, nonlinear regression: certified values and standard deviations of the estimates."""


@pytest.mark.parametrize("library", ["lmfit", "scipy"])
async def test_fits_agree_with_nists_certified_values(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "scipy":
        monkeypatch.setitem(sys.modules, "lmfit", None)
    for name, (formula, start, x, y, certified) in NIST.items():
        node = await run("fit.formula", formula=formula, start=start, x=x, y=y)
        found, errors = node.outputs["values"].value, node.outputs["errors"].value
        for parameter, (value, deviation) in certified.items():
            assert found[parameter] == pytest.approx(value, rel=1e-6), name
            assert errors[parameter] == pytest.approx(deviation, rel=1e-4), name
            assert uncertainty_of(found[parameter]) == pytest.approx(deviation, rel=1e-4), name


async def test_what_is_worked_out_of_a_fit_knows_how_its_parameters_hang_together() -> None:
    """The uncertainty of a line at a place is the textbook's, and not that of independent ones."""
    x = np.linspace(10, 12, 21)
    y = 3 * x - 5 + np.random.default_rng(3).normal(0, 0.1, len(x))
    node = await run("stat.linear_fit", x=x, y=y)
    slope, intercept = node.outputs["slope"].value, node.outputs["intercept"].value
    off = y - np.polyval(np.polyfit(x, y, 1), x)
    scatter = math.sqrt(float(off @ off) / (len(x) - 2))
    for place in (10.0, 11.0, 13.0):
        spread = (place - x.mean()) ** 2 / float(np.sum((x - x.mean()) ** 2))
        expected = scatter * math.sqrt(1 / len(x) + spread)
        assert uncertainty_of(slope * place + intercept) == pytest.approx(expected, rel=1e-9)


class Curve(Node):
    """A peak whose place is set; of doubtful worth beyond 5."""

    node_id = "test.curve"
    default_policy = "settled"
    centre = NodeInput(type=float)
    y = NodeOutput(type="ndarray")

    def func(self, centre: float) -> None:
        quality: Any = "overrange" if centre > 5 else "ok"
        self.y.set(gaussian(X, 3, centre, 0.7, 1), quality=quality)


async def test_the_parameters_of_a_fit_are_columns_of_the_run(tmp_path: Any) -> None:
    """R2: live at every point, with the quality of the curve."""
    space = NodeSpace(Library(NODE_SHELF, RUNS))
    store = RunStore(tmp_path)
    runner = Runner(space, store, nodespace="test")
    sweep, fit = space.add_node_by_id("sweep"), space.add_node_by_id("fit.gaussian")
    curve, recorder = space.add_node_instance(Curve()), space.add_node_by_id("recorder")
    for port, value in {"start": 3.0, "stop": 6.0, "points": 4}.items():
        sweep.inputs[port].set_value(value)
    fit.inputs["x"].set_value(X)
    sweep.outputs["value"].connect(curve.inputs["centre"])
    curve.outputs["y"].connect(fit.inputs["y"])
    for name in ("centre", "centre_error"):
        fit.outputs[name].connect(recorder.grow_input(fit.outputs[name]))
    done = await runner.start(operator="tester")
    await done.wait()
    page = store.find(done.id).rows(k=0)
    columns = dict(zip((c.name for c in page.table.columns), page.values, strict=True))
    assert done.state == "complete"
    assert list(columns["centre"]) == pytest.approx([3, 4, 5, 6])
    for quality in page.quality:
        assert list(quality) == ["ok"] * 3 + ["overrange"]
    await runner.aclose()
    await space.aclose()


def test_every_analysis_node_is_proven_here() -> None:
    every = {c.node_id for path, c in NODE_SHELF.walk() if path[-1] == "Analysis"}
    proven = Path(__file__).read_text(encoding="utf-8")
    assert every
    assert {node_id for node_id in every if f'"{node_id}"' not in proven} == set()


async def test_the_rows_of_a_scan_are_fitted_at_its_end(tmp_path: Any) -> None:
    """What hangs on ▶ done comes once, after the last point, with all rows there."""

    class Decay(Node):
        node_id = "test.decay_sample"
        default_policy = "settled"
        t = NodeInput(type=float)
        y = NodeOutput(type=float)

        def func(self, t: float) -> None:
            self.y.set(3 * math.exp(-t / 2.5) + 1)

    space = NodeSpace(Library(NODE_SHELF, RUNS))
    runner = Runner(space, RunStore(tmp_path), nodespace="test")
    sweep, sample = space.add_node_by_id("sweep"), space.add_node_instance(Decay())
    recorder, table = (space.add_node_by_id(each) for each in ("recorder", "table.from_recorder"))
    t, y = (space.add_node_by_id("table.to_array") for _ in range(2))
    fit = space.add_node_by_id("fit.decay")
    for port, value in {"start": 0.0, "stop": 10.0, "points": 21}.items():
        sweep.inputs[port].set_value(value)
    sweep.outputs["value"].connect(sample.inputs["t"])
    for output in (sweep.outputs["value"], sample.outputs["y"]):
        output.connect(recorder.grow_input(output))
    recorder.outputs["rows"].connect(table.inputs["rows"])
    sweep.outputs["_triggeroutput"].connect(table.inputs["_triggerinput"])
    for node, name, port in ((t, "value", "x"), (y, "y", "y")):
        node.inputs["name"].set_value(name)
        table.outputs["out"].connect(node.inputs["table"])
        node.outputs["out"].connect(fit.inputs[port])
    done = await runner.start(operator="tester")
    await done.wait()
    assert done.state == "complete", done.message
    assert fit.outputs["tau"].value == pytest.approx(2.5)
    assert fit.outputs["tau"].quality == "ok"
    assert fit.runs <= 2
    await runner.aclose()
    await space.aclose()
