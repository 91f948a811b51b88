"""New Era NE-1000 syringe pump.

Source of all facts: New Era Pump Systems, NE-1000 user manual, publication 1200-01, chapter 10
(RS-232 protocol and commands). Numbers have four digits at most, three of them behind the point.
Settings are kept when it loses power; a pump that was running is stopped then, and says so once.
"""

import re
from enum import Enum

from funcnodes.devices import (
    Identity,
    Idn,
    Instrument,
    Range,
    SerialOptions,
    command,
    control,
    driver,
    measurement,
    setting,
)  # fmt: skip
from funcnodes.errors import ReplyError
from funcnodes_drivers.newera.protocol import Pumps

MANUAL = "New Era 1200-01"
MOST = 1700.0
_RATES = {"MM": 1.0, "UM": 1e-3, "MH": 1 / 60, "UH": 1e-3 / 60}
_VOLUMES = {"ML": 1.0, "UL": 1e-3}


class Direction(Enum):
    """Which way it pumps."""

    INFUSE = "INF"
    WITHDRAW = "WDR"


def _amount(units: dict[str, float], pattern: str) -> "re.Pattern[str]":
    return re.compile(pattern + f"({'|'.join(units)})")


_RATE = _amount(_RATES, r"([\d.]+)")
_VOLUME = _amount(_VOLUMES, r"([\d.]+)")


def rate_of(text: str) -> float:
    """A pumping rate in ml/min, in whichever unit the pump has it."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ReplyError(f"{text[:40]!r} is no pumping rate.")
    return float(match[1]) * _RATES[match[2]]


def volume_of(text: str) -> float:
    """A volume in ml, in whichever unit the pump has it."""
    match = _VOLUME.fullmatch(text)
    if match is None:
        raise ReplyError(f"{text[:40]!r} is no volume.")
    return float(match[1]) * _VOLUMES[match[2]]


def infused(text: str) -> float:
    """Of what was pumped either way, "I1.000W0.000ML", what was infused, in ml."""
    given, _, rest = text.removeprefix("I").partition("W")
    return volume_of(given + rest[-2:])


def withdrawn(text: str) -> float:
    """What was withdrawn, in ml."""
    return volume_of(text.partition("W")[2])


def identity(text: str) -> Identity:
    """The reply to VER, "NE1000V3.928"; the pump has no serial number to tell."""
    model, found, firmware = text.partition("V")
    if not found or not model.startswith("NE"):
        raise ReplyError(f"{text[:40]!r} is no answer to VER.")
    return Identity("New Era", model.rstrip("X"), "", firmware)


@driver(
    "newera.ne1000",
    title="New Era NE-1000",
    match=Idn(r"New Era", r"NE-?1[0-9]{3}.*"),
    identify="VER",
    identity=identity,
    errors="",
    framing=Pumps(),
    serial=SerialOptions(baud=19200, bits=8, parity="none", stop=1),
    timeout_s=1.0,
    estop=("STP", "STP"),
    safe_state="the pump stopped",
    manual=MANUAL,
)
class Ne1000(Instrument):
    """A syringe pump with one syringe; what it gives in a run is its volume."""

    diameter = setting(
        float, "DIA", "DIA{v:.4g}", unit="mm", limits=Range(0.1, 50), resolution=0.01, tol=0.01,
        title="Diameter of the syringe",
        doc="Set the inner diameter of the syringe, from which all volumes follow.",
        source="1200-01, DIA",
    )  # fmt: skip
    direction = setting(
        Direction, "DIR", "DIR{v}",
        doc="Set which way it pumps; while it stands.",
        source="1200-01, DIR",
    )  # fmt: skip
    rate = control(
        float, "RAT", "RAT{v:.4g}MM", unit="ml/min", limits=Range(0.001, MOST), resolution=0.001,
        tol=0.05, title="Pumping rate",
        doc="Set the pumping rate; while it stands. The syringe may allow less.",
        source="1200-01, RAT", parse=rate_of,
    )  # fmt: skip
    volume = control(
        float, "VOL", "VOL{v:.4g}", unit="ml", limits=Range(0, 9999), resolution=0.001, tol=0.005,
        title="Volume",
        doc="Set the volume after which it stops by itself; 0 for none. While it stands. Of "
        "syringes of 14 mm and less the pump takes it in microlitres unless told VOL ML.",
        source="1200-01, VOL", parse=volume_of,
    )  # fmt: skip
    running = control(
        bool, "RUN?", "RUN={v:d}", safe=False, drifts="always", confirm="none", title="Pumping",
        doc="Start pumping, or stop. Not read back: each command is answered, and a small volume "
        "may be through before the question.",
        source="1200-01, RUN, STP; status prompts",
    )  # fmt: skip
    infused = measurement(
        float, "DIS", unit="ml", poll=1.0, title="Infused volume", parse=infused,
        doc="Measure what was infused since it was cleared.",
        source="1200-01, DIS",
    )  # fmt: skip
    withdrawn = measurement(
        float, "DIS", unit="ml", poll=1.0, title="Withdrawn volume", parse=withdrawn,
        doc="Measure what was withdrawn since it was cleared.",
        source="1200-01, DIS",
    )  # fmt: skip
    clear_infused = command(
        "CLDINF", title="Clear infused volume",
        doc="Set the infused volume to zero; while it stands.",
        source="1200-01, CLD",
    )  # fmt: skip
    clear_withdrawn = command(
        "CLDWDR", title="Clear withdrawn volume",
        doc="Set the withdrawn volume to zero; while it stands.",
        source="1200-01, CLD",
    )  # fmt: skip
