"""Subgraphs as files: templates with a version, which is a hash of the structure alone.

Values and places on the canvas belong to the instances, so they do not count.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from funcnodes.core.codec.strict import parse
from funcnodes.errors import SavedGraphError

SUFFIX = ".subgraph.json"
SUBGRAPH = "subgraph"  # node id of the class of all of them
PREFIX = "subgraph:"  # of the node ids of classes made from files


def version_of(graph: Any) -> str:
    """The version of a saved graph: SHA-256 of its structure, in hex."""
    text = json.dumps(_structure(graph), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _structure(graph: Any) -> Any:
    """What makes a subgraph what it is: no values, no places on the canvas, no order."""
    nodes = []
    for node in graph.get("nodes", []):
        rest = {k: v for k, v in node.items() if k not in ("io", "properties", "subgraph")}
        if isinstance(node.get("io"), Mapping):
            rest["io"] = {
                port: {key: value for key, value in io.items() if key != "value"}
                for port, io in node["io"].items()
            }
        if isinstance(node.get("subgraph"), Mapping):
            rest["inside"] = _structure(node["subgraph"].get("graph", {}))
        nodes.append(rest)
    edges = sorted(list(edge) for edge in graph.get("edges", []))
    return {"nodes": sorted(nodes, key=lambda node: str(node.get("id"))), "edges": edges}


def read_subgraph(path: Path) -> dict[str, Any]:
    """What a file says, with its name as `file`.

    Raises:
        SavedGraphError: It is no subgraph, or it cannot be read.
    """
    name = stem(path)
    try:
        data = parse(path.read_bytes(), what=str(path))
    except OSError as error:
        raise SavedGraphError(f"{path} cannot be read: {error.strerror}.") from error
    if not isinstance(data, dict) or data.get("kind") != "subgraph":
        raise SavedGraphError(f"{path} is not a subgraph.")
    if not isinstance(data.get("graph"), dict) or not isinstance(data.get("values", {}), dict):
        raise SavedGraphError(f"{path} is not a subgraph: it has no graph in it.")
    return {**data, "file": name}


def subgraph_id(file: str) -> str:
    """The node id of the class that stands for a file."""
    return PREFIX + file


def stem(path: Path) -> str:
    if not path.name.endswith(SUFFIX) or path.name == SUFFIX:
        raise SavedGraphError(f"{path.name} is no name for a subgraph: it must end in {SUFFIX}.")
    return path.name.removesuffix(SUFFIX)


def with_values(graph: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """`graph` with the values that the same inputs of the same nodes had before."""
    old = {(node["id"], node["node_id"]): node for node in before["nodes"]}
    nodes = []
    for node in graph.get("nodes", []):
        was = old.get((node.get("id"), node.get("node_id")))
        if was is None:
            nodes.append(node)
            continue
        fresh = {**node, "io": {port: dict(io) for port, io in node.get("io", {}).items()}}
        for port, io in was.get("io", {}).items():
            if port in fresh["io"] and "value" in io:
                fresh["io"][port]["value"] = io["value"]
        if "subgraph" in fresh and "subgraph" in was:
            inside = with_values(fresh["subgraph"]["graph"], was["subgraph"]["graph"])
            fresh["subgraph"] = {**fresh["subgraph"], "graph": inside}
        nodes.append(fresh)
    return {**graph, "nodes": nodes}
