"""The import path under which users know what a trigger sets off: today, a wave."""

from funcnodes.core.running.waves import Outcome, Wave

TriggerStack = Wave

__all__ = ["Outcome", "TriggerStack", "Wave"]
