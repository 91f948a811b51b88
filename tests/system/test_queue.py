"""The queue on the page: filled, ordered, approved, armed; beside the nodespace, on a phone too."""

import subprocess
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from ..waiting import patience
from .conftest import FUNCNODES, restart_with
from .test_accessibility import check_both_themes

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """axe is put into the page by the test, which the page's own policy forbids."""
    size = {"width": 1800, "height": 1200}
    return {
        **browser_context_args,
        "bypass_csp": True,
        "reduced_motion": "reduce",
        "viewport": size,
    }


def entry(page: Page, number: int) -> Locator:
    return page.locator(f"[data-testid=queue-entry][data-entry='{number}']")


def order(page: Page) -> list[str]:
    shown = page.get_by_test_id("queue-entry").all()
    return [str(each.get_attribute("data-entry")) for each in shown]


def dry_run_of_the_example(demo: Any) -> bytes:
    """Evidence of the nodespace as it is saved, on the worker's bench file."""
    root = demo.config_dir / "workers" / demo.worker
    (space,) = (root / "nodespaces").glob("*.json")
    seen = demo.config_dir / "seen.json"
    words = ["run", space, "--dry-run", "--bench", root / "bench.toml", "--evidence", seen]
    done = subprocess.run(
        [*FUNCNODES, *map(str, words)], env=demo.env, capture_output=True, timeout=patience()
    )
    assert done.returncode == 0, done.stdout
    return bytes(seen.read_bytes())


def test_runs_are_queued_ordered_approved_and_run_while_the_graph_is_edited(
    demo: Any, page: Page
) -> None:
    bench = demo.config_dir / "workers" / demo.worker / "bench.toml"
    bench.write_text(bench.read_text() + '\n[approval]\nby = "anyone"\nevidence = true\n')
    restart_with(demo, page)
    page.get_by_role("tab", name="Queue").click()
    expect(page.get_by_test_id("queue-state")).to_contain_text("Not armed.")
    expect(page.get_by_text("Nothing is queued.")).to_be_visible()
    page.get_by_role("region", name="Next run").get_by_label("Sample").fill("D1")

    name = page.get_by_role("textbox", name="Name in the queue")
    for called in ("coarse", "fine", ""):
        name.fill(called)
        page.keyboard.press("Enter")
        expect(name).to_have_value("")
    expect(page.get_by_test_id("queue-entry")).to_have_count(3)
    expect(entry(page, 1)).to_contain_text("coarse")
    expect(entry(page, 1)).to_contain_text("D1")
    expect(entry(page, 3)).to_contain_text("Measure a diode I-V curve")

    entry(page, 2).get_by_role("button", name="Move up").focus()
    page.keyboard.press("Enter")
    expect(entry(page, 2).locator(".place")).to_have_text("1")
    entry(page, 3).get_by_label("Priority of").fill("7")
    page.keyboard.press("Enter")
    expect(entry(page, 3).locator(".place")).to_have_text("1")
    assert order(page) == ["3", "2", "1"]
    expect(entry(page, 1).get_by_role("button", name="Move down")).to_be_disabled()
    entry(page, 2).get_by_label("If it fails").select_option("go on")
    entry(page, 3).get_by_role("button", name="Remove").click()
    expect(entry(page, 3)).to_have_attribute("data-state", "cancelled")
    expect(entry(page, 3)).to_contain_text("Removed by")

    check_both_themes(page)
    page.set_viewport_size({"width": 390, "height": 780})
    page.get_by_role("button", name="Data, log").click()
    expect(entry(page, 2).get_by_role("button", name="Approve entry")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    check_both_themes(page)

    entry(page, 2).get_by_role("button", name="Approve entry").click()
    expect(page.get_by_text("asks for the evidence of a dry run")).to_be_visible()
    evidence = entry(page, 2).get_by_label("Evidence for")
    evidence.set_input_files([{"name": "no.json", "mimeType": "text/plain", "buffer": b"[1"}])
    expect(page.get_by_text("no.json is no evidence of a dry run.")).to_be_visible()
    seen = {"name": "seen.json", "mimeType": "text/plain", "buffer": dry_run_of_the_example(demo)}
    evidence.set_input_files([seen])
    expect(entry(page, 2)).to_have_attribute("data-state", "queued")
    expect(entry(page, 2)).to_contain_text("approved by")
    expect(entry(page, 2)).to_contain_text("dry run: 51 points")
    page.get_by_role("button", name="Arm").click()
    expect(page.get_by_test_id("queue-state")).to_contain_text("Armed by")
    expect(entry(page, 2)).to_have_attribute("data-state", "running")
    page.set_viewport_size({"width": 1800, "height": 1200})
    expect(page.get_by_test_id("progress")).to_have_attribute("data-state", "running")
    before, node = page.get_by_test_id("node").count(), page.get_by_test_id("node").first
    node.click(position={"x": 60, "y": 12})
    page.keyboard.press("Control+d")  # A2 locks the copy that runs, not what is edited
    expect(page.get_by_test_id("node")).to_have_count(before + 1)
    expect(entry(page, 2)).to_have_attribute("data-state", "done", timeout=30_000)
    expect(entry(page, 1)).to_have_attribute("data-state", "waiting")
    expect(entry(page, 2)).to_contain_text("run 1")
    page.get_by_role("button", name="Disarm").click()
    expect(page.get_by_test_id("queue-state")).to_contain_text("Disarmed by")
    page.get_by_role("button", name="Clear what is over").click()
    expect(page.get_by_test_id("queue-entry")).to_have_count(1)
    page.get_by_role("tab", name="Data").click()
    expect(page.get_by_test_id("run-row").first).to_contain_text("D1")
