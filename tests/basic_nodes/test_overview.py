"""docs/nodes.md is made from the nodes, and kept current."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_overview_of_the_nodes_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "nodes_doc"), "--check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
