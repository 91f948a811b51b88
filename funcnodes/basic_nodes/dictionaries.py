"""Dictionaries: entries by key. A dictionary that comes in is never changed: a new one goes out."""

from collections.abc import Mapping
from typing import Any, Literal

from funcnodes.basic_nodes.define import basic_node, describe, short
from funcnodes.basic_nodes.objects import NODE_SHELF as OBJECTS
from funcnodes.core import NoValue, Shelf
from funcnodes.errors import ExecutionError

Entries = dict[Any, Any]


@basic_node("dict_get", hands_on=True, name="Get entry", icon="table", words=("lookup", "key"),
            outputs=[{"id": "value"}])  # fmt: skip
def get_node(dictionary: Entries, key: Any, default: Any = NoValue) -> Any:
    """The value of a key; the default where there is none, or an error if that is not set."""
    return _value(dictionary, key) if default is NoValue else dictionary.get(key, default)


@basic_node("dict_keys", hands_on=True, name="Keys", icon="table", words=("names",))
def keys_node(dictionary: Entries) -> list[Any]:
    """All keys, in their order."""
    return list(dictionary)


@basic_node("dict_values", hands_on=True, name="Values", icon="table")
def values_node(dictionary: Entries) -> list[Any]:
    """All values, in the order of their keys."""
    return list(dictionary.values())


@basic_node("dict_items", hands_on=True, name="Entries", icon="table", words=("items", "pairs"))
def items_node(dictionary: Entries) -> list[tuple[Any, Any]]:
    """All entries as pairs of key and value."""
    return list(dictionary.items())


@basic_node("dict_to_lists", hands_on=True, name="Keys and values", icon="table",
            outputs=[{"id": "keys"}, {"id": "values"}])  # fmt: skip
def to_lists_node(dictionary: Entries) -> tuple[list[Any], list[Any]]:
    """All keys, and all values, as two lists."""
    return list(dictionary), list(dictionary.values())


@basic_node(
    "dict_from_items",
    hands_on=True,
    name="Dictionary of pairs",
    icon="table",
    words=("make", "build"),
)
def from_items_node(items: list[Any]) -> Entries:
    """A dictionary of pairs of key and value."""
    wrong = next((item for item in items if _is_no_pair(item)), NoValue)
    if wrong is not NoValue:
        raise ExecutionError(f"items is to hold pairs, not {describe(wrong)}.", port="items")
    return dict(items)


@basic_node(
    "dict_from_keys_values",
    hands_on=True,
    name="Dictionary of lists",
    icon="table",
    words=("make", "zip"),
)
def from_keys_values_node(keys: list[Any], values: list[Any]) -> Entries:
    """A dictionary of a list of keys and a list of their values."""
    if len(keys) != len(values):
        raise ExecutionError(f"There are {len(keys)} keys, but {len(values)} values.")
    return dict(zip(keys, values, strict=True))


@basic_node("dict_set_key", hands_on=True, name="Set entry", icon="table", words=("add", "change"))
def set_key_node(dictionary: Entries, key: Any, value: Any) -> Entries:
    """The dictionary with an entry set."""
    return {**dictionary, key: value}


@basic_node(
    "dict_set_default", hands_on=True, name="Set entry if missing", icon="table", words=("default",)
)
def set_default_node(dictionary: Entries, key: Any, value: Any) -> Entries:
    """The dictionary with an entry set, unless it has one of that key."""
    return dict(dictionary) if key in dictionary else {**dictionary, key: value}


@basic_node(
    "dict_merge",
    hands_on=True,
    name="Merge dictionaries",
    icon="table",
    words=("combine", "update"),
)
def merge_node(a: Entries, b: Entries, prefer: Literal["a", "b"] = "b") -> Entries:
    """All entries of two dictionaries; of keys that are in both, those of the preferred one."""
    return {**a, **b} if prefer == "b" else {**b, **a}


@basic_node(
    "dict_select_keys", hands_on=True, name="Select entries", icon="table", words=("filter", "pick")
)
def select_keys_node(dictionary: Entries, keys: list[Any], ignore_missing: bool = True) -> Entries:
    """The entries of certain keys alone."""
    return {key: _value(dictionary, key) for key in keys if key in dictionary or not ignore_missing}


