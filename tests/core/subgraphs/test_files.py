"""Subgraphs in saved graphs, in files of their own, and in the library."""

import json
from pathlib import Path
from typing import Any

import pytest

from funcnodes.core import (
    Library,
    NodeSpace,
    PlaceholderNode,
    Shelf,
    SubgraphNode,
    make_subgraph,
)
from funcnodes.core.graph.subgraph_files import SUFFIX
from funcnodes.errors import (
    SavedGraphError,
)


async def test_a_graph_keeps_its_subgraphs_whole_values_and_all(sketch: Any) -> None:
    space = sketch.space
    first, two, three, _ = sketch.chain("n1", "n2", "n3", "n4")
    group = make_subgraph(space, [two, three], name="add two")
    group.promote(three.inputs["b"], name="more")
    group.inputs["b"].set_value(7)
    two.inputs["b"].set_value(5)
    first.inputs["a"].set_value(0)
    data = json.loads(json.dumps(space.serialize()))
    again = NodeSpace(sketch.library)
    again.deserialize(data)
    assert again.serialize() == data
    found = again.get_node_by_id(group.uuid)
    assert isinstance(found, SubgraphNode)
    assert found.inputs["b"].name == "more"
    assert found.inner.get_node_by_id("n3").inputs["b"].value == 7
    assert all(node.runs == 0 for node in again.walk())
    again.arming = "live"
    await again.get_node_by_id("n1")
    assert again.get_node_by_id("n4").outputs["out"].value == 1 + 5 + 7 + 1


def test_a_missing_class_inside_becomes_a_placeholder_and_loses_nothing(sketch: Any) -> None:
    space = sketch.space
    nodes = sketch.chain("n1", "n2", "n3", "n4")
    group = make_subgraph(space, nodes[1:3])
    text = json.dumps(space.serialize())
    data = json.loads(text.replace("test.subgraphs.add", "missing.add"))
    poor = NodeSpace(sketch.library)
    poor.deserialize(data)
    found = poor.get_node_by_id(group.uuid)
    assert isinstance(found, SubgraphNode)
    assert isinstance(found.inner.get_node_by_id("n2"), PlaceholderNode)
    rich = NodeSpace(sketch.library)
    text = json.dumps(poor.serialize()).replace("missing.add", "test.subgraphs.add")
    rich.deserialize(json.loads(text))
    assert set(rich.edges) == set(space.edges)
    restored = rich.get_node_by_id(group.uuid)
    assert isinstance(restored, SubgraphNode)
    assert set(restored.inner.edges) == set(group.inner.edges)


@pytest.mark.parametrize("damage", [3, {"graph": 3}, {"graph": {"nodes": [{}]}}])
def test_a_damaged_subgraph_in_a_file_leaves_the_graph_as_it_was(sketch: Any, damage: Any) -> None:
    space = sketch.space
    make_subgraph(space, sketch.chain("n1"))
    data = space.serialize()
    before = json.dumps(data)
    bad = json.loads(before)
    bad["nodes"][0]["subgraph"] = damage
    with pytest.raises(SavedGraphError):
        space.deserialize(bad)
    assert json.dumps(space.serialize()) == before


async def test_removed_and_put_back_it_works_again(sketch: Any) -> None:
    space = sketch.space
    (node,) = sketch.chain("n")
    group = make_subgraph(space, [node])
    group.promote(node.inputs["a"])
    space.remove_node_instance(group)
    space.add_node_instance(group)
    group.inputs["a"].set_value(1)
    await group
    assert node.outputs["out"].value == 2


def saved_group(sketch: Any, folder: Path) -> SubgraphNode:
    space = sketch.space
    one, two = sketch.chain("one", "two")
    group = make_subgraph(space, [one, two], name="Add two")
    group.promote(one.inputs["a"])
    group.promote(two.outputs["out"])
    group.save(folder / f"add_two{SUFFIX}")
    return group


