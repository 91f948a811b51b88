"""Pfeiffer TC 400 drive of a HiPace turbopump, on an RS-485 line.

Source of all facts: Pfeiffer Vacuum, TC 400 Operating Instructions, PT 0203 BEN, chapters 7
(parameters) and 8 (protocol, data types). E-STOP switches the pumping station off: the rotor runs
down by itself in minutes, and the pump may be vented by its own settings then, which is why a
bench with a delicate vacuum may prefer `on_estop = "hold"`.
"""

from funcnodes.devices import (
    Identity,
    Idn,
    Instrument,
    SerialOptions,
    control,
    driver,
    measurement,
    setting,
)  # fmt: skip
from funcnodes.errors import ReplyError
from funcnodes_drivers.pfeiffer.protocol import Telegrams

MANUAL = "Pfeiffer PT 0203 BEN"
ON_OFF = {False: "000000", True: "111111"}


def identity(text: str) -> Identity:
    """The name of the electronics, parameter 349, which is all that every TC tells of itself."""
    if not text.startswith("TC"):
        raise ReplyError(f"{text!r} is no drive's name.")
    return Identity("Pfeiffer Vacuum", text.strip())


@driver(
    "pfeiffer.tc400",
    title="Pfeiffer TC 400",
    match=Idn(r"Pfeiffer.*", r"TC ?400.*"),
    identify="349?",
    identity=identity,
    errors="",
    framing=Telegrams(address=1),
    serial=SerialOptions(baud=9600, bits=8, parity="none", stop=1),
    safe_state="pumping station off",
    manual=MANUAL,
)
class Tc400(Instrument):
    """A turbopump's drive with unit address 1."""

    pumping = control(
        bool, "010?", "010={v}", title="Pumping station", choices=ON_OFF, safe=False,
        doc="Set the pumping station on or off; the rotor follows in minutes.",
        source="PT 0203 BEN, chapter 7, [P:010] PumpgStatn",
    )  # fmt: skip
    motor = control(
        bool, "023?", "023={v}", title="Motor", choices=ON_OFF,
        doc="Set whether the motor turns while the pumping station is on.",
        source="PT 0203 BEN, chapter 7, [P:023] MotorPump",
    )  # fmt: skip
    standby = setting(
        bool, "002?", "002={v}", title="Standby", choices=ON_OFF,
        doc="Set whether it turns at two thirds of its nominal speed.",
        source="PT 0203 BEN, chapter 7, [P:002] Standby",
    )  # fmt: skip
    speed = measurement(
        int, "309?", unit="Hz", title="Rotation speed", poll=1.0, deadband=1,
        doc="Measure the speed of the rotor.",
        source="PT 0203 BEN, chapter 7, [P:309] ActualSpd",
    )  # fmt: skip
    target_speed = measurement(
        int, "308?", unit="Hz", title="Target speed",
        doc="Measure the speed that the rotor is to reach.",
        source="PT 0203 BEN, chapter 7, [P:308] SetRotSpd",
    )  # fmt: skip
    temperature = measurement(
        int, "326?", unit="degC", title="Electronics temperature",
        doc="Measure the temperature of the drive's electronics.",
        source="PT 0203 BEN, chapter 7, [P:326] TempElec",
    )  # fmt: skip
    error = measurement(
        str, "303?", title="Error code",
        doc='Get the present error, "000000" where there is none.',
        source="PT 0203 BEN, chapter 7, [P:303] ErrorCode",
    )  # fmt: skip
