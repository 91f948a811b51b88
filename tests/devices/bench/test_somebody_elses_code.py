"""Drivers and node packages as others write them, installed and broken in every way there is.

One that cannot be loaded, or that raises while its instrument is connected, costs its own device
and its own nodes, with the sentence that says why; nothing else (journey "a value").
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ...waiting import patience

PLAIN = """
from funcnodes.devices.declarations.drivers import Idn, ScpiDevice, driver
from funcnodes.devices.declarations.words import control, measurement
"""
DRIVER = (
    PLAIN
    + """
@driver("{name}.one", title="One", errors="", manual="none", {more})
class One(ScpiDevice):
    level = control(float, "LEV?", "{template}", unit="V", doc="A level.", confirm="readback")
    read = measurement(float, "X?", doc="A reading."{reading})
{end}"""
)


def driver(name: str, more: str = "", template: str = "LEV {v:.9g}", **rest: str) -> str:
    return DRIVER.format(
        name=name, more=more, template=template, reading=rest.get("reading", ""),
        end=rest.get("end", ""),
    )  # fmt: skip


def raising(name: str, error: str) -> str:
    """A driver whose `identity` raises that."""
    function = f"def who(text):\n    raise {error}\n"
    return function + driver(name, more="identity=who")


MODULES = {
    "import_missing": "import not_there_at_all\n",
    "syntax": "def broken(:\n",
    "leaves": "raise SystemExit(3)\n",
    "interrupts": "raise KeyboardInterrupt\n",
    "recursion": "def f():\n    return f()\nf()\n",
    "no_class": PLAIN,
    "no_decorator": PLAIN + "from funcnodes.devices.declarations.drivers import Instrument\n"
    "class One(Instrument):\n    pass\n",
    "no_driver": "One = 5\n",
    "template_name": driver("template_name", template="LEV {value}"),
    "template_form": driver("template_form", template="LEV {v:d}"),
    "template_torn": driver("template_torn", template="LEV {v"),
    "injected": driver("injected", template="LEV {v}\\n*RST"),
    "odd_pattern": driver("odd_pattern", more='match=Idn("ACME(", "ONE")'),
    "odd_seconds": driver("odd_seconds", more='timeout_s="2 s"'),
    "odd_harmless": driver("odd_harmless", more="harmless=(5,)"),
    "odd_unit": driver("odd_unit", more='to_unit="@{nobody} "'),
    "odd_requires": driver("odd_requires", more='requires={"nothing": True}'),
    "odd_start": driver(
        "odd_start",
        end="    def __init__(self, *a, **k):\n        raise SystemExit('no licence')\n",
    ),
    "identity_error": raising("identity_error", "ZeroDivisionError('by zero')"),
    "identity_exit": raising("identity_exit", "SystemExit(1)"),
    "identity_interrupt": raising("identity_interrupt", "KeyboardInterrupt"),
    "identity_recursion": "def who(text):\n    return who(text)\n"
    + driver("identity_recursion", more="identity=who"),
    "identity_odd": driver("identity_odd", more="identity=lambda text: text"),
    "parse_exit": driver("parse_exit", reading=", parse=lambda text: exit(5)"),
    "good": driver("good"),
}
DRIVERS = {f"{name}.one": f"acme_{name}:One" for name in MODULES}
OFFERED = """
import os
DRIVERS = {!r}
if "ACME_NO_INTERRUPT" in os.environ:  # outside of a loop it is Ctrl+C
    del DRIVERS["interrupts.one"]
"""
NODES = """
from funcnodes.core import Node, NodeDecorator, NodeInput, Shelf

@NodeDecorator("{name}.double")
def double(a: float = 1.0) -> float:
    return 2 * a

class Odd(Node):
    node_id = "{name}.odd"
    def __init__(self, *a, **k):
        raise SystemExit(9)
    def func(self):
        pass

NODE_SHELF = Shelf([double, Odd{more}], name="{name}")
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all of them as an installer leaves them."""
    folder = tmp_path_factory.mktemp("site")
    for name, code in MODULES.items():
        (folder / f"acme_{name}.py").write_text(code)
    install(folder, "acme_drivers", OFFERED.format(DRIVERS), "funcnodes.drivers")
    for name, code in {
        "torn_drivers": "import not_there_at_all\n",
        "leaving_drivers": "raise SystemExit(4)\n",
        "odd_drivers": "DRIVERS = [1, 2]\n",
        "number_drivers": "DRIVERS = {'a.b': 5}\n",
    }.items():
        install(folder, name, code, "funcnodes.drivers")
    for name, code in {
        "good_nodes": NODES.format(name="good_nodes", more=""),
        "mixed_nodes": NODES.format(name="mixed_nodes", more=", 5"),
        "leaving_nodes": "raise SystemExit('no licence')\n",
    }.items():
        install(folder, name, code, "funcnodes.module")
    install(folder, "gone_nodes", None, "funcnodes.module")
    install(folder, "leaving_plugin", "raise SystemExit(5)\n", "funcnodes.plugin")
    return folder


def install(folder: Path, name: str, code: str | None, group: str) -> None:
    if code is not None:
        (folder / f"{name}.py").write_text(code)
    info = folder / f"{name}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}\n")


def run(site: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=patience(60),
        env={**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200", **more}, cwd=site,
    )  # fmt: skip


OPEN = """
import asyncio, json, sys
from funcnodes.devices import Bench
from funcnodes.devices.nodes import library_entries

