"""Balances that speak Mettler-Toledo's Standard Interface Command Set (MT-SICS), level 0 and 1.

Source of all facts: Mettler-Toledo, MT-SICS reference manual, chapter 3 (formats of answers) and
4.1, 4.2 (commands). Weights are in grams: a balance that is set to show others is an error here,
never data. A balance has nothing to switch off.
"""

import re

from funcnodes.devices import (
    Identity,
    Idn,
    Instrument,
    SerialOptions,
    command,
    driver,
    measurement,
)  # fmt: skip
from funcnodes.errors import ReplyError

MANUAL = "Mettler-Toledo MT-SICS reference manual"
NO_WEIGHT = {"S I": "missing", "S +": "overrange", "S -": "overrange"}
WEIGHT = r"S +[SD] +(-?\d+(?:\.\d+)?) g"
STABLE = r"S +S +(-?\d+(?:\.\d+)?) g"


def identity(text: str) -> Identity:
    """The reply to I4, which has the serial number alone: `I4 A "B021002593"`."""
    match = re.fullmatch(r'I4 A "([^"]*)"', text.strip())
    if match is None:
        raise ReplyError(f"{text[:40]!r} is no answer to I4.")
    return Identity("Mettler-Toledo", "MT-SICS", match[1], "")


@driver(
    "mettler.sics",
    title="Mettler-Toledo balance (MT-SICS)",
    match=Idn(r"Mettler.*", r"MT-SICS"),
    identify="I4",
    identity=identity,
    errors="",
    eol="\r\n",
    reply_eol="\r\n",
    acknowledges=r"Z A|T S .*|ZI [DS]|TI [DS] .*",
    refuses=r"ES|ET|EL|[ZT]I? [I+-]",
    serial=SerialOptions(baud=9600, bits=8, parity="none", stop=1),
    timeout_s=2.0,
    manual=MANUAL,
)
class Sics(Instrument):
    """A balance."""

    weight = measurement(
        float, "SI", unit="g", poll=0.5, parse=WEIGHT, missing=NO_WEIGHT, title="Weight now",
        doc="Measure the net weight at once, at rest or not.",
        source="MT-SICS, 4.1, SI",
    )  # fmt: skip
    stable = measurement(
        float, "S", unit="g", parse=STABLE, missing=NO_WEIGHT, timeout_s=30, title="Weight",
        doc="Measure the net weight once it is at rest; missing where it does not come to rest.",
        source="MT-SICS, 4.1, S",
    )  # fmt: skip
    zero = command(
        "Z", title="Zero", timeout_s=30,
        doc="Make what is on the pan zero once it is at rest, and forget the tare.",
        source="MT-SICS, 4.1, Z",
    )  # fmt: skip
    tare = command(
        "T", title="Tare", timeout_s=30,
        doc="Count what is on the pan, once it is at rest, as the vessel's.",
        source="MT-SICS, 4.2, T",
    )  # fmt: skip
