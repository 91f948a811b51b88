"""Scans, recorder and run files beside Bluesky, QCoDeS, sqlite3 and numpy, interleaved.

    pip install -e . bluesky ophyd qcodes && python benchmarks/runs.py

A point is: set, read, a durable row, and somebody told. Bluesky's `scan` runs on ophyd.sim's motor
and detector and tells a callback, with nothing kept; QCoDeS's `do1d` sets and reads plain
parameters into its database. Ours is a graph of Sweep, Set, Read and Recorder on a device, either
answered in memory or over a loopback socket by a process of its own. Prints medians over the
rounds, and ratios; machines are noisy, so only ratios mean something. A peer that is not installed
is left out, and named.
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from funcnodes.core import NodeSpace
from funcnodes.devices import Instrument, control, driver, measurement
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.declarations import drivers
from funcnodes.devices.transports.memory import MemoryTransport
from funcnodes.runs import Column, Run, Runner, RunStore
from funcnodes.runs.local import library
from funcnodes.runs.records import Cell, RunHead, TableSpec
from funcnodes.runs.writer import RunWriter

POINTS = 2_000
MANY_POINTS = 100_000
ROWS, WIDE = 300_000, 8
ARRAYS, ARRAY = 400, 100_000  # of 8 bytes each
LONG = 10_000_000
HERTZ, SECONDS = 100, 10


@driver("benchmark.source", title="Benchmark", errors="")
class Source(Instrument):
    """Takes a level and gives a reading, at once."""

    level = control(float, "LEV?", "LEV {v:.9g}", unit="V", confirm="none", doc="It always does.")
    reading = measurement(float, "READ?", unit="A")


class Answering:
    """What the instrument says: its name, and its level as the reading."""

    def __init__(self) -> None:
        self.level = b"0"

    def __call__(self, data: bytes) -> bytes:
        said = b""
        for line in data.splitlines():
            if line.startswith(b"LEV "):
                self.level = line[4:]
            elif line.startswith(b"*IDN?"):
                said += b"ACME,SOURCE,1,1.0\n"
            elif line.endswith(b"?"):
                said += self.level + b"\n"
        return said


# ── points ────────────────────────────────────────────────────────────────────────────────


class Connection(asyncio.Protocol):
    """The instrument at the end of a socket."""

    def __init__(self) -> None:
        self._answer, self._rest = Answering(), b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        self._transport.write(self._answer(whole + newline))


def serve(pipe: Any) -> None:
    """The instrument in a process of its own, until it is ended."""

    async def serving() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Connection, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serving())


class Station:
    """A graph that scans, on an open bench.

    Attributes:
        told: How many rows were told to somebody who watches.
    """

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.space = NodeSpace(library(), arming="disarmed")
        self.space.services.provide(Bench, bench)
        self.space.deserialize(GRAPH)
        self.runner = Runner(self.space, RunStore(folder), nodespace="benchmark")
        self.told = 0
        self.runner.on_rows(self._tell)

    def _tell(self, _: Any, start: int, stop: int) -> None:
        self.told += stop - start

    async def scan(self, points: int) -> Run:
        """A scan of so many points, to its end."""
        self.space.get_node_by_id("sweep").inputs["points"].set_value(points)
        run = await self.runner.start()
        assert await run.wait() == "complete", run.message
        return run

    async def per_point_us(self, points: int) -> float:
        began = time.perf_counter()
        run = await self.scan(points)
        took = time.perf_counter() - began
        assert self.runner.store.find(run.id).count() == points
        return took / points * 1e6


GRAPH = {
    "format": 3,
    "nodes": [
        {"id": "sweep", "node_id": "sweep", "io": {"unit": {"is_input": True, "value": "V"}}},
        {"id": "set", "node_id": "device.set", "device": "source", "member": "level"},
        {"id": "read", "node_id": "device.read", "device": "source", "member": "reading"},
        {"id": "recorder", "node_id": "recorder", "columns": [
            {"id": "level", "name": "level", "kind": "quantity", "unit": "V"},
            {"id": "reading", "name": "reading", "kind": "quantity", "unit": "A"},
        ]},
    ],
    "edges": [
        ["sweep", "value", "set", "value"],
        ["sweep", "value", "recorder", "level"],
        ["set", "_triggeroutput", "read", "_triggerinput"],
        ["read", "value", "recorder", "reading"],
    ],
}  # fmt: skip


@asynccontextmanager
async def station(folder: Path, port: int | None) -> AsyncIterator[Station]:
    """On an instrument in memory, or at a loopback port."""
    address = f"tcp:127.0.0.1:{port}" if port else "tcp:127.0.0.1:1"
    config = BenchConfig(
        "benchmark", devices={"source": DeviceConfig("source", Source.spec.name, address)}
    )
    make = None if port else lambda *_: MemoryTransport(Answering(), address)
    with drivers.lent(Source):
        bench = Bench(config, make_transport=make, lock_dir=folder / "locks")
    async with bench:
        opened = Station(bench, folder / "runs")
        yield opened
        await opened.runner.aclose()
        await opened.space.aclose()


async def points(rounds: int, folder: Path) -> None:
    """One point of a scan, in memory and over a socket, beside two peers."""
    results: dict[str, list[float]] = {"ours, in memory": [], "ours, loopback socket": []}
    loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1)  # a database is one thread's
    made = {name: await loop.run_in_executor(thread, make, folder) for name, make in PEERS.items()}
    peers = {name: peer for name, peer in made.items() if peer is not None}
    results |= {name: [] for name in peers}
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs,), daemon=True
    )
    process.start()
    try:
        async with (
            station(folder / "memory", None) as memory,
            station(folder / "socket", ours.recv()) as socket,
        ):
            for _ in range(rounds):
                results["ours, in memory"].append(await memory.per_point_us(POINTS))
                results["ours, loopback socket"].append(await socket.per_point_us(POINTS))
                for name, peer in peers.items():
                    results[name].append(await loop.run_in_executor(thread, peer, POINTS // 4))
            assert memory.told == rounds * POINTS, memory.told
    finally:
        process.terminate()
        process.join()
    show("set, read, keep and tell one point", results, unit="us")


def bluesky(_: Path) -> Callable[[int], float] | None:
    """`scan` with ophyd.sim's motor and detector, and a callback for each document."""
    try:
        from bluesky import RunEngine
        from bluesky.plans import scan
        from ophyd.sim import det, motor
    except ImportError:
        return missing("bluesky and ophyd")
    motor.delay = 0
    engine = RunEngine({}, context_managers=[])  # in a thread: it takes no signals there
    told: list[Any] = []
    engine.subscribe(lambda _, document: told.append(document))

    def per_point_us(points: int) -> float:
        told.clear()
        began = time.perf_counter()
        engine(scan([det], motor, 0, 1, points))
        took = time.perf_counter() - began
        assert len(told) >= points
        return took / points * 1e6

    return per_point_us


