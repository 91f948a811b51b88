"""Which simulator stands for a driver in a dry run, and what its readings are then worth.

A model that knows the instrument, where there is one, wired to something plain; else a table made
of the driver's declarations, which remembers what it is told and answers, without any physics.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from funcnodes.devices.declarations import drivers
from funcnodes.devices.declarations.stand_in import driver_table
from funcnodes.errors import FuncnodesError
from funcnodes.runs.dryrun import simulators


@dataclass(frozen=True, slots=True)
class StandIn:
    """How one instrument is simulated.

    Attributes:
        model: The simulators' name for it.
        worth: What its readings are worth.
        serve: What line it is built for.
    """

    model: str
    worth: str
    serve: str = "tcp"


SHIPPED: Mapping[str, StandIn] = {
    "keithley.smu2400": StandIn(
        "keithley2400", "a resistor of 1 kΩ stands for what it is wired to"
    ),
    "keysight.dmm34461a": StandIn(
        "keysight_34461a", "it is wired to nothing and reads 0 V, whatever others put out"
    ),
    "keysight.e36312a": StandIn(
        "keysight_e36312a", "its outputs are open, so that no current flows"
    ),
    "lakeshore.model335": StandIn(
        "lakeshore335", "a plain sample stage at 295 K stands for what it heats", "pty"
    ),
    "mettler.sics": StandIn("mettler_sics", "an empty pan stands for what it weighs", "pty"),
    "newera.ne1000": StandIn("newera_ne1000", "it pours into nothing that is weighed", "pty"),
    "pfeiffer.tc400": StandIn("pfeiffer_tc400", "a pump without a load stands for it", "pty"),
    "pfeiffer.tpg362": StandIn("pfeiffer_tpg362", "its pressure stays at 1e-6 mbar", "pty"),
    "rigol.ds1054z": StandIn("rigol_ds1054z", "its signals are made up"),
    "srs.sr830": StandIn(
        "srs_sr830", "10 kΩ and 15.9 nF stand for what is between its sine and its input"
    ),
}
"""The drivers that come with funcnodes and have a model of their own."""

TABLE = "a table of its driver answers what it was told or a default, and measures nothing"


def stand_in(driver: str, device: str, folder: Path) -> tuple[str, str]:
    """How a device with that driver stands in a bench file of the simulators.

    Args:
        device: What the bench calls it.
        folder: Where tables may be written.

    Returns:
        The file's lines, and what its readings are worth.

    Raises:
        ValueError: Nothing can stand for it; the message is the end of a sentence.
    """
    found = SHIPPED.get(driver)
    if found is None and driver in simulators.models():
        found = StandIn(driver, "the model that comes with its driver is wired to something plain")
    if found is not None:
        return _model_lines(device, found), found.worth
    if driver == "auto":
        raise ValueError(
            "what it is would have to be asked: name its driver in the bench file, or a simulator "
            "by --simulators"
        )
    return _table_lines(device, driver, folder), TABLE


def _table_lines(device: str, driver: str, folder: Path) -> str:
    try:
        table = driver_table(drivers.find(driver))
    except FuncnodesError as error:
        raise ValueError(error.message.rstrip(".")) from error
    except ValueError as error:
        raise ValueError(f"nothing stands for {driver}: {error}".rstrip(".")) from error
    path = folder / f"{device}.json"
    path.write_text(json.dumps(table), encoding="utf-8")
    return _lines(f"device.{device}", model="table", serve="tcp", table=str(path))


def _model_lines(device: str, found: StandIn) -> str:
    keys, before = {"model": found.model, "serve": found.serve}, ""
    for key, kind in simulators.wiring(found.model).items():
        thing = keys[key] = f"{device}_{key}"
        things = {"kind": "resistor", "resistance_ohm": 1000.0} if kind == "dut" else {}
        before += _lines(f"{kind}.{thing}", **things)
    return before + _lines(f"device.{device}", **keys)


def _lines(header: str, **keys: object) -> str:
    said = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    return f"[{header}]\n{said}"
