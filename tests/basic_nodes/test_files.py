"""Files: what nodes may reach, and what they write there."""

import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.basic_nodes.files import Files
from funcnodes.errors import ExecutionError, NodeTriggerError


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "outside.txt").write_text("secret")
    (tmp_path / "files").mkdir()
    return Files(tmp_path / "files")


@pytest.fixture
def here(graph: Any, files: Files) -> Any:
    graph.space.services.provide(Files, files)
    return graph


async def run(graph: Any, node_id: str, **values: Any) -> Any:
    node = graph.add(node_id)
    for port, value in values.items():
        node.inputs[port].restore(value)
    await node
    return node


async def result(graph: Any, node_id: str, **values: Any) -> Any:
    node = await run(graph, node_id, **values)
    return next(port.value for port in node.outputs.values() if port.id[0] != "_")


@pytest.mark.parametrize(
    "name",
    [
        "../outside.txt", "a/../../outside.txt", "/etc/passwd", "\\\\host\\share", "C:\\x", "C:x",
        "..\\outside.txt", "~/x", "..", "a/..", "link", "folder/outside.txt", "", ".", " x", "a\0b",
        "x" * 2000,
    ],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(files: Files, name: str) -> None:
    (files.root / "link").symlink_to(files.root.parent / "outside.txt")
    (files.root / "folder").symlink_to(files.root.parent)
    for act in (files.read, files.exists, files.info, files.delete):
        with pytest.raises(ExecutionError, match=r"leads out of the folder|is no name of a file"):
            act(name)
    with pytest.raises(ExecutionError):
        files.write(name, b"x")
    assert (files.root.parent / "outside.txt").read_text() == "secret"


@pytest.mark.parametrize("pattern", ["../*", "/etc/*", "~/*", "", "a/../../*"])
def test_no_pattern_leads_out_of_the_folder(files: Files, pattern: str) -> None:
    with pytest.raises(ExecutionError, match="leads out of the folder"):
        files.listed(pattern)


def test_links_that_lead_out_are_not_listed(files: Files) -> None:
    files.write("a.txt", b"1")
    files.write("deep/b.txt", b"22")
    (files.root / "link.txt").symlink_to(files.root.parent / "outside.txt")
    (files.root / "up").symlink_to(files.root.parent)
    assert [info.name for info in files.listed("**/*")] == ["a.txt", "deep/b.txt"]
    assert [info.name for info in files.listed("up/*")] == []
    assert files.info("deep/b.txt").size == 2


def test_a_file_is_replaced_whole_or_not_at_all(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write("a.txt", b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        ExecutionError, match=r"'a.txt' cannot be accessed: No space left on device"
    ):
        files.write("a.txt", b"new")
    assert files.read("a.txt") == b"old"
    assert [path.name for path in files.root.iterdir()] == ["a.txt"]


def test_a_new_file_replaces_nothing(files: Files) -> None:
    files.write("a.txt", b"old", "new")
    with pytest.raises(ExecutionError, match=r"There is a file 'a.txt' already"):
        files.write("a.txt", b"new", "new")
    files.write("a.txt", b"+", "append")
    assert files.read("a.txt") == b"old+"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none.txt", "There is no file 'none.txt' in the folder for files."),
        ("deep", "'deep' is a folder, and no file."),
        ("a.txt/x", "Part of 'a.txt/x' is a file, and no folder."),
    ],
)
def test_what_the_system_refuses_is_a_sentence(files: Files, name: str, sentence: str) -> None:
    files.write("a.txt", b"1")
    files.write("deep/b.txt", b"1")
    with pytest.raises(ExecutionError) as caught:
        files.read(name)
    assert caught.value.message == sentence


async def test_text_goes_out_and_comes_back(here: Any, files: Files) -> None:
    assert await result(here, "file.write_text", name="a/n.txt", text="µA\n") == "a/n.txt"
    await result(here, "file.write_text", name="a/n.txt", text="2\n", mode="append")
    assert await result(here, "file.read_text", name="a/n.txt") == "µA\n2\n"
    assert await result(here, "file.read_lines", name="a/n.txt") == ["µA", "2"]
    assert await result(here, "file.exists", name="a/n.txt") is True
    assert await result(here, "file.list", pattern="a/*") == ["a/n.txt"]
    info = await run(here, "file.info", name="a/n.txt")
    assert info.outputs["size"].value == 6
    assert info.outputs["modified"].unit == "s"
    await result(here, "file.delete", name="a/n.txt")
    assert await result(here, "file.exists", name="a/n.txt") is False


