"""What types and values are called in sentences for people."""

from collections.abc import Sequence
from typing import Any, Protocol, Self


class Described(Protocol):
    """What there is to say of a type."""

    @property
    def kind(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def base(self) -> type | None: ...

    @property
    def args(self) -> Sequence[Self]: ...

    @property
    def members(self) -> Sequence[Self]: ...

    @property
    def dtype(self) -> str: ...

    @property
    def shape(self) -> tuple[int | None, ...] | None: ...

    @property
    def is_open(self) -> bool: ...


WORDS: dict[str, str] = {
    "number": "a number", "quantity": "a quantity", "bool": "an on/off value", "text": "text",
    "array": "an array", "table": "a table", "device": "a device", "image": "an image",
    "trigger": "a trigger", "any": "anything",
}  # fmt: skip


def words(port_type: Described) -> str:
    """What a type is called in a sentence: "a list of numbers", "an array of float64"."""
    if port_type.members:
        return " or ".join(words(member) for member in port_type.members)
    if port_type.kind == "array":
        of = f" of {port_type.dtype}" if port_type.dtype else ""
        shape = port_type.shape
        known = "×".join("?" if n is None else str(n) for n in shape) if shape is not None else ""
        return f"an array{of}{f' of shape {known}' if known else ''}"
    if port_type.kind != "any" or port_type.base is None:
        return port_type.name if port_type.is_open else WORDS[port_type.kind]
    name = _PLAIN_WORDS.get(port_type.base) or f"a {port_type.base.__name__}"
    inner = [_PLURAL.get(each.kind) or words(each) for each in port_type.args]
    if port_type.base is dict and len(inner) == 2:
        return f"{name} from {inner[0]} to {inner[1]}"
    return f"{name} of {' and '.join(inner)}" if inner else name


_PLAIN_WORDS: dict[type, str] = {
    list: "a list", tuple: "a tuple", dict: "a mapping", set: "a set", frozenset: "a fixed set",
    bytes: "bytes", complex: "a complex number",
}  # fmt: skip
_PLURAL = {"number": "numbers", "quantity": "quantities", "bool": "on/off values", "text": "text"}


def capital(words: str) -> str:
    """As the beginning of a sentence."""
    return words[:1].upper() + words[1:]


def is_long(value: Any) -> bool:
    """Whether it is a whole number that nobody would read, and Python may refuse to write."""
    return isinstance(value, int) and value.bit_length() > 1000


def short(value: Any) -> str:
    """A value in a sentence, 60 characters at most."""
    if is_long(value):
        return f"A whole number of {value.bit_length()} bits"
    shown = " ".join(repr(value).split())
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
