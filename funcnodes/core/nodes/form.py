"""A node as plain data: its saved form, and what people and programs look at.

What is saved of a node is what differs from its class, and the values of inputs that were set and
have no edge. Reading is strict; a value of a type that is not known here is kept as it was saved.
"""

import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from funcnodes.core import codec
from funcnodes.core.codec.strict import as_list, as_mapping, check_depth, free, section, text
from funcnodes.core.nodes import older
from funcnodes.core.nodes.inputs import NodeInput
from funcnodes.core.nodes.outputs import NodeOutput
from funcnodes.core.nodes.port import TRIGGER_IN, TRIGGER_OUT, Port
from funcnodes.core.nodes.refused import OlderEdge
from funcnodes.core.values import NoValue
from funcnodes.errors import SavedGraphError, ValueRefusedError

if TYPE_CHECKING:
    from funcnodes.core.nodes.node import Node

_log = logging.getLogger(__name__)

_DURATIONS = ("retry_delay_s", "timeout_s")
_FLAGS = ("hidden", "pinned", "live", "does_trigger")
_CLASS_FLAGS = ("allow_multiple", "required")
_SELDOM = {*_CLASS_FLAGS, "default", "refused", "unchecked"}


# ── writing ───────────────────────────────────────────────────────────────────────────────


def dump_node(node: "Node") -> dict[str, Any]:
    """The saved form of one node.

    Raises:
        SavedGraphError: A value cannot be saved; names node and port.
    """
    kept = node._kept_form()
    if kept is not None:
        return kept
    data: dict[str, Any] = {
        "name": node.name,
        "id": node.uuid,
        "node_id": node.node_id,
        "node_name": node.node_name,
        "io": _dump_ports(node),
    }
    if extra := node.saved_extra():
        data |= extra
    if node.place is not None:
        data["frame"] = node.place.dump()
    if node.properties:
        data["properties"] = codec.to_json(node.properties)
    if node._policy != node.default_policy:
        data["policy"] = node._policy
    run_in = "auto" if node._run_in == "thread" and node.moved else node._run_in
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


def _dump_ports(node: "Node") -> dict[str, Any]:
    """All ports, the implicit ones only where there is something to say of them."""
    found: dict[str, Any] = {}
    usual_in, usual_out = node._order_ports
    for port_id, port in node.inputs.items():
        is_set = port_id != TRIGGER_IN or port._value is not NoValue
        if is_set or not _says_the_same(usual_in, port):
            io = _dump_input(port)
            if len(io) > 1 or port_id not in _IMPLICIT:
                found[port_id] = io
    for port_id, output in node.outputs.items():
        if port_id != TRIGGER_OUT or not _says_the_same(usual_out, output):
            io = _dump_flags(output)
            if len(io) > 1 or port_id not in _IMPLICIT:
                found[port_id] = io
    return found


def _dump_input(port: NodeInput) -> dict[str, Any]:
    data = _dump_flags(port)
    if port.refused and port.lacks_edges:
        data["refused"] = [edge.dump() for edge in port.refused]
    if port.unchecked and (marked := _marks(port)):
        data["unchecked"] = marked
    value = port._value
    if port.sources:
        return data
    if value is NoValue or value is port._default:
        if port.unread is not None:
            data["value"] = port.unread
        return data
    try:
        data["value"] = codec.to_json(value)
    except SavedGraphError as error:
        where = f"{port.node.name}.{port.id}"
        raise SavedGraphError(f"{where} cannot be saved: {error.message}") from error
    return data


def _marks(port: NodeInput) -> list[list[str]]:
    """Those of its edges that are not checked."""
    whys = ((source, port.why_unchecked(source)) for source in port.sources)
    return [[source.node.uuid, source.id, why] for source, why in whys if why is not None]


def _dump_flags(port: NodeInput | NodeOutput) -> dict[str, Any]:
    """Which way it goes, and what differs from the class's own port."""
    found: dict[str, Any] = {"is_input": port.is_input}
    node = port.node
    own = node._templates.get(port.id) or node.template(port)
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
    is_usual = port.required == own.required and port._default is own._default
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


def restore_node(node: "Node", data: Any) -> None:
    """Take name, values and settings from a saved form; nothing runs.

    Raises:
        SavedGraphError: It is of another type of node, or cannot be read.
    """
    data = as_mapping(data, "A node")
    check_depth(data)
    if node.nodespace is not None:
        node.nodespace.check_unlocked()
    if data.get("node_id", node.node_id) != node.node_id:
        raise SavedGraphError(
            f"{node.name} is of the type {node.node_id!r}, but {data['node_id']!r} was saved."
        )
    if text(data.get("name")):
        node.name = text(data["name"])
    restore(node, data)


