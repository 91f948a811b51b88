"""Definition files of pyvisa-sim: what they mean, what is wrong with them, and on a real wire."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st

from funcnodes_simulators import BenchError, SimulatedBench
from funcnodes_simulators.bench.layout import load_layout
from funcnodes_simulators.generic.definition_files import read_device, read_resources
from funcnodes_simulators.generic.definitions import as_bytes
from funcnodes_simulators.generic.scripted import Scripted
from funcnodes_simulators.generic.templates import Template
from funcnodes_simulators.instruments.buffers import TerminatedBuffer
from funcnodes_simulators.physics import ManualClock, World

LAB = r"""
spec: "1.1"
devices:
  source:
    eom:
      ASRL INSTR: {q: "\r\n", r: "\n"}
      TCPIP SOCKET: {q: "\n", r: "\r\n"}
    error: ERROR
    dialogues:
      - q: "*IDN?"
        r: "LAB,SOURCE,1,1"
      - q: "*RST"
      - q: "QUIET?"
        r: null_response
      - q: "BYTES(\xaa\x55)"
        r: "BYTES(\x00\xff)!"
      - {q: "NOISE?", r: "{RANDOM(-1, 1.5, 3):.3f}"}
      - {q: "BAD?", r: "{RANDOM(1):.3f}"}
    properties:
      voltage:
        default: 1.0
        getter: {q: "VOLT?", r: "{:+.3E}"}
        setter: {q: "VOLT {:.3f}", r: OK, e: VOLT_ERROR}
        specs: {min: 0, max: 30, type: float}
      count:
        default: 2
        getter: {q: "COUN?", r: "{:d}"}
        setter: {q: "COUN {:d}"}
        specs: {valid: [1, 2, 3], type: int}
  meter:
    dialogues:
      - {q: "*IDN?", r: "LAB,METER,1,1"}
    error:
      response: {command_error: WHAT}
      status_register:
        - {q: "*ESR?", command_error: 32, query_error: 4}
      error_queue:
        - {q: "SYST:ERR?", default: "0,none", command_error: "1,command", query_error: "2,query"}
    channels:
      inline:
        ids: [1, 2]
        can_select: True
        properties:
          range:
            default: 10
            getter: {q: "CH{ch_id}:RANG?", r: "{:.1f}"}
            setter: {q: "CH{ch_id}:RANG {:.1f}", r: SET}
            specs: {type: float, max: 100}
  scanner:
    bases: [meter]
    dialogues:
      - {q: "*IDN?", r: "LAB,SCANNER,1,1"}
    properties:
      selected_channel:
        default: a
        getter: {q: "SEL?", r: "{}"}
        setter: {q: "SEL {}"}
    channels:
      chosen:
        ids: [a, b]
        can_select: False
        dialogues:
          - {q: "KIND?", r: "voltage"}
        properties:
          gain:
            default: 1
            getter: {q: "GAIN?", r: "{}"}
            setter: {q: "GAIN {}"}
resources:
  ASRL1::INSTR: {device: source}
  TCPIP::localhost::5000::SOCKET: {device: source}
  GPIB::7::INSTR: {device: scanner, channel_ids: {inline: [5]}}
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    path = tmp_path / "lab.yaml"
    path.write_text(LAB)
    return path


@pytest.fixture
def make(lab: Path) -> Callable[..., Callable[[str], str | None]]:
    """Bring a device of the file to life; it answers text with text."""

    def bring(name: str) -> Callable[[str], str | None]:
        device = Scripted(World(ManualClock(), seed=1), read_device(lab, name))
        return lambda message: say(device, message)

    return bring


def say(device: Scripted, message: str) -> str | None:
    execution = device.execute(message)
    while True:
        try:
            next(execution)
        except StopIteration as end:
            return None if end.value is None else end.value.decode("latin-1")


def test_dialogues_answer_word_for_word(make) -> None:
    source = make("source")
    assert source("*IDN?") == "LAB,SOURCE,1,1"
    assert source("*RST") is None
    assert source("QUIET?") is None
    assert source("\xaa\x55") == "\x00\xff!"
    assert source("*idn?") == "ERROR"
    assert source("NOPE;*IDN?") == "ERROR\nLAB,SOURCE,1,1"


def test_properties_are_set_read_and_refused(make) -> None:
    source = make("source")
    assert source("VOLT?") == "+1.000E+00"
    assert source("VOLT 2.5") == "OK"
    assert source("VOLT 31;VOLT?") == "VOLT_ERROR\n+2.500E+00"
    assert source("VOLT +5") == "OK"
    assert source("COUN 3") is None
    assert source("COUN 4;COUN?") == "ERROR\n3"
    assert source("COUN 3.0") == "ERROR"


