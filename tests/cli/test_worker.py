"""`funcnodes worker …` as people type it, with real workers, mostly without any manager."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.machine.processes import Process
from funcnodes.settings import Settings
from funcnodes.workers.local import logs
from funcnodes.workers.manager import address_file
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from ..waiting import eventually, patience

pytestmark = pytest.mark.faults

UUID = re.compile(r"[0-9a-f]{32}")


@pytest.fixture
def settings(config_dir: Path) -> Iterator[Settings]:
    """Of the test's own folder; workers that still run in the end are killed."""
    settings = Settings(config_dir)
    yield settings
    for workspace in Workspace.all(settings):
        process = workspace.process()
        if process is not None:
            process.send(signal.SIGKILL)


def listed(command: Any, *arguments: str) -> list[dict[str, Any]]:
    done = command("worker", "list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


# ── on disk ───────────────────────────────────────────────────────────────────────────────


def test_ids_are_made_and_names_fall_back_to_them(here: Any, settings: Settings) -> None:
    made = json.loads(here("worker", "new", "--json").stdout)
    assert UUID.fullmatch(made["uuid"])
    assert made["name"] == made["uuid"]
    assert json.loads(here("worker", "new", "--name", "lab", "--json").stdout)["name"] == "lab"
    assert json.loads(here("worker", "new", "--uuid", "u1", "--json").stdout)["name"] == "u1"
    both = here("worker", "new", "--name=lab two", "--uuid=u2", "--create-only")
    assert both.stdout == "Worker lab two created (stopped), id u2.\n"
    positional = here("worker", "new", "lab", "--not-in-venv")
    assert positional.returncode == 0
    assert [each["name"] for each in listed(here)] == [made["name"], "lab", "u1", "lab two", "lab"]
    assert [each["uuid"] for each in listed(here, "--uuid", "u2")] == ["u2"]
    assert len(listed(here, "--name", "lab")) == 2
    assert address_file.read(settings) is None


def test_what_is_known_of_a_worker_is_shown(here: Any, settings: Settings) -> None:
    here("worker", "new", "--name", "lab", "--uuid", "u1", "--autostart")
    shown = here("worker", "show", "lab").stdout
    for part in ("name       lab", "id         u1", "state      stopped", sys.executable,
                 "autostart  yes", str(settings.workers_dir / "u1")):  # fmt: skip
        assert part in shown
    assert here("worker", "list", "--full").stdout == shown
    assert json.loads(here("worker", "show", "--uuid", "u1", "--json").stdout)["autostart"] is True


def test_a_bench_is_taken_over_if_it_is_one(here: Any, settings: Settings, tmp_path: Path) -> None:
    bench = tmp_path / "my.toml"
    bench.write_text(
        'name = "mine"\n[devices.smu]\ndriver = "keithley.smu2400"\naddress = "tcp:127.0.0.1:1"\n'
    )
    assert here("worker", "new", "lab", "--bench", bench).returncode == 0
    (found,) = listed(here)
    assert found["bench"] == "mine"
    file = Path(found["folder"]) / "bench.toml"
    assert file.read_bytes() == bench.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for wrong in ("missing.toml", "broken.toml"):
        (tmp_path / "broken.toml").write_text("[devices.smu]\ndriver = 7\n")
        done = here("worker", "new", "two", "--bench", tmp_path / wrong)
        assert done.returncode == 1
        assert wrong in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert len(listed(here)) == 1


def test_renaming_and_removing(here: Any, settings: Settings) -> None:
    here("worker", "new", "--name", "lab", "--uuid", "u1")
    assert here("worker", "rename", "lab", "lab two").stdout == (
        "Worker lab is called lab two now.\n"
    )
    assert here("worker", "rename", "--uuid", "u1", "lab three").returncode == 0
    assert [each["name"] for each in listed(here)] == ["lab three"]
    runs = settings.workers_dir / "u1" / "runs"
    runs.mkdir()
    (runs / "00001-X.sqlite").write_text("data")
    kept = here("worker", "remove", "lab three")
    assert kept.returncode == 1
    assert "has a recorded run in" in kept.stderr
    assert listed(here)
    assert here("worker", "remove", "--name", "lab three", "--yes").returncode == 0
    assert listed(here) == []
    assert [path.name for path in settings.workers_dir.iterdir()] == []


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["start", "nobody"], 1, "There is no worker 'nobody'. There is: lab."),
        (["start", "--uuid", "u9"], 1, "There is no worker with the id 'u9'. There is: lab."),
        (["stop", "--name", "nobody"], 1, "There is no worker 'nobody'."),
        (["show", "lab"], 1, "2 workers are named 'lab': u1, u2. Say which one by --uuid."),
        (["remove", "lab"], 1, "2 workers are named 'lab': u1, u2. Say which one by --uuid."),
        (["rename", "lab", "x"], 1, "2 workers are named 'lab': u1, u2."),
        (["rename", "--uuid", "u1", "a/b"], 1, "A worker cannot be named 'a/b'."),
        (["rename", "a", "b", "c"], 2, "quote names with spaces"),
        (["stop", "--uuid", "u1"], 1, "Worker 'lab' is not running."),
        (["listen", "--uuid", "u1"], 1, "Worker 'lab' is not running."),
        (["command", "--uuid", "u1", "list_runs"], 1, "Worker 'lab' is not running."),
        (["command", "--uuid", "u1", "lst_runs"], 1, "Perhaps: list_runs"),
        (["command", "--uuid", "u1"], 2, "Say which worker and which command"),
        (["new", "--uuid", "u1"], 1, "There is already a worker with the id 'u1'."),
        (["new", "--uuid", "../u"], 1, "A worker cannot have the id '../u'."),
        (["new", "--uuid", "local"], 1, "A worker cannot have the id 'local'."),
        (["new", "--name", "x" * 101], 1, "cannot have a name of 101 characters"),
        (["new", "x", "--name", "y"], 2, "Say its name once"),
        (["new", "--venv", "--python", "python3"], 2, "exclude each other"),
        (["new", "--python", "no-such-python"], 1, "'no-such-python' is no program"),
        (["new", "--python", "/bin/true"], 1, "/bin/true cannot be run: it gave no answer."),
        (["start"], 2, "Say which worker, by --name or --uuid."),
        (["start", "lab", "--uuid", "u1"], 2, "Say which worker once"),
        (["modules", "add", "x"], 2, "Say which worker, by --name or --uuid."),
        (["modules", "add", "x", "--uuid", "u1"], 1, "which is not its own."),
        (["logs", "--uuid", "u1", "--lines", "-1"], 2, "--lines"),
    ],
)
def test_what_was_asked_wrongly_is_one_sentence_and_changes_nothing(
    here: Any, settings: Settings, arguments: list[str], status: int, sentence: str
) -> None:
    for uuid in ("u1", "u2"):
        here("worker", "new", "--name", "lab", "--uuid", uuid)
    before = {path: path.read_bytes() for path in settings.workers_dir.glob("*/worker.json")}
    done = here("worker", *arguments)
    assert done.returncode == status
    assert sentence in done.stderr.replace("There is: lab, lab.", "There is: lab.")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    after = {path: path.read_bytes() for path in settings.workers_dir.glob("*/worker.json")}
    assert after == before
    assert {path.name for path in settings.workers_dir.iterdir()} == {"u1", "u2"}


