"""What frames do with the nodes they hold: enter once, the body per point, finally always."""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from funcnodes.core import Frame, Library, Node, NodeInput, NodeOutput, NodeSpace, Pacer, Shelf
from funcnodes.core.nodes.place import Place, Section
from funcnodes.errors import (
    AwaitCycleError,
    GraphError,
    NodeCancelled,
    NodeTriggerError,
    RefusedError,
    SavedGraphError,
)

from ..waiting import patience


class Count(Frame):
    node_id = "test.frames.count"
    times = NodeInput(type=int, default=3, does_trigger=False)
    k = NodeOutput(type=int)

    def points_total(self) -> int:
        return int(self.times.value)

    async def course(self) -> AsyncGenerator[dict[str, Any], None]:
        for k in range(self.times.value):
            yield {"k": k}


class Note(Node):
    """Writes what it was given, and its name, into the journal of its nodespace."""

    node_id = "test.frames.note"
    a = NodeInput(type=int, default=0)
    turns = NodeInput(type=int, default=0, does_trigger=False)
    out = NodeOutput(type=int)

    async def func(self, a: int, turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        assert self.nodespace is not None
        journal = self.nodespace.services.get(Journal)
        assert journal is not None
        assert self.wave is not None
        journal.lines.append((self.name, a))
        if a == journal.fails_at and self.name == "bad":
            raise ValueError(f"no {a}")
        if self.name == "hang":
            journal.hanging.set()
            await asyncio.Event().wait()
        return a


class Journal:
    def __init__(self, fails_at: int | None = None) -> None:
        self.lines: list[tuple[str, int]] = []
        self.fails_at = fails_at
        self.hanging = asyncio.Event()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.lines]


LIBRARY = Library(Shelf([Count, Note]))


@pytest.fixture
def space() -> NodeSpace:
    space = NodeSpace(LIBRARY)
    space.services.provide(Journal, Journal())
    return space


def journal(space: NodeSpace) -> Journal:
    found = space.services.get(Journal)
    assert found is not None
    return found


def note(
    space: NodeSpace, name: str, frame: Frame | None = None, section: Section = "body"
) -> Note:
    node = space.add_node_instance(Note(uuid=name, name=name))
    assert isinstance(node, Note)
    if frame is not None:
        frame.hold(node, section=section)
    return node


def count(space: NodeSpace, times: int = 3, name: str = "count") -> Count:
    frame = Count(uuid=name, name=name)
    frame.times.set_value(times)
    space.add_node_instance(frame)
    return frame


async def test_enter_runs_once_the_body_per_point_and_finally_once(space: NodeSpace) -> None:
    frame = count(space)
    for section in ("finally", "body", "enter"):
        note(space, section, frame, section)  # type: ignore[arg-type]  # they are its values
    await frame
    assert journal(space).names == ["enter", "body", "body", "body", "finally"]


async def test_members_joined_by_wires_follow_each_other_and_take_the_points_values(
    space: NodeSpace,
) -> None:
    frame = count(space)
    one, two = note(space, "one", frame), note(space, "two", frame)
    frame.k.connect(one.a)
    one.out.connect(two.a)
    await frame
    assert journal(space).lines == [
        ("one", 0), ("two", 0), ("one", 1), ("two", 1), ("one", 2), ("two", 2),
    ]  # fmt: skip


async def test_a_frame_without_members_has_all_downstream_as_its_body(space: NodeSpace) -> None:
    frame = count(space)
    one, after = note(space, "one"), note(space, "after")
    frame.k.connect(one.a)
    frame.outputs["_triggeroutput"].connect(after.inputs["_triggerinput"])
    await frame
    assert journal(space).lines == [("one", 0), ("one", 1), ("one", 2), ("after", 0)]


