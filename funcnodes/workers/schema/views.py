"""What is seen: nodes, edges, devices, runs and the bench's safety, as the page draws them."""

from typing import Any, Literal

from funcnodes.devices import benchfile
from funcnodes.devices.benchfile import rules
from funcnodes.devices.declarations import members
from funcnodes.devices.estop import latch as safety
from funcnodes.devices.nodes import alarms as alarmnodes
from funcnodes.runs import records
from funcnodes.runs.dryrun.evidence import Evidence
from funcnodes.workers.schema.words import (
    Arming,
    Base,
    BodyKind,
    CellValue,
    CurveStyle,
    DeviceState,
    EntryState,
    NodeState,
    OnFailure,
    Policy,
    PortKind,
    PromptKind,
    Quality,
    Role,
    RunState,
    Section,
    Verdict,
)


class Problem(Base, kw_only=True):
    """One plain sentence about what went wrong, and what to try."""

    title: str
    """Kind of error, e.g. "DeviceTimeout"."""
    detail: str
    """The sentence."""
    hint: str = ""
    context: dict[str, Any] = {}


class ProgressView(Base, kw_only=True):
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
    """False on a value that the device, or the world, does not have: restored as text, passed by
    while effects were off, refused, or changed there since (A1a)."""
    note: str = ""
    """Why a reading is of no present state: "output off", or "earlier" than it was last switched
    on; else ""."""
    period_s: float | None = None
    """How often it is to be renewed, where it is: past twice that it is stale."""
    u: float | None = None
    """Standard uncertainty of the value, in its unit; null where it carries none."""


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
    progress: ProgressView | None = None
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
    kind: members.MemberKind
    unit: str = ""
    min: float | None = None
    max: float | None = None
    value: Any = None
    doc: str = ""
    quality: Quality = "ok"
    t: float | None = None
    """Seconds since the epoch at which it was read or set; null where it was not."""
    note: str = ""
    """Why a reading is of no present state: "output off", or "earlier" than it was last switched
    on; else ""."""
    period_s: float | None = None
    """How often it is being read now, where it is: past twice that it is stale."""


class ReadingView(Base, kw_only=True):
    """One value of an instrument."""

    value: Any = None
    """Null where the instrument said that it has no number (D3)."""
    unit: str = ""
    quality: Quality = "ok"
    t: float = 0.0
    """Seconds since the epoch."""
    age_s: float = 0.0


class MemberView(Base, kw_only=True):
    """What a member was just read as, or set to and found at: by field, or "value"."""

    device: str
    member: str
    values: dict[str, ReadingView]
    min: float | None = None
    max: float | None = None


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
    """Why it is offline, in fault, unanswered or changed."""
    changed: bool = False
    """It was found otherwise than it was left: nothing that it reads is "ok" (D8)."""
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
    """Seconds its points may still take; None where nobody knows."""
    left_at_most: bool = False
    """Whether it may end earlier: when it finds what it looks for."""
    ending: Literal["", "stop", "abort", "halt"] = ""
    """The gravest verb that brings it to an end."""
    started: float
    """Seconds since the epoch."""
    ended: float | None = None
    rows: int = 0
    kept: int = 0
    """Rows on disk for good: what is below this mark survives a crash (R4)."""
    operator: str = ""
    sample: str = ""
    project: str = ""
    notes: str = ""
    simulated: bool = False
    message: str = ""
    """Why it ended otherwise than complete, or was paused by itself."""
    waiting: str = ""
    """What holds it up just now, e.g. "waiting for dmm"."""
    nodespace: str = ""
    continues: str = ""
    """ULID of the run that it goes on with, or ""."""
    from_point: int = 0
    """The point at which it does, from 1."""
    streams: list[str] = []
    """What was sampled beside the scan, by name."""
    verdict: Verdict | None = None
    """What its steps found; None where it has none, or is not over."""


class CheckView(Base, kw_only=True):
    """A value that was judged."""

    name: str
    verdict: Verdict
    text: str
    """In a sentence."""
    value: CellValue = None
    unit: str = ""
    low: CellValue = None
    """Lowest that passes, or what was expected."""
    high: CellValue = None
    quality: str = "ok"


class StepView(Base, kw_only=True):
    """A step of a test, or a device under test; those inside follow it."""

    name: str
    kind: Literal["step", "device", "check"]
    verdict: Verdict
    depth: int = 0
    """How many steps are around it."""
    serial: str = ""
    text: str = ""
    """Why it is no pass."""
    took_s: float = 0.0
    attempts: int = 0
    checked: int = 0
    """Values judged; `checks` may hold fewer."""
    checks: list[CheckView] = []


class VerdictsView(Base, kw_only=True):
    """What a run found, by its steps."""

    verdict: Verdict | None = None
    """None where nothing was tested."""
    text: str = ""
    """Why the run itself is an error."""
    steps: list[StepView] = []
    left_out: int = 0
    """Steps beyond those that are told here."""


class DryRunView(Base, kw_only=True):
    """What a dry run found."""

    evidence: Evidence
    """Its report, bound to graph, bench and limits."""
    fine: bool
    """Whether the run would be let begin, and would complete as far as can be seen."""


