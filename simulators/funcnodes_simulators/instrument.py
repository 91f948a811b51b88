"""What a server and a bench ask of every simulated instrument.

An instrument is sans-I/O: it is handed whole messages and answers with a generator of waiting
times that returns the response. It never sees a wire, and never fails on any text.
"""

from typing import Protocol

from funcnodes_simulators.scpi import Execution


class Instrument(Protocol):
    """One simulated instrument, whatever dialect it speaks."""

    terminator: bytes
    """What ends each of its responses."""
    input_limit_bytes: int
    """The longest message its input buffer holds."""

    def execute(self, message: str) -> Execution:
        """Carry out one message: yields seconds to wait, returns the response or None."""
        ...

    def interrupts(self, message: str) -> bool:
        """Whether this message breaks into the execution of an earlier one."""
        ...

    def interrupted(self) -> None:
        """Learn that the execution under way was given up."""
        ...

    def overrun(self) -> None:
        """Learn that a message was too long for the input buffer and was dropped."""
        ...

    def deadlocked(self) -> None:
        """Learn that responses were lost because nobody read them."""
        ...

    def status_byte(self, *, has_output: bool) -> int:
        """Return the status byte as a serial poll sees it, with MSS in bit 6.

        Args:
            has_output: Whether a response waits to be read, which the wire knows (MAV).
        """
        ...

    def power_cycle(self) -> None:
        """Lose the power and get it back: everything is as after switching on."""
        ...

    def state(self) -> dict[str, object]:
        """Return the truth about the instrument, as plain JSON values."""
        ...
