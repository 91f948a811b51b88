"""The saved form of a nodespace: written exactly, read strictly, older files too.

    {"format": 3, "title": "", "requires": {...}, "prop": {...},
     "nodes": [{"name", "id", "node_id", "node_name", "io": {...}, "properties": {...}, ...}],
     "edges": [["n1", "out", "n2", "a"], ...]}

A file is data: node types come from installed libraries only, and nothing executes while it is
read. Values are kept of inputs that were set and are not wired.
"""

import gc
import json
import logging
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from funcnodes.core import codec
from funcnodes.core.graph.library import Library
from funcnodes.core.graph.places import Place
from funcnodes.core.nodes import older
from funcnodes.core.nodes.node import TRIGGER_IN, TRIGGER_OUT, Node, loading
from funcnodes.core.nodes.ports import NodeInput, NodeOutput, Port
from funcnodes.core.services import Services
from funcnodes.core.values import NoValue
from funcnodes.errors import (
    FuncnodesError,
    NodeClassNotFoundError,
    NodeConnectionError,
    SavedGraphError,
    ValueRefusedError,
)

if TYPE_CHECKING:
    from funcnodes.core.graph.nodespace import NodeSpace

_log = logging.getLogger(__name__)

FORMAT = 3  # 0.2.17 and 2.x wrote none
MAX_NODES = 200_000
MAX_DEPTH = 200
_NODE_KEYS = {
    "name", "id", "node_id", "node_name", "io", "properties", "render_options", "io_options",
    "policy", "muted", "run_in", "frame", "reset_inputs_on_trigger",
    "max_attempts", "retry_delay_s", "timeout_s",
}  # fmt: skip
_DURATIONS = ("retry_delay_s", "timeout_s")
_FLAGS = ("hidden", "pinned", "live", "does_trigger")
_CLASS_FLAGS = ("allow_multiple", "required")
_SELDOM = {*_CLASS_FLAGS, "default", "refused"}


class PlaceholderNode(Node):
    """Stands for a node whose class is missing, and keeps every byte of it and its wires."""

    description = "The package that provides this node is not installed here."
    is_frame = True  # what it holds must not run without it

    def __init__(self, data: Mapping[str, Any], why: str) -> None:
        super().__init__(uuid=str(data["id"]), name=str(data.get("name") or ""))
        self.data = dict(data)
        self.why = why
        self.properties = older.properties(_section(data, "properties"))
        self.properties_read = dict(self.properties)
        self._muted = True
        for port_id, io in _section(data, "io").items():
            if isinstance(io, Mapping) and port_id not in _IMPLICIT:
                self._port(port_id, bool(io.get("is_input", True)))

    def func(self) -> None:
        """Never called: it is muted."""

    def check_run(self) -> list[str]:
        return [f"{self.name}: {self.why}"]

    def input_for(self, port_id: str) -> NodeInput:
        return self.inputs.get(port_id) or self.add_input(NodeInput(port_id, required=False))

    def output_for(self, port_id: str) -> NodeOutput:
        return self.outputs.get(port_id) or self.add_output(NodeOutput(port_id))

    def _port(self, port_id: str, is_input: bool) -> None:
        _ = self.input_for(port_id) if is_input else self.output_for(port_id)


# ── writing ───────────────────────────────────────────────────────────────────────────────


def dump(space: "NodeSpace") -> dict[str, Any]:
    """See `NodeSpace.serialize`."""
    return {
        "format": FORMAT,
        "title": space.title,
        "requires": space.requires,
        "prop": codec.to_json(space.properties),
        "nodes": [dump_node(node) for node in space.nodes],
        "edges": [list(edge) for edge in space.edges],
        **({"groups": space.groups.serialize()} if space.groups else {}),
    }


def dump_node(node: Node) -> dict[str, Any]:
    """The saved form of one node."""
    if isinstance(node, PlaceholderNode):
        kept = {**node.data, **_place(node)}
        if node.name != str(node.data.get("name") or PlaceholderNode.__name__):
            kept["name"] = node.name
        changed = node.properties != node.properties_read
        return {**kept, "properties": node.properties} if changed else kept
    data: dict[str, Any] = {
        "name": node.name,
        "id": node.uuid,
        "node_id": node.node_id,
        "node_name": node.node_name,
        "io": _dump_ports(node),
        **node.saved_extra(),
        **_place(node),
    }
    if node.properties:
        data["properties"] = codec.to_json(node.properties)
    if node._policy != node.default_policy:
        data["policy"] = node._policy
    run_in = "auto" if node.moved and node._run_in == "thread" else node._run_in
    if run_in != node.default_run_in:
        data["run_in"] = run_in
    if node._max_attempts and node._max_attempts != node.default_max_attempts:
        data["max_attempts"] = node._max_attempts
    for key in _DURATIONS:
        if key in node.__dict__ and getattr(node, key) != getattr(type(node), key):
            data[key] = getattr(node, key)
    if node._muted:
        data["muted"] = True
    if node.reset_inputs_on_trigger != node.default_reset_inputs_on_trigger:
        data["reset_inputs_on_trigger"] = node.reset_inputs_on_trigger
    if node.render_options is not type(node).render_options:
        data["render_options"] = codec.to_json(node.render_options)
    return data


