"""A graph as a readable script that gives the same rows."""

from funcnodes.scripting.writing.script import CannotWriteError, write_script

__all__ = ["CannotWriteError", "write_script"]
