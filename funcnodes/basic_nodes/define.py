"""How a plain function becomes a basic node: its inputs are checked, its errors are sentences.

Wires of kind "any" may bring anything, so what a function needs is checked where it is called: a
number, text, a list, a dictionary, an array. Whatever is wrong is said in one plain sentence that
names the input. What the function computes is its own.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_origin

from funcnodes.basic_nodes.arraylike import UNSET, is_array, to_array
from funcnodes.core import Node, PortType, Range, node_class_maker
from funcnodes.core.quality import Judged
from funcnodes.core.uncertain import (
    Uncertain,
    carries,
    nominal,
    propagate,
    uncertainty_of,
)
from funcnodes.errors import ExecutionError, FuncnodesError

Function = Callable[..., Any]
Check = Callable[[str, Any], Any]


def basic_node(
    node_id: str,
    *,
    name: str,
    words: tuple[str, ...] = (),
    icon: str = "",
    outputs: Sequence[dict[str, Any]] | None = None,
    hands_on: bool = False,
    **class_attributes: Any,
) -> Callable[[Function], type[Node]]:
    """Make a node class of a plain function, with checks of what comes in.

    What it computes of uncertain numbers is uncertain, and where it leaves a NaN out, the result
    is `missing` (see `checked`).

    Args:
        node_id: Identity in saved files; never changes.
        name: What a person reads.
        words: What else it may be searched by.
        icon: Symbol on its card.
        outputs: As `NodeDecorator` takes them.
        hands_on: It computes nothing: gives parts of what it is given, counts or rearranges them.
        class_attributes: Further attributes of the class.
    """

    def decorate(function: Function) -> type[Node]:
        return node_class_maker(
            checked(function, name, reckons=not hands_on),
            name=name,
            node_id=node_id,
            words=words,
            icon=icon,
            outputs=outputs,
            hands_on=hands_on,
            **class_attributes,
        )

    return decorate


def formula(
    node_id: str,
    name: str,
    function: Function,
    doc: str,
    *,
    module: str,
    inputs: Mapping[str, Any],
    out: Any = float,
    defaults: Mapping[str, Any] | None = None,
    outputs: Sequence[dict[str, Any]] | None = None,
    words: tuple[str, ...] = (),
    icon: str = "",
) -> type[Node]:
    """Make a node class of a function that has no annotations of its own, such as `math.sin`.

    Args:
        function: Called with the inputs by position.
        inputs: Annotation of each, in order.
        out: Annotation of what it returns.
        defaults: Of inputs that need not be set.
    """
    given = defaults or {}

    def run(*values: Any) -> Any:
        return function(*values)

    run.__name__ = run.__qualname__ = node_id.replace(".", "_")
    run.__module__ = module
    run.__doc__ = doc
    run.__annotations__ = {**inputs, "return": out}
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # read by `inspect`
        [
            inspect.Parameter(
                port,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=given.get(port, inspect.Parameter.empty),
            )
            for port in inputs
        ]
    )
    return basic_node(node_id, name=name, words=words, icon=icon, outputs=outputs)(run)


def checked(function: Function, name: str, *, reckons: bool = False) -> Function:
    """`function` with its arguments checked and its errors as sentences; the same signature.

    Args:
        reckons: It computes with numbers, and carries on what they are worth (see `_reckon`).

    Raises (when called):
        ExecutionError: An argument is of the wrong type, or the function could not be computed.
    """
    read: list[tuple[tuple[str, ...], dict[str, Check], frozenset[str]]] = []
    plain = checked(function, name) if reckons else None

    @functools.wraps(function)
    def run(*values: Any, **named: Any) -> Any:
        if not read:  # at the first call: importing hundreds of nodes is to stay fast
            read.append(_read_signature(function))
        parameters, checks, series = read[0]
        if plain is not None and (series or Uncertain.exist):
            return _reckon(plain, parameters, series, values, named)
        arguments = dict(zip(parameters, values, strict=False)) | named
        for port, check in checks.items():
            if port in arguments:
                arguments[port] = check(port, arguments[port])
        try:
            if len(arguments) == len(parameters):
                return function(*[arguments[port] for port in parameters])
            return function(**arguments)
        except FuncnodesError:
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise ExecutionError(_failure(name, arguments, error)) from error

    return run


def _reckon(
    run: Function, parameters: tuple[str, ...], series: frozenset[str],
    values: tuple[Any, ...], named: dict[str, Any],
) -> Any:  # fmt: skip
    """Call `run`, which computes with numbers, and carry on what these are worth.

    Uncertain numbers are carried through `propagate`, unless the function sets the outputs of its
    node by itself. Where an array or a list of numbers has NaN and a result has none, it was left
    out: that result is `missing`.

    Args:
        series: The parameters that are arrays or lists of numbers.
    """
    arguments = dict(zip(parameters, values, strict=False)) | named
    lacks = any(has_nan(arguments[port]) for port in series if port in arguments)
    if Uncertain.exist and any(map(carries, arguments.values())):
        _weigh(arguments, parameters)
        if "node" in parameters:
            return run(**{port: nominal(value) for port, value in arguments.items()})
        ports = list(arguments)
        result = propagate(
            lambda *args: run(**dict(zip(ports, args, strict=True))), list(arguments.values())
        )
    else:
        result = run(*values, **named)
    return _doubted(result) if lacks else result


def _weigh(arguments: dict[str, Any], parameters: Sequence[str]) -> None:
    """Have y's own uncertainties as sigma, where a fit takes one and none is given."""
    y = arguments.get("y")
    if "sigma" in parameters and arguments.get("sigma", UNSET) is UNSET and isinstance(y, list):
        given = [uncertainty_of(value) for value in y]
        if all(given):
            arguments["sigma"] = given
            arguments["y"] = nominal(y)


