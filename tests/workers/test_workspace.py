"""A worker's folder: private, whole files only, the last good version when one is corrupt."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from funcnodes.durable import write_private
from funcnodes.errors import RefusedError, SavedGraphError, WorkerError
from funcnodes.machine.files import read_json, write_json
from funcnodes.settings import Settings
from funcnodes.workers.workspace import VERSIONS_KEPT, SpaceStore, Workspace, encode


def graph(number: int) -> dict[str, Any]:
    return {"nodes": [{"id": str(number)}], "edges": []}


@pytest.fixture
def store(tmp_path: Path) -> SpaceStore:
    return SpaceStore(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "config")


def test_a_worker_s_folder_is_its_owner_s_alone_whatever_the_umask(settings: Settings) -> None:
    before = os.umask(0)
    try:
        workspace = Workspace.create(settings, "bench one")
        workspace.spaces.save("x", encode(graph(1)))
        workspace.spaces.save("x", encode(graph(2)))
        _ = workspace.runs_dir, workspace.logs_dir
    finally:
        os.umask(before)
    for path in settings.config_dir.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_only_a_hash_of_the_credential_is_in_the_record(settings: Settings) -> None:
    workspace = Workspace.create(settings, "w")
    record = (workspace.root / "worker.json").read_text()
    assert workspace.credential() not in record
    assert workspace.record.owns(workspace.credential())
    assert not workspace.record.owns(workspace.credential() + "x")
    assert Workspace(workspace.root).record == workspace.record


@pytest.mark.parametrize("text", ["", "{", "[]", '{"uuid": "x"}', '{"created": "soon"}'])
def test_a_folder_without_a_record_is_no_worker(settings: Settings, text: str) -> None:
    folder = settings.workers_dir / "x"
    folder.mkdir()
    (folder / "worker.json").write_text(text)
    with pytest.raises(WorkerError, match="is no worker's file"):
        Workspace(folder)
    assert Workspace.all(settings) == []


def test_a_folder_is_claimed_by_one_process_and_free_again_after_kill_9(settings: Settings) -> None:
    workspace = Workspace.create(settings, "w")
    program = (
        "import sys, pathlib\n"
        "from funcnodes.workers.workspace import Workspace\n"
        "with Workspace(pathlib.Path(sys.argv[1])).claimed('s'):\n"
        "    print('mine', flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(workspace.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"mine\n"
        with (
            pytest.raises(WorkerError, match=f"already running in process {holder.pid}"),
            workspace.claimed("t"),
        ):
            pass
        found = workspace.process()
        assert found is not None
        assert found.pid == holder.pid
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert workspace.process() is None
    assert not workspace.left_cleanly()
    with workspace.claimed("t"):
        assert workspace.process() is not None
    assert workspace.left_cleanly()


@pytest.mark.parametrize(
    "name",
    ["", " ", "..", "../x", "a/b", "a\\b", ".hidden", "a\0b", "a\nb", "x" * 101, "a.", "-x", "~"],
)
def test_a_name_that_is_no_file_s_is_refused(store: SpaceStore, name: str) -> None:
    for ask in (store.exists, store.load, store.unused_name):
        with pytest.raises(RefusedError):
            ask(name)
    assert list(store.folder.iterdir()) == []


def test_names_keep_letters_of_any_script(store: SpaceStore) -> None:
    for name in ("Diode I-V curve", "Übersicht 2", "温度", "v1.2 (final)"):
        store.save(name, encode(graph(1)))
    assert len(store.names()) == 4
    assert store.unused_name("温度") == "温度 2"


def test_a_corrupt_file_is_put_aside_and_the_last_good_version_loads(store: SpaceStore) -> None:
    """Corrupt save: the last good version loads, the bad one is kept aside, the user is told."""
    store.save("x", encode(graph(1)))
    store.save("x", encode(graph(2)))
    store.save("x", encode(graph(3)))
    path = store.folder / "x.json"
    corrupt = path.read_bytes()[:-7]
    path.write_bytes(corrupt)
    loaded = store.load("x")
    assert loaded.data == graph(2)
    assert "corrupt" in loaded.notice
    aside = next(store.folder.glob("x.*.corrupt"))
    assert aside.read_bytes() == corrupt
    assert aside.name in loaded.notice
    again = store.load("x")
    assert (again.data, again.notice) == (graph(2), "")


@pytest.mark.parametrize("content", [b"", b"null", b"[1]", b'{"nodes": 5}', b"\xff\xfe{}"])
def test_whatever_is_no_nodespace_counts_as_corrupt(store: SpaceStore, content: bytes) -> None:
    store.save("x", encode(graph(1)))
    store.save("x", encode(graph(2)))
    (store.folder / "x.json").write_bytes(content)
    assert store.load("x").data == graph(1)


def test_versions_that_are_bad_too_are_passed_over(store: SpaceStore) -> None:
    for number in range(4):
        store.save("x", encode(graph(number)))

    def judge(data: dict[str, Any]) -> None:
        if int(data["nodes"][0]["id"]) > 0:
            raise SavedGraphError("too new.")

    assert store.load("x", judge).data == graph(0)


def test_where_nothing_is_good_the_file_is_left_as_it_is(store: SpaceStore) -> None:
    path = store.folder / "x.json"
    path.write_bytes(b"{broken")
    with pytest.raises(SavedGraphError, match="cannot be opened"):
        store.load("x")
    assert path.read_bytes() == b"{broken"
    with pytest.raises(SavedGraphError, match="no nodespace named"):
        store.load("y")


def test_the_last_good_versions_are_kept_and_no_more(store: SpaceStore) -> None:
    for number in range(VERSIONS_KEPT + 5):
        store.save("x", encode(graph(number)))
    kept = [json.loads(path.read_bytes())["nodes"][0]["id"] for path in store.versions("x")]
    newest = VERSIONS_KEPT + 3
    assert kept == [str(newest - n) for n in range(VERSIONS_KEPT)]


def test_a_rename_takes_the_versions_along_and_overwrites_nothing(store: SpaceStore) -> None:
    store.save("x", encode(graph(1)))
    store.save("x", encode(graph(2)))
    store.save("y", encode(graph(9)))
    with pytest.raises(RefusedError, match="already"):
        store.rename("x", "y")
    store.rename("x", "z")
    assert store.names() == ["y", "z"]
    assert len(store.versions("z")) == 1


def test_a_full_disk_leaves_the_file_as_it_was(
    store: SpaceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save("x", encode(graph(1)))

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        store.save("x", encode(graph(2)))
    monkeypatch.undo()
    assert store.load("x").data == graph(1)
    assert not list(store.folder.glob(".x.json.*"))


SAVER = """
import os, pathlib, sys
from funcnodes.workers.workspace import SpaceStore, encode
store = SpaceStore(pathlib.Path(sys.argv[1]))
for _ in sys.stdin:
    saver = os.fork()
    number = 0
    while not saver:
        number += 1
        node = {'id': str(number), 'text': str(number % 10) * 200_000}
        store.save('x', encode({'nodes': [node], 'edges': []}))
    print(saver, flush=True)
    os.waitpid(saver, 0)
    print('gone', flush=True)
