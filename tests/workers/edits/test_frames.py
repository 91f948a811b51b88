"""Frames as people edit them: by commands, each with its inverse."""

from typing import Any

from funcnodes.workers import schema

from .conftest import agrees, chain, saved, shown, space_of


async def framed(desk: Any) -> tuple[str, list[str]]:
    """A Repeat beside the chain."""
    names = await chain(desk)
    return await desk.ask(schema.AddNode(key="repeat", x=0, y=300)), names


async def test_nodes_are_put_into_sections_and_taken_out(desk: Any) -> None:
    frame, (a, b, c) = await framed(desk)
    before = saved(desk)
    await desk.ask(schema.PutIn(ids=[a], frame=frame, section="enter"))
    await desk.ask(schema.PutIn(ids=[b, c], frame=frame, x=[10, 20], y=[30, 40]))
    nodes = shown(desk)
    assert nodes[frame].is_frame
    assert not nodes[a].is_frame
    assert [(nodes[n].frame, nodes[n].section) for n in (a, b)] == [
        (frame, "enter"),
        (frame, "body"),
    ]
    assert (nodes[b].x, nodes[c].y) == (10, 40)
    held = saved(desk)
    await desk.ask(schema.PutIn(ids=[a], frame=frame, section="finally"))
    await desk.ask(schema.PutIn(ids=[a, b, c], frame=""))
    assert shown(desk)[b].frame == ""
    agrees(desk)
    await desk.ask(schema.Undo())
    await desk.ask(schema.Undo())
    assert saved(desk) == held
    await desk.ask(schema.Undo())
    await desk.ask(schema.Undo())
    assert saved(desk) == before
    agrees(desk)


async def test_a_removed_frame_lets_go_and_holds_again_when_it_comes_back(desk: Any) -> None:
    frame, (a, b, _) = await framed(desk)
    await desk.ask(schema.PutIn(ids=[a, b], frame=frame))
    before = saved(desk)
    await desk.ask(schema.RemoveNodes(ids=[frame]))
    assert shown(desk)[a].frame == ""
    agrees(desk)
    await desk.ask(schema.Undo())
    assert shown(desk)[a].frame == frame
    assert saved(desk) == before
    agrees(desk)


async def test_frames_nest_but_not_in_themselves(desk: Any) -> None:
    frame, (a, _, _) = await framed(desk)
    outer = await desk.ask(schema.AddNode(key="repeat", x=0, y=600))
    await desk.ask(schema.PutIn(ids=[a], frame=frame))
    await desk.ask(schema.PutIn(ids=[frame], frame=outer))
    before = saved(desk)
    refused = await desk.refused(schema.PutIn(ids=[outer], frame=frame))
    assert "cannot be put into itself" in refused.detail
    assert "is no frame" in (await desk.refused(schema.PutIn(ids=[frame], frame=a))).detail
    assert "No node" in (await desk.refused(schema.PutIn(ids=[], frame=frame))).detail
    assert saved(desk) == before


async def test_a_refusal_half_way_puts_nothing_in(desk: Any) -> None:
    frame, (a, _, _) = await framed(desk)
    before = saved(desk)
    await desk.refused(schema.PutIn(ids=[a, frame], frame=frame, x=[1, 2], y=[3, 4]))
    assert saved(desk) == before
    agrees(desk)


async def test_a_node_is_added_right_into_a_frame_and_copies_stay_in_theirs(desk: Any) -> None:
    frame, _ = await framed(desk)
    node = await desk.ask(schema.AddNode(key="add_node", x=0, y=0, frame=frame, section="finally"))
    assert (shown(desk)[node].frame, shown(desk)[node].section) == (frame, "finally")
    (copy,) = await desk.ask(schema.Duplicate(ids=[node]))
    assert shown(desk)[copy].frame == frame
    both = await desk.ask(schema.Duplicate(ids=[node, frame]))
    assert shown(desk)[both[0]].frame == both[1]
    agrees(desk)


async def test_a_frame_goes_into_a_subgraph_with_what_it_holds(desk: Any) -> None:
    frame, (a, b, _) = await framed(desk)
    await desk.ask(schema.PutIn(ids=[a, b], frame=frame))
    before = saved(desk)
    made = await desk.ask(schema.MakeSubgraph(ids=[frame]))
    assert shown(desk)[f"{made}/{a}"].frame == f"{made}/{frame}"
    agrees(desk)
    await desk.ask(schema.Undo())
    assert saved(desk) == before
    agrees(desk)


async def test_the_structure_stays_while_a_run_is_on(desk: Any) -> None:
    """A2."""
    frame, (a, _, c) = await framed(desk)
    made = await desk.ask(schema.MakeSubgraph(ids=[c]))
    space_of(desk).arming = "running"
    try:
        for body in (
            schema.PutIn(ids=[a], frame=frame),
            schema.MakeSubgraph(ids=[a]),
            schema.Dissolve(id=made),
            schema.Promote(node=f"{made}/{c}", port="b"),
            schema.Undo(),
        ):
            assert "while a run is on" in (await desk.refused(body)).detail
        await desk.ask(schema.MoveNodes(ids=[f"{made}/{c}"], x=[1], y=[1]))
    finally:
        space_of(desk).arming = "disarmed"
