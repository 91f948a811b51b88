"""Who may ask a worker for what. Checked by the server, and again by the worker.

A *viewer* looks, and may press E-STOP; an *operator* edits graphs and, as the holder of the
controls, acts on the bench; an *admin* may do what an operator may, and manages workers.
"""

from typing import Any

from funcnodes.errors import RefusedError
from funcnodes.workers import schema

_RANK: dict[schema.Role, int] = {"viewer": 0, "operator": 1, "admin": 2}

_LOOKING = (
    schema.EStop,
    schema.GetWatch,
    schema.GetTraffic,
    schema.ExportTraffic,
    schema.GetBody,
    schema.GetRows,
    schema.ListRuns,
    schema.ExportRun,
    schema.GetSnapshot,
)
_ACTING = (
    schema.RunStart,
    schema.RunPause,
    schema.RunResume,
    schema.RunStop,
    schema.RunAbort,
    schema.Trigger,
    schema.Cancel,
    schema.SetLive,
    schema.DeviceConnect,
    schema.DeviceDisconnect,
    schema.EStopReset,
    schema.InterlockReset,
)


def at_least(role: schema.Role, needed: schema.Role) -> bool:
    """Whether `role` includes `needed`."""
    return _RANK[role] >= _RANK[needed]


def needed_role(body: Any) -> schema.Role:
    """The least role that may send this command."""
    return "viewer" if isinstance(body, _LOOKING) else "operator"


def acts_on_bench(body: Any) -> bool:
    """Whether the command has effects outside the graph, so that it needs the controls."""
    return isinstance(body, _ACTING)


def check_role(actor: schema.Actor, body: Any) -> None:
    """Let the command pass.

    Raises:
        RefusedError: The actor's role is not enough.
    """
    needed = needed_role(body)
    if not at_least(actor.role, needed):
        raise RefusedError(
            f"{actor.name or 'You'} may only watch; this takes the role of an {needed}.",
            hint="Ask an admin for an operator's link.",
            needed=needed,
        )
