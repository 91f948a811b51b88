"""The generic instrument: what a table says is what it does."""

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from funcnodes_simulators import BenchError, SimulatedBench
from funcnodes_simulators.generic.table import read_table
from funcnodes_simulators.generic.table_instrument import TableInstrument
from funcnodes_simulators.physics import ManualClock, World

SUPPLY = {
    "identity": "ACME,SUPPLY,{serial},1",
    "entry": [
        {"name": "voltage", "query": ":VOLT?", "command": ":VOLT {v:.9g}", "type": "float",
         "unit": "V", "limits": [0, 30], "default": 1.5, "reply": "{v:.3f}"},
        {"name": "current", "query": ":CURR?", "command": ":CURR {v:.9g}", "unit": "A",
         "limits": [0.1, 5]},
        {"name": "averages", "query": ":AVER?", "command": ":AVER {v:d}", "type": "int",
         "limits": [1, 100]},
        {"name": "output", "query": ":OUTP?", "command": ":OUTP {v:d}", "type": "bool"},
        {"name": "label", "query": ":LAB?", "command": ':LAB "{v}"', "type": "str"},
        {"name": "function", "query": ":FUNC?", "command": ":FUNC {v}",
         "choices": {"voltage": "VOLT:DC", "current": "CURR:DC"}, "default": "current"},
        {"name": "trigger", "query": ":TRIG?", "command": ":TRIG {v}", "choices": ["IMM", "BUS"]},
        {"name": "reading", "query": ":READ?", "follows": "voltage", "busy_s": 0.5},
        {"name": "noisy", "query": ":NOIS?", "default": 2.0, "noise": 0.1},
        {"name": "both", "query": ":FETC?", "separator": ", ",
         "fields": [{"name": "v", "follows": "voltage", "reply": "{v:.1f}"},
                    {"name": "n", "type": "int", "default": 7}]},
        {"name": "off", "command": ":ABOR", "sets": {"output": False, "voltage": 0}},
    ],
}  # fmt: skip


class Supply:
    def __init__(self, document: object = SUPPLY) -> None:
        self.clock = ManualClock()
        self.instrument = TableInstrument(World(self.clock, seed=1), read_table(document))

    def __call__(self, message: str) -> str | None:
        execution = self.instrument.execute(message)
        while True:
            try:
                self.clock.advance(next(execution))
            except StopIteration as end:
                return None if end.value is None else end.value.decode("latin-1")


@pytest.fixture
def supply() -> Supply:
    return Supply()


def test_settings_remember_and_are_written_as_declared(supply) -> None:
    assert supply(":VOLT?;:CURR?;:AVER?;:OUTP?;:FUNC?;:TRIG?") == (
        "1.500;+1.000000E-01;1;0;CURR:DC;IMM"
    )
    supply(":VOLT 2500 MV;:curr  1e-1 ; :AVER 7.4;:OUTP ON;:FUNC volt:dc;:TRIG BUS")
    assert supply(":VOLT?;:CURR?;:AVER?;:OUTP?;:FUNC?;:TRIG?") == (
        "2.500;+1.000000E-01;7;1;VOLT:DC;BUS"
    )
    supply(':LAB "a; b"')
    assert supply(":LAB?;:SYST:ERR?") == 'a; b;0,"No error"'


@pytest.mark.parametrize(
    ("command", "code"),
    [(":VOLT 31", "-222"), (":VOLT -1", "-222"), (":VOLT x", "-148"), (":VOLT 1 A", "-131"),
     (":VOLT", "-113"), (":AVER 0", "-222"), (":FUNC RES", "-224"), (":OUTP MAYBE", "-224"),
     (":NOPE 1", "-113"), (":VOLT '", "-151")],
)  # fmt: skip
def test_mistakes_end_in_the_error_queue(supply, command: str, code: str) -> None:
    assert supply(command) is None
    assert supply(":SYST:ERR?").split(",")[0] == code
    assert supply(":VOLT?;:AVER?;:FUNC?;:OUTP?") == "1.500;1;CURR:DC;0"


def test_measurements_follow_and_scatter(supply) -> None:
    supply(":VOLT 3")
    assert supply(":READ?;:FETC?") == "+3.000000E+00;3.0, 7"
    assert supply.clock.now() == 0.5
    values = [float(supply(":NOIS?")) for _ in range(50)]
    assert 1.95 < sum(values) / 50 < 2.05
    assert len(set(values)) > 40


def test_an_action_sets_what_it_says(supply) -> None:
    supply(":OUTP 1;:ABOR")
    assert supply(":OUTP?;:VOLT?") == "0;0.000"


def test_reset_and_loss_of_power_bring_the_defaults_back(supply) -> None:
    supply(":VOLT 3;*RST")
    assert supply(":VOLT?;*IDN?") == "1.500;ACME,SUPPLY,SIM0001,1"
    supply(":VOLT 4;*ESE 1;NOPE")
    supply.instrument.power_cycle()
    assert supply(":VOLT?;*ESE?;:SYST:ERR?") == '1.500;0;0,"No error"'
    assert supply.instrument.state()["reading"] == 1.5


