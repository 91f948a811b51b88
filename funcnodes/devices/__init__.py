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
from funcnodes.devices.declare import (
    Channel,
    Group,
    Sample,
    command,
    control,
    measurement,
    setting,
)
from funcnodes.devices.device import Device, Parameter, ParkResult
from funcnodes.devices.drivers import Idn, Instrument, ScpiDevice, driver
from funcnodes.devices.records import Reading, StatusWord, bit, record
from funcnodes.devices.safety import Latch, LatchState, StopAck

__all__ = [
    "Address", "AllowList", "Bench", "BenchFile", "Channel", "Device", "DeviceConfig", "Group",
    "Idn", "Instrument", "Latch", "LatchState", "Parameter", "ParkResult", "Range", "Reading",
    "Sample", "ScpiDevice", "SerialOptions", "StatusWord", "StopAck", "bit", "builtin_benches",
    "command", "control", "driver", "find_bench", "measurement", "record", "setting",
]  # fmt: skip
