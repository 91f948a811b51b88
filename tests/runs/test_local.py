"""Runs without a server: what `run_file` asks, and what it leaves open when it ends."""

import json
import socketserver
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from funcnodes.errors import BenchError, RunError
from funcnodes.runs import RunReader
from funcnodes.runs.local import RunWatcher, run_file, simulated_bench
from funcnodes.settings import Settings


class Instrument(socketserver.StreamRequestHandler):
    """Calls itself by a serial number that is no simulator's, and has no errors."""

    def handle(self) -> None:
        for line in self.rfile:
            answer = {b"*IDN?\n": b"ACME,X1,4711,1.0\n"}.get(line, b'0,"No error"\n')
            if line.rstrip().endswith(b"?"):
                self.wfile.write(answer)


@pytest.fixture
def instrument() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Instrument) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"TCPIP0::127.0.0.1::{server.server_address[1]}::SOCKET"
        server.shutdown()
        thread.join()


@pytest.fixture
def sweep_on(tmp_path: Path, instrument: str) -> Path:
    """A sweep without effects, on a bench with a real-looking instrument."""
    (tmp_path / "lab.toml").write_text(
        f'name = "lab"\n[devices.box]\ndriver = "scpi"\naddress = "{instrument}"\n'
    )
    path = tmp_path / "sweep.json"
    sweep = {"id": "sweep", "node_id": "sweep", "io": {"points": {"is_input": True, "value": 3}}}
    recorder = {
        "id": "rec", "node_id": "recorder", "columns": [{"id": "x", "name": "x", "kind": "number"}]
    }  # fmt: skip
    path.write_text(
        json.dumps(
            {
                "requires": {"bench": "lab"},
                "nodes": [sweep, recorder],
                "edges": [["sweep", "value", "rec", "x"]],
            }
        )
    )
    return path


def test_real_instruments_are_named_and_asked_about_before_the_run(
    sweep_on: Path, instrument: str, tmp_path: Path
) -> None:
    asked: list[Sequence[str]] = []

    def refuse(devices: Sequence[str]) -> bool:
        asked.append(devices)
        return False

    with pytest.raises(RunError, match="was not started"):
        run_file(Settings(tmp_path / "config"), sweep_on, watcher=RunWatcher(confirm=refuse))
    assert asked == [[f"box ({instrument})"]]


def test_a_run_on_real_instruments_says_so(sweep_on: Path, tmp_path: Path) -> None:
    """D7, and whoever watches is told it as Bluesky documents with what the instrument is."""
    told: list[tuple[str, dict[str, Any]]] = []
    watcher = RunWatcher(document=lambda *document: told.append(document))
    result = run_file(Settings(tmp_path / "config"), sweep_on, watcher=watcher)
    assert (result.head.state, result.head.rows) == ("complete", 3)
    assert [name for name, _ in told] == ["start", "descriptor", *["event"] * 3, "stop"]
    assert told[1][1]["configuration"]["box"]["data"]["box_serial_number"] == "4711"
    assert list(map(repr, RunReader(result.path).documents())) == list(map(repr, told))
    assert (result.head.bench, result.head.simulated) == ("lab", "")


def test_progress_is_told_at_each_point(sweep_on: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    watcher = RunWatcher(changed=lambda run: told.append((run.state, run.done)))
    run_file(Settings(tmp_path / "config"), sweep_on, watcher=watcher)
    assert told[0] == ("running", 0)
    assert [done for _, done in told] == sorted(done for _, done in told)
    assert told[-1] == ("complete", 3)


def test_a_graph_without_a_bench_needs_none(tmp_path: Path) -> None:
    path = tmp_path / "bare.json"
    path.write_text(json.dumps({"nodes": [{"id": "s", "node_id": "sweep"}]}))
    result = run_file(Settings(tmp_path / "config"), path)
    assert (result.head.state, result.head.rows, result.head.bench) == ("complete", 0, "")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('name = "demo"\n[devices.a]\naddress = "sim:a"', "demo"),
        ('[devices.a]\naddress = "sim:a"', "bench"),
        ('name = "x"\n[devices.a]\naddress = "TCPIP0::h::1::SOCKET"', ""),
        ('name = "x"\ndevices = 3', ""),
        ("", ""),
    ],
)
def test_only_sim_addresses_ask_for_a_simulator(tmp_path: Path, text: str, name: str) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(text)
    assert simulated_bench(path) == name


def test_a_simulator_that_does_not_know_the_bench_is_told_in_its_own_words(
    tmp_path: Path,
) -> None:
    (tmp_path / "odd.toml").write_text(
        'name = "odd"\n[devices.a]\ndriver = "scpi"\naddress = "sim:a"\n'
    )
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"requires": {"bench": "odd"}}))
    with pytest.raises(BenchError, match=r"The simulated bench 'odd' did not start: .*odd"):
        run_file(Settings(tmp_path / "config"), path)