def test_a_folder_that_cannot_be_written_is_told_of(here: Any, tmp_path: Path) -> None:
    """Files of the kernel's: not even root may make one there."""
    config = tmp_path / "config"
    config.mkdir()
    (config / "workers").symlink_to("/proc/self")
    done = here("--dir", config, "worker", "new", "lab")
    assert done.returncode == 1
    assert f"The worker 'lab' cannot be made in {config / 'workers'}: " in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_python_that_is_gone_or_has_no_funcnodes_is_told_of_at_the_start(
    here: Any, settings: Settings, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    python.chmod(0o755)
    refused = here("worker", "new", "lab", "--python", python)
    assert refused.returncode == 1
    assert f"{python} has no funcnodes." in refused.stderr
    assert listed(here) == []
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    assert here("worker", "new", "lab", "--python", python).returncode == 0
    assert listed(here)[0]["python"] == str(python)
    python.unlink()
    for arguments in (["start", "lab"], ["start", "lab", "--detach"], ["modules", "list", "lab"]):
        done = here("worker", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"The Python of worker 'lab', {python}, is gone. "
            "Put it back, or make the worker anew by 'funcnodes worker new'.\n"
        )


# ── running ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def with_bench(here: Any, settings: Settings, simulated: SimulatedBench, tmp_path: Path) -> Path:
    """The folder of a worker `lab`, id u1, whose source is simulated and switched on."""
    bench = tmp_path / "bench.toml"
    bench.write_text(
        'name = "own"\n[devices.smu]\ndriver = "keithley.smu2400"\n'
        f'address = "{simulated.resources["smu"]}"\n'
    )
    assert here("worker", "new", "--name", "lab", "--uuid", "u1", "--bench", bench).returncode == 0
    return settings.workers_dir / "u1"


def switch_on(command: Any, simulated: SimulatedBench) -> None:
    """A page does it by a device node; its command here."""
    eventually(lambda: listed(command)[0]["bench"] == "own")
    made = [
        command("worker", "command", "lab", "new_space", "name=S"),
        command("worker", "command", "lab", "add_node", "key=device.set:smu.output", "x=0", "y=0"),
    ]
    assert [each.returncode for each in made] == [0, 0], [each.stderr for each in made]
    node = json.loads(made[1].stdout)
    for words in (["set_value", f"node={node}", "port=value", "value=true"],
                  ["set_live", "live=true"], ["trigger", f"id={node}"]):  # fmt: skip
        done = command("worker", "command", "lab", *words)
        assert done.returncode == 0, done.stderr
    simulated.wait("smu", "output", True, timeout_s=10)


def test_without_a_manager_the_command_is_the_worker_until_ctrl_c(
    start: Any, command: Any, settings: Settings, with_bench: Path, simulated: SimulatedBench
) -> None:
    """Devices first: their output is off before it ends (S1)."""
    process = start("worker", "start", "--name=lab")
    said = f"Worker lab runs here (process {process.pid}), for no manager is running."
    assert line(process).strip() == said
    eventually(lambda: listed(command)[0]["state"] == "running")
    assert listed(command)[0]["pid"] == process.pid
    switch_on(command, simulated)
    again = command("worker", "start", "lab")
    assert again.returncode == 1
    assert again.stderr == f"Worker 'lab' is already running (process {process.pid}).\n"
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=patience())
    assert (process.returncode, err) == (0, "")
    assert simulated.state()["smu"]["output"] is False
    assert listed(command)[0]["state"] == "stopped"


