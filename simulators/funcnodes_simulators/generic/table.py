"""A plain table of an instrument: what can be asked, what can be set, and how it is written.

A driver's declarations can be written down as such a table, of which `table_instrument` makes a
simulator. A table is TOML or JSON, or stands in the bench file itself:

    identity = "ACME,SUPPLY,{serial},1.0"   # the reply to *IDN?; every key may be left out
    terminator = "\n"                       # what ends its replies
    gap_s = 0.0                             # how long it is deaf after a message and a reply

    [[entry]]                               # something that is set and read back
    name = "voltage"
    query = ":VOLT?"
    command = ":VOLT {v:.9g}"
    type = "float"                          # or "int", "bool", "str"
    unit = "V"
    limits = [0, 30]
    default = 0.0
    reply = "{v:+.6E}"                      # how its value is written; by type if left out

    [[entry]]                               # one of some values, and how the instrument writes each
    name = "function"
    query = ":FUNC?"
    command = ":FUNC {v}"
    choices = { voltage = "VOLT", current = "CURR" }

    [[entry]]                               # a measurement
    name = "reading"
    query = ":READ?"
    follows = "voltage"                     # the setting that it measures; else its default
    noise = 1e-3                            # standard deviation
    busy_s = 0.02                           # how long it takes

    [[entry]]                               # several values in one reply
    name = "both"
    query = ":FETC?"
    separator = ","
    fields = [{ name = "v", follows = "voltage" }, { name = "i", default = 0.1 }]

    [[entry]]                               # an action
    name = "off"
    command = ":OUTP OFF"
    sets = { voltage = 0.0 }

Everything wrong with a table is one sentence in a `ValueError`.
"""

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from funcnodes_simulators.documents import (
    LARGEST,
    is_number,
    list_of,
    number_at,
    only_keys,
    table_of,
    text_at,
)
from funcnodes_simulators.generic.templates import Template, Value
from funcnodes_simulators.instruments.contract import LONGEST_GAP_S
from funcnodes_simulators.scpi import Boolean, Integer, Number, ScpiError
from funcnodes_simulators.scpi.parameters import Parameter

IDENTITY = "FUNCNODES,TABLE,{serial},1.0"
MOST_BYTES = 1 << 20
LONGEST_BUSY_S = 3600.0
TYPES: dict[str, type[Value]] = {"float": float, "int": int, "bool": bool, "str": str}
FORMATS = {"float": "{v:+.6E}", "int": "{v:d}", "bool": "{v:d}", "str": "{v}"}
QUANTITY_KEYS = frozenset(
    ("name", "type", "unit", "limits", "choices", "default", "reply", "follows", "noise")
)
ENTRY_KEYS = QUANTITY_KEYS | {"query", "command", "fields", "separator", "sets", "busy_s"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value of the instrument.

    Attributes:
        choices: The only values there are, and how the instrument writes them; empty if any goes.
        follows: The quantity that it shows instead of a value of its own.
        noise: Standard deviation of what is read.
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
        return self.reply.written({"v": value})

    def check(self, value: object) -> Value:
        """Return a value of the right type; raises ValueError with the end of a sentence."""
        if self.choices:
            if str(value) not in self.choices:
                raise ValueError(f"is {value!r}, not one of {', '.join(self.choices)}")
            return str(value)
        kind = TYPES[self.type]
        if not isinstance(value, bool | int | float | str) or not _is_of(value, kind):
            raise ValueError(f"is {value!r:.100}, not of type {self.type}")
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


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a table: what is asked, what is commanded, and the values concerned."""

    name: str
    query: Template | None
    command: Template | None
    quantities: tuple[Quantity, ...]
    separator: str = ","
    sets: Mapping[str, Value] = field(default_factory=dict)
    busy_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Table:
    """A whole table, checked."""

    identity: str
    terminator: bytes
    entries: tuple[Entry, ...]
    gap_s: float = 0.0


def read_table(document: object) -> Table:
    """Check a table as TOML or JSON gives it.

    Raises:
        ValueError: Something is wrong with it; one sentence that names the entry and the key.
    """
    table = table_of(document, "the table")
    only_keys(table, {"identity", "terminator", "gap_s", "entry"}, "the table")
    listed = list_of(table.get("entry", []), "the table.entry")
    if not listed:
        raise ValueError("the table has no [[entry]]")
    entries = tuple(_entry(item, f"entry {number}") for number, item in enumerate(listed, 1))
    _check_names(entries)
    terminator = text_at(table, "terminator", "the table", "\n").encode()
    if not terminator:
        raise ValueError("the table.terminator is empty")
    identity = text_at(table, "identity", "the table", IDENTITY)
    gap_s = number_at(table, "gap_s", "the table", default=0.0, low=0.0, high=LONGEST_GAP_S)
    return Table(identity, terminator, tuple(_with_sets(e, entries) for e in entries), gap_s)


def read_table_file(path: Path) -> Table:
    """Read a table from a TOML or JSON file.

    Raises:
        ValueError: The file or the table is wrong; one sentence that begins with the file.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"has more than {MOST_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
        is_json = path.suffix.lower() == ".json"
        return read_table(json.loads(text) if is_json else tomllib.loads(text))
    except OSError as error:
        raise ValueError(f"{path.name}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name}: {' '.join(str(error).split())}") from None


def _is_of(value: Value, kind: type[Value]) -> bool:
    if kind is float:
        return is_number(value)
    return type(value) is kind and (kind is not int or is_number(value))


def _entry(value: object, where: str) -> Entry:
    table = table_of(value, where)
    name = text_at(table, "name", where)
    if not name:
        raise ValueError(f"{where} has no name")
    where = f"{where} ({name})"
    only_keys(table, ENTRY_KEYS, where)
    query, command = (_template(table, key, where) for key in ("query", "command"))
    if query is None and command is None:
        raise ValueError(f"{where} has neither query nor command")
    if query is not None and query.fields:
        raise ValueError(f"{where}.query has a field; only a command takes a value")
    if command is not None and [f.name for f in command.fields] not in ([], ["v"]):
        raise ValueError(f"{where}.command takes one value at most, in a field {{v}}")
    sets = table_of(table.get("sets", {}), f"{where}.sets")
    return Entry(
        name,
        query,
        command,
        _quantities(table, where, query, command),
        text_at(table, "separator", where, ","),
        sets,
        number_at(table, "busy_s", where, default=0.0, low=0.0, high=LONGEST_BUSY_S),
    )


def _quantities(
    table: dict[str, Any], where: str, query: Template | None, command: Template | None
) -> tuple[Quantity, ...]:
    if "fields" in table:
        fields = list_of(table["fields"], f"{where}.fields")
        if not fields or (command is not None and command.fields):
            raise ValueError(f"{where}.fields are for a query, and there is at least one")
        return tuple(
            _field(item, table["name"], f"{where}.fields, number {number}")
            for number, item in enumerate(fields, 1)
        )
    if query is None and command is not None and not command.fields:
        return ()
    return (_quantity(table, where),)


def _field(value: object, entry: str, where: str) -> Quantity:
    table = table_of(value, where)
    only_keys(table, QUANTITY_KEYS, where)
    return _quantity({**table, "name": f"{entry}.{text_at(table, 'name', where)}"}, where)


def _quantity(table: dict[str, Any], where: str) -> Quantity:
    choices = _choices(table, where)
    kind = text_at(table, "type", where, "str" if choices else "float")
    if kind not in TYPES:
        raise ValueError(f"{where}.type is {kind!r}; it must be {', '.join(TYPES)}")
    low, high = _limits(table, where)
    reply = _template(table, "reply", where) or Template(FORMATS[kind])
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
    )
    return _with_default(quantity, table, where)


