"""The rows that a script records: columns of the first row, or said beforehand."""

from collections.abc import Callable, Mapping
from typing import Any

from funcnodes.core import clock, units
from funcnodes.core.values import Quality
from funcnodes.devices.declarations.words import Sample
from funcnodes.errors import RunError, UnitError
from funcnodes.runs import Column
from funcnodes.runs.records import NOTHING, Cell, TableSpec
from funcnodes.runs.scripted import Append
from funcnodes.runs.table import Table
from funcnodes.scripting.measured import Measured

Begin = Callable[[TableSpec], tuple[Table, Append]]
_KINDS: dict[type, str] = {bool: "bool", str: "text", float: "number", int: "number", list: "array"}


class ScriptTable:
    """Rows of one kind within a run.

    Attributes:
        table: The rows so far; None before the first one.
    """

    def __init__(
        self, name: str, owner: str, begin: Begin, columns: Mapping[str, Any] | None = None
    ) -> None:
        self.name = name
        self.table: Table | None = None
        self._owner = owner  # how errors name it
        self._begin = begin
        self._append: Append | None = None
        if columns is not None:
            self._open([_declared(each, said) for each, said in columns.items()])

    def __repr__(self) -> str:
        return f"<rows {self.name!r}: {len(self)}>"

    def _repr_html_(self) -> str:
        from funcnodes.scripting.shown import table_html

        return table_html(self.table)

    def __len__(self) -> int:
        return len(self.table) if self.table is not None else 0

    def record(self, cells: Mapping[str, Any] | None = None, /, **named: Any) -> int:
        """Add a row. Numbers keep unit and quality; what a row leaves out is missing.

        Returns:
            Its index, from 0.

        Raises:
            RunError: It has a column that the first row had not, or nothing at all.
            UnitError: A number's unit cannot be turned into that of its column.
        """
        row = {**(cells or {}), **named}
        if not row:
            raise RunError("There is nothing to record: name the values, as in record(volts=v).")
        if self.table is None:
            self._open([Column(name=n, unit=_unit(v), kind=_kind(v)) for n, v in row.items()])
        table, append = self.table, self._append
        assert table is not None, "it has columns now"
        assert append is not None, "as it has a table"
        names = [column.name for column in table.columns]
        unknown = [name for name in row if name not in names]
        if unknown:
            raise RunError(
                f"The first row of {self._owner!r} had no {unknown[0]!r}; its columns are "
                f"{', '.join(names)}."
            )
        full = [_cell(row.get(each.name), each) for each in table.columns]
        wall, mono = clock.now(), clock.monotonic()
        append(full, wall, mono)
        return table.append(full, wall=wall, mono=mono)

    def _open(self, columns: list[Column]) -> None:
        spec = TableSpec(recorder=self.name, name=self._owner, columns=tuple(columns))
        self.table, self._append = self._begin(spec)


def _declared(name: str, said: Any) -> Column:
    """A column that is said beforehand: by its unit, or by the type of what is in it."""
    if isinstance(said, type):
        return Column(name=name, unit="", kind=_KINDS.get(said, "any"))
    return Column(name=name, unit=str(said), kind="quantity" if said else "number")


def _cell(value: Any, column: Column) -> Cell:
    quality: Quality = "ok"
    if value is None:
        return NOTHING
    if isinstance(value, Sample):
        return Cell(value.value, value.quality)
    if isinstance(value, Measured):
        quality = value.quality
        number = float(value)
        if value.unit and value.unit != column.unit:
            number = _in_unit(number, value.unit, column)
        return Cell(number, quality)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(float(value) if column.kind in ("number", "quantity") else value, quality)
    return Cell(value, quality)


def _in_unit(number: float, unit: str, column: Column) -> float:
    try:
        return float(units.conversion(unit, column.unit)(number))
    except UnitError as error:
        raise UnitError(
            f"{column.name} is recorded in {column.unit or 'plain numbers'}; {unit} does not fit."
        ) from error


def _unit(value: Any) -> str:
    return value.unit if isinstance(value, Measured) else ""


def _kind(value: Any) -> str:
    if isinstance(value, Sample):
        return _kind(value.value)
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Measured | int | float):
        return "quantity" if _unit(value) else "number"
    if isinstance(value, str):
        return "text"
    return "array" if hasattr(value, "dtype") else "any"
