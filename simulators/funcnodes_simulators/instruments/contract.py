"""What a server and a bench ask of every simulated instrument.

An instrument is sans-I/O: it is handed whole messages and answers with a generator of waiting
times that returns the response. It never sees a line, and never fails on any text.
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from funcnodes_simulators.scpi import Execution, LineBuffer, Overrun

LONGEST_GAP_S = 60.0


class Verbatim(bytes):
    """A response that goes out as it is: its instrument's terminator is not put behind it."""


class Instrument(Protocol):
    """One simulated instrument, whatever dialect it speaks."""

    terminator: bytes
    """What ends each of its responses."""
    input_limit_bytes: int
    """The longest message its input buffer holds."""

    def execute(self, message: str) -> Execution:
        """Carry out one message: yields seconds to wait, returns the response or None.

        It may yield `math.inf`, to wait for a trigger or until it is given up.
        """
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
            has_output: Whether a response waits to be read, which the line knows (MAV).
        """
        ...

    def power_cycle(self) -> None:
        """Lose the power and get it back: everything is as after switching on."""
        ...

    def state(self) -> dict[str, object]:
        """Return the truth about the instrument, as plain JSON values."""
        ...


class InputBuffer(Protocol):
    """Cuts the bytes of one client into messages."""

    @property
    def partial(self) -> bytes:
        """What has come of a message that has not ended."""
        ...

    def feed(self, data: bytes) -> list[str | Overrun]:
        """Take bytes as they came and return the messages that they complete."""
        ...

    def clear(self) -> None:
        """Forget a half-received message."""
        ...


@runtime_checkable
class FramesItself(Protocol):
    """An instrument whose messages do not simply end in line feeds."""

    def input_buffer(self) -> InputBuffer:
        """Return the input buffer for one client."""
        ...


@runtime_checkable
class TakesTriggers(Protocol):
    """An instrument whose execution under way may wait for a trigger."""

    def is_trigger(self, message: str) -> bool:
        """Whether this message triggers what is under way, instead of waiting for its turn."""
        ...

    def trigger(self) -> None:
        """Trigger what is under way."""
        ...


@runtime_checkable
class NeedsSilence(Protocol):
    """An instrument that is deaf for a while after each message and after each of its replies.

    Over a serial line or a raw socket; lines that shake hands have it wait.
    """

    gap_s: float
    """How long, in seconds of the bench; 0 for one that always hears."""


@runtime_checkable
class SpeaksUnasked(Protocol):
    """An instrument that greets who opens its line, or says something by itself.

    Over a serial line or a raw socket, where a client may hear what it did not ask for.
    """

    def opened(self) -> float:
        """Learn that a client has opened the line; returns for how many seconds it is deaf then."""
        ...

    def unasked(self) -> Iterator[tuple[float, bytes]]:
        """Yield what one client hears unasked, and how many seconds after what came before."""
        ...


@runtime_checkable
class CanFail(Protocol):
    """An instrument that keeps errors: a fault may put one there."""

    def fail(self, code: int) -> None:
        """Note an error of this number, as if something had gone wrong inside."""
        ...


def gap_of(instrument: Instrument) -> float:
    """Return how long an instrument is deaf after a message and after a reply, in seconds."""
    return instrument.gap_s if isinstance(instrument, NeedsSilence) else 0.0


def input_buffer_for(instrument: Instrument) -> InputBuffer:
    """Return what cuts a client's bytes into messages for an instrument."""
    if isinstance(instrument, FramesItself):
        return instrument.input_buffer()
    return LineBuffer(instrument.input_limit_bytes)
