"""What a browser is shown of nodes, edges, devices and runs: from the objects to the schema.

Reads only, and only what is in memory: no device is asked, nothing runs. Values are previews,
since a waveform on a port is not for a card.
"""

import enum
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from funcnodes.core import (
    Frame,
    Library,
    Node,
    NodeInput,
    NodeOutput,
    NodeProgress,
    NodeSpace,
    NoValue,
    PlaceholderNode,
    SubgraphNode,
    foreign,
    naming,
    previews,
)
from funcnodes.core.nodes import Port
from funcnodes.core.subgraphs.passages import Passage
from funcnodes.core.uncertain import uncertainty_of
from funcnodes.devices.bench import Bench
from funcnodes.devices.device import Device
from funcnodes.devices.device.switching import switched_since
from funcnodes.devices.estop.latch import LatchState
from funcnodes.devices.nodes import NODE_IDS, library_entries
from funcnodes.errors import FuncnodesError
from funcnodes.runs import Run, RunHead, Table, XYPlot
from funcnodes.runs.continuing import Continuing
from funcnodes.runs.maps import RunMap
from funcnodes.runs.records import Column, RowPage
from funcnodes.runs.scripted import ScriptedRun
from funcnodes.workers import schema
from funcnodes.workers.edits import place_of, scopes
from funcnodes.workers.edits.scopes import Edge
from funcnodes.workers.shown import bodies, truth

TEXT_SHOWN = 200
SAFE_INTEGER = 2**53
DRAWABLE = ("number", "quantity", "any")

Times = Callable[[Port], float | None]
"""When a port's value was set, seconds since the epoch."""


def preview(value: Any) -> Any:
    """A value as a card shows it: number, bool, text or None; anything bigger as short text."""
    if value is NoValue or value is None or isinstance(value, bool):
        return None if value is NoValue else value
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER else str(value)[:TEXT_SHOWN]
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return value if len(value) <= TEXT_SHOWN else f"{value[: TEXT_SHOWN - 1]}…"
    return _described(value)


