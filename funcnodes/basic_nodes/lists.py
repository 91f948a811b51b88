"""Lists: taking out, putting in, ordering. A list that comes in is never changed: a new one goes
out. Positions count from 0, negative ones from the end.
"""

import heapq
from typing import Annotated, Any

from funcnodes.basic_nodes.comparison import are_same
from funcnodes.basic_nodes.define import basic_node, describe
from funcnodes.core import Range, Shelf
from funcnodes.errors import ExecutionError

LONGEST = 5_000_000
SORTED_AT_ONCE = 200_000


@basic_node("to_list", hands_on=True, name="To list", icon="table", words=("convert", "wrap"))
def to_list_node(obj: Any) -> list[Any]:
    """A value as a list: of its items where it has some, else of itself alone."""
    if hasattr(obj, "tolist"):
        found = obj.tolist()
        return found if isinstance(found, list) else [found]
    if isinstance(obj, list | tuple | set | frozenset | range):
        return list(obj)
    return [obj]


@basic_node(
    "list.of", hands_on=True, name="Make list", icon="table", words=("new", "build", "combine")
)
def make_list_node(
    a: Any = None, b: Any = None, c: Any = None, d: Any = None,
    length: Annotated[int, Range(0, 4)] = 2,
) -> list[Any]:  # fmt: skip
    """A list of the first so many inputs."""
    return [a, b, c, d][:length]


@basic_node(
    "list.range", hands_on=True, name="Number range", icon="table", words=("count", "sequence")
)
def range_node(start: int = 0, stop: int = 10, step: int = 1) -> list[int]:
    """Whole numbers from start up to stop, not included, by a step."""
    if step == 0:
        raise ExecutionError("step is zero: the numbers would not end.", port="step")
    if len(range(start, stop, step)) > LONGEST:
        raise ExecutionError(f"There would be more than {LONGEST} numbers.", port="stop")
    return list(range(start, stop, step))


@basic_node(
    "list_length", hands_on=True, name="List length", icon="table", words=("count", "size", "len")
)
def length_node(lst: list[Any]) -> int:
    """How many items the list has."""
    return len(lst)


@basic_node("list_get", hands_on=True, name="Get item", icon="table",
            words=("element", "index", "pick"),
            outputs=[{"id": "element"}])  # fmt: skip
def get_node(lst: list[Any], index: int = -1) -> Any:
    """The item at a position; the last where none is given."""
    return lst[_at(lst, index)]


@basic_node(
    "contains_node", hands_on=True, name="Contains", icon="table", words=("in", "has", "member")
)
def contains_node(collection: Any, item: Any) -> bool:
    """Whether an item is in a list, a key in a dictionary, or a piece in a text."""
    if isinstance(collection, str) and not isinstance(item, str):
        raise ExecutionError(f"item is to be text where collection is, not {describe(item)}.")
    if isinstance(collection, list | tuple):
        return any(are_same(item, each) for each in collection)
    return item in collection


@basic_node("list_append", hands_on=True, name="Append", icon="table", words=("add", "push"))
def append_node(lst: list[Any], item: Any) -> list[Any]:
    """The list with one more item at its end."""
    return [*lst, item]


@basic_node(
    "list_extend",
    hands_on=True,
    name="Join lists",
    icon="table",
    words=("extend", "concatenate", "+"),
)
def extend_node(lst: list[Any], items: list[Any]) -> list[Any]:
    """Two lists, one after the other."""
    return [*lst, *items]


@basic_node("list_insert", hands_on=True, name="Insert item", icon="table", words=("add",))
def insert_node(lst: list[Any], item: Any, index: int = -1) -> list[Any]:
    """The list with an item put in before a position."""
    return [*lst[:index], item, *lst[index:]]


@basic_node("list_set", hands_on=True, name="Set item", icon="table", words=("replace", "change"))
def set_node(lst: list[Any], item: Any, index: int = -1) -> list[Any]:
    """The list with the item at a position replaced."""
    lst[_at(lst, index)] = item
    return lst


@basic_node("list_pop", hands_on=True, name="Take item out", icon="table", words=("pop", "remove"),
            outputs=[{"id": "new_list"}, {"id": "item"}])  # fmt: skip
def pop_node(lst: list[Any], index: int = -1) -> tuple[list[Any], Any]:
    """The list without the item at a position, and that item."""
    item = lst.pop(_at(lst, index))
    return lst, item


@basic_node(
    "list_remove", hands_on=True, name="Remove item", icon="table", words=("delete", "filter")
)
def remove_node(lst: list[Any], item: Any, all: bool = False) -> list[Any]:
    """The list without the first item that equals one, or without all of them."""
    if all:
        return [each for each in lst if not are_same(each, item)]
    del lst[_position(lst, item)]
    return lst


