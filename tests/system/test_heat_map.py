"""A grid scan as a map: on its card while it runs, and in the Data tab afterwards."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from funcnodes.basic_nodes import NODE_SHELF as BASIC
from funcnodes.core import Library, NodeSpace
from funcnodes.runs import NODE_SHELF as RUNS

from .test_accessibility import check_both_themes

pytestmark = pytest.mark.browser
COLOURS_ON_CANVAS = """canvas => {
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const found = new Set();
    for (let i = 0; i < data.length; i += 4) found.add(data.slice(i, i + 3).join(","));
    return [...found];
}"""


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


def grid() -> dict[str, Any]:
    """Five by four points of x·y; one of them without a number, and a value ± 0.25 beside them."""
    space = NodeSpace(Library(BASIC, RUNS))
    outer, inner = space.add_node_by_id("sweep"), space.add_node_by_id("sweep")
    formula, recorder = space.add_node_by_id("math.expression"), space.add_node_by_id("recorder")
    heat, known = space.add_node_by_id("plot.heat"), space.add_node_by_id("math.uncertain")
    for node, stop, points in ((outer, 3, 4), (inner, 4, 5)):
        node.inputs["unit"].set_value("mm")
        node.inputs["stop"].set_value(stop)
        node.inputs["points"].set_value(points)
    formula.inputs["expression"].set_value("a * b if a < 3 or b < 4 else nan")
    known.inputs["u"].set_value(0.25)
    outer.outputs["point"].connect(inner.inputs["_triggerinput"])
    outer.outputs["value"].connect(formula.inputs["a"])
    inner.outputs["value"].connect(formula.inputs["b"])
    inner.outputs["value"].connect(known.inputs["a"])
    for output in (inner.outputs["value"], outer.outputs["value"], formula.outputs["out"]):
        output.connect(recorder.grow_input(output))
    recorder.outputs["rows"].connect(heat.inputs["rows"])
    saved = space.serialize()
    places = [(0, 0), (240, 0), (480, 0), (480, 260), (760, 0), (480, 460)]
    for node, place in zip(saved["nodes"], places, strict=True):
        node["properties"] = {"pos": list(place)}
    return saved


def test_a_grid_scan_is_a_map_with_cuts_in_reach_of_the_keyboard(demo: Any, page: Page) -> None:
    """R2: what has no number is marked, and stretches no colour."""
    folder = demo.config_dir / "workers" / demo.worker / "nodespaces"
    (folder / "Grid.json").write_text(json.dumps(grid()))
    page.goto(demo.link)
    page.get_by_role("button", name="Grid").click()
    card = page.locator("[data-testid=body][data-kind=map]")
    expect(card).to_contain_text("No points yet")
    page.keyboard.press("Control+Enter")
    heat = card.get_by_test_id("heat-map")
    expect(heat).to_have_attribute("data-rows", "20", timeout=30_000)
    expect(heat).to_have_attribute("data-cells", "20")
    expect(heat).to_have_attribute("data-bad", "1")
    picture = heat.get_by_role("img")
    expect(picture).to_have_accessible_name(re.compile(r"5 by 4 cells, from 0 to 9.*1 not ok"))
    expect(page.get_by_text("4.00(25)", exact=True).first).to_be_visible()

    across, up = heat.get_by_role("slider").nth(0), heat.get_by_role("slider").nth(1)
    across.focus()
    page.keyboard.press("End")
    up.focus()
    page.keyboard.press("End")
    expect(heat.get_by_test_id("heat-here")).to_contain_text("4.000 mm")
    expect(heat.get_by_test_id("heat-here")).to_contain_text("no number")
    page.keyboard.press("ArrowDown")
    expect(heat.get_by_test_id("heat-here")).to_contain_text("8")
    colours = picture.evaluate(COLOURS_ON_CANVAS)
    assert {"68,1,84", "253,231,37"} <= set(colours), "from one end of the colours to the other"
    box = picture.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.15, box["y"] + box["height"] * 0.55)
    expect(across).to_have_value("0")
    check_both_themes(page)

    page.get_by_role("button", name="Map of run 1").click()
    dialog = page.get_by_role("dialog", name="Map of run 1")
    expect(dialog.get_by_test_id("heat-map")).to_have_attribute("data-cells", "20")
    names = dialog.get_by_label("Across").locator("option").all_inner_texts()
    dialog.get_by_label("Across").select_option(names[1])
    dialog.get_by_label("Up").select_option(names[0])
    expect(dialog.get_by_role("img")).to_have_accessible_name(re.compile("4 by 5 cells"))
    check_both_themes(page)
    page.set_viewport_size({"width": 390, "height": 844})
    narrow = dialog.get_by_role("img")
    expect(narrow).to_have_css("width", re.compile(r"^3[0-5]\d(\.\d+)?px$"))
    check_both_themes(page)
    page.keyboard.press("Escape")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
