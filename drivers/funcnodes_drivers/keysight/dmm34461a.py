"""Keysight 34461A digital multimeter (Truevolt series), for voltage and resistance.

Source of all facts: Keysight, Truevolt Series Operating and Service Guide, 34460-90901. Beyond
range it answers 9.9E37, which is no number (D3). A multimeter has nothing to switch off.
"""

from enum import Enum

from funcnodes.devices import (
    Idn,
    Range,
    ScpiDevice,
    arm,
    block,
    command,
    driver,
    flight,
    measurement,
    one_of,
    setting,
    trigger,
)  # fmt: skip

MANUAL = "Keysight 34460-90901"
CYCLES = one_of(0.02, 0.2, 1, 10, 100)
VOLTS = one_of(0.1, 1, 10, 100, 1000, unit="V")
OHMS = one_of(1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, unit="ohm")


class Function(Enum):
    """What is measured."""

    DC_VOLTAGE = "VOLT"
    RESISTANCE = "RES"
    RESISTANCE_4_WIRES = "FRES"


class TriggerSource(Enum):
    """What sets off the readings once it is armed."""

    IMMEDIATE = "IMM"
    BUS = "BUS"


@driver(
    "keysight.dmm34461a",
    title="Keysight 34461A",
    match=Idn(r"Keysight Technologies.*", r"34461A"),
    timeout_s=5.0,
    manual=MANUAL,
)
class Dmm34461a(ScpiDevice):
    """A multimeter; settings of a function that is not chosen are kept until it is."""

    function = setting(
        Function, ":SENS:FUNC?", ':SENS:FUNC "{v}"',
        doc="Set what is measured.",
        source="34460-90901, [SENSe:]FUNCtion[:ON]",
    )  # fmt: skip
    voltage_range = setting(
        float, ":SENS:VOLT:DC:RANG?", ":SENS:VOLT:DC:RANG {v:g}", unit="V", check=VOLTS,
        drifts="until set",
        title="Voltage range",
        doc="Set the fixed range for voltages; switches auto-range off.",
        source="34460-90901, [SENSe:]VOLTage[:DC]:RANGe[:UPPer]",
    )  # fmt: skip
    voltage_nplc = setting(
        float, ":SENS:VOLT:DC:NPLC?", ":SENS:VOLT:DC:NPLC {v:g}", check=CYCLES,
        title="Voltage integration (NPLC)",
        doc="Set how many power line cycles a voltage is integrated over.",
        source="34460-90901, [SENSe:]VOLTage[:DC]:NPLCycles",
    )  # fmt: skip
    resistance_range = setting(
        float, ":SENS:RES:RANG?", ":SENS:RES:RANG {v:g}", unit="ohm", check=OHMS,
        drifts="until set",
        title="Resistance range",
        doc="Set the fixed range for resistances; switches auto-range off.",
        source="34460-90901, [SENSe:]RESistance:RANGe[:UPPer]",
    )  # fmt: skip
    trigger_source = setting(
        TriggerSource, ":TRIG:SOUR?", ":TRIG:SOUR {v}",
        doc="Set what sets off the readings once it is armed.",
        source="34460-90901, TRIGger:SOURce",
    )  # fmt: skip
    samples = setting(
        int, ":SAMP:COUN?", ":SAMP:COUN {v:d}", limits=Range(1, 10_000), title="Readings",
        doc="Set how many readings one trigger takes; its memory holds 10,000.",
        source="34460-90901, SAMPle:COUNt",
    )  # fmt: skip
    reading = measurement(
        float, ":READ?", timeout_s=10, poll=0.5,
        doc="Measure once, in volts or ohms by the function; one reading a trigger.",
        source="34460-90901, READ?",
    )  # fmt: skip
    init = arm(
        ":INIT", title="Arm",
        doc="Wait for the trigger, with an empty memory.",
        source="34460-90901, INITiate[:IMMediate]",
    )  # fmt: skip
    bus_trigger = trigger(
        "*TRG", title="Trigger", requires={"trigger_source": "bus"},
        doc="Set off the readings; the trigger source must be the bus.",
        source="34460-90901, *TRG",
    )  # fmt: skip
    readings = block(
        ":FETC?", dtype="ascii", timeout_s=60, role="fetch",
        doc="Get all readings since it was armed, when the last has been taken.",
        source="34460-90901, FETCh?",
    )  # fmt: skip
    memory = flight(
        arm=":INIT", told_as="init", trigger="bus_trigger", fetch=":R? {most}",
        count="samples", most=10_000, stop=":ABOR", title="Readings in flight",
        value=(float, "", "Value"),
        doc="Take up to 10,000 readings at one trigger, and have them as they come, in volts or "
        "ohms by the function. The meter keeps no time of each: they are spread evenly.",
        source="34460-90901, R?, INITiate[:IMMediate], SAMPle:COUNt",
    )  # fmt: skip
    take = command(
        ":INIT", title="Take readings", completes="stb", timeout_s=60, abort=":ABOR",
        requires={"trigger_source": "immediate"},
        doc="Take the readings, and wait until the last has been; the trigger source must be "
        "immediate.",
        source="34460-90901, INITiate[:IMMediate], ABORt",
    )  # fmt: skip
    abort = command(
        ":ABOR", title="Abort",
        doc="Give up the readings under way.",
        source="34460-90901, ABORt",
    )  # fmt: skip
