"""How an instrument has to be asked is found out, and carried over into what opens it."""

import asyncio
import os
import termios
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.devices import discovery
from funcnodes.devices.addresses import parse
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.declarations.drivers import Idn, ScpiDevice, driver, lent
from funcnodes.devices.declarations.values import measurement
from funcnodes.devices.discovery import identifying
from funcnodes.devices.link import error_queue
from funcnodes.errors import DeviceTimeout

from ...waiting import until, within


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """These instruments answer at once."""
    monkeypatch.setattr(identifying, "ANSWER_S", within(0.1))
    monkeypatch.setattr(error_queue, "PROBE_S", within(0.2))


IDN = b"ACME,METER,7,1.0"
SPEEDS = {termios.B9600: 9600, termios.B19200: 19200, termios.B57600: 57600}


class Speaker:
    """An instrument that understands one terminator and uses another, on a socket."""

    def __init__(self, eol: bytes, reply_eol: bytes, **manners: Any) -> None:
        self.eol, self.reply_eol = eol, reply_eol
        self.identity: bytes = manners.get("identity", IDN)
        self.deaf_s: float = manners.get("deaf_s", 0.0)
        self.banner: bytes = manners.get("banner", b"")
        self.openings = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.openings += 1
        with suppress(ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            with suppress(TimeoutError):
                async with asyncio.timeout(self.deaf_s):
                    while await reader.read(4096):
                        pass
            writer.write(self.banner)
            while True:
                line = await reader.readuntil(self.eol)
                replies = {b"*IDN?": self.identity, b"T?": b"23.45"}
                reply = replies.get(line.removesuffix(self.eol))
                if reply is not None:
                    writer.write(reply + self.reply_eol)
        writer.close()


@pytest_asyncio.fixture
async def speaking() -> AsyncIterator[Callable[..., Any]]:
    servers: list[asyncio.Server] = []

    async def start(eol: bytes, reply_eol: bytes, **manners: Any) -> Speaker:
        speaker = Speaker(eol, reply_eol, **manners)
        servers.append(await asyncio.start_server(speaker.serve, "127.0.0.1", 0))
        speaker.port = servers[-1].sockets[0].getsockname()[1]
        return speaker

    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    ("eol", "reply_eol", "said"),
    [
        (b"\n", b"\n", {}),
        (b"\n", b"\r\n", {}),
        (b"\n", b"\r", {"reply_eol": "cr"}),
        (b"\r\n", b"\r\n", {"eol": "crlf"}),
        (b"\r", b"\r", {"eol": "cr"}),
        (b"\r", b"\n", {"eol": "cr", "reply_eol": "lf"}),
        (b"\r", b"\r\n", {"eol": "cr", "reply_eol": "crlf"}),
    ],
)
async def test_terminators_are_found_out_per_direction(
    speaking: Callable[..., Any], eol: bytes, reply_eol: bytes, said: dict[str, str]
) -> None:
    it = await speaking(eol, reply_eol)
    found = await discovery.identify(parse(f"tcp:127.0.0.1:{it.port}"), timeout_s=within(0.1))
    assert found.identity.model == "METER"
    assert dict(found.options.said()) == said
    assert dict(found.place.options.said()) == said


@pytest.mark.parametrize("name", ["auto", "scpi"])
async def test_what_was_found_out_is_carried_into_the_opened_device(
    speaking: Callable[..., Any], name: str
) -> None:
    it = await speaking(b"\r", b"\r\n")
    config = DeviceConfig("it", name, f"127.0.0.1:{it.port}")
    if name != "auto":  # which asks itself
        found = await discovery.identify(parse(config.address), timeout_s=within(0.1))
        config = replace(config, options=found.options)
    async with Bench(BenchConfig("b", devices={"it": config})) as bench:
        device = bench.device("it")
        await until(lambda: device.is_online)
        assert await device.query("T?") == "23.45"


@driver(
    "acme.meter", title="Meter", match=Idn("ACME", "METER"), eol="\r\n", reply_eol="\r\n",
    errors="", manual="m",
)  # fmt: skip
class Meter(ScpiDevice):
    """Says itself how it is spoken to."""

    temperature = measurement(float, "T?", unit="degC")


@pytest.mark.parametrize(
    ("eol", "said"), [(b"\r\n", {}), (b"\n", {"eol": "lf"}), (b"\r", {"eol": "cr"})]
)
async def test_only_what_the_driver_does_not_know_is_carried(
    speaking: Callable[..., Any], eol: bytes, said: dict[str, str]
) -> None:
    it = await speaking(eol, eol)
    with lent(Meter):
        found = await discovery.identify(
            parse(f"tcp:127.0.0.1:{it.port}"), timeout_s=within(0.1), driver="acme.meter"
        )
        assert (found.driver, dict(found.options.said())) == ("acme.meter", said)


