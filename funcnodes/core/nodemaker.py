"""Functions become node classes: ports from the signature, the outputs from what it returns."""

import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_args, get_origin

from funcnodes.core.node import Node
from funcnodes.core.ports import NodeInput, NodeOutput
from funcnodes.core.values import NoValue

Function = Callable[..., Any]


def NodeDecorator(
    node_id: str | None = None,
    *,
    id: str | None = None,
    name: str | None = None,
    node_name: str | None = None,
    description: str | None = None,
    outputs: Sequence[dict[str, Any]] | None = None,
    separate_thread: bool = False,
    seperate_thread: bool = False,
    separate_process: bool = False,
    seperate_process: bool = False,
    superclass: type[Node] = Node,
    **class_attributes: Any,
) -> Callable[[Function], type[Node]]:
    """Make a node class of a function.

    Args:
        node_id: Identity in saved files; never change it.
        outputs: One mapping per output with any of `id name type unit description`.
        separate_thread: Run it in a thread.
        separate_process: Run it in a process of its own.
        class_attributes: Further attributes of the class, e.g. `default_policy`, `icon`.
    """
    identity = node_id or id

    def decorate(function: Function) -> type[Node]:
        if identity:
            class_attributes["node_id"] = identity
        if separate_thread or seperate_thread:
            class_attributes["default_run_in"] = "thread"
        if separate_process or seperate_process:
            class_attributes["default_run_in"] = "process"
        return node_class_maker(
            function,
            name=node_name or name,
            description=description,
            outputs=outputs,
            superclass=superclass,
            **class_attributes,
        )

    return decorate


def node_class_maker(
    function: Function,
    *,
    name: str | None = None,
    description: str | None = None,
    outputs: Sequence[dict[str, Any]] | None = None,
    superclass: type[Node] = Node,
    **class_attributes: Any,
) -> type[Node]:
    """The class that `NodeDecorator` returns; `node_id` falls back to module and name."""
    title = name or function.__name__
    attributes: dict[str, Any] = {
        "node_id": f"{function.__module__}.{function.__qualname__}",
        "node_name": title,
        "description": inspect.cleandoc(description or function.__doc__ or ""),
        "__module__": function.__module__,
        "__doc__": function.__doc__,
        "returns_none": True,
        **class_attributes,
        "func": _as_method(function),
        "_function": staticmethod(function) if _is_plain(function) else None,
    }
    hints = typing.get_type_hints(function, include_extras=True)
    for port in (*_inputs(function, hints), *_outputs(hints, outputs)):
        attributes[f"_port_{port.id}"] = port
    return type(function.__name__, (superclass,), attributes)


def _is_plain(function: Function) -> bool:
    """Whether all of its arguments can be given by position, one per input."""
    kinds = {p.kind for p in inspect.signature(function).parameters.values()}
    named = "node" in inspect.signature(function).parameters
    return kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD} and not named


def _as_method(function: Function) -> Function:
    """A parameter named `node` receives the instance."""
    takes_node = "node" in inspect.signature(function).parameters
    if inspect.iscoroutinefunction(function):

        async def run(self: Node, **inputs: Any) -> Any:
            return await function(**inputs, **({"node": self} if takes_node else {}))

        return run
    if takes_node:
        return lambda self, **inputs: function(node=self, **inputs)
    return staticmethod(function)


def _inputs(function: Function, hints: dict[str, Any]) -> list[NodeInput]:
    found = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name == "node":
            continue
        given = parameter.default is not parameter.empty
        found.append(
            NodeInput(
                parameter.name,
                hints.get(parameter.name, Any),
                default=parameter.default if given else NoValue,
                required=not given,
            )
        )
    return found


def _outputs(hints: dict[str, Any], given: Sequence[dict[str, Any]] | None) -> list[NodeOutput]:
    kinds = _returned(hints.get("return", Any))
    details = [*(given or ()), *({} for _ in range(len(kinds) - len(given or ())))]
    if given and len(given) > len(kinds):
        kinds = [*kinds, *(Any for _ in range(len(given) - len(kinds)))]
    plain = ["out"] if len(kinds) == 1 else [f"out{n}" for n in range(len(kinds))]
    return [
        NodeOutput(
            str(detail.get("id") or detail.get("name") or fallback),
            detail.get("type", kind),
            detail.get("name"),
            str(detail.get("description", "")),
            unit=str(detail.get("unit", "")),
        )
        for kind, detail, fallback in zip(kinds, details, plain, strict=True)
    ]


def _returned(annotation: Any) -> list[Any]:
    if annotation in (None, type(None)):
        return []
    bare = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    members = get_args(bare)
    if get_origin(bare) is tuple and members and Ellipsis not in members:
        return list(members)
    return [annotation]
