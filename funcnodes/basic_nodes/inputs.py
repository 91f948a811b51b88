"""Values that a person sets, and JSON text."""

import json
from typing import Annotated, Any

from funcnodes.basic_nodes.define import basic_node
from funcnodes.core import NodeDecorator, Range, Shelf
from funcnodes.core.codec.gradual import read_gradually
from funcnodes.errors import ExecutionError


@NodeDecorator("input.number", name="Number", icon="number", words=("constant", "value"))
def number_node(value: float = 0.0) -> float:
    """A number that is set by hand."""
    return value


@NodeDecorator("input.text", name="Text", icon="text", words=("string", "constant"))
def text_node(value: str = "") -> str:
    """Text that is set by hand."""
    return value


@NodeDecorator("input.switch", name="Switch", icon="switch", words=("bool", "on", "off"))
def switch_node(value: bool = False) -> bool:
    """On or off, set by hand."""
    return value


@NodeDecorator(
    "input.any", name="Anything", icon="text", words=("constant", "value"), outputs=[{"id": "out"}]
)
def any_node(input: str | float | int | bool) -> str | float | int | bool:
    """A value of any simple kind, passed on as it was set."""
    return input


@NodeDecorator("input.str", name="String", icon="text", outputs=[{"id": "string"}])
def string_node(input: str) -> str:
    """Text, passed on as it is."""
    return input


@NodeDecorator("input.int", name="Whole number", icon="number", outputs=[{"id": "integer"}])
def integer_node(input: int) -> int:
    """A whole number, passed on as it is."""
    return input


@NodeDecorator("input.float", name="Decimal number", icon="number", outputs=[{"id": "float"}])
def float_node(input: float) -> float:
    """A number, passed on as it is."""
    return input


@NodeDecorator("input.bool", name="On or off", icon="switch", outputs=[{"id": "boolean"}])
def boolean_node(input: bool) -> bool:
    """On or off, passed on as it is."""
    return input


@basic_node(
    "input.json",
    hands_on=True,
    name="Read JSON",
    icon="text",
    words=("parse", "decode"),
    outputs=[{"id": "json"}],
)
def json_node(input: str) -> Any:
    """The value that JSON text stands for: a number, text, a list, a dictionary."""
    try:
        return read_gradually(input.encode())
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ExecutionError(f"input is not JSON: {error.msg} at {where}.", port="input") from error
    except RecursionError as error:
        raise ExecutionError("input is JSON that is nested too deep.", port="input") from error


@basic_node(
    "input.json_dump", hands_on=True, name="Write JSON", icon="text", words=("encode", "dump"),
    outputs=[{"id": "json"}],
)  # fmt: skip
def json_dump_node(
    obj: Any, indent: Annotated[int, Range(0, 16)] = 0, sort_keys: bool = False
) -> str:
    """A value as JSON text, on one line unless an indent is given."""
    try:
        return json.dumps(
            obj, indent=indent or None, sort_keys=sort_keys, ensure_ascii=False, default=plain
        )
    except RecursionError as error:
        raise ExecutionError("obj is nested too deep for JSON.", port="obj") from error


def plain(value: Any) -> Any:
    """Arrays and numbers of numpy, and sets, as JSON has them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    raise TypeError(f"JSON has no word for a value of type {type(value).__name__}")


NODE_SHELF = Shelf(
    [
        number_node, text_node, switch_node, any_node, string_node, integer_node, float_node,
        boolean_node, json_node, json_dump_node,
    ],
    name="Inputs",
    description="Values that are set by hand.",
)  # fmt: skip
