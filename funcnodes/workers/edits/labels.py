"""What nodes are called: in the label of an edit, and when a new one needs a name of its own."""

from funcnodes.core import NodeSpace


def unused_name(space: NodeSpace, wanted: str) -> str:
    """`wanted`, with the first number that makes it the only one in `space`."""
    return free_name(wanted, {node.name for node in space.nodes})


def named(space: NodeSpace, ids: list[str]) -> str:
    """What nodes are called in a label: one by its name, several by their number."""
    return space.get_node_by_id(ids[0]).name if len(ids) == 1 else count_of(len(ids))


def free_name(wanted: str, taken: set[str]) -> str:
    """`wanted`, or the first of "wanted 2", "wanted 3" … that is free."""
    base, _, number = wanted.rpartition(" ")
    stem = base if base and number.isdecimal() else wanted
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{stem} {count}"
    return name


def count_of(number: int) -> str:
    return "1 node" if number == 1 else f"{number} nodes"
