"""Any wire, one owner, never a wrong reply: benches, devices, and the words for drivers.

    async with Bench.load("bench.toml") as bench:
        smu = bench.devices["smu"]
        await smu.member_set("voltage", "0.5 V")

A driver is written with `driver`, `ScpiDevice`, `control`, `measurement`, `record`, `command`,
`setting` and `Channel`; see `funcnodes_drivers` for some.
"""

from funcnodes.core.types import Range
from funcnodes.devices.addresses import Address, AllowList, SerialOptions
from funcnodes.devices.bench import Bench, builtin_benches, find_bench
from funcnodes.devices.benchfile import BenchFile, DeviceConfig
from funcnodes.devices.blocks import Linear, Trace, block, preamble
from funcnodes.devices.commands import arm, command, trigger
from funcnodes.devices.controls import control, depending, one_of, setting, step_of
from funcnodes.devices.device import Device, Parameter, ParkResult
from funcnodes.devices.drivers import Idn, Instrument, ScpiDevice, driver
from funcnodes.devices.framing import Enquiry, Envelope, Framing, Lines, Packets, Refused
from funcnodes.devices.members import Channel, Group, Progress, Sample
from funcnodes.devices.records import Reading, StatusWord, bit, part, record, together
from funcnodes.devices.replies import Identity
from funcnodes.devices.rules import Severity
from funcnodes.devices.safety import Latch, LatchState, StopAck
from funcnodes.devices.snapshots import BenchSnapshot, compare
from funcnodes.devices.values import measurement

__all__ = [
    "Address", "AllowList", "Bench", "BenchFile", "BenchSnapshot", "Channel", "Device",
    "DeviceConfig", "Enquiry", "Envelope", "Framing", "Group", "Identity", "Idn", "Instrument",
    "Latch", "LatchState", "Linear", "Lines", "Packets", "Parameter", "ParkResult", "Progress",
    "Range", "Reading", "Refused", "Sample", "ScpiDevice", "SerialOptions", "Severity",
    "StatusWord", "StopAck", "Trace", "arm", "bit", "block", "builtin_benches", "command",
    "compare", "control", "depending", "driver", "find_bench", "measurement", "one_of",
    "part", "preamble", "record", "setting", "step_of", "together", "trigger",
]  # fmt: skip
