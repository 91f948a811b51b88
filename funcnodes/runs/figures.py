"""Runs as pictures, PNG, SVG or PDF: curves, or a heat map where the rows are points of a grid.

Axes bear units. What is not ok is never part of a line: it is marked where it has a number, and
counted where it has none. What was simulated or replayed is said in the title (D7).
"""

import math
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from funcnodes.durable import replacing_by_name
from funcnodes.errors import RunError
from funcnodes.runs.about import ELAPSED, TIME
from funcnodes.runs.extras import extra
from funcnodes.runs.grids import coordinates
from funcnodes.runs.plot import columns_to_draw
from funcnodes.runs.reader import RunReader
from funcnodes.runs.records import RowPage, RunHead, as_number
from funcnodes.runs.surfaces import Surface, surface_of

POINTS = 20_000
"""About so many points of a curve are drawn, with every peak."""
MOST_CELLS = 1_000_000
"""Rows of a heat map, at most; a longer run is drawn as curves."""
_KINDS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
_AXES = ("linear", "logarithmic", "list", "time")
_CURVES = 10
"""So many curves have a legend; more have colours by value."""
_WIDTH_IN, _HEIGHT_IN, _PANEL_IN = 8.0, 4.5, 2.2
_DPI = 150
_MARKS = {"compliance": "^", "overrange": "v", "timeout": "x", "missing": "+", "stale": "s"}
_NOTHING = "There is nothing to draw: no row has numbers in both columns."


@dataclass(frozen=True, slots=True)
class FigureChoice:
    """What is drawn.

    Attributes:
        x: A column, or a clock ("elapsed", "time"); "" for the default: a heat map where the rows
            are points of a grid, else the first column.
        y: Columns; () for the default, the last one and those that share its unit.
        log: Which axes are logarithmic: "x", "y", "z" (the colours), or several letters.
    """

    x: str = ""
    y: tuple[str, ...] = ()
    log: str = ""


DEFAULT = FigureChoice()


@dataclass(frozen=True, slots=True)
class _Series:
    """One column as it is drawn: floats, NaN where there is none, and why not to trust each."""

    name: str
    unit: str
    values: Any
    quality: Any

    @property
    def label(self) -> str:
        return _plain(f"{self.name} ({self.unit})" if self.unit else self.name)


