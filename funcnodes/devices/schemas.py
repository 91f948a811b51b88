"""A driver as JSON, under the name by which programs know it."""

from funcnodes.devices.declarations.schemas import JSON_TYPES, driver_schema

__all__ = [
    "JSON_TYPES", "driver_schema",
]  # fmt: skip
