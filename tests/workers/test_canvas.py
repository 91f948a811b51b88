"""How old values are, as browsers are told; what telling of an edit costs."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from funcnodes.core import Node, NodeInput, NodeOutput, NodeSpace, clock
from funcnodes.workers import edits, schema
from funcnodes.workers.canvas import Canvas
from funcnodes.workers.edits import Edit, Editor


class Divide(Node):
    by = NodeInput(type=float)
    out = NodeOutput(type=float)

    def func(self, by: float) -> float:
        return 1 / by


class Desk:
    """Takes what a canvas has to tell, when it is asked."""

    def __init__(self) -> None:
        self._marked: dict[Any, Callable[[], list[schema.PatchEvent]]] = {}

    def mark(self, key: Any, collect: Callable[[], list[schema.PatchEvent]]) -> None:
        self._marked[key] = collect

    def put(self, event: schema.PatchEvent) -> None:
        """Graph news are not looked at here."""

    def told(self) -> dict[str, schema.PortValue]:
        """The values of the next patch, by port."""
        marked, self._marked = self._marked, {}
        events = [event for collect in marked.values() for event in collect()]
        values = [
            each
            for event in events
            if isinstance(event, schema.PortValues)
            for each in event.values
        ]
        return {each.port: each for each in values}


async def test_a_value_that_turns_stale_keeps_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its source fails: it is told again as stale, and is as old as before."""
    now = 1000.0
    monkeypatch.setattr(clock, "now", lambda: now)
    space, desk = NodeSpace(), Desk()
    node = space.add_node_instance(Divide())
    Canvas(space, desk)  # type: ignore[arg-type]  # all that a canvas needs of a publisher
    node.inputs["by"].value = 4
    await node
    assert desk.told()["out"].t == 1000.0

    now = 1008.0
    node.inputs["by"].value = 0
    await node.settled()
    told = desk.told()
    assert told["by"].t == 1008.0
    assert told["out"].stale
    assert told["out"].t == 1000.0


def calls_of(act: Callable[[], object]) -> int:
    """How many functions are called, a measure of work that no load changes."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def calls_of_edits(nodes: int) -> list[int]:
    """What each edit costs among so many nodes in chains of 25, told of as well."""
    space = NodeSpace(arming="disarmed")
    space.lib.add_nodes([Divide], "Test")
    for number in range(nodes):
        node = space.add_node_instance(Divide(uuid=f"n{number}"))
        if number % 25:
            space.get_node_by_id(f"n{number - 1}").outputs["out"].connect(node.inputs["by"])
    canvas, editor = Canvas(space, Desk()), Editor(space)  # type: ignore[arg-type]  # as above

    def make(edit: Edit) -> None:
        editor.make(edit)
        canvas.refresh(edit.touches, structural=edit.structural)

    def undo() -> None:
        edit = editor.undo()
        canvas.refresh(edit.touches, structural=edit.structural)

    wire = ("n8", "out", "n9", "by")
    return [
        calls_of(lambda: make(edits.move_nodes(space, ["n5"], [1.0], [2.0]))),
        calls_of(lambda: make(edits.set_value(space, "n0", "by", 2.0))),
        calls_of(lambda: make(edits.disconnect(space, wire))),
        calls_of(lambda: make(edits.connect(space, wire))),
        calls_of(lambda: make(edits.remove_nodes(space, ["n20"], []))),
        calls_of(undo),
    ]


def test_an_edit_costs_the_same_in_a_graph_twenty_times_as_large() -> None:
    """It compared every node and wire: 0.6 s of the loop with 150,000 nodes."""
    calls_of_edits(50)  # what is made once, such as coders of types
    small, large = calls_of_edits(50), calls_of_edits(1_000)
    for few, many in zip(small, large, strict=True):
        assert many < few + 50, (small, large)
