"""A simulated ACME PSU1: knows how its bytes look, and nothing of its driver."""

from funcnodes_simulators.models import Model, Setup
from funcnodes_simulators.scpi import Execution, Number, ScpiInterpreter

LOAD_OHM = 50.0


class SimulatedPsu1:
    terminator = b"\n"
    input_limit_bytes = 256

    def __init__(self, serial: str) -> None:
        self.voltage_v = 0.0
        self.is_on = False
        self._scpi = ScpiInterpreter(f"ACME,PSU1,{serial},1.0", reset=self.power_cycle)
        volts = Number(0.0, 30.0, unit="V")
        self._scpi.declare_number(":VOLTage", volts, self._set_voltage, lambda: self.voltage_v)
        self._scpi.declare_flag(":OUTPut", self._switch, lambda: self.is_on)
        self._scpi.declare(":CURRent?", lambda: f"{self.voltage_v / LOAD_OHM * self.is_on:.6E}")

    def execute(self, message: str) -> Execution:
        return self._scpi.execute(message)

    def interrupts(self, message: str) -> bool:
        return False

    def interrupted(self) -> None:
        self._scpi.interrupted()

    def overrun(self) -> None:
        self._scpi.overrun()

    def deadlocked(self) -> None:
        self._scpi.deadlocked()

    def power_cycle(self) -> None:
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
