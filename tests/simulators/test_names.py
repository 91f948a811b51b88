"""The names of the simulators: documented ones stay where they are, and each means one thing."""

import ast
import importlib
from collections import defaultdict
from pathlib import Path

import pytest

import funcnodes_simulators

ROOT = Path(funcnodes_simulators.__file__).parent
DOCUMENTED = {
    "funcnodes_simulators": (
        "BenchError", "MemoryBench", "SimulatedBench", "StrictError", "serve",
    ),
    "funcnodes_simulators.faults": ("Fault", "FaultKind", "KINDS"),
    "funcnodes_simulators.models": ("Attachment", "Model", "Setting", "Setup"),
    "funcnodes_simulators.scpi": ("Number", "ScpiInterpreter"),
    "funcnodes_simulators.simple": ("BenchInstrument", "ScpiInstrument"),
}  # fmt: skip


@pytest.mark.parametrize(("module", "names"), DOCUMENTED.items(), ids=DOCUMENTED)
def test_what_the_guides_import_is_there(module: str, names: tuple[str, ...]) -> None:
    found = importlib.import_module(module)
    assert set(names) <= set(found.__all__)
    assert all(hasattr(found, name) for name in names)


def test_no_public_name_of_a_class_or_type_means_two_things() -> None:
    places = defaultdict(list)
    for path in ROOT.rglob("*.py"):
        for name in _types(ast.parse(path.read_text())):
            places[name].append(str(path.relative_to(ROOT)))
    assert len(places) > 100
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def _types(module: ast.Module) -> list[str]:
    named = [node.name for node in module.body if isinstance(node, ast.ClassDef)]
    targets = (
        target.id
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and not target.id.isupper() and target.id != "T"
    )
    return [name for name in [*named, *targets] if not name.startswith("_")]
