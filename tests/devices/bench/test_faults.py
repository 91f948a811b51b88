"""The lines of reliability.md that concern a device, on a bench, over real wires.

Each runs four times where the wire matters: our own TCP and serial transports, and pyvisa over
both. The instrument is a small one of the test's own, on a socket or a pseudo-terminal that can
be pulled out. What a single link must stand is in test_link.
"""

import asyncio
import errno
import os
import subprocess
import sys
import time
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.core.types import Range
from funcnodes.devices import Bench, Device, Idn, ScpiDevice, control, driver
from funcnodes.devices.addresses import Address, parse
from funcnodes.devices.addresses.lease import Lease, holder_of
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.declarations import drivers
from funcnodes.errors import (
    DeviceClosed,
    DeviceConnectError,
    DeviceTimeout,
    IdentityError,
    ReplyError,
)

from ...waiting import patience, until, within

Limit = Callable[[float], float]

ROUTES = ["tcp", "pty", "visa tcp", "visa pty"]
IDN = "ACME,ONE,7,1.0"


@driver("acme.one", title="ACME One", match=Idn("ACME", "ONE"), errors="", timeout_s=0.5)
class One(ScpiDevice):
    """A source with a level and an output."""

    level = control(float, "LEV?", "LEV {v:.9g}", unit="V", limits=Range(0, 10))
    output = control(bool, "OUTP?", "OUTP {v:d}", safe=False)


class Box:
    """An instrument in a box that can be unplugged: a TCP port, or a terminal under one name.

    Answers as `replies` says; a function may break the line. `received` holds every command.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.is_visa = kind.startswith("visa")
        self.is_pty = kind.endswith("pty")
        self.path = folder / "box"
        self.replies: dict[str, str | Callable[[], bytes | None] | None] = {
            "*IDN?": IDN, "LEV?": "1.5", "OUTP?": "0",
        }  # fmt: skip
        self.received: list[str] = []
        self._port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._master = self._slave = -1
        self._line = b""

    @property
    def bare_address(self) -> str:
        if self.is_pty:
            return f"ASRL{self.path}::INSTR"
        return f"TCPIP0::127.0.0.1::{self._port}::SOCKET"

    @property
    def address(self) -> str:
        return f"visa:{self.bare_address}" if self.is_visa else self.bare_address

    @property
    def terminal(self) -> Address:
        """Where the name of a pseudo-terminal leads to now."""
        return parse(f"serial:{self.path.resolve()}")

    async def plug(self) -> None:
        if not self.is_pty:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        fresh = self.path.with_name("fresh")
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.rename(self.path)
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    async def plug_elsewhere(self) -> None:
        """Take the cable to another terminal, to which the name leads from then on."""
        old = self._master, self._slave
        asyncio.get_running_loop().remove_reader(self._master)
        await self.plug()
        for descriptor in old:
            os.close(descriptor)

    async def unplug(self) -> None:
        if self._server is not None:
            self._server.close()
            self.hang_up()
            await self._server.wait_closed()
            self._server = None
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            os.close(self._slave)
            self._master, self._line = -1, b""

    def hang_up(self) -> None:
        for writer in tuple(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                writer.write(self._answer(line) or b"")
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _readable(self) -> None:
        try:
            self._line += os.read(self._master, 4096)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EAGAIN):
                raise
            return
        while b"\n" in self._line:
            line, _, self._line = self._line.partition(b"\n")
            data = self._answer(line)
            with suppress(BlockingIOError):  # the terminal holds some kilobytes; the rest is lost
                os.write(self._master, data or b"")

    def _answer(self, line: bytes) -> bytes | None:
        command = line.decode().strip()
        if not command:
            return None
        self.received.append(command)
        reply = self.replies.get(command)
        if callable(reply):
            return reply()
        return None if reply is None else reply.encode() + b"\n"


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with drivers.lent(One):
        yield


@pytest_asyncio.fixture(params=ROUTES)
async def box(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Box]:
    box = Box(request.param, tmp_path)
    await box.plug()
    yield box
    await box.unplug()


def bench_on(box: Box, **options: Any) -> Bench:
    """A bench with the box as its only device."""
    given = {key: options.pop(key) for key in ("serial", "timeout_s", "driver") if key in options}
    config = DeviceConfig("one", **{"driver": "acme.one", "address": box.address, **given})
    return Bench(BenchConfig("b", devices={"one": config}), **options)


@contextmanager
def taking(least: float, most: float) -> Iterator[None]:
    """Check that what is within takes that many seconds."""
    began = time.monotonic()
    yield
    assert least <= time.monotonic() - began <= most


async def level(device: Device) -> float:
    return float((await device.member_get("level")).value)


# ── who answers ───────────────────────────────────────────────────────────────────────────


async def test_an_instrument_that_was_unplugged_is_gone_within_1_s_and_back_within_5_s(
    box: Box, limit: Limit
) -> None:
    async with bench_on(box) as bench:
        one = bench.devices["one"]
        assert await level(one) == 1.5
        await box.unplug()
        with taking(0, limit(1)):
            await until(lambda: not one.is_online)
            with suppress(DeviceConnectError, DeviceClosed):
                await level(one)
            await until(lambda: one.state in ("offline", "fault"))
        box.replies["LEV?"] = "2.5"
        await box.plug()
        with taking(0, limit(5)):
            await until(lambda: one.state == "idle")
        assert one.newest("level").value == 2.5  # type: ignore[union-attr]
        assert not [command for command in box.received if not command.endswith("?")]


async def test_another_unit_in_its_place_is_refused_until_the_old_one_is_back(box: Box) -> None:
    """By serial number, not by the name of the port."""
    async with bench_on(box) as bench:
        one = bench.devices["one"]
        await box.unplug()
        await until(lambda: not one.is_online)
        box.replies["*IDN?"] = "ACME,ONE,8,1.0"
        before = len(box.received)
        await box.plug()
        await until(lambda: "its serial number is '8', not '7'" in one.message)
        with pytest.raises(IdentityError, match="is offline: another instrument answers"):
            await one.member_set("output", True)
        assert set(box.received[before:]) <= {"*IDN?"}
        await box.unplug()
        box.replies["*IDN?"] = "ACME,ONE,7,2.0"
        await box.plug()
        await until(lambda: one.state == "idle")
        assert one.identity.firmware == "2.0"


async def test_the_wrong_model_and_the_wrong_serial_number_are_told_nothing(box: Box) -> None:
    box.replies["*IDN?"] = "ACME,TWO,7,1.0"
    async with bench_on(box) as bench:
        assert "ACME TWO answers, for which the driver acme.one is not made" in (
            bench.devices["one"].message
        )
    box.replies["*IDN?"] = IDN
    async with bench_on(box, serial="9") as bench:
        assert "serial number 7 answers, the bench asks for 9" in bench.devices["one"].message
    assert set(box.received) == {"*IDN?"}


# ── whose it is ───────────────────────────────────────────────────────────────────────────

OTHER = """
import asyncio, sys
from pathlib import Path
from funcnodes.devices import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig

