"""Instruments behind real sockets and terminals, and faults that really happen there."""

import contextlib
import json
import os
import select
import socket
import termios
import threading
import time
import tty
from collections.abc import Callable

import pytest
import serial

from funcnodes_simulators import SimulatedBench

from ...waiting import patience

Limit = Callable[[float], float]


def terminal_path(bench: SimulatedBench) -> str:
    return bench.resources["tc"].removeprefix("ASRL").removesuffix("::INSTR")


def open_terminal(path: str, **line) -> serial.Serial:
    return serial.Serial(path, 57600, timeout=5, **line)


GAP_S = 0.06  # what the controller needs after a message and after a reply, and a little more


def ask(port: serial.Serial, text: str) -> bytes:
    time.sleep(GAP_S)
    port.write(text.encode() + b"\r\n")
    return port.read_until(b"\r\n")


def drop_early(client) -> None:
    """Send a reset instead of a farewell, as a killed process's kernel does."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()


def test_a_message_may_come_in_pieces_and_end_either_way(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    for piece in (b"*ID", b"N?", b"\r", b"\n*OP", b"C?\n\n\n"):
        smu.socket.sendall(piece)
    assert smu.read().startswith(b"KEITHLEY")
    assert smu.read() == b"1\n"


def test_a_reading_takes_its_time_on_the_wire(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    smu.write(":SENS:CURR:PROT 0.1;:SOUR:VOLT 0.6;:OUTP ON")
    assert smu.query("*OPC?") == "1"
    start = time.monotonic()
    fields = smu.query(":READ?").split(",")
    assert time.monotonic() - start >= 0.022
    assert float(fields[0]) == pytest.approx(0.6, abs=0.01)
    assert bench.state()["smu"]["output"] is True


def test_a_half_written_command_is_ended_by_a_bare_terminator(bench, connect) -> None:
    """S3: emergency bytes begin with the terminator."""
    smu = connect(bench.resources["smu"])
    smu.write(":OUTP ON")
    bench.wait("smu", "output", True)
    smu.socket.sendall(b":SOUR:VOLT 0.0")
    smu.socket.sendall(b"\n:OUTP OFF\n")
    bench.wait("smu", "output", False)
    assert smu.query(":SYST:ERR?") == '0,"No error"'


def test_abort_ends_a_long_measurement_at_once(bench, connect, limit: Limit) -> None:
    smu = connect(bench.resources["smu"])
    smu.write(":OUTP ON;:TRIG:COUN 2500;:SENS:CURR:NPLC 10")
    smu.write(":READ?")
    bench.wait("smu", "output", True)
    start = time.monotonic()
    smu.write(":ABOR;:OUTP OFF")
    bench.wait("smu", "output", False)
    assert time.monotonic() - start < limit(2.0)
    assert smu.query(":SYST:ERR?") == '-410,"Query INTERRUPTED"'


def test_a_second_client_is_reset_until_the_first_leaves(bench, connect) -> None:
    first = connect(bench.resources["smu"])
    assert first.query("*OPC?") == "1"
    second = connect(bench.resources["smu"])
    assert second.is_cut_off()
    assert first.query("*OPC?") == "1"
    first.close()
    third = connect(bench.resources["smu"])
    assert third.query("*OPC?") == "1"


def test_a_client_that_comes_straight_back_is_let_in(bench, connect) -> None:
    for leave in (lambda c: c.close(), drop_early) * 10:
        client = connect(bench.resources["smu"])
        assert client.query("*OPC?") == "1"
        leave(client)


def test_a_bench_file_may_let_more_clients_in(tmp_path, connect) -> None:
    path = tmp_path / "two.toml"
    path.write_text(
        '[dut.r]\nkind = "resistor"\n'
        '[device.smu]\nmodel = "keithley2400"\ndut = "r"\nserve = "tcp"\nclients = 2\n'
    )
    with SimulatedBench.start(str(path)) as bench:
        first, second = (connect(bench.resources["smu"]) for _ in range(2))
        first.write(":OUTP ON")
        bench.wait("smu", "output", True)
        assert second.query(":OUTP?") == "1"


def test_a_client_that_never_reads_loses_replies_and_hangs_nobody(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    message = b";".join([b"*IDN?"] * 300) + b"\n"
    smu.socket.settimeout(0.2)
    errors = 0
    for _ in range(400):
        try:
            smu.socket.sendall(message)
        except TimeoutError:
            break
        errors = bench.state()["smu"]["errors"]
        if errors:
            break
    with open_terminal(terminal_path(bench)) as tc:
        assert ask(tc, "RANGE? 1") == b"0\r\n"
    assert errors


def test_too_long_a_message_is_an_error_not_a_crash(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    smu.socket.sendall(b"A" * 5_000_000 + b"\n")
    assert smu.query(":SYST:ERR?") == '-363,"Input buffer overrun"'


def test_random_bytes_do_not_stop_an_instrument(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    smu.socket.sendall(bytes(range(256)) * 50 + b"\n*CLS\n")
    assert smu.query("*CLS;*OPC?") == "1"


def test_delay_holds_up_what_follows(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    bench.fault("smu", "delay", seconds=0.2, match="*IDN")
    start = time.monotonic()
    smu.write("*IDN?\n*OPC?")
    assert smu.read().startswith(b"KEITHLEY")
    assert time.monotonic() - start >= 0.2
    assert smu.read() == b"1\n"


def test_late_is_overtaken(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    bench.fault("smu", "late", seconds=0.2, match="*IDN")
    smu.write("*IDN?\n*OPC?")
    assert smu.read() == b"1\n"
    assert smu.read().startswith(b"KEITHLEY")


def test_drop_truncate_garbage_and_split_happen_on_the_wire(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    for kind in ("drop", "garbage", "truncate", "split"):
        bench.fault("smu", kind, seconds=0.02, match="*IDN")
    identity = b"KEITHLEY INSTRUMENTS INC.,MODEL 2400,SIM0001,C33   Mar 31 2015 09:32:39/A02  /K/J"
    smu.write("*IDN?\n*OPC?")
    assert smu.read() == b"1\n"
    smu.write("*IDN?")
    assert identity not in smu.read()
    smu.write("*IDN?\n*OPC?")
    assert smu.read() == identity[: (len(identity) + 1) // 2] + b"1\n"
    smu.write("*IDN?")
    assert smu.read() == identity + b"\n"
    assert smu.query("*OPC?") == "1"


def test_close_cuts_a_reply_in_half_and_the_port_stays(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    bench.fault("smu", "close", match="*IDN")
    smu.write("*IDN?")
    assert smu.read().startswith(b"KEITHLEY INSTRUMENTS")
    assert smu.read() == b""
    assert connect(bench.resources["smu"]).query("*OPC?") == "1"


def test_refused_connects_are_reset(bench, connect) -> None:
    bench.fault("smu", "refuse", count=2)
    for _ in range(2):
        # The reset may overtake the end of the connect itself.
        with contextlib.suppress(ConnectionResetError):
            assert connect(bench.resources["smu"]).is_cut_off()
    assert connect(bench.resources["smu"]).query("*OPC?") == "1"


def test_a_mute_instrument_still_does_as_told(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    smu.write(":OUTP ON")
    bench.wait("smu", "output", True)
    bench.fault("smu", "mute")
    smu.write(":READ?")
    smu.write(":OUTP OFF")
    bench.wait("smu", "output", False)
    assert select.select([smu.socket], [], [], 0)[0] == []
    bench.clear()
    assert smu.query("*OPC?") == "1"


def test_power_cycle_throws_clients_off_and_switches_off(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    smu.write(":OUTP ON;:TRIG:COUN 100;:READ?")
    bench.wait("smu", "output", True)
    bench.power_cycle("smu")
    assert smu.is_cut_off()
    assert connect(bench.resources["smu"]).query(":OUTP?;:SYST:ERR?;*ESR?") == (
        '0;0,"No error";128'
    )


@pytest.mark.parametrize("line", [{}, {"bytesize": 7, "parity": "O"}], ids=["8N1", "7O1"])
def test_the_terminal_can_be_opened_again_and_again(bench, line) -> None:
    path = terminal_path(bench)
    for _ in range(5):
        with open_terminal(path, **line) as tc:
            assert ask(tc, "*IDN?") == b"LSCI,MODEL335,SIM0002/#######,1.0\r\n"
        bench.wait("tc", "clients", 0)


def test_a_new_client_of_the_terminal_finds_nothing_old(bench) -> None:
    path = terminal_path(bench)
    with open_terminal(path) as tc:
        tc.write(b"*IDN?;KRDG? A;RANGE 1,1\n")
        bench.wait("tc", "heater_range", 1)
    bench.wait("tc", "clients", 0)
    with open_terminal(path) as tc:
        assert ask(tc, "RANGE? 1") == b"1\r\n"


def test_bytes_of_a_client_that_is_gone_at_once_are_heard(bench) -> None:
    for heater_range in (1, 0) * 5:
        fd = os.open(terminal_path(bench), os.O_RDWR | os.O_NOCTTY)
        os.write(fd, b"RANGE 1,%d\n" % heater_range)
        os.close(fd)
        bench.wait("tc", "heater_range", heater_range)
        time.sleep(GAP_S)


def test_a_terminal_is_raw_for_clients_that_set_nothing(bench) -> None:
    fd = os.open(terminal_path(bench), os.O_RDWR | os.O_NOCTTY)
    try:
        assert not termios.tcgetattr(fd)[tty.LFLAG] & (termios.ECHO | termios.ICANON)
        os.write(fd, b"RANGE? 1\n")
        assert select.select([fd], [], [], 5)[0] == [fd]
        assert os.read(fd, 100) == b"0\r\n"
    finally:
        os.close(fd)


def test_closing_a_terminal_moves_it_behind_its_link(tmp_path) -> None:
    link = tmp_path / "tc"
    path = tmp_path / "bench.toml"
    path.write_text(
        '[stage.s]\n[device.tc]\nmodel = "lakeshore335"\nstage = "s"\n'
        f'serve = "pty"\nlink = "{link}"\n'
    )
    with SimulatedBench.start(str(path)) as bench:
        assert bench.resources["tc"] == f"ASRL{link}::INSTR"
        bench.fault("tc", "close", match="*IDN")
        with open_terminal(str(link)) as tc:
            tc.write(b"*IDN?\n")
            assert tc.read(1) == b"L"
            # pyserial may report the hang-up as an error or as an end of what it reads.
            with contextlib.suppress(OSError):
                rest = tc.read_until(b"\r\n")
                assert not rest.endswith(b"\n")
        with open_terminal(str(link)) as tc:
            assert ask(tc, "RANGE? 1") == b"0\r\n"
    assert not link.is_symlink()


def control_client(bench, connect):
    client = connect(bench.control)
    return lambda request: json.loads(client.query(json.dumps(request)))


def test_the_control_socket_shows_the_truth(bench, connect) -> None:
    control = control_client(bench, connect)
    smu = connect(bench.resources["smu"])
    smu.write(":SENS:CURR:PROT 0.01;:SOUR:VOLT 1;:OUTP ON")
    assert control(
        {"do": "wait", "device": "smu", "path": "compliance", "equals": True, "timeout_s": 5}
    ) == {"ok": True, "value": True}
    state = control({"do": "state"})
    assert state["smu"]["output"] is True
    assert state["smu"]["source_v"] == 1.0
    assert state["smu"]["current_a"] == pytest.approx(0.01)
    assert [is_on for _, is_on in state["smu"]["output_transitions"]] == [True]
    assert state["smu"]["log"] == [":SENS:CURR:PROT 0.01;:SOUR:VOLT 1;:OUTP ON"]
    assert state["dut"]["damaged"] is False
    assert state["tc"]["temperature_k"] == pytest.approx(295.0)
    assert control({"do": "state", "device": "dut"}) == state["dut"]
    smu.write(":SENS:CURR:PROT 1")
    assert control({"do": "wait", "device": "dut", "path": "damaged", "equals": True})["ok"]
    received = control({"do": "commands", "device": "smu"})["commands"]
    assert [text for _, text in received][-1] == ":SENS:CURR:PROT 1"
    assert received[0][0] <= received[1][0] <= control({"do": "state"})["now"]


def test_the_control_socket_breaks_and_mends(bench, connect) -> None:
    control = control_client(bench, connect)
    smu = connect(bench.resources["smu"])
    assert control(
        {"do": "fault", "device": "smu", "kind": "drop", "count": None, "match": "*IDN"}
    ) == {"ok": True}
    smu.write("*IDN?\n*OPC?")
    assert smu.read() == b"1\n"
    assert control({"do": "clear"}) == {"ok": True}
    assert smu.query("*IDN?").startswith("KEITHLEY")
    assert control({"do": "power_cycle", "device": "smu"}) == {"ok": True}
    assert control({"do": "resources"}) == bench.resources


@pytest.mark.parametrize(
    "request_",
    [
        "", "{", "[]", "null", "1e999", '{"do": 5}', '{"do": "nope"}', "[" * 100_000, "\\xff",
        '{"do": "fault", "device": "smu"}', '{"do": "fault", "device": "x", "kind": "drop"}',
        '{"do": "fault", "device": "smu", "kind": "drop", "count": "1"}',
        '{"do": "fault", "device": "smu", "kind": "drop", "what": 1}',
        '{"do": "fault", "device": "smu", "kind": []}',
        '{"do": "fault", "device": "smu", "kind": "delay", "seconds": NaN}',
        '{"do": "wait", "device": "smu", "path": "output"}',
        '{"do": "wait", "device": "smu", "path": "no.such", "equals": 1}',
        '{"do": "wait", "device": "smu", "path": "output", "equals": true, "timeout_s": 0.01}',
        '{"do": "wait", "device": "smu", "path": "output", "equals": true, "timeout_s": -1}',
        '{"do": "power_cycle"}', '{"do": "commands", "device": ["smu"]}',
        '{"do": "state", "device": {}}',
    ],
)  # fmt: skip
def test_a_bad_request_gets_an_error_and_the_next_one_its_answer(bench, connect, request_) -> None:
    client = connect(bench.control)
    answer = json.loads(client.query(request_))
    assert list(answer) == ["error"]
    assert json.loads(client.query('{"do": "clear"}')) == {"ok": True}


def test_a_wait_does_not_hold_up_other_requests(bench, connect) -> None:
    waiting = control_client(bench, connect)
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(
            waiting({"do": "wait", "device": "smu", "path": "output", "equals": True})
        )
    )
    thread.start()
    assert control_client(bench, connect)({"do": "state"})["smu"]["output"] is False
    connect(bench.resources["smu"]).write(":OUTP ON")
    thread.join(patience())
    assert answers == [{"ok": True, "value": True}]


def test_a_bench_closes_twice_and_leaves_nothing_behind() -> None:
    bench = SimulatedBench.start("demo", control=True)
    resource = bench.resources["smu"]
    bench.close()
    bench.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(resource.split("::")[2])), timeout=5)
