"""What programs and packages written for 0.2.17 do, found by running some of theirs on this one."""

import importlib
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes import JSONDecoder, JSONEncoder, Library, NodeDecorator, Shelf
from funcnodes.basic_nodes import math as math_nodes
from funcnodes.core import Node, NoValue
from funcnodes.errors import GraphError, NodeTriggerError


@NodeDecorator("older.add")
def add(a: float, b: float = 1.0) -> float:
    return a + b


@NodeDecorator("older.sub")
def sub(a: float, b: float = 1.0) -> float:
    return a - b


# ── shelves ───────────────────────────────────────────────────────────────────────────────

OLD_SHELF = {
    "name": "Older", "description": "As 0.2.17 had them", "nodes": [add],
    "subshelves": [{"name": "Inner", "nodes": [sub], "subshelves": [], "description": ""}],
}  # fmt: skip


def test_a_shelf_may_be_a_mapping_and_is_read_like_one() -> None:
    library = Library()
    library.add_shelf(OLD_SHELF)
    assert library.find_nodeid("older.sub") == [["Older", "Inner"]]
    assert library.get_shelf("Older")["description"] == "As 0.2.17 had them"
    assert add.node_id in [each.node_id for each in Shelf.of(OLD_SHELF)["nodes"]]
    assert math_nodes.NODE_SHELF["nodes"] == math_nodes.NODE_SHELF.nodes
    with pytest.raises(KeyError):
        math_nodes.NODE_SHELF["walk"]
    with pytest.raises(TypeError, match="dict is not a Shelf"):
        library.add_shelf({"title": "no shelf"})


PACKAGE = """
from funcnodes import NodeDecorator
@NodeDecorator("older.package.one")
def one() -> int:
    return 1
NODE_SHELF = {"nodes": [one], "subshelves": [], "name": "Package", "description": ""}
FUNCNODES_RENDER_OPTIONS = {"typemap": {}}
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two installed packages that name their entry points as older ones do; one is broken."""
    entries = "module=older_{0}\nshelf=older_{0}:NODE_SHELF\n"
    entries += "render_options=older_{0}:FUNCNODES_RENDER_OPTIONS\nreact_plugin=older_{0}:nothing\n"
    for name, code in (("fine", PACKAGE), ("broken", "import nothing_like_it\n")):
        (tmp_path / f"older_{name}.py").write_text(code)
        info = tmp_path / f"older_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: older-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[funcnodes.module]\n{entries.format(name)}")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield
    sys.modules.pop("older_fine", None)


@pytest.mark.usefixtures("packages")
def test_entry_points_lead_to_modules_or_shelves_and_a_broken_package_has_a_name() -> None:
    library = Library.installed()
    assert library.find_nodeid("older.package.one") == [["Package"]]
    assert library.broken == {
        "older-broken": "ModuleNotFoundError: No module named 'nothing_like_it'"
    }


# ── functions ─────────────────────────────────────────────────────────────────────────────


async def run(made: type[Node], **values: Any) -> dict[str, Any]:
    return dict(await made.initialize_and_call(return_dict=True, **values))


async def test_what_is_said_beside_a_function_goes_before_what_it_says_itself() -> None:
    @NodeDecorator("older.beside", inputs=[{"id": "b", "default": 5}])
    def beside(a: int, b: int = 2) -> int:
        return a + b

    assert await run(beside, a=1) == {"out": 6}


async def test_a_function_that_python_cannot_look_into_is_described_by_its_inputs() -> None:
    described: list[dict[str, Any]] = [{"name": "x", "type": "float"}, {"name": "y"}]
    hypot = NodeDecorator("older.hypot", inputs=described)(math.hypot)
    assert await run(hypot, x=3, y=4) == {"out": 5}
    with pytest.raises(GraphError, match="hypot does not say what it takes"):
        NodeDecorator("older.silent")(math.hypot)


