"""T12: a bench belongs to the loop that opened it, and closes whatever happened."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.devices import Bench, driver, measurement
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.errors import RefusedError
from funcnodes.testing.benches import bench_of

from ...waiting import patience


@driver("loops.meter", title="Meter", identify="*IDN?", errors="", timeout_s=2.0, manual="none")
class Meter(Instrument):
    volts = measurement(float, "V?", unit="V", doc="What it reads.", source="this test")


REPLIES = {b"*IDN?\n": b"A,B,C,D\n", b"V?\n": b"1.5\n"}


@pytest_asyncio.fixture
async def address() -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(REPLIES[line])
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"tcp:127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def in_a_thread(work: Any) -> Any:
    return await asyncio.wait_for(asyncio.to_thread(work), patience())


async def test_from_a_loop_of_another_thread_a_member_is_refused_with_what_to_do(
    address: str,
) -> None:
    async with bench_of({"meter": (Meter, address)}) as bench:
        meter = bench.device("meter").acting(Meter)

        def work() -> list[str]:
            seen = []
            for _ in range(5):
                with pytest.raises(RefusedError) as refused:
                    asyncio.run(meter.volts.get())
                seen.append(str(refused.value))
            return seen

        seen = await in_a_thread(work)
        assert "asyncio.run_coroutine_threadsafe(…, bench.loop).result()" in seen[0]
        assert len(set(seen)) == 1
        assert await meter.volts.get() == 1.5


async def test_what_is_handed_over_is_done_in_the_loop_of_the_bench(address: str) -> None:
    async with bench_of({"meter": (Meter, address)}) as bench:
        meter, loop = bench.device("meter").acting(Meter), bench.loop
        assert loop is asyncio.get_running_loop()

        def work() -> Any:
            return asyncio.run_coroutine_threadsafe(meter.volts.get(), loop).result()

        assert await in_a_thread(work) == 1.5


async def test_a_bench_is_closed_from_another_thread(address: str) -> None:
    bench = bench_of({"meter": (Meter, address)})
    await bench.open()
    await in_a_thread(lambda: asyncio.run(bench.close()))
    assert bench.loop is None
    assert not bench.device("meter").is_online


def test_a_bench_of_a_loop_that_has_ended_says_so_and_closes() -> None:
    bench = bench_of({"meter": (Meter, "tcp:127.0.0.1:9")})
    asyncio.run(bench.open())

    async def later() -> None:
        with pytest.raises(RefusedError, match="that loop has ended"):
            await bench.device("meter").acting(Meter).volts.get()
        async with asyncio.timeout(patience()):
            await bench.close()

    asyncio.run(later())
    assert bench.loop is None


async def test_one_device_that_cannot_be_let_go_of_holds_up_none_of_the_others(
    address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench: Bench = bench_of({"bad": (Meter, address), "good": (Meter, address)})
    await bench.open()

    async def fails() -> None:
        raise OSError("its port is gone")

    disconnect = bench.device("bad").disconnect
    monkeypatch.setattr(bench.device("bad"), "disconnect", fails)
    await bench.close()
    assert not bench.device("good").is_online
    assert "its port is gone" in caplog.text
    await disconnect()
