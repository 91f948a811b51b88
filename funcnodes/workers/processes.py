"""Processes by pid and start time; they are in `funcnodes.machine`, for benches use them too."""

from funcnodes.machine.processes import POLL_S, Process, start_time

__all__ = ["POLL_S", "Process", "start_time"]