async def main(address, locks):
    device = DeviceConfig("mine", "scpi", address)
    config = BenchConfig("other", devices={"mine": device})
    async with Bench(config, lock_dir=Path(locks), owner="bench two") as bench:
        print(bench.devices["mine"].state, bench.devices["mine"].message, flush=True)
        await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("box", ["tcp", "visa pty"], indirect=True)
async def test_of_two_workers_one_gets_it_and_the_other_when_that_is_killed(
    box: Box, tmp_path: Path
) -> None:
    """Whichever way the address is written: the other one uses our own transports."""
    locks = tmp_path / "locks"
    box.replies |= {"*STB?": "0", ":SYST:ERR?": "0,none"}
    arguments = [sys.executable, "-c", OTHER, box.bare_address, str(locks)]
    other = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE)
    assert other.stdout is not None
    async with asyncio.timeout(patience()):
        assert (await other.stdout.readline()).strip() == b"idle"
    before = len(box.received)
    async with bench_on(box, lock_dir=locks, owner="bench one") as bench:
        one = bench.devices["one"]
        assert one.state == "offline"
        assert f"worker 'bench two' (process {other.pid}) holds it as 'mine'" in one.message
        assert len(box.received) == before
        other.kill()
        await other.wait()
        await until(lambda: one.state == "idle")
        holder = holder_of(locks, parse(box.bare_address))
        assert holder is not None
        assert holder.worker == "bench one"
    Lease.acquire(locks, parse(box.bare_address), device="x", worker="y").release()


@pytest.mark.parametrize("box", ["pty", "visa pty"], indirect=True)
async def test_the_lease_follows_an_adapter_that_comes_back_under_another_name(
    box: Box, tmp_path: Path
) -> None:
    """A name by-id leads to another terminal than before."""
    locks = tmp_path / "locks"
    async with bench_on(box, lock_dir=locks, owner="me") as bench:
        old = box.terminal
        await box.plug_elsewhere()
        new = box.terminal
        assert new.key != old.key
        await until(lambda: holder_of(locks, new) is not None)
        await until(lambda: bench.devices["one"].state == "idle")
        assert holder_of(locks, old) is None
    assert holder_of(locks, new) is None