class ContinueView(Base, kw_only=True):
    """How a run would go on that ended early."""

    run: str
    number: int
    first: int
    """The number of its next point, from 1."""
    total: int | None = None
    writes: list[str]
    """What is written first, in order, so that all stands as it did then."""
    again: list[str]
    """What the graph does once more by itself."""
    remarks: list[str] = []
    lines: list[str]
    """All of it in words."""
    token: str
    """Named when it is agreed to."""


class QueueEntryView(Base, kw_only=True):
    """One run that was put into the queue."""

    id: int
    name: str
    nodespace: str
    """Where its graph is from; it is run as it was then."""
    state: EntryState
    place: int = 0
    """Among those that wait, from 1; 0 for what waits no longer."""
    priority: int = 0
    on_failure: OnFailure = "stop"
    by: str = ""
    """Who submitted it."""
    at: float
    """When, in seconds since the epoch."""
    run: str = ""
    """ULID of its run, "" while it has none."""
    number: int = 0
    """That run's number, 0 while it has none."""
    reason: str = ""
    """Why it is in its state, in a sentence."""
    began: float | None = None
    ended: float | None = None
    approved_by: str = ""
    approved_at: float | None = None
    evidence: str = ""
    """What the dry run found whose evidence was attached, "" for none."""
    sets: list[str] = []
    """Values that were set in the copy, as NODE.PORT=VALUE."""
    sample: str = ""
    project: str = ""
    notes: str = ""


class QueueView(Base, kw_only=True):
    """The queue of runs: what is on, what waits in its order, what is over, newest first."""

    armed: bool = False
    armed_by: str = ""
    why: str = ""
    """Why it is not armed, in a sentence, or ""."""
    hold: str = ""
    """What keeps the next entry from beginning though it is armed, or ""."""
    approval: bool = False
    """Whether the bench asks that runs are approved."""
    entries: list[QueueEntryView] = []


class SampleView(Base, kw_only=True):
    id: str
    name: str = ""
    more: dict[str, str] = {}
    """Further columns of the list."""


class BeforeRunView(Base, kw_only=True):
    """What has to be said before a run."""

    required: list[str] = []
    """Of sample, project, operator and notes."""
    listed: bool = False
    """Whether the sample is to be one of these."""
    samples: list[SampleView] = []
    """The newest of them, where there are very many."""
    count: int = 0
    """Of all."""


class HistoryView(Base, kw_only=True):
    """A stretch of a parameter's history, oldest first; what stood at its beginning is in it."""

    name: str
    unit: str = ""
    kind: Literal["number", "switch", "text"] = "number"
    since: float
    until: float
    """Both in seconds since the epoch, as `t`."""
    t: list[float] = []
    value: list[float | str | None] = []
    """0 or 1 of a switch; null where there was none, or none that was ok."""


class PromptView(Base, kw_only=True):
    """Something that a node asks people, or tells them (`kind` is "tell")."""

    id: str
    node: str
    """The node that asks, by its name across subgraphs."""
    name: str
    """What it is called on its card."""
    kind: PromptKind
    text: str
    unit: str = ""
    min: float | None = None
    max: float | None = None
    choices: list[str] = []
    default: str = ""
    """What to offer as the answer, as a person would type it."""
    asked: float
    """Seconds since the epoch."""
    due: float | None = None
    """When nobody can answer it any more, likewise."""
    then: str = ""
    """What happens at that time."""


AlarmSeverity = alarmnodes.SeverityName


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
    then: rules.Then
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


SafeAction = benchfile.SafeAction
StopCause = benchfile.Cause


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
    waits: list[str] = []
    """What runs are paused by."""
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
    rows: list[list[CellValue]] = []
    total: int = 0
    """How many rows there are."""


class BodyView(Base, kw_only=True):
    """What the body of a card shows; all null while there is no value."""

    figure: Figure | None = None
    image: bytes | None = None
    """A PNG."""
    table: TableBody | None = None
    text: str | None = None


class ColumnView(Base, kw_only=True):
    name: str
    unit: str = ""
    node: str = ""
    port: str = ""


class StopAckView(Base, kw_only=True):
    """What became of one device at an E-STOP."""

    device: str
    state: safety.AckState
    """`off`: read back off. `sent`: bytes written, not confirmed."""
    ms: float | None = None
    message: str = ""


class LatchView(Base, kw_only=True):
    """The E-STOP latch of the worker (S4)."""

    latched: bool
    by: str = ""
    cause: str = ""
    t: float | None = None
    acks: list[StopAckView] = []


class LogLine(Base, kw_only=True):
    t: float
    level: records.LogLevel
    source: str
    """Node name, device name, "run" or "worker"."""
    text: str
    safety: bool = False
    """Whether it is in the safety log, too."""


class WrittenView(Base, kw_only=True):
    """A device that was written to by hand since Live was switched on (A1a)."""

    device: str
    members: list[str] = []


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
    written: list[WrittenView] = []
    """What was written by hand, and neither parked nor left as it is."""


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
    bench: str = ""
    """Name of the bench that it is made for."""
    nodes: int
    devices: int
    about_s: float | None = None


class ExportPiece(Base, kw_only=True):
    """Part of a file."""

    name: str
    media_type: str
    data: bytes
    next: str | None = None
    """What to ask the next piece by; null after the last."""
