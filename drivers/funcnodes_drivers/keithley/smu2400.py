"""Keithley 2400 series source-measure units, used as a voltage source that measures.

Source of all facts: Keithley, Series 2400 SourceMeter User's Manual, 2400S-900-01 Rev. K.
Connecting changes nothing but the format of readings, which only a remote program sees.
"""

from enum import Enum
from typing import ClassVar

from funcnodes.devices import (
    Accuracy,
    Idn,
    Range,
    ScpiDevice,
    StatusWord,
    UpTo,
    bit,
    command,
    control,
    driver,
    flight,
    measurement,
    part,
    record,
    setting,
)  # fmt: skip

MANUAL = "Keithley 2400S-900-01"
SOURCES_VOLTAGE = {"source_function": "voltage"}


# SPEC-2400 Rev. H, page 2: one year, 23 °C ± 5 °C, as read by the 2400 and the 2401.
YEAR = "Keithley SPEC-2400 Rev. H, measurement accuracy (1 year)"
VOLTS = Accuracy(
    (
        UpTo(0.2, 0.012e-2, 300e-6), UpTo(2, 0.012e-2, 300e-6), UpTo(20, 0.015e-2, 1.5e-3),
        UpTo(200, 0.015e-2, 10e-3),
    ),
    range="source_range", models=r"MODEL 240[01].*", source=YEAR,
)  # fmt: skip
AMPERES = Accuracy(
    (
        UpTo(1e-6, 0.029e-2, 300e-12), UpTo(10e-6, 0.027e-2, 700e-12), UpTo(100e-6, 0.025e-2, 6e-9),
        UpTo(1e-3, 0.027e-2, 60e-9), UpTo(10e-3, 0.035e-2, 600e-9), UpTo(0.1, 0.055e-2, 6e-6),
        UpTo(1, 0.22e-2, 570e-6),
    ),
    range="current_range", models=r"MODEL 240[01].*", source=YEAR,
)  # fmt: skip


class SourceFunction(Enum):
    """What is sourced."""

    VOLTAGE = "VOLT"
    CURRENT = "CURR"
    MEMORY = "MEM"


