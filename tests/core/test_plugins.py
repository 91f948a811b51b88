"""Plugins and the guide: real packages, as installed into a folder, and found there."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from funcnodes.core import Shelf
from funcnodes.core.graph import plugins

from ..waiting import patience

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "first-node-library.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the guide's package as installed, and two broken ones."""
    target = tmp_path_factory.mktemp("site")
    project = tomllib.loads(blocks("toml")[0])["project"]
    (target / "peaks_nodes").mkdir()
    (target / "peaks_nodes" / "__init__.py").write_text("\n\n".join(blocks("python")))
    _record(target, project["name"].replace("-", "_"), project["entry-points"])
    for name, group, what, code in (
        ("half_nodes", "funcnodes.plugin", "plugin", HALF),
        ("torn_nodes", "funcnodes.module", "NODE_SHELF", "import not_there_at_all\n"),
    ):
        (target / f"{name}.py").write_text(code)
        _record(target, name, {group: {name: f"{name}:{what}"}})
    return target


def _record(target: Path, name: str, entries: dict[str, dict[str, str]]) -> None:
    """What an installer leaves beside a package."""
    info = target / f"{name}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    lines = [
        line
        for group, found in entries.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in found.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


HALF = """
class Half:
    pass

def plugin(p):
    p.add_preview(Half, lambda value: "half")
    raise RuntimeError("no licence")
"""


def run_in(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(site), "COLUMNS": "120"},
        capture_output=True, text=True, timeout=patience(50),
    )  # fmt: skip


