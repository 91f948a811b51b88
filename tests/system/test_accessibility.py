"""axe-core finds nothing at WCAG 2.2 AA, light and dark, on each page of the editor."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from .conftest import restart_with

pytestmark = pytest.mark.browser
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """axe is put into the page by the test, which the page's own policy forbids. The window is
    large enough for a canvas at 100 %, since targets are measured as they are drawn."""
    size = {"width": 1800, "height": 1200}
    return {
        **browser_context_args,
        "bypass_csp": True,
        "reduced_motion": "reduce",
        "viewport": size,
    }


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{n['failureSummary']}: {n['html'][:160]}" for v in found for n in v["nodes"]]


def check_both_themes(page: Page) -> None:
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert violations(page) == [], theme


def test_no_violation_on_the_start_page_in_the_editor_and_after_an_emergency_stop(
    demo: Any, page: Page
) -> None:
    page.goto(demo.link)
    expect(page.get_by_test_id("open-example").first).to_be_visible()
    check_both_themes(page)

    page.get_by_test_id("open-example").first.click()
    expect(page.get_by_test_id("node").first).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("progress")).to_have_attribute(
        "data-state", "complete", timeout=30_000
    )
    page.get_by_test_id("node").nth(2).click(position={"x": 60, "y": 12})
    check_both_themes(page)

    page.keyboard.press("Control+.")
    expect(page.locator("[data-testid=ack][data-state=off]").first).to_be_visible()
    check_both_themes(page)


def test_a_signed_out_page_has_no_violation(demo: Any, page: Page) -> None:
    page.goto(demo.url)
    expect(page.get_by_text("funcnodes link")).to_be_visible()
    check_both_themes(page)


def test_no_violation_in_what_is_shown_of_alarms_the_plan_and_the_traffic(
    demo: Any, page: Page
) -> None:
    bench = demo.config_dir / "workers" / demo.worker / "bench.toml"
    bench.write_text(f'before_run = ["sample"]\n{bench.read_text()}')
    restart_with(demo, page, real=True)
    page.get_by_role("tab", name="Bench").click()
    expect(page.get_by_test_id("interlock")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Past of")).first.click()
    expect(page.get_by_test_id("history").get_by_role("img")).to_be_visible()
    page.get_by_role("tab", name="Instrument traffic").click()
    expect(page.get_by_test_id("traffic-row").first).to_be_visible()
    page.get_by_role("button", name="Hold view").click()
    page.keyboard.press("Control+Enter")
    sample = page.get_by_role("region", name="Next run").get_by_label("Sample")
    expect(sample).to_be_focused()  # which the bench asks for
    check_both_themes(page)
    page.keyboard.type("W7")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    check_both_themes(page)