async def test_what_comes_from_outside_is_a_parameter_and_sets_off_no_member(
    space: NodeSpace,
) -> None:
    frame = count(space, 2)
    outside, member = note(space, "outside"), note(space, "member", frame)
    outside.out.connect(member.a)
    outside.a.set_value(7)
    await space.await_done()
    member.turns.set_value(1)
    await space.await_done()
    assert journal(space).names == ["outside"]
    await frame
    assert journal(space).lines[1:] == [("member", 7), ("member", 7)]


async def test_a_value_from_another_section_is_a_parameter_too(space: NodeSpace) -> None:
    frame = count(space, 2)
    begin, body = note(space, "begin", frame, "enter"), note(space, "body", frame)
    end = note(space, "end", frame, "finally")
    begin.out.connect(body.a)
    body.out.connect(end.a)
    begin.a.set_value(5)
    await frame
    assert journal(space).lines == [("begin", 5), ("body", 5), ("body", 5), ("end", 5)]


async def test_frames_nest_and_the_inner_one_is_entered_and_finished_per_outer_point(
    space: NodeSpace,
) -> None:
    outer, inner = count(space, 2, "outer"), count(space, 2, "inner")
    outer.hold(inner)
    for name, frame in (("o", outer), ("i", inner)):
        note(space, f"{name}<", frame, "enter")
        note(space, f"{name}>", frame, "finally")
    body = note(space, "body", inner)
    inner.k.connect(body.a)
    await outer
    point = ["i<", "body", "body", "i>"]
    assert journal(space).names == ["o<", *point, *point, "o>"]


async def test_finally_runs_when_a_point_fails_and_the_failure_is_what_is_raised(
    space: NodeSpace,
) -> None:
    frame = count(space)
    bad, _ = note(space, "bad", frame), note(space, "end", frame, "finally")
    frame.k.connect(bad.a)
    journal(space).fails_at = 1
    with pytest.raises(NodeTriggerError, match="count stopped at point 2: bad: no 1"):
        await frame
    assert journal(space).names == ["bad", "bad", "end"]


async def test_finally_runs_when_enter_fails_and_no_point_does(space: NodeSpace) -> None:
    frame = count(space)
    note(space, "bad", frame, "enter")
    note(space, "body", frame)
    note(space, "end", frame, "finally")
    journal(space).fails_at = 0
    with pytest.raises(NodeTriggerError, match="could not be entered: bad: no 0"):
        await frame
    assert journal(space).names == ["bad", "end"]


async def test_a_failure_of_finally_is_raised_where_nothing_else_failed(space: NodeSpace) -> None:
    frame = count(space)
    note(space, "bad", frame, "finally")
    journal(space).fails_at = 0
    with pytest.raises(NodeTriggerError, match="could not be finished: bad: no 0"):
        await frame


async def test_finally_runs_to_its_end_when_the_wave_is_cancelled_which_then_settles(
    space: NodeSpace,
) -> None:
    """T10: what is cancelled is the body; `finally` is shielded, and the wave waits for it."""
    frame = count(space)
    note(space, "hang", frame)
    end, last = note(space, "end", frame, "finally"), note(space, "last", frame, "finally")
    end.turns.set_value(5)
    end.out.connect(last.a)
    wave = space.root_wave("run")
    frame.request_trigger(wave=wave)
    await journal(space).hanging.wait()
    wave.cancel("enough")
    assert (await wave.wait()).state == "cancelled"
    assert wave.settled
    assert journal(space).names == ["hang", "end", "last"]
    assert frame.state == "error"


async def test_finally_runs_when_the_frame_alone_is_cancelled_and_its_body_has_ended_before(
    space: NodeSpace,
) -> None:
    frame = count(space)
    hang, _ = note(space, "hang", frame), note(space, "end", frame, "finally")
    frame.request_trigger()
    await journal(space).hanging.wait()
    frame.cancel("enough")
    with pytest.raises(NodeCancelled):
        await frame
    assert isinstance(hang.error, NodeCancelled)
    assert journal(space).names == ["hang", "end"]


