"""`funcnodes run` asks on a real terminal, and is answered in advance where there is none."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.core import Library, NodeSpace
from funcnodes.machine.person import user_name
from funcnodes.runs import NODE_SHELF, RunStore

from ..waiting import patience
from .conftest import PROGRAM


def nodespace(folder: Path, **values: Any) -> Path:
    """Thickness is asked, then Side, then there is a sweep of two points."""
    space = NodeSpace(Library(NODE_SHELF))
    thickness = space.add_node_by_id("ask", name="Thickness")
    side = space.add_node_by_id("ask", name="Side")
    sweep = space.add_node_by_id("sweep")
    for node, given in (
        (thickness, {"text": "How thick is the film?", "unit": "mm", "high": 2.0, **values}),
        (side, {"text": "Which side?", "kind": "choice", "choices": "left, right"}),
        (sweep, {"points": 2}),
    ):
        for port, value in given.items():
            node.inputs[port].set_value(value)
    thickness.outputs["_triggeroutput"].connect(side.inputs["_triggerinput"])
    side.outputs["_triggeroutput"].connect(sweep.inputs["_triggerinput"])
    path = folder / "film.json"
    path.write_text(json.dumps(space.serialize()))
    return path


def answers(config_dir: Path) -> list[tuple[Any, str, str]]:
    """What the newest run has kept: answer, by whom, how."""
    reader = RunStore(config_dir / "workers" / "local" / "runs").find("latest")
    kept = [each.data for each in reader.events() if each.kind == "answer"]
    return [(each["answer"], each["by"], each["how"]) for each in kept]


class AtTerminal:
    """A command on a terminal of its own; stdout goes elsewhere, as with `> file`."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.master, slave = os.openpty()
        self.seen = ""
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=subprocess.PIPE, stderr=slave, text=True, cwd=folder,
            env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        os.set_blocking(self.master, False)

    def wait_for(self, text: str) -> None:
        """Until that stands on it; what was there before it is not looked at again."""
        end = time.monotonic() + patience()
        while text not in self.seen:
            assert time.monotonic() < end, f"{text!r} is not in {self.seen!r}"
            try:
                self.seen += os.read(self.master, 4096).decode()
            except BlockingIOError:
                time.sleep(0.005)
            except OSError as ended:  # the other end of a terminal is closed
                raise AssertionError(f"{text!r} is not in {self.seen!r}") from ended
        self.seen = self.seen.partition(text)[2]

    def type(self, line: str) -> None:
        os.write(self.master, f"{line}\n".encode())

    def ended(self) -> int:
        return self.process.wait(timeout=patience())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        os.close(self.master)


@pytest.fixture
def at_terminal(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., AtTerminal]]:
    """`at_terminal("run", …)` begins a command there."""
    begun: list[AtTerminal] = []

    def begin(*arguments: object, program: list[str] = PROGRAM) -> AtTerminal:
        begun.append(AtTerminal([*program, *map(str, arguments)], environment, tmp_path))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


def test_questions_stand_on_the_terminal_until_they_are_answered(
    at_terminal: Any, tmp_path: Path, config_dir: Path
) -> None:
    terminal = at_terminal("run", nodespace(tmp_path))
    terminal.wait_for("Thickness: How thick is the film? (up to 2 mm) > ")
    terminal.type("thick")
    terminal.wait_for("'thick' is not a number of mm.")
    terminal.wait_for("Thickness: How thick is the film? (up to 2 mm) > ")
    terminal.type("500 um")
    terminal.wait_for("Side: Which side? \r\n  1  left\r\n  2  right\r\n > ")
    terminal.type("2")
    assert terminal.ended() == 0
    who = user_name()
    assert answers(config_dir) == [(0.5, who, "terminal"), ("right", who, "terminal")]


SCRIPT = """
from funcnodes import run_until_complete
from funcnodes.runs import Ask, Tell

ask, tell = Ask(name="Thickness"), Tell(name="Note")
ask.inputs["text"].set_value("How thick?")
ask.inputs["unit"].set_value("mm")
tell.inputs["text"].set_value("Thank you.")
run_until_complete(ask)
print(ask.outputs["answer"].value, ask.outputs["answer"].unit, ask.outputs["by"].value)
run_until_complete(tell)
"""


def test_the_same_nodes_ask_in_a_script(at_terminal: Any, tmp_path: Path) -> None:
    (tmp_path / "film.py").write_text(SCRIPT)
    terminal = at_terminal(program=[sys.executable, "-W", "error", "film.py"])
    terminal.wait_for("Thickness: How thick? (mm) > ")
    terminal.type("2 um")
    terminal.wait_for("Note: Thank you.")
    assert terminal.ended() == 0
    assert terminal.process.stdout.read() == f"0.002 mm {user_name()}\n"


