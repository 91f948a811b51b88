"""Every byte of a device's wire is in its ring, once, and the ring stays bounded."""

import asyncio
import threading
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from funcnodes.devices.addresses import parse
from funcnodes.devices.link import Link
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.messages.traffic import LONGEST, Exchange, Filter, Traffic, line, shown
from funcnodes.devices.transports.base import Transport
from funcnodes.devices.transports.recording import Recording
from funcnodes.devices.transports.tcp import TcpTransport
from funcnodes.errors import DeviceClosed, DeviceError, DeviceTimeout

from ...waiting import patience

QUICK = Protocol(errors="", timeout_s=0.1, connect_s=0.5)


def link_to(gadget: Any, protocol: Protocol = QUICK) -> Link:
    return Link("gadget", TcpTransport(parse(gadget.address)), protocol)


def passed(link: Link, *directions: str) -> list[tuple[str, bytes]]:
    return [(e.direction, e.data) for e in link.traffic.last() if e.direction in directions]


async def test_what_is_said_and_answered_is_there_once(gadget: Any) -> None:
    link = link_to(gadget)
    await link.open()
    await link.query("X?")
    await link.write("Y 1")
    await link.close()
    where = ("open", gadget.address.encode())
    assert passed(link, "open", "out", "in", "close") == [
        where, ("out", b"*IDN?\n"), ("in", b"ACME,ONE,7,1.0\n"), ("out", b"X?\n"),
        ("in", b"1.5\n"), ("out", b"Y 1\n"), ("close", b""),
    ]  # fmt: skip
    stamps = [each.mono for each in link.traffic.last()]
    assert stamps == sorted(stamps)


async def test_half_a_reply_is_there_although_nobody_gets_it(gadget: Any) -> None:
    """The link opens anew after a time-out: what was in the old channel is dropped, and told."""
    gadget.replies.update({"*IDN?": "ACME,ONE,7,1.0\r", "X?": "1.5\r", "HALF?": "1.2"})
    link = link_to(gadget, Protocol(reply_eol="\r\n", errors="", timeout_s=0.1, connect_s=0.5))
    await link.open()
    with pytest.raises(DeviceTimeout):
        await link.query("HALF?")
    assert await link.query("X?") == "1.5"
    assert passed(link, "silence", "drop", "note", "close", "open")[1:] == [
        ("silence", b""), ("note", b"no reply to 'HALF?' in 0.1 s"), ("drop", b"1.2\n"),
        ("close", b""), ("open", gadget.address.encode()),
    ]  # fmt: skip
    await link.close()


async def test_emergency_bytes_of_another_thread_are_there(gadget: Any) -> None:
    """S3: written past any queue, by whoever is quickest."""
    link = link_to(gadget)
    await link.open()
    thread = threading.Thread(target=link.strike, args=(b"\nOUTP OFF\n",))
    thread.start()
    thread.join()
    assert passed(link, "stop") == [("stop", b"\nOUTP OFF\n")]
    await link.close()


async def test_a_loss_and_the_reconnection_are_told(gadget: Any) -> None:
    link = link_to(gadget)
    await link.open()
    lost = asyncio.Event()
    link.traffic.watch(lambda each: lost.set() if each.direction == "close" else None)
    gadget.drop()
    await asyncio.wait_for(lost.wait(), patience())
    assert await link.query("X?") == "1.5"
    kinds = [kind for kind, _ in passed(link, "open", "close")]
    assert kinds == ["open", "close", "open"]
    assert b"closed the connection" in passed(link, "close")[0][1]
    await link.close()


class Tap:
    """A TCP instrument that keeps every byte that it gets and gives, and says junk at times."""

    def __init__(self, answers: list[bytes]) -> None:
        self.got = b""
        self.gave = b""
        self._answers = iter(answers)
        self._serving: set[asyncio.Task[None] | None] = set()

    async def __aenter__(self) -> "Tap":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"tcp:127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        async with asyncio.timeout(patience()):
            await asyncio.gather(*filter(None, self._serving))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.current_task())
        while data := await reader.read(4096):
            self.got += data
            answer = b"ACME,ONE,7,1.0\n" if b"*IDN?" in data else next(self._answers, b"1\n")
            self.gave += answer
            writer.write(answer)
        writer.close()


@settings(max_examples=15)
@given(
    answers=st.lists(
        st.sampled_from([b"1\n", b"1\n2\n", b"half", b"\xff\n", b"", b"#!\n3", b"\n"]), max_size=6
    )
)
async def test_every_byte_of_the_wire_is_there_whatever_the_instrument_says(
    answers: list[bytes],
) -> None:
    """Written and read, doubled, halved, garbled, late, and in an emergency."""
    quick = Protocol(errors="", timeout_s=0.02, connect_s=0.5)
    async with Tap(answers) as tap:
        link = Link("tap", TcpTransport(parse(tap.address)), quick)
        await link.open()
        for n in range(len(answers)):
            with suppress(DeviceError):
                await link.query(f"Q{n}?")
        link.strike(b"\nOFF\n")
        link.after_strike()
        await link.close()
    went = b"".join(data for _, data in passed(link, "out", "stop"))
    came = b"".join(data for _, data in passed(link, "in", "drop"))
    assert went == tap.got
    assert came == tap.gave


