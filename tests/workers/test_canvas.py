"""How old values are, as browsers are told."""

from collections.abc import Callable
from typing import Any

import pytest

from funcnodes.core import Node, NodeInput, NodeOutput, NodeSpace, clock
from funcnodes.workers import schema
from funcnodes.workers.canvas import Canvas


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
