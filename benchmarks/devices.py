"""The device layer beside bare loops and pyvisa-py, interleaved, on sockets and terminals.

    pip install -e . && python benchmarks/devices.py

The instruments are a process of their own. Where single exchanges are timed, both sides share one
core, so that no wake-up of another core is measured. Prints medians over the rounds, and ratios;
machines are noisy, so only ratios mean something.
"""

import argparse
import asyncio
import contextlib
import gc
import multiprocessing
import os
import socket
import statistics
import time
import tracemalloc
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from funcnodes.core import clock
from funcnodes.devices.addresses import AllowList, parse
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig, BenchFile, DeviceConfig
from funcnodes.devices.benchfile.find import find_bench
from funcnodes.devices.declarations import drivers
from funcnodes.devices.declarations.drivers import Instrument, driver
from funcnodes.devices.declarations.records import StatusWord, bit, record
from funcnodes.devices.link import Link
from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports.choose import transport_for
from funcnodes.devices.transports.memory import BenchClock
from funcnodes_simulators import MemoryBench

LATENCY_S = 0.005
DEVICES = 16
MANY = 100
HOURS = 24
QUERY = ":READ?"
VALUE = b"+1.000000E+00,+1.234567E-03,+1.638400E+04\n"  # a source meter's: V, A, status
NEVER = ":NEVER?"
WAVE = ":WAV:DATA?"
BLOCK = b"#71000000" + bytes(1_000_000) + b"\n"


@driver("benchmark.meter", title="Benchmark", errors="")
class Meter(Instrument):
    """Answers at once."""

    reading = record(QUERY, v=(float, "V"), i=(float, "A"), status=StatusWord(compliance=bit(3)))


# ── the instruments, in a process of their own ────────────────────────────────────────────


def answer(line: bytes, number: int) -> bytes:
    """What an instrument says to one line; nothing to `NEVER`, a megabyte to `WAVE`."""
    if line.startswith(b"*IDN?"):
        return b"ACME,METER,%d,1.0\n" % number
    if line.startswith(WAVE.encode()):
        return BLOCK
    return b"" if line.startswith(NEVER.encode()) else VALUE


class Instruments(asyncio.Protocol):
    """One connection; each answer comes `latency_s` after its question."""

    def __init__(self, number: int, latency_s: float) -> None:
        self._number, self._latency_s = number, latency_s
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            said = answer(line, self._number)
            if said and self._latency_s:
                asyncio.get_running_loop().call_later(self._latency_s, self._say, said)
            elif said:
                self._transport.write(said)

    def _say(self, said: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(said)


def serve(pipe: Any, count: int, latency_s: float) -> None:
    """`count` instruments on TCP ports, and one on a pseudo-terminal; until the pipe closes."""
    asyncio.run(_serve(pipe, count, latency_s))


async def _serve(pipe: Any, count: int, latency_s: float) -> None:
    loop = asyncio.get_running_loop()
    ports, servers = [], []
    for number in range(count):
        server = await loop.create_server(
            lambda number=number: Instruments(number, latency_s), "127.0.0.1", 0
        )
        servers.append(server)
        ports.append(server.sockets[0].getsockname()[1])
    master, slave = os.openpty()
    tty.setraw(slave)
    loop.add_reader(master, _echo, master)
    pipe.send((ports, os.ttyname(slave)))
    ended = asyncio.Event()
    loop.add_reader(pipe.fileno(), ended.set)
    await ended.wait()
    os._exit(0)  # its clients are gone: nothing is left to be closed in order


def _echo(master: int) -> None:
    for line in os.read(master, 65536).splitlines():
        os.write(master, answer(line, 0))


@contextmanager
def instruments(
    count: int = 1, latency_s: float = 0.0, *, pinned: bool = False
) -> Iterator[tuple[list[int], str]]:
    """Ports and the terminal of instruments that run meanwhile.

    Args:
        pinned: They and this process share one core.
    """
    cores = os.sched_getaffinity(0)
    if pinned:
        os.sched_setaffinity(0, {min(cores)})
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, count, latency_s), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        os.sched_setaffinity(0, cores)
        ours.close()
        process.join(5)


# ── those who ask ─────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def linked(address: str, **protocol: Any) -> AsyncIterator[Link]:
    """A link, open, without error queries."""
    target, spoken = parse(address), Protocol(errors="", **protocol)
    link = Link("meter", transport_for(target, spoken, AllowList()), spoken)
    await link.open()
    try:
        yield link
    finally:
        await link.close()


async def ask(link: Link, count: int) -> float:
    """Queries per second through a link."""
    began = time.perf_counter()
    for _ in range(count):
        await link.query(QUERY)
    return count / (time.perf_counter() - began)


