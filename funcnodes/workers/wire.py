"""What browsers and workers say to each other, as msgspec structs.

One schema for both directions and for every hop; `funcnodes.web.typescript` renders it to
`frontend/src/model/wire.gen.ts`. On the wire each message is one msgpack map with a `type`.

    browser ── Command ──▶ server ──▶ worker        answered by Ack or Fail, in order
    browser ◀── Welcome, Snapshot, Frame ── server ◀── worker

The worker numbers its frames (`seq`) within a `session` (one life of the worker process); the
server keeps the newest frames, so that a browser that comes back names the last one it has seen
and gets what it missed, or a new Snapshot. Values are coalesced, latest wins; rows are not.
"""

from typing import Any, Literal

import msgspec

PortKind = Literal[
    "number", "quantity", "bool", "text", "array", "table", "device", "image", "trigger", "any"
]
NodeState = Literal["idle", "queued", "running", "done", "error"]
DeviceState = Literal["offline", "idle", "busy", "fault", "stopped", "unanswered"]
RunState = Literal[
    "running", "paused", "stopping", "complete", "stopped", "aborted", "failed", "interrupted"
]
Policy = Literal["each", "settled", "zip"]
Role = Literal["viewer", "operator", "admin"]
Arming = Literal["disarmed", "live", "running"]
Quality = Literal["ok", "compliance", "overrange", "timeout", "missing", "stale"]
Section = Literal["enter", "body", "finally"]
BodyKind = Literal["", "plot", "curve", "image", "table", "text", "json"]
CurveStyle = Literal["line", "points", "line and points"]
Cell = str | float | bool | None


class Base(msgspec.Struct, forbid_unknown_fields=True):
    """Strict about unknown fields. (`kw_only` is not inherited, so each says it.)"""


# ── what is seen ──────────────────────────────────────────────────────────────────────────


class Problem(Base, kw_only=True):
    """One plain sentence about what went wrong, and what to try."""

    title: str
    """Kind of error, e.g. "DeviceTimeout"."""
    detail: str
    """The sentence."""
    hint: str = ""
    context: dict[str, Any] = {}


class Progress(Base, kw_only=True):
    done: int
    total: int | None = None
    text: str = ""


class PortView(Base, kw_only=True):
    id: str
    name: str
    kind: PortKind
    type: str
    """Readable type, e.g. "float"."""
    unit: str = ""
    min: float | None = None
    max: float | None = None
    step: float | None = None
    options: list[Any] | None = None
    """Choices, where only these are allowed."""
    required: bool = True
    hidden: bool = False
    pinned: bool = False
    live: bool = False
    """May be changed while a run is on (A2)."""
    doc: str = ""
    default: Any = None
    value: Any = None
    """A preview: number, bool, text or null; anything bigger as a short text."""
    quality: Quality = "ok"
    t: float | None = None
    """Seconds since the epoch at which the value was set; null where there is none."""
    stale: bool = False
    applied: bool = True
    """False on a value that was restored as text (by undo, by loading) and not acted on."""


class NodeView(Base, kw_only=True):
    id: str
    """Its name across subgraphs: `id`, or `subgraph/id` for one inside."""
    scope: str = ""
    """Name of the subgraph that it is right in, "" for the nodespace itself."""
    node_id: str
    """Class of the node, e.g. "sweep" or "device.set"."""
    title: str
    name: str
    icon: str = ""
    doc: str = ""
    x: float = 0.0
    y: float = 0.0
    inputs: list[PortView] = []
    outputs: list[PortView] = []
    policy: Policy = "each"
    state: NodeState = "idle"
    duration_s: float | None = None
    """How long the last execution took, or the running one is taking at most."""
    runs: int = 0
    """Executions since the nodespace was opened."""
    progress: Progress | None = None
    problem: Problem | None = None
    muted: bool = False
    missing: str = ""
    """Why the node cannot run here (package or device missing), else ""."""
    device: str = ""
    member: str = ""
    grows: bool = False
    """True where a wire dropped on the port "+" makes a new input."""
    body: BodyKind = ""
    """What its card shows; all but "plot" is asked for by GetBody."""
    plot: "PlotSpec | None" = None
    is_frame: bool = False
    frame: str = ""
    """Name of the frame that holds it, else ""."""
    section: Section = "body"
    """Where in that frame it is held."""
    subgraph: "SubgraphView | None" = None


