"""Odd instruments on real ports and terminals: each is as odd as its table says."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes_simulators import BenchError, MemoryBench, SimulatedBench, StrictError
from funcnodes_simulators.bench.layout import load_layout
from funcnodes_simulators.generic.table import read_table, read_table_file
from funcnodes_simulators.generic.table_instrument import ODD, odd_names
from funcnodes_simulators.physics import ManualClock

Start = Callable[..., Any]


@pytest.fixture(params=["tcp", "pty"])
def serve(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., SimulatedBench]]:
    """Serve an odd instrument as `it`; all are closed at the end."""
    benches: list[SimulatedBench] = []

    def start(table: str, serve: str, **options: Any) -> SimulatedBench:
        path = tmp_path / f"{len(benches)}.toml"
        path.write_text(f'[device.it]\nmodel = "table"\ntable = "{table}"\nserve = "{serve}"\n')
        benches.append(SimulatedBench.start(str(path), seed=1, **options))
        return benches[-1]

    yield start
    for bench in benches:
        bench.forgive()
        bench.close()


@pytest.fixture
def odd(start: Start, open_line: Start, serve: str) -> Callable[[str], Any]:
    """Open the line of an odd instrument."""

    def open_odd(name: str) -> Any:
        return open_line(start(f"odd:{name}", serve).resources["it"])

    return open_odd


def silent(line: Any, message: bytes) -> None:
    """Send what gets no reply."""
    line.send(message)
    time.sleep(0.05)


def test_without_an_identity_a_question_for_it_is_not_answered(odd) -> None:
    line = odd("no-identity")
    silent(line, b"*IDN?\nV 2.5\n:SYST:ERR?\n*RST\n")
    assert line.ask(b"v?\n") == b"+2.500000E+00\n"


def test_without_an_error_queue_it_still_says_who_it_is(odd) -> None:
    line = odd("no-errors")
    silent(line, b":SYST:ERR?\nNOPE\n:VOLT 99\n:VOLT 3\n")
    assert line.ask(b"*IDN?\n") == b"ACME,METER,SIM0001,4.3\n"
    assert line.ask(b"MEAS?\n") == b"+3.000000E+00\n"
    assert line.ask(b"*STB?\n") == b"0\n"


def test_an_identity_may_have_fewer_fields(odd) -> None:
    line = odd("short-identity")
    assert line.ask(b"*IDN?\n") == b"ACME BOX,SIM0001\n"
    assert line.ask(b":NOPE;:SYST:ERR?\n").startswith(b"-113,")


def test_a_console_repeats_and_prompts(odd) -> None:
    line = odd("console")
    assert line.read_until(b"ch> ") == b"ch> "
    assert line.ask(b"vbat\r", b"> ") == b"vbat\r\n4.1\r\nch> "
    assert line.ask(b"power 2\r", b"> ") == b"power 2\r\nch> "
    assert line.ask(b"power\r", b"> ") == b"power\r\n2\r\nch> "
    assert line.ask(b"power 7\r", b"> ") == b"power 7\r\ncommand not found\r\nch> "
    assert line.ask(b"nope\r\n", b"> ") == b"nope\r\ncommand not found\r\nch> "


def test_each_command_is_acknowledged_or_refused(odd) -> None:
    line = odd("acknowledging")
    assert line.ask(b"SPD 900\n") == b"OK\r\n"
    assert line.ask(b"SPD?\n") == b"900\r\n"
    assert [line.ask(each) for each in (b"SPD 2000\n", b"SPD x\n", b"WHAT?\n")] == [b"ERR\r\n"] * 3
    assert line.ask(b"SPD?\n") == b"900\r\n"


def test_a_status_line_stands_behind_each_reply(odd) -> None:
    line = odd("status-line")
    assert line.ask(b"*IDN?\n", b"=>\r\n") == b"ACME,COUNTER,SIM0001,1.0\r\n=>\r\n"
    assert line.ask(b"GATE 0.1\n", b"\r\n") == b"=>\r\n"
    assert line.ask(b"GATE 11\n", b"\r\n") == b"?>\r\n"
    assert line.ask(b"VAL1?\n", b"=>\r\n") == b"+1.000000E+06\r\n=>\r\n"


def test_a_board_reboots_whenever_its_line_is_opened(start, open_line, serve, connect) -> None:
    bench = start("odd:rebooting", serve, time_scale=4)
    time.sleep(0.5)  # it is not deaf from when the bench was built, but from when it is opened
    line = open_line(bench.resources["it"])
    began = time.monotonic()
    line.send(b"T?\r\n")
    assert line.read_until(b"ready\r\n") == b"Sensor box v1.2 ready\r\n"
    assert time.monotonic() - began >= 1.5 / 4
    assert line.ask(b"T?\r\n") == b"23.45\r\n"
    line.send(b"LED 1\r\n")
    bench.wait("it", "led", True)
    assert bench.state()["it"]["lost"]["latest"] == ["T?\r\n"]
    assert bench.violations[0].problem == "it was lost: the instrument is deaf for 1.6 s at first"


def test_a_second_opening_loses_what_the_first_has_set(tmp_path, clock: ManualClock) -> None:
    path = tmp_path / "bench.toml"
    path.write_text('[device.it]\nmodel = "table"\ntable = "odd:rebooting"\nserve = "pty"\n')
    memory = MemoryBench(str(path), clock=clock)
    port = memory.ports["it"]
    for _ in range(2):
        port.open()
        assert memory.state()["it"]["led"] is False
        clock.advance(1.59)
        assert port.read() == b""
        clock.advance(0.02)
        assert port.read() == b"Sensor box v1.2 ready\r\n"
        port.write(b"LED 1\n")
        clock.advance(0.01)
        assert memory.state()["it"]["led"] is True


def test_a_balance_goes_on_telling_its_weight(odd) -> None:
    line = odd("balance")
    told = b"S S      12.34 g\r\n"
    began = time.monotonic()
    assert [line.read_until(b"\n") for _ in range(3)] == [told] * 3
    assert 0.4 <= time.monotonic() - began < 3
    line.send(b"Z\n")
    while line.read_until(b"\n") == told:
        pass
    assert line.ask(b"SI\n") == b"S S       0.00 g\r\n"


def test_a_balance_keeps_its_time_in_memory(tmp_path, clock: ManualClock) -> None:
    path = tmp_path / "bench.toml"
    path.write_text('[device.it]\nmodel = "table"\ntable = "odd:balance"\nserve = "pty"\n')
    port = MemoryBench(str(path), clock=clock).ports["it"]
    port.open()
    assert port.due_in_s() == pytest.approx(0.2)
    clock.advance(1.0001)
    assert port.read() == b"S S      12.34 g\r\n" * 5
    port.close()
    clock.advance(10)
    assert port.due_in_s() is None


def test_what_a_balance_tells_need_not_be_read(start, open_line, serve) -> None:
    bench = start("odd:balance", serve, strict=True)
    line = open_line(bench.resources["it"])
    assert line.ask(b"SI\n").startswith(b"S S")
    time.sleep(0.3)
    line.close()
    bench.wait("it", "clients", 0)
    bench.close()


def test_a_header_may_stand_before_a_value(odd) -> None:
    line = odd("headed")
    assert line.ask(b":VOLT 1;:VOLT?\n") == b":VOLT 1.000\n"


THOUSAND = (bytes(range(256)) * 4)[:1000]


def test_blocks_come_in_every_kind(odd) -> None:
    line = odd("blocks")
    assert line.ask(b"CURVE0?\n") == b"#0\x01\x02\x03\xff\n"
    nine = b"#9000001000" + THOUSAND
    line.send(b"CURVE9?\n")
    assert line.read(len(nine) + 1) == nine + b"\n"
    line.send(b"BARE9?\n")
    assert line.read(len(nine)) == nine
    line.send(b"TRICKY?\n")
    assert line.read(9) == b"#15\n#0\r\n\n"
    both = b"#3002,\n,#9000000300" + bytes(range(256)) + bytes(range(44)) + b"\n"
    line.send(b"BOTH?\n")
    assert line.read(len(both)) == both


def test_bytes_above_127_are_one_character_each(odd) -> None:
    line = odd("latin")
    assert line.ask(b"T?\n") == b"25.3 \xb0C\n"
    assert line.ask(b"*IDN?\n") == b"ACME,THERMO \xb5,SIM0001,1.0\n"
    assert line.ask(b"RNG?\n") == b"\xb5A\n"
    silent(line, b"RNG mA\nRNG \xb5A\nRNG \xc2\xb5A\n")
    assert line.ask(b"RNG?\n") == b"\xb5A\n"


def test_carriage_returns_end_everything(odd) -> None:
    line = odd("carriage-return")
    silent(line, b"G 100\r")
    assert line.ask(b"G?\r", b"\r") == b"100\r"
    assert line.ask(b"*IDN?\r", b"\r") == b"ACME,LOCKIN,SIM0001,1.0\r"


def test_a_meter_says_in_words_that_there_is_no_value(odd) -> None:
    line = odd("sentinels")
    assert line.ask(b":INP 10;:READ?\n") == b"+1.000000E+01\n"
    assert line.ask(b":INP 10.1;:READ?\n") == b"OL\n"
    words = [b"OL", b"OVLD", b"****", b"NAN", b"9.9E37", b"-9.9E37", b"1.5", b"25.3 C", b"OL"]
    assert [line.ask(b":WORD?\n").strip() for _ in words] == words


def test_a_reply_may_come_late_and_twice(start, open_line, serve) -> None:
    bench = start("odd:no-identity", serve)
    line = open_line(bench.resources["it"])
    bench.fault("it", "double", seconds=0.02)
    assert line.ask(b"V?\n") == b"+0.000000E+00\n"
    assert line.read_until(b"\n") == b"+0.000000E+00\n"
    bench.fault("it", "late", seconds=0.2)
    line.send(b"V?\n")
    line.send(b"V 1\n")
    assert line.ask(b"V?\n") == b"+1.000000E+00\n"
    assert line.read_until(b"\n") == b"+0.000000E+00\n"


def test_what_nothing_answers_fails_a_strict_bench(start, open_line) -> None:
    bench = start("odd:no-identity", "tcp", strict=True)
    line = open_line(bench.resources["it"])
    silent(line, b"VV?\n")
    assert line.ask(b"V?\n")
    (violation,) = bench.violations
    assert (violation.command, violation.nearest) == ("VV?", "V?")
    with pytest.raises(StrictError, match="nothing answers it"):
        bench.close()


# ── tables ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", odd_names())
def test_every_odd_table_can_be_read_and_says_what_is_odd(name: str) -> None:
    path = ODD / f"{name}.toml"
    assert read_table_file(path).entries
    assert path.read_text().startswith("# ")


def test_an_odd_instrument_that_is_not_there_is_one_sentence(tmp_path) -> None:
    path = tmp_path / "bench.toml"
    path.write_text('[device.it]\nmodel = "table"\ntable = "odd:../x"\nserve = "tcp"\n')
    with pytest.raises(BenchError, match=r"no odd instrument '\.\./x'; there is acknowledging, "):
        load_layout(str(path))


ENTRY = {"name": "v", "query": "V?"}


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"scpi": 1}, "the table.scpi is 1; it must be true or false"),
        ({"echo": "yes"}, "the table.echo is 'yes'; it must be true or false"),
        ({"prompt": 5}, "the table.prompt is 5, not text"),
        ({"encoding": "utf-16"}, "the table.encoding is 'utf-16'; it must be utf-8, latin-1, "),
        ({"encoding": "ascii", "prompt": "µ>"}, "the table.prompt has 'µ', which is not ascii"),
        ({"deaf_s": -1}, "the table.deaf_s is -1, not a number"),
        ({"command_terminator": ""}, "the table.command_terminator is empty"),
        ({"manners": {}}, "has no place for 'manners'"),
        ({"entry": [{**ENTRY, "replies": "OL"}]}, "is not a list"),
        ({"entry": [{**ENTRY, "replies": [1]}]}, "replies is 1, not text"),
        ({"entry": [{**ENTRY, "type": "block", "default": "zz"}]}, "not pairs of hexadecimal"),
        ({"entry": [{**ENTRY, "type": "block", "block": "#x"}]}, "it must be # or #0 to #9"),
        ({"entry": [{**ENTRY, "type": "block", "block": "#2", "size": 100}]}, "do not fit behind"),
        (
            {"entry": [{**ENTRY, "type": "block", "command": "V {v}"}]},
            "type is block, which is only told",
        ),
        ({"unasked": [{"every_s": 0, "reply": "x"}]}, "every_s is 0, not a number from 0.001"),
        ({"unasked": [{"reply": "{x}"}]}, "reply has a field that is not {v}"),
        ({"unasked": [{"name": "v"}]}, "v is the name of an entry and said unasked"),
        ({"unasked": [{"follows": "w"}]}, "follows is 'w', no value of its own"),
        ({"entry": [{**ENTRY, "limits": [0, 1], "default": 2, "over": "OL"}]}, "outside 0 to 1"),
    ],
)
def test_what_is_wrong_with_an_odd_table_is_one_sentence(keys: dict, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_table({"entry": [ENTRY], **keys})
    assert complaint in str(caught.value)


def test_an_instrument_may_only_speak_and_never_listen() -> None:
    table = read_table({"unasked": [{"reply": "tick", "every_s": 0.5}]})
    assert (table.entries, table.unasked[0].every_s) == ((), 0.5)
