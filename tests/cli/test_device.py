"""`funcnodes device …` against simulated instruments on real wires."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from funcnodes.cli.app import execute
from funcnodes.devices import discovery
from funcnodes.devices.addresses import parse
from funcnodes.devices.addresses.lease import Lease
from funcnodes.devices.discovery.instruments import _usb_instruments
from funcnodes.machine.place import leases_dir

from ..waiting import patience

Command = Callable[..., Any]


@pytest.fixture
def bench(simulate: Any) -> Any:
    return simulate()


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run one command; gives its exit status, what it printed and what it complained of."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = execute(["--dir", str(tmp_path / "config"), "device", *arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_each_address_that_is_named_is_asked_and_no_other(bench: Any, command: Command) -> None:
    smu, tc = bench.resources["smu"], bench.resources["tc"]
    status, out, err = command("scan", smu, tc, "tcp:127.0.0.1:1", "--json")
    found = json.loads(out)
    assert [each["driver"] for each in found["found"]] == ["keithley.smu2400", "lakeshore.model335"]
    assert found["found"][0]["serial"] == "SIM0001"
    assert "connection refused" in found["silent"]["tcp:127.0.0.1:1"]
    assert (status, err) == (1, "")
    assert bench.commands("smu") == ["*IDN?"]


def test_identify_says_who_it_is_in_a_sentence(bench: Any, command: Command) -> None:
    status, out, _ = command("identify", bench.resources["tc"])
    assert status == 0
    assert "LSCI MODEL335, serial number SIM0002" in out
    assert "(driver lakeshore.model335)" in out


def test_a_question_is_answered_and_nothing_else_is_sent(bench: Any, command: Command) -> None:
    """D5: raw queries may read; their writes are off."""
    smu = bench.resources["smu"]
    status, out, _ = command("query", smu, ":SOUR:VOLT?")
    assert (status, float(out)) == (0, 0.0)
    for bad in (":OUTP ON", "*IDN?;:OUTP ON", ":OUTP?\n:OUTP ON"):
        status, out, err = command("query", smu, bad)
        assert (status, out) == (1, "")
        assert "was not sent" in err
        assert err.count("\n") == 1
    assert not any("ON" in text for text in bench.commands("smu"))


def test_what_a_worker_holds_is_left_alone(bench: Any, command: Command, tmp_path: Path) -> None:
    smu = bench.resources["smu"]
    locks = leases_dir()
    lease = Lease.acquire(locks, parse(smu), device="smu", worker="lab 3")
    for arguments in (("identify", smu), ("query", smu, "*IDN?")):
        status, _, err = command(*arguments)
        assert status == 1
        assert f"worker 'lab 3' (process {os.getpid()}) holds it as 'smu'" in err
    assert bench.commands("smu") == []
    lease.release()
    assert command("identify", smu)[0] == 0


def test_a_bench_file_grows_device_by_device_and_is_checked(
    bench: Any, command: Command, tmp_path: Path
) -> None:
    file = str(tmp_path / "lab.toml")
    for name in ("smu", "tc"):
        assert command("add", file, name, bench.resources[name])[0] == 0
    status, _, err = command("add", file, "smu", bench.resources["smu"])
    assert status == 1
    assert "has a device 'smu' already" in err
    status, out, _ = command("check", "--bench", file, "--json")
    states = json.loads(out)
    assert status == 0
    assert [(s["name"], s["state"], s["driver"]) for s in states] == [
        ("smu", "idle", "keithley.smu2400"), ("tc", "idle", "lakeshore.model335"),
    ]  # fmt: skip
    status, out, _ = command("snapshot", "--bench", file, "--json")
    assert json.loads(out)["smu"]["parameters"]["voltage"]["value"] == 0.0
    bench.fault("smu", "refuse", count=20)
    bench.fault("smu", "mute")
    status, out, _ = command("check", "--bench", file)
    assert status == 1
    assert "offline" in out


def test_watching_prints_readings_as_they_come(
    bench: Any, command: Command, tmp_path: Path
) -> None:
    file = str(tmp_path / "lab.toml")
    command("add", file, "tc", bench.resources["tc"])
    status, out, _ = command(
        "watch", "tc", "a.kelvin", "--bench", file, "--every", "0.01", "--count", "3", "--json"
    )
    readings = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert len(readings) == 3
    assert all(290 < each["value"]["value"] < 300 for each in readings)
    status, _, err = command("watch", "nobody", "a.kelvin", "--bench", file)
    assert status == 1
    assert "has no device 'nobody'; it has tc" in err


def test_drivers_and_ports_are_listed_without_opening_any(command: Command) -> None:
    names = [each["name"] for each in json.loads(command("drivers", "--json")[1])]
    assert {"keithley.smu2400", "lakeshore.model335", "scpi"} <= set(names)
    table = command("drivers")[1]
    assert "output off" in table
    assert "voltage to 0 V at 5 V/s, then output off" in table
    assert "nothing to switch off" in table
    assert isinstance(json.loads(command("list", "--json")[1]), list)


@pytest.mark.parametrize(("eol", "reply_eol"), [("\r\n", b"\r\n"), ("\r", b"\r"), ("\n", b"\n")])
async def test_the_terminator_is_found_out(eol: str, reply_eol: bytes) -> None:
    """An instrument that waits for another one says nothing at all."""
    asked: list[bytes] = []
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        got = b""
        while chunk := await reader.read(100):
            *lines, got = (got + chunk).split(eol.encode())
            asked.append(chunk)
            for _ in range(lines.count(b"*IDN?")):
                writer.write(b"ACME,ONE,7,1.0" + reply_eol)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    found = await discovery.identify(parse(f"tcp:127.0.0.1:{port}"), timeout_s=0.05)
    assert (found.identity.model, found.eol, found.driver) == ("ONE", eol, "")
    server.close()
    async with asyncio.timeout(patience()):  # it does not wait for its connections (Python 3.11)
        await asyncio.gather(*(task for task in serving if task is not None))
    assert all(chunk.strip() == b"*IDN?" for chunk in asked)


def test_usb_instruments_are_read_off_what_the_kernel_knows(tmp_path: Path) -> None:
    device, interface = tmp_path / "1-2", tmp_path / "1-2:1.0"
    for folder, files in {
        device: {"idVendor": "05e6", "idProduct": "2450", "serial": "04096331",
                 "manufacturer": "Keithley", "product": "2450 SourceMeter"},
        interface: {"bInterfaceClass": "fe", "bInterfaceSubClass": "03"},
        tmp_path / "1-3:1.0": {"bInterfaceClass": "03", "bInterfaceSubClass": "01"},
    }.items():  # fmt: skip
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text + "\n")
    (found,) = _usb_instruments(tmp_path)
    assert found.address == "USB0::0x05E6::0x2450::04096331::INSTR"
    assert parse(found.address).kind == "visa"
    assert (found.title, found.usb) == ("Keithley 2450 SourceMeter", "05e6:2450 04096331")
