"""Keys and clicks of the editor act on what is selected: in a real browser, on the real demo."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser


def selected(page: Page) -> Locator:
    return page.locator(".react-flow__node.selected")


def nodes(page: Page) -> Locator:
    return page.get_by_test_id("node")


def open_example(page: Page, demo: Any) -> int:
    page.goto(demo.link)
    page.get_by_test_id("open-example").first.click()
    expect(page.locator(".react-flow__edge")).to_have_count(9)
    return nodes(page).count()


def select_all(page: Page) -> None:
    page.get_by_test_id("canvas").click(position={"x": 5, "y": 5})
    page.keyboard.press("Control+a")


def card(page: Page, name: str) -> Locator:
    heading = page.get_by_role("heading", name=name, exact=True)
    return page.locator(".react-flow__node").filter(has=heading)


def places(page: Page) -> list[str]:
    found: list[str] = page.locator(".react-flow__node").evaluate_all(
        "all => all.map(each => each.dataset.id + each.style.transform).sort()"
    )
    return found


def moved_by(before: list[str], after: list[str]) -> set[tuple[float, float]]:
    """How far cards went, each way once."""
    ways = set()
    for one, other in zip(before, after, strict=True):
        (x0, y0), (x1, y1) = (
            map(float, re.findall(r"(-?[\d.]+)px", each)[:2]) for each in (one, other)
        )
        ways.add((x1 - x0, y1 - y0))
    return ways


def test_after_ctrl_a_every_key_acts_on_the_selection_and_a_click_selects_one(
    demo: Any, page: Page
) -> None:
    count = open_example(page, demo)

    select_all(page)
    expect(selected(page)).to_have_count(count)
    before = places(page)
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Shift+ArrowDown"):
        page.keyboard.press(key)
    assert moved_by(before, places(page)) == {(10.0, 25.0)}
    expect(page.get_by_role("button", name=re.compile("^Undo move"))).to_be_enabled()
    expect(selected(page)).to_have_count(count)  # the worker's answer leaves them selected
    page.keyboard.press("Control+z")
    page.wait_for_function(
        """before => JSON.stringify([...document.querySelectorAll(".react-flow__node")]
            .map(each => each.dataset.id + each.style.transform).sort()) === before""",
        arg=_json(before),
    )

    page.keyboard.press("c")
    expect(page.get_by_text("Select one node to connect it.")).to_be_visible()
    page.keyboard.press("Control+d")
    expect(nodes(page)).to_have_count(2 * count)
    expect(selected(page)).to_have_count(count)
    page.keyboard.press("Control+z")
    expect(nodes(page)).to_have_count(count)

    select_all(page)
    page.keyboard.press("Control+c")
    page.keyboard.press("Control+v")
    expect(nodes(page)).to_have_count(2 * count)
    page.keyboard.press("Control+z")
    expect(nodes(page)).to_have_count(count)

    select_all(page)
    page.keyboard.press("Control+Shift+G")
    expect(nodes(page)).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(nodes(page)).to_have_count(count)

    select_all(page)
    card(page, "Set voltage").locator("header").click()
    expect(selected(page)).to_have_count(1)
    expect(card(page, "Set voltage")).to_have_class(re.compile("selected"))
    page.keyboard.press("Delete")
    expect(nodes(page)).to_have_count(count - 1)
    page.keyboard.press("Control+z")
    expect(nodes(page)).to_have_count(count)

    select_all(page)
    page.keyboard.press("Delete")
    expect(nodes(page)).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(nodes(page)).to_have_count(count)
    expect(page.locator(".react-flow__edge")).to_have_count(9)

    # The frame that the hand draws around cards is in nobody's way.
    canvas = page.get_by_test_id("canvas").bounding_box()
    assert canvas is not None
    page.mouse.move(canvas["x"] + 3, canvas["y"] + 3)
    page.mouse.down()
    page.mouse.move(canvas["x"] + canvas["width"] - 3, canvas["y"] + canvas["height"] - 60, steps=5)
    page.mouse.up()
    expect(selected(page)).to_have_count(count)
    card(page, "Set voltage").locator("header").click()
    expect(selected(page)).to_have_count(1)
    header = card(page, "Set voltage").locator("header")
    header.click(modifiers=["Shift"])
    expect(selected(page)).to_have_count(0)
    header.click()
    card(page, "Recorder").locator("header").click(modifiers=["Shift"])
    expect(selected(page)).to_have_count(2)
    before = places(page)
    page.keyboard.press("ArrowUp")
    assert moved_by(before, places(page)) == {(0.0, 0.0), (0.0, -5.0)}


def _json(texts: list[str]) -> str:
    return json.dumps(texts, separators=(",", ":"))
