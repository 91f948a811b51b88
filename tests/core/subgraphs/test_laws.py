"""Any choice of any graph does as a subgraph what it did before."""

import asyncio
import json
from typing import Any

from hypothesis import given, settings, strategies as st

from funcnodes.core import (
    NodeInput,
    NodeSpace,
    NoValue,
    Port,
    SubgraphNode,
    dissolve,
    make_subgraph,
)
from funcnodes.core.graph.subgraph_files import version_of

from ...waiting import patience


@st.composite
def cuts(draw: st.DrawFn) -> tuple[list[tuple[int, int]], list[set[int]]]:
    """Wires (from which earlier node, per input) of a graph, and nested choices of its nodes."""
    size = draw(st.integers(2, 8))
    wires = [(draw(st.integers(-1, k - 1)), draw(st.integers(-1, k - 1))) for k in range(1, size)]
    chosen = draw(st.sets(st.integers(0, size - 1), min_size=1))
    return wires, [chosen, draw(st.sets(st.sampled_from(sorted(chosen)), min_size=1))]


def built(sketch: Any, wires: list[tuple[int, int]]) -> tuple[NodeSpace, list[Any]]:
    nodes = [sketch.put(sketch.Join, "j0")]
    for k, sources in enumerate(wires, 1):
        node = sketch.put(sketch.Join, f"j{k}")
        for port, source in zip("ab", sources, strict=True):
            if source >= 0:
                nodes[source].outputs["out"].connect(node.inputs[port])
        nodes.append(node)
    return sketch.space, nodes


async def stimulate(space: NodeSpace, source: Any) -> None:
    for k in range(3):
        wave = space.root_wave()
        port: Port = source.inputs["a"]
        while isinstance(port, NodeInput) and port.sources:
            passage = port.sources[0].node
            port = passage.port  # type: ignore[attr-defined]  # only passages are before the source
        port.set_value(k, wave=wave)  # type: ignore[attr-defined]
        assert (await asyncio.wait_for(wave.wait(), patience())).state == "ok"


@settings(max_examples=100, deadline=None)
@given(cut=cuts())
def test_any_choice_of_any_graph_does_as_a_subgraph_what_it_did_before(
    new_sketch: Any, cut: tuple[list[tuple[int, int]], list[set[int]]]
) -> None:
    """T3, T6 across borders, nested ones too: every node sees the same values in the same order;
    save → load → save is identical; dissolving gives back the graph."""
    wires, choices = cut

    async def play() -> None:
        plain, expected = built(new_sketch(), wires)
        await stimulate(plain, expected[0])
        space, nodes = built(new_sketch(), wires)
        before = set(space.edges)
        outer, inner = choices
        group = make_subgraph(space, [nodes[k] for k in sorted(outer)])
        make_subgraph(group.inner, [nodes[k] for k in sorted(inner)])
        if 0 in outer:
            if 0 in inner:
                nested = nodes[0].nodespace.owner  # type: ignore[union-attr]
                group.promote(nested.promote(nodes[0].inputs["a"]))
            else:
                group.promote(nodes[0].inputs["a"])
        await stimulate(space, nodes[0])
        assert [node.seen for node in nodes] == [node.seen for node in expected]
        data = json.loads(json.dumps(space.serialize()))
        again = NodeSpace(new_sketch.library)
        again.deserialize(data)
        assert again.serialize() == data
        assert version_of(again.serialize()) == version_of(data)
        nested_node = next(n for n in group.inner.nodes if isinstance(n, SubgraphNode))
        dissolve(group.inner, nested_node)
        dissolve(space, group)
        assert set(space.edges) == before
        assert {n.uuid for n in space.nodes} == {n.uuid for n in nodes}
        assert all(n.outputs["out"].value is NoValue or n.runs for n in nodes)

    asyncio.run(play())
