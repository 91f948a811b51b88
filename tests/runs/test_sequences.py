"""Test sequences: what steps and checks find, how that rolls up, and what the run file keeps."""

import asyncio
from typing import Annotated, Any

import numpy as np
import pytest

from funcnodes.core import Node, NodeInput, NodeOutput, Unit
from funcnodes.errors import FuncnodesError, RunError, ValueRefusedError
from funcnodes.runs import Run
from funcnodes.runs.holds import CHANGED
from funcnodes.runs.verdicts import Result, Step, lines, result_of

from ..waiting import patience, until

Volts = Annotated[float, Unit("V")]


class Supply(Node):
    """Gives one reading after the other; the last one again and again."""

    node_id = "test.supply"
    default_policy = "settled"
    shows_order = True
    u = NodeOutput(type=Volts)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.readings: list[Any] = [5.0]
        self.quality: Any = "ok"
        self.looks = 0

    def func(self, **_: Any) -> None:
        reading = self.readings[min(self.looks, len(self.readings) - 1)]
        self.looks += 1
        if isinstance(reading, Exception):
            raise reading
        if reading is not None:
            self.u.set(reading, quality=self.quality)


class Note(Node):
    """Notes the serial numbers that it was given."""

    node_id = "test.sequences.note"
    default_policy = "settled"
    serial = NodeInput(type=str)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.given: list[str] = []

    def func(self, serial: str) -> None:
        self.given.append(serial)


def holding(lab: Any, name: str, *readings: Any, low: float = 4.95, **values: Any) -> Any:
    """A step with a supply in it, and a check of what that gives; the step."""
    step = lab.add("step", name, **values)
    supply = lab.add(Supply, f"{name} supply")
    supply.readings = list(readings) or [5.0]
    check = lab.add("check.at_least", f"{name} U")
    step.hold(supply, check)
    supply.u.connect(check.value)
    check.low.set_value(low)
    step.supply, step.check = supply, check
    return step


def result(lab: Any, run: Run) -> Result:
    return result_of(lab.store.find(run.id))


def said(step: Step) -> tuple[Any, ...]:
    """Name, verdict and what is inside."""
    return (step.name, step.verdict, *map(said, step.steps))


async def test_a_value_below_its_limit_fails_the_step_and_says_so_and_the_run_goes_on(
    lab: Any,
) -> None:
    one, other = holding(lab, "Power", 4.91), holding(lab, "Load", 5.0)
    lab.order(one, other)
    run = await lab.run()
    assert (run.state, run.message) == ("complete", "")
    found = result(lab, run)
    assert found.verdict == "fail"
    assert [said(step) for step in found.steps] == [("Power", "fail"), ("Load", "pass")]
    check = found.steps[0].checks[0]
    assert check.text == "Power U is 4.91 V, below 4.95 V"
    assert (check.value, check.low, check.high, check.unit) == (4.91, 4.95, None, "V")
    assert one.outputs["verdict"].value == "fail"
    assert other.outputs["passed"].value is True


async def test_a_value_that_fails_by_a_hair_is_told_with_digits_that_tell_it_apart(
    lab: Any,
) -> None:
    step = holding(lab, "Power", 4.9499999)
    await lab.run()
    assert step.check.outputs["text"].value == "Power U is 4.9499999 V, below 4.95 V"


@pytest.mark.parametrize(
    ("readings", "quality", "text"),
    [
        ([5.0], "compliance", "U is not certain (compliance)"),
        ([float("nan")], "ok", "U is no number"),
        ([float("inf")], "ok", "U is no number"),
        ([None], "ok", "U was not checked, since no value came"),
        ([ValueError("it broke")], "ok", "it broke"),
    ],
)
async def test_what_is_not_certain_is_an_error_and_never_a_pass(
    lab: Any, readings: list[Any], quality: str, text: str
) -> None:
    """R1, R2, D3."""
    step = holding(lab, "Power", *readings)
    step.supply.quality = quality
    run = await lab.run()
    found = result(lab, run)
    assert (run.state, run.message, found.verdict) == ("complete", "", "error")
    assert text in found.steps[0].text


