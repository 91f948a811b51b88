"""Faults on the way of a reply: what a bad cable, a tired adapter or a hung instrument does.

A plan is a list of faults per instrument. Each message that the instrument has executed passes the
plan, which turns its reply into a list of deliveries: bytes, pauses, or the end of the line. The
instrument itself always executes what it received. Seeded: the same plan breaks the same way twice.
"""

import itertools
import random
from dataclasses import dataclass
from typing import Literal, get_args

FaultKind = Literal[
    "delay", "late", "drop", "garbage", "truncate", "split", "close", "refuse", "mute"
]

KINDS: tuple[str, ...] = get_args(FaultKind)
GARBAGE_BYTES = bytes(b for b in range(256) if b not in b"\r\n")
LONGEST_GARBAGE = 40


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that will go wrong.

    Attributes:
        kind: `delay`: the reply and all after it come later. `late`: the reply comes later, others
            are not held up. `drop`: no reply. `garbage`: other bytes instead. `truncate`: the first
            half, no terminator. `split`: in pieces, `seconds` apart. `close`: half of the reply,
            then the line closes. `refuse`: the next `count` connects are turned away. `mute`: no
            replies at all until cleared.
        seconds: Length of a delay, lateness, or pause between pieces.
        count: For how many replies; None until cleared.
        match: Only for messages that contain this text, in any case.
        nth: The first matching message that is hit, 1 for the next one.
    """

    kind: FaultKind
    seconds: float = 0.1
    count: int | None = 1
    match: str = ""
    nth: int = 1

    def __post_init__(self) -> None:
        if self.kind == "mute":
            object.__setattr__(self, "count", None)
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is not a kind of fault; they are {', '.join(KINDS)}")
        if not 0 <= self.seconds <= 3600:
            raise ValueError(f"a fault of {self.seconds} s is outside 0 to 3600 s")
        if self.count is not None and self.count < 1:
            raise ValueError(f"a fault cannot happen {self.count} times")
        if self.nth < 1:
            raise ValueError(f"there is no message number {self.nth}; they count from 1")


@dataclass(frozen=True, slots=True)
class Send:
    """These bytes go out, a while after the delivery before them.

    Attributes:
        is_apart: It holds up nothing that follows.
    """

    data: bytes
    after_s: float = 0.0
    is_apart: bool = False


@dataclass(frozen=True, slots=True)
class HangUp:
    """The line closes, after what was sent before has left."""


Delivery = Send | HangUp


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    hits: int = 0

    @property
    def is_spent(self) -> bool:
        return self.fault.count is not None and self.hits >= self.fault.count

    def strikes(self, message: str) -> bool:
        """Count a message, and tell whether it is hit."""
        if self.fault.match.lower() not in message.lower():
            return False
        self.seen += 1
        if self.seen < self.fault.nth:
            return False
        self.hits += 1
        return True


class FaultPlan:
    """The faults of one instrument, in the order they were armed."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)
        self._armed: list[_Armed] = []

    def add(self, fault: Fault) -> None:
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """Disarm everything; what is on its way already still arrives."""
        self._armed.clear()

    @property
    def pending(self) -> list[Fault]:
        """The faults that are still armed."""
        return [armed.fault for armed in self._armed]

    def refuses_connect(self) -> bool:
        """Whether the connect that is just happening is turned away."""
        armed = next((a for a in self._armed if a.fault.kind == "refuse"), None)
        if armed is None:
            return False
        armed.hits += 1
        self._forget_spent()
        return True

    def deliver(self, message: str, reply: bytes | None) -> list[Delivery]:
        """Decide what becomes of a reply, its terminator included.

        Args:
            message: What the instrument was sent.
            reply: What it answers; None if nothing. Then only a `close` that names a match hits.
        """
        armed = next((a for a in self._armed if _concerns(a.fault, reply) and a.strikes(message)),
                     None)  # fmt: skip
        self._forget_spent()
        if armed is None:
            return [] if reply is None else [Send(reply)]
        return self._broken(armed.fault, reply or b"")

    def _broken(self, fault: Fault, reply: bytes) -> list[Delivery]:
        half = reply[: max(1, len(reply) // 2)]
        match fault.kind:
            case "delay":
                return [Send(reply, after_s=fault.seconds)]
            case "late":
                return [Send(reply, after_s=fault.seconds, is_apart=True)]
            case "garbage":
                return [Send(self._garbage() + b"\n")]
            case "truncate":
                return [Send(half)]
            case "split":
                return self._pieces(reply, fault.seconds)
            case "close":
                return [Send(half), HangUp()] if reply else [HangUp()]
            case _:
                return []

    def _garbage(self) -> bytes:
        length = self._random.randint(1, LONGEST_GARBAGE)
        return bytes(self._random.choices(GARBAGE_BYTES, k=length))

    def _pieces(self, reply: bytes, pause_s: float) -> list[Delivery]:
        cuts = sorted({self._random.randrange(1, max(2, len(reply))) for _ in range(2)})
        bounds = [0, *cuts, len(reply)]
        return [
            Send(reply[start:end], after_s=0.0 if start == 0 else pause_s)
            for start, end in itertools.pairwise(bounds)
            if end > start
        ]

    def _forget_spent(self) -> None:
        self._armed = [armed for armed in self._armed if not armed.is_spent]


def _concerns(fault: Fault, reply: bytes | None) -> bool:
    if fault.kind == "refuse":
        return False
    return reply is not None or (fault.kind == "close" and bool(fault.match))
