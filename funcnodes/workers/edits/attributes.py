"""Edits of one attribute of a node or port: name, policy, a flag, the columns of a plot."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from funcnodes.core import Node, NodeInput, NodeSpace
from funcnodes.errors import ValueRefusedError
from funcnodes.runs import XYPlot


@dataclass(slots=True)
class ChangeEdit:
    """One attribute of a node or port: name, policy, a flag, the columns of a plot."""

    label: str
    node: str
    get: Callable[[Node], Any]
    put: Callable[[Node, Any], None]
    value: Any
    structural: bool = False
    _before: Any = None

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.node})

    def apply(self, space: NodeSpace) -> None:
        node = space.get_node_by_id(self.node)
        self._before = self.get(node)
        self.put(node, self.value)

    def revert(self, space: NodeSpace) -> None:
        self.put(space.get_node_by_id(self.node), self._before)

    def absorb(self, later: Any) -> bool:
        return False


def rename(space: NodeSpace, uuid: str, name: str) -> ChangeEdit:
    """Another name for a node; "" goes back to its class's."""
    name = " ".join(name.split())[:200]
    if not name.isprintable():
        raise ValueRefusedError("A name has printable characters only.")
    old = space.get_node_by_id(uuid).name
    return ChangeEdit(f"rename {old}", uuid, lambda node: node.name, _put_name, name)


def set_policy(space: NodeSpace, uuid: str, policy: str) -> ChangeEdit:
    """When a node executes: `each`, `settled` or `zip`."""
    label = f"set the policy of {space.get_node_by_id(uuid).name}"
    return ChangeEdit(label, uuid, lambda node: node.policy, _put_policy, policy, structural=True)


def set_flags(space: NodeSpace, uuid: str, port_id: str, **flags: bool | None) -> ChangeEdit:
    """Pin, hide or mark a port live; None leaves a flag as it is."""
    given = {name: value for name, value in flags.items() if value is not None}
    port = space.get_node_by_id(uuid).get_input_or_output(port_id)
    if not given:
        raise ValueRefusedError("Nothing was asked to be changed.")
    if "live" in given and not isinstance(port, NodeInput):
        raise ValueRefusedError(f"{port.name} is an output; only inputs can be live.")

    def get(node: Node) -> dict[str, bool]:
        own = node.get_input_or_output(port_id)
        return {name: getattr(own, name) for name in given}

    def put(node: Node, values: dict[str, bool]) -> None:
        own = node.get_input_or_output(port_id)
        for name, value in values.items():
            setattr(own, name, value)

    what = next(iter(given))
    label = f"{_FLAG_WORDS[what, given[what]]} {port.node.name}.{port.name}"
    return ChangeEdit(label, uuid, get, put, given, structural="live" in given)


_FLAG_WORDS = {
    ("pinned", True): "pin",
    ("pinned", False): "unpin",
    ("hidden", True): "hide",
    ("hidden", False): "show",
    ("live", True): "make live",
    ("live", False): "freeze",
}


def set_plot(space: NodeSpace, uuid: str, x: str, y: list[str]) -> ChangeEdit:
    """Which columns a plot draws; "" and [] go back to the defaults."""
    plot = _as_plot(space.get_node_by_id(uuid))

    def put(node: Node, columns: tuple[str, tuple[str, ...]]) -> None:
        _as_plot(node).choose(columns[0], list(columns[1]))

    def get(node: Node) -> tuple[str, tuple[str, ...]]:
        return _as_plot(node).x, tuple(_as_plot(node).y)

    return ChangeEdit(f"choose columns of {plot.name}", uuid, get, put, (x, tuple(y)))


def _as_plot(node: Node) -> XYPlot:
    if not isinstance(node, XYPlot):
        raise ValueRefusedError(f"{node.name} is no plot.")
    return node


def _put_name(node: Node, name: str) -> None:
    node.name = name


def _put_policy(node: Node, policy: Any) -> None:
    node.policy = policy
