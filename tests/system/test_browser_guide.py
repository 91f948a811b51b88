"""The steps of the guide of the browser, in a real one, in the order in which they stand there."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "browser.md"


def test_each_step_of_the_guide_does_what_stands_there(demo: Any, page: Page) -> None:
    stop = page.get_by_test_id("node").filter(has_text="Sweep").get_by_label("stop").first

    def open_an_example() -> None:
        page.goto(demo.link)
        page.get_by_test_id("open-example").first.click()
        expect(page.get_by_test_id("node").first).to_be_visible()
        assert not demo.simulator.output_is_on()

    def set_a_value() -> None:
        stop.fill("0.5 V")
        stop.press("Enter")
        expect(stop).to_have_value(re.compile("500"))
        page.get_by_test_id("canvas").click(position={"x": 5, "y": 5})
        page.keyboard.press("Control+z")
        expect(stop).to_have_value(re.compile("700"))

    def run_it() -> None:
        page.keyboard.press("Control+Enter")
        progress = page.get_by_test_id("progress")
        expect(progress).to_have_attribute("data-state", "complete", timeout=30_000)
        expect(page.get_by_test_id("plot").first).to_have_attribute("data-points", "51")
        expect(page.get_by_test_id("run-rows").first).to_have_attribute("data-kept", "51")
        demo.simulator.wait_output(False)

    def stop_everything() -> None:
        page.keyboard.press("Control+Enter")
        demo.simulator.wait_output(True)
        page.get_by_test_id("estop").click()
        demo.simulator.wait_output(False)
        ack = page.locator("[data-testid=ack][data-device=smu]")
        expect(ack).to_have_attribute("data-state", "off")

    def reset_it() -> None:
        expect(page.locator("[data-testid=ack]:not([data-state=off])")).to_have_count(0)
        page.get_by_test_id("estop-reset").click()
        expect(page.get_by_test_id("estop-record")).to_be_hidden()
        assert not demo.simulator.output_is_on()

    steps: dict[str, Callable[[], None]] = {
        "Open an example.": open_an_example, "Set a value.": set_a_value, "Run it.": run_it,
        "Stop everything.": stop_everything, "Reset it.": reset_it,
    }  # fmt: skip
    text = GUIDE.read_text(encoding="utf-8")
    assert re.findall(r"^\d\. \*\*(.*?)\*\*", text, re.MULTILINE) == list(steps)
    for step in steps.values():
        step()
