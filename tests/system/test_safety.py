"""Alarms, interlocks and the plan for each cause, in a real browser on the real demo."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .conftest import restart_with

pytestmark = pytest.mark.browser


def add(page: Page, title: str) -> Any:
    """A node from the shelves, and its card."""
    page.get_by_role("tab", name="Nodes").click()
    page.get_by_label("Find a node").fill(title)
    page.get_by_label("Find a node").press("Enter")
    page.get_by_label("Find a node").fill("")
    heading = page.get_by_role("heading", name=title, exact=True)
    card = page.get_by_test_id("node").filter(has=heading)
    expect(card).to_have_count(1)
    return card


def test_alarms_appear_are_acknowledged_and_clear_without_a_reload(demo: Any, page: Page) -> None:
    restart_with(demo, page)
    expect(page.get_by_test_id("safety-line")).to_contain_text(
        "On E-STOP: smu output off in ≤ 0.1 s, tc heaters off in ≤ 0.31 s"
    )
    strip = page.get_by_test_id("watch-strip")
    expect(strip.get_by_test_id("watch-line")).to_have_text("Minorcool" + "Minor")
    setpoint, heater = add(page, "Set setpoint (loop 1)"), add(page, "Set heater range (loop 1)")

    strip.get_by_test_id("watch-line").click()
    cool, warm = (page.locator(f"[data-testid=alarm][data-alarm={n}]") for n in ("cool", "warm"))
    expect(cool).to_contain_text(re.compile(r"295\.\d+ K"))
    cool.get_by_role("button", name="Acknowledge cool").click()
    expect(cool).to_have_attribute("data-unacknowledged", "NO_ALARM")
    expect(cool).to_have_attribute("data-severity", "MINOR")

    page.get_by_role("switch", name="Live outside runs").click()
    setpoint.locator("input").first.fill("310")
    setpoint.locator("input").first.press("Enter")
    heater.locator("select").first.select_option("high")
    expect(cool).to_have_attribute("data-severity", "NO_ALARM")
    expect(warm).to_have_attribute("data-severity", "MINOR")
    expect(warm).to_contain_text("Look at the heater.")
    expect(strip).to_contain_text("warm")
    expect(strip).not_to_contain_text("cool")

    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("paused")).to_have_text(
        re.compile(r"paused: sample is \d+(\.\d+)? K, above 297 K")
    )
    page.set_viewport_size({"width": 1100, "height": 800})
    box = page.locator(".topbar").get_by_test_id("estop").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 1100
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("progress")).to_have_attribute("data-state", "stopped")


def test_a_run_says_what_it_still_takes(demo: Any, page: Page) -> None:
    """Of a schedule that is known before the first point."""
    repeat = {
        "id": "repeat",
        "node_id": "repeat",
        "name": "Repeat",
        "io": {
            "every": {"is_input": True, "value": 60.0},
            "count": {"is_input": True, "value": 10},
        },
    }
    folder = demo.config_dir / "workers" / demo.worker / "nodespaces"
    (folder / "Slow.json").write_text(json.dumps({"format": 3, "nodes": [repeat], "edges": []}))
    page.goto(demo.link)
    page.get_by_role("button", name="Slow").click()
    expect(page.get_by_test_id("node").first).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("time-to-go")).to_have_text(re.compile(r"(10:00|9:\d\d) left"))
    page.get_by_test_id("stop").click()
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("progress")).not_to_have_attribute("data-state", "running")


def test_a_real_bench_is_armed_only_once_its_plan_was_seen_and_its_warnings_accepted(
    demo: Any, page: Page
) -> None:
    """S1, S5; asked once, not at each run."""
    restart_with(demo, page, real=True)
    page.keyboard.press("Control+Enter")
    dialog = page.get_by_role("dialog", name="Before the run")
    expect(dialog.locator("[data-cause=at_end]")).to_contain_text("voltage to 0 V at 5 V/s")
    arm = dialog.get_by_test_id("arm")
    expect(arm).to_be_disabled()
    assert not demo.simulator.output_is_on()
    dialog.get_by_role("checkbox").check()
    arm.click()
    expect(page.get_by_test_id("progress")).to_have_attribute(
        "data-state", "complete", timeout=30_000
    )
    expect(page.get_by_test_id("run")).to_be_enabled()
    page.keyboard.press("Control+Enter")
    demo.simulator.wait_output(True)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_every_byte_of_a_run_is_in_the_traffic_and_in_the_replay_file(
    demo: Any, page: Page
) -> None:
    page.goto(demo.link)
    page.get_by_test_id("open-example").first.click()
    page.get_by_role("tab", name="Instrument traffic").click()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_test_id("progress")).to_have_attribute(
        "data-state", "complete", timeout=30_000
    )
    page.get_by_label("Filter traffic").fill("smu :READ")
    expect(page.get_by_test_id("traffic-count")).to_have_text(re.compile("5[1-9] messages"))
    page.get_by_label("Filter traffic").fill("")
    assert page.get_by_test_id("traffic-row").count() < 100
    with page.expect_download() as coming:
        page.get_by_role("link", name="Replay file").click()
    said = coming.value.path().read_text()
    assert coming.value.suggested_filename == "demo-traffic.jsonl"
    assert said.startswith('{"line":"recording"')
    assert ":READ?" in said
