"""An editor knows the type of every value, and says so when one is wrong; mypy stands for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from ...waiting import patience

GOOD = Path(__file__).with_name("typed_driver.py")
ROOT = Path(__file__).parents[3]
WRONG = {
    "await typed.level.set('1')": "str",
    "await typed.mode.set('fast')": "str",
    "await typed.power.set(1.0)": "set",
    "x: int = await typed.level.get()": "float",
    "await typed.missing.get()": "missing",
    "typed.one.volts.limits": "limits",
}


def mypy(path: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(path)],
        cwd=ROOT, capture_output=True, text=True, timeout=patience(50), check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.timeout(120)
def test_every_value_has_its_type_and_a_wrong_one_is_found(tmp_path: Path) -> None:
    code, said = mypy(GOOD)
    assert code == 0, said
    wrong = tmp_path / "wrong_driver.py"
    body = "\n".join(f"    {line}" for line in WRONG)
    text = GOOD.read_text()
    wrong.write_text(f"{text}\n\nasync def what_is_wrong(typed: Typed) -> None:\n{body}\n")
    code, said = mypy(wrong)
    assert code == 1
    first = text.count("\n") + 4
    for number, (line, why) in enumerate(WRONG.items(), first):
        found = [e for e in said.splitlines() if f"wrong_driver.py:{number}:" in e]
        assert any("error" in e and why in e for e in found), f"{line} passed:\n{said}"