PUMP = """
spec: "1.0"
devices:
  pump:
    error: WHAT
    properties:
      flow:
        default: 5
        getter: {q: "FLOW?", r: "{:d}"}
        setter: {q: "PAUSE", r: PAUSED, e: NEVER}
        specs: {type: int, max: 9}
      mode:
        setter: {q: "GO"}
    channels:
      valve:
        ids: [1, 2]
        properties:
          open:
            default: 0
            getter: {q: "V{ch_id}?", r: "{}"}
            setter: {q: "V{ch_id} SHUT", r: OK}
"""


def test_a_setter_without_a_value_is_a_command_that_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "pump.yaml").write_text(PUMP)
    definition = read_device(tmp_path / "pump.yaml")
    pump = Scripted(World(ManualClock()), definition)
    assert say(pump, "PAUSE") == "PAUSED"
    assert say(pump, "FLOW?") == "5"
    assert say(pump, "GO") is None
    assert say(pump, "V2 SHUT") == "OK"
    assert say(pump, "V2?") == "0"
    assert say(pump, "PAUSE 1") == "WHAT"
    assert pump.state()["properties"] == {"flow": 5, "mode": ""}


def test_random_replies_repeat_with_the_seed_and_bad_ones_are_errors(make) -> None:
    first, second = make("source"), make("source")
    values = [float(part) for part in first("NOISE?").split(", ")]
    assert len(values) == 3
    assert all(-1 <= value <= 1.5 for value in values)
    assert second("NOISE?") != second("NOISE?")
    assert first("BAD?") == "ERROR"


def test_errors_are_kept_where_the_file_says(make) -> None:
    meter = make("meter")
    assert meter("NOPE;*ESR?;*ESR?") == "WHAT\n32\n0"
    assert meter("SYST:ERR?;SYST:ERR?") == "1,command\n0,none"


def test_inline_channels_have_values_of_their_own(make) -> None:
    meter = make("meter")
    assert meter("CH1:RANG 5;CH1:RANG?;CH2:RANG?;CH3:RANG?") == "SET\n5.0\n10.0\nWHAT"
    assert meter("CH2:RANG 101;CH2:RANG?") == "WHAT\n10.0"


def test_selected_channels_follow_the_selection(make) -> None:
    scanner = make("scanner")
    assert scanner("GAIN 4;GAIN?;SEL b;GAIN?;KIND?") == "4\n1\nvoltage"
    assert scanner("SEL a;GAIN?;SEL c;GAIN?") == "4\nWHAT"


def test_a_device_takes_over_from_its_bases(make) -> None:
    assert make("scanner")("*IDN?;CH1:RANG?;*ESR?") == "LAB,SCANNER,1,1\n10.0\n0"


def test_a_loss_of_power_brings_the_defaults_back(lab) -> None:
    device = Scripted(World(ManualClock()), read_device(lab, "meter"))
    say(device, "CH1:RANG 5;NOPE")
    device.power_cycle()
    assert say(device, "CH1:RANG?;*ESR?;SYST:ERR?") == "10.0\n0\n0,none"
    device.fail(-420)
    assert say(device, "*ESR?;SYST:ERR?") == "4\n2,query"


def test_every_resource_is_an_instrument_of_its_own(lab, connect) -> None:
    with SimulatedBench.start(str(lab), seed=1) as bench:
        assert set(bench.resources) == {"source", "source_2", "scanner"}
        assert bench.state()["scanner"]["resource"] == "GPIB::7::INSTR"
        assert connect(bench.resources["scanner"]).query("CH5:RANG?") == "10.0"
        socket = connect(bench.resources["source_2"])
        socket.write("VOLT 3")
        assert socket.read() == b"OK\r\n"
        fd = os.open(bench.resources["source"][4:-7], os.O_RDWR | os.O_NOCTTY)
        try:
            os.write(fd, b"VOLT?\n still one message\r\nVOLT?\r\n")
            reply = b""
            while reply.count(b"\n") < 2:
                reply += os.read(fd, 100)
            assert reply == b"ERROR\n+1.000E+00\n"
        finally:
            os.close(fd)


def test_a_bench_file_names_one_device_of_a_definition(lab, connect) -> None:
    bench = lab.with_name("bench.toml")
    bench.write_text(
        '[device.box]\nmodel = "yaml"\nfile = "lab.yaml"\ndevice = "source"\nserve = "tcp"\n'
    )
    with SimulatedBench.start(str(bench)) as running:
        assert connect(running.resources["box"]).query("VOLT?") == "+1.000E+00"


