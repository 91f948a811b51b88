"""The import path under which users know types of their own."""

from funcnodes.core.dataenum import DataEnum
from funcnodes.core.types.porttype import PortType, add_type as _add_type

__all__ = ["DataEnum", "add_type"]


def add_type(type_: type, name: str) -> None:
    """Have ports of a class carry its name as `name`."""
    _add_type(type_, PortType("any", name, base=type_))