def _with_default(quantity: Quantity, table: dict[str, Any], where: str) -> Quantity:
    default: object = table.get("default")
    if default is None:
        nearest_to_0 = min(max(0.0, quantity.low), quantity.high)
        default = next(iter(quantity.choices), None) or (
            "" if quantity.type == "str" else TYPES[quantity.type](nearest_to_0)
        )
    try:
        checked = replace(quantity, default=quantity.check(default))
    except ValueError as error:
        raise ValueError(f"{where}.default {error}") from None
    try:
        checked.written(checked.default)
    except ValueError as error:
        raise ValueError(f"{where}.reply cannot write {checked.default!r}: {error}") from None
    return checked


def _check_names(entries: tuple[Entry, ...]) -> None:
    seen: dict[str, Quantity] = {}
    for number, entry in enumerate(entries, 1):
        for quantity in entry.quantities:
            if quantity.name in seen:
                raise ValueError(f"entry {number} ({entry.name}) has the name of an earlier one")
            seen[quantity.name] = quantity
    for quantity in seen.values():
        if quantity.follows:
            followed = seen.get(quantity.follows)
            if followed is None or followed.follows:
                raise ValueError(
                    f"{quantity.name}.follows is {quantity.follows!r}, no value of its own"
                )
            if TYPES[followed.type] is not TYPES[quantity.type] or followed.choices:
                raise ValueError(f"{quantity.name} follows a value of another type")


def _with_sets(entry: Entry, entries: tuple[Entry, ...]) -> Entry:
    """Check the values that a command sets beside its own."""
    quantities = {q.name: q for other in entries for q in other.quantities}
    sets: dict[str, Value] = {}
    for name, value in entry.sets.items():
        if name not in quantities:
            raise ValueError(f"{entry.name}.sets names {name!r}; there is {', '.join(quantities)}")
        try:
            sets[name] = quantities[name].check(value)
        except ValueError as error:
            raise ValueError(f"{entry.name}.sets.{name} {error}") from None
    return replace(entry, sets=sets)


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


def _template(table: dict[str, Any], key: str, where: str) -> Template | None:
    if key not in table:
        return None
    try:
        return Template(text_at(table, key, where))
    except ValueError as error:
        raise ValueError(f"{where}.{key} {error}") from None
