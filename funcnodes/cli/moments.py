"""Moments as people say them: "2h" ago, "2026-11-30", "14:30"."""

import re
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from funcnodes.core import clock

if TYPE_CHECKING:
    from funcnodes.runs import RunHead

_SECONDS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.IGNORECASE)
_MOST_S = 1e10


def seconds(text: str, option: str) -> float:
    """A length of time, as "90s", "10 min", "2h", "7d" or "2w", in seconds.

    Raises:
        UsageError: It is none; names the option.
    """
    match = _SPAN.fullmatch(text)
    unit = match[2].lower() if match else ""
    if match is None or unit not in _SECONDS or not 0 < float(match[1]) * _SECONDS[unit] < _MOST_S:
        raise typer.BadParameter(
            f"{option} takes a length of time like 90s, 10min, 2h or 7d, not {text!r}."
        )
    return float(match[1]) * _SECONDS[unit]


def moment(text: str, option: str) -> float:
    """A moment: so long ago ("2h"), a day or time of the local clock, or "14:30" of today.

    Returns:
        Seconds since the epoch.

    Raises:
        UsageError: It is none; names the option.
    """
    if _SPAN.fullmatch(text):
        return clock.now() - seconds(text, option)
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text.strip()):
            today = datetime.fromtimestamp(clock.now()).date().isoformat()
            return datetime.fromisoformat(f"{today} {text.strip().zfill(5)}").timestamp()
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise typer.BadParameter(
            f"{option} takes how long ago (2h, 7d) or a time (2026-11-30, '2026-11-30 14:00', "
            f"14:00), not {text!r}."
        ) from None


def local(wall: float) -> str:
    """A moment on the local clock, to the second."""
    return datetime.fromtimestamp(wall).strftime("%Y-%m-%d %H:%M:%S")


def took(head: "RunHead") -> str:
    """How long a run took: "3.2 s", "5 min 2 s", "1 h 20 min"."""
    if head.ended is None:
        return "–"
    seconds = head.ended - head.started
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
