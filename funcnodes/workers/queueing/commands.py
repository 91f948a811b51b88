"""What people may ask of the queue of runs, for each command a method of its tag's name."""

from typing import TYPE_CHECKING

from funcnodes.core import clock
from funcnodes.runs.queued import RunOrder, Submitter
from funcnodes.runs.records import RunAbout
from funcnodes.runs.runqueue import RunQueue
from funcnodes.workers import schema
from funcnodes.workers.roles import check_rank
from funcnodes.workers.workspace import encode

if TYPE_CHECKING:
    from funcnodes.workers.worker import Worker


class QueueCommands:
    """Those of a worker's commands that are about its queue."""

    _worker: "Worker"

    def _get_queue(self, body: schema.GetQueue, actor: schema.Actor) -> schema.QueueView:
        return self._worker.queue.view()

    async def _queue_add(self, body: schema.QueueAdd, actor: schema.Actor) -> int:
        name, data = await self._graph_to_queue(body)
        about = RunAbout(sample=body.sample, project=body.project, notes=body.notes)
        order = RunOrder(
            name=body.name, nodespace=name, graph="", sets=tuple(body.sets), about=about,
            priority=body.priority, on_failure=body.on_failure,
        )  # fmt: skip
        return await self._worker.queue.submit(
            order, data, _submitter(actor), evidence=body.evidence
        )

    async def _graph_to_queue(self, body: schema.QueueAdd) -> tuple[str, bytes]:
        """Where it is from, and the graph as it is at this moment."""
        if body.graph is not None:
            return body.nodespace or "graph", encode(body.graph)
        opened = self._worker.require_open()
        return opened.name, await opened.autosave.saved_form()

    async def _queue_move(self, body: schema.QueueMove, actor: schema.Actor) -> None:
        await self._worker.queue.change(lambda queue: queue.move(body.id, body.place))

    async def _queue_change(self, body: schema.QueueChange, actor: schema.Actor) -> None:
        await self._worker.queue.change(
            lambda queue: queue.change(body.id, priority=body.priority, on_failure=body.on_failure)
        )

    async def _queue_remove(self, body: schema.QueueRemove, actor: schema.Actor) -> None:
        now = clock.now()
        await self._worker.queue.change(lambda queue: queue.remove(body.id, actor.name, at=now))

    async def _queue_clear(self, body: schema.QueueClear, actor: schema.Actor) -> None:
        await self._worker.queue.change(RunQueue.clear)

    async def _queue_approve(self, body: schema.QueueApprove, actor: schema.Actor) -> None:
        rule = self._worker.queue.rule
        check_rank(actor, rule.role if rule is not None else "operator")
        by = _submitter(actor)
        await self._worker.queue.approve(body.id, by, evidence=body.evidence)

    async def _queue_arm(self, body: schema.QueueArm, actor: schema.Actor) -> None:
        await self._worker.queue.arm(actor.name, body.accepted)

    async def _queue_disarm(self, body: schema.QueueDisarm, actor: schema.Actor) -> None:
        why = f"Disarmed by {actor.name}."
        await self._worker.queue.change(lambda queue: queue.disarm(why))


def _submitter(actor: schema.Actor) -> Submitter:
    return Submitter(name=actor.name or "somebody", id=actor.id)
