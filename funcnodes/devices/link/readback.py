"""Reading back what was set, as part of the exchange that set it (D10)."""

from collections.abc import Callable

from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages.framing import Refused
from funcnodes.errors import NotTakenError, ReplyError

ReadBack = tuple[str, Callable[[str], None]]
"""A query, and what looks at its reply: raises NotTakenError where a set was not taken."""


async def read_back(talk: Talk, confirm: ReadBack) -> NotTakenError | None:
    """Why what was set was not taken, or None.

    Raises:
        ReplyError: What came is no value, or the instrument refused the question.
    """
    query, check = confirm
    try:
        reply = await talk.query(query)
    except Refused as refused:
        raise ReplyError(f"it answered {refused.text!r} when it was read back") from refused
    try:
        check(reply)
    except NotTakenError as error:  # it answered: nothing to recover from
        return error
    return None