def test_a_script_that_asks_where_nobody_is_ends_with_the_sentence(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "film.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "film.py"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        cwd=tmp_path, env=environment, timeout=patience(),
    )  # fmt: skip
    assert done.returncode != 0
    assert "Thickness asks 'How thick?', and there is no terminal to ask on." in done.stderr


def test_ctrl_c_at_a_question_ends_the_run_in_order(
    at_terminal: Any, tmp_path: Path, config_dir: Path
) -> None:
    terminal = at_terminal("run", nodespace(tmp_path))
    terminal.wait_for(" > ")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.ended() == 128 + signal.SIGINT
    reader = RunStore(config_dir / "workers" / "local" / "runs").find("latest")
    assert (reader.head.state, reader.head.message) == ("stopped", "Stopped by Ctrl-C.")


def test_a_question_that_nobody_answers_ends_by_its_deadline_and_the_next_one_is_asked(
    at_terminal: Any, tmp_path: Path, config_dir: Path
) -> None:
    """The run goes on while the terminal is waited for."""
    path = nodespace(tmp_path, default="1", deadline=0.1, then="use default")
    terminal = at_terminal("run", path)
    terminal.wait_for("[1] within 0.1 s > ")
    terminal.wait_for("Side: Which side?")
    terminal.type("left")
    assert terminal.ended() == 0
    assert answers(config_dir) == [(1.0, "", "by default"), ("left", user_name(), "terminal")]


def test_what_was_answered_in_advance_is_not_asked(
    here: Any, tmp_path: Path, config_dir: Path
) -> None:
    path = nodespace(tmp_path)
    done = here("run", path, "--answer", "thickness=0.5", "--answer", "Side=left")
    assert done.returncode == 0, done.stderr
    assert "Thickness: How thick is the film? 500 µm" in done.stdout.replace("0.5 mm", "500 µm")
    who = user_name()
    assert answers(config_dir) == [(0.5, who, "in advance"), ("left", who, "in advance")]


@pytest.mark.parametrize(
    ("given", "status", "sentence"),
    [
        (["thikness=1"], 2, "There is no question 'thikness'; there are Thickness, Side."),
        (["thickness=3"], 2, "Thickness: 3 mm is outside up to 2 mm."),
        (["thickness=thick"], 2, "Thickness: 'thick' is not a number of mm."),
        (["side=up"], 2, "Side: 'up' is none of the choices: left, right."),
        (["thickness"], 2, "'thickness' is not of the form NAME=VALUE."),
        (["thickness=1"], 1, "Side asks 'Which side?', and there is no terminal to ask on."),
    ],
)
def test_an_answer_that_does_not_fit_or_is_missing_is_told_before_the_run(
    here: Any,
    tmp_path: Path,
    config_dir: Path,
    given: list[str],
    status: int,
    sentence: str,
) -> None:
    options = [word for each in given for word in ("--answer", each)]
    done = here("run", nodespace(tmp_path), *options)
    assert done.returncode == status, done.stderr
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    kept = RunStore(config_dir / "workers" / "local" / "runs").list(1)
    told = [head.message.startswith(f"It did not start: {sentence}") for head in kept]
    assert told == ([True] if status == 1 else [])


def test_sample_project_and_notes_are_kept_shown_and_exported(here: Any, tmp_path: Path) -> None:
    path = nodespace(tmp_path)
    done = here(
        "run", path, "--answer", "thickness=1", "--answer", "side=left", "--sample", "F-17",
        "--project", "Films", "--note", "After the night in air.", "--operator", "Ada",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = here("runs", "show", "latest").stdout
    for key, value in (
        ("operator", "Ada"),
        ("sample", "F-17"),
        ("project", "Films"),
        ("notes", "After the night in air."),
    ):
        assert f"{key:<11}{value}" in shown


def test_a_sample_that_is_no_name_is_told_before_the_run(here: Any, tmp_path: Path) -> None:
    done = here("run", nodespace(tmp_path), "--sample", "F" * 300)
    assert done.returncode == 1
    assert done.stderr == "The sample is to be one line of 200 letters at most.\n"


def test_a_dry_run_asks_nobody_and_takes_answers_in_advance(here: Any, tmp_path: Path) -> None:
    path = nodespace(tmp_path)
    refused = here("run", path, "--dry-run")
    assert refused.returncode == 1
    assert "Thickness asks 'How thick is the film?', and a dry run asks nobody." in refused.stderr
    done = here("run", path, "--dry-run", "--answer", "thickness=1", "--answer", "side=left")
    assert done.returncode == 0, done.stderr
