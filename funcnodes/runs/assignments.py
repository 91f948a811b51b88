"""Values for inputs as a person types them: `sweep.stop=0.8V`.

Names are those on the cards; case does not matter, a space may be written `_`. A bare number is
in the input's own unit.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from funcnodes.core import Node, NodeInput, NodeSpace, units
from funcnodes.errors import FuncnodesError, PortNotFoundError, RefusedError


class AssignmentError(FuncnodesError):
    """An assignment that cannot be understood: no such form, node or input."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What was asked for: input `port` of the node called `node`."""

    node: str
    port: str
    text: str

    @classmethod
    def parse(cls, text: str) -> "Assignment":
        """Read `NODE.PORT=VALUE`.

        Raises:
            AssignmentError: It has another form.
        """
        target, equals, value = text.partition("=")
        node, dot, port = target.strip().rpartition(".")
        if not (equals and dot and node and port):
            raise AssignmentError(f"{text!r} is not of the form node.port=VALUE.")
        return cls(node.strip(), port.strip(), value.strip())

    def apply(self, space: NodeSpace) -> str:
        """Set the value; returns what was understood, e.g. "Sweep: stop = 800 mV".

        Raises:
            AssignmentError: There is no such node or input, or several of that name.
            ValueRefusedError: The value does not fit.
            RefusedError: The input is wired.
        """
        port = _find_port(_find_node(space, self.node), self.port)
        if port.is_connected():
            source = port.sources[0]
            raise RefusedError(
                f"{port.node.name}: {port.name} cannot be set, since it is wired to "
                f"{source.node.name}: {source.name}."
            )
        port.set_value(self.text)
        return f"{port.node.name}: {port.name} = {_shown(port)}"


@dataclass(frozen=True, slots=True)
class Assigned:
    """A value for something that has a name of its own: `NAME=VALUE`."""

    name: str
    text: str

    @classmethod
    def parse(cls, text: str) -> "Assigned":
        """Read `NAME=VALUE`.

        Raises:
            AssignmentError: It has another form.
        """
        name, equals, value = text.partition("=")
        if not (equals and name.strip()):
            raise AssignmentError(f"{text!r} is not of the form NAME=VALUE.")
        return cls(name.strip(), value.strip())


def same_name(one: str, other: str) -> bool:
    """Whether two names are one as a person types it: case and "_" for a space do not matter."""
    return _plain(one) == _plain(other)


def _find_node(space: NodeSpace, name: str) -> Node:
    if space.has_node(name):
        return space.get_node_by_id(name)
    found = [node for node in space.nodes if _plain(node.name) == _plain(name)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(node.uuid for node in found)
        raise AssignmentError(
            f"{len(found)} nodes are called {name!r}; use an id instead: {ids}.", name=name
        )
    raise AssignmentError(
        f"There is no node {name!r}; there are {_listed(n.name for n in space.nodes)}.", name=name
    )


def _find_port(node: Node, name: str) -> NodeInput:
    try:
        return node.get_input(name)
    except PortNotFoundError:
        pass
    ports = [port for port in node.inputs.values() if port.type.kind != "trigger"]
    for port in ports:
        if _plain(name) in (_plain(port.name), _plain(port.id)):
            return port
    known = _listed(port.id for port in ports)
    raise AssignmentError(f"{node.name} has no input {name!r}; it has {known}.", name=name)


def _plain(name: str) -> str:
    return "_".join(name.lower().replace("_", " ").split())


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names)) or "none"


def _shown(port: NodeInput) -> str:
    value = port.value
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return f"{value:.9g} {port.unit}".strip() if port.unit else units.text(value, digits=9)
    return str(value)
