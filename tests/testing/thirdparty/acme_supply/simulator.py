"""A simulated ACME PSU1: knows how its bytes look, and nothing of its driver."""

from funcnodes_simulators.models import Model, Setup
from funcnodes_simulators.scpi import Number
from funcnodes_simulators.simple import ScpiInstrument

LOAD_OHM = 50.0


class SimulatedPsu1(ScpiInstrument):
    def __init__(self, serial: str) -> None:
        super().__init__(f"ACME,PSU1,{serial},1.0")
        volts = Number(0.0, 30.0, unit="V")
        self.scpi.declare_number(":VOLTage", volts, self._set_voltage, lambda: self.voltage_v)
        self.scpi.declare_flag(":OUTPut", self._switch, lambda: self.is_on)
        self.scpi.declare(":CURRent?", lambda: f"{self.voltage_v / LOAD_OHM * self.is_on:.6E}")

    def reset(self) -> None:
        self.voltage_v = 0.0
        self.is_on = False

    def state(self) -> dict[str, object]:
        return {"voltage_v": self.voltage_v, "output": self.is_on}

    def _set_voltage(self, voltage_v: float) -> None:
        self.voltage_v = voltage_v

    def _switch(self, is_on: bool) -> None:
        self.is_on = is_on


def build(setup: Setup) -> SimulatedPsu1:
    return SimulatedPsu1(setup.serial)


MODEL = Model(build)
