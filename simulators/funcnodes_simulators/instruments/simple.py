"""A plain SCPI instrument to derive from: it answers at once, and nothing interrupts it.

Whoever derives declares headers on `scpi` and keeps settings; what a line asks of every instrument
is here, so that such a simulator is as short as its manual's list of commands.
"""

from funcnodes_simulators.physics import World
from funcnodes_simulators.scpi import Execution, ScpiInterpreter


class ScpiInstrument:
    """Base of a simulator; see `contract.Instrument` for what each method is.

    Attributes:
        scpi: Its commands; `scpi.declare_number` and the like teach it more.
    """

    terminator = b"\n"
    input_limit_bytes = 4096

    def __init__(self, identity: str) -> None:
        """Build one that answers `identity` to `*IDN?`."""
        self.scpi = ScpiInterpreter(identity, reset=self.reset)
        self.reset()

    def reset(self) -> None:
        """Set everything as it is after `*RST` and after switching on."""

    def state(self) -> dict[str, object]:
        return {}

    def execute(self, message: str) -> Execution:
        return self.scpi.execute(message)

    def interrupts(self, message: str) -> bool:
        return False

    def interrupted(self) -> None:
        self.scpi.interrupted()

    def overrun(self) -> None:
        self.scpi.overrun()

    def deadlocked(self) -> None:
        self.scpi.deadlocked()

    def fail(self, code: int) -> None:
        self.scpi.fail(code)

    def status_byte(self, *, has_output: bool) -> int:
        return self.scpi.status_byte(has_output=has_output)

    def power_cycle(self) -> None:
        self.reset()
        self.scpi.power_on()


class BenchInstrument(ScpiInstrument):
    """Base of one whose answers follow from a bench that goes on: the world is stepped around each.

    A subclass makes `scpi` and `_world` itself, and brings itself up to the present in `_settle`.
    """

    _world: World

    def execute(self, message: str) -> Execution:
        self._world.step()
        response = yield from self.scpi.execute(message)
        self._world.step()
        self._settle()
        return response

    def _settle(self) -> None:
        """Bring what follows from the new state about."""