async def test_arguments_by_position_only_are_given_so() -> None:
    assert await run(NodeDecorator("older.sqrt")(math.sqrt), x=9) == {"out": 3}

    @NodeDecorator("older.position")
    def position(a: int, b: int = 10, /, c: int = NoValue) -> tuple[int, ...]:  # type: ignore[assignment]  # unset
        return a, b, c

    @NodeDecorator("older.position.node")
    async def awaited(a: int, /, node: Node, b: int = 2) -> str:
        return f"{a}{b}{type(node).__name__}"

    assert await run(position, a=1, c=3) == {"out": (1, 10, 3)}
    assert await run(awaited, a=1) == {"out": "12awaited"}


async def test_annotations_for_type_checkers_only_are_read_by_name(tmp_path: Path) -> None:
    code = (
        "from __future__ import annotations\n"
        "from typing import TYPE_CHECKING\n"
        "from funcnodes import NodeDecorator\n"
        "if TYPE_CHECKING:\n"
        "    import numpy as np\n"
        "    from nowhere import Missing\n"
        "@NodeDecorator('older.hints')\n"
        "def hints(a: np.ndarray, b: Missing, c: int = 1) -> np.ndarray:\n"
        "    return a\n"
    )
    (tmp_path / "older_hints.py").write_text(code)
    shelf = funcnodes.find_shelf(str(tmp_path / "older_hints.py"))
    assert shelf is not None
    node = shelf.nodes[0]()
    kinds = {port.id: (port.type.kind, port.type.name) for port in node.inputs.values()}
    assert kinds["a"] == ("array", "ndarray")
    assert kinds["b"] == ("any", "Missing")
    assert kinds["c"] == ("number", "int")
    assert node.outputs["out"].type.kind == "array"


async def test_a_list_fills_several_outputs_as_a_tuple_does() -> None:
    @NodeDecorator("older.pair", outputs=[{"name": "p"}, {"name": "q"}])
    def pair(x: int) -> Any:
        return [x] * x

    assert await run(pair, x=2) == {"p": 2, "q": 2}
    with pytest.raises(NodeTriggerError, match=r"returned \[3, 3, 3\] for 2 outputs"):
        await run(pair, x=3)


async def test_listeners_of_ports_are_given_with_other_options() -> None:
    heard: list[Any] = []
    listen = {"after_set_value": lambda **data: heard.append(data["result"])}

    @NodeDecorator("older.heard", default_io_options={"a": {"on": listen}})
    def heard_node(a: int) -> int:
        return a

    assert await run(heard_node, a=3) == {"out": 3}
    assert heard == [3]


# ── JSON ──────────────────────────────────────────────────────────────────────────────────


class Frame:
    """As a package has one that JSON knows nothing of."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows


def encode(obj: Any, preview: bool = False) -> tuple[Any, bool]:
    if isinstance(obj, Frame):
        return {"frame": obj.rows[:1] if preview else obj.rows}, True
    return obj, False


def decode(obj: Any) -> tuple[Any, bool]:
    return (Frame(obj["frame"]), True) if "frame" in obj else (obj, False)


@pytest.fixture
def coders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JSONEncoder, "_encoders", [])
    monkeypatch.setattr(JSONDecoder, "_decoders", [])


@pytest.mark.usefixtures("coders")
def test_encoders_are_asked_of_what_has_no_exact_form_and_decoders_of_objects() -> None:
    JSONEncoder.add_encoder(encode)
    JSONEncoder.prepend_encoder(lambda obj, preview: ("never", True), enc_cls=[Path])
    JSONDecoder.add_decoder(decode)
    text = json.dumps({"k": [Frame([(1, 2), 3])], "t": (1, 2)}, cls=JSONEncoder)
    found = json.loads(text, cls=JSONDecoder)
    assert (found["k"][0].rows, found["t"]) == ([(1, 2), 3], (1, 2))
    assert JSONEncoder.apply_custom_encoding([Frame([1, 2])], preview=True) == [{"frame": [1]}]
    unknown = json.loads(json.dumps(object(), cls=JSONEncoder))
    assert unknown == {"$": "opaque", "v": ["builtins.object"]}
