"""Snapshots that ask, are kept, and say in words what differs."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from funcnodes.devices import Bench
from funcnodes.devices.bench.snapshots import BenchSnapshot, DeviceTaken, Taken, compare
from funcnodes.errors import BenchError

Limit = Callable[[float], float]


def snapshot(**values: Taken) -> BenchSnapshot:
    smu = DeviceTaken(driver="d", address="a", identity="ACME,ONE,7,1", values=values)
    return BenchSnapshot(version=1, bench="b", t=0.0, devices={"smu": smu})


def taken(value: Any, unit: str = "", **more: Any) -> Taken:
    return Taken(**{"kind": "control", "value": value, "unit": unit, **more})


async def test_it_asks_every_device_and_writes_nothing(simulator: Any) -> None:
    """D2; a reading that would need the output on is there with its reason."""
    async with Bench.builtin("demo", simulator.resources) as bench:
        before = simulator.now()
        found = await bench.read_snapshot()
        smu, tc = found.devices["smu"], found.devices["tc"]
        assert smu.values["voltage"].value == 0.0
        assert 290 < float(str(tc.values["a.kelvin"].value)) < 300
        assert "was not read, since output is off" in smu.values["reading.v"].error
        assert (smu.simulated, smu.serial, smu.error) == (True, "SIM0001", "")
        sent = simulator.commands("smu", before)
        assert sent
        assert all(command.endswith("?") for command in sent)
        await bench.devices["smu"].member_set("compliance", "2 mA")
        await bench.devices["smu"].member_set("output", True)
        texts = [each.text for each in compare(found, await bench.read_snapshot())]
        assert texts == ["smu.compliance: 105 µA, then 2 mA", "smu.output: off, then on"]
        measured = compare(found, await bench.read_snapshot(), measurements=True)
        assert any(each.member == "reading.v" for each in measured)


async def test_a_device_that_hangs_is_given_its_time_and_holds_up_nobody(
    simulator: Any, limit: Limit
) -> None:
    async with Bench.builtin("demo", simulator.resources) as bench:
        simulator.fault("smu", "mute")
        began = time.monotonic()
        found = await bench.read_snapshot(within_s=1.0)
        assert time.monotonic() - began < limit(1.5)
        assert "smu" in found.devices["smu"].error
        assert found.devices["tc"].error == ""
        assert found.devices["tc"].values["loop1.heater_range"].value == "off"


async def test_a_device_that_is_not_there_says_why(gadget: Any, tmp_path: Path) -> None:
    await gadget.stop()
    path = tmp_path / "bench.toml"
    path.write_text(f"[devices.away]\ndriver='scpi'\naddress='{gadget.address}'\n")
    async with Bench.load(path) as bench:
        found = await bench.read_snapshot()
    assert "away is not reached: " in found.devices["away"].error
    assert found.devices["away"].values == {}


def test_it_is_kept_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "before.json"
    found = snapshot(v=taken(1.5, "V"), i=taken(None, "A", quality="overrange"))
    found.save(path)
    assert BenchSnapshot.load(path) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"x\.json is no snapshot of a bench"),
        ("{}", "is no snapshot of a bench: .*version"),
        ('{"version": 2, "later": []}', "has version 2 of snapshots; this funcnodes knows 1"),
        ('{"version": 1, "bench": 3}', "is no snapshot of a bench: "),
        ("[" * 100_000, "is no snapshot of a bench"),
    ],
)
def test_what_is_no_snapshot_is_refused_in_one_sentence(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(BenchError, match=message):
        BenchSnapshot.load(path)
    with pytest.raises(BenchError, match="cannot be read: No such file"):
        BenchSnapshot.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (taken(0.25, "V"), taken(0.5, "V"), "smu.x: 250 mV, then 500 mV"),
        (taken(250.0, "mV"), taken(0.25, "V"), ""),
        (taken(1.0, "V"), taken(1.0, "A"), "smu.x: 1 V, then 1 A"),
        (taken(1.0), taken(1.0 + 1e-9), ""),
        (taken("off"), taken("low"), "smu.x: off, then low"),
        (taken(1.0, "V"), taken(None, "V", quality="overrange"), "then no number (overrange)"),
        (taken(1.0, "V"), Taken(kind="control", error="No reply."), "then not read (No reply)"),
        (Taken(kind="control", error="a"), Taken(kind="control", error="b"), ""),
        (taken(1.0, "K", kind="measurement"), taken(2.0, "K", kind="measurement"), ""),
    ],
)
def test_differences_are_said_in_words_with_units(old: Taken, new: Taken, text: str) -> None:
    found = compare(snapshot(x=old), snapshot(x=new))
    assert len(found) == bool(text)
    assert all(text in each.text for each in found)


def test_devices_that_come_go_or_are_exchanged_are_named() -> None:
    one = snapshot(x=taken(1.0))
    other = msgspec.structs.replace(one.devices["smu"], identity="ACME,ONE,8,1")
    changed = msgspec.structs.replace(one, devices={"smu": other, "tc": other})
    assert [each.text for each in compare(one, changed)] == [
        "smu: identity was ACME,ONE,7,1, then ACME,ONE,8,1", "tc is new.",
    ]  # fmt: skip
    assert compare(changed, one)[-1].text == "tc is missing."


VALUES = st.one_of(
    st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=10),
    st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip


@given(st.dictionaries(st.text(max_size=8), VALUES.map(lambda v: taken(v, "V")), max_size=5))
def test_nothing_differs_from_itself_kept_or_not(values: dict[str, Taken]) -> None:
    one = msgspec.structs.replace(
        snapshot(), devices={"d": DeviceTaken(driver="", address="", values=values)}
    )
    again = BenchSnapshot.from_json(one.to_json())
    assert compare(one, again, measurements=True) == []
