"""Options of an address: how a line is set, how messages stand on it, what opening it takes.

    serial:/dev/ttyUSB0?baud=115200&flow=xonxoff&dtr=leave     tcp:10.0.0.5:23?eol=cr&wait_s=2

The same names are keys of a device in a bench file. What is not said is left to the driver, an
address goes before the bench file, and both go before the driver.

    baud, bits, parity, stop   speed, data bits, parity and stop bits of a serial line
    flow                       none, xonxoff or rtscts
    dtr, rts                   high, low, or leave: at opening, and then left there
    gap_ms, echo               least silence on a shared line; whether it hears itself
    eol, reply_eol             cr, lf, crlf, lfcr, nul, etx, none, or the characters themselves:
                               what commands and replies end with; `eol` alone means both
    encoding                   of characters above 127: ascii, latin-1, cp437, cp850, cp1252, utf-8
    wait_s, banner             opened, it is left alone so long, or until a line holds this text

Reads no address: `forms` does.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeVar, get_args

Parity = Literal["none", "odd", "even", "mark", "space"]
Flow = Literal["none", "xonxoff", "rtscts"]
Signal = Literal["high", "low", "leave"]
ENCODINGS = ("ascii", "latin-1", "cp437", "cp850", "cp1252", "utf-8")
TERMINATORS = {
    "cr": "\r", "lf": "\n", "crlf": "\r\n", "lfcr": "\n\r", "nul": "\0", "etx": "\x03", "none": "",
}  # fmt: skip
"""Terminators by name."""

O = TypeVar("O", "SerialOptions", "TalkOptions")  # noqa: E741  # options of one kind
_BAUDS = range(50, 4_000_001)
_GAPS_MS = range(1001)
_LONGEST_WAIT_S = 120.0
_LONGEST_EOL = 4
_LONGEST_BANNER = 80


@dataclass(frozen=True, slots=True)
class SerialOptions:
    """How a serial line is set; None leaves it to the driver.

    Attributes:
        flow: How either side holds the other up.
        dtr: What the line DTR is put to at opening; "leave" touches it neither then nor later.
        rts: The same for RTS, which means nothing where `flow` is "rtscts".
    """

    baud: int | None = None
    bits: int | None = None
    parity: Parity | None = None
    stop: float | None = None
    flow: Flow | None = None
    dtr: Signal | None = None
    rts: Signal | None = None

    def over(self, beneath: "SerialOptions") -> "SerialOptions":
        """These options, with `beneath` where nothing is said here."""
        return _over(self, beneath)


@dataclass(frozen=True, slots=True)
class Sharing:
    """How a line is shared by several instruments.

    Attributes:
        gap_s: Least silence before speaking, None for what the line's speed asks for.
        echo: Whether the line's adapter hears itself, so that what is sent comes back.
    """

    gap_s: float | None = None
    echo: bool = False

    def over(self, beneath: "Sharing") -> "Sharing":
        """The same, with `beneath` where nothing is said here."""
        gap_s = self.gap_s if self.gap_s is not None else beneath.gap_s
        return Sharing(gap_s, self.echo or beneath.echo)


@dataclass(frozen=True, slots=True)
class TalkOptions:
    """How messages stand on a line, and what opening it takes; None leaves it to the driver.

    Attributes:
        eol: What a command ends with; of replies too where `reply_eol` is None.
        reply_eol: What a reply ends with.
        encoding: Of characters above 127.
        wait_s: Seconds for which the instrument hears nothing once its line was opened; with
            `banner`, at most so many.
        banner: Text within the line by which it says that it hears, or "".
    """

    eol: str | None = None
    reply_eol: str | None = None
    encoding: str | None = None
    wait_s: float | None = None
    banner: str | None = None

    def over(self, beneath: "TalkOptions") -> "TalkOptions":
        """These options, with `beneath` where nothing is said here."""
        if self.eol and self.reply_eol is None:  # of both directions: what is beneath is replaced
            return _over(self, replace(beneath, reply_eol=None))
        return _over(self, beneath)


@dataclass(frozen=True, slots=True)
class Options:
    """All that can be said behind an address, or in a bench file beside it."""

    serial: SerialOptions = field(default_factory=SerialOptions)
    sharing: Sharing = field(default_factory=Sharing)
    talk: TalkOptions = field(default_factory=TalkOptions)

    def __bool__(self) -> bool:
        return self != Options()

    def over(self, beneath: "Options") -> "Options":
        """These options, with `beneath` where nothing is said here."""
        return Options(
            self.serial.over(beneath.serial),
            self.sharing.over(beneath.sharing),
            self.talk.over(beneath.talk),
        )

    def said(self) -> Iterator[tuple[str, int | float | str]]:
        """What is said, by the names in which it is written, as a bench file holds it."""
        for name in (*LINE, *TALK):
            value = getattr(self.serial if name in LINE else self.talk, name)
            if name in ("eol", "reply_eol") and value is not None:
                yield name, terminator_name(value)
            elif value is not None:
                is_whole = isinstance(value, float) and value.is_integer()
                yield name, int(value) if is_whole else value
        if self.sharing.gap_s is not None:
            yield "gap_ms", round(self.sharing.gap_s * 1000)
        if self.sharing.echo:
            yield "echo", "yes"


class OptionError(ValueError):
    """An option cannot be read.

    Attributes:
        allowed: What should stand there.
        is_name: Whether there is no option of that name, rather than no such value.
    """

    def __init__(self, allowed: str, *, is_name: bool = False) -> None:
        super().__init__(allowed)
        self.allowed = allowed
        self.is_name = is_name


def with_option(options: Options, name: str, value: object) -> Options:
    """The options, with one more.

    Args:
        value: Text as in an address, or a value of a bench file.

    Raises:
        OptionError: There is no such option, or it cannot be that.
    """
    if name not in _READ:
        raise OptionError(f"one of {', '.join(NAMES)}", is_name=True)
    if isinstance(value, bool):
        value = "yes" if value else "no"
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value if isinstance(value, str) else str(value)
    read = _READ[name](text)
    if name in LINE:
        return replace(options, serial=replace(options.serial, **{name: read}))
    if name in TALK:
        return replace(options, talk=replace(options.talk, **{name: read}))
    changed = {"gap_s": read} if name == "gap_ms" else {name: read}
    return replace(options, sharing=replace(options.sharing, **changed))


def terminator_name(eol: str) -> str:
    """A terminator as it is written: by its name where it has one."""
    return next((name for name, each in TERMINATORS.items() if each == eol), eol)


def _over(options: O, beneath: O) -> O:
    given = {each.name: getattr(options, each.name) for each in fields(options)}
    return replace(beneath, **{name: value for name, value in given.items() if value is not None})


# ── the values ────────────────────────────────────────────────────────────────────────────


def _number(among: range, what: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        is_number = text.isascii() and text.isdecimal() and len(text) < 9
        if not is_number or int(text) not in among:
            raise OptionError(what)
        return int(text)

    return read


def _word(*words: str) -> Callable[[str], str]:
    *most, last = words

    def read(text: str) -> str:
        if text.lower() not in words:
            raise OptionError(f"{', '.join(most)} or {last}")
        return text.lower()

    return read


def _stop(text: str) -> float:
    if text not in {"1", "1.5", "2"}:
        raise OptionError("1, 1.5 or 2 stop bits")
    return float(text)


def _gap(text: str) -> float:
    return _number(_GAPS_MS, "a gap from 0 to 1000 ms")(text) / 1000


def _wait(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST_WAIT_S:
        raise OptionError(f"seconds from 0 to {_LONGEST_WAIT_S:g}")
    return seconds


def _eol(text: str) -> str:
    if text.lower() in TERMINATORS:
        return TERMINATORS[text.lower()]
    # A letter or digit would end commands in their midst.
    if not re.fullmatch(rf"[\x00-\x1f\x7f!-/:-@\[-`{{-~]{{1,{_LONGEST_EOL}}}", text):
        *most, last = TERMINATORS
        raise OptionError(
            f"{', '.join(most)}, {last}, or 1 to {_LONGEST_EOL} characters that are no letters "
            "or digits"
        )
    return text


def _reply_eol(text: str) -> str:
    eol = _eol(text)
    if not eol:
        raise OptionError("what a reply ends with, so not none")
    return eol


def _banner(text: str) -> str:
    if not (text.strip() and text.isprintable() and len(text) <= _LONGEST_BANNER):
        raise OptionError(f"a text of 1 to {_LONGEST_BANNER} characters")
    return text


_READ: Mapping[str, Callable[[str], Any]] = {
    "baud": _number(_BAUDS, "a baud rate from 50 to 4000000"),
    "bits": _number(range(5, 9), "5, 6, 7 or 8 data bits"),
    "parity": _word(*get_args(Parity)),
    "stop": _stop,
    "flow": _word(*get_args(Flow)),
    "dtr": _word(*get_args(Signal)),
    "rts": _word(*get_args(Signal)),
    "gap_ms": _gap,
    "echo": lambda text: _word("yes", "no")(text) == "yes",
    "eol": _eol,
    "reply_eol": _reply_eol,
    "encoding": _word(*ENCODINGS),
    "wait_s": _wait,
    "banner": _banner,
}
NAMES = tuple(_READ)
"""Every option's name."""
LINE = tuple(each.name for each in fields(SerialOptions))
TALK = tuple(each.name for each in fields(TalkOptions))
SHARED = ("gap_ms", "echo")
MESSAGES = ("eol", "reply_eol", "encoding")
OPENING = ("wait_s", "banner")
