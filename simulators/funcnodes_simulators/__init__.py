"""A simulated bench that speaks the bytes of real instruments over real wires.

`serve` runs one as a program, `SimulatedBench` inside a test. Everything else is reached through
the wires: this package shares no code with what controls the instruments.
"""

from funcnodes_simulators.bench import SimulatedBench, serve
from funcnodes_simulators.layout import BenchError

__all__ = ["BenchError", "SimulatedBench", "serve"]
