"""Nodespace, library, events, older files and archives as users know them."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any, Literal

import pytest

from funcnodes.core import (
    DataEnum,
    Library,
    NodeDecorator,
    NodeSpace,
    NoValue,
    Shelf,
    find_shelf,
    module_to_shelf,
)
from funcnodes.core.graph import archive
from funcnodes.core.graph.archive import ArchiveError
from funcnodes.errors import GraphError, NodeClassNotFoundError, SavedGraphError


class Mode(DataEnum):
    FAST = 1
    SLOW = 2


@NodeDecorator("api.space.add")
def add(a: float, b: int = 1, c: Literal["x", "y"] = "x", d: list[float] | None = None) -> float:
    return a + b


@NodeDecorator("api.space.mode")
def mode(m: Mode = Mode.FAST) -> int:
    return int(Mode.v(m))


@NodeDecorator("api.space.fails")
def fails(a: float) -> float:
    raise ValueError("no")


def space_of(*names: str) -> NodeSpace:
    space = NodeSpace(Library(Shelf([add, mode, fails], name="Test")))
    for name in names:
        space.add_node_by_id("api.space.add", uuid=name)
    return space


# ── groups and properties ─────────────────────────────────────────────────────────────────


def test_groups_nest_and_follow_their_nodes() -> None:
    space = space_of("a", "b", "c")
    inner = space.groups.group_together(["a", "b"], new_group_id="inner")
    outer = space.groups.group_together(["c"], [inner], new_group_id="outer")
    assert space.groups.find_group_of_node("a") == "inner"
    assert space.groups.get_group_ancestors(inner) == [outer]
    space.groups.set_group_meta(outer, {"title": "All"})
    saved = json.loads(json.dumps(space.serialize()))
    assert saved["groups"]["inner"] == {
        "node_ids": ["a", "b"], "child_groups": [], "parent_group": "outer", "meta": {},
    }  # fmt: skip
    again = space_of()
    again.deserialize(saved)
    assert again.serialize() == saved
    with pytest.raises(GraphError, match="cannot lie in itself"):
        space.groups.set_group_parent(outer, inner)
    with pytest.raises(GraphError, match="no node 'z'"):
        space.groups.add_group("g", ["z"])
    space.remove_node_by_id("a")
    space.groups.ungroup_nodes(["b"])
    assert "inner" not in space.groups  # it was empty
    space.groups.remove_group(outer)
    assert not space.groups.get_all_groups()
    assert "groups" not in space.serialize()


def test_damaged_groups_are_refused_whole() -> None:
    circle = {"a": {"child_groups": ["b"]}, "b": {"child_groups": ["a"]}}
    for groups in ([1], {"a": 1}, {"a": {"node_ids": 3}}, circle):
        space = space_of("n")
        with pytest.raises(SavedGraphError):
            space.deserialize({"nodes": [], "edges": [], "groups": groups})
        assert space.has_node("n")


def test_secret_properties_are_neither_saved_nor_shown() -> None:
    space = space_of()
    space.set_property("view", {"x": 1})
    space.set_secret_property("token", "hush")
    assert space.get_property("token") == space.get_secret_property("token") == "hush"
    assert space.serialize()["prop"] == {"view": {"x": 1}}
    assert "hush" not in json.dumps([space.serialize(), space.full_serialize()])
    space.remove_property("token")
    space.remove_property("view", ignore_public=True)
    assert space.get_property("token") is None
    assert space.get_property("view") == {"x": 1}


async def test_everything_there_is_to_know_is_plain_data() -> None:
    space = space_of("a", "b")
    space.connect("a", "out", "b", "a")
    space.get_node_by_id("a").inputs["a"].value = 1
    await space.await_done()
    full = json.loads(json.dumps(space.full_serialize()))
    assert full["edges"] == [["a", "out", "b", "a"]]
    assert full["nodes"][1]["io"][-2]["value"] == 3.0
    assert full["lib"]["shelves"][0]["nodes"][0]["node_id"] == "api.space.add"


# ── events ────────────────────────────────────────────────────────────────────────────────


async def test_a_nodespace_hears_what_happens_in_its_nodes() -> None:
    space, heard = space_of("a"), []
    space.on("*", lambda event, **_: heard.append(event))
    node = space.add_node_by_id("api.space.add", uuid="b")
    node.inputs["a"].value = 1
    await node
    space.get_node_by_id("a").outputs["out"].connect(node.inputs["b"])
    node.inputs["b"].disconnect()
    space.remove_node_by_id("b")
    assert {"node_added", "after_set_value", "connect", "disconnect", "node_removed"} <= set(heard)
    order = [heard.index(e) for e in ("request_trigger", "trigger", "triggerstart", "triggerdone")]
    assert order == sorted(order)


async def test_errors_reach_the_listeners_of_the_nodespace() -> None:
    space, errors = space_of(), []
    space.on("node_error", lambda node, error, **_: errors.append((node.uuid, str(error))))
    space.on("node_trigger_error", lambda node, **_: errors.append(node.uuid))
    node = space.add_node_by_id("api.space.fails", uuid="f")
    node.inputs["a"].value = 1
    await node.settled()
    assert errors == [("f", "no"), "f"]


async def test_without_listeners_nothing_stands_between_a_node_and_its_engine() -> None:
    space = space_of("a")
    node = space.get_node_by_id("a")
    listener = lambda **_: None  # noqa: E731
    assert node.listeners is None
    assert node.changes is None
    space.on("node_added", listener)  # of the nodespace itself: no node is concerned
    assert node.listeners is None
    space.on("after_set_value", listener)
    assert node.listeners is not None
    assert node.changes is not None
    space.off("after_set_value", listener)
    assert node.listeners is None
    assert node.changes is None
    port = node.inputs["a"]
    port.once("after_set_value", listener)
    assert node.changes is not None
    port.value = 1
    assert node.changes is None


async def test_a_listener_that_raises_is_never_in_the_way(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node, heard = add(), []

    def broken(**_: Any) -> None:
        raise RuntimeError("listener")

    node.on("*", broken)
    node.on("after_set_value", lambda io, result, **_: heard.append((io.id, result)))
    node.inputs["a"].value = 1
    await node
    assert heard == [("a", 1.0), ("out", 2.0)]
    assert "listener" in caplog.text


async def test_a_watcher_and_listeners_do_not_displace_each_other() -> None:
    space, woken = space_of("a"), []
    changes = space.watch(lambda: woken.append(1))
    node, heard = space.get_node_by_id("a"), []
    node.on("after_connect", lambda **_: heard.append("connect"))
    node.inputs["a"].on("after_set_value", lambda result, **_: heard.append(result))
    node.inputs["a"].value = 1
    await node
    assert changes.take() == {node}
    assert heard == [1.0]
    node.inputs["a"].value = 2
    assert changes.take() == {node}
    assert heard == [1.0, 2.0]
    del heard[1:]
    add().outputs["out"].connect(node.inputs["a"], replace=True)
    assert heard == [1.0, "connect"]


# ── library ───────────────────────────────────────────────────────────────────────────────


def test_a_library_is_searched_changed_and_described() -> None:
    given = Shelf([add], [Shelf([mode], name="sub", description="d")], name="top")
    library = Library(given)
    library.add_nodes([fails], ["top", "sub"])
    assert library.find_nodeid("api.space.fails") == [["top", "sub"]]
    assert library.find_nodeclass(mode) == [["top", "sub"]]
    assert (
        library.find_nodeclass("api.space.mode") is library.get_node_by_id("api.space.mode") is mode
    )
    assert library.get_shelf(["top", "sub"]).nodes == [mode, fails]
    assert given.subshelves[0].nodes == [mode]  # what was given stays as it is
    listed = json.loads(json.dumps(library.full_serialize()))
    assert listed["shelves"][0]["subshelves"][0]["description"] == "d"
    library.remove_nodeclass(mode)
    assert not library.has_node_id("api.space.mode")
    library.remove_shelf(["top", "sub"])
    assert not library.has_node_id("api.space.fails")
    assert library.has_node_id("api.space.add")
    library.add_shelf_recursively(["one", "two"]).nodes.append(mode)
    assert library.find_nodeid("api.space.mode") == [["one", "two"]]
    with pytest.raises(GraphError, match="no shelf 'one / three'"):
        library.get_shelf(["one", "three"])
    with pytest.raises(NodeClassNotFoundError):
        library.get_node_by_id("api.space.nowhere")


def test_shelves_are_found_by_module_and_by_file(tmp_path: Path) -> None:
    import funcnodes.basic_nodes.math as math_nodes

    assert find_shelf("funcnodes.basic_nodes.math") is math_nodes.NODE_SHELF
    assert find_shelf({"module": "funcnodes.nowhere"}) is None
    assert module_to_shelf(math_nodes).name == "Math"
    (tmp_path / "my_nodes.py").write_text(
        "from funcnodes import NodeDecorator\n"
        "@NodeDecorator('api.file.one')\n"
        "def one() -> int:\n    return 1\n"
    )
    for where in (str(tmp_path / "my_nodes.py"), {"path": str(tmp_path), "module": "my_nodes"}):
        shelf = find_shelf(where)
        assert shelf is not None
        assert [each.node_id for each in shelf.nodes] == ["api.file.one"]
    assert find_shelf(str(tmp_path / "none.py")) is None


# ── older files ───────────────────────────────────────────────────────────────────────────

OLD = {
    "nodes": [
        {
            "name": "AddNode(n1)", "id": "n1", "node_id": "api.space.add", "node_name": "Add",
            "io": {
                "a": {"is_input": True, "value": 2, "emit_value_set": True},
                "b": {"is_input": True, "value": 1},
                "c": {"is_input": True, "value": "y"},
                "d": {"is_input": True, "value": [1.0, 2], "hidden": True},
                "out": {"is_input": False, "value": 3},
            },
            "properties": {"frontend:pos": [10, 20]},
        },
        {
            "name": "two", "id": "n2", "node_id": "api.space.add", "node_name": "Add",
            "io": {
                "a": {"is_input": True, "value": "<NoValue>"}, "b": {"is_input": True},
                "c": {"name": "choice", "is_input": True, "value": "<NoValue>"},
                "d": {"is_input": True, "value": None}, "out": {"is_input": False},
            },
        },
        {
            "name": "m", "id": "n3", "node_id": "api.space.mode", "node_name": "mode",
            "io": {"m": {"is_input": True, "value": "Mode.SLOW"}, "out": {"is_input": False}},
        },
        {
            "name": "gone", "id": "n4", "node_id": "not.installed", "node_name": "Gone",
            "io": {
                "p": {"is_input": True, "value": {"$": "odd", "deep": ["<NoValue>", None, 1e300]}},
                "q": {"is_input": False, "value": "kept"}, "weird": [1],
            },
            "properties": {"frontend:pos": [1, 2], "x": "y"}, "render_options": {"k": 1},
            "something": {"else": True},
        },
    ],
    "edges": [["n1", "out", "n2", "a"], ["n2", "out", "n4", "p"], ["n4", "q", "n2", "b"]],
    "prop": {"view": {"x": 1}},
    "groups": {
        "g": {"node_ids": ["n1", "n4"], "child_groups": [], "parent_group": None, "meta": {}}
    },
}  # fmt: skip


def test_a_file_of_an_older_version_loads_unchanged_and_runs_nothing() -> None:
    space = space_of()
    space.deserialize(json.loads(json.dumps(OLD)))
    first, second, third, gone = space.nodes
    assert space.arming == "disarmed"
    assert (first.name, first.inputs["a"].value, first.inputs["c"].value) == ("AddNode(n1)", 2, "y")
    assert first.inputs["d"].value == [1.0, 2]
    assert first.inputs["d"].hidden
    assert first.properties["pos"] == [10, 20]
    assert second.inputs["a"].value is NoValue
    assert (second.inputs["c"].value, second.inputs["c"].name) == ("x", "choice")
    assert third.inputs["m"].value is Mode.SLOW
    assert gone.properties["pos"] == [1, 2]
    assert [list(edge) for edge in space.edges] == OLD["edges"]
    assert space.get_property("view") == {"x": 1}
    assert space.groups.find_group_of_node("n4") == "g"
    assert not any(node.runs or node.in_trigger for node in space.nodes)


def test_a_missing_class_keeps_every_byte_and_every_wire() -> None:
    space = space_of()
    space.deserialize(json.loads(json.dumps(OLD)))
    saved = json.loads(json.dumps(space.serialize()))
    assert saved["nodes"][3] == OLD["nodes"][3]
    assert saved["edges"] == OLD["edges"]
    again = space_of()
    again.deserialize(saved)
    assert json.loads(json.dumps(again.serialize())) == saved


def test_a_file_of_an_older_worker_brings_the_places_of_its_nodes() -> None:
    worker = {
        "backend": {**OLD, "nodes": OLD["nodes"][1:2], "edges": [], "groups": {}},
        "view": {"nodes": {"n2": {"pos": [5, 6], "size": [1, 1]}}, "renderoptions": {}},
        "meta": {"id": "w", "version": "0.2.17"},
    }
    space = space_of()
    space.deserialize(worker)
    assert space.get_node_by_id("n2").properties["pos"] == [5, 6]


def test_an_old_value_that_does_not_fit_is_kept_and_left_unset() -> None:
    """Older versions checked nothing."""
    node = {"id": "n", "node_id": "api.space.add", "io": {"a": {"is_input": True, "value": "wet"}}}
    space = space_of()
    space.deserialize({"nodes": [node], "edges": []})
    assert space.get_node_by_id("n").inputs["a"].value is NoValue
    assert space.serialize()["nodes"][0]["io"]["a"]["value"] == "wet"


def test_settings_of_ports_and_nodes_survive_saving() -> None:
    space = space_of("n")
    node = space.get_node_by_id("n")
    node.set_reset_inputs(True)
    node.render_options = {"typemap": {"float": "dial"}}
    node.inputs["a"].update_value_options(min=0, max=5)
    node.inputs["a"].name = "Alpha"
    node.inputs["a"].value = 4
    saved = json.loads(json.dumps(space.serialize()))
    again = space_of()
    again.deserialize(saved)
    node = again.get_node_by_id("n")
    assert node.reset_inputs_on_trigger
    assert node.inputs["a"].value_options == {"min": 0, "max": 5}
    assert (node.inputs["a"].name, node.inputs["a"].value) == ("Alpha", 4)
    assert json.loads(json.dumps(again.serialize())) == saved


# ── archives ──────────────────────────────────────────────────────────────────────────────


def packed(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_STORED) -> Any:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        made.writestr("state", b'{"nodes": [], "edges": []}')
        for name, content in entries:
            made.writestr(name, content)
    stream.seek(0)
    return stream


def linked(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o120777 << 16
    return entry


def test_an_archive_carries_config_state_and_files(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "data.bin").write_bytes(b"\x00\x01")
    (tmp_path / "in" / "link").symlink_to("/etc/passwd")
    space = space_of("a")
    file = tmp_path / "bench.fnw"
    archive.write(file, space.serialize(), config={"name": "w"}, files=tmp_path / "in")
    with zipfile.ZipFile(file) as made:
        assert made.namelist() == ["config", "state", "files/deep/data.bin"]
    found = archive.read(file, tmp_path / "out")
    assert found.config == {"name": "w"}
    assert found.files["deep/data.bin"].read_bytes() == b"\x00\x01"
    again = space_of()
    again.deserialize(found.state)
    assert again.has_node("a")
    with pytest.raises(ArchiveError, match="exists already"):
        archive.read(file, tmp_path / "out")


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (("files/../../evil", b"x"), "leads out"),
        (("/etc/passwd", b"x"), "does not belong"),
        (("../evil", b"x"), "does not belong"),
        (("files/a\\..\\evil", b"x"), "no name"),
        (("files/C:evil", b"x"), "no name"),
        (("files/CON.txt", b"x"), "leads out"),
        (("files//x", b"x"), "leads out"),
        ((linked("files/link"), b"/etc/passwd"), "a link or a device"),
        (("config", b"[]"), "not an object"),
        (("config", b"{"), "not JSON"),
        (("other/../../evil", b"x"), "does not belong"),
        (("other//evil", b"x"), "does not belong"),
        (("a\nb", b"x"), "does not belong"),
    ],
)
def test_an_archive_with_one_bad_entry_is_refused_whole(
    tmp_path: Path, entry: tuple[Any, bytes], sentence: str
) -> None:
    with pytest.raises((ArchiveError, SavedGraphError), match=sentence):
        archive.read(packed(("files/good", b"x"), entry), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_bombs_twins_and_rubbish_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = packed(("files/zeros", b"\0" * 20_000_000), method=zipfile.ZIP_DEFLATED)
    with pytest.raises(ArchiveError, match="too tightly"):
        archive.read(bomb, tmp_path / "out")
    with pytest.raises(ArchiveError, match="two entries"):
        archive.read(packed(("files/a", b"1"), ("files/A", b"2")), tmp_path / "out")
    with pytest.raises(ArchiveError, match="two entries"):
        archive.read(packed(("files/a/b", b"1"), ("files/a", b"2")), tmp_path / "out")
    with pytest.raises(ArchiveError, match="damaged"):
        archive.read(io.BytesIO(b"no zip"), tmp_path / "out")
    broken = bytearray(packed(("files/a", b"hello hello")).getvalue())
    broken[broken.index(b"hello hello")] ^= 1
    with pytest.raises(ArchiveError, match="damaged"):
        archive.read(io.BytesIO(bytes(broken)), tmp_path / "out")
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    with pytest.raises(ArchiveError, match="no state"):
        archive.read(empty, tmp_path / "out")
    monkeypatch.setattr(archive, "MAX_BYTES", 1000)
    with pytest.raises(ArchiveError, match="are possible"):
        archive.read(packed(("files/a", b"x" * 2000)), tmp_path / "out")
    monkeypatch.setattr(archive, "MAX_ENTRIES", 1)
    with pytest.raises(ArchiveError, match="entries"):
        archive.read(packed(("files/a", b"x")), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_archive(tmp_path: Path) -> None:
    file = tmp_path / "w.fnw"
    archive.write(file, {"nodes": []})
    before = file.read_bytes()
    with pytest.raises(TypeError):
        archive.write(file, {"nodes": [object()]})
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]