def qcodes(folder: Path) -> Callable[[int], float] | None:
    """`do1d` with parameters that a function sets and gets, into its database."""
    try:
        from qcodes import Parameter, initialise_or_create_database_at, load_or_create_experiment
        from qcodes.dataset import do1d
    except ImportError:
        return missing("qcodes")
    logging.getLogger("qcodes").setLevel(logging.ERROR)
    initialise_or_create_database_at(folder / "qcodes.db")
    experiment = load_or_create_experiment("benchmark", "none")
    level = {"v": 0.0}
    source = Parameter("level", unit="V", set_cmd=partial(level.__setitem__, "v"), get_cmd=None)
    reading = Parameter("reading", unit="A", get_cmd=partial(level.__getitem__, "v"))

    def per_point_us(points: int) -> float:
        began = time.perf_counter()
        do1d(source, 0, 1, points, 0, reading, exp=experiment, do_plot=False, show_progress=False)
        return (time.perf_counter() - began) / points * 1e6

    return per_point_us


def missing(what: str) -> None:
    print(f"{what} is not installed, and left out")


PEERS = {"bluesky scan, ophyd.sim": bluesky, "qcodes do1d": qcodes}


async def flat(_: int, folder: Path) -> None:
    """Many points: is the last tenth as quick as the first?"""
    async with station(folder, None) as memory:
        run = await memory.scan(MANY_POINTS)
        with closing(sqlite3.connect(memory.runner.store.find(run.id).path)) as connection:
            times = np.array(connection.execute("SELECT mono FROM rows_0 ORDER BY n").fetchall())
    tenth = np.diff(times[np.linspace(0, len(times) - 1, 11).astype(int), 0])
    print(
        f"{MANY_POINTS:,} points: the last tenth took {tenth[-1] / tenth[0]:.3f} of the "
        f"first; {(times[-1, 0] - times[0, 0]) / MANY_POINTS * 1e6:.0f} us each"
    )


# ── recorder and file ─────────────────────────────────────────────────────────────────────


async def recorder(rounds: int, folder: Path) -> None:
    """Rows of eight floats, as a recorder writes them, until all of them are on disk."""
    results: dict[str, list[float]] = {"rows/s": []}
    spec = table(*(f"c{i}" for i in range(WIDE)))
    for number in range(rounds):
        path = folder / f"{number}.sqlite"
        writer = RunWriter(path, head(), specs=[spec])
        await asyncio.wrap_future(writer.opened)
        row = [Cell(1.5 + i) for i in range(WIDE)]
        began = time.perf_counter()
        for k in range(ROWS):
            writer.append(0, row, wall=float(k), mono=float(k))
        await asyncio.wrap_future(writer.flush())
        results["rows/s"].append(ROWS / (time.perf_counter() - began))
        await asyncio.wrap_future(writer.close(head()))
        path.unlink()
    print(f"rows of {WIDE} floats: {statistics.median(results['rows/s']):,.0f} per s")