@basic_node(
    "list_index", hands_on=True, name="Position of item", icon="table", words=("find", "search")
)
def index_node(lst: list[Any], item: Any) -> int:
    """Where an item first occurs; it is an error where it does not."""
    return _position(lst, item)


@basic_node("list_count", hands_on=True, name="Count item", icon="table", words=("occurrences",))
def count_node(lst: list[Any], item: Any) -> int:
    """How often an item occurs."""
    return sum(are_same(each, item) for each in lst)


@basic_node("list_reverse", hands_on=True, name="Reverse list", icon="table", words=("turn",))
def reverse_node(lst: list[Any]) -> list[Any]:
    """The list from its end to its start."""
    return lst[::-1]


@basic_node(
    "list_sort", hands_on=True, name="Sort list", icon="table", words=("order", "ascending")
)
def sort_node(lst: list[Any], reverse: bool = False) -> list[Any]:
    """The list in ascending order, or in descending."""
    if len(lst) <= SORTED_AT_ONCE:
        return sorted(lst, reverse=reverse)
    starts = range(0, len(lst), SORTED_AT_ONCE)
    parts = [sorted(lst[start : start + SORTED_AT_ONCE], reverse=reverse) for start in starts]
    return list(heapq.merge(*parts, reverse=reverse))  # which lets other threads have their turn


@basic_node(
    "list_slice", hands_on=True, name="Part of list", icon="table", words=("slice", "cut", "range")
)
def slice_node(lst: list[Any], start: int = 0, end: int | None = None) -> list[Any]:
    """The items from start up to end, not included; to the last one where no end is given."""
    return lst[start:end]


@basic_node(
    "list_slice_step", hands_on=True, name="Every nth item", icon="table", words=("slice", "step")
)
def slice_step_node(
    lst: list[Any], start: int = 0, end: int | None = None, step: int = 1
) -> list[Any]:
    """The items from start up to end, not included, by a step."""
    if step == 0:
        raise ExecutionError("step is zero: the items would not end.", port="step")
    return lst[start:end:step]


@basic_node(
    "list_flatten", hands_on=True, name="Flatten list", icon="table", words=("nested", "unnest")
)
def flatten_node(lst: list[Any]) -> list[Any]:
    """The items of the lists inside the list, one level deep."""
    return [item for each in lst for item in (each if isinstance(each, list | tuple) else [each])]


@basic_node(
    "list_unique", hands_on=True, name="Unique items", icon="table", words=("distinct", "set")
)
def unique_node(lst: list[Any]) -> list[Any]:
    """The list without items that came before."""
    try:
        return list(dict.fromkeys(lst))
    except TypeError:  # lists and dictionaries among them cannot be looked up
        found: list[Any] = []
        for each in lst:
            if not any(are_same(each, earlier) for earlier in found):
                found.append(each)
        return found


@basic_node("list.zip", hands_on=True, name="Pair lists", icon="table", words=("zip", "combine"))
def zip_node(a: list[Any], b: list[Any]) -> list[Any]:
    """Pairs of the items at the same positions; both lists are to have the same length."""
    if len(a) != len(b):
        raise ExecutionError(f"a and b are to be of one length, but have {len(a)} and {len(b)}.")
    return [[x, y] for x, y in zip(a, b, strict=True)]


@basic_node(
    "list.chunks",
    hands_on=True,
    name="Chunks of list",
    icon="table",
    words=("split", "batch", "group"),
)
def chunks_node(lst: list[Any], size: Annotated[int, Range(1)] = 2) -> list[Any]:
    """The list cut into lists of a size; the last one may be shorter."""
    return [lst[start : start + size] for start in range(0, len(lst), size)]


def _at(lst: list[Any], index: int) -> int:
    if not -len(lst) <= index < len(lst):
        what = f"has {len(lst)} items" if lst else "is empty"
        where = describe(index)
        raise ExecutionError(f"lst {what}: there is none at position {where}.", port="index")
    return index


def _position(lst: list[Any], item: Any) -> int:
    for position, each in enumerate(lst):
        if are_same(each, item):
            return position
    raise ExecutionError(f"lst does not contain {describe(item)}.", port="item")


NODE_SHELF = Shelf(
    [
        to_list_node, make_list_node, range_node, length_node, get_node, contains_node,
        append_node, extend_node, insert_node, set_node, pop_node, remove_node, index_node,
        count_node, reverse_node, sort_node, slice_node, slice_step_node, flatten_node,
        unique_node, zip_node, chunks_node,
    ],
    name="Lists",
    description="Taking items out, putting them in, ordering them.",
)  # fmt: skip