async def test_finally_survives_a_second_cancel_and_the_end_of_the_nodespace(
    space: NodeSpace,
) -> None:
    frame = count(space)
    note(space, "hang", frame)
    end = note(space, "end", frame, "finally")
    end.turns.set_value(10)
    frame.request_trigger()
    await journal(space).hanging.wait()
    frame.cancel("enough")
    for _ in range(5):
        await asyncio.sleep(0)
    assert frame.is_working
    frame.cancel("really")
    with pytest.raises(NodeCancelled):
        await frame
    assert journal(space).names == ["hang", "end"]
    await space.aclose()


async def test_closing_the_nodespace_finishes_a_frame_that_is_on(space: NodeSpace) -> None:
    frame = count(space)
    note(space, "hang", frame)
    note(space, "end", frame, "finally")
    frame.request_trigger()
    await journal(space).hanging.wait()
    await space.aclose()
    assert journal(space).names == ["hang", "end"]
    assert not frame.in_flight


async def test_finally_begins_in_a_wave_that_refuses_what_is_new(space: NodeSpace) -> None:
    """A run that is stopped begins nothing more, but what it entered is finished."""
    frame = count(space, 100)
    body = note(space, "body", frame)
    note(space, "end", frame, "finally")
    wave = space.root_wave("run")
    frame.request_trigger(wave=wave)
    body.once("triggerdone", lambda **_: wave.refuse("stopped"))
    await wave.wait()
    assert journal(space).names == ["body", "end"]


async def test_nested_frames_finish_from_the_inside_out_when_cancelled(space: NodeSpace) -> None:
    outer, inner = count(space, 2, "outer"), count(space, 2, "inner")
    outer.hold(inner)
    note(space, "hang", inner)
    note(space, "inner end", inner, "finally")
    note(space, "outer end", outer, "finally")
    wave = space.root_wave()
    outer.request_trigger(wave=wave)
    await journal(space).hanging.wait()
    wave.cancel("enough")
    await wave.wait()
    assert journal(space).names == ["hang", "inner end", "outer end"]


async def test_a_pacer_ends_a_frame_between_points(space: NodeSpace) -> None:
    class TwoPoints(Pacer):
        done = 0

        async def checkpoint(self, frame: Node) -> bool:
            return self.done < 2

        def point_done(self, frame: Node) -> None:
            self.done += 1

    space.services.provide(Pacer, TwoPoints())
    frame = count(space, 10)
    note(space, "body", frame)
    note(space, "end", frame, "finally")
    await frame
    assert journal(space).names == ["body", "body", "end"]


async def test_a_member_cannot_await_its_frame(space: NodeSpace) -> None:
    """T9: it would wait for itself."""

    class Waits(Node):
        async def func(self) -> None:
            await frame

    frame = count(space)
    waits = space.add_node_instance(Waits())
    frame.hold(waits)
    with pytest.raises(NodeTriggerError):
        await frame
    assert isinstance(waits.error, AwaitCycleError)


async def test_settled_members_run_once_per_point_with_one_consistent_set(
    space: NodeSpace,
) -> None:
    """T6 within a frame: a join never sees half a point."""

    class Join(Node):
        a = NodeInput(type=int)
        b = NodeInput(type=int)
        default_policy = "settled"
        seen: list[tuple[int, int]]

        def func(self, a: int, b: int) -> None:
            self.seen.append((a, b))

    frame = count(space, 4)
    slow, fast, join = note(space, "slow", frame), note(space, "fast", frame), Join()
    join.seen = []
    slow.turns.set_value(3)
    space.add_node_instance(join)
    frame.hold(join)
    frame.k.connect(slow.a)
    frame.k.connect(fast.a)
    slow.out.connect(join.a)
    fast.out.connect(join.b)
    await frame
    assert join.seen == [(0, 0), (1, 1), (2, 2), (3, 3)]


# ── membership ────────────────────────────────────────────────────────────────────────────


