"""The door for packages that bring models: what to derive a simulator from.

The names here keep their place; what they are is `instruments.simple`'s business.
"""

from funcnodes_simulators.instruments.simple import BenchInstrument, ScpiInstrument

__all__ = ["BenchInstrument", "ScpiInstrument"]
