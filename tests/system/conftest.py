"""The real demo: simulators, server and worker as processes of their own, as a user starts them."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ..waiting import patience


@dataclass
class Simulator:
    """The simulated bench's back door: what is really on the terminals."""

    control: str

    def ask(self, **request: Any) -> dict[str, Any]:
        host, _, port = self.control.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile() as lines:
                answer: dict[str, Any] = json.loads(lines.readline())
        assert "error" not in answer, answer
        return answer

    def output_is_on(self) -> bool:
        return bool(self.ask(do="state")["smu"]["output"])

    def wait_output(self, on: bool, timeout_s: float = 10.0) -> None:
        """Until the source-measure unit's output really is so."""
        self.ask(do="wait", device="smu", path="output", equals=on, timeout_s=timeout_s)


@dataclass
class Demo:
    """A running demo.

    Attributes:
        link: Signs in once.
        worker: The worker's uuid.
    """

    process: "subprocess.Popen[str]"
    config_dir: Path
    url: str
    link: str
    worker: str
    simulator: Simulator

    def fresh_link(self) -> str:
        """Another sign-in link, as `funcnodes link` prints it."""
        done = subprocess.run(
            [*FUNCNODES, "link", "--json"],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=patience(),
        )
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout.splitlines()[-1])["link"])

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "FUNCNODES_CONFIG_DIR": str(self.config_dir)}

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=patience())


RULES = """
[[alarm]]
name = "cool"
source = "tc.a.kelvin"
low = "296 K"
every_s = 0.1

[[alarm]]
name = "warm"
source = "tc.a.kelvin"
high = "297 K"
every_s = 0.1
message = "Look at the heater."

[[suspender]]
name = "sample"
source = "tc.a.kelvin"
high = "297 K"
every_s = 0.1

[[interlock]]
name = "much too warm"
when = 'tc.a.kelvin > "330 K" for 1 s'
"""


FUNCNODES = [sys.executable, "-m", "funcnodes"]


def start_demo(config_dir: Path, *more: str) -> Demo:
    env = {**os.environ, "FUNCNODES_CONFIG_DIR": str(config_dir)}
    process = subprocess.Popen(
        [*FUNCNODES, "demo", "--no-browser", "--json", "--control", "--port", "0", *more],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    return Demo(
        process, config_dir, told["url"], told["link"], told["worker"], Simulator(told["control"])
    )


def end_demo(demo: Demo) -> None:
    try:
        demo.interrupt()
    finally:
        if demo.process.poll() is None:
            os.killpg(demo.process.pid, signal.SIGKILL)
            demo.process.wait()
        if demo.process.stdout is not None:
            demo.process.stdout.close()


def restart_with(demo: Demo, page: Page, *, real: bool = False) -> None:
    """Give the demo's bench an alarm and an interlock; `real`: its devices count as real ones."""
    bench = demo.config_dir / "workers" / demo.worker / "bench.toml"
    text = bench.read_text() + RULES
    bench.write_text(text.replace("simulated = true", "simulated = false") if real else text)
    page.goto(demo.link)
    expect(page.get_by_test_id("open-example").first).to_be_visible()
    for verb in ("stop", "start"):
        done = page.evaluate(
            """async (path) => (await fetch(path, {method: "POST", body: "{}",
                headers: {"content-type": "application/json"}})).status""",
            f"/api/workers/{demo.worker}/{verb}",
        )
        assert done == 200, verb
    page.get_by_test_id("open-example").first.click()
    expect(page.get_by_test_id("node").first).to_be_visible()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Starts demos of the test's own, each in a folder of its own; they end with the test."""
    running: list[Demo] = []

    def start_one(*more: str) -> Demo:
        running.append(start_demo(tmp_path / f"config{len(running)}", *more))
        return running[-1]

    yield start_one
    for each in running:
        end_demo(each)


@pytest.fixture
def demo(start: Callable[..., Demo]) -> Demo:
    """One demo."""
    return start()
