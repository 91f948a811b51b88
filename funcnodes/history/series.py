"""What is kept of parameters, in memory: which there are, and a stretch of one as a table.

A stretch is a table like a run's, with one column: numpy, pandas, CSV and plots are the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from funcnodes.core.values import Quality
from funcnodes.history.file import Kind, Origin
from funcnodes.history.noting import Plain
from funcnodes.runs import dataframes, forms
from funcnodes.runs.about import iso
from funcnodes.runs.export import page_lines
from funcnodes.runs.records import Column, RowPage, TableSpec

_COLUMN_KIND = {"number": "number", "switch": "bool", "text": "text"}


@dataclass(frozen=True, slots=True)
class Known:
    """A parameter of which there is a history.

    Attributes:
        first, last: When it was noted first and last, seconds since the epoch.
        value: What was noted last, None where that was no number, or nobody knew.
        ids: Its rows in the file.
        origins: Which of its values were simulated or replayed, by those rows (D7).
    """

    device: str
    member: str
    unit: str
    kind: Kind
    first: float
    last: float
    value: Any
    quality: Quality
    ids: tuple[int, ...]
    origins: tuple[Origin, ...]

    @property
    def name(self) -> str:
        return f"{self.device}.{self.member}"

    @property
    def origin(self) -> str:
        """What was no real instrument, in words, or ""."""
        return origin_of(self.origins)


@dataclass(frozen=True, slots=True)
class HistorySeries:
    """A stretch of one parameter's history, oldest first.

    Attributes:
        t: Seconds since the epoch.
        value: A number, true or false, or text; None where there was none.
        quality: Why, and how far the others can be trusted; "missing" while the device was away.
        origin: Of each: "simulated", "replayed", or "" for a real instrument (D7).
    """

    name: str
    unit: str
    kind: Kind
    t: Sequence[float]
    value: Sequence[Any]
    quality: Sequence[Quality]
    origin: Sequence[Origin]

    def __len__(self) -> int:
        return len(self.t)

    def to_numpy(self) -> dict[str, Any]:
        """Arrays by title, as `RunReader.to_numpy` has them: `row`, `time` and `elapsed` in
        seconds, then the parameter and its quality."""
        return self._gathered().arrays

    def to_pandas(self) -> Any:
        """A pandas DataFrame; `attrs["units"]` and `attrs["about"]` say the rest.

        Raises:
            RunError: pandas is missing.
        """
        return dataframes.to_pandas(self._gathered())

    def csv_lines(self) -> Iterator[str]:
        """As a run's CSV: a header that says what it is, then a row per value."""
        return page_lines(self.facts(), self.page())

    def page(self) -> RowPage:
        """As rows of a run with one column; both clocks are the clock of the wall."""
        column = Column(name=self.name, unit=self.unit, kind=_COLUMN_KIND[self.kind])
        table = TableSpec(recorder="history", name="History", columns=(column,))
        return RowPage(
            table=table, start=0, wall=self.t, mono=self.t,
            values=[self.value], quality=[self.quality],
        )  # fmt: skip

    def facts(self) -> Iterator[tuple[str, str]]:
        """What is known of it, as names and texts."""
        yield "funcnodes history", self.name
        yield "unit", self.unit or "none"
        for word in ("simulated", "replayed"):
            count = sum(origin == word for origin in self.origin)
            share = "yes" if count == len(self) else f"{count} of {len(self)} values"
            yield word, share if count else "no"
        if self.t:
            yield "from", iso(self.t[0])
            yield "to", iso(self.t[-1])
        yield "values", str(len(self))

    def _gathered(self) -> dataframes.Columns:
        page = self.page()
        columns = forms.titled(page.table, [_form(self.kind, self.value)])
        began = self.t[0] if self.t else 0.0
        arrays = forms.batch(page, began, columns)
        return dataframes.Columns(columns, dict(self.facts()), arrays)


def origin_of(origins: Sequence[Origin]) -> str:
    """ "simulated", "partly replayed", or "" where all was real."""
    words = sorted({origin for origin in origins if origin})
    partly = "partly " if "" in origins else ""
    return partly + " and ".join(words) if words else ""


def python_value(kind: Kind, value: Plain) -> Any:
    """A value as a program wants it, from what the file holds."""
    return bool(value) if kind == "switch" and value is not None else value


def _form(kind: Kind, values: Sequence[Any]) -> forms.Form:
    if kind == "number":
        return forms.Form("real")
    if kind == "switch" and None not in values:
        return forms.Form("truth")
    return forms.Form("other")
