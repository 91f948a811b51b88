"""Functions become node classes: ports from the signature, the outputs from what it returns."""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Annotated, Any, TypedDict, get_args, get_origin

from funcnodes.core.nodes.inputs import NodeInput
from funcnodes.core.nodes.node import Node
from funcnodes.core.nodes.outputs import NodeOutput
from funcnodes.core.nodes.streams import Stream, StreamInput
from funcnodes.core.values import NoValue
from funcnodes.errors import GraphError

Function = Callable[..., Any]
_INPUT_SETTINGS = (
    "description", "unit", "hidden", "does_trigger", "live", "allow_multiple", "value_options",
    "render_options", "on",
)  # fmt: skip


class InputMeta(TypedDict, total=False):
    """What `Annotated[float, InputMeta(name=…)]` may say of an input."""

    name: str
    description: str
    unit: str
    hidden: bool
    does_trigger: bool
    default: Any
    value_options: dict[str, Any]
    render_options: dict[str, Any]


class OutputMeta(TypedDict, total=False):
    """What `Annotated[float, OutputMeta(name=…)]` may say of an output."""

    name: str
    description: str
    unit: str
    hidden: bool
    value_options: dict[str, Any]
    render_options: dict[str, Any]


def NodeDecorator(
    node_id: str | None = None,
    *,
    id: str | None = None,
    name: str | None = None,
    node_name: str | None = None,
    description: str | None = None,
    inputs: Sequence[Mapping[str, Any]] | None = None,
    outputs: Sequence[Mapping[str, Any]] | None = None,
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
        inputs: One mapping per argument, in order or with `id`, with any of `id name type
            description default unit required does_trigger hidden value_options render_options`.
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
            inputs=inputs,
            outputs=outputs,
            superclass=superclass,
            **class_attributes,
        )

    return decorate


def node_class_maker(
    function: Function | str | None = None,
    func: Function | None = None,
    *,
    id: str | None = None,
    name: str | None = None,
    description: str | None = None,
    inputs: Sequence[Mapping[str, Any]] | None = None,
    outputs: Sequence[Mapping[str, Any]] | None = None,
    superclass: type[Node] = Node,
    **class_attributes: Any,
) -> type[Node]:
    """The class that `NodeDecorator` returns; `node_id` falls back to module and name.

    Takes the function, or, as older programs write it, an id and the function.
    """
    if isinstance(function, str):
        id, function = function, None
    function = function or func
    if function is None:
        raise GraphError("A node class needs a function.")
    if id:
        class_attributes["node_id"] = id
    signature = _signature(function, inputs or ())
    title = name or function.__name__
    attributes: dict[str, Any] = {
        "node_id": f"{function.__module__}.{function.__qualname__}",
        "node_name": title,
        "description": inspect.cleandoc(description or function.__doc__ or ""),
        "__module__": function.__module__,
        "__qualname__": function.__qualname__,
        "__doc__": function.__doc__,
        "returns_none": True,
        **class_attributes,
        "func": _as_method(function, signature),
        "_function": staticmethod(function) if _is_plain(signature) else None,
    }
    hints = _hints(function)
    results = _outputs(hints, outputs)
    for port in _inputs(signature, hints, inputs or (), of=function.__name__):
        attributes[f"_port_{port.id}"] = port
    for result in results:
        attributes[f"_result_{result.id}"] = result
    of_superclass = (port.id for port in superclass._templates.values() if not port.is_input)
    attributes["_apart"] = frozenset(of_superclass)
    return type(function.__name__, (superclass,), attributes)


def _signature(function: Function, details: Sequence[Mapping[str, Any]]) -> inspect.Signature:
    """What it takes; of one that Python cannot read, what its `inputs` say.

    Raises:
        GraphError: Neither says anything.
    """
    for follow_wrapped in (True, False):
        with suppress(ValueError):
            return inspect.signature(function, follow_wrapped=follow_wrapped)
    names = [_id(detail) or str(detail.get("name", "")) for detail in details]
    if not all(name.isidentifier() for name in names) or not names:
        raise GraphError(
            f"{function.__name__} does not say what it takes.",
            hint='Give inputs=[{"id": …, "type": …}, …].',
        )
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(name, kind) for name in names])


