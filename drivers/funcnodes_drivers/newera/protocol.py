"""New Era's protocol for its pumps, basic mode: each command is answered by a packet.

Source: New Era Pump Systems, NE-1000 user manual, publication 1200-01, chapter 10: a command ends
in a carriage return; the answer is STX, address (2), status, data, ETX. Status is a letter, or
`A?` with the letter of an alarm, which that answer acknowledges: what was asked is then not done.
Data that begin with a question mark say why a command was not taken.
"""

import re
from dataclasses import dataclass, replace

from funcnodes.devices import Framing, Refused
from funcnodes.devices.framing import Carrier, printable, text_of
from funcnodes.errors import ReplyError

START, END = b"\x02", b"\x03"
RUN, STOP = "RUN", "STP"
ASKED, ON, OFF = "RUN?", "RUN=1", "RUN=0"
PUMPING = "IWX"
PAUSED = "PTU"
REFUSALS = {
    "": (-1, "the command is not known"),
    "NA": (-2, "the command is not applicable now"),
    "OOR": (-3, "the value is out of range"),
    "COM": (-4, "the packet was damaged"),
    "IGN": (-5, "the command was ignored"),
}
ALARMS = {
    "R": "it lost power, and was reset",
    "S": "its motor stalled",
    "T": "it was not spoken to for too long",
    "E": "its program is wrong",
    "O": "its program phase is out of range",
}
_PACKET = re.compile(r"(\d\d)(A\?([RSTEO])|[IWSPTUX])(.*)", re.DOTALL)


class Alarmed(Refused):
    """The pump answered with an alarm instead, which that acknowledged."""


@dataclass(frozen=True)
class Pumps(Framing):
    """Commands as the manual has them, and three words: RUN?, RUN=1 and RUN=0.

    Whether a pump runs is told by the status of any answer, and it is stopped by two commands,
    since the first only pauses it.

    Attributes:
        address: The pump's, 0 to 99.
    """

    address: int = 0
    mark: bytes = b"\r"
    end: bytes = END

    def for_unit(self, unit: int) -> "Pumps":
        return replace(self, address=unit)

    def encode(self, command: str) -> bytes:
        word = {ASKED: "", ON: RUN, OFF: STOP}.get(command, command)
        text = printable(word) if word else b""
        return b"%02d" % self.address + text + b"\r"

    async def ask(self, port: Carrier, data: bytes) -> str:
        """A question is asked again where an alarm came in place of its answer."""
        await port.send(data)
        try:
            status, text = await self._packet(port)
        except Alarmed:
            await port.send(data)
            status, text = await self._packet(port)
        return text if data[2:-1] else str(int(status in PUMPING))

    async def tell(self, port: Carrier, data: bytes) -> None:
        await port.send(data)
        if data[2:-1] != STOP.encode("ascii"):
            await self._packet(port)
            return
        try:
            status, _ = await self._packet(port)
            if status in PAUSED:
                await port.send(data)
                await self._packet(port)
        except Refused as refused:
            if refused.code != REFUSALS["NA"][0] and not isinstance(refused, Alarmed):
                raise

    async def read(self, port: Carrier) -> str:
        return (await self._packet(port))[1]

    async def _packet(self, port: Carrier) -> tuple[str, str]:
        await port.read_until(START)
        text = text_of((await port.read_until(END))[: -len(END)])
        match = _PACKET.fullmatch(text)
        if match is None or int(match[1]) != self.address:
            raise ReplyError(f"{text[:40]!r} is no answer of pump {self.address}.")
        if match[3]:
            raise Alarmed(-10, f"alarm: {ALARMS[match[3]]}")
        if match[4].startswith("?"):
            raise Refused(*REFUSALS.get(match[4][1:], (-1, match[4])))
        return match[2], match[4]
