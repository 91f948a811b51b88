"""A curve in a notebook that follows a run: `live(run)`, before its points.

Drawn anew at most a few times a second, and once at the end. Where there is no notebook nothing is
drawn, so that a script may hold it too.
"""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from funcnodes.scripting.shown import ShownRun, run_html

EVERY_S = 0.25


class LiveCurve:
    """What `live` gives; drawing it again shows how the run stands now.

    Attributes:
        drawn: How often it was drawn.
    """

    def __init__(self, run: ShownRun, x: str, y: Sequence[str], *, every_s: float) -> None:
        self.drawn = 0
        self._run, self._x, self._y, self._every_s = run, x, tuple(y), every_s
        self._display = _displayed(self)
        self._last = time.monotonic()

    def __repr__(self) -> str:
        return f"<curve of {self._run!r}>"

    def _repr_html_(self) -> str:
        return run_html(self._run, self._x, self._y)

    def follow(self) -> None:
        """A row came: draw it, unless it was drawn just now."""
        if time.monotonic() - self._last >= self._every_s:
            self.draw()

    def draw(self) -> None:
        """Draw it as it is."""
        self._last = time.monotonic()
        if self._display is not None:
            self.drawn += 1
            self._display(self)


def live(
    run: Any, x: str = "", y: str | Sequence[str] = (), *, every_s: float = EVERY_S
) -> LiveCurve:
    """Show a run in the notebook, and go on while it does.

    Args:
        x: Column across; the first number where it is not said.
        y: Column or columns; the last number where it is not said.
        every_s: It is drawn no oftener than that.
    """
    run = getattr(run, "_what", run)  # of one that blocks, the run itself
    curve = LiveCurve(run, x, (y,) if isinstance(y, str) else y, every_s=every_s)
    run.shows(curve)
    return curve


def _displayed(what: LiveCurve) -> Callable[[LiveCurve], None] | None:
    """Draw it in the notebook this runs in; how to draw it again, None where there is none."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    handle = display(what, display_id=True)  # type: ignore[no-untyped-call]  # not annotated
    return handle.update if handle is not None else None
