"""What is told: all of it at first, then what changes, numbered; and an answer to each command.

The worker numbers its patches (`seq`) within a `session` (one life of the worker process); the
server keeps the newest patches, so that a browser that comes back names the last one it has seen
and gets what it missed, or a new Snapshot. Values are coalesced, latest wins; rows are not.
"""

from typing import Any

import msgspec

from funcnodes.workers.schema.views import (
    BeforeRunView,
    BodyView,
    ColumnView,
    ContinueView,
    DeviceView,
    DryRunView,
    EdgeView,
    ExampleView,
    ExportPiece,
    HistoryView,
    LatchView,
    LibraryEntry,
    LogLine,
    NodeView,
    PersonView,
    Problem,
    ProgressView,
    PromptView,
    QueueView,
    RunView,
    SafetyView,
    SpaceView,
    TrafficPage,
    VerdictsView,
    WatchView,
)
from funcnodes.workers.schema.words import Base, NodeState, Quality


class Snapshot(Base, kw_only=True, tag="snapshot"):
    """Everything a browser needs to draw the worker."""

    worker: str
    session: str
    seq: int
    rev: int
    space: SpaceView | None = None
    """Null while no nodespace is open."""
    spaces: list[str] = []
    nodes: list[NodeView] = []
    edges: list[EdgeView] = []
    devices: list[DeviceView] = []
    bench: str = ""
    run: RunView | None = None
    """The active or else the last run."""
    latch: LatchView
    watch: WatchView = msgspec.field(default_factory=WatchView)
    safety: SafetyView = msgspec.field(default_factory=SafetyView)
    library: list[LibraryEntry] = []
    examples: list[ExampleView] = []
    people: list[PersonView] = []
    prompts: list[PromptView] = []
    """What waits for an answer, oldest first."""
    queue: QueueView = msgspec.field(default_factory=QueueView)
    log: list[LogLine] = []
    now: float = 0.0
    """The worker's clock, seconds since the epoch: ages are counted on it."""


class NodePut(Base, kw_only=True, tag="node"):
    node: NodeView


class NodeGone(Base, kw_only=True, tag="node_gone"):
    id: str


class NodeStatus(Base, kw_only=True, gc=False, tag="status"):
    id: str
    state: NodeState
    duration_s: float | None = None
    runs: int = 0
    progress: ProgressView | None = None
    problem: Problem | None = None


class EdgePut(Base, kw_only=True, tag="edge"):
    edge: EdgeView


class EdgeGone(Base, kw_only=True, tag="edge_gone"):
    id: str


class PortValue(Base, array_like=True, gc=False):
    """One port's newest value, positional to keep patches small."""

    node: str
    port: str
    value: Any
    quality: Quality
    t: float | None
    stale: bool
    applied: bool
    note: str = ""
    """See PortView.note."""
    u: float | None = None
    """See PortView.u."""


class PortValues(Base, kw_only=True, tag="values"):
    values: list[PortValue]


class RowsView(Base, kw_only=True, tag="rows"):
    """Rows `start` … of a run's recorder; appended, never coalesced away.

    Where there would be more than a plot can show, only those that it needs stand for the rest."""

    run: str
    recorder: str
    start: int
    columns: list[ColumnView]
    data: list[list[float | None]]
    """One list per column."""
    stop: int = 0
    """The first row that they do not stand for; 0: there are as many as that."""
    recorders: list[str] = []
    """Of an answer: all of the run, its streams included, the first one first."""


class MapAxisView(Base, kw_only=True):
    column: ColumnView
    values: list[float]
    """Places of the cells, rising."""
    edges: list[float]
    """Where each begins, and the last one ends."""


class MapView(Base, kw_only=True):
    """One column of a run as colour over two others."""

    run: str
    columns: list[ColumnView]
    """All that there are to choose from."""
    x: MapAxisView
    y: MapAxisView
    z: ColumnView
    values: list[float | None]
    """Row by row along x, from the lowest y on; null where there is no number."""
    bad: dict[str, list[int]]
    """Places in `values` of the cells that are not ok, by quality; "" where no point was taken."""
    low: float | None
    high: float | None
    rows: int
    """Of the run, that it stands for."""
    thinned: bool
    """A cell may stand for several points: it shows the one that is farthest from the mean."""


class DevicePut(Base, kw_only=True, tag="device"):
    device: DeviceView


class DeviceGone(Base, kw_only=True, tag="device_gone"):
    name: str


class RunPut(Base, kw_only=True, tag="run"):
    run: RunView | None


class LatchPut(Base, kw_only=True, tag="latch"):
    latch: LatchView


class WatchPut(Base, kw_only=True, tag="watch"):
    """Alarms and interlocks as they stand now, all of them."""

    watch: WatchView


class SafetyPut(Base, kw_only=True, tag="safety"):
    safety: SafetyView


class SpacePut(Base, kw_only=True, tag="space"):
    space: SpaceView | None
    spaces: list[str]


class LibraryPut(Base, kw_only=True, tag="library"):
    library: list[LibraryEntry]


class PeoplePut(Base, kw_only=True, tag="people"):
    people: list[PersonView]


class PromptsPut(Base, kw_only=True, tag="prompts"):
    """What waits for an answer now, all of it, oldest first."""

    prompts: list[PromptView]


class QueuePut(Base, kw_only=True, tag="queue"):
    """The queue of runs as it is now, all of it."""

    queue: QueueView


class Logged(Base, kw_only=True, tag="log"):
    lines: list[LogLine]


class Reset(Base, kw_only=True, tag="reset"):
    """Another nodespace was opened, or a restored one: drop nodes and edges, then apply."""

    nodes: list[NodeView]
    edges: list[EdgeView]


PatchEvent = (
    NodePut | NodeGone | NodeStatus | EdgePut | EdgeGone | PortValues | RowsView | DevicePut
    | DeviceGone | RunPut | LatchPut | WatchPut | SafetyPut | SpacePut | LibraryPut | PeoplePut
    | PromptsPut | QueuePut | Logged | Reset
)  # fmt: skip


class Patch(Base, kw_only=True, tag="frame"):
    """A numbered batch of events, applied in order.

    The server numbers anew what it passes on, under a session of its own, since it adds patches
    for what cannot wait for a worker whose loop is held.
    """

    session: str
    seq: int
    rev: int
    events: list[PatchEvent]


class Ack(Base, kw_only=True, tag="ack"):
    """The command was carried out."""

    id: int
    rev: int
    result: Any = None


class Fail(Base, kw_only=True, tag="fail"):
    """The command was refused; nothing changed."""

    id: int
    rev: int
    problem: Problem


class Gone(Base, kw_only=True, tag="gone"):
    """The worker is out of reach; everything shown of it is stale until a Snapshot comes."""

    worker: str
    reason: str


class Welcome(Base, kw_only=True, tag="welcome"):
    """First message on the socket, from the server."""

    you: PersonView
    version: str
    clock_s: float = 0.0
    """The server's own clock now, see CommandMessage.sent_s."""


class Pong(Base, kw_only=True, tag="pong"):
    """Answer to a Ping."""

    clock_s: float


FromWorker = Snapshot | Patch | Ack | Fail | Gone | Welcome | Pong
AckResult = (
    RowsView | MapView | BodyView | Snapshot | WatchView | SafetyView | TrafficPage
    | ExportPiece | QueueView | HistoryView | BeforeRunView | DryRunView
    | VerdictsView | ContinueView
)  # fmt: skip
"""What an Ack's result is where it is a struct of its own."""
