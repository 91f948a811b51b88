"""A bench file is checked before anything is opened, and a mistake is named by its place."""

import re
from pathlib import Path

import pytest

from funcnodes.devices import Bench, BenchFile, DeviceConfig, builtin_benches, find_bench
from funcnodes.devices.benchfile import ApprovalRule
from funcnodes.errors import BenchError

SMU = """
[devices.smu]
driver = "keithley.smu2400"
address = "tcp:127.0.0.1:5025"
"""


def bench_file(folder: Path, text: str) -> Path:
    path = folder / "bench.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", r"line 1, column \d+"),
        (SMU + SMU, r'line \d+, column \d+: Key "smu" already exists'),
        (SMU + "driver = 'scpi'", 'bench.toml: Key "driver" already exists'),
        ("name = 3", "bench.toml: name: text is expected, not 3"),
        ("nmae = 'x'", "nmae: there is no such key, did you mean 'name'?"),
        ("devices = 3", "devices: a table is expected"),
        ("stop_order = ['hv']", "stop_order: there is no device 'hv'"),
        ("allow = ['10.0.0/8 ']", "allow: '10.0.0/8 ' is neither loopback"),
        ("on_estop = 'off'", "on_estop: estop, park or hold is expected, not 'off'"),
        ("[devices.'a b']\ndriver='scpi'\naddress='x'", r"\[devices\] a b: a device's name"),
    ],
)
def test_a_mistake_is_named_by_file_table_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = bench_file(tmp_path, text)
    with pytest.raises(BenchError, match=message) as caught:
        Bench.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[devices.smu]\naddress='tcp:h:1'", r"\[devices.smu\] driver: it is missing"),
        ("[devices.smu]\ndriver='scpi'", r"\[devices.smu\] address: it is missing"),
        (SMU + "simulated = 1", r"\[devices.smu\] simulated: true or false is expected, not 1"),
        (SMU + "timeout_s = -1", r"\[devices.smu\] timeout_s: seconds up to 3600 expected"),
        (
            SMU + "baud = 1",
            r"\[devices.smu\] baud: a baud rate from 50 to 4000000 is expected, not 1",
        ),
        (SMU + "[devices.smu.limits]\nvoltage = 3", r"limits\] voltage: \[lowest, highest\]"),
        (
            SMU + "[devices.smu.limits]\nvoltage = [-300, 20]",
            r"\[devices.smu.limits\] voltage: −300 to 20 V is wider than the driver allows",
        ),
        (SMU + "[devices.smu.limits]\nvoltage = [5, -5]", "the lowest value is above the highest"),
        (SMU + "[devices.smu.limits]\nvoltage = ['1 s', 2]", r"limits\] voltage: Seconds"),
        (SMU + "[devices.smu.limits]\npower = [0, 1]", r"limits\] power: .* has no such number"),
        ("[devices.x]\ndriver='acme.one'\naddress='tcp:h:1'", "no driver 'acme.one'; known are"),
    ],
)
def test_a_mistake_in_the_table_of_a_device_keeps_that_one_offline_and_no_other(
    tmp_path: Path, text: str, message: str
) -> None:
    path = bench_file(tmp_path, text + "\n[devices.other]\ndriver='scpi'\naddress='tcp:h:1'\n")
    bench = Bench.load(path)
    wrong, other = bench.devices.values()
    assert (wrong.state, other.unusable) == ("offline", "")
    assert re.search(message, wrong.unusable)
    assert not list(wrong.members())
    with pytest.raises(BenchError, match=message):
        wrong.member("voltage")


def test_a_file_is_changed_only_while_all_of_it_is_right(tmp_path: Path) -> None:
    file = BenchFile.load(bench_file(tmp_path, SMU + "bauds = 1"))
    assert "there is no such key" in file.usable.devices["smu"].wrong
    with pytest.raises(
        BenchError, match=r"bench.toml: \[devices.smu\] bauds: there is no such key"
    ):
        _ = file.config


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"There is no bench file .*none\.toml"):
        Bench.load(tmp_path / "none.toml")


