"""Objects that nodes hand on: the fields of dataclasses, and public attributes.

Only data is reached: nothing private, no methods, nothing of classes or modules. An object that
comes in is never changed: a copy goes out.
"""

import copy
import dataclasses
from types import ModuleType
from typing import Any

from funcnodes.basic_nodes.define import basic_node, describe
from funcnodes.core import Shelf
from funcnodes.errors import ExecutionError


@basic_node(
    "dataclass.to_dict",
    hands_on=True,
    name="Object to dictionary",
    icon="table",
    words=("dataclass",),
)
def to_dict_node(instance: Any) -> dict[str, Any]:
    """All fields of a dataclass object as a dictionary, those inside it too."""
    return dataclasses.asdict(_instance(instance))


@basic_node(
    "dataclass.get_field", hands_on=True, name="Get field", icon="table", words=("dataclass",)
)
def get_field_node(instance: Any, field_name: str) -> Any:
    """One field of a dataclass object."""
    names = [field.name for field in dataclasses.fields(_instance(instance))]
    if field_name not in names:
        raise ExecutionError(
            f"instance has no field {field_name!r}; it has {', '.join(names) or 'none'}.",
            port="field_name",
        )
    return getattr(instance, field_name)


@basic_node(
    "pyobject_get_attribute",
    hands_on=True,
    name="Get attribute",
    icon="table",
    words=("object", "."),
)
def get_attribute_node(obj: Any, attribute: str) -> Any:
    """One public attribute of an object."""
    if not _has(obj, attribute):
        raise ExecutionError(f"obj has no attribute {attribute!r} that is data.", port="attribute")
    return getattr(obj, attribute)


@basic_node(
    "pyobject_has_attribute", hands_on=True, name="Has attribute", icon="table", words=("object",)
)
def has_attribute_node(obj: Any, attribute: str) -> bool:
    """Whether an object has a public attribute of that name that is data."""
    return _has(obj, attribute)


@basic_node(
    "pyobject_set_attribute", hands_on=True, name="Set attribute", icon="table", words=("object",)
)
def set_attribute_node(obj: Any, attribute: str, value: Any) -> Any:
    """A copy of an object with one public attribute set."""
    changed = copy.copy(_plain(obj, attribute))
    if callable(getattr(obj, attribute, None)):
        raise ExecutionError(f"{attribute!r} is a method of obj, and no data.", port="attribute")
    setattr(changed, attribute, value)
    return changed


@basic_node(
    "pyobject_delete_attribute",
    hands_on=True,
    name="Delete attribute",
    icon="table",
    words=("object",),
)
def delete_attribute_node(obj: Any, attribute: str) -> Any:
    """A copy of an object without one public attribute."""
    changed = copy.copy(_plain(obj, attribute))
    delattr(changed, attribute)
    return changed


def _instance(value: Any) -> Any:
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise ExecutionError(f"instance is to be a dataclass object, not {describe(value)}.")
    return value


def _plain(obj: Any, attribute: str) -> Any:
    if attribute.startswith("_") or not attribute.isidentifier():
        raise ExecutionError(f"{attribute!r} is not a public attribute.", port="attribute")
    if isinstance(obj, type | ModuleType) or callable(obj):
        raise ExecutionError(f"obj is to be an object with data, not {describe(obj)}.", port="obj")
    return obj


def _has(obj: Any, attribute: str) -> bool:
    found = getattr(_plain(obj, attribute), attribute, _MISSING)
    return found is not _MISSING and not callable(found) and not isinstance(found, ModuleType)


_MISSING = object()

NODE_SHELF = Shelf(
    [
        to_dict_node, get_field_node, get_attribute_node, has_attribute_node, set_attribute_node,
        delete_attribute_node,
    ],
    name="Objects",
    description="Fields of dataclasses, and public attributes.",
)  # fmt: skip
