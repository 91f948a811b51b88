"""The guide "Your first driver": every file is written, every command run, as it stands there."""

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ..waiting import patience

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "first-driver.md"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# What a user types, by what it is here: each is in the environment that runs the tests.
PROGRAMS = {
    "funcnodes": [sys.executable, "-W", "error", "-c", "from funcnodes.cli import main; main()"],
    "pytest": [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
    "ruff": [sys.executable, "-m", "ruff"],
}


@dataclass
class Reader:
    """Somebody who does what the guide says."""

    folder: Path
    install: Any
    port: int
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    said: list[tuple[str, str]] = field(default_factory=list)
    background: list[subprocess.Popen[str]] = field(default_factory=list)

    def read(self, text: str) -> None:
        for language, name, content in BLOCK.findall(text.replace("5025", str(self.port))):
            if name:
                (self.folder / name.strip()).write_text(content)
            elif language == "console":
                for line in content.splitlines():
                    assert line.startswith("$ "), line
                    self.type(shlex.split(line[2:]))
            else:
                assert language == "text", "a block is a file, a console, or plain text"

    def type(self, words: list[str]) -> None:
        if words[0] == "cd":
            self.folder /= words[1]
        elif words[0] == "pip":
            assert words[1:] == ["install", "-e", ".[dev]"]
            self.environment = self.install(self.folder)
            self.environment["PYTHONPATH"] = f"{self.folder}:{self.environment['PYTHONPATH']}"
        elif words[:2] == ["funcnodes", "simulate"]:
            self.serve(words)
        else:
            ran = subprocess.run(
                [*PROGRAMS[words[0]], *words[1:]],
                cwd=self.folder, env=self.environment, capture_output=True, text=True,
                timeout=patience(50),
            )  # fmt: skip
            assert ran.returncode == 0, f"{shlex.join(words)}\n{ran.stdout}{ran.stderr}"
            self.said.append((shlex.join(words), ran.stdout))

    def serve(self, words: list[str]) -> None:
        process = subprocess.Popen(
            [*PROGRAMS[words[0]], *words[1:]],
            cwd=self.folder, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.background.append(process)
        assert process.stdout is not None
        assert str(self.port) in process.stdout.readline()

    def answer(self, start: str) -> str:
        """What the newest command that begins so printed."""
        return next(out for command, out in reversed(self.said) if command.startswith(start))


@pytest.fixture
def reader(tmp_path: Path, install: Any) -> Iterator[Reader]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path / "work"
    folder.mkdir()
    reader = Reader(folder, install, port)
    reader.environment["FUNCNODES_CONFIG_DIR"] = str(tmp_path / "config")
    yield reader
    for process in reader.background:
        process.communicate(timeout=patience())


@pytest.mark.soak
def test_the_guide_works_from_the_first_line_to_the_last(reader: Reader) -> None:
    reader.read(GUIDE.read_text())
    assert "5 passed, 1 skipped" in reader.answer("pytest")
    assert "acme.psu1" in reader.answer("funcnodes device drivers")
    assert "ACME PSU1, serial number SIM0001 (driver acme.psu1)" in reader.answer(
        "funcnodes device identify"
    )
    assert "protection = 3 A" in reader.answer("funcnodes device snapshot")
    assert reader.answer("funcnodes device watch").count("v 0 V") == 3
    assert reader.answer("funcnodes device traffic").count("> :MEAS?") == 5
    assert reader.answer("funcnodes device replay").splitlines() == [
        "0.000000E+00,0.000000E+00", "ACME,PSU1,SIM0001,1.0",
    ]  # fmt: skip
