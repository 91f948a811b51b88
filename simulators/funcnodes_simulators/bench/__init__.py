"""A simulated bench: what stands on it, how it is served, and its back door."""

from funcnodes_simulators.bench.memory import MemoryBench
from funcnodes_simulators.bench.program import serve
from funcnodes_simulators.bench.running import RunningBench
from funcnodes_simulators.bench.simulated import SimulatedBench

__all__ = ["MemoryBench", "RunningBench", "SimulatedBench", "serve"]
