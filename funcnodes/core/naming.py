"""Names of nodes across subgraphs, unique within the outermost nodespace.

    n1          a node of the nodespace itself
    sub/n1      the node n1 inside the subgraph node sub
    sub/in/n1   one level further in

In an id, "%" and "/" are written "%25" and "%2F", so that every name is told apart from every
other.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from funcnodes.core.nodes.node import Node


def name_of(node: "Node") -> str:
    """What the node is called from outside."""
    owner = getattr(node.nodespace, "owner", None)  # of the nodespace inside a subgraph
    return joined(name_of(owner) if owner is not None else "", node.uuid)


def joined(scope: str, uuid: str) -> str:
    """The name of the node with that id in a scope."""
    own = uuid.replace("%", "%25").replace("/", "%2F") if "%" in uuid or "/" in uuid else uuid
    return f"{scope}/{own}" if scope else own


def split(name: str) -> tuple[str, str]:
    """Scope and id of what a name stands for."""
    scope, _, own = name.rpartition("/")
    return scope, own.replace("%2F", "/").replace("%25", "%")