@basic_node("dict_rename_key", hands_on=True, name="Rename key", icon="table")
def rename_key_node(
    dictionary: Entries, old_key: Any, new_key: Any, overwrite: bool = False
) -> Entries:
    """The dictionary with a key called otherwise, in its old place."""
    _value(dictionary, old_key)
    if new_key in dictionary and new_key != old_key and not overwrite:
        raise ExecutionError(f"dictionary already has a key {short(new_key)}.", port="new_key")
    kept = {k: v for k, v in dictionary.items() if k == old_key or k != new_key}
    return {new_key if key == old_key else key: value for key, value in kept.items()}


@basic_node("dict_delete_key", hands_on=True, name="Delete entry", icon="table", words=("remove",))
def delete_key_node(dictionary: Entries, key: Any, ignore_missing: bool = True) -> Entries:
    """The dictionary without the entry of a key."""
    if not ignore_missing:
        _value(dictionary, key)
    return {each: value for each, value in dictionary.items() if each != key}


@basic_node("dict_pop", hands_on=True, name="Take entry out", icon="table", words=("pop", "remove"),
            outputs=[{"id": "new_dict"}, {"id": "value"}])  # fmt: skip
def pop_node(dictionary: Entries, key: Any, default: Any = NoValue) -> tuple[Entries, Any]:
    """The dictionary without the entry of a key, and the value of that entry."""
    value = _value(dictionary, key) if default is NoValue else dictionary.get(key, default)
    return {each: kept for each, kept in dictionary.items() if each != key}, value


@basic_node(
    "dict_deep_get",
    hands_on=True,
    name="Get entry deep inside",
    icon="table",
    words=("path", "nested"),
)
def deep_get_node(obj: Any, path: list[Any]) -> Any:
    """The value at the end of a path of keys and positions: ["data", 0, "x"]."""
    for depth, step in enumerate(path):
        try:
            obj = obj[step]
        except (LookupError, TypeError) as error:
            raise ExecutionError(f"{_where(path[:depth])} has no {short(step)}.") from error
    return obj


@basic_node(
    "dict_deep_set",
    hands_on=True,
    name="Set entry deep inside",
    icon="table",
    words=("path", "nested"),
)
def deep_set_node(
    dictionary: Entries, path: list[Any], value: Any, create_missing: bool = True
) -> Entries:
    """The dictionary with the value at the end of a path of keys set."""
    if not path:
        raise ExecutionError("path is empty: it is to name at least one key.", port="path")
    return _deep_set(dictionary, path, 0, value, create_missing)


def _value(dictionary: Mapping[Any, Any], key: Any) -> Any:
    if key not in dictionary:
        known = ", ".join(short(each) for each in list(dictionary)[:8]) or "none"
        raise ExecutionError(f"dictionary has no key {short(key)}; it has {known}.", port="key")
    return dictionary[key]


def _is_no_pair(item: Any) -> bool:
    return not isinstance(item, list | tuple) or len(item) != 2


def _deep_set(
    level: Mapping[Any, Any], path: list[Any], depth: int, value: Any, create: bool
) -> Entries:
    step = path[depth]
    if depth == len(path) - 1:
        return {**level, step: value}
    if step not in level and not create:
        raise ExecutionError(f"{_where(path[:depth])} has no {short(step)}.", port="path")
    below = level.get(step, {})
    if not isinstance(below, Mapping):
        raise ExecutionError(f"{_where(path[: depth + 1])} is no dictionary.", port="path")
    return {**level, step: _deep_set(below, path, depth + 1, value, create)}


def _where(path: list[Any]) -> str:
    return "What comes in" if not path else " → ".join(short(step) for step in path)


NODE_SHELF = Shelf(
    [
        get_node, keys_node, values_node, items_node, to_lists_node, from_items_node,
        from_keys_values_node, set_key_node, set_default_node, merge_node, select_keys_node,
        rename_key_node, delete_key_node, pop_node, deep_get_node, deep_set_node,
    ],
    [OBJECTS],
    name="Dictionaries",
    description="Entries by key, and the fields of objects.",
)  # fmt: skip