def _place(node: Node) -> dict[str, Any]:
    return {} if node.place is None else {"frame": node.place.dump()}


def _dump_ports(node: Node) -> dict[str, Any]:
    """All ports, the implicit ones only where there is something to say of them."""
    found: dict[str, Any] = {}
    for port in node.inputs.values():
        io = _dump_input(port)
        if len(io) > 1 or port.id not in _IMPLICIT:
            found[port.id] = io
    for output in node.outputs.values():
        io = _dump_flags(output)
        if len(io) > 1 or output.id not in _IMPLICIT:
            found[output.id] = io
    return found


def _dump_input(port: NodeInput) -> dict[str, Any]:
    data = _dump_flags(port)
    if port.refused and port.lacks_wires:
        data["refused"] = [wire.dump() for wire in port.refused]
    if port.sources or port._value is NoValue or port._value is port.default:
        if not port.sources and port.unread is not None:
            data["value"] = port.unread
        return data
    try:
        data["value"] = codec.to_json(port.value)
    except SavedGraphError as error:
        where = f"{port.node.name}.{port.id}"
        raise SavedGraphError(f"{where} cannot be saved: {error.message}") from error
    return data


def _dump_flags(port: NodeInput | NodeOutput) -> dict[str, Any]:
    """Which way it goes, and what differs from the class's own port."""
    found: dict[str, Any] = {"is_input": port.is_input}
    own = port.node.template(port)
    if own is not None and _says_the_same(own, port):
        return found
    usual = own or (_PLAIN_INPUT if port.is_input else _PLAIN_OUTPUT)
    if port.hidden != usual.hidden:
        found["hidden"] = port.hidden
    if port.pinned != usual.pinned:
        found["pinned"] = port.pinned
    if isinstance(port, NodeInput) and isinstance(usual, NodeInput):
        if port.live != usual.live:
            found["live"] = port.live
        if port.does_trigger != usual.does_trigger:
            found["does_trigger"] = port.does_trigger
    if own is not None and port.id not in _IMPLICIT:
        if isinstance(port, NodeInput) and isinstance(usual, NodeInput):
            found |= _class_settings(port, usual)
        if port.name != usual.name:
            found["name"] = port.name
        if port.value_options != usual.value_options:
            found["value_options"] = codec.to_json(port.value_options)
        if port.render_options != usual.render_options:
            found["render_options"] = codec.to_json(port.render_options)
    return found


def _says_the_same(own: Port, port: Port) -> bool:
    """Whether a port is as its class has it; what lies in slots, or may be an array, by itself."""
    if not isinstance(port, NodeInput) or not isinstance(own, NodeInput):
        return own.__dict__ == port.__dict__
    is_usual = port.required == own.required and port.default is own.default
    return is_usual and own.__dict__ == port.__dict__


def _class_settings(port: NodeInput, usual: NodeInput) -> dict[str, Any]:
    found = {
        flag: getattr(port, flag)
        for flag in _CLASS_FLAGS
        if getattr(port, flag) != getattr(usual, flag)
    }
    if port.default is not usual.default:
        found["default"] = codec.to_json(port.default)
    return found


_IMPLICIT = (TRIGGER_IN, TRIGGER_OUT)
_PLAIN_INPUT = NodeInput("plain")
_PLAIN_OUTPUT = NodeOutput("plain")


# ── reading ───────────────────────────────────────────────────────────────────────────────


