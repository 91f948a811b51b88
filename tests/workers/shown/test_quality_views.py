"""What the page is told of a value's quality and of what a wire does to it (R2)."""

from typing import Annotated

from funcnodes.core import NodeDecorator, NodeSpace, Unit
from funcnodes.workers.shown import views


@NodeDecorator("test.views.level", outputs=[{"name": "level", "unit": "dBm"}])
def level_of(number: float) -> float:
    return number


@NodeDecorator("test.views.power")
def power_of(power: Annotated[float, Unit("mW")]) -> float:
    return power * 2


async def test_the_page_sees_the_quality_of_what_is_worked_out() -> None:
    space = NodeSpace()
    source, sink = space.add_node_instance(level_of()), space.add_node_instance(power_of())
    source.outputs["level"].connect(sink.inputs["power"])
    source.outputs["level"].set(20.0, quality="overrange")
    await space.await_done()
    out = sink.outputs["out"]
    assert (views.port_view(out, 1.0).value, views.port_view(out, 1.0).quality) == (
        200.0, "overrange",
    )  # fmt: skip
    [told] = views.port_values(out.node, [out], {"out": 1.0})
    assert (told.quality, told.t) == ("overrange", 1.0)
    (edge,) = space.edges
    assert views.edge_view(space, edge).note == "dBm → mW"
    await space.aclose()