def _hints(function: Function) -> dict[str, Any]:
    """Its annotations. One that cannot be read here, such as a name that is imported for type
    checkers only, stays the text that it is, which ports know how to read."""
    given = getattr(function, "__annotations__", {})
    try:
        return typing.get_type_hints(function, include_extras=True) if given else {}
    except (NameError, AttributeError, TypeError):
        return {name: _hint(function, annotation) for name, annotation in given.items()}


def _hint(function: Function, annotation: Any) -> Any:
    alone = SimpleNamespace(__annotations__={"one": annotation})
    try:
        return typing.get_type_hints(alone, function.__globals__, include_extras=True)["one"]
    except (NameError, AttributeError, TypeError):
        return str(annotation).strip("'\"")


def _is_plain(signature: inspect.Signature) -> bool:
    """Whether all of its arguments can be given by position, one per input."""
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    by_position = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return kinds <= by_position and "node" not in signature.parameters


def _as_method(function: Function, signature: inspect.Signature) -> Function:
    """A parameter named `node` receives the instance."""
    takes_node = "node" in signature.parameters
    first = [p for p in signature.parameters.values() if p.kind is p.POSITIONAL_ONLY]
    if inspect.iscoroutinefunction(function):

        async def run(self: Node, **inputs: Any) -> Any:
            args = _by_position(first, inputs)
            return await function(*args, **inputs, **({"node": self} if takes_node else {}))

        return run
    if takes_node:
        return lambda self, **inputs: function(*_by_position(first, inputs), node=self, **inputs)
    if first:
        return staticmethod(lambda **inputs: function(*_by_position(first, inputs), **inputs))
    return staticmethod(function)


def _by_position(parameters: list[inspect.Parameter], inputs: dict[str, Any]) -> list[Any]:
    """Take out what cannot be given by name; for an unset one in between its default."""
    last = max((n for n, p in enumerate(parameters, 1) if p.name in inputs), default=0)
    return [inputs.pop(p.name, p.default) for p in parameters[:last]]


def _inputs(
    signature: inspect.Signature,
    hints: dict[str, Any],
    given_details: Sequence[Mapping[str, Any]],
    *,
    of: str,
) -> list[NodeInput]:
    found: list[NodeInput] = []
    unnamed = iter([detail for detail in given_details if not _id(detail)])
    named = {_id(detail): detail for detail in given_details if _id(detail)}
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name == "node":
            continue
        annotation = hints.get(parameter.name, Any)
        said = named.pop(parameter.name) if parameter.name in named else next(unnamed, {})
        detail = {**_noted(annotation), **said}
        found.append(_input(parameter, annotation, detail))
    if named:
        raise GraphError(f"{of} has no argument {next(iter(named))!r}.")
    return found


def _input(parameter: inspect.Parameter, annotation: Any, detail: Mapping[str, Any]) -> NodeInput:
    own = {} if parameter.default is parameter.empty else {"default": parameter.default}
    detail = {**own, **detail}
    settings = {key: detail[key] for key in _INPUT_SETTINGS if detail.get(key) is not None}
    stream = _stream(annotation)
    kind = NodeInput if stream is None else StreamInput
    if stream is not None:
        settings["capacity"] = stream.capacity
    return kind(
        parameter.name,
        detail.get("type", annotation),
        detail.get("name"),
        default=detail.get("default", NoValue),
        required=bool(detail.get("required", "default" not in detail)),
        **settings,
    )


def _stream(annotation: Any) -> Stream | None:
    """Whether every item is to come through, as `Annotated[..., Stream()]` says (T5)."""
    notes = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((note for note in notes if isinstance(note, Stream)), None)


def _id(detail: Mapping[str, Any]) -> str:
    return str(detail.get("id") or detail.get("uuid") or "")


def _noted(annotation: Any) -> Mapping[str, Any]:
    """What `Annotated[..., {"name": ...}]` says of a port."""
    notes = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((note for note in notes if isinstance(note, Mapping)), {})


def _outputs(hints: dict[str, Any], given: Sequence[Mapping[str, Any]] | None) -> list[NodeOutput]:
    kinds = _returned(hints.get("return", Any))
    details: list[Mapping[str, Any]] = [
        *(given or ()),
        *(_noted(kind) for kind in kinds[len(given or ()) :]),
    ]
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
            hidden=bool(detail.get("hidden", False)),
            value_options=detail.get("value_options"),
            render_options=detail.get("render_options"),
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
