"""What is asked wrongly, and what answers wrongly: each a typed error that says what, where, why.

On real wires: a TCP instrument under the test's control, the simulated bench, terminals. Each row
is one thing that goes wrong; what the error must carry is the same for all.
"""

import asyncio
import os
import pty
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from funcnodes.devices.addresses import parse
from funcnodes.devices.addresses.lease import Lease
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.declarations.drivers import Idn, ScpiDevice, driver, lent
from funcnodes.devices.declarations.words import control, measurement
from funcnodes.devices.transports.serial import SerialTransport
from funcnodes.errors import (
    BenchError,
    DeviceBusyError,
    DeviceClosed,
    DeviceConnectError,
    DeviceError,
    DeviceTimeout,
    IdentityError,
    InstrumentError,
    LimitError,
    RefusedError,
    ReplyError,
    ValueRefusedError,
)

from ...waiting import patience


@driver("acme.one", title="ACME ONE", match=Idn("ACME", "ONE"), timeout_s=0.2)
class One(ScpiDevice):
    volts = control(float, "VOLT?", "VOLT {v:g}", unit="V")
    label = control(str, "LABEL?", "LABEL '{v}'")
    amps = measurement(float, "AMPS?", unit="A")


@pytest.fixture
def one(gadget: Any) -> Callable[..., Bench]:
    """A bench with the gadget as `one`."""
    gadget.replies.update({"VOLT?": "1", "LABEL?": "a", "AMPS?": "0.5"})

    def bench(**options: Any) -> Bench:
        config = DeviceConfig("one", options.pop("driver", "acme.one"), gadget.address, **options)
        with lent(One):
            return Bench(BenchConfig("lab", devices={"one": config}))

    return bench


Act = Callable[[Bench], Awaitable[Any]]


@dataclass(frozen=True)
class Case:
    """One thing that goes wrong.

    Attributes:
        replies: What the instrument answers differently.
        options: Of the device on the bench.
        act: What is done.
        error: What comes of it.
        words: What its message says.
        command: The command that it names.
    """

    act: Act
    error: type[DeviceError]
    words: str
    replies: dict[str, Any]
    options: dict[str, Any]
    command: str = ""


def case(
    act: Act, error: type[DeviceError], words: str, *, command: str = "",
    replies: dict[str, Any] | None = None, **options: Any,
) -> Case:  # fmt: skip
    return Case(act, error, words, replies or {}, options, command)


def connect(bench: Bench) -> Awaitable[Any]:
    return bench.device("one").connect()


def read(member: str) -> Act:
    async def act(bench: Bench) -> None:
        await bench.device("one").connect()
        await bench.device("one").member_get(member)

    return act


def put(member: str, value: Any) -> Act:
    async def act(bench: Bench) -> None:
        await bench.device("one").connect()
        await bench.device("one").member_set(member, value)

    return act


