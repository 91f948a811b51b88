"""What a worker's guard thread and the manager say to each other, past every queue.

The guard channel is a WebSocket of its own, so that an E-STOP waits for no patch, no command and
no event loop. Framed as everything else: one msgpack map with a `type` per message.
"""

from funcnodes.workers.schema.link import Actor
from funcnodes.workers.schema.views import LatchView
from funcnodes.workers.schema.words import Base


class GuardHello(Base, kw_only=True, tag="guard_hello"):
    """First message of a guard thread that dials in."""

    worker: str
    session: str
    pid: int


class Beat(Base, kw_only=True, tag="beat"):
    """The worker process lives; `loop_ms` says how long ago its event loop last answered."""

    loop_ms: float


class GuardStop(Base, kw_only=True, tag="guard_stop"):
    """E-STOP now. Every GuardReport about it carries `id` back."""

    id: int
    actor: Actor
    cause: str = "E-STOP"


class GuardReport(Base, kw_only=True, tag="guard_report"):
    """How far an E-STOP has come; sent again as devices acknowledge."""

    id: int
    latch: LatchView
    final: bool = False


class Blocked(Base, kw_only=True, tag="blocked"):
    """The event loop has not answered for `seconds`; 0 when it does again."""

    seconds: float
    node: str = ""
    """Name of the node whose function holds the loop, or "" where that is not known."""
    where: str = ""
    """Function, file and line."""


ToGuard = GuardStop
FromGuard = GuardHello | Beat | GuardReport | Blocked
