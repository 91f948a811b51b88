"""What stands on a simulated bench, read from a TOML file or built in as `demo`.

A definition file of pyvisa-sim (`.yaml`) is a bench too: each of its resources is an instrument.
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

    [vessel.beaker]                 # something to pour into, and to weigh
    density_g_ml = 0.9982           # of the liquid
    weight_g = 50.0                 # of the vessel

    [beam.spot]                     # what two coils steer onto a detector, see `physics.beam`
    x = "coil_x"                    # devices under test
    y = "coil_y"
    x_a = 0.3                       # and y_a, width_a, peak_v, skew

    [device.smu]
    model = "keithley2400"
    dut = "diode"
    serve = "tcp"                   # or "hislip", "vxi11", "pty"
    port = 0                        # tcp, hislip, vxi11: a free one when 0
    clients = 1                     # tcp, hislip, vxi11: how many at once
    gap_s = 0.0                     # tcp, pty: deaf for so long after a message; the model's own
    left = [":SOUR:FUNC CURR"]      # what it was told before anybody here opened its line

    [device.tc]
    model = "lakeshore335"
    stage = "sample"
    serve = "pty"
    link = "/tmp/tc"                # pty: a fixed name for the terminal, optional
    baud = 57600                    # pty: bytes take their time, optional

    [[fault]]                       # what goes wrong, see `faults.files`
    device = "smu"
    kind = "drop"
    nth = 10

`strict = true` on top makes what clients do wrong fail, see `strict`. Models, and the keys that
each takes, are declared as `instruments.models` says. Everything wrong with a file is one sentence
in a `BenchError`.
"""

import dataclasses
import itertools
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from funcnodes_simulators.documents import list_of, number_at, only_keys, table_of, text_of
from funcnodes_simulators.faults import Fault
from funcnodes_simulators.faults.files import (
    PlannedFault,
    PlannedFaults,
    read_fault_file,
    read_faults,
)
from funcnodes_simulators.instruments.contract import LONGEST_GAP_S, Instrument
from funcnodes_simulators.instruments.models import (
    BenchError,
    Model,
    Setting,
    Setup,
    Thing,
    find_model,
    model_names,
)
from funcnodes_simulators.physics import (
    Beam,
    DeviceUnderTest,
    Diode,
    Element,
    Resistor,
    ThermalStage,
    Vessel,
    World,
)

T = TypeVar("T")

BENCHES = Path(__file__).parents[1] / "benches"
NETWORK_LINES = ("tcp", "hislip", "vxi11")
RAW_LINES = ("tcp", "pty")
MOST_PAUSES = 10_000
KINDS = ("stage", "dut", "vessel", "beam")
DEFINITION_SUFFIXES = (".yaml", ".yml")

Things = Mapping[str, Mapping[str, Thing]]


@dataclass(frozen=True, slots=True)
class DeviceLayout:
    """One instrument: what it is, what it is wired to, and what line it is reached by.

    Attributes:
        wired_to: Names of devices under test and stages, by the key that names them.
        settings: The model's own keys, read and complete.
        kind: The model where no bench file could name it.
        gap_s: How long it is deaf after a message and a reply; None for what its model is.
        left: Messages that another program had sent it; a loss of power undoes them.
    """

    name: str
    model: str
    serve: str
    wired_to: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    kind: Model | None = None
    port: int = 0
    clients: int = 1
    link: Path | None = None
    baud: int = 0
    gap_s: float | None = None
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BenchLayout:
    """A whole bench, checked: every name it refers to is there.

    Attributes:
        faults: What goes wrong from the start.
        fault_seed: Makes faults repeat on a bench without a seed.
        is_strict: Whether what clients do wrong fails.
    """

    name: str
    devices: list[DeviceLayout]
    duts: dict[str, DeviceUnderTest]
    stages: dict[str, ThermalStage] = field(default_factory=dict)
    vessels: dict[str, Vessel] = field(default_factory=dict)
    beams: dict[str, Beam] = field(default_factory=dict)
    faults: tuple[PlannedFault, ...] = ()
    fault_seed: int | None = None
    is_strict: bool = False

    @property
    def things(self) -> Things:
        """What instruments may be wired to, by kind and name."""
        return _things(self.duts, self.stages, self.vessels, self.beams)

    def faults_of(self, device: str) -> list[Fault]:
        """Return what goes wrong with one instrument, in the order it was written down."""
        return [planned.fault for planned in self.faults if planned.device in ("", device)]


