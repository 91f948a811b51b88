"""Rigol DS1000Z series oscilloscopes with four channels: DS1054Z, DS1074Z, DS1104Z.

Source of all facts: Rigol, MSO1000Z/DS1000Z Programming Guide, PGA19108-1110, chapter 2. What is
read is the screen (`:WAV:MODE NORM`): 1200 points; volts are (raw − yorigin − yreference) ×
yincrement. An oscilloscope has nothing to switch off.
"""

from enum import Enum

from funcnodes.devices import (
    Channel,
    Group,
    Idn,
    Linear,
    Range,
    ScpiDevice,
    arm,
    block,
    command,
    control,
    depending,
    driver,
    measurement,
    preamble,
    setting,
    trigger,
)  # fmt: skip

MANUAL = "Rigol PGA19108-1110"
VERTICAL = ("scale", "offset")


class Coupling(Enum):
    """How a channel's signal is coupled."""

    DC = "DC"
    AC = "AC"
    GROUND = "GND"


class Slope(Enum):
    """The edge that triggers."""

    RISING = "POS"
    FALLING = "NEG"
    EITHER = "RFAL"


class Source(Enum):
    """The channel that triggers."""

    CHANNEL_1 = "CHAN1"
    CHANNEL_2 = "CHAN2"
    CHANNEL_3 = "CHAN3"
    CHANNEL_4 = "CHAN4"


class Acquisition(Enum):
    """What the oscilloscope is doing."""

    TRIGGERED = "TD"
    WAITING = "WAIT"
    RUNNING = "RUN"
    AUTO = "AUTO"
    STOPPED = "STOP"


class Input(Group):
    """One channel."""

    display = setting(
        bool, ":CHAN{ch}:DISP?", ":CHAN{ch}:DISP {v:d}", title="Shown",
        doc="Set whether the channel is shown; only then it has a waveform.",
        source="PGA19108-1110, :CHANnel<n>:DISPlay",
    )  # fmt: skip
    scale = setting(
        float, ":CHAN{ch}:SCAL?", ":CHAN{ch}:SCAL {v:.6g}", unit="V", limits=Range(1e-3, 10),
        title="Volts per division", reads_back=True,
        doc="Set the volts per division, for a probe ratio of 1.",
        source="PGA19108-1110, :CHANnel<n>:SCALe",
    )  # fmt: skip
    offset = setting(
        float, ":CHAN{ch}:OFFS?", ":CHAN{ch}:OFFS {v:.6g}", unit="V",
        limits=depending(
            "scale", rule=lambda scale: Range(-100, 100) if scale >= 0.5 else Range(-2, 2),
            widest=Range(-100, 100),
        ),
        follows=("scale",),
        doc="Set the voltage that is added; ±100 V from 500 mV a division on, else ±2 V.",
        source="PGA19108-1110, :CHANnel<n>:OFFSet",
    )  # fmt: skip
    coupling = setting(
        Coupling, ":CHAN{ch}:COUP?", ":CHAN{ch}:COUP {v}",
        doc="Set how the signal is coupled.",
        source="PGA19108-1110, :CHANnel<n>:COUPling",
    )  # fmt: skip
    waveform = block(
        ":WAV:DATA?", before=(":WAV:SOUR CHAN{ch}", ":WAV:MODE NORM", ":WAV:FORM BYTE"),
        preamble=preamble(
            ":WAV:PRE?", "_", "_", "points", "_", "x_step", "x_origin", "x_reference", "y_step",
            "y_origin", "y_reference",
        ),
        scale=lambda p: Linear(p["y_step"], -(p["y_origin"] + p["y_reference"]) * p["y_step"]),
        axis=lambda p: Linear(p["x_step"], p["x_origin"] - p["x_reference"] * p["x_step"]),
        dtype="u1", unit="V", axis_unit="s", points="points", limit=1_000_000, timeout_s=5,
        needs="display", role="fetch", ready=("status", Acquisition.STOPPED),
        doc="Measure the waveform on the screen.",
        source="PGA19108-1110, :WAVeform:DATA?, :WAVeform:PREamble?",
    )  # fmt: skip


@driver(
    "rigol.ds1054z",
    title="Rigol DS1054Z",
    match=Idn(r"RIGOL TECHNOLOGIES", r"DS1(05|07|10)4Z.*"),
    manual=MANUAL,
)
class Ds1054z(ScpiDevice):
    """An oscilloscope with four channels."""

    timebase = setting(
        float, ":TIM:SCAL?", ":TIM:SCAL {v:.6g}", unit="s", limits=Range(5e-9, 50),
        title="Time per division", reads_back=True,
        doc="Set the time per division.",
        source="PGA19108-1110, :TIMebase[:MAIN]:SCALe",
    )  # fmt: skip
    delay = setting(
        float, ":TIM:OFFS?", ":TIM:OFFS {v:.6g}", unit="s", limits=Range(-500, 500),
        follows=("timebase",),
        doc="Set the time from the trigger to the middle of the screen.",
        source="PGA19108-1110, :TIMebase[:MAIN]:OFFSet",
    )  # fmt: skip
    trigger_source = setting(
        Source, ":TRIG:EDG:SOUR?", ":TRIG:EDG:SOUR {v}",
        doc="Set the channel that triggers.",
        source="PGA19108-1110, :TRIGger:EDGe:SOURce",
    )  # fmt: skip
    trigger_slope = setting(
        Slope, ":TRIG:EDG:SLOP?", ":TRIG:EDG:SLOP {v}",
        doc="Set the edge that triggers.",
        source="PGA19108-1110, :TRIGger:EDGe:SLOPe",
    )  # fmt: skip
    trigger_level = control(
        float, ":TRIG:EDG:LEV?", ":TRIG:EDG:LEV {v:.6g}", unit="V", limits=Range(-500, 500),
        follows=("trigger_source", *(f"ch{n}.{each}" for n in "1234" for each in VERTICAL)),
        doc="Set the level that triggers, within five divisions of the middle of the screen.",
        source="PGA19108-1110, :TRIGger:EDGe:LEVel",
    )  # fmt: skip
    status = measurement(
        Acquisition, ":TRIG:STAT?", title="Status", poll=0.2,
        doc="Get what the oscilloscope is doing.",
        source="PGA19108-1110, :TRIGger:STATus?",
    )  # fmt: skip
    single = arm(
        ":SING", title="Single",
        doc="Wait for one trigger, then stop.",
        source="PGA19108-1110, :SINGle",
    )  # fmt: skip
    force = trigger(
        ":TFOR", title="Force trigger",
        doc="Trigger now.",
        source="PGA19108-1110, :TFORce",
    )  # fmt: skip
    run = command(
        ":RUN", title="Run",
        doc="Acquire again and again.",
        source="PGA19108-1110, :RUN",
    )  # fmt: skip
    stop = command(
        ":STOP", title="Stop",
        doc="Stop acquiring; the screen stays.",
        source="PGA19108-1110, :STOP",
    )  # fmt: skip
    ch1 = Channel(Input, title="Channel 1", ch="1")
    ch2 = Channel(Input, title="Channel 2", ch="2")
    ch3 = Channel(Input, title="Channel 3", ch="3")
    ch4 = Channel(Input, title="Channel 4", ch="4")
