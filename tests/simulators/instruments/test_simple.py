"""The base that a simulator of a plain SCPI instrument derives from."""

from funcnodes_simulators.instruments.contract import CanFail, Instrument
from funcnodes_simulators.instruments.simple import ScpiInstrument
from funcnodes_simulators.scpi import Number


class Supply(ScpiInstrument):
    def __init__(self) -> None:
        super().__init__("ACME,PSU1,7,1.0")
        self.scpi.declare_number(":VOLTage", Number(0, 30), self._set, lambda: self.voltage_v)

    def reset(self) -> None:
        self.voltage_v = 0.0

    def _set(self, voltage_v: float) -> None:
        self.voltage_v = voltage_v


def ask(instrument: Instrument, message: str) -> str | None:
    """Carry out a message to its end."""
    execution = instrument.execute(message)
    while True:
        try:
            next(execution)
        except StopIteration as end:
            return None if end.value is None else end.value.decode()


def test_it_knows_its_own_commands_and_those_of_all_scpi_instruments() -> None:
    supply = Supply()
    assert ask(supply, "*IDN?") == "ACME,PSU1,7,1.0"
    assert ask(supply, ":VOLT 5;:VOLT?") == "5.000000E+00"
    assert ask(supply, ":VOLT 31") is None
    assert ask(supply, ":SYST:ERR?") == '-222,"Data out of range"'
    assert ask(supply, "*RST;:VOLT?") == "0.000000E+00"


def test_it_forgets_on_a_power_cycle_and_keeps_what_went_wrong() -> None:
    supply = Supply()
    ask(supply, ":VOLT 5")
    supply.power_cycle()
    assert supply.voltage_v == 0.0
    assert isinstance(supply, CanFail)
    supply.fail(-241)
    assert (ask(supply, ":SYST:ERR?") or "").startswith("-241,")
    assert supply.status_byte(has_output=True) & 1 << 4
    assert not supply.interrupts("*RST")