class SubgraphView(Base, kw_only=True):
    """What a subgraph's card says of it besides its ports."""

    nodes: int = 0
    """How many are right inside, ports aside."""
    file: str = ""
    """Name of the file it was made from or saved to, else ""."""
    edited: bool = False
    """It is another than its file was when it was made from it."""
    behind: bool = False
    """Its file has another version now."""


class PlotSpec(Base, kw_only=True):
    """What a plot node draws: columns of the rows of the recorder that feeds it."""

    recorder: str = ""
    """Id of the recorder node, or "" while none is connected."""
    x: str = ""
    y: list[str] = []
    x_label: str = ""
    y_label: str = ""


class EdgeView(Base, kw_only=True):
    id: str
    source: str
    source_port: str
    target: str
    target_port: str
    note: str = ""
    """What the wire does to a value, e.g. "×0.001"."""


class ParameterView(Base, kw_only=True):
    """One declared member of a device, as the Bench panel and the inspector show it."""

    name: str
    title: str
    kind: Literal["control", "measurement", "record", "command", "setting"]
    unit: str = ""
    min: float | None = None
    max: float | None = None
    value: Any = None
    doc: str = ""


class DeviceView(Base, kw_only=True):
    name: str
    driver: str
    model: str = ""
    serial: str = ""
    address: str = ""
    state: DeviceState = "offline"
    output_on: bool | None = None
    """Null where the device has no output, or it is not known."""
    simulated: bool = False
    message: str = ""
    """Why it is offline, in fault or unanswered."""
    safe_state: str = ""
    """What E-STOP does to it, in words."""
    parameters: list[ParameterView] = []


class RunView(Base, kw_only=True):
    id: str
    """ULID."""
    number: int
    state: RunState
    done: int = 0
    total: int | None = None
    left_s: float | None = None
    started: float
    """Seconds since the epoch."""
    ended: float | None = None
    rows: int = 0
    operator: str = ""
    simulated: bool = False
    message: str = ""
    """Why it ended otherwise than complete."""
    nodespace: str = ""


AlarmSeverity = Literal["NO_ALARM", "MINOR", "MAJOR", "INVALID"]


class AlarmView(Base, kw_only=True):
    """How one alarm of the bench stands."""

    name: str
    source: str
    """What it looks at, e.g. "tc.a.kelvin"; of a node's alarm its name."""
    device: str = ""
    """Whose value that is, "" where it is no device's."""
    value: Any = None
    """The newest: number, bool or text; null where there is none."""
    unit: str = ""
    read_t: float | None = None
    """Seconds since the epoch at which the value was read."""
    severity: AlarmSeverity
    status: str
    """Why: HIHI, HIGH, LOW, LOLO, STATE, COMM (not reached) or READ (no number)."""
    message: str = ""
    unacknowledged: AlarmSeverity = "NO_ALARM"
    """The worst that nobody has acknowledged."""
    t: float | None = None
    """Seconds since the epoch of its last change."""
    enabled: bool = True
    shelved_until: float | None = None
    """Seconds since the epoch until which nobody is told of it; null where it is not shelved."""


class InterlockView(Base, kw_only=True):
    """How one interlock of the bench stands."""

    name: str
    when: str
    then: Literal["estop", "park", "hold", "refuse"]
    devices: list[str] = []
    writes: list[str] = []
    """What it refuses writes to, "smu.output"; where it is empty, all of `devices`."""
    tripped: bool = False
    holds: bool = False
    """Whether its condition holds now; it may be tripped without."""
    latching: bool = True
    """Whether it stays tripped until somebody resets it."""
    why: str = ""
    """What it was tripped by, or what its sources say."""
    t: float | None = None
    """Seconds since the epoch at which it tripped."""


class WatchView(Base, kw_only=True):
    """What the bench watches by itself."""

    alarms: list[AlarmView] = []
    interlocks: list[InterlockView] = []


