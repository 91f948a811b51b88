"""Stanford Research Systems SR830 lock-in amplifier, measuring voltages.

Source of all facts: Stanford Research Systems, SR830 Operating Manual, chapter 5 (remote
programming). It knows no error queue, so every set is read back. Its sine output cannot be switched
off; 4 mV is the least that it puts out. On RS-232 its replies end with a carriage return and go to
the connector that `OUTX` names last: `?reply_eol=cr` behind the address, and RS232 on its panel.
"""

from funcnodes.devices import (
    Channel,
    Group,
    Idn,
    Instrument,
    Range,
    StatusWord,
    bit,
    command,
    control,
    driver,
    measurement,
    record,
    setting,
)  # fmt: skip

MANUAL = "SRS SR830 Operating Manual, chapter 5"
INTERNAL = {"reference": "internal"}
VOLTAGE = {"input": ("A", "A-B")}
LEAST_V = 0.004

SENSITIVITIES_V = {
    float(f"{digit}e{exponent}"): str(number)
    for number, (exponent, digit) in enumerate(
        [(e, d) for e in range(-9, 1) for d in (1, 2, 5)][1:28]  # 2 nV, 5 nV, 10 nV … 1 V
    )
}
TIME_CONSTANTS_S = {
    float(f"{digit}e{exponent}"): str(number)
    for number, (exponent, digit) in enumerate((e, d) for e in range(-5, 5) for d in (1, 3))
}


class AuxiliaryOutput(Group):
    """One of the four outputs at the back."""

    voltage = control(
        float, "AUXV? {ch}", "AUXV {ch},{v:.3f}", unit="V", limits=Range(-10.5, 10.5),
        resolution=0.001, tol=0.002, safe=0.0,
        doc="Set the voltage of an auxiliary output.",
        source="SR830 manual, 5-7, AUXV",
    )  # fmt: skip


class AuxiliaryInput(Group):
    """One of the four inputs at the back."""

    voltage = measurement(
        float, "OAUX? {ch}", unit="V", doc="Measure the voltage at an auxiliary input.",
        source="SR830 manual, 5-16, OAUX? (resolution 1/3 mV)",
    )  # fmt: skip


