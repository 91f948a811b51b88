"""Any channel, one owner, never a wrong reply: benches, devices, and the words for drivers.

    async with Bench.load("bench.toml") as bench:
        smu = bench.devices["smu"]
        await smu.member_set("voltage", "0.5 V")

A driver is written with `driver`, `ScpiDevice`, `control`, `measurement`, `record`, `command`,
`setting` and `Channel`; see `funcnodes_drivers` for some.

Ten floors, each of which knows only those below it (import-linter holds them):

    nodes                   device nodes, and what the palette offers
    bench                   devices opened together, brought down together; recorder, snapshots
    safety                  conditions, interlocks, alarms, notices
    device                  one instrument: connection, permission, readings
    discovery               what is connected here, and who answers
    declarations · estop    the words of a driver · the latch and its emergency bytes
    link                    the one owner of a channel, and the talk on it
    transports              open byte channels
    messages · benchfile    framings, replies, traffic · what a bench file says
    addresses               where instruments are, and who has leased them
"""

from funcnodes.core.types import Range
from funcnodes.devices.addresses.forms import Address, AllowList, SerialOptions
from funcnodes.devices.bench.bench import Bench
from funcnodes.devices.bench.snapshots import BenchSnapshot, compare
from funcnodes.devices.benchfile.file import BenchFile, DeviceConfig
from funcnodes.devices.benchfile.find import builtin_benches, find_bench
from funcnodes.devices.benchfile.rules import Severity
from funcnodes.devices.declarations.accuracy import Accuracy, UpTo
from funcnodes.devices.declarations.blocks import Linear, Trace, block, preamble
from funcnodes.devices.declarations.commands import arm, command, trigger
from funcnodes.devices.declarations.controls import control, depending, one_of, setting, step_of
from funcnodes.devices.declarations.drivers import Idn, Instrument, ScpiDevice, driver
from funcnodes.devices.declarations.flights import flight
from funcnodes.devices.declarations.members import Channel, Group, Progress, Sample
from funcnodes.devices.declarations.records import Reading, StatusWord, bit, part, record, together
from funcnodes.devices.declarations.unasked import unasked
from funcnodes.devices.declarations.values import measurement
from funcnodes.devices.device.device import Device, Parameter, ParkResult
from funcnodes.devices.estop.latch import Latch, LatchState, StopAck
from funcnodes.devices.messages.framing import Enquiry, Envelope, Framing, Lines, Packets, Refused
from funcnodes.devices.messages.manners import Marker
from funcnodes.devices.messages.replies import Identity

__all__ = [
    "Accuracy", "Address", "AllowList", "Bench", "BenchFile", "BenchSnapshot", "Channel", "Device",
    "DeviceConfig", "Enquiry", "Envelope", "Framing", "Group", "Identity", "Idn", "Instrument",
    "Latch", "LatchState", "Linear", "Lines", "Marker", "Packets", "Parameter", "ParkResult",
    "Progress", "Range", "Reading", "Refused", "Sample", "ScpiDevice", "SerialOptions", "Severity",
    "StatusWord", "StopAck", "Trace", "UpTo", "arm", "bit", "block", "builtin_benches", "command",
    "compare", "control", "depending", "driver", "find_bench", "flight", "measurement", "one_of",
    "part", "preamble", "record", "setting", "step_of", "together", "trigger", "unasked",
]  # fmt: skip