async def test_a_value_from_the_attempt_before_is_not_judged_again(lab: Any) -> None:
    """R1: the second device gives nothing; what the first gave is not its value."""
    devices = lab.add("for_each_device_under_test", serials=["A1", "A2"])
    step = holding(lab, "Power", 5.0, None)
    devices.hold(step)
    found = result(lab, await lab.run())
    assert [device.verdict for device in found.steps] == ["pass", "error"]


async def test_a_step_is_tried_again_until_it_passes_and_the_last_attempt_counts(
    lab: Any,
) -> None:
    step = holding(lab, "Power", 4.0, ValueError("no answer"), 5.0, retries=4)
    found = result(lab, await lab.run())
    assert (found.verdict, step.supply.looks) == ("pass", 3)
    assert (found.steps[0].attempts, len(found.steps[0].checks)) == (3, 1)
    assert next(lines(found)) == "pass    Power (3 attempts)"


async def test_retries_that_do_not_help_leave_the_last_verdict(lab: Any) -> None:
    step = holding(lab, "Power", 4.0, 4.5, retries=1)
    found = result(lab, await lab.run())
    assert (found.verdict, step.supply.looks) == ("fail", 2)
    assert found.steps[0].text == "Power U is 4.5 V, below 4.95 V"


async def test_of_what_is_nested_only_the_last_attempt_rolls_up(lab: Any) -> None:
    outer = lab.add("step", "Outer", retries=1)
    inner = holding(lab, "Inner", 4.0, 5.0)
    outer.hold(inner)
    found = result(lab, await lab.run())
    assert [said(step) for step in found.steps] == [("Outer", "pass", ("Inner", "pass"))]
    assert [len(list(step.walk())) for step in found.steps] == [2]


async def test_a_nested_failure_fails_all_that_is_around_it(lab: Any) -> None:
    outer, middle = lab.add("step", "Outer"), lab.add("step", "Middle")
    inner, good = holding(lab, "Inner", 1.0), holding(lab, "Good")
    lab.order(inner, good)
    middle.hold(inner, good)
    outer.hold(middle)
    found = result(lab, await lab.run())
    assert [said(step) for step in found.steps] == [
        ("Outer", "fail", ("Middle", "fail", ("Inner", "fail"), ("Good", "pass")))
    ]
    assert found.steps[0].text == "Middle: Inner: Inner U is 1 V, below 4.95 V"


async def test_after_a_failure_that_stops_the_sequence_the_rest_is_skipped(lab: Any) -> None:
    first = holding(lab, "First", 1.0, on_fail="stop")
    rest, last = holding(lab, "Rest"), holding(lab, "Last")
    lab.order(first, rest, last)
    found = result(lab, await lab.run())
    assert [step.verdict for step in found.steps] == ["fail", "skipped", "skipped"]
    assert found.steps[1].text == "First did not pass."
    assert (rest.supply.looks, found.verdict) == (0, "fail")


async def test_a_step_is_skipped_where_run_if_is_off_and_all_skipped_is_no_pass(
    lab: Any,
) -> None:
    step = holding(lab, "Optional", run_if=False)
    found = result(lab, await lab.run())
    assert (found.verdict, step.supply.looks) == ("skipped", 0)
    assert found.steps[0].text == "Run if is off."