ANSWERS = {b"*IDN?": b"ACME,ONE,7,1", b"LEV?": b"0", b"X?": b"1.5"}

async def answer(reader, writer):
    while line := await reader.readline():
        if line.strip() in ANSWERS:
            writer.write(ANSWERS[line.strip()] + b"\\n")
    writer.close()

async def main():
    names = json.loads(sys.argv[1])
    text, servers = "", []
    for name in names:
        servers.append(await asyncio.start_server(answer, "127.0.0.1", 0))
        port = servers[-1].sockets[0].getsockname()[1]
        text += f"[devices.{name}]\\ndriver = '{name}.one'\\naddress = 'tcp:127.0.0.1:{port}'\\n"
    text += "[devices.unknown]\\ndriver = 'unknown.one'\\naddress = 'tcp:127.0.0.1:1'\\n"
    text += '''[[interlock]]
name = "blind"
when = 'syntax.read > "1 V"'
then = "refuse"
devices = ["good"]
[[alarm]]
name = "lost"
source = "syntax.read"
high = "1 V"
'''
    open(sys.argv[2], "w").write(text)
    bench = Bench.load(sys.argv[2])
    await bench.open()
    found = {name: [d.state, d.message] for name, d in bench.devices.items()}
    good, parse = bench.devices["good"], bench.devices["parse_exit"]
    found["good reads"] = (await good.member_get("read")).value
    found["blind"] = good.refusal("level")
    try:
        await parse.member_get("read")
    except Exception as error:
        found["parse"] = str(error)
    found["entries"] = sorted({each.extra["device"] for each in library_entries(bench)})
    found["plan"] = bench.safety_plan().lines()
    found["stops"] = {a.device: [a.state, a.message] for a in await bench.estop("test", by="test")}
    await bench.close()
    print(json.dumps(found))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def opened(site: Path) -> dict[str, Any]:
    """What a bench with all of these drivers says of itself, each on an instrument of its own."""
    ended = run(site, "-c", OPEN, json.dumps(list(MODULES)), str(site / "all.toml"))
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


WHY = {
    "import_missing": "ModuleNotFoundError: No module named 'not_there_at_all'",
    "syntax": "SyntaxError",
    "leaves": "SystemExit: 3",
    "interrupts": "KeyboardInterrupt",
    "recursion": "RecursionError: maximum recursion depth exceeded",
    "no_class": "AttributeError: module 'acme_no_class' has no attribute 'One'",
    "no_decorator": "TypeError: One has no @driver(…) above it",
    "no_driver": "acme_no_driver:One is no driver",
    "template_name": "its member 'level': KeyError: 'value'",
    "template_form": "its member 'level': ValueError: Unknown format code 'd'",
    "template_torn": "its member 'level': ValueError: expected '}' before end of string",
    "injected": "holds a line break",
    "odd_pattern": "missing ), unterminated subpattern",
    "odd_seconds": "timeout_s='2 s' is no time in seconds",
    "odd_harmless": "harmless=(5,) is to be a tuple of commands",
    "odd_unit": "KeyError: 'nobody'",
    "odd_requires": "requires 'nothing', which there is not",
    "odd_start": "SystemExit: no licence",
    "identity_error": "cannot tell who answers from 'ACME,ONE,7,1': ZeroDivisionError: by zero",
    "identity_exit": "cannot tell who answers from 'ACME,ONE,7,1': SystemExit: 1",
    "identity_interrupt": "cannot tell who answers from 'ACME,ONE,7,1': KeyboardInterrupt",
    "identity_recursion": "RecursionError",
    "identity_odd": "it gave 'ACME,ONE,7,1', which is no Identity",
    "unknown": "There is no driver 'unknown.one'; known are ",
}


@pytest.mark.parametrize("name", WHY)
def test_a_driver_that_fails_leaves_its_own_device_offline_with_the_sentence(
    opened: dict[str, Any], name: str
) -> None:
    state, message = opened[name]
    assert state == "offline"
    assert WHY[name] in message