def _things(
    duts: Mapping[str, DeviceUnderTest],
    stages: Mapping[str, ThermalStage],
    vessels: Mapping[str, Vessel],
    beams: Mapping[str, Beam],
) -> Things:
    return {"dut": duts, "stage": stages, "vessel": vessels, "beam": beams}


def build_instrument(
    device: DeviceLayout, layout: BenchLayout, world: World, *, index: int
) -> Instrument:
    """Build an instrument of a bench; its serial number tells everyone that it is simulated.

    Raises:
        BenchError: Its settings do not fit together.
    """
    model = device.kind or find_model(device.model)
    wired = {
        attachment.key: layout.things[attachment.kind][device.wired_to[attachment.key]]
        for attachment in model.attachments
        if attachment.key in device.wired_to
    }
    serial = f"SIM{index + 1:04d}"
    try:
        setup = Setup(device.name, world, serial, device.serve, device.settings, wired)
        instrument = model.build(setup)
    except ValueError as error:
        raise BenchError(f"{device.name} cannot be built: {error}") from error
    for message in device.left:
        _leave(instrument, message)
    return instrument


def _leave(instrument: Instrument, message: str) -> None:
    """Have an instrument carry out what another program had told it, in no time."""
    execution = instrument.execute(message)
    for pause_s, _ in zip(execution, range(MOST_PAUSES), strict=False):
        if pause_s == math.inf:
            break
    execution.close()


SENSES_BOTH = (':SENS:FUNC:CONC ON;:SENS:FUNC "VOLT","CURR"',)
"""As whoever used it last left it: fresh from the mains it senses the current only."""


def built_in_benches() -> list[str]:
    """The names of the benches that come with this package, the first one first."""
    return ["demo", *sorted(path.stem for path in BENCHES.glob("*.toml"))]


def demo_layout() -> BenchLayout:
    """The built-in bench: a diode on a source-measure unit, and a temperature controller."""
    return BenchLayout(
        "demo",
        [
            DeviceLayout("smu", "keithley2400", "tcp", {"dut": "dut"}, left=SENSES_BOTH),
            DeviceLayout("tc", "lakeshore335", "pty", {"stage": "sample"}),
        ],
        {"dut": DeviceUnderTest(Diode())},
        {"sample": ThermalStage()},
    )


def load_layout(
    bench: str, *, faults: str | Path | None = None, strict: bool = False
) -> BenchLayout:
    """Find a bench by name or read it from a file.

    Args:
        bench: The name of a built-in bench, or the path of a bench file.
        faults: A file with faults, beside those of the bench file.
        strict: Make the bench strict, whatever its file says.

    Raises:
        BenchError: There is no such bench, or a file does not describe one.
    """
    layout = _load(bench)
    planned = PlannedFaults()
    if faults is not None:
        try:
            planned = read_fault_file(Path(faults), [device.name for device in layout.devices])
        except ValueError as error:
            raise BenchError(str(error)) from None
    return dataclasses.replace(
        layout,
        faults=(*layout.faults, *planned.faults),
        fault_seed=planned.seed,
        is_strict=layout.is_strict or strict,
    )


