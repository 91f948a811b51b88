"""Whether a nodespace is the one that was run: what it does counts, not how it is drawn."""

from collections.abc import Mapping
from typing import Any

import msgspec

from funcnodes.core import NodeSpace, NoValue

_DRAWN = ("properties", "render_options", "io_options", "node_name")


def differing_nodes(then: dict[str, Any], space: NodeSpace, inputs: Mapping[str, Any]) -> list[str]:
    """Names of nodes that are not as they were, and of those whose wires are not.

    Args:
        then: The graph as the run file keeps it.
        space: The graph as it is.
        inputs: Values of inputs that were changed since, by "node id.port id".
    """
    now = msgspec.json.decode(msgspec.json.encode(space.serialize(), enc_hook=repr))
    defaults = _defaults(space)
    one, other = _nodes(then, inputs, defaults), _nodes(now, {}, defaults)
    names = {uuid: node["name"] for uuid, node in {**one, **other}.items()}
    changed = [uuid for uuid in names if one.get(uuid) != other.get(uuid)]
    wires, rewired = _edges(then), _edges(now)
    ends = [end for wire in wires ^ rewired for end in (wire[0], wire[2])]
    return list(dict.fromkeys(str(names.get(uuid, uuid)) for uuid in [*changed, *sorted(ends)]))


def _defaults(space: NodeSpace) -> dict[str, Any]:
    """What inputs have that were never set, as it is saved, by "node id.port id"."""
    found = {
        f"{node.uuid}.{port.id}": port.default
        for node in space.nodes
        for port in node.inputs.values()
        if port.default is not NoValue
    }
    return dict(msgspec.json.decode(msgspec.json.encode(found, enc_hook=repr)))


def _nodes(
    data: dict[str, Any], inputs: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    fed = {(edge[2], edge[3]) for edge in _edges(data)}
    return {
        node["id"]: {
            **{key: value for key, value in node.items() if key not in (*_DRAWN, "io", "frame")},
            "frame": node.get("frame"),
            "io": _values(node, fed, inputs, defaults),
        }
        for node in data.get("nodes", ())
    }


def _values(
    node: dict[str, Any],
    fed: set[tuple[str, str]],
    inputs: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> dict[str, Any]:
    """What is set at its inputs; what comes over a wire comes again."""
    found = {
        port: inputs.get(where := f"{node['id']}.{port}", form.get("value", defaults.get(where)))
        for port, form in node.get("io", {}).items()
        if form.get("is_input") and (node["id"], port) not in fed
    }
    return {port: value for port, value in found.items() if value is not None}


def _edges(data: dict[str, Any]) -> set[tuple[str, str, str, str]]:
    return {(str(a), str(b), str(c), str(d)) for a, b, c, d in data.get("edges", ())}
