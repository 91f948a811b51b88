"""What every room of the schema is built of: a strict base, and the words of the rooms below.

A word that core, devices or runs says has its values there; here it only has the name by which the
editor knows it.
"""

from typing import Literal

import msgspec

from funcnodes.core import node, nodespace, places, types, values
from funcnodes.devices import device
from funcnodes.runs import records


class Base(msgspec.Struct, forbid_unknown_fields=True):
    """Strict about unknown fields. (`kw_only` is not inherited, so each says it.)"""


PortKind = types.Kind
NodeState = node.State
DeviceState = device.DeviceState
RunState = records.RunState
Policy = node.Policy
Role = Literal["viewer", "operator", "admin"]
Arming = nodespace.Arming
Quality = values.Quality
Section = places.Section
BodyKind = Literal["", "plot", "curve", "image", "table", "text", "json"]
CurveStyle = Literal["line", "points", "line and points"]
CellValue = str | float | bool | None