async def test_each_result_bears_its_serial_number_and_a_stop_is_for_one_device(
    lab: Any,
) -> None:
    devices = lab.add("for_each_device_under_test", serials="A1, A2; A3")
    first = holding(lab, "First", 5.0, 4.0, 5.0, on_fail="stop")
    second = holding(lab, "Second")
    note = lab.add(Note)
    devices.serial.connect(note.serial)
    lab.order(first, second)
    devices.hold(first, second)
    run = await lab.run()
    assert (run.state, note.given) == ("complete", ["A1", "A2", "A3"])
    found = result(lab, run)
    assert [(step.name, step.serial, step.verdict) for _, step in found.walk()] == [
        ("A1", "A1", "pass"), ("First", "A1", "pass"), ("Second", "A1", "pass"),
        ("A2", "A2", "fail"), ("First", "A2", "fail"), ("Second", "A2", "skipped"),
        ("A3", "A3", "pass"), ("First", "A3", "pass"), ("Second", "A3", "pass"),
    ]  # fmt: skip
    assert (run.done, run.total) == (6, 6)


async def test_an_exception_outside_of_steps_costs_one_device_only(lab: Any) -> None:
    devices = lab.add("for_each_device_under_test", serials=["A1", "A2"])
    supply = lab.add(Supply)
    supply.readings = [ValueError("no contact"), 5.0]
    devices.hold(supply)
    run = await lab.run()
    found = result(lab, run)
    assert (run.message, [step.verdict for step in found.steps]) == ("", ["error", "pass"])
    assert "no contact" in found.steps[0].text


@pytest.mark.parametrize("serials", ["", " ,; ", "A1, A1", ["B" * 201]])
async def test_serial_numbers_are_there_and_each_is_there_once(lab: Any, serials: Any) -> None:
    with pytest.raises(ValueRefusedError):
        lab.add("for_each_device_under_test", serials=serials)


async def test_a_step_finishes_what_it_entered_and_a_failure_there_is_its_verdict(
    lab: Any,
) -> None:
    step = holding(lab, "Power")
    ending = lab.add(Supply, "ending")
    ending.readings = [ValueError("it stays on")]
    step.hold(ending, section="finally")
    found = result(lab, await lab.run())
    assert (found.verdict, ending.looks) == ("error", 1)
    assert "it stays on" in found.steps[0].text


async def test_a_check_in_a_scan_within_a_step_counts_every_point(lab: Any) -> None:
    step = lab.add("step", "Curve")
    sweep = lab.add("sweep", unit="V", start=0.0, stop=4.0, points=5)
    check = lab.add("check.between", "U", unit="V", low=0.0, high=2.5)
    step.hold(sweep)
    sweep.hold(check)
    sweep.value.connect(check.value)
    found = result(lab, await lab.run())
    assert [c.verdict for c in found.steps[0].checks] == ["pass"] * 3 + ["fail"] * 2
    assert found.steps[0].text == "U is 3 V, above 2.5 V"


async def test_a_point_that_a_scan_within_a_step_left_out_is_an_error(
    lab: Any, diode_class: Any
) -> None:
    """T11: the scan may go on; what was not measured has not passed."""
    devices = lab.add("for_each_device_under_test", serials=["A1"])
    step = lab.add("step", "Curve")
    sweep = lab.add("sweep", unit="V", start=0.0, stop=2.0, points=3, on_failure="skip")
    diode, check = lab.add(diode_class), lab.add("check.at_most", "I", unit="A", high=9.0)
    diode.fails = lambda count, _v: count == 2
    devices.hold(step)
    step.hold(sweep)
    sweep.hold(diode, check)
    sweep.value.connect(diode.v)
    diode.i.connect(check.value)
    found = result(lab, await lab.run())
    assert found.verdict == "error"
    assert found.steps[0].steps[0].text == (
        "Sweep: Point 2 was left out: Diode: ValueError: no reading at 1 V"
    )


async def test_a_step_that_is_paused_in_goes_on_and_what_was_given_up_does_not_count(
    lab: Any, gate_class: Any
) -> None:
    """D8: a pause at once gives the attempt up, and takes it again."""
    step, gate = holding(lab, "Power"), lab.add(gate_class)
    step.hold(gate)
    run = await lab.runner.start(operator="ada")
    await asyncio.wait_for(gate.reached.wait(), patience())
    run.hold(CHANGED, "the supply lost its settings", again=True)
    gate.open.set()
    await until(lambda: run.state == "paused")
    run.resume()
    await asyncio.wait_for(run.wait(), patience())
    found = result(lab, run)
    assert (found.verdict, step.supply.looks) == ("pass", 2)
    assert len(found.steps[0].checks) == 1


