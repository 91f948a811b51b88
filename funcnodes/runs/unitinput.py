"""A unit that is chosen on a node, and the ports beside it that are in it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from funcnodes.core import Node, NodeInput, NoValue, PortType, units
from funcnodes.errors import UnitError, ValueRefusedError


@runtime_checkable
class InUnit(Protocol):
    """A node with ports in a unit that is chosen on it."""

    def unit_of(self, port_id: str) -> str:
        """The unit that an input says."""

    def take_unit(self, unit: str, port_id: str) -> None:
        """Give the ports that are in the unit of an input that unit."""

    def wired_in_unit(self, port_id: str) -> str:
        """The name of a port whose wire keeps the unit as it is, or ""."""


class UnitInput(NodeInput):
    """The unit of the ports beside it, as text; choosing it changes them."""

    def check(self, value: Any) -> Any:
        unit = str(super().check(value)).strip()
        node = self.node
        assert isinstance(node, InUnit)
        if unit == node.unit_of(self.id):
            return unit
        try:
            units.check(unit)
        except UnitError as error:
            raise self.refusal(error.message) from error
        wired = node.wired_in_unit(self.id)
        if wired:
            raise ValueRefusedError(
                f"{self.node.name}: the unit cannot be changed while its {wired} is wired.",
                hint="Take the wire away, choose the unit, and wire it again.",
            )
        return unit

    def receive(self, value: Any, wave: Any, quality: Any = "ok") -> None:
        self._apply(value)
        super().receive(value, wave, quality)

    def restore(self, value: Any) -> None:
        self._apply(value)
        super().restore(value)
        self.applied = True  # nothing waits to be done about it

    def unset(self) -> None:
        self._apply(self.default)
        super().unset()

    def _apply(self, unit: Any) -> None:
        if isinstance(self.node, InUnit):
            self.node.take_unit(str(unit), self.id)


def convert_inputs(node: Node, ids: Iterable[str], before: str, unit: str) -> None:
    """Give numbers, and lists of them, another unit; of one dimension, they stay as much."""
    convert = conversion(before, unit)
    for port_id in ids:
        port = node.inputs[port_id]
        value, is_list = port.value, port.type.base is list
        port.type = _list_in(unit) if is_list else PortType.of(float, unit=unit)
        if convert is not None and value is not NoValue:
            port.restore([convert(each) for each in value] if is_list else convert(value))
            port.applied = True


def _list_in(unit: str) -> PortType:
    """Numbers in a unit; a list is no quantity by itself."""
    return replace(PortType.of(list[float]), unit=unit)


def conversion(source: str, target: str) -> units.Conversion | None:
    """How a number changes its unit; None where there is none, or no way between them."""
    if not source or not target or source == target:
        return None
    try:
        return units.conversion(source, target)
    except UnitError:
        return None
