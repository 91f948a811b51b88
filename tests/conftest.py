"""What all tests share: a private configuration folder and a real Chromium."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests go last: Playwright's loop runs from the first of them to the very end, and
    no coroutine test could start its own beside it."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