def parse(text: str | bytes, *, what: str = "The file") -> Any:
    """Read JSON text, refusing what JSON has no word for.

    Raises:
        SavedGraphError: It is no JSON, nested too deep, or has numbers out of range.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as error:
        raise SavedGraphError(f"{what} is nested too deep.") from error
    except UnicodeDecodeError as error:
        raise SavedGraphError(f"{what} is not text in UTF-8.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SavedGraphError(f"{what} is not JSON: {error.msg} at {where}.") from error
    except ValueError as error:
        raise SavedGraphError(f"{what} has a number of too many digits.") from error


@contextmanager
def without_collecting() -> Iterator[None]:
    """Spare the garbage collector a look at everything for each thousand of new objects."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def load(data: Any, lib: Library, services: Services) -> "NodeSpace":
    """Build a nodespace of its own from a saved form; see `NodeSpace.deserialize`."""
    from funcnodes.core.graph.nodespace import NodeSpace

    data = _as_mapping(data, "The file")
    _check_depth(data)
    is_old = "format" not in data
    if is_old:
        data = older.unwrap(data)
    version = data.get("format", 0)
    if not isinstance(version, int) or isinstance(version, bool) or version > FORMAT:
        raise SavedGraphError(
            f"The file has format {version!r}; this version reads up to {FORMAT}."
        )
    nodes = _as_list(data.get("nodes", []), "nodes")
    if len(nodes) > MAX_NODES:
        raise SavedGraphError(f"The file has {len(nodes)} nodes; {MAX_NODES} are possible.")
    space = NodeSpace(lib, arming="disarmed")
    space.services = services
    space.title = str(data.get("title") or "")
    space.requires = dict(_section(data, "requires"))
    space.properties = dict(_free(data, "prop", is_old=is_old))
    for node_data in nodes:
        load_node(space, _as_mapping(node_data, "A node"), is_old=is_old)
    for edge in _as_list(data.get("edges", []), "edges"):
        _connect(space, edge, is_old=is_old)
    if data.get("groups"):
        space.groups.deserialize(data["groups"])
    return space


def load_node(space: "NodeSpace", data: Mapping[str, Any], *, is_old: bool = False) -> Node:
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
        node: Node = PlaceholderNode(data, error.message)
        space.add_node_instance(node)
        _put(node, space, data)
        return node
    with loading():
        node = nodeclass(uuid=uuid, name=_text(data.get("name")))
    extra = {key: value for key, value in data.items() if key not in _NODE_KEYS}
    try:
        space.add_node_instance(node, extra=extra)
        _restore(node, data, is_old=is_old)
        _put(node, space, data)
    except FuncnodesError as error:
        raise SavedGraphError(f"The node {node.name!r} cannot be read: {error.message}") from error
    return node


def _put(node: Node, space: "NodeSpace", data: Mapping[str, Any]) -> None:
    """Put it where it is held; its frame may come later in the file, or not at all."""
    if data.get("frame") is None:
        return
    try:
        space.places.put(node, Place.load(data["frame"]))
    except SavedGraphError:
        if not isinstance(node, PlaceholderNode):  # its class may mean something else by the word
            raise


def restore_node(node: Node, data: Any) -> None:
    """See `Node.deserialize`."""
    data = _as_mapping(data, "A node")
    _check_depth(data)
    if node.nodespace is not None:
        node.nodespace.check_unlocked()
    if data.get("node_id", node.node_id) != node.node_id:
        raise SavedGraphError(
            f"{node.name} is of the type {node.node_id!r}, but {data['node_id']!r} was saved."
        )
    if _text(data.get("name")):
        node.name = _text(data["name"])
    _restore(node, data)


def _restore(node: Node, data: Mapping[str, Any], *, is_old: bool = False) -> None:
    node.properties = older.properties(_free(data, "properties", is_old=is_old))
    if isinstance(data.get("reset_inputs_on_trigger"), bool):
        node.set_reset_inputs(data["reset_inputs_on_trigger"])
    if data.get("render_options") is not None:
        node.render_options = dict(codec.from_json(_section(data, "render_options")))
    if data.get("policy") in ("each", "settled", "zip"):
        node.policy = data["policy"]
    if data.get("run_in") in ("auto", "loop", "thread", "process"):
        node.run_in = data["run_in"]
    if isinstance(data.get("max_attempts"), int):
        node.max_attempts = data["max_attempts"]
    for key in _DURATIONS:
        if key in data:
            setattr(node, key, _seconds(data[key], key))
    for port_id, io in _section(data, "io").items():
        port = node.inputs.get(port_id) or node.outputs.get(port_id)
        if port is None or not isinstance(io, Mapping):
            continue  # a port that this version of the class does not have
        for flag in _FLAGS:
            if flag in io and isinstance(io[flag], bool) and hasattr(port, flag):
                setattr(port, flag, io[flag])
        _restore_options(port, older.port(node, port_id, io) if is_old else io)
        if isinstance(port, NodeInput) and not _SELDOM.isdisjoint(io):
            _restore_seldom(port, io)
        if isinstance(port, NodeInput) and "value" in io:
            _restore_value(port, io["value"], is_old=is_old)
    if data.get("muted") is True:
        node.muted = True


def _seconds(saved: Any, key: str) -> float | None:
    """A duration; None where the node waits for ever."""
    if saved is None and key == "timeout_s":
        return None
    if isinstance(saved, int | float) and not isinstance(saved, bool) and 0 <= saved < math.inf:
        return float(saved)
    raise SavedGraphError(f"{key} is {saved!r}, not a number of seconds.")


