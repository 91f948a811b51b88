"""Code of others: drivers, node packages and plugins, which may raise anything when it is called.

Guarantees that whatever it raises can be told in one line and stays its own affair, be it
`SystemExit`: nobody's package ends this program. Ctrl+C stays the user's.
"""

import asyncio

from funcnodes.errors import FuncnodesError

SHOWN = 300  # characters of what was raised


def words(error: BaseException) -> str:
    """What somebody else's code raised, in one line: "KeyError: 'v'".

    To be called while the error is handled, where only code that cannot wait was called: within a
    loop Ctrl+C and cancelling come to whoever waits, so that what is raised there is that code's.

    Raises:
        KeyboardInterrupt: It is the user's, since no loop runs here.
    """
    if isinstance(error, KeyboardInterrupt) and not _is_in_loop():
        raise error
    if isinstance(error, FuncnodesError):
        return error.message.rstrip(".")
    name = type(error).__name__
    try:
        text = " ".join(str(error).split()).rstrip(".")
    except Exception:  # somebody else's class, and its own words fail
        text = ""
    return (f"{name}: {text}" if text else name)[:SHOWN]


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
