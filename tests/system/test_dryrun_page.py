"""A dry run from the page, and the verdicts of the test that is then run."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from funcnodes.runs import RunStore
from funcnodes.runs.dryrun import Evidence

from .test_accessibility import check_both_themes
from .test_estop_in_sight import check

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """axe is put into the page by the test, which the page's own policy forbids."""
    size = {"width": 1440, "height": 900}
    return {
        **browser_context_args,
        "bypass_csp": True,
        "reduced_motion": "reduce",
        "viewport": size,
    }


def too_far() -> dict[str, Any]:
    """The diode's sweep, to a voltage that the instrument cannot give."""
    text = (ROOT / "funcnodes" / "examples" / "diode_iv.json").read_text()
    graph: dict[str, Any] = json.loads(text)
    sweep = next(node for node in graph["nodes"] if node["name"] == "Sweep")
    sweep["io"]["stop"]["value"] = 900e3
    return graph


def look(page: Page, what: str) -> None:
    check(page, what)
    page.set_viewport_size({"width": 390, "height": 844})
    check_both_themes(page)
    page.set_viewport_size({"width": 1440, "height": 900})
    check_both_themes(page)


def test_the_page_tries_a_test_dry_shows_what_is_wrong_and_then_its_verdicts(
    demo: Any, page: Page, tmp_path: Path
) -> None:
    """What is refused leads to its node; the evidence can be kept; the verdict has its steps."""
    folder = demo.config_dir / "workers" / demo.worker
    go = (ROOT / "docs" / "guides" / "go-no-go.json").read_text()
    (folder / "nodespaces" / "Go.json").write_text(go)
    (folder / "nodespaces" / "Far.json").write_text(json.dumps(too_far()))
    page.goto(demo.link)
    page.get_by_role("button", name="Far", exact=True).click()
    expect(page.get_by_test_id("node").first).to_be_visible()
    report = page.get_by_test_id("dry-run")

    page.get_by_test_id("dry-run-button").focus()
    page.keyboard.press("Enter")
    expect(report).to_have_attribute("data-state", "told", timeout=60_000)
    expect(page.get_by_test_id("dry-outcome")).to_contain_text("Would be refused")
    refused = page.get_by_test_id("dry-refused")
    expect(refused).to_contain_text("900 V is outside −20 to 20 V")
    look(page, "a refused dry run")
    page.set_viewport_size({"width": 390, "height": 844})
    refused.get_by_role("button", name="Show Sweep").first.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".react-flow__node.selected")).to_contain_text("Sweep")
    expect(page.locator(".react-flow__node.selected")).to_be_in_viewport()

    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_test_id("nodespace").click()
    page.get_by_role("menuitem", name="Go", exact=True).click()
    expect(page.get_by_text("Leakage", exact=True).first).to_be_visible()
    page.get_by_test_id("dry-run-button").click()
    expect(page.get_by_test_id("dry-outcome")).to_have_attribute(
        "data-fine", "true", timeout=60_000
    )
    expect(page.get_by_test_id("dry-figures")).to_contain_text("Writes")
    expect(page.get_by_test_id("dry-devices")).to_contain_text("limits")
    expect(page.get_by_test_id("dry-writes").get_by_role("listitem").first).to_contain_text("smu")
    expect(page.get_by_test_id("dry-end")).to_contain_text("smu.output")
    look(page, "a dry run")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Evidence").click()
    saved.value.save_as(tmp_path / "e.json")
    assert Evidence.load(tmp_path / "e.json").report.is_fine
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert RunStore(folder / "runs").list() == []

    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("progress")).to_have_attribute(
        "data-state", "complete", timeout=60_000
    )
    verdict = page.get_by_test_id("run-verdict").first
    expect(verdict).to_have_accessible_name("Verdict of run 1: Pass")
    verdict.press("Enter")
    judged = page.get_by_test_id("verdicts")
    expect(judged.get_by_test_id("step").first).to_contain_text("Device")
    expect(judged.get_by_test_id("check").first).to_contain_text("limits")
    look(page, "verdicts")
    link = page.get_by_role("link", name="Report").get_attribute("href")
    answer = page.request.get(f"{demo.url.rstrip('/')}{link}")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "Measured values" in answer.text()