def check_figure(path: Path, choice: FigureChoice = DEFAULT) -> str:
    """The format that a picture of that name has; called before what it shall show is measured.

    Raises:
        RunError: No such format or axis, no such folder, or matplotlib is missing.
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise RunError(f"{path} is to be a picture: its name ends in .png, .svg or .pdf.")
    if set(choice.log) - set("xyz"):
        raise RunError(f"Logarithmic can be x, y and z (the colours), not {choice.log!r}.")
    if not path.parent.is_dir():
        raise RunError(f"There is no folder {path.parent} for {path.name}.")
    extra("matplotlib", what="Pictures of runs", name="plots")
    return kind


def write_figure(
    run: RunReader, path: Path, choice: FigureChoice = DEFAULT, *, recorder: str = ""
) -> None:
    """Draw one recorder of `run` into `path`, which is replaced at the end.

    Args:
        choice: What is drawn, and how.
        recorder: Name or node id of the recorder, where the run has several; else the first.

    Raises:
        RunError: As `check_figure`; the run has no such recorder or column, or nothing to draw.
        OSError: `path` cannot be written.
    """
    kind = check_figure(path, choice)
    matplotlib = extra("matplotlib", what="Pictures of runs", name="plots")
    head, k = run.head, run.recorder(recorder)
    style = {"svg.fonttype": "none", "svg.hashsalt": head.id, "axes.formatter.useoffset": False}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font lacks, and the like
        figure = _drawn(run, head, k, choice)
        about: dict[str, Any] = {"Title": _title(head)}
        about |= {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
        with replacing_by_name(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=_DPI, metadata=about)


def _drawn(run: RunReader, head: RunHead, k: int, choice: FigureChoice) -> Any:
    spec = run.specs[k]
    columns_to_draw(spec, y=choice.y)
    if run.count(k) <= MOST_CELLS and (found := _surface(run, head, k, choice)) is not None:
        surface, drawn = found
        if not choice.x:
            return _heat_maps(head, surface, drawn, choice)
        if choice.x in (drawn[0].name, drawn[1].name):
            return _families(head, surface, drawn, choice)
    x, y = columns_to_draw(spec, choice.x, choice.y)
    if not y:
        raise RunError(_NOTHING)
    page = run.thinned(0, POINTS, k=k)[0]
    series = _series(page, head)
    is_whole = len(page) == run.count(k)
    return _curves(head, series[x], [series[name] for name in y], choice, is_whole=is_whole)


def _surface(
    run: RunReader, head: RunHead, k: int, choice: FigureChoice
) -> tuple[Surface, list[_Series]] | None:
    """The grid that the rows are points of: its two axes, then what is drawn over them."""
    spec = run.specs[k]
    drawable = [c for c in spec.columns if c.kind in ("number", "quantity", "any")]
    places = [axis.name for axis in spec.axes]
    places = places or [c.name for c in drawable if c.name not in choice.y][:2]
    rest = [column for column in drawable if column.name not in places]
    if len(places) != 2 or not rest:
        return None
    names = choice.y or tuple(c.name for c in rest if c.unit == rest[-1].unit)
    series = _series(run.rows(0, MOST_CELLS, k=k), head)
    if spec.axes:
        found = _of_axes(run, k)
        return found and (found[0], [*found[1], *(series[name] for name in names)])
    surface = surface_of(series[places[0]].values, series[places[1]].values)
    if surface is None:
        return None
    if surface.is_swapped:
        places.reverse()
    return surface, [series[name] for name in (*places, *names)]


def _of_axes(run: RunReader, k: int) -> tuple[Surface, list[_Series]] | None:
    """The two axes of a scan as the run knows them, the fast one first; None where one of them has
    no numbers, or but one."""
    import numpy as np

    axes = run.specs[k].axes
    if any(axis.kind not in _AXES or axis.labels for axis in axes):
        return None
    places = run.places(k, run.count(k))
    along = [each.values.astype(float) for each in coordinates(axes, places, set())]
    if any(len(values) < 2 or not np.isfinite(values).all() for values in along):
        return None
    rows = np.full(tuple(map(len, along)), -1, dtype=np.int64)
    inside = np.flatnonzero((places >= 0).all(axis=1))
    rows[tuple(places[inside].T)] = inside  # of one cell's rows the last counts
    order = [np.argsort(values, kind="stable") for values in along]
    up, across = (values[by] for values, by in zip(along, order, strict=True))
    surface = Surface(across=across, up=up, is_swapped=True, rows=rows[np.ix_(*order)])
    series = [
        _Series(axis.name, axis.unit, np.where(at >= 0, values[at], np.nan), np.full(len(at), "ok"))
        for axis, values, at in zip(axes, along, places.T, strict=True)
    ]
    return surface, series[::-1]


def _series(page: RowPage, head: RunHead) -> Mapping[str, _Series]:
    import numpy as np

    ok = np.full(len(page), "ok")
    clocks = {TIME: np.array(page.wall, dtype=float)}
    clocks[ELAPSED] = np.array(page.mono, dtype=float) - head.started_mono
    found = {name: _Series(name, "s", values, ok) for name, values in clocks.items()}
    for column, values, quality in zip(page.table.columns, page.values, page.quality, strict=True):
        numbers = np.array([math.nan if (n := as_number(v)) is None else n for v in values])
        found[column.name] = _Series(column.name, column.unit, numbers, np.array(quality))
    return found


# ── curves ────────────────────────────────────────────────────────────────────────────────────


def _curves(
    head: RunHead, x: _Series, ys: Sequence[_Series], choice: FigureChoice, *, is_whole: bool
) -> Any:
    """One panel for each unit.

    Args:
        is_whole: Whether these are all rows, so that what is not drawn has been counted.
    """
    groups: dict[str, list[_Series]] = {}
    for y in ys:
        groups.setdefault(y.unit, []).append(y)
    figure = _figure(_HEIGHT_IN + _PANEL_IN * (len(groups) - 1))
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    lost: Counter[str] = Counter()
    drawn = 0
    for panel, group in zip(panels, groups.values(), strict=True):
        for y in group:
            drawn += _curve(panel, x, y, lost, label=y.label, log=choice.log)
        panel.set_ylabel(group[0].label if len(group) == 1 else _plain(f"({group[0].unit})"))
        _scale(panel, choice.log)
        _prefix(panel.yaxis, group)
        _prefix(panel.xaxis, [x])
        _legend(panel, is_needed=len(group) > 1)
    if not drawn:
        raise RunError(_nothing(choice.log))
    panels[-1].set_xlabel(x.label)
    _entitle(figure, panels[0], head, lost if is_whole else Counter())
    return figure


def _families(
    head: RunHead, surface: Surface, series: Sequence[_Series], choice: FigureChoice
) -> Any:
    """Against one axis of a grid, one curve for each place along the other."""
    across, up, y = series[0], series[1], series[2]
    is_across = choice.x == across.name
    x, by = (across, up) if is_across else (up, across)
    lines = surface.rows if is_across else surface.rows.T
    places = surface.up if is_across else surface.across
    figure = _figure(_HEIGHT_IN)
    panel = figure.subplots()
    lost: Counter[str] = Counter()
    colours = extra("matplotlib", what="Pictures of runs", name="plots").colormaps["viridis"]
    span = places.max() - places.min()
    drawn = 0
    for place, line in zip(places, lines, strict=True):
        rows = line[line >= 0]
        label = _plain(f"{by.name} = {place:.6g} {by.unit}".rstrip())
        colour = colours((place - places.min()) / span)
        is_named = len(places) <= _CURVES
        drawn += _curve(
            panel, _of(x, rows), _of(y, rows), lost,
            label=label if is_named else "", log=choice.log, colour=colour,
        )  # fmt: skip
    if not drawn:
        raise RunError(_nothing(choice.log))
    if len(places) > _CURVES:
        colors = extra("matplotlib.colors", what="Pictures of runs", name="plots")
        cm = extra("matplotlib.cm", what="Pictures of runs", name="plots")
        norm = colors.Normalize(places.min(), places.max())
        figure.colorbar(cm.ScalarMappable(norm, colours), ax=panel, label=by.label)
    panel.set_xlabel(x.label)
    panel.set_ylabel(y.label)
    _scale(panel, choice.log)
    _prefix(panel.yaxis, [y])
    _prefix(panel.xaxis, [x])
    _legend(panel, is_needed=len(places) <= _CURVES)
    _entitle(figure, panel, head, lost)
    return figure


def _of(series: _Series, rows: Any) -> _Series:
    return _Series(series.name, series.unit, series.values[rows], series.quality[rows])


def _curve(
    panel: Any, x: _Series, y: _Series, lost: Counter[str], *, label: str, log: str,
    colour: Any = None,
) -> int:  # fmt: skip
    """A line through what is ok, marks for the rest; how many points there are."""
    import numpy as np

    words = np.where(x.quality == "ok", y.quality, x.quality)
    is_there = np.isfinite(x.values) & np.isfinite(y.values)
    lost.update(word if word != "ok" else "not a number" for word in words[~is_there])
    for letter, series in (("x", x), ("y", y)):
        if letter in log:
            is_below = is_there & ~(series.values > 0)
            lost["not above 0"] += int(is_below.sum())
            is_there &= ~is_below
    good = is_there & (words == "ok")
    line, across = (np.where(good, each.values, np.nan) for each in (y, x))
    (made,) = panel.plot(across, line, ".-", ms=4, lw=1.2, color=colour, label=label or "_")
    for word in sorted(set(words[is_there]) - {"ok"}):
        chosen = is_there & (words == word)
        panel.plot(
            x.values[chosen], y.values[chosen], _MARKS.get(word, "x"), ms=6, mfc="none",
            mec=made.get_color(), label=f"{word} ({int(chosen.sum())})",
        )  # fmt: skip
    return int(is_there.sum())


def _scale(panel: Any, log: str) -> None:
    if "x" in log:
        panel.set_xscale("log")
    if "y" in log:
        panel.set_yscale("log")
    panel.grid(visible=True, alpha=0.3)


def _prefix(axis: Any, series: Sequence[_Series]) -> None:
    """Very small and very large numbers bear the prefixes of units: 5 µ on an axis "I (A)"."""
    import numpy as np

    numbers = np.concatenate([np.abs(each.values[np.isfinite(each.values)]) for each in series])
    largest = numbers.max(initial=0.0)
    if series[0].unit and largest and not 1e-2 <= largest < 1e4 and axis.get_scale() == "linear":
        ticker = extra("matplotlib.ticker", what="Pictures of runs", name="plots")
        axis.set_major_formatter(ticker.EngFormatter())


def _legend(panel: Any, *, is_needed: bool) -> None:
    labels = panel.get_legend_handles_labels()[1]
    if is_needed or len(labels) > 1:
        panel.legend(fontsize="small")


# ── heat maps ─────────────────────────────────────────────────────────────────────────────────


def _heat_maps(
    head: RunHead, surface: Surface, series: Sequence[_Series], choice: FigureChoice
) -> Any:
    """One panel for each column over the grid; what is not ok is blank with its mark."""
    across, up, *values = series
    figure = _figure(_HEIGHT_IN + _PANEL_IN * (len(values) - 1))
    panels = figure.subplots(len(values), 1, sharex=True, squeeze=False)[:, 0]
    lost: Counter[str] = Counter()
    for panel, each in zip(panels, values, strict=True):
        _heat_map(figure, panel, surface, each, lost, choice.log)
        panel.set_ylabel(up.label)
    panels[-1].set_xlabel(across.label)
    _entitle(figure, panels[0], head, lost)
    return figure


def _heat_map(
    figure: Any, panel: Any, surface: Surface, series: _Series, lost: Counter[str], log: str
) -> None:
    import numpy as np

    is_there = surface.rows >= 0
    cells = np.where(is_there, series.values[surface.rows], np.nan)
    words = np.where(is_there, series.quality[surface.rows], "not measured")
    good = np.isfinite(cells) & (words == "ok")
    lost.update(
        "not a number" if word == "ok" else word for word in words[~good & ~np.isfinite(cells)]
    )
    norm = "linear"
    if "z" in log:
        lost["not above 0"] += int((good & ~(cells > 0)).sum())
        good &= cells > 0
        norm = "log"
    if not good.any():
        raise RunError(_nothing(log))
    mesh = panel.pcolormesh(
        surface.across, surface.up, np.ma.masked_array(cells, ~good), shading="nearest", norm=norm
    )
    figure.colorbar(mesh, ax=panel, label=series.label)
    for word in sorted(set(words[~good]) - {"ok", "not measured"}):
        rows, columns = np.nonzero(~good & (words == word))
        panel.plot(
            surface.across[columns], surface.up[rows], _MARKS.get(word, "x"), ms=5, mfc="none",
            mec="tab:red", label=f"{word} ({len(rows)})",
        )  # fmt: skip
    _logarithmic_places(panel, surface, log)
    if panel.get_legend_handles_labels()[1]:
        panel.legend(fontsize="small")


def _logarithmic_places(panel: Any, surface: Surface, log: str) -> None:
    for letter, places in (("x", surface.across), ("y", surface.up)):
        if letter in log and not (places > 0).all():
            raise RunError(f"The axis {letter} reaches 0 or less, so it cannot be logarithmic.")
    if "x" in log:
        panel.set_xscale("log")
    if "y" in log:
        panel.set_yscale("log")


# ── around it ─────────────────────────────────────────────────────────────────────────────────


def _figure(height_in: float) -> Any:
    figure = extra("matplotlib.figure", what="Pictures of runs", name="plots")
    return figure.Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")


def _entitle(figure: Any, panel: Any, head: RunHead, lost: Counter[str]) -> None:
    figure.suptitle(_plain(_title(head)))
    panel.set_title(_plain("\n".join(_lines(head, lost))), fontsize="small", loc="left")


def _title(head: RunHead) -> str:
    what = head.title or head.nodespace
    origin = f" [{head.origin}]" if head.origin else ""
    return f"Run {head.number}{f': {what}' if what else ''}{origin}"


def _lines(head: RunHead, lost: Counter[str]) -> Iterator[str]:
    began = datetime.fromtimestamp(head.started).strftime("%Y-%m-%d %H:%M:%S")
    known = (began, head.operator, head.sample, head.bench, head.state)
    yield " · ".join(filter(None, known))
    missed = ", ".join(f"{count} {word}" for word, count in sorted(lost.items()) if count)
    if missed:
        yield f"Not drawn: {missed}."


def _nothing(log: str) -> str:
    return f"{_NOTHING[:-1]} that a logarithmic axis has room for." if log else _NOTHING


def _plain(text: str) -> str:
    """Text that is no formula for matplotlib, nor hidden from its legends."""
    shown = text.replace("\\", "\\\\") if "$" in text else text
    shown = shown.replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown
