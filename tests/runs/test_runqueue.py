"""The queue of runs as a state machine: order, approval, arming, and what ends how."""

from typing import Any

import msgspec
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from funcnodes.devices.benchfile import ApprovalRule
from funcnodes.errors import RefusedError
from funcnodes.runs.queued import FINISHED, PENDING, AttachedEvidence, RunOrder, Submitter
from funcnodes.runs.runqueue import RunQueue, finished_last

ADA, BOB = Submitter(name="Ada", id="a"), Submitter(name="Bob", id="b")
ANOTHER = ApprovalRule()
ids = st.integers(1, 8)


def order(name: str = "IV", **about: Any) -> RunOrder:
    return RunOrder(name=name, nodespace="diode", graph="0" * 64, **about)


def queue_of(*priorities: int, rule: ApprovalRule | None = None) -> RunQueue:
    queue = RunQueue()
    for priority in priorities:
        queue = queue.submit(order(priority=priority), ADA, at=1.0, rule=rule)
    return queue


def going(queue: RunQueue) -> list[int]:
    return [entry.id for entry in queue.pending]


class QueueMachine(RuleBasedStateMachine):
    """Whatever people ask for, and whatever happens, in any order; beside it a plain model."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = RunQueue()
        self.order: list[tuple[int, int]] = []  # id and priority of what waits, in order
        self.begun: dict[int, int] = {}
        self.back: dict[int, int] = {}
        self.approved: set[int] = set()
        self.now = 0.0

    def ask(self, verb: Any) -> bool:
        """Whether it was done; refused, nothing is another than before."""
        before = self.queue
        try:
            self.queue = verb(before)
        except RefusedError:
            assert self.queue is before
            return False
        return True

    def put(self, entry: int, priority: int) -> None:
        at = sum(1 for _, other in self.order if other >= priority)
        self.order.insert(at, (entry, priority))

    def waits(self, entry: int) -> bool:
        return entry in dict(self.order)

    @rule(priority=st.integers(-2, 2), stop=st.booleans(), asks=st.booleans())
    def submit(self, priority: int, stop: bool, asks: bool) -> None:
        self.now += 1
        entry = self.queue.next_id
        made = order(priority=priority, on_failure="stop" if stop else "go on")
        known = ANOTHER if asks else None
        assert self.ask(lambda q: q.submit(made, ADA, at=self.now, rule=known))
        self.put(entry, priority)
        if not asks:
            self.approved.add(entry)

    @rule(entry=ids, place=st.integers(0, 9))
    def move(self, entry: int, place: int) -> None:
        if not self.ask(lambda q: q.move(entry, place)):
            return
        mine = next(each for each in self.order if each[0] == entry)
        self.order.remove(mine)
        self.order.insert(place - 1, mine)

    @rule(entry=ids, priority=st.integers(-2, 2))
    def change(self, entry: int, priority: int) -> None:
        before = dict(self.order).get(entry)
        done = self.ask(lambda q: q.change(entry, priority=priority))
        if done and before is not None and before != priority:
            self.order.remove((entry, before))
            self.put(entry, priority)

    @rule(entry=ids, by_ada=st.booleans())
    def approve(self, entry: int, by_ada: bool) -> None:
        by = ADA if by_ada else BOB
        done = self.ask(lambda q: q.approve(entry, by, at=self.now, rule=ANOTHER))
        assert done == (self.waits(entry) and entry not in self.approved and not by_ada)
        if done:
            self.approved.add(entry)

    @rule(entry=ids, token=st.sampled_from("xyz"))
    def attach(self, entry: int, token: str) -> None:
        evidence = AttachedEvidence(token=token, made=1.0, hashes={})
        fresh = token not in self.queue.tokens
        assert self.ask(lambda q: q.attach(entry, evidence)) == (fresh and self.waits(entry))

    @rule(entry=ids)
    def remove(self, entry: int) -> None:
        self.now += 1
        running = self.queue.running
        if self.ask(lambda q: q.remove(entry, "Ada", at=self.now)):
            assert running is None or running.id != entry
            self.order = [each for each in self.order if each[0] != entry]

    @rule()
    def arm(self) -> None:
        self.queue = self.queue.arm("Ada")

    @rule()
    def disarm(self) -> None:
        self.queue = self.queue.disarm("Disarmed by Ada.")

    @rule()
    def clear(self) -> None:
        self.queue = self.queue.clear()

    @rule(entry=ids)
    def begin(self, entry: int) -> None:
        ready = [each for each, _ in self.order if each in self.approved]
        idle = self.queue.running is None
        may = self.queue.armed and idle and ready[:1] == [entry]
        assert self.ask(lambda q: q.begin(entry, at=self.now)) == may
        if may:
            self.begun[entry] = self.begun.get(entry, 0) + 1
            self.order = [each for each in self.order if each[0] != entry]

    @precondition(lambda self: self.queue.running is not None)
    @rule(void=st.sampled_from(["", "The limits changed since the dry run."]))
    def put_back(self, void: str) -> None:
        entry = self.queue.running
        assert entry is not None
        self.queue = self.queue.put_back(void)
        if entry.run:
            return
        self.back[entry.id] = self.back.get(entry.id, 0) + 1
        if void:
            self.approved.discard(entry.id)
        # Where it was: its place among those of its priority is what the queue says.
        priorities = {e.id: e.order.priority for e in self.queue.pending}
        self.order = [(each, priorities[each]) for each in going(self.queue)]

    @precondition(lambda self: self.queue.running is not None)
    @rule()
    def started(self) -> None:
        self.queue = self.queue.started("01ABC", 7)

    @precondition(lambda self: self.queue.running is not None)
    @rule(state=st.sampled_from(["done", "failed", "cancelled", "refused"]))
    def end(self, state: Any) -> None:
        self.now += 1
        entry, armed = self.queue.running, self.queue.armed
        assert entry is not None
        self.queue = self.queue.end(state, "", at=self.now)
        stays = state == "done" or entry.order.on_failure == "go on"
        assert self.queue.armed == (armed and stays)

    @rule()
    def restart(self) -> None:
        running = self.queue.running
        kept = msgspec.json.encode(self.queue)
        self.queue = msgspec.json.decode(kept, type=RunQueue).restarted(at=self.now)
        assert not self.queue.armed
        assert self.queue.next is None
        if running is not None:
            assert self.queue.find(running.id).state == "interrupted"
            assert self.queue.find(running.id).run == running.run

    @invariant()
    def one_at_most_is_running(self) -> None:
        assert sum(1 for each in self.queue.entries if each.state == "running") <= 1

    @invariant()
    def what_waits_is_in_the_order_of_the_model(self) -> None:
        assert going(self.queue) == [entry for entry, _ in self.order]

    @invariant()
    def nothing_begins_twice_or_without_approval(self) -> None:
        for entry, times in self.begun.items():
            assert times - self.back.get(entry, 0) <= 1
        for each in self.queue.entries:
            if each.state in ("queued", "running", "done"):
                assert each.id in self.approved

    @invariant()
    def ids_and_tokens_are_given_once(self) -> None:
        given = [each.id for each in self.queue.entries]
        assert len(set(given)) == len(given)
        assert all(each < self.queue.next_id for each in given)
        assert len(set(self.queue.tokens)) == len(self.queue.tokens)

    @invariant()
    def everything_is_shown_once(self) -> None:
        shown = [each.id for each in finished_last(self.queue)]
        assert sorted(shown) == sorted(each.id for each in self.queue.entries)


QueueMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestQueue = QueueMachine.TestCase


def test_higher_priority_goes_first_and_no_move_gets_around_that() -> None:
    queue = queue_of(0, 0, 5)
    assert going(queue) == [3, 1, 2]
    assert going(queue.move(2, 2)) == [3, 2, 1]
    assert going(queue.move(1, 99)) == [3, 2, 1]
    with pytest.raises(RefusedError, match=r"Entry 1 \(IV\) has priority 0 and cannot go before"):
        queue.move(1, 1)
    with pytest.raises(RefusedError, match="cannot go behind entry 1"):
        queue.move(3, 2)
    assert going(queue.change(1, priority=5)) == [3, 1, 2]
    with pytest.raises(RefusedError, match="from -100 to 100, not 101"):
        queue.change(1, priority=101)


def test_whoever_waits_for_an_approval_lets_the_others_pass() -> None:
    queue = queue_of(0, rule=ANOTHER).submit(order(), BOB, at=1.0, rule=None).arm("Ada")
    assert queue.next is not None
    assert queue.next.id == 2
    with pytest.raises(RefusedError, match="asks that another approves it"):
        queue.approve(1, Submitter(name=" ada ", id="other"), at=2.0, rule=ANOTHER)
    queue = queue.approve(1, BOB, at=2.0, rule=ANOTHER)
    assert queue.next is not None
    assert queue.next.approval is not None
    assert (queue.next.id, queue.next.approval.by) == (1, "Bob")


def test_where_evidence_is_asked_for_none_is_approved_without() -> None:
    asks = ApprovalRule(by="anyone", evidence=True)
    queue = queue_of(0, 0, rule=asks)
    with pytest.raises(RefusedError, match="asks for the evidence of a dry run before entry 1"):
        queue.approve(1, ADA, at=2.0, rule=asks)
    seen = AttachedEvidence(token="t", made=1.0, hashes={})
    queue = queue.attach(1, seen).approve(1, ADA, at=2.0, rule=asks)
    assert queue.find(1).approval is not None
    assert queue.find(1).approval.token == "t"
    with pytest.raises(RefusedError, match="used already; each counts once"):
        queue.attach(2, seen)


def test_a_bench_that_begins_or_ceases_to_ask_is_obeyed_at_the_next_start() -> None:
    asked = queue_of(0, 0).ruled(ANOTHER)
    assert {each.state for each in asked.entries} == {"waiting"}
    approved = asked.approve(1, BOB, at=2.0, rule=ANOTHER)
    assert [each.state for each in approved.ruled(ANOTHER).entries] == ["queued", "waiting"]
    assert {each.state for each in approved.ruled(None).entries} == {"queued"}
    stricter = approved.ruled(ApprovalRule(evidence=True))
    assert [(each.state, each.approval) for each in stricter.entries] == [("waiting", None)] * 2
    anyone = queue_of(0, rule=ANOTHER).approve(1, ADA, at=2.0, rule=ApprovalRule(by="anyone"))
    assert [each.state for each in anyone.ruled(ANOTHER).entries] == ["waiting"]


def test_what_is_over_is_kept_but_not_for_ever() -> None:
    queue = RunQueue()
    for number in range(230):
        queue = queue.submit(order(), ADA, at=number, rule=None)
        queue = queue.remove(number + 1, "Ada", at=number)
    assert len(queue.entries) == 200
    assert {each.state for each in queue.entries} <= FINISHED
    assert not PENDING & {each.state for each in queue.entries}
    assert queue.clear().entries == ()
    assert queue.clear().next_id == 231
