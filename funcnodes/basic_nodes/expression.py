"""A formula as text, worked out safely: numbers, arrays, and the functions of a calculator.

The text is data: simpleeval walks its syntax tree, and of that only arithmetic, comparison,
choice and calls of the functions below are let through. No attributes, no assignments, nothing
of Python itself. Numbers that would fill the memory are refused.
"""

import ast
import functools
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from funcnodes.basic_nodes.arraylike import check_shapes, is_array, to_array
from funcnodes.basic_nodes.define import describe, has_nan
from funcnodes.core import Node, NodeInput, NodeOutput
from funcnodes.core.quality import worst
from funcnodes.core.uncertain import propagate
from funcnodes.errors import ExecutionError, SavedGraphError

LONGEST = 2_000
MOST_BITS = 20_000
MOST_DIGITS = 300
CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau, "inf": math.inf, "nan": math.nan}
_KEPT_SYNTAX = (
    ast.Name, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call,
    ast.Subscript, ast.Slice, ast.Constant,
)  # fmt: skip


class Expression(Node):
    """Works out a formula of its inputs, such as a * sin(2 * pi * b) + c.

    Knows + − * / // % **, comparisons, and, or, not, "x if y else z", a[0], and the functions of a
    calculator: abs sqrt exp log log10 log2 sin cos tan asin acos atan atan2 sinh cosh tanh
    degrees radians hypot floor ceil round sign min max sum mean len where clip. Numbers and
    arrays may be mixed. A wire dropped on the card becomes one more variable.
    """

    node_id = "math.expression"
    node_name = "Expression"
    description = __doc__ or ""
    icon = "fx"
    words = ("formula", "calculate", "evaluate", "python", "equation")
    default_policy = "settled"
    grows = True

    expression = NodeInput(type=str, default="a + b", description="The formula.")
    a = NodeInput(type=Any, required=False)
    b = NodeInput(type=Any, required=False)
    c = NodeInput(type=Any, required=False, hidden=True)
    d = NodeInput(type=Any, required=False, hidden=True)
    out = NodeOutput(type=Any, description="What the formula comes to.")

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._grown: list[str] = []

    def func(self, expression: Any, **variables: Any) -> None:
        if not isinstance(expression, str):
            raise ExecutionError(f"expression is to be text, not {describe(expression)}.")
        names = list(variables)
        result = propagate(
            lambda *values: evaluate(expression, dict(zip(names, values, strict=True))),
            list(variables.values()),
        )
        lacks = any(map(has_nan, variables.values())) and not has_nan(result)
        self.out.set(result, quality=worst((self.quality_taken, "missing" if lacks else "ok")))

    def grow_input(self, source: NodeOutput) -> NodeInput:
        wanted = source.id if source.id.isidentifier() and source.id not in CONSTANTS else "x"
        free = (f"{wanted}{n}" if n else wanted for n in range(1_000_000))
        name = next(name for name in free if name not in self.inputs and name not in self.outputs)
        return self._grow(name)

    def saved_extra(self) -> dict[str, Any]:
        return {"variables": list(self._grown)} if self._grown else {}

    def restore_extra(self, data: Mapping[str, Any]) -> None:
        names = data.get("variables", [])
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise SavedGraphError(f"{self.name}: variables is to be a list of names.")
        for name in names:
            if not name.isidentifier():
                raise SavedGraphError(f"{self.name}: {name!r} cannot name a variable.")
            self._grow(name)

    def _grow(self, name: str) -> NodeInput:
        port = self.add_input(NodeInput(name, Any, required=False))
        self._grown.append(name)
        return port


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """The value of a formula.

    Args:
        expression: At most 2,000 characters.
        variables: What its names stand for; lists of numbers are taken as arrays.

    Raises:
        ExecutionError: It is no formula, asks for what is not there, or cannot be computed.
    """
    from simpleeval import InvalidExpression

    try:
        tree = _parsed(expression)
        result = _evaluator(variables).eval(expression, previously_parsed=tree)
    except (InvalidExpression, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise ExecutionError(_why(expression, variables, error), port="expression") from error
    except (RecursionError, MemoryError) as error:
        raise ExecutionError("expression is nested too deep.", port="expression") from error
    if callable(result):
        raise ExecutionError("expression is the name of a function, and calls it with nothing.")
    return result.item() if is_array(result) and not result.ndim else result


@functools.lru_cache(256)
def _parsed(expression: str) -> ast.expr:
    if len(expression) > LONGEST:
        raise ExecutionError(
            f"expression has {len(expression)} characters; {LONGEST} are possible.",
            port="expression",
        )
    if not expression.strip():
        raise ExecutionError("expression is empty.", port="expression")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's remarks on style are not about a formula
            return ast.parse(expression.strip().replace("−", "-"), mode="eval").body
    except (SyntaxError, ValueError) as error:
        shown = getattr(error, "msg", None) or str(error)
        raise ExecutionError(f"expression is no formula: {shown}.", port="expression") from error


def _evaluator(variables: Mapping[str, Any]) -> Any:
    from simpleeval import SimpleEval

    names = {**CONSTANTS, **{name: _as_number(value) for name, value in variables.items()}}
    evaluator = SimpleEval(operators=_operators(), functions=_functions(), names=names)
    evaluator.nodes = {
        kind: handler for kind, handler in evaluator.nodes.items() if kind in _KEPT_SYNTAX
    }
    return evaluator


def _as_number(value: Any) -> Any:
    """Lists of numbers as arrays; everything else as it is."""
    if isinstance(value, list | tuple) and value:
        try:
            return to_array("", value)
        except ExecutionError:
            return value
    return value


def _why(expression: str, variables: Mapping[str, Any], error: Exception) -> str:
    from simpleeval import FeatureNotAvailable, FunctionNotDefined, NameNotDefined

    if isinstance(error, NameNotDefined):
        known = ", ".join(variables) or "none"
        return f"expression uses {error.name}, which has no value; there is {known}."
    if isinstance(error, FunctionNotDefined):
        return f"expression uses a function {error.func_name}, which there is not."
    if isinstance(error, FeatureNotAvailable):
        return "expression uses something that is more than a formula."
    if isinstance(error, ZeroDivisionError):
        return f"expression divides by zero: {expression.strip()}."
    if isinstance(error, OverflowError):
        return f"expression gives a number that is too large: {expression.strip()}."
    return f"expression cannot be computed: {str(error).strip().rstrip('.')}."


# ── what a formula may do ─────────────────────────────────────────────────────────────────


@functools.cache
def _operators() -> dict[type[ast.AST], Callable[..., Any]]:
    return {
        ast.Add: _numeric(operator.add), ast.Sub: _numeric(operator.sub),
        ast.Mult: _numeric(operator.mul), ast.Div: _numeric(operator.truediv),
        ast.FloorDiv: _numeric(operator.floordiv), ast.Mod: _numeric(operator.mod),
        ast.Pow: _numeric(_power), ast.UAdd: _numeric(operator.pos),
        ast.USub: _numeric(operator.neg), ast.Not: operator.not_,
        ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
        ast.Gt: operator.gt, ast.GtE: operator.ge, ast.In: lambda a, b: operator.contains(b, a),
        ast.NotIn: lambda a, b: not operator.contains(b, a),
    }  # fmt: skip


def _numeric(operation: Callable[..., Any]) -> Callable[..., Any]:
    """`operation` for numbers and arrays alone: of text and lists it could make enormous ones."""

    def run(*values: Any) -> Any:
        for value in values:
            if not isinstance(value, int | float | complex) and not is_array(value):
                raise TypeError(f"{describe(value)} is no number")
            _small(value)
        if not any(map(is_array, values)):
            return _small(operation(*values))
        import numpy as np

        check_shapes(*values)
        with np.errstate(all="ignore"):
            return operation(*values)

    return run


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int):
        if exponent * max(base.bit_length(), 1) > MOST_BITS:
            raise OverflowError
        if exponent < 0:
            return float(base) ** exponent
    result = base**exponent
    if isinstance(result, complex) and not isinstance(base, complex):
        raise ValueError(f"{describe(base)} has no real power of {describe(exponent)}")
    return result


