"""The report of a run in a browser: it stands by itself, runs nothing, and shows its curves."""

from pathlib import Path
from typing import Any

import pytest

from funcnodes.runs.curves import curve_svg

pytestmark = pytest.mark.browser

GRAPH = Path(__file__).parents[2] / "docs" / "guides" / "go-no-go.json"


def test_the_report_shows_verdicts_and_curves_and_asks_for_nothing(
    command: Any, tmp_path: Path, page: Any
) -> None:
    done = command(
        "run", GRAPH, "--set", "diodes.serials=<img src=x onerror=alert(1)>",
        "--set", "sweep.points=3", "--set", "set_blocking_voltage.value=-0.1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert command("runs", "report", "latest", "--html", "report.html").returncode == 0
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    url = (tmp_path / "report.html").as_uri()
    page.goto(url)
    assert (asked, complaints) == ([url], [])
    assert page.locator("img, script").count() == 0
    assert page.locator("dl .mark").inner_text() == "pass"
    assert page.locator("svg.curve polyline").count() == 1
    assert page.get_by_text("Device <img src=x onerror=alert(1)>").is_visible()
    box = page.locator("svg.curve polyline").bounding_box()
    assert box["width"] > 100
    assert box["height"] > 50
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.pdf(prefer_css_page_size=True)[:5] == b"%PDF-"


def test_a_curve_has_gaps_where_there_is_no_number_and_a_dot_for_a_single_one() -> None:
    drawn = curve_svg(
        [0, 1, 2, 3, 4], [1.0, 2.0, None, 5.0, None],
        x_title="<x>", y_title="y", x_unit="", y_unit="V",
    )  # fmt: skip
    assert drawn.count("<polyline") == drawn.count("<circle") == 1
    assert "&lt;x&gt;" in drawn
    assert curve_svg([None], [1.0], x_title="x", y_title="y", x_unit="", y_unit="") == ""