def command(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_in(site, "-c", "from funcnodes.cli import main; main()", *arguments)


def test_the_guides_package_is_listed_and_broken_ones_come_last(site: Path) -> None:
    ended = command(site, "nodes", "list")
    assert ended.returncode == 0, ended.stderr
    listed, _, broken = ended.stdout.partition("Cannot be loaded")
    assert "peaks.gain" in listed
    assert "A voltage, so many times as large." in listed
    assert "half_nodes: RuntimeError: no licence" in broken
    assert "torn_nodes: ModuleNotFoundError" in broken


def test_a_node_is_shown_with_type_unit_limits_and_words(site: Path) -> None:
    ended = command(site, "nodes", "show", "peaks.gain")
    assert ended.returncode == 0, ended.stderr
    assert "Amplifier  (Peaks)" in ended.stdout
    assert "voltage: float, in V, −10 to 10 V, required" in ended.stdout
    assert "factor: float, 0 to 1000, default 1.0" in ended.stdout
    assert "amplified: float, in V" in ended.stdout


def test_both_commands_speak_json(site: Path) -> None:
    everything = json.loads(command(site, "nodes", "list", "--json").stdout)
    assert "peaks.split" in [node["node_id"] for node in everything["nodes"]]
    assert set(everything["broken"]) == {"half_nodes", "torn_nodes"}
    shown = json.loads(command(site, "nodes", "show", "peaks.highest", "--json").stdout)
    assert shown["inputs"][0] | {"description": ""} == {
        "id": "values", "name": "values", "type": "list[float]", "kind": "any", "unit": "",
        "min": None, "max": None, "step": None, "options": [], "description": "",
        "required": True, "default": None,
    }  # fmt: skip


def test_a_node_that_is_not_there_is_one_sentence_with_a_hint(site: Path) -> None:
    ended = command(site, "nodes", "show", "gain")
    assert ended.returncode == 1
    assert "There is no node 'gain' here. Did you mean peaks.gain?" in ended.stderr


PROBE = """
import asyncio, json
import peaks_nodes
from funcnodes.core import Library, NodeSpace, PortType, codec, previews

library = Library.installed()
trace = codec.from_json(json.loads(json.dumps(codec.to_json(peaks_nodes.Trace([1.0, 2.0])))))
assert type(trace) is peaks_nodes.Trace and trace.points == [1.0, 2.0]
assert previews.preview(trace) == "2 points"
assert PortType.of(peaks_nodes.Trace).name == "trace"

import half_nodes
assert previews.preview(half_nodes.Half()) == "<Half>"  # nothing of it counts

async def main():
    space = NodeSpace(library)
    highest = space.add_node_by_id("peaks.highest")
    split = space.add_node_by_id("peaks.split")
    primes = space.add_node_by_id("peaks.primes")
    highest.outputs["out"].connect(split.inputs["peak"])
    highest.inputs["values"].value = [1, 5, 2]
    await highest
    assert split.outputs["position"].value == 1.0 and split.outputs["height"].value == 5.0
    await primes
    assert primes.outputs["out"].value == 168
    split.inputs["peak"].disconnect()
    split.inputs["peak"].value = {"position": 1, "height": 2}
    again = NodeSpace(library)
    again.deserialize(json.loads(json.dumps(space.serialize())))
    assert again.get_node_by_id(split.uuid).inputs["peak"].value == peaks_nodes.Peak(1.0, 2.0)
    await peaks_nodes.test_the_amplifier_amplifies()

asyncio.run(main())
print("all of it")
"""


def test_the_guides_code_does_what_the_guide_says(site: Path) -> None:
    ended = run_in(site, "-c", PROBE)
    assert ended.stdout == "all of it\n", ended.stderr


VALUE = {"$": "object", "v": ["peaks.Trace", [1.0, 2.0]]}
FLOW = {
    "format": 3,
    "nodes": [
        {"name": "", "id": "n1", "node_id": "probe.any", "io": {"value": {"value": VALUE}}},
    ],
    "edges": [],
}


def test_a_value_whose_package_is_missing_survives_load_and_save(tmp_path: Path) -> None:
    code = (
        "from funcnodes.core import NodeDecorator, Library, Shelf, NodeSpace\n"
        "from typing import Any\nimport json, sys\n"
        "@NodeDecorator('probe.any')\ndef probe(value: Any = 1) -> Any:\n    return value\n"
        "space = NodeSpace(Library(Shelf([probe])))\n"
        "space.deserialize(json.loads(sys.argv[1]))\n"
        "assert space.get_node_by_id('n1').inputs['value'].value == 1\n"
        "print(json.dumps(space.serialize()))\n"
    )
    ended = run_in(tmp_path, "-c", code, json.dumps(FLOW))
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["nodes"][0]["io"]["value"]["value"] == VALUE
    assert "peaks.Trace is not known here" in ended.stderr


# ── what a plugin may say ─────────────────────────────────────────────────────────────────


def bring_nothing(plugin: plugins.Plugin) -> None:
    plugin.add_shelf("no shelf")  # type: ignore[arg-type]  # that is the point


def bring_odd_kind(plugin: plugins.Plugin) -> None:
    plugin.add_type(Path, looks_like="cloud")  # type: ignore[arg-type]  # that is the point


def bring_odd_record(plugin: plugins.Plugin) -> None:
    plugin.add_preview(Path, lambda path: "never")
    plugin.register(Path)


def bring_shelf(plugin: plugins.Plugin) -> None:
    plugin.add_shelf(Shelf(name="brought"))


def entry(monkeypatch: pytest.MonkeyPatch, bring: Any) -> EntryPoint:
    module = type(sys)("funcnodes_test_plugin")
    module.bring = bring  # type: ignore[attr-defined]  # a module made here
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return EntryPoint("test", f"{module.__name__}:bring", plugins.GROUP)


@pytest.mark.parametrize(
    ("bring", "why"),
    [
        (bring_nothing, "TypeError: str is not a Shelf"),
        (bring_odd_kind, "ValueError: 'cloud' is not one of number, quantity"),
        (bring_odd_record, "is neither an enum nor a record"),
        (None, "TypeError"),
    ],
)
def test_a_plugin_that_is_wrong_is_reported_by_name(
    monkeypatch: pytest.MonkeyPatch, bring: Any, why: str
) -> None:
    found = plugins.load([entry(monkeypatch, bring)])
    assert why in found.broken["test"]
    assert not found.shelves


def test_a_plugin_is_called_once_and_its_shelf_offered_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def bring(plugin: plugins.Plugin) -> None:
        calls.append(plugin.name)
        bring_shelf(plugin)

    found = entry(monkeypatch, bring)
    monkeypatch.setattr(plugins, "_applied", {})
    assert [s.name for _ in range(2) for s in plugins.load([found]).shelves] == ["brought"] * 2
    assert calls == ["test"]
