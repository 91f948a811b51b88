"""Recordings: written as it goes, read back byte for byte, and wrong ones named by line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from funcnodes.devices.bench import Bench
from funcnodes.devices.bench.recorder import TrafficRecorder, export
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.messages.recorded import Recorded
from funcnodes.errors import RecordingError

from ...waiting import patience


def bench_of(address: str) -> Bench:
    return Bench(BenchConfig("lab", devices={"one": DeviceConfig("one", "scpi", address)}))


async def test_a_session_is_written_as_it_goes(gadget: Any, tmp_path: Path) -> None:
    gadget.replies["*STB?"] = "0"
    file = tmp_path / "session.jsonl"
    bench = bench_of(gadget.address)
    with TrafficRecorder(file, bench):
        async with bench:
            await bench.device("one").member_get("status_byte")
    recorded = Recorded.load(file)
    one = recorded.device()
    assert (recorded.head.bench, one.head.driver, recorded.is_cut) == ("lab", "scpi", False)
    assert one.head.identity == "ACME,ONE,7,1.0"
    assert one.head.protocol["eol"] == "\n"
    assert recorded.head.versions.keys() == {"funcnodes", "python"}
    assert list(one.exchanges) == bench.device("one").traffic.last()
    assert [e.data for e in one.exchanges if e.direction == "out"][-1] == b"*STB?\n"


async def test_the_ring_is_exported_as_a_recording(gadget: Any, tmp_path: Path) -> None:
    file = tmp_path / "ring.jsonl"
    async with bench_of(gadget.address) as bench:
        count = export(file, bench)
        assert list(Recorded.load(file).device("one").exchanges) == (
            bench.device("one").traffic.last()
        )
        assert count == len(bench.device("one").traffic.last())
        with pytest.raises(RecordingError, match="is there already"):
            export(file, bench)
        with pytest.raises(RecordingError, match="cannot be written: No such file"):
            export(tmp_path / "no" / "folder", bench)


KILLED = """
import asyncio, sys
from pathlib import Path
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.bench.recorder import TrafficRecorder
from funcnodes_simulators import SimulatedBench

async def main():
    with SimulatedBench.start("demo", seed=1) as simulated:
        config = DeviceConfig("smu", "keithley.smu2400", simulated.resources["smu"])
        bench = Bench(BenchConfig("lab", devices={"smu": config}))
        with TrafficRecorder(Path(sys.argv[1]), bench):
            async with bench:
                while True:
                    await bench.device("smu").member_get("voltage")
                    if bench.device("smu").traffic.count % 100 < 2:
                        print(bench.device("smu").traffic.count, flush=True)

asyncio.run(main())
"""


def test_what_was_recorded_survives_a_kill(tmp_path: Path) -> None:
    """kill -9 in the middle of writing costs the last milliseconds, and at most cuts a line."""
    file = tmp_path / "killed.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for told in process.stdout:
        if int(told) > 300:
            break
    process.send_signal(signal.SIGKILL)
    process.wait(patience())
    process.stdout.close()
    smu = Recorded.load(file).device("smu")
    assert len(smu.exchanges) > 250
    assert smu.head.identity.startswith("KEITHLEY")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(min_value=1))
def test_a_file_that_is_cut_anywhere_keeps_all_lines_before(at: int, tmp_path: Path) -> None:
    lines = [
        b'{"line":"recording","format":1}\n',
        b'{"line":"device","name":"a"}\n',
        *(b'{"line":"exchange","device":"a","direction":"out","t":1.0,"text":"%d"}\n' % n
          for n in range(5)),
    ]  # fmt: skip
    whole = b"".join(lines)
    at = at % (len(whole) - len(lines[0])) + len(lines[0])
    file = tmp_path / "cut.jsonl"
    file.write_bytes(whole[:at])
    recorded = Recorded.load(file)
    complete = whole[:at].count(b"\n")
    assert len(recorded.devices["a"].exchanges if recorded.devices else ()) == max(0, complete - 2)
    assert recorded.is_cut == (not whole[:at].endswith(b"\n"))


@given(data=st.binary(max_size=300))
def test_any_bytes_come_back_as_they_were(data: bytes) -> None:
    from funcnodes.devices.messages.recorded import _DECODER, _Reader, exchange_line
    from funcnodes.devices.messages.traffic import Exchange

    exchange = Exchange(1.5, "in", data, 2.5, 3.5)
    encoded = exchange_line("a", exchange)
    assert encoded.count(b"\n") == 1
    assert _Reader(Path("x")).exchange(_DECODER.decode(encoded)) == exchange  # type: ignore[arg-type]  # an exchange, as it was written


HEAD = '{"line":"recording","format":1}\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no recording of traffic: it is empty"),
        ("hello\n", "line 1: it is not one of a recording"),
        ('{"line":"device","name":"a"}\n', "line 1: a recording begins with one line that says so"),
        (HEAD + HEAD, "line 2: a recording begins with one line that says so"),
        ('{"line":"recording","format":9}\n', "format 9 is not known here, 1 is"),
        (HEAD + '{"line":"exchange","device":"a","direction":"sideways","t":1}\n', "line 2"),
        (
            HEAD + '{"line":"exchange","device":"a","direction":"in","t":1,"base64":"%"}\n',
            "line 2: its bytes cannot be read",
        ),
        (HEAD + "[" * 5000 + "\n", "line 2"),
    ],
)
def test_what_is_no_recording_is_named_by_line(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(text)
    with pytest.raises(RecordingError) as error:
        Recorded.load(file)
    assert why in error.value.message


def test_a_missing_file_and_a_missing_device_are_said(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no such file"):
        Recorded.load(tmp_path / "none.jsonl")
    file = tmp_path / "two.jsonl"
    file.write_text(HEAD + "".join(json.dumps({"line": "device", "name": n}) + "\n" for n in "ab"))
    recorded = Recorded.load(file)
    with pytest.raises(RecordingError, match="holds no device 'c'; it has a, b"):
        recorded.device("c")
    with pytest.raises(RecordingError, match="holds several devices; it has a, b"):
        recorded.device()


async def test_a_full_disk_ends_the_recording_and_nothing_else(
    gadget: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from funcnodes.devices.bench import recorder as module

    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(module, "_new_file", lambda _: full)
    bench = bench_of(gadget.address)
    with TrafficRecorder(tmp_path / "full.jsonl", bench) as recorder:
        async with bench:
            assert bench.device("one").is_online
        assert "No space left on device" in recorder.problem
    assert caplog.text.count("recording the traffic has ended") == 1
