"""Waves and the engine: what one stimulus sets off, when it runs, and when it has come to rest."""

from funcnodes.core.running.awaiting import run_until_complete
from funcnodes.core.running.engine import Engine
from funcnodes.core.running.surface import Policy, RunIn
from funcnodes.core.running.waves import Outcome, Wave

__all__ = ["Engine", "Outcome", "Policy", "RunIn", "Wave", "run_until_complete"]