def test_a_closed_terminal_makes_devices_safe_too(
    start: Any, command: Any, settings: Settings, with_bench: Path, simulated: SimulatedBench
) -> None:
    process = start("worker", "start", "--uuid=u1")
    eventually(lambda: listed(command)[0]["state"] == "running")
    switch_on(command, simulated)
    process.send_signal(signal.SIGHUP)
    assert process.wait(15) == 0
    assert simulated.state()["smu"]["output"] is False


def test_after_ctrl_c_on_the_server_everything_still_reaches_its_workers(
    start: Any, command: Any, settings: Settings, with_bench: Path, simulated: SimulatedBench
) -> None:
    """`worker stop`, `estop` and `worker list` said 'No manager is running', the output was on."""
    server = start("runserver", "--port", "0", "--no-browser")
    eventually(lambda: address_file.read(settings))
    assert command("worker", "start", "lab").returncode == 0
    switch_on(command, simulated)
    os.killpg(server.pid, signal.SIGINT)
    out, _ = server.communicate(timeout=patience())
    assert "Still running: lab." in out
    assert simulated.state()["smu"]["output"] is True
    assert [each["state"] for each in listed(command)] == ["running"]
    pressed = command("estop")
    assert pressed.returncode == 0
    assert pressed.stdout.startswith("lab: smu is off (read back)")
    assert simulated.state()["smu"]["output"] is False
    assert command("worker", "stop", "lab").returncode == 0
    assert [each["state"] for each in listed(command)] == ["stopped"]


def test_a_detached_worker_is_taken_over_by_the_manager_that_comes_later(
    start: Any, command: Any, settings: Settings
) -> None:
    command("worker", "new", "--name", "lab", "--uuid", "u1")
    done = command("worker", "start", "--name", "lab", "--detach")
    assert (done.returncode, done.stdout) == (0, "Worker lab started (running), id u1.\n")
    (found,) = listed(command)
    assert os.getsid(found["pid"]) == found["pid"]
    start("startworkermanager", "--port", "0")
    eventually(lambda: listed(command)[0]["guarded"])
    assert listed(command)[0]["pid"] == found["pid"]
    twice = command("worker", "start", "lab", "--json")
    assert json.loads(twice.stdout)["pid"] == found["pid"]
    late = json.loads(command("worker", "new", "late", "--json").stdout)
    assert command("worker", "start", "--uuid", late["uuid"]).returncode == 0
    assert command("worker", "stop", "lab").returncode == 0
    assert [each["state"] for each in listed(command)] == ["stopped", "running"]
    assert command("worker", "rename", "late", "later").returncode == 0
    assert command("worker", "remove", "lab").returncode == 0
    assert [each["name"] for each in listed(command)] == ["later"]
    assert command("worker", "stop", "later").returncode == 0


