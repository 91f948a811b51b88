"""One thing that will go wrong, and which kinds of it there are."""

from dataclasses import dataclass
from typing import Literal, get_args

FaultKind = Literal[
    "delay", "late", "drop", "garbage", "truncate", "split", "slow", "coalesce", "terminator",
    "oversize", "double", "close", "reset", "half_open", "power_cycle", "refuse", "mute", "busy",
    "error",
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(FaultKind)
LINE_KINDS = ("close", "reset", "half_open", "power_cycle")
"""What happens to a line and not to a reply: it needs none."""
BEFORE_KINDS = ("busy", "error")
"""What happens before a message is executed."""
LARGEST_REPLY_BYTES = 1 << 26
LONGEST_FAULT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that will go wrong.

    Attributes:
        kind: `delay`: the reply and all after it come later. `late`: the reply comes later, others
            are not held up. `drop`: no reply. `garbage`: other bytes instead. `truncate`: the first
            half, no terminator. `split`: in pieces, `seconds` apart. `slow`: in many pieces, which
            take `seconds` together. `coalesce`: held back and sent in one piece with the next
            reply, alone after `seconds`. `terminator`: the reply ends in `text` instead, a carriage
            return unless given. `oversize`: grown to `size` bytes. `double`: it comes again after
            `seconds`. `close`: half of the reply, then the line closes. `reset`: the line is reset,
            with no reply. `half_open`: the line stays and nothing comes through it any more, in
            either direction; a new one works. `power_cycle`: off and on again; settings are lost
            and lines cut. `refuse`: the next `count` connects are turned away. `mute`: no replies
            at all until cleared. `busy`: the instrument does nothing for `seconds` before it
            begins. `error`: the message is not executed; `code` is put in the error queue, and a
            query answered with `text` if given.
        seconds: Length of a delay, lateness, pause, or of being busy.
        count: How often; None until cleared.
        match: Only for messages that contain this text, in any case.
        nth: The first matching message that is hit, 1 for the next one.
        probability: How likely each message from there on is hit, 0 to 1.
        at_s: Not before so many seconds after it was armed. Something that happens to a line, and
            names no message, then happens by itself.
        text: What is sent instead, where the kind says so; garbage is random without it.
        size: Bytes of an oversize reply.
        code: The error number of an `error`.
    """

    kind: FaultKind
    seconds: float = 0.1
    count: int | None = 1
    match: str = ""
    nth: int = 1
    probability: float = 1.0
    at_s: float = 0.0
    text: str = ""
    size: int = 1 << 20
    code: int = -300

    def __post_init__(self) -> None:
        if self.kind == "mute":
            object.__setattr__(self, "count", None)
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is not a kind of fault; they are {', '.join(KINDS)}")
        for name, value in (("a fault of", self.seconds), ("a fault after", self.at_s)):
            if not 0 <= value <= LONGEST_FAULT_S:
                raise ValueError(f"{name} {value} s is outside 0 to {LONGEST_FAULT_S:g} s")
        if self.count is not None and self.count < 1:
            raise ValueError(f"a fault cannot happen {self.count} times")
        if self.nth < 1:
            raise ValueError(f"there is no message number {self.nth}; they count from 1")
        if not 0 < self.probability <= 1:
            raise ValueError(f"a probability of {self.probability} is not above 0 and up to 1")
        if not 1 <= self.size <= LARGEST_REPLY_BYTES:
            raise ValueError(f"a reply of {self.size} bytes is outside 1 to {LARGEST_REPLY_BYTES}")

    @property
    def strikes_by_itself(self) -> bool:
        """Whether time makes it happen, and no message."""
        names_no_message = not self.match and self.nth == 1 and self.probability == 1
        return self.at_s > 0 and self.kind in LINE_KINDS and names_no_message
