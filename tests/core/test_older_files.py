"""Files that 0.2.17 and 2.4.0 wrote themselves: they open, compute the same, and lose nothing.

`older/` holds what those versions saved, and a worker's archive (`.fnw`) of 2.x, byte for byte;
in the file of 0.2.17 only the random ids were shortened.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.core import Library, NodeDecorator, NodeInput, NodeSpace, Shelf
from funcnodes.core.graph import archive
from funcnodes.errors import SameNodeConnectionError, SavedGraphError
from funcnodes.runs.checks import problems
from funcnodes.runs.plan import plan

OLDER = Path(__file__).parent / "older"


def saved(name: str) -> Any:
    return json.loads((OLDER / name).read_text())


def opened(data: Any) -> NodeSpace:
    space = NodeSpace(Library(NODE_SHELF))
    space.deserialize(data)
    return space


def again(space: NodeSpace) -> Any:
    return json.loads(json.dumps(space.serialize()))


async def computed(space: NodeSpace, *starts: str) -> None:
    space.arming = "live"
    for start in starts:
        await space.get_node_by_id(start)
    await space.await_done()


def lost(space: NodeSpace) -> list[str]:
    return [sentence for sentence in problems(space, plan(space), None) if "lost its" in sentence]


def value(space: NodeSpace, node: str, output: str = "out") -> Any:
    return space.get_node_by_id(node).outputs[output].value


async def test_a_file_of_0_2_17_opens_and_computes_what_it_did() -> None:
    space = opened(saved("space-0.2.17.json"))
    assert not any(node.runs or node.in_trigger for node in space.nodes)
    await computed(space, "v")
    assert (value(space, "a"), value(space, "s")) == (6.5, 6.5**0.5)
    assert value(space, "f", "on_true") == 6.5
    await space.aclose()


async def test_a_file_of_2_4_0_opens_and_computes_what_it_did() -> None:
    space = opened(saved("space-2.4.0.json"))
    assert not any(node.runs or node.in_trigger for node in space.nodes)
    assert space.get_property("view") == {"x": 1}
    await computed(space, "v1", "l", "st", "d")
    assert (value(space, "a"), value(space, "s")) == (6.5, 6.5**0.5)
    assert (value(space, "l"), value(space, "g", "element")) == ([1, 2, 3], 2)
    assert (value(space, "st", "split"), value(space, "d", "value")) == (["a", "b", "c"], 1)
    await space.aclose()


@pytest.mark.parametrize("name", ["space-0.2.17.json", "space-2.4.0.json"])
def test_saving_an_older_file_loses_no_node_no_wire_and_no_byte_of_a_missing_package(
    name: str,
) -> None:
    old = saved(name)
    new = again(opened(saved(name)))
    assert [node["id"] for node in new["nodes"]] == [node["id"] for node in old["nodes"]]
    assert sorted(new["edges"]) == sorted(old["edges"])
    for was, now in zip(old["nodes"], new["nodes"], strict=True):
        if was["node_id"].startswith("lab."):
            assert now == was
    assert again(opened(new)) == new


def test_two_wires_into_an_input_that_took_several_are_both_there() -> None:
    space = opened(saved("space-2.4.0.json"))
    assert [edge for edge in space.edges if edge[2] == "w"] == [
        ("v1", "float", "w", "value"),
        ("g", "element", "w", "value"),
    ]


NOT_CHECKED = [
    (
        ("a", "out", "f", "condition"),
        "Any number but 0 counts as on.",
    ),
    (("lp", "out", "lp", "b"), "AddNode(lp) cannot be wired to itself."),
]


async def test_wires_that_2_x_let_through_are_made_and_marked_as_not_checked() -> None:
    """2.x took a number for a condition, and wired nodes to themselves."""
    space = opened(saved("space-2.4.0.json"))
    assert sorted(space.unchecked) == NOT_CHECKED
    again_open = opened(again(space))
    assert sorted(again_open.unchecked) == NOT_CHECKED
    assert again(again_open) == again(space)
    condition = space.get_node_by_id("f").inputs["condition"]
    note = space.get_node_by_id("a").outputs["out"].edge_note(condition)
    assert note == f"not checked: {NOT_CHECKED[0][1]}"
    await computed(space, "v1")
    assert condition.value is True  # 6.5, as `if` takes it
    assert value(space, "f", "on_true") == 6.5**0.5
    await space.aclose()


def test_what_was_not_checked_may_be_drawn_again_and_nothing_else() -> None:
    space = opened(saved("space-2.4.0.json"))
    condition = space.get_node_by_id("f").inputs["condition"]
    out = space.get_node_by_id("a").outputs["out"]
    out.disconnect(condition)
    assert [edge for edge, _ in space.unchecked] == [NOT_CHECKED[1][0]]
    space.connect("a", "out", "f", "condition")
    assert sorted(space.unchecked) == NOT_CHECKED
    space.connect("s", "out", "f", "condition")  # as a number that is 0 or 1
    assert [edge for edge, _ in space.unchecked] == [NOT_CHECKED[1][0]]
    space.connect("a", "out", "f", "condition")
    with pytest.raises(SameNodeConnectionError):
        space.connect("lp", "out", "lp", "a")
    condition.update_value_options(options=None)  # which looks at its edges anew
    assert sorted(space.unchecked) == NOT_CHECKED


async def test_nothing_that_was_not_checked_reaches_an_effect_in_a_run() -> None:
    @NodeDecorator("older.write")
    def write(on: bool) -> None:
        pass

    write.effect = True
    space = NodeSpace(Library(NODE_SHELF, Shelf([write])))
    nodes = [
        {"id": "v", "node_id": "input.str", "name": "Text", "io": {}},
        {"id": "w", "node_id": "older.write", "name": "Write", "io": {}},
    ]
    space.deserialize({"nodes": nodes, "edges": [["v", "string", "w", "on"]]})
    said = [
        sentence for sentence in problems(space, plan(space), None) if "not checked" in sentence
    ]
    assert said == [
        "Write: the wire to on is not checked; wire it anew. "
        "Text.string cannot be wired to Write.on: Text does not fit into an on/off value."
    ]
    space.get_node_by_id("w").inputs["on"].disconnect()
    assert not [s for s in problems(space, plan(space), None) if "not checked" in s]


def test_a_circle_of_forwarded_inputs_cannot_be_made_and_is_kept_named() -> None:
    nodes = [{"id": uuid, "node_id": "add_node", "io": {}} for uuid in "ab"]
    space = opened({"nodes": nodes, "edges": [["a", "a", "b", "a"], ["b", "a", "a", "a"]]})
    assert lost(space) == [
        "Add: a lost its wire; set it or wire it anew. Add.a is already forwarded to Add.a."
    ]
    space = opened(again(space))
    assert len(lost(space)) == 1
    space.get_node_by_id("a").inputs["a"].value = 1
    assert lost(space) == []
    assert "refused" not in json.dumps(space.serialize())


def test_limits_that_followed_another_input_do_not_stay_behind() -> None:
    """2.x saved `index` as −3 to 2 because the list had three items when it was saved."""
    space = opened(saved("space-2.4.0.json"))
    index, key = space.get_node_by_id("g").inputs["index"], space.get_node_by_id("d").inputs["key"]
    assert (index.value, key.value) == (1, "a")
    index.value, key.value = 12, "another"
    assert space.get_node_by_id("a").inputs["b"].value_options == {"min": 0, "max": 10}


@pytest.mark.parametrize("kept", ["refused", "unchecked"])
@pytest.mark.parametrize("said", ["x", ["x"], [["a", "b"]], [["a", "b", 3]]])
def test_a_damaged_mark_of_a_wire_is_one_sentence(said: Any, kept: str) -> None:
    node = {"id": "a", "node_id": "add_node", "io": {"a": {kept: said}}}
    with pytest.raises(SavedGraphError, match=rf"{kept}|wire in the file"):
        opened({"format": 3, "nodes": [node]})


def test_in_files_of_today_a_wire_that_does_not_fit_is_refused() -> None:
    nodes = [{"id": uuid, "node_id": "add_node", "io": {}} for uuid in "ab"]
    nodes.append({"id": "t", "node_id": "input.str", "io": {}})
    older = {"nodes": nodes, "edges": [["t", "string", "a", "a"]]}
    new = again(opened(older))
    assert again(opened(new)) == new
    with pytest.raises(SavedGraphError, match="Text does not fit into a number"):
        opened({**new, "edges": [*new["edges"], ["t", "string", "b", "a"]]})
    del new["nodes"][0]["io"]["a"]["unchecked"]
    with pytest.raises(SavedGraphError, match="Text does not fit into a number"):
        opened(new)


def test_a_workers_archive_of_2_x_opens_with_its_files(tmp_path: Path) -> None:
    found = archive.read(OLDER / "worker-2.4.0.fnw", tmp_path / "out")
    assert found.config["name"] == "bench two"
    assert found.files["sub/data.txt"].read_text() == "1;2\n"
    space = opened(found.state)
    node = space.get_node_by_id("a")
    assert (node.name, node.properties["pos"], len(space.edges)) == ("sum of it", [10, 20], 9)


def test_what_else_is_in_an_archive_stays_there_and_has_a_name(tmp_path: Path) -> None:
    """2.x puts a `pyproject.toml` beside the state."""
    archived = tmp_path / "more.fnw"
    archived.write_bytes((OLDER / "worker-2.4.0.fnw").read_bytes())
    with zipfile.ZipFile(archived, "a") as packed:
        packed.writestr("pyproject.toml", "[project]\nname = 'bench'\n")
        packed.writestr("extra/deep/notes.txt", "x")
        packed.writestr("run.py", "raise SystemExit('executed')")
    found = archive.read(archived, tmp_path / "out")
    assert found.left == ("extra/deep/notes.txt", "pyproject.toml", "run.py")
    assert [path.name for path in sorted((tmp_path / "out").rglob("*.*"))] == ["data.txt"]
    assert len(opened(found.state).edges) == 9


def test_what_an_instance_says_otherwise_than_its_class_survives_saving() -> None:
    """Else a file with two wires into one input could not be opened again."""
    space = opened({})
    options = {"a": {"allow_multiple": True}, "b": {"default": 4.0, "required": False}}
    node = space.lib.get_node_by_id("add_node")(uuid="n", io_options=options)
    space.add_node_instance(node)
    for uuid in ("one", "two"):
        space.add_node_by_id("add_node", uuid=uuid).outputs["out"].connect(node.inputs["a"])
    new = again(space)
    restored = opened(new).get_node_by_id("n")
    inp: NodeInput = restored.inputs["b"]
    assert len(restored.inputs["a"].sources) == 2
    assert (inp.value, inp.default, inp.required) == (4, 4, False)
    assert again(opened(new)) == new
