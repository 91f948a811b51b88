"""A graph as a readable script that gives the same rows."""

from funcnodes.scripting.writing.refusals import CannotWriteError
from funcnodes.scripting.writing.script import write_script

__all__ = ["CannotWriteError", "write_script"]