async def test_tables_arrays_and_json_go_out_and_come_back(here: Any) -> None:
    table = {"V": [0.1, 1e-12], "mode": ["a", "b"]}
    await result(here, "file.write_csv", name="t.csv", table=table)
    await result(here, "file.write_csv", name="t.csv", table=table, mode="append")
    assert await result(here, "file.read_csv", name="t.csv") == {
        "V": table["V"] * 2, "mode": table["mode"] * 2,
    }  # fmt: skip
    array = np.arange(6, dtype=float).reshape(2, 3)
    await result(here, "file.write_array", name="a.npy", array=array)
    np.testing.assert_array_equal(await result(here, "file.read_array", name="a.npy"), array)
    value = {"x": [1, None, "µ"]}
    await result(here, "file.write_json", name="v.json", value=value | {"n": np.float64(2)})
    assert await result(here, "file.read_json", name="v.json") == value | {"n": 2.0}
    await result(here, "file.write_bytes", name="b.bin", data=b"\0\1")
    assert await result(here, "file.read_bytes", name="b.bin") == b"\0\1"


async def test_a_free_name_counts_on(here: Any, files: Files) -> None:
    assert await result(here, "file.free_name", name="d/x.csv") == "d/x.csv"
    files.write("d/x.csv", b"")
    files.write("d/x-001.csv", b"")
    assert await result(here, "file.free_name", name="d/x.csv") == "d/x-002.csv"
    files.write("log", b"")
    assert await result(here, "file.free_name", name="log") == "log-001"


async def test_writing_waits_until_the_nodespace_is_armed(here: Any, files: Files) -> None:
    """A1: a disarmed nodespace changes no file."""
    here.space.arming = "disarmed"
    node = here.add("file.write_text", name="a.txt")
    node.inputs["text"].set_value("x")
    await here.at_rest()
    assert not files.exists("a.txt")
    here.space.arming = "live"
    await node
    assert files.read("a.txt") == b"x"


async def test_without_a_folder_the_nodes_say_so(graph: Any) -> None:
    with pytest.raises(NodeTriggerError, match="There is no folder for files here"):
        await run(graph, "file.read_text", name="a.txt")


@pytest.mark.parametrize(
    ("node_id", "content", "sentence"),
    [
        ("file.read_text", b"\xff\xfe\xff", "'x' is no text in utf-8, from byte 0."),
        ("file.read_json", b"{", "'x' is not JSON: "),
        ("file.read_array", b"no", "'x' is no .npy file with numbers."),
        ("file.read_csv", b"a,b\n1\n", "Line 2 has 1 values, but the first has 2."),
    ],
)
async def test_a_file_of_another_kind_is_named(
    here: Any, files: Files, node_id: str, content: bytes, sentence: str
) -> None:
    files.write("x", content)
    with pytest.raises(NodeTriggerError) as caught:
        await run(here, node_id, name="x")
    assert sentence in str(caught.value)


async def test_an_array_file_with_objects_is_not_opened(here: Any, files: Files) -> None:
    """Unpickling would run code out of the file."""
    np.save(files.root / "evil.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(NodeTriggerError, match=r"'evil.npy' is no .npy file with numbers"):
        await run(here, "file.read_array", name="evil.npy")


def test_every_file_node_that_writes_is_an_effect() -> None:
    for path, nodeclass in NODE_SHELF.walk():
        if path[0] == "Files":
            writes = nodeclass.node_id.startswith(("file.write", "file.delete"))
            assert nodeclass.effect is writes, nodeclass.node_id


@pytest.mark.parametrize("kind", ["fifo", "fifo that is read", "socket"])
def test_what_is_no_file_is_refused_and_not_waited_for(files: Files, kind: str) -> None:
    """A pipe in the folder would be waited for, for ever."""
    path = files.root / "thing"
    ends = []
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(os.fspath(path))
    else:
        os.mkfifo(path)
    if kind == "fifo that is read":
        ends.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    for act in (
        lambda: files.read("thing"),
        lambda: files.write("thing", b"x"),
        lambda: files.write("thing", b"x", "append"),
    ):
        with pytest.raises(ExecutionError, match=r"no file|cannot be accessed"):
            act()
    assert files.listed() == []
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/stdin", "/dev/tty"])
def test_devices_are_out_of_reach(files: Files, device: str) -> None:
    (files.root / "link").symlink_to(device)
    for name in (device, "link"):
        with pytest.raises(ExecutionError, match="leads out"):
            files.read(name)
