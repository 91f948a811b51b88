"""The instruments a bench file may name: what each takes there, and how it is built.

A module of an instrument declares a `Model`; `BUILT_IN` names the place, and so does an entry point
of the group `funcnodes.simulators` in anybody's package, whose name is the model's. A model is
imported when a bench names it: one that is broken is nobody else's trouble.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, TypeVar

from funcnodes_simulators.instruments.contract import Instrument
from funcnodes_simulators.physics import Beam, DeviceUnderTest, ThermalStage, Vessel, World

T = TypeVar("T")

GROUP = "funcnodes.simulators"
Thing = DeviceUnderTest | ThermalStage | Vessel | Beam

BUILT_IN = {
    "keithley2400": "funcnodes_simulators.keithley.smu2400:MODEL",
    "keysight_34461a": "funcnodes_simulators.keysight.dmm34461a:MODEL",
    "keysight_e36312a": "funcnodes_simulators.keysight.e36312a:MODEL",
    "lakeshore335": "funcnodes_simulators.lakeshore.model335:MODEL",
    "pfeiffer_tc400": "funcnodes_simulators.pfeiffer.tc400:MODEL",
    "pfeiffer_tpg362": "funcnodes_simulators.pfeiffer.tpg362:MODEL",
    "rigol_ds1054z": "funcnodes_simulators.rigol.ds1054z:MODEL",
    "srs_sr830": "funcnodes_simulators.srs.sr830:MODEL",
    "mettler_sics": "funcnodes_simulators.mettler.sics:MODEL",
    "newera_ne1000": "funcnodes_simulators.newera.ne1000:MODEL",
    "modbus": "funcnodes_simulators.generic.modbus:MODEL",
    "table": "funcnodes_simulators.generic.table_instrument:MODEL",
    "yaml": "funcnodes_simulators.generic.scripted:MODEL",
}


class BenchError(Exception):
    """A bench that cannot be set up, in one plain sentence."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A key of a bench file that names a thing on the bench which an instrument is wired to.

    Attributes:
        key: The key, `dut` say.
        kind: What is named: a device under test, a thermal stage, a vessel or a beam.
        is_source: Whether the instrument drives the thing, which only one may.
        is_required: Whether the key may not be left out.
    """

    key: str
    kind: Literal["dut", "stage", "vessel", "beam"]
    is_source: bool = True
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Setting:
    """Another key that a model takes in a bench file.

    Attributes:
        key: The key.
        read: Turns what stands in the file into a value, given the folder that the file is in;
            raises ValueError with the end of a sentence that begins with the key: `is 5, not text`.
        default: The value where the key is left out.
        is_required: Whether it may not be.
    """

    key: str
    read: Callable[[object, Path], object]
    default: object = None
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    """What one instrument is built from.

    Attributes:
        name: What the bench calls it.
        world: Time and noise.
        serial: Its serial number; tells everyone that it is simulated.
        serve: What it is served by, `tcp` say.
        settings: The model's own keys, read and complete.
        things: What it is wired to, by the key that says so.
    """

    name: str
    world: World
    serial: str
    serve: str = "tcp"
    settings: Mapping[str, Any] = field(default_factory=dict)
    things: Mapping[str, Thing] = field(default_factory=dict)

    def dut(self, key: str = "dut") -> DeviceUnderTest:
        """Return the device under test that a key names."""
        return _of(self.things[key], DeviceUnderTest)

    def stage(self, key: str = "stage") -> ThermalStage:
        """Return the thermal stage that a key names."""
        return _of(self.things[key], ThermalStage)

    def vessel(self, key: str = "vessel") -> Vessel:
        """Return the vessel that a key names."""
        return _of(self.things[key], Vessel)

    def beam(self, key: str = "beam") -> Beam:
        """Return the beam that a key names."""
        return _of(self.things[key], Beam)


@dataclass(frozen=True, slots=True)
class Model:
    """One kind of instrument.

    Attributes:
        build: Makes one; raises ValueError with a sentence where its settings do not fit together.
        attachments: What on the bench it is wired to.
        settings: Its own keys in a bench file.
    """

    build: Callable[[Setup], Instrument]
    attachments: tuple[Attachment, ...] = ()
    settings: tuple[Setting, ...] = ()

    @property
    def keys(self) -> set[str]:
        """All the keys of a bench file that are this model's."""
        return {attachment.key for attachment in self.attachments} | {
            setting.key for setting in self.settings
        }


def model_names() -> tuple[str, ...]:
    """Return the name of every model there is, those first that come with this package."""
    return (*BUILT_IN, *sorted(set(_brought()) - set(BUILT_IN)))


def find_model(name: str) -> Model:
    """Import a model.

    Raises:
        BenchError: There is none of that name, or it cannot be imported; says why.
    """
    place = BUILT_IN.get(name) or _brought().get(name)
    if place is None:
        raise BenchError(f"there is no model {name!r}; there is {', '.join(model_names())}")
    module, _, attribute = place.partition(":")
    try:
        model = getattr(importlib.import_module(module), attribute or "MODEL")
    except Exception as error:  # somebody else's package: anything can happen
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise BenchError(f"the model {name} ({place}) cannot be imported: {reason}") from error
    if not isinstance(model, Model):
        raise BenchError(f"the model {name} ({place}) is a {type(model).__name__}, not a Model")
    return model


def broken_models() -> dict[str, str]:
    """Return the models that cannot be used, each with the sentence that says why."""
    broken: dict[str, str] = {}
    for name in model_names():
        try:
            find_model(name)
        except BenchError as error:
            broken[name] = str(error)
    return broken


def _brought() -> dict[str, str]:
    """Where the models of other packages are."""
    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


def _of(thing: object, kind: type[T]) -> T:
    if not isinstance(thing, kind):
        raise TypeError(f"{thing!r} is no {kind.__name__}")
    return thing
