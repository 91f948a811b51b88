"""Live means what it shows: what a person sees, and what is really on the terminals (A1a)."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser

PHONE, TABLET, DESK = (390, 844), (1024, 768), (1440, 900)


def open_example(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_test_id("open-example").first.click()
    expect(page.get_by_test_id("node").first).to_be_visible()


def card(page: Page, node: str) -> Locator:
    return page.locator(f"[data-testid=node][data-node={node}]")


def mark(page: Page, node: str) -> Locator:
    """What a card says was not applied."""
    return page.locator(f"[data-testid=unapplied][data-node={node}]")


def panel(page: Page, name: str) -> None:
    """Go to a panel, where there is room for one only."""
    button = page.get_by_role("navigation", name="Panels").get_by_role("button", name=name)
    if button.is_visible():
        button.click()


def live_switch(page: Page) -> Locator:
    panel(page, "Nodes, bench")
    return page.get_by_role("switch", name="Live outside runs")


def set_number(page: Page, node: str, label: str, text: str) -> None:
    fields = card(page, node).locator("input")  # beside the field there may be its progress
    field = fields.and_(page.get_by_label(label)).first
    field.fill(text)
    field.press("Enter")


@pytest.mark.timeout(120)
def test_by_hand_marked_applied_left_and_parked_at_every_width(demo: Any, page: Page) -> None:
    """In the diode example an edit of the compliance switched the output on and ran the sweep."""
    for width, height in (PHONE, TABLET, DESK):
        page.set_viewport_size({"width": width, "height": height})
        if (width, height) == PHONE:
            open_example(page, demo.link)
        else:
            page.reload()  # it finds its place for this window
        by_hand(demo, page)
        panel(page, "Canvas")
        switch = card(page, "output").get_by_role("switch")
        expect(switch).to_have_attribute("aria-checked", "false")
        switch.click()  # as the example has it
        expect(mark(page, "output")).to_contain_text("on not applied")


def by_hand(demo: Any, page: Page) -> None:
    before = demo.simulator.ask(do="state")["smu"]["output_transitions"]
    expect(mark(page, "output")).to_contain_text("on not applied")
    expect(mark(page, "output")).to_contain_text("smu: off")
    expect(page.get_by_test_id("stop")).to_be_disabled()
    live_switch(page).click()
    panel(page, "Canvas")
    expect(page.get_by_test_id("stop")).to_be_enabled()

    # The device that is named, and nothing else.
    set_number(page, "compliance", "compliance", "10 mA")
    demo.simulator.ask(do="wait", device="smu", path="limit_a", equals=0.01, timeout_s=10)
    expect(mark(page, "compliance")).to_have_count(0)
    state = demo.simulator.ask(do="state")["smu"]
    assert (state["limit_a"], state["output"]) == (pytest.approx(0.01), False)
    assert state["output_transitions"] == before
    expect(card(page, "sweep")).to_have_attribute("data-state", "idle")

    # The switch stands as the device does; what was asked for is applied by whoever says so.
    switch = card(page, "output").get_by_role("switch")
    expect(switch).to_have_attribute("aria-checked", "false")
    mark(page, "output").get_by_role("button", name="Apply").click()
    demo.simulator.wait_output(True)
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(mark(page, "output")).to_have_count(0)
    switch.click()
    expect(mark(page, "output")).to_contain_text("off not applied")
    expect(mark(page, "output")).to_contain_text("smu: on")
    expect(switch).to_have_attribute("aria-checked", "true")
    assert demo.simulator.output_is_on()

    # Leaving offers to park; left as is nothing is written.
    live_switch(page).click()
    written = page.locator("[data-testid=written][data-device=smu]")
    expect(written).to_contain_text("Compliance")
    expect(written).to_contain_text("Output ON")
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_test_id("leave-as-is").click()
    expect(live_switch(page)).to_have_attribute("aria-checked", "false")
    assert demo.simulator.output_is_on()
    live_switch(page).click()
    panel(page, "Canvas")
    set_number(page, "compliance", "compliance", "5 mA")
    demo.simulator.ask(do="wait", device="smu", path="limit_a", equals=0.005, timeout_s=10)
    live_switch(page).click()
    page.get_by_test_id("leave-park").click()
    demo.simulator.wait_output(False)
    expect(live_switch(page)).to_have_attribute("aria-checked", "false")


def test_stop_stops_what_acts_under_live_and_the_reading_is_marked(demo: Any, page: Page) -> None:
    """Run or not: a ramp ends, the output goes off, and nothing that was read looks present."""
    open_example(page, demo.link)
    page.get_by_test_id("run").click()
    expect(page.get_by_test_id("progress")).to_have_attribute(
        "data-state", "complete", timeout=30_000
    )
    current = card(page, "read").locator("[data-port=i]")
    expect(current).to_have_attribute("data-stale", "true")
    expect(current.locator(".age")).to_have_text("output off")
    expect(current.get_by_test_id("value")).to_have_text(re.compile(r"11\.\d+"))
    decoration = "getComputedStyle(e).textDecorationStyle"
    assert current.get_by_test_id("value").evaluate(f"e => {decoration}") == "dotted"
    page.get_by_role("tab", name=re.compile("^Bench")).click()
    shown = page.get_by_label("smu", exact=True).locator(".reading[data-stale=true]")
    expect(shown.first).to_contain_text("output off")
    page.get_by_label("smu", exact=True).get_by_role("button", name="Past of Voltage").click()
    strip = page.get_by_role("group", name="Past of Voltage")
    expect(strip.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile(r"Voltage of the last 10 min, \d+ values")
    )
    strip.get_by_role("button", name="24 h").click()
    expect(strip.get_by_role("img")).to_have_attribute("aria-label", re.compile("24 h"))
    page.get_by_role("tab", name="Nodes").click()

    live_switch(page).click()
    card(page, "set_voltage").locator("header").click()
    page.get_by_role("button", name="Take the wire off voltage").click()
    mark(page, "output").get_by_role("button", name="Apply").click()
    demo.simulator.wait_output(True)
    expect(current.locator(".age")).to_have_text("earlier")
    set_number(page, "set_voltage", "voltage", "0.5 V")
    expect(mark(page, "set_voltage")).to_have_count(0)
    set_number(page, "set_voltage", "voltage", "-19 V")
    expect(card(page, "set_voltage")).to_have_attribute("data-state", "running")
    page.get_by_test_id("stop").click()
    demo.simulator.wait_output(False)
    expect(card(page, "set_voltage")).not_to_have_attribute("data-state", "running")
    state = demo.simulator.ask(do="state")["smu"]
    assert state["source_v"] == 0
    expect(mark(page, "set_voltage")).to_contain_text("smu: 0 V")


def test_two_browsers_a_stale_value_is_answered_and_taking_over_is_told(
    demo: Any, page: Page, browser: Browser
) -> None:
    """One person's 55 overwrote another's 222."""
    open_example(page, demo.link)
    context = browser.new_context(bypass_csp=True)
    try:
        other = context.new_page()
        other.goto(demo.fresh_link())
        expect(other.get_by_test_id("node").first).to_be_visible()
        mine, theirs = (card(each, "sweep").get_by_label("points").first for each in (page, other))
        mine.fill("55")  # begun, not sent
        theirs.fill("222")
        theirs.press("Enter")
        expect(theirs).to_have_value("222")
        set_number(other, "sweep", "stop", "600 mV")
        expect(card(page, "sweep").get_by_label("stop").first).to_have_value("600")
        mine.press("Enter")
        toast = page.get_by_test_id("toast")
        expect(toast).to_contain_text("has set Sweep.points to 222 meanwhile")
        expect(mine).to_have_value("222")
        expect(theirs).to_have_value("222")
        mine.fill("56")
        mine.press("Enter")
        expect(theirs).to_have_value("56")

        live_switch(page).click()
        other.locator("button.who").click()
        other.get_by_role("menuitem", name="Take the controls").click()
        for each in (page, other):
            told = each.get_by_test_id("toast").filter(has_text="took the controls over from")
            expect(told).to_be_visible()
    finally:
        context.close()