async def test_a_check_outside_of_any_step_counts_for_the_run(lab: Any) -> None:
    sweep = lab.add("sweep", start=0.0, stop=4.0, points=2)
    check = lab.add("check.at_most", "X", high=3.0)
    sweep.value.connect(check.value)
    run = await lab.run()
    found = result(lab, run)
    assert run.message == ""
    assert [(s.kind, s.verdict) for s in found.steps] == [("check", "pass"), ("check", "fail")]
    assert found.verdict == "fail"


async def test_a_run_without_tests_has_no_verdict(lab: Any) -> None:
    lab.add("sweep", points=2)
    assert result(lab, await lab.run()).verdict is None


async def test_a_run_that_is_aborted_is_an_error_and_keeps_what_was_cut_short(
    lab: Any, gate_class: Any
) -> None:
    step, gate = lab.add("step", "Long"), lab.add(gate_class)
    step.hold(gate)
    run = await lab.runner.start(operator="ada")
    await asyncio.wait_for(gate.reached.wait(), patience())
    run.abort()
    await asyncio.wait_for(run.wait(), patience())
    found = result(lab, run)
    assert (run.state, found.verdict) == ("aborted", "error")
    assert [said(step) for step in found.steps] == [("Long", "error")]


async def test_a_run_that_is_stopped_skips_the_steps_that_had_not_begun(
    lab: Any, gate_class: Any
) -> None:
    one, other, gate = lab.add("step", "One"), holding(lab, "Other"), lab.add(gate_class)
    one.hold(gate)
    lab.order(one, other)
    run = await lab.runner.start(operator="ada")
    await asyncio.wait_for(gate.reached.wait(), patience())
    run.stop()
    gate.open.set()
    await asyncio.wait_for(run.wait(), patience())
    found = result(lab, run)
    assert (run.state, found.verdict, other.supply.looks) == ("stopped", "error", 0)
    assert found.text == "The run is stopped: Stopped by the operator."


async def test_the_first_wire_gives_a_check_its_unit_and_a_limit_of_another_is_refused(
    lab: Any,
) -> None:
    step = holding(lab, "Power")
    check = step.check
    check.low.set_value("4900 mV")
    assert (check.low.value, check.outputs["text"].unit) == (4.9, "")
    with pytest.raises(ValueRefusedError):
        check.low.set_value("3 A")
    amps = lab.add("check.at_least", "I", unit="A")
    with pytest.raises(FuncnodesError):
        step.supply.u.connect(amps.value)
    with pytest.raises(ValueRefusedError, match="while its value is wired"):
        check.inputs["unit"].set_value("mV")


async def test_a_unit_is_kept_with_the_graph(lab: Any) -> None:
    holding(lab, "Power", low=4.9)
    saved = lab.space.serialize()
    found = next(node for node in saved["nodes"] if node["node_id"] == "check.at_least")
    fresh = lab.add("check.at_least")
    fresh.deserialize(found)
    assert (fresh.unit_of(), fresh.low.unit, fresh.low.value) == ("V", "V", 4.9)


async def test_a_run_does_not_start_with_a_check_that_judges_nothing(lab: Any) -> None:
    step = lab.add("step", "Power")
    step.hold(lab.add("check.at_least", "U"))
    with pytest.raises(RunError, match="nothing is wired to value"):
        await lab.run()


async def test_a_run_does_not_start_with_a_check_where_nothing_is_judged(lab: Any) -> None:
    step = holding(lab, "Power")
    step.hold(step.check, section="finally")
    with pytest.raises(RunError) as refused:
        await lab.run()
    assert any("is in finally of Power" in text for text in refused.value.context["problems"])