async def test_a_file_is_offered_in_the_library_and_makes_nodes(
    sketch: Any, tmp_path: Path
) -> None:
    saved_group(sketch, tmp_path)
    lib = Library(Shelf([sketch.add]))
    lib.load_subgraphs(tmp_path)
    (path, nodeclass) = next(found for found in lib.walk() if issubclass(found[1], SubgraphNode))
    assert (path, nodeclass.node_name) == (("Subgraphs",), "Add two")
    other = NodeSpace(lib)
    node = other.add_node_by_id(nodeclass.node_id)
    node.inputs["a"].set_value(1)
    await node
    assert node.outputs["out"].value == 3
    again = NodeSpace(sketch.library)  # a graph needs no file to open
    again.deserialize(other.serialize())
    assert again.serialize() == other.serialize()


def test_a_broken_file_is_reported_and_the_others_are_offered(sketch: Any, tmp_path: Path) -> None:
    saved_group(sketch, tmp_path)
    (tmp_path / f"bad{SUFFIX}").write_text("{")
    (tmp_path / f"other{SUFFIX}").write_text('{"nodes": []}')
    lib = Library()
    lib.load_subgraphs(tmp_path)
    assert set(lib.broken) == {f"bad{SUFFIX}", f"other{SUFFIX}"}
    assert len(list(lib.walk())) == 1
    (tmp_path / f"bad{SUFFIX}").unlink()
    lib.load_subgraphs(tmp_path)
    assert set(lib.broken) == {f"other{SUFFIX}"}
    assert len(list(lib.walk())) == 1


def test_the_version_is_that_of_the_structure(sketch: Any, tmp_path: Path) -> None:
    group = saved_group(sketch, tmp_path)
    before = group.version
    assert len(before) == 64
    node = group.inner.get_node_by_id("one")
    node.inputs["b"].set_value(9)
    node.properties["pos"] = [1, 2]
    assert group.version == before
    assert not group.is_edited
    port = group.promote(node.inputs["b"])
    assert group.version != before
    assert group.is_edited
    group.demote(port)
    assert group.version == before
    nested = make_subgraph(group.inner, [node])
    with_nested = group.version
    assert with_nested != before
    nested.promote(node.inputs["b"])
    assert group.version != with_nested


async def test_an_instance_knows_that_it_is_behind_and_takes_over_what_is_new(
    sketch: Any, tmp_path: Path
) -> None:
    template = saved_group(sketch, tmp_path)
    lib = Library(Shelf([sketch.add]))
    lib.load_subgraphs(tmp_path)
    other = NodeSpace(lib)
    before, node, after = (
        other.add_node_by_id(kind, uuid)
        for kind, uuid in (
            (sketch.add.node_id, "x"),
            ("subgraph:add_two", "g"),
            (sketch.add.node_id, "y"),
        )
    )
    assert isinstance(node, SubgraphNode)
    other.connect("x", "out", "g", "a")
    other.connect("g", "out", "y", "a")
    before.inputs["a"].set_value(0)
    await other.await_done()
    node.inner.get_node_by_id("one").inputs["b"].set_value(5)
    await other.await_done()
    runs = after.runs
    assert not node.is_behind(lib)
    template.promote(template.inner.get_node_by_id("two").inputs["b"])
    template.save(tmp_path / f"add_two{SUFFIX}")
    lib.load_subgraphs(tmp_path)
    assert node.is_behind(lib)
    node.update(lib)
    await other.await_done()
    assert not node.is_behind(lib)
    assert not node.is_edited
    assert set(other.edges) == {("x", "out", "g", "a"), ("g", "out", "y", "a")}
    assert after.runs == runs
    assert node.inputs["a"].value == 1
    node.inputs["b"].set_value(10)
    before.inputs["a"].set_value(0)
    await other.await_done()
    assert after.outputs["out"].value == 1 + 5 + 10 + 1


def test_a_subgraph_can_be_made_from_a_file_without_a_library_shelf(
    sketch: Any, tmp_path: Path
) -> None:
    group = saved_group(sketch, tmp_path)
    node = SubgraphNode.load(tmp_path / f"add_two{SUFFIX}", sketch.library)
    assert (node.name, node.version, node.file) == ("Add two", group.version, "add_two")
    for bad in (tmp_path / "nothing.json", tmp_path / f"nothing{SUFFIX}"):
        with pytest.raises(SavedGraphError):
            SubgraphNode.load(bad)
        with pytest.raises(SavedGraphError):
            group.save(tmp_path / "no" / bad.name)
