"""The values of a table: what there is, what may be set, and how each is written.

Everything wrong with one is one sentence in a `ValueError` that says where it stands.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from funcnodes_simulators.documents import (
    LARGEST,
    is_number,
    list_of,
    number_at,
    text_at,
    text_of,
)
from funcnodes_simulators.generic.templates import Template, Value
from funcnodes_simulators.scpi import Boolean, Integer, Number, ScpiError
from funcnodes_simulators.scpi.blocks import definite_block
from funcnodes_simulators.scpi.parameters import Parameter

TYPES: dict[str, type[Value]] = {"float": float, "int": int, "bool": bool, "str": str, "block": str}
FORMATS = {"float": "{v:+.6E}", "int": "{v:d}", "bool": "{v:d}", "str": "{v}", "block": "{v}"}
QUANTITY_KEYS = frozenset(
    ("name", "type", "unit", "limits", "choices", "default", "reply", "replies", "over", "follows",
     "noise", "block", "size")
)  # fmt: skip
BLOCK_STYLES = ("#", *(f"#{digits}" for digits in range(10)))
LARGEST_BLOCK_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value of the instrument.

    Attributes:
        choices: The only values there are, and how the instrument writes them; empty if any goes.
        follows: The quantity that it shows instead of a value of its own.
        noise: Standard deviation of what is read.
        replies: What is said instead of the value, one after the other and from the beginning.
        over: What is said where the value is outside the limits, as a follower's may be.
        block: How a block begins (IEEE 488.2, 8.7.9 and 8.7.10): `#0` for one of indefinite length,
            `#` or `#9` for one whose length has as few digits as it needs, or nine.
        size: How many bytes a block has; its value, in hexadecimal digits, is repeated.
    """

    name: str
    type: str
    default: Value
    reply: Template
    unit: str = ""
    low: float = -LARGEST
    high: float = LARGEST
    choices: Mapping[str, str] = field(default_factory=dict)
    follows: str = ""
    noise: float = 0.0
    replies: tuple[str, ...] = ()
    over: str = ""
    block: str = "#"
    size: int = 0

    def parse(self, text: str) -> Value:
        """Read a value as it was sent.

        Raises:
            ScpiError: What is wrong with it.
        """
        if self.choices:
            return self._chosen(text)
        if self.type == "str":
            return text
        if not text:
            raise ScpiError(-109)
        value: Any = self._parameter().parse(text)
        return TYPES[self.type](value)

    def written(self, value: Value) -> str:
        """Write a value as the instrument does."""
        if self.choices:
            return self.choices[str(value)]
        if self.over and is_number(value) and not self.low <= value <= self.high:
            return self.over
        return self.reply.written({"v": value})

    def sent(self, value: Value, encoding: str) -> bytes:
        """Return the bytes that a value is told in."""
        if self.type == "block":
            return _block(bytes.fromhex(str(value)), self.block, self.size)
        return self.written(value).encode(encoding, "replace")

    def check(self, value: object) -> Value:
        """Return a value of the right type; raises ValueError with the end of a sentence."""
        if self.choices:
            if str(value) not in self.choices:
                raise ValueError(f"is {value!r}, not one of {', '.join(self.choices)}")
            return str(value)
        kind = TYPES[self.type]
        if not isinstance(value, bool | int | float | str) or not _is_of(value, kind):
            raise ValueError(f"is {value!r:.100}, not of type {self.type}")
        if self.type == "block":
            _check_hex(str(value))
        if is_number(value) and not self.low <= value <= self.high:
            raise ValueError(f"is {value!r}, outside {self.low:g} to {self.high:g}")
        return kind(value)

    def _chosen(self, text: str) -> Value:
        for value, word in self.choices.items():
            if word.upper() == text.upper():
                return value
        raise ScpiError(-224)

    def _parameter(self) -> Parameter:
        if self.type == "bool":
            return Boolean()
        default = self.default if isinstance(self.default, int | float) else 0
        if self.type == "int":
            return Integer(math.ceil(self.low), math.floor(self.high), int(default))
        return Number(self.low, self.high, default, self.unit)


