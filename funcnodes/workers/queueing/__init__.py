"""The queue of runs of one worker: kept in its folder, carried out beside the open nodespace.

a command → `runqueue` (what the queue is) → `kept` (on disk) → its answer
`keeper` (whose turn it is) → `aside` (the copy of the graph, built) → a run
"""

from funcnodes.workers.queueing.keeper import QueueKeeper

__all__ = ["QueueKeeper"]