def test_membership_is_saved_and_restored_whatever_the_order_in_the_file(space: NodeSpace) -> None:
    inner = count(space, 1, "inner")
    note(space, "m", inner, "finally")
    outer = count(space, 1, "outer")
    outer.hold(inner)
    data = space.serialize()
    data["nodes"].reverse()
    for nodes in (data["nodes"], data["nodes"][::-1]):
        again = NodeSpace(LIBRARY)
        again.deserialize({**data, "nodes": nodes})
        assert again.get_node_by_id("m").place == Place("inner", "finally")
        assert again.get_node_by_id("m").frame is again.get_node_by_id("inner")
        assert again.get_node_by_id("inner").frame is again.get_node_by_id("outer")
        assert {n["id"]: n for n in again.serialize()["nodes"]} == {n["id"]: n for n in nodes}


def test_membership_survives_a_missing_class_of_the_frame_or_of_the_member(
    space: NodeSpace,
) -> None:
    frame = count(space)
    note(space, "m", frame, "enter")
    data = space.serialize()
    for node in data["nodes"]:
        node["node_id"] = "missing." + node["node_id"]
        poor = NodeSpace(LIBRARY)
        poor.deserialize(data)
        assert poor.serialize()["nodes"] == data["nodes"]
        assert poor.get_node_by_id("m").frame is poor.get_node_by_id("count")


def test_a_member_of_a_frame_whose_class_is_missing_is_not_set_off_by_outsiders(
    space: NodeSpace,
) -> None:
    frame = count(space)
    note(space, "m", frame)
    data = space.serialize()
    data["nodes"][0]["node_id"] = "missing.frame"
    poor = NodeSpace(LIBRARY)
    poor.deserialize(data)
    assert not poor.get_node_by_id("m").inputs["a"].triggers


@pytest.mark.parametrize("damage", [{"id": 3}, {"id": "count", "section": "after"}, "count"])
def test_a_file_with_a_damaged_place_is_refused(space: NodeSpace, damage: Any) -> None:
    note(space, "m", count(space))
    data = space.serialize()
    data["nodes"][1]["frame"] = damage
    with pytest.raises(SavedGraphError):
        NodeSpace(LIBRARY).deserialize(data)


def test_a_file_with_frames_that_hold_each_other_is_refused(space: NodeSpace) -> None:
    count(space, 1, "a")
    count(space, 1, "b")
    data = space.serialize()
    data["nodes"][0]["frame"], data["nodes"][1]["frame"] = {"id": "b"}, {"id": "a"}
    with pytest.raises(SavedGraphError, match="into itself"):
        NodeSpace(LIBRARY).deserialize(data)


def test_a_frame_cannot_hold_itself_nor_one_around_it(space: NodeSpace) -> None:
    outer, inner = count(space, 1, "outer"), count(space, 1, "inner")
    outer.hold(inner)
    with pytest.raises(GraphError, match="into itself"):
        outer.hold(outer)
    with pytest.raises(GraphError, match="into itself"):
        inner.hold(outer)
    assert outer.place is None
    assert inner.frame is outer


def test_only_frames_hold_nodes(space: NodeSpace) -> None:
    one, two = note(space, "one"), note(space, "two")
    with pytest.raises(GraphError, match="no frame"):
        space.put_in(one, Place(two.uuid))


def test_membership_is_locked_while_a_run_is_on(space: NodeSpace) -> None:
    """A2: it is structure."""
    frame, one = count(space), note(space, "one")
    space.arming = "running"
    with pytest.raises(RefusedError):
        frame.hold(one)
    assert one.place is None


async def test_a_removed_frame_frees_its_members_and_holds_them_again_when_put_back(
    space: NodeSpace,
) -> None:
    frame = count(space)
    member = note(space, "member", frame)
    space.remove_node_instance(frame)
    member.a.set_value(1)
    await space.await_done()
    assert journal(space).lines == [("member", 1)]
    space.add_node_instance(frame)
    member.a.set_value(2)
    await space.await_done()
    assert journal(space).lines == [("member", 1)]
    space.put_in(member, None)
    member.a.set_value(3)
    await space.await_done()
    assert journal(space).lines[1:] == [("member", 3)]


