"""A history file: written beside the bench's work, bounded, whole after a kill, read meanwhile."""

import asyncio
import math
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from funcnodes.core import clock
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.benchfile.history import HistoryConfig
from funcnodes.devices.declarations.members import Sample
from funcnodes.errors import RunError
from funcnodes.history import FILE_NAME, HistoryReader, HistoryRecorder
from funcnodes.history.file import open_to_write, used_bytes

from ..smalldisk import small_disk
from ..waiting import eventually, until

T0 = 1_700_000_000.0


def bench_of(**history: Any) -> Bench:
    """A bench with a device that nobody reaches."""
    devices = {"smu": DeviceConfig("smu", "keithley.smu2400", "sim:none", simulated=True)}
    return Bench(BenchConfig("b", devices=devices, history=HistoryConfig(**history)))


class Notes:
    """A recorder into a file, and who tells it of values."""

    def __init__(self, path: Path, **history: Any) -> None:
        self.bench = bench_of(**{"keep_s": math.inf, **history})
        self.recorder = HistoryRecorder(path, self.bench, commit_s=0.01)
        self.recorder.start()

    def say(self, member: str, *samples: tuple[float, Any], unit: str = "", **more: Any) -> None:
        for t, value in samples:
            self.bench._heard("smu", member, Sample(value, unit, t=T0 + t, **more))

    def close(self) -> None:
        self.recorder.stop()
        self.recorder.wait(20)


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[..., Notes]]:
    begun: list[Notes] = []

    def begin(path: Path = tmp_path / FILE_NAME, **history: Any) -> Notes:
        begun.append(Notes(path, **history))
        return begun[-1]

    yield begin
    for each in begun:
        if each.recorder._writer.is_alive():
            each.close()


@pytest.fixture
def reader(tmp_path: Path) -> HistoryReader:
    return HistoryReader(tmp_path / FILE_NAME)


async def test_what_is_seen_is_read_back_while_it_is_written(
    start: Callable[..., Notes], reader: HistoryReader
) -> None:
    """R2, D3, D7: units, qualities and origin are kept."""
    notes = start(deadbands={"smu.voltage": "10 mV"}, least_s=0.0)
    notes.say("voltage", (0, 1.0), (1, 1.005), (2, 1.5), unit="V")
    notes.say("reading.i", (0, 1e-3), (1, math.nan), unit="A")
    notes.say("output", (0, False), (5, True))
    notes.say("function", (0, "voltage"))
    notes.say("trace", (0, [1, 2, 3]))  # of arrays nothing
    await until(lambda: reader.path.exists() and len(reader.known()) == 4)
    series = reader.series("smu.voltage")
    assert [*series.value] == [1.0, 1.005, 1.5]
    assert (series.unit, set(series.origin)) == ("V", {"simulated"})
    assert reader.find("smu.output").value is True
    with pytest.raises(RunError, match=r"There is no history of 'smu.x'; there is one of smu.fu"):
        reader.series("smu.x")
    notes.close()
    assert reader.find("smu.reading.i").quality == "missing"  # since then nobody looked
    arrays = reader.series("smu.voltage", since=T0 + 1, until=T0 + 3).to_numpy()
    assert list(arrays["elapsed"]) == [0, 1]
    frame = reader.series("smu.voltage").to_pandas()
    assert frame.attrs["units"]["smu.voltage"] == "V"
    assert frame.attrs["about"]["simulated"] == "yes"
    lines = [*reader.series("smu.output").csv_lines()]
    assert "row,time (s),elapsed (s),smu.output,smu.output quality\n" in lines
    assert "1,1700000005.0,5.0,true,ok" in lines[-1]


