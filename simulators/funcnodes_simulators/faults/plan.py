"""What a bad cable, a tired adapter or a hung instrument does: a plan of faults.

A plan is a list of faults per instrument. Each message passes it twice: before it is executed, when
the instrument may be busy or fail, and afterwards, when its reply is turned into a list of
deliveries: bytes, pauses, or the end of the line. Seeded: the same plan breaks the same way twice.
"""

import itertools
import random
from collections import deque
from dataclasses import dataclass

from funcnodes_simulators.faults.deliveries import Delivery, GoDead, HangUp, Hold, LosePower, Send
from funcnodes_simulators.faults.fault import BEFORE_KINDS, LINE_KINDS, Fault

GARBAGE_BYTES = bytes(b for b in range(256) if b not in b"\r\n")
LONGEST_GARBAGE = 40
MOST_PIECES = 50
REMEMBERED_STRIKES = 1000


@dataclass(frozen=True, slots=True)
class Strike:
    """Something that went wrong.

    Attributes:
        at_s: When, on the clock of whoever asked the plan.
        message: What it happened to; empty where it happened by itself, or to a connect.
    """

    at_s: float
    kind: str
    message: str


@dataclass(slots=True)
class _Armed:
    fault: Fault
    random: random.Random
    from_s: float
    seen: int = 0
    hits: int = 0

    @property
    def is_spent(self) -> bool:
        return self.fault.count is not None and self.hits >= self.fault.count

    def is_due(self, message: str, now_s: float) -> bool:
        """Count a message, and tell whether it may be hit."""
        if now_s < self.from_s or self.fault.match.lower() not in message.lower():
            return False
        self.seen += 1
        is_drawn = self.fault.probability == 1 or self.random.random() < self.fault.probability
        return self.seen >= self.fault.nth and is_drawn