async def ask_streams(streams: tuple[Any, Any], count: int) -> float:
    """Queries per second over bare asyncio streams."""
    reader, writer = streams
    said = f"{QUERY}\n".encode()
    began = time.perf_counter()
    for _ in range(count):
        writer.write(said)
        await reader.readline()
    return count / (time.perf_counter() - began)


def ask_visa(resource: Any, count: int) -> float:
    """Queries per second through pyvisa-py."""
    began = time.perf_counter()
    for _ in range(count):
        resource.query(QUERY)
    return count / (time.perf_counter() - began)


def bench_of(ports: list[int]) -> Bench:
    """One device per port."""
    devices = {
        f"d{number}": DeviceConfig(f"d{number}", Meter.spec.name, f"tcp:127.0.0.1:{port}")
        for number, port in enumerate(ports)
    }
    with drivers.lent(Meter):
        return Bench(BenchConfig("benchmark", devices=devices))


# ── what is compared ──────────────────────────────────────────────────────────────────────


def show(case: str, results: dict[str, list[float]], *, unit: str = "per s") -> None:
    """Medians, and how many times as fast the first is."""
    medians = {name: statistics.median(values) for name, values in results.items()}
    ours = next(iter(medians.values()))
    print(f"{case}, {unit}")
    for name, median in medians.items():
        print(f"  {name:24} {median:>12,.1f}   ours is {ours / median:.3g}×")


async def tcp(rounds: int) -> None:
    """One query after the other over a socket."""
    results: dict[str, list[float]] = {"ours": [], "asyncio streams": [], "ours, reading.get()": []}
    with instruments(pinned=True) as (ports, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[0])
        bench = bench_of(ports)
        async with linked(f"tcp:127.0.0.1:{ports[0]}") as link, bench:
            reading = bench.devices["d0"].instrument.find("reading")
            for _ in range(rounds):
                results["ours"].append(await ask(link, 3000))
                results["asyncio streams"].append(await ask_streams((reader, writer), 3000))
                began = time.perf_counter()
                for _ in range(2000):
                    await reading.get()  # type: ignore[attr-defined]  # a record
                took_s = time.perf_counter() - began
                results["ours, reading.get()"].append(2000 / took_s)
        writer.close()
    show("query over loopback TCP", results)


async def waveform(rounds: int) -> None:
    """A megabyte in one block, before it is scaled."""
    results: dict[str, list[float]] = {"ours": [], "raw socket": []}
    with instruments() as (ports, _), socket.create_connection(("127.0.0.1", ports[0])) as raw:
        async with linked(f"tcp:127.0.0.1:{ports[0]}") as link:
            for _ in range(rounds * 20):
                began = time.perf_counter()
                data = await link.transact(WAVE, read_block)
                results["ours"].append(1 / (time.perf_counter() - began))
                began = time.perf_counter()
                answer = read_raw(raw)
                results["raw socket"].append(1 / (time.perf_counter() - began))
                assert answer[9:-1] == data
    show("blocks of 1 MB over a socket", results)


async def read_block(talk: Talk) -> bytes | bytearray:
    return await talk.query_block(WAVE, limit=1 << 21)


def read_raw(sock: socket.socket) -> bytearray:
    """The whole answer into one buffer that was made for it."""
    sock.sendall(WAVE.encode() + b"\n")
    answer = bytearray(len(BLOCK))
    view, got = memoryview(answer), 0
    while got < len(answer):
        got += sock.recv_into(view[got:])
    return answer


KERNEL_CORES = Path("/sys/devices/virtual/workqueue/cpumask")


@contextmanager
def kernel_on_one_core() -> Iterator[bool]:
    """Have the kernel's own workers on our core meanwhile, where we may say so; whether they are.

    What is written to a pseudo-terminal is carried over by one of them: on a core that sleeps, its
    waking up takes longer than both sides of the exchange.
    """
    cores = f"{1 << min(os.sched_getaffinity(0)):x}"
    try:
        before = KERNEL_CORES.read_text()
        KERNEL_CORES.write_text(cores)
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        KERNEL_CORES.write_text(before)


async def pty(rounds: int) -> None:
    """One query after the other over a pseudo-terminal."""
    import pyvisa

    results: dict[str, list[float]] = {"ours": [], "pyvisa-py": []}
    manager = pyvisa.ResourceManager("@py")
    with kernel_on_one_core() as is_pinned, instruments(pinned=True) as (_, path):
        for _ in range(rounds):
            async with linked(f"serial:{path}") as link:
                results["ours"].append(await ask(link, 2000))
            resource = manager.open_resource(
                f"ASRL{path}::INSTR", read_termination="\n", write_termination="\n"
            )
            results["pyvisa-py"].append(ask_visa(resource, 400))
            resource.close()
    manager.close()
    where = "" if is_pinned else " (and the kernel's worker on any core)"
    show(f"query over a pseudo-terminal{where}", results)