def test_of_several_with_a_name_the_first_is_started(command: Any, settings: Settings) -> None:
    for uuid in ("u1", "u2"):
        command("worker", "new", "--name", "lab", "--uuid", uuid)
    started = json.loads(command("worker", "start", "--name=lab", "--detach", "--json").stdout)
    assert started["uuid"] == "u1"
    assert command("worker", "start", "--uuid=u2", "--detach").returncode == 0
    assert [each["state"] for each in listed(command)] == ["running", "running"]


def test_restarting_gives_another_process(command: Any, settings: Settings) -> None:
    command("worker", "new", "--name", "lab", "--uuid", "u1")
    first = json.loads(command("worker", "restart", "lab", "--json").stdout)
    second = json.loads(command("worker", "restart", "--uuid", "u1", "--json").stdout)
    assert first["state"] == second["state"] == "running"
    assert first["pid"] != second["pid"]
    assert command("worker", "remove", "lab").stderr == (
        "Worker 'lab' is running. 'funcnodes worker stop --uuid u1' ends it.\n"
    )


def test_a_worker_with_autostart_comes_with_the_manager(
    start: Any, command: Any, settings: Settings
) -> None:
    command("worker", "new", "--uuid", "u1", "--autostart", "--create-only")
    command("worker", "new", "--uuid", "u2")
    assert [each["state"] for each in listed(command)] == ["stopped", "stopped"]
    start("startworkermanager", "--port", "0")
    eventually(lambda: [each["state"] for each in listed(command)] == ["running", "stopped"])
    third = json.loads(command("worker", "new", "--uuid", "u3", "--autostart", "--json").stdout)
    assert third["state"] == "running"
    for uuid in ("u1", "u3"):
        assert command("worker", "stop", "--uuid", uuid).returncode == 0


def test_activate_has_it_run_and_says_how_to_use_its_python(
    command: Any, settings: Settings
) -> None:
    command("worker", "new", "--name", "lab")
    done = command("worker", "activate", "lab")
    assert done.returncode == 0, done.stderr
    (found,) = listed(command)
    assert done.stdout.splitlines()[0] == f"Worker lab is running (process {found['pid']})."
    assert f"Its Python is {sys.executable}" in done.stdout
    again = json.loads(command("worker", "activate", "--name", "lab", "--json").stdout)
    assert again["pid"] == found["pid"]


def test_commands_and_what_it_tells(start: Any, command: Any, settings: Settings) -> None:
    command("worker", "new", "--name", "lab")
    command("worker", "activate", "lab")
    listening = start("worker", "listen", "lab", "--json")
    opened = command("worker", "command", "--name", "lab", "open_example", "name=diode_iv")
    assert json.loads(opened.stdout) == "Measure a diode I-V curve"
    snapshot = json.loads(command("worker", "command", "lab", "get_snapshot").stdout)
    assert snapshot["space"]["name"] == "Measure a diode I-V curve"
    refused = command("worker", "command", "lab", "open_space", "name=none")
    assert refused.returncode == 1
    assert refused.stderr == "There is no nodespace named 'none'.\n"
    wrong = command("worker", "command", "lab", "open_space")
    assert wrong.returncode == 1
    assert "missing required field `name`" in wrong.stderr
    assert command("estop", "lab").returncode == 0
    assert command("worker", "command", "lab", "estop_reset").returncode == 0
    told = [json.loads(line(listening)) for _ in range(2)]
    assert [each["source"] for each in told] == ["E-STOP", "E-STOP"]
    assert all(each["safety"] for each in told)
    assert told[0]["text"].startswith("E-STOP by ")
    assert told[1]["text"].endswith(" reset the E-STOP.")
    command("worker", "stop", "lab")
    listening.communicate(timeout=patience())
    assert listening.returncode == 0
    shown = command("worker", "command", "--list").stdout
    assert "\nopen_space name\n" in shown
    assert "\nrun_start [accepted]" in shown


# ── logs ──────────────────────────────────────────────────────────────────────────────────


