"""What people may ask a worker for: for each kind of command a method of its tag's name.

Roles are checked here again, and the controls of the bench, by what stands on the command. Edits
are carried out in the order in which they come and answered at once; what takes time goes on beside
them. Every command is answered by an Ack or by a Fail that says why in one sentence. One that comes
too late is not done; one that comes twice is done once.
"""

import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from funcnodes.core import Node, NodeSpace, NoValue, Place, naming
from funcnodes.core.subgraphs.passages import InputPassage, OutputPassage
from funcnodes.devices.benchfile.rules import Severity
from funcnodes.errors import GraphError, RefusedError, RunError, WorkerError
from funcnodes.runs import Prompts, Run, RunHead, RunReader
from funcnodes.runs.continuing import look_back
from funcnodes.runs.export import MEDIA_TYPE, csv_name, csv_piece
from funcnodes.runs.records import RunAbout
from funcnodes.runs.scripted import ScriptedRun
from funcnodes.workers import edits, schema
from funcnodes.workers.edits import scopes
from funcnodes.workers.lateness import check_in_time
from funcnodes.workers.once import Once
from funcnodes.workers.problems import problem_of
from funcnodes.workers.queueing.commands import QueueCommands
from funcnodes.workers.roles import check_role
from funcnodes.workers.shown import bodies, safety, traffic, views
from funcnodes.workers.shown.before import before_run_view
from funcnodes.workers.shown.history import history_view
from funcnodes.workers.shown.verdicts import KnownVerdicts, report_page, verdicts_view
from funcnodes.workers.threads import FewThreads, in_thread

if TYPE_CHECKING:
    from funcnodes.devices.bench import Bench
    from funcnodes.workers.space import OpenNodespace
    from funcnodes.workers.worker import Worker

ROWS_LIMIT = 50_000
RUNS_LIMIT = 1_000
MAP_CELLS = 200
SEARCH_LENGTH = 500

E = TypeVar("E", bound=edits.Edit)
Parked = dict[str, str] | Awaitable[dict[str, str]]
"""What became of each device, or will have."""