def _is_series(annotation: Any) -> bool:
    """Whether it stands for an array or a list of numbers."""
    return annotation in (list[float], list[int]) or PortType.of(annotation).kind == "array"


def has_nan(value: Any) -> bool:
    """Whether it is NaN, or a list or array with one in it."""
    kind = type(value)
    if kind is list or kind is tuple:
        return any(map(has_nan, value))
    if is_array(value):
        return value.dtype.kind in "fc" and not bool((value == value).all())
    return isinstance(value, float) and value != value


def _doubted(result: Any) -> Any:
    """A result as `missing`, where it is or holds numbers, and none of them is NaN."""
    if type(result) is tuple:
        return tuple(map(_doubted, result))
    is_number = isinstance(result, int | float | list | dict) or is_array(result)
    return Judged(result, "missing") if is_number and not has_nan(result) else result


def _read_signature(
    function: Function,
) -> tuple[tuple[str, ...], dict[str, Check], frozenset[str]]:
    """Its parameters, the checks of those that have some, and which are arrays or lists of
    numbers."""
    parameters = tuple(inspect.signature(function).parameters)
    hints = typing.get_type_hints(function, include_extras=True)
    found = ((port, _check_for(hints.get(port, Any))) for port in parameters)
    series = frozenset(port for port, hint in hints.items() if port in parameters and
                       _is_series(hint))  # fmt: skip
    return parameters, {port: check for port, check in found if check is not None}, series


def describe(value: Any) -> str:
    """A value in a sentence: "the text 'x'", "a list of 3", "nothing"."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text {short(value)}"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float | complex):
        shown = f"{value:.10g}" if isinstance(value, float) else short(value)
        return shown.replace("-", "−")
    if is_array(value):
        return f"an array of shape {tuple(value.shape)}"
    if isinstance(value, list | tuple | set | frozenset):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, Mapping):
        return f"a dictionary of {len(value)}"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return f"a value of type {type(value).__name__}"


def short(value: Any) -> str:
    """`repr`, at most 60 characters."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"


def not_a(what: str, port: str, value: Any) -> ExecutionError:
    """The error of an input that holds something else: "a is to be a number, not nothing."."""
    return ExecutionError(f"{port} is to be {what}, not {describe(value)}.", port=port)


