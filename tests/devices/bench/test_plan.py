"""What will happen for each cause is told in words and seconds before anything is armed (S1)."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from funcnodes.devices import Bench


def plan_lines(bench: Bench) -> list[str]:
    return bench.safety_plan().lines()


async def test_the_demo_says_what_it_will_do_for_each_cause(simulator: Any) -> None:
    """D4: seconds are worst cases; 20 V at 5 V/s are 4 s, a reply 2 s, the bytes 1 s."""
    async with Bench.builtin("demo", simulator.resources) as bench:
        assert plan_lines(bench) == [
            "On E-STOP:",
            "  1. smu: output off, within 100 ms",
            "  2. tc: heaters off, within 313 ms",
            "At the end of a run, what it wrote to:",
            "  1. smu: voltage to 0 V at 5 V/s, then output off, within 7 s",
            "  2. tc: loop1 heater range off, loop2 heater range off, within 3 s",
            "When the worker dies:",
            "  1. smu: output off, within 100 ms",
            "  2. tc: heaters off, within 313 ms",
            "When whoever holds the controls is lost:",
            "  1. smu: is left as it is",
            "  2. tc: is left as it is",
            "Warning: tc has outputs, and no protection of its own (over-voltage, over-current, "
            "watchdog) is known: unattended, only this program switches them off.",
        ]
        assert msgspec.json.encode(bench.safety_plan())


async def test_what_the_bench_chooses_and_what_cannot_be_reached_is_said(
    simulator: Any, gadget: Any, tmp_path: Path
) -> None:
    await gadget.stop()
    path = tmp_path / "bench.toml"
    path.write_text(
        "on_worker_death = 'park'\nstop_order = ['hv']\n"
        "[devices.smu]\ndriver='keithley.smu2400'\naddress='sim:smu'\non_estop='hold'\n"
        f"[devices.hv]\ndriver='keithley.smu2400'\naddress='{gadget.address}'\n"
        "[devices.meter]\ndriver='scpi'\naddress='sim:nobody'\n"
        "[[interlock]]\nname='arc'\nwhen='smu.nplc > 5'\non_lost='ignore'\ndevices=['hv']\n"
        "[[interlock]]\nname='door'\nwhen='smu.nplc > 5'\nthen='refuse'\nwrites=['hv.output']\n"
    )
    async with Bench.load(path, simulator.resources) as bench:
        plan = bench.safety_plan()
    steps = {(c.cause, s.device): s for c in plan.causes for s in c.steps}
    assert steps["on_estop", "hv"].text == "1. hv: output off (it cannot be reached now)"
    assert steps["on_estop", "smu"].text == "2. smu: is left as it is"
    assert steps["on_estop", "meter"].text == "2. meter: nothing to switch off"
    assert "only when the worker is told to end" in steps["on_worker_death", "smu"].note
    assert plan.interlocks == (
        "arc: estop of hv when smu.nplc > 5",
        "door: refuses writes to hv.output when smu.nplc > 5",
    )
    assert [each.partition(":")[0] for each in plan.unreachable] == ["hv"]
    assert [(each.code, each.name) for each in plan.warnings] == [
        ("left_on", "smu"), ("source_ignored", "arc"),
    ]  # fmt: skip


async def test_one_that_an_e_stop_has_just_reached_is_not_called_out_of_reach(
    simulator: Any,
) -> None:
    """S4: while its line is put right it can be switched off, and has been."""
    async with Bench.builtin("demo", simulator.resources) as bench:
        for device in bench.devices.values():
            assert device.link is not None
            device.link.after_strike()
            plan = bench.safety_plan()
            assert not device.is_online
            assert plan.unreachable == ()
            step = plan.of(device.name)["on_estop"]
            assert (step.note, step.within_s) == ("", device.stop_within_s)


@pytest.mark.parametrize("kind", ["", "visa:"])
async def test_the_time_until_bytes_are_on_the_wire_is_the_transports(
    simulator: Any, kind: str
) -> None:
    resources = {name: kind + address for name, address in simulator.resources.items()}
    async with Bench.builtin("demo", resources) as bench:
        for name, device in bench.devices.items():
            step = bench.safety_plan().of(name)["on_estop"]
            assert step.within_s == device.stop_within_s
            assert step.within_s is not None
            assert step.within_s <= {"smu": 0.1, "tc": 0.32}[name]  # tc needs pauses (S3a)
