"""Numbered patches: few of them, in order, nothing lost that must not be."""

import asyncio
import itertools
import time
from typing import Any

import msgspec

from funcnodes.workers import schema
from funcnodes.workers.publisher import Publisher

from ..waiting import patience

decode = msgspec.msgpack.Decoder(schema.FromWorkerLink).decode


class Wire:
    """What went out."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.patch = asyncio.Event()
        self.linked = True
        self.times: list[float] = []

    def __call__(self, data: bytes) -> bool:
        if self.linked:
            self.messages.append(decode(data))
            self.times.append(asyncio.get_running_loop().time())
            self.patch.set()
        return self.linked


def gone(name: str) -> schema.NodeGone:
    return schema.NodeGone(id=name)


async def test_ten_thousand_values_make_one_patch_with_the_last() -> None:
    """At most 30 patches a second: cost is counted in patches."""
    out = Wire()
    publisher = Publisher("s", out, interval_s=0.01)
    values: dict[str, int] = {}
    for number in range(10_000):
        values["port"] = number
        publisher.mark("value", lambda: [gone(str(values["port"]))])
    await asyncio.wait_for(out.patch.wait(), patience())
    assert [each.events[0].id for each in out.messages] == ["9999"]


async def test_patches_keep_their_distance() -> None:
    out = Wire()
    publisher = Publisher("s", out, interval_s=0.05)
    for number in range(4):
        out.patch.clear()
        publisher.put(gone(str(number)))
        await asyncio.wait_for(out.patch.wait(), patience())
    gaps = [later - earlier for earlier, later in itertools.pairwise(out.times)]
    assert min(gaps) > 0.045


async def test_events_keep_their_order_and_marks_their_first_place() -> None:
    out = Wire()
    publisher = Publisher("s", out)
    publisher.mark("a", lambda: [gone("old")])
    publisher.put(gone("1"))
    publisher.put(gone("2"))
    publisher.mark("a", lambda: [gone("new")])
    publisher.flush()
    assert [each.id for each in out.messages[0].events] == ["new", "1", "2"]


async def test_an_answer_comes_after_what_it_brought_about() -> None:
    out = Wire()
    publisher = Publisher("s", out)
    publisher.put(gone("1"))
    publisher.answer(schema.Ack(id=1, rev=0))
    assert [type(each) for each in out.messages] == [schema.Patch, schema.Ack]


async def test_numbers_show_a_gap_where_something_was_let_go() -> None:
    out = Wire()
    publisher = Publisher("s", out)
    publisher.put(gone("1"))
    publisher.flush()
    publisher.put(gone("2"))
    publisher.unlink()
    publisher.put(gone("3"))
    publisher.link()
    publisher.put(gone("4"))
    publisher.flush()
    assert [each.seq for each in out.messages] == [1, 4]
    assert [each.id for each in out.messages[1].events] == ["4"]


async def test_what_is_noted_once_is_told_after_the_link_is_back() -> None:
    """A mark dropped with the link would never be made again: values would stand still."""
    out = Wire()
    built: list[str] = []
    publisher = Publisher("s", out)
    publisher.mark("value", lambda: built.append("built") or [gone("newest")])
    publisher.unlink()
    publisher.flush()
    assert not built  # nothing is built while nobody is linked
    publisher.link()
    await asyncio.wait_for(out.patch.wait(), patience())
    assert [each.id for each in out.messages[0].events] == ["newest"]


async def test_what_takes_long_to_tell_is_told_less_often() -> None:
    """The nodes keep nine tenths of the time, up to a quarter of a second between two patches."""
    out = Wire()
    publisher = Publisher("s", out, interval_s=0.001)

    def slow() -> list[schema.PatchEvent]:
        ends = time.perf_counter() + 0.01
        while time.perf_counter() < ends:
            pass
        return [gone("1")]

    for _ in range(3):
        out.patch.clear()
        publisher.mark("slow", slow)
        await asyncio.wait_for(out.patch.wait(), patience())
    gaps = [later - earlier for earlier, later in itertools.pairwise(out.times)]
    assert min(gaps) > 0.09


async def test_nothing_is_sent_after_the_end() -> None:
    out = Wire()
    publisher = Publisher("s", out, interval_s=0.001)
    publisher.put(gone("1"))
    publisher.close()
    publisher.put(gone("2"))
    publisher.flush()
    assert len(out.messages) == 1


async def test_one_part_that_fails_takes_no_other_event_with_it() -> None:
    out = Wire()
    publisher = Publisher("s", out)

    def broken() -> list[schema.PatchEvent]:
        raise ValueError("somebody else's __str__")

    publisher.put(gone("1"))
    publisher.mark("broken", broken)
    publisher.put(schema.NodeGone(id=object()))  # type: ignore[arg-type]  # what is no event
    publisher.put(gone("2"))
    publisher.flush()
    assert [each.id for each in out.messages[0].events] == ["1", "2"]
