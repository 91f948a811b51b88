"""E-STOP is on screen on every page, at every width from 360 px up, whatever else is there."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from funcnodes.machine.presence import Presence

pytestmark = pytest.mark.browser

WINDOWS = [
    (360, 640), (390, 844), (768, 1024), (1024, 768), (1440, 900),  # as they are held
    (640, 360), (844, 390), (1024, 480),  # phones on their side
]  # fmt: skip
LONG = "A measurement whose name was never meant for a telephone (third attempt)"

IN_SIGHT = """() => [...document.querySelectorAll('[data-testid=estop]')].some((button) => {
    const box = button.getBoundingClientRect();
    const hits = (x, y) => button.contains(document.elementFromPoint(x, y));
    return box.width >= 90 && box.height >= 30
        && box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight
        && hits(box.left + 6, box.top + 6) && hits(box.right - 6, box.bottom - 6)
        && hits(box.left + box.width / 2, box.top + box.height / 2);
})"""
WIDER = "document.documentElement.scrollWidth > innerWidth"


def windows(page: Page) -> Iterator[str]:
    for width, height in WINDOWS:
        page.set_viewport_size({"width": width, "height": height})
        yield f"{width} × {height}"


def check(page: Page, what: str) -> None:
    """In each window: a whole E-STOP that can be hit, and a page that does not scroll sideways."""
    for window in windows(page):
        page.wait_for_function(IN_SIGHT, timeout=5000)
        assert not page.evaluate(WIDER), f"{what} is wider than {window}"


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """The test asks the page from outside, which its own policy forbids."""
    return {**browser_context_args, "bypass_csp": True}


def rename(page: Page, menu: Any, item: str, name: str) -> None:
    menu.click()
    page.get_by_role("menuitem", name=item).click()
    page.get_by_role("dialog").locator("input").fill(name)
    page.get_by_role("dialog").locator("input").press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_on_the_start_page_and_in_the_editor_during_a_run_and_after_a_stop(
    demo: Any, page: Page
) -> None:
    page.goto(demo.link)
    expect(page.get_by_test_id("open-example").first).to_be_visible()
    check(page, "the start page")

    page.get_by_test_id("open-example").first.click()
    expect(page.get_by_test_id("node").first).to_be_visible()
    rename(page, page.get_by_test_id("nodespace"), "Rename", LONG)
    expect(page.get_by_test_id("nodespace")).to_contain_text(LONG)
    rename(page, page.get_by_role("button", name="People"), "Set your name", LONG)
    check(page, "the editor")

    page.get_by_test_id("run").click()
    page.get_by_test_id("pause").click()
    expect(page.get_by_test_id("progress")).to_have_attribute("data-state", "paused")
    check(page, "the editor in a paused run")

    page.get_by_test_id("nodespace").click()
    check(page, "the editor with a menu open")
    page.keyboard.press("Escape")
    for panel in ("Nodes, bench", "Details", "Data, log", "Canvas"):
        page.set_viewport_size({"width": 360, "height": 640})
        page.get_by_role("button", name=panel, exact=True).click()
        check(page, panel)

    page.set_viewport_size({"width": 360, "height": 640})
    page.locator("[data-testid=estop]").first.click()
    expect(page.locator("[data-testid=ack][data-state=off]").first).to_be_visible()
    check(page, "the record of an E-STOP")

    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("tab", name="Log").click()
    page.get_by_role("button", name="Safety only").click()
    lines = page.get_by_role("region", name="Log lines").locator("tbody tr")
    expect(lines.filter(has_text="E-STOP by")).to_have_count(1)
    expect(lines.filter(has_text="smu is off, read back")).to_have_count(1)
    expect(lines.filter(has_text=re.compile("^run"))).to_have_count(0)


def check_dialog(page: Page) -> None:
    expect(page.get_by_role("dialog")).to_be_visible()
    check(page, "a dialog")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_inside_every_modal_dialog(demo: Any, page: Page) -> None:
    page.goto(demo.link)
    page.get_by_test_id("open-example").first.click()
    expect(page.get_by_test_id("node").first).to_be_visible()
    page.keyboard.press("?")
    check_dialog(page)
    page.get_by_test_id("safety-line").click()
    check_dialog(page)
    page.get_by_test_id("nodespace").click()
    page.get_by_role("menuitem", name="New nodespace").click()
    check_dialog(page)

    page.set_viewport_size({"width": 360, "height": 640})
    page.get_by_test_id("safety-line").click()
    page.get_by_role("dialog").get_by_test_id("estop").click()
    expect(page.locator("[data-testid=ack][data-state=off]")).to_have_count(2)


def test_the_button_names_what_it_stops_and_the_plan_what_it_cannot_reach(
    demo: Any, page: Page
) -> None:
    """S4: a script beside the worker has a bench of its own."""
    script = Presence("program", "measuring.py", lambda question, say: None)
    script.begin()
    try:
        page.goto(demo.link)
        page.get_by_test_id("open-example").first.click()
        expect(page.get_by_test_id("node").first).to_be_visible()
        button = page.get_by_test_id("estop").first
        expect(button).to_have_attribute("title", re.compile(r"worker \w+ \(smu, tc\)"))
        page.get_by_test_id("safety-line").click()
        scope = page.get_by_test_id("estop-scope")
        expect(scope).to_contain_text("Program measuring.py")
        expect(scope).to_contain_text("funcnodes estop")
        check(page, "the plan")
    finally:
        script.end()


def test_without_a_worker_and_it_says_what_became_of_a_press(demo: Any, page: Page) -> None:
    page.goto(demo.link)
    expect(page.get_by_test_id("open-example").first).to_be_visible()
    stopped = page.evaluate(
        """async (path) => (await fetch(path, {method: "POST", body: "{}",
            headers: {"content-type": "application/json"}})).status""",
        f"/api/workers/{demo.worker}/stop",
    )
    assert stopped == 200
    expect(page.get_by_test_id("lost")).to_be_visible()
    check(page, "the start page without a connection")
    page.reload()
    expect(page.get_by_test_id("estop")).to_be_visible()
    check(page, "the page that waits for a worker")
    page.get_by_test_id("estop").click()
    expect(page.get_by_test_id("estop-record")).to_contain_text("Switch the outputs off by hand.")
    check(page, "the page that waits for a worker, after a press")