def test_files_beside_the_first_one_may_be_named(lab) -> None:
    other = lab.with_name("other.yaml")
    other.write_text(
        'spec: "1.0"\n'
        "devices: {twin: {bases: [{device: meter, filename: lab.yaml}], delimiter: ','}}\n"
        "resources: {USB::1::2::3::RAW: {device: source, filename: lab.yaml},"
        " GPIB::1: {device: twin}}\n"
    )
    source, twin = read_resources(other)
    assert (source.kind, twin.kind) == ("USB RAW", "GPIB INSTR")
    device = Scripted(World(ManualClock()), twin.definition)
    assert say(device, "*IDN?,CH2:RANG?") == "LAB,METER,1,1\n10.0"


BODY = 'spec: "1.1"\ndevices:\n  a: '


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: b", "spec is missing"), ("", "the file is not a table"),
        ("spec: [", "is not YAML: line 1, column 8"), ("spec: '2.0'", "spec is '2.0'; 1.0 and 1.1"),
        ("spec: '1.1'\ndevices: 3", "devices is not a table"),
        ("a: &a [*a]\nspec: '1.1'", "found unconstructable recursive node"),
        ("a: &a [" + "x," * 500 + "]\nb: [" + "*a," * 500 + "]\nspec: '1.1'", "more than 100000"),
        ("[" * 5000, "is not YAML"), ("x: " + "y" * (1 << 20), "has more than 1048576 bytes"),
        (BODY + "3", "devices.a is not a table"),
        (BODY + "{eom: {X: {q: a, r: b}}}", "devices.a.eom.X is no interface and class"),
        (BODY + "{eom: {GPIB INSTR: {q: a}}}", "devices.a.eom.GPIB INSTR.r is missing"),
        (BODY + "{eom: {GPIB INSTR: {q: '', r: b}}}", "nothing would end a query"),
        (BODY + "{dialogues: [{r: a}]}", "devices.a.dialogues, number 1.q is missing"),
        (BODY + "{dialogues: {q: a}}", "devices.a.dialogues is not a list"),
        (BODY + "{properties: {p: {getter: {q: a}}}}", "properties.p.getter.r is missing"),
        (BODY + "{properties: {p: {getter: {q: a, r: '{'}}}}", "getter.r is no template"),
        (BODY + "{properties: {p: {getter: {q: a, r: '{0.x}'}}}}", "is no plain field"),
        (BODY + "{properties: {p: {getter: {q: a, r: '{:999999d}'}}}}", "is wider than 200"),
        (BODY + "{properties: {p: {setter: {q: 'a {} {}'}}}}", "has to have one field for"),
        (BODY + "{properties: {p: {specs: {min: 1}}}}", "properties.p.specs.type is missing"),
        (BODY + "{properties: {p: {specs: {type: bool}}}}", "specs.type is 'bool'"),
        (BODY + "{properties: {p: {specs: {type: int, min: x}}}}", "specs.min is 'x', not of"),
        (BODY + "{properties: {p: {default: 9, specs: {type: int, max: 5}}}}", "9 is more than 5"),
        (BODY + "{channels: {c: {can_select: False}}}", "no property selected_channel"),
        (BODY + "{channels: {c: {bases: [b]}}}", "only devices have bases"),
        (BODY + "{channels: {c: {dialogues: [{q: '{x}'}]}}}", "has a field that is not {ch_id}"),
        (BODY + "{error: {error_queue: [{q: a}]}}", "error_queue, number 1.default is missing"),
        (BODY + "{error: {status_register: [{q: a, command_error: x}]}}", "is 'x', not of type"),
        (BODY + "{bases: [a]}", "devices.a.bases lead back to a"),
        (BODY + "{bases: [b]}", "has no device 'b'; there is a"),
        (BODY + "{bases: [{device: b, filename: ../x.yaml}]}", "outside the folder"),
        (BODY + "{bases: [{device: b, filename: /etc/passwd}]}", "outside the folder"),
        (BODY + '{bases: [{device: b, filename: "\\0"}]}', "is no file name"),
        (BODY + "{bases: [{device: b, filename: gone.yaml}]}", "gone.yaml: cannot be read"),
        (BODY + "{}\nresources: {X: {}}", "resources.X.device is missing"),
        (BODY + "{}\nresources: {X: {device: a, bundled: true}}", "bundled with pyvisa-sim"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_sentence_with_its_place(tmp_path, text, complaint) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(text)
    with pytest.raises(BenchError) as caught:
        load_layout(str(path))
    assert complaint in str(caught.value)
    assert "lab.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("", "device.box.file is missing"),
        ("file = 3", "device.box.file is 3, not the name of a file"),
        ('file = "lab.yaml"', "box cannot be built: lab.yaml has 3 devices; name one"),
        ('file = "lab.yaml"\ndevice = "x"', "has no device 'x'; there is source, meter, scanner"),
        ('file = "gone.yaml"', "box cannot be built: gone.yaml: cannot be read"),
    ],
)
def test_a_bench_that_names_a_wrong_definition_is_one_sentence(lab, lines, complaint) -> None:
    bench = lab.with_name("bench.toml")
    bench.write_text(f'[device.box]\nmodel = "yaml"\nserve = "tcp"\n{lines}\n')
    with pytest.raises(BenchError) as caught:
        SimulatedBench.start(str(bench))
    assert complaint in str(caught.value)


