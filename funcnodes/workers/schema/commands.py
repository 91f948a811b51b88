"""What is asked: every edit is a command with an inverse.

A command says here, and nowhere else, who may send it and what it has an effect on: gate, worker
and dispatch go by that. `funcnodes.workers.commands` has a method of its tag's name for each.
"""

import functools
import math
import operator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from funcnodes.workers.schema.views import AlarmSeverity
from funcnodes.workers.schema.words import Base, OnFailure, Policy, Role, Section

Effect = Literal["reads", "edits", "keeps", "replaces", "acts", "stops"]
"""What a command changes.

`reads`: nothing. `edits`: the open graph, so that it can be undone. `keeps`: what the worker keeps
beside it, such as a nodespace's name and who holds the controls. `replaces`: which nodespace is
open, which is up to the holder of the controls while the bench is in use (A1). `acts`: the bench,
runs, or whether effects are on, which needs the controls of the bench. `stops`: the bench, for
which nobody needs them (S4).
"""


ACT_S = 2.5
"""For how long after it was sent something may be done."""
READ_S = 15.0
"""For how long after it was asked something may be answered that changes nothing."""


class WorkerCommand(Base):
    """What people may ask of a worker, by a `CommandMessage`."""

    role: ClassVar[Role] = "operator"
    """The least role that may send it."""
    effect: ClassVar[Effect]
    reaches: ClassVar[str] = ""
    """The field that names a node; where that node could act on the world now, the controls of the
    bench are needed."""
    good_for_s: ClassVar[float] = ACT_S
    """Older than this it is answered "too late" and not done."""
    cost: ClassVar[float] = 1.0
    """What it takes of a person's budget, see `manager.budget`; 0 for what never waits (S3a)."""


class ReadCommand(WorkerCommand):
    """It shows something."""

    role = "viewer"
    effect = "reads"
    good_for_s = READ_S
    cost = 2.0


class EditCommand(WorkerCommand):
    """It has an inverse."""

    effect = "edits"


class KeepCommand(WorkerCommand):
    """It changes what the worker keeps beside the graph."""

    effect = "keeps"


class SpaceCommand(WorkerCommand):
    """It puts another nodespace in place of the one that is open, or none."""

    effect = "replaces"
    cost = 40.0


class BenchCommand(WorkerCommand):
    """It takes the controls of the bench."""

    effect = "acts"


class EndCommand(BenchCommand):
    """It brings something to rest: never refused for want of time or budget (S3a)."""

    good_for_s = math.inf
    cost = 0.0


class AddNode(EditCommand, kw_only=True, tag="add_node"):
    """Ack.result is the new node's id."""

    key: str
    x: float
    y: float
    scope: str = ""
    """The subgraph to put it into, by its name."""
    frame: str = ""
    """The frame to have hold it, by its name."""
    section: Section = "body"


class RemoveNodes(EditCommand, kw_only=True, tag="remove_nodes"):
    ids: list[str]
    edges: list[str] = []
    """Edges to remove with them."""


class MoveNodes(EditCommand, kw_only=True, tag="move_nodes"):
    ids: list[str]
    x: list[float]
    y: list[float]


class Duplicate(EditCommand, kw_only=True, tag="duplicate"):
    """Copy these nodes and the wires among them. Ack.result is the list of new ids."""

    ids: list[str]
    dx: float = 32.0
    dy: float = 32.0


class Connect(EditCommand, kw_only=True, tag="connect"):
    """A wire; an occupied input gives up its old one. `target_port` "+" grows the node."""

    reaches = "target"

    source: str
    source_port: str
    target: str
    target_port: str


class Disconnect(EditCommand, kw_only=True, tag="disconnect"):
    edge: str


class SetValue(EditCommand, kw_only=True, tag="set_value"):
    """Set an input. A text with a unit ("0.8 V") is read in the port's dimension; null unsets."""

    reaches = "node"

    node: str
    port: str
    value: Any


class Rename(EditCommand, kw_only=True, tag="rename"):
    id: str
    name: str


