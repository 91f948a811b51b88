"""What every room of the schema is built of: a strict base, and the words of the rooms below.

A word that core, devices or runs says has its values there; here it only has the name by which the
editor knows it.
"""

from typing import Literal

import msgspec

from funcnodes.core import nodes, types, values
from funcnodes.core.nodes import home
from funcnodes.core.running import surface
from funcnodes.devices import device
from funcnodes.runs import prompts, queued, records


class Base(msgspec.Struct, forbid_unknown_fields=True):
    """Strict about unknown fields. (`kw_only` is not inherited, so each says it.)"""


PortKind = types.Kind
NodeState = nodes.State
DeviceState = device.DeviceState
RunState = records.RunState
Policy = surface.Policy
Role = Literal["viewer", "operator", "admin"]
Arming = home.Arming
Quality = values.Quality
Section = nodes.Section
PromptKind = prompts.PromptKind
OnFailure = queued.OnFailure
EntryState = queued.EntryState
BodyKind = Literal["", "plot", "map", "curve", "image", "table", "text", "json"]
CurveStyle = Literal["line", "points", "line and points"]
CellValue = str | float | bool | None
