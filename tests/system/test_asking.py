"""Questions of nodes on the page: in reach of the keyboard, in nobody's way, answered once."""

import itertools
import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from funcnodes.basic_nodes import png
from funcnodes.runs import RunStore
from funcnodes.runs.samples import SampleEntry, SampleList

from .test_accessibility import check_both_themes
from .test_estop_in_sight import check

pytestmark = pytest.mark.browser

ASKED: list[tuple[str, str, dict[str, Any]]] = [
    ("tell", "Note", {"text": "The lamp is on."}),
    ("approve", "Cover", {"text": "Is the cover closed?"}),
    ("ask", "Thickness", {"text": "How thick is the film?", "unit": "mm", "high": 2.0}),
    ("ask", "Side", {"text": "Which side?", "kind": "choice", "choices": "left, right"}),
    ("ask", "Photo", {"text": "How does it look?", "kind": "picture"}),
    ("sweep", "Sweep", {"points": 2}),
]


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """axe is put into the page by the test, which the page's own policy forbids."""
    size = {"width": 1440, "height": 900}
    return {
        **browser_context_args,
        "bypass_csp": True,
        "reduced_motion": "reduce",
        "viewport": size,
    }


def asking() -> dict[str, Any]:
    """One after the other, then a sweep."""
    nodes = [
        {
            "id": name,
            "node_id": node_id,
            "name": name,
            "io": {port: {"is_input": True, "value": value} for port, value in values.items()},
            "properties": {"pos": [n * 260, 0]},
        }
        for n, (node_id, name, values) in enumerate(ASKED)
    ]
    names = [name for _, name, _ in ASKED]
    edges = [
        [one, "_triggeroutput", other, "_triggerinput"] for one, other in itertools.pairwise(names)
    ]
    return {"format": 3, "nodes": nodes, "edges": edges}


def prompt(page: Page, name: str) -> Any:
    return page.locator(f"[data-testid=prompt][data-prompt={name}]")


def test_a_run_asks_on_every_page_and_goes_on_with_what_was_answered_first(
    demo: Any, page: Page, browser: Browser
) -> None:
    folder = demo.config_dir / "workers" / demo.worker / "nodespaces"
    (folder / "Film.json").write_text(json.dumps(asking()))
    film_17 = SampleEntry(id="F-17", name="Film 17", more={"batch": "B2"})
    SampleList(folder.parent / "samples.json").put([film_17])
    page.goto(demo.link)
    page.get_by_role("button", name="Film").click()
    expect(page.get_by_test_id("node").first).to_be_visible()
    said = page.get_by_role("region", name="Next run")
    said.get_by_label("Sample").fill("F-17")
    expect(said.get_by_test_id("sample-row")).to_have_text("Film 17 · batch: B2")
    said.get_by_label("Project").fill("Films")
    said.get_by_label("Notes").fill("A night in air.")
    page.keyboard.press("Control+Enter")

    expect(prompt(page, "Note")).to_contain_text("The lamp is on.")
    expect(prompt(page, "Cover")).to_contain_text("Is the cover closed?")
    page.reload()
    expect(page.get_by_test_id("prompt")).to_have_count(2)
    prompt(page, "Note").get_by_role("button", name="OK").click()
    expect(page.get_by_test_id("prompt")).to_have_count(1)
    prompt(page, "Cover").get_by_role("button", name="Approve").click()

    film = prompt(page, "Thickness")
    expect(film).to_contain_text("up to 2 mm")
    check(page, "a question")
    page.set_viewport_size({"width": 1440, "height": 900})
    check_both_themes(page)

    page.keyboard.press("q")
    expect(film.get_by_role("textbox")).to_be_focused()
    page.keyboard.type("thick")
    page.keyboard.press("Enter")
    expect(film.get_by_role("alert")).to_have_text("Thickness: 'thick' is not a number of mm.")
    film.get_by_role("textbox").fill("500 um")
    page.keyboard.press("Enter")

    other = browser.new_context(base_url=demo.url).new_page()
    other.goto(demo.fresh_link())
    side = prompt(page, "Side")
    expect(prompt(other, "Side")).to_be_visible()
    side.get_by_role("radio", name="right").check()
    side.get_by_role("button", name="Answer").click()
    expect(prompt(other, "Side")).to_have_count(0)
    other.context.close()

    photo = prompt(page, "Photo")
    expect(photo.get_by_role("button", name="Answer")).to_be_disabled()
    picture = {"name": "film.png", "mimeType": "image/png", "buffer": a_picture()}
    photo.locator("input").set_input_files([picture])
    photo.get_by_role("button", name="Answer").click()
    expect(page.get_by_test_id("progress")).to_have_attribute("data-state", "complete")
    expect(page.get_by_test_id("prompts")).to_have_count(0)

    found = RunStore(demo.config_dir / "workers" / demo.worker / "runs").find("latest")
    assert (found.head.sample, found.head.project) == ("F-17", "Films")
    assert found.head.notes == "A night in air."
    assert found.head.sample_row == {"name": "Film 17", "batch": "B2"}
    page.get_by_label("Find a run").fill("b2 which")  # the list's words and a run's own
    expect(page.get_by_text("No run fits “b2 which”.")).to_be_visible()
    page.get_by_label("Find a run").fill("b2 night")
    expect(page.get_by_test_id("run-row")).to_have_count(1)
    page.get_by_label("Find a run").fill("")
    expect(page.get_by_test_id("run-row").first).to_contain_text("F-17")
    expect(said.get_by_label("Sample")).to_have_value("F-17")
    expect(said.get_by_label("Notes")).to_have_value("")
    kept = [each.data for each in found.events() if each.kind == "answer"]
    assert [each["answer"] for each in kept[:3]] == [True, 0.5, "right"]
    assert kept[3]["answer"]["bytes"] > 0
    assert all(each["by"] and each["how"] == "page" for each in kept)


def a_picture() -> bytes:
    import numpy as np

    return png.encode(np.full((8, 12, 3), 120, dtype=np.uint8))
