"""What a console or a chatty instrument says around a reply: echo, prompt, status line, OK.

Declared by a driver (`@driver(..., echoes=True, prompt="ch> ")`); any of them go together.
Guarantees that an exchange is taken whole: an echo that is not what was sent, a line that is
neither yes nor no, or a prompt too early is a `ReplyError`, never a value.
"""

import re
import secrets
from dataclasses import dataclass

from funcnodes.devices.messages.framing import Carrier, Lines, Refused, text_of
from funcnodes.errors import ReplyError

_BREAKS = re.compile(r"[\r\n]+")
_NUMBER = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Manners:
    r"""What an instrument says beside its replies; nothing unless declared.

    Attributes:
        echoes: Whether it repeats each message before anything else, as a line.
        prompt: What it says last of all, at the beginning of a line and without an end of line.
        ignores: How many lines that say nothing come before each reply.
        acknowledges: Pattern of the line that says that a set was taken.
        refuses: Pattern of the line that says no, to a question or to a set.
        status: Pattern of the line behind each reply that says that it is good.
        sends: Patterns of the lines that it sends by itself.
    """

    echoes: bool = False
    prompt: str = ""
    ignores: int = 0
    acknowledges: str = ""
    refuses: str = ""
    status: str = ""
    sends: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises TypeError where one of them can be nothing."""
        for pattern in (self.acknowledges, self.refuses, self.status, *self.sends):
            try:
                re.compile(pattern)
            except re.error as error:
                raise TypeError(f"{pattern!r} is no pattern: {error}.") from None
        if self.ignores < 0:
            raise TypeError(f"{self.ignores} lines cannot be ignored.")
        if self.prompt != self.prompt.strip("\r\n"):
            raise TypeError(f"A prompt ends no line, {self.prompt!r} does.")


@dataclass(frozen=True, slots=True)
class Marker:
    r"""A harmless question with an answer nobody takes for another: `Marker("VER?", r"V\d+")`.

    Attributes:
        query: What is asked; "{n}" stands for a number of four digits, another each time.
        reply: Pattern of its answer, "{n}" likewise.
    """

    query: str
    reply: str

    def drawn(self) -> tuple[str, re.Pattern[str]]:
        """The question with a number of its own, and what its answer is like."""
        number = str(secrets.randbelow(9 * 10 ** (_DIGITS - 1)) + 10 ** (_DIGITS - 1))
        return self.query.replace("{n}", number), re.compile(self.reply.replace("{n}", number))


class Mannered(Lines):
    """Lines with what an instrument says around them."""

    silence_s = 0.05
    is_pipelined = False

    def __init__(
        self, eol: str, reply_eol: str, manners: Manners, *, encoding: str = "ascii"
    ) -> None:
        super().__init__(eol, reply_eol, encoding=encoding)
        self.manners = manners
        self._eol = eol
        self.prompt = manners.prompt.encode("ascii")

    async def ask(self, port: Carrier, data: bytes) -> str:
        await port.send(data)
        said = await self._said(port, data)
        for _ in range(self.manners.ignores):
            self._check_not_refused(await said.next())
        reply = await said.reply(has_status=bool(self.manners.status))
        self._check_not_refused(reply)
        if self.manners.status:
            self._check(await said.next(), self.manners.status, "a status line")
        said.check_all_read()
        return reply

    async def tell(self, port: Carrier, data: bytes) -> None:
        await port.send(data)
        manners = self.manners
        if not (manners.echoes or self.prompt or manners.acknowledges):
            return
        said = await self._said(port, data)
        if manners.acknowledges:
            self._check(await said.next(), manners.acknowledges, "an acknowledgement")
        while said.lines:
            self._check_not_refused(await said.next())

    async def read(self, port: Carrier) -> str:
        return await _Said(port, self._end, self._encoding).next()

    @property
    def hears_sets(self) -> bool:
        manners = self.manners
        return bool(manners.echoes or manners.prompt or manners.acknowledges)

    async def _said(self, port: Carrier, data: bytes) -> "_Said":
        """What is said to a message, its echo taken off."""
        said = _Said(port, self._end, self._encoding, is_whole=bool(self.prompt))
        if self.prompt:
            said.lines += await self._until_prompt(port)
        if self.manners.echoes:
            await said.take_echo(data.decode(self._encoding).removesuffix(self._eol))
        return said

    async def _until_prompt(self, port: Carrier) -> list[str]:
        """The lines before the prompt, which stands at the beginning of a line."""
        data = b""
        while True:
            data += await port.read_until(self.prompt)
            head = data[: -len(self.prompt)]
            if not head or head.endswith((b"\r", b"\n")):
                lines = [line.strip() for line in _BREAKS.split(text_of(head, self._encoding))]
                return [line for line in lines if line and not port.overhears(line)]

    def _check(self, line: str, pattern: str, what: str) -> None:
        """Let pass what says yes; raises Refused where it says no, else ReplyError."""
        if re.fullmatch(pattern, line):
            return
        self._check_not_refused(line)
        raise ReplyError(f"{line[:60]!r} came where {what} belongs.")

    def _check_not_refused(self, line: str) -> None:
        if self.manners.refuses and re.fullmatch(self.manners.refuses, line):
            number = _NUMBER.search(line)
            raise Refused(int(number[0]) if number else -1, line)


class _Said:
    """The lines of one answer: all of them where a prompt has ended it, else one by one.

    Attributes:
        lines: Those that have come and were not taken.
    """

    def __init__(self, port: Carrier, end: bytes, encoding: str, *, is_whole: bool = False) -> None:
        self.lines: list[str] = []
        self._port = port
        self._end = end
        self._encoding = encoding
        self._is_whole = is_whole

    async def next(self) -> str:
        """The next line.

        Raises:
            ReplyError: The prompt came before it.
        """
        while not self.lines:
            if self._is_whole:
                raise ReplyError("The prompt came before the answer was whole.")
            line = text_of(
                (await self._port.read_until(self._end))[: -len(self._end)], self._encoding
            )
            line = line.rstrip("\r")
            if not self._port.overhears(line):
                self.lines.append(line)
        return self.lines.pop(0)

    async def reply(self, *, has_status: bool) -> str:
        """The reply: a line, or all that there are before a prompt, and before a status line."""
        first = await self.next()
        if not self._is_whole:
            return first
        behind = len(self.lines) - has_status
        more, self.lines = self.lines[: max(0, behind)], self.lines[max(0, behind) :]
        return "\n".join([first, *more])

    async def take_echo(self, command: str) -> None:
        """Take the echo off, with what stands behind it on the same line where it ends in CR."""
        line = await self.next()
        head, _, behind = line.partition("\r")
        if head.rstrip() != command.rstrip():
            raise ReplyError(f"{line[:60]!r} came back where {command[:60]!r} was sent.")
        if behind.strip():
            self.lines.insert(0, behind.strip())

    def check_all_read(self) -> None:
        """Raises ReplyError where more was said than an answer has."""
        if self.lines:
            raise ReplyError(f"{self.lines[0][:60]!r} came behind the answer.")
