"""A simulated bench: what stands on it, how it is served, and its back door."""

from funcnodes_simulators.bench.memory import MemoryBench
from funcnodes_simulators.bench.running import RunningBench, SimulatedBench, serve

__all__ = ["MemoryBench", "RunningBench", "SimulatedBench", "serve"]
