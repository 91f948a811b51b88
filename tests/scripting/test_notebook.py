"""The notebook of the guide in a real kernel: it runs, and what it shows is drawn."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from funcnodes.runs import RunStore
from funcnodes.settings import Settings

from ..waiting import patience

pytestmark = pytest.mark.notebooks
NOTEBOOK = Path(__file__).parents[2] / "docs" / "guides" / "notebook.ipynb"


def shown(cell: Any, kind: str) -> str:
    return "\n".join("".join(each["data"].get(kind, "")) for each in cell.outputs if "data" in each)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.timeout(180)
def test_the_guides_notebook_runs_and_shows_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("FUNCNODES_CONFIG_DIR", str(tmp_path / "config"))
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    os.makedirs(tmp_path / "ipythondir", exist_ok=True)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "kept without its outputs"
    nbclient.NotebookClient(
        notebook, timeout=int(patience()), kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()  # fmt: skip
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    by_start = {cell.source.splitlines()[0]: cell for cell in cells}

    drawn = next(cell for cell in cells if "picture(Path" in cell.source)
    bench = shown(cells[0], "text/html")
    assert "smu" in bench
    assert "idle" in bench
    assert "compliance" in shown(by_start["bench.smu"], "text/html")
    live = shown(by_start['async with bench.run("Diode") as run:'], "text/html")
    assert "complete, 31 rows" in live, "drawn once more at the end"
    assert "<polyline" in live
    assert "complete, 31 rows" in shown(by_start["run"], "text/html")
    assert "<svg" in shown(drawn, "image/svg+xml")
    said = "".join(each.get("text", "") for each in by_start["try:"].outputs)
    assert "write 'async with open_bench(…) as bench'" in said
    heads = RunStore(Settings(tmp_path / "config").workers_dir / "local" / "runs").list()
    assert [(head.title, head.state, head.rows) for head in reversed(heads)] == [
        ("Diode", "complete", 31), ("Mean of ten", "complete", 2),
    ]  # fmt: skip


def test_the_notebook_is_kept_as_jupyter_writes_it() -> None:
    data = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (data["nbformat"], data["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in data["cells"]}) == len(data["cells"])
