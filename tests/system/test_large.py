"""A canvas of a thousand nodes, and what cards measure before they are drawn."""

import json
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timing]

ROWS, COLUMNS = 25, 40
LAYOUTS = 60
"""Learning the size of every card by drawing it took over a thousand."""
OPEN_S = 15.0
"""Two seconds on a machine that does nothing else; see `benchmarks/page.py`."""
FRAME_MS = 150.0
"""A median of 30 ms where nothing else runs."""

ENDS = """() => {
    const boxes = (kind) => [...document.querySelectorAll('.react-flow__handle.' + kind)].map(
        (handle) => handle.getBoundingClientRect());
    const sources = boxes('source').map((at) => [at.right, (at.top + at.bottom) / 2]);
    const targets = boxes('target').map((at) => [at.left, (at.top + at.bottom) / 2]);
    const off = ([x, y], ports) => Math.min(...ports.map(([a, b]) => Math.hypot(a - x, b - y)));
    return [...document.querySelectorAll('.react-flow__edge .wire')].flatMap((wire) => {
        const end = (length) => {
            const at = wire.getPointAtLength(length).matrixTransform(wire.getScreenCTM());
            return [at.x, at.y];
        };
        return [off(end(0), sources), off(end(wire.getTotalLength()), targets)];
    });
}"""
WIRES = "[...document.querySelectorAll('.wire')].map((each) => each.getAttribute('d'))"
ZOOM = """async (steps) => {
    const pane = document.querySelector('.react-flow__pane'), box = pane.getBoundingClientRect();
    const middle = {clientX: box.left + box.width / 2, clientY: box.top + box.height / 2};
    const at = {...middle, bubbles: true, cancelable: true};
    const frames = [];
    let last = performance.now();
    for (let step = 0; step < steps; step++) {
        pane.dispatchEvent(new WheelEvent('wheel', {...at, deltaY: step < steps / 2 ? -20 : 20}));
        const now = await new Promise(requestAnimationFrame);
        frames.push(now - last);
        last = now;
    }
    return frames.sort((a, b) => a - b)[frames.length / 2];
}"""


def thousand() -> dict[str, Any]:
    """Chains of additions."""
    nodes, edges = [], []
    for n in range(ROWS * COLUMNS):
        row, column = divmod(n, COLUMNS)
        io = {port: {"is_input": True, "value": 1.0} for port in ("a", "b")}
        pos = [column * 260, row * 180]
        nodes.append({"id": f"n{n}", "node_id": "add_node", "name": f"Add {n}", "io": io,
                      "properties": {"pos": pos}})  # fmt: skip
        if column:
            edges.append([f"n{n - 1}", "out", f"n{n}", "a"])
    return {"format": 3, "nodes": nodes, "edges": edges}


def test_a_thousand_nodes_open_without_drawing_each_and_can_be_zoomed(
    demo: Any, page: Page
) -> None:
    folder = demo.config_dir / "workers" / demo.worker / "nodespaces"
    (folder / "Thousand.json").write_text(json.dumps(thousand()))
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(demo.link)
    page.get_by_role("button", name="Thousand").click()
    expect(page.get_by_test_id("node").first).to_be_visible(timeout=30_000)

    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    began = time.monotonic()
    page.reload(wait_until="commit")
    expect(page.get_by_test_id("node").nth(800)).to_be_attached(timeout=30_000)
    assert time.monotonic() - began < OPEN_S
    counted = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    assert counted["LayoutCount"] < LAYOUTS
    assert page.evaluate(ZOOM, 40) < FRAME_MS


def test_wires_end_where_the_ports_are_drawn(demo: Any, page: Page) -> None:
    """What the model says of a card before it is drawn is what the style makes of it."""
    page.goto(demo.link)
    page.get_by_test_id("open-example").first.click()
    expect(page.locator(".react-flow__edge")).to_have_count(9)
    ends = page.evaluate(ENDS)
    assert len(ends) == 18
    assert max(ends) < 1.0


def test_a_card_keeps_its_height_and_its_wires_when_it_is_drawn_small(
    demo: Any, page: Page
) -> None:
    page.goto(demo.link)
    page.get_by_test_id("open-example").first.click()
    expect(page.locator(".react-flow__edge")).to_have_count(9)
    heights = "[...document.querySelectorAll('.react-flow__node')].map((each) => each.offsetHeight)"
    whole, wires = page.evaluate(heights), page.evaluate(WIRES)
    page.get_by_test_id("canvas").hover(position={"x": 20, "y": 20})
    for _ in range(8):
        page.mouse.wheel(0, 240)
    expect(page.locator(".node:not(.small)")).to_have_count(0)
    assert page.evaluate(heights) == whole
    assert page.evaluate(WIRES) == wires
