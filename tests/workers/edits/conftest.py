"""What edits come to, as a saved file and as a browser that has followed them have it."""

import itertools
import json
from typing import Any

from funcnodes.core import (
    NodeSpace,
)
from funcnodes.workers import schema
from funcnodes.workers.edits import scopes


def space_of(desk: Any) -> NodeSpace:
    return desk.worker.require_open().space


def saved(desk: Any) -> Any:
    """The saved form; the order of nodes, wires and ports means nothing."""
    return ordered(json.loads(json.dumps(space_of(desk).serialize())))


def ordered(graph: Any) -> Any:
    graph["nodes"] = sorted(graph["nodes"], key=lambda node: node["id"])
    graph["edges"] = sorted(graph["edges"])
    for node in graph["nodes"]:
        if "subgraph" in node:
            node["subgraph"]["graph"] = ordered(node["subgraph"]["graph"])
    return graph


def shown(desk: Any) -> dict[str, schema.NodeView]:
    """What a browser has that has followed every frame from an empty nodespace on."""
    nodes: dict[str, schema.NodeView] = {}
    for event in desk.events((schema.NodePut, schema.NodeGone)):
        if isinstance(event, schema.NodePut):
            nodes[event.node.id] = event.node
        else:
            nodes.pop(event.id)
    return nodes


def wires(desk: Any) -> set[str]:
    """The wires that such a browser has."""
    edges: set[str] = set()
    for event in desk.events((schema.EdgePut, schema.EdgeGone)):
        if isinstance(event, schema.EdgePut):
            edges.add(event.edge.id)
        else:
            edges.remove(event.id)
    return edges


def agrees(desk: Any) -> None:
    """Whoever followed all frames sees what whoever comes now is told."""
    snapshot = desk.worker.snapshot()
    seen = shown(desk)
    assert seen.keys() == {node.id for node in snapshot.nodes}
    for node in snapshot.nodes:
        told = seen[node.id]
        assert (told.scope, told.frame, told.section) == (node.scope, node.frame, node.section)
        assert [port.id for port in told.inputs] == [port.id for port in node.inputs], told.name
    assert wires(desk) == {edge.id for edge in snapshot.edges}


async def chain(desk: Any, scope: str = "") -> list[str]:
    """a → b → c, each adding 1, with a value at a's input."""
    await desk.ask(schema.NewSpace())
    names = [
        await desk.ask(schema.AddNode(key="add_node", x=n * 200.0, y=0, scope=scope))
        for n in range(3)
    ]
    for source, target in itertools.pairwise(names):
        await join(desk, source, "out", target, "a")
    for name in names:
        await desk.ask(schema.SetValue(node=name, port="b", value=1))
    await desk.ask(schema.SetValue(node=names[0], port="a", value=10))
    await space_of(desk).await_done()
    return names


async def join(desk: Any, source: str, output: str, target: str, inp: str) -> None:
    await desk.ask(
        schema.Connect(source=source, source_port=output, target=target, target_port=inp)
    )


def value(desk: Any, name: str, port: str) -> Any:
    return scopes.node_at(space_of(desk), name).get_input_or_output(port).value
