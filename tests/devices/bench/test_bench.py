"""A bench on the simulated instruments: opening changes nothing, limits hold, stopping stops."""

import asyncio
import resource
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from funcnodes.devices import Bench, BenchFile, Latch, Range, StopAck
from funcnodes.devices.addresses import parse
from funcnodes.devices.addresses.lease import Lease
from funcnodes.devices.benchfile.file import SafeAction
from funcnodes.devices.estop.emergency import strike_all
from funcnodes.errors import (
    DeviceConnectError,
    DeviceTimeout,
    InstrumentError,
    LimitError,
    RefusedError,
    ValueRefusedError,
)

from ...waiting import patience, until

Limit = Callable[[float], float]


@pytest_asyncio.fixture
async def bench(simulator: Any, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench.builtin("demo", simulator.resources, latch=Latch(tmp_path / "latch.json"))
    await bench.open()
    yield bench
    await bench.close()


@pytest.fixture(params=["", "visa:"])
def either(request: pytest.FixtureRequest, simulator: Any) -> dict[str, str]:
    """The resources for our own transports, then for pyvisa."""
    return {name: request.param + address for name, address in simulator.resources.items()}


def written_in(commands: list[str]) -> list[str]:
    """The commands that are no queries."""
    return [each for each in commands if not each.partition(" ")[0].endswith("?") and each.strip()]


# ── connecting ────────────────────────────────────────────────────────────────────────────


async def test_connecting_changes_nothing_and_reads_back_what_is_on(
    simulator: Any, bench: Bench
) -> None:
    """D2: only the declared harmless command is written."""
    smu = bench.devices["smu"]
    await smu.member_set("voltage", 0.25)
    await smu.member_set("output", True)
    before = simulator.now()
    async with Bench.builtin("demo", simulator.resources) as _:
        pass  # the instrument takes one client: this one stays offline
    await bench.close()
    again = Bench.builtin("demo", simulator.resources)
    await again.open()
    new = simulator.commands("smu", before)
    assert set(written_in(new)) <= {":FORM:ELEM VOLT,CURR,STAT"}
    assert written_in(simulator.commands("tc", before)) == ["MODE 0"]
    assert again.devices["smu"].output_on is True
    assert again.devices["smu"].newest("voltage").value == 0.25
    assert simulator.state("smu")["output"] is True
    await again.close()


async def test_devices_say_who_they_are(bench: Bench) -> None:
    smu, tc = bench.devices["smu"], bench.devices["tc"]
    assert (smu.state, smu.identity.model, smu.identity.serial) == ("idle", "MODEL 2400", "SIM0001")
    assert (tc.state, tc.identity.model) == ("idle", "MODEL335")
    assert (smu.safe_state, tc.safe_state) == ("output off", "heaters off")
    assert bench.simulated == (2, 2)
    assert smu.snapshot()["parameters"]["output"]["value"] is False


async def test_a_device_that_cannot_be_reached_keeps_nobody_waiting_and_comes_later(
    gadget: Any, simulator: Any, tmp_path: Path
) -> None:
    await gadget.stop()
    path = tmp_path / "bench.toml"
    path.write_text(
        f"[devices.away]\ndriver='scpi'\naddress='{gadget.address}'\n"
        "[devices.smu]\ndriver='keithley.smu2400'\naddress='sim:smu'\n"
        "[devices.lost]\ndriver='scpi'\naddress='sim:lost'\n"
    )
    async with Bench.load(path, simulator.resources) as bench:
        away = bench.devices["away"]
        assert bench.devices["smu"].state == "idle"
        assert away.state == "offline"
        assert "connection refused" in away.message
        assert "no simulator named 'lost'" in bench.devices["lost"].message
        with pytest.raises(DeviceConnectError, match=r"away .* is offline: no connection"):
            await away.query("X?")
        gadget.replies["*STB?"] = "0"
        await gadget.start()
        await until(lambda: away.state == "idle")
        assert (await away.member_get("status_byte")).value == 0


async def test_two_benches_want_one_instrument_and_exactly_one_gets_it(
    simulator: Any, tmp_path: Path
) -> None:
    locks = tmp_path / "locks"
    first = Bench.builtin("demo", simulator.resources, lock_dir=locks, owner="one")
    await first.open()
    second = Bench.builtin("demo", simulator.resources, lock_dir=locks, owner="two")
    await second.open()
    assert second.devices["smu"].state == "offline"
    assert "worker 'one'" in second.devices["smu"].message
    await first.close()
    await until(lambda: second.devices["smu"].state == "idle")
    await second.close()
    Lease.acquire(locks, parse(simulator.resources["smu"]), device="a", worker="b").release()


async def test_the_wrong_model_at_an_address_is_refused(gadget: Any) -> None:
    file = BenchFile.new("b")
    from funcnodes.devices import DeviceConfig

    file.put_device(DeviceConfig("smu", "keithley.smu2400", gadget.address))
    file.put_device(DeviceConfig("one", "auto", gadget.address, serial="8"))
    async with Bench(file.config) as bench:
        assert "ACME ONE answers, for which the driver" in bench.devices["smu"].message
        assert "serial number 7 answers, the bench asks for 8" in bench.devices["one"].message
        assert set(gadget.received) == {"*IDN?"}


async def test_the_driver_is_found_by_what_answers(simulator: Any) -> None:
    from funcnodes.devices import DeviceConfig

    file = BenchFile.new("b")
    file.put_device(DeviceConfig("x", "auto", "sim:smu"))
    async with Bench(file.config, simulator.resources) as bench:
        assert bench.devices["x"].driver == "keithley.smu2400"
        assert bench.devices["x"].output_on is False


async def test_a_found_driver_speaks_its_own_way_from_the_first_word(simulator: Any) -> None:
    """A Lake Shore has no error queue: asked for one, it would never answer."""
    from funcnodes.devices import DeviceConfig

    file = BenchFile.new("b")
    file.put_device(DeviceConfig("x", "auto", "sim:tc"))
    async with Bench(file.config, simulator.resources) as bench:
        assert bench.devices["x"].driver == "lakeshore.model335"
        assert bench.devices["x"].state == "idle"
        sample = await bench.devices["x"].member_get("a.kelvin")
        assert sample.value == pytest.approx(295, abs=2)
        assert not [text for text in simulator.commands("tc") if "SYST" in text]


# ── members, limits, raw access ───────────────────────────────────────────────────────────


async def test_a_value_outside_the_limits_of_the_bench_never_reaches_the_wire(
    simulator: Any, bench: Bench
) -> None:
    smu = bench.devices["smu"]
    with pytest.raises(LimitError, match=r"voltage cannot be set to 25 V, .* −20 to 20 V"):
        await smu.member_set("voltage", 25)
    with pytest.raises(LimitError, match="compliance cannot be set to 30 mA"):
        await smu.instrument.compliance.set(0.03)
    for bad in (float("nan"), float("inf"), True, "x", None, [1]):
        with pytest.raises(ValueError, match="number"):
            await smu.member_set("voltage", bad)
    assert not [each for each in simulator.commands("smu")[-20:] if each.startswith(":SOUR:VOLT ")]


async def test_limits_are_told_on_the_way_to_a_safe_state_too(bench: Bench) -> None:
    """None applies there, but a page that looks then would show none from then on."""
    smu = bench.devices["smu"]
    await smu.member_set("voltage", 1.0)
    await smu.member_set("output", True)
    told: list[Any] = []
    bench.on_write(lambda _: told.append(smu.limits("voltage")))
    await bench.park()
    assert set(told) == {Range(-20, 20)}


async def test_text_with_a_unit_is_read_in_the_members_unit(simulator: Any, bench: Bench) -> None:
    await bench.devices["smu"].member_set("compliance", "2.5 mA")
    assert simulator.commands("smu")[-2] == ":SENS:CURR:PROT 0.0025"
    with pytest.raises(ValueRefusedError, match=r"smu: .*: '3;\*RST' is no number in A"):
        await bench.devices["smu"].member_set("compliance", "3;*RST")
    assert simulator.commands("smu")[-2] == ":SENS:CURR:PROT 0.0025"


@pytest.mark.parametrize(
    "command",
    ["X?\n*RST", "X?;*RST", "*RST", ":OUTP ON", "", "?X", "X ?", ":OUTP ON?", "X?\0", "X?Y?"],
)
async def test_a_raw_query_cannot_smuggle_in_a_write(
    simulator: Any, bench: Bench, command: str
) -> None:
    """D5, and SCPI injection."""
    before = simulator.now()
    with pytest.raises(ValueRefusedError, match="was not sent"):
        await bench.devices["smu"].query(command)
    with pytest.raises(RefusedError, match="raw writes are off"):
        await bench.devices["smu"].write(command)
    assert simulator.commands("smu", before) == []


async def test_a_raw_query_is_answered(bench: Bench) -> None:
    assert (await bench.devices["smu"].query("  *IDN? ")).startswith("KEITHLEY")


async def test_what_the_instrument_refuses_is_blamed_on_its_command(
    simulator: Any, bench: Bench
) -> None:
    smu = bench.devices["smu"]
    await smu.member_set("source_range", 0.2)
    with pytest.raises(InstrumentError, match="':SENS:CURR:RANG 1' was answered by error"):
        await smu.member_set("current_range", 1.0)
    assert smu.state == "idle"


async def test_a_ramp_can_be_interrupted_and_begins_where_the_instrument_is(
    simulator: Any, bench: Bench
) -> None:
    smu = bench.devices["smu"]
    ramp = asyncio.create_task(smu.member_set("voltage", 10.0))
    await asyncio.to_thread(simulator.wait, "smu", "source_v", 0.5)
    ramp.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ramp
    here = (await smu.member_get("voltage")).value
    assert 0.5 <= here < 2
    began = simulator.now()
    await smu.member_set("voltage", here + 0.5)
    steps = [
        float(each.partition(" ")[2])
        for each in simulator.commands("smu", began)
        if each.startswith(":SOUR:VOLT ")
    ]
    assert steps == pytest.approx([here + 0.25, here + 0.5])


async def test_changes_are_told_once_for_many(bench: Bench) -> None:
    told: list[str] = []
    forget = bench.on_change(lambda device: told.append(device.name))
    for _ in range(50):
        await bench.devices["smu"].member_get("voltage")
    await until(lambda: bool(told))
    assert len(told) < 20
    assert set(told) == {"smu"}
    forget()


async def test_a_mute_instrument_is_a_fault_and_the_others_stay_quick(
    simulator: Any, bench: Bench, limit: Limit
) -> None:
    simulator.fault("smu", "mute")
    hanging = asyncio.create_task(bench.devices["smu"].member_get("voltage"))
    await asyncio.sleep(0.05)
    slowest = 0.0
    for _ in range(5):
        began = time.monotonic()
        await bench.devices["tc"].member_get("a.kelvin")
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < limit(0.2)
    assert bench.devices["smu"].state == "busy"
    simulator.ask("clear")
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    await until(lambda: bench.devices["smu"].state == "idle")


# ── safe states ───────────────────────────────────────────────────────────────────────────


async def energised(bench: Bench) -> None:
    await bench.devices["smu"].member_set("output", True)
    await bench.devices["smu"].member_set("voltage", 0.4)
    await bench.devices["tc"].member_set("loop1.heater_range", "low")


async def test_parking_ramps_down_then_switches_off_only_what_was_written_to(
    simulator: Any, bench: Bench
) -> None:
    await energised(bench)
    with bench.track_writes() as written:
        await bench.devices["smu"].member_set("voltage", 0.6)
        await bench.devices["tc"].member_get("a.kelvin")
    assert written == {"smu"}
    began = simulator.now()
    results = await bench.park(written)
    assert [(each.device, each.state) for each in results] == [("smu", "parked")]
    assert [c for c in simulator.commands("smu", began) if not c.endswith("?")] == [
        ":SOUR:VOLT 0.35", ":SOUR:VOLT 0.1", ":SOUR:VOLT 0", ":OUTP 0",
    ]  # fmt: skip
    assert simulator.state("smu")["output"] is False
    assert bench.devices["tc"].output_on is True


async def test_estop_switches_off_latches_and_reads_back(
    simulator: Any, bench: Bench, limit: Limit
) -> None:
    await energised(bench)
    seen: list[StopAck] = []
    acks = await bench.estop("smoke", "anna", on_ack=seen.append)
    assert [(ack.device, ack.state) for ack in acks] == [("smu", "off"), ("tc", "off")]
    assert acks[0].ms is not None
    assert acks[0].ms < limit(0.1) * 1000
    assert [ack.state for ack in seen[:2]] == ["pending", "pending"]
    assert simulator.state("smu")["output"] is False
    assert bench.devices["smu"].state == "stopped"
    assert bench.devices["smu"].output_on is False
    with pytest.raises(RefusedError, match=r"stopped by anna \(smoke\)"):
        await bench.devices["smu"].member_set("output", True)
    assert (await bench.devices["smu"].member_get("voltage")).value == pytest.approx(0.4)
    with pytest.raises(RefusedError, match="raw query"):
        await bench.devices["smu"].query(":READ?")
    bench.latch.reset(by="anna")
    await bench.devices["smu"].member_set("output", True)
    assert simulator.state("smu")["output"] is True


async def test_an_output_does_not_go_on_while_a_limited_member_stands_outside(
    simulator: Any, bench: Bench
) -> None:
    """D10: found at the instrument, set by nobody here; off is allowed all the same."""
    smu = bench.devices["smu"]
    with bench.devices["smu"].safely():  # as somebody does at the front panel
        await smu.instrument.find("compliance").set(0.5)  # type: ignore[attr-defined]  # a control
    with pytest.raises(LimitError, match=r"output was not switched on, since .*compliance stands"):
        await smu.member_set("output", True)
    assert simulator.state("smu")["output"] is False
    await smu.member_set("output", False)
    await smu.member_set("compliance", "10 mA")
    await smu.member_set("output", True)
    assert simulator.state("smu")["output"] is True


async def test_off_and_down_pass_the_latch_and_up_does_not(simulator: Any, bench: Bench) -> None:
    """S3a: by the panel's way and by the member's; the truth is the instrument's."""
    await energised(bench)
    smu = bench.devices["smu"]
    bench.latch.engage("smoke", "anna")
    with pytest.raises(RefusedError, match="smoke"):
        await smu.member_set("voltage", "0.5 V")
    with pytest.raises(RefusedError, match="smoke"):
        await smu.member_set("voltage", "-0.1 V")
    await smu.member_set("voltage", "0.2 V")
    assert simulator.state("smu")["source_v"] == pytest.approx(0.2)
    with pytest.raises(RefusedError, match="smoke"):
        await smu.member_set("output", True)
    await smu.member_set("output", False)
    assert simulator.state("smu")["output"] is False
    await bench.devices["tc"].instrument.find("loop1.heater_range").set("off")  # type: ignore[attr-defined]  # a control
    await asyncio.to_thread(simulator.wait, "tc", "heater_range", 0)


@pytest.mark.parametrize("way", ["estop", "park"])
async def test_a_full_disk_keeps_no_output_on(
    simulator: Any, tmp_path: Path, way: SafeAction
) -> None:
    """S3a: every device is told, and a restart finds it latched."""
    latch = Latch(tmp_path / "latch.json")
    latch.reserve()
    async with Bench.builtin("demo", simulator.resources, latch=latch) as bench:
        await energised(bench)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            acks = await bench.estop("smoke", "anna", action=way)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert {ack.device: ack.state for ack in acks} == {"smu": "off", "tc": "off"}
        assert simulator.state("smu")["output"] is False
        assert simulator.state("tc")["heater_range"] == 0
    assert Latch(tmp_path / "latch.json").latched


async def test_estop_during_a_hanging_query_switches_off_within_100_ms(
    simulator: Any, either: dict[str, str], limit: Limit
) -> None:
    """S3, on our own transports and on pyvisa: true state read at the simulator."""
    async with Bench.builtin("demo", either) as bench:
        await energised(bench)
        simulator.fault("smu", "drop")
        hanging = asyncio.create_task(bench.devices["smu"].member_read("reading"))
        await asyncio.sleep(0.05)
        off_at: list[float] = []

        def watch() -> None:
            simulator.wait("smu", "output", False)
            off_at.append(time.monotonic())

        watching = asyncio.create_task(asyncio.to_thread(watch))
        await asyncio.sleep(0.02)
        began = time.monotonic()
        acks = await bench.estop("smoke", "anna")
        await watching
        assert off_at[0] - began < limit(0.1)
        assert acks[0].state == "off"
        with pytest.raises(RefusedError, match="given up for an emergency stop"):
            await hanging


async def test_estop_in_the_middle_of_a_ramp_stays_off(simulator: Any, bench: Bench) -> None:
    await energised(bench)
    ramp = asyncio.create_task(bench.devices["smu"].member_set("voltage", 15))
    await asyncio.to_thread(simulator.wait, "smu", "source_v", 0.65)
    await bench.estop("smoke", "anna")
    with pytest.raises(RefusedError):
        await ramp
    assert simulator.state("smu")["output"] is False
    assert bench.devices["smu"].state == "stopped"


async def test_a_device_that_does_not_answer_is_tried_again_until_it_does(
    simulator: Any, bench: Bench
) -> None:
    """S4: it must be confirmed by name before."""
    await energised(bench)
    simulator.fault("smu", "mute")
    acks = await bench.estop("smoke", "anna")
    assert {ack.device: ack.state for ack in acks} == {"smu": "unanswered", "tc": "off"}
    assert bench.devices["smu"].state == "unanswered"
    with pytest.raises(RefusedError, match="smu did not acknowledge"):
        bench.latch.reset(by="anna")
    simulator.ask("clear")
    await until(lambda: bench.devices["smu"].state == "stopped")
    bench.latch.reset(by="anna")


async def hung_up(bench: Bench, simulator: Any) -> Any:
    """The smu with its output on, mute, and given up: no connection to it is open."""
    smu = bench.devices["smu"]
    await smu.member_set("output", True)
    simulator.fault("smu", "mute")
    with pytest.raises(DeviceTimeout):
        await smu.query(":SOUR:VOLT?", timeout_s=0.1)
    await until(lambda: smu.state in ("offline", "fault") and smu.link.is_offline)
    assert simulator.state("smu")["output"] is True
    return smu


async def test_parking_a_device_that_only_listens_switches_it_off_blindly(
    simulator: Any, bench: Bench
) -> None:
    """A hanging instrument does not say who it is, and still carries out what it is told."""
    await hung_up(bench, simulator)
    (result,) = await bench.park(["smu"])
    assert result.state == "failed"
    assert simulator.state("smu")["output"] is False
    assert "switch smu off by hand" in result.message


async def test_estop_of_a_device_that_only_listens_switches_it_off_blindly(
    simulator: Any, bench: Bench
) -> None:
    """S3: the bytes reach it, but nobody says that it is off before it was read back."""
    await hung_up(bench, simulator)
    acks = await bench.estop("E-STOP", "test")
    assert simulator.state("smu")["output"] is False
    (ack,) = [each for each in acks if each.device == "smu"]
    assert ack.state == "unanswered"
    simulator.ask("clear")
    await until(lambda: not bench.latch.unconfirmed())


async def test_parking_a_device_that_speaks_again_reads_back_that_it_is_off(
    simulator: Any, bench: Bench
) -> None:
    await hung_up(bench, simulator)
    simulator.ask("clear")
    (result,) = await bench.park(["smu"])
    assert simulator.state("smu")["output"] is False
    assert bench.devices["smu"].output_on is False
    assert "by hand" not in result.message


async def test_held_devices_are_left_alone_and_others_parked_as_the_bench_says(
    simulator: Any, tmp_path: Path
) -> None:
    """S1."""
    path = tmp_path / "bench.toml"
    path.write_text(
        "on_estop = 'park'\n"
        "[devices.smu]\ndriver='keithley.smu2400'\naddress='sim:smu'\n"
        "[devices.tc]\ndriver='lakeshore.model335'\naddress='sim:tc'\non_estop='hold'\n"
        "on_worker_death='hold'\n"
    )
    async with Bench.load(path, simulator.resources) as bench:
        await energised(bench)
        acks = await bench.estop("smoke", "anna")
        assert {ack.device: ack.state for ack in acks} == {"smu": "off", "tc": "held"}
        assert simulator.commands("smu")[-3:-1] == [":OUTP 0", ":SYST:ERR?"]
        assert bench.devices["tc"].output_on is True
        assert bench.devices["tc"].safe_state == "is left as it is"
        assert [target.device for target in bench.emergency.targets("on_worker_death")] == ["smu"]
        bench.latch.reset(by="anna")


async def test_each_cause_has_its_own_choice(simulator: Any, tmp_path: Path) -> None:
    """S1: `at_end` may be estop, and says nothing of what an E-STOP parks."""
    path = tmp_path / "bench.toml"
    path.write_text(
        "on_estop = 'park'\n"
        "[devices.smu]\ndriver='keithley.smu2400'\naddress='sim:smu'\nat_end='estop'\n"
        "[devices.tc]\ndriver='lakeshore.model335'\naddress='sim:tc'\nat_end='hold'\n"
    )
    async with Bench.load(path, simulator.resources) as bench:
        await energised(bench)
        began = simulator.now()
        results = await bench.park()
        assert [(each.device, each.state) for each in results] == [
            ("smu", "parked"), ("tc", "held"),
        ]  # fmt: skip
        assert written_in(simulator.commands("smu", began))[:2] == [":ABOR", ":OUTP OFF"]
        assert bench.devices["tc"].output_on is True
        acks = await bench.estop("smoke", "anna")
        assert {ack.device: ack.state for ack in acks} == {"smu": "off", "tc": "off"}
        assert bench.devices["tc"].output_on is False


async def test_the_guard_fires_from_its_thread_while_the_loop_is_stuck(
    simulator: Any, bench: Bench, limit: Limit
) -> None:
    await energised(bench)
    fired: list[Any] = []
    took: list[float] = []

    def guard() -> None:
        began = time.monotonic()
        fired.extend(bench.emergency.fire())
        simulator.wait("smu", "output", False)
        took.append(time.monotonic() - began)

    thread = threading.Thread(target=guard)
    thread.start()
    thread.join()  # the loop stands still meanwhile
    assert [each.device for each in fired] == ["smu", "tc"]
    assert all(each.ms is not None and each.ms < limit(0.1) * 1000 for each in fired)
    assert took[0] < limit(0.1)
    assert bench.latch.latched
    with pytest.raises(RefusedError):
        await bench.devices["smu"].member_set("output", True)
    assert simulator.state("smu")["output"] is False
    assert (await bench.devices["smu"].member_get("output")).value is False


async def test_the_guard_dials_a_device_whose_link_is_just_being_reopened(
    simulator: Any, bench: Bench
) -> None:
    await energised(bench)
    link = bench.devices["smu"].link
    assert link is not None
    simulator.fault("smu", "refuse", count=1)
    link.contact.transport.on_lost(ConnectionResetError("cable"))
    await link.contact.transport.close()
    fired = {each.device: each.ms for each in bench.emergency.fire()}
    assert fired["smu"] is None  # refused once
    fired = {each.device: each.ms for each in bench.emergency.fire()}
    assert fired["smu"] is not None
    await asyncio.to_thread(simulator.wait, "smu", "output", False)


GUARDIAN = """
import sys, msgspec
from funcnodes.devices.estop.emergency import Target, strike_all
targets = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Target])
for each in strike_all(targets):
    print(each.device, each.sent, each.message)
"""


@pytest.mark.parametrize("kind", ["", "visa:"])
async def test_another_process_makes_the_bench_safe_after_the_worker(
    simulator: Any, kind: str
) -> None:
    import msgspec

    resources = {name: kind + address for name, address in simulator.resources.items()}
    bench = Bench.builtin("demo", resources)
    await bench.open()
    await energised(bench)
    plan = msgspec.json.encode(bench.emergency.targets("on_worker_death"))
    await bench.close()
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", GUARDIAN],
        input=plan, stdout=subprocess.PIPE, check=True, timeout=patience(),
    )  # fmt: skip
    assert done.stdout.decode().splitlines() == ["smu True ", "tc True "]
    await asyncio.to_thread(simulator.wait, "smu", "output", False)


async def test_another_instrument_gets_no_emergency_bytes(gadget: Any, simulator: Any) -> None:
    async with Bench.builtin("demo", simulator.resources) as bench:
        targets = bench.emergency.targets("on_worker_death")
    wrong = msgspec.structs.replace(targets[0], address=gadget.address)
    struck = await asyncio.to_thread(strike_all, [wrong])
    assert not struck[0].sent
    assert "another instrument answers" in struck[0].message
    assert ":OUTP OFF" not in gadget.received
