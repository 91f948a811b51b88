"""A driver as a table of the simulator, under the name by which programs know it."""

from funcnodes.devices.declarations.stand_in import driver_table

__all__ = [
    "driver_table",
]  # fmt: skip
