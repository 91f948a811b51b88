"""Registers of Modbus devices, under the name by which programs know them."""

from funcnodes.devices.declarations.registers import (
    Dtype,
    ModbusDevice,
    RegisterControl,
    RegisterReading,
    Registers,
    WordOrder,
    modbus_driver,
    reading,
    register,
)

__all__ = [
    "Dtype", "ModbusDevice", "RegisterControl", "RegisterReading", "Registers", "WordOrder",
    "modbus_driver", "reading", "register",
]  # fmt: skip