async def test_a_stretch_is_thinned_and_sampled(
    start: Callable[..., Notes], reader: HistoryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = start(least_s=0.0, every_s=60)
    notes.say("voltage", *((t, math.sin(t / 300) if t != 4711 else 9.0) for t in range(10_000)))
    notes.close()
    with closing(sqlite3.connect(reader.path)) as connection, connection:  # as after a kill
        connection.execute("DELETE FROM samples WHERE t > ?", (T0 + 10_000,))
    monkeypatch.setattr("funcnodes.history.reader.MOST_VALUES", 5000)
    with pytest.raises(RunError, match="more than 5,000"):
        reader.series("smu.voltage")
    thinned = reader.thinned("smu.voltage", since=0, until=T0 + 1e6, points=200)
    assert 100 < len(thinned) <= 250
    assert max(thinned.value) == 9.0
    later = reader.thinned("smu.voltage", since=T0 + 9_000.5, until=T0 + 1e6, points=2_000)
    assert later.t[0] == T0 + 9_000  # what stood at the beginning
    sampled = reader.sampled("smu.voltage", since=T0, until=T0 + 20_000, every_s=100)
    assert sampled.t[:2] == [T0, T0 + 100]
    assert sampled.value[3] == math.sin(1)
    assert sampled.t[-1] == T0 + 10_100  # it stands for twice `every_s`, and no longer
    with pytest.raises(RunError, match=r"would be [\d,]+ values"):
        reader.sampled("smu.voltage", since=T0, until=T0 + 1e9, every_s=1e-3)
    with closing(sqlite3.connect(reader.path)) as connection, connection:
        connection.execute("DELETE FROM samples WHERE t BETWEEN ? AND ?", (T0 + 1_000, T0 + 2_000))
    held = reader.sampled("smu.voltage", since=T0 + 900, until=T0 + 1_300, every_s=100)
    assert [*held.quality] == ["ok", "ok", "ok", "stale", "stale"]
    assert held.value[3] is None


async def test_of_a_device_that_is_away_nobody_knows(
    start: Callable[..., Notes], reader: HistoryReader
) -> None:
    notes = start()
    notes.say("voltage", (0, 1.0), (3, 1.0))
    notes.recorder._device_changed(notes.bench.devices["smu"])  # it is offline
    await until(lambda: reader.path.exists() and reader.known())
    series = reader.series("smu.voltage")
    assert [*zip(series.value, series.quality, strict=True)] == [
        (1.0, "ok"), (1.0, "ok"), (None, "missing"),
    ]  # fmt: skip
    assert series.page().numbers()[0] == [1.0, 1.0, None]


async def test_another_unit_is_another_history_and_the_newest_is_found_first(
    start: Callable[..., Notes], reader: HistoryReader
) -> None:
    notes = start()
    notes.say("kelvin", (0, 300.0), unit="K")
    notes.say("kelvin", (1, 26.8), unit="degC")
    notes.close()
    assert [each.unit for each in reader.known()] == ["degC", "K"]
    assert reader.find("smu.kelvin").value is None  # the worker ended
    assert reader.series("smu.kelvin", unit="K").value == [300.0]


async def test_the_oldest_goes_first_by_age_and_by_size(
    start: Callable[..., Notes], reader: HistoryReader
) -> None:
    notes = start(keep_s=3600.0, least_s=0.0)
    now = clock.now() - T0
    notes.say("old", (now - 7200, 1.0))
    notes.say("voltage", (now - 7200, 1.0), (now, 2.0))
    notes.close()
    assert [len(reader.series(name)) for name in ("smu.old", "smu.voltage")] == [1, 2]
    notes = start(max_bytes=1_000_000, least_s=0.0)
    for n in range(4):
        notes.say("current", *((60_000 * n + t, float(t % 1000)) for t in range(60_000)))
    notes.close()
    with closing(open_to_write(reader.path)) as connection:
        assert used_bytes(connection) <= 1_000_000 + 60_000 * 40  # and one batch
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert reader.find("smu.current").first > T0 + 60_000


async def test_a_file_that_is_none_is_put_aside_and_a_newer_one_left_alone(
    start: Callable[..., Notes], reader: HistoryReader, caplog: pytest.LogCaptureFixture
) -> None:
    reader.path.write_bytes(b"no database" * 1000)
    with pytest.raises(RunError, match="cannot be read"):
        reader.known()
    notes = start()
    notes.say("voltage", (0, 1.0))
    notes.close()
    assert len(reader.series("smu.voltage")) == 2
    (aside,) = reader.path.parent.glob("history-unreadable-*")
    assert aside.read_bytes().startswith(b"no database")
    assert "could not be read" in caplog.text
    with closing(sqlite3.connect(reader.path)) as connection, connection:
        connection.execute("UPDATE meta SET value = '9' WHERE key = 'version'")
    notes = start()
    notes.say("voltage", (9, 3.0))
    notes.close()
    assert "format 9" in caplog.text
    with pytest.raises(RunError, match="format 9"):
        reader.known()


async def test_a_full_disk_costs_what_came_meanwhile_and_one_warning(
    start: Callable[..., Notes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "small", megabytes=1) as disk:
        if not disk.is_mounted:
            pytest.skip("no disk of its own can be mounted here")
        notes = start(disk.folder / FILE_NAME, least_s=0.0)
        notes.say("voltage", (0, 1.0))
        await until(lambda: (disk.folder / FILE_NAME).exists())
        reader = HistoryReader(disk.folder / FILE_NAME)
        await until(reader.known)
        disk.fill()
        for n in range(3):
            notes.say("current", *((1000 * n + t, float(t % 7)) for t in range(1000)))
            await asyncio.sleep(0.02)
        await until(lambda: "cannot be written" in caplog.text)
        disk.empty()
        for n in range(1000):
            if "is written again" in caplog.text:
                break
            notes.say("voltage", (10 + n, float(n)))
            await asyncio.sleep(0.02)
        notes.close()
        assert caplog.text.count("cannot be written") == 1
        assert reader.series("smu.voltage").value[0] == 1.0


async def test_a_disk_that_does_not_answer_keeps_nobody_waiting(
    start: Callable[..., Notes], reader: HistoryReader
) -> None:
    """Another program holds the file: values wait for it, and whoever notes them does not."""
    notes = start(least_s=0.0)
    notes.say("voltage", (0, 0.0))
    await until(lambda: reader.path.exists() and reader.known())
    with closing(sqlite3.connect(reader.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        notes.say("voltage", *((t, float(t)) for t in range(1, 1000)))
        await asyncio.sleep(0.1)  # a batch is being written by now, and waits
        notes.say("voltage", (1000, 1000.0))
        assert notes.recorder._writer._waiting > 0
        other.execute("ROLLBACK")
    await until(lambda: len(reader.series("smu.voltage")) == 1001)


SCRIPT = """
import asyncio, sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from tests.history.test_recorder import Notes

async def main():
    notes = Notes(Path({file!r}), least_s=0.0)
    for n in range(10**9):
        notes.say("voltage", (n, float(n)))
        await asyncio.sleep(0.001)

asyncio.run(main())
"""


def test_a_history_survives_kill_nine_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    root = str(Path(__file__).resolve().parents[2])
    script = SCRIPT.format(path=[root], file=str(path))
    process = subprocess.Popen([sys.executable, "-c", script])
    reader = HistoryReader(path)
    try:
        eventually(lambda: path.exists() and _count(reader) > 20)
    finally:
        process.kill()
        process.wait()
    values = reader.series("smu.voltage").value
    assert values == [float(n) for n in range(len(values))]  # without a gap
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _count(reader: HistoryReader) -> int:
    try:
        return len(reader.series("smu.voltage"))
    except RunError:
        return 0
