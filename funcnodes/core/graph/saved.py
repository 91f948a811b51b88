"""The saved form of a nodespace: written exactly, read strictly, older files too.

    {"format": 3, "title": "", "requires": {...}, "prop": {...},
     "nodes": [{"name", "id", "node_id", "node_name", "io": {...}, "properties": {...}, ...}],
     "edges": [["n1", "out", "n2", "a"], ...]}

A file is data: node types come from installed libraries only, and nothing executes while it is
read. What is saved of a single node is said in `nodes.form`.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from funcnodes.core import codec, foreign
from funcnodes.core.codec.strict import as_list, as_mapping, check_depth, free, section, short, text
from funcnodes.core.graph.groups import NodeGroups
from funcnodes.core.graph.library import Library
from funcnodes.core.graph.placeholder import PlaceholderNode
from funcnodes.core.graph.places import Places
from funcnodes.core.nodes import form, older
from funcnodes.core.nodes.inputs import NodeInput
from funcnodes.core.nodes.loading import loading
from funcnodes.core.nodes.node import Node
from funcnodes.core.nodes.place import Place
from funcnodes.core.nodes.refused import OlderEdge
from funcnodes.errors import (
    FuncnodesError,
    NodeClassNotFoundError,
    NodeConnectionError,
    PortMismatchError,
    SameNodeConnectionError,
    SavedGraphError,
)

_log = logging.getLogger(__name__)

FORMAT = 3  # 0.2.17 and 2.x wrote none
MAX_NODES = 200_000
_TAKEN_AS_ON = "Any number but 0 counts as on."
_NODE_KEYS = {
    "name", "id", "node_id", "node_name", "io", "properties", "render_options", "io_options",
    "policy", "muted", "run_in", "frame", "reset_inputs_on_trigger",
    "max_attempts", "retry_delay_s", "timeout_s",
}  # fmt: skip


class Content(Protocol):
    """A nodespace, as far as it is written and read."""

    lib: Library
    title: str
    requires: dict[str, Any]
    properties: dict[str, Any]
    groups: NodeGroups
    places: Places

    @property
    def nodes(self) -> Sequence[Node]: ...

    @property
    def edges(self) -> Sequence[tuple[str, str, str, str]]: ...

    def has_node(self, uuid: str) -> bool: ...

    def get_node_by_id(self, uuid: str) -> Node: ...

    def add_node_instance(self, node: Node, *, extra: Mapping[str, Any] | None = None) -> Node: ...


def dump(space: Content) -> codec.SavedForm:
    """See `NodeSpace.serialize`."""
    data = codec.SavedForm(
        format=FORMAT,
        title=space.title,
        requires=space.requires,
        prop=codec.to_json(space.properties),
        nodes=[form.dump_node(node) for node in space.nodes],
        edges=[list(edge) for edge in space.edges],
    )
    if space.groups:
        data["groups"] = space.groups.serialize()
    return data


def fill(space: Content, data: Any) -> None:
    """Put what a file says into a nodespace that is empty and disarmed.

    Raises:
        SavedGraphError: It is no valid nodespace.
    """
    data = as_mapping(data, "The file")
    check_depth(data)
    is_old = "format" not in data
    if is_old:
        data = older.unwrap(data)
    version = data.get("format", 0)
    if not isinstance(version, int) or isinstance(version, bool) or version > FORMAT:
        raise SavedGraphError(
            f"The file has format {version!r}; this version reads up to {FORMAT}."
        )
    nodes = as_list(data.get("nodes", []), "nodes")
    if len(nodes) > MAX_NODES:
        raise SavedGraphError(f"The file has {len(nodes)} nodes; {MAX_NODES} are possible.")
    space.title = str(data.get("title") or "")
    space.requires = dict(section(data, "requires"))
    space.properties = dict(free(data, "prop", is_old=is_old))
    for node_data in nodes:
        load_node(space, as_mapping(node_data, "A node"), is_old=is_old)
    with loading():
        for edge in as_list(data.get("edges", []), "edges"):
            _connect(space, edge, is_old=is_old)
    if data.get("groups"):
        space.groups.deserialize(data["groups"])


def load_node(space: Content, data: Mapping[str, Any], *, is_old: bool = False) -> Node:
    """Add one node from its saved form.

    Args:
        is_old: It was written by 0.2.17 or 2.x.
    """
    uuid, node_id = data.get("id"), data.get("node_id")
    if not isinstance(uuid, str) or not isinstance(node_id, str) or not uuid:
        raise SavedGraphError("A node in the file has no id or no node_id.")
    if space.has_node(uuid):
        raise SavedGraphError(f"Two nodes in the file have the id {uuid!r}.")
    try:
        nodeclass = space.lib.find_nodeclass(node_id)
    except NodeClassNotFoundError as error:
        return _placeholder(space, data, error.message)
    try:
        with loading():
            node = nodeclass(uuid=uuid, name=text(data.get("name")))
    except BaseException as error:  # somebody else's class: anything can happen
        return _placeholder(space, data, f"It cannot be made: {foreign.words(error)}.")
    extra = {key: value for key, value in data.items() if key not in _NODE_KEYS}
    try:
        space.add_node_instance(node, extra=extra)
        form.restore(node, data, is_old=is_old)
        _put(node, space, data)
    except FuncnodesError as error:
        raise SavedGraphError(f"The node {node.name!r} cannot be read: {error.message}") from error
    return node


def _placeholder(space: Content, data: Mapping[str, Any], why: str) -> Node:
    """What stands for a node that cannot be made here, and keeps all of it."""
    node = PlaceholderNode(data, why)
    space.add_node_instance(node)
    _put(node, space, data)
    return node


def _put(node: Node, space: Content, data: Mapping[str, Any]) -> None:
    """Put it where it is held; its frame may come later in the file, or not at all."""
    if data.get("frame") is None:
        return
    try:
        space.places.put(node, Place.load(data["frame"]))
    except SavedGraphError:
        if not isinstance(node, PlaceholderNode):  # its class may mean something else by the word
            raise


def _connect(space: Content, edge: Any, *, is_old: bool = False) -> None:
    """Make an edge. In an old file, where nobody checked it, one may not fit.

    If only the types do not, or it leads a node to itself, it is made, and marked as not checked;
    if it cannot be made at all, it is kept aside.
    """
    if not isinstance(edge, list | tuple) or len(edge) != 4 or not all(map(_is_text, edge)):
        raise SavedGraphError(f"{short(edge)} is not a wire: four names are needed.")
    source, output, target, inp = edge
    for uuid in (source, target):
        if not space.has_node(uuid):
            raise SavedGraphError(f"A wire in the file leads to a node {uuid!r} that is not in it.")
    here, there = space.get_node_by_id(source), space.get_node_by_id(target)
    try:
        port = there.input_for(inp) if isinstance(there, PlaceholderNode) else there.get_input(inp)
        if is_old and _is_taken_as_on(here, output, port):
            port.unchecked = (*port.unchecked, OlderEdge(source, output, _TAKEN_AS_ON))
        _wire(here, output, port)
    except (PortMismatchError, SameNodeConnectionError) as error:
        if not is_old:
            raise SavedGraphError(f"A wire in the file cannot be made: {error.message}") from error
        port.unchecked = (*port.unchecked, OlderEdge(source, output, error.message))
        _log.warning("A wire of an older file is not checked: %s", error)
        _connect(space, edge, is_old=True)
    except NodeConnectionError as error:
        if not is_old:
            raise SavedGraphError(f"A wire in the file cannot be made: {error.message}") from error
        port.refuse(OlderEdge(source, output, error.message))
        _log.warning("A wire of an older file cannot be made: %s", error)
    except FuncnodesError as error:
        raise SavedGraphError(f"A wire in the file cannot be made: {error.message}") from error


def _is_taken_as_on(here: Node, output: str, port: NodeInput) -> bool:
    """Whether a number goes into a switch: 2.x took any but 0 as on, here it is 0 or 1."""
    source = here.outputs.get(output) or here.inputs.get(output)
    return (
        port.type.kind == "bool"
        and source is not None
        and source.type.kind in ("number", "quantity")
    )


def _wire(here: Node, output: str, port: NodeInput) -> None:
    if output in here.inputs and output not in here.outputs:
        here.inputs[output].forward(port, quietly=True)
    elif isinstance(here, PlaceholderNode):
        here.output_for(output).connect(port)
    else:
        here.get_output(output).connect(port)


def _is_text(data: Any) -> bool:
    return isinstance(data, str)
