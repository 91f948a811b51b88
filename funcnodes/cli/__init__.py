"""The command line: `funcnodes …`. Thin: every command calls one function of a layer below.

Guarantees one plain sentence and exit 1 for what went wrong, exit 2 for what was asked wrongly,
and no traceback without `--debug`. Heavy imports stay in the bodies of commands.
"""

from funcnodes.cli.app import main

__all__ = ["main"]
