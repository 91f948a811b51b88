"""Examples that are made for another bench than the one that is here, as the page shows them."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from funcnodes.cli.app import execute

pytestmark = pytest.mark.browser


def test_the_examples_of_a_bench_come_first_and_others_say_how_to_get_theirs(
    start: Callable[..., Any], page: Page
) -> None:
    page.goto(start("--bench", "rc-network").link)
    examples = page.get_by_test_id("open-example")
    expect(examples.first).to_have_attribute("data-example", "rc_bode")
    expect(examples).to_have_count(10)
    expect(page.get_by_test_id("other-bench")).to_have_count(9)
    dosing = page.locator('[data-example="dosing"]')
    expect(dosing).to_contain_text("funcnodes demo --bench dosing")
    dosing.click()
    expect(page.get_by_test_id("node").first).to_be_visible()
    made_for = page.get_by_text("Made for").locator("..")
    expect(made_for).to_contain_text("funcnodes demo --bench dosing")


def test_a_demo_of_a_bench_that_there_is_not_is_one_sentence(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUNCNODES_CONFIG_DIR", str(tmp_path))
    assert execute(["demo", "--no-browser", "--bench", "nowhere"]) != 0
    (line, *_) = capsys.readouterr().err.splitlines()
    assert "There is no simulated bench 'nowhere'" in line
    assert "rc-network" in line
