"""Conditions as text: what they mean, and that no text whatever does more than be refused."""

from collections.abc import Mapping

import pytest
from hypothesis import given, strategies as st

from funcnodes.devices import Sample
from funcnodes.devices.declarations import drivers
from funcnodes.devices.safety.conditions import Condition, parse_condition
from funcnodes.devices.safety.sources import Observation, WatchedSource, find_source
from funcnodes.errors import BenchError

KINDS = {"smu": drivers.find("keithley.smu2400"), "tc": drivers.find("lakeshore.model335")}


def lookup(name: str) -> WatchedSource:
    return find_source(KINDS, name)


def parsed(text: str) -> Condition:
    return parse_condition(text, lookup)


def seen(**values: object) -> Mapping[str, Observation]:
    """Observations by source, "__" for a dot; None for one that is lost."""
    found = {}
    for key, value in values.items():
        source = lookup(key.replace("__", "."))
        sample = None if value is None else Sample(value, source.unit)
        found[source.name] = Observation(source, sample, why="no reply")
    return found


@pytest.mark.parametrize(
    ("text", "kelvin", "held"),
    [
        ('tc.a.kelvin > "320 K"', 321.0, True),
        ('tc.a.kelvin > "320 K"', 320.0, False),
        ("tc.a.kelvin >= 320 K", 320.0, True),
        ('tc.a.kelvin > "50 °C"', 323.2, True),
        ('tc.a.kelvin > "50 °C"', 323.1, False),
        ("tc.a.kelvin < 4", 3.9, True),
        ("not tc.a.kelvin < 4000 mK", 4.1, True),
        ("tc.a.kelvin != 4", 4.0, False),
        ("tc.a.kelvin > 3 and tc.a.kelvin < 5 or tc.a.kelvin == 9", 4.0, True),
        ("tc.a.kelvin > 3 and (tc.a.kelvin < 5 or tc.a.kelvin == 9)", 6.0, False),
        ("tc.a.kelvin > -1e3", 4.0, True),
    ],
)
def test_a_number_is_compared_in_its_own_unit(text: str, kelvin: float, held: bool) -> None:
    assert parsed(text).holds(seen(tc__a__kelvin=kelvin)) is held


def test_words_and_switches_are_compared_as_what_they_are() -> None:
    assert parsed("smu.output").holds(seen(smu__output=True)) is True
    assert parsed("smu.output == off").holds(seen(smu__output=False)) is True
    assert parsed('tc.loop1.heater_range != "Off"').holds(seen(tc__loop1__heater_range="low"))


def test_what_is_not_known_matters_only_where_the_rest_leaves_it_open() -> None:
    """Kleene's logic."""
    text = "smu.output and tc.a.kelvin > 4"
    assert parsed(text).holds(seen(smu__output=False, tc__a__kelvin=None)) is False
    assert parsed(text).holds(seen(smu__output=True, tc__a__kelvin=None)) is None
    assert parsed(text).holds({}) is None
    either = parsed("smu.output or tc.a.kelvin > 4")
    assert either.holds(seen(smu__output=True, tc__a__kelvin=None)) is True
    assert either.holds(seen(smu__output=False, tc__a__kelvin=float("nan"))) is None
    assert parsed("not tc.a.kelvin > 4").holds(seen(tc__a__kelvin=None)) is None


