"""The names under which users know funcnodes hold still, and importing them is light."""

import subprocess
import sys
from importlib import import_module

import pytest

import funcnodes

from ..waiting import patience

DOORS = {
    "io": "NodeInput NodeOutput NodeIO NoValue",
    "node": "Node get_nodeclass run_until_complete",
    "nodespace": "NodeSpace",
    "lib": "Library Shelf find_shelf module_to_shelf",
    "eventmanager": "EventEmitterMixin",
    "exceptions": "NodeConnectionError NodeTriggerError InTriggerError",
    "triggerstack": "TriggerStack",
    "graph": "upstream downstream",
    "subgraph": "SubgraphNode make_subgraph dissolve",
    "config": "CONFIG_DIR RenderOptions",
    "nodemaker": "NodeDecorator node_class_maker NodeClassMixin instance_nodefunction",
    "basic_nodes.math": "add_node NODE_SHELF",
    "basic_nodes.logic": "NODE_SHELF",
}
NAMES = [
    "Node",
    "NodeInput",
    "NodeOutput",
    "NodeIO",
    "NodeSpace",
    "NodeDecorator",
    "NodeClassMixin",
    "instance_nodefunction",
    "Shelf",
    "Library",
    "find_shelf",
    "get_nodeclass",
    "NoValue",
    "DataEnum",
    "JSONEncoder",
    "JSONDecoder",
    "RenderOptions",
    "run_until_complete",
    "NodeConnectionError",
    "MultipleConnectionsError",
    "SameNodeConnectionError",
    "NodeClassNotFoundError",
    "NodeTriggerError",
    "Frame",
    "SubgraphNode",
    "make_subgraph",
    "dissolve",
]


def test_the_public_names_hold_still() -> None:
    assert set(NAMES) <= set(funcnodes.__all__)
    for name in funcnodes.__all__:
        assert getattr(funcnodes, name) is not None
        assert name in dir(funcnodes)


@pytest.mark.parametrize(("door", "names"), DOORS.items())
def test_every_door_leads_to_its_names(door: str, names: str) -> None:
    module = import_module(f"funcnodes.{door}")
    for name in names.split():
        assert getattr(module, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nodes'"):
        _ = funcnodes.Nodes


def test_importing_the_package_loads_nothing_heavy_and_not_even_the_core() -> None:
    heavy = ["funcnodes.core", "numpy", "pint", "litestar", "pyvisa", "typer", "rich", "msgspec"]
    script = f"import sys, funcnodes; print([n for n in {heavy} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=patience()
    )
    assert done.stdout.strip() == "[]", done.stderr
