"""Ports that follow a text: told to every page, undone with the text, wires kept."""

from funcnodes.workers import schema

from ..conftest import Desk


def ports(view: schema.NodeView) -> tuple[set[str], set[str]]:
    return {port.id for port in view.inputs}, {port.id for port in view.outputs}


async def test_the_ports_of_an_optimiser_follow_its_text_on_every_page(desk: Desk) -> None:
    """And stand as they did after Undo and Redo."""
    await desk.ask(schema.NewSpace(name="Shapes"))
    node = await desk.ask(schema.AddNode(key="scan.optimise", x=0, y=0))

    def views() -> list[schema.NodeView]:
        return [each.node for each in desk.events(schema.NodePut) if each.node.id == node]

    await desk.ask(schema.SetValue(node=node, port="parameters", value="a: 0 to 2 V; b: x | y"))
    await desk.ask(schema.SetValue(node=node, port="goals", value="speed: maximum"))
    inputs, outputs = ports(views()[-1])
    assert {"a", "b", "best_a", "best_b", "best_speed"} <= outputs
    assert "x" not in outputs
    assert "speed" in inputs
    assert next(port for port in views()[-1].outputs if port.id == "a").unit == "V"
    await desk.ask(schema.Undo())
    await desk.ask(schema.Undo())
    inputs, outputs = ports(views()[-1])
    assert {"x", "best_x", "best_result"} <= outputs
    assert not {"a", "b", "best_speed"} & outputs
    assert "speed" not in inputs
    await desk.ask(schema.Redo())
    assert {"a", "b"} <= ports(views()[-1])[1]
