"""Saved forms of 0.2.17 and 2.x, read as if they had been written today.

They have no `format`. A worker's file has the graph under `backend`, and 0.2.17 places its nodes
under `view`. Values are plain JSON: an unset input may hold the text "<NoValue>", and a member of
an enumeration is written "Class.NAME". Nodes of missing packages are not touched: `saved` keeps
them as they are, so what is said of a single node here is applied when its class is known.
"""

import enum
from collections.abc import Mapping
from typing import Any

from funcnodes.core import codec
from funcnodes.core.position import POSITION, as_position
from funcnodes.core.types import PortType
from funcnodes.core.values import NoValue

NO_VALUE = "<NoValue>"

# 2.x saved as limits of these inputs what followed from the value of another input.
FOLLOWING = {
    "list_get.index", "list_pop.index", "list_insert.index", "list_set.index",
    "list_slice.start", "list_slice.end", "list_slice_step.start", "list_slice_step.end",
    "dict_get.key", "dict_select_keys.keys", "dict_rename_key.old_key", "dict_delete_key.key",
    "dict_pop.key", "pyobject_get_attribute.attribute", "pyobject_delete_attribute.attribute",
    "dataclass.get_field.field_name",
}  # fmt: skip


def unwrap(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The graph of a worker's file, its nodes with their places; any other is handed back."""
    backend = data.get("backend")
    if "nodes" in data or not isinstance(backend, Mapping):
        return data
    view = data.get("view")
    places = view.get("nodes") if isinstance(view, Mapping) else None
    nodes = backend.get("nodes")
    if not isinstance(places, Mapping) or not isinstance(nodes, list):
        return backend
    return {**backend, "nodes": [_placed(node, places) for node in nodes]}


def properties(found: Mapping[str, Any]) -> dict[str, Any]:
    """A node's properties, with its place where the editor looks for it."""
    place = found.get("frontend:pos")
    if POSITION in found or as_position(place) is None:
        return dict(found)
    return {**found, POSITION: place}


def port(node_id: str, port_id: str, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is said of a port, without limits that were never anybody's wish."""
    if f"{node_id}.{port_id}" not in FOLLOWING:
        return found
    return {key: said for key, said in found.items() if key != "value_options"}


def value(saved: Any, port_type: PortType) -> Any:
    """An old value as today's saved form; NoValue where it says that there is none."""
    if isinstance(saved, str):
        if saved == NO_VALUE:
            return NoValue
        owner, _, name = saved.partition(".")
        for option in port_type.options:
            if isinstance(option, enum.Enum) and (owner, name) == (
                type(option).__name__,
                option.name,
            ):
                return option.name
    return codec.to_json(saved)


def _placed(node: Any, places: Mapping[str, Any]) -> Any:
    if not isinstance(node, dict):
        return node
    view = places.get(str(node.get("id")))
    place = view.get(POSITION) if isinstance(view, Mapping) else None
    found = node.get("properties") or {}
    if as_position(place) is None or not isinstance(found, dict) or POSITION in found:
        return node
    return {**node, "properties": {**found, POSITION: place}}
