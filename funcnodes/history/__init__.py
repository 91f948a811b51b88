"""The history of every parameter, outside runs too: what was read of a bench, and set.

One SQLite file per worker. Sits on `runs`, whose exports and plots it shares; workers write it,
the command line and scripts read it.
"""

from funcnodes.history.file import FILE_NAME
from funcnodes.history.reader import HistoryReader
from funcnodes.history.recorder import HistoryRecorder
from funcnodes.history.series import HistorySeries, Known

__all__ = ["FILE_NAME", "HistoryReader", "HistoryRecorder", "HistorySeries", "Known"]