# ── what it answers ───────────────────────────────────────────────────────────────────────


async def test_a_hanging_instrument_times_out_in_time_and_its_late_reply_reaches_nobody(
    box: Box, limit: Limit
) -> None:
    async with bench_on(box) as bench:
        one = bench.devices["one"]
        await level(one)
        box.replies["LEV?"] = None
        with taking(0.45, limit(0.6)), pytest.raises(DeviceTimeout, match=r"'LEV\?' in 0\.5 s"):
            await level(one)
        if box.is_pty:
            os.write(box._master, b"9.9\n")  # on TCP the old connection is gone with its reply
        box.replies["LEV?"] = "2.5"
        assert [await level(one) for _ in range(5)] == [2.5] * 5


async def test_what_fails_while_it_is_set_up_names_the_question(tmp_path: Path) -> None:
    """Not `*IDN?`, which was answered."""
    box = Box("tcp", tmp_path)
    await box.plug()
    device = bench_on(box).devices["one"]
    box.replies["LEV?"] = "hello"
    with pytest.raises(ReplyError, match=r"'hello' is not a number \(during 'LEV\?'\)\.$") as found:
        await device.connect()
    assert found.value.command == "LEV?"
    await device.disconnect()
    box.replies["LEV?"] = None
    with pytest.raises(DeviceConnectError, match=r"no reply to 'LEV\?' in 2\.5 s") as silent:
        await device.connect()
    assert silent.value.command == "LEV?"
    await device.disconnect()
    await box.unplug()


async def test_a_line_that_breaks_mid_reply_is_reopened_and_the_write_not_repeated(
    box: Box,
) -> None:
    async with bench_on(box) as bench:
        one = bench.devices["one"]

        def half() -> bytes:
            loop = asyncio.get_running_loop()
            loop.call_later(0.02, lambda: gone.append(loop.create_task(box.unplug())))
            return b"1."

        gone: list[asyncio.Task[None]] = []
        box.replies["LEV?"] = "3"
        await one.member_set("level", 3)
        box.replies["LEV?"] = half
        with pytest.raises((DeviceClosed, DeviceConnectError, DeviceTimeout), match="one "):
            await level(one)
        await asyncio.gather(*gone)
        box.replies["LEV?"] = "3"
        await box.plug()
        await until(lambda: one.state == "idle")
        assert await level(one) == 3
        assert box.received.count("LEV 3") == 1


async def test_an_endless_reply_is_bounded_and_the_next_answer_is_right(box: Box) -> None:
    async with bench_on(box) as bench:
        one = bench.devices["one"]
        size = 3000 if box.is_pty else 3_000_000
        box.replies["LEV?"] = lambda: b"8" * size
        with pytest.raises((ReplyError, DeviceTimeout)):
            await level(one)
        box.replies["LEV?"] = "2.5"
        await until(lambda: one.state == "idle")
        assert [await level(one) for _ in range(3)] == [2.5] * 3


@pytest.mark.timing
@pytest.mark.parametrize("kind", ["", "visa:"])
async def test_while_one_hangs_the_others_are_as_quick_as_before(
    simulator: Any, tmp_path: Path, kind: str
) -> None:
    resources = {name: kind + address for name, address in simulator.resources.items()}
    async with Bench.builtin("demo", resources) as bench:
        smu, tc = bench.devices["smu"], bench.devices["tc"]

        async def median_s() -> float:
            times = []
            for _ in range(9):
                began = time.monotonic()
                await smu.member_get("voltage")
                times.append(time.monotonic() - began)
            return sorted(times)[4]

        alone = await median_s()
        simulator.fault("tc", "mute")
        hanging = asyncio.create_task(tc.member_get("a.kelvin"))
        await asyncio.sleep(0.02)
        beside = await median_s()
        assert not hanging.done()
        assert beside < alone * 2 + within(0.01)
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)


@pytest.mark.parametrize("box", ["tcp"], indirect=True)
@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
async def test_a_step_of_the_wall_clock_changes_no_timeout(
    box: Box, monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    """By an hour, either way, in the middle of a question that nobody answers."""
    async with bench_on(box) as bench:
        box.replies["LEV?"] = None
        asked = box.received.count("LEV?")
        asking = asyncio.create_task(level(bench.devices["one"]))
        await until(lambda: box.received.count("LEV?") > asked)
        wall = time.time
        monkeypatch.setattr(time, "time", lambda: wall() + step_s)
        with taking(0.3, patience()), pytest.raises(DeviceTimeout):
            await asking
