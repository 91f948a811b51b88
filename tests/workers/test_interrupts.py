"""A node that raises what ends a process ends no worker."""

from funcnodes.core import Node, NodeInput
from funcnodes.workers import schema

from .conftest import Desk


class Interrupts(Node):
    node_id = "test.interrupts"
    node_name = "Interrupts"
    go = NodeInput(type=bool, default=False)

    def func(self, go: bool) -> None:
        if go:
            raise KeyboardInterrupt


async def test_a_node_that_raises_keyboard_interrupt_ends_no_worker(desk: Desk) -> None:
    """It is that node's error; the worker answers on."""
    desk.offer(Interrupts)
    await desk.ask(schema.NewSpace())
    key = next(e.key for e in desk.worker.palette.entries if e.title == "Interrupts")
    node = await desk.ask(schema.AddNode(key=key, x=0, y=0))
    await desk.ask(schema.SetLive(live=True))
    await desk.tell(schema.SetValue(node=node, port="go", value=True))

    def has_failed() -> bool:
        return any(each.id == node and each.problem for each in desk.events(schema.NodeStatus))

    await desk.until(has_failed)
    assert await desk.ask(schema.NewSpace()) == "Nodespace 2"
