"""The page keeps up with a run, and costs it little, where the processor draws everything.

What is counted holds on any machine: drawings, animations, layouts. What is timed has limits wide
enough for one that does other work meanwhile; `benchmarks/page.py` measures.
"""

import re
import statistics
from typing import Any

import msgspec
import pytest
from playwright.sync_api import CDPSession, Page, WebSocket, expect

pytestmark = [pytest.mark.browser, pytest.mark.timing]

POINTS = 201
DRAWINGS_PER_S = 25
"""The page draws what streams at most 20 times a second; a lamp steps in between."""
LAG_S = 1.5
PRESSES = 5
STOP_S = 0.3
WORST_STOP_S = 1.5

WATCH = """() => {
    const seen = window.seen = {last: 0, points: 0, animations: 0, events: []};
    const drawn = (call) => requestAnimationFrame(() => requestAnimationFrame(call));
    const endless = (each) => each.effect.getComputedTiming().iterations === Infinity;
    const look = () => {
        const plot = document.querySelector('[data-testid=plot]');
        if (plot && Number(plot.dataset.points) !== seen.points) {
            seen.points = Number(plot.dataset.points);
            drawn(() => { seen.last = Date.now() / 1000; });
        }
        const animated = document.getAnimations().filter(endless);
        seen.animations = Math.max(seen.animations, animated.length);
    };
    new MutationObserver(look).observe(document.body, {
        subtree: true, attributes: true, attributeFilter: ['data-points', 'data-tick'],
    });
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) {
            if (each.name === 'pointerdown') seen.events.push(each.duration / 1000);
        }
    }).observe({type: 'event', durationThreshold: 16});
}"""


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 1440, "height": 900}}


def metrics(session: CDPSession) -> dict[str, float]:
    found = session.send("Performance.getMetrics")["metrics"]
    return {each["name"]: each["value"] for each in found}


def counting(page: Page) -> CDPSession:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    return session


def ends_of_runs(page: Page) -> list[dict[str, Any]]:
    """Filled with each run as the worker tells of its end."""
    ended: list[dict[str, Any]] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", take)

    def take(payload: "bytes | str") -> None:
        if not isinstance(payload, bytes):
            return
        for event in msgspec.msgpack.decode(payload).get("events", ()):
            run = event.get("run") if event["type"] == "run" else None
            if run and run["ended"] is not None:
                ended.append(run)

    page.on("websocket", listen)
    return ended


def open_diode(page: Page, demo: Any, points: int) -> None:
    page.goto(demo.link)
    page.get_by_test_id("open-example").first.click()
    sweep = page.get_by_test_id("node").filter(has=page.get_by_role("heading", name="Sweep"))
    field = sweep.get_by_label("points").first
    field.fill(str(points))
    field.press("Enter")
    expect(page.get_by_test_id("saved")).to_contain_text("Saved")


def test_the_page_is_not_behind_a_run_of_201_points_and_nothing_on_it_is_animated(
    demo: Any, page: Page
) -> None:
    ended = ends_of_runs(page)
    open_diode(page, demo, POINTS)
    page.evaluate(WATCH)
    session = counting(page)
    before = metrics(session)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("progress")).to_have_attribute(
        "data-state", "complete", timeout=50_000
    )
    expect(page.get_by_test_id("plot").first).to_have_attribute("data-points", str(POINTS))
    page.wait_for_timeout(200)
    after = metrics(session)

    run, seen = ended[-1], page.evaluate("seen")
    assert seen["last"] - run["ended"] < LAG_S
    assert seen["animations"] == 0
    took = run["ended"] - run["started"]
    assert (after["LayoutCount"] - before["LayoutCount"]) / took < DRAWINGS_PER_S


def test_a_busy_lamp_steps_while_it_is_busy_and_stands_still_for_who_asks_for_that(
    demo: Any, page: Page
) -> None:
    open_diode(page, demo, 2001)
    page.keyboard.press("Control+Enter")
    lamp = page.get_by_test_id("node").filter(has=page.get_by_role("heading", name="Sweep"))
    stepping = lamp.locator("header .lamp svg")
    expect(stepping).to_have_attribute("data-tick", "1")
    expect(stepping).to_have_attribute("data-tick", "2")
    page.emulate_media(reduced_motion="reduce")
    shown = stepping.get_attribute("data-tick")
    page.wait_for_timeout(1500)
    assert stepping.get_attribute("data-tick") == shown
    page.get_by_test_id("stop").click()
    expect(stepping).not_to_have_attribute("data-tick", re.compile("."), timeout=15_000)


def test_an_emergency_stop_is_on_screen_at_once_while_a_run_streams(demo: Any, page: Page) -> None:
    """Pressed by pointer, time and again, in the middle of a run."""
    open_diode(page, demo, 2001)
    page.evaluate(WATCH)
    for _ in range(PRESSES):
        page.keyboard.press("Control+Enter")
        expect(page.get_by_test_id("plot").first).to_have_attribute(
            "data-points", re.compile(r"^[1-9]\d$")
        )
        page.get_by_test_id("estop").click()
        expect(page.get_by_test_id("estop-record")).to_be_visible()
        expect(page.locator("[data-testid=ack][data-state=off]")).to_have_count(2)
        expect(page.get_by_test_id("progress")).to_have_attribute("data-state", "aborted")
        page.get_by_test_id("estop-reset").click()
        expect(page.get_by_test_id("estop-record")).to_be_hidden()
    stops = page.evaluate("seen.events")
    assert statistics.median(stops or [0.0]) <= STOP_S
    assert max(stops, default=0.0) <= WORST_STOP_S
