"""A source-measure unit in the manner of a Keithley 2400, as seen through its SCPI interface.

Speaks the subset of the 2400's commands that drivers use, with its defaults, ranges, error numbers
and reading format. The analog side is `sourcemeter`; when readings are taken is `trigger_model`'s
business, where they are stored `trace_buffer`'s, and the larger subsystems are modules of their
own. Differences from the instrument: auto ohms does not take over the source (ohms are V/I at the
present level), and there are no sweeps, limit tests, math or source memory. Source: 2400 Series
SourceMeter User's Manual, 2400S-900-01, chapter 18 and appendix B.
"""

from funcnodes_simulators.instruments.models import Attachment, Model
from funcnodes_simulators.instruments.simple import BenchInstrument
from funcnodes_simulators.keithley.read_commands import ReadCommands
from funcnodes_simulators.keithley.remote_settings import (
    RemoteSettings,
    Saved,
    SettingsInForce,
    flag,
)
from funcnodes_simulators.keithley.sense_commands import SenseCommands
from funcnodes_simulators.keithley.source_commands import SourceCommands
from funcnodes_simulators.keithley.sourcemeter import (
    CURR,
    OVERFLOW,
    VOLT,
    VOLTAGE_PROTECTION,
    Reading,
    Settings,
    SourceMeter,
)
from funcnodes_simulators.keithley.trace_buffer import TraceBuffer
from funcnodes_simulators.keithley.trigger_model import TriggerModel
from funcnodes_simulators.physics import DeviceUnderTest, World
from funcnodes_simulators.scpi import (
    Boolean,
    Choice,
    Integer,
    Memory,
    Number,
    ScpiError,
    ScpiInterpreter,
)
from funcnodes_simulators.scpi.messages import split_message
from funcnodes_simulators.scpi.status import EventRegister

IDENTITY = "KEITHLEY INSTRUMENTS INC.,MODEL 2400,{serial},C33   Mar 31 2015 09:32:39/A02  /K/J"
SETUP_PLACES = 5
MAINS_HZ = 50

# Bits of the measurement status register, and its own in the status byte (pages 15-3 and 15-13).
READING_AVAILABLE = 1 << 6
READING_OVERFLOW = 1 << 7
VOLTAGE_PROTECTION_REACHED = 1 << 13
IN_COMPLIANCE = 1 << 14
MEASUREMENT_SUMMARY = 1 << 0

WORDING = {-222: "Parameter data out of range"}
# What is acted on at once while readings are taken, besides a trigger (page 16-3).
INTERRUPTING = frozenset({"ABOR", "ABORT", "*RST", "*RCL", "SYST:PRES", "SYSTEM:PRESET"})
TRIGGER = "*TRG"


class OnOffOrOnce:
    """`ONCE`, or whether something is on."""

    def parse(self, text: str) -> bool | str:
        return "ONCE" if text.upper() == "ONCE" else Boolean().parse(text)


