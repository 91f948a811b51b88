"""Values as JSON or bytes and back, exactly: what the plain form cannot say gets a marker.

A marked value is an object with `$` naming its type and `v` its content. In JSON arrays and bytes
travel as base64, in the binary form (msgpack) as they lie in memory. Enums, dataclasses and the
like come back only as types registered in this process, by name: a file can import nothing. A
value of another type keeps a typed marker through load and save (`Unknown`), never mere text.
A subclass of a built-in type without a codec of its own comes back as the built-in type.
"""

import base64
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import json
import math
import pathlib
import sys
import uuid
import zoneinfo
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from funcnodes.core import units
from funcnodes.core.values import NoValue
from funcnodes.errors import SavedGraphError, UnitError

Marked = dict[str, Any]


class UnsavableError(SavedGraphError):
    """A value that has no saved form at all: nested too deep, or inside itself."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value whose type is not known here, kept as it was saved.

    Attributes:
        kind: Its marker.
        type: Name of its type, e.g. "spectra.Peak".
        content: What was saved of it; None for an object that nobody could save.
    """

    kind: str
    type: str
    content: Any

    def __hash__(self) -> int:
        return hash((self.kind, self.type))


@dataclass(frozen=True, slots=True)
class Reading:
    """A value that was read, and what in it is of types that are not known here."""

    value: Any
    unknown: tuple[Unknown, ...] = ()


def to_json(value: Any) -> Any:
    """Turn a value into what `json` writes exactly.

    Raises:
        UnsavableError: It is nested too deep, or contains itself.
    """
    return _written(_json_writer, value)


def from_json(data: Any) -> Any:
    """Turn it back; see `read_json`."""
    return read_json(data).value


def read_json(data: Any) -> Reading:
    """Turn it back, and tell what of it was unknown.

    Raises:
        SavedGraphError: The content of a marker does not fit.
    """
    reader = _Reader()
    try:
        return Reading(reader.read(data), tuple(reader.unknown))
    except RecursionError as error:
        raise SavedGraphError("A saved value is nested too deep.") from error


def to_bytes(value: Any) -> bytes:
    """Turn a value into msgpack, arrays as raw bytes.

    Raises:
        UnsavableError: It is nested too deep or contains itself, or a part exceeds 4 GB.
    """
    import msgspec

    tree = _written(_Writer(binary=True), value)
    try:
        return msgspec.msgpack.encode(tree)
    except (RecursionError, ValueError, OverflowError) as error:
        raise UnsavableError(f"A value cannot be packed: {error}.") from error


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


Encode = Callable[[Any, bool], tuple[Any, bool]]
Decode = Callable[[Any], tuple[Any, bool]]


class JSONEncoder(json.JSONEncoder):
    """`json.dumps(..., cls=JSONEncoder)` with exact markers.

    Encoders that older packages add are asked where there is no exact form. What they give is
    plain: it comes back as an object only if a decoder knows it, and graphs are not saved by it.
    """

    _encoders: ClassVar[list[Encode]] = []

    def iterencode(self, o: Any, _one_shot: bool = False) -> Any:
        return super().iterencode(self.apply_custom_encoding(o), _one_shot)

    @classmethod
    def apply_custom_encoding(cls, obj: Any, preview: bool = False) -> Any:
        """The value as plain JSON has it; encoders are told whether a preview will do."""
        return _written(_AskingWriter(cls._encoders, preview), obj)

    @classmethod
    def add_encoder(cls, enc: Encode, enc_cls: Sequence[type] | None = None) -> None:
        """Ask `enc(value, preview)`, which gives `(plain, True)` or `(value, False)`, last of all.

        Args:
            enc: The encoder.
            enc_cls: Classes that it is meant for; any if not given.
        """
        cls._encoders.append(_meant_for(enc, enc_cls))

    @classmethod
    def prepend_encoder(cls, enc: Encode, enc_cls: Sequence[type] | None = None) -> None:
        """Ask it first; see `add_encoder`."""
        cls._encoders.insert(0, _meant_for(enc, enc_cls))


def _meant_for(enc: Encode, classes: Sequence[type] | None) -> Encode:
    if not classes:
        return enc
    meant = tuple(classes)
    return lambda value, preview: (
        enc(value, preview) if isinstance(value, meant) else (value, False)
    )


