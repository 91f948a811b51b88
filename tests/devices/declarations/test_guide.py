"""The guide to the words of a driver: talkative instruments are as it says."""

import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from funcnodes.devices import Instrument
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.values import Value
from funcnodes.devices.stand_in import driver_table
from funcnodes.testing.benches import bench_of
from funcnodes_simulators import SimulatedBench

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "driver-declarations.md"
FILE = re.compile(r"```python\n# (\w+)\.py\n(.*?)```", re.S)


def drivers_of_the_guide() -> dict[str, type[Instrument]]:
    """Every driver that a file on the page declares, by its name."""
    found = {}
    for name, text in FILE.findall(GUIDE.read_text(encoding="utf-8")):
        module = ModuleType(name)
        exec(compile(text, f"{name}.py", "exec"), module.__dict__)
        for each in vars(module).values():
            if isinstance(each, type) and each.__dict__.get("spec") is not None:
                found[each.spec.name] = each
    return found


DRIVERS = drivers_of_the_guide()


def test_every_way_to_declare_is_on_the_page() -> None:
    assert set(DRIVERS) == {
        "acme.console", "acme.pump", "acme.gauge", "acme.balance", "acme.slow", "acme.marked",
    }  # fmt: skip


@pytest.mark.parametrize("serve", ["tcp", "pty"])
async def test_each_of_them_is_spoken_to_as_it_declares(tmp_path: Path, serve: str) -> None:
    layout = ""
    for name, kind in DRIVERS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(driver_table(kind)))
        layout += (
            f'[device."{name.removeprefix("acme.")}"]\nmodel = "table"\n'
            f'table = "{name}.json"\nserve = "{serve}"\n'
        )
    (tmp_path / "bench.toml").write_text(layout)
    with SimulatedBench.start(str(tmp_path / "bench.toml"), seed=1) as simulated:
        kinds = {
            name.removeprefix("acme."): (kind, simulated.resources[name.removeprefix("acme.")])
            for name, kind in DRIVERS.items()
        }
        async with bench_of(kinds) as bench:
            for device in bench.devices.values():
                assert (device.state, device.message) == ("idle", "")
                for path, member in device.members():
                    if isinstance(member, Control):
                        await device.member_set(path, 2)
                        assert (await device.member_get(path)).value == 2
                    elif isinstance(member, Value):
                        assert (await device.member_get(path)).quality == "ok"