class SetPolicy(EditCommand, kw_only=True, tag="set_policy"):
    id: str
    policy: Policy


class SetPort(EditCommand, kw_only=True, tag="set_port"):
    """Pin, hide or mark live; null leaves as it is."""

    node: str
    port: str
    pinned: bool | None = None
    hidden: bool | None = None
    live: bool | None = None


class SetPlot(EditCommand, kw_only=True, tag="set_plot"):
    id: str
    x: str
    y: list[str]


class PutIn(EditCommand, kw_only=True, tag="put_in"):
    """Have a frame hold nodes, or none ("" takes them out); with `x` and `y`, move them too."""

    ids: list[str]
    frame: str
    section: Section = "body"
    x: list[float] = []
    y: list[float] = []


class MakeSubgraph(EditCommand, kw_only=True, tag="make_subgraph"):
    """Put nodes into a subgraph in their place. Ack.result is its name."""

    ids: list[str]
    name: str = ""


class Dissolve(EditCommand, kw_only=True, tag="dissolve"):
    """Put what is inside a subgraph in its place. Ack.result is the list of the nodes' names."""

    id: str


class Promote(EditCommand, kw_only=True, tag="promote"):
    """Make a port of a node inside a subgraph one of the subgraph. Ack.result is the port's id."""

    node: str
    port: str
    name: str = ""


class Demote(EditCommand, kw_only=True, tag="demote"):
    """Take a port of a subgraph away."""

    node: str
    port: str


class SaveSubgraph(EditCommand, kw_only=True, tag="save_subgraph"):
    """Save it as a file, which the library lists. Refused where another file has that name."""

    cost = 20.0

    id: str
    name: str
    replace: bool = False


class UpdateSubgraph(EditCommand, kw_only=True, tag="update_subgraph"):
    """Take over what its file is now."""

    id: str


class GetBody(ReadCommand, kw_only=True, tag="get_body"):
    """Ack.result is what the body of a node's card shows."""

    cost = 0.5  # every card that is looked at asks five times a second

    id: str


class Undo(EditCommand, kw_only=True, tag="undo"):
    pass


class Redo(EditCommand, kw_only=True, tag="redo"):
    pass


class OpenExample(SpaceCommand, kw_only=True, tag="open_example"):
    """Open an example as a new nodespace. Ack.result is its name."""

    name: str


class OpenSpace(SpaceCommand, kw_only=True, tag="open_space"):
    name: str


class NewSpace(SpaceCommand, kw_only=True, tag="new_space"):
    name: str = ""


class RenameSpace(KeepCommand, kw_only=True, tag="rename_space"):
    name: str


class CloseSpace(SpaceCommand, kw_only=True, tag="close_space"):
    pass


class RunStart(BenchCommand, kw_only=True, tag="run_start"):
    """Ack.result is the run's id."""

    cost = 10.0

    accepted: list[str] = []
    """Texts of the warnings that whoever starts it accepts; recorded with the run (S5)."""
    sample: str = ""
    """What is measured; kept with the run, as project and notes."""
    project: str = ""
    notes: str = ""


class DryRun(KeepCommand, kw_only=True, tag="dry_run"):
    """Try the open graph as it is now on simulators in memory; no instrument hears of it.
    Ack.result is a DryRunView, once it is over: minutes later perhaps."""

    cost = 40.0


class DryRunCancel(KeepCommand, kw_only=True, tag="dry_run_cancel"):
    """End the dry run that is on. Ack.result: whether there was one."""

    cost = 0.0


class PlanContinue(BenchCommand, kw_only=True, tag="plan_continue"):
    """How a run that ended early would go on. Reads devices, writes nothing. Ack.result is a
    ContinueView."""

    cost = 10.0

    run: str
    first: int | None = None
    """The point to go on at, from 1; null for the first that was not taken to its end."""


class RunContinue(BenchCommand, kw_only=True, tag="run_continue"):
    """Go on with a run as it was shown. Ack.result is the id of the new run."""

    cost = 10.0

    run: str
    token: str
    """Of the ContinueView that was shown; refused where it would be otherwise now."""
    first: int | None = None
    accepted: list[str] = []
    """As for `run_start`."""