@pytest.mark.parametrize("kind", ["json", "toml", "inline"])
def test_a_table_comes_from_a_file_or_the_bench(tmp_path: Path, connect, kind: str) -> None:
    entry = 'name = "voltage"\nquery = ":VOLT?"\ncommand = ":VOLT {v:g}"\n'
    (tmp_path / "supply.json").write_text(json.dumps(SUPPLY))
    (tmp_path / "supply.toml").write_text(f"[[entry]]\n{entry}")
    source = {
        "inline": f"[[device.box.table.entry]]\n{entry}",
        "json": 'table = "supply.json"\n',
        "toml": 'table = "supply.toml"\n',
    }
    bench = tmp_path / "bench.toml"
    bench.write_text(f'[device.box]\nmodel = "table"\nserve = "tcp"\n{source[kind]}')
    with SimulatedBench.start(str(bench)) as running:
        box = connect(running.resources["box"])
        box.write(":VOLT 3")
        assert float(box.query(":VOLT?")) == 3
        assert ",SIM0001,1" in box.query("*IDN?")
        assert running.state()["box"]["voltage"] == 3


ENTRY = {"name": "a", "query": "A?", "command": "A {v}"}


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (3, "the table is not a table"), ({}, "the table has no [[entry]]"),
        ({"entry": {}}, "the table.entry is not a list"),
        ({"entries": []}, "has no place for 'entries'"),
        ({"terminator": "", "entry": [ENTRY]}, "the table.terminator is empty"),
        ({"entry": [3]}, "entry 1 is not a table"), ({"entry": [{}]}, "entry 1.name is missing"),
        ({"entry": [{"name": "a"}]}, "entry 1 (a) has neither query nor command"),
        ({"entry": [{**ENTRY, "x": 1}]}, "entry 1 (a) has no place for 'x'"),
        ({"entry": [{**ENTRY, "query": "{v}?"}]}, "entry 1 (a).query has a field"),
        ({"entry": [{**ENTRY, "command": "{x}"}]}, "takes one value at most, in a field {v}"),
        ({"entry": [{**ENTRY, "command": "{"}]}, "entry 1 (a).command is no template"),
        ({"entry": [{**ENTRY, "type": "complex"}]}, "entry 1 (a).type is 'complex'"),
        ({"entry": [{**ENTRY, "limits": [3, 1]}]}, "entry 1 (a).limits is [3, 1]"),
        ({"entry": [{**ENTRY, "limits": [0, 1], "default": 2}]}, "default is 2, outside 0 to 1"),
        ({"entry": [{**ENTRY, "default": "x"}]}, "default is 'x', not of type float"),
        ({"entry": [{**ENTRY, "default": True}]}, "default is True, not of type float"),
        ({"entry": [{**ENTRY, "type": "int", "default": 1.5}]}, "is 1.5, not of type int"),
        ({"entry": [{**ENTRY, "choices": [1]}]}, "is neither a list of words nor a table"),
        ({"entry": [{**ENTRY, "choices": {"a": 1}}]}, "choices has 1, which is no text"),
        ({"entry": [{**ENTRY, "choices": ["a"], "default": "b"}]}, "is 'b', not one of a"),
        ({"entry": [{**ENTRY, "reply": "{v:d}"}]}, "reply cannot write 0.0"),
        ({"entry": [{**ENTRY, "noise": -1}]}, "noise is -1, not a number from 0"),
        ({"entry": [{**ENTRY, "busy_s": "x"}]}, "busy_s is 'x', not a number"),
        ({"entry": [ENTRY, ENTRY]}, "entry 2 (a) has the name of an earlier one"),
        ({"entry": [{**ENTRY, "follows": "b"}]}, "a.follows is 'b', no value of its own"),
        ({"entry": [{**ENTRY, "sets": {"b": 1}}]}, "a.sets names 'b'; there is a"),
        ({"entry": [{**ENTRY, "sets": {"a": "x"}}]}, "a.sets.a is 'x', not of type float"),
        ({"entry": [{"name": "a", "query": "A?", "fields": []}]}, "there is at least one"),
        ({"entry": [{"name": "a", "query": "A?", "fields": [{}]}]}, "number 1.name is missing"),
    ],
)  # fmt: skip
def test_each_mistake_in_a_table_is_one_sentence(document, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_table(document)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [("gone.toml", None, "gone.toml: cannot be read"), ("t.json", "{", "t.json: Expecting"),
     ("t.toml", "a = ", "t.toml: Invalid value"), ("t.toml", "", "has no [[entry]]"),
     ("t.json", "[" * 99999, "t.json: ")],
)  # fmt: skip
def test_a_wrong_table_file_is_named(tmp_path, name, text, complaint) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    bench = tmp_path / "bench.toml"
    bench.write_text(f'[device.box]\nmodel = "table"\nserve = "tcp"\ntable = "{name}"\n')
    with pytest.raises(BenchError, match=r"device\.box\.table is wrong") as caught:
        SimulatedBench.start(str(bench))
    assert complaint in str(caught.value)


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from(["a", "A?", "A {v}", "{v:d}", "float", "int", "bool", "str", "b"]),
)  # fmt: skip
KEYS = st.sampled_from(
    ["name", "query", "command", "type", "unit", "limits", "choices", "default", "reply", "follows",
     "noise", "fields", "separator", "sets", "busy_s", "a"]
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(KEYS, VALUES, max_size=6).map(lambda d: {**ENTRY, **d}), max_size=3),
    st.lists(st.sampled_from(["A?", "A 1", "A x", "A", ";", "b?", "A ON", "*RST"]), max_size=6),
)
def test_no_table_upsets_anybody(entries, messages) -> None:
    """Whatever stands in a table, it is an instrument that answers, or one sentence."""
    for number, entry in enumerate(entries):
        if number and entry.get("name") == "a":
            entry["name"] = f"a{number}"
    try:
        box = Supply({"entry": entries})
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017 - most tables are refused, some are not
        return
    box(";".join(messages))
    assert box("*OPC?") == "1"
