"""The message exchange of IEEE 488.2, on lines that mark where messages end: HiSLIP and VXI-11.

Guarantees what a raw socket cannot: a response goes only to the last message that was sent. Who
sends another message before having read the response loses it, and finds -410 in the error queue
(its INTERRUPTED action); a device clear leaves nothing of either. Adds MAV to the status byte,
and a request for service to each client of its own. END takes the place of the terminator: a fault
that cuts off the terminator cuts off END.
"""

import asyncio
from typing import Protocol

from funcnodes_simulators.instruments.contract import CanFail
from funcnodes_simulators.lines.connections import Connection, Line, Request
from funcnodes_simulators.lines.station import GRACE_S, Station
from funcnodes_simulators.scpi.status import MASTER_SUMMARY

UNTERMINATED = -420
# Responses end with a line feed and END (IEEE 488.2), whatever stands before it.
LAST_BYTE = b"\n"


class MessageLine(Line, Protocol):
    """An open way to one client that keeps messages apart."""

    @property
    def has_output(self) -> bool:
        """Whether a response was begun that the client is not known to have read."""
        ...

    def respond(self, data: bytes, *, is_end: bool, tag: int) -> None:
        """Send part of a response to the message of that tag."""
        ...

    def drop_output(self, *, is_told: bool) -> None:
        """Take back what the client has not read; `is_told` where it could wait for a response."""
        ...

    def request_service(self, status_byte: int) -> None:
        """Tell the client that the instrument wants attention."""
        ...


class Exchange(Connection):
    """A client of a station that speaks in messages.

    Attributes:
        is_requesting: The client has not polled since the instrument asked for service (RQS).
    """

    def __init__(self, station: Station, line: MessageLine) -> None:
        super().__init__(station, line)
        self.is_requesting = False
        self._messages = line
        self._newest: Request | None = None
        self._had_summary = False
        station.connections.add(self)

    def message(self, data: bytes, *, is_end: bool, tag: int = 0) -> None:
        """Take a message or part of one.

        Args:
            is_end: Whether it ends here (END); a line feed within ends one too.
            tag: What its response will carry.
        """
        if self._is_dead:
            return
        self.look()
        if self._messages.has_output:
            self._interrupt(is_told=False)
        for text in self._input.feed(data + LAST_BYTE if is_end else data):
            if not isinstance(text, str) or text.strip():
                request = Request(self, text, tag)
                if self._station.enqueue(request):
                    self._newest = request

    def trigger(self, *, tag: int = 0) -> None:
        """Do a group execute trigger, which `*TRG` is the command for (IEEE 488.2)."""
        self.message(b"*TRG", is_end=True, tag=tag)

    def clear(self) -> None:
        """Do a device clear: both buffers empty, what is under way given up, status untouched."""
        self._input.clear()
        self._call_off()
        self._station.take_back(self)

    def deliver(self, request: Request, reply: bytes | None) -> None:
        """Send a response, unless a newer message has come meanwhile."""
        if reply is not None and request is not self._newest and self.is_open:
            self._answered = str(request.text)
            self._interrupt(is_told=True)
            return
        super().deliver(request, reply)

    def asked_for_nothing(self) -> None:
        """Learn that a response was waited for; without a query that is an error, -420."""
        if self._messages.has_output or self._station.is_working_for(self) or self._timers:
            return
        self.note_reply("", "a reply was asked for, and there was no query")
        if isinstance(self._station.instrument, CanFail):
            self._station.instrument.fail(UNTERMINATED)

    def poll(self) -> int:
        """Do a serial poll: the status byte with RQS in bit 6, which is cleared by it."""
        self.look()
        byte = self._byte() & ~MASTER_SUMMARY
        is_requesting, self.is_requesting = self.is_requesting, False
        return byte | (MASTER_SUMMARY if is_requesting else 0)

    def look(self) -> None:
        """Request service where the master summary has risen (IEEE 488.2)."""
        byte = self._byte()
        has_summary, had_summary = bool(byte & MASTER_SUMMARY), self._had_summary
        self._had_summary = has_summary
        if has_summary and not had_summary:
            self.is_requesting = True
            self._messages.request_service(byte)
        elif not has_summary:
            self.is_requesting = False

    def _byte(self) -> int:
        return self._station.instrument.status_byte(has_output=self._messages.has_output)

    def _interrupt(self, *, is_told: bool) -> None:
        self._call_off()
        self._messages.drop_output(is_told=is_told)
        self.note_reply(self._answered, "its reply was not read before the next message")
        self._station.instrument.interrupted()

    def _send(self, data: bytes, request: Request) -> None:
        self._messages.respond(data, is_end=data.endswith(LAST_BYTE), tag=request.tag)
        self.look()


async def has_room(station: Station) -> bool:
    """Whether one more client is let in; one that comes straight back is given a moment."""
    if station.is_full:
        await asyncio.sleep(GRACE_S)
    return not station.is_full
