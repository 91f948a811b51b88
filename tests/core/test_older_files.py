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
from funcnodes.core import Library, NodeInput, NodeSpace, NoValue
from funcnodes.core.graph import archive
from funcnodes.errors import SavedGraphError
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
    refused = [
        [wire[0], wire[1], node["id"], port]
        for node in new["nodes"]
        for port, io in node["io"].items()
        for wire in io.get("refused", ())
    ]
    assert sorted(new["edges"] + refused) == sorted(old["edges"])
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


def test_a_wire_that_does_not_fit_is_kept_named_and_given_up_once_the_input_is_set() -> None:
    """2.x took a number for a condition, and wired nodes to themselves."""
    space = opened(again(opened(saved("space-2.4.0.json"))))
    condition = space.get_node_by_id("f").inputs["condition"]
    assert condition.value is NoValue
    assert [(wire.node, wire.output) for wire in condition.refused] == [("a", "out")]
    assert lost(space) == [
        "IfNode(f): condition lost its wire; set it or wire it anew. sum of it.out cannot be "
        "wired to IfNode(f).condition: A number does not fit into an on/off value.",
        "AddNode(lp): b lost its wire; set it or wire it anew. "
        "AddNode(lp) cannot be wired to itself.",
    ]
    condition.value = True
    space.get_node_by_id("lp").inputs["b"].value = 0
    assert lost(space) == []
    assert "refused" not in json.dumps(space.serialize())


def test_what_came_by_a_wire_that_is_refused_does_not_stay_as_if_it_had_been_set() -> None:
    space = opened(
        {
            "nodes": [
                {
                    "id": "a",
                    "node_id": "add_node",
                    "io": {"a": {"value": 7.0}, "b": {"value": 1.0}},
                }
            ],
            "edges": [["a", "out", "a", "a"]],
        }
    )
    assert space.get_node_by_id("a").inputs["a"].value is NoValue
    assert space.get_node_by_id("a").inputs["b"].value == 1


def test_limits_that_followed_another_input_do_not_stay_behind() -> None:
    """2.x saved `index` as −3 to 2 because the list had three items when it was saved."""
    space = opened(saved("space-2.4.0.json"))
    index, key = space.get_node_by_id("g").inputs["index"], space.get_node_by_id("d").inputs["key"]
    assert (index.value, key.value) == (1, "a")
    index.value, key.value = 12, "another"
    assert space.get_node_by_id("a").inputs["b"].value_options == {"min": 0, "max": 10}


@pytest.mark.parametrize("refused", ["x", ["x"], [["a", "b"]], [["a", "b", 3]]])
def test_a_damaged_refused_wire_is_one_sentence(refused: Any) -> None:
    node = {"id": "a", "node_id": "add_node", "io": {"a": {"refused": refused}}}
    with pytest.raises(SavedGraphError, match="refused"):
        opened({"format": 3, "nodes": [node]})


def test_in_files_of_today_a_wire_that_does_not_fit_is_refused() -> None:
    new = again(opened(saved("space-2.4.0.json")))
    with pytest.raises(SavedGraphError, match="does not fit into an on/off value"):
        opened({**new, "edges": [*new["edges"], ["a", "out", "f", "condition"]]})


def test_a_workers_archive_of_2_x_opens_with_its_files(tmp_path: Path) -> None:
    found = archive.read(OLDER / "worker-2.4.0.fnw", tmp_path / "out")
    assert found.config["name"] == "bench two"
    assert found.files["sub/data.txt"].read_text() == "1;2\n"
    space = opened(found.state)
    node = space.get_node_by_id("a")
    assert (node.name, node.properties["pos"], len(space.edges)) == ("sum of it", [10, 20], 7)


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
    assert len(opened(found.state).edges) == 7


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
