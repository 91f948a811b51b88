"""The table [history] of a bench file: defaults, units, and what is refused with its place."""

from pathlib import Path

import pytest

from funcnodes.devices.benchfile import BenchFile
from funcnodes.devices.benchfile.history import DAY_S, HistoryConfig
from funcnodes.errors import BenchError

DEVICE = """
[devices.tc]
driver = "lakeshore.model335"
address = "sim:tc"
"""


def config(tmp_path: Path, text: str) -> HistoryConfig:
    path = tmp_path / "bench.toml"
    path.write_text(DEVICE + text)
    return BenchFile.load(path).config.history


def test_a_history_is_kept_unless_the_bench_says_otherwise(tmp_path: Path) -> None:
    assert config(tmp_path, "") == HistoryConfig()
    assert not config(tmp_path, "[history]\non = false\n").on


def test_times_and_sizes_are_read_with_their_units(tmp_path: Path) -> None:
    found = config(
        tmp_path,
        """[history]
        keep = "2 d"
        max_mb = 1.5
        every_s = "1 min"
        least_s = 1
        deadband = { "tc.a.kelvin" = "10 mK", "tc.heater" = 0.5 }
        """,
    )
    assert found == HistoryConfig(
        keep_s=2 * DAY_S, max_bytes=1_500_000, every_s=60, least_s=1,
        deadbands={"tc.a.kelvin": "10 mK", "tc.heater": 0.5},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keep = 3", r"\[history\] keep: seconds from 60"),
        ("max_mb = 0", r"\[history\] max_mb: megabytes from 1"),
        ("kept = 3", r"\[history\] kept: there is no such key, did you mean 'keep'"),
        ('deadband = { "dmm.x" = 1 }', r"\[history.deadband\] dmm.x: there is no device 'dmm'"),
        ('deadband = { "tc.x" = -1 }', r"\[history.deadband\] tc.x: a number from 0 on"),
        ("on = 1", r"\[history\] on: true or false"),
    ],
)
def test_what_means_nothing_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        config(tmp_path, f"[history]\n{text}\n")
