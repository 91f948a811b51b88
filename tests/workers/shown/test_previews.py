"""What cards show of values whose class brings a preview of its own."""

import pytest

from funcnodes.core import previews
from funcnodes.workers.shown import views


class Trace:
    """Somebody's class."""

    points = (1, 2, 3)


def test_a_card_shows_what_the_plugin_says_of_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "_by_class", {})
    previews.add_preview(Trace, lambda trace: f"{len(trace.points)} points {'.' * 10_000}")
    shown = views.preview(Trace())
    assert shown.startswith("3 points")
    assert len(shown) == views.TEXT_SHOWN
