"""Workers as files: carried elsewhere whole, or refused whole."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings as trying, strategies as st

from funcnodes.cli.app import execute
from funcnodes.core import NodeSpace, make_subgraph
from funcnodes.errors import FuncnodesError, WorkerError
from funcnodes.runs.local import library
from funcnodes.settings import Settings
from funcnodes.workers import packing
from funcnodes.workers.workspace import Workspace, encode

BENCH = 'name = "demo"\n'


def graph() -> dict[str, Any]:
    space = NodeSpace(library(), arming="disarmed")
    node = space.add_node_by_id("add_node", uuid="a")
    node.inputs["b"].set_value(3)
    make_subgraph(space, [node], name="Plus", uuid="s")
    return space.serialize()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "config")


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    """A worker with all that an archive holds."""
    made = Workspace.create(settings, "bench one")
    made.spaces.save("Diode", encode(graph()))
    made.spaces.save("Other", encode({"format": 3, "nodes": [], "edges": []}))
    made.set_last_open("Diode")
    subgraph = next(n for n in graph()["nodes"] if "subgraph" in n)["subgraph"]
    template = {"format": 3, "kind": "subgraph", "name": "plus", **subgraph}
    made.subgraphs.save("plus", template)
    made.bench_path.write_text(BENCH)
    made.files_dir.mkdir()
    (made.files_dir / "notes").mkdir()
    (made.files_dir / "notes" / "a.txt").write_text("hello")
    return made


@pytest.fixture
def packed(workspace: Workspace, tmp_path: Path) -> Path:
    target = tmp_path / "one.fnw"
    packing.export(workspace, target)
    return target


def rewritten(source: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other entries."""
    with zipfile.ZipFile(source) as before:
        entries = {name: before.read(name) for name in before.namelist()}
    change(entries)
    target = source.with_name("changed.fnw")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as after:
        for name, data in entries.items():
            after.writestr(name, data)
    return target


def config(**more: Any) -> Callable[[dict[str, bytes]], None]:
    """Other words in the archive's config."""

    def change(entries: dict[str, bytes]) -> None:
        entries["config"] = json.dumps({**json.loads(entries["config"]), **more}).encode()

    return change


def left(settings: Settings) -> list[str]:
    """What a refused import has left behind: nothing but the worker that was there."""
    names = [each.record.name for each in Workspace.all(settings)]
    return names + [path.name for path in settings.run_dir.glob("import-*")]


def test_what_is_imported_is_for_its_user_alone(packed: Path, tmp_path: Path) -> None:
    """Whatever the umask."""
    elsewhere = Settings(tmp_path / "elsewhere")
    before = os.umask(0)
    try:
        made = packing.unpack(elsewhere, packed, with_bench=True)
    finally:
        os.umask(before)
    for path in (elsewhere.workers_dir / made.uuid).rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_a_worker_is_carried_elsewhere_whole(packed: Path, tmp_path: Path) -> None:
    elsewhere = Settings(tmp_path / "elsewhere")
    made = packing.unpack(elsewhere, packed)
    assert (made.name, made.nodespace, made.nodespaces) == ("bench one", "Diode", 2)
    assert made.left_bench
    found = packing.find(elsewhere, made.uuid)
    assert found.last_open() == "Diode"
    assert found.spaces.names() == ["Diode", "Other"]
    assert found.spaces.load("Diode").data == json.loads(json.dumps(graph()))
    assert (found.files_dir / "notes" / "a.txt").read_text() == "hello"
    opened = library()
    opened.load_subgraphs(found.subgraphs.folder)
    assert opened.find_subgraph("plus") is not None
    assert not found.bench_path.exists()
    assert os.stat(found.spaces.folder / "Diode.json").st_mode & 0o777 == 0o600
    assert left(elsewhere) == ["bench one"]


def test_its_bench_is_taken_over_only_where_that_is_asked_for(
    packed: Path, settings: Settings
) -> None:
    made = packing.unpack(settings, packed, name="two", with_bench=True)
    assert not made.left_bench
    assert packing.find(settings, "two").bench_path.read_text() == BENCH


def test_an_archive_says_nothing_secret(packed: Path, workspace: Workspace) -> None:
    with zipfile.ZipFile(packed) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert workspace.credential().encode() not in everything
    assert workspace.record.credential_sha256.encode() not in everything


def test_a_file_of_an_older_version_becomes_a_worker(settings: Settings, tmp_path: Path) -> None:
    """2.x: the graph lies under `backend`; a package that is missing leaves placeholders."""
    nodes = [{"id": "n1", "node_id": "nowhere.node", "name": "Lost", "io": {}}]
    state = {"backend": {"nodes": nodes, "edges": [], "prop": {}, "lib": {"shelves": []}}}
    source = tmp_path / "old.fnw"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("config", json.dumps({"name": None, "uuid": "u"}))
        archive.writestr("state", json.dumps(state))
    made = packing.unpack(settings, source)
    assert (made.name, made.nodespace) == ("old", "Nodespace")
    data = packing.find(settings, "old").spaces.load("Nodespace").data
    assert [node["node_id"] for node in data["nodes"]] == ["nowhere.node"]