class FaultPlan:
    """The faults of one instrument, in the order they were armed.

    Attributes:
        strikes: What went wrong, oldest first.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed = seed
        self._number = itertools.count()
        self._random = random.Random(seed)
        self._armed: list[_Armed] = []
        self.strikes: deque[Strike] = deque(maxlen=REMEMBERED_STRIKES)

    def add(self, fault: Fault, *, now_s: float = 0.0) -> None:
        """Arm a fault; each draws from a sequence of its own, so that others do not disturb it."""
        number = next(self._number)
        own = random.Random(None if self._seed is None else f"{self._seed}/{number}")
        self._armed.append(_Armed(fault, own, now_s + fault.at_s))

    def clear(self) -> None:
        """Disarm everything; what is on its way already still arrives."""
        self._armed.clear()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is armed."""
        return not self._armed

    @property
    def pending(self) -> list[Fault]:
        """The faults that are still armed."""
        return [armed.fault for armed in self._armed]

    def refuses_connect(self, *, now_s: float | None = None) -> bool:
        """Whether the connect that is just happening is turned away."""
        for armed in self._armed:
            if armed.fault.kind == "refuse" and (now_s is None or now_s >= armed.from_s):
                self._strike(armed, "", now_s or 0.0)
                return True
        return False

    def before(self, message: str, *, now_s: float = 0.0) -> Fault | None:
        """Decide what happens to a message before it is executed."""
        concerned = [armed for armed in self._armed if armed.fault.kind in BEFORE_KINDS]
        return self._hit(concerned, message, now_s)

    def deliver(self, message: str, reply: bytes | None, *, now_s: float = 0.0) -> list[Delivery]:
        """Decide what becomes of a reply, its terminator included.

        Args:
            message: What the instrument was sent.
            reply: What it answers; None if nothing. Then only what happens to a line, and names a
                match, hits.
            now_s: What time it is.
        """
        concerned = [armed for armed in self._armed if _concerns(armed.fault, reply)]
        fault = self._hit(concerned, message, now_s)
        if fault is None:
            return [] if reply is None else [Send(reply)]
        return self._broken(fault, reply or b"")

    def strike(self, fault: Fault, *, now_s: float = 0.0) -> Delivery | None:
        """Let a fault that strikes by itself do so; None if it was cleared meanwhile."""
        armed = next((a for a in self._armed if a.fault is fault), None)
        if armed is None:
            return None
        self._strike(armed, "", now_s)
        return _on_line(fault)

    def _hit(self, concerned: list[_Armed], message: str, now_s: float) -> Fault | None:
        """Show a message to faults; all of them count it, the first one that is due strikes."""
        due = [armed for armed in concerned if armed.is_due(message, now_s)]
        if not due:
            return None
        self._strike(due[0], message, now_s)
        return due[0].fault

    def _strike(self, armed: _Armed, message: str, now_s: float) -> None:
        armed.hits += 1
        self.strikes.append(Strike(now_s, armed.fault.kind, message))
        self._armed = [one for one in self._armed if not one.is_spent]

    def _broken(self, fault: Fault, reply: bytes) -> list[Delivery]:
        half = reply[: max(1, len(reply) // 2)]
        match fault.kind:
            case "delay":
                return [Send(reply, after_s=fault.seconds)]
            case "late":
                return [Send(reply, after_s=fault.seconds, is_apart=True)]
            case "garbage":
                return [Send((fault.text.encode("latin-1", "replace") or self._garbage()) + b"\n")]
            case "truncate":
                return [Send(half)]
            case "split":
                return self._pieces(reply, fault.seconds)
            case "slow":
                return _trickle(reply, fault.seconds)
            case "coalesce":
                return [Hold(reply, fault.seconds)]
            case "terminator":
                return [Send(reply.rstrip(b"\r\n") + (fault.text.encode() or b"\r"))]
            case "oversize":
                return [Send(_grown(reply, fault.size))]
            case "double":
                return [Send(reply), Send(reply, after_s=fault.seconds, is_apart=True)]
            case "close":
                return [Send(half), HangUp()] if reply else [HangUp()]
            case "reset" | "half_open" | "power_cycle":
                return [_on_line(fault)]
            case _:
                return []

    def _garbage(self) -> bytes:
        """Bytes of every kind; the first is no text, so that they are never a number by chance."""
        length = self._random.randint(0, LONGEST_GARBAGE - 1)
        first = self._random.randrange(0x80, 0x100)
        return bytes([first, *self._random.choices(GARBAGE_BYTES, k=length)])

    def _pieces(self, reply: bytes, pause_s: float) -> list[Delivery]:
        cuts = sorted({self._random.randrange(1, max(2, len(reply))) for _ in range(2)})
        bounds = [0, *cuts, len(reply)]
        return [
            Send(reply[start:end], after_s=0.0 if start == 0 else pause_s)
            for start, end in itertools.pairwise(bounds)
            if end > start
        ]


def _concerns(fault: Fault, reply: bytes | None) -> bool:
    if fault.kind == "refuse" or fault.kind in BEFORE_KINDS or fault.strikes_by_itself:
        return False
    return reply is not None or (fault.kind in LINE_KINDS and bool(fault.match))


def _on_line(fault: Fault) -> Delivery:
    match fault.kind:
        case "half_open":
            return GoDead()
        case "power_cycle":
            return LosePower()
        case kind:
            return HangUp(is_reset=kind == "reset")


def _trickle(reply: bytes, seconds: float) -> list[Delivery]:
    size = max(1, -(-len(reply) // MOST_PIECES))
    pieces = [reply[start : start + size] for start in range(0, len(reply), size)]
    return [Send(piece, after_s=seconds / len(pieces)) for piece in pieces]


def _grown(reply: bytes, size: int) -> bytes:
    """Repeat a reply, without its end, up to a size, and end it as it was."""
    body = reply.rstrip(b"\r\n")
    end = reply[len(body) :]
    times = size // max(1, len(body)) + 1
    return ((body or b"0") * times)[: max(0, size - len(end))] + end
