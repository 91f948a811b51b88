"""What all tests share: which of them run, how long they may take, a private configuration
folder, and a real Chromium.

Tests marked `timing`, `soak`, `faults`, `formats` or `notebooks` run only where they are asked for,
by `-m` or by name.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from .waiting import machine_factor, patience, within

ON_DEMAND = ("timing", "soak", "faults", "formats", "notebooks")

# `HYPOTHESIS_PROFILE=thorough pytest` tries as many examples as hypothesis would by itself.
settings.register_profile("quick", max_examples=40, deadline=None)
settings.register_profile("thorough", max_examples=400, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session", autouse=True)
def runtime_dir() -> Iterator[Path]:
    """Where the processes of these tests find each other, and no others: an E-STOP stays here."""
    with tempfile.TemporaryDirectory(prefix="fn-", dir="/tmp") as folder:
        before = os.environ.get("FUNCNODES_RUNTIME_DIR")
        os.environ["FUNCNODES_RUNTIME_DIR"] = folder
        yield Path(folder)
        if before is None:
            del os.environ["FUNCNODES_RUNTIME_DIR"]
        else:
            os.environ["FUNCNODES_RUNTIME_DIR"] = before


@pytest.fixture(
    params=[
        pytest.param(patience, id="at-all"),
        pytest.param(within, id="in-time", marks=pytest.mark.timing),
    ]
)
def limit(request: pytest.FixtureRequest) -> Callable[[float], float]:
    """A limit in seconds: `limit(0.1)`. The test runs twice, once to see that a thing happens at
    all, and in the group `timing` to see that it happens in time."""
    found: Callable[[float], float] = request.param
    return found


@pytest.fixture
def config_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of the test's own, in the environment too."""
    path = tmp_path / "config"
    monkeypatch.setenv("FUNCNODES_CONFIG_DIR", str(path))
    return path


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium; without one browser tests are left out, unless they are required."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if found is None and os.environ.get("FUNCNODES_REQUIRE_BROWSER"):
        pytest.fail("FUNCNODES_REQUIRE_BROWSER is set, but there is no chromium")
    if found is None:
        pytest.skip("there is no chromium on this machine")
    return {**browser_type_launch_args, "executable_path": found, "args": CHROMIUM_FLAGS}


def pytest_configure() -> None:
    """Measure the machine before anything else runs on it; workers of xdist are told."""
    machine_factor()


def pytest_report_header() -> str:
    return f"machine: limits in time are taken {machine_factor():.1f} times"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Browser tests go last: Playwright's loop runs from the first of them to the very end, and
    no coroutine test could start its own beside it."""
    _leave_out(config, items)
    for item in items:
        _scale_timeout(item, float(config.getini("timeout")))
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def _leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What nobody asked for: see `ON_DEMAND`."""
    if config.option.markexpr:
        return
    left_out = [
        item
        for item in items
        if any(item.get_closest_marker(name) for name in ON_DEMAND)
        and not any(_names(argument, item, config) for argument in config.args)
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _names(argument: str, item: pytest.Item, config: pytest.Config) -> bool:
    """Whether an argument of the command line names this very test, or its class."""
    path, colons, rest = argument.partition("::")
    is_in_file = (config.invocation_params.dir / path).resolve() == item.path
    return bool(colons) and is_in_file and item.nodeid.partition("::")[2].startswith(rest)


def _scale_timeout(item: pytest.Item, usual_s: float) -> None:
    marker = item.get_closest_marker("timeout")
    if marker is None and item.get_closest_marker("browser"):
        usual_s *= 2  # a page, a server and an axe of all of it
    seconds = float(marker.args[0]) if marker is not None else usual_s
    item.add_marker(pytest.mark.timeout(within(seconds)), append=False)
