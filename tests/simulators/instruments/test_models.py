"""The registry of instruments: what a bench file may name, and what other packages bring to it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from funcnodes_simulators import BenchError, SimulatedBench
from funcnodes_simulators.__main__ import main
from funcnodes_simulators.bench.layout import load_layout
from funcnodes_simulators.instruments.models import BUILT_IN, broken_models, find_model, model_names

ECHO = """
from funcnodes_simulators.models import Attachment, Model, Setting
from funcnodes_simulators.scpi import ScpiInterpreter

def word(value, folder):
    if not isinstance(value, str):
        raise ValueError(f"is {value!r}, not text")
    return value

class Echo:
    terminator = b"\\n"
    input_limit_bytes = 100

    def __init__(self, setup):
        if setup.settings["word"] == "bad":
            raise ValueError("bad is no word")
        self.scpi = ScpiInterpreter(f"ACME,ECHO,{setup.serial},1", reset=lambda: None)
        self.scpi.declare(":WORD?", lambda: setup.settings["word"])
        self.execute = self.scpi.execute
        self.deadlocked = self.scpi.deadlocked
        self.overrun = self.scpi.overrun
        self.interrupted = self.scpi.interrupted

    def interrupts(self, message):
        return False

    def power_cycle(self):
        pass

    def state(self):
        return {}

MODEL = Model(
    Echo,
    attachments=(Attachment("sees", "dut", is_source=False, is_required=False),),
    settings=(Setting("word", word, "hello"),),
)
"""


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a package that brings models by entry points."""

    def install(**places: str) -> None:
        (tmp_path / "acme_echo.py").write_text(ECHO)
        information = tmp_path / "acme_echo-1.dist-info"
        information.mkdir()
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-echo\nVersion: 1")
        lines = [f"{name} = {place}" for name, place in places.items()]
        (information / "entry_points.txt").write_text("\n".join(["[funcnodes.simulators]", *lines]))
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


def bench_file(folder: Path, device: str) -> str:
    path = folder / "bench.toml"
    path.write_text(f'[dut.r]\nkind = "resistor"\n[device.box]\nserve = "tcp"\n{device}')
    return str(path)


def test_every_built_in_model_can_be_imported() -> None:
    assert set(BUILT_IN) <= set(model_names())
    assert broken_models() == {}


def test_another_package_brings_a_model(bring, tmp_path, connect) -> None:
    bring(echo="acme_echo:MODEL")
    bench = bench_file(tmp_path, 'model = "echo"\nsees = "r"\nword = "hi"')
    with SimulatedBench.start(bench) as running:
        assert connect(running.resources["box"]).query(":WORD?;*IDN?") == "hi;ACME,ECHO,SIM0001,1"


def test_a_key_left_out_takes_its_default(bring, tmp_path) -> None:
    bring(echo="acme_echo:MODEL")
    (device,) = load_layout(bench_file(tmp_path, 'model = "echo"')).devices
    assert (device.settings, device.wired_to) == ({"word": "hello"}, {})


@pytest.mark.parametrize(
    ("device", "complaint"),
    [
        ('model = "echo"\nword = 5', "device.box.word is 5, not text"),
        ('model = "echo"\nsees = "q"', "device.box.sees names 'q'; there is r"),
        ('model = "echo"\nwort = 5', "device.box has no place for 'wort'; it takes"),
        ('model = "broken"', "device.box.model: the model broken (acme_gone:MODEL) cannot be"),
        ('model = "odd"', "the model odd (acme_echo:word) is a function, not a Model"),
    ],
)
def test_a_brought_model_is_checked_like_any_other(bring, tmp_path, device, complaint) -> None:
    bring(echo="acme_echo:MODEL", broken="acme_gone:MODEL", odd="acme_echo:word")
    with pytest.raises(BenchError) as caught:
        load_layout(bench_file(tmp_path, device))
    assert complaint in str(caught.value)


def test_settings_that_do_not_fit_together_are_one_sentence(bring, tmp_path) -> None:
    bring(echo="acme_echo:MODEL")
    with pytest.raises(BenchError, match="box cannot be built: bad is no word"):
        SimulatedBench.start(bench_file(tmp_path, 'model = "echo"\nword = "bad"'))


def test_a_broken_model_is_reported_and_the_others_work(bring, tmp_path) -> None:
    bring(broken="acme_gone:MODEL")
    assert "No module named 'acme_gone'" in broken_models()["broken"]
    with SimulatedBench.start("demo") as bench:
        assert set(bench.resources) == {"smu", "tc"}
    with pytest.raises(BenchError, match="there is no model 'nope'; there is keithley2400"):
        find_model("nope")


def test_the_program_lists_models_and_says_what_is_broken(bring, capsys) -> None:
    assert models(capsys) == (0, ["keithley2400", "dut"])
    bring(broken="acme_gone:MODEL")
    code, _ = models(capsys, find="cannot be imported: ModuleNotFoundError")
    assert code == 1


def models(capsys, find: str = "keithley2400") -> tuple[int, list[str]]:
    with pytest.raises(SystemExit) as ended:
        main(["--models"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if find in line]
    assert isinstance(ended.value.code, int)
    return ended.value.code, line.split()