class Keithley2400(BenchInstrument):
    """The instrument: hand it messages by `execute`."""

    terminator = b"\n"
    input_limit_bytes = 2048

    def __init__(self, world: World, dut: DeviceUnderTest, *, serial: str = "SIM0001") -> None:
        self._world = world
        self._identity = IDENTITY.format(serial=serial)
        self._meter = SourceMeter(world, dut)
        self._in_force = SettingsInForce(world, self._meter)
        self._memory: Memory[Saved] = Memory(SETUP_PLACES)
        self._trace = TraceBuffer()
        self._line_frequency_hz = MAINS_HZ
        self._is_line_frequency_auto = True
        self._power_on()

    def interrupts(self, message: str) -> bool:
        """Whether a message ends a measurement that is under way: `:ABOR` or `*RST` first."""
        try:
            units = split_message(message)
        except ScpiError:
            return False
        words = units[0].removeprefix(":").upper().split() if units else []
        return bool(words) and words[0] in INTERRUPTING

    def is_trigger(self, message: str) -> bool:
        return message.strip().upper() == TRIGGER

    def trigger(self) -> None:
        self._trigger.trigger()

    def power_cycle(self) -> None:
        self._meter.reset()
        self._power_on()

    def state(self) -> dict[str, object]:
        now_s = self._world.step()
        meter, settings = self._meter, self._settings
        point = meter.point(now_s)
        return {
            "model": "keithley2400",
            "output": meter.is_on,
            "source": settings.source,
            "source_v": settings.level[VOLT],
            "source_a": settings.level[CURR],
            "limit_v": settings.limit[VOLT],
            "limit_a": settings.limit[CURR],
            "voltage_v": point.voltage_v,
            "current_a": point.current_a,
            "compliance": point.is_limited,
            "nplc": settings.nplc,
            "remote": self._is_remote,
            "errors": len(self.scpi.status.errors),
            "output_transitions": [[at_s, is_on] for at_s, is_on in meter.transitions],
        }

    @property
    def _settings(self) -> Settings:
        return self._meter.settings

    def _power_on(self) -> None:
        self.scpi = ScpiInterpreter(
            self._identity,
            reset=self._reset,
            trigger=self.trigger,
            version="1996.0",
            wording=WORDING,
        )
        self._measurement = EventRegister()
        self.scpi.status.others[MEASUREMENT_SUMMARY] = self._measurement
        self._trigger = TriggerModel(self.scpi, self._world.clock)
        self._trace.power_on()
        self._in_force.remote = RemoteSettings(trigger=self._trigger.settings)
        self._is_remote = False
        SourceCommands(self.scpi, self._in_force)
        sense = SenseCommands(self.scpi, self._in_force)
        self._reader = ReadCommands(
            self.scpi, self._in_force, self._trigger, enable=sense.enable, taken=self._taken
        )
        self._declare_system()
        self._declare_status()
        self._trace.declare(
            self.scpi,
            changed=self._settle,
            elements=self._reader.elements_of,
            numbers=self._reader.numbers,
        )

    def _reset(self) -> None:
        self._meter.reset()
        self._trace.statistic = "MEAN"
        self._in_force.remote = RemoteSettings()
        self._trigger.settings = self._in_force.remote.trigger
        self._reader.forget()

    def _recall(self, saved: Saved) -> None:
        """Do `*RCL`; the output goes off, whatever it was when the setup was saved."""
        self._reset()
        self._in_force.restore(saved)
        self._trigger.settings = self._in_force.remote.trigger

    def _taken(self, reading: Reading) -> None:
        """Keep a reading, and note what it says of the measurement status."""
        self._trace.store(reading)
        events = READING_AVAILABLE
        events |= READING_OVERFLOW if reading.status & OVERFLOW else 0
        events |= VOLTAGE_PROTECTION_REACHED if reading.status & VOLTAGE_PROTECTION else 0
        self._measurement.event |= events & self._measurement.rising
        self._settle()

    def _settle(self) -> None:
        condition = self._trace.condition
        condition |= IN_COMPLIANCE if self._meter.is_in_compliance() else 0
        self._measurement.set_condition(condition)

    # The rest of the instrument

    def _declare_system(self) -> None:
        declare = self.scpi.declare
        declare(":SYSTem:RSENse", self._set_remote_sense, Boolean())
        declare(":SYSTem:RSENse?", lambda: flag(self._settings.remote_sense))
        declare(":ROUTe:TERMinals", self._set_terminals, Choice("FRONt", "REAR"))
        declare(":ROUTe:TERMinals?", lambda: "FRON" if self._settings.front_terminals else "REAR")
        declare(":SYSTem:PRESet", self._reset)
        declare(":SYSTem:TIME:RESet", self._reader.reset_time)
        declare(
            ":SYSTem:TIME?", lambda: f"{self._world.clock.now() - self._reader.time_zero_s:.3f}"
        )
        self._declare_line_frequency()
        declare(
            ":SYSTem:BEEPer[:IMMediate]",
            lambda hertz, seconds: None,
            Number(65, 2e6, 500, "HZ"),
            Number(0, 7.9, 0.1, "S"),
        )
        declare(":SYSTem:BEEPer:STATe", lambda on: None, Boolean())
        declare(":SYSTem:LOCal", lambda: setattr(self, "_is_remote", False))
        declare(":SYSTem:REMote", lambda: setattr(self, "_is_remote", True))
        declare(":SYSTem:RWLock", lambda: setattr(self, "_is_remote", True))
        declare(":SYSTem:AZERo[:STATe]", self._set_autozero, OnOffOrOnce())
        declare(":SYSTem:AZERo[:STATe]?", lambda: flag(self._in_force.remote.is_autozero_on))
        self._in_force.declare_flag(self.scpi, ":DISPlay:ENABle", "display_on")
        self.scpi.declare_memory(self._memory, self._in_force.saved, self._recall)

    def _declare_status(self) -> None:
        declare = self.scpi.declare
        declare(":STATus:QUEue[:NEXT]?", lambda: self.scpi.status.errors.pop().response())
        declare(":STATus:QUEue:CLEar", self.scpi.status.errors.clear)
        self.scpi.declare_register(":STATus:MEASurement", self._measurement)

    def _declare_line_frequency(self) -> None:
        self.scpi.declare(":SYSTem:LFRequency", self._set_line_frequency, Integer(50, 60))
        self.scpi.declare(":SYSTem:LFRequency?", lambda: str(self._line_frequency_hz))
        self.scpi.declare_flag(
            ":SYSTem:LFRequency:AUTO",
            self._set_line_frequency_auto,
            lambda: self._is_line_frequency_auto,
        )

    def _set_line_frequency(self, hertz: int) -> None:
        if hertz not in (50, 60):
            raise ScpiError(-222)
        self._line_frequency_hz = hertz
        self._is_line_frequency_auto = False
        self._meter.power_line_cycle_s = 1 / hertz

    def _set_line_frequency_auto(self, on: bool) -> None:
        if on:
            self._set_line_frequency(MAINS_HZ)
        self._is_line_frequency_auto = on

    def _set_autozero(self, state: bool | str) -> None:
        """Switch auto zero; `ONCE` takes new references and leaves it off."""
        self._in_force.remote.is_autozero_on = state is True

    def _set_remote_sense(self, on: bool) -> None:
        self._settings.remote_sense = on

    def _set_terminals(self, terminals: str) -> None:
        self._settings.front_terminals = terminals == "FRON"


MODEL = Model(
    lambda setup: Keithley2400(setup.world, setup.dut(), serial=setup.serial),
    attachments=(Attachment("dut", "dut"),),
)