SafeAction = Literal["estop", "park", "hold"]
StopCause = Literal["on_estop", "at_end", "on_worker_death", "on_operator_lost"]


class PlanStepView(Base, kw_only=True):
    """What happens to one device for one cause."""

    device: str
    action: SafeAction
    words: str
    """E.g. "voltage to 0 V at 5 V/s, then output off"."""
    within_s: float | None = None
    """Seconds it takes at worst; null where nothing is done, or it is out of reach."""
    order: int
    """1 for who is first; those with the same number go together."""
    note: str = ""
    """What a person has to know, such as that it cannot be reached."""


class CausePlanView(Base, kw_only=True):
    """What happens for one cause."""

    cause: StopCause
    title: str
    steps: list[PlanStepView] = []


class SafetyWarningView(Base, kw_only=True):
    """Something that whoever arms the bench should know of, and accept (S5)."""

    name: str
    """The device, or the interlock."""
    text: str
    asks: bool = True
    """Whether it is to be accepted; not where it concerns a simulated device alone."""


class SafetyView(Base, kw_only=True):
    """What the bench will do for each cause, shown before anything is armed (S1)."""

    causes: list[CausePlanView] = []
    interlocks: list[str] = []
    unreachable: list[str] = []
    warnings: list[SafetyWarningView] = []
    asks: list[str] = []
    """Real devices that can be switched on: whoever arms the bench is to have seen all of it."""


class TrafficEntry(Base, array_like=True):
    """One message on the wire of a device, positional to keep answers small."""

    device: str
    number: int
    """Its place in all that went over that wire."""
    t: float
    """Seconds since the epoch."""
    direction: str
    """ "out" to the instrument, "in" from it, "note" for what befell the wire, and the like."""
    data: bytes
    """The bytes, only the first of a long message."""
    size: int
    """How many there were."""
    latency_ms: float | None


class TrafficPage(Base, kw_only=True):
    """What went over the wires since the last page, oldest first."""

    entries: list[TrafficEntry] = []
    counts: dict[str, int] = {}
    """By device, the number of the next message; what to ask for the next time."""
    missed: int = 0
    """Messages that are kept no longer."""


class Curve(Base, kw_only=True):
    x: list[float | None]
    y: list[float | None]


class Figure(Base, kw_only=True):
    """Curves over one pair of axes."""

    curves: list[Curve] = []
    style: CurveStyle = "line"
    title: str = ""
    x_label: str = ""
    y_label: str = ""


class TableBody(Base, kw_only=True):
    """The first columns and rows of a table; of a recorder's, the last rows."""

    columns: list[str] = []
    rows: list[list[Cell]] = []
    total: int = 0
    """How many rows there are."""


class Shown(Base, kw_only=True):
    """What the body of a card shows; all null while there is no value."""

    figure: Figure | None = None
    image: bytes | None = None
    """A PNG."""
    table: TableBody | None = None
    text: str | None = None


class Column(Base, kw_only=True):
    name: str
    unit: str = ""
    node: str = ""
    port: str = ""


class StopAck(Base, kw_only=True):
    """What became of one device at an E-STOP."""

    device: str
    state: Literal["pending", "off", "sent", "unanswered", "held"]
    """`off`: read back off. `sent`: bytes written, not confirmed."""
    ms: float | None = None
    message: str = ""


class LatchView(Base, kw_only=True):
    """The E-STOP latch of the worker (S4)."""

    latched: bool
    by: str = ""
    cause: str = ""
    t: float | None = None
    acks: list[StopAck] = []


class LogLine(Base, kw_only=True):
    t: float
    level: Literal["debug", "info", "warning", "error"]
    source: str
    """Node name, device name, "run" or "worker"."""
    text: str


class SpaceView(Base, kw_only=True):
    """The open nodespace as a document."""

    name: str
    title: str = ""
    saved: float | None = None
    can_undo: bool = False
    can_redo: bool = False
    undo_label: str = ""
    redo_label: str = ""
    arming: Arming = "disarmed"
    bench: str = ""
    notice: str = ""
    """Something the user must know about this file, e.g. that the last good version was loaded."""


