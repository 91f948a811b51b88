"""What is asked: every edit is a command with an inverse."""

from typing import Any, Literal

from funcnodes.workers.schema.views import AlarmSeverity
from funcnodes.workers.schema.words import Base, Policy, Section


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