class GetBeforeRun(ReadCommand, kw_only=True, tag="get_before_run"):
    """What has to be said before a run, and the samples that may be named. Ack.result is a
    BeforeRunView."""

    cost = 10.0


class RunPause(BenchCommand, kw_only=True, tag="run_pause"):
    pass


class RunResume(BenchCommand, kw_only=True, tag="run_resume"):
    pass


class RunStop(EndCommand, kw_only=True, tag="run_stop"):
    """End after what is under way, park what the run wrote to."""


class RunAbort(EndCommand, kw_only=True, tag="run_abort"):
    """Give up what is under way, then park."""


class RunHalt(EndCommand, kw_only=True, tag="run_halt"):
    """End at once: no `finally`, no ramps; what was written to gets what an E-STOP would do."""


class GetQueue(ReadCommand, kw_only=True, tag="get_queue"):
    """Ack.result is a QueueView."""


class QueueAdd(KeepCommand, kw_only=True, tag="queue_add"):
    """Put a run into the queue, of a copy of the graph as it is now. Ack.result is its id."""

    cost = 40.0

    name: str = ""
    """What to call it; "" for the nodespace's."""
    graph: dict[str, Any] | None = None
    """A nodespace as its file has it; null for the one that is open."""
    nodespace: str = ""
    """Where `graph` is from."""
    sets: list[str] = []
    """Values to set in the copy, as NODE.PORT=VALUE."""
    priority: int = 0
    """From -100 to 100; higher comes first."""
    on_failure: OnFailure = "stop"
    sample: str = ""
    project: str = ""
    notes: str = ""
    evidence: dict[str, Any] | None = None
    """What `funcnodes run FILE --dry-run --evidence` wrote, or null."""


class QueueMove(KeepCommand, kw_only=True, tag="queue_move"):
    """Put an entry at a place among those that wait, from 1."""

    id: int
    place: int


class QueueChange(KeepCommand, kw_only=True, tag="queue_change"):
    """Change an entry's priority, or what happens if it does not end well; null leaves as it is."""

    id: int
    priority: int | None = None
    on_failure: OnFailure | None = None


class QueueRemove(KeepCommand, kw_only=True, tag="queue_remove"):
    """Cancel an entry that waits; drop one that is over."""

    id: int


class QueueClear(KeepCommand, kw_only=True, tag="queue_clear"):
    """Drop what is over."""


class QueueApprove(KeepCommand, kw_only=True, tag="queue_approve"):
    """Let an entry be run, where the bench asks that somebody does."""

    cost = 20.0

    id: int
    evidence: dict[str, Any] | None = None
    """As in QueueAdd."""


class QueueArm(BenchCommand, kw_only=True, tag="queue_arm"):
    """Let the entries that wait begin by themselves, one after the other."""

    cost = 10.0

    accepted: list[str] = []
    """As in RunStart; recorded with each run."""


class QueueDisarm(KeepCommand, kw_only=True, tag="queue_disarm"):
    """Let none begin any more; the run that is on goes on."""

    good_for_s = math.inf
    cost = 0.0


class AnswerPrompt(BenchCommand, kw_only=True, tag="answer_prompt"):
    """Answer what a node asks. The first answer is taken; the next one is refused with who was."""

    id: str
    value: Any
    """A number, or one with its unit as text ("0.8 mm"); a choice, a text, a PNG's bytes, true or
    false."""


class SeePrompt(KeepCommand, kw_only=True, tag="see_prompt"):
    """Somebody has seen what a node told; it goes from every page."""

    id: str


class TriggerNode(BenchCommand, kw_only=True, tag="trigger"):
    """Run one node now (Retry on its card)."""

    id: str


class CancelNode(BenchCommand, kw_only=True, tag="cancel"):
    id: str