@pytest.mark.parametrize("identity", [b"ACME,METER", b"METER 3000"])
async def test_one_who_says_little_of_himself_is_asked_twice(
    speaking: Callable[..., Any], identity: bytes
) -> None:
    it = await speaking(b"\n", b"\n", identity=identity, banner=b"ready\n")
    found = await discovery.identify(parse(f"tcp:127.0.0.1:{it.port}"), timeout_s=within(0.1))
    assert str(found.identity).strip(",") == identity.decode()


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
async def test_characters_above_127_are_found_out(
    speaking: Callable[..., Any], encoding: str
) -> None:
    it = await speaking(b"\n", b"\n", identity="ACME,THERMO µ,7,1".encode(encoding))
    found = await discovery.identify(parse(f"tcp:127.0.0.1:{it.port}"), timeout_s=within(0.1))
    assert found.identity.model == "THERMO µ"
    assert dict(found.options.said()) == {"encoding": encoding}


@pytest.mark.parametrize(
    ("eol", "reply_eol", "options"),
    [
        (b";", b";", "eol=;"),
        (b"\x03", b"\x03", "eol=etx"),
        (b"\r", b"\0", "eol=cr&reply_eol=nul"),
        (b"#", b"\r\n;", "eol=%23&reply_eol=%0D%0A;"),
    ],
)
async def test_a_terminator_that_the_address_names_is_listened_for(
    speaking: Callable[..., Any], eol: bytes, reply_eol: bytes, options: str
) -> None:
    """Nobody could find these out."""
    it = await speaking(eol, reply_eol)
    address = parse(f"tcp:127.0.0.1:{it.port}?{options}")
    found = await discovery.identify(address, timeout_s=within(0.1))
    assert found.identity.model == "METER"
    assert dict(found.options.said()) == {}
    async with Bench(
        BenchConfig("b", devices={"it": DeviceConfig("it", "scpi", address.text)})
    ) as bench:
        await until(lambda: bench.device("it").is_online)
        assert await bench.device("it").query("T?") == "23.45"


async def test_a_board_that_reboots_when_it_is_opened_is_asked_on_one_opening(
    speaking: Callable[..., Any],
) -> None:
    it = await speaking(b"\n", b"\r\n", deaf_s=0.4, banner=b"Sensor box v1.2 ready\r\n")
    found = await discovery.identify(parse(f"tcp:127.0.0.1:{it.port}"), timeout_s=within(0.1))
    assert (found.identity.model, it.openings) == ("METER", 1)


# ── on a serial line ──────────────────────────────────────────────────────────────────────


class Line:
    """A pseudo-terminal under another name, whose instrument hears at one speed only."""

    def __init__(self, folder: Path, speed: int, *, parity: str = "none") -> None:
        self._speed, self._parity = speed, parity
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = folder / "port"
        self.path.symlink_to(os.ttyname(self._slave))
        self._got = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._master, self._hear)

    def close(self) -> None:
        self._loop.remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)

    def _hear(self) -> None:
        data = os.read(self._master, 4096)
        if SPEEDS.get(termios.tcgetattr(self._slave)[4]) != self._speed:
            os.write(self._master, b"\xff\x80\xfe")
            return
        if self._parity != "none":  # a byte that is wrong is not taken
            data = bytes(each & 0x7F for each in data if _parity(each) == self._parity)
        *lines, self._got = (self._got + data).split(b"\r")
        for line in lines:
            if line.strip() == b"*IDN?":
                os.write(self._master, self._said(IDN + b"\r"))

    def _said(self, data: bytes) -> bytes:
        if self._parity == "none":
            return data
        return bytes(each if _parity(each) == self._parity else each | 0x80 for each in data)


def _parity(byte: int) -> str:
    return "odd" if byte.bit_count() % 2 else "even"


@pytest.mark.parametrize("speed", [19200, 57600])
async def test_the_speed_is_found_out_and_carried(tmp_path: Path, speed: int) -> None:
    line = Line(tmp_path, speed)
    found = await discovery.identify(parse(str(line.path)), timeout_s=within(0.05))
    assert dict(found.options.said()) == {"baud": speed, "eol": "cr"}
    assert found.place.serial.baud == speed
    line.close()


@pytest.mark.parametrize("parity", ["even", "odd"])
async def test_seven_bits_and_a_parity_are_found_out_and_carried(
    tmp_path: Path, parity: str
) -> None:
    line = Line(tmp_path, 9600, parity=parity)
    found = await discovery.identify(parse(f"{line.path}?baud=9600"), timeout_s=within(0.1))
    said = dict(found.options.said())
    assert (said["bits"], said["parity"], said["eol"]) == (7, parity, "cr")
    line.close()


async def test_what_was_tried_is_told_where_nobody_answers(tmp_path: Path) -> None:
    line = Line(tmp_path, 300)
    with pytest.raises(DeviceTimeout, match="at 9600, 115200, 57600, 19200, 38400, 4800 baud"):
        await discovery.identify(parse(str(line.path)), timeout_s=0.01)
    line.close()
