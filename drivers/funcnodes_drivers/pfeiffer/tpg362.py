"""Pfeiffer TPG 361 and TPG 362 vacuum gauge controllers, by the mnemonics protocol.

Source of all facts: Pfeiffer Vacuum, TPG 361, TPG 362 Communication Protocol, BG 5510 BEN / A
(2015-02), chapter 1; the form of readings also in BG 5195 BEN / A, section 5.2.2.1. Every command
is acknowledged, ENQ fetches the answer. Nothing that it does can be switched off for safety.
"""

from enum import Enum

from funcnodes.devices import (
    Enquiry,
    Identity,
    Idn,
    Instrument,
    SerialOptions,
    StatusWord,
    driver,
    record,
    setting,
)  # fmt: skip
from funcnodes.errors import ReplyError

MANUAL = "Pfeiffer BG 5510 BEN / A"
ERRORS = {
    "1000": "controller error",
    "0100": "no hardware",
    "0010": "inadmissible parameter",
    "0001": "syntax error",
}


class Unit(Enum):
    """The unit of all readings."""

    MBAR = 0
    TORR = 1
    PA = 2


class Filter(Enum):
    """How much readings of both gauges are smoothed."""

    FAST = "0,0"
    MEDIUM = "1,1"
    SLOW = "2,2"


def identity(text: str) -> Identity:
    """The reply to AYT: type, part number, serial number, firmware, hardware."""
    fields = [field.strip() for field in text.split(",")]
    if len(fields) != 5 or not fields[0].startswith("TPG"):
        raise ReplyError(f"{text[:60]!r} is no answer to AYT.")
    return Identity("Pfeiffer Vacuum", fields[0], fields[2], fields[3])


# What a reading's first number says: 0 all is well, else why there is none.
STATUS = StatusWord(
    codes={1: "overrange", 2: "overrange", 3: "missing", 4: "missing", 5: "missing", 6: "missing"}
)


@driver(
    "pfeiffer.tpg362",
    title="Pfeiffer TPG 362",
    match=Idn(r"Pfeiffer.*", r"TPG ?36[12].*"),
    identify="AYT",
    identity=identity,
    errors="",
    framing=Enquiry(errors=ERRORS),
    serial=SerialOptions(baud=9600, bits=8, parity="none", stop=1),
    manual=MANUAL,
)
class Tpg362(Instrument):
    """A two-channel controller for ActiveLine gauges. Pressures are in the unit it is set to."""

    gauge1 = record(
        "PR1", status=STATUS, pressure=(float, "", "Pressure 1"), title="Gauge 1",
        doc="Measure the pressure at gauge 1, in the unit of the controller.",
        source="BG 5510 BEN, 1.3, PR1",
    )  # fmt: skip
    gauge2 = record(
        "PR2", status=STATUS, pressure=(float, "", "Pressure 2"), title="Gauge 2",
        doc="Measure the pressure at gauge 2, in the unit of the controller.",
        source="BG 5510 BEN, 1.3, PR2",
    )  # fmt: skip
    unit = setting(
        Unit, "UNI", "UNI,{v}", title="Pressure unit",
        doc="Set the unit of all readings.",
        source="BG 5510 BEN, 1.3, UNI",
    )  # fmt: skip
    filter = setting(
        Filter, "FIL", "FIL,{v}", title="Filter",
        doc="Set how much the readings of both gauges are smoothed.",
        source="BG 5510 BEN, 1.3, FIL",
    )  # fmt: skip