def _load(bench: str) -> BenchLayout:
    if bench == "demo":
        return demo_layout()
    built_in = BENCHES / f"{bench}.toml"
    path = built_in if bench in built_in_benches() else Path(bench)
    if path.suffix.lower() in DEFINITION_SUFFIXES:
        return _definition_layout(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(built_in_benches())
        raise BenchError(
            f"{bench!r} is neither a bench file nor one of the built-in benches {known}"
        ) from None
    except OSError as error:
        raise BenchError(f"{bench}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{bench}: is not TOML: {error}") from None
    try:
        return _read(path, document)
    except (BenchError, ValueError) as error:
        raise BenchError(f"{bench}: {error}") from None


def _definition_layout(path: Path) -> BenchLayout:
    """Put every resource of a definition file of pyvisa-sim on a bench of its own."""
    from funcnodes_simulators.generic.definition_files import read_resources
    from funcnodes_simulators.generic.scripted import RESOURCE

    try:
        resources = read_resources(path)
    except ValueError as error:
        raise BenchError(f"{path.parent}/{error}") from None
    devices: dict[str, DeviceLayout] = {}
    for resource in resources:
        serve = "pty" if resource.kind.startswith("ASRL") else "tcp"
        name = _free_name(resource.device, devices)
        settings = {"resource": resource}
        devices[name] = DeviceLayout(name, "yaml", serve, settings=settings, kind=RESOURCE)
    if not devices:
        raise BenchError(f"{path}: it has no devices")
    return BenchLayout(path.stem, list(devices.values()), {})


def _free_name(wanted: str, taken: Mapping[str, object]) -> str:
    base = re.sub(r"\W+", "_", wanted).strip("_") or "device"
    names = (base if number == 1 else f"{base}_{number}" for number in itertools.count(1))
    return next(name for name in names if name not in taken)


def _read(path: Path, document: dict[str, Any]) -> BenchLayout:
    only_keys(document, {*KINDS, "device", "fault", "strict"}, "the file")
    stages = {n: _stage(n, t) for n, t in _tables(document, "stage").items()}
    duts = {n: _dut(n, t, stages) for n, t in _tables(document, "dut").items()}
    vessels = {n: _vessel(n, t) for n, t in _tables(document, "vessel").items()}
    beams = {n: _beam(n, t, duts) for n, t in _tables(document, "beam").items()}
    things = _things(duts, stages, vessels, beams)
    tables = _tables(document, "device")
    devices = [_device(n, t, things, path.parent) for n, t in tables.items()]
    if not devices:
        raise BenchError("it has no [device.NAME]")
    for taken in {device.name for device in devices} & duts.keys():
        raise BenchError(f"a device and a device under test are both called {taken}")
    _exclusive(devices)
    strict = document.get("strict", False)
    if not isinstance(strict, bool):
        raise BenchError(f"strict is {strict!r}; it must be true or false")
    faults = read_faults(document.get("fault", []), [device.name for device in devices], "fault")
    return BenchLayout(path.stem, devices, duts, stages, vessels, beams, faults, is_strict=strict)


def _tables(document: dict[str, Any], key: str) -> dict[str, dict[str, Any]]:
    tables = table_of(document.get(key, {}), key)
    return {name: table_of(table, f"{key}.{name}") for name, table in tables.items()}


def _stage(name: str, table: dict[str, Any]) -> ThermalStage:
    where = f"stage.{name}"
    keys = {"capacity_j_k", "conductance_w_k", "bath_k"}
    only_keys(table, keys, where)
    return ThermalStage(**{key: _positive(table, key, where) for key in table})


def _vessel(name: str, table: dict[str, Any]) -> Vessel:
    where = f"vessel.{name}"
    keys = {"density_g_ml", "weight_g"}
    only_keys(table, keys, where)
    return Vessel(**_positives(table, keys, where))


def _beam(name: str, table: dict[str, Any], duts: Mapping[str, DeviceUnderTest]) -> Beam:
    where = f"beam.{name}"
    keys = {"x_a", "y_a", "skew"}
    only_keys(table, keys | {"x", "y", "width_a", "peak_v"}, where)
    numbers = {key: _number(table, key, where) for key in sorted(keys & table.keys())}
    positives = _positives(table, {"width_a", "peak_v"}, where)
    x, y = (_reference(table, key, duts, where) for key in ("x", "y"))
    return Beam(x, y, **numbers, **positives)


def _dut(name: str, table: dict[str, Any], stages: Mapping[str, ThermalStage]) -> DeviceUnderTest:
    where = f"dut.{name}"
    limits = {"max_current_a", "max_power_w"}
    kind = _choice(table, "kind", ("diode", "resistor"), where)
    stage = _reference(table, "stage", stages, where) if "stage" in table else None
    element: Element
    if kind == "diode":
        constants = _constants(Diode)
        only_keys(table, constants | limits | {"kind"}, where)
        element = Diode(**_positives(table, constants, where))
    else:
        constants = _constants(Resistor)
        only_keys(table, constants | limits | {"kind"}, where)
        positive = _positives(table, constants - {"stage", "temperature_coefficient_1_k"}, where)
        if "temperature_coefficient_1_k" in table:
            slope = _number(table, "temperature_coefficient_1_k", where)
            positive["temperature_coefficient_1_k"] = slope
        element = Resistor(**positive, stage=stage)
    dut = DeviceUnderTest(element, stage=stage)
    for limit, value in _positives(table, limits, where).items():
        setattr(dut, limit, value)
    return dut


def _device(name: str, table: dict[str, Any], things: Things, folder: Path) -> DeviceLayout:
    where = f"device.{name}"
    serve = _choice(table, "serve", (*NETWORK_LINES, "pty"), where)
    model_name = _choice(table, "model", model_names(), where)
    model = _model(model_name, where)
    only_keys(table, {"model", "serve", "left"} | model.keys | _line_keys(serve), where)
    link = table.get("link")
    if link is not None and (not isinstance(link, str) or not Path(link).is_absolute()):
        raise BenchError(f"{where}.link is not an absolute path")
    return DeviceLayout(
        name,
        model_name,
        serve,
        wired_to=_wired_to(table, model, things, where),
        settings={s.key: _setting(table, s, folder, where) for s in model.settings},
        port=_integer(table, "port", 0, 0, 65535, where),
        clients=_integer(table, "clients", 1, 1, 100, where),
        link=None if link is None else Path(link),
        baud=_integer(table, "baud", 0, 50, 4_000_000, where) if "baud" in table else 0,
        gap_s=_gap(table, where),
        left=_left(table, where),
    )


def _model(name: str, where: str) -> Model:
    try:
        return find_model(name)
    except BenchError as error:
        raise BenchError(f"{where}.model: {error}") from error


def _wired_to(table: dict[str, Any], model: Model, things: Things, where: str) -> dict[str, str]:
    wired: dict[str, str] = {}
    for attachment in model.attachments:
        if attachment.key in table or attachment.is_required:
            _reference(table, attachment.key, things[attachment.kind], where)
            wired[attachment.key] = table[attachment.key]
    return wired


def _setting(table: dict[str, Any], setting: Setting, folder: Path, where: str) -> object:
    if setting.key not in table:
        if setting.is_required:
            raise BenchError(f"{where}.{setting.key} is missing")
        return setting.default
    try:
        return setting.read(table[setting.key], folder)
    except ValueError as error:
        raise BenchError(f"{where}.{setting.key} {error}") from None


def _line_keys(serve: str) -> set[str]:
    keys = {"port", "clients"} if serve in NETWORK_LINES else {"link", "baud"}
    return keys | {"gap_s"} if serve in RAW_LINES else keys


def _left(table: dict[str, Any], where: str) -> tuple[str, ...]:
    messages = list_of(table.get("left", []), f"{where}.left")
    return tuple(text_of(message, f"{where}.left") for message in messages)


def _gap(table: dict[str, Any], where: str) -> float | None:
    if "gap_s" not in table:
        return None
    return number_at(table, "gap_s", where, default=0.0, low=0.0, high=LONGEST_GAP_S)


def _exclusive(devices: list[DeviceLayout]) -> None:
    """Refuse two instruments that drive one thing: each is the only source of it."""
    seen: dict[tuple[str, str], str] = {}
    for device in devices:
        for attachment in find_model(device.model).attachments:
            if not attachment.is_source or attachment.key not in device.wired_to:
                continue
            thing = (attachment.kind, device.wired_to[attachment.key])
            if thing in seen:
                raise BenchError(f"{seen[thing]} and {device.name} both use {'.'.join(thing)}")
            seen[thing] = device.name


def _constants(kind: type[Diode] | type[Resistor]) -> set[str]:
    return {f.name for f in dataclasses.fields(kind)}


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
