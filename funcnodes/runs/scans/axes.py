"""Values of scans in units of their own: an input says the unit of the ports beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from funcnodes.core import PortType
from funcnodes.runs.scans.scan import Scan
from funcnodes.runs.unitinput import convert_inputs


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
        self._units = {**self._units, port_id: unit}
        axis = self.axes[port_id]
        for name in axis.outputs:
            self.outputs[name].type = PortType.of(float, unit=unit)
        convert_inputs(self, axis.inputs, before, unit)

    def wired_in_unit(self, port_id: str) -> str:
        """Its value, while that is wired: the unit stays then."""
        wired = any(self.outputs[port].is_connected() for port in self.axes[port_id].outputs)
        return "value" if wired else ""
