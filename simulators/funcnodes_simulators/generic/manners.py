"""How a table's instrument behaves on its line, apart from what it answers.

Where it has any manners at all, it says itself where each of its replies ends: an echo comes before
a reply, a status line behind it, a prompt at last. Everything wrong with the keys is one sentence
in a `ValueError`.
"""

import codecs
from dataclasses import dataclass
from typing import Any

from funcnodes_simulators.documents import flag_at, number_at, text_at

LONGEST_DEAF_S = 3600.0
ENCODINGS = ("utf-8", "latin-1", "ascii")
MANNERS_KEYS = frozenset(
    ("acknowledge", "refusal", "preface", "status", "echo", "prompt", "banner", "deaf_s",
     "reboots", "encoding")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Manners:
    """What an instrument does beside answering.

    Attributes:
        acknowledge: What it says to a command that it carried out; nothing if empty.
        refusal: What it says to what it does not understand or take; nothing if empty.
        preface: A line of its own before each reply to a query; none if empty.
        status: A line of its own behind each reply to a query; none if empty.
        echo: Whether it says each message back before anything else.
        prompt: What it says last, when it is ready for the next message; ends in no terminator.
        banner: What it says when its line was opened, as it stands.
        deaf_s: For how long it hears nothing then.
        reboots: Whether it is as after switching on each time its line is opened.
        encoding: How its texts are bytes.
    """

    acknowledge: str = ""
    refusal: str = ""
    preface: str = ""
    status: str = ""
    echo: bool = False
    prompt: str = ""
    banner: str = ""
    deaf_s: float = 0.0
    reboots: bool = False
    encoding: str = "utf-8"

    @property
    def frames_replies(self) -> bool:
        """Whether anything but a reply and its terminator is sent in answer to a message."""
        said = (self.acknowledge, self.refusal, self.preface, self.status, self.prompt)
        return self.echo or any(said)

    @property
    def greeting(self) -> str:
        """What is said once after the line was opened."""
        return self.banner + self.prompt

    def encoded(self, text: str) -> bytes:
        """Turn a text into bytes; what the encoding does not know becomes a question mark."""
        return text.encode(self.encoding, "replace")

    def decoded(self, message: str) -> str:
        """Turn a message, which stands for bytes one by one, into a text."""
        return message.encode("latin-1").decode(self.encoding, "replace")


def read_manners(table: dict[str, Any], where: str) -> Manners:
    """Read the keys of a table that are about manners.

    Raises:
        ValueError: One is wrong; one sentence that names it.
    """
    texts = ("acknowledge", "refusal", "preface", "status", "prompt", "banner")
    encoding = text_at(table, "encoding", where, "utf-8")
    if encoding not in ENCODINGS:
        raise ValueError(f"{where}.encoding is {encoding!r}; it must be {', '.join(ENCODINGS)}")
    manners = Manners(
        **{key: text_at(table, key, where, "") for key in texts},
        echo=flag_at(table, "echo", where, default=False),
        deaf_s=number_at(table, "deaf_s", where, default=0.0, low=0.0, high=LONGEST_DEAF_S),
        reboots=flag_at(table, "reboots", where, default=False),
        encoding=encoding,
    )
    for key in texts:
        check_encoding(getattr(manners, key), encoding, f"{where}.{key}")
    return manners


def check_encoding(text: str, encoding: str, where: str) -> None:
    """Refuse a text that an encoding has no bytes for; raises ValueError."""
    try:
        codecs.encode(text, encoding)
    except UnicodeEncodeError as error:
        raise ValueError(f"{where} has {text[error.start]!r}, which is not {encoding}") from None