def told(value: Any, unit: str = "") -> str:
    """A preview in a sentence: "0.8 V", "on", "nothing"."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "on", False: "off"}[value]
    text = f"{value:.9g}" if isinstance(value, float) else str(value)
    return f"{text} {unit}".strip()


def value_of(port: Port) -> Any:
    """What a port holds; both kinds of port have it."""
    return cast(NodeInput | NodeOutput, port).value


def port_values(
    node: Node, ports: Iterable[Port], times: Mapping[str, float]
) -> list[schema.PortValue]:
    """The newest values of a node's ports, as patches carry them; `times` by the port's id."""
    name = naming.name_of(node)
    return [
        schema.PortValue(
            name, port.id, preview(value_of(port)), port.quality, times.get(port.id),
            truth.is_stale(port), truth.is_applied(port), truth.note_of(port),
            uncertainty_of(value_of(port)),
        )
        for port in ports
    ]  # fmt: skip


def port_view(port: Port, t: float | None) -> schema.PortView:
    """A port whole."""
    inp = port if isinstance(port, NodeInput) else None
    limits = port.limits
    options = [preview(each) for each in port.options] if port.options else None
    return schema.PortView(
        id=port.id,
        name=port.name,
        kind=port.type.kind,
        type=port.type.name,
        unit=port.unit,
        min=_finite(limits.low),
        max=_finite(limits.high),
        step=_finite(port.value_options.get("step")),
        options=options,
        required=inp.required if inp else False,
        hidden=port.hidden,
        pinned=port.pinned,
        live=inp.live if inp else False,
        doc=port.description,
        default=preview(inp.default) if inp else None,
        value=preview(value_of(port)),
        quality=port.quality,
        t=t,
        stale=truth.is_stale(port),
        applied=truth.is_applied(port),
        note=truth.note_of(port),
        period_s=truth.period_of(port),
        u=uncertainty_of(value_of(port)),
    )


def node_view(node: Node, times: Times) -> schema.NodeView:
    """A node whole."""
    x, y = place_of(node)
    status = node_status(node)
    name = naming.name_of(node)
    scope = naming.split(name)[0]
    frame = node.frame
    return schema.NodeView(
        id=name,
        scope=scope,
        node_id=_saved_node_id(node),
        title=node.node_name or node.name,
        name=node.name,
        icon=str(getattr(node, "icon", "")),
        doc=node.description,
        x=x,
        y=y,
        inputs=[port_view(port, times(port)) for port in _shown(node.inputs.values())],
        outputs=[port_view(port, times(port)) for port in _shown(node.outputs.values())],
        policy=node.policy,
        state=status.state,
        duration_s=status.duration_s,
        runs=status.runs,
        progress=status.progress,
        problem=status.problem,
        muted=node.muted and not isinstance(node, PlaceholderNode),
        missing=_missing(node),
        device=str(getattr(node, "device", "") or ""),
        member=str(getattr(node, "member", "") or ""),
        grows=node.grows,
        body=bodies.kind_of(node),
        plot=_plot(node) if isinstance(node, XYPlot) else None,
        is_frame=isinstance(node, Frame),
        frame=naming.joined(scope, frame.uuid) if frame is not None else "",
        section=node.place.section if frame is not None and node.place is not None else "body",
        subgraph=_subgraph(node) if isinstance(node, SubgraphNode) else None,
    )


def node_status(node: Node) -> schema.NodeStatus:
    """How far a node is."""
    progress = node.progress if node.progress.is_reported else None
    return schema.NodeStatus(
        id=naming.name_of(node),
        state=node.state,
        duration_s=node.duration_s,
        runs=node.runs,
        progress=_progress(progress) if progress is not None else None,
        problem=node_problem(node.error) if node.error is not None else None,
    )


def node_problem(error: BaseException) -> schema.Problem:
    """What a node did wrong, in one sentence."""
    cause = error.__cause__ if error.__cause__ is not None else error
    shown = error if isinstance(error, FuncnodesError) and type(cause) is type(error) else cause
    if isinstance(shown, FuncnodesError):
        context = {k: v for k, v in shown.context.items() if isinstance(v, str | int | float)}
        return schema.Problem(
            title=type(shown).__name__, detail=shown.message, hint=shown.hint, context=context
        )
    text = str(shown).strip() or "no further words"
    return schema.Problem(
        title=type(shown).__name__, detail=f"{type(shown).__name__}: {text[:500]}"
    )


def edge_id(source: str, output: str, target: str, inp: str) -> str:
    """Names a wire."""
    return f"{source}:{output}>{target}:{inp}"


def edge_view(space: NodeSpace, edge: Edge) -> schema.EdgeView:
    """A wire, with what it does to values."""
    source, output, target, inp = edge
    ends = (scopes.node_at(space, source), scopes.node_at(space, target))
    out, into = ends[0].outputs.get(output), ends[1].inputs.get(inp)
    return schema.EdgeView(
        id=edge_id(*edge),
        source=source,
        source_port=output,
        target=target,
        target_port=inp,
        note=_note(out, into) if out is not None and into is not None else "",
    )


def device_view(device: Device) -> schema.DeviceView:
    """A device with every parameter as it was last read; nothing is asked of it."""
    identity, periods = device.identity, device.watched()
    return schema.DeviceView(
        name=device.name,
        driver=device.driver,
        model=identity.model,
        serial=identity.serial,
        address=device.address,
        state=device.state,
        output_on=device.output_on,
        simulated=device.simulated or device.replayed,  # not a real instrument (D7)
        message=device.message,
        changed=bool(device.changed),
        safe_state=device.safe_state,
        parameters=[
            schema.ParameterView(
                name=each.name,
                title=each.title,
                kind=each.kind,
                unit=each.unit,
                min=_finite(each.min),
                max=_finite(each.max),
                value=preview(each.value),
                doc=each.doc,
                quality=each.quality,
                t=each.t,
                note=truth.SWITCHED[switched_since(device, each.name)],
                period_s=periods.get(each.name) or periods.get(each.name.rpartition(".")[0]),
            )
            for each in device.parameters()
        ],
    )


def latch_view(state: LatchState) -> schema.LatchView:
    """The E-STOP latch."""
    return schema.LatchView(
        latched=state.latched,
        by=state.by,
        cause=state.cause,
        t=state.t,
        acks=[
            schema.StopAckView(
                device=each.device, state=each.state, ms=each.ms, message=each.message
            )
            for each in state.acks
        ],
    )


def run_view(run: Run) -> schema.RunView:
    """The run that is on, or has just ended."""
    to_go = run.to_go
    return msgspec.structs.replace(
        head_view(run.head), done=run.done, total=run.total, left_s=_finite(to_go.seconds),
        left_at_most=to_go.is_most, ending=run.ending, waiting=run.waiting, kept=run.kept,
    )  # fmt: skip


def scripted_view(run: ScriptedRun) -> schema.RunView:
    """The run of a script."""
    return msgspec.structs.replace(
        head_view(run.head), done=run.done, total=run.total, left_s=_finite(run.left_s),
        kept=run.kept,
    )  # fmt: skip


def head_view(head: RunHead) -> schema.RunView:
    """A run as its file tells of it."""
    return schema.RunView(
        id=head.id,
        number=head.number,
        state=head.state,
        done=head.rows,
        total=head.total,
        started=head.started,
        ended=head.ended,
        rows=head.rows,
        kept=head.rows,
        operator=head.operator,
        sample=head.sample,
        project=head.project,
        notes=head.notes,
        simulated=bool(head.simulated or head.replayed),
        message=head.message,
        nodespace=head.title or head.nodespace,
        continues=head.continues.run if head.continues is not None else "",
        from_point=head.continues.points + 1 if head.continues is not None else 0,
        streams=list(head.streams),
    )


def continue_view(plan: Continuing) -> schema.ContinueView:
    """How a run would go on."""
    return schema.ContinueView(
        run=plan.head.id, number=plan.head.number, first=plan.first, total=plan.total,
        writes=[write.text for write in plan.writes], again=list(plan.again),
        remarks=list(plan.remarks), lines=plan.lines(), token=plan.token,
    )  # fmt: skip


def rows_event(
    run: str, page: RowPage, *, stop: int = 0, recorders: Sequence[str] = ()
) -> schema.RowsView:
    """Rows as a plot needs them: numbers, and None for what is none.

    Args:
        stop: The first row that they do not stand for, where they are thinned.
        recorders: Of the run, streams included; told to who asked.
    """
    return schema.RowsView(
        run=run,
        recorder=page.table.recorder,
        start=page.start,
        columns=[_column(column) for column in page.table.columns],
        data=page.numbers(),
        stop=stop or page.start + len(page),
        recorders=list(recorders),
    )


def add_rows(view: schema.RowsView, page: RowPage) -> None:
    """Put the rows that follow at the end."""
    for column, more in zip(view.data, page.numbers(), strict=True):
        column.extend(more)
    view.stop += len(page)


# ── the palette ───────────────────────────────────────────────────────────────────────────


class Palette:
    """What can be put on the canvas here, and how to make each of it."""

    def __init__(self, library: Library, bench: Bench | None) -> None:
        self.entries: list[schema.LibraryEntry] = []
        self._recipes: dict[str, tuple[str, str | None, dict[str, Any]]] = {}
        if bench is not None:
            self._add_devices(bench)
        for path, nodeclass in library.walk():
            if nodeclass.node_id not in NODE_IDS:
                self._add_class(path, nodeclass, library)

    def recipe(self, key: str) -> tuple[str, str | None, dict[str, Any]]:
        """Node id, name and extra keys of the saved form.

        Raises:
            KeyError: The palette has no such entry.
        """
        return self._recipes[key]

    def _add_devices(self, bench: Bench) -> None:
        for entry in library_entries(bench):
            self.entries.append(
                schema.LibraryEntry(
                    key=entry.key,
                    title=entry.title,
                    path=list(entry.path),
                    icon=entry.icon,
                    doc=entry.doc,
                    words=list(entry.words),
                    inputs=[_library_port(each) for each in entry.inputs],
                    outputs=[_library_port(each) for each in entry.outputs],
                )
            )
            self._recipes[entry.key] = (entry.node_id, entry.title, dict(entry.extra))

    def _add_class(self, path: tuple[str, ...], nodeclass: type[Node], library: Library) -> None:
        try:
            node = nodeclass()
            if isinstance(node, SubgraphNode):  # its ports are those of what is inside
                NodeSpace(library, arming="disarmed").add_node_instance(node)
        except BaseException as error:  # somebody else's class: it is left out
            library.broken[nodeclass.node_id] = foreign.words(error)
            return
        self.entries.append(
            schema.LibraryEntry(
                key=nodeclass.node_id,
                title=node.name,
                path=list(path),
                icon=nodeclass.icon,
                doc=nodeclass.description,
                words=list(nodeclass.words),
                inputs=[_port_of(port) for port in _shown(node.inputs.values())],
                outputs=[_port_of(port) for port in _shown(node.outputs.values())],
            )
        )
        self._recipes[nodeclass.node_id] = (nodeclass.node_id, None, {})


def _shown(ports: Iterable[Port]) -> list[Port]:
    """Ports that a card may draw; the order ports only where the node shows them."""
    return [
        port
        for port in ports
        if port.type.kind != "trigger" or not port.hidden or port.is_connected()
    ]


def _described(value: Any) -> str:
    told = previews.told(value, TEXT_SHOWN)
    if told is not None:
        return told
    if isinstance(value, Table):
        return "1 row" if len(value) == 1 else f"{len(value)} rows"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        if not shape:
            return str(value)[:TEXT_SHOWN]
        return f"{'×'.join(map(str, shape))} {getattr(value, 'dtype', '')}".strip()
    if isinstance(value, list | tuple | set | dict | frozenset):
        return f"{len(value)} items" if len(value) != 1 else "1 item"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    try:
        text = str(value)
    except Exception:  # somebody else's __str__
        text = type(value).__name__
    return text if len(text) <= TEXT_SHOWN else f"{text[: TEXT_SHOWN - 1]}…"


def _finite(number: Any) -> float | None:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    return float(number) if math.isfinite(number) else None


def _note(out: NodeOutput, inp: NodeInput) -> str:
    try:
        return out.edge_note(inp)
    except FuncnodesError:
        return ""


def _saved_node_id(node: Node) -> str:
    if isinstance(node, PlaceholderNode):
        return str(node.data.get("node_id", ""))
    return node.node_id


def _missing(node: Node) -> str:
    if isinstance(node, PlaceholderNode):
        return node.why
    name = str(getattr(node, "device", "") or "")
    bench = node.nodespace.services.get(Bench) if node.nodespace is not None else None
    if not name or (bench is not None and name in bench.devices):
        return ""
    if bench is None:
        return f"There is no bench here, so no device {name!r}."
    return f"The bench {bench.name!r} has no device {name!r}."


def _progress(progress: NodeProgress) -> schema.ProgressView:
    return schema.ProgressView(
        done=int(progress.done),
        total=None if progress.total is None else int(progress.total),
        text=progress.text,
    )


def _subgraph(node: SubgraphNode) -> schema.SubgraphView:
    space = node.nodespace
    inside = [each for each in node.inner.nodes if not isinstance(each, Passage)]
    try:
        edited = node.is_edited
    except FuncnodesError:  # a value inside that cannot be saved hides it
        edited = False
    behind = isinstance(space, NodeSpace) and node.file != "" and node.is_behind(space.lib)
    return schema.SubgraphView(nodes=len(inside), file=node.file, edited=edited, behind=behind)


def _plot(node: XYPlot) -> schema.PlotSpec:
    choice = node.choice()
    return schema.PlotSpec(
        recorder=choice.recorder,
        x=choice.x,
        y=list(choice.y),
        x_label=choice.x_label,
        y_label=choice.y_label,
    )


def map_view(run: str, columns: Iterable[Column], found: RunMap) -> schema.MapView:
    """A map, as the page draws it."""
    bad: dict[str, list[int]] = {}
    for place, quality in enumerate(found.quality):
        if quality != "ok":
            bad.setdefault(quality, []).append(place)
    x, y = (
        schema.MapAxisView(
            column=_column(axis.column), values=list(axis.values), edges=list(axis.edges)
        )
        for axis in (found.x, found.y)
    )
    return schema.MapView(
        run=run, columns=[_column(each) for each in columns if each.kind in DRAWABLE],
        x=x, y=y, z=_column(found.z), values=found.values, bad=bad, low=found.low,
        high=found.high, rows=found.rows, thinned=found.is_thinned,
    )  # fmt: skip


def _column(column: Column) -> schema.ColumnView:
    return schema.ColumnView(name=column.name, unit=column.unit, node=column.node, port=column.port)


def _library_port(port: Any) -> schema.LibraryPort:
    return schema.LibraryPort(id=port.id, kind=cast(schema.PortKind, port.kind), unit=port.unit)


def _port_of(port: Port) -> schema.LibraryPort:
    return schema.LibraryPort(id=port.id, kind=port.type.kind, unit=port.unit)