def test_limits_narrow_the_drivers_in_any_unit(tmp_path: Path) -> None:
    limits = '[devices.smu.limits]\nvoltage = [-20, "20 V"]\ncompliance = ["1 uA", "20 mA"]'
    smu = Bench.load(bench_file(tmp_path, SMU + limits)).devices["smu"]
    found = {p.name: (p.min, p.max) for p in smu.parameters()}
    assert found["voltage"] == (-20, 20)
    assert found["compliance"] == pytest.approx((1e-6, 20e-3))
    assert found["nplc"] == (0.01, 10)


def test_saving_keeps_comments_and_order(tmp_path: Path) -> None:
    path = bench_file(tmp_path, "# mine\nname = 'b'\n" + SMU + "# last word\n")
    file = BenchFile.load(path)
    file.put_device(DeviceConfig("smu", "keithley.smu2400", "tcp:127.0.0.1:5026"))
    file.put_device(DeviceConfig("tc", "lakeshore.model335", "serial:/dev/null", serial="9"))
    file.save()
    text = path.read_text()
    assert text.startswith("# mine\nname = 'b'\n")
    assert "# last word" in text
    config = BenchFile.load(path).config
    assert config.devices["smu"].address == "tcp:127.0.0.1:5026"
    assert config.devices["tc"].serial == "9"
    file.remove_device("tc")
    file.save()
    assert list(BenchFile.load(path).config.devices) == ["smu"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_bench_can_be_written_and_read(tmp_path: Path) -> None:
    file = BenchFile.new("mine")
    file.put_device(
        DeviceConfig(
            "smu", "keithley.smu2400", "tcp:127.0.0.1:1", simulated=True,
            limits={"voltage": (-1, "2 V")}, actions={"at_end": "hold"},
        )
    )  # fmt: skip
    file.save(tmp_path / "mine.toml")
    bench = Bench.load(tmp_path / "mine.toml")
    assert bench.name == "mine"
    assert bench.devices["smu"].action("at_end") == "hold"
    assert bench.devices["smu"].action("on_estop") == "estop"
    assert bench.simulated == (1, 1)


def test_a_bench_is_looked_for_beside_the_file_then_in_the_worker_then_built_in(
    tmp_path: Path,
) -> None:
    """D6."""
    beside, worker = tmp_path / "beside", tmp_path / "worker"
    beside.mkdir()
    worker.mkdir()
    assert find_bench("demo", beside=beside, worker_dir=worker).parent.name == "benches"
    bench_file(worker, "name = 'demo'")
    assert find_bench("demo", beside=beside, worker_dir=worker) == worker / "bench.toml"
    (beside / "demo.toml").write_text("name = 'demo'")
    graph = beside / "graph.json"
    assert find_bench("demo", beside=graph, worker_dir=worker) == beside / "demo.toml"


@pytest.mark.parametrize("name", ["", "../demo", "/etc/demo", "..", "nowhere"])
def test_a_bench_that_is_not_there_or_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BenchError):
        find_bench(name, beside=tmp_path)


def test_every_built_in_bench_can_be_loaded() -> None:
    assert "demo" in builtin_benches()
    for name in builtin_benches():
        assert Bench.builtin(name).simulated[0] == len(Bench.builtin(name).devices)


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ("", None),
        ("[approval]", ApprovalRule(by="another", role="operator", evidence=False)),
        ('[approval]\nby = "anyone"\nrole = "admin"\nevidence = true',
         ApprovalRule(by="anyone", role="admin", evidence=True)),
    ],
)  # fmt: skip
def test_a_bench_says_who_is_to_approve_its_runs(
    tmp_path: Path, table: str, found: ApprovalRule | None
) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f'name = "lab"\n{table}\n')
    assert BenchFile.load(path).config.approval == found


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("approval = true", "approval: a table is expected, not True."),
        ('[approval]\nby = "me"', "[approval] by: another or anyone is expected, not 'me'."),
        ('[approval]\nrole = "viewer"', "[approval] role: operator or admin is expected"),
        ("[approval]\nevidence = 1", "[approval] evidence: true or false is expected, not 1."),
        ('[approval]\nwho = "me"', "[approval] who: there is no such key"),
    ],
)
def test_what_is_wrong_with_the_approval_it_asks_for_is_named(
    tmp_path: Path, table: str, said: str
) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f"{table}\n")
    with pytest.raises(BenchError, match=re.escape(said)):
        _ = BenchFile.load(path).usable