def _is_of(value: Value, kind: type[Value]) -> bool:
    if kind is float:
        return is_number(value)
    return type(value) is kind and (kind is not int or is_number(value))


def read_quantity(table: dict[str, Any], where: str) -> Quantity:
    """Read one value; raises ValueError with the place."""
    choices = _choices(table, where)
    kind = text_at(table, "type", where, "str" if choices else "float")
    if kind not in TYPES:
        raise ValueError(f"{where}.type is {kind!r}; it must be {', '.join(TYPES)}")
    low, high = _limits(table, where)
    reply = read_template(table, "reply", where) or Template(FORMATS[kind])
    if any(f.name != "v" for f in reply.fields):
        raise ValueError(f"{where}.reply has a field that is not {{v}}")
    quantity = Quantity(
        text_at(table, "name", where),
        kind,
        0,
        reply,
        text_at(table, "unit", where, ""),
        low,
        high,
        choices,
        text_at(table, "follows", where, ""),
        number_at(table, "noise", where, default=0.0, low=0.0, high=LARGEST),
        tuple(text_of(r, f"{where}.replies") for r in list_of(table.get("replies", []), where)),
        text_at(table, "over", where, ""),
        text_at(table, "block", where, "#"),
        int(number_at(table, "size", where, default=0, low=0, high=LARGEST_BLOCK_BYTES)),
    )
    if quantity.block not in BLOCK_STYLES:
        raise ValueError(f"{where}.block is {quantity.block!r}; it must be # or #0 to #9")
    return _with_default(quantity, table, where)


def _with_default(quantity: Quantity, table: dict[str, Any], where: str) -> Quantity:
    default: object = table.get("default")
    if default is None:
        nearest_to_0 = min(max(0.0, quantity.low), quantity.high)
        default = next(iter(quantity.choices), None) or (
            "" if quantity.type in ("str", "block") else TYPES[quantity.type](nearest_to_0)
        )
    try:
        checked = replace(quantity, default=quantity.check(default))
    except ValueError as error:
        raise ValueError(f"{where}.default {error}") from None
    try:
        checked.sent(checked.default, "utf-8")
    except ValueError as error:
        raise ValueError(f"{where}.reply cannot write {checked.default!r}: {error}") from None
    return checked


def _choices(table: dict[str, Any], where: str) -> dict[str, str]:
    choices = table.get("choices", {})
    pairs = {c: c for c in choices if isinstance(c, str)} if isinstance(choices, list) else choices
    if not isinstance(pairs, dict) or len(pairs) != len(choices):
        raise ValueError(f"{where}.choices is neither a list of words nor a table of them")
    for word in pairs.values():
        if not isinstance(word, str):
            raise ValueError(f"{where}.choices has {word!r}, which is no text")
    return pairs


def _limits(table: dict[str, Any], where: str) -> tuple[float, float]:
    limits = table.get("limits", [-LARGEST, LARGEST])
    is_pair = isinstance(limits, list) and len(limits) == 2
    if not is_pair or not all(is_number(limit) for limit in limits) or limits[0] > limits[1]:
        raise ValueError(f"{where}.limits is {limits!r}, not a least and a greatest number")
    return float(limits[0]), float(limits[1])


def read_template(table: dict[str, Any], key: str, where: str) -> Template | None:
    """Read a text with places for values, if there is one; raises ValueError with the place."""
    if key not in table:
        return None
    try:
        return Template(text_at(table, key, where))
    except ValueError as error:
        raise ValueError(f"{where}.{key} {error}") from None


def _check_hex(text: str) -> None:
    try:
        bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"is {text!r:.100}, not pairs of hexadecimal digits") from None


def _block(data: bytes, style: str, size: int) -> bytes:
    """Write a block; raises ValueError where its length has no room in its head."""
    if size:
        pattern = data or bytes(range(256))
        data = (pattern * (size // len(pattern) + 1))[:size]
    if style == "#":
        return definite_block(data)
    digits = int(style[1:])
    if digits == 0:
        return b"#0" + data
    length = f"{len(data):0{digits}d}"
    if len(length) > digits:
        raise ValueError(f"{len(data)} bytes do not fit behind {style}")
    return style.encode() + length.encode() + data
