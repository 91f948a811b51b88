"""A triple-output power supply in the manner of a Keysight E36312A.

Each output is a voltage source with a current limit, wired to a device under test of its own or
to nothing; over-voltage and over-current protection switch an output off and latch. Differences
from the instrument: outputs are independent only, protection acts without delay, there are no
lists, steps, data logs or remote sensing. Source: Keysight, E36300 Series Programming Guide,
E36311-90008; ratings from the E36300 Series data sheet, 5992-2124EN.
"""

from collections.abc import Callable
from dataclasses import dataclass

from funcnodes_simulators.instruments.models import Attachment, Model, Setup
from funcnodes_simulators.instruments.simple import BenchInstrument
from funcnodes_simulators.physics import DeviceUnderTest, OperatingPoint, World
from funcnodes_simulators.scpi import (
    Boolean,
    ChannelList,
    Choice,
    Integer,
    Number,
    Optional,
    ScpiError,
    ScpiInterpreter,
)

IDENTITY = "Keysight Technologies,E36312A,{serial},2.1.0-1.0.4-1.12"
MOST_V = {1: 6.18, 2: 25.75, 3: 25.75}
MOST_A = {1: 5.15, 2: 1.03, 3: 1.03}
MOST_TRIP_V = {1: 6.6, 2: 27.5, 3: 27.5}
LEAST_A = 0.001
NOISE_V, NOISE_A = 2e-4, 5e-5
CHANNELS = ChannelList((1,), (3,))


@dataclass(slots=True)
class _Output:
    """One output: what is set, and why it may have switched itself off."""

    dut: DeviceUnderTest | None
    trip_v: float
    level_v: float = 0.0
    limit_a: float = 0.1
    is_on: bool = False
    is_ocp_on: bool = False
    tripped: str = ""

    def point(self) -> OperatingPoint:
        """Where it works now."""
        if not self.is_on:
            return OperatingPoint(0.0, 0.0)
        if self.dut is None:
            return OperatingPoint(self.level_v, 0.0)
        return self.dut.driven_by_voltage(self.level_v, self.limit_a)


