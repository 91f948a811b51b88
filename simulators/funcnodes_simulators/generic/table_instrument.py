"""The instrument that a `table` describes: settings remember, measurements answer, limits hold.

What the table does not know is looked for among the commands that every SCPI instrument has, and
mistakes end in its error queue. It has no physics: a measurement follows a setting, or stays as it
is.
"""

from collections.abc import Iterator
from pathlib import Path

from funcnodes_simulators.generic.table import (
    Entry,
    Quantity,
    Table,
    read_table,
    read_table_file,
)
from funcnodes_simulators.generic.templates import Value
from funcnodes_simulators.instruments.models import Model, Setting, Setup
from funcnodes_simulators.instruments.simple import ScpiInstrument
from funcnodes_simulators.physics import World
from funcnodes_simulators.scpi import Execution, ScpiError
from funcnodes_simulators.scpi.messages import split_message


class TableInstrument(ScpiInstrument):
    """The instrument: hand it messages by `execute`."""

    input_limit_bytes = 1 << 16

    def __init__(self, world: World, table: Table, *, serial: str = "SIM0001") -> None:
        self._world = world
        self._table = table
        self.terminator = table.terminator
        self.gap_s = table.gap_s
        identity = table.identity.replace("{serial}", serial)
        self._quantities = {q.name: q for entry in table.entries for q in entry.quantities}
        super().__init__(identity)

    def execute(self, message: str) -> Execution:
        """Carry out a message: what the table has, then what all SCPI instruments know."""
        replies: list[bytes] = []
        try:
            units = split_message(message)
        except ScpiError as error:
            self.scpi.status.report(error)
            return None
        for unit in units:
            found = next(self._fitting(unit), None)
            if found is None:
                reply = yield from self.scpi.execute(unit)
            else:
                entry, values = found
                yield entry.busy_s
                reply = self._do(entry, values)
            if reply is not None:
                replies.append(reply)
        return b";".join(replies) if replies else None

    def state(self) -> dict[str, object]:
        return {"model": "table", **{name: self._value(q) for name, q in self._quantities.items()}}

    def reset(self) -> None:
        self._values = {name: quantity.default for name, quantity in self._quantities.items()}

    def _fitting(self, unit: str) -> Iterator[tuple[Entry, dict[str, str] | None]]:
        """Yield the entry that a query or a command is, with the values of the command."""
        for entry in self._table.entries:
            if entry.query is not None and entry.query.texts(unit) is not None:
                yield entry, None
            if entry.command is not None and (values := entry.command.texts(unit)) is not None:
                yield entry, values

    def _do(self, entry: Entry, texts: dict[str, str] | None) -> bytes | None:
        if texts is None:
            return entry.separator.join(self._read(q) for q in entry.quantities).encode()
        try:
            if "v" in texts:
                quantity = entry.quantities[0]
                self._values[quantity.name] = quantity.parse(texts["v"].strip())
        except ScpiError as error:
            self.scpi.status.report(error)
            return None
        self._values.update(entry.sets)
        return None

    def _read(self, quantity: Quantity) -> str:
        value = self._value(quantity)
        if quantity.noise and isinstance(value, float):
            value += self._world.noise(quantity.noise)
        return quantity.written(value)

    def _value(self, quantity: Quantity) -> Value:
        return self._values[quantity.follows or quantity.name]


def _setting(value: object, folder: Path) -> Table:
    if isinstance(value, str) and "\0" not in value:
        try:
            return read_table_file(folder / value)
        except ValueError as error:
            raise ValueError(f"is wrong: {error}") from None
    try:
        return read_table(value)
    except ValueError as error:
        raise ValueError(f"is wrong: {error}") from None


def _build(setup: Setup) -> TableInstrument:
    return TableInstrument(setup.world, setup.settings["table"], serial=setup.serial)


MODEL = Model(_build, settings=(Setting("table", _setting, is_required=True),))