def restore(node: "Node", data: Mapping[str, Any], *, is_old: bool = False) -> None:
    """The same, of a node whose class and name are settled.

    Args:
        is_old: It was written by 0.2.17 or 2.x.
    """
    node.properties = older.properties(free(data, "properties", is_old=is_old))
    if isinstance(data.get("reset_inputs_on_trigger"), bool):
        node.set_reset_inputs(data["reset_inputs_on_trigger"])
    if data.get("render_options") is not None:
        node.render_options = dict(codec.from_json(section(data, "render_options")))
    if data.get("policy") in ("each", "settled", "zip"):
        node.policy = data["policy"]
    if data.get("run_in") in ("auto", "loop", "thread", "process"):
        node.run_in = data["run_in"]
    if isinstance(data.get("max_attempts"), int):
        node.max_attempts = data["max_attempts"]
    for key in _DURATIONS:
        if key in data:
            setattr(node, key, _seconds(data[key], key))
    for port_id, io in section(data, "io").items():
        port = node.inputs.get(port_id) or node.outputs.get(port_id)
        if port is None or not isinstance(io, Mapping):
            continue  # a port that this version of the class does not have
        for flag in _FLAGS:
            if flag in io and isinstance(io[flag], bool) and hasattr(port, flag):
                setattr(port, flag, io[flag])
        _restore_options(port, older.port(node.node_id, port_id, io) if is_old else io)
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
    if "name" in io and text(io["name"]) not in ("", port.name):
        port.name = text(io["name"])
    if "value_options" in io and isinstance(io["value_options"], dict):
        port.update_value_options(**codec.from_json(io["value_options"]))
    if "render_options" in io and isinstance(io["render_options"], dict):
        port.render_options = dict(codec.from_json(io["render_options"]))


def _restore_seldom(port: NodeInput, io: Mapping[str, Any]) -> None:
    """What a class says of its inputs and an instance seldom says otherwise; refused edges."""
    if port.id in port.node._templates:
        given = {flag: io[flag] for flag in _CLASS_FLAGS if isinstance(io.get(flag), bool)}
        for flag, setting in given.items():
            setattr(port, flag, setting)
        if given:
            port.node.ports_changed()
        if "default" in io:
            port.set_default(codec.from_json(io["default"]))
    if "refused" in io:
        refused = as_list(io["refused"], "refused")
        port.refused = tuple(map(OlderEdge.load, refused))
    if "unchecked" in io:
        port.unchecked = tuple(map(OlderEdge.load, as_list(io["unchecked"], "unchecked")))


def _restore_value(port: NodeInput, saved: Any, *, is_old: bool = False) -> None:
    """A value of a type that is not known here is kept as it was saved; the input stays unset.

    So is an old value that does not fit: older versions checked nothing.
    """
    if is_old or (saved == older.NO_VALUE and port.type.kind != "text"):
        saved = older.value(saved, port.type)
        if saved is NoValue:
            return
    decoded = codec.read_json(saved)
    if decoded.unknown:
        port.unread = codec.to_json(decoded.value)
        missing = ", ".join(sorted({each.type for each in decoded.unknown}))
        _log.warning("%s.%s is left unset: %s is not known here", port.node.name, port.id, missing)
        return
    value = decoded.value
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


# ── what people and programs look at ──────────────────────────────────────────────────────


def status(node: "Node") -> dict[str, Any]:
    """Whether it is ready, why not, and what it is doing."""
    return {
        "ready": node.ready(),
        "ready_state": {"inputs": {port.id: port.ready_state() for port in node.inputs.values()}},
        "in_trigger": node.in_trigger,
        "requests_trigger": node.requests_trigger,
        "state": node.state,
        "inputs": {port.id: port.status() for port in node.inputs.values()},
        "outputs": {port.id: port.status() for port in node.outputs.values()},
    }


def full_form(node: "Node") -> dict[str, Any]:
    """Everything there is to know of it."""
    return {
        "name": node.name,
        "id": node.uuid,
        "node_id": node.node_id,
        "node_name": node.node_name,
        "description": node.description,
        "io": [p.full_serialize() for p in (*node.inputs.values(), *node.outputs.values())],
        "status": status(node),
        "reset_inputs_on_trigger": node.reset_inputs_on_trigger,
        "render_options": dict(node.render_options),
        "properties": dict(node.properties),
    }


def class_form(nodeclass: "type[Node]") -> dict[str, Any]:
    """A node class as a library lists it."""
    ports = list(nodeclass._templates.values())
    return {
        "node_id": nodeclass.node_id,
        "node_name": nodeclass.node_name or nodeclass.__name__,
        "description": nodeclass.description,
        "inputs": [port.serialize_class() for port in ports if port.is_input],
        "outputs": [port.serialize_class() for port in ports if not port.is_input],
    }
