"""`funcnodes device new-driver`: what it writes is right at once, whatever the names."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from funcnodes.cli.app import execute
from funcnodes.cli.new_driver import Skeleton, _pattern, _slug
from funcnodes.devices import Idn
from funcnodes.devices.messages.replies import Identity

from ..waiting import patience

PROGRAM = [sys.executable, "-W", "error", "-c", "from funcnodes.cli import main; main()"]


@pytest.fixture
def new_driver(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run the command; gives its exit status, what it printed and what it complained of."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = execute(
            ["--dir", str(tmp_path / "config"), "device", "new-driver", *arguments,
             "--out", str(tmp_path)]
        )  # fmt: skip
        return status, *capsys.readouterr()

    return run


def checked(folder: Path, *command: str, environment: dict[str, str] | None = None) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder, capture_output=True, text=True, timeout=patience(50), env=environment,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_package_passes_its_tests_ruff_and_mypy_as_it_stands(
    new_driver: Callable[..., Any], install: Any, tmp_path: Path
) -> None:
    maker, model = "ROHDE&SCHWARZ INSTRUMENTS (EU)", "HMP-4040.12/A+B"
    status, out, err = new_driver("--maker", maker, "--model", model, "--json")
    assert (status, err) == (0, "")
    made = json.loads(out)
    assert made["driver"] == "rohde_schwarz.hmp_4040_12_a_b"
    folder = Path(made["folder"])
    checked(folder, "ruff", "check", "--no-cache", ".")
    checked(folder, "ruff", "format", "--no-cache", "--check", ".")
    assert "no issues found" in checked(folder, "mypy", "--cache-dir", str(tmp_path / "mypy"))
    environment = install(folder)
    out = checked(folder, "pytest", "-q", "-rs", "-p", "no:cacheprovider", environment=environment)
    assert "5 passed, 1 skipped" in out


@given(
    maker=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 ._/()+&-]{0,31}", fullmatch=True),
    model=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 ._/()+&-]{0,23}", fullmatch=True),
)
def test_any_name_makes_python_that_fits_that_instrument(maker: str, model: str) -> None:
    maker, model = maker.strip(), model.strip()
    skeleton = Skeleton(maker, model, f"{_slug(maker)}.{_slug(model)}")
    assert skeleton.class_name.isidentifier()
    assert skeleton.module.isidentifier()
    match = Idn(_pattern(maker), _pattern(model))
    assert match.fits(Identity(maker, model, "1", "2"))
    assert not match.fits(Identity(f"{maker}x", model, "1", "2"))


def test_an_instrument_that_answers_fills_in_who_it_is(
    new_driver: Callable[..., Any], simulate: Any, tmp_path: Path
) -> None:
    simulated = simulate()
    address = simulated.resources["tc"]
    status, out, _ = new_driver("--from", address, "--json")
    assert status == 0
    assert set(simulated.commands("tc")) == {"*IDN?"}
    made = json.loads(out)
    driver = (tmp_path / "funcnodes-lsci-model335/funcnodes_lsci_model335/driver.py").read_text()
    assert (made["driver"], made["class"]) == ("lsci.model335", "MODEL335")
    assert 'r"LSCI"' in driver
    assert r'eol="\n"' in driver
    assert address in (tmp_path / "funcnodes-lsci-model335/README.md").read_text()


def test_it_asks_a_person_for_what_is_missing(tmp_path: Path) -> None:
    """At a terminal, which a pseudo-terminal is."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "device", "new-driver", "--out", str(tmp_path)],
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "FUNCNODES_CONFIG_DIR": str(tmp_path / "config")},
    )  # fmt: skip
    os.write(ours, b"ACME\nPSU1\n")
    out, err = process.communicate(timeout=patience())
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 0, err
    assert "the driver acme.psu1 for ACME PSU1" in out
    assert (tmp_path / "funcnodes-acme-psu1" / "pyproject.toml").is_file()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "Say --maker, or --from ADDRESS"),
        (("--maker", "ACME"), "Say --model"),
        (("--maker", 'A"""', "--model", "B"), '--maker \'A"""\': at most 32 letters'),
        (("--maker", "A", "--model", "B" * 25), "at most 24 letters"),
        (("--maker", "A", "--model", "B", "--name", "../x"), "--name ../x: at most 40 small"),
        (("--maker", "A", "--model", "B", "--name", "a." + "b" * 60), "at most 40 small letters"),
        (("--maker", "A", "--model", "B", "--address", "tcp:x"), "a port number should stand"),
    ],
)
def test_bad_arguments_are_one_line_and_write_nothing(
    new_driver: Callable[..., Any], arguments: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    status, out, err = new_driver(*arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert why in err
    assert not list(tmp_path.glob("funcnodes*"))


def test_what_is_there_is_not_written_over(new_driver: Callable[..., Any]) -> None:
    names = ("--maker", "ACME", "--model", "PSU1")
    assert new_driver(*names)[0] == 0
    status, _, err = new_driver(*names)
    assert status == 2
    assert "is there already" in err


def test_nobody_there_is_one_line(new_driver: Callable[..., Any]) -> None:
    status, _, err = new_driver("--from", "tcp:127.0.0.1:1")
    assert (status, err.count("\n")) == (1, 1)
    assert "connection refused" in err