class PersonView(Base, kw_only=True):
    id: str
    name: str
    role: Role
    holder: bool = False
    """Holds the controls of the bench."""


class LibraryPort(Base, kw_only=True):
    id: str
    kind: PortKind
    unit: str = ""


class LibraryEntry(Base, kw_only=True):
    """One thing that can be put on the canvas."""

    key: str
    """Unique within the library; what `AddNode.key` names."""
    title: str
    path: list[str]
    """Shelves from the top, e.g. ["smu"] or ["Math"]."""
    icon: str = ""
    doc: str = ""
    words: list[str] = []
    """More words to find it by."""
    inputs: list[LibraryPort] = []
    outputs: list[LibraryPort] = []


class ExampleView(Base, kw_only=True):
    name: str
    title: str
    doc: str
    nodes: int
    devices: int
    about_s: float | None = None


# ── worker → browser ──────────────────────────────────────────────────────────────────────


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
    log: list[LogLine] = []


class NodePut(Base, kw_only=True, tag="node"):
    node: NodeView


class NodeGone(Base, kw_only=True, tag="node_gone"):
    id: str


class NodeStatus(Base, kw_only=True, tag="status"):
    id: str
    state: NodeState
    duration_s: float | None = None
    runs: int = 0
    progress: Progress | None = None
    problem: Problem | None = None


class EdgePut(Base, kw_only=True, tag="edge"):
    edge: EdgeView


class EdgeGone(Base, kw_only=True, tag="edge_gone"):
    id: str


class PortValue(Base, array_like=True):
    """One port's newest value, positional to keep frames small."""

    node: str
    port: str
    value: Any
    quality: Quality
    t: float | None
    stale: bool
    applied: bool


class Values(Base, kw_only=True, tag="values"):
    values: list[PortValue]


class Rows(Base, kw_only=True, tag="rows"):
    """Rows `start` … of a run's recorder; appended, never coalesced away."""

    run: str
    recorder: str
    start: int
    columns: list[Column]
    data: list[list[float | None]]
    """One list per column."""


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


class Logged(Base, kw_only=True, tag="log"):
    lines: list[LogLine]


class Reset(Base, kw_only=True, tag="reset"):
    """Another nodespace was opened, or a restored one: drop nodes and edges, then apply."""

    nodes: list[NodeView]
    edges: list[EdgeView]


Event = (
    NodePut | NodeGone | NodeStatus | EdgePut | EdgeGone | Values | Rows | DevicePut | DeviceGone
    | RunPut | LatchPut | WatchPut | SafetyPut | SpacePut | LibraryPut | PeoplePut | Logged | Reset
)  # fmt: skip


class Frame(Base, kw_only=True, tag="frame"):
    """A numbered batch of events, applied in order.

    The server numbers anew what it passes on, under a session of its own, since it adds frames
    for what cannot wait for a worker whose loop is held.
    """

    session: str
    seq: int
    rev: int
    events: list[Event]


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


FromWorker = Snapshot | Frame | Ack | Fail | Gone | Welcome
AckResult = Rows | Shown | Snapshot | WatchView | TrafficPage
"""What an Ack's result is where it is a struct of its own."""


# ── browser → worker: every edit is a command with an inverse ─────────────────────────────


class AddNode(Base, kw_only=True, tag="add_node"):
    """Ack.result is the new node's id."""

    key: str
    x: float
    y: float
    scope: str = ""
    """The subgraph to put it into, by its name."""
    frame: str = ""
    """The frame to have hold it, by its name."""
    section: Section = "body"


class RemoveNodes(Base, kw_only=True, tag="remove_nodes"):
    ids: list[str]
    edges: list[str] = []
    """Edges to remove with them."""


class MoveNodes(Base, kw_only=True, tag="move_nodes"):
    ids: list[str]
    x: list[float]
    y: list[float]


class Duplicate(Base, kw_only=True, tag="duplicate"):
    """Copy these nodes and the wires among them. Ack.result is the list of new ids."""

    ids: list[str]
    dx: float = 32.0
    dy: float = 32.0


class Connect(Base, kw_only=True, tag="connect"):
    """A wire; an occupied input gives up its old one. `target_port` "+" grows the node."""

    source: str
    source_port: str
    target: str
    target_port: str


