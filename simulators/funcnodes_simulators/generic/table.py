"""A plain table of an instrument: what can be asked, what can be set, and how it is written.

A driver's declarations can be written down as such a table, of which `table_instrument` makes a
simulator. A table is TOML or JSON, or stands in the bench file itself:

    identity = "ACME,SUPPLY,{serial},1.0"   # the reply to *IDN?; every key may be left out
    scpi = true                             # knows *RST, :SYST:ERR? and the like; else no more
    terminator = "\n"                       # what ends its replies
    command_terminator = "\n"               # what ends messages to it
    gap_s = 0.0                             # how long it is deaf after a message and a reply
    acknowledge = "OK"                      # and the other keys of `manners`

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

    [[entry]]                               # a reply that has an end of its own, a block here
    name = "curve"
    query = ":CURV?"
    type = "block"
    block = "#9"
    size = 1000
    terminator = ""

    [[entry]]                               # what is said one after the other
    name = "word"
    query = ":MEAS?"
    replies = ["+1.0E+00", "OL", "9.9E37"]

    [[unasked]]                             # what is said without being asked
    every_s = 0.2
    follows = "voltage"
    reply = "U {v:8.3f} V"

Everything wrong with a table is one sentence in a `ValueError`.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from funcnodes_simulators.documents import (
    flag_at,
    list_of,
    number_at,
    only_keys,
    table_of,
    text_at,
)
from funcnodes_simulators.generic.manners import MANNERS_KEYS, Manners, read_manners
from funcnodes_simulators.generic.quantities import (
    QUANTITY_KEYS,
    TYPES,
    Quantity,
    read_quantity,
    read_template,
)
from funcnodes_simulators.generic.templates import Template, Value
from funcnodes_simulators.instruments.contract import LONGEST_GAP_S

IDENTITY = "FUNCNODES,TABLE,{serial},1.0"
MOST_BYTES = 1 << 20
LONGEST_BUSY_S = 3600.0
TABLE_KEYS = MANNERS_KEYS | {
    "identity", "scpi", "terminator", "command_terminator", "gap_s", "entry", "unasked",
}  # fmt: skip
ENTRY_KEYS = QUANTITY_KEYS | {
    "query", "command", "fields", "separator", "sets", "busy_s", "terminator",
}  # fmt: skip
SHORTEST_PERIOD_S, LONGEST_PERIOD_S = 1e-3, 3600.0


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
    terminator: bytes | None = None


@dataclass(frozen=True, slots=True)
class Unasked:
    """What is said again and again without being asked."""

    quantity: Quantity
    every_s: float


@dataclass(frozen=True, slots=True)
class Table:
    """A whole table, checked.

    Attributes:
        identity: The reply to `*IDN?`; none if empty.
        is_scpi: Whether it knows what all SCPI instruments know, its error queue first of all.
        command_terminator: What ends a message to it; a line feed if None.
        gap_s: How long it is deaf after a message and a reply.
    """

    identity: str
    terminator: bytes
    entries: tuple[Entry, ...]
    unasked: tuple[Unasked, ...] = ()
    manners: Manners = field(default_factory=Manners)
    is_scpi: bool = True
    command_terminator: bytes | None = None
    gap_s: float = 0.0


def read_table(document: object) -> Table:
    """Check a table as TOML or JSON gives it.

    Raises:
        ValueError: Something is wrong with it; one sentence that names the entry and the key.
    """
    table = table_of(document, "the table")
    where = "the table"
    only_keys(table, TABLE_KEYS, where)
    manners = read_manners(table, where)
    listed = list_of(table.get("entry", []), f"{where}.entry")
    said = list_of(table.get("unasked", []), f"{where}.unasked")
    if not listed and not said:
        raise ValueError("the table has no [[entry]]")
    entries = tuple(_entry(item, f"entry {number}") for number, item in enumerate(listed, 1))
    unasked = tuple(_unasked(item, f"unasked {number}") for number, item in enumerate(said, 1))
    _check_names(entries, unasked)
    is_scpi = flag_at(table, "scpi", where, default=True)
    return Table(
        text_at(table, "identity", where, IDENTITY if is_scpi else ""),
        _end(table, "terminator", where) or b"\n",
        tuple(_with_sets(e, entries) for e in entries),
        unasked,
        manners,
        is_scpi,
        _end(table, "command_terminator", where),
        number_at(table, "gap_s", where, default=0.0, low=0.0, high=LONGEST_GAP_S),
    )


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


def _entry(value: object, where: str) -> Entry:
    table = table_of(value, where)
    name = text_at(table, "name", where)
    if not name:
        raise ValueError(f"{where} has no name")
    where = f"{where} ({name})"
    only_keys(table, ENTRY_KEYS, where)
    query, command = (read_template(table, key, where) for key in ("query", "command"))
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
        text_at(table, "terminator", where).encode() if "terminator" in table else None,
    )


def _unasked(value: object, where: str) -> Unasked:
    table = table_of(value, where)
    only_keys(table, QUANTITY_KEYS | {"every_s"}, where)
    every_s = number_at(
        table, "every_s", where, default=1.0, low=SHORTEST_PERIOD_S, high=LONGEST_PERIOD_S
    )
    return Unasked(read_quantity({"name": where, **table}, where), every_s)


def _end(table: dict[str, Any], key: str, where: str) -> bytes | None:
    """Return what ends messages, if the table says so."""
    if key not in table:
        return None
    end = text_at(table, key, where).encode()
    if not end:
        raise ValueError(f"{where}.{key} is empty")
    return end


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
    quantity = read_quantity(table, where)
    if quantity.type == "block" and command is not None and command.fields:
        raise ValueError(f"{where}.type is block, which is only told")
    return (quantity,)


def _field(value: object, entry: str, where: str) -> Quantity:
    table = table_of(value, where)
    only_keys(table, QUANTITY_KEYS, where)
    return read_quantity({**table, "name": f"{entry}.{text_at(table, 'name', where)}"}, where)


def _check_names(entries: tuple[Entry, ...], unasked: tuple[Unasked, ...]) -> None:
    seen: dict[str, Quantity] = {}
    for number, entry in enumerate(entries, 1):
        for quantity in entry.quantities:
            if quantity.name in seen:
                raise ValueError(f"entry {number} ({entry.name}) has the name of an earlier one")
            seen[quantity.name] = quantity
    for each in unasked:
        if each.quantity.name in seen:
            raise ValueError(f"{each.quantity.name} is the name of an entry and said unasked")
        seen[each.quantity.name] = each.quantity
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
