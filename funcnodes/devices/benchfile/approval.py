"""Who must have approved a run before it starts, as a bench file says.

    [approval]                # the table alone: every run is to be approved
    by = "another"            # another than whoever submitted it, or anyone [another]
    role = "operator"         # or "admin": the least role of whoever approves [operator]
    evidence = true           # only with the evidence of a dry run [false]

What a role is, and who somebody is, is for whoever asks.
"""

from dataclasses import dataclass
from typing import Any, Literal

from funcnodes.devices.benchfile.tables import Tables

ApprovedBy = Literal["another", "anyone"]
ApprovingRole = Literal["operator", "admin"]
_BY: dict[str, ApprovedBy] = {"another": "another", "anyone": "anyone"}
_ROLES: dict[str, ApprovingRole] = {"operator": "operator", "admin": "admin"}


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """What a bench asks of an approval.

    Attributes:
        by: Whether it takes another person than the one who submitted the run.
        role: The least role of whoever approves.
        evidence: Whether the evidence of a dry run belongs to it.
    """

    by: ApprovedBy = "another"
    role: ApprovingRole = "operator"
    evidence: bool = False


def read_approval(tables: Tables, data: dict[str, Any]) -> ApprovalRule | None:
    """What the file says of it; None where it asks for none.

    Raises:
        BenchError: Something in the table is wrong.
    """
    if "approval" not in data:
        return None
    table = tables.table("", data, "approval")
    tables.keys("approval", table, {"by", "role", "evidence"})
    return ApprovalRule(
        by=_BY[tables.choice("approval", table, "by", _BY, "another")],
        role=_ROLES[tables.choice("approval", table, "role", _ROLES, "operator")],
        evidence=tables.flag("approval", table, "evidence", default=False),
    )
