"""From the text of a reply to a value and its quality.

Strict on purpose: what is not exactly a number is a `ReplyError`, never a guess, so that half a
reply or somebody else's is noticed. "No number" (IEEE 488.2 as SCPI-99 uses it) is NaN with a
quality and never data (D3).
"""

import math
import re
from dataclasses import dataclass

from funcnodes.core.values import Quality
from funcnodes.errors import ReplyError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_HEADER = re.compile(r"\s*:?(\*?[A-Za-z][\w:]*)\s+(?=\S)", re.ASCII)
_LETTER = re.compile(r"[^\W\d_]")
_ERROR = re.compile(r'([+-]?\d{1,6})\s*,\s*"?(.*?)"?', re.ASCII)
_INFINITE = 9.9e37  # SCPI-99 7.2.1.4: 9.9E37 is infinity
_NOT_A_NUMBER = 9.91e37  # SCPI-99 7.2.1.5
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Identity:
    """What `*IDN?` answered: four fields, of which an instrument may leave some empty, or out."""

    maker: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""

    @property
    def is_known(self) -> bool:
        """Whether anything was answered."""
        return self != Identity()

    def same_unit(self, other: "Identity") -> bool:
        """Whether both are the same piece of hardware; firmware may have been updated."""
        return (self.maker, self.model, self.serial) == (other.maker, other.model, other.serial)

    def unlike(self, expected: "Identity") -> str:
        """In what it differs, half a sentence: "its model is 2410, not 2400"; "" where in nothing.

        The firmware is told of only where nothing else differs.
        """
        names = {"maker": "maker", "model": "model", "serial": "serial number"}
        if self.same_unit(expected):
            names = {"firmware": "firmware"}
        pairs = [(name, getattr(self, of), getattr(expected, of)) for of, name in names.items()]
        differing = [(name, it, other) for name, it, other in pairs if it != other]
        said = [f"its {name} is {_named(it)}, not {_named(other)}" for name, it, other in differing]
        *most, last = said or [""]
        return f"{', '.join(most)} and {last}" if most else last

    def __str__(self) -> str:
        if self == Identity(model=self.model):
            return self.model
        return ",".join((self.maker, self.model, self.serial, self.firmware))


def _named(field: str) -> str:
    return repr(field) if field else "(none)"


def number(text: str) -> tuple[float, Quality]:
    """A number; overflow and not-a-number become NaN with their quality.

    Raises:
        ReplyError: The text is no number.
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        raise ReplyError(f"{shown(text)} is not a number.")
    value = float(text)
    if abs(value) < _INFINITE * 0.9999:
        return value, "ok"
    return math.nan, "missing" if abs(value - _NOT_A_NUMBER) < 1e33 else "overrange"


def integer(text: str) -> int:
    """A whole number, also written as 1.0 or +1.000E+00.

    Raises:
        ReplyError: The text is none.
    """
    value, quality = number(text)
    if quality != "ok" or value != int(value):
        raise ReplyError(f"{shown(text)} is not a whole number.")
    return int(value)


def boolean(text: str) -> bool:
    """0 or 1 (also as a number), OFF or ON.

    Raises:
        ReplyError: The text is none of these.
    """
    word = text.strip().upper()
    if word in {"ON", "OFF"}:
        return word == "ON"
    value, _ = number(word)
    if value not in (0.0, 1.0):
        raise ReplyError(f"{shown(text)} is neither 0 nor 1.")
    return value == 1.0


def word(text: str) -> str:
    """A text, without the quotes some instruments put around it.

    Raises:
        ReplyError: It holds control characters.
    """
    text = text.strip()
    if not text.isprintable():
        raise ReplyError(f"{shown(text)} is not a text.")
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def without_header(text: str, query: str, *, whole: bool = False) -> str:
    """A reply without the header of its query, where it repeats that: ":VOLT 1.5" to ":VOLT?".

    Long and short forms are the same. What stands in braces in the query may be anything.

    Args:
        whole: Whether all of the query must be repeated, rather than its last word.
    """
    match = _HEADER.match(text)
    if match is None:
        return text
    said, asked = _mnemonics(match[1]), _mnemonics(query.partition("?")[0])
    if not asked or (whole and len(said) != len(asked)):
        return text
    pairs = list(zip(reversed(said), reversed(asked), strict=False))
    return text[match.end() :] if all(_same_mnemonic(*pair) for pair in pairs) else text


def _mnemonics(header: str) -> list[str]:
    return [each for each in header.strip().upper().lstrip("*").split(":") if each]


def _same_mnemonic(said: str, asked: str) -> bool:
    """Whether one is the short form of the other, with the same number behind."""
    if "{" in asked:
        return True
    (name, number), (other, wanted) = _split_number(said), _split_number(asked)
    is_short = name.startswith(other) or other.startswith(name)
    return bool(name and other) and is_short and (number or "1") == (wanted or "1")


def _split_number(mnemonic: str) -> tuple[str, str]:
    name = mnemonic.rstrip("0123456789")
    return name, mnemonic[len(name) :]


def identity(text: str) -> Identity:
    """The reply to `*IDN?`: maker, model, serial number, firmware; one field alone is the model.

    Raises:
        ReplyError: There is no name in it, only numbers, or it holds control characters.
    """
    fields = [field.strip() for field in word(text).split(",", 3)]
    if not any(_LETTER.search(each) and not _NUMBER.fullmatch(each) for each in fields[:2]):
        raise ReplyError(f"{shown(text)} is no identification.")
    return Identity(model=fields[0]) if len(fields) == 1 else Identity(*fields)


def read_identity(text: str) -> Identity:
    """The identity that `str` wrote as this text."""
    return Identity(*text.split(",", 3)) if "," in text else Identity(model=text)


def is_whole(identity: Identity) -> bool:
    """Whether it has so many fields that hardly anything else is taken for it."""
    return bool(identity.maker and identity.model and (identity.serial or identity.firmware))


def error_entry(text: str) -> tuple[int, str]:
    """An entry of the error queue: number and text.

    Raises:
        ReplyError: The text is none.
    """
    match = _ERROR.fullmatch(text.strip())
    if match is None:
        raise ReplyError(f"{shown(text)} is no entry of an error queue.")
    return int(match[1]), match[2]


def spelled(field: int | float | bytes) -> str:
    """A field of a binary reply as a text that `number` or `word` reads back exactly."""
    if isinstance(field, bytes):
        return field.rstrip(b"\0").decode("latin-1")
    if isinstance(field, float) and not math.isfinite(field):
        return "9.91E37" if math.isnan(field) else "9.9E37" if field > 0 else "-9.9E37"
    return repr(field)


def shown(text: str) -> str:
    """A reply for a message: quoted, bounded, control characters visible."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
