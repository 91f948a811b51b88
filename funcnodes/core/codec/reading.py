"""Reading: JSON or bytes back into values; the other way round of `writing`.

Values of enums, dataclasses and the like come back only as types registered in this process. A
value of another type keeps a typed marker (`Unknown`), never mere text; what does not fit its
marker is an error. Nothing is imported or executed by what is read.
"""

import base64
import datetime as dt
import decimal
import fractions
import pathlib
import uuid
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from funcnodes.core import units
from funcnodes.core.codec import registry
from funcnodes.core.codec.unknown import Unknown
from funcnodes.core.values import NoValue
from funcnodes.errors import SavedGraphError, UnitError


@dataclass(frozen=True, slots=True)
class Decoded:
    """A value that was read, and what in it is of types that are not known here."""

    value: Any
    unknown: tuple[Unknown, ...] = ()


def from_json(data: Any) -> Any:
    """Turn it back; see `read_json`."""
    return read_json(data).value


def read_json(data: Any) -> Decoded:
    """Turn it back, and tell what of it was unknown.

    Raises:
        SavedGraphError: The content of a marker does not fit.
    """
    return read_with(ValueReader(), data)


def read_with(reader: "ValueReader", data: Any) -> Decoded:
    """What `reader` makes of it; see `read_json`."""
    try:
        return Decoded(reader.read(data), tuple(reader.unknown))
    except RecursionError as error:
        raise SavedGraphError("A saved value is nested too deep.") from error


def from_bytes(data: bytes) -> Any:
    """Turn it back.

    Raises:
        SavedGraphError: It is no msgpack, or the content of a marker does not fit.
    """
    import msgspec

    try:
        return from_json(msgspec.msgpack.decode(data))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise SavedGraphError(f"A packed value is damaged: {error}.") from error


class _UnknownTypeError(Exception):
    """Inside this module: what a marker needs is not there."""


class ValueReader:
    """Turns both forms back, and collects what it did not know."""

    def __init__(self) -> None:
        self.unknown: list[Unknown] = []

    def read(self, data: Any) -> Any:
        if isinstance(data, list):
            return [self.read(item) for item in data]
        if not isinstance(data, dict):
            if type(data) is Unknown:  # in a saved form that was read as values before
                self.unknown.append(data)
            return data
        if "$" not in data:
            return {key: self.read(item) for key, item in data.items()}
        kind = data["$"]
        if not isinstance(kind, str) or "v" not in data:
            raise SavedGraphError(f"A saved value has a damaged marker {kind!r:.60}.")
        try:
            return self._marked(kind, data["v"])
        except (
            KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError,
            ArithmeticError, MemoryError,
        ) as error:  # fmt: skip
            raise SavedGraphError(f"A saved {kind:.60} is damaged: {error}.") from error

    def items(self, content: Any) -> list[Any]:
        if not isinstance(content, list):
            raise TypeError("a list is needed")
        return [self.read(item) for item in content]

    def _marked(self, kind: str, content: Any) -> Any:
        if kind == "enum":
            return self._enum(*content)
        if kind == "object":
            return self._object(*content)
        if kind == "opaque":
            return self._keep(kind, str(content[0]), None)
        decode = _DECODERS.get(kind)
        if decode is None:
            return self._keep(kind, kind, content)
        try:
            return decode(self, content)
        except _UnknownTypeError:
            return self._keep(kind, kind, content)

    def _keep(self, kind: str, name: str, content: Any) -> Unknown:
        found = Unknown(kind, name, content)
        self.unknown.append(found)
        return found

    def _enum(self, name: str, member: str | None, saved: Any) -> Any:
        known, value = registry.enum_named(name), self.read(saved)
        if known is not None and member is not None and member in known.__members__:
            return known.__members__[member]
        if known is not None:
            try:
                return known(value)
            except (ValueError, TypeError):
                pass  # the class has no such member any more
        return self._keep("enum", name, (member, value))

    def _object(self, name: str, saved: Any) -> Any:
        content, codec = self.read(saved), registry.codec_named(name)
        if codec is not None:
            try:
                return codec.decode(content)
            except Exception:  # somebody else's class, which may have changed since
                pass
        return self._keep("object", name, content)


