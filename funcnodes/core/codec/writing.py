"""Writing: values as JSON or bytes, exactly; what the plain form cannot say gets a marker.

A marked value is an object with `$` naming its type and `v` its content. In JSON arrays and bytes
travel as base64, in the binary form (msgpack) as they lie in memory. A subclass of a built-in type
without a codec of its own is written as the built-in type. What each marker means is said once
more in `reading`, the other way round.
"""

import base64
import datetime as dt
import decimal
import enum
import fractions
import math
import pathlib
import sys
import uuid
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from funcnodes.core.codec import registry
from funcnodes.core.codec.copying import LARGEST, copied
from funcnodes.core.codec.registry import field_names, fields_of, type_name
from funcnodes.core.codec.unknown import Unknown
from funcnodes.core.values import NoValue
from funcnodes.errors import SavedGraphError

Marked = dict[str, Any]
_TEXTS = {str}


class UnsavableError(SavedGraphError):
    """A value that has no saved form at all: nested too deep, or inside itself."""


def to_json(value: Any) -> Any:
    """Turn a value into what `json` writes exactly.

    Raises:
        UnsavableError: It is nested too deep, or contains itself.
    """
    copy = copied(value) if _may_be_plain(value) else None
    return written(_json_writer, value) if copy is None else copy


def _may_be_plain(value: Any) -> bool:
    """Whether to try the quick way: on objects and on lists of them, or of lists."""
    kind = type(value)
    return kind is dict or (kind is list and bool(value) and type(value[0]) in (dict, list))


def to_bytes(value: Any) -> bytes:
    """Turn a value into msgpack, arrays as raw bytes.

    Raises:
        UnsavableError: It is nested too deep or contains itself, or a part exceeds 4 GB.
    """
    import msgspec

    tree = written(Writer(binary=True), value)
    try:
        return msgspec.msgpack.encode(tree)
    except (RecursionError, ValueError, OverflowError) as error:
        raise UnsavableError(f"A value cannot be packed: {error}.") from error


