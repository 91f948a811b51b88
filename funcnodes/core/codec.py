"""Values as JSON and back, exactly: what plain JSON cannot say gets a marker of its own.

A marked value is an object with the single key `$` naming its type and `v` its content. Objects
of unknown type are refused, never turned into text silently.
"""

import base64
import datetime as dt
import enum
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from funcnodes.core.values import NoValue
from funcnodes.errors import SavedGraphError

Marked = dict[str, Any]


class UnsavableError(SavedGraphError):
    """A value that has no exact saved form."""


def to_json(value: Any) -> Any:
    """Turn a value into what `json` writes exactly.

    Raises:
        UnsavableError: Its type has no saved form.
    """
    if value is None or isinstance(value, bool | str):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, enum.Enum):
        return to_json(value.value)
    if isinstance(value, int):
        return value if abs(value) < 2**53 else _mark("int", str(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _mark("float", repr(float(value)))
    if type(value) is list:
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return _mapping(value)
    for kind, encode in _ENCODERS.items():
        if isinstance(value, kind):
            return encode(value)
    if hasattr(value, "dtype") and hasattr(value, "tobytes"):
        return _array(value)
    raise UnsavableError(f"A value of type {type(value).__name__} cannot be saved.")


def from_json(data: Any) -> Any:
    """Turn it back.

    Raises:
        SavedGraphError: A marker that is unknown, or whose content does not fit.
    """
    if isinstance(data, list):
        return [from_json(item) for item in data]
    if not isinstance(data, dict):
        return data
    if "$" not in data:
        return {key: from_json(item) for key, item in data.items()}
    decode = _DECODERS.get(data["$"]) if isinstance(data["$"], str) else None
    if decode is None:
        raise SavedGraphError(f"Unknown marker {data['$']!r} in a saved value.")
    try:
        return decode(data["v"])
    except (KeyError, TypeError, ValueError) as error:
        raise SavedGraphError(f"A saved {data['$']} is damaged: {error}.") from error


class JSONEncoder(json.JSONEncoder):
    """`json.dumps(..., cls=JSONEncoder)` with exact markers."""

    def encode(self, o: Any) -> str:
        return super().encode(to_json(o))


class JSONDecoder(json.JSONDecoder):
    """`json.loads(..., cls=JSONDecoder)`, the other way."""

    def decode(self, s: str, *args: Any) -> Any:
        return from_json(super().decode(s, *args))


def _mark(kind: str, content: Any) -> Marked:
    return {"$": kind, "v": content}


def _mapping(value: Mapping[Any, Any]) -> Any:
    if all(isinstance(key, str) for key in value) and "$" not in value:
        return {key: to_json(item) for key, item in value.items()}
    return _mark("dict", [[to_json(key), to_json(item)] for key, item in value.items()])


def _array(value: Any) -> Marked:
    if value.dtype.hasobject:
        raise UnsavableError("An array of objects cannot be saved.")
    raw = base64.b64encode(value.tobytes()).decode("ascii")
    return _mark("array", [value.dtype.str, list(value.shape), raw])


def _read_array(content: Any) -> Any:
    import numpy as np

    dtype, shape, raw = content
    kind = np.dtype(dtype)
    if kind.hasobject:
        raise ValueError("objects are not data")
    return np.frombuffer(base64.b64decode(raw, validate=True), kind).reshape(shape).copy()


_ENCODERS: dict[type, Callable[[Any], Marked]] = {
    tuple: lambda v: _mark("tuple", [to_json(item) for item in v]),
    set: lambda v: _mark("set", [to_json(item) for item in sorted(v, key=repr)]),
    frozenset: lambda v: _mark("frozenset", [to_json(item) for item in sorted(v, key=repr)]),
    bytes: lambda v: _mark("bytes", base64.b64encode(v).decode("ascii")),
    complex: lambda v: _mark("complex", [to_json(v.real), to_json(v.imag)]),
    dt.datetime: lambda v: _mark("datetime", [v.isoformat(), v.fold]),
    dt.date: lambda v: _mark("date", v.isoformat()),
    dt.timedelta: lambda v: _mark("timedelta", [v.days, v.seconds, v.microseconds]),
    type(NoValue): lambda v: _mark("novalue", None),
}
_DECODERS: dict[str, Callable[[Any], Any]] = {
    "int": int,
    "float": float,
    "tuple": lambda v: tuple(from_json(item) for item in v),
    "set": lambda v: {from_json(item) for item in v},
    "frozenset": lambda v: frozenset(from_json(item) for item in v),
    "dict": lambda v: {from_json(key): from_json(item) for key, item in v},
    "bytes": lambda v: base64.b64decode(v, validate=True),
    "complex": lambda v: complex(from_json(v[0]), from_json(v[1])),
    "datetime": lambda v: dt.datetime.fromisoformat(v[0]).replace(fold=v[1]),
    "date": dt.date.fromisoformat,
    "timedelta": lambda v: dt.timedelta(*v),
    "novalue": lambda v: NoValue,
    "array": _read_array,
}