class Disconnect(Base, kw_only=True, tag="disconnect"):
    edge: str


class SetValue(Base, kw_only=True, tag="set_value"):
    """Set an input. A text with a unit ("0.8 V") is read in the port's dimension; null unsets."""

    node: str
    port: str
    value: Any


class Rename(Base, kw_only=True, tag="rename"):
    id: str
    name: str


class SetPolicy(Base, kw_only=True, tag="set_policy"):
    id: str
    policy: Policy


class SetPort(Base, kw_only=True, tag="set_port"):
    """Pin, hide or mark live; null leaves as it is."""

    node: str
    port: str
    pinned: bool | None = None
    hidden: bool | None = None
    live: bool | None = None


class SetPlot(Base, kw_only=True, tag="set_plot"):
    id: str
    x: str
    y: list[str]


class PutIn(Base, kw_only=True, tag="put_in"):
    """Have a frame hold nodes, or none ("" takes them out); with `x` and `y`, move them too."""

    ids: list[str]
    frame: str
    section: Section = "body"
    x: list[float] = []
    y: list[float] = []


class MakeSubgraph(Base, kw_only=True, tag="make_subgraph"):
    """Put nodes into a subgraph in their place. Ack.result is its name."""

    ids: list[str]
    name: str = ""


class Dissolve(Base, kw_only=True, tag="dissolve"):
    """Put what is inside a subgraph in its place. Ack.result is the list of the nodes' names."""

    id: str


class Promote(Base, kw_only=True, tag="promote"):
    """Make a port of a node inside a subgraph one of the subgraph. Ack.result is the port's id."""

    node: str
    port: str
    name: str = ""


class Demote(Base, kw_only=True, tag="demote"):
    """Take a port of a subgraph away."""

    node: str
    port: str


class SaveSubgraph(Base, kw_only=True, tag="save_subgraph"):
    """Save it as a file, which the library lists. Refused where another file has that name."""

    id: str
    name: str
    replace: bool = False


class UpdateSubgraph(Base, kw_only=True, tag="update_subgraph"):
    """Take over what its file is now."""

    id: str


class GetBody(Base, kw_only=True, tag="get_body"):
    """What the body of a node's card shows. Ack.result is a Shown."""

    id: str


class Undo(Base, kw_only=True, tag="undo"):
    pass


class Redo(Base, kw_only=True, tag="redo"):
    pass


class OpenExample(Base, kw_only=True, tag="open_example"):
    """Open an example as a new nodespace. Ack.result is its name."""

    name: str


class OpenSpace(Base, kw_only=True, tag="open_space"):
    name: str


class NewSpace(Base, kw_only=True, tag="new_space"):
    name: str = ""


class RenameSpace(Base, kw_only=True, tag="rename_space"):
    name: str


class CloseSpace(Base, kw_only=True, tag="close_space"):
    pass


class RunStart(Base, kw_only=True, tag="run_start"):
    """Ack.result is the run's id."""

    accepted: list[str] = []
    """Texts of the warnings that whoever starts it accepts; recorded with the run (S5)."""


class RunPause(Base, kw_only=True, tag="run_pause"):
    pass


class RunResume(Base, kw_only=True, tag="run_resume"):
    pass


class RunStop(Base, kw_only=True, tag="run_stop"):
    """End after what is under way, park what the run wrote to."""


class RunAbort(Base, kw_only=True, tag="run_abort"):
    """Give up what is under way, then park."""


class Trigger(Base, kw_only=True, tag="trigger"):
    """Run one node now (Retry on its card)."""

    id: str


class Cancel(Base, kw_only=True, tag="cancel"):
    id: str


class SetLive(Base, kw_only=True, tag="set_live"):
    """Switch effects on or off outside runs (A1)."""

    live: bool
    accepted: list[str] = []
    """As in RunStart; goes to the log."""


class DeviceConnect(Base, kw_only=True, tag="device_connect"):
    name: str


class DeviceDisconnect(Base, kw_only=True, tag="device_disconnect"):
    name: str


