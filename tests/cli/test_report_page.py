"""The report of a run in a browser: it stands by itself, runs nothing, and shows its curves."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from funcnodes.runs import Column, RunReader, RunStore, TableSpec
from funcnodes.runs.curves import curve_svg
from funcnodes.runs.records import Cell, Event
from funcnodes.runs.report import report_html
from funcnodes.runs.verdicts import EVENT, Step

from ..waiting import patience

pytestmark = pytest.mark.browser

BAD = "<img src=x onerror=alert(1)>"


def kept_run(folder: Path) -> RunReader:
    """A run of one step and three rows, with a title that would like to be a picture."""
    columns = [Column(name=n, unit=u, kind="quantity", node="n", port=n) for n, u in ("UV", "IA")]
    spec = TableSpec(recorder="r", name="Recorder", columns=tuple(columns))
    writer = RunStore(folder).create(graph={}, specs=[spec], title=BAD)
    writer.opened.result(patience())
    for n in range(3):
        writer.append(0, [Cell(float(n)), Cell(n * n / 1000)], wall=float(n), mono=float(n))
    step = Step(key=1, name=BAD, serial=BAD, kind="device", verdict="pass")
    data = {"step": msgspec.to_builtins(step)}
    writer.event(Event(wall=0.0, mono=0.0, kind=EVENT, data=data))
    head = msgspec.structs.replace(writer.head, state="complete", ended=writer.head.started)
    writer.close(head).result(patience())
    return RunReader(writer.path)


def test_the_report_shows_verdicts_and_curves_and_asks_for_nothing(
    tmp_path: Path, page: Any
) -> None:
    report = tmp_path / "report.html"
    report.write_text(report_html(kept_run(tmp_path)), encoding="utf-8")
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    url = report.as_uri()
    page.goto(url)
    assert (asked, complaints) == ([url], [])
    assert page.locator("img, script").count() == 0
    assert page.locator("dl .mark").inner_text() == "pass"
    assert page.locator("svg.curve polyline").count() == 1
    assert page.get_by_text(f"Device {BAD}").is_visible()
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