def _bytes(content: Any) -> bytes:
    return content if isinstance(content, bytes) else base64.b64decode(content, validate=True)


def _dtype(described: Any) -> Any:
    import numpy as np

    kind = np.dtype(np.lib.format.descr_to_dtype(_descr(described)))
    if kind.hasobject:
        raise ValueError("objects are not data")
    return kind


def _descr(described: Any) -> Any:
    """A list of fields with the tuples that JSON has made lists of."""
    if isinstance(described, str):
        return described
    return [(_title(f[0]), _descr(f[1]), *(tuple(s) for s in f[2:])) for f in described]


def _title(name: Any) -> Any:
    return tuple(name) if isinstance(name, list) else name


def _read_array(_: ValueReader, content: Any) -> Any:
    import numpy as np

    described, shape, raw = content
    if any(length < 0 for length in shape):  # numpy would work one out
        raise ValueError("a length below zero")
    return np.frombuffer(_bytes(raw), _dtype(described)).reshape(shape).copy()


def _read_scalar(_: ValueReader, content: Any) -> Any:
    import numpy as np

    return np.frombuffer(_bytes(content[1]), _dtype(content[0]))[0]


def _read_objects(reader: ValueReader, content: Any) -> Any:
    import numpy as np

    shape, saved = content
    values = reader.items(saved)
    flat = np.empty(len(values), dtype=object)
    for n, value in enumerate(values):  # one by one: numpy would unpack sequences
        flat[n] = value
    return flat.reshape(shape)


def _read_quantity(reader: ValueReader, content: Any) -> Any:
    magnitude, parts = content
    try:
        return units.quantity_of(reader.read(magnitude), {n: reader.read(p) for n, p in parts})
    except UnitError as error:
        raise _UnknownTypeError from error


def _read_zone(zone: Any) -> dt.tzinfo | None:
    if zone is None:
        return None
    if isinstance(zone, str):
        try:
            return zoneinfo.ZoneInfo(zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise _UnknownTypeError from error
    return dt.timezone(dt.timedelta(*zone[:3]), *zone[3:])


def _read_moment(kind: Any, content: Any) -> Any:
    text, fold, *zone = content
    found = kind.fromisoformat(text).replace(fold=fold)
    return found.replace(tzinfo=_read_zone(zone[0])) if zone else found


_DECODERS: dict[str, Callable[[ValueReader, Any], Any]] = {
    "int": lambda r, v: int(v, 0),
    "float": lambda r, v: float(v),
    "text": lambda r, v: _bytes(v).decode("utf-8", "surrogatepass"),
    "tuple": lambda r, v: tuple(r.items(v)),
    "set": lambda r, v: set(r.items(v)),
    "frozenset": lambda r, v: frozenset(r.items(v)),
    "dict": lambda r, v: {r.read(key): r.read(item) for key, item in v},
    "bytes": lambda r, v: _bytes(v),
    "bytearray": lambda r, v: bytearray(_bytes(v)),
    "complex": lambda r, v: complex(r.read(v[0]), r.read(v[1])),
    "range": lambda r, v: range(*r.items(v)),
    "slice": lambda r, v: slice(*r.items(v)),
    "datetime": lambda r, v: _read_moment(dt.datetime, v),
    "time": lambda r, v: _read_moment(dt.time, v),
    "date": lambda r, v: dt.date.fromisoformat(v),
    "timedelta": lambda r, v: dt.timedelta(*v),
    "decimal": lambda r, v: decimal.Decimal(v),
    "fraction": lambda r, v: fractions.Fraction(*r.items(v)),
    "uuid": lambda r, v: uuid.UUID(hex=v),
    "path": lambda r, v: pathlib.Path(v),
    "novalue": lambda r, v: NoValue,
    "array": _read_array,
    "scalar": _read_scalar,
    "objects": _read_objects,
    "quantity": _read_quantity,
}
