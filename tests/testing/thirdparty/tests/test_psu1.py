"""The driver with every fixture of funcnodes' pytest plugin."""

from pathlib import Path

import pytest
from acme_supply.driver import Psu1

from funcnodes.devices.recordings import Recorder
from funcnodes.errors import DeviceError, LimitError, ReplayMismatch
from funcnodes.testing import Dialogue, Faults, OpenBench, Replay, Simulate

NO_ERROR = ':SYST:ERR? -> 0,"No error"'
CONNECT = ["*IDN? -> ACME,PSU1,7,1.0", NO_ERROR, ":VOLT? -> 0", ":OUTP? -> 0"]
BENCH = """
[device.psu]
model = "acme.psu1"
serve = "tcp"

[device.other]
model = "acme.psu1"
serve = "pty"
"""


async def test_it_says_what_the_manual_says(dialogue: Dialogue) -> None:
    async with dialogue(Psu1, connect=CONNECT) as wire:
        wire.expect(":VOLT 1.5", NO_ERROR, ":CURR? -> 0.03")
        await wire.instrument.voltage.set(1.5)
        assert await wire.instrument.current.get() == 0.03


async def test_bytes_are_taken_as_they_are(dialogue: Dialogue) -> None:
    async with dialogue(Psu1, connect=CONNECT) as wire:
        wire.expect((b":CURR?\n", b"+3.0E-02\r\n"))
        assert await wire.instrument.current.get() == 0.03


async def test_what_is_too_much_is_refused(dialogue: Dialogue) -> None:
    async with dialogue(Psu1, connect=CONNECT) as wire:
        with pytest.raises(LimitError):
            await wire.instrument.voltage.set(31)


async def test_driver_and_simulator_agree_on_a_socket_and_a_terminal(
    simulate: Simulate, open_bench: OpenBench
) -> None:
    simulated = simulate(BENCH)
    supplies = {name: ("acme.psu1", address) for name, address in simulated.resources.items()}
    async with open_bench(supplies) as bench:
        for name in supplies:
            psu = bench.device(name).acting(Psu1)
            await psu.voltage.set(5.0)
            await psu.output.set(True)
            assert await psu.current.get() == pytest.approx(0.1)
        await bench.estop("a test", "pytest")
    assert [simulated.state()[name]["output"] for name in supplies] == [False, False]


async def test_what_goes_wrong_there_is_an_error_and_over_then(
    simulate: Simulate, open_bench: OpenBench, faults: Faults
) -> None:
    simulated = simulate(BENCH)
    async with open_bench({"psu": (Psu1, simulated.resources["psu"])}) as bench:
        psu = bench.device("psu").acting(Psu1)
        breaks = faults(simulated, "psu")
        breaks("garbage", match=":CURR", count=20)
        with pytest.raises(DeviceError, match="psu"):
            await psu.current.get()
        breaks.clear()
        assert await psu.current.get() == 0.0


async def test_a_session_is_kept_and_answers_again(
    simulate: Simulate, open_bench: OpenBench, replay: Replay, tmp_path: Path
) -> None:
    simulated = simulate(BENCH, strict=True)
    bench = open_bench({"psu": (Psu1, simulated.resources["psu"])})
    with Recorder(tmp_path / "session.jsonl", bench):
        async with bench:
            await bench.device("psu").acting(Psu1).voltage.set(2.0)
    async with replay(tmp_path / "session.jsonl") as bench:
        await bench.device("psu").acting(Psu1).voltage.set(2.0)
    async with replay(tmp_path / "session.jsonl", {"psu": Psu1}) as bench:
        with pytest.raises(ReplayMismatch, match="expected ':VOLT 2', got ':VOLT 3'"):
            await bench.device("psu").acting(Psu1).voltage.set(3.0)


async def test_the_instrument_itself(open_bench: OpenBench, hardware: str) -> None:
    async with open_bench({"psu": (Psu1, hardware)}) as bench:
        assert bench.device("psu").identity.model == "PSU1"