def test_the_others_of_the_bench_work_and_are_offered(opened: dict[str, Any]) -> None:
    assert opened["good"] == ["idle", ""]
    assert opened["good reads"] == 1.5
    assert {"good", "parse_exit"} <= set(opened["entries"])
    assert "syntax" not in opened["entries"]


def test_a_reading_that_ends_the_program_is_a_reply_that_cannot_be_read(
    opened: dict[str, Any],
) -> None:
    assert "'1.5' cannot be read: SystemExit: 5" in opened["parse"]


def test_what_cannot_be_switched_off_is_said_by_plan_and_stop(opened: dict[str, Any]) -> None:
    """S4: it lists what it cannot reach; nobody is told that all is off."""
    assert any(line.startswith("  syntax: ") and "SyntaxError" in line for line in opened["plan"])
    assert opened["stops"]["syntax"][0] == "unanswered"
    assert opened["stops"]["good"][0] == "held"


def test_an_interlock_on_what_cannot_be_read_refuses(opened: dict[str, Any]) -> None:
    """Fail-safe: the bench opens, and what it protects is not written to."""
    assert opened["blind"] == "interlock 'blind' has not read syntax.read yet"


def command(site: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    config = {"FUNCNODES_CONFIG_DIR": str(site / "config"), "ACME_NO_INTERRUPT": "1"}
    return run(site, "-c", "from funcnodes.cli import main; main()", *arguments, **config)


def test_a_package_of_drivers_that_fails_is_named_and_those_of_others_are_listed(
    site: Path,
) -> None:
    ended = command(site, "device", "drivers")
    assert ended.returncode == 0, ended.stderr
    assert "good.one" in ended.stdout
    assert "keithley.smu2400" in ended.stdout
    assert "syntax.one" not in ended.stdout
    assert "leaving_drivers: SystemExit: 4" in ended.stderr
    assert "torn_drivers: ModuleNotFoundError" in ended.stderr
    assert "odd_drivers: TypeError: DRIVERS is [1, 2]" in ended.stderr
    assert "number_drivers: TypeError: 5 in DRIVERS is no text" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", ["leaves", "template_name", "unknown"])
def test_a_device_whose_driver_cannot_be_loaded_is_not_added(
    site: Path, tmp_path: Path, name: str
) -> None:
    bench = tmp_path / "bench.toml"
    ended = command(
        site, "device", "add", str(bench), "smu", "tcp:127.0.0.1:1", "--driver", f"{name}.one"
    )
    assert ended.returncode == 1
    assert WHY[name] in ended.stderr
    assert not bench.exists()


def test_nodes_of_a_package_that_fails_are_missing_and_the_rest_is_there(site: Path) -> None:
    found = json.loads(command(site, "nodes", "list", "--json").stdout)
    assert "good_nodes.double" in {node["node_id"] for node in found["nodes"]}
    broken = found["broken"]
    assert broken["leaving_nodes"] == "SystemExit: no licence"
    assert broken["leaving_plugin"] == "SystemExit: 5"
    assert "5 on the shelf 'mixed_nodes' is no node class" in broken["mixed_nodes"]
    assert "No module named 'gone_nodes'" in broken["gone_nodes"]


LOCAL = """
import asyncio, json, sys
sys.path.append(sys.argv[1])
from funcnodes.runs.local import library
from funcnodes.core import NodeSpace

async def main():
    found = library()
    space = NodeSpace(found, arming="disarmed")
    nodes = [{"id": name, "node_id": name, "io": {}} for name in ("good_nodes.double",
             "good_nodes.odd", "leaving_nodes.double")]
    space.deserialize({"format": 3, "nodes": nodes, "edges": []})
    again = space.serialize()
    print(json.dumps([found.broken, [node.check_run() for node in space.nodes],
                      [node["node_id"] for node in again["nodes"]]]))

asyncio.run(main())
"""


def test_a_nodespace_keeps_nodes_that_cannot_be_made_as_placeholders(
    site: Path, tmp_path: Path
) -> None:
    """Within a loop a KeyboardInterrupt is a package's own, since Ctrl+C would cancel."""
    install(tmp_path, "interrupting_nodes", "raise KeyboardInterrupt\n", "funcnodes.module")
    ended = run(site, "-c", LOCAL, str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    broken, checks, kept = json.loads(ended.stdout)
    assert broken["interrupting_nodes"] == "KeyboardInterrupt"
    assert checks[0] == []
    assert checks[1] == ["PlaceholderNode: It cannot be made: SystemExit: 9."]
    assert "There is no node of type 'leaving_nodes.double' here" in checks[2][0]
    assert kept == ["good_nodes.double", "good_nodes.odd", "leaving_nodes.double"]
