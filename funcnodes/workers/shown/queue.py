"""What people are shown of the queue of runs."""

from funcnodes.runs.queued import QueueEntry
from funcnodes.runs.runqueue import RunQueue, finished_last
from funcnodes.workers import schema


def queue_view(queue: RunQueue, *, hold: str, approval: bool) -> schema.QueueView:
    """The queue, as people read it.

    Args:
        hold: What keeps it from going on though it is armed.
        approval: Whether its bench asks that runs are approved.
    """
    places = {entry.id: place for place, entry in enumerate(queue.pending, 1)}
    return schema.QueueView(
        armed=queue.armed,
        armed_by=queue.armed_by,
        why=queue.why,
        hold=hold,
        approval=approval,
        entries=[_entry(entry, places.get(entry.id, 0)) for entry in finished_last(queue)],
    )


def _entry(entry: QueueEntry, place: int) -> schema.QueueEntryView:
    order, approval, evidence = entry.order, entry.approval, entry.evidence
    return schema.QueueEntryView(
        id=entry.id, name=order.name, nodespace=order.nodespace, state=entry.state, place=place,
        priority=order.priority, on_failure=order.on_failure, by=entry.by.name, at=entry.at,
        run=entry.run, number=entry.number, reason=entry.reason,
        began=entry.began, ended=entry.ended,
        approved_by=approval.by if approval is not None else "",
        approved_at=approval.at if approval is not None else None,
        evidence=evidence.text if evidence is not None else "",
        sets=list(order.sets), sample=order.about.sample, project=order.about.project,
        notes=order.about.notes,
    )  # fmt: skip
