"""The words in which a driver is written, in one place.

A driver is a data sheet: frozen declarations at class level, from which ports, limits, docs,
safe states and the bytes on the line all follow, without a connection. Read on an instance, a
declaration becomes something that acts: `await smu.voltage.set(2.5)`, with static types.
"""

from funcnodes.devices.declarations.blocks import Block, BoundBlock, Linear, Trace, block, preamble
from funcnodes.devices.declarations.commands import BoundCommand, Command, arm, command, trigger
from funcnodes.devices.declarations.controls import (
    BoundControl,
    Control,
    Depending,
    control,
    depending,
    one_of,
    setting,
    step_of,
)
from funcnodes.devices.declarations.flights import BoundFlight, Flight, FlightBlock, flight
from funcnodes.devices.declarations.members import (
    UNSET,
    Access,
    Bound,
    Channel,
    Group,
    Member,
    MemberKind,
    Progress,
    Sample,
)
from funcnodes.devices.declarations.records import (
    BoundRecord,
    BoundTogether,
    Reading,
    Record,
    StatusWord,
    Together,
    bit,
    part,
    record,
    together,
)
from funcnodes.devices.declarations.unasked import BoundUnasked, Unasked, unasked
from funcnodes.devices.declarations.values import BoundValue, Measurement, Value, measurement

__all__ = [
    "UNSET", "Access", "Block", "Bound", "BoundBlock", "BoundCommand", "BoundControl",
    "BoundFlight", "BoundRecord", "BoundTogether", "BoundUnasked", "BoundValue", "Channel",
    "Command", "Control", "Depending", "Flight", "FlightBlock", "Group", "Linear", "Measurement",
    "Member", "MemberKind", "Progress", "Reading", "Record", "Sample", "StatusWord", "Together",
    "Trace", "Unasked", "Value", "arm", "bit", "block", "command", "control", "depending", "flight",
    "measurement", "one_of", "part", "preamble", "record", "setting", "step_of", "together",
    "trigger", "unasked",
]  # fmt: skip
