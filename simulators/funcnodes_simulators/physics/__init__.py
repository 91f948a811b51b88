"""The physical side of a bench: its time, what is wired to its instruments, how that behaves."""

from funcnodes_simulators.physics.beam import Beam
from funcnodes_simulators.physics.clock import (
    FASTEST,
    SLOWEST,
    Clock,
    ManualClock,
    RealClock,
    ScaledClock,
)
from funcnodes_simulators.physics.dut import DeviceUnderTest, OperatingPoint
from funcnodes_simulators.physics.elements import (
    Diode,
    Element,
    OpenCircuit,
    Resistor,
    lambert_w_of_exp,
)
from funcnodes_simulators.physics.network import Network
from funcnodes_simulators.physics.stage import ThermalStage
from funcnodes_simulators.physics.vessel import Vessel
from funcnodes_simulators.physics.world import World

__all__ = [
    "FASTEST",
    "SLOWEST",
    "Beam",
    "Clock",
    "DeviceUnderTest",
    "Diode",
    "Element",
    "ManualClock",
    "Network",
    "OpenCircuit",
    "OperatingPoint",
    "RealClock",
    "Resistor",
    "ScaledClock",
    "ThermalStage",
    "Vessel",
    "World",
    "lambert_w_of_exp",
]
