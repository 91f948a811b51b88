"""What a recorder keeps beside the scan: streams, each with its own columns, rows and clock.

A column that is fed by a monitor, directly or through nodes that compute, is no part of a point of
the scan (R1): the monitor's readings become rows of a stream of their own, at the moment when each
was taken. What a scan has a hand in belongs to the points.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from funcnodes.core import Frame, Node, NodeInput, NodeOutput
from funcnodes.core.naming import name_of
from funcnodes.core.subgraphs.passages import InputPassage, OutputPassage
from funcnodes.devices.nodes import DeviceMonitor
from funcnodes.runs.names import unique

T = "t"
"""Column of every stream: seconds since the run began."""


@dataclass(frozen=True, slots=True)
class MonitorStream:
    """Columns that the same monitors feed.

    Attributes:
        name: Unique in the recorder.
        monitors: What makes its rows.
        ports: Inputs of the recorder.
    """

    name: str
    monitors: tuple[DeviceMonitor, ...]
    ports: tuple[NodeInput, ...]

    def key(self, recorder: Node) -> str:
        """What it is called among the recorders of a run."""
        names = "+".join(name_of(monitor) for monitor in self.monitors)
        return f"{name_of(recorder)}~{names}"


def streams_of(ports: Iterable[NodeInput]) -> tuple[list[NodeInput], list[MonitorStream]]:
    """The columns of the points, and the streams beside them."""
    primary: list[NodeInput] = []
    beside: dict[tuple[DeviceMonitor, ...], list[NodeInput]] = {}
    for port in ports:
        monitors = _monitors(port)
        if monitors:
            beside.setdefault(monitors, []).append(port)
        else:
            primary.append(port)
    found: list[MonitorStream] = []
    for monitors, fed in beside.items():
        wanted = " and ".join(_called(monitor) for monitor in monitors)
        name = unique(wanted, [each.name for each in found])
        found.append(MonitorStream(name, monitors, tuple(fed)))
    return primary, found


def _called(monitor: DeviceMonitor) -> str:
    named = monitor.name not in ("", monitor.node_name)
    return monitor.name if named else f"{monitor.device} {monitor.member}"


def _monitors(port: NodeInput) -> tuple[DeviceMonitor, ...]:
    """The monitors that a column comes from; none where a scan has a hand in it."""
    found: dict[DeviceMonitor, None] = {}
    seen: set[Node] = set()
    stack = list(port.sources)
    while stack:
        source = stack.pop()
        node = source.passage or source.node
        is_point = isinstance(node, Frame) and source.id not in node.after_last
        if is_point or node.frame is not None:
            return ()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, DeviceMonitor):
            found[node] = None
        else:
            stack += _behind(node)
    return tuple(found)


def _behind(node: Node) -> Iterator[NodeOutput]:
    """What feeds a node, through the borders of subgraphs."""
    if isinstance(node, InputPassage):
        if node.port is not None:
            yield from node.port.sources
        return
    inputs = [node.inputs["value"]] if isinstance(node, OutputPassage) else node.inputs.values()
    for port in inputs:
        yield from port.sources
