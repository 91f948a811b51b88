"""What stands on a simulated bench, read from a TOML file or built in as `demo`.

A bench file names devices under test, thermal stages and the instruments wired to them:

    [stage.sample]                  # a thermal stage; every key may be left out
    capacity_j_k = 8.0
    conductance_w_k = 0.4
    bath_k = 295.0

    [dut.diode]                     # something between two terminals
    kind = "diode"                  # or "resistor"
    saturation_current_a = 2.52e-9  # I_s, diode only
    ideality = 1.752                # n
    series_resistance_ohm = 0.568   # R_s
    temperature_k = 300.0
    max_current_a = 0.2             # destroyed beyond
    max_power_w = 0.5

    [dut.sensor]
    kind = "resistor"
    resistance_ohm = 100.0
    temperature_coefficient_1_k = 3.85e-3
    reference_k = 273.15
    stage = "sample"                # follows its temperature, heats it

    [device.smu]
    model = "keithley2400"
    dut = "diode"
    serve = "tcp"                   # or "hislip", "vxi11", "pty"
    port = 0                        # tcp, hislip, vxi11: a free one when 0
    clients = 1                     # tcp, hislip, vxi11: how many at once

    [device.tc]
    model = "lakeshore335"
    stage = "sample"
    serve = "pty"
    link = "/tmp/tc"                # pty: a fixed name for the terminal, optional
    baud = 57600                    # pty: bytes take their time, optional

Everything wrong with a file is one sentence in a `BenchError`.
"""

import dataclasses
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from funcnodes_simulators.physics import DeviceUnderTest, Diode, Element, Resistor, ThermalStage

T = TypeVar("T")

NETWORK_WIRES = ("tcp", "hislip", "vxi11")