def test_a_recording_channel_passes_on_all_that_a_channel_can() -> None:
    """One thing left out would do nothing, quietly."""
    can = {name for name in vars(Transport) if not name.startswith("_")}
    copied = {
        "interrupt_s", "fresh_on_open", "has_marker", "has_service_request", "hears_unasked",
        "is_shared",
    }  # fmt: skip
    assert can - set(vars(Recording)) <= copied
    inner = TcpTransport(parse("tcp:127.0.0.1:1"))
    inner.interrupt_s, inner.fresh_on_open, inner.has_service_request = 0.7, False, True
    outer = Recording(inner, Traffic())
    assert (outer.interrupt_s, outer.fresh_on_open, outer.has_service_request) == (0.7, False, True)


async def test_a_channel_that_cannot_be_opened_is_a_note() -> None:
    traffic = Traffic()
    channel = Recording(TcpTransport(parse("tcp:127.0.0.1:1")), traffic)
    with pytest.raises(Exception, match="refused"):
        await channel.open()
    (note,) = traffic.last()
    assert (note.direction, b"refused" in note.data) == ("note", True)
    with pytest.raises(DeviceClosed):
        await channel.write(b"X\n")


def test_the_ring_is_bounded_in_entries_and_in_bytes() -> None:
    ring = Traffic(depth=10, depth_bytes=100)
    for n in range(50):
        ring.out(b"%02d" % n * 10)
    assert [each.data[:2] for each in ring.last()] == [b"45", b"46", b"47", b"48", b"49"]
    assert (ring.bytes, ring.count) == (100, 50)
    for _ in range(20):
        ring.out(b"")
    assert len(ring.last()) == 10
    assert ring.bytes == 0


def test_of_a_long_block_the_ring_keeps_the_beginning_and_a_recorder_gets_it_whole() -> None:
    ring, heard = Traffic(), list[bytes]()
    ring.come(memoryview(bytearray(b"x" * (LONGEST + 1))))
    ring.watch(lambda each: heard.append(each.data))
    ring.come(memoryview(bytearray(b"y" * (LONGEST + 1))))
    assert heard == [b"y" * (LONGEST + 1)]
    block, note = ring.last(2)
    assert (block.direction, block.data) == ("in", b"y" * LONGEST)
    assert note.data == b"65537 bytes in all; a recording keeps them, here are the first 65536"


async def test_a_block_that_breaks_off_is_there_as_far_as_it_came(gadget: Any) -> None:
    link = link_to(gadget)
    await link.open()
    gadget.replies["RAW?"] = "#520000" + "x" * 10_000
    with pytest.raises(DeviceTimeout):
        await link.transact("RAW?", lambda wire: wire.query_block("RAW?", limit=30_000))
    assert await link.query("X?") == "1.5"
    dropped = b"".join(data for _, data in passed(link, "drop"))
    assert dropped.endswith(b"x" * 10_000 + b"\n")
    await link.close()


def test_entries_are_filtered_by_kind_text_time_and_latency() -> None:
    entries = [
        Exchange(1.0, "out", b":SOUR:VOLT 1\n"), Exchange(2.0, "out", b"*IDN?\n"),
        Exchange(3.0, "in", b"ACME\n", 0.5), Exchange(4.0, "in", b"1\n", 20.0),
    ]  # fmt: skip
    assert Filter().of(entries) == entries
    assert Filter(frozenset({"in"})).of(entries) == entries[2:]
    assert Filter(match="sour:volt").of(entries) == entries[:1]
    assert Filter(match="*IDN?").of(entries) == entries[1:2]
    assert Filter(since=3.0, slower_than_ms=1.0).of(entries) == entries[3:]
    ring = Traffic()
    ring.out(b"A\n")
    ring.note("what befell it")
    assert [each.data for each in ring.last(wanted=Filter(match="befell"))] == [b"what befell it"]
    assert ring.last(0) == []


def test_an_entry_reads_as_a_line() -> None:
    text = line(Exchange(0.25, "in", b"1\xff\x00\r\n", 3.04), "smu")
    assert text.endswith(r"smu      < 1\xff\x00\r\n  (3.0 ms)")
    assert ".250  " in text
    assert shown(b"x" * 200) == "x" * 120 + "… (200 bytes)"


def test_whoever_stops_watching_hears_no_more() -> None:
    ring, heard = Traffic(), list[bytes]()
    forget = ring.watch(lambda each: heard.append(each.data))
    ring.out(b"A")
    forget()
    ring.out(b"B")
    assert heard == [b"A"]