async def many_at_once(rounds: int) -> None:
    """16 devices that take 5 ms each: how near to what is possible."""
    results: dict[str, list[float]] = {"ours": [], "asyncio streams": [], "ideal": []}
    with instruments(DEVICES, LATENCY_S) as (ports, _):
        streams = [await asyncio.open_connection("127.0.0.1", port) for port in ports]
        async with bench_of(ports) as bench:
            links = [device.link for device in bench.devices.values() if device.link is not None]
            for _ in range(rounds):
                began = time.perf_counter()
                await asyncio.gather(*(ask(link, 100) for link in links))
                results["ours"].append(100 * DEVICES / (time.perf_counter() - began))
                began = time.perf_counter()
                await asyncio.gather(*(ask_streams(each, 100) for each in streams))
                results["asyncio streams"].append(100 * DEVICES / (time.perf_counter() - began))
                results["ideal"].append(DEVICES / LATENCY_S)
        for _, writer in streams:
            writer.close()
    show(f"{DEVICES} devices that take {LATENCY_S * 1000:g} ms, queries", results)


async def cancelling(rounds: int) -> None:
    """Giving up a pending query, and the next one."""
    gone_ms, next_ms = [], []
    with instruments() as (ports, _):
        async with linked(f"tcp:127.0.0.1:{ports[0]}") as link:
            for _ in range(rounds * 5):
                task = asyncio.create_task(link.query(NEVER, timeout_s=30))
                await asyncio.sleep(0.01)
                began = time.perf_counter()
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                gone_ms.append((time.perf_counter() - began) * 1000)
                said = await link.query(QUERY)
                next_ms.append((time.perf_counter() - began) * 1000)
                assert f"{said}\n".encode() == VALUE, said
    print(
        f"cancelling a pending query: {statistics.median(gone_ms):.2f} ms (worst "
        f"{max(gone_ms):.2f}); the next query answered rightly after "
        f"{statistics.median(next_ms):.2f} ms"
    )


async def opening(rounds: int) -> None:
    """100 devices at once, identified."""
    took = []
    with instruments(MANY) as (ports, _):
        for _ in range(max(3, rounds // 2)):
            bench = bench_of(ports)
            began = time.perf_counter()
            await bench.open()
            took.append(time.perf_counter() - began)
            assert all(device.is_online for device in bench.devices.values())
            await bench.close()
    print(f"{MANY} devices opened in parallel: {statistics.median(took):.2f} s")


async def soak(_: int) -> None:
    """24 hours on a simulated bench in memory: a reading of both instruments every second."""
    with clock.use(clock.VirtualClock()):
        simulated = MemoryBench("demo", clock=BenchClock(), seed=1)
        make = partial(transport_for, ports=simulated.ports)
        config = BenchFile.load(find_bench("demo")).config
        async with Bench(config, simulated.resources, make_transport=make) as bench:
            smu, tc = (bench.devices[name].instrument for name in ("smu", "tc"))
            await tc.find("loop1.heater_range").set("medium")  # type: ignore[attr-defined]  # control
            tracemalloc.start()
            hours = []
            for hour in range(HOURS):
                began = time.process_time()
                for _ in range(3600):
                    await tc.find("a.kelvin").get()  # type: ignore[attr-defined]  # a measurement
                    await smu.find("voltage").get()  # type: ignore[attr-defined]  # a control
                    await clock.sleep(1)
                hours.append(time.process_time() - began)
                if hour == 0:  # the rings are full by now
                    gc.collect()
                    before, _peak = tracemalloc.get_traced_memory()
            gc.collect()
            after, _peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
    print(
        f"{HOURS} h with {2 * 3600 * HOURS:,} queries in {sum(hours):.0f} s of processor time, "
        f"traced: {after - before:+,} bytes since the first hour; "
        f"first hour {hours[0]:.2f} s, last {hours[-1]:.2f} s"
    )


CASES: dict[str, Callable[[int], Any]] = {
    "tcp": tcp, "waveform": waveform, "pty": pty, "many": many_at_once, "cancel": cancelling,
    "open": opening, "soak": soak,
}  # fmt: skip


async def main(rounds: int, cases: list[str]) -> None:
    for name in cases or CASES:
        await CASES[name](rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("cases", nargs="*", choices=[[], *CASES], default=[])
    options = parser.parse_args()
    asyncio.run(main(options.rounds, options.cases))