def test_what_has_no_place_in_a_worker_is_left_in_the_file_and_told(
    packed: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """2.x puts a `pyproject.toml` beside the state."""
    more = rewritten(packed, lambda e: e.update({"pyproject.toml": b"[project]", "a/b.lock": b"x"}))
    where = ["--dir", str(settings.config_dir)]
    assert execute([*where, "worker", "import", str(more), "--name", "two"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-2:] == [
        "Left in the file, as no worker has a place for it: a/b.lock, pyproject.toml.",
        "pyproject.toml names packages: what is missing, `worker modules add` installs.",
    ]
    assert not list(settings.config_dir.rglob("*.lock"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda e: e.update({"files/../../evil": b"x"}), "leads out of its folder"),
        (lambda e: e.update({"/etc/evil": b"x"}), "does not belong in one"),
        (lambda e: e.update({"files/bomb": b"\0" * 2**24}), "packed too tightly"),
        (lambda e: e.pop("state"), "no state"),
        (lambda e: e.update(state=b'{"nodes": [{"id": 1}]}'), "no id"),
        (lambda e: e.update(state=b"[" * 100_000), "nested too deep"),
        (config(nodespaces={"../x": {"nodes": []}}), "cannot be named"),
        (config(nodespaces=[]), None),
        (config(nodespaces=[1]), "is not an object"),
        (config(nodespaces={"x": {"nodes": 1}}), "not a list"),
        (config(subgraphs={"../x": {}}), "cannot be named"),
        (config(subgraphs={"x": 1}), "is not an object"),
        (config(subgraphs={"x": {"kind": "else"}}), "is not a subgraph"),
        (config(bench=5), "is no text"),
        (config(name="x" * 500), "cannot have a name of 500"),
    ],
)
def test_one_bad_thing_in_it_refuses_it_whole(
    packed: Path, settings: Settings, change: Any, why: str | None
) -> None:
    changed = rewritten(packed, change)
    if why is None:
        packing.unpack(settings, changed, name="two")
        return
    with pytest.raises(FuncnodesError, match=why):
        packing.unpack(settings, changed, name="" if "500" in why else "two")
    assert left(settings) == ["bench one"]
    assert not (settings.config_dir.parent / "evil").exists()


def test_a_bench_that_is_none_is_refused_only_where_it_is_asked_for(
    packed: Path, settings: Settings
) -> None:
    changed = rewritten(packed, config(bench="[devices.smu\n"))
    with pytest.raises(FuncnodesError, match=r"bench\.toml"):
        packing.unpack(settings, changed, name="two", with_bench=True)
    assert left(settings) == ["bench one"]
    packing.unpack(settings, changed, name="two")


def test_names_are_told_apart(packed: Path, settings: Settings) -> None:
    with pytest.raises(WorkerError, match="already a worker named 'bench one'"):
        packing.unpack(settings, packed)
    with pytest.raises(WorkerError, match="no worker 'nobody'"):
        packing.find(settings, "nobody")
    Workspace.create(settings, "bench one")
    with pytest.raises(WorkerError, match="2 workers are named"):
        packing.find(settings, "bench one")


@trying(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_archive_is_refused_in_a_sentence_or_read_as_it_was(
    packed: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Any byte, anywhere."""
    content = bytearray(packed.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))]
    damaged = tmp_path / "damaged.fnw"
    damaged.write_bytes(content)
    elsewhere = Settings(tmp_path / "elsewhere")
    before = left(elsewhere)
    try:
        packing.unpack(elsewhere, damaged, name=f"w{len(before)}")
    except FuncnodesError as error:
        told = str(error)
    else:
        told = ""
    assert told == "" or (told.endswith(".") and "\n" not in told)
    assert not list(elsewhere.run_dir.glob("import-*"))


def test_the_command_line_carries_a_worker_and_says_what_it_did(
    workspace: Workspace, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "one.fnw"

    def run(*arguments: object) -> tuple[int, str, str]:
        status = execute(["--dir", str(settings.config_dir), *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    assert run("worker", "export", "bench one", file) == (
        0, f"Worker bench one written to {file}.\n", "",
    )  # fmt: skip
    status, out, _ = run("worker", "import", file, "--name", "two")
    assert (status, out.splitlines()) == (
        0,
        [f"Worker two made of {file}.", "Its bench was left out; --with-bench takes it, too."],
    )
    status, out, _ = run("worker", "import", file, "--name", "three", "--json")
    assert json.loads(out)["nodespace"] == "Diode"
    for arguments, why in [
        (("export", "nobody", file), "There is no worker 'nobody'"),
        (("export", "two", file, "--nodespace", "None"), "There is no nodespace named 'None'"),
        (("export", "two", tmp_path / "no" / "x.fnw"), "cannot be written: No such file"),
        (("import", tmp_path / "no.fnw"), "cannot be read: No such file"),
        (("import", tmp_path), "cannot be read: Is a directory"),
        (("import", file), "already a worker named 'bench one'"),
        (("import", workspace.bench_path), "is damaged"),
    ]:
        status, _, told = run("worker", *arguments)
        assert (status, told.count("\n")) == (1, 1), told
        assert why in told


def test_a_worker_without_a_nodespace_is_carried_too(settings: Settings) -> None:
    bare = Workspace.create(settings, "bare")
    stream = settings.config_dir / "bare.fnw"
    assert packing.export(bare, stream) == ""
    with zipfile.ZipFile(io.BytesIO(stream.read_bytes())) as archive:
        assert sorted(archive.namelist()) == ["config", "state"]
    assert packing.unpack(settings, stream, name="bare 2").nodespace == "Nodespace"


@pytest.mark.parametrize("what", ["/dev/zero", "a pipe", "."])
def test_what_is_no_file_is_refused_unread(settings: Settings, tmp_path: Path, what: str) -> None:
    """`/dev/zero` was read until the memory was full; a pipe would be waited for."""
    source = Path(what)
    if what == "a pipe":
        source = tmp_path / "pipe"
        os.mkfifo(source)
    with pytest.raises(FuncnodesError, match="is no file"):
        packing.unpack(settings, source)