class Gives(Node):
    """Gives anything."""

    node_id = "test.gives"
    default_policy = "settled"
    shows_order = True
    out = NodeOutput(type=Any)
    x = NodeOutput(type=np.ndarray)
    y = NodeOutput(type=np.ndarray)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.given: Any = None
        self.curve: Any = ([], [])

    def func(self, **_: Any) -> None:
        self.out.set(self.given)
        self.x.set(np.asarray(self.curve[0], float))
        self.y.set(np.asarray(self.curve[1], float))


@pytest.mark.parametrize(
    ("value", "expected", "tolerance", "verdict", "text"),
    [
        ("B12", "B12", 0, "pass", "ID is 'B12'"),
        ("B13", "B12", 0, "fail", "ID is 'B13', not 'B12'"),
        (True, "on", 0, "pass", "ID is on"),
        (False, True, 0, "fail", "ID is off, not on"),
        (True, "maybe", 0, "error", "ID is on or off, and cannot be 'maybe'"),
        (3, 3, 0, "pass", "ID is 3, as 3"),
        (4.71, "4.7", 0.02, "pass", "ID is 4.71, as 4.7 ± 0.02"),
        (4.73, 4.7, "0.02", "fail", "ID is 4.73, not 4.7 ± 0.02"),
        (1.0, "volts", 0, "error", "ID cannot be compared"),
        (1.0, "4 V", 0, "error", "ID cannot be compared"),
        ([1], 1, 0, "error", "ID is list, which is not compared"),
    ],
)
async def test_a_text_a_switch_and_a_number_are_compared(
    lab: Any, value: Any, expected: Any, tolerance: Any, verdict: str, text: str
) -> None:
    step, gives = lab.add("step", "Identity"), lab.add(Gives)
    check = lab.add("check.equals", "ID", expected=expected, tolerance=tolerance)
    gives.given = value
    step.hold(gives, check)
    gives.out.connect(check.value)
    await step
    assert check.outputs["verdict"].value == verdict
    assert check.outputs["text"].value.startswith(text)


@pytest.mark.parametrize(
    ("x", "y", "verdict", "text"),
    [
        ([0, 1, 2], [0, 1, 0], "pass", "Pulse is within its mask at 3 samples"),
        ([0, 1, 2], [0, 1.5, 0], "fail", "Pulse is 1.5 at 1, 0.3 beyond its mask, which 1 of 3"),
        ([0, 1, 2], [0, 0.5, -0.4], "fail", "Pulse is -0.4 at 2, 0.2 beyond its mask"),
        ([0, 1], [0, 1, 0], "error", "Pulse has 3 samples at 2 places"),
        ([], [], "error", "Pulse has no samples"),
        ([0, 1], [0, float("nan")], "error", "Pulse has samples that are no numbers"),
        ([5, 6], [0, 1], "error", "Pulse has no sample where its mask is"),
        ([[0, 1]], [[0, 1]], "error", "Pulse has 2 dimensions"),
    ],
)
async def test_a_waveform_is_held_against_a_mask(
    lab: Any, x: Any, y: Any, verdict: str, text: str
) -> None:
    step, gives = lab.add("step", "Wave"), lab.add(Gives)
    mask = lab.add("check.mask", "Pulse", highest="0 1.2; 2 1.2", lowest=[[0, -0.2], [2, -0.2]])
    gives.curve = (x, y)
    step.hold(gives, mask)
    gives.x.connect(mask.x)
    gives.y.connect(mask.y)
    await step
    found = mask.outputs["text"].value.replace("−", "-")
    assert (mask.outputs["verdict"].value, found[: len(text)]) == (verdict, text)


@pytest.mark.parametrize("points", ["1 2", "0 1; 1", "1 1; 0 1", [["a", 1], [2, 2]], "0 inf; 1 1"])
async def test_a_mask_that_is_none_is_refused(lab: Any, points: Any) -> None:
    with pytest.raises(ValueRefusedError):
        lab.add("check.mask", "Pulse", highest=points)
