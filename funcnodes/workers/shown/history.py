"""The past of a parameter as the page draws it: thinned here, since nobody sees more."""

from pathlib import Path
from typing import Any

from funcnodes.core import clock
from funcnodes.errors import RunError
from funcnodes.history import HistoryReader
from funcnodes.workers import schema

MOST_POINTS = 5_000
MOST_S = 3650 * 86_400.0


def history_view(path: Path, asked: schema.GetHistory) -> schema.HistoryView:
    """What is kept of a parameter for so long back; nothing where nothing is.

    Raises:
        RunError: The file cannot be read.
    """
    until = clock.now()
    since = until - min(max(asked.last_s, 1.0), MOST_S)
    name = f"{asked.device}.{asked.member}"
    empty = schema.HistoryView(name=name, since=since, until=until)
    reader = HistoryReader(path)
    if not path.is_file() or all(each.name != name for each in reader.known()):
        return empty
    points = max(10, min(asked.points, MOST_POINTS))
    try:
        found = reader.thinned(name, since=since, until=until, points=points)
    except RunError:
        if path.is_file():
            raise
        return empty
    pairs = zip(found.value, found.quality, strict=True)
    return schema.HistoryView(
        name=name, unit=found.unit, kind=found.kind, since=since, until=until, t=list(found.t),
        value=[_shown(value) if quality == "ok" else None for value, quality in pairs],
    )  # fmt: skip


def _shown(value: Any) -> float | str | None:
    return value if value is None or isinstance(value, str) else float(value)