CASES = {
    "another model": case(
        connect, IdentityError,
        "ACME TWO answers, for which the driver acme.one is not made: its model is 'TWO'",
        replies={"*IDN?": "ACME,TWO,7,1.0"}, command="*IDN?",
    ),
    "another serial number": case(
        connect, IdentityError, "serial number 7 answers, the bench asks for 8", serial="8",
        command="*IDN?",
    ),
    "no identification": case(
        connect, DeviceError, "no reply to '*IDN?'", replies={"*IDN?": None},
        command="*IDN?",
    ),
    "over the limit": case(
        put("volts", 31), LimitError, "volts cannot be set to 31 V, which is outside 0 to 30 V",
        limits={"volts": (0, 30)},
    ),
    "garbage": case(
        read("amps"), ReplyError, "'#!~' is not a number", replies={"AMPS?": "#!~"},
        command="AMPS?",
    ),
    "another's reply": case(
        read("amps"), ReplyError, "'ACME,ONE,7,1.0' is not a number",
        replies={"AMPS?": "ACME,ONE,7,1.0"}, command="AMPS?",
    ),
    "half a number": case(
        read("amps"), ReplyError, "'0.5E' is not a number", replies={"AMPS?": "0.5E"},
        command="AMPS?",
    ),
    "no text": case(
        read("amps"), ReplyError, "no text", replies={"AMPS?": "\xe9\xff"}, command="AMPS?",
    ),
    "too much": case(
        read("amps"), ReplyError, "bytes came without an end of line",
        replies={"AMPS?": "9" * (3 << 20)}, command="AMPS?", timeout_s=5.0,
    ),
    "silence": case(
        read("amps"), DeviceTimeout, "no reply to 'AMPS?' in 0.2 s", replies={"AMPS?": None},
        command="AMPS?",
    ),
    "an error of its own": case(
        put("volts", 2), InstrumentError, "'VOLT 2' was answered by error -222, 'Out of range'",
        replies={":SYST:ERR?": iter(['0,""', '-222,"Out of range"'])}, command="VOLT 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_the_error_says_what_where_and_why(
    name: str, gadget: Any, one: Callable[..., Bench]
) -> None:
    """Type, device, address and command for programs; one plain sentence for people."""
    wrong = CASES[name]
    gadget.replies.update(wrong.replies)
    gadget.replies[":SYST:ERR?"] = Queue(wrong.replies.get(":SYST:ERR?", ()))
    bench = one(**wrong.options)
    with pytest.raises(wrong.error, match=re.escape(wrong.words)) as caught:
        await wrong.act(bench)
    await bench.close()
    error = caught.value
    assert (error.device, error.address) == ("one", gadget.address)
    assert error.command == wrong.command
    assert error.message.startswith("one")
    assert "\n" not in error.message
    assert error.message.endswith(".")
    assert error.hint.endswith((".", "?"))


class Queue(str):
    """An error queue: its entries once each, then none."""

    def __new__(cls, entries: Any = ()) -> "Queue":
        made = super().__new__(cls)
        made.entries = iter(entries)  # type: ignore[attr-defined]  # a str of our own
        return made

    def encode(self, *_: Any) -> bytes:  # type: ignore[override]  # what the gadget calls
        entry: str = next(self.entries, '0,"No error"')  # type: ignore[attr-defined]  # as above
        return entry.encode()


async def test_after_each_wrong_reply_the_next_question_gets_its_own(
    gadget: Any, one: Callable[..., Bench]
) -> None:
    """Never a wrong reply: late, doubled or garbled, it reaches nobody else."""
    async with one() as bench:
        device = bench.device("one")
        for wrong in ("#!~", "0.5\n0.7", "0.5\n", None):
            gadget.replies["AMPS?"] = wrong
            try:
                await device.member_get("amps")
            except DeviceError:
                assert wrong in ("#!~", None)
            assert (await device.member_get("volts")).value == 1.0
        assert gadget.received.count("VOLT 1") == 0, "and nothing was written"


async def until_it_fails(device: Any) -> None:
    while True:
        await device.member_get("volts")
        await asyncio.sleep(0)


async def test_a_serial_number_that_changes_is_noticed_at_the_reconnection(
    gadget: Any, one: Callable[..., Bench]
) -> None:
    async with one() as bench:
        device = bench.device("one")
        gadget.replies["*IDN?"] = "ACME,ONE,8,1.0"
        gadget.drop()
        with pytest.raises(DeviceError, match="its serial number is '8', not '7'") as caught:
            await until_it_fails(device)
        assert caught.value.device == "one"
        assert device.state in ("offline", "fault")
        assert "its serial number is '8', not '7'" in device.message


async def test_nothing_from_a_user_s_string_ends_a_command(
    gadget: Any, one: Callable[..., Bench]
) -> None:
    """reliability.md: SCPI injection is refused before the wire."""
    async with one() as bench:
        device = bench.device("one")
        for bad in ("x\n*RST", "x';*RST;'", "x\r", "\x00"):
            with pytest.raises((ValueRefusedError, LimitError)) as caught:
                await device.member_set("label", bad)
            assert "one" in str(caught.value)
        for raw in ("VOLT?;*RST", "VOLT?\n*RST", "*RST", "VOLT 5"):
            with pytest.raises((ValueRefusedError, RefusedError)):
                await device.query(raw)
        assert not [text for text in gadget.received if "RST" in text or "VOLT 5" in text]


def test_a_driver_that_is_not_there_is_named_with_those_that_are() -> None:
    config = DeviceConfig("one", "acme.two", "tcp:127.0.0.1:1")
    device = Bench(BenchConfig("lab", devices={"one": config})).devices["one"]
    with pytest.raises(BenchError) as caught:
        device.member("voltage")
    assert "one cannot be used: There is no driver 'acme.two'; known are kei" in str(caught.value)
    assert caught.value.context["device"] == "one"


async def test_nobody_there_says_what_to_look_at(one: Callable[..., Bench], gadget: Any) -> None:
    await gadget.stop()
    bench = one()
    with pytest.raises(DeviceConnectError, match="connection refused") as caught:
        await connect(bench)
    await bench.close()
    assert caught.value.hint == "Is the instrument switched on and its network port enabled?"
    assert (caught.value.device, caught.value.address) == ("one", gadget.address)


async def test_a_connection_that_ends_within_a_reply_is_said(
    gadget: Any, one: Callable[..., Bench]
) -> None:
    async with one() as bench:
        gadget.replies["AMPS?"] = None
        reading = asyncio.ensure_future(bench.device("one").query("AMPS?", timeout_s=5))
        while "AMPS?" not in gadget.received:
            await asyncio.sleep(0)
        gadget.drop()
        with pytest.raises(DeviceClosed, match="closed the connection") as caught:
            await reading
        assert (caught.value.device, caught.value.command) == ("one", "AMPS?")
        assert gadget.received.count("AMPS?") == 1, "and it is not asked again by itself"


# ── ports ─────────────────────────────────────────────────────────────────────────────────


def test_a_port_without_permission_names_the_group_to_join() -> None:
    """Somebody else tries: a process that gives up its rights first."""
    ours, theirs = pty.openpty()
    os.fchown(theirs, 0, 5)
    os.fchmod(theirs, 0o620)
    code = (
        "import asyncio, os, sys\n"
        "from funcnodes.devices.addresses import parse\n"
        "from funcnodes.devices.transports.serial import SerialTransport\n"
        "import serial, grp, pwd\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try:\n"
        "    asyncio.run(SerialTransport(parse(sys.argv[1])).open())\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error.message, error.hint, sep='|')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, f"serial:{os.ttyname(theirs)}"],
        capture_output=True, text=True, timeout=patience(),
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    kind, message, hint = ran.stdout.strip().split("|")
    assert kind == "DeviceConnectError"
    assert "no permission to open /dev/pts/" in message
    assert re.match(r"Join the group \w+: `sudo usermod -aG \w+ \w+`, then log in again\.", hint)


async def test_a_port_that_another_program_has_open_is_busy() -> None:
    ours, theirs = pty.openpty()
    address = parse(f"serial:{os.ttyname(theirs)}")
    first, second = SerialTransport(address), SerialTransport(address)
    await first.open()
    with pytest.raises(DeviceBusyError) as caught:
        await second.open()
    assert caught.value.hint
    await first.close()
    await second.open()
    await second.close()
    os.close(ours)
    os.close(theirs)


async def test_an_instrument_that_a_worker_has_is_busy_and_says_whose_it_is(
    gadget: Any, tmp_path: Path
) -> None:
    lease = Lease.acquire(tmp_path, parse(gadget.address), device="dmm", worker="lab 3")
    config = BenchConfig("lab", devices={"one": DeviceConfig("one", "scpi", gadget.address)})
    bench = Bench(config, lock_dir=tmp_path)
    with pytest.raises(DeviceBusyError, match="worker 'lab 3'") as caught:
        await connect(bench)
    await bench.close()
    lease.release()
    assert (caught.value.device, caught.value.context["pid"]) == ("one", os.getpid())
    assert caught.value.hint == "Stop that worker or disconnect the device there."