def test_a_condition_may_have_to_last() -> None:
    assert parsed("smu.output for 2 s").for_s == 2
    assert parsed('smu.output for "500 ms"').for_s == 0.5
    assert parsed("smu.output for 3").for_s == 3
    assert set(parsed("smu.output and smu.reading.i > 1 mA").sources) == {
        "smu.output", "smu.reading.i",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "character 1: a source such as tc.a.kelvin is expected, but it ends there"),
        ("vac.mbar > 1", "character 1: 'vac.mbar': there is no device 'vac'; there is smu, tc"),
        ("tc.c.kelvin > 1", "tc has nothing to read named 'c.kelvin'"),
        ("smu.clear", "smu has nothing to read named 'clear'"),
        ('tc.a.kelvin > "3 V"', "character 15: tc.a.kelvin: Volts do not fit into kelvins"),
        ("tc.a.kelvin > hot", "character 15: tc.a.kelvin: 'hot' is not a number"),
        ("tc.a.kelvin", "a comparison of tc.a.kelvin is expected, but it ends there"),
        ("smu.output > on", "character 12: smu.output is no number, so only == and != fit"),
        ("smu.output == 3", "smu.output is on or off, never '3'"),
        ("tc.loop1.heater_range == warm", "never 'warm'; it is one of off, low, medium, high"),
        ("smu.output for 2 V", "Volts do not fit into seconds"),
        ("smu.output for -1 s", "-1 s is no time from 0 to 86400 s"),
        ("(smu.output", "character 12: '\\)' is expected, but it ends there"),
        ("smu.output)", "'and', 'or', 'for' or the end is expected, not '\\)'"),
        ("smu.output; import os", "character 11: ';' means nothing there"),
        ('smu.output == "on', "character 15: '\"' means nothing there"),
        ("not " * 30 + "smu.output", "nested more than 20 deep"),
        ("smu.output or " * 50 + "smu.output", "at most 500 characters"),
    ],
)
def test_a_mistake_is_named_by_its_place(text: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        parsed(text)


def test_a_device_whose_driver_is_not_named_has_no_sources() -> None:
    with pytest.raises(BenchError, match='x has driver = "auto"; name its driver'):
        find_source({"x": drivers.ANYTHING}, "x.voltage")


WORDS = st.sampled_from(
    ["smu.output", "tc.a.kelvin", "smu.reading.i", ">", "<=", "==", "(", ")", "and", "or", "not",
     "for", "2", "-3.5e2", "K", "V", "s", '"1 mA"', '"', "on", "off", "°", ".", "\n", "x"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=14).map(" ".join)))
def test_any_text_is_a_condition_or_one_plain_sentence(text: str) -> None:
    found: Condition | BenchError
    try:
        found = parsed(text)
    except BenchError as error:
        found = error
    if isinstance(found, BenchError):
        assert found.message.startswith(("character ", "a condition has at most"))
        assert "\n" not in found.message.replace(text, "")
    else:
        assert found.holds({}) is None
        assert found.sources


@st.composite
def formulas(draw: st.DrawFn, depth: int = 3) -> tuple[str, object]:
    """A condition on two switches, and the same as a function in Python."""
    kind = draw(st.integers(0, 3 if depth else 0))
    if kind == 0:
        name = draw(st.sampled_from(["smu.output", "tc.a.kelvin > 4"]))
        return name, lambda on, hot: on if name == "smu.output" else hot
    one, first = draw(formulas(depth - 1))
    if kind == 1:
        return f"not ({one})", lambda on, hot: not first(on, hot)  # type: ignore[operator]
    other, second = draw(formulas(depth - 1))
    if kind == 2:
        return f"({one}) and ({other})", lambda on, hot: first(on, hot) and second(on, hot)  # type: ignore[operator]
    return f"({one}) or ({other})", lambda on, hot: first(on, hot) or second(on, hot)  # type: ignore[operator]


@given(formulas(), st.booleans(), st.booleans())
def test_a_condition_means_what_it_says(formula: tuple[str, object], on: bool, hot: bool) -> None:
    text, meaning = formula
    values = seen(smu__output=on, tc__a__kelvin=5.0 if hot else 3.0)
    assert parsed(text).holds(values) is meaning(on, hot)  # type: ignore[operator]


@given(formulas(), st.booleans(), st.booleans())
def test_an_unknown_part_never_changes_an_answer_that_was_known_without_it(
    formula: tuple[str, object], on: bool, hot: bool
) -> None:
    condition = parsed(formula[0])
    part = condition.holds(seen(smu__output=on, tc__a__kelvin=None))
    whole = condition.holds(seen(smu__output=on, tc__a__kelvin=5.0 if hot else 3.0))
    assert part is None or part is whole
