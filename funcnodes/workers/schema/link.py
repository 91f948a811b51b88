"""What server and worker say to each other on the link that the worker dials."""

from funcnodes.workers.schema.answers import Ack, Fail, Patch, Snapshot
from funcnodes.workers.schema.commands import AnyCommand
from funcnodes.workers.schema.words import Base, Role


class Hello(Base, kw_only=True, tag="hello"):
    """First message of a worker that dials in; the credential travels in the request header."""

    worker: str
    name: str
    session: str
    pid: int
    version: str
    clock_s: float = 0.0
    """The worker's own clock now, which runs on while the process is held."""


class WorkerClock(Base, kw_only=True, tag="clock"):
    """The worker's clock now, every second: by it the manager says until when a command is good."""

    clock_s: float


class Piece(Base, kw_only=True, tag="piece"):
    """Part of a message that is too long to be sent whole; pieces come in order."""

    data: bytes
    last: bool


class Actor(Base, kw_only=True):
    """On whose behalf a command comes; the worker checks the role again."""

    id: str
    name: str
    role: Role


class Do(Base, kw_only=True, tag="do"):
    """A command handed to the worker. `id` is the manager's own; answers carry it back."""

    id: int
    rev: int
    actor: Actor
    key: str = ""
    """As in CommandMessage."""
    expires_s: float | None = None
    """By the worker's clock, never later than it should be; null for what may always be done."""
    body: AnyCommand
    client: str = ""
    """Which of the actor's browsers it comes from; "" where it comes from none."""


class People(Base, kw_only=True, tag="people_now"):
    """Who watches this worker now."""

    people: list[Actor]


class Shutdown(Base, kw_only=True, tag="shutdown"):
    """Make safe, save, end."""


class Standing(Base, kw_only=True, tag="standing"):
    """What the list of workers says of this one; sent after Hello and whenever it changes."""

    bench: str = ""
    nodespace: str = ""
    simulated: bool = False
    message: str = ""


ToWorker = Do | People | Shutdown
FromWorkerLink = Hello | WorkerClock | Piece | Standing | Snapshot | Patch | Ack | Fail
