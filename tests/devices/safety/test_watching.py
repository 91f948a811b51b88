"""One question for many who watch, each hears in time, and nobody holds up another."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.devices import Bench
from funcnodes.devices.safety.sources import Observation
from funcnodes.errors import BenchError

from ...waiting import until


@pytest_asyncio.fixture
async def bench(simulator: Any) -> AsyncIterator[Bench]:
    async with Bench.builtin("demo", simulator.resources) as bench:
        yield bench


async def test_many_who_watch_cost_one_question(simulator: Any, bench: Bench) -> None:
    before, heard = simulator.now(), [list[Observation]() for _ in range(10)]
    for each in heard:
        bench.watch("smu.nplc", each.append, every_s=0.05)
    await until(lambda: all(len(each) >= 4 for each in heard))
    asked = simulator.commands("smu", before).count(":SENS:CURR:NPLC?")
    assert asked <= max(map(len, heard)) + 1
    assert heard[0][0].value == 1.0


async def test_fields_of_a_record_are_read_together_and_rest_while_the_output_is_off(
    bench: Bench,
) -> None:
    heard: dict[str, list[Observation]] = {"v": [], "i": []}
    for name, each in heard.items():
        bench.watch(f"smu.reading.{name}", each.append, every_s=0.02)
    await until(lambda: heard["v"] and heard["i"])
    assert heard["v"][0].rests
    assert heard["v"][0].value is None
    assert "since output is off" in heard["v"][0].text
    await bench.devices["smu"].member_set("output", True)
    await until(lambda: heard["i"][-1].value is not None)
    assert "is no number (missing)" in heard["v"][-1].text  # which is not sensed
    await bench.devices["smu"].member_command("sense_both")
    await until(lambda: heard["v"][-1].value is not None and heard["i"][-1].value is not None)


async def test_a_device_that_hangs_delays_no_other_and_says_so(
    simulator: Any, bench: Bench
) -> None:
    nplc: list[Observation] = []
    kelvin: list[Observation] = []
    bench.watch("smu.nplc", nplc.append, every_s=0.02)
    bench.watch("tc.a.kelvin", kelvin.append, every_s=0.02)
    await until(lambda: nplc and kelvin)
    simulator.fault("tc", "mute")
    count = len(nplc)
    await until(lambda: len(nplc) > count + 10)
    simulator.ask("clear")
    simulator.fault("smu", "close", match="NPLC")
    await until(lambda: kelvin[-1].value is not None)


async def test_who_raises_or_leaves_stops_nobody(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Observation) -> None:
        raise ZeroDivisionError

    heard: list[Observation] = []
    left: list[Observation] = []
    bench.watch("smu.nplc", broken, every_s=0.02)
    forget = bench.watch("smu.nplc", left.append, every_s=0.02)
    bench.watch("smu.nplc", heard.append, every_s=0.02)
    await until(lambda: left)
    forget()
    count = len(left)
    await until(lambda: len(heard) > count + 3)
    assert len(left) <= count + 1
    assert "Whoever watches smu.nplc failed" in caplog.text
    with pytest.raises(BenchError, match="smu has nothing to read named 'nothing'"):
        bench.watch("smu.nothing", heard.append)