def _small(number: Any) -> Any:
    if isinstance(number, int) and number.bit_length() > MOST_BITS:
        raise OverflowError
    return number


def _either(of_numbers: Callable[..., Any], of_arrays: str) -> Callable[..., Any]:
    """A function that is `math`'s for numbers and numpy's as soon as one of them is an array."""

    def run(*values: Any) -> Any:
        if not any(map(is_array, values)):
            return of_numbers(*values)
        import numpy as np

        check_shapes(*values)
        with np.errstate(all="ignore"):
            return getattr(np, of_arrays)(*values)

    return run


def _over(of_numbers: Callable[..., Any], of_arrays: str) -> Callable[..., Any]:
    """A function of several numbers, or of all elements of one array."""

    def run(*values: Any) -> Any:
        if len(values) == 1 and is_array(values[0]):
            return getattr(values[0], of_arrays)()
        if len(values) > 1 and any(map(is_array, values)):
            raise TypeError("numbers and arrays cannot be mixed there")
        return of_numbers(values)

    return run


def _sign(number: float) -> float:
    return math.nan if number != number else float((number > 0) - (number < 0))


def _where(condition: Any, yes: Any, no: Any) -> Any:
    if not is_array(condition):
        return yes if condition else no
    import numpy as np

    check_shapes(condition, yes, no)
    return np.where(condition, yes, no)


def _clip(value: Any, low: float, high: float) -> Any:
    return value.clip(low, high) if is_array(value) else min(max(value, low), high)


def _round(value: Any, digits: int = 0) -> Any:
    if not isinstance(digits, int) or not -MOST_DIGITS <= digits <= MOST_DIGITS:
        raise ValueError(f"round takes −{MOST_DIGITS} to {MOST_DIGITS} digits")
    return value.round(digits) if is_array(value) else round(_small(value), digits)


@functools.cache
def _functions() -> dict[str, Callable[..., Any]]:
    alike = {
        name: name
        for name in ("sqrt", "exp", "log", "log10", "log2", "sin", "cos", "tan", "sinh", "cosh",
                     "tanh", "degrees", "radians", "hypot", "floor", "ceil")
    } | {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2"}  # fmt: skip
    return {
        **{name: _either(getattr(math, name), other) for name, other in alike.items()},
        "abs": abs,
        "sign": _either(_sign, "sign"),
        "round": _round,
        "clip": _clip,
        "where": _where,
        "len": len,
        "min": _over(min, "min"),
        "max": _over(max, "max"),
        "sum": _over(math.fsum, "sum"),
        "mean": _over(lambda values: math.fsum(values) / len(values), "mean"),
    }