@driver(
    "srs.sr830",
    title="SRS SR830",
    match=Idn(r"Stanford_Research_Systems", r"SR830"),
    eol="\n",
    reply_eol="\n",
    errors="",
    timeout_s=2.0,
    estop=("SLVL 0.004;AUXV 1,0;AUXV 2,0;AUXV 3,0;AUXV 4,0",),
    safe_state="sine output at 4 mV, its least; auxiliary outputs at 0 V",
    local="LOCL 0",
    manual=MANUAL,
)
class Sr830(Instrument):
    """An SR830: a sine output, and what of its frequency comes back at the input."""

    frequency = control(
        float, "FREQ?", "FREQ {v:.5g}", unit="Hz", limits=Range(1e-3, 102e3), requires=INTERNAL,
        doc="Set the frequency of the internal reference, to five digits.",
        source="SR830 manual, 5-4, FREQ",
    )  # fmt: skip
    amplitude = control(
        float, "SLVL?", "SLVL {v:.3f}", unit="V", limits=Range(LEAST_V, 5.0), resolution=0.002,
        safe=LEAST_V,
        doc="Set the amplitude of the sine output, in volts rms, in steps of 2 mV.",
        source="SR830 manual, 5-4, SLVL",
    )  # fmt: skip
    reference = setting(
        str, "FMOD?", "FMOD {v}", choices={"internal": "1", "external": "0"},
        doc="Choose the reference: its own oscillator, or what comes in.",
        source="SR830 manual, 5-4, FMOD",
    )  # fmt: skip
    harmonic = setting(
        int, "HARM?", "HARM {v:d}", limits=Range(1, 19999),
        doc="Set the harmonic that is detected; times the frequency at most 102 kHz.",
        source="SR830 manual, 5-4, HARM",
    )  # fmt: skip
    phase = setting(
        float, "PHAS?", "PHAS {v:.2f}", unit="deg", limits=Range(-180, 180), resolution=0.01,
        tol=0.01, doc="Set the phase shift of the reference.",
        source="SR830 manual, 5-4, PHAS",
    )  # fmt: skip
    input = setting(
        str, "ISRC?", "ISRC {v}",
        choices={"A": "0", "A-B": "1", "I, 1 MOhm": "2", "I, 100 MOhm": "3"},
        doc="Choose what is measured: a voltage, the difference of two, or a current.",
        source="SR830 manual, 5-5, ISRC",
    )  # fmt: skip
    shield = setting(
        str, "IGND?", "IGND {v}", choices={"float": "0", "ground": "1"}, title="Shield",
        doc="Connect the shield of the input to ground, or let it float.",
        source="SR830 manual, 5-5, IGND",
    )  # fmt: skip
    coupling = setting(
        str, "ICPL?", "ICPL {v}", choices={"AC": "0", "DC": "1"},
        doc="Choose how the input is coupled; AC takes away what is below 160 mHz.",
        source="SR830 manual, 5-5, ICPL",
    )  # fmt: skip
    line_filter = setting(
        str, "ILIN?", "ILIN {v}", title="Line filter",
        choices={"off": "0", "line": "1", "twice the line": "2", "both": "3"},
        doc="Choose the notch filters at the frequency of the mains and at twice that.",
        source="SR830 manual, 5-5, ILIN",
    )  # fmt: skip
    sensitivity = setting(
        float, "SENS?", "SENS {v}", unit="V", choices=SENSITIVITIES_V,
        doc="Set the full scale. What is larger by a tenth overloads the output.",
        source="SR830 manual, 5-6, SENS",
    )  # fmt: skip
    reserve = setting(
        str, "RMOD?", "RMOD {v}", choices={"high": "0", "normal": "1", "low noise": "2"},
        title="Reserve",
        doc="Choose how much of other frequencies is borne, against how much noise is added.",
        source="SR830 manual, 5-6, RMOD",
    )  # fmt: skip
    time_constant = setting(
        float, "OFLT?", "OFLT {v}", unit="s", choices=TIME_CONSTANTS_S, title="Time constant",
        doc="Set the time constant of the low-pass filter; settling takes five to ten of them.",
        source="SR830 manual, 5-6, OFLT",
    )  # fmt: skip
    slope = setting(
        int, "OFSL?", "OFSL {v}", choices={6: "0", 12: "1", 18: "2", 24: "3"},
        doc="Set the slope of the low-pass filter in dB per octave.",
        source="SR830 manual, 5-6, OFSL",
    )  # fmt: skip
    reading = record(
        "SNAP?1,2,3,4", then="LIAS?", requires=VOLTAGE,
        x=(float, "V", "X"), y=(float, "V", "Y"), r=(float, "V", "R"), theta=(float, "deg", "θ"),
        status=StatusWord(overrange=bit(0, 1, 2), missing=bit(3)), title="X, Y, R, θ",
        doc="Measure in-phase and quadrature part, amplitude (rms) and phase.",
        source="SR830 manual, 5-15, SNAP?; 5-22, LIA status byte: overloads, reference unlocked",
    )  # fmt: skip
    aux1 = Channel(AuxiliaryOutput, title="Auxiliary output 1", ch="1")
    aux2 = Channel(AuxiliaryOutput, title="Auxiliary output 2", ch="2")
    aux3 = Channel(AuxiliaryOutput, title="Auxiliary output 3", ch="3")
    aux4 = Channel(AuxiliaryOutput, title="Auxiliary output 4", ch="4")
    in1 = Channel(AuxiliaryInput, title="Auxiliary input 1", ch="1")
    in2 = Channel(AuxiliaryInput, title="Auxiliary input 2", ch="2")
    in3 = Channel(AuxiliaryInput, title="Auxiliary input 3", ch="3")
    in4 = Channel(AuxiliaryInput, title="Auxiliary input 4", ch="4")
    auto_phase = command(
        "APHS", title="Auto phase", doc="Shift the reference so that Y becomes zero.",
        source="SR830 manual, 5-11, APHS",
    )  # fmt: skip
