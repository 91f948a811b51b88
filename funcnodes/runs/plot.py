"""The XY plot: chooses columns of a recorder's rows; drawing them is the page's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from funcnodes.core import Node, NodeInput, Rows
from funcnodes.errors import RunError, SavedGraphError
from funcnodes.runs.about import CLOCKS, ELAPSED
from funcnodes.runs.recorder import RowsSource
from funcnodes.runs.records import Column, TableSpec


@dataclass(frozen=True, slots=True)
class PlotChoice:
    """What is drawn: columns by name, and the text at the axes.

    Attributes:
        recorder: Id of the recorder that feeds the plot, or of a stream of it; "" while none does.
    """

    recorder: str
    x: str
    y: tuple[str, ...]
    x_label: str
    y_label: str


class XYPlot(Node):
    """Draws columns of a recorder against each other, point by point.

    Without a choice, the first column is x, and the last one is y, together with the columns
    that have its unit. A column that a monitor feeds is drawn over time, with others of its stream.
    """

    node_id = "plot.xy"
    node_name = "XY plot"
    description = __doc__ or ""
    icon = "plot"
    words: ClassVar[tuple[str, ...]] = ("plot", "graph", "chart", "curve", "draw", "scatter")
    default_policy = "settled"
    body = "plot"

    rows = NodeInput(type=Rows, description="Rows of a recorder.")

    x = ""
    y: tuple[str, ...] = ()

    def func(self, rows: Any) -> None:
        """Nothing to compute: whoever shows the plot follows the rows."""

    def choose(self, x: str, y: list[str]) -> None:
        """Choose columns by name; "" and [] go back to the defaults."""
        self.x, self.y = x, tuple(y)
        self._note()

    def column_renamed(self, before: str, name: str) -> None:
        """A column that it may draw is called otherwise from now on."""
        if before == self.x or before in self.y:
            x = name if self.x == before else self.x
            self.choose(x, [name if each == before else each for each in self.y])

    def choice(self) -> PlotChoice:
        """What is drawn now, with the defaults filled in."""
        recorder = self._recorder()
        key, columns = _table_of(recorder, (*self.y, self.x))
        x, y = choose_columns(columns, self.x, self.y)
        named = {column.name: column for column in columns}
        return PlotChoice(
            recorder=key,
            x=x,
            y=y,
            x_label=_label([named[x]] if x in named else []),
            y_label=_label([named[name] for name in y if name in named]),
        )

    def _recorder(self) -> RowsSource | None:
        feeding = [source.node for source in self.rows.sources]
        return next((node for node in feeding if isinstance(node, RowsSource)), None)

    def saved_extra(self) -> dict[str, Any]:
        return {key: value for key, value in (("x", self.x), ("y", list(self.y))) if value}

    def restore_extra(self, data: Mapping[str, Any]) -> None:
        x, y = data.get("x", ""), data.get("y", [])
        if not isinstance(x, str) or not isinstance(y, list):
            raise SavedGraphError(f"{self.name}: x is to be a column name, y a list of them.")
        self.x, self.y = x, tuple(str(name) for name in y)


class HeatMap(XYPlot):
    """Draws one column of a recorder as colour over two others: the map of a grid scan.

    Each place of the scan is a cell; empty ones, and those that are not ok, are told apart. A line
    through the cursor shows what is measured along it. Without a choice, x is the fastest axis of
    the scan, y the one around it, and the colour is the last column.
    """

    node_id = "plot.heat"
    node_name = "Heat map"
    description = __doc__ or ""
    icon = "plot"
    words = ("map", "image", "2d", "grid", "colour", "color", "contour", "surface", "plot")
    body = "map"

    def choice(self) -> PlotChoice:
        """What is chosen; of `y`, the first is the other axis and the second the colour.

        "" stays: what is drawn then is said by the run (see `maps.map_columns`).
        """
        y, z = (*self.y, "", "")[:2]
        key, columns = _table_of(self._recorder(), (*self.y, self.x))
        named = {column.name: column for column in columns}
        labels = [_label([named[name]] if name in named else []) for name in (self.x, y)]
        return PlotChoice(key, self.x, (y, z), *labels)


def _table_of(
    recorder: RowsSource | None, wanted: tuple[str, ...]
) -> tuple[str, tuple[Column, ...]]:
    """Key and columns of the points, or of the stream that has the first wanted column."""
    tables = recorder.tables() if recorder is not None else [("", ())]
    for name in wanted:
        for key, columns in tables:
            if any(column.name == name for column in columns):
                return key, columns
    return next((table for table in tables if table[1]), tables[0])


def choose_columns(
    columns: tuple[Column, ...], x: str = "", y: tuple[str, ...] = ()
) -> tuple[str, tuple[str, ...]]:
    """Names of the columns to draw: those asked for, else the defaults."""
    drawable = [column for column in columns if column.kind in ("number", "quantity", "any")]
    if not drawable:
        return x, y
    names = {column.name for column in columns}
    x = x if x in names else ""
    y = tuple(name for name in y if name in names)
    x = x or next((c.name for c in drawable if c.name not in y), drawable[0].name)
    if not y:
        rest = [column for column in drawable if column.name != x]
        y = tuple(column.name for column in rest if column.unit == rest[-1].unit)
    return x, y


def columns_to_draw(
    spec: TableSpec, x: str = "", y: tuple[str, ...] = ()
) -> tuple[str, tuple[str, ...]]:
    """Names of what is drawn of recorded rows: those asked for, else the defaults; against the
    clock where there is but one column. () for y where nothing is a number.

    Args:
        x: A column, or a clock ("elapsed", "time").

    Raises:
        RunError: There is no such column.
    """
    known = [column.name for column in spec.columns]
    for name in filter(None, (x, *y)):
        if name not in known and (name not in CLOCKS or name in y):
            raise RunError(f"{spec.name} has no column {name!r}; it has {', '.join(known)}.")
    is_clock = x in CLOCKS and x not in known
    column, y = choose_columns(spec.columns, "" if is_clock else x, y)
    if not y and column in known:
        return x if is_clock else ELAPSED, (column,)
    return x if is_clock else column, y


def _label(columns: list[Column]) -> str:
    """ "V (V)", "V1, V2 (V)"; units only where all agree."""
    names = ", ".join(column.name for column in columns)
    units = {column.unit for column in columns}
    unit = units.pop() if len(units) == 1 else ""
    return f"{names} ({unit})" if unit else names
