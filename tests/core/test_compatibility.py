"""The table of the names of 0.2.17 and 2.x says what is true, and its page says what it says."""

import csv
import inspect
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from funcnodes import Library, Node, NodeInput, NodeOutput, NodeSpace, Shelf, get_nodeclass
from funcnodes.basic_nodes.math import add_node

ROOT = Path(__file__).parents[2]
with (ROOT / "docs" / "compatibility.tsv").open(encoding="utf-8", newline="") as table:
    ROWS = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
BY_STATE = {
    state: [row for row in ROWS if row["state"] == state]
    for state in ("there", "differs", "left out")
}
OF_OTHER_MEANING = ("funcnodes.cli",)  # modules that have the same name by chance
MISSING = object()


def instances() -> dict[str, Any]:
    """One of each class whose members a program meets on instances."""
    port = NodeInput("a")
    port.stand_alone()
    return {
        "funcnodes.io.NodeIO": port,
        "funcnodes.io.NodeInput": port,
        "funcnodes.io.NodeOutput": NodeOutput("a"),
        "funcnodes.node.Node": add_node(),
        "funcnodes.nodespace.NodeSpace": NodeSpace(),
        "funcnodes.lib.lib.Library": Library(),
        "funcnodes.lib.lib.Shelf": Shelf(),
    }


INSTANCES = instances()


def imported(path: str) -> Any:
    """What a program gets that imports as much of it as is a module, and asks for the rest."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, MISSING)
        return found
    return MISSING


def resolved(row: dict[str, str]) -> Any:
    """What stands for a name here, or MISSING."""
    name = row["name"]
    if row["here"].startswith("node:"):
        return of_node(row["here"].removeprefix("node:"), name)
    found = imported(name)
    if found is MISSING:
        owner, _, member = name.rpartition(".")
        found = getattr(INSTANCES.get(owner), member, MISSING)
    return found


def of_node(node_id: str, name: str) -> Any:
    """The class of an id; of a name inside a class the port or attribute."""
    nodeclass = get_nodeclass(node_id)
    if nodeclass is None:
        return MISSING
    owner, _, member = name.rpartition(".")
    if not owner.rpartition(".")[2][:1].isupper():
        return nodeclass
    node = nodeclass()
    return {**node.inputs, **node.outputs}.get(member, getattr(node, member, MISSING))


def not_taken(row: dict[str, str], found: Any) -> set[str]:
    """Parameters of the older versions that cannot be given by their names."""
    given = set(row["takes"].split())
    if not given or not callable(found):
        return given
    own = inspect.signature(found).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in own):
        return set()
    return given - {each.name for each in own if each.kind is not each.POSITIONAL_ONLY}


def test_what_is_there_can_be_imported_and_takes_the_same_parameters() -> None:
    wrong = {}
    for row in BY_STATE["there"]:
        found = resolved(row)
        if found is MISSING or (lost := not_taken(row, found)):
            wrong[row["name"]] = "missing" if found is MISSING else lost
    assert wrong == {}


def test_what_differs_is_there_too_and_names_the_parameters_that_are_not_taken() -> None:
    wrong = {}
    for row in BY_STATE["differs"]:
        found = resolved(row)
        told = row["note"].partition("not taken: ")[2].partition(";")[0].split(", ")
        if found is MISSING or not row["note"] or not_taken(row, found) - set(told):
            wrong[row["name"]] = row["note"]
    assert wrong == {}


def test_what_is_left_out_is_not_there_and_has_a_reason() -> None:
    found = [
        row["name"]
        for row in BY_STATE["left out"]
        if not row["note"]
        or (not row["name"].startswith(OF_OTHER_MEANING) and resolved(row) is not MISSING)
    ]
    assert found == []


def test_every_name_stands_once_and_the_table_is_in_order() -> None:
    names = [row["name"] for row in ROWS]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert names == sorted(names)
    assert {row["in"] for row in ROWS} == {"0.2.17", "2.x", "both"}
    assert sum(map(len, BY_STATE.values())) == len(ROWS) > 1_000


@pytest.mark.parametrize(
    ("module", "count"),
    [("basic_nodes.math", 70), ("basic_nodes.logic", 5), ("io", 40), ("node", 40), ("utils", 5)],
)
def test_nothing_of_what_programs_import_most_was_forgotten(module: str, count: int) -> None:
    """0.2.17's nodes, ports and helpers: few of them are missing from the table, or left out."""
    own = [row for row in ROWS if row["name"].startswith(f"funcnodes.{module}.")]
    here = [row for row in own if row["state"] != "left out" and row["in"] != "2.x"]
    assert len(here) >= count


def test_all_nodes_of_0_2_17_are_classes_under_their_names() -> None:
    names = [row["name"] for row in ROWS if row["name"].startswith("funcnodes.basic_nodes.math.")]
    nodes = [name for name in names if name.endswith("_node")]
    assert len(nodes) > 70
    assert all(issubclass(imported(name), Node) for name in nodes)


def test_the_page_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/compatibility_doc", "--check"],
        capture_output=True, text=True, timeout=30, cwd=ROOT,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
