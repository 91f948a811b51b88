"""`funcnodes check`: what a run would be refused for, without running it (T7, D8, S3a)."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes_simulators import SimulatedBench

from ..waiting import patience

DIODE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"


def bench(folder: Path, driver: str, address: str) -> Path:
    path = folder / "own.toml"
    path.write_text(f"name = 'own'\n[devices.smu]\ndriver = '{driver}'\naddress = '{address}'\n")
    return path


@pytest.fixture
def silent() -> Any:
    """An instrument's address, at which nobody must knock."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


def address(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def tell(resource: str, command: str) -> None:
    """Somebody turns a knob."""
    _, host, port, _ = resource.split("::")
    with socket.create_connection((host, int(port)), timeout=patience(5)) as line:
        line.sendall(f"{command};:SOUR:FUNC?\n".encode())
        assert line.recv(100)


def nobody_knocked(server: socket.socket) -> bool:
    try:
        server.accept()
    except BlockingIOError:
        return True
    return False


def test_the_example_has_nothing_wrong(command: Any) -> None:
    """By the real command, and on a simulated bench that is not started for it."""
    done = command("check", DIODE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing is wrong.\n", "")


@pytest.mark.parametrize("driver", ["keithley.smu2400", "auto"])
def test_no_instrument_is_opened(
    here: Any, tmp_path: Path, silent: socket.socket, driver: str
) -> None:
    own = bench(tmp_path, driver, address(silent))
    done = here("check", DIODE, "--bench", own, "--json")
    assert json.loads(done.stdout) == {"file": str(DIODE), "connected": False, "problems": []}
    assert done.returncode == 0
    assert nobody_knocked(silent)


def test_it_tells_all_that_a_run_would_be_refused_for_in_the_same_words(
    here: Any, tmp_path: Path
) -> None:
    graph = json.loads(DIODE.read_text())
    for node in graph["nodes"]:
        if node.get("member") == "output":
            node["device"] = "psu"
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(graph))
    asked = [path, "--set", "sweep.stop=100V", "--set", "set_compliance.compliance=10mA"]
    done = here("check", *asked, "--json")
    found = json.loads(done.stdout)["problems"]
    assert done.returncode == 1
    assert "Set voltage: voltage cannot be set: 100 V is outside" in " ".join(found)
    assert "'psu'" in " ".join(found)
    assert here("check", *asked).stdout.splitlines() == found
    refused = here("run", *asked)
    assert refused.returncode == 1
    assert refused.stderr.startswith(found[0])
    assert f"and {len(found) - 1} more" in refused.stderr


def test_a_driver_that_cannot_be_loaded_is_told_without_opening_anything(
    here: Any, tmp_path: Path, silent: socket.socket
) -> None:
    done = here("check", DIODE, "--bench", bench(tmp_path, "acme.none", address(silent)))
    assert done.returncode == 1
    assert "smu cannot be used: There is no driver 'acme.none'" in done.stdout
    assert nobody_knocked(silent)


@pytest.mark.parametrize("driver", ["keithley.smu2400", "auto"])
def test_asked_to_connect_it_tells_who_is_away(here: Any, tmp_path: Path, driver: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        where = address(gone)
    done = here("check", DIODE, "--bench", bench(tmp_path, driver, where), "--connect")
    assert done.returncode == 1
    (sentence,) = done.stdout.splitlines()
    assert sentence.startswith("smu (")
    assert "is offline" in sentence
    assert "refused" in sentence


def test_asked_to_connect_it_tells_what_does_not_hold_and_sets_nothing(
    here: Any, tmp_path: Path, simulated: SimulatedBench
) -> None:
    """D8: a 2400 that sources current would take 0.1 V for 0.1 A."""
    own = bench(tmp_path, "keithley.smu2400", simulated.resources["smu"])
    tell(simulated.resources["smu"], ":SOUR:FUNC CURR")
    done = here("check", DIODE, "--bench", own, "--connect")
    assert done.returncode == 1
    assert "source function is current, not voltage" in done.stdout
    asked = here("device", "query", "smu", ":SOUR:FUNC?", "--bench", own)
    assert asked.stdout.strip() == "CURR"


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["missing.json"], 1, "missing.json cannot be read: There is no such file."),
        ([DIODE, "--bench", "missing.toml"], 1, "missing.toml"),
        ([DIODE, "--set", "sweep"], 2, "'sweep' is not of the form node.port=VALUE."),
        ([DIODE, "--set", "sweep.stop=1 s"], 1, "Sweep: stop cannot be set: "),
        ([], 2, "Missing argument 'FILE'."),
    ],
)
def test_what_cannot_be_checked_is_one_sentence(
    here: Any, arguments: list[Any], status: int, sentence: str
) -> None:
    done = here("check", *arguments)
    assert done.returncode == status
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_graph_of_nothing_to_run_says_so(here: Any, tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.write_text("{}")
    done = here("check", path)
    assert (done.returncode, done.stdout.splitlines()) == (
        1, ["There is nothing to run: add a Sweep and wire what it should set."],
    )  # fmt: skip