class JSONDecoder(json.JSONDecoder):
    """`json.loads(..., cls=JSONDecoder)`, the other way."""

    _decoders: ClassVar[list[Decode]] = []

    @classmethod
    def add_decoder(cls, dec: Decode) -> None:
        """Ask `dec(obj)`, which gives `(value, True)` or `(obj, False)`, from the inside out."""
        cls._decoders.append(dec)

    def decode(self, s: str, *args: Any) -> Any:
        found = from_json(super().decode(s, *args))
        return self._asked(found) if self._decoders else found

    def _asked(self, obj: Any) -> Any:
        if type(obj) in (list, tuple):
            return type(obj)(map(self._asked, obj))
        if type(obj) is not dict:
            return obj
        found = {key: self._asked(item) for key, item in obj.items()}
        for decode in self._decoders:
            value, done = decode(found)
            if done:
                return value
        return found


# ── types that values may come back as ────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one class are saved.

    Attributes:
        type: The class, exactly; subclasses need their own.
        name: What files call it; never change it.
        encode: Gives anything that has a saved form itself.
        decode: Turns that back; whatever it raises leaves the value `Unknown`.
    """

    type: type
    name: str
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


_by_class: dict[type, Codec] = {}
_by_name: dict[str, Codec] = {}
_enums: dict[str, type[enum.Enum]] = {}


def register(kind: type, *, name: str = "") -> None:
    """Let values of an enum, dataclass, named tuple or msgspec struct come back as `kind`.

    Classes that a port's annotation names are registered by that.

    Args:
        name: What files call it; module and name by default.

    Raises:
        TypeError: It is none of these; give it a `Codec`.
    """
    if is_enum(kind):
        _enums[name or type_name(kind)] = kind
        return
    if _field_names(kind) is None:
        raise TypeError(f"{kind.__name__} has no fields; add a Codec for it.")
    add_codec(Codec(kind, name or type_name(kind), _fields_of, lambda data: _build(kind, data)))


def add_codec(codec: Codec) -> None:
    """Save values of its class by it, in place of an earlier codec."""
    _by_class[codec.type] = codec
    _by_name[codec.name] = codec


def is_record(kind: Any) -> bool:
    """Whether a class consists of named fields, so that `register` takes it."""
    return isinstance(kind, type) and _field_names(kind) is not None


def is_enum(kind: Any) -> bool:
    """Whether a class is an enumeration."""
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def type_name(kind: type) -> str:
    """How files name a class: "module.Class"."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _field_names(kind: type) -> tuple[str, ...] | None:
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    names = getattr(kind, "__struct_fields__", None) or getattr(kind, "_fields", None)
    is_tuple_like = isinstance(names, tuple) and all(isinstance(n, str) for n in names)
    return names if is_tuple_like else None


def _fields_of(value: Any) -> dict[str, Any]:
    names = _field_names(type(value)) or ()
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _build(kind: type, content: Any) -> Any:
    """Make a record of its fields: those it has no more are an error, new ones get defaults."""
    names = _field_names(kind) or ()
    if not isinstance(content, dict) or not content.keys() <= set(names):
        raise ValueError("other fields")
    if not dataclasses.is_dataclass(kind):
        return kind(**content)
    given = {f.name for f in dataclasses.fields(kind) if f.init}
    made = kind(**{name: value for name, value in content.items() if name in given})
    for name, value in content.items():  # past `__post_init__`, which may change what it gets
        object.__setattr__(made, name, value)
    return made


# ── writing ───────────────────────────────────────────────────────────────────────────────


class _Writer:
    """Turns values into plain lists, objects and numbers, and bytes where `binary`."""

    def __init__(self, *, binary: bool) -> None:
        self._binary = binary
        self._integers = 2**63 if binary else 2**53

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
            return [self.write(item) for item in value]
        if kind is dict:
            return self._mapping(value)
        encode = _ENCODERS.get(kind)
        return encode(self, value) if encode is not None else self._other(kind, value)

    def raw(self, data: Any) -> Any:
        """Bytes in this form; anything bytes-like is taken."""
        return data if self._binary else base64.b64encode(data).decode("ascii")

    def items(self, values: Iterable[Any]) -> list[Any]:
        return [self.write(item) for item in values]

    def _text(self, value: str) -> Any:
        try:
            value.encode()
        except UnicodeEncodeError:  # half a character: no text in UTF-8
            return _mark("text", self.raw(value.encode("utf-8", "surrogatepass")))
        return value

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        if "$" not in value and all(type(key) is str and key.isascii() for key in value):
            return {key: self.write(item) for key, item in value.items()}
        keys = self.items(value)
        if "$" not in value and all(type(key) is str for key in keys):
            return dict(zip(keys, self.items(value.values()), strict=True))
        return _mark("dict", [list(pair) for pair in zip(keys, self.items(value.values()),
                                                         strict=True)])  # fmt: skip

    def _other(self, kind: type, value: Any) -> Any:
        """Registered classes first, then what is known by what it is."""
        codec = _by_class.get(kind)
        if codec is not None:
            return _mark("object", [codec.name, self.write(codec.encode(value))])
        if isinstance(value, enum.Enum):
            return _mark("enum", [_enum_name(kind), value.name, self.write(value.value)])
        if isinstance(value, Unknown):
            return self._unknown(value)
        found = self._numeric(kind, value)
        if found is not None:
            return found
        if _field_names(kind) is not None:
            return _mark("object", [type_name(kind), self.write(_fields_of(value))])
        for base in (str, int, float, list, tuple, set, frozenset, bytes):
            if isinstance(value, base):
                return self.write(_plain(base, value))
        if isinstance(value, Mapping):
            return self._mapping(value)
        return self._opaque(value)

    def _opaque(self, value: Any) -> Any:
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


