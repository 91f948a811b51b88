"""How a model is spoken to: terminators, questions, times, framing. Speaks to nobody itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from funcnodes.devices.addresses.forms import SerialOptions
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.framing import Framing, Lines
from funcnodes.devices.messages.manners import Mannered, Manners, Marker
from funcnodes.devices.messages.replies import Identity

Completes = Literal["", "opc", "stb", "srq"]
"""How an overlapped command says that it is carried out; see `completion`."""


LATE_S = 10.0
NO_MANNERS = Manners()


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
        manners: What it says around replies, and by itself.
        greets: What it says last when it was opened, "" where it says nothing. Waited for; on a
            serial line, where nothing comes, it has greeted before.
        late_s: How long after its question a reply may still come at most. None: `LATE_S` on a
            line that cannot be opened afresh, not at all on others; infinity: nobody knows.
        marker: A question that tells whether a late reply may still come.
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
    manners: Manners = NO_MANNERS
    greets: str = ""
    late_s: float | None = None
    marker: Marker | None = None

    def frames(self) -> Framing:
        """Its framing; lines where nothing else is declared."""
        if self.framing is None and self.manners != NO_MANNERS:
            return Mannered(self.eol, self.reply_eol, self.manners)
        return self.framing or Lines(self.eol, self.reply_eol)
