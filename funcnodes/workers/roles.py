"""Who may ask a worker for what. Checked by the server, and again by the worker.

A *viewer* looks, and may press E-STOP; an *operator* edits graphs and, as the holder of the
controls, acts on the bench; an *admin* may do what an operator may, and manages workers. Which
command takes which role stands on the command (`schema.commands`).
"""

from funcnodes.errors import RefusedError
from funcnodes.workers import schema

_RANK: dict[schema.Role, int] = {"viewer": 0, "operator": 1, "admin": 2}


def at_least(role: schema.Role, needed: schema.Role) -> bool:
    """Whether `role` includes `needed`."""
    return _RANK[role] >= _RANK[needed]


def check_role(actor: schema.Actor, body: schema.WorkerCommand) -> None:
    """Let the command pass.

    Raises:
        RefusedError: The actor's role is not enough.
    """
    check_rank(actor, body.role)


def check_rank(actor: schema.Actor, needed: schema.Role) -> None:
    """Let pass who has this role, or more; raises RefusedError for others."""
    if at_least(actor.role, needed):
        return
    may = "may only watch" if actor.role == "viewer" else f"has the role of an {actor.role}"
    raise RefusedError(
        f"{actor.name or 'You'} {may}; this takes the role of an {needed}.",
        hint="Ask an admin for an operator's link." if needed == "operator" else "Ask an admin.",
        needed=needed,
    )