_json_writer = _Writer(binary=False)


class _AskingWriter(_Writer):
    """Asks encoders what to write of an object that has no exact form."""

    def __init__(self, encoders: Sequence[Encode], preview: bool) -> None:
        super().__init__(binary=False)
        self._encoders = encoders
        self._preview = preview

    def _opaque(self, value: Any) -> Any:
        for encode in self._encoders:
            plain, done = encode(value, self._preview)
            if done:
                return self.write(plain)
        return super()._opaque(value)


def _written(writer: _Writer, value: Any) -> Any:
    try:
        return writer.write(value)
    except RecursionError as error:
        raise UnsavableError("A value is nested too deep, or contains itself.") from error


def _mark(kind: str, content: Any) -> Marked:
    return {"$": kind, "v": content}


def _plain(base: Any, value: Any) -> Any:
    """A subclass's value as the built-in type, past whatever the subclass overrides."""
    if base in (str, bytes):
        return base.__getitem__(value, slice(None))
    return base.__pos__(value) if base in (int, float) else base(base.__iter__(value))


def _enum_name(kind: type) -> str:
    own = type_name(kind)
    if _enums.get(own) is kind:
        return own
    return next((name for name, known in _enums.items() if known is kind), own)


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


def _set(kind: str) -> Callable[[_Writer, Any], Marked]:
    return lambda w, v: _mark(kind, w.items(sorted(v, key=repr)))  # so that files stay the same


_ENCODERS: dict[type, Callable[[_Writer, Any], Any]] = {
    tuple: lambda w, v: _mark("tuple", w.items(v)),
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


# ── reading ───────────────────────────────────────────────────────────────────────────────


class _UnknownTypeError(Exception):
    """Inside this module: what a marker needs is not there."""


class _Reader:
    """Turns both forms back, and collects what it did not know."""

    def __init__(self) -> None:
        self.unknown: list[Unknown] = []

    def read(self, data: Any) -> Any:
        if isinstance(data, list):
            return [self.read(item) for item in data]
        if not isinstance(data, dict):
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
        known, value = _enums.get(name), self.read(saved)
        if known is not None and member is not None and member in known.__members__:
            return known.__members__[member]
        if known is not None:
            try:
                return known(value)
            except (ValueError, TypeError):
                pass  # the class has no such member any more
        return self._keep("enum", name, (member, value))

    def _object(self, name: str, saved: Any) -> Any:
        content, codec = self.read(saved), _by_name.get(name)
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


def _read_array(_: _Reader, content: Any) -> Any:
    import numpy as np

    described, shape, raw = content
    if any(length < 0 for length in shape):  # numpy would work one out
        raise ValueError("a length below zero")
    return np.frombuffer(_bytes(raw), _dtype(described)).reshape(shape).copy()


def _read_scalar(_: _Reader, content: Any) -> Any:
    import numpy as np

    return np.frombuffer(_bytes(content[1]), _dtype(content[0]))[0]


def _read_objects(reader: _Reader, content: Any) -> Any:
    import numpy as np

    shape, saved = content
    values = reader.items(saved)
    flat = np.empty(len(values), dtype=object)
    for n, value in enumerate(values):  # one by one: numpy would unpack sequences
        flat[n] = value
    return flat.reshape(shape)


def _read_quantity(reader: _Reader, content: Any) -> Any:
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


_DECODERS: dict[str, Callable[[_Reader, Any], Any]] = {
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