def _failure(name: str, arguments: Mapping[str, Any], error: Exception) -> str:
    given = ", ".join(f"{port} = {_brief(value)}" for port, value in arguments.items())
    return f"{name} is not possible with {given or 'these inputs'}: {_reason(error)}."


def _brief(value: Any) -> str:
    return short(value) if isinstance(value, str) else describe(value)


def _reason(error: Exception) -> str:
    if isinstance(error, ZeroDivisionError):
        return "division by zero"
    if isinstance(error, OverflowError):
        return "the result is too large"
    if isinstance(error, KeyError):
        return f"there is no {short(error.args[0]) if error.args else 'such key'}"
    return str(error).strip().rstrip(".") or type(error).__name__


# ── what an input may hold ────────────────────────────────────────────────────────────────


def _check_for(annotation: Any) -> Check | None:
    """The check that an annotation asks for, or None where anything will do."""
    limits: list[Range] = []
    while get_origin(annotation) is typing.Annotated:
        limits += [each for each in get_args(annotation)[1:] if isinstance(each, Range)]
        annotation = get_args(annotation)[0]
    port_type = PortType.of(annotation)
    if port_type.options:
        return None  # the port itself holds to them
    if limits and port_type.kind == "number" and port_type.integer and not port_type.optional:
        return functools.partial(_counted, limits[0])
    found = _BY_KIND.get(port_type.kind) or _BY_CLASS.get(get_origin(annotation) or annotation)
    if port_type.kind == "number" and port_type.integer:
        found = _whole
    if found is None or not port_type.optional:
        return found
    required = found
    return lambda port, value: None if value is None else required(port, value)


MOST_BITS = 100_000
"""Of a whole number: larger ones would be calculated with for seconds."""
MOST_ITEMS = 5_000_000
"""Of a list: more would be gone through for seconds."""


def _number(port: str, value: Any) -> Any:
    if isinstance(value, float):
        return value
    if isinstance(value, int):
        if value.bit_length() > MOST_BITS:
            raise ExecutionError(f"{port} is a number of {value.bit_length()} bits.", port=port)
        return value
    if isinstance(value, str) or not hasattr(value, "__float__") or getattr(value, "ndim", None):
        raise not_a("a number", port, value)
    return value


def _whole(port: str, value: Any) -> int:
    number = _number(port, value)
    try:
        whole = int(number)
    except (OverflowError, ValueError) as error:
        raise not_a("a whole number", port, value) from error
    if whole != number:
        raise not_a("a whole number", port, value)
    return whole


def _counted(limits: Range, port: str, value: Any) -> int:
    """A whole number within limits that a wire's value need not keep."""
    number = _whole(port, value)
    if not limits.holds(number):
        raise not_a(limits.text(), port, value)
    return number


def _truth(port: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) or getattr(value, "ndim", None) or value not in (0, 1):
        raise not_a("on or off", port, value)
    return bool(value)


def _text(port: str, value: Any) -> str:
    if not isinstance(value, str):
        raise not_a("text", port, value)
    return value


def _list(port: str, value: Any) -> list[Any]:
    if is_array(value) and value.ndim:
        _check_items(port, value.size)
        return list(value.tolist())
    if isinstance(value, list | tuple | set | frozenset | range):
        _check_items(port, len(value))
        return list(value)
    raise not_a("a list", port, value)


def _check_items(port: str, count: int) -> None:
    if count > MOST_ITEMS:
        raise ExecutionError(f"{port} has {count} items; {MOST_ITEMS} are possible.", port=port)


def _dictionary(port: str, value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise not_a("a dictionary", port, value)
    return value


def _bytes(port: str, value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise not_a("bytes", port, value)
    return bytes(value)


_BY_KIND: dict[str, Check] = {
    "number": _number, "quantity": _number, "bool": _truth, "text": _text, "array": to_array,
}  # fmt: skip
_BY_CLASS: dict[Any, Check] = {list: _list, dict: _dictionary, bytes: _bytes}