def test_a_removed_member_is_held_no_more(space: NodeSpace) -> None:
    frame = count(space)
    member = note(space, "member", frame)
    space.remove_node_instance(member)
    assert frame.members() == []


@st.composite
def nests(draw: st.DrawFn) -> list[tuple[int, int | None, Section]]:
    """Frames: how many points each makes, in which earlier one it is, and in what section."""
    count = draw(st.integers(1, 4))
    sections = st.sampled_from(("enter", "body", "finally"))
    return [
        (draw(st.integers(0, 3)), draw(st.integers(0, k - 1)) if k else None, draw(sections))
        for k in range(count)
    ]


@settings(max_examples=80, deadline=None)
@given(nests(), st.integers(0, 30))
def test_whatever_is_entered_is_finished_however_frames_nest_and_are_cancelled(
    nest: list[tuple[int, int | None, Section]], cancelled_after: int
) -> None:
    """T3, T10: every wave settles; enter and finally come in pairs, properly nested."""

    async def play() -> None:
        space = NodeSpace(LIBRARY)
        space.services.provide(Journal, Journal())
        frames: list[Count] = []
        for k, (times, around, section) in enumerate(nest):
            frame = count(space, times, f"f{k}")
            if around is not None:
                frames[around].hold(frame, section=section)
            note(space, f"<{k}", frame, "enter")
            note(space, f"={k}", frame)
            note(space, f">{k}", frame, "finally").turns.set_value(2)
            frames.append(frame)
        wave = space.root_wave()
        frames[0].request_trigger(wave=wave)
        for _ in range(cancelled_after):
            await asyncio.sleep(0)
        wave.cancel("enough")
        await asyncio.wait_for(wave.wait(), patience())
        assert wave.settled
        assert not any(node.in_flight for node in space.nodes)
        for k in range(len(frames)):
            own = "".join(n[0] for n in journal(space).names if n in (f"<{k}", f">{k}"))
            assert re.fullmatch("(<?>)*", own)  # an enter may be given up before it is noted

    asyncio.run(play())


class Uses(Note):
    """Needs the meter, unless a frame keeps it from it."""

    node_id = "frames.uses"

    def resources(self) -> list[str]:
        return ["meter"]

    async def func(self, a: int, turns: int) -> int:
        assert self.nodespace is not None
        self.nodespace.reservations.check("meter", self.wave, self)
        return await super().func(a, turns)


async def test_what_is_used_inside_a_frame_is_kept_for_it_while_it_is_on(space: NodeSpace) -> None:
    """Frames: a frame reserves the devices inside it for its duration."""
    frame = count(space, 3)
    inner = count(space, 2, "inner")
    inside, outside = Uses("inside", "inside"), Uses("outside", "outside")
    for node in (inside, outside):
        node.a.set_value(0, does_trigger=False)
        space.add_node_instance(node)
    frame.hold(inner)
    inner.hold(inside)
    refused: list[str] = []
    inside.on("triggerdone", lambda **_: outside.request_trigger())
    outside.on("error", lambda error, **_: refused.append(error.message))
    await frame
    await space.await_done()
    assert journal(space).names.count("inside") == 6
    assert refused
    assert set(refused) == {"outside cannot use meter, which count keeps until it ends."}
    outside.request_trigger()
    await outside
    assert outside.error is None


async def test_a_second_frame_is_refused_what_the_first_one_keeps(space: NodeSpace) -> None:
    first, second = count(space, 2, "first"), count(space, 2, "second")
    for frame in (first, second):
        node = Uses(f"in {frame.name}", f"in {frame.name}")
        node.a.set_value(0, does_trigger=False)
        space.add_node_instance(node)
        frame.hold(node)
    for frame in (first, second):
        frame.request_trigger()
    await space.await_done()
    assert first.error is None
    assert "second cannot use meter, which first keeps until it ends" in str(second.error)
    await second
    assert second.error is None
