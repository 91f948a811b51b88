"""The first minute, in a real browser on the real demo."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from funcnodes.runs import RunStore

from .test_estop_in_sight import check

pytestmark = pytest.mark.browser


def points(page: Page) -> int:
    return int(page.get_by_test_id("plot").first.get_attribute("data-points") or 0)


def open_example(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_test_id("open-example").first.click()
    expect(page.get_by_test_id("node").first).to_be_visible()


def run_to_the_end(page: Page) -> None:
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("progress")).to_have_attribute(
        "data-state", "complete", timeout=30_000
    )


def test_from_the_link_to_a_curve_an_emergency_stop_and_the_same_state_after_a_reload(
    demo: Any, page: Page
) -> None:
    """The whole way: browser, server, worker, driver, socket, simulator, and back."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    open_example(page, demo.link)
    assert "token" not in page.url

    run_to_the_end(page)
    expect(page.get_by_test_id("plot").first).to_have_attribute("data-points", re.compile("5[1-9]"))
    demo.simulator.wait_output(False)
    rows = page.get_by_test_id("run-rows").first
    expect(rows).to_have_attribute("data-kept", "51")  # R4: all of them are on disk for good

    page.keyboard.press("Control+Enter")
    demo.simulator.wait_output(True)
    expect(page.get_by_test_id("run-row")).to_have_count(2)
    kept = page.get_by_test_id("run-rows").first
    expect(kept).to_have_attribute("data-kept", re.compile("[1-9]"))  # there is what to go on with
    page.get_by_test_id("estop").click()
    demo.simulator.wait_output(False, timeout_s=2)
    ack = page.locator("[data-testid=ack][data-device=smu]")
    expect(ack).to_have_attribute("data-state", "off")
    expect(page.get_by_test_id("progress")).to_have_attribute("data-state", "aborted")
    sweep = page.get_by_test_id("node").filter(has=page.get_by_role("heading", name="Sweep"))
    expect(sweep.locator("header .st")).to_have_text("stopped")
    expect(sweep.get_by_role("button", name="Retry")).to_have_count(0)
    page.wait_for_timeout(500)  # what came before the stop is drawn by then
    seen = points(page)

    page.reload()
    expect(page.get_by_test_id("estop-record")).to_be_visible()
    expect(page.locator("[data-testid=ack][data-device=smu]")).to_have_attribute(
        "data-state", "off"
    )
    expect(page.get_by_test_id("plot").first).to_have_attribute("data-points", str(seen))
    assert not demo.simulator.output_is_on()
    assert not demo.simulator.ask(do="state")["dut"]["damaged"]

    waiting = page.locator("[data-testid=ack]:not([data-state=off])")
    expect(waiting).to_have_count(0)  # a reset before the last word of a device is refused
    page.get_by_test_id("estop-reset").click()
    expect(page.get_by_test_id("estop-record")).to_be_hidden()
    assert not demo.simulator.output_is_on()

    page.get_by_role("button", name="Continue run 2").click()
    again = page.get_by_test_id("continue-again")
    expect(again).to_contain_text("Set compliance: smu.compliance = 20 mA")
    expect(again.get_by_role("listitem")).to_have_count(3)
    check(page, "how a run goes on")
    page.get_by_test_id("continue-now").click()
    expect(page.get_by_test_id("progress")).to_have_attribute(
        "data-state", "complete", timeout=30_000
    )
    expect(page.get_by_test_id("run-row").first).to_contain_text("↳ run 2")
    expect(page.get_by_role("button", name="Continue run 2")).to_have_count(0)
    demo.simulator.wait_output(False)
    runs = RunStore(demo.config_dir / "workers" / demo.worker / "runs")
    assert len(runs.find("3").to_numpy()["V"]) == 51
    assert errors == []


def test_a_changed_value_is_used_saved_undone_and_never_written_to_a_device(
    demo: Any, page: Page
) -> None:
    open_example(page, demo.link)
    stop = page.get_by_test_id("node").filter(has_text="Sweep").get_by_label("stop").first
    stop.fill("0.5 V")
    stop.press("Enter")
    expect(stop).to_have_value(re.compile("500"))
    sent = len(demo.simulator.ask(do="commands", device="smu")["commands"])
    page.get_by_test_id("canvas").click(position={"x": 5, "y": 5})
    page.keyboard.press("Control+z")
    expect(stop).to_have_value(re.compile("700"))
    page.keyboard.press("Control+Shift+z")
    expect(stop).to_have_value(re.compile("500"))
    assert len(demo.simulator.ask(do="commands", device="smu")["commands"]) == sent
    page.reload()
    expect(stop).to_have_value(re.compile("500"))


def test_an_opened_example_is_seen_whole_with_the_wire_around_its_left_side(
    demo: Any, page: Page
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    open_example(page, demo.link)
    expect(page.locator(".react-flow__edge")).to_have_count(9)
    page.wait_for_function(
        """() => {
            const frame = document.querySelector('[data-testid=canvas]').getBoundingClientRect();
            const drawn = document.querySelectorAll('.react-flow__edge .wire, [data-testid=node]');
            return [...drawn].every((each) => {
                const box = each.getBoundingClientRect();
                return box.left >= frame.left && box.right <= frame.right
                    && box.top >= frame.top && box.bottom <= frame.bottom;
            });
        }"""
    )


def test_the_browser_goes_and_comes_back_during_a_run_without_gap_or_duplicate(
    demo: Any, page: Page
) -> None:
    open_example(page, demo.link)
    page.keyboard.press("Control+Enter")
    demo.simulator.wait_output(True)
    page.goto("about:blank")
    page.goto(demo.url)
    expect(page.get_by_test_id("progress")).to_have_attribute(
        "data-state", "complete", timeout=30_000
    )
    expect(page.get_by_test_id("plot").first).to_have_attribute("data-points", "51")


def test_without_a_token_the_page_shows_how_to_sign_in_and_nothing_else(
    demo: Any, page: Page
) -> None:
    page.goto(demo.url)
    expect(page.get_by_text("funcnodes link")).to_be_visible()
    expect(page.get_by_test_id("node")).to_have_count(0)


def test_a_cold_start_reaches_fifty_plotted_points(start: Callable[[], Any], page: Page) -> None:
    """From the command to the curve; `benchmarks/cold_start.py` measures how long it takes."""
    began = time.monotonic()
    open_example(page, start().link)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("plot").first).to_have_attribute(
        "data-points", re.compile("^5[0-9]$"), timeout=40_000
    )
    assert time.monotonic() - began < 40


def test_nothing_in_the_bar_pushes_the_emergency_stop_out_of_sight(demo: Any, page: Page) -> None:
    """The longest words that the bar ever holds stand there while a run is paused."""
    open_example(page, demo.link)
    page.get_by_test_id("run").click()
    page.get_by_test_id("pause").click()
    expect(page.get_by_test_id("progress")).to_have_attribute("data-state", "paused")
    for width in (1440, 1280, 1100):
        page.set_viewport_size({"width": width, "height": 800})
        box = page.locator(".topbar").get_by_test_id("estop").bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
    page.get_by_test_id("stop").click()
