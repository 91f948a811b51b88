"""A go/no-go test on the simulated bench: exit status, JUnit XML, and the report as a page."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import pytest

from funcnodes.devices.benchfile import BenchFile
from funcnodes.errors import BenchError
from funcnodes.runs import RunReader
from funcnodes.runs.junit import junit_xml
from funcnodes.runs.records import RunHead
from funcnodes.runs.report import report_html
from funcnodes.runs.verdicts import Check, Step, judged

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "test-sequences.md"
GRAPH = GUIDE.with_name("go-no-go.json")
BAD = "<script>alert(1)</script>&\"'"


def test_a_passing_test_of_the_guide_ends_with_0_and_tells_all_in_every_way(
    here: Any, tmp_path: Path
) -> None:
    """By real sockets, on the diode of the demo bench."""
    done = here(
        "run", GRAPH, "--junit", "result.xml", "--json",
        "--set", "diodes.serials=D-001", "--set", "sweep.points=2",
        "--set", "set_blocking_voltage.value=-0.1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["verdict"] == "pass"
    (device,) = said["steps"]
    assert [(s["name"], s["serial"], s["verdict"]) for s in device["steps"]] == [
        ("Forward", "D-001", "pass"), ("Blocking", "D-001", "pass"), ("Curve", "D-001", "pass"),
    ]  # fmt: skip
    suites = xml.parse(tmp_path / "result.xml").getroot()
    assert (suites.get("tests"), suites.get("failures"), suites.get("errors")) == ("3", "0", "0")
    names: dict[str, Any] = {}
    (block,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    exec(compile(block, GUIDE.name, "exec"), names)
    assert names["told"](Path(said["path"]))[1] == "D-001 Forward: pass"


def test_a_failing_test_ends_with_1_skips_the_rest_and_is_a_failure_in_junit(
    here: Any, tmp_path: Path
) -> None:
    (tmp_path / "result.xml").write_text("from yesterday")
    done = here(
        "run", GRAPH, "--junit", "result.xml", "--set", "forward_current.low=10mA",
        "--set", f"diodes.serials=D-001; {BAD.replace(';', '')}",
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "Run 1: the verdict is fail.\n"
    assert re.search(
        r"  fail    Forward \(2 attempts\): Forward current is .* mA, below", done.stdout
    )
    suites = xml.parse(tmp_path / "result.xml").getroot()
    assert [suite.get("name") for suite in suites] == ["D-001", BAD]
    case = suites[0].find("testcase[@name='Forward']")
    assert case is not None
    failure = case.find("failure")
    assert failure is not None
    assert "below 10 mA" in (failure.get("message") or "")
    assert float(case.get("time") or "-1") > 0
    assert len(suites.findall(".//skipped")) == 4
    shown = here("runs", "show", "latest").stdout
    assert "verdict    fail\n" in shown
    assert json.loads(here("runs", "show", "latest", "--json").stdout)["verdict"] == "fail"
    assert here("runs", "report", "latest", "--html", "report.html").returncode == 0
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#x27;" in page
    assert not re.search(r"(src|href|url)\s*[=(]|@import|https?:", page)
    assert "KEITHLEY INSTRUMENTS INC. MODEL 2400 (simulated)" in page
    assert "as they were when the run ended" in page
    assert re.search(r"C33\s+Mar 31 2015", page)


def test_a_dry_run_has_no_verdict_to_write(here: Any) -> None:
    done = here("run", GRAPH, "--dry-run", "--junit", "result.xml")
    assert done.returncode == 2
    assert "--dry-run keeps nothing" in done.stderr


def test_a_run_that_cannot_write_its_verdicts_does_not_begin(here: Any, tmp_path: Path) -> None:
    done = here("run", GRAPH, "--junit", tmp_path / "missing" / "result.xml")
    assert done.returncode == 1
    assert done.stderr.endswith("result.xml cannot be written: No such file or directory.\n")


def result_with(state: Any = "complete", *steps: Step) -> Any:
    head = RunHead(id="01", number=7, state=state, started=0.0, ended=2.5, title="T", message="why")
    return head, judged(list(steps), state, head.message)


def test_a_run_that_was_aborted_is_an_error_in_junit_whatever_had_passed() -> None:
    step = Step(key=1, name="A", verdict="pass")
    suites = xml.fromstring(junit_xml(*result_with("aborted", step)))
    assert (suites.get("tests"), suites.get("errors")) == ("2", "1")
    error = suites[-1].find("testcase/error")
    assert error is not None
    assert error.get("message") == "The run is aborted: why"


def test_a_run_without_steps_is_one_case() -> None:
    suites = xml.fromstring(junit_xml(*result_with()))
    assert (suites.get("tests"), suites.get("failures"), suites.get("errors")) == ("1", "0", "0")


def test_what_xml_cannot_hold_does_not_spoil_the_file() -> None:
    check = Check(name="U", verdict="fail", text="a\x00b\ud800 <&>")
    step = Step(key=1, name="\x1b[31mA", verdict="fail", text=check.text, checks=[check])
    suites = xml.fromstring(junit_xml(*result_with("complete", step)))
    assert suites[0].find("testcase/failure") is not None


def test_a_device_with_an_error_of_its_own_is_a_case_of_its_own() -> None:
    inner = Step(key=2, name="A", verdict="pass", serial="S1")
    device = Step(key=1, name="S1", serial="S1", kind="device", verdict="error", text="no contact")
    device.steps = [inner]
    suites = xml.fromstring(junit_xml(*result_with("complete", device)))
    assert (suites.get("tests"), suites.get("errors")) == ("2", "1")


def test_the_report_says_until_when_an_instrument_is_calibrated(
    here: Any, bench_file: Path, tmp_path: Path
) -> None:
    text = bench_file.read_text()
    for device, day in (("smu", "2001-02-03"), ("tc", "2999-03-01")):
        text = text.replace(f"[devices.{device}]", f"[devices.{device}]\ncalibration_due = {day}")
    bench_file.write_text(text)
    done = here(
        "run", GRAPH, "--bench", bench_file, "--set", "forward_current.low=10mA",
        "--set", "forward.retries=0", "--set", "diodes.serials=D-001", "--json",
    )  # fmt: skip
    page = report_html(RunReader(Path(json.loads(done.stdout.splitlines()[-1])["path"])))
    assert '<span class="overdue">2001-02-03, overdue</span>' in page
    assert "<td>2999-03-01</td>" in page


@pytest.mark.parametrize("day", ["'soon'", "2027", "2027-03-01T10:00:00", "true"])
def test_a_calibration_that_is_due_on_no_day_is_refused(tmp_path: Path, day: str) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f"[devices.a]\ndriver='scpi'\naddress='sim:a'\ncalibration_due = {day}\n")
    with pytest.raises(BenchError, match=r"\[devices.a\] calibration_due: a day like 2027-03-01"):
        _ = BenchFile.load(path).config


def test_a_day_of_calibration_is_kept_when_the_device_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    path.write_text("[devices.a]\ndriver='scpi'\naddress='sim:a'\ncalibration_due = 2027-03-01\n")
    file = BenchFile.load(path)
    file.put_device(file.config.devices["a"])
    file.save()
    assert str(BenchFile.load(path).config.devices["a"].calibration_due) == "2027-03-01"
