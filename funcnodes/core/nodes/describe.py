"""Ports, nodes and node classes as plain data, for people and programs that look at them.

The keys are those that users of funcnodes know. Nothing here changes anything; what is saved is
written by `saved`.
"""

import enum
from typing import TYPE_CHECKING, Any, TypeGuard

from funcnodes.core import codec
from funcnodes.core.types import PortType
from funcnodes.core.values import NoValue
from funcnodes.errors import SavedGraphError

if TYPE_CHECKING:
    from funcnodes.core.nodes.node import Node
    from funcnodes.core.nodes.ports import NodeInput, Port


# ── ports ─────────────────────────────────────────────────────────────────────────────────


def port_type(found: PortType) -> Any:
    """A type by its name, or, where it has options, `{"type": "enum", "values", "keys", …}`."""
    if not found.options:
        return found.name
    return {
        "type": "enum",
        "values": [option.value if _is_member(option) else option for option in found.options],
        "keys": [option.name if _is_member(option) else str(option) for option in found.options],
        "nullable": found.optional,
    }


def port_ready_state(port: "Port") -> dict[str, bool]:
    """What it has of what it needs: a node, a value."""
    return {"node": port.has_node, "value": port._value is not NoValue or not _needs_value(port)}


def port_status(port: "Port") -> dict[str, Any]:
    """Whether it has what it needs, and is wired; of a stream also what waits and was dropped."""
    from funcnodes.core.nodes.streams import StreamInput  # which builds on ports

    state: dict[str, Any] = {
        "has_value": port._value is not NoValue,
        "has_node": port.has_node,
        "ready": port.ready(),
        "connected": port.is_connected(),
    }
    if isinstance(port, StreamInput):
        state |= {"waiting": port.waiting, "dropped": port.dropped}
    return {"required": port.required, **state} if _is_input(port) else state


def port_serialize(port: "Port") -> dict[str, Any]:
    """Identity, type and value; a value that cannot be saved is left out."""
    data: dict[str, Any] = {"id": port.id, "is_input": port.is_input, "type": port_type(port.type)}
    if port.name != port.id:
        data["name"] = port.name
    if port._value is not NoValue:
        _put(data, "value", port._value)
    return data


def port_full_serialize(port: "Port") -> dict[str, Any]:
    """Everything there is to know of it but how it is drawn."""
    data = {
        **port_serialize(port),
        "full_id": port.full_id,
        "name": port.name,
        "description": port.description,
        "unit": port.unit,
        "connected": port.is_connected(),
        "node": port.node.uuid if port.has_node else None,
        "hidden": port.hidden,
        "value_options": dict(port.value_options),
        "render_options": dict(port.render_options),
    }
    if _is_input(port):
        data |= {"does_trigger": port.does_trigger, "required": port.required}
        if port.default is not NoValue:
            _put(data, "default", port.default)
    return data


def port_class(port: "Port") -> dict[str, Any]:
    """What an instance does not change."""
    return {
        "uuid": port.id,
        "name": port.name,
        "type": port_type(port.type),
        "description": port.description or None,
    }


# ── nodes ─────────────────────────────────────────────────────────────────────────────────


def node_status(node: "Node") -> dict[str, Any]:
    """Whether it is ready, why not, and what it is doing."""
    return {
        "ready": node.ready(),
        "ready_state": {
            "inputs": {port.id: port_ready_state(port) for port in node.inputs.values()}
        },
        "in_trigger": node.in_trigger,
        "requests_trigger": node.requests_trigger,
        "state": node.state,
        "inputs": {port.id: port_status(port) for port in node.inputs.values()},
        "outputs": {port.id: port_status(port) for port in node.outputs.values()},
    }


def node_full_serialize(node: "Node") -> dict[str, Any]:
    """Everything there is to know of it."""
    return {
        "name": node.name,
        "id": node.uuid,
        "node_id": node.node_id,
        "node_name": node.node_name,
        "description": node.description,
        "io": [port_full_serialize(p) for p in (*node.inputs.values(), *node.outputs.values())],
        "status": node_status(node),
        "reset_inputs_on_trigger": node.reset_inputs_on_trigger,
        "render_options": dict(node.render_options),
        "properties": dict(node.properties),
    }


def node_class(nodeclass: "type[Node]") -> dict[str, Any]:
    """A node class as a library lists it."""
    ports = list(nodeclass._templates.values())
    return {
        "node_id": nodeclass.node_id,
        "node_name": nodeclass.node_name or nodeclass.__name__,
        "description": nodeclass.description,
        "inputs": [port_class(port) for port in ports if port.is_input],
        "outputs": [port_class(port) for port in ports if not port.is_input],
    }


def _is_member(option: Any) -> bool:
    return isinstance(option, enum.Enum)


def _is_input(port: "Port") -> "TypeGuard[NodeInput]":
    return port.is_input


def _needs_value(port: "Port") -> bool:
    return port.required if _is_input(port) else True


def _put(data: dict[str, Any], key: str, value: Any) -> None:
    try:
        data[key] = codec.to_json(value)
    except SavedGraphError:
        data[key + "_type"] = type(value).__name__
