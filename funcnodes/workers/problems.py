"""Errors as the one plain sentence that people are told."""

import logging

from funcnodes.errors import FuncnodesError
from funcnodes.workers import schema

_log = logging.getLogger("funcnodes")

_SENDABLE = (str, int, float, bool, type(None))


def problem_of(error: BaseException) -> schema.Problem:
    """What to tell about an error; one that nobody raised on purpose is logged whole."""
    if isinstance(error, FuncnodesError):
        context = {k: v for k, v in error.context.items() if isinstance(v, _SENDABLE)}
        name = type(error).__name__
        return schema.Problem(title=name, detail=error.message, hint=error.hint, context=context)
    _log.error("unexpected error", exc_info=error)
    return schema.Problem(
        title="InternalError",
        detail=f"Something went wrong inside funcnodes: {type(error).__name__}: {error}",
        hint="The log has the details.",
    )