async def arrays(rounds: int, folder: Path) -> None:
    """Arrays as blocks, beside bare inserts into SQLite with the same safety."""
    results: dict[str, list[float]] = {"ours": [], "sqlite3": []}
    spec = table("wave", kind="array")
    wave = np.random.default_rng(1).normal(size=ARRAY)
    for number in range(rounds):
        path = folder / f"{number}.sqlite"
        writer = RunWriter(path, head(), specs=[spec])
        await asyncio.wrap_future(writer.opened)
        began = time.perf_counter()
        for k in range(ARRAYS):
            writer.append(0, [Cell(wave)], wall=float(k), mono=float(k))
        await asyncio.wrap_future(writer.flush())
        results["ours"].append(ARRAYS * wave.nbytes / 1e6 / (time.perf_counter() - began))
        await asyncio.wrap_future(writer.close(head()))
        path.unlink()
        results["sqlite3"].append(await asyncio.to_thread(bare_blobs, path, wave))
    show(f"arrays of {ARRAY:,} floats", results, unit="MB/s", more_is_better=True)


def bare_blobs(path: Path, wave: Any) -> float:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE blobs (id INTEGER PRIMARY KEY, data BLOB)")
        began = time.perf_counter()
        connection.execute("BEGIN")
        committed = began
        for k in range(ARRAYS):
            connection.execute("INSERT INTO blobs VALUES (?, ?)", (k, wave.tobytes()))
            if time.perf_counter() - committed > 0.09:
                connection.execute("COMMIT")
                connection.execute("BEGIN")
                committed = time.perf_counter()
        connection.execute("COMMIT")
        took = time.perf_counter() - began
    path.unlink()
    return ARRAYS * wave.nbytes / 1e6 / took


# ── clocks ────────────────────────────────────────────────────────────────────────────────


async def jitter(_: int, folder: Path) -> None:
    """A reading a hundred times a second, on an absolute schedule."""
    graph = json.loads(json.dumps(GRAPH).replace('"sweep", "value"', '"sweep", "index"'))
    graph["nodes"][0] = {"id": "sweep", "node_id": "repeat", "io": {
        "count": {"is_input": True, "value": HERTZ * SECONDS},
        "every": {"is_input": True, "value": 1 / HERTZ},
    }}  # fmt: skip
    async with station(folder, None) as memory:
        memory.space.deserialize(graph)
        run = await memory.runner.start()
        assert await run.wait() == "complete", run.message
        with closing(sqlite3.connect(memory.runner.store.find(run.id).path)) as connection:
            found = connection.execute("SELECT mono FROM rows_0 ORDER BY n").fetchall()
    times = np.array(found)[:, 0]
    late = times - times[0] - np.arange(len(times)) / HERTZ
    late -= np.median(late)
    p99, worst = np.quantile(np.abs(late), [0.99, 1.0]) * 1e3
    print(f"{HERTZ} Hz for {SECONDS} s: off by {p99:.2f} ms in 99 of 100, {worst:.2f} ms at most")


def table(*names: str, kind: str = "quantity") -> TableSpec:
    columns = tuple(Column(name=name, unit="V", kind=kind) for name in names)
    return TableSpec(recorder="recorder", name="rows", columns=columns)


def head() -> RunHead:
    return RunHead(id="0" * 26, number=1, state="running", started=time.time())


def show(
    case: str, results: dict[str, list[float]], *, unit: str, more_is_better: bool = False
) -> None:
    """Medians, and how they compare with the first."""
    medians = {name: statistics.median(values) for name, values in results.items()}
    ours = next(iter(medians.values()))
    print(f"{case}, {unit}")
    for name, median in medians.items():
        ratio = ours / median if more_is_better else median / ours
        print(f"  {name:26} {median:>10,.1f}   ours is {ratio:.3g}×")


CASES: dict[str, Callable[[int, Path], Any]] = {
    "points": points, "flat": flat, "recorder": recorder, "arrays": arrays, "jitter": jitter,
}  # fmt: skip


async def main(rounds: int, cases: list[str]) -> None:
    for name in cases or CASES:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            (Path(folder) / "runs").mkdir()
            await CASES[name](rounds, Path(folder))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("cases", nargs="*", choices=[[], *CASES], default=[])
    options = parser.parse_args()
    asyncio.run(main(options.rounds, options.cases))
