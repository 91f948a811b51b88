"""What people may ask a worker for, one handler per kind of command.

Roles are checked here again, and the controls of the bench. Edits are carried out in the order in
which they come and answered at once; what takes time goes on beside them. Every command is
answered by an Ack or by a Fail that says why in one sentence.
"""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from funcnodes.core import Node, NodeSpace, NoValue, Place, naming
from funcnodes.core.gates import InputGate, OutputGate
from funcnodes.core.waves import Wave
from funcnodes.devices.rules import Severity
from funcnodes.errors import GraphError, RefusedError, RunError, WorkerError
from funcnodes.runs import Run, RunReader
from funcnodes.runs.export import MEDIA_TYPE, csv_name, csv_text
from funcnodes.workers import bodies, editing, regrouping, safety, scopes, views, wire, wiretap
from funcnodes.workers.problems import problem_of
from funcnodes.workers.roles import acts_on_bench, check_role
from funcnodes.workers.threads import in_thread

if TYPE_CHECKING:
    from funcnodes.devices.bench import Bench
    from funcnodes.workers.worker import Worker

ROWS_LIMIT = 50_000
RUNS_LIMIT = 1_000

E = TypeVar("E", bound=editing.Edit)


class StaleRevision(RefusedError):
    """The edit names something that somebody else has removed meanwhile."""