def test_tags_make_no_objects(tmp_path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text('spec: "1.1"\ndevices: {a: !!python/object/apply:os.system ["touch x"]}')
    with pytest.raises(BenchError, match=r"devices\.a is not a table"):
        load_layout(str(path))
    assert os.listdir(tmp_path) == ["lab.yaml"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("abc", b"abc"), ("BYTES(\x01)BYTES(\x02)", b"\x01\x02"), ("aBYTES(\xf0)µ", b"a\xf0\xc2\xb5"),
     ("a\\r\\n", b"a\r\n"), ("BYTES()", b"")],
)  # fmt: skip
def test_bytes_stand_for_themselves(text: str, expected: bytes) -> None:
    assert as_bytes(text) == expected


KEYS = st.sampled_from(
    ["spec", "devices", "resources", "eom", "error", "dialogues", "properties", "channels", "q",
     "r", "e", "default", "getter", "setter", "specs", "min", "max", "type", "valid", "ids",
     "can_select", "bases", "device", "filename", "response", "command_error", "status_register",
     "error_queue", "a", "TCPIP INSTR", "delimiter", "channel_ids"]
)  # fmt: skip
LEAVES = st.one_of(
    st.sampled_from(
        ["1.1", "a", "", "{}", "{:.2f}", "{ch_id}", "{RANDOM(0, 1, 2):.1f}", "int", "float",
         "False", "VOLT {:d}", "\n", "BYTES(\x80)", "lab.yaml", "{0!r}", "{:{}}"]
    ),
    st.text(max_size=8), st.integers(), st.none(), st.booleans(),
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(device=TREES, resources=TREES, messages=st.lists(st.text(max_size=12), max_size=3))
def test_no_file_upsets_the_reader(tmp_path, device, resources, messages) -> None:
    """Whatever stands in a file, it is an instrument or one sentence."""
    path = tmp_path / "lab.yaml"
    document = {"spec": "1.1", "devices": {"a": device, "b": {"bases": ["a"]}}}
    if resources:
        document["resources"] = {"X::SOCKET": {"device": "a"}, "Y": resources}
    path.write_text(yaml.safe_dump(document))
    try:
        found = read_resources(path)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017 - most files are refused, some are not
        return
    for resource in found:
        box = Scripted(World(ManualClock()), resource.definition)
        for message in messages:
            box.execute(message.encode("utf-8", "replace").decode("latin-1"))


@given(st.text(max_size=30), st.text(max_size=30), st.floats() | st.integers() | st.text())
def test_no_template_upsets_anybody(template: str, text: str, value) -> None:
    try:
        made = Template(template)
    except ValueError:
        return
    made.read(text)
    try:
        made.written({field.name: value for field in made.fields})
    except ValueError:
        return


@given(st.sampled_from(["V {:.9g}", "V {:+.8E}", "V {:f}"]), st.floats(-1e6, 1e6))
def test_a_template_reads_what_it_writes(text: str, value: float) -> None:
    template = Template(text)
    read = template.read(template.written({"": value}))
    assert read is not None
    assert read[""] == pytest.approx(value, rel=1e-6, abs=1e-6)


@given(st.binary(max_size=60), st.sampled_from([b"\n", b"\r\n", b"ab", b"aab"]), st.integers(0, 9))
def test_messages_do_not_depend_on_pieces(data: bytes, end: bytes, limit: int) -> None:
    whole, pieces = TerminatedBuffer(end, limit), TerminatedBuffer(end, limit)
    expected = whole.feed(data)
    assert [m for i in range(len(data)) for m in pieces.feed(data[i : i + 1])] == expected
