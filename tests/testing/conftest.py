"""Packages of somebody else's, really installed: into a folder that a process is given."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

collect_ignore = ["thirdparty"]  # a package of its own, whose tests run where it is installed

Environment = dict[str, str]
Install = Callable[[Path], Environment]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Install a package by pip; gives the environment of a process that has it."""

    def into_folder(package: Path) -> Environment:
        site = tmp_path / "site"
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
             "--no-index", "--no-compile", "--disable-pip-version-check", "--no-input",
             "--target", str(site), str(package)],
            check=True, timeout=50, capture_output=True,
        )  # fmt: skip
        return {**os.environ, "PYTHONPATH": str(site), "FUNCNODES_CONFIG_DIR": str(tmp_path / "c")}

    return into_folder