"""


def test_killed_at_any_moment_of_a_save_leaves_old_or_new_never_a_mix(tmp_path: Path) -> None:
    """A process saves without pause and is killed at 50 moments."""
    store = SpaceStore(tmp_path)
    seen = 0
    with subprocess.Popen(
        [sys.executable, "-c", SAVER, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    ) as parent:  # fmt: skip
        assert parent.stdin is not None
        assert parent.stdout is not None
        for attempt in range(50):
            parent.stdin.write("again\n")
            saver = int(parent.stdout.readline())
            time.sleep(0.001 * (attempt * 7 % 40))  # the moment is what is tried
            os.kill(saver, signal.SIGKILL)
            assert parent.stdout.readline() == "gone\n"
            if not store.exists("x"):
                continue
            loaded = store.load("x")
            node = loaded.data["nodes"][0]
            assert loaded.notice == ""
            assert node["text"] == str(int(node["id"]) % 10) * 200_000
            seen += 1
    assert seen >= 40


def test_what_is_no_json_object_reads_as_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    assert read_json(path) is None
    for content in (b"", b"[]", b"{", b"[" * 100_000):
        write_private(path, content)
        assert read_json(path) is None
    write_json(path, {"a": "µ"})
    assert read_json(path) == {"a": "µ"}