class Commands:
    """Carries commands out on a worker."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._handlers: dict[type[Any], Callable[[Any, wire.Actor], Any]] = {
            wire.AddNode: self._add_node,
            wire.RemoveNodes: self._remove_nodes,
            wire.MoveNodes: self._move_nodes,
            wire.Duplicate: self._duplicate,
            wire.Connect: self._connect,
            wire.Disconnect: self._disconnect,
            wire.SetValue: self._set_value,
            wire.Rename: self._rename,
            wire.SetPolicy: self._set_policy,
            wire.SetPort: self._set_port,
            wire.SetPlot: self._set_plot,
            wire.PutIn: self._put_in,
            wire.MakeSubgraph: self._make_subgraph,
            wire.Dissolve: self._dissolve,
            wire.Promote: self._promote,
            wire.Demote: self._demote,
            wire.SaveSubgraph: self._save_subgraph,
            wire.UpdateSubgraph: self._update_subgraph,
            wire.GetBody: lambda body, actor: bodies.body_of(self._node(body.id)),
            wire.Undo: self._undo,
            wire.Redo: self._redo,
            wire.OpenExample: self._open_example,
            wire.OpenSpace: self._open_space,
            wire.NewSpace: self._new_space,
            wire.RenameSpace: self._rename_space,
            wire.CloseSpace: self._close_space,
            wire.RunStart: self._run_start,
            wire.RunPause: lambda body, actor: self._active_run().pause(),
            wire.RunResume: lambda body, actor: self._active_run().resume(),
            wire.RunStop: lambda body, actor: self._active_run().stop(f"Stopped by {actor.name}."),
            wire.RunAbort: lambda body, actor: self._active_run().abort(
                f"Aborted by {actor.name}."
            ),
            wire.Trigger: self._trigger,
            wire.Cancel: self._cancel,
            wire.SetLive: self._set_live,
            wire.DeviceConnect: self._device_connect,
            wire.DeviceDisconnect: self._device_disconnect,
            wire.EStop: self._estop,
            wire.EStopReset: self._estop_reset,
            wire.GetWatch: lambda body, actor: safety.watch_view(self._worker.bench),
            wire.AlarmAcknowledge: self._alarm_acknowledge,
            wire.AlarmShelve: self._alarm_shelve,
            wire.InterlockReset: self._interlock_reset,
            wire.GetTraffic: self._get_traffic,
            wire.ExportTraffic: self._export_traffic,
            wire.TakeControls: lambda body, actor: self._worker.controls.take(actor),
            wire.GetRows: self._get_rows,
            wire.ListRuns: self._list_runs,
            wire.ExportRun: self._export_run,
            wire.GetSnapshot: lambda body, actor: self._worker.snapshot(),
        }

    def do(self, do: wire.Do) -> None:
        """Carry a command out, and answer it."""
        try:
            result = self._begin(do)
            if inspect.isawaitable(result):
                self._worker.spawn(self._finish(do, result), type(do.body).__name__)
            else:
                self._ack(do, result)
        except Exception as error:
            self._fail(do, error)

    async def carry_out(self, actor: wire.Actor, body: wire.Body) -> Any:
        """Carry a command out for whoever is not on the link. Returns its result.

        Raises:
            Exception: Whatever a Fail would have told.
        """
        result = self._begin(wire.Do(id=0, rev=0, actor=actor, body=body))
        if inspect.isawaitable(result):
            result = await result
        self._worker.publisher.flush()
        return result

    def _begin(self, do: wire.Do) -> Any:
        check_role(do.actor, do.body)
        if acts_on_bench(do.body):
            self._worker.controls.require(do.actor)
        return self._handlers[type(do.body)](do.body, do.actor)

    async def _finish(self, do: wire.Do, result: Any) -> None:
        try:
            self._ack(do, await result)
        except Exception as error:
            self._fail(do, error)

    def _ack(self, do: wire.Do, result: Any) -> None:
        publisher = self._worker.publisher
        publisher.flush()
        publisher.answer(wire.Ack(id=do.id, rev=publisher.rev, result=result))

    def _fail(self, do: wire.Do, error: Exception) -> None:
        publisher = self._worker.publisher
        stale = isinstance(error, GraphError) and do.rev and do.rev < publisher.rev
        if stale and "no node" in str(error):
            error = StaleRevision(f"{error} Somebody else has changed the graph.")
        publisher.answer(wire.Fail(id=do.id, rev=publisher.rev, problem=problem_of(error)))

    # ── edits ──

    def _edit(self, scope: str, make: Callable[[NodeSpace], E]) -> E:
        """Make an edit of what is in a scope."""
        space = self._worker.require_open()
        edit = make(scopes.space_at(space.space, scope))
        space.edit(editing.inside(scope, edit))
        return edit

    def _node(self, name: str) -> Node:
        return scopes.node_at(self._worker.require_open().space, name)

    def _add_node(self, body: wire.AddNode, actor: wire.Actor) -> str:
        if body.key in _PORTS and not body.scope:
            raise RefusedError("A port of a subgraph belongs inside one.", hint="Open one first.")
        try:
            node_id, name, extra = self._worker.palette.recipe(body.key)
        except KeyError:
            raise GraphError(f"The palette has no entry {body.key!r}.") from None
        place = _place(body.scope, body.frame, body.section)
        edit = self._edit(
            body.scope,
            lambda space: editing.add_node(
                space, node_id, name=name, extra=extra, x=body.x, y=body.y, place=place
            ),
        )
        return naming.joined(body.scope, str(edit.nodes[0]["id"]))

    def _remove_nodes(self, body: wire.RemoveNodes, actor: wire.Actor) -> None:
        space = self._worker.require_open()
        edges = [self._edge(edge) for edge in body.edges]
        scope, ids = scopes.one([*body.ids, *(edge[0] for edge in edges)])
        inner = scopes.space_at(space.space, scope)
        local = [_local(edge) for edge in edges]
        space.edit(regrouping.remove(space.space, scope, inner, ids[: len(body.ids)], local))

    def _move_nodes(self, body: wire.MoveNodes, actor: wire.Actor) -> None:
        scope, ids = scopes.one(body.ids)
        self._edit(scope, lambda space: editing.move_nodes(space, ids, body.x, body.y))

    def _duplicate(self, body: wire.Duplicate, actor: wire.Actor) -> list[str]:
        scope, ids = scopes.one(body.ids)
        edit = self._edit(
            scope, lambda space: editing.duplicate(space, ids, dx=body.dx, dy=body.dy)
        )
        return [naming.joined(scope, str(node["id"])) for node in edit.nodes]

    def _connect(self, body: wire.Connect, actor: wire.Actor) -> None:
        scope, (source, target) = scopes.one([body.source, body.target])
        self._require_for(body.target, actor)
        edge = (source, body.source_port, target, body.target_port)
        self._edit(scope, lambda space: editing.connect(space, edge))

    def _disconnect(self, body: wire.Disconnect, actor: wire.Actor) -> None:
        edge = self._edge(body.edge)
        scope, _ = naming.split(edge[0])
        self._edit(scope, lambda space: editing.disconnect_edge(space, _local(edge)))

    def _set_value(self, body: wire.SetValue, actor: wire.Actor) -> None:
        scope, uuid = naming.split(body.node)
        self._require_for(body.node, actor)
        self._edit(scope, lambda space: editing.set_value(space, uuid, body.port, body.value))
        run = self._worker.require_open().runner.active
        if run is not None:
            port = self._node(body.node).get_input(body.port)
            where = f"{port.node.name}.{port.name}"
            value = None if port.value is NoValue else views.preview(port.value)
            run.note("live input", port=where, value=value, by=actor.name)

    def _rename(self, body: wire.Rename, actor: wire.Actor) -> None:
        scope, uuid = naming.split(body.id)
        self._edit(scope, lambda space: editing.rename(space, uuid, body.name))

    def _set_policy(self, body: wire.SetPolicy, actor: wire.Actor) -> None:
        scope, uuid = naming.split(body.id)
        self._edit(scope, lambda space: editing.set_policy(space, uuid, body.policy))

    def _set_port(self, body: wire.SetPort, actor: wire.Actor) -> None:
        scope, uuid = naming.split(body.node)
        flags = {"pinned": body.pinned, "hidden": body.hidden, "live": body.live}
        self._edit(scope, lambda space: editing.set_flags(space, uuid, body.port, **flags))

    def _set_plot(self, body: wire.SetPlot, actor: wire.Actor) -> None:
        scope, uuid = naming.split(body.id)
        self._edit(scope, lambda space: editing.set_plot(space, uuid, body.x, body.y))

    # ── frames and subgraphs ──

    def _put_in(self, body: wire.PutIn, actor: wire.Actor) -> None:
        scope, ids = scopes.one(body.ids)
        place = _place(scope, body.frame, body.section)

        def edit(space: NodeSpace) -> editing.Edit:
            put = editing.put_in(space, ids, place)
            if not body.x and not body.y:
                return put
            moved = editing.move_nodes(space, ids, body.x, body.y)
            return editing.Several(put.label, [moved, put])

        self._edit(scope, edit)

    def _make_subgraph(self, body: wire.MakeSubgraph, actor: wire.Actor) -> str:
        scope, ids = scopes.one(body.ids)
        edit = self._edit(scope, lambda space: regrouping.make(space, ids, body.name))
        return naming.joined(scope, edit.uuid)

    def _dissolve(self, body: wire.Dissolve, actor: wire.Actor) -> list[str]:
        scope, uuid = naming.split(body.id)
        edit = self._edit(scope, lambda space: regrouping.take_apart(space, uuid))
        return [naming.joined(scope, each) for each in edit.inside]

    def _promote(self, body: wire.Promote, actor: wire.Actor) -> str:
        inner, node = naming.split(body.node)
        if not inner:
            raise RefusedError("Only what is inside a subgraph can become one of its ports.")
        scope, uuid = naming.split(inner)
        edit = self._edit(
            scope, lambda space: regrouping.promote(space, uuid, node, body.port, body.name)
        )
        return edit.gate

    def _demote(self, body: wire.Demote, actor: wire.Actor) -> None:
        scope, uuid = naming.split(body.node)
        self._edit(scope, lambda space: regrouping.demote(space, uuid, body.port))

    async def _save_subgraph(self, body: wire.SaveSubgraph, actor: wire.Actor) -> str:
        scope, uuid = naming.split(body.id)
        node = regrouping.as_subgraph(self._node(body.id))
        files = self._worker.workspace.subgraphs
        name = files.free_name(body.name, own=node.file, replace=body.replace)
        template = {**node.file_data(), "name": name}
        await in_thread(lambda: files.save(name, template), name="save subgraph")
        self._worker.load_subgraphs()
        version = str(template["version"])
        self._edit(scope, lambda space: regrouping.saved_as(space, uuid, name, version))
        return name

    def _update_subgraph(self, body: wire.UpdateSubgraph, actor: wire.Actor) -> None:
        scope, uuid = naming.split(body.id)
        self._edit(scope, lambda space: regrouping.update(space, uuid))

    def _undo(self, body: wire.Undo, actor: wire.Actor) -> None:
        self._worker.require_open().undo()

    def _redo(self, body: wire.Redo, actor: wire.Actor) -> None:
        self._worker.require_open().redo()

    def _edge(self, edge_id: str) -> scopes.Edge:
        for edge in scopes.edges(self._worker.require_open().space):
            if views.edge_id(*edge) == edge_id:
                return edge
        raise GraphError("There is no node or wire of that name any more.", edge=edge_id)

    def _require_for(self, node_id: str, actor: wire.Actor) -> None:
        """What may reach a device needs the controls of the bench."""
        space = self._worker.require_open().space
        if scopes.has(space, node_id) and editing.reaches_effect(scopes.node_at(space, node_id)):
            self._worker.controls.require(actor)

    # ── nodespaces ──

    async def _open_example(self, body: wire.OpenExample, actor: wire.Actor) -> str:
        return await self._worker.open_example(body.name)

    async def _open_space(self, body: wire.OpenSpace, actor: wire.Actor) -> str:
        return await self._worker.open_space(body.name)

    async def _new_space(self, body: wire.NewSpace, actor: wire.Actor) -> str:
        return await self._worker.add_space(body.name.strip() or "Nodespace", _EMPTY)

    async def _rename_space(self, body: wire.RenameSpace, actor: wire.Actor) -> None:
        await self._worker.rename_space(body.name)

    async def _close_space(self, body: wire.CloseSpace, actor: wire.Actor) -> None:
        await self._worker.close_space()
        self._worker.closed()

    # ── runs ──

    async def _run_start(self, body: wire.RunStart, actor: wire.Actor) -> str:
        run = await self._worker.require_open().runner.start(operator=actor.name)
        safety.note_acceptance(run, self._worker.bench, body.accepted, actor.name)
        return run.id

    def _active_run(self) -> Run:
        run = self._worker.require_open().runner.active
        if run is None:
            raise RefusedError("No run is on.")
        return run

    def _trigger(self, body: wire.Trigger, actor: wire.Actor) -> None:
        space = self._worker.require_open().space
        space.check_unlocked()
        node = scopes.node_at(space, body.id)
        if node.blocked:
            why = "it is muted" if node.muted else "effects are off"
            raise RefusedError(
                f"{node.name} cannot run: {why}.", hint="Start a run, or switch effects on."
            )
        if not node.ready():
            missing = [p.name for p in node.inputs.values() if p.required and p.value is NoValue]
            raise RefusedError(f"{node.name} cannot run: {', '.join(missing)} has no value.")
        wave = Wave(f"{node.name}, by {actor.name}")
        node.request_trigger(wave=wave)
        wave.close()

    def _cancel(self, body: wire.Cancel, actor: wire.Actor) -> None:
        self._node(body.id).cancel(f"cancelled by {actor.name}")

    def _set_live(self, body: wire.SetLive, actor: wire.Actor) -> None:
        space = self._worker.require_open().space
        space.check_unlocked()
        if body.live:
            self._worker.latch.check("Switching effects on")
        space.arming = "live" if body.live else "disarmed"
        for text in safety.accepted_now(self._worker.bench, body.accepted) if body.live else ():
            self._worker.logbook.add("warning", "bench", f"{actor.name} accepted: {text}")

    # ── devices ──

    async def _device_connect(self, body: wire.DeviceConnect, actor: wire.Actor) -> None:
        await self._device(body.name).connect()

    async def _device_disconnect(self, body: wire.DeviceDisconnect, actor: wire.Actor) -> None:
        self._worker.needs_no_run()
        await self._device(body.name).disconnect()

    def _device(self, name: str) -> Any:
        return self._bench(f"device {name!r}").device(name)

    # ── E-STOP ──

    async def _estop(self, body: wire.EStop, actor: wire.Actor) -> wire.LatchView:
        return views.latch_view(await self._worker.estop("E-STOP", actor.name))

    def _estop_reset(self, body: wire.EStopReset, actor: wire.Actor) -> None:
        self._worker.latch.reset(by=actor.name, confirmed=body.confirmed)
        self._worker.logbook.add("warning", "E-STOP", f"{actor.name} reset the E-STOP.")

    # ── what the bench watches by itself ──

    def _bench(self, what: str) -> "Bench":
        if self._worker.bench is None:
            raise WorkerError(f"This worker has no bench, so no {what}.")
        return self._worker.bench

    def _alarm_acknowledge(self, body: wire.AlarmAcknowledge, actor: wire.Actor) -> bool:
        severity = Severity[body.severity]
        return self._bench(f"alarm {body.name!r}").alarms.acknowledge(
            body.name, by=actor.name, severity=severity
        )

    def _alarm_shelve(self, body: wire.AlarmShelve, actor: wire.Actor) -> None:
        self._bench(f"alarm {body.name!r}").alarms.shelve(body.name, body.seconds, by=actor.name)

    def _interlock_reset(self, body: wire.InterlockReset, actor: wire.Actor) -> None:
        self._bench(f"interlock {body.name!r}").interlocks.reset(body.name, by=actor.name)
        self._worker.logbook.add("warning", "interlock", f"{actor.name} reset {body.name!r}.")

    # ── what went over the wires ──

    def _get_traffic(self, body: wire.GetTraffic, actor: wire.Actor) -> wire.TrafficPage:
        if self._worker.bench is None:
            return wire.TrafficPage()
        return wiretap.traffic_page(self._worker.bench, body.since, body.limit)

    async def _export_traffic(self, body: wire.ExportTraffic, actor: wire.Actor) -> dict[str, Any]:
        bench = self._bench("traffic")
        data = await in_thread(lambda: wiretap.replay_file(bench, body.devices), name="export")
        name = f"{bench.name or 'bench'}-traffic.jsonl"
        return {"name": name, "media_type": wiretap.MEDIA_TYPE, "data": data}

    # ── recorded runs ──

    async def _get_rows(self, body: wire.GetRows, actor: wire.Actor) -> wire.Rows:
        limit = max(1, min(body.limit, ROWS_LIMIT))
        start = max(0, body.start)
        run = self._worker.open.runner.run if self._worker.open is not None else None
        if run is not None and run.id == body.run and run.tables:
            table = next(iter(run.tables.values()))
            return views.rows_event(run.id, table.page(start, limit))

        def read() -> wire.Rows:
            reader = self._found(body.run)
            if not reader.specs:
                raise RunError(f"Run {reader.head.number} has no recorder.")
            return views.rows_event(reader.head.id, reader.rows(start, limit))

        return await in_thread(read, name="read rows")

    async def _list_runs(self, body: wire.ListRuns, actor: wire.Actor) -> list[wire.RunView]:
        limit = max(1, min(body.limit, RUNS_LIMIT))
        heads = await in_thread(lambda: self._worker.runs.list(limit), name="list runs")
        found = [views.head_view(head) for head in heads]
        active = self._worker.run_view()
        return [active if active and each.id == active.id else each for each in found]

    async def _export_run(self, body: wire.ExportRun, actor: wire.Actor) -> dict[str, Any]:
        def export() -> dict[str, Any]:
            reader = self._found(body.run)
            data = csv_text(reader).encode()
            return {"name": csv_name(reader.head), "media_type": MEDIA_TYPE, "data": data}

        return await in_thread(export, name="export")

    def _found(self, run: str) -> RunReader:
        return self._worker.runs.find(run)


_PORTS = (InputGate.node_id, OutputGate.node_id)


def _place(scope: str, frame: str, section: wire.Section) -> Place | None:
    """Where a frame of the same scope holds a node; None for no frame."""
    if not frame:
        return None
    around, uuid = naming.split(frame)
    if around != scope:
        raise RefusedError("A frame holds nodes of its own subgraph only.")
    return Place(uuid, section)


def _local(edge: scopes.Edge) -> scopes.Edge:
    """The wire with ids in place of names."""
    return naming.split(edge[0])[1], edge[1], naming.split(edge[2])[1], edge[3]


_EMPTY: dict[str, Any] = {"format": 3, "nodes": [], "edges": []}
