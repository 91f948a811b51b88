"""Every failure over HTTP as RFC 9457 problem details, in one plain sentence.

The only place that knows HTTP status codes for the project's errors.
"""

import msgspec

from funcnodes.errors import (
    BenchError,
    DeviceError,
    FuncnodesError,
    GraphError,
    RefusedError,
    RunError,
    UnitError,
    WorkerError,
)
from funcnodes.web.auth import SignInError, TooManyAttempts
from funcnodes.workers.manager.budget import OverBudget
from funcnodes.workers.problems import problem_of

MEDIA_TYPE = "application/problem+json"

_STATUS: tuple[tuple[type[FuncnodesError], int], ...] = (
    (TooManyAttempts, 429),
    (OverBudget, 429),
    (SignInError, 401),
    (RefusedError, 409),
    (WorkerError, 503),
    (RunError, 404),
    (BenchError, 422),
    (GraphError, 422),
    (UnitError, 422),
    (DeviceError, 502),
)


class ProblemDetails(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Body of every answer from 400 on."""

    title: str
    status: int
    detail: str
    hint: str = ""
    instance: str = ""


def status_of(error: FuncnodesError) -> int:
    """The HTTP status that says what kind of error this is."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def encoded(status: int, title: str, detail: str, *, hint: str = "", instance: str = "") -> bytes:
    """The problem as JSON."""
    return msgspec.json.encode(
        ProblemDetails(title=title, status=status, detail=detail, hint=hint, instance=instance)
    )


def encoded_error(error: BaseException, *, instance: str = "") -> tuple[int, bytes]:
    """Status and JSON for an exception; what nobody raised on purpose is a 500."""
    problem = problem_of(error)
    status = status_of(error) if isinstance(error, FuncnodesError) else 500
    detail = problem.detail if isinstance(error, FuncnodesError) else "Something went wrong inside."
    return status, encoded(status, problem.title, detail, hint=problem.hint, instance=instance)