def test_a_crash_leaves_its_trace_in_the_next_worker_s_log(
    command: Any, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import os, threading, time, faulthandler\n"
        "def die():\n"
        "    time.sleep(6)\n"
        "    faulthandler._sigsegv()\n"
        "if os.environ.get('DIE'):\n"
        "    threading.Thread(target=die, daemon=True).start()\n"
    )
    command("worker", "new", "--name", "lab", "--uuid", "u1")
    environment["PYTHONPATH"], environment["DIE"] = str(site), "1"
    started = json.loads(command("worker", "start", "lab", "--detach", "--json").stdout)
    del environment["DIE"]
    workspace = Workspace(settings.workers_dir / "u1")
    eventually(lambda: workspace.process() is None)
    (found,) = listed(command)
    assert (found["state"], found["message"]) == (
        "stopped", "Its last process did not end in order.",
    )  # fmt: skip
    command("worker", "start", "lab", "--detach")
    snapshot = json.loads(command("worker", "command", "lab", "get_snapshot").stdout)
    (told,) = [each for each in snapshot["log"] if "did not end in order" in each["text"]]
    assert f"The process before this one ({started['pid']})" in told["text"]
    assert "Fatal Python error: Segmentation fault" in told["text"]
    assert "sitecustomize.py" in told["text"]
    shown = command("worker", "logs", "lab").stdout
    assert shown.index("Fatal Python error: Segmentation fault") < shown.rindex("──── process")


def test_a_killed_worker_is_told_of_without_a_trace(command: Any, settings: Settings) -> None:
    command("worker", "new", "--name", "lab", "--uuid", "u1")
    started = json.loads(command("worker", "start", "lab", "--detach", "--json").stdout)
    os.kill(started["pid"], signal.SIGKILL)
    workspace = Workspace(settings.workers_dir / "u1")
    eventually(lambda: workspace.process() is None)
    leftover = workspace.root / f".open.json.{started['pid']}.tmp"
    leftover.write_text("half")
    ours = workspace.root / f".open.json.{os.getpid()}.tmp"
    ours.write_text("another process is writing it")
    command("worker", "start", "lab", "--detach")
    snapshot = json.loads(command("worker", "command", "lab", "get_snapshot").stdout)
    (told,) = [each["text"] for each in snapshot["log"] if "did not end in order" in each["text"]]
    assert told == (
        f"The process before this one ({started['pid']}) did not end in order: "
        "it crashed or was killed."
    )
    assert not leftover.exists()
    assert ours.exists()


def test_logs_are_shown_and_followed_past_a_rotation(
    start: Any, command: Any, settings: Settings
) -> None:
    command("worker", "new", "--name", "lab", "--uuid", "u1")
    folder = Workspace(settings.workers_dir / "u1").logs_dir
    assert command("worker", "logs", "lab").stdout == f"Nothing is in {folder}/worker.log yet.\n"
    (folder / logs.NAME).write_text("one\ntwo\nthree\n")
    assert command("worker", "logs", "lab", "-n", "2").stdout == "two\nthree\n"
    shown = json.loads(command("worker", "logs", "--uuid", "u1", "--json").stdout)
    assert shown == {"file": str(folder / logs.NAME), "lines": ["one", "two", "three"]}
    following = start("worker", "logs", "lab", "-f", "-n", "1")
    assert line(following) == "three\n"
    with (folder / logs.NAME).open("a") as file:
        file.write("four\n")
    assert line(following) == "four\n"
    (folder / logs.NAME).rename(folder / f"{logs.NAME}.1")
    (folder / logs.NAME).write_text("five\n")
    assert line(following) == "five\n"
    following.send_signal(signal.SIGINT)
    assert following.wait(10) == 0
    assert command("worker", "logs", "lab", "-n", "3").stdout == "three\nfour\nfive\n"


def test_a_pid_of_another_process_is_nobody_s_worker(command: Any, settings: Settings) -> None:
    command("worker", "new", "--name", "lab", "--uuid", "u1")
    mine = Process.mine()
    (settings.workers_dir / "u1" / "process.json").write_text(
        json.dumps({"pid": mine.pid, "started": "long ago", "session": "s"})
    )
    assert listed(command)[0]["state"] == "stopped"
    assert command("worker", "stop", "lab").returncode == 1
    assert command("worker", "start", "lab", "--detach").returncode == 0


@pytest.mark.parametrize("said", [["--name", "lab"], ["--name=lab"], ["--uuid", "w1"]])
def test_which_worker_may_be_said_before_what_is_to_be_done(here: Any, said: list[str]) -> None:
    """0.2.17 took it anywhere, 2.x there."""
    assert here("worker", "--name", "lab", "--uuid", "w1", "new").returncode == 0
    assert here("worker", "new", "--name", "other").returncode == 0
    shown = here("worker", *said, "show", "--json")
    assert json.loads(shown.stdout)["uuid"] == "w1"
    assert "funcnodes" in here("worker", *said, "modules", "list").stdout
    twice = here("worker", *said, "show", "other")
    assert (twice.returncode, twice.stdout) == (2, "")