class StopActing(BenchCommand, kw_only=True, tag="stop"):
    """Stop whatever acts, run or not, and leave the outputs by the bench's policy (A1a).

    A run is stopped, and aborted the second time. Outside one all that is carried out is given
    up, and what was written by hand is parked. Ack.result: what became of each device.
    """


class SetLive(BenchCommand, kw_only=True, tag="set_live"):
    """Switch effects on or off outside runs (A1, A1a).

    Ack.result on leaving: what became of each device that was written to by hand: "parked",
    "held", "failed", or "left" as it is.
    """

    live: bool
    park: bool | None = None
    """On leaving: park what was written to by hand, or leave it as it is. Where something was
    written it has to be said."""
    accepted: list[str] = []
    """As in RunStart; goes to the log."""


class DeviceConnect(BenchCommand, kw_only=True, tag="device_connect"):
    name: str


class DeviceDisconnect(BenchCommand, kw_only=True, tag="device_disconnect"):
    name: str


class DeviceAccept(BenchCommand, kw_only=True, tag="device_accept"):
    """Take the settings of a device that lost them for what they should be, as they are now."""

    name: str


class MemberRead(KeepCommand, kw_only=True, tag="member_read"):
    """Ask an instrument for one of its members now. Ack.result is a MemberView."""

    name: str
    member: str


class MemberSet(BenchCommand, kw_only=True, tag="member_set"):
    """Set a control by hand: within limits, along its ramp, confirmed. Ack.result is a MemberView.

    Text with a unit is read in the member's unit: "500 mV". Limits, interlocks and the latch are
    those of everywhere else. While a run uses the device it is refused; beside a run it is an event
    of that (A2).
    """

    name: str
    member: str
    value: Any
    """A number, on or off, or text."""


class MemberDo(BenchCommand, kw_only=True, tag="member_do"):
    """Have an instrument carry out one of its commands by hand."""

    name: str
    member: str


class DevicePark(EndCommand, kw_only=True, tag="device_park"):
    """Bring devices down in order, all of them where there are no names.

    Ack.result: what became of each, "parked", "held" or "failed".
    """

    names: list[str] = []


class EStop(WorkerCommand, kw_only=True, tag="estop"):
    """Carried on the guard channel; answered at once, acknowledgements come as LatchPut."""

    role = "viewer"
    effect = "stops"
    good_for_s = math.inf
    cost = 0.0


class EStopReset(BenchCommand, kw_only=True, tag="estop_reset"):
    """Release the latch; `confirmed` names every device that did not acknowledge."""

    cost = 0.0

    confirmed: list[str] = []


class GetWatch(ReadCommand, kw_only=True, tag="get_watch"):
    """Ack.result is a WatchView."""


class GetSafety(ReadCommand, kw_only=True, tag="get_safety"):
    """What the bench will do for each cause. Ack.result is a SafetyView."""


class AlarmAcknowledge(KeepCommand, kw_only=True, tag="alarm_acknowledge"):
    """Somebody has seen an alarm, as grave as `severity`. Ack.result: whether that took effect."""

    name: str
    severity: AlarmSeverity = "INVALID"


class AlarmShelve(KeepCommand, kw_only=True, tag="alarm_shelve"):
    """Tell nobody of an alarm for that many seconds; 0 ends that."""

    name: str
    seconds: float


class InterlockReset(BenchCommand, kw_only=True, tag="interlock_reset"):
    """Release an interlock that refuses writes; one that stopped devices goes with the E-STOP."""

    name: str


class GetTraffic(ReadCommand, kw_only=True, tag="get_traffic"):
    """What went over the wires lately. Ack.result is a TrafficPage."""

    cost = 10.0

    since: dict[str, int] = {}
    """By device, the first number that is wanted; of others all that is kept."""
    limit: int = 2_000
    """At most so many of each device, the newest."""


class ExportTraffic(ReadCommand, kw_only=True, tag="export_traffic"):
    """What is kept of it as a replay file. Ack.result is {name, media_type, data: bytes}."""

    cost = 100.0

    devices: list[str] = []
    """Only these; all where there are none."""


class TakeControls(KeepCommand, kw_only=True, tag="take_controls"):
    pass


