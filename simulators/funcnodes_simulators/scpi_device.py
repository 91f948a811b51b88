"""What simulated SCPI instruments share that hold nothing back: an interpreter and its errors."""

from funcnodes_simulators.physics import World
from funcnodes_simulators.scpi import Execution, ScpiInterpreter


class ScpiDevice:
    """Base of an instrument whose wire is its interpreter's; nothing breaks into what it does.

    A subclass sets `_scpi` and `_world`, and brings itself up to the present in `_settle`.
    """

    terminator = b"\n"
    input_limit_bytes = 4096
    _scpi: ScpiInterpreter
    _world: World

    def execute(self, message: str) -> Execution:
        self._world.step()
        response = yield from self._scpi.execute(message)
        self._world.step()
        self._settle()
        return response

    def interrupts(self, message: str) -> bool:
        return False

    def interrupted(self) -> None:
        self._scpi.interrupted()

    def overrun(self) -> None:
        self._scpi.overrun()

    def deadlocked(self) -> None:
        self._scpi.deadlocked()

    def status_byte(self, *, has_output: bool) -> int:
        return self._scpi.status_byte(has_output=has_output)

    def fail(self, code: int) -> None:
        self._scpi.fail(code)

    def _settle(self) -> None:
        """Bring what follows from the new state about."""
