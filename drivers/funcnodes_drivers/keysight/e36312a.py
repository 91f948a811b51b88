"""Keysight E36312A triple-output DC power supply.

Source of all facts: Keysight, E36300 Series Programming Guide, E36311-90008, chapter "SCPI
Programming Reference"; ratings from the data sheet 5992-2124EN: 6 V 5 A, 25 V 1 A, 25 V 1 A, each
programmable to 103 %. Channels are named in each command, so that the front panel's choice of a
channel is left alone.
"""

from funcnodes.devices import (
    Channel,
    Group,
    Idn,
    Range,
    ScpiDevice,
    command,
    control,
    depending,
    driver,
    measurement,
    setting,
    together,
)  # fmt: skip
from funcnodes.devices.declarations.controls import Control

MANUAL = "Keysight E36311-90008"


class Output(Group):
    """What all outputs have."""

    over_current = setting(
        bool, ":CURR:PROT:STAT? (@{ch})", ":CURR:PROT:STAT {v:d},(@{ch})",
        title="Over-current protection",
        doc="Set whether the output switches off when it reaches its current limit.",
        source="E36311-90008, [SOURce:]CURRent:PROTection:STATe",
    )  # fmt: skip
    output = control(
        bool, ":OUTP? (@{ch})", ":OUTP {v:d},(@{ch})", safe=False,
        doc="Set the output on or off.",
        source="E36311-90008, OUTPut[:STATe]",
    )  # fmt: skip
    volts = measurement(
        float, ":MEAS:VOLT? (@{ch})", unit="V", title="Voltage at the terminals",
        doc="Measure the voltage at the terminals.",
        source="E36311-90008, MEASure[:SCALar]:VOLTage[:DC]?",
    )  # fmt: skip
    amps = measurement(
        float, ":MEAS:CURR? (@{ch})", unit="A", title="Current",
        doc="Measure the current that flows.",
        source="E36311-90008, MEASure[:SCALar]:CURRent[:DC]?",
    )  # fmt: skip
    reading = together(
        "volts", "amps", title="V, I", poll=1.0,
        doc="Measure voltage and current one after the other, in one exchange.",
        source="E36311-90008, MEASure[:SCALar]",
    )  # fmt: skip
    is_over_voltage = measurement(
        bool, ":VOLT:PROT:TRIP? (@{ch})", title="Over-voltage trip",
        doc="Get whether over-voltage protection switched the output off.",
        source="E36311-90008, [SOURce:]VOLTage:PROTection:TRIPped?",
    )  # fmt: skip
    is_over_current = measurement(
        bool, ":CURR:PROT:TRIP? (@{ch})", title="Over-current trip",
        doc="Get whether over-current protection switched the output off.",
        source="E36311-90008, [SOURce:]CURRent:PROTection:TRIPped?",
    )  # fmt: skip
    clear_protection = command(
        ":OUTP:PROT:CLE (@{ch})", title="Clear protection",
        doc="Let an output that protection switched off be switched on again.",
        source="E36311-90008, OUTPut:PROTection:CLEar",
    )  # fmt: skip


def _over_voltage(most_v: float) -> Control[float]:
    return setting(
        float, ":VOLT:PROT? (@{ch})", ":VOLT:PROT {v:.6g},(@{ch})", unit="V",
        limits=Range(0, most_v), title="Over-voltage level",
        doc="Set the voltage above which the output switches off.",
        source="E36311-90008, [SOURce:]VOLTage:PROTection[:LEVel]",
    )  # fmt: skip


def _voltage(most_v: float) -> Control[float]:
    return control(
        float, ":VOLT? (@{ch})", ":VOLT {v:.6g},(@{ch})", unit="V", park=0.0, resolution=1e-3,
        limits=depending(
            "over_voltage", rule=lambda trip: Range(0, min(most_v, trip)), widest=Range(0, most_v)
        ),
        doc="Set the voltage, up to the over-voltage level: beyond it the output would trip.",
        source="E36311-90008, [SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]",
    )  # fmt: skip


def _current(most_a: float) -> Control[float]:
    return control(
        float, ":CURR? (@{ch})", ":CURR {v:.6g},(@{ch})", unit="A", limits=Range(0.001, most_a),
        title="Current limit",
        doc="Set the current at which the output stops being a voltage source.",
        source="E36311-90008, [SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]",
    )  # fmt: skip


class SixVolts(Output):
    """Output 1: 6 V, 5 A."""

    over_voltage = _over_voltage(6.6)
    voltage = _voltage(6.18)
    current = _current(5.15)


class TwentyFiveVolts(Output):
    """Outputs 2 and 3: 25 V, 1 A."""

    over_voltage = _over_voltage(27.5)
    voltage = _voltage(25.75)
    current = _current(1.03)


@driver(
    "keysight.e36312a",
    title="Keysight E36312A",
    match=Idn(r"Keysight Technologies.*", r"E36312A"),
    estop=(":OUTP OFF,(@1:3)",),
    safe_state="all outputs off",
    manual=MANUAL,
)
class E36312a(ScpiDevice):
    """A power supply with three outputs."""

    out1 = Channel(SixVolts, title="Output 1", ch="1")
    out2 = Channel(TwentyFiveVolts, title="Output 2", ch="2")
    out3 = Channel(TwentyFiveVolts, title="Output 3", ch="3")
