"""Safety waits for no disk: an E-STOP goes its whole way although nothing can be kept (S3a)."""

import errno
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from funcnodes.devices import Bench, Latch, StopAck
from funcnodes.devices.estop import latch as latch_module

BENCH = """
[devices.smu]
driver = "keithley.smu2400"
address = "sim:smu"
on_estop = "park"
[devices.tc]
driver = "lakeshore.model335"
address = "sim:tc"
"""


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be written from now on."""

    def refuse(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(latch_module, "write_private", refuse)


async def test_devices_are_struck_parked_and_read_back_all_the_same(
    simulator: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(BENCH)
    latch = Latch(tmp_path / "latch.json")
    async with Bench.load(path, simulator.resources, latch=latch) as bench:
        await bench.devices["smu"].member_set("output", True)
        await bench.devices["tc"].member_set("loop1.heater_range", "low")
        request.getfixturevalue("full_disk")
        told: list[StopAck] = []
        acks = await bench.estop("smoke", "anna", on_ack=told.append)
        assert {ack.device: ack.state for ack in acks} == {"smu": "off", "tc": "off"}
        assert simulator.state("smu")["output"] is False
        assert {ack.device for ack in told if ack.state == "off"} == {"smu", "tc"}
        assert latch.latched


def test_a_latch_that_cannot_be_kept_is_engaged_and_tells_everybody(
    tmp_path: Path, full_disk: None, caplog: pytest.LogCaptureFixture
) -> None:
    latch = Latch(tmp_path / "latch.json")
    states: list[int] = []
    latch.on_change(lambda state: states.append(len(state.acks)))
    latch.engage("smoke", "anna")
    with caplog.at_level(logging.ERROR):
        latch.acknowledge(StopAck(device="smu", state="off"))
    assert (latch.latched, states) == (True, [0, 1])
    assert "No space left" in caplog.text


def test_a_reset_that_cannot_be_kept_is_told_and_leaves_it_latched(
    tmp_path: Path, full_disk: None
) -> None:
    """The next start would find it latched: nobody is to believe anything else."""
    latch = Latch(tmp_path / "latch.json")
    latch.engage("smoke", "anna")
    with pytest.raises(OSError, match="No space left"):
        latch.reset(by="anna")
    assert latch.latched
