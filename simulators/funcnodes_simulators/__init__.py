"""A simulated bench that speaks the bytes of real instruments over real lines.

`serve` runs one as a program, `SimulatedBench` inside a test; `MemoryBench` has no lines and runs
on any clock. Everything else is reached through bytes: this package shares no code with what
controls the instruments.
"""

from funcnodes_simulators.bench.memory import MemoryBench
from funcnodes_simulators.bench.program import serve
from funcnodes_simulators.bench.simulated import SimulatedBench
from funcnodes_simulators.instruments.models import BenchError
from funcnodes_simulators.strict import StrictError

__all__ = ["BenchError", "MemoryBench", "SimulatedBench", "StrictError", "serve"]