class BenchError(Exception):
    """A bench that cannot be set up, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class DeviceLayout:
    """One instrument: what it is, what it is wired to, and what wire it is reached by."""

    name: str
    model: str
    serve: str
    dut: str = ""
    stage: str = ""
    port: int = 0
    clients: int = 1
    link: Path | None = None
    baud: int = 0


@dataclass(frozen=True, slots=True)
class BenchLayout:
    """A whole bench, checked: every name it refers to is there."""

    name: str
    devices: list[DeviceLayout]
    duts: dict[str, DeviceUnderTest]
    stages: dict[str, ThermalStage] = field(default_factory=dict)


def demo_layout() -> BenchLayout:
    """The built-in bench: a diode on a source-measure unit, and a temperature controller."""
    return BenchLayout(
        "demo",
        [
            DeviceLayout("smu", "keithley2400", "tcp", dut="dut"),
            DeviceLayout("tc", "lakeshore335", "pty", stage="sample"),
        ],
        {"dut": DeviceUnderTest(Diode())},
        {"sample": ThermalStage()},
    )


def load_layout(bench: str) -> BenchLayout:
    """Find a bench by name or read it from a file.

    Raises:
        BenchError: There is no such bench, or the file does not describe one.
    """
    if bench == "demo":
        return demo_layout()
    path = Path(bench)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BenchError(f"{bench!r} is neither a bench file nor the built-in bench demo") from None
    except OSError as error:
        raise BenchError(f"{bench}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{bench}: is not TOML: {error}") from None
    try:
        return _read(path.stem, document)
    except BenchError as error:
        raise BenchError(f"{bench}: {error}") from None


def _read(name: str, document: dict[str, Any]) -> BenchLayout:
    _known(document, {"stage", "dut", "device"}, "the file")
    stages = {n: _stage(n, t) for n, t in _tables(document, "stage").items()}
    duts = {n: _dut(n, t, stages) for n, t in _tables(document, "dut").items()}
    devices = [_device(n, t, duts, stages) for n, t in _tables(document, "device").items()]
    if not devices:
        raise BenchError("it has no [device.NAME]")
    for taken in {device.name for device in devices} & duts.keys():
        raise BenchError(f"a device and a device under test are both called {taken}")
    _exclusive(devices)
    return BenchLayout(name, devices, duts, stages)


def _tables(document: dict[str, Any], key: str) -> dict[str, dict[str, Any]]:
    tables = document.get(key, {})
    if not isinstance(tables, dict):
        raise BenchError(f"{key} is not a table")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise BenchError(f"{key}.{name} is not a table")
    return tables


def _stage(name: str, table: dict[str, Any]) -> ThermalStage:
    where = f"stage.{name}"
    keys = {"capacity_j_k", "conductance_w_k", "bath_k"}
    _known(table, keys, where)
    return ThermalStage(**{key: _positive(table, key, where) for key in table})


def _dut(name: str, table: dict[str, Any], stages: Mapping[str, ThermalStage]) -> DeviceUnderTest:
    where = f"dut.{name}"
    limits = {"max_current_a", "max_power_w"}
    kind = _choice(table, "kind", ("diode", "resistor"), where)
    stage = _reference(table, "stage", stages, where) if "stage" in table else None
    element: Element
    if kind == "diode":
        constants = _constants(Diode)
        _known(table, constants | limits | {"kind"}, where)
        element = Diode(**_positives(table, constants, where))
    else:
        constants = _constants(Resistor)
        _known(table, constants | limits | {"kind"}, where)
        positive = _positives(table, constants - {"stage", "temperature_coefficient_1_k"}, where)
        if "temperature_coefficient_1_k" in table:
            slope = _number(table, "temperature_coefficient_1_k", where)
            positive["temperature_coefficient_1_k"] = slope
        element = Resistor(**positive, stage=stage)
    dut = DeviceUnderTest(element, stage=stage)
    for limit, value in _positives(table, limits, where).items():
        setattr(dut, limit, value)
    return dut


def _device(
    name: str,
    table: dict[str, Any],
    duts: Mapping[str, DeviceUnderTest],
    stages: Mapping[str, ThermalStage],
) -> DeviceLayout:
    where = f"device.{name}"
    wire = _choice(table, "serve", (*NETWORK_WIRES, "pty"), where)
    model = _choice(table, "model", ("keithley2400", "lakeshore335"), where)
    attached, things = ("dut", duts) if model == "keithley2400" else ("stage", stages)
    _known(table, {"model", "serve", attached} | _wire_keys(wire), where)
    _reference(table, attached, things, where)
    link = table.get("link")
    if link is not None and (not isinstance(link, str) or not Path(link).is_absolute()):
        raise BenchError(f"{where}.link is not an absolute path")
    return DeviceLayout(
        name,
        model,
        wire,
        port=_integer(table, "port", 0, 0, 65535, where),
        clients=_integer(table, "clients", 1, 1, 100, where),
        link=None if link is None else Path(link),
        baud=_integer(table, "baud", 0, 50, 4_000_000, where) if "baud" in table else 0,
        **{attached: table[attached]},
    )


def _wire_keys(wire: str) -> set[str]:
    return {"port", "clients"} if wire in NETWORK_WIRES else {"link", "baud"}


def _exclusive(devices: list[DeviceLayout]) -> None:
    """Refuse two instruments on one thing: each is the only source of it."""
    seen: dict[tuple[str, str], str] = {}
    for device in devices:
        thing = ("dut", device.dut) if device.dut else ("stage", device.stage)
        if thing in seen:
            raise BenchError(f"{seen[thing]} and {device.name} both use {'.'.join(thing)}")
        seen[thing] = device.name


def _constants(kind: type[Diode] | type[Resistor]) -> set[str]:
    return {f.name for f in dataclasses.fields(kind)}


def _known(table: dict[str, Any], keys: set[str], where: str) -> None:
    for key in table:
        if key not in keys:
            allowed = ", ".join(sorted(keys))
            raise BenchError(f"{where} has no place for {key!r}; it takes {allowed}")


def _choice(table: dict[str, Any], key: str, choices: tuple[str, ...], where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or value not in choices:
        what = "is missing" if value is None else f"is {value!r}"
        raise BenchError(f"{where}.{key} {what}; it must be {' or '.join(choices)}")
    return value


def _reference(table: dict[str, Any], key: str, things: Mapping[str, T], where: str) -> T:
    name = table.get(key)
    if not isinstance(name, str) or name not in things:
        what = "is missing" if name is None else f"names {name!r}"
        known = ", ".join(sorted(things)) or "none"
        raise BenchError(f"{where}.{key} {what}; there is {known}")
    return things[name]


def _number(table: dict[str, Any], key: str, where: str) -> float:
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BenchError(f"{where}.{key} is {value!r}, not a number")
    return float(value)


def _positive(table: dict[str, Any], key: str, where: str) -> float:
    value = _number(table, key, where)
    if not 1e-30 <= value <= 1e12:
        raise BenchError(f"{where}.{key} is {value:g}; it must be greater than 0, at most 1e12")
    return value


def _positives(table: dict[str, Any], keys: set[str], where: str) -> dict[str, float]:
    return {key: _positive(table, key, where) for key in sorted(keys & table.keys())}


def _integer(table: dict[str, Any], key: str, default: int, low: int, high: int, where: str) -> int:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BenchError(f"{where}.{key} is {value!r}; it must be a number from {low} to {high}")
    return value
