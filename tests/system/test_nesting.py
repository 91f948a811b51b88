"""Subgraphs and frames by hand: in a real browser, on the real demo."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from funcnodes.core import NodeSpace
from funcnodes.runs.local import library

pytestmark = pytest.mark.browser


def open_example(page: Page, demo: Any) -> None:
    page.goto(demo.link)
    page.get_by_test_id("open-example").first.click()
    expect(page.locator(".react-flow__edge")).to_have_count(9)


def card(page: Page, name: str) -> Locator:
    heading = page.get_by_role("heading", name=name, exact=True)
    return page.get_by_test_id("node").filter(has=heading)


def header(page: Page, name: str) -> Locator:
    return card(page, name).locator("header")


def names(page: Page) -> list[str]:
    return sorted(page.get_by_test_id("node").locator("header h3").all_inner_texts())


def test_a_selection_becomes_a_subgraph_is_opened_left_and_undone(demo: Any, page: Page) -> None:
    open_example(page, demo)
    before = names(page)
    header(page, "Set voltage").click()
    header(page, "Read V, I").click(modifiers=["Shift"])
    page.keyboard.press("Control+Shift+G")
    made = card(page, "Subgraph")
    expect(made).to_contain_text("2 nodes")
    expect(page.get_by_test_id("node")).to_have_count(len(before) - 1)

    made.get_by_test_id("open-subgraph").click()
    crumbs = page.get_by_test_id("breadcrumb")
    expect(crumbs).to_contain_text("Subgraph")
    expect(card(page, "Set voltage")).to_be_visible()
    expect(card(page, "Recorder")).to_have_count(0)
    inside = page.get_by_test_id("node").count()
    header(page, "Set voltage").click()
    promoting = page.get_by_role("button", name=re.compile("Make .* a port of the subgraph"))
    promoting.first.click()
    expect(page.get_by_test_id("node")).to_have_count(inside + 1)

    page.keyboard.press("Delete")
    expect(page.get_by_test_id("node")).to_have_count(inside)
    page.keyboard.press("Control+z")

    page.keyboard.press("Alt+ArrowUp")
    expect(crumbs).to_have_count(0)
    expect(card(page, "Recorder")).to_be_visible()
    page.reload()
    made = card(page, "Subgraph")
    expect(made).to_be_visible()
    header(page, "Subgraph").dblclick()
    expect(page.get_by_test_id("node")).to_have_count(inside + 1)
    crumbs.get_by_role("button", name="Back").click()

    page.get_by_test_id("canvas").click(position={"x": 5, "y": 5})
    for _ in range(2):
        page.keyboard.press("Control+z")
    expect(made).to_have_count(0)
    expect(page.locator(".react-flow__edge")).to_have_count(9)
    assert names(page) == before


def test_undoing_a_subgraph_that_is_open_leads_back_to_where_it_was(demo: Any, page: Page) -> None:
    open_example(page, demo)
    header(page, "Set voltage").click()
    page.keyboard.press("Control+Shift+G")
    header(page, "Subgraph").press("Enter")
    expect(page.get_by_test_id("breadcrumb")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("breadcrumb")).to_have_count(0)
    expect(card(page, "Set voltage")).to_be_visible()


def shows() -> dict[str, Any]:
    """Sources of numbers, and a node for each kind of body that shows them."""
    space = NodeSpace(library(), arming="disarmed")
    made = {
        uuid: space.add_node_by_id(kind, uuid=uuid)
        for uuid, kind in {
            "steps": "array.linspace", "curve": "plot.array", "matrix": "array.reshape",
            "image": "image.show", "table": "display.table", "json": "display.json",
            "text": "display.show",
        }.items()
    }  # fmt: skip
    for n, node in enumerate(made.values()):
        node.properties["pos"] = [n % 4 * 420, n // 4 * 420]
    for port, value in (("start", 0.0), ("stop", 5.0)):
        made["steps"].inputs[port].set_value(value)
    made["matrix"].inputs["rows"].set_value(2)
    for source, target, port in (
        ("steps", "curve", "y"), ("steps", "matrix", "array"), ("matrix", "image", "input"),
        ("matrix", "table", "table"), ("matrix", "json", "value"), ("matrix", "text", "value"),
    ):  # fmt: skip
        made[source].outputs["out"].connect(made[target].inputs[port])
    return space.serialize()


def test_cards_show_curves_pictures_tables_text_and_json(demo: Any, page: Page) -> None:
    folder = demo.config_dir / "workers" / demo.worker / "nodespaces"
    (folder / "Shows.json").write_text(json.dumps(shows()))
    open_example(page, demo)
    page.get_by_test_id("nodespace").click()
    page.get_by_role("menuitem", name="Shows").click()
    bodies = page.get_by_test_id("body")
    expect(bodies).to_have_count(5)
    expect(bodies.first).to_contain_text("Nothing yet")
    count = page.locator("[data-node=steps]").get_by_role("textbox", name="count")
    count.fill("6")
    count.press("Enter")
    expect(bodies.locator("[data-points='6']")).to_be_visible()
    picture = bodies.locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [3, 2]
    expect(bodies.locator("tbody tr").nth(1)).to_have_text(re.compile("3.*4.*5"))
    expect(page.locator("[data-kind=json] pre")).to_have_text(re.compile(r"\[\s*0\.0,\s*1\.0"))
    expect(page.locator("[data-kind=text] pre")).to_contain_text("[3. 4. 5.]")


def test_a_node_is_dragged_into_a_frame_and_out_and_both_are_undone(demo: Any, page: Page) -> None:
    open_example(page, demo)
    expect(page.get_by_test_id("frame")).to_have_count(0)
    grip = header(page, "Read V, I").bounding_box()
    assert grip is not None
    page.mouse.move(grip["x"] + 50, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(grip["x"] + 70, grip["y"] + 30, steps=3)
    slot = page.locator("[data-testid=slot][data-section=body]").first
    expect(slot).to_be_visible()
    target = slot.bounding_box()
    assert target is not None
    page.mouse.move(target["x"] + 10, target["y"] + 10, steps=5)
    expect(slot).to_have_class(re.compile("target"))
    page.mouse.up()

    frame = page.get_by_test_id("frame")
    expect(frame).to_have_count(1)
    expect(frame).to_contain_text("Sweep")
    held = page.get_by_label("Held by")
    header(page, "Read V, I").click()
    expect(held).to_have_value(re.compile("^body "))
    page.keyboard.press("Control+z")
    expect(frame).to_have_count(0)
    page.keyboard.press("Control+Shift+Z")
    expect(frame).to_have_count(1)

    held.select_option(label="Sweep: finally")
    expect(page.locator("[data-testid=section][data-section=finally]")).to_have_count(1)
    held.select_option(label="no frame")
    expect(frame).to_have_count(0)
