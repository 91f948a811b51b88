"""A graph as a picture: boxes where its nodes stand on the canvas, and its wires."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from funcnodes.core import Node, NodeSpace
from funcnodes.core.position import position
from funcnodes.runs.local import library, read_nodespace

BOX_W, BOX_H, GAP = 150, 44, 20
SCALE = 0.75


class GraphPicture:
    """A graph to look at; a notebook shows it."""

    def __init__(self, space: NodeSpace) -> None:
        self._title = space.title
        self._boxes = _placed(space)
        self._wires = [(edge[0], edge[2]) for edge in space.edges]

    def __repr__(self) -> str:
        return f"<graph {self._title!r}: {len(self._boxes)} nodes, {len(self._wires)} wires>"

    def _repr_svg_(self) -> str:
        width = max((x for x, _, _ in self._boxes.values()), default=0) + BOX_W + GAP
        height = max((y for _, y, _ in self._boxes.values()), default=0) + BOX_H + GAP
        wires = "".join(self._wire(*wire) for wire in self._wires)
        boxes = "".join(_box(*box) for box in self._boxes.values())
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}">'
            f"{wires}{boxes}</svg>"
        )

    def _wire(self, source: str, target: str) -> str:
        if source not in self._boxes or target not in self._boxes:
            return ""
        x1, y1 = self._boxes[source][0] + BOX_W, self._boxes[source][1] + BOX_H / 2
        x2, y2 = self._boxes[target][0], self._boxes[target][1] + BOX_H / 2
        bend = max(abs(x2 - x1) / 2, 24)
        path = f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} "
        return f'<path d="{path}{x2:.0f} {y2:.0f}" fill="none" stroke="#90a4ae"/>'


def picture(graph: "NodeSpace | Path | str | Mapping[str, Any]") -> GraphPicture:
    """A graph as a picture: a nodespace, its file, or what that holds.

    Raises:
        SavedGraphError: The file cannot be read, or is no nodespace.
    """
    if isinstance(graph, NodeSpace):
        return GraphPicture(graph)
    data = graph if isinstance(graph, Mapping) else read_nodespace(Path(graph))
    space = NodeSpace(library(), arming="disarmed")
    space.deserialize(dict(data))
    return GraphPicture(space)


def _placed(space: NodeSpace) -> dict[str, tuple[float, float, Node]]:
    """Where each node is drawn: as on the canvas, or in a row."""
    found: dict[str, tuple[float, float, Node]] = {}
    for n, node in enumerate(space.nodes):
        x, y = position(node.properties) or (n * (BOX_W + 40) / SCALE, 0.0)
        found[node.uuid] = (x * SCALE, y * SCALE, node)
    left = min((x for x, _, _ in found.values()), default=0.0)
    top = min((y for _, y, _ in found.values()), default=0.0)
    return {k: (x - left + GAP, y - top + GAP, node) for k, (x, y, node) in found.items()}


def _box(x: float, y: float, node: Node) -> str:
    text = 'font-family="sans-serif" text-anchor="middle"'
    middle = x + BOX_W / 2
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX_W}" height="{BOX_H}" rx="6" '
        'fill="#eceff1" stroke="#78909c"/>'
        f'<text x="{middle:.0f}" y="{y + 18:.0f}" {text} font-size="12" fill="#263238">'
        f"{escape(node.name[:22])}</text>"
        f'<text x="{middle:.0f}" y="{y + 34:.0f}" {text} font-size="9" fill="#607d8b">'
        f"{escape(node.node_id)}</text>"
    )
