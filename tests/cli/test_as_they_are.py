"""Instruments as they are, by the command line: what is found out stands in the bench file."""

import json
import re
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from funcnodes.cli.app import execute
from funcnodes.devices.discovery import identifying
from funcnodes.devices.link import error_queue
from funcnodes_simulators import SimulatedBench

from ..waiting import within

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """These instruments answer at once."""
    monkeypatch.setattr(identifying, "ANSWER_S", within(0.1))
    monkeypatch.setattr(error_queue, "PROBE_S", within(0.2))


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = execute(["--dir", str(tmp_path / "config"), "device", *arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Serve an odd instrument; gives its address."""
    benches: list[SimulatedBench] = []

    def serve(name: str, how: str = "tcp", **options: Any) -> str:
        path = tmp_path / f"{len(benches)}.toml"
        path.write_text(f'[device.it]\nmodel = "table"\ntable = "odd:{name}"\nserve = "{how}"\n')
        benches.append(SimulatedBench.start(str(path), seed=1, **options))
        return benches[-1].resources["it"]

    yield serve
    for bench in benches:
        bench.forgive()
        bench.close()


def bare(address: str) -> str:
    """host:port, or the path of the line."""
    found = re.search(r"::(?P<host>[\d.]+)::(?P<port>\d+)::SOCKET|ASRL(?P<path>/.*)::", address)
    assert found is not None, address
    return found["path"] or f"{found['host']}:{found['port']}"


@pytest.mark.parametrize(
    ("name", "options", "asked", "answer"),
    [
        ("carriage-return", {"eol": "cr"}, "G?", "1"),
        ("latin", {"encoding": "latin-1"}, "T?", "25.3 °C"),
        ("no-errors", {}, ":VOLT?", "+0.000000E+00"),
        ("short-identity", {}, ":VOLT?", "+0.000000E+00"),
        ("headed", {}, ":VOLT?", ":VOLT 0.000"),
    ],
)
def test_an_odd_instrument_is_identified_asked_added_and_checked_by_its_bare_address(
    odd: Callable[..., str], command: Command, tmp_path: Path,
    name: str, options: dict[str, Any], asked: str, answer: str,
) -> None:  # fmt: skip
    address = bare(odd(name))
    status, out, err = command("identify", address, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["options"] == options
    assert command("query", address, asked)[:2] == (0, f"{answer}\n")
    file = tmp_path / "own.toml"
    status, out, err = command("add", str(file), "it", address, "--driver", "scpi")
    assert (status, err) == (0, "")
    written = tomlkit.parse(file.read_text())["devices"]["it"]
    assert {key: written[key] for key in options} == options
    status, out, err = command("query", "it", asked, "--bench", str(file))
    assert (status, out, err) == (0, f"{answer}\n", "")
    status, out, _ = command("check", "--bench", str(file))
    assert (status, " idle " in out) == (0, True)
    assert ("no error queue" in out) is (name in ("no-errors", "latin", "carriage-return"))


@pytest.mark.parametrize("how", ["tcp", "pty"])
@pytest.mark.parametrize("options", ["", "?wait_s=1", "?banner=ready"])
def test_a_board_that_reboots_when_it_is_opened_is_added_and_asked(
    odd: Callable[..., str], command: Command, tmp_path: Path, how: str, options: str
) -> None:
    address = bare(odd("rebooting", how, time_scale=8)) + options
    file = tmp_path / "own.toml"
    status, out, err = command("add", str(file), "it", address, "--driver", "scpi")
    assert (status, err) == (0, "")
    assert "ACME BOX, serial number SIM0001" in out
    assert command("query", "it", "T?", "--bench", str(file)) == (0, "23.45\n", "")


def test_another_speed_is_found_out_and_opened_at(
    tmp_path: Path, command: Command, instrument_at: Callable[[int], str]
) -> None:
    path = instrument_at(19200)
    file = tmp_path / "own.toml"
    status, _, err = command("add", str(file), "it", path, "--driver", "scpi")
    assert (status, err) == (0, "")
    assert tomlkit.parse(file.read_text())["devices"]["it"]["baud"] == 19200
    assert command("query", "it", "T?", "--bench", str(file)) == (0, "23.45\n", "")


@pytest.fixture
def instrument_at(tmp_path: Path) -> Iterator[Callable[[int], str]]:
    """An instrument on a line that bears a name of its own, heard at one speed only."""
    import os
    import select
    import tty

    master, slave = os.openpty()
    tty.setraw(slave)
    path, ending = tmp_path / "port", threading.Event()
    path.symlink_to(os.ttyname(slave))
    threads: list[threading.Thread] = []
    codes = {19200: termios.B19200}

    def serve(speed: int) -> None:
        got = b""
        while not ending.is_set():
            if not select.select([master], [], [], 0.02)[0]:
                continue
            data = os.read(master, 1024)
            if termios.tcgetattr(slave)[4] != codes[speed]:
                os.write(master, b"\xf8\x80\xfe")
                continue
            *lines, got = (got + data).split(b"\n")
            for line in lines:
                reply = {b"*IDN?": b"ACME,BOX,7,1", b"T?": b"23.45"}.get(line.strip())
                if reply is not None:
                    os.write(master, reply + b"\n")

    def start(speed: int) -> str:
        threads.append(threading.Thread(target=serve, args=(speed,)))
        threads[-1].start()
        return str(path)

    yield start
    ending.set()
    for thread in threads:
        thread.join()
    os.close(master)
    os.close(slave)


def test_a_driver_that_is_named_is_added_also_where_nobody_answers(
    command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "own.toml"
    status, out, err = command("add", str(file), "it", "127.0.0.1:1", "--driver", "scpi")
    assert (status, "it is scpi at 127.0.0.1:1" in out) == (0, True)
    assert "connection refused. It was added as it is named." in err
