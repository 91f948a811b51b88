"""A dry run: the same graph on simulators in memory, by a clock that jumps; hours in seconds.

    graph, bench file → simulators in place of instruments → one run → what it wrote and read

Guarantees that nothing is opened, no lease taken, no run kept and no latch touched. What it says
is as good as the simulators: it tells which readings are stand-ins.
"""

from funcnodes.runs.dryrun.evidence import Evidence, changed, hashes_of
from funcnodes.runs.dryrun.report import DryReport
from funcnodes.runs.dryrun.running import dry_run

__all__ = ["DryReport", "Evidence", "changed", "dry_run", "hashes_of"]