class GetRows(ReadCommand, kw_only=True, tag="get_rows"):
    """Rows of a run from `start`. Ack.result is a RowsView."""

    cost = 20.0

    run: str
    start: int = 0
    limit: int = 20_000
    recorder: str = ""
    """Id of a recorder, or of a stream beside it; "" for the first."""
    points: int = 0
    """To draw them: all to the end, thinned to about so many, none of the peaks lost. 0: as they
    are, `limit` of them."""


class GetMap(ReadCommand, kw_only=True, tag="get_map"):
    """Rows of a run as a map. Ack.result is a MapView."""

    cost = 40.0

    run: str
    recorder: str = ""
    """Id of the recorder; "" for the first."""
    x: str = ""
    """Names of columns; "" for the first two, and the last one."""
    y: str = ""
    z: str = ""
    cells: int = 160
    """Most along each axis."""


class GetHistory(ReadCommand, kw_only=True, tag="get_history"):
    """What a parameter was of late, outside runs too, as a plot needs it. Ack.result is a
    HistoryView."""

    cost = 10.0

    device: str
    member: str
    """With the field of a record: "reading.v"."""
    last_s: float = 3600.0
    """How far back, in seconds."""
    points: int = 600
    """About so many at most, none of the peaks lost."""


class ListRuns(ReadCommand, kw_only=True, tag="list_runs"):
    """Ack.result is a list of RunView, newest first."""

    cost = 10.0

    limit: int = 200
    search: str = ""
    """Words, or their beginnings, anywhere in what is known of a run: also in tags and notes, by
    device, parameter and serial number."""


class GetVerdicts(ReadCommand, kw_only=True, tag="get_verdicts"):
    """What the steps of a run's test found. Ack.result is a VerdictsView."""

    cost = 10.0

    run: str


class GetReport(ReadCommand, kw_only=True, tag="get_report"):
    """A run as one HTML page. Ack.result is {name, media_type, data: bytes}."""

    cost = 100.0

    run: str


class ExportRun(ReadCommand, kw_only=True, tag="export_run"):
    """One piece of a run as a file, from where the piece before it ended. Ack.result is an
    ExportPiece."""

    cost = 20.0

    run: str
    format: Literal["csv"] = "csv"
    after: str = ""
    """The `next` of the piece before."""
    recorder: str = ""
    """Name of a stream, or name or id of a recorder; "" for the first."""


class GetSnapshot(ReadCommand, kw_only=True, tag="get_snapshot"):
    """Ack.result is a Snapshot (the server asks for it when somebody subscribes)."""

    cost = 20.0


COMMANDS: tuple[type[WorkerCommand], ...] = tuple(
    each
    for each in list(globals().values())
    if isinstance(each, type) and issubclass(each, WorkerCommand) and each.__struct_config__.tag
)
"""Each command that there is, in the order in which they stand here."""
if TYPE_CHECKING:
    AnyCommand = WorkerCommand
else:
    AnyCommand = functools.reduce(operator.or_, COMMANDS)


class CommandMessage(Base, kw_only=True, tag="command"):
    """One request from a browser; `id` is the browser's own counter.

    `rev` is the revision the edit was made on, as its sender saw it. Where somebody else has
    changed the very thing since, it is refused with the title "StaleRevision" and the new state;
    edits of other things go through. With `rev` 0 nothing is compared.
    """

    id: int
    rev: int = 0
    key: str = ""
    """The sender's own name for this one request: sent again, it is answered and not done again."""
    sent_s: float | None = None
    """When it was sent, by the server's clock as Welcome and Pong tell it; what is older than its
    kind is good for is answered with the title "TooLate" and not done. Null: now."""
    body: AnyCommand


class Subscribe(Base, kw_only=True, tag="subscribe"):
    """Watch a worker; with `session` and `seq`, go on from there if that is still kept."""

    worker: str
    session: str = ""
    seq: int = 0


class Ping(Base, kw_only=True, tag="ping"):
    pass


FromBrowser = CommandMessage | Subscribe | Ping