class Writer:
    """Turns values into plain lists, objects and numbers, and bytes where `binary`."""

    def __init__(self, *, binary: bool) -> None:
        self._binary = binary
        self._integers = 2**63 if binary else LARGEST

    def write(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return value if value.isascii() else self._text(value)
        if kind is bool or value is None:
            return value
        if kind is float:
            exact = self._binary or math.isfinite(value)
            return value if exact else _mark("float", repr(value))
        if kind is int:
            plain = -self._integers < value < self._integers
            return value if plain else _mark("int", hex(value))
        if kind is list:
            return value.copy() if self.are_plain(value) else [self.write(v) for v in value]
        if kind is dict:
            return self._mapping(value)
        if kind is tuple:
            return {"$": "tuple", "v": [self.write(item) for item in value]}
        encode = _ENCODERS.get(kind)
        return encode(self, value) if encode is not None else self._other(kind, value)

    def raw(self, data: Any) -> Any:
        """Bytes in this form; anything bytes-like is taken."""
        return data if self._binary else base64.b64encode(data).decode("ascii")

    def items(self, values: Iterable[Any]) -> list[Any]:
        return [self.write(item) for item in values]

    def are_plain(self, values: list[Any]) -> bool:
        """Whether all are of one kind and need no marker; found out without a step for each."""
        kinds = set(map(type, values))
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind is float:
            return self._binary or all(map(math.isfinite, values))
        if kind is int:
            return bool(-self._integers < min(values) and max(values) < self._integers)
        return kind is bool or (kind is str and all(map(str.isascii, values)))

    def _text(self, value: str) -> Any:
        try:
            value.encode()
        except UnicodeEncodeError:  # half a character: no text in UTF-8
            return _mark("text", self.raw(value.encode("utf-8", "surrogatepass")))
        return value

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        if set(map(type, value)) == _TEXTS and all(map(str.isascii, value)) and "$" not in value:
            return {key: self.write(item) for key, item in value.items()}
        keys = self.items(value)
        if "$" not in value and all(type(key) is str for key in keys):
            return dict(zip(keys, self.items(value.values()), strict=True))
        return mark_pairs(keys, self.items(value.values()))

    def _other(self, kind: type, value: Any) -> Any:
        """Registered classes first, then what is known by what it is."""
        codec = registry.codec_of(kind)
        if codec is not None:
            return _mark("object", [codec.name, self.write(codec.encode(value))])
        if isinstance(value, enum.Enum):
            return _mark("enum", [registry.enum_name(kind), value.name, self.write(value.value)])
        if isinstance(value, Unknown):
            return self._unknown(value)
        found = self._numeric(kind, value)
        if found is not None:
            return found
        if field_names(kind) is not None:
            return _mark("object", [type_name(kind), self.write(fields_of(value))])
        for base in (str, int, float, list, tuple, set, frozenset, bytes):
            if isinstance(value, base):
                return self.write(_plain(base, value))
        if isinstance(value, Mapping):
            return self._mapping(value)
        return self.opaque(value)

    def opaque(self, value: Any) -> Any:
        """What is left: an object that nobody told how to save."""
        return _mark("opaque", [type_name(type(value))])

    def _numeric(self, kind: type, value: Any) -> Any:
        """Arrays, numpy's scalars and quantities; None if it is none that can be saved."""
        numpy, pint = sys.modules.get("numpy"), sys.modules.get("pint")
        if numpy is not None and kind is numpy.ndarray:
            return self._array(numpy, value)
        if numpy is not None and isinstance(value, numpy.generic):
            described = _describe(numpy, value.dtype)
            return described and _mark("scalar", [described, self.raw(value.tobytes())])
        if pint is not None and isinstance(value, pint.Quantity):
            parts = [[name, self.write(power)] for name, power in value.unit_items()]
            return _mark("quantity", [self.write(value.magnitude), parts])
        return None

    def _array(self, numpy: Any, value: Any) -> Any:
        shape = list(value.shape)
        if value.dtype.kind == "O":
            return _mark("objects", [shape, self.items(value.ravel())])
        described = _describe(numpy, value.dtype)
        if described is None:
            return None
        flat = numpy.ascontiguousarray(value)
        raw = flat.reshape(-1).view(numpy.uint8) if value.size and value.itemsize else b""
        return _mark("array", [described, shape, self.raw(memoryview(raw))])

    def _unknown(self, value: Unknown) -> Marked:
        if value.kind == "opaque":
            return _mark("opaque", [value.type])
        if value.kind == "object":
            return _mark("object", [value.type, self.write(value.content)])
        if value.kind == "enum":
            return _mark("enum", [value.type, value.content[0], self.write(value.content[1])])
        return _mark(value.kind, self._as_read(value.content))

    def _as_read(self, content: Any) -> Any:
        """The content of a marker that nobody here understands."""
        if isinstance(content, dict):
            return {key: self._as_read(item) for key, item in content.items()}
        if isinstance(content, list):
            return [self._as_read(item) for item in content]
        return self.raw(content) if isinstance(content, bytes) else content


_json_writer = Writer(binary=False)


def written(writer: Writer, value: Any) -> Any:
    """What `writer` makes of a value.

    Raises:
        UnsavableError: It is nested too deep, or contains itself.
    """
    try:
        return writer.write(value)
    except RecursionError as error:
        raise UnsavableError("A value is nested too deep, or contains itself.") from error


def mark_pairs(keys: list[Any], items: list[Any]) -> Marked:
    """A mapping that is no plain object, of keys and items that are written already."""
    return _mark("dict", [list(pair) for pair in zip(keys, items, strict=True)])


def _mark(kind: str, content: Any) -> Marked:
    return {"$": kind, "v": content}


def _plain(base: Any, value: Any) -> Any:
    """A subclass's value as the built-in type, past whatever the subclass overrides."""
    if base in (str, bytes):
        return base.__getitem__(value, slice(None))
    return base.__pos__(value) if base in (int, float) else base(base.__iter__(value))


def _describe(numpy: Any, dtype: Any) -> Any:
    """An array's element type as text or a list of fields; None where that would lose something."""
    if dtype.hasobject:
        return None
    described = numpy.lib.format.dtype_to_descr(dtype)
    back = numpy.lib.format.descr_to_dtype(described)
    return described if back == dtype else None


def _zone(zone: dt.tzinfo | None) -> Any:
    """A time zone: its name, or the offset and what it is called; "?" where it is none of ours."""
    if zone is None:
        return None
    if type(zone) is zoneinfo.ZoneInfo and zone.key:
        return zone.key
    if type(zone) is dt.timezone:
        offset = zone.utcoffset(None)
        given = zone.__getinitargs__()[1:]  # type: ignore[attr-defined]  # as pickle asks it
        return [offset.days, offset.seconds, offset.microseconds, *given]
    return "?"


def _moment(kind: str, value: Any) -> Marked:
    zone = _zone(value.tzinfo)
    if zone == "?":
        return _mark("opaque", [f"{type_name(type(value))} in {type_name(type(value.tzinfo))}"])
    return _mark(kind, [value.replace(tzinfo=None).isoformat(), value.fold, zone])


def _set(kind: str) -> Callable[[Writer, Any], Marked]:
    return lambda w, v: _mark(kind, w.items(sorted(v, key=repr)))  # so that files stay the same


_ENCODERS: dict[type, Callable[[Writer, Any], Any]] = {
    set: _set("set"),
    frozenset: _set("frozenset"),
    bytes: lambda w, v: w.raw(v) if w._binary else _mark("bytes", w.raw(v)),
    bytearray: lambda w, v: _mark("bytearray", w.raw(v)),
    complex: lambda w, v: _mark("complex", [w.write(v.real), w.write(v.imag)]),
    range: lambda w, v: _mark("range", w.items((v.start, v.stop, v.step))),
    slice: lambda w, v: _mark("slice", w.items((v.start, v.stop, v.step))),
    dt.datetime: lambda w, v: _moment("datetime", v),
    dt.time: lambda w, v: _moment("time", v),
    dt.date: lambda w, v: _mark("date", v.isoformat()),
    dt.timedelta: lambda w, v: _mark("timedelta", [v.days, v.seconds, v.microseconds]),
    decimal.Decimal: lambda w, v: _mark("decimal", str(v)),
    fractions.Fraction: lambda w, v: _mark("fraction", w.items((v.numerator, v.denominator))),
    uuid.UUID: lambda w, v: _mark("uuid", v.hex),
    type(pathlib.Path()): lambda w, v: _mark("path", str(v)),
    type(NoValue): lambda w, v: _mark("novalue", None),
}