@driver(
    "keithley.smu2400",
    title="Keithley 2400",
    match=Idn(r"KEITHLEY.*", r"MODEL 24(00|01|10|20|30|40).*"),
    eol="\n",
    timeout_s=2.0,
    harmless=(":FORM:ELEM VOLT,CURR,STAT",),
    # While a measurement runs only :ABOR and a few more are acted on at once (section 18, :INIT).
    estop=(":ABOR", ":OUTP OFF"),
    safe_state="output off",
    protects="current compliance",
    local=":SYST:LOC",
    manual=MANUAL,
)
class Smu2400(ScpiDevice):
    """A source-measure unit of the 2400 series.

    Limits are the 2400's own: ±210 V, ±1.05 A. A bench narrows them for other models (the 2410
    reaches 1.1 kV, the 2401 stops at 21 V), never widens them.
    """

    voltage = control(
        float, ":SOUR:VOLT?", ":SOUR:VOLT {v:.9g}",
        unit="V", limits=Range(-210, 210), rate=5.0, park=0.0, requires=SOURCES_VOLTAGE,
        doc="Set the source voltage. Larger steps are ramped at 5 V/s while the output is on; "
        "the output stays as it is.",
        source="2400S-900-01, table 18-6, :SOURce[1]:VOLTage[:LEVel][:IMMediate][:AMPLitude]",
    )  # fmt: skip
    compliance = control(
        float, ":SENS:CURR:PROT?", ":SENS:CURR:PROT {v:.9g}",
        unit="A", limits=Range(1e-9, 1.05), requires=SOURCES_VOLTAGE,
        doc="Set the current at which the source stops being a voltage source.",
        source="2400S-900-01, table 18-5, :SENSe[1]:CURRent[:DC]:PROTection[:LEVel]",
    )  # fmt: skip
    output = control(
        bool, ":OUTP?", ":OUTP {v:d}",
        safe=False, follows=("source_function",),
        doc="Set the output on or off.",
        source="2400S-900-01, table 18-4, :OUTPut[1][:STATe]",
    )  # fmt: skip
    nplc = setting(
        float, ":SENS:CURR:NPLC?", ":SENS:CURR:NPLC {v:.9g}",
        limits=Range(0.01, 10), title="Integration time (NPLC)",
        doc="Set how many power line cycles a reading integrates over: longer is quieter.",
        source="2400S-900-01, table 18-5, :SENSe[1]:CURRent[:DC]:NPLCycles",
    )  # fmt: skip
    source_range = setting(
        float, ":SOUR:VOLT:RANG?", ":SOUR:VOLT:RANG {v:.9g}",
        unit="V", limits=Range(-210, 210), title="Source range", drifts="until set",
        doc="Set the fixed voltage range that holds this voltage; switches auto-range off.",
        source="2400S-900-01, table 18-6, :SOURce[1]:VOLTage:RANGe",
    )  # fmt: skip
    current_range = setting(
        float, ":SENS:CURR:RANG?", ":SENS:CURR:RANG {v:.9g}",
        unit="A", limits=Range(-1.05, 1.05), title="Current range", drifts="until set",
        follows=("compliance",),
        doc="Set the fixed current range that holds this current; switches auto-range off.",
        source="2400S-900-01, table 18-5, :SENSe[1]:CURRent[:DC]:RANGe[:UPPer]",
    )  # fmt: skip
    source_function = setting(
        SourceFunction, ":SOUR:FUNC?", ":SOUR:FUNC {v}", title="Source function",
        doc="Set what is sourced; the output goes off. This driver's controls are a voltage's.",
        source="2400S-900-01, table 18-6, :SOURce[1]:FUNCtion[:MODE]",
    )  # fmt: skip
    senses_voltage = measurement(
        bool, ":SENS:FUNC?", parse=lambda text: "VOLT" in text.upper(), title="Senses voltage",
        doc="Get whether the voltage is measured; else readings hold the programmed level.",
        source="2400S-900-01, table 18-5, :SENSe[1]:FUNCtion[:ON]; :FORMat:ELEMents, page 18-50",
    )  # fmt: skip
    senses_current = measurement(
        bool, ":SENS:FUNC?", parse=lambda text: "CURR" in text.upper(), title="Senses current",
        doc="Get whether the current is measured; else readings hold the programmed level.",
        source="2400S-900-01, table 18-5, :SENSe[1]:FUNCtion[:ON]; :FORMat:ELEMents, page 18-50",
    )  # fmt: skip
    sense_both = command(
        ':SENS:FUNC:CONC ON;:SENS:FUNC "VOLT","CURR"',
        title="Sense both",
        brings=("senses_voltage", "senses_current"),
        doc="Have voltage and current measured.",
        source="2400S-900-01, table 18-5, :SENSe[1]:FUNCtion[:ON], :CONCurrent",
    )
    reading = record(
        ":READ?",
        # Where the voltage is not sensed the field holds the programmed level (page 18-50).
        v=part("V", "V", requires={"senses_voltage": True}),
        i=(float, "A", "I"),
        # Compliance, real (3) or of a fixed range (16), or the voltage protection (4) holds the
        # source off its value; without contact (18, models with contact check) nothing is measured.
        status=StatusWord(overrange=bit(0), missing=bit(18), compliance=bit(3, 4, 16)),
        timeout_s=10, needs="output", title="V, I",
        requires={**SOURCES_VOLTAGE, "senses_current": True},
        doc="Measure the current at the terminals, once, and the voltage where it is sensed (see "
        "*Sense both*), else that is missing. In compliance both are no data.",
        source="2400S-900-01, section 18, :READ?; status bits in :FORMat:ELEMents, page 18-50",
    )  # fmt: skip
    terminals = record(
        ":READ?",
        v=(float, "V", "V"),
        i=(float, "A", "I"),
        status=StatusWord(overrange=bit(0), missing=bit(18), compliance=bit(3, 4, 16)),
        timeout_s=10, needs="output", title="At the terminals",
        requires={**SOURCES_VOLTAGE, "senses_voltage": True, "senses_current": True},
        doc="Measure voltage and current at the terminals, once. In compliance both are no data.",
        source="2400S-900-01, section 18, :READ?; status bits in :FORMat:ELEMents, page 18-50",
    )  # fmt: skip
    fill = command(
        ":TRAC:FEED:CONT NEXT;:INIT", title="Fill the buffer",
        completes="opc", timeout_s=60, abort=":ABOR", requires=SOURCES_VOLTAGE,
        doc="Take as many readings as the trigger count says into the buffer; see *Fly scan*.",
        source="2400S-900-01, table 18-9, :TRACe:FEED:CONTrol; :INITiate",
    )  # fmt: skip
    buffer = flight(
        prepare=(
            ":TRAC:FEED:CONT NEV", ":TRAC:CLE", ":TRAC:FEED SENS", ":TRAC:TST:FORM ABS",
            ":TRAC:POIN {count}", ":TRIG:COUN {count}",
        ),
        arm=":TRAC:FEED:CONT NEXT;:INIT", told_as="fill", stop=":ABOR", is_deaf=True, most=2500,
        fetch=":TRAC:DATA?",
        before=(":FORM:ELEM VOLT,CURR,TIME,STAT",), after=(":FORM:ELEM VOLT,CURR,STAT",),
        restore=(":TRAC:FEED:CONT NEV", ":TRIG:COUN 1"),
        v=(float, "V", "V"),
        i=(float, "A", "I"),
        seconds=(float, "s", "Time"),
        status=StatusWord(overrange=bit(0), missing=bit(18), compliance=bit(3, 4, 16)),
        clock="seconds", needs="output", like="terminals", title="Buffer",
        doc="Fill the buffer with voltage and current, each with the instrument's own time, "
        "2500 readings at most before it is fetched and filled again.",
        source="2400S-900-01, chapter 9; table 18-9, :TRACe; :TRIGger:COUNt",
    )  # fmt: skip
    accuracies: ClassVar = {
        f"{name}.{field}": accuracy
        for name in ("reading", "terminals")
        for field, accuracy in (("v", VOLTS), ("i", AMPERES))
    }
    clear = command(
        "*CLS",
        title="Clear errors",
        doc="Empty the instrument's error queue.",
        source="2400S-900-01, section 15, *CLS",
    )
