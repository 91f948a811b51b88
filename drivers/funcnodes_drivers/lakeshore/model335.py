"""Lake Shore Model 335 cryogenic temperature controller.

Source of all facts: Lake Shore, Model 335 Temperature Controller User's Manual, chapter 6. It
knows no error queue: a command that it does not take is ignored, so every set is read back.
"""

from funcnodes.devices import (
    Channel,
    Group,
    Idn,
    Instrument,
    Range,
    SerialOptions,
    StatusWord,
    bit,
    control,
    driver,
    measurement,
    record,
    setting,
)  # fmt: skip

MANUAL = "Lake Shore Model 335 User's Manual, section 6.6"


# A sensor at zero and no reading look alike, and neither is one: RDGST? counts both as invalid.
NO_READING = {0.0: "missing"}


class Input(Group):
    """One sensor input. Only `reading` tells a curve that has ended from a temperature."""

    kelvin = measurement(
        float, "KRDG? {ch}", unit="K", title="Temperature", missing=NO_READING,
        doc="Measure the temperature of the sensor.",
        source="Model 335 manual, 6.6.1, KRDG?",
    )  # fmt: skip
    sensor = measurement(
        float, "SRDG? {ch}", title="Sensor reading", missing=NO_READING,
        doc="Measure in the sensor's own unit, volts or ohms.",
        source="Model 335 manual, 6.6.1, SRDG?",
    )  # fmt: skip
    reading = record(
        "KRDG? {ch};SRDG? {ch};RDGST? {ch}", separator=";",
        kelvin=(float, "K", "Temperature"),
        sensor=(float, "", "Sensor reading"),
        status=StatusWord(missing=bit(0, 6), overrange=bit(4, 5, 7)),
        missing=NO_READING, title="T, sensor",
        doc="Measure the temperature and the sensor, and ask whether they are valid.",
        source="Model 335 manual, 6.3.3 (several queries in one message), 6.6.1, RDGST?",
    )  # fmt: skip


class Loop(Group):
    """One control loop with its heater."""

    setpoint = control(
        float, "SETP? {ch}", "SETP {ch},{v:.6g}", unit="K", limits=Range(0, 1500),
        tol=1e-3,  # of three decimals it shows, more are dropped
        doc="Set the temperature the loop controls to. The heater stays in its range.",
        source="Model 335 manual, 6.6.1, SETP",
    )  # fmt: skip
    heater_range = control(
        str, "RANGE? {ch}", "RANGE {ch},{v}", title="Heater range",
        choices={"off": "0", "low": "1", "medium": "2", "high": "3"}, safe="off",
        doc="Set the heater's range; off takes its power away.",
        source="Model 335 manual, 6.6.1, RANGE",
    )  # fmt: skip
    heater = measurement(
        float, "HTR? {ch}", unit="%", title="Heater",
        doc="Measure the heater's output in percent of its range.",
        source="Model 335 manual, 6.6.1, HTR?",
    )  # fmt: skip
    manual_output = setting(
        float, "MOUT? {ch}", "MOUT {ch},{v:.6g}", unit="%", limits=Range(0, 100), tol=0.01,
        title="Manual output",
        doc="Set the manual heater output in percent of full scale.",
        source="Model 335 manual, 6.6.1, MOUT",
    )  # fmt: skip


@driver(
    "lakeshore.model335",
    title="Lake Shore 335",
    match=Idn(r"LSCI", r"MODEL335"),
    eol="\r\n",
    reply_eol="\n",
    errors="",
    timeout_s=2.0,
    gap_s=0.05,  # section 6.3, message flow control: 50 ms from one message to the next
    serial=SerialOptions(baud=57600, bits=7, parity="odd", stop=1),
    estop=("RANGE 1,0;RANGE 2,0",),  # one message, so that no pause delays the second heater
    safe_state="heaters off",
    local="MODE 0",
    manual=MANUAL,
)
class Model335(Instrument):
    """A Model 335 with two inputs and two loops."""

    a = Channel(Input, title="Input A", ch="A")
    b = Channel(Input, title="Input B", ch="B")
    loop1 = Channel(Loop, title="Loop 1", ch="1")
    loop2 = Channel(Loop, title="Loop 2", ch="2")
