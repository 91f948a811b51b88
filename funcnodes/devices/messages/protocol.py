"""How a model is spoken to: terminators, questions, times, framing. Speaks to nobody itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from funcnodes.devices.addresses.forms import SerialOptions
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.framing import Framing, Lines
from funcnodes.devices.messages.replies import Identity

Completes = Literal["", "opc", "stb", "srq"]
"""How an overlapped command says that it is carried out; see `completion`."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a model is spoken to.

    Attributes:
        eol: Terminator written after each command.
        reply_eol: Terminator of a reply; a carriage return before it is dropped.
        identify: Query that names the instrument, or "" where there is none.
        errors: Query of the error queue, or "" where there is none.
        checks_queries: Whether the error queue is read after queries, too, not after writes only.
        timeout_s: Time for a reply unless a member says otherwise.
        connect_s: Time to connect and to say who it is.
        gap_s: Least time between a command, or the reply to it, and the next message.
        serial: Settings of a serial line.
        framing: How messages stand in bytes, where not in lines that end in `eol`.
        identity: Reads the reply to `identify`.
        to_unit: What stands before each command on a shared line, e.g. "@{unit} ", or "".
        from_unit: What stands before each reply there, or "".
    """

    eol: str = "\n"
    reply_eol: str = "\n"
    identify: str = "*IDN?"
    errors: str = ":SYST:ERR?"
    checks_queries: bool = False
    timeout_s: float = 2.0
    connect_s: float = 2.0
    gap_s: float = 0.0
    serial: SerialOptions = field(default_factory=SerialOptions)
    framing: Framing | None = None
    identity: Callable[[str], Identity] = replies.identity
    to_unit: str = ""
    from_unit: str = ""

    def frames(self) -> Framing:
        """Its framing; lines where nothing else is declared."""
        return self.framing or Lines(self.eol, self.reply_eol)
