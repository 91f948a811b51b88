"""Edits of what an input holds. They act the first time only; undo and redo restore."""

import time
from dataclasses import dataclass, field
from typing import Any

from funcnodes.core import Node, NodeInput, NodeSpace, NoValue
from funcnodes.core.running.topology import downstream
from funcnodes.errors import RefusedError
from funcnodes.workers.edits.by_hand import set_by_hand
from funcnodes.workers.edits.edit import COALESCE_S
from funcnodes.workers.edits.ports import input_at


@dataclass(slots=True)
class SetValueEdit:
    """An input's value. Acts the first time only; undo and redo restore."""

    label: str
    node: str
    port: str
    value: Any
    """None unsets."""
    structural: bool = False
    at: float = field(default_factory=time.monotonic)
    _first: bool = True
    _before: "Held | None" = None
    _after: "Held | None" = None

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.node})

    def apply(self, space: NodeSpace) -> None:
        port = input_at(space, self.node, self.port)
        if not self._first and self._after is not None:
            self._after.put_back(port)
            return
        self._first = False
        self._before = Held.of(port)
        if port.is_connected():
            raise RefusedError(f"{port.node.name}: {port.name} gets its value by a wire.")
        if self.value is None and not port.type.optional:
            check_frozen(port)
            port.unset()
        else:
            set_by_hand(port, self.value)
        self._after = Held.of(port)

    def revert(self, space: NodeSpace) -> None:
        if self._before is not None:
            self._before.put_back(input_at(space, self.node, self.port))

    def absorb(self, later: Any) -> bool:
        here = self.node, self.port
        same = isinstance(later, SetValueEdit) and (later.node, later.port) == here
        if not same or later.at - self.at > COALESCE_S:
            return False
        self.value, self.at, self._after = later.value, later.at, later._after
        return True


@dataclass(frozen=True, slots=True)
class Held:
    """What an unconnected input held: a value that was set, or its default."""

    value: Any
    was_set: bool

    @classmethod
    def of(cls, port: NodeInput) -> "Held":
        was_set = port.value is not port.default and port.value is not NoValue
        return cls(port.value, was_set)

    def put_back(self, port: NodeInput) -> None:
        """Restore it; nothing that follows from it may reach a device."""
        check_frozen(port)
        if not self.was_set:
            port.unset()
        elif reaches_effect(port.node):
            port.restore(self.value)
        else:
            port.set_value(self.value)


def set_value(space: NodeSpace, uuid: str, port_id: str, value: Any) -> SetValueEdit:
    """An input's value; None unsets."""
    port = space.get_node_by_id(uuid).get_input(port_id)
    return SetValueEdit(f"set {port.node.name}.{port.name}", uuid, port_id, value)


def reaches_effect(node: Node) -> bool:
    """Whether setting something on `node` now could act on the world, from inside it too."""
    space = node.nodespace
    if space is None or space.arming == "disarmed":
        return False
    first = [node, *node.inner_nodes()]
    return any(each.effect for start in first for each in (start, *downstream(start)))


def check_frozen(port: NodeInput) -> None:
    """Raises RefusedError where a run is on and the input is not live (A2)."""
    space = port.node.nodespace
    if space is not None and space.locked and not port.live:
        raise RefusedError(
            f"{port.node.name}: {port.name} cannot be changed while a run is on.",
            hint="Mark the input live, or stop the run.",
        )