class KeysightE36312a(BenchInstrument):
    """The supply: hand it messages by `execute`."""

    def __init__(
        self,
        world: World,
        duts: dict[int, DeviceUnderTest],
        *,
        serial: str = "SIM0001",
    ) -> None:
        self._world = world
        self._duts = duts
        self.scpi = ScpiInterpreter(IDENTITY.format(serial=serial), reset=self._reset)
        self._reset()
        self._declare()
        world.moves(lambda _: self._settle())

    def power_cycle(self) -> None:
        self._reset()
        self.scpi.power_on()
        self._settle()

    def state(self) -> dict[str, object]:
        self._world.step()
        points = {channel: output.point() for channel, output in self._outputs.items()}
        return {
            "model": "keysight_e36312a",
            "outputs": {
                str(channel): {
                    "on": output.is_on,
                    "level_v": output.level_v,
                    "limit_a": output.limit_a,
                    "voltage_v": points[channel].voltage_v,
                    "current_a": points[channel].current_a,
                    "tripped": output.tripped,
                }
                for channel, output in self._outputs.items()
            },
        }

    def _reset(self) -> None:
        self._selected = 1
        self._outputs = {
            channel: _Output(self._duts.get(channel), MOST_TRIP_V[channel]) for channel in MOST_V
        }

    def _settle(self) -> None:
        """Have protection act, and every device under test feel what it gets."""
        for output in self._outputs.values():
            point = output.point()
            if output.is_on and output.level_v > output.trip_v:
                self._trip(output, "OV")
            elif output.is_on and output.is_ocp_on and point.is_limited:
                self._trip(output, "OC")
            if output.dut is not None:
                output.dut.suffer(output.point())

    @staticmethod
    def _trip(output: _Output, why: str) -> None:
        output.is_on, output.tripped = False, why

    def _declare(self) -> None:
        declare = self.scpi.declare
        channels = Optional(CHANNELS)
        volts, amps = Number(0, 27.5, 0, "V"), Number(0, 5.15, 0.1, "A")
        level = "[:SOURce]:{}[:LEVel][:IMMediate][:AMPLitude]"
        declare(":INSTrument:NSELect", self._select, Integer(1, 3))
        declare(":INSTrument:NSELect?", lambda: str(self._selected))
        declare(level.format("VOLTage"), self._set_voltage, volts, channels)
        declare(level.format("VOLTage") + "?", self._asks(lambda o: _number(o.level_v)), channels)
        declare(level.format("CURRent"), self._set_current, amps, channels)
        declare(level.format("CURRent") + "?", self._asks(lambda o: _number(o.limit_a)), channels)
        declare("[:SOURce]:VOLTage:PROTection[:LEVel]", self._set_trip, volts, channels)
        declare(
            "[:SOURce]:VOLTage:PROTection[:LEVel]?", self._asks(lambda o: _number(o.trip_v)),
            channels,
        )  # fmt: skip
        declare("[:SOURce]:CURRent:PROTection:STATe", self._set_ocp, Boolean(), channels)
        declare(
            "[:SOURce]:CURRent:PROTection:STATe?", self._asks(lambda o: _flag(o.is_ocp_on)),
            channels,
        )  # fmt: skip
        for quantity, word in (("VOLTage", "OV"), ("CURRent", "OC")):
            declare(f"[:SOURce]:{quantity}:PROTection:TRIPped?", self._asks_tripped(word), channels)
        declare(":OUTPut[:STATe]", self._switch, Boolean(), channels)
        declare(":OUTPut[:STATe]?", self._asks(lambda o: _flag(o.is_on)), channels)
        declare(":OUTPut:PROTection:CLEar", self._clear, channels)
        declare(":MEASure[:SCALar]:VOLTage[:DC]?", self._asks(self._measured_v), channels)
        declare(":MEASure[:SCALar]:CURRent[:DC]?", self._asks(self._measured_a), channels)
        declare(":OUTPut:PAIR", lambda _: None, Choice("OFF"))
        declare(":OUTPut:PAIR?", lambda: "OFF")

    def _asks(self, read: Callable[[_Output], str]) -> Callable[..., str]:
        def query(channels: tuple[int, ...] | None = None) -> str:
            return ",".join(read(self._outputs[each]) for each in self._meant(channels))

        return query

    def _asks_tripped(self, word: str) -> Callable[..., str]:
        return self._asks(lambda output: _flag(output.tripped == word))

    def _meant(self, channels: tuple[int, ...] | None) -> tuple[int, ...]:
        return (self._selected,) if channels is None else channels

    def _select(self, channel: int) -> None:
        self._selected = channel

    def _set_voltage(self, volts: float, channels: tuple[int, ...] | None = None) -> None:
        for each in self._within(channels, volts, MOST_V):
            self._outputs[each].level_v = volts

    def _set_current(self, amps: float, channels: tuple[int, ...] | None = None) -> None:
        if amps < LEAST_A:
            raise ScpiError(-222)
        for each in self._within(channels, amps, MOST_A):
            self._outputs[each].limit_a = amps

    def _set_trip(self, volts: float, channels: tuple[int, ...] | None = None) -> None:
        for each in self._within(channels, volts, MOST_TRIP_V):
            self._outputs[each].trip_v = volts

    def _set_ocp(self, is_on: bool, channels: tuple[int, ...] | None = None) -> None:
        for each in self._meant(channels):
            self._outputs[each].is_ocp_on = is_on

    def _switch(self, is_on: bool, channels: tuple[int, ...] | None = None) -> None:
        for each in self._meant(channels):
            self._outputs[each].is_on = is_on and not self._outputs[each].tripped

    def _clear(self, channels: tuple[int, ...] | None = None) -> None:
        for each in self._meant(channels):
            self._outputs[each].tripped = ""

    def _within(
        self, channels: tuple[int, ...] | None, value: float, most: dict[int, float]
    ) -> tuple[int, ...]:
        meant = self._meant(channels)
        if any(value > most[each] * (1 + 1e-9) for each in meant):
            raise ScpiError(-222)
        return meant

    def _measured_v(self, output: _Output) -> str:
        return _number(output.point().voltage_v + self._world.noise(NOISE_V))

    def _measured_a(self, output: _Output) -> str:
        return _number(output.point().current_a + self._world.noise(NOISE_A))


def _number(value: float) -> str:
    return f"{value:+.8E}"


def _flag(is_set: bool) -> str:
    return "1" if is_set else "0"


def _build(setup: Setup) -> KeysightE36312a:
    duts = {n: setup.dut(f"dut{n}") for n in MOST_V if f"dut{n}" in setup.things}
    return KeysightE36312a(setup.world, duts, serial=setup.serial)


MODEL = Model(
    _build,
    attachments=tuple(Attachment(f"dut{n}", "dut", is_required=False) for n in MOST_V),
)
