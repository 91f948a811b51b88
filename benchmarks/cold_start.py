"""How long a newcomer waits: from `funcnodes demo` to 50 points in the browser, and for help.

    pip install -e '.[test]' && python benchmarks/cold_start.py

Starts the demo, a fresh Chromium and the diode example each time; prints medians.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
DRAWN = """() => {
    const plot = document.querySelector('[data-testid=plot]');
    return plot !== null && Number(plot.dataset.points) >= 50;
}"""


def demo_to_fifty_points() -> tuple[float, float]:
    """Seconds until the demo prints its link, and until 50 points are drawn."""
    with tempfile.TemporaryDirectory() as config, sync_playwright() as playwright:
        env = {**os.environ, "FUNCNODES_CONFIG_DIR": config}
        command = [
            sys.executable,
            "-m",
            "funcnodes",
            "demo",
            "--no-browser",
            "--json",
            "--port",
            "0",
        ]
        began = time.perf_counter()
        demo = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        try:
            assert demo.stdout is not None
            link = json.loads(demo.stdout.readline())["link"]
            ready = time.perf_counter() - began
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport={"width": 1440, "height": 900}, bypass_csp=True)
            page.goto(link)
            page.get_by_test_id("open-example").first.click()
            page.get_by_test_id("node").first.wait_for()
            page.keyboard.press("Control+Enter")
            page.wait_for_function(DRAWN, timeout=60_000)
            drawn = time.perf_counter() - began
            browser.close()
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(20)
    return ready, drawn


def help_text() -> float:
    """Seconds that `funcnodes --help` takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "funcnodes", "--help"], check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    times = [demo_to_fifty_points() for _ in range(rounds)]
    helps = [help_text() for _ in range(rounds * 2)]
    print(f"demo ready            {statistics.median(t[0] for t in times):6.2f} s")
    print(f"50 points drawn       {statistics.median(t[1] for t in times):6.2f} s   (limit 10 s)")
    print(f"funcnodes --help      {statistics.median(helps):6.2f} s   (limit 0.25 s)")
