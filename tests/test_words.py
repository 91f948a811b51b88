"""One word, one meaning: no public class has the name of another one in the package."""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "funcnodes"

# ── still to be told apart: to be emptied, never to be added to ───────────────────────────
STILL_TWICE = {
    "Clock",  # basic_nodes/control/timing, core/clock
    "Dialogue",  # devices/transports/memory, testing/fixtures (documented there)
    "Gate",  # basic_nodes/control/routes, core/gates
    "Lane",  # devices/ramps, devices/turn
    "Latch",  # basic_nodes/control/memory, devices/safety
    "Port",  # core/ports, devices/framing, devices/transports/memory
    "Reading",  # core/codec, devices/records
    "Recorder",  # devices/recordings, runs/recorder (documented there)
    "Source",  # basic_nodes/control/sources, devices/sources
    "Watcher",  # core/events, devices/polling
}
# ──────────────────────────────────────────────────────────────────────────────────────────


def homes() -> dict[str, list[str]]:
    """The modules that have a public class of each name."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for each in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(each, ast.ClassDef) and not each.name.startswith("_"):
                found[each.name].append(path.relative_to(PACKAGE).as_posix())
    return found


def test_no_public_class_has_the_name_of_another() -> None:
    twice = {name: where for name, where in homes().items() if len(where) > 1}
    assert {name: twice[name] for name in twice.keys() - STILL_TWICE} == {}


def test_the_list_of_those_still_to_be_told_apart_only_gets_shorter() -> None:
    """A name that stands once by now goes from the list, so that it cannot come twice again."""
    found = homes()
    assert {name for name in STILL_TWICE if len(found[name]) < 2} == set()
