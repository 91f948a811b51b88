"""Values of scans in units of their own: an input says the unit of the ports beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from funcnodes.core import NodeInput, NoValue, PortType, units
from funcnodes.errors import UnitError, ValueRefusedError
from funcnodes.runs.scans.scan import Scan


@dataclass(frozen=True, slots=True)
class Axis:
    """What is in one unit.

    Attributes:
        outputs: Ports that give numbers in it; the first is what the scan sets.
        inputs: Ports that take a number, or a list of numbers, in it.
    """

    outputs: tuple[str, ...]
    inputs: tuple[str, ...]


def one_axis(*inputs: str) -> Mapping[str, Axis]:
    """The axes of a scan of one value: these inputs are in its unit."""
    return {"unit": Axis(("value",), inputs)}


class UnitInput(NodeInput):
    """The unit of a scan's values, as text; choosing it changes the ports beside it."""

    def check(self, value: Any) -> Any:
        unit = str(super().check(value)).strip()
        scan = self.node
        assert isinstance(scan, ScanInUnits)
        if unit == scan.unit_of(self.id):
            return unit
        try:
            units.check(unit)
        except UnitError as error:
            raise self.refusal(error.message) from error
        if any(scan.outputs[port].is_connected() for port in scan.axes[self.id].outputs):
            raise ValueRefusedError(
                f"{scan.name}: the unit cannot be changed while its value is wired.",
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
        if isinstance(self.node, ScanInUnits):
            self.node.take_unit(str(unit), self.id)


class ScanInUnits(Scan):
    """A scan whose values have units.

    Attributes:
        axes: What is in the unit that an input says, by that input.
    """

    axes: ClassVar[Mapping[str, Axis]] = {}

    _units: Mapping[str, str] = {}  # as they are now, by input

    def unit_of(self, port_id: str) -> str:
        """The unit that an input says, "" for plain numbers."""
        return self._units.get(port_id, "")

    def take_unit(self, unit: str, port_id: str = "unit") -> None:
        """Give the ports that unit; of one dimension, they stay the same quantity."""
        before = self.unit_of(port_id)
        if unit == before:
            return
        convert = conversion(before, unit)
        self._units = {**self._units, port_id: unit}
        axis = self.axes[port_id]
        for name in axis.outputs:
            self.outputs[name].type = PortType.of(float, unit=unit)
        for name in axis.inputs:
            port = self.inputs[name]
            value, is_list = port.value, port.type.base is list
            port.type = _list_in(unit) if is_list else PortType.of(float, unit=unit)
            if convert is not None and value is not NoValue:
                port.restore([convert(each) for each in value] if is_list else convert(value))
                port.applied = True


def conversion(source: str, target: str) -> units.Conversion | None:
    """From one unit to another; None where the number stays as it is."""
    if not source or not target or source == target:
        return None
    try:
        return units.conversion(source, target)
    except UnitError:
        return None


def _list_in(unit: str) -> PortType:
    """Numbers in a unit; a list is no quantity by itself."""
    return replace(PortType.of(list[float]), unit=unit)
