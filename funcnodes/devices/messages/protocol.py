"""How a model is spoken to: terminators, questions, times, framing. Speaks to nobody itself."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from funcnodes.devices.addresses.forms import Address, SerialOptions, TalkOptions
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.framing import Framing, Lines
from funcnodes.devices.messages.manners import Mannered, Manners, Marker
from funcnodes.devices.messages.replies import Identity
from funcnodes.errors import AddressError

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
        encoding: Of characters above 127 in commands and replies.
        errors: Query of the error queue, or "" where there is none.
        may_lack_errors: Whether an instrument that does not know `errors` is taken as it is: at
            connecting it is found out, and sets are read back then.
        checks_queries: Whether the error queue is read after queries, too, not after writes only.
        timeout_s: Time for a reply unless a member says otherwise.
        connect_s: Time to connect and to say who it is.
        gap_s: Least time between a command, or the reply to it, and the next message.
        wait_s: For how long it hears nothing once its line was opened; with `banner`, at most.
        banner: Text within the line by which it says that it hears then, or "".
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
    encoding: str = "ascii"
    errors: str = ":SYST:ERR?"
    may_lack_errors: bool = False
    checks_queries: bool = False
    timeout_s: float = 2.0
    connect_s: float = 2.0
    gap_s: float = 0.0
    wait_s: float = 0.0
    banner: str = ""
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
            return Mannered(self.eol, self.reply_eol, self.manners, encoding=self.encoding)
        return self.framing or Lines(self.eol, self.reply_eol, encoding=self.encoding)

    def at(self, address: Address) -> "Protocol":
        """The same as an address, or the bench file beside it, has it.

        Raises:
            AddressError: Terminators are named where messages stand in frames of their own.
        """
        said = address.talk
        if self.framing is not None and (said.eol is not None or said.reply_eol or said.encoding):
            raise AddressError(
                f"{address.text}: eol, reply_eol and encoding mean nothing for its driver, which "
                "has a framing of its own.",
                address=address.resource,
            )
        own = TalkOptions(self.eol, self.reply_eol, self.encoding, self.wait_s, self.banner)
        talk = said.over(own)
        eol = self.eol if talk.eol is None else talk.eol
        return replace(
            self,
            eol=eol, reply_eol=talk.reply_eol or eol, encoding=talk.encoding or self.encoding,
            wait_s=talk.wait_s or 0.0, banner=talk.banner or "",
            serial=address.serial.over(self.serial),
        )  # fmt: skip
