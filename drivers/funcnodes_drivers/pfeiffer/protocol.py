"""Pfeiffer Vacuum's protocol for RS-485: telegrams with a unit address and a checksum.

Source: Pfeiffer Vacuum, TC 400 Operating Instructions, PT 0203 BEN, chapter 8: a telegram is
address (3), action (1), 0, parameter (3), length (2), data, checksum (3) and a carriage return;
the checksum is the sum of all characters before it modulo 256.
"""

from dataclasses import dataclass, replace

from funcnodes.devices import Framing, Refused
from funcnodes.devices.framing import Carrier, printable, sum8, text_of
from funcnodes.errors import ReplyError

END = b"\r"
REFUSALS = {
    "NO_DEF": (-1, "the parameter does not exist"),
    "_RANGE": (-2, "the value is outside the permitted range"),
    "_LOGIC": (-3, "the parameter cannot be accessed so"),
}


@dataclass(frozen=True)
class Telegrams(Framing):
    """Commands as "309?" and "010=111111", framed for one unit on the line.

    An answer names unit and parameter, so that none is ever taken for another's.

    Attributes:
        address: The unit's, 1 to 255.
    """

    address: int = 1
    mark: bytes = END

    def for_unit(self, unit: int) -> "Telegrams":
        return replace(self, address=unit)

    def encode(self, command: str) -> bytes:
        printable(command)
        number, is_write, data = command[:3], command[3:4] == "=", command[4:]
        if not (number.isdecimal() and (is_write or command[3:] == "?") and len(data) < 100):
            raise ValueError('is neither like "309?" nor like "010=111111"')
        data = data if is_write else "=?"
        text = f"{self.address:03d}{int(is_write)}0{number}{len(data):02d}{data}".encode("ascii")
        return text + b"%03d" % sum8(text)[0] + END

    async def ask(self, port: Carrier, data: bytes) -> str:
        await port.send(data)
        answered, text = _taken_apart((await port.read_until(END))[: -len(END)])
        asked = data[:3] + data[5:8]
        if answered != asked:
            raise ReplyError(f"{answered!r} answered where {asked!r} was asked.")
        if text in REFUSALS:
            raise Refused(*REFUSALS[text])
        return text

    async def tell(self, port: Carrier, data: bytes) -> None:
        """A command is answered by its own data."""
        text, sent = await self.ask(port, data), text_of(data[10:-4])
        if text != sent:
            raise ReplyError(f"{text!r} was set where {sent!r} was asked for.")

    async def read(self, port: Carrier) -> str:
        return _taken_apart((await port.read_until(END))[: -len(END)])[1]


def _taken_apart(frame: bytes) -> tuple[bytes, str]:
    """Unit and parameter, and the data, of a telegram without its end.

    Raises:
        ReplyError: Its checksum or length is wrong, or it is none.
    """
    text, given = frame[:-3], frame[-3:]
    if not given.isdigit() or int(given) != sum8(text)[0]:
        raise ReplyError(f"The checksum {given!r} of {text[:40]!r} is wrong.")
    if not text[:10].isdigit() or len(text) - 10 != int(text[8:10]):
        raise ReplyError(f"{text[:40]!r} is no telegram.")
    return text[:3] + text[5:8], text_of(text[10:])