class Commands(QueueCommands):
    """Carries commands out on a worker."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._once = Once()
        self._reading = FewThreads()
        self._verdicts = KnownVerdicts(worker.runs)
        self._handlers: dict[type[Any], Callable[[Any, schema.Actor], Any]] = {
            kind: getattr(self, f"_{kind.__struct_config__.tag}") for kind in schema.COMMANDS
        }

    def do(self, do: schema.Do) -> None:
        """Carry a command out, and answer it."""
        if self._once.came_before(do, self._worker.publisher.answer):
            return
        try:
            check_in_time(do.body, do.expires_s, time.monotonic())
            result = self._begin(do)
            if inspect.isawaitable(result):
                self._worker.spawn(self._finish(do, result), type(do.body).__name__)
            else:
                self._ack(do, result)
        except Exception as error:
            self._fail(do, error)

    async def carry_out(self, actor: schema.Actor, body: schema.AnyCommand) -> Any:
        """Carry a command out for whoever is not on the link. Returns its result.

        Raises:
            Exception: Whatever a Fail would have told.
        """
        result = self._begin(schema.Do(id=0, rev=0, actor=actor, body=body))
        if inspect.isawaitable(result):
            result = await result
        self._worker.publisher.flush()
        return result

    def admit(self, actor: schema.Actor, body: schema.WorkerCommand) -> None:
        """Let pass whoever may do that now.

        Raises:
            RefusedError: Role or controls are not enough.
        """
        check_role(actor, body)
        self._check_controls(body, actor)

    def _begin(self, do: schema.Do) -> Any:
        self.admit(do.actor, do.body)
        handler = self._handlers[type(do.body)]
        if do.body.effect != "edits" or self._worker.open is None:
            return handler(do.body, do.actor)
        things = edits.things_of(do.body)
        self._check_fresh(things, do)
        result = handler(do.body, do.actor)
        if isinstance(do.body, schema.Undo | schema.Redo):
            things = edits.wholly(self._worker.open.touched)
        change = edits.LastChange(self._worker.publisher.rev, do.client, do.actor.name)
        self._worker.open.revisions.note(things, change)
        return result

    def _check_fresh(self, things: list[edits.Thing], do: schema.Do) -> None:
        """Refuse an edit of what somebody else has changed since the revision it was made on."""
        if not do.rev:
            return
        last = self._worker.require_open().revisions.since(things, do.rev, do.client)
        if last is not None:
            raise self._stale(do.body, last)

    def _stale(self, body: schema.AnyCommand, last: edits.LastChange) -> edits.StaleRevision:
        """Says what is there now; the patch that shows it has been sent before this."""
        who = last.by or "Somebody else"
        if not isinstance(body, schema.SetValue):
            return edits.StaleRevision(
                f"{who} has changed that meanwhile, so nothing was done.",
                hint="Look at what is there now, and do it again.",
                by=last.by,
            )
        port = self._node(body.node).get_input(body.port)
        now = views.preview(port.value)
        shown = views.told(now, port.unit)
        return edits.StaleRevision(
            f"{who} has set {port.node.name}.{port.name} to {shown} meanwhile, so your value was "
            "not taken.",
            hint="Set it again if it is to be yours.",
            by=last.by, node=body.node, port=body.port, value=now,
        )  # fmt: skip

    def _check_controls(self, body: schema.WorkerCommand, actor: schema.Actor) -> None:
        """What acts on the bench, or reaches it through the graph, needs the controls."""
        if body.effect == "replaces" and (use := self._worker.bench_in_use()):
            self._worker.controls.refuse_others(actor, use)
        needed = body.effect == "acts"
        if body.reaches:
            space, node = self._worker.require_open().space, getattr(body, body.reaches)
            needed = scopes.has(space, node) and edits.reaches_effect(scopes.node_at(space, node))
        if needed:
            self._worker.controls.require(actor)

    async def _finish(self, do: schema.Do, result: Any) -> None:
        try:
            self._ack(do, await result)
        except Exception as error:
            self._fail(do, error)

    def _ack(self, do: schema.Do, result: Any) -> None:
        publisher = self._worker.publisher
        publisher.flush()
        self._answer(do, schema.Ack(id=do.id, rev=publisher.rev, result=result))

    def _fail(self, do: schema.Do, error: Exception) -> None:
        publisher = self._worker.publisher
        stale = isinstance(error, GraphError) and do.rev and do.rev < publisher.rev
        if stale and "no node" in str(error):
            error = edits.StaleRevision(f"{error} Somebody else has changed the graph.")
        self._answer(do, schema.Fail(id=do.id, rev=publisher.rev, problem=problem_of(error)))

    def _answer(self, do: schema.Do, answer: schema.Ack | schema.Fail) -> None:
        self._worker.publisher.answer(answer)
        for again in self._once.answered(do, answer):
            self._worker.publisher.answer(again)

    # ── edits ──

    def _edit(self, scope: str, make: Callable[[NodeSpace], E]) -> E:
        """Make an edit of what is in a scope."""
        space = self._worker.require_open()
        edit = make(scopes.space_at(space.space, scope))
        space.edit(edits.inside(scope, edit))
        return edit

    def _node(self, name: str) -> Node:
        return scopes.node_at(self._worker.require_open().space, name)

    def _add_node(self, body: schema.AddNode, actor: schema.Actor) -> str:
        if body.key in _PORTS and not body.scope:
            raise RefusedError("A port of a subgraph belongs inside one.", hint="Open one first.")
        try:
            node_id, name, extra = self._worker.palette.recipe(body.key)
        except KeyError:
            raise GraphError(f"The palette has no entry {body.key!r}.") from None
        place = _place(body.scope, body.frame, body.section)
        edit = self._edit(
            body.scope,
            lambda space: edits.add_node(
                space, node_id, name=name, extra=extra, x=body.x, y=body.y, place=place
            ),
        )
        return naming.joined(body.scope, str(edit.nodes[0]["id"]))

    def _remove_nodes(self, body: schema.RemoveNodes, actor: schema.Actor) -> None:
        space = self._worker.require_open()
        edges = [self._edge(edge) for edge in body.edges]
        scope, ids = scopes.one([*body.ids, *(edge[0] for edge in edges)])
        inner = scopes.space_at(space.space, scope)
        local = [_local(edge) for edge in edges]
        space.edit(edits.remove(space.space, scope, inner, ids[: len(body.ids)], local))

    def _move_nodes(self, body: schema.MoveNodes, actor: schema.Actor) -> None:
        scope, ids = scopes.one(body.ids)
        self._edit(scope, lambda space: edits.move_nodes(space, ids, body.x, body.y))

    def _duplicate(self, body: schema.Duplicate, actor: schema.Actor) -> list[str]:
        scope, ids = scopes.one(body.ids)
        edit = self._edit(scope, lambda space: edits.duplicate(space, ids, dx=body.dx, dy=body.dy))
        return [naming.joined(scope, str(node["id"])) for node in edit.nodes]

    def _connect(self, body: schema.Connect, actor: schema.Actor) -> None:
        scope, (source, target) = scopes.one([body.source, body.target])
        edge = (source, body.source_port, target, body.target_port)
        self._edit(scope, lambda space: edits.connect(space, edge))

    def _disconnect(self, body: schema.Disconnect, actor: schema.Actor) -> None:
        edge = self._edge(body.edge)
        scope, _ = naming.split(edge[0])
        self._edit(scope, lambda space: edits.disconnect(space, _local(edge)))

    def _set_value(self, body: schema.SetValue, actor: schema.Actor) -> None:
        scope, uuid = naming.split(body.node)
        self._edit(scope, lambda space: edits.set_value(space, uuid, body.port, body.value))
        run = self._worker.require_open().runner.active
        if run is not None:
            port = self._node(body.node).get_input(body.port)
            where = f"{port.node.name}.{port.name}"
            value = None if port.value is NoValue else views.preview(port.value)
            run.note(
                "live input", port=where, value=value, by=actor.name, node=body.node, id=body.port
            )

    def _rename(self, body: schema.Rename, actor: schema.Actor) -> None:
        scope, uuid = naming.split(body.id)
        self._edit(scope, lambda space: edits.rename(space, uuid, body.name))

    def _set_policy(self, body: schema.SetPolicy, actor: schema.Actor) -> None:
        scope, uuid = naming.split(body.id)
        self._edit(scope, lambda space: edits.set_policy(space, uuid, body.policy))

    def _set_port(self, body: schema.SetPort, actor: schema.Actor) -> None:
        scope, uuid = naming.split(body.node)
        flags = {"pinned": body.pinned, "hidden": body.hidden, "live": body.live}
        self._edit(scope, lambda space: edits.set_flags(space, uuid, body.port, **flags))

    def _set_plot(self, body: schema.SetPlot, actor: schema.Actor) -> None:
        scope, uuid = naming.split(body.id)
        self._edit(scope, lambda space: edits.set_plot(space, uuid, body.x, body.y))

    # ── frames and subgraphs ──

    def _put_in(self, body: schema.PutIn, actor: schema.Actor) -> None:
        scope, ids = scopes.one(body.ids)
        place = _place(scope, body.frame, body.section)

        def edit(space: NodeSpace) -> edits.Edit:
            put = edits.put_in(space, ids, place)
            if not body.x and not body.y:
                return put
            moved = edits.move_nodes(space, ids, body.x, body.y)
            return edits.SeveralEdits(put.label, [moved, put])

        self._edit(scope, edit)

    def _make_subgraph(self, body: schema.MakeSubgraph, actor: schema.Actor) -> str:
        scope, ids = scopes.one(body.ids)
        edit = self._edit(scope, lambda space: edits.into_subgraph(space, ids, body.name))
        return naming.joined(scope, edit.uuid)

    def _dissolve(self, body: schema.Dissolve, actor: schema.Actor) -> list[str]:
        scope, uuid = naming.split(body.id)
        edit = self._edit(scope, lambda space: edits.take_apart(space, uuid))
        return [naming.joined(scope, each) for each in edit.inside]

    def _promote(self, body: schema.Promote, actor: schema.Actor) -> str:
        inner, node = naming.split(body.node)
        if not inner:
            raise RefusedError("Only what is inside a subgraph can become one of its ports.")
        scope, uuid = naming.split(inner)
        edit = self._edit(
            scope, lambda space: edits.promote(space, uuid, node, body.port, body.name)
        )
        return edit.gate

    def _demote(self, body: schema.Demote, actor: schema.Actor) -> None:
        scope, uuid = naming.split(body.node)
        self._edit(scope, lambda space: edits.demote(space, uuid, body.port))

    async def _save_subgraph(self, body: schema.SaveSubgraph, actor: schema.Actor) -> str:
        scope, uuid = naming.split(body.id)
        node = edits.as_subgraph(self._node(body.id))
        files = self._worker.workspace.subgraphs
        name = files.free_name(body.name, own=node.file, replace=body.replace)
        template = {**node.file_data(), "name": name}
        await in_thread(lambda: files.save(name, template), name="save subgraph")
        self._worker.load_subgraphs()
        version = str(template["version"])
        self._edit(scope, lambda space: edits.saved_as(space, uuid, name, version))
        return name

    def _update_subgraph(self, body: schema.UpdateSubgraph, actor: schema.Actor) -> None:
        scope, uuid = naming.split(body.id)
        self._edit(scope, lambda space: edits.update_subgraph(space, uuid))

    def _get_body(self, body: schema.GetBody, actor: schema.Actor) -> schema.BodyView:
        return bodies.body_of(self._node(body.id))

    def _undo(self, body: schema.Undo, actor: schema.Actor) -> None:
        self._worker.require_open().undo()

    def _redo(self, body: schema.Redo, actor: schema.Actor) -> None:
        self._worker.require_open().redo()

    def _edge(self, edge_id: str) -> scopes.Edge:
        space = self._worker.require_open().space
        for end in (at for at, sign in enumerate(edge_id) if sign == ":"):
            if scopes.has(space, edge_id[:end]):
                for edge in scopes.edges_of(scopes.node_at(space, edge_id[:end])):
                    if views.edge_id(*edge) == edge_id:
                        return edge
        raise GraphError("There is no node or wire of that name any more.", edge=edge_id)

    # ── nodespaces ──

    async def _open_example(self, body: schema.OpenExample, actor: schema.Actor) -> str:
        return await self._worker.open_example(body.name)

    async def _open_space(self, body: schema.OpenSpace, actor: schema.Actor) -> str:
        return await self._worker.open_space(body.name)

    async def _new_space(self, body: schema.NewSpace, actor: schema.Actor) -> str:
        return await self._worker.add_space(body.name.strip() or "Nodespace", _EMPTY)

    async def _rename_space(self, body: schema.RenameSpace, actor: schema.Actor) -> None:
        await self._worker.rename_space(body.name)

    async def _close_space(self, body: schema.CloseSpace, actor: schema.Actor) -> None:
        await self._worker.close_space()
        self._worker.closed()

    # ── runs ──

    async def _run_start(self, body: schema.RunStart, actor: schema.Actor) -> str:
        about = RunAbout(sample=body.sample, project=body.project, notes=body.notes)
        runner = self._worker.require_open().runner
        self._worker.scripts.check_no_run()
        self._worker.queue.needs_idle("A run")
        try:
            run = await runner.start(operator=actor.name, about=about)
        finally:
            self._worker.queue.poke()
        safety.note_acceptance(run, self._worker.bench, body.accepted, actor.name)
        return run.id

    async def _dry_run(self, body: schema.DryRun, actor: schema.Actor) -> schema.DryRunView:
        opened = self._worker.require_open()
        graph = await opened.autosave.saved_form()
        return await self._worker.dry_runs.make(opened.name, graph, actor.name)

    def _dry_run_cancel(self, body: schema.DryRunCancel, actor: schema.Actor) -> bool:
        return self._worker.dry_runs.cancel(actor.name)

    async def _plan_continue(
        self, body: schema.PlanContinue, actor: schema.Actor
    ) -> schema.ContinueView:
        runner = self._worker.require_open().runner
        self._worker.scripts.check_no_run()
        self._worker.queue.needs_idle("Going on with a run")
        return views.continue_view(await look_back(runner, body.run, first=body.first))

    async def _run_continue(self, body: schema.RunContinue, actor: schema.Actor) -> str:
        runner = self._worker.require_open().runner
        self._worker.scripts.check_no_run()
        self._worker.queue.needs_idle("Going on with a run")
        plan = await look_back(runner, body.run, first=body.first)
        if plan.token != body.token:
            raise RefusedError(
                "What is to be written first is no longer what was shown.",
                hint="Look at it again, and agree to that.",
            )
        self._worker.scripts.check_no_run()
        self._worker.queue.needs_idle("Going on with a run")
        try:
            run = await runner.start(operator=actor.name, about=plan.about(), going_on=plan)
        finally:
            self._worker.queue.poke()
        safety.note_acceptance(run, self._worker.bench, body.accepted, actor.name)
        return run.id

    async def _get_before_run(
        self, body: schema.GetBeforeRun, actor: schema.Actor
    ) -> schema.BeforeRunView:
        bench = self._worker.bench
        config = bench.config if bench is not None else None
        return await self._reading.run(
            lambda: before_run_view(self._worker.keeping.before_run(), config), name="samples"
        )

    def _run_pause(self, body: schema.RunPause, actor: schema.Actor) -> None:
        self._active_run().pause()

    def _run_resume(self, body: schema.RunResume, actor: schema.Actor) -> None:
        self._active_run().resume()

    def _run_stop(self, body: schema.RunStop, actor: schema.Actor) -> None:
        self._active_run().stop(f"Stopped by {actor.name}.")

    def _run_abort(self, body: schema.RunAbort, actor: schema.Actor) -> None:
        run = self._active_run()
        run.abort(f"Aborted by {actor.name}.")
        if isinstance(run, ScriptedRun):  # its script may take its time to hear of it
            self._worker.spawn(run.end(), "end a script's run")

    def _run_halt(self, body: schema.RunHalt, actor: schema.Actor) -> None:
        run = self._active_run()
        run.halt(f"Halted by {actor.name}.")
        if isinstance(run, ScriptedRun):
            self._worker.spawn(run.end(), "end a script's run")

    def _active_run(self) -> Run | ScriptedRun:
        run = self._worker.scripts.run or self._worker.active_run
        if run is None:
            raise RefusedError("No run is on.")
        return run

    def _answer_prompt(self, body: schema.AnswerPrompt, actor: schema.Actor) -> None:
        self._prompts(body.id).answer(body.id, body.value, by=actor.name, how="page")

    def _see_prompt(self, body: schema.SeePrompt, actor: schema.Actor) -> None:
        self._prompts(body.id).see(body.id, by=actor.name)

    def _prompts(self, prompt_id: str) -> Prompts:
        """The list that has it, or had it lately."""
        lists = self._worker.prompts()
        found = next((each for each in lists if each.knows(prompt_id)), None)
        return found or self._worker.require_open().prompts

    def _trigger(self, body: schema.TriggerNode, actor: schema.Actor) -> None:
        edits.run_by_hand(self._node(body.id), actor.name)

    def _cancel(self, body: schema.CancelNode, actor: schema.Actor) -> None:
        self._node(body.id).cancel(f"cancelled by {actor.name}")

    def _set_live(self, body: schema.SetLive, actor: schema.Actor) -> Parked:
        opened = self._worker.require_open()
        opened.space.check_unlocked()
        if not body.live:
            return opened.live.leave(park=body.park, by=actor.name)
        return self._go_live(opened, body, actor)

    async def _go_live(
        self, opened: "OpenNodespace", body: schema.SetLive, actor: schema.Actor
    ) -> dict[str, str]:
        self._worker.latch.check("Switching effects on")
        self._worker.queue.needs_idle("Live")
        await opened.runner.check_live()
        self._worker.queue.needs_idle("Live")
        opened.space.check_unlocked()
        self._worker.latch.check("Switching effects on")
        opened.space.arming = "live"
        for text in safety.accepted_now(self._worker.bench, body.accepted):
            self._worker.logbook.add("warning", "bench", f"{actor.name} accepted: {text}")
        return {}

    def _stop(self, body: schema.StopActing, actor: schema.Actor) -> Parked:
        run: Run | ScriptedRun | None = self._worker.scripts.run or self._worker.active_run
        if run is None:
            return self._worker.require_open().live.stop(actor.name)
        if run.state == "stopping":
            run.abort(f"Aborted by {actor.name}.")
        else:
            run.stop(f"Stopped by {actor.name}.")
        return {}

    # ── the worker ──

    def _take_controls(self, body: schema.TakeControls, actor: schema.Actor) -> None:
        before = self._worker.controls.holder
        self._worker.controls.take(actor)
        if before is not None and before.id != actor.id:
            text = f"{actor.name} took the controls over from {before.name or 'somebody else'}."
            self._worker.logbook.add("warning", "controls", text)

    def _get_snapshot(
        self, body: schema.GetSnapshot, actor: schema.Actor
    ) -> schema.Snapshot | Awaitable[schema.Snapshot]:
        space = self._worker.open
        if space is not None and space.canvas.is_large:
            return self._sliced_snapshot()
        return self._worker.snapshot()

    async def _sliced_snapshot(self) -> schema.Snapshot:
        """As it was after the patch that it names: what changes while it is made is told by the
        patches after that, too."""
        while True:
            space, shown = self._worker.open, self._worker.snapshot(whole=False)
            if space is None:
                return shown
            shown.nodes, shown.edges = await space.canvas.packed()  # type: ignore[assignment]  # as they are sent
            if self._worker.open is space:
                return shown

    # ── devices ──

    async def _device_connect(self, body: schema.DeviceConnect, actor: schema.Actor) -> None:
        await self._device(body.name).connect()

    async def _device_disconnect(self, body: schema.DeviceDisconnect, actor: schema.Actor) -> None:
        self._worker.needs_no_run()
        await self._device(body.name).disconnect()

    def _device_accept(self, body: schema.DeviceAccept, actor: schema.Actor) -> None:
        self._device(body.name).accept_changes(by=actor.name)

    async def _member_read(self, body: schema.MemberRead, actor: schema.Actor) -> schema.MemberView:
        samples = await self._worker.by_hand.read(body.name, body.member)
        return self._worker.by_hand.view(body.name, body.member, samples)

    async def _member_set(self, body: schema.MemberSet, actor: schema.Actor) -> schema.MemberView:
        by_hand = self._worker.by_hand
        if not isinstance(body.value, int | float | str):
            raise RefusedError(f"{body.name}.{body.member} is set to a number, on, off or a text.")
        sample = await by_hand.set(body.name, body.member, body.value, by=actor.name)
        return by_hand.view(body.name, body.member, {"value": sample})

    async def _member_do(self, body: schema.MemberDo, actor: schema.Actor) -> None:
        await self._worker.by_hand.do(body.name, body.member, by=actor.name)

    async def _device_park(self, body: schema.DevicePark, actor: schema.Actor) -> dict[str, str]:
        return await self._worker.by_hand.park(body.names, by=actor.name)

    def _device(self, name: str) -> Any:
        return self._bench(f"device {name!r}").device(name)

    # ── E-STOP ──

    async def _estop(self, body: schema.EStop, actor: schema.Actor) -> schema.LatchView:
        return views.latch_view(await self._worker.estop("E-STOP", actor.name))

    def _estop_reset(self, body: schema.EStopReset, actor: schema.Actor) -> None:
        self._worker.latch.reset(by=actor.name, confirmed=body.confirmed)

    # ── what the bench watches by itself ──

    def _bench(self, what: str) -> "Bench":
        if self._worker.bench is None:
            raise WorkerError(f"This worker has no bench, so no {what}.")
        return self._worker.bench

    def _get_watch(self, body: schema.GetWatch, actor: schema.Actor) -> schema.WatchView:
        return safety.watch_view(self._worker.bench)

    def _get_safety(self, body: schema.GetSafety, actor: schema.Actor) -> schema.SafetyView:
        return safety.safety_view(self._worker.bench)

    def _alarm_acknowledge(self, body: schema.AlarmAcknowledge, actor: schema.Actor) -> bool:
        severity = Severity[body.severity]
        return self._bench(f"alarm {body.name!r}").alarms.acknowledge(
            body.name, by=actor.name, severity=severity
        )

    def _alarm_shelve(self, body: schema.AlarmShelve, actor: schema.Actor) -> None:
        self._bench(f"alarm {body.name!r}").alarms.shelve(body.name, body.seconds, by=actor.name)

    def _interlock_reset(self, body: schema.InterlockReset, actor: schema.Actor) -> None:
        self._bench(f"interlock {body.name!r}").interlocks.reset(body.name, by=actor.name)
        text = f"{actor.name} reset interlock {body.name!r}."
        self._worker.latch.log.note("reset", text, by=actor.name)

    # ── what went over the wires ──

    def _get_traffic(self, body: schema.GetTraffic, actor: schema.Actor) -> schema.TrafficPage:
        if self._worker.bench is None:
            return schema.TrafficPage()
        return traffic.traffic_page(self._worker.bench, body.since, body.limit)

    async def _export_traffic(
        self, body: schema.ExportTraffic, actor: schema.Actor
    ) -> dict[str, Any]:
        bench = self._bench("traffic")
        data = await self._reading.run(
            lambda: traffic.replay_file(bench, body.devices), name="export"
        )
        name = f"{bench.name or 'bench'}-traffic.jsonl"
        return {"name": name, "media_type": traffic.MEDIA_TYPE, "data": data}

    # ── recorded runs ──

    async def _get_rows(self, body: schema.GetRows, actor: schema.Actor) -> schema.RowsView:
        limit = max(1, min(body.limit, ROWS_LIMIT))
        start = max(0, body.start)
        run = self._worker.run_called(body.run)
        points = min(body.points, ROWS_LIMIT)
        table = None
        if run is not None and run.tables:
            table = run.tables.get(body.recorder or next(iter(run.tables)))
        if run is not None and table is not None and not 0 < points < len(table) - start:
            page = table.page(start, points if points > 0 else limit)
            return views.rows_event(run.id, page, recorders=list(run.tables))

        def read() -> schema.RowsView:
            reader = self._found(body.run)
            if not reader.specs:
                raise RunError(f"Run {reader.head.number} has no recorder.")
            k = reader.recorder(body.recorder)
            recorders = [spec.recorder for spec in reader.specs]
            if points > 0:
                page, stop = reader.thinned(start, points, k=k)
            else:
                page, stop = reader.rows(start, limit, k=k), 0
            return views.rows_event(reader.head.id, page, stop=stop, recorders=recorders)

        view = await self._reading.run(read, name="read rows")
        if table is not None:  # what is not on disk yet, so that the next patch goes on from here
            views.add_rows(view, table.page(view.stop, ROWS_LIMIT))
        return view

    async def _get_map(self, body: schema.GetMap, actor: schema.Actor) -> schema.MapView:
        def read() -> schema.MapView:
            reader = self._found(body.run)
            k = reader.recorder(body.recorder)
            cells = min(body.cells, MAP_CELLS)
            found = reader.map(body.x, body.y, body.z, cells=cells, k=k)
            return views.map_view(reader.head.id, reader.specs[k].columns, found)

        return await self._reading.run(read, name="read map")

    async def _get_history(
        self, body: schema.GetHistory, actor: schema.Actor
    ) -> schema.HistoryView:
        self._bench("history")
        path = self._worker.workspace.history_path
        return await self._reading.run(lambda: history_view(path, body), name="history")

    async def _list_runs(self, body: schema.ListRuns, actor: schema.Actor) -> list[schema.RunView]:
        limit = max(1, min(body.limit, RUNS_LIMIT))

        def read() -> tuple[list[RunHead], dict[str, schema.Verdict | None]]:
            if not body.search.strip():
                heads = self._worker.runs.list(limit)
            else:
                heads = self._worker.keeping.find(body.search[:SEARCH_LENGTH], limit)
            return heads, self._verdicts.of(heads)

        heads, known = await self._reading.run(read, name="list runs")
        active = self._worker.run_view()
        found = [views.head_view(head) for head in heads]
        shown = [active if active and each.id == active.id else each for each in found]
        return [msgspec.structs.replace(each, verdict=known.get(each.id)) for each in shown]

    async def _get_verdicts(
        self, body: schema.GetVerdicts, actor: schema.Actor
    ) -> schema.VerdictsView:
        return await self._reading.run(
            lambda: verdicts_view(self._found(body.run)), name="read verdicts"
        )

    async def _get_report(self, body: schema.GetReport, actor: schema.Actor) -> dict[str, Any]:
        return await self._reading.run(lambda: report_page(self._found(body.run)), name="report")

    async def _export_run(self, body: schema.ExportRun, actor: schema.Actor) -> schema.ExportPiece:
        def export() -> schema.ExportPiece:
            reader = self._found(body.run).whole()
            name, piece = (
                csv_name(reader.head, body.recorder),
                csv_piece(reader, body.after, recorder=body.recorder),
            )
            return schema.ExportPiece(
                name=name, media_type=MEDIA_TYPE, data=piece.data, next=piece.next
            )

        return await self._reading.run(export, name="export")

    def _found(self, run: str) -> RunReader:
        return self._worker.runs.find(run)


_PORTS = (InputPassage.node_id, OutputPassage.node_id)


def _place(scope: str, frame: str, section: schema.Section) -> Place | None:
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
