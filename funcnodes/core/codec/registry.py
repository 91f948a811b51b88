"""Types that values may come back as, by name: a file can import nothing.

Enums, dataclasses and the like are registered, other classes have a `Codec`. What is not here
stays `Unknown` when it is read.
"""

import dataclasses
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


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
    if field_names(kind) is None:
        raise TypeError(f"{kind.__name__} has no fields; add a Codec for it.")
    add_codec(Codec(kind, name or type_name(kind), fields_of, lambda data: _build(kind, data)))


def add_codec(codec: Codec) -> None:
    """Save values of its class by it, in place of an earlier codec."""
    _by_class[codec.type] = codec
    _by_name[codec.name] = codec


def codec_of(kind: type) -> Codec | None:
    """How values of exactly that class are saved."""
    return _by_class.get(kind)


def codec_named(name: str) -> Codec | None:
    """The codec of which files speak by that name."""
    return _by_name.get(name)


def enum_named(name: str) -> type[enum.Enum] | None:
    """The enumeration of which files speak by that name."""
    return _enums.get(name)


def enum_name(kind: type) -> str:
    """What files call an enumeration, registered or not."""
    own = type_name(kind)
    if _enums.get(own) is kind:
        return own
    return next((name for name, known in _enums.items() if known is kind), own)


def is_record(kind: Any) -> bool:
    """Whether a class consists of named fields, so that `register` takes it."""
    return isinstance(kind, type) and field_names(kind) is not None


def is_enum(kind: Any) -> bool:
    """Whether a class is an enumeration."""
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def type_name(kind: type) -> str:
    """How files name a class: "module.Class"."""
    return f"{kind.__module__}.{kind.__qualname__}"


def field_names(kind: type) -> tuple[str, ...] | None:
    """The fields of a record; None of any other class."""
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    names = getattr(kind, "__struct_fields__", None) or getattr(kind, "_fields", None)
    is_tuple_like = isinstance(names, tuple) and all(isinstance(n, str) for n in names)
    return names if is_tuple_like else None


def fields_of(value: Any) -> dict[str, Any]:
    """What a record holds, by field; what is not set is left out."""
    names = field_names(type(value)) or ()
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _build(kind: type, content: Any) -> Any:
    """Make a record of its fields: those it has no more are an error, new ones get defaults."""
    names = field_names(kind) or ()
    if not isinstance(content, dict) or not content.keys() <= set(names):
        raise ValueError("other fields")
    if not dataclasses.is_dataclass(kind):
        return kind(**content)
    given = {f.name for f in dataclasses.fields(kind) if f.init}
    made = kind(**{name: value for name, value in content.items() if name in given})
    for name, value in content.items():  # past `__post_init__`, which may change what it gets
        object.__setattr__(made, name, value)
    return made