class EStop(Base, kw_only=True, tag="estop"):
    """Carried on the guard channel; answered at once, acknowledgements come as LatchPut."""


class EStopReset(Base, kw_only=True, tag="estop_reset"):
    """Release the latch; `confirmed` names every device that did not acknowledge."""

    confirmed: list[str] = []


class GetWatch(Base, kw_only=True, tag="get_watch"):
    """Ack.result is a WatchView."""


class AlarmAcknowledge(Base, kw_only=True, tag="alarm_acknowledge"):
    """Somebody has seen an alarm, as grave as `severity`. Ack.result: whether that took effect."""

    name: str
    severity: AlarmSeverity = "INVALID"


class AlarmShelve(Base, kw_only=True, tag="alarm_shelve"):
    """Tell nobody of an alarm for that many seconds; 0 ends that."""

    name: str
    seconds: float


class InterlockReset(Base, kw_only=True, tag="interlock_reset"):
    """Release an interlock that refuses writes; one that stopped devices goes with the E-STOP."""

    name: str


class GetTraffic(Base, kw_only=True, tag="get_traffic"):
    """What went over the wires lately. Ack.result is a TrafficPage."""

    since: dict[str, int] = {}
    """By device, the first number that is wanted; of others all that is kept."""
    limit: int = 2_000
    """At most so many of each device, the newest."""


class ExportTraffic(Base, kw_only=True, tag="export_traffic"):
    """What is kept of it as a replay file. Ack.result is {name, media_type, data: bytes}."""

    devices: list[str] = []
    """Only these; all where there are none."""


class TakeControls(Base, kw_only=True, tag="take_controls"):
    pass


class GetRows(Base, kw_only=True, tag="get_rows"):
    """Rows of a run from `start`. Ack.result is {run, recorder, start, columns, data}."""

    run: str
    start: int = 0
    limit: int = 20_000


class ListRuns(Base, kw_only=True, tag="list_runs"):
    """Ack.result is a list of RunView, newest first."""

    limit: int = 200


class ExportRun(Base, kw_only=True, tag="export_run"):
    """Ack.result is {name, media_type, data: bytes}."""

    run: str
    format: Literal["csv"] = "csv"


class GetSnapshot(Base, kw_only=True, tag="get_snapshot"):
    """Ack.result is a Snapshot (the server asks for it when somebody subscribes)."""


Body = (
    AddNode | RemoveNodes | MoveNodes | Duplicate | Connect | Disconnect | SetValue | Rename
    | SetPolicy | SetPort | SetPlot | PutIn | MakeSubgraph | Dissolve | Promote | Demote
    | SaveSubgraph | UpdateSubgraph | GetBody | Undo | Redo | OpenExample | OpenSpace | NewSpace
    | RenameSpace | CloseSpace | RunStart | RunPause | RunResume | RunStop | RunAbort | Trigger
    | Cancel | SetLive | DeviceConnect | DeviceDisconnect | EStop | EStopReset | GetWatch
    | AlarmAcknowledge | AlarmShelve | InterlockReset | GetTraffic
    | ExportTraffic | TakeControls
    | GetRows | ListRuns | ExportRun | GetSnapshot
)  # fmt: skip


class Command(Base, kw_only=True, tag="command"):
    """One request from a browser; `id` is the browser's own counter.

    `rev` is the revision the sender saw; an edit of structure on an older one is refused with the
    title "StaleRevision" only where it names something that is no longer there.
    """

    id: int
    rev: int = 0
    body: Body


class Subscribe(Base, kw_only=True, tag="subscribe"):
    """Watch a worker; with `session` and `seq`, go on from there if that is still kept."""

    worker: str
    session: str = ""
    seq: int = 0


class Ping(Base, kw_only=True, tag="ping"):
    pass


FromBrowser = Command | Subscribe | Ping


# ── worker ⇄ manager: the link ────────────────────────────────────────────────────────────


class Hello(Base, kw_only=True, tag="hello"):
    """First message of a worker that dials in; the credential travels in the request header."""

    worker: str
    name: str
    session: str
    pid: int
    version: str


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
    body: Body


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
FromWorkerLink = Hello | Standing | Snapshot | Frame | Ack | Fail
