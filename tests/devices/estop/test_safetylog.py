"""What was done for safety's sake is kept, whatever the disk does, and holds nothing up (S3a)."""

import errno
import logging
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.devices import Bench, Latch, StopAck
from funcnodes.devices.estop import safetylog
from funcnodes.devices.estop.safetylog import SafetyEvent, SafetyLog, append, read
from funcnodes.errors import LimitError, RefusedError

from ...waiting import eventually, patience


def texts(folder: Path) -> list[str]:
    return [event.text for event in read(folder)]


def event(text: str) -> SafetyEvent:
    return SafetyEvent(t=1.0, kind="estop", text=text)


def test_stops_resets_and_refusals_are_kept_with_who_did_them(tmp_path: Path) -> None:
    latch = Latch(tmp_path / "latch.json")
    latch.engage("smoke", "anna")
    latch.acknowledge(StopAck(device="smu", state="pending"))
    latch.acknowledge(StopAck(device="smu", state="off", ms=12.4))
    latch.acknowledge(StopAck(device="tc", state="unanswered", message="tc is offline."))
    with pytest.raises(RefusedError):
        latch.reset(by="ben")
    latch.reset(by="ben", confirmed=["tc"])
    assert latch.log.flush(patience())
    assert texts(tmp_path / "logs") == [
        "E-STOP by anna: smoke.",
        "smu is off, read back after 12 ms.",
        "tc did not answer: tc is offline.",
        "tc did not acknowledge the E-STOP, so the reset by ben was refused.",
        "ben reset the E-STOP, and says that tc is off.",
    ]
    assert [each.by for each in read(tmp_path / "logs") if each.by] == ["anna", "ben"]
    assert (tmp_path / "logs" / safetylog.NAME).stat().st_mode & 0o777 == 0o600


async def test_a_bench_notes_what_it_parks_and_which_output_it_refuses_to_switch_on(
    simulator: Any, tmp_path: Path
) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(
        'name = "lab"\n[devices.smu]\ndriver = "keithley.smu2400"\naddress = "sim:smu"\n'
        "[devices.smu.limits]\nvoltage = [-1, 1]\n"
    )
    latch = Latch(tmp_path / "latch.json")
    async with Bench.load(path, simulator.resources, latch=latch) as bench:
        smu = bench.device("smu")
        with pytest.raises(LimitError):
            await smu.member_set("voltage", 5.0)  # no output: nobody switched anything on
        await smu.member_set("output", True)
        await bench.park(["smu"])
        await bench.estop("smoke", "anna")
        with pytest.raises(RefusedError):
            await smu.member_set("output", True)
    assert latch.log.flush(patience())
    parked, pressed, off, refused = texts(tmp_path / "logs")
    assert parked.startswith("Parked: smu is off, read back after ")
    assert pressed == "E-STOP by anna: smoke."
    assert off.startswith("smu is off, read back after ")
    assert refused.startswith("smu: setting output was refused: stopped by anna (smoke)")


def test_nobody_waits_for_a_disk_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safetylog, "append", lambda *_: time.sleep(3600))
    log = SafetyLog(tmp_path)
    for number in range(100):
        log.note("estop", f"{number}")
    assert not log.flush(0.2)


def test_what_a_full_disk_does_not_take_is_said_once_and_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(folder: Path, event: SafetyEvent) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    log = SafetyLog(tmp_path)
    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
        patched.setattr(safetylog, "append", full)
        log.note("estop", "first")
        assert not log.flush(patience())
        log.note("reset", "second")
        assert not log.flush(patience())
    assert caplog.text.count("The safety log is not kept on disk: No space left on device.") == 1
    log.note("estop", "third")
    assert log.flush(patience())
    assert texts(tmp_path) == ["first", "second", "third"]


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Limits how large a file of this process may become; Python ignores SIGXFSZ."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_line_that_was_cut_spoils_no_other(
    tmp_path: Path, small_files: Callable[[int], None]
) -> None:
    append(tmp_path, event("first"))
    size = (tmp_path / safetylog.NAME).stat().st_size
    small_files(size + 20)
    with pytest.raises(OSError, match=r"No space|too large"):
        append(tmp_path, event("second"))
    small_files(resource.RLIM_INFINITY)
    append(tmp_path, event("third"))
    assert texts(tmp_path) == ["first", "third"]


def test_it_is_rotated_and_read_past_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safetylog, "LOG_BYTES", 500)
    for number in range(61):
        append(tmp_path, event(f"{number}"))
    kept = [int(text) for text in texts(tmp_path)]
    assert kept == list(range(kept[0], 61))
    assert len(list(tmp_path.iterdir())) == safetylog.KEPT + 1
    assert [each.text for each in read(tmp_path, 3)] == ["58", "59", "60"]


WRITER = """
import sys
from pathlib import Path
from funcnodes.devices.estop.safetylog import SafetyLog
log = SafetyLog(Path(sys.argv[1]))
for number in range(50):
    log.note("estop", f"{sys.argv[2]} {number}")
"""


def test_several_processes_write_to_one_and_lose_nothing_as_they_end(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in "abc"
    ]
    for process in processes:
        assert process.wait(patience()) == 0
    assert sorted(texts(tmp_path)) == sorted(f"{name} {n}" for name in "abc" for n in range(50))


def test_a_listener_that_fails_is_not_in_the_way(tmp_path: Path) -> None:
    log = SafetyLog(tmp_path)
    heard: list[str] = []
    log.on_event(lambda _: 1 / 0)  # type: ignore[arg-type, return-value]  # it fails first
    log.on_event(lambda each: heard.append(each.text))
    log.note("estop", "first")
    assert heard == ["first"]
    eventually(lambda: texts(tmp_path) == ["first"])
