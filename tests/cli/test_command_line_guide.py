"""The guide of the command line does what it says, command by command."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import funcnodes

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "command-line.md"
EXAMPLE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"


def commands() -> list[tuple[str, str]]:
    """Each command with what it prints, `…` for anything."""
    text = GUIDE.read_text(encoding="utf-8")
    found: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in block.split("$ funcnodes ")[1:]:
            asked, _, printed = part.partition("\n")
            found.append((asked, printed))
    return found


def test_each_command_of_the_guide_prints_what_stands_there(here: Any, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE, tmp_path)
    found = commands()
    assert len(found) == 8
    for asked, printed in found:
        done = here(*shlex.split(asked))
        assert done.returncode == 0, (asked, done.stderr)
        pattern = ".*".join(map(re.escape, printed.strip().split("…")))
        assert re.fullmatch(pattern, done.stdout.strip(), re.DOTALL), (asked, done.stdout)
    assert (tmp_path / "diode.csv").is_file()
    assert "async for voltage in run.sweep" in (tmp_path / "diode_iv.py").read_text()
