"""What every room of the schema is built of: a strict base, and its words."""

from typing import Literal

import msgspec

PortKind = Literal[
    "number", "quantity", "bool", "text", "array", "table", "device", "image", "trigger", "any"
]
NodeState = Literal["idle", "queued", "running", "done", "error"]
DeviceState = Literal["offline", "idle", "busy", "fault", "stopped", "unanswered"]
RunState = Literal[
    "running", "paused", "stopping", "complete", "stopped", "aborted", "failed", "interrupted"
]
Policy = Literal["each", "settled", "zip"]
Role = Literal["viewer", "operator", "admin"]
Arming = Literal["disarmed", "live", "running"]
Quality = Literal["ok", "compliance", "overrange", "timeout", "missing", "stale"]
Section = Literal["enter", "body", "finally"]
BodyKind = Literal["", "plot", "curve", "image", "table", "text", "json"]
CurveStyle = Literal["line", "points", "line and points"]
Cell = str | float | bool | None


class Base(msgspec.Struct, forbid_unknown_fields=True):
    """Strict about unknown fields. (`kw_only` is not inherited, so each says it.)"""