def _restore_options(port: Port, io: Mapping[str, Any]) -> None:
    if "name" in io and _text(io["name"]) not in ("", port.name):
        port.name = _text(io["name"])
    if "value_options" in io and isinstance(io["value_options"], dict):
        port.update_value_options(**codec.from_json(io["value_options"]))
    if "render_options" in io and isinstance(io["render_options"], dict):
        port.render_options = dict(codec.from_json(io["render_options"]))


def _restore_seldom(port: NodeInput, io: Mapping[str, Any]) -> None:
    """What a class says of its inputs and an instance seldom says otherwise; refused wires."""
    if port.id in port.node._templates:
        given = {flag: io[flag] for flag in _CLASS_FLAGS if isinstance(io.get(flag), bool)}
        for flag, setting in given.items():
            setattr(port, flag, setting)
        if given:
            port.node.ports_changed()
        if "default" in io:
            port.set_default(codec.from_json(io["default"]))
    if "refused" in io:
        wires = _as_list(io["refused"], "refused")
        port.refused = tuple(map(older.RefusedWire.load, wires))


def _restore_value(port: NodeInput, saved: Any, *, is_old: bool = False) -> None:
    """A value of a type that is not known here is kept as it was saved; the input stays unset.

    So is an old value that does not fit: older versions checked nothing.
    """
    if is_old or (saved == older.NO_VALUE and port.type.kind != "text"):
        saved = older.value(saved, port)
        if saved is NoValue:
            return
    reading = codec.read_json(saved)
    if reading.unknown:
        port.unread = saved
        missing = ", ".join(sorted({each.type for each in reading.unknown}))
        _log.warning("%s.%s is left unset: %s is not known here", port.node.name, port.id, missing)
        return
    value = reading.value
    takes_none = port.type.optional or (port.type.is_open and not is_old)
    if value is NoValue or (value is None and not takes_none):
        return
    try:
        port.restore(port.check(value))
    except ValueRefusedError as error:
        if not is_old:
            raise
        port.unread = saved
        _log.warning("%s.%s is left unset: %s", port.node.name, port.id, error)


def _connect(space: "NodeSpace", edge: Any, *, is_old: bool = False) -> None:
    """Make a wire. One that does not fit is kept aside if the file is old, as nobody checked it."""
    if not isinstance(edge, list | tuple) or len(edge) != 4 or not all(map(_is_text, edge)):
        raise SavedGraphError(f"{_short(edge)} is not a wire: four names are needed.")
    source, output, target, inp = edge
    for uuid in (source, target):
        if not space.has_node(uuid):
            raise SavedGraphError(f"A wire in the file leads to a node {uuid!r} that is not in it.")
    here, there = space.get_node_by_id(source), space.get_node_by_id(target)
    try:
        port = there.input_for(inp) if isinstance(there, PlaceholderNode) else there.get_input(inp)
        if output in here.inputs and output not in here.outputs:
            here.inputs[output].forward(port, quietly=True)
        elif isinstance(here, PlaceholderNode):
            here.output_for(output).connect(port)
        else:
            here.get_output(output).connect(port)
    except NodeConnectionError as error:
        if not is_old:
            raise SavedGraphError(f"A wire in the file cannot be made: {error.message}") from error
        port.refuse(older.RefusedWire(source, output, error.message))
        _log.warning("A wire of an older file cannot be made: %s", error)
    except FuncnodesError as error:
        raise SavedGraphError(f"A wire in the file cannot be made: {error.message}") from error


def _refuse_constant(name: str) -> Any:
    raise SavedGraphError(f"{name} is not a number that JSON knows.")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise SavedGraphError(f"{text} is too large for a number.")
    return number


def _check_depth(data: Any) -> None:
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise SavedGraphError("The file is nested too deep.")


def _as_mapping(data: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise SavedGraphError(f"{what} is not an object but {_short(data)}.")
    return data


def _section(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object inside the file; missing and null mean empty."""
    return {} if data.get(key) is None else _as_mapping(data[key], key)


def _free(data: Mapping[str, Any], key: str, *, is_old: bool) -> Mapping[str, Any]:
    """An object that holds whatever somebody wants to keep."""
    found = _section(data, key)
    return found if is_old else _as_mapping(codec.from_json(found), key)


def _as_list(data: Any, what: str) -> list[Any]:
    if not isinstance(data, list):
        raise SavedGraphError(f"{what!r} in the file is not a list but {_short(data)}.")
    return data


def _is_text(data: Any) -> bool:
    return isinstance(data, str)


def _text(data: Any) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", data)[:200] if isinstance(data, str) else ""


def _short(data: Any) -> str:
    shown = repr(data)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
